"""A town on the scaled engine: a database as `init` leaves it, a part of a real Kafka, and partners who write to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from wkdatabase import KEYS, as_processor
from wkkilled import dies_at
from wkpartners import FIRST_DAY, PARTITIONS, SOURCES, Town

from woonketen.contracts.facts import Record
from woonketen.contracts.records import open_records, unpack
from woonketen.orchestration import wiring
from woonketen.projections import sets
from woonketen.projections.migrate import migrate
from woonketen.streams.door.admission import Admission, prepare
from woonketen.streams.door.standing import Seals
from woonketen.streams.kafka.doors import Doors
from woonketen.streams.kafka.link import Link
from woonketen.streams.kafka.relay import Relay
from woonketen.streams.keys.vault import PostgresVault
from woonketen.streams.log import wire
from woonketen.streams.log.postgres import SCALED, PostgresLog, make_partitions


def prepare_scaled(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as owner:
        migrate(owner, wiring.migrations())
        make_partitions(owner, PARTITIONS)
        prepare(owner, FIRST_DAY, PARTITIONS, "kafka")
        sets.prepare(owner, "code", range(PARTITIONS))
    with as_processor(dsn) as connection:
        PostgresVault(connection, KEYS).check()
        ScaledTown(connection).register(*SOURCES)


class ScaledTown(Town):
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        super().__init__(connection)
        self.log = PostgresLog(connection, self.vault, SCALED)
        self.admission = self.another_door()

    def another_door(self, **options: Any) -> Admission:
        return Admission(self.connection, KEYS, self.vault, self.log, now=lambda: self.wall, **options)

    def facts_told(self) -> list[tuple[str, str]]:
        """Type and subject of every fact that was appended, in no order of partitions."""
        found = []
        for partition, end in self.log.ends().items():
            for record, clear in open_records(self.log.read(partition, 0, end), self.vault):
                if record.kind == "fact" and clear:
                    sealed = unpack(clear)
                    found.append((sealed.type, sealed.subject or ""))
        return sorted(found)


def make_relay(connection: psycopg.Connection[Any], link: Link) -> Relay:
    return Relay(connection, link, Seals(KEYS))


def make_doors(town: ScaledTown, link: Link, **options: Any) -> Doors:
    return Doors(town.connection, town.admission, link, **options)


def events_of(link: Link) -> dict[int, list[Record]]:
    """What lies on `events`, as it lies there."""
    found: dict[int, list[Record]] = {}
    for (_, partition), messages in read_all(link, link.events).items():
        found[partition] = [wire.decode(message.value) for message in messages]
    return found


def refusals_of(link: Link, org: str) -> list[dict[str, Any]]:
    return [
        json.loads(message.value)
        for messages in read_all(link, link.refused(org)).values()
        for message in messages
    ]  # fmt: skip


def read_all(link: Link, topic: str) -> dict[TopicPartition, list[Any]]:
    consumer = KafkaConsumer(**link.options(), enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        places = [TopicPartition(topic, each) for each in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        found: dict[TopicPartition, list[Any]] = {place: [] for place in places}
        while any(consumer.position(place) < ends[place] for place in places):
            for place, messages in consumer.poll(timeout_ms=500).items():
                found[place] += messages
        return found
    finally:
        consumer.close()


def in_order(records: list[Record]) -> list[int]:
    """The numbers that a reader takes: each only behind its predecessor."""
    last = 0
    for record in records:
        if record.seq == last + 1:
            last = record.seq
    return list(range(1, last + 1))


class Sender:
    """A partner's own producer."""

    def __init__(self, link: Link) -> None:
        self._producer = KafkaProducer(**link.options(), linger_ms=5)

    def send(self, topic: str, *values: bytes | None, headers: list[tuple[str, bytes]] | None = None) -> None:
        futures = [self._producer.send(topic, value=value, headers=headers) for value in values]
        self._producer.flush(timeout=120)
        for future in futures:
            future.get(timeout=120)

    def close(self) -> None:
        self._producer.close()


@contextmanager
def sender(link: Link) -> Iterator[Sender]:
    made = Sender(link)
    try:
        yield made
    finally:
        made.close()


def wait_for(condition: Any, seconds: float = 180.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)


@contextmanager
def beside(work: Any) -> Iterator[threading.Event]:
    """`work(stop)` in a thread, on whatever it opens itself; its error comes out here."""
    stop, failed = threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            work(stop)
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join()
    if failed:
        raise failed[0]


# --- processes that die the hard way: `python -m wkscaled` ---

PLACES = {
    "taken": ("woonketen.streams.door.positions:move", False),  # verdicts are there, the position is not
    "moved": ("woonketen.streams.door.positions:move", True),
    "appended": ("woonketen.streams.log.postgres:PostgresLog.append", True),  # everything is, but for the commit
    "sent": ("woonketen.streams.kafka.relay:Relay._settle", False),  # Kafka has it, nobody noted that
    "halfway": ("woonketen.streams.log.wire:encode", False),  # some of a round is on its way
    "noted": ("woonketen.streams.kafka.relay:Relay._settle", True),
}


def run_until_killed(dsn: str, link: Link, work: str, place: str, nth: int) -> bool:
    """Runs doors or relay until nothing is left. Returns whether it was killed on the way."""
    given = {"dsn": dsn, "link": msgspec.to_builtins(link), "work": work, "place": place, "nth": nth}
    environment = {**os.environ, "PYTHONPATH": f"{Path(__file__).parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    ended = subprocess.run(
        [sys.executable, "-m", "wkscaled"], input=json.dumps(given), text=True, env=environment, check=False
    )
    assert ended.returncode in (0, -signal.SIGKILL)
    return ended.returncode == -signal.SIGKILL


def main() -> None:
    from importlib import import_module

    given = json.loads(sys.stdin.read())
    path, after = PLACES[given["place"]]
    module, _, name = path.partition(":")
    where: Any = import_module(module)
    *outer, last = name.split(".")
    for each in outer:
        where = getattr(where, each)
    dies_at(where, last, after, given["nth"])
    link = msgspec.convert(given["link"], Link)
    with as_processor(given["dsn"]) as connection:
        if given["work"] == "doors":
            doors = make_doors(ScaledTown(connection), link)
            doors.drain()
            doors.close()
        else:
            relay = make_relay(connection, link)
            while relay.pump():
                pass
            relay.close()


if __name__ == "__main__":
    main()
