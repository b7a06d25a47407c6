"""`woonketen run` in two processes: what they write together, and how both end."""

from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.towns import quiet
from chaos.office import Office, office, wait_for
from chaos.town import FIRST_DAY, GI, envelope

RESIDENTS = 60


@pytest.fixture(scope="module")
def made() -> Iterator[Office]:
    with office() as found:
        found("init", "--open-day", FIRST_DAY.isoformat())
        found.register()
        with found.platform() as platform:
            list(platform.ingest(GI, io.BytesIO(b"\n".join(quiet(RESIDENTS))), "cloudevents"))
        yield found


def take_in(made: Office, events: int, key: str) -> None:
    lines = []
    for number in range(events):
        data = {"occurred_on": FIRST_DAY.isoformat(), "channel": "phone", "reached": number % 3 == 0}
        subject = f"G-{number % RESIDENTS:06d}"
        event = envelope(GI, "contact.attempted", f"{key}{number}", FIRST_DAY, data, subject)
        lines.append(json.dumps(event).encode())
    with made.platform() as platform:
        receipts = list(platform.ingest(GI, io.BytesIO(b"\n".join(lines)), "cloudevents"))
    assert {receipt.status for receipt in receipts} == {"accepted"}


def behind(made: Office) -> int:
    with made.sql() as connection:
        row = connection.execute(
            "SELECT sum(c.next - 1 - p.last) FROM log.counter c JOIN gate.position p USING (partition)"
            " JOIN gate.set s ON s.name = p.set WHERE s.live"
        ).fetchone()
    assert row is not None
    return int(row[0])


def children(pid: int) -> list[int]:
    """Processes that were begun by that one and work on halves."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((each / "stat").read_text().rsplit(")", 1)[1].split()[1])
            told = (each / "cmdline").read_bytes()
        except (OSError, IndexError):
            continue
        if parent == pid and b"woonketen.orchestration.halves" in told:
            found.append(int(each.name))
    return found


def gone(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


needs_two = pytest.mark.xfail((os.cpu_count() or 1) < 2, reason="one core: one process", strict=True)


@needs_two
def test_two_processes_show_what_one_rebuilds_and_end_together(made: Office) -> None:
    take_in(made, 2500, "a")
    with made.running("run", "--json") as process:
        wait_for(lambda: len(children(process.pid)) == 1, 60)
        (other,) = children(process.pid)
        wait_for(lambda: behind(made) == 0, 60)
        take_in(made, 300, "b")
        wait_for(lambda: behind(made) == 0, 60)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert gone(other)
    assert json.loads(out)["applied"] >= 2800
    assert made("rebuild", "--json").object["differences"] == 0


@needs_two
@pytest.mark.parametrize("whom", ["second", "first"])
def test_neither_goes_on_without_the_other(made: Office, whom: str) -> None:
    take_in(made, 2500, whom)
    with made.running("run") as process:
        wait_for(lambda: len(children(process.pid)) == 1, 60)
        (other,) = children(process.pid)
        os.kill(other if whom == "second" else process.pid, signal.SIGKILL)
        _, err = process.communicate(timeout=30)
    wait_for(lambda: gone(other), 30)
    assert process.returncode == (70 if whom == "second" else -signal.SIGKILL)
    if whom == "second":
        assert b"A process of the run ended" in err
    made("run", "--until-idle")
    assert behind(made) == 0


@needs_two
def test_a_large_backlog_is_brought_level_by_both(made: Office) -> None:
    take_in(made, 6000, "c")
    done = made("run", "--until-idle", "--json").object
    assert done["applied"] >= 6000
    assert behind(made) == 0
