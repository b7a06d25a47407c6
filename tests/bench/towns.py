"""Towns to measure in: two years of lives, fed day by day as partners would; and one in which nothing happens."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import islice
from multiprocessing import get_context
from typing import Any

from bench.report import Report
from chaos.office import Office, links, office
from chaos.town import FIRST_DAY, GI, Sent, agreements, by_day, envelope, heartbeats, lives

from woonketen.orchestration.rebuilding import Source, make_worker

PROCESSES = 2
PER_RESIDENT = 100
DAYS = 730
SPREAD = 240
"""Days over which enrolments are spread: then a resident has about a hundred facts at the end."""


def smaller(events: int) -> Iterator[tuple[int, int]]:
    """Towns of a tenth and a hundredth: events grow with residents."""
    for part in (100, 10):
        if events // part >= 2_000:
            yield events // part, max(events // part // PER_RESIDENT, 1)


@contextmanager
def town(events: int, residents: int, report: Report, spread: int = SPREAD) -> Iterator[Office]:
    """Two closed years of a town with this many events, shown once by the live way. `spread`: days in which everybody
    enrols."""
    last = FIRST_DAY + timedelta(days=DAYS - 1)
    with office() as made:
        made("init", "--open-day", FIRST_DAY.isoformat())
        made.register()
        with made.platform() as platform:
            began = time.monotonic()
            counts = feed(platform, islice(stream(residents, last, spread), events), last)
            seconds = time.monotonic() - began
        name = f"at {events:,} events"
        report.line(f"{name}: receipts", counts)
        report.line(f"{name}: made day by day", seconds, f"{seconds:.1f} s, {events / seconds:,.0f} events/s")
        yield made


def stream(residents: int, last: date, spread: int) -> Iterator[Sent]:
    yield from agreements(FIRST_DAY, last + timedelta(days=400))
    yield from lives(residents, FIRST_DAY, last, spread)


def feed(platform: Any, sent: Iterable[Sent], last: date) -> dict[str, int]:
    """Each day's files, then the day is closed; views are made twice a year, by a worker that catches up."""
    linked = links(platform)
    counts: dict[str, int] = {}
    closed = FIRST_DAY - timedelta(days=1)
    shown = closed
    for day, files in by_day(sent):
        if day - timedelta(days=1) > closed:
            platform.close_days(closed + timedelta(days=1), day - timedelta(days=1))
            closed = day - timedelta(days=1)
        for beat in heartbeats(day) if day.weekday() == 0 else ():
            files.setdefault(beat.org, []).append(beat.line)
        for org, lines in files.items():
            for receipt in platform.ingest(org, io.BytesIO(b"\n".join(map(linked, lines))), "cloudevents"):
                counts[receipt.status] = counts.get(receipt.status, 0) + 1
        if day - shown >= timedelta(days=180):
            show(platform)
            shown = day
    platform.close_days(closed + timedelta(days=1), last)
    show(platform)
    return counts


def show(platform: Any) -> None:
    """The live step, in two processes by partition: it is not what is measured here, and a million events take long."""
    parts = platform.parts
    source = Source(parts.dsn, parts.keys.packed, *parts.rulebook.texts)
    partitions = platform.admission.settings().partitions
    with get_context("spawn").Pool(PROCESSES) as pool:
        pool.starmap(show_part, [(source, partitions, part) for part in range(PROCESSES)])
    platform.run(until_idle=True)  # what a merge moved from one to the other


def show_part(source: Source, partitions: int, part: int) -> None:
    with make_worker(source, partitions) as worker:
        worker.run(until_idle=True, only=range(part, partitions, PROCESSES))


def quiet_day(report: Report, residents: int, days: int = 100) -> None:
    """Residents of whom nothing is expected: an enrolment of long ago and a notice."""
    with office() as made:
        made("init", "--open-day", FIRST_DAY.isoformat())
        made.register()
        with made.platform() as platform:
            list(platform.ingest(GI, io.BytesIO(b"\n".join(quiet(residents))), "cloudevents"))
            settled = FIRST_DAY + timedelta(days=400)
            platform.close_days(FIRST_DAY, settled)
            platform.run(until_idle=True)
            began = time.monotonic()
            platform.close_days(settled + timedelta(days=1), settled + timedelta(days=days))
            platform.run(until_idle=True)
            seconds = (time.monotonic() - began) / days
            with made.sql() as connection:
                query = "SELECT count(*) FROM set_1.resident WHERE least(judge_on, show_on) <= %s"
                due = connection.execute(query, [settled + timedelta(days=days)]).fetchone()
        cost = 1000 * seconds * 10_000 / residents
        report.line("a closed day on which nobody is due, per 10,000 residents", cost, f"{cost:.3f} ms, {due} due")


def quiet(residents: int) -> Iterator[bytes]:
    yield from (sent.line for sent in agreements(FIRST_DAY, date(2030, 1, 1)) if sent.org == GI)
    for number in range(residents):
        opened = {"occurred_on": "2024-01-01", "enrolment_id": f"{GI}:E-{number}", "programme": "wooncoach"}
        opened |= {"route": "beschermd_wonen", "municipality": "GM9900"}
        notice = {"occurred_on": "2024-01-01", "version": "2026-1", "channel": "letter"}
        for short, data in (("enrolment.opened", opened), ("notice.given", notice)):
            event = envelope(GI, short, f"{short[0]}{number}", FIRST_DAY, data, f"G-{number:06d}")
            yield json.dumps(event).encode()
