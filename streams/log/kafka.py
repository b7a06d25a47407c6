"""The log of the scaled engine as a step reads it: records from Kafka in their order, kept for their residents.

Kafka delivers, PostgreSQL decides: a record is applied if and only if it is the next one behind the position, which is
locked in the transaction that writes. What was read is put into `log.record` and the place to read on is noted in the
same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import psycopg

from woonketen.contracts.facts import Record
from woonketen.contracts.ports import Vault
from woonketen.streams.log.postgres import SCALED, PostgresLog, row_of
from woonketen.streams.log.trial import Trial
from woonketen.streams.log.voids import emptied, load_voids
from woonketen.streams.postgres.copying import copy_rows
from woonketen.streams.postgres.errors import told

_FIELDS = Trial.__struct_fields__


class Incoming(Protocol):
    """What arrives from Kafka."""

    def take(self, partition: int, after: int, limit: int) -> Sequence[Record]:
        """Records `after + 1`, `after + 2`, … as far as they have arrived."""
        ...

    def hint(self, partition: int, upto: int) -> int | None:
        """The offset from which everything behind `upto`, which was taken just now, can be read again."""
        ...


@dataclass
class Care:
    """How carefully a partition is read: at most `limit` records at once; `give_up`: the next one is not opened."""

    limit: int
    give_up: bool = False


class KafkaLog(PostgresLog):
    """`read` comes from Kafka; everything about one resident, and what is appended, from PostgreSQL."""

    def __init__(self, connection: psycopg.Connection[Any], vault: Vault, incoming: Incoming) -> None:
        super().__init__(connection, vault, SCALED)
        self._incoming = incoming
        self._voids = load_voids(connection)
        self.care: dict[int, Care] = {}
        self._kept: dict[int, int] = {}

    def read(self, partition: int, after: int, limit: int) -> Sequence[Record]:
        """See the port. In the transaction that has the partition's position locked."""
        care = self.care.get(partition)
        arrived = self._incoming.take(partition, after, min(limit, care.limit) if care else limit)
        if not arrived:
            return []
        records = [emptied(each, self._voids) for each in arrived] if self._voids else arrived
        with told():
            self._keep(partition, after, records)
            note_offset(self._connection, partition, self._incoming.hint(partition, records[-1].seq))
        if care and care.give_up:
            # Not opened, so it stands in the quarantine as one that does not open; a replay takes the one that is kept.
            return [msgspec.structs.replace(each, sealed=b"") for each in records]
        return records

    def _keep(self, partition: int, after: int, records: Sequence[Record]) -> None:
        if self._kept.get(partition) != after:  # else what lies there is what we put there, up to the position
            self._kept[partition] = self._last(partition)
        # After a move from the other engine, or from a backup, more may be there already.
        fresh = [row_of(record) for record in records if record.seq > self._kept[partition]]
        if fresh:
            copy_rows(self._connection, "log.record (partition, seq, day, kind, ref, kid, sealed)", fresh)
        self._kept[partition] = max(self._kept[partition], records[-1].seq)

    def _last(self, partition: int) -> int:
        row = self._connection.execute(
            "SELECT coalesce(max(seq), 0) FROM log.record WHERE partition = %s", [partition]
        ).fetchone()
        return row[0] if row else 0


def note_offset(connection: psycopg.Connection[Any], partition: int, offset: int | None) -> None:
    if offset is not None:
        connection.execute(
            "INSERT INTO log.reading AS r (partition, kafka_offset) VALUES (%s, %s)"
            " ON CONFLICT (partition) DO UPDATE SET kafka_offset = excluded.kafka_offset, stalls = 0",
            [partition, offset],
        )


def offsets(connection: psycopg.Connection[Any]) -> Mapping[int, int]:
    """Where to read on, per partition; from the beginning where nothing is noted."""
    with told():
        rows = connection.execute("SELECT partition, kafka_offset, stalls FROM log.reading").fetchall()
    return {partition: 0 if stalls >= STALLS else offset for partition, offset, stalls in rows}


STALLS = 3
"""So often the next record did not come behind the noted offset: then everything is read again."""


def note_stall(connection: psycopg.Connection[Any], partitions: Iterable[int]) -> None:
    with told():
        connection.execute(
            "INSERT INTO log.reading AS r (partition, stalls) SELECT unnest(%s::int[]), 1"
            " ON CONFLICT (partition) DO UPDATE SET stalls = r.stalls + 1",
            [list(partitions)],
        )


def load_trial(connection: psycopg.Connection[Any], partition: int) -> Trial:
    with told():
        row = connection.execute(
            f"SELECT {', '.join(_FIELDS)} FROM log.reading WHERE partition = %s", [partition]
        ).fetchone()
    return Trial(*row) if row else Trial()


def note_trial(connection: psycopg.Connection[Any], partition: int, trial: Trial) -> None:
    """Before the attempt, in a transaction of its own: whoever dies leaves it behind. It need not outlive a fall of the
    server, so nobody waits for the disk."""
    with told():
        connection.execute(
            "WITH quickly AS (SELECT set_config('synchronous_commit', 'off', true))"
            f" INSERT INTO log.reading (partition, {', '.join(_FIELDS)}) SELECT %s, %s, %s, %s, %s FROM quickly"
            f" ON CONFLICT (partition) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _FIELDS)}",
            [partition, *msgspec.structs.astuple(trial)],
        )
