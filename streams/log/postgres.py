"""The log in PostgreSQL: reader, writer, and the check that nothing is missing or changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Generator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from struct import Struct
from typing import Any, Literal, NamedTuple

import msgspec
import psycopg
from psycopg import sql

from woonketen.contracts.errors import ConfigurationError, KeyMissing, WrongKey
from woonketen.contracts.facts import Record
from woonketen.contracts.ports import Cipher, Draft, Vault
from woonketen.contracts.records import KIND_BYTE, header, header_of
from woonketen.streams.log.voids import is_void
from woonketen.streams.postgres.copying import EPOCH, HEAD, copy_rows, field
from woonketen.streams.postgres.errors import told

CHANNEL = "woonketen_log"
"""NOTIFY's channel: a hint that something was appended; who misses it finds the record at the next look."""

Kind = Literal["fact", "world", "day_closed"]
_KINDS: dict[int, Kind] = {ord("f"): "fact", ord("w"): "world", ord("d"): "day_closed"}
_COLUMNS = "partition, seq, day - '2000-01-01'::date, kind::\"char\"::text, ref, kid, sealed"
_ROW = Struct(">hiiiqiiic")  # seven fields: partition, seq, day, kind
_FACT = Struct(">hiiiqiiici16si16si")  # the same with resident and key, and the length of what is sealed
_PAGE = 5000


class Place(NamedTuple):
    """Relations of the log: `into` takes what is appended, `of` tells all that is there. Constants of ours."""

    into: str
    of: str


EMBEDDED = Place("log.record", "log.record")
SCALED = Place("log.window", "log.told")
"""What is appended waits in the window until Kafka has it and the step has applied it; then it lies in `log.record`."""


def place_of(engine: str) -> Place:
    return SCALED if engine == "kafka" else EMBEDDED


def make_partitions(connection: psycopg.Connection[Any], partitions: int) -> int:
    """Makes the log's partitions once, as the database's owner; they are kept for ever. Returns how many there are."""
    with told(), connection.transaction():
        connection.execute("LOCK TABLE log.counter IN EXCLUSIVE MODE")
        row = connection.execute("SELECT count(*) FROM log.counter").fetchone()
        there = int(row[0]) if row else 0
        if there:
            return there
        for number in range(partitions):
            connection.execute(
                sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF log.record FOR VALUES IN ({})").format(
                    sql.Identifier("log", f"record_{number}"), sql.Literal(number)
                )
            )
            connection.execute("INSERT INTO log.counter (partition) VALUES (%s)", [number])
        return partitions


class PostgresLog:
    """`LogReader` and `LogWriter` on the caller's connection and in its transaction."""

    def __init__(self, connection: psycopg.Connection[Any], vault: Vault, place: Place = EMBEDDED) -> None:
        self._connection = connection
        self._vault = vault
        self._place = place
        self._days: dict[int, date] = {}

    # --- writing ---

    def append(self, drafts: Sequence[Draft]) -> Sequence[Record]:
        """See the port. Take it last in a transaction: the counters are held until it ends."""
        if not drafts:
            return []
        with told():
            following = self._take(Counter(draft.partition for draft in drafts))
            ciphers = self._vault.ciphers({draft.kid for draft in drafts if draft.kid is not None})
            records, rows = [], []
            for draft in drafts:
                seq = following[draft.partition]
                following[draft.partition] = seq + 1
                sealed = _seal(draft, seq, ciphers)
                record = Record(draft.partition, seq, draft.day, draft.kind, draft.ref, draft.kid, sealed)  # type: ignore[arg-type]
                rows.append(row_of(record))
                records.append(record)
            copy_rows(self._connection, f"{self._place.into} (partition, seq, day, kind, ref, kid, sealed)", rows)
            # What is on the log stays there, whatever else this transaction writes: the commit waits for the disk.
            self._connection.execute(
                "SELECT pg_notify(%s, ''), set_config('synchronous_commit', 'on', true)", [CHANNEL]
            )
        return records

    def _take(self, wanted: Counter[int]) -> dict[int, int]:
        partitions = sorted(wanted)
        # In partition order, so that two writers never wait for each other in a ring.
        found = self._connection.execute(
            "SELECT partition, next FROM log.counter WHERE partition = ANY(%s) ORDER BY partition FOR UPDATE",
            [partitions],
        ).fetchall()
        if len(found) < len(partitions):
            raise ConfigurationError("The log has no such partition.", "Run `woonketen init`.")
        self._connection.execute(
            "UPDATE log.counter c SET next = next + w.n FROM unnest(%s::int[], %s::bigint[]) AS w(partition, n)"
            " WHERE c.partition = w.partition",
            [partitions, [wanted[partition] for partition in partitions]],
        )
        return dict(found)

    # --- reading ---

    def read(self, partition: int, after: int, limit: int) -> Sequence[Record]:
        """See the port."""
        return self._select("partition = %s AND seq > %s ORDER BY seq LIMIT %s", [partition, after, limit])

    def ends(self) -> Mapping[int, int]:
        with told():
            rows = self._connection.execute("SELECT partition, next - 1 FROM log.counter ORDER BY partition").fetchall()
        return dict(rows)

    def of_residents(self, partition: int, refs: Collection[bytes], upto: int) -> Sequence[Record]:
        """See the port."""
        return self._select(
            "partition = %s AND ref = ANY(%b) AND seq <= %s ORDER BY ref, seq", [partition, list(refs), upto]
        )

    def of_everybody(self, partition: int, upto: int) -> Sequence[Record]:
        """See the port."""
        return self._select("partition = %s AND ref IS NULL AND seq <= %s ORDER BY seq", [partition, upto])

    def ahead(self, partition: int, after: int, day: date) -> Sequence[Record]:
        """See the port."""
        return self._select(
            "partition = %s AND seq > %s AND ref IS NOT NULL AND day <= %s ORDER BY seq", [partition, after, day]
        )

    def stream_residents(self, partition: int, upto: int) -> Generator[Record, None, None]:
        """All `fact` records with `seq <= upto`, by resident, then `seq`; the server sorts, one record at a time comes
        here."""
        query = (
            f"COPY (SELECT partition, seq, day, kind, ref, kid, sealed FROM {self._place.of} WHERE partition = %s"
            " AND ref IS NOT NULL AND seq <= %s ORDER BY ref, seq) TO STDOUT (FORMAT BINARY)"
        )
        with told(), self._connection.cursor() as cursor, cursor.copy(query, [partition, upto]) as copy:
            for block in copy:
                if len(block) >= _FACT.size:  # neither head nor tail alone
                    yield self._parse(bytes(block))

    def _select(self, where: str, values: list[Any]) -> list[Record]:
        with told(), self._connection.cursor(binary=True) as cursor:
            cursor.execute(f"SELECT {_COLUMNS} FROM {self._place.of} WHERE {where}", values)
            day = self._day
            return [
                Record(partition, seq, day(since), _KINDS[ord(kind)], ref, kid, sealed)
                for partition, seq, since, kind, ref, kid, sealed in cursor.fetchall()
            ]

    def _parse(self, data: bytes) -> Record:
        at = len(HEAD) if data.startswith(HEAD) else 0  # the head may come with the first row
        _, _, partition, _, seq, _, since, _, _, _, ref, _, kid, _ = _FACT.unpack_from(data, at)
        return Record(partition, seq, self._day(since), "fact", ref, kid, data[at + _FACT.size :])

    def _day(self, since: int) -> date:
        day = self._days.get(since)
        if day is None:
            day = self._days[since] = date.fromordinal(since + EPOCH)
        return day


class Verified(msgspec.Struct, frozen=True):
    """Of the whole log: records read, gaps between their numbers, records that no longer open or decode (or that are
    not the same in Kafka and here), and records whose key was destroyed."""

    records: int
    gaps: int
    changed: int
    erased: int


def verify(connection: psycopg.Connection[Any], vault: Vault, place: Place = EMBEDDED) -> Verified:
    """Reads and opens every record. Raises `KeyMissing` and `Unreachable` as the vault does."""
    log = PostgresLog(connection, vault, place)
    records = gaps = changed = erased = 0
    for partition, end in log.ends().items():
        last = 0
        while page := log.read(partition, last, _PAGE):
            gaps += sum(later.seq != earlier.seq + 1 for earlier, later in pairwise(page))
            gaps += page[0].seq != last + 1
            last = page[-1].seq
            ciphers = vault.ciphers({record.kid for record in page if record.kid is not None})
            for record in page:
                state = state_of(record, ciphers)
                changed += state == "changed"
                erased += state == "erased"
            records += len(page)
        gaps += last != end
    return Verified(records, gaps, changed, erased)


def state_of(record: Record, ciphers: Mapping[bytes, Cipher | None]) -> str:
    if is_void(record):
        return "erased"
    if record.kid is None:
        return "whole" if record.kind == "day_closed" and record.ref is None and not record.sealed else "changed"
    cipher = ciphers[record.kid]
    if cipher is None:
        return "erased"
    try:
        cipher.open(record.sealed, header_of(record))
    except WrongKey:
        return "changed"
    return "whole"


def _seal(draft: Draft, seq: int, ciphers: Mapping[bytes, Cipher | None]) -> bytes:
    if draft.kid is None:
        return b""
    cipher = ciphers[draft.kid]
    if cipher is None:
        raise KeyMissing("A record was to be sealed with a destroyed key.")
    return cipher.seal(draft.clear, header(draft.partition, seq, draft.day, draft.kind, draft.ref, draft.kid))


def row_of(record: Record) -> bytes:
    """Partition, seq, day, kind, ref, kid and sealed text, as `copy_rows` takes them."""
    fixed = _ROW.pack(
        7, 4, record.partition, 8, record.seq, 4, record.day.toordinal() - EPOCH, 1, KIND_BYTE[record.kind]
    )
    return fixed + field(record.ref) + field(record.kid) + field(record.sealed)
