"""Brings a database to this program's schema: numbered SQL files, each in one transaction with the note that it ran."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any

import psycopg

from woonketen.contracts.errors import ConfigurationError, NewerSchema

Migration = tuple[str, str]
"""Name, which begins with four digits that order it, and SQL."""

_LOCK = 0x776B_0010
_TRIES = 20
_PAUSE_SECONDS = 0.1

_BOOK = """
    CREATE SCHEMA IF NOT EXISTS gate;
    CREATE TABLE IF NOT EXISTS gate.migration (
        name text PRIMARY KEY, sha bytea NOT NULL, at timestamptz NOT NULL DEFAULT now());
"""


def own_migrations() -> list[Migration]:
    """Those of this folder: `0001_roles` runs before everybody's, `0100_…` after the log, vault and admission."""
    folder = files("woonketen.projections") / "sql"
    found = [(each.name, each.read_text("utf-8")) for each in folder.iterdir() if each.name.endswith(".sql")]
    return sorted((name.removesuffix(".sql"), text) for name, text in found)


def migrate(owner: psycopg.Connection[Any], others: Iterable[Migration]) -> str:
    """Runs what has not run yet, in the order of the names, and returns the last one's name.

    `owner`: an autocommit connection that may make roles and schemas. `others`: the migrations of log, vault and
    admission, numbered between `0002` and `0099`. Two at a time wait for each other; again is nothing.

    Raises `NewerSchema` when the database knows a migration that this program does not, `ConfigurationError` when one
    that ran was changed afterwards.
    """
    wanted = sorted([*own_migrations(), *others])
    owner.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    try:
        done = _done(owner)
        _refuse_newer(wanted, done)
        for name, text in wanted:
            if name not in done:
                _run(owner, name, text)
            elif done[name] != _sha(text):
                raise ConfigurationError(
                    f"The migration {name} is not the one that this database was made with.",
                    "Use the program that made it, or a new database.",
                )
    finally:
        owner.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
    return wanted[-1][0]


def check_schema(connection: psycopg.Connection[Any], others: Iterable[Migration]) -> None:
    """Raises `NewerSchema` for a newer database, `ConfigurationError` for one that `init` has still to bring up."""
    wanted = sorted([*own_migrations(), *others])
    try:
        done = dict(connection.execute("SELECT name, sha FROM gate.migration").fetchall())
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        done = {}
    _refuse_newer(wanted, done)
    if any(name not in done for name, _ in wanted):
        raise ConfigurationError("The database is not prepared for this program.", "Run `woonketen init`.")


def _done(owner: psycopg.Connection[Any]) -> dict[str, bytes]:
    owner.execute(_BOOK)
    return {name: bytes(sha) for name, sha in owner.execute("SELECT name, sha FROM gate.migration").fetchall()}


def _refuse_newer(wanted: Sequence[Migration], done: Iterable[str]) -> None:
    unknown = sorted(set(done) - {name for name, _ in wanted})
    if unknown:
        raise NewerSchema(
            f"The database was made by a newer program: it knows {unknown[-1]}.", "Install that version of woonketen."
        )


def _run(owner: psycopg.Connection[Any], name: str, text: str) -> None:
    for tries_left in reversed(range(_TRIES)):
        try:
            with owner.transaction():
                owner.execute(text)
                owner.execute("INSERT INTO gate.migration (name, sha) VALUES (%s, %b)", [name, _sha(text)])
            return
        except (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateObject, psycopg.errors.InternalError_):
            # Roles are the server's: another database on it may be making the same ones at this moment.
            if not tries_left:
                raise
            time.sleep(_PAUSE_SECONDS)


def _sha(text: str) -> bytes:
    return sha256(text.encode()).digest()
