"""The scaled engine's numbers, on a real Kafka, as ratios within one run.

    python tests/bench/scaled.py [--events N] [--residents N] [--quick] [--out FOLDER]

A town is made on the embedded engine, with a dense history behind it, and its log moved to Kafka. Then: the rebuild
from either, with one process and with two; Faust by itself, doing nothing, and with the agent that one would write
first; the live tail; one to six workers; and 500 events a second from a partner's producer to a visible row. Nothing is
asserted.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])  # `tests`, in the place of this folder

import msgspec
import psycopg
from bench.bench import parse
from bench.live import calls
from bench.report import Report, machine
from bench.towns import PER_RESIDENT, town
from chaos.office import Office, wait_for
from chaos.scaled import ScaledOffice, end
from chaos.town import GI

from woonketen.orchestration import rebuilding
from woonketen.orchestration.admitting import admitting
from woonketen.orchestration.kafka.broker import Broker, running
from woonketen.orchestration.moving import copy_log
from woonketen.orchestration.platform import Platform, open_platform
from woonketen.streams.kafka.link import Link, link_of

STATE = """
    SELECT c.partition, c.next - 1, p.last FROM log.counter c JOIN gate.position p USING (partition)
    JOIN gate.set s ON s.name = p.set WHERE s.live
"""
SEEN = "SELECT coalesce((SELECT max(next) FROM admission.door WHERE topic = %s), 0)"


def scaled(report: Report, events: int, residents: int) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="wk-kafka-") as folder,
        running(Path(folder) / "kafka") as broker,
        town(max(min(events // 10, 20_000), 12 * residents), residents, report, spread=20) as plain,
    ):
        with plain.platform() as platform:
            subjects = history(platform, events, residents)
            embedded = {n: rebuilt(platform, n) for n in (1, 2)}
        made = moved(plain, broker)
        with made.platform() as platform:
            for n, rate in embedded.items():
                show_rebuild(report, rate, rebuilt(platform, n), n)
        ratio = report.figures["rebuild from Kafka, 2 processes"] / report.figures["rebuild from Kafka, 1 process"]
        report.line("rebuild from Kafka: two processes against one", ratio, f"{ratio:.2f} times")
        with made.sql():  # the server stays
            tail(made, report, subjects)
            many(made, report, subjects)
            steady(made, report, subjects)


def history(platform: Platform, events: int, residents: int) -> list[str]:
    """Returns the residents whom the municipality knows: an event of another would wait."""
    everybody = [f"G-{number:06d}" for number in range(residents)]
    first = platform.ingest(GI, io.BytesIO(b"\n".join(calls(everybody, residents, "first"))), "cloudevents")
    subjects = [each for each, receipt in zip(everybody, first, strict=True) if receipt.status == "accepted"]
    for start in range(0, events, 20_000):
        taken(platform, calls(subjects, min(20_000, events - start), f"history{start}"))
    platform.run(until_idle=True)
    return subjects


def taken(platform: Platform, lines: Iterable[bytes]) -> None:
    """Everything is accepted, else a rate would be one of refusals."""
    receipts = Counter(each.status for each in platform.ingest(GI, io.BytesIO(b"\n".join(lines)), "cloudevents"))
    assert set(receipts) == {"accepted"}, receipts


def moved(plain: Office, broker: Broker) -> ScaledOffice:
    made = ScaledOffice(plain.home, broker.settings())
    with open_platform(msgspec.structs.replace(made.settings, engine="embedded"), alone=True) as platform:
        copy_log(platform.parts, "kafka", lambda _: None)
    return made


# --- rebuild ----------------------------------------------------------------------------------------------------------


def rebuilt(platform: Platform, processes: int) -> float:
    """Events per second."""
    parts = platform.parts
    source = rebuilding.Source(parts.dsn, parts.keys.packed, *parts.rulebook.texts, parts.link)
    found = rebuilding.rebuild(parts.owner, source, processes=processes)
    assert not sum(found.differences.values())
    return found.filled.facts / found.seconds


def show_rebuild(report: Report, embedded: float, kafka: float, n: int) -> None:
    name = f"{n} process{'es' * (n > 1)}"
    report.line(f"rebuild, embedded, {name}", embedded, f"{embedded:,.0f} events/s")
    report.line(f"rebuild from Kafka, {name}", kafka, f"{kafka:,.0f} events/s")
    report.line(f"rebuild, Kafka against embedded, {name}", kafka / embedded, f"{kafka / embedded:.2f}")


# --- the live tail ----------------------------------------------------------------------------------------------------


def backlog(made: ScaledOffice, events: int, known: list[str], key: str, *, sent: bool = True) -> None:
    """As dense as a town's whole history, in Kafka (`sent`) or on its way there, and not applied."""
    subjects = Random(key).sample(known, len(known))
    dense = subjects[: max(12, events // PER_RESIDENT)]
    with made.platform() as platform:
        taken(platform, calls(dense, events, key))
        if sent:
            relay(platform, lambda: not unsent(platform))


def relay(platform: Platform, done: Callable[[], bool]) -> None:
    assert platform.parts.link is not None
    with admitting(platform.parts, platform.parts.link, lambda _: None, doors=False) as both:
        while not done():
            both.check()
            time.sleep(0.005)


def unsent(platform: Platform) -> int:
    row = platform.parts.processor.execute(
        "SELECT sum(c.next - 1 - coalesce(r.acked, 0)) FROM log.counter c LEFT JOIN log.relay r USING (partition)"
    ).fetchone()
    return int(row[0]) if row else 0


def shown(made: ScaledOffice, workers: int) -> tuple[float, dict[str, int]]:
    """Records per second from the first that is applied to the last, and how many each worker applied."""
    with psycopg.connect(made.dsn(), autocommit=True) as connection:
        connection.execute("DELETE FROM log.worker")
        before = sum(last for *_, last in connection.execute(STATE).fetchall())
        running_ = [made.worker() for _ in range(workers)]
        began = first = 0.0
        while True:
            state = connection.execute(STATE).fetchall()
            done = sum(last for *_, last in state)
            if done > before and not began:
                began, first = time.monotonic(), done
            if all(last >= upto for _, upto, last in state):
                seconds = time.monotonic() - began
                break
            time.sleep(0.005)
        time.sleep(2.5)  # each tells what it did
        told = dict(connection.execute("SELECT name, applied FROM log.worker").fetchall())
        end(running_)
    return (done - first) / max(seconds, 1e-6), told


def tail(made: ScaledOffice, report: Report, subjects: list[str]) -> None:
    link = link_of(made.settings)
    with made.platform() as platform:
        records = sum(row["end"] for row in platform.log_stats())
    wanted = min(records, 200_000)
    idle = alone(made, link, "idle", wanted)
    report.line("Faust delivering, doing nothing", idle, f"{idle:,.0f} events/s")
    naive = alone(made, link, "naive", min(records, 10_000))
    report.line("a Faust agent that upserts each event by itself", naive, f"{naive:,.0f} events/s")
    backlog(made, 60_000, subjects, "tail")
    rate, _ = shown(made, 1)
    report.line("live tail through Faust, all views", rate, f"{rate:,.0f} events/s")
    report.line("live tail against Faust doing nothing", rate / idle, f"{rate / idle:.2f}")
    report.line("live tail against the agent", rate / naive, f"{rate / naive:.1f} times")


def alone(made: ScaledOffice, link: Link, kind: str, events: int) -> float:
    given = {"link": msgspec.to_builtins(link), "dsn": made.dsn()}
    script = str(Path(__file__).with_name("faust_alone.py"))
    done = subprocess.run(
        [sys.executable, script, kind, str(events)], input=json.dumps(given), text=True, capture_output=True, check=True
    )
    return float(json.loads(done.stdout.splitlines()[-1])["rate"])


def many(made: ScaledOffice, report: Report, subjects: list[str]) -> None:
    """All are there and have their partitions when the records begin to come."""
    for workers in range(1, 7):
        backlog(made, 24_000, subjects, f"many{workers}", sent=False)
        rate, told = shared(made, workers)
        each = sorted(told, reverse=True)
        report.line(
            f"{workers} worker{'s' * (workers > 1)} on 6 partitions",
            rate,
            f"{rate:,.0f} events/s, records of each: {each}",
        )


def shared(made: ScaledOffice, workers: int) -> tuple[float, list[int]]:
    with psycopg.connect(made.dsn(), autocommit=True) as connection, made.platform() as platform:
        connection.execute("DELETE FROM log.worker")
        before = sum(last for *_, last in connection.execute(STATE).fetchall())
        running_ = [made.worker() for _ in range(workers)]

        def ready() -> bool:
            rows = connection.execute("SELECT partitions FROM log.worker").fetchall()
            return len([1 for (each,) in rows if each]) == workers and sum(len(each) for (each,) in rows) == 6

        def level() -> bool:
            return all(last >= upto for _, upto, last in connection.execute(STATE).fetchall())

        wait_for(ready, 300)
        began = time.monotonic()
        relay(platform, level)
        seconds = time.monotonic() - began
        done = sum(last for *_, last in connection.execute(STATE).fetchall()) - before
        time.sleep(2.5)  # each tells what it did
        told = [applied for (applied,) in connection.execute("SELECT applied FROM log.worker").fetchall()]
        end(running_)
    return done / seconds, told


# --- from a partner's send to a visible row ---------------------------------------------------------------------------


def steady(made: ScaledOffice, report: Report, known: list[str], rate: int = 500, seconds: int = 20) -> None:
    """Both hops: the partner's producer, `in.<org>`, admission, the relay, `events`, the step, the commit. Before it
    every resident has had one event since the worker began, as after an hour of work: a first one is read from the
    log."""
    from kafka import KafkaProducer

    link = link_of(made.settings)
    made("org", "credentials", GI, "--kafka")
    subjects = Random(2).sample(known, len(known))
    lines = list(calls(subjects, rate * seconds, "steady"))
    sent: dict[int, float] = {}
    waits: list[float] = []
    workers = [made.worker("admission"), made.worker()]
    producer = KafkaProducer(**link.options(), linger_ms=1)
    woken = [producer.send(link.inbox(GI), value=line) for line in calls(subjects, len(subjects), "woken")]
    first = woken[-1].get(30).offset
    with watching(made, link, first, sent, waits) as settled:
        assert settled.wait(300)
        began = time.monotonic()
        for number, line in enumerate(lines, 1):
            wait = began + number / rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            sent[first + number] = time.monotonic()
            producer.send(link.inbox(GI), value=line)
        producer.flush(30)
        until = time.monotonic() + 60
        while len(waits) < len(lines) and time.monotonic() < until:
            time.sleep(0.05)
    producer.close()
    end(workers)
    waits.sort()
    median, late = statistics.median(waits), waits[int(len(waits) * 0.99)]
    report.line(f"{rate} events/s, send to visible row, median", median, f"{1000 * median:.0f} ms of {len(waits)}")
    report.line(f"{rate} events/s, send to visible row, 99th percentile", late, f"{1000 * late:.0f} ms")


@contextmanager
def watching(
    made: ScaledOffice, link: Link, first: int, sent: dict[int, float], waits: list[float]
) -> Iterator[threading.Event]:
    """Notes when each message's rows are there: what a door has admitted, and up to where its records go, stand in one
    snapshot; when the positions are there, so are the rows. The event is set once the first one is through."""
    stop, settled = threading.Event(), threading.Event()

    def watch() -> None:
        pending: list[tuple[int, dict[int, int]]] = []
        upto = first
        with psycopg.connect(made.dsn()) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            while not stop.is_set():
                with connection.transaction():
                    row = connection.execute(SEEN, [link.inbox(GI)]).fetchone()
                    state = connection.execute(STATE).fetchall()
                now = time.monotonic()
                following = int(row[0]) if row else 0
                if following > (pending[-1][0] if pending else upto):
                    pending.append((following, {partition: seq for partition, seq, _ in state}))
                last = {partition: done for partition, _, done in state}
                while pending and all(last[partition] >= seq for partition, seq in pending[0][1].items()):
                    following, _ = pending.pop(0)
                    waits.extend(now - sent[offset] for offset in range(upto, following) if offset in sent)
                    upto = following
                    settled.set()
                time.sleep(0.005)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield settled
    finally:
        stop.set()
        thread.join()


def main() -> None:
    arguments = parse()
    out: dict[str, Any] = {"machine": machine(), "events_wanted": f"scaled-{arguments.events}"}
    report = Report(out, arguments.out)
    report.line("machine", f"{out['machine']['processors']} processors, load {os.getloadavg()[0]:.1f}")
    scaled(report, arguments.events, arguments.residents)
    report.write()


if __name__ == "__main__":
    main()
