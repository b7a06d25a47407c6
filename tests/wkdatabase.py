"""A database as the migrations leave it (log, vault, admission), and a connection in the processor's role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

import woonketen.streams
from woonketen.streams.keys.kek import Keys

KEYS = Keys(bytes(range(32)))
_SCRIPTS = Path(woonketen.streams.__file__).parent / "sql"


def apply_schema(owner: psycopg.Connection[Any]) -> None:
    with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):  # roles are the whole server's
        owner.execute("CREATE ROLE woonketen_processor NOLOGIN")
    for name in ("log.sql", "vault.sql", "admission.sql", "window.sql", "proofs.sql"):
        owner.execute((_SCRIPTS / name).read_bytes())


@contextmanager
def as_processor(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET ROLE woonketen_processor")
        connection.execute("SET synchronous_commit = off")  # no test here pulls the plug
        yield connection
