"""Thousands of bad lines among good ones, through the real file door: each refused with a reason and a mend, none stops
the good ones beside it, nothing of one is told again, and memory stays bounded."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos.bad_lines import MARK, ON, SUBJECT, WAYS, Line, stream
from chaos.office import SECONDS, Office, opened_office
from chaos.town import CO, FIRST_DAY, GI, OW, agreements, envelope

BAD = max(20_000, int(os.environ.get("WOONKETEN_TEST_BAD_INPUTS", "0")))  # only upwards
MORE_MEMORY = 64  # MiB above a small file's

REASONS = frozenset({
    "malformed", "too_large", "unknown_type", "unknown_version", "schema", "not_your_type", "not_your_source",
    "personal_data_in_context", "unknown_subject", "no_legal_basis", "retention_unset", "objection", "efforts_missing",
    "original_unknown", "conflicting_duplicate", "link_code", "erased", "feed_stopped",
})  # fmt: skip


@pytest.fixture(scope="module")
def town() -> Iterator[Office]:
    """A resident whom the coaching organisation knows, and a running agreement."""
    with opened_office() as office:
        first = [each.line for each in agreements(FIRST_DAY, FIRST_DAY.replace(year=2028)) if each.org == GI]
        opened = {"occurred_on": ON.isoformat(), "enrolment_id": f"{GI}:E-1", "programme": "wooncoach"}
        opened |= {"route": "beschermd_wonen", "municipality": "GM9900"}
        first.append(json.dumps(envelope(GI, "enrolment.opened", "e1", ON, opened, "G-000001")).encode())
        office("ingest", office.file("first.jsonl", first), "--as", GI)
        code = office("link", "issue", "--by", GI, "--subject", "G-000001", "--for", CO, "--json").object["code"]
        linked = envelope(CO, "subject.linked", "l1", ON, {"occurred_on": ON.isoformat(), "link_code": code}, SUBJECT)
        office("ingest", office.file("link.jsonl", [json.dumps(linked).encode()]), "--as", CO)
        yield office


def ingest(office: Office, file: str, receipts: Path) -> tuple[int, str, str, int]:
    """Exit code, stdout, stderr and the highest memory in MiB of one `woonketen ingest --debug`."""
    arguments = ["ingest", file, "--as", CO, "--receipts", str(receipts), "--json", "--debug"]
    highest = [0]
    with office.command(*arguments) as process:
        watching = threading.Thread(target=watch, args=(process, highest))
        watching.start()
        out, err = process.communicate(timeout=SECONDS)
        watching.join()
    return process.returncode, out.decode(), err.decode(), highest[0]


def watch(process: subprocess.Popen[bytes], highest: list[int]) -> None:
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        try:
            found = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        except OSError:
            return
        if found:
            highest[0] = max(highest[0], int(found[0].split()[1]) // 1024)
        threading.Event().wait(0.02)


def test_each_bad_line_is_refused_and_stops_no_good_one(town: Office, tmp_path: Path) -> None:
    small = town.file("small.jsonl", [line.text for line in stream(1, 50) if line.how != "conflicting"])
    _, _, _, least = ingest(town, small, tmp_path / "small.receipts")

    sent: list[Line] = list(stream(20_260_105, BAD))
    assert {line.how for line in sent} >= {way[0].__name__ for way in WAYS}
    path = Path(town.file("bad.jsonl", [line.text for line in sent]))
    assert path.stat().st_size > 50_000_000  # the longest lines are in it
    receipts_file = tmp_path / "receipts.jsonl"
    code, out, err, most = ingest(town, str(path), receipts_file)

    assert code == 1, err
    assert "Traceback" not in err
    counts = json.loads(out)
    receipts = [json.loads(line) for line in receipts_file.read_bytes().splitlines()]
    assert len(receipts) == len(sent) == sum(counts.values())
    wrong = Counter(
        (line.how, receipt["status"], receipt["reason"])
        for line, receipt in zip(sent, receipts, strict=True)
        if not is_right(line, receipt)
    )
    assert not wrong
    good = sum(not line.reasons for line in sent)
    assert counts["refused"] == len(sent) - good
    assert counts["accepted"] + counts["duplicate"] == good
    assert most < least + MORE_MEMORY, f"{most} MiB, {least} MiB for a small file"

    told = err + out + receipts_file.read_text("utf-8")
    assert MARK not in told
    assert MARK.lower() not in told.lower()


def is_right(line: Line, receipt: dict[str, str | None]) -> bool:
    """Also that a receipt, whose only free texts these are, is one that helps."""
    if not set(receipt) >= {"source", "id", "status", "reason", "detail", "mend", "at"}:
        return False
    if not line.reasons:
        return receipt["status"] in ("accepted", "duplicate") and receipt["reason"] is None
    return (
        receipt["status"] == "refused"
        and receipt["reason"] in line.reasons & REASONS
        and bool(receipt["detail"])
        and bool(receipt["mend"])
    )


def test_nothing_of_a_refused_line_is_kept(town: Office, tmp_path: Path) -> None:
    """Not even in the database's own files, after everything is written down."""
    sent = [line for line in stream(7, 1500) if line.how not in ("good", "conflicting")]
    ingest(town, town.file("more.jsonl", [line.text for line in sent]), tmp_path / "receipts")
    with town.sql() as connection:
        connection.execute("CHECKPOINT")
        (folder,) = connection.execute("SHOW data_directory").fetchone() or ("",)
    files = [file for root in (town.data, Path(folder)) for file in root.rglob("*") if file.is_file()]
    assert any("base" in file.parts for file in files)
    assert [file.name for file in files if MARK.encode() in file.read_bytes()] == []


def test_events_come_from_standard_input_too(town: Office) -> None:
    good = [line.text for line in stream(3, 300) if not line.reasons]
    done = town(
        "ingest", "-", "--as", CO, "--json", stdin=b"\r\n".join([b"\xef\xbb\xbf" + good[0], b"", b"  ", *good[1:]])
    )
    assert done.object["accepted"] + done.object["duplicate"] == len(good)


def test_a_file_of_another_organisation_is_refused_line_by_line(town: Office) -> None:
    good = [line.text for line in stream(3, 100) if not line.reasons]
    done = town("ingest", town.file("other.jsonl", good), "--as", OW, "--json", code=1)
    assert done.object == {"accepted": 0, "duplicate": 0, "parked": 0, "refused": len(good)}
    assert "not_your_source" in done.err
