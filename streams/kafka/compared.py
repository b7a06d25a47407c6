"""What Kafka holds against what PostgreSQL holds: the check of the scaled engine, and the proof of a move."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

import msgspec
import psycopg

from woonketen.contracts.facts import Record
from woonketen.contracts.ports import LogReader, Vault
from woonketen.streams.kafka.link import Link
from woonketen.streams.kafka.polled import polled
from woonketen.streams.log import wire
from woonketen.streams.log.inbox import Inbox
from woonketen.streams.log.postgres import SCALED, PostgresLog, Verified, state_of
from woonketen.streams.log.voids import emptied, load_voids
from woonketen.streams.postgres.errors import told

_PAGE = 5_000


class Sum(msgspec.Struct, frozen=True):
    """Of one partition's records 1, 2, … in order: how many, and a hash over all of them."""

    partition: int
    records: int
    digest: str


def summed(partition: int, pages: Iterable[list[Record]]) -> Sum:
    count, running = 0, sha256()
    for page in pages:
        for record in page:
            running.update(wire.encode(record)[1])
        count += len(page)
    return Sum(partition, count, running.hexdigest())


def stored(log: LogReader, partition: int) -> Iterator[list[Record]]:
    """What PostgreSQL holds of a partition, in pages."""
    last = 0
    while page := list(log.read(partition, last, _PAGE)):
        yield page
        last = page[-1].seq


def whole(link: Link, partition: int) -> Iterator[list[Record]]:
    """What Kafka holds of a partition, in the order of the numbers and each once, in pages; it may have gaps."""
    inbox, last = Inbox(), 0
    with polled(link, {partition: 0}) as source:
        for _, value in _told(source.messages(partition), inbox):
            if value and (found := inbox.take(last, _PAGE)):
                last = found[-1].seq
                yield list(found)
        while (first := inbox.first(last)) is not None:
            last = first - 1
            while found := inbox.take(last, _PAGE):
                last = found[-1].seq
                yield list(found)


def _told(messages: Iterator[tuple[int, bytes | None]], inbox: Inbox) -> Iterator[tuple[int, bool]]:
    """Puts them into the inbox; tells now and then that a page may be there."""
    offered = 0
    for offset, value in messages:
        try:
            inbox.offer(offset, wire.decode(value))
        except wire.NotARecord:
            continue
        offered += 1
        if offered % _PAGE == 0:
            yield offset, True


def verify_kafka(connection: psycopg.Connection[Any], vault: Vault, link: Link) -> Verified:
    """Reads every record from Kafka, opens it, and compares it with the one that PostgreSQL keeps. A gap is a number
    that Kafka has acknowledged, or has a later one of, and does not give."""
    log, voids = PostgresLog(connection, vault, SCALED), load_voids(connection)
    with told():
        acked = dict(connection.execute("SELECT partition, acked FROM log.relay").fetchall())
    records = gaps = changed = erased = 0
    for partition in log.ends():
        last = 0
        for page in whole(link, partition):
            gaps += page[0].seq != last + 1
            last = page[-1].seq
            counted = [emptied(record, voids) for record in page]
            kept = log.read(partition, page[0].seq - 1, len(page))
            changed += sum(one != other for one, other in zip(counted, kept, strict=False))
            changed += len(page) - len(kept) if len(kept) < len(page) else 0
            ciphers = vault.ciphers({record.kid for record in counted if record.kid is not None})
            for record, other in zip(counted, kept, strict=False):
                state = state_of(record, ciphers)
                changed += state == "changed" and record == other
                erased += state == "erased"
            records += len(page)
        gaps += last < acked.get(partition, 0)
    return Verified(records, gaps, changed, erased)
