"""A partition of the topic for a rebuild: read once from its beginning, laid beside the rows, and taken by resident.

Kafka keeps records in the order in which they came, a rebuild wants them by resident. PostgreSQL sorts what does not
fit into memory; the table is temporary and goes with its partition.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import psycopg

from woonketen.contracts.errors import WoonketenError
from woonketen.contracts.facts import Record
from woonketen.contracts.ports import Vault
from woonketen.streams.kafka.link import Link
from woonketen.streams.kafka.polled import polled
from woonketen.streams.log import wire
from woonketen.streams.log.inbox import Inbox
from woonketen.streams.log.postgres import Place, PostgresLog, row_of
from woonketen.streams.log.voids import emptied, load_voids
from woonketen.streams.postgres.copying import HEAD, TAIL
from woonketen.streams.postgres.errors import told

_STAGED = Place("pg_temp.staged", "pg_temp.staged")
_PAGE = 20_000


class Staged:
    """`Streaming` of a rebuild, on a connection of its own."""

    def __init__(self, connection: psycopg.Connection[Any], vault: Vault, link: Link) -> None:
        self._connection, self._link = connection, link
        self._log = PostgresLog(connection, vault, _STAGED)
        self._voids = load_voids(connection)

    def stream_residents(self, partition: int, upto: int) -> Generator[Record, None, None]:
        """See `PostgresLog`. Raises `Unreachable`, and `WoonketenError` when Kafka has not all of it."""
        with told(), self._connection.transaction():
            self._connection.execute(
                'CREATE TEMPORARY TABLE staged (partition int, seq bigint, day date, kind "char", ref bytea, kid bytea,'
                " sealed bytea) ON COMMIT DROP"
            )
            self._fill(partition, upto)
            yield from self._log.stream_residents(partition, upto)

    def _fill(self, partition: int, upto: int) -> None:
        last = 0
        with (
            self._connection.cursor() as cursor,
            cursor.copy("COPY pg_temp.staged FROM STDIN (FORMAT BINARY)") as copy,
        ):
            copy.write(HEAD)
            for records in in_order(self._link, partition, upto):
                last = records[-1].seq
                counted = (emptied(record, self._voids) for record in records)
                facts = [row_of(record) for record in counted if record.ref is not None]
                if facts:
                    copy.write(b"".join(facts))
            copy.write(TAIL)
        if last < upto:
            raise WoonketenError(
                f"Kafka holds partition {partition} up to {last}, and the views stand at {upto}.",
                "Look at `woonketen log verify`; `woonketen log copy --to kafka` sends what PostgreSQL has.",
            )


def in_order(link: Link, partition: int, upto: int) -> Iterator[list[Record]]:
    """The partition's records 1, 2, … `upto` from Kafka, without gap or copy, in pages; fewer where it has not more."""
    inbox, last, offered = Inbox(), 0, 0
    with polled(link, {partition: 0}) as source:
        for offset, value in source.messages(partition):
            try:
                inbox.offer(offset, wire.decode(value))
            except wire.NotARecord:
                continue
            offered += 1
            if offered % _PAGE == 0:
                found = inbox.take(last, min(_PAGE * 2, upto - last))
                if found:
                    last = found[-1].seq
                    yield list(found)
                if last >= upto:
                    return
        while found := inbox.take(last, min(_PAGE, upto - last)):
            last = found[-1].seq
            yield list(found)
            if last >= upto:
                return
