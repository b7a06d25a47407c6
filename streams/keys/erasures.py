"""What a database knows of the erasure ledger: which one is its own, and which of its lines it has done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from woonketen.contracts.errors import ConfigurationError
from woonketen.streams.keys.ledger import HEAD, RESTORE, Entry


def belongs_to(connection: psycopg.Connection[Any]) -> bool:
    """Whether the database has a ledger already; also before its schema was made."""
    found = connection.execute("SELECT to_regclass('vault.known_kek') IS NOT NULL").fetchone()
    if not found or not found[0]:
        return False
    return connection.execute("SELECT FROM vault.known_kek WHERE ledger IS NOT NULL").fetchone() is not None


def adopt(connection: psycopg.Connection[Any], entries: Sequence[Entry]) -> None:
    """The first ledger that is seen is the database's own."""
    connection.execute("UPDATE vault.known_kek SET ledger = %b WHERE ledger IS NULL", [entries[0].id])
    _refuse_stranger(connection, entries)


def not_done(connection: psycopg.Connection[Any], entries: Sequence[Entry]) -> list[Entry]:
    """The destructions that this database has not done, oldest first (that another copy was restored once is nothing to
    do). Raises `ConfigurationError` for another installation's
    ledger, and for one that lacks what this database has done: then an older backup could bring somebody back."""
    _refuse_stranger(connection, entries)
    done = {bytes(entry) for (entry,) in connection.execute("SELECT entry FROM vault.proof").fetchall()}
    if lacking := len(done - {entry.id for entry in entries}):
        raise ConfigurationError(
            f"The erasure ledger lacks {lacking} lines that this database has done.", "Put back its newest copy."
        )
    return [entry for entry in entries if entry.kind not in (HEAD, RESTORE) and entry.id not in done]


def prove(connection: psycopg.Connection[Any], entry: Entry, scope: str, rows: int) -> None:
    """In the transaction that did it."""
    connection.execute(
        "INSERT INTO vault.proof (entry, request, at, kind, scope, rows, keys) VALUES (%b, %s, now(), %s, %s, %s, %s)",
        [entry.id, entry.request, entry.kind, scope, rows, len(entry.kids)],
    )


def _refuse_stranger(connection: psycopg.Connection[Any], entries: Sequence[Entry]) -> None:
    row = connection.execute("SELECT ledger FROM vault.known_kek").fetchone()
    if row is None or row[0] is None:
        raise ConfigurationError("The database is not prepared for this program.", "Run `woonketen init`.")
    if bytes(row[0]) != entries[0].id:
        raise ConfigurationError(
            "The erasure ledger belongs to another installation.", "Name the one of this database (`ledger`)."
        )
