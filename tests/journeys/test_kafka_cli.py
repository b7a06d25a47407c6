"""The scaled engine through the operator's command: what stands in docs/operations.md, on a real Kafka."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import wkkafka
from wkinstallation import COMMAND, Installation
from wkpartners import CITY, COACH, SOURCES, agreement, enrolment, line
from wkscaled import refusals_of, sender, wait_for

from woonketen.streams.kafka.link import Link


@pytest.fixture
def installation(kafka: dict[str, str], new_database: Callable[..., str], tmp_path: Path) -> Iterator[Installation]:
    given = {"engine": "kafka", "kafka_prefix": wkkafka.new_prefix(), "database": new_database(), **kafka}
    made = Installation(tmp_path, given)
    made.run("init", "--open-day", "2026-03-02", "--partitions", "3")
    for org in (CITY, COACH):
        kind, source = SOURCES[org]
        made.run("org", "add", org, "--kind", kind, "--source", source)
    yield made
    wkkafka.remove(made.link)


def own_link(installation: Installation, told: dict[str, Any]) -> Link:
    password = (installation.folder / told["password_file"]).read_text()
    return Link(installation.link.bootstrap, told["user"], password, "sasl_plaintext", installation.link.prefix)


def test_a_partner_comes_delivers_and_leaves(installation: Installation) -> None:
    (again,) = installation.told("init")
    assert again["engine"] == "kafka"
    (told,) = installation.told("org", "credentials", CITY, "--kafka")
    assert told == {
        "org": CITY, "topic": installation.link.inbox(CITY), "user": installation.link.partner(CITY),
        "password_file": told["password_file"],
    }  # fmt: skip
    file = installation.folder / told["password_file"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert installation.told("org", "credentials", CITY, "--kafka") == [told]
    with sender(own_link(installation, told)) as city:
        city.send(told["topic"], line(agreement(COACH)), line(enrolment("G-1")), b"nonsense")
        done = json.loads(installation.run("run", "--until-idle").stdout)
        assert done["admitted"] == 3
        rows = installation.told("log", "stats")
        assert {row["lag"] for row in rows if "partition" in row} == {0}
        assert {row["window"] for row in rows if "partition" in row} == {0}
        (door,) = (row for row in rows if row.get("org") == CITY)
        assert (door["admitted"], door["lag"], door["replies"]) == (3, 0, 0)
        assert [each["reason"] for each in refusals_of(installation.link, CITY)] == ["malformed"]
        engine = next(row for row in doctor(installation) if row["check"] == "engine")
        assert engine["state"] == "ok"
        installation.write(backup_hours="10000")
        engine = next(row for row in doctor(installation) if row["check"] == "engine")
        assert engine["state"] == "mend"
        assert "retention.ms" in engine["mend"]
        installation.write()
        (verified,) = installation.told("log", "verify")
        assert verified["gaps"] == verified["changed"] == 0
        before = file.read_text()
        installation.run("org", "credentials", CITY, "--kafka", "--rotate")
        assert file.read_text() != before
        installation.run("org", "leave", CITY)
        assert not file.exists()
        with pytest.raises(Exception, match="Authorization"):
            city.send(told["topic"], b"{}")
    installation.run("org", "credentials", CITY, "--kafka", code=2)


def test_a_worker_is_killed_while_a_new_partner_joins(installation: Installation) -> None:
    link = installation.link
    installation.run("org", "credentials", CITY, "--kafka")
    with installation.worker("admission") as worker, sender(link) as operator:
        operator.send(link.inbox(CITY), line(agreement(COACH)))
        wait_for(lambda: admitted(installation) == {CITY: 1})
        operator.send(link.inbox(CITY), *[line(enrolment(f"G-{n}")) for n in range(200)])
        for child in children(worker.pid):
            os.kill(child, signal.SIGKILL)
        installation.run("org", "credentials", COACH, "--kafka")
        operator.send(link.inbox(COACH), b"nonsense")
        wait_for(lambda: admitted(installation) == {CITY: 201, COACH: 1})
        wait_for(lambda: len(refusals_of(link, COACH)) == 1)
    assert "begins again" in installation.said("admission")
    assert "Traceback" not in installation.said("admission")
    done = json.loads(installation.run("run", "--until-idle").stdout)
    assert done["admitted"] == 0
    (verified,) = installation.told("log", "verify")
    # Two registrations and an agreement in each of three partitions, and one record a resident.
    assert (verified["records"], verified["gaps"], verified["changed"]) == (3 * 3 + 200, 0, 0)


def test_one_that_stands_still_is_followed_and_may_come_back(installation: Installation) -> None:
    link = installation.link
    installation.run("org", "credentials", CITY, "--kafka")
    with installation.worker("admission") as first, sender(link) as operator:
        operator.send(link.inbox(CITY), line(agreement(COACH)))
        wait_for(lambda: admitted(installation) == {CITY: 1})
        with installation.worker("admission"):
            (child,) = children(first.pid)
            os.kill(child, signal.SIGSTOP)
            try:
                operator.send(link.inbox(CITY), *[line(enrolment(f"G-{n}")) for n in range(50)])
                wait_for(lambda: admitted(installation) == {CITY: 51})
                wait_for(lambda: unsent(installation) == 0)
            finally:
                os.kill(child, signal.SIGCONT)
            operator.send(link.inbox(CITY), *[line(enrolment(f"G-{n}")) for n in range(50, 60)])
            wait_for(lambda: admitted(installation) == {CITY: 61})
    installation.run("run", "--until-idle")
    (verified,) = installation.told("log", "verify")
    assert (verified["records"], verified["gaps"], verified["changed"]) == (3 * 3 + 60, 0, 0)


def test_the_figures_of_the_scaled_engine_are_served(installation: Installation) -> None:
    link = installation.link
    installation.run("org", "credentials", CITY, "--kafka")
    with serving(installation) as url, installation.worker("step"):
        file = installation.folder / "city.jsonl"
        file.write_bytes(b"\n".join(line(each) for each in (agreement(COACH), enrolment("G-1"))))
        installation.run("ingest", str(file), "--as", CITY)
        before = figures(url)
        unsent_now = {key: value for key, value in before.items() if key.startswith("woonketen_window_records")}
        assert set(unsent_now) == {f'woonketen_window_records{{partition="{n}"}}' for n in range(3)}
        assert sum(unsent_now.values()) > 3
        assert max(before[f'woonketen_window_oldest_seconds{{partition="{n}"}}'] for n in range(3)) > 0
        with installation.worker("admission"), sender(link) as operator:
            operator.send(link.inbox(CITY), line(enrolment("G-2")), b"nonsense")
            wait_for(lambda: figures(url).get(f'woonketen_replies{{organisation="{CITY}"}}') == 0)
            wait_for(lambda: len(refusals_of(link, CITY)) == 1)
            wait_for(lambda: total(figures(url), "woonketen_worker_applied") > 3)
            wait_for(lambda: total(figures(url), "woonketen_lag_records") == 0)
            wait_for(lambda: figures(url).get(f'woonketen_door_lag{{organisation="{CITY}"}}') == 0)
            now = figures(url)
            assert total(now, "woonketen_window_records") == total(now, "woonketen_window_oldest_seconds") == 0
            assert total(now, "woonketen_worker_lag") == 0
            assert total(now, "woonketen_worker_rebalances") >= 1
            rows = installation.told("log", "stats")
            (worker,) = (row for row in rows if "partitions" in row)
            for field in ("applied", "rebalances", "copies", "lag"):
                assert f'woonketen_worker_{field}{{worker="{worker["worker"]}"}}' in now
            assert rows[-1] == {"quarantine": 0}
            assert now["woonketen_quarantined"] == 0
    told = "\n".join(now)
    assert not any(secret in told for secret in ("G-1", "G-2", "nonsense"))


@contextmanager
def serving(installation: Installation) -> Iterator[str]:
    command = [*COMMAND, "--json", "serve", "--no-run", "--port", "0"]
    with subprocess.Popen(
        command, cwd=installation.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)


def figures(url: str) -> dict[str, float]:
    """Each sample, by its name with its labels."""
    lines = httpx2.get(f"{url}/metrics", timeout=60.0).text.splitlines()
    return {key: float(value) for key, _, value in (each.rpartition(" ") for each in lines if not each.startswith("#"))}


def total(found: dict[str, float], name: str) -> float:
    return sum(value for key, value in found.items() if key.startswith(f"{name}{{"))


def unsent(installation: Installation) -> int:
    return sum(row["window"] for row in installation.told("log", "stats") if "window" in row)


def doctor(installation: Installation) -> list[dict[str, Any]]:
    """Its exit code is of all checks, and the town's open day is long past."""
    return [json.loads(each) for each in installation.run("doctor", code=1).stdout.splitlines()]


def admitted(installation: Installation) -> dict[str, int]:
    return {row["org"]: row["admitted"] for row in installation.told("log", "stats") if "org" in row}


def children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=True)
    return [int(each) for each in found.stdout.split()]


def test_a_broker_that_is_not_there_is_waited_for(installation: Installation) -> None:
    installation.write(kafka="127.0.0.1:1")
    with installation.worker("admission"):
        wait_for(lambda: installation.said("admission").count("begins again") >= 2)
    assert "Kafka at 127.0.0.1:1 does not answer." in installation.said("admission")
    assert "does not answer" in installation.run("init", code=3).stderr


def test_wrong_settings_are_told_in_a_sentence(installation: Installation, new_database: Callable[..., str]) -> None:
    wrong = installation.folder / "wrong.password"
    wrong.write_text("wrong")
    installation.write(kafka_password_file=str(wrong))
    told = installation.run("run", "--until-idle", code=3).stderr
    assert "does not let the user admin in" in told
    assert "kafka_password_file" in told
    installation.write(kafka_password_file=str(installation.folder / "nothing"))
    assert "cannot be read" in installation.run("run", "--until-idle", code=2).stderr
    installation.write(engine="embedded")
    assert "log copy" in installation.run("run", "--until-idle", code=2).stderr
    assert "log copy" in installation.run("init", code=2).stderr
    installation.write(engine="embedded", database=new_database())
    installation.run("init")
    assert "embedded" in installation.run("org", "credentials", CITY, "--kafka", code=2).stderr
    assert "worker" in installation.run("worker", "admission", code=2).stderr.lower()
    installation.write(database=new_database())
    assert "3 partitions" in installation.run("init", "--partitions", "4", code=2).stderr
