"""`log copy` and `log recover`: the log from one engine to the other and back, and after a restore behind Kafka.

Both want the installation for themselves. Killed on the way, they are simply given again: nothing counts before the
last transaction, and what Kafka has already is compared, not sent twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec
import psycopg

from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.facts import Record
from woonketen.contracts.records import Draft, open_records
from woonketen.orchestration.kafka import topics
from woonketen.orchestration.wiring import Parts
from woonketen.projections import sets
from woonketen.streams.kafka.compared import Sum, stored, summed, whole
from woonketen.streams.kafka.link import Link, kafka_told, link_of
from woonketen.streams.kafka.polled import polled
from woonketen.streams.log import wire
from woonketen.streams.log.postgres import EMBEDDED, PostgresLog
from woonketen.streams.postgres.errors import told

IN_FLIGHT = 1_000
SEND_SECONDS = 60

Say = Callable[[str], None]


class Copied(msgspec.Struct, frozen=True):
    """`to`: the engine that has the log from here on."""

    to: str
    records: int
    partitions: list[Sum]


def copy_log(parts: Parts, to: str, say: Say) -> Copied:
    """Moves the log; `parts` was opened alone, on the engine that has it. From Kafka to Kafka: what a broker has lost
    is sent again. Raises `ConfigurationError` when something is still on its way, or when Kafka holds another log."""
    link = link_of(parts.settings)
    if to == parts.settings.engine == "embedded":
        raise ConfigurationError("The log is on the engine embedded already.", "Name the other one with --to.")
    if to != parts.settings.engine:
        _refuse_busy(parts)
    found = _to_kafka(parts, link, say) if to == "kafka" else _to_embedded(parts, link)
    return Copied(to, sum(each.records for each in found), found)


def _to_kafka(parts: Parts, link: Link, say: Say) -> list[Sum]:
    log = PostgresLog(parts.processor, parts.vault, parts.place)
    ends = log.ends()
    topics.prepare(link, len(ends))
    for partition in ends:
        sent = _send(link, partition, log)
        say(f"partition {partition}: {sent} records sent")
    found = _proved(link, log, ends)
    # Everything is applied when it comes from the other engine; a topic that was filled again is read from the start.
    places = _ends_of(link, ends) if parts.link is None else dict.fromkeys(ends, 0)
    with told(), parts.owner.transaction():
        _note(parts.owner, {each.partition: each.records for each in found}, places)
        parts.owner.execute("UPDATE admission.settings SET engine = 'kafka'")
    return found


def _to_embedded(parts: Parts, link: Link) -> list[Sum]:
    log = PostgresLog(parts.processor, parts.vault, EMBEDDED)
    found = _proved(link, log, log.ends())
    with told(), parts.owner.transaction():
        parts.owner.execute("DELETE FROM log.window")
        parts.owner.execute("UPDATE admission.settings SET engine = 'embedded'")
    return found


def _refuse_busy(parts: Parts) -> None:
    ends = PostgresLog(parts.processor, parts.vault, parts.place).ends()
    with told():
        live, _ = sets.live_set(parts.owner)
        if sets.positions(parts.owner, live) != dict(ends):
            raise ConfigurationError(
                "The views are not level with the log, so it cannot be moved.", "Do `woonketen run --until-idle` first."
            )


def _send(link: Link, partition: int, log: PostgresLog) -> int:
    """What Kafka has not of a partition. Returns the number of records sent."""
    there, kept = 0, stored(log, partition)
    mine = (record for page in kept for record in page)
    for page in whole(link, partition):
        for record in page:
            if next(mine, None) != record:
                raise ConfigurationError(
                    f"The topic {link.events} holds another log than this database.",
                    "Give this installation a topic of its own (`kafka_prefix`), or remove that one.",
                )
        there += len(page)
    return send(link, mine)


def send(link: Link, records: Iterable[Record]) -> int:
    """In order, each acknowledged. Raises `Unreachable` at the first one that is not."""
    from kafka import KafkaProducer

    count, flying = 0, deque[Any]()
    with kafka_told(link):
        producer = KafkaProducer(**link.options(), acks="all", linger_ms=5, batch_size=1 << 18)
        try:
            for record in records:
                key, value = wire.encode(record)
                flying.append(producer.send(link.events, key=key, value=value, partition=record.partition))
                count += 1
                if len(flying) >= IN_FLIGHT:
                    flying.popleft().get(SEND_SECONDS)
            producer.flush(SEND_SECONDS)
            for future in flying:
                future.get(SEND_SECONDS)
        finally:
            producer.close(timeout=5)
    return count


def _proved(link: Link, log: PostgresLog, partitions: Iterable[int]) -> list[Sum]:
    """The sums of each partition, which are the same on both sides."""
    found = []
    for partition in partitions:
        here, there = summed(partition, stored(log, partition)), summed(partition, whole(link, partition))
        if here != there:
            raise ConfigurationError(
                f"Partition {partition} is not the same in Kafka ({there.records} records) and in PostgreSQL"
                f" ({here.records}).",
                "Look at `woonketen log verify`; nothing was changed.",
            )
        found.append(here)
    return found


def _ends_of(link: Link, partitions: Iterable[int]) -> dict[int, int]:
    with polled(link, dict.fromkeys(partitions, 0)) as source:
        return source.ends()


def _note(owner: psycopg.Connection[Any], acked: dict[int, int], places: dict[int, int]) -> None:
    for partition, seq in acked.items():
        owner.execute(
            "INSERT INTO log.relay (partition, acked, kafka_offset) VALUES (%s, %s, %s) ON CONFLICT (partition)"
            " DO UPDATE SET acked = excluded.acked, kafka_offset = excluded.kafka_offset",
            [partition, seq, places[partition] - 1 if places[partition] else None],
        )
        owner.execute(
            "INSERT INTO log.reading (partition, kafka_offset) VALUES (%s, %s) ON CONFLICT (partition)"
            " DO UPDATE SET kafka_offset = excluded.kafka_offset, stalls = 0, after = 0, tries = 0, careful_upto = 0,"
            " alone = 0",
            [partition, places[partition]],
        )


class Recovered(msgspec.Struct, frozen=True):
    """`void`: per partition, first and last number that counts for nothing; `again`: topics that are admitted again
    from where this database left them; `send_again`: organisations whose own outbox or files have to come again."""

    void: dict[str, tuple[int, int]]
    again: list[str]
    send_again: list[str]


def recover(parts: Parts, link: Link) -> Recovered:
    """After PostgreSQL was put back from before what Kafka holds; `parts` was opened alone. Again is nothing.

    What was admitted here since then has numbers that Kafka knows for something else: it gets new ones.
    """
    void: dict[str, tuple[int, int]] = {}
    with told(), parts.owner.transaction():
        # As the database's owner: the processor may not take numbers back.
        log = PostgresLog(parts.owner, parts.vault, parts.place)
        following = dict(parts.owner.execute("SELECT partition, next FROM log.counter FOR UPDATE").fetchall())
        again: list[Record] = []
        for partition, after in _acked(parts.owner, following).items():
            there, offset = _behind(link, partition, after)
            mine = {record.seq: record for record in log.read(partition, after, following[partition])}
            first = min((seq for seq, record in there.items() if mine.get(seq) != record), default=None)
            if first is None:
                continue
            last = max(there)
            void[str(partition)] = (first, last)
            again += [record for seq, record in sorted(mine.items()) if seq >= first]
            _pass_over(parts.owner, partition, first, last, offset)
        _number_anew(parts, log, again)
        doors = parts.owner.execute("SELECT DISTINCT topic, org FROM admission.door ORDER BY 1").fetchall()
        orgs = parts.owner.execute("SELECT org FROM admission.org WHERE left_on IS NULL ORDER BY 1").fetchall()
    came = {org for _, org in doors}
    return Recovered(void, [topic for topic, _ in doors], [org for (org,) in orgs if org not in came])


def _acked(owner: psycopg.Connection[Any], partitions: Iterable[int]) -> dict[int, int]:
    known = dict(owner.execute("SELECT partition, acked FROM log.relay").fetchall())
    return {partition: known.get(partition, 0) for partition in partitions}


def _behind(link: Link, partition: int, after: int) -> tuple[dict[int, Record], int]:
    """Kafka's records behind a number, the first copy of each, and the offset of the last message."""
    found: dict[int, Record] = {}
    at = 0
    with polled(link, {partition: 0}) as source:
        for offset, record in _records(source.messages(partition)):
            at = offset
            if record.seq > after:
                found.setdefault(record.seq, record)
    return found, at


def _pass_over(owner: psycopg.Connection[Any], partition: int, first: int, last: int, offset: int) -> None:
    owner.execute("INSERT INTO log.void (partition, first, last) VALUES (%s, %s, %s)", [partition, first, last])
    owner.execute("DELETE FROM log.window WHERE partition = %s AND seq >= %s", [partition, first])
    owner.execute("UPDATE log.counter SET next = %s WHERE partition = %s", [last + 1, partition])
    owner.execute(
        "INSERT INTO log.relay (partition, acked, kafka_offset) VALUES (%s, %s, %s) ON CONFLICT (partition)"
        " DO UPDATE SET acked = excluded.acked, kafka_offset = excluded.kafka_offset",
        [partition, last, offset],
    )


def _number_anew(parts: Parts, log: PostgresLog, again: Sequence[Record]) -> None:
    """Their numbers are part of what they are sealed with, so they are sealed anew."""
    drafts = [
        Draft(record.partition, record.day, record.kind, record.ref, record.kid, clear)
        for record, clear in open_records(again, parts.vault)
        if clear is not None
    ]
    for record in log.append(drafts):
        if record.ref is not None:
            parts.owner.execute(
                "UPDATE admission.restricting SET seq = %s WHERE ref = %b AND partition = %s",
                [record.seq, record.ref, record.partition],
            )


def _records(messages: Iterator[tuple[int, bytes | None]]) -> Iterator[tuple[int, Record]]:
    for offset, value in messages:
        try:
            yield offset, wire.decode(value)
        except wire.NotARecord:
            continue
