"""`ViewStore` on PostgreSQL: rows, what is known of each resident's next day, and the position, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from functools import cache
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg import sql

from woonketen.contracts.errors import ConfigurationError, NotYours
from woonketen.contracts.ports import Aside, Kept, Shown, hidden
from woonketen.projections.database import told
from woonketen.projections.ddl import PEOPLE
from woonketen.projections.lines import CONTRIBUTION, NOTHING, PART, PILOT, TABLES, Lines

_COMPLEX_LOCK = 0x776B_0011
_LINES = 2000  # rows in one statement: enough to cost nothing, few enough to hold in memory twice


class PostgresViews:
    """On a connection in autocommit mode whose role is the processor's. Without `into` it writes the set that is live
    at that moment."""

    def __init__(self, connection: psycopg.Connection[Any], code: str, into: str | None = None) -> None:
        self._connection = connection
        self._code = code
        self._into = into
        self._which = "live" if into is None else "name = %s"
        self._named = [] if into is None else [into]

    @contextmanager
    def batch(self, partition: int) -> Iterator[PostgresBatch]:
        """See the port."""
        with told(), self._connection.transaction():
            yield self._locked(partition)

    def positions(self) -> Mapping[int, int]:
        with told():
            rows = self._connection.execute(
                "SELECT s.code, p.partition, p.last FROM gate.set s JOIN gate.position p ON p.set = s.name"
                f" WHERE s.{self._which}",
                self._named,
            ).fetchall()
            if not rows or rows[0][0] != self._code:
                self._set()  # says why
        return {partition: last for _, partition, last in rows}

    def aside(self) -> Sequence[Aside]:
        with told():
            rows = self._connection.execute(
                "SELECT id, partition, ref, seq, since, error, orgs FROM gate.quarantine"
                " WHERE set = %s AND NOT discarded ORDER BY id",
                [self._set()],
            ).fetchall()
        return [
            Aside(number, partition, None if ref is None else bytes(ref), seq, since, error, tuple(orgs))
            for number, partition, ref, seq, since, error, orgs in rows
        ]

    def count_aside(self) -> int:
        """Of the live set, whoever made it."""
        with told():
            row = self._connection.execute(
                "SELECT count(*) FROM gate.quarantine WHERE NOT discarded"
                " AND set = (SELECT name FROM gate.set WHERE live)"
            ).fetchone()
        return int(row[0]) if row else 0

    def take_back(self, number: int) -> None:
        with told():
            self._connection.execute("DELETE FROM gate.quarantine WHERE id = %s AND seq IS NOT NULL", [number])

    def discard(self, number: int, reason: str) -> None:
        with told():
            self._connection.execute(
                "UPDATE gate.quarantine SET discarded = true, discard_reason = %s WHERE id = %s", [reason, number]
            )

    def _locked(self, partition: int) -> PostgresBatch:
        while True:
            # The fence: whoever else writes this partition has committed when we get the row, or waits for us. Rows and
            # position are lost together or not at all, and are made again, so their commit need not wait for the disk.
            row = self._connection.execute(
                "SELECT p.set, p.last, p.closed, p.fingerprint, set_config('synchronous_commit', 'off', true)"
                f" FROM gate.position p JOIN gate.set s ON s.name = p.set WHERE s.{self._which} AND p.partition = %s"
                " FOR UPDATE OF p",
                [*self._named, partition],
            ).fetchone()
            if row is None:
                self._set()  # says why
                raise ConfigurationError("The database is not prepared for this program.", "Run `woonketen init`.")
            name = row[0]
            if self._set() == name:  # a swap locks the position too, so from here on it waits
                _, last, closed, fingerprint, _ = row
                print_ = None if fingerprint is None else bytes(fingerprint)
                return PostgresBatch(self._connection, name, partition, last, closed, print_)

    def _set(self) -> str:
        row = self._connection.execute(f"SELECT name, code FROM gate.set WHERE {self._which}", self._named).fetchone()
        if row is None:
            raise ConfigurationError("The database is not prepared for this program.", "Run `woonketen init`.")
        if row[1] != self._code:
            raise NotYours(
                "The views come from another version of the program, the policy or the indicators.",
                "Run `woonketen rebuild`.",
            )
        return str(row[0])


class PostgresBatch:
    """`Batch` of the port; ends with the transaction that made it."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        in_set: str,
        partition: int,
        after: int,
        closed: date | None,
        fingerprint: bytes | None,
    ) -> None:
        self.after = after
        self.closed = closed
        self.fingerprint = fingerprint
        self._contributed = False
        self._connection = connection
        self._set = in_set
        self._partition = partition

    # --- who is due ---

    def due(self, closing: date) -> Mapping[bytes, Kept]:
        return self._kept(
            "partition = %s AND judge_on <= %s UNION SELECT ref, judge_on, show_on, digest FROM {table}"
            " WHERE partition = %s AND show_on <= %s",
            [self._partition, closing, self._partition, closing + timedelta(days=1)],
        )

    def kept(self, refs: Collection[bytes] | None = None) -> Mapping[bytes, Kept]:
        if refs is None:
            return self._kept("partition = %s", [self._partition])
        return self._kept("partition = %s AND ref = ANY(%b)", [self._partition, list(refs)])

    def _kept(self, condition: LiteralString, values: list[Any]) -> dict[bytes, Kept]:
        query = "SELECT ref, judge_on, show_on, digest FROM {table} WHERE " + condition
        with self._connection.cursor(binary=True) as cursor:
            cursor.execute(_composed(query, self._set, "resident"), values)
            return {ref: Kept(judge_on, show_on, seen) for ref, judge_on, show_on, seen in cursor.fetchall()}

    # --- what is shown ---

    def show(self, shown: Sequence[Shown], kept: Mapping[bytes, Kept]) -> int:
        gone: dict[str, list[bytes]] = {}
        added: dict[str, list[bytes]] = {}
        residents: list[tuple[Shown, bytes]] = []
        changed = 0
        for each in shown:
            lines = Lines(each, self._partition)
            now = lines.digest()
            before = kept.get(each.ref)
            if before is not None and before == Kept(each.judge_on, each.show_on, now):
                continue
            residents.append((each, now))
            if before is not None and before.digest == now:
                continue
            changed += 1
            for at, table in enumerate(TABLES):
                old = before.digest[at * PART : (at + 1) * PART] if before is not None else NOTHING
                if old != now[at * PART : (at + 1) * PART]:
                    if old != NOTHING:
                        gone.setdefault(table, []).append(each.ref)
                    added.setdefault(table, []).extend(lines.of(table))
        self._contributed = self._contributed or CONTRIBUTION in gone or CONTRIBUTION in added
        if residents:
            with self._connection.pipeline():  # one wait for all of it
                for table, refs in gone.items():
                    column = "v_ref" if table in PEOPLE else "ref"
                    self._run(f"DELETE FROM {{table}} WHERE {column} = ANY(%b)", table, [refs])
                for table, rows in added.items():
                    self._insert(table, rows)
                self._remember(residents)
        return changed

    def wait(self, judge_on: Mapping[bytes, date | None]) -> None:
        if judge_on:
            self._run(
                "UPDATE {table} r SET judge_on = w.judge_on FROM unnest(%b::bytea[], %b::date[]) AS w(ref, judge_on)"
                " WHERE r.ref = w.ref",
                "resident",
                [list(judge_on), list(judge_on.values())],
            )

    def withhold(self, ref: bytes, since: date, error: str, orgs: Sequence[str]) -> None:
        self.show([hidden(ref)], self.kept([ref]))
        self._connection.execute(
            "INSERT INTO gate.quarantine (set, partition, ref, since, reason, error, orgs)"
            " VALUES (%s, %s, %b, %s, 'resident', %s, %s)"
            " ON CONFLICT (set, ref) WHERE seq IS NULL DO UPDATE SET error = excluded.error, orgs = excluded.orgs",
            [self._set, self._partition, ref, since, error, list(orgs)],
        )

    def set_aside(self, seq: int, since: date, error: str) -> bool:
        row = self._connection.execute(
            "INSERT INTO gate.quarantine (set, partition, seq, since, reason, error, discarded, discard_reason)"
            " SELECT %s, %s, %s, %s, 'record', %s, count(*) > 0, max(q.discard_reason) FROM gate.quarantine q"
            " WHERE q.partition = %s AND q.seq = %s AND q.discarded ON CONFLICT DO NOTHING RETURNING discarded",
            [self._set, self._partition, seq, since, error, self._partition, seq],
        ).fetchone()
        return row is None or not row[0]

    def aside(self) -> Mapping[int, bool]:
        rows = self._connection.execute(
            "SELECT seq, discarded FROM gate.quarantine WHERE set = %s AND partition = %s AND seq IS NOT NULL",
            [self._set, self._partition],
        ).fetchall()
        return dict(rows)

    # --- rows about nobody ---

    @property
    def contributed(self) -> bool:
        if self._contributed:
            return True
        (row,) = self._run("SELECT NOT EXISTS (SELECT FROM {table})", "complex", [])
        return bool(row[0])  # `forgetting` empties it when somebody's share in it is gone

    def contributions(self) -> Sequence[Any]:
        # Two partitions may add to one complex: who comes second must see what the first has written.
        self._connection.execute("SELECT pg_advisory_xact_lock(%s)", [_COMPLEX_LOCK])
        return [data for (data,) in self._run("SELECT data FROM {table} ORDER BY data", CONTRIBUTION, [])]

    def complexes(self, rows: Mapping[str, Sequence[Any]], as_of: date) -> None:
        lines = [
            msgspec.json.encode({"v_org": org, "as_of": as_of, **msgspec.to_builtins(row)})
            for org, each in rows.items()
            for row in each
        ]
        self._run("DELETE FROM {table}", "complex", [])
        self._insert("complex", lines)

    def follow(self, ref: bytes, into: bytes) -> None:
        for table in ("gate.viewer", "gate.request", "gate.glass"):
            self._connection.execute(f"UPDATE {table} SET ref = %b WHERE ref = %b", [into, ref])

    def silent(self, orgs: Collection[str]) -> None:
        wanted = sorted(orgs)
        self._connection.execute("DELETE FROM gate.feed_silent WHERE org <> ALL(%s)", [wanted])
        self._connection.execute(
            "INSERT INTO gate.feed_silent SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING", [wanted]
        )

    def move(self, upto: int, closed: date | None, fingerprint: bytes) -> None:
        self._connection.execute(
            "UPDATE gate.position SET last = %s, closed = %s, fingerprint = %b WHERE set = %s AND partition = %s",
            [upto, closed, fingerprint, self._set, self._partition],
        )

    # --- steps ---

    def _remember(self, residents: Sequence[tuple[Shown, bytes]]) -> None:
        self._connection.execute(  # who could be computed leaves the quarantine
            "DELETE FROM gate.quarantine WHERE set = %s AND seq IS NULL AND ref = ANY(%b)",
            [self._set, [each.ref for each, _ in residents]],
        )
        self._run(
            "INSERT INTO {table} (ref, partition, judge_on, show_on, digest)"
            " SELECT ref, %s, judge_on, show_on, digest"
            " FROM unnest(%b::bytea[], %b::date[], %b::date[], %b::bytea[]) AS r(ref, judge_on, show_on, digest)"
            " ON CONFLICT (ref) DO UPDATE SET judge_on = excluded.judge_on, show_on = excluded.show_on,"
            " digest = excluded.digest",
            "resident",
            [
                self._partition,
                [each.ref for each, _ in residents],
                [each.judge_on for each, _ in residents],
                [each.show_on for each, _ in residents],
                [now for _, now in residents],
            ],
        )

    def _insert(self, table: str, lines: Sequence[bytes]) -> None:
        for start in range(0, len(lines), _LINES):
            part = b"[" + b",".join(lines[start : start + _LINES]) + b"]"
            self._run(
                "INSERT INTO {table} SELECT * FROM jsonb_populate_recordset(NULL::{table}, %s::jsonb)",
                table,
                [part.decode()],
            )

    def _run(self, query: LiteralString, table: str, values: list[Any]) -> psycopg.Cursor[Any]:
        return self._connection.execute(_composed(query, self._set, table), values)


@cache
def _composed(query: LiteralString, in_set: str, table: str) -> bytes:
    return sql.SQL(query).format(table=sql.Identifier(in_set, table)).as_bytes(None)


def count_differences(connection: psycopg.Connection[Any], one: str, other: str) -> dict[str, int]:
    """Per view the rows that are not the same in both sets, to the last byte."""
    found = {}
    for table in PEOPLE:
        query = sql.SQL(
            "SELECT count(*) FROM {one} AS a FULL JOIN {other} AS b USING (v_id)"
            " WHERE a.v_id IS NULL OR b.v_id IS NULL OR a *<> b"  # *<>: not the same bytes
        ).format(one=sql.Identifier(one, table), other=sql.Identifier(other, table))
        row = connection.execute(query).fetchone()
        found[table] = int(row[0]) if row else 0
    for name, table in (("complex", CONTRIBUTION), ("programma", PILOT)):
        query = sql.SQL(
            "SELECT count(*) FROM ((SELECT ref, data FROM {one} EXCEPT ALL SELECT ref, data FROM {other})"
            " UNION ALL (SELECT ref, data FROM {other} EXCEPT ALL SELECT ref, data FROM {one})) AS d"
        ).format(one=sql.Identifier(one, table), other=sql.Identifier(other, table))
        row = connection.execute(query).fetchone()
        found[name] = int(row[0]) if row else 0
    return found
