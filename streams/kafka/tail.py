"""Whether Kafka's log and this database belong together. Asked before anything is admitted or sent.

A database that was restored from a backup may be behind what Kafka has: it would give the same numbers a second time.
And a topic may have lost what it had acknowledged.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec
import psycopg
from kafka import KafkaConsumer, TopicPartition

from woonketen.contracts.errors import ConfigurationError, Unreachable
from woonketen.contracts.facts import Record
from woonketen.streams.kafka.link import Link, kafka_told, knock
from woonketen.streams.log import wire
from woonketen.streams.postgres.errors import told

LAST = 500
"""So many messages at the end of a partition are looked at: the highest number is among them, for copies and what came
too early lie within one round of the relay."""
SECONDS = 30.0
RECOVER = "Run `woonketen log recover`: it goes on behind what Kafka has, and admits again what partners still hold."


class Ahead(ConfigurationError):
    """Kafka has records that this database knows nothing of."""


class Known(msgspec.Struct, frozen=True):
    """Of one partition: the number that is given next, up to where Kafka has acknowledged, and where that one lies."""

    next: int
    acked: int
    offset: int | None


class Tail(msgspec.Struct, frozen=True):
    """`records`: the last ones of a partition, as they lie there; `end`: the offset behind them."""

    end: int
    records: list[Record]

    @property
    def highest(self) -> int:
        return max((record.seq for record in self.records), default=0)


def check(connection: psycopg.Connection[Any], link: Link) -> None:
    """Raises `ConfigurationError` where they do not belong together: `Ahead` where the database is the older one."""
    with told():
        known = known_of(connection)
    tails = tails_of(link, sorted(known))
    for partition, tail in sorted(tails.items()):
        here = known[partition]
        if here.offset is not None and tail.end <= here.offset:
            raise ConfigurationError(
                f"Kafka has lost records of partition {partition} that it had acknowledged.",
                "Bring the broker's data back, or send them again with `woonketen log copy --to kafka`.",
            )
        if tail.highest >= here.next or _others(connection, tail, here.acked):
            raise Ahead(
                f"Kafka is ahead of the database in partition {partition}: the database is an older copy.",
                RECOVER,
            )


def known_of(connection: psycopg.Connection[Any]) -> dict[int, Known]:
    rows = connection.execute(
        "SELECT c.partition, c.next, coalesce(a.acked, 0), a.kafka_offset FROM log.counter c"
        " LEFT JOIN log.relay a USING (partition)"
    ).fetchall()
    return {partition: Known(following, acked, offset) for partition, following, acked, offset in rows}


def _others(connection: psycopg.Connection[Any], tail: Tail, acked: int) -> bool:
    """Whether the tail holds, beyond what was acknowledged, a record of which the window has another under its number:
    the number was given a second time."""
    beyond = {record.seq: record.sealed for record in tail.records if record.seq > acked}
    if not beyond:
        return False
    partition = tail.records[0].partition
    with told(), connection.cursor(binary=True) as cursor:
        cursor.execute(
            "SELECT seq, sealed FROM log.window WHERE partition = %s AND seq = ANY(%s)", [partition, list(beyond)]
        )
        mine: Mapping[int, bytes] = dict(cursor.fetchall())
    return any(seq in mine and mine[seq] != sealed for seq, sealed in beyond.items())


def tails_of(link: Link, partitions: list[int]) -> dict[int, Tail]:
    """The end of each partition of `events`."""
    knock(link)
    with kafka_told(link):
        consumer = KafkaConsumer(
            **link.options(),
            enable_auto_commit=False,
            group_id=None,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
        )
        try:
            if not consumer.partitions_for_topic(link.events):
                raise ConfigurationError(f"There is no topic {link.events}.", "Run `woonketen init`.")
            places = [TopicPartition(link.events, partition) for partition in partitions]
            consumer.assign(places)
            first, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
            for place in places:
                consumer.seek(place, max(first[place], ends[place] - LAST))
            found: dict[int, list[Record]] = {partition: [] for partition in partitions}
            until = time.monotonic() + SECONDS
            while any(consumer.position(place) < ends[place] for place in places):
                if time.monotonic() > until:
                    raise Unreachable("The end of the log does not come from Kafka.", "Look at the broker's log.")
                for place, messages in consumer.poll(timeout_ms=500).items():
                    found[place.partition] += _records(messages)
            return {place.partition: Tail(ends[place], found[place.partition]) for place in places}
        finally:
            consumer.close()


def _records(messages: list[Any]) -> list[Record]:
    records = []
    for message in messages:
        try:
            records.append(wire.decode(message.value))
        except wire.NotARecord:
            continue  # `log verify` tells
    return records
