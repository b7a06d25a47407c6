"""The live way: a worker runs while events come in."""

from __future__ import annotations

import io
import json
import queue
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from random import Random
from typing import Any

from bench.report import Report
from bench.towns import DAYS, PER_RESIDENT
from chaos.office import Office
from chaos.town import FIRST_DAY, GI, envelope


def live(made: Office, report: Report, residents: int) -> None:
    """Four events of each resident, as in a month, taken in and then shown; a file as dense as the town's whole history
    (what the rebuild is measured on) while the worker runs; then 500 events a second for residents at random."""
    subjects = [f"G-{number:06d}" for number in range(residents)]
    Random(1).shuffle(subjects)
    events = 4 * residents
    with made.platform() as platform, made.sql() as connection:
        began = time.monotonic()
        list(platform.ingest(GI, io.BytesIO(b"\n".join(calls(subjects, events, "backlog"))), "cloudevents"))
        rate = events / (time.monotonic() - began)
        report.line("live: taking in alone", rate, f"{rate:,.0f} events/s")
        began = time.monotonic()
        platform.run(until_idle=True)
        rate = events / (time.monotonic() - began)
        report.line("live: showing what was taken in", rate, f"{rate:,.0f} events/s")
        dense = subjects[: max(40, residents // 25)]
        events = PER_RESIDENT * len(dense)
        file = made.file("live.jsonl", list(calls(dense, events, "live")))
        with worker(made):
            began = time.monotonic()
            feeding = made.command("ingest", file, "--as", GI, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            feeding.wait()
            while behind(connection):
                time.sleep(0.01)
            rate = events / (time.monotonic() - began)
            report.line("live: a file while the worker runs", rate, f"{rate:,.0f} events/s")
            rebuild = report.figures[f"at {report.figures['events_wanted']:,} events: rebuild"]["rate"]
            report.line("live: against the rebuild's rate", rate / rebuild, f"{rate / rebuild:.2f}")
            waits = sorted(arrivals(made, platform, subjects, 500, 20))
        median, late = statistics.median(waits), waits[int(len(waits) * 0.99)]
        report.line("live: 500 events/s, receipt to visible row, median", median, f"{1000 * median:.1f} ms")
        report.line("live: 500 events/s, receipt to visible row, 99th percentile", late, f"{1000 * late:.1f} ms")


def calls(subjects: list[str], events: int, key: str, org: str = GI) -> Iterator[bytes]:
    on = FIRST_DAY + timedelta(days=DAYS)
    for number in range(events):
        data = {"occurred_on": on.isoformat(), "channel": "phone", "reached": number % 3 == 0}
        event = envelope(org, "contact.attempted", f"{key}{number}", on, data, subjects[number % len(subjects)])
        yield json.dumps(event).encode()


@contextmanager
def worker(made: Office) -> Iterator[None]:
    process = made.command("run", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1.5)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


BEHIND = """
    SELECT EXISTS (SELECT FROM log.counter c JOIN gate.position p USING (partition) JOIN gate.set s ON s.name = p.set
                    WHERE s.live AND p.last < c.next - 1)
"""
ENDS = "SELECT partition, next - 1 FROM log.counter"
DONE = "SELECT p.partition, p.last FROM gate.position p JOIN gate.set s ON s.name = p.set WHERE s.live"


def behind(connection: Any) -> bool:
    return bool(connection.execute(BEHIND).fetchone()[0])


def arrivals(made: Office, platform: Any, subjects: list[str], rate: int, seconds: int) -> list[float]:
    """Seconds from a receipt to the commit that shows what it changed: rows and position are one transaction."""
    waiting: queue.Queue[tuple[float, int, dict[int, int]] | None] = queue.Queue()
    waits: list[float] = []
    watching = threading.Thread(target=watch_rows, args=(made, waiting, waits))
    watching.start()
    step = 10  # events in a file: fifty small files a second
    lines = list(calls(subjects, rate * seconds, "steady"))
    with made.sql() as connection:
        began = time.monotonic()
        for number in range(0, len(lines), step):
            wait = began + number / rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            list(platform.ingest(GI, io.BytesIO(b"\n".join(lines[number : number + step])), "cloudevents"))
            told = time.monotonic()
            waiting.put((told, step, dict(connection.execute(ENDS).fetchall())))
    waiting.put(None)
    watching.join()
    return waits


def watch_rows(made: Office, waiting: queue.Queue[Any], waits: list[float]) -> None:
    with made.sql() as connection:
        while (found := waiting.get()) is not None:
            told, events, ends = found
            while any(last < ends[partition] for partition, last in connection.execute(DONE).fetchall()):
                time.sleep(0.001)
            waits += [max(time.monotonic() - told, 0.0)] * events
