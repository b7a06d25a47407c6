"""Tables out of a database and into an empty one, row for row: all that a backup holds, and what is left out of it.

Left out are states, views and everything else that can be computed from the log: they hold what is readable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from woonketen.contracts.errors import ConfigurationError
from woonketen.projections.database import told

_SCHEMAS = ("log", "vault", "admission", "looks", "figures")
_GATE = (
    "installation", "viewer", "feed_silent", "name", "request", "hold", "looks_key", "retention_list", "retention_item",
    "figure",
)  # fmt: skip
_WEB = ("client_key",)
"""Partners' public keys; who was signed in is not brought back."""


def tables(owner: psycopg.Connection[Any]) -> dict[str, list[str]]:
    """Schema-qualified tables of a backup and their columns, in a fixed order."""
    rows = owner.execute(
        "SELECT n.nspname || '.' || c.relname, array_agg(a.attname ORDER BY a.attnum)"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''"
        " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition"
        " AND (n.nspname = ANY (%s) OR (n.nspname = 'gate' AND c.relname = ANY (%s))"
        " OR (n.nspname = 'web' AND c.relname = ANY (%s)))"
        " GROUP BY 1 ORDER BY 1",
        [list(_SCHEMAS), list(_GATE), list(_WEB)],
    ).fetchall()
    return dict(rows)


def read_all(owner: psycopg.Connection[Any]) -> None:
    """One moment of the database for the rest of this transaction, past all rules, or an error: rows that are silently
    left out would be the worst of backups."""
    owner.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    owner.execute("SET LOCAL row_security = off")


def copy_out(owner: psycopg.Connection[Any], table: str, columns: Sequence[str]) -> Iterator[bytes]:
    query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT BINARY)").format(_columns(columns), _name(table))
    try:
        with owner.cursor() as cursor, cursor.copy(query) as copy:
            for block in copy:
                yield bytes(block)
    except psycopg.errors.InsufficientPrivilege:
        raise ConfigurationError(
            "This user of the database may not read everything.", "Make backups as a superuser, or with BYPASSRLS."
        ) from None


def clear(owner: psycopg.Connection[Any], names: Sequence[str]) -> None:
    owner.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(_name, names))))


def copy_in(owner: psycopg.Connection[Any], table: str, columns: Sequence[str], blocks: Iterator[bytes]) -> int:
    """Returns the number of rows."""
    query = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(_name(table), _columns(columns))
    with owner.cursor() as cursor:
        with cursor.copy(query) as copy:
            for block in blocks:
                copy.write(block)
        return cursor.rowcount


def count_on(owner: psycopg.Connection[Any]) -> None:
    """Numbers that are given out go on behind those that were given out before."""
    owner.execute("SELECT setval('vault.gone', greatest(1, (SELECT max(gone) FROM vault.key)))")
    for table, columns in tables(owner).items():
        for column in columns:
            row = owner.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, column]).fetchone()
            if row and row[0]:
                query = sql.SQL("SELECT setval(%s, coalesce(max({}), 0) + 1, false) FROM {}")
                owner.execute(query.format(sql.Identifier(column), _name(table)), [row[0]])


def is_empty(owner: psycopg.Connection[Any]) -> bool:
    """Whether nothing was ever told to this database."""
    with told():
        return owner.execute("SELECT FROM log.record LIMIT 1").fetchone() is None


def positions(owner: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """How far the views are that are read."""
    rows = owner.execute(
        "SELECT partition, last, closed::text, encode(fingerprint, 'hex') FROM gate.position"
        " WHERE set = (SELECT name FROM gate.set WHERE live) ORDER BY partition"
    ).fetchall()
    return [dict(zip(("partition", "last", "closed", "fingerprint"), row, strict=True)) for row in rows]


def put_positions(owner: psycopg.Connection[Any], found: Sequence[Mapping[str, Any]]) -> None:
    """The empty live set stands there, and belongs to no code: it has to be rebuilt before anything else is done."""
    for each in found:
        owner.execute(
            "UPDATE gate.position SET last = %(last)s, closed = %(closed)s::date,"
            " fingerprint = decode(%(fingerprint)s, 'hex')"
            " WHERE set = (SELECT name FROM gate.set WHERE live) AND partition = %(partition)s",
            each,
        )
    owner.execute("UPDATE gate.set SET code = 'restored' WHERE live")


def _name(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))


def _columns(columns: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
