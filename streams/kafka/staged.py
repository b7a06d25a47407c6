"""A partition of the topic for a rebuild: read once from its beginning, and given by resident.

Kafka keeps records in the order in which they came, a rebuild wants them by resident. What fits into a bounded piece of
memory is put together there, sealed as it came. Of a larger partition PostgreSQL sorts the records; that table is
temporary and goes with its partition.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from typing import Any

import psycopg

from woonketen.contracts.errors import WoonketenError
from woonketen.contracts.facts import Record
from woonketen.contracts.ports import Vault
from woonketen.streams.kafka.link import Link
from woonketen.streams.kafka.polled import polled
from woonketen.streams.log import wire
from woonketen.streams.log.postgres import Place, PostgresLog, row_of
from woonketen.streams.log.voids import load_voids
from woonketen.streams.postgres.copying import HEAD, TAIL
from woonketen.streams.postgres.errors import told

IN_MEMORY = 96 << 20
"""Bytes of records of one partition: about 300,000 of them, a log of nearly two million in six partitions."""
_OVERHEAD = 48
"""What Python takes for a value beside its bytes."""
_STAGED = Place("pg_temp.staged", "pg_temp.staged")
_PAGE = 1_000

Placed = tuple[int, bytes | None, bytes]
"""Number, resident and value of a message."""


class Staged:
    """`Streaming` of a rebuild, on a connection of its own."""

    def __init__(
        self, connection: psycopg.Connection[Any], vault: Vault, link: Link, in_memory: int = IN_MEMORY
    ) -> None:
        self._connection, self._link, self._in_memory = connection, link, in_memory
        self._log = PostgresLog(connection, vault, _STAGED)
        self._voids = load_voids(connection)

    def stream_residents(self, partition: int, upto: int) -> Generator[Record, None, None]:
        """See `PostgresLog`. Raises `Unreachable`, and `WoonketenError` when Kafka has not all of it."""
        values: dict[bytes, list[bytes]] = {}
        held = 0
        arriving = self._all(partition, upto)
        for ref, value in arriving:
            values.setdefault(ref, []).append(value)
            held += len(value) + _OVERHEAD
            if held > self._in_memory:
                yield from self._sorted_by_postgres(partition, upto, values, arriving)
                return
        for ref in sorted(values):
            for value in values.pop(ref):
                yield wire.decode(value)

    def _all(self, partition: int, upto: int) -> Iterator[tuple[bytes, bytes]]:
        """Resident and value of each record about one that counts, in their order."""
        voids = self._voids.get(partition, ())
        last = 0
        for last, ref, value in in_order(self._link, partition, upto):
            if ref is not None and not (voids and any(first <= last <= final for first, final in voids)):
                yield ref, value
        if last < upto:
            raise WoonketenError(
                f"Kafka holds partition {partition} up to {last}, and the views stand at {upto}.",
                "Look at `woonketen log verify`; `woonketen log copy --to kafka` sends what PostgreSQL has.",
            )

    def _sorted_by_postgres(
        self, partition: int, upto: int, values: dict[bytes, list[bytes]], arriving: Iterator[tuple[bytes, bytes]]
    ) -> Generator[Record, None, None]:
        with told(), self._connection.transaction():
            self._connection.execute(
                'CREATE TEMPORARY TABLE staged (partition int, seq bigint, day date, kind "char", ref bytea, kid bytea,'
                " sealed bytea) ON COMMIT DROP"
            )
            with (
                self._connection.cursor() as cursor,
                cursor.copy("COPY pg_temp.staged FROM STDIN (FORMAT BINARY)") as copy,
            ):
                copy.write(HEAD)
                while values:
                    copy.write(_rows(values.popitem()[1]))
                while page := list(islice(arriving, _PAGE)):
                    copy.write(_rows(value for _, value in page))
                copy.write(TAIL)
            yield from self._log.stream_residents(partition, upto)


def _rows(values: Iterable[bytes]) -> bytes:
    return b"".join(row_of(wire.decode(value)) for value in values)


def in_order(link: Link, partition: int, upto: int) -> Iterator[Placed]:
    """The partition's records 1, 2, … `upto` from Kafka, without gap or copy; fewer where it has not more."""
    last = 0
    early: dict[int, Placed] = {}
    with polled(link, {partition: 0}) as source:
        for _, value in source.messages(partition):
            try:
                seq, ref = wire.place(value)
            except wire.NotARecord:
                continue
            if value is None or seq <= last:
                continue
            if seq > last + 1:
                early.setdefault(seq, (seq, ref, value))
                continue
            last = seq
            yield seq, ref, value
            while last < upto and last + 1 in early:
                last += 1
                yield early.pop(last)
            if last >= upto:
                return
