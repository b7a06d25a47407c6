"""A new epoch of the key-encryption key: everything under the old one is made anew in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from psycopg import sql

from woonketen.streams.door.parking import open_parked
from woonketen.streams.door.standing import Seals
from woonketen.streams.keys.kek import Keys
from woonketen.streams.keys.vault import LOCK
from woonketen.streams.postgres.errors import told

PAGE = 10_000

_SEALED = (
    ("seen", "key", ("memo",)),
    ("outcome", "key", ("memo",)),
    ("enrolment", "key", ("rank", "corrected")),
    ("signalling", "key", ("rank", "corrected")),
)
"""Tables of admission, what each row is sealed with, and the sealed columns."""


class Rewrapped(msgspec.Struct, frozen=True):
    """`epoch`: in use now; `keys`: data keys wrapped anew; `rows`: of admission's tables."""

    epoch: int
    keys: int
    rows: int


def rewrap(connection: psycopg.Connection[Any], keys: Keys, to: int) -> Rewrapped:
    """Wraps and seals everything under epoch `to`, which becomes the one in use. `keys` holds both epochs and uses the
    old one. The caller has the database for itself. All or nothing."""
    old, new = keys, keys.at(to)
    with told(), connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        wrapped = _data_keys(connection, keys, new)
        rows = _parked(connection, Seals(old), Seals(new)) + _pseudonyms(connection, old, new)
        for table, key, columns in _SEALED:
            rows += _sealed(connection, table, key, columns, Seals(old), Seals(new))
        connection.execute("UPDATE vault.known_kek SET epoch = %s", [to])
    return Rewrapped(to, wrapped, rows)


def _data_keys(connection: psycopg.Connection[Any], keys: Keys, new: Keys) -> int:
    count = 0
    for page in _pages(connection, "vault.key", "kid", "wrapped, epoch", "wrapped IS NOT NULL"):
        made = [aes_key_wrap(new.kek, aes_key_unwrap(keys.of(epoch), wrapped)) for _, wrapped, epoch in page]
        connection.execute(
            "UPDATE vault.key k SET wrapped = w.wrapped, epoch = %s"
            " FROM unnest(%b::bytea[], %b::bytea[]) AS w(kid, wrapped) WHERE k.kid = w.kid",
            [new.epoch, [kid for kid, _, _ in page], made],
        )
        count += len(page)
    return count


def _sealed(
    connection: psycopg.Connection[Any], table: str, key: str, columns: tuple[str, ...], old: Seals, new: Seals
) -> int:
    count = 0
    for page in _pages(connection, f"admission.{table}", key, ", ".join(columns)):
        for at, column in enumerate(columns, start=1):
            anew = [(row[0], _again(old, new, row[at], row[0])) for row in page if row[at]]
            if anew:
                query = sql.SQL(
                    "UPDATE {table} t SET {column} = w.sealed FROM unnest(%b::bytea[], %b::bytea[]) AS w(key, sealed)"
                    " WHERE t.key = w.key"
                ).format(table=sql.Identifier("admission", table), column=sql.Identifier(column))
                connection.execute(query, [[each for each, _ in anew], [sealed for _, sealed in anew]])
        count += len(page)
    return count


def _again(old: Seals, new: Seals, sealed: bytes, key: bytes) -> bytes:
    return new.seal(old.open(sealed, key), key)


def _parked(connection: psycopg.Connection[Any], old: Seals, new: Seals) -> int:
    """What waits for a link waits on the sealed pseudonym, so that changes with it."""
    count = 0
    for page in _pages(connection, "admission.parked", "key", "org, waits_for, waits_on, sealed"):
        rows = []
        for key, org, waits_for, waits_on, sealed in page:
            event = open_parked(old, key, sealed)
            on = new.keys.pseudonym(org, event.subject) if waits_for == "link" and event.subject else waits_on
            rows.append((key, on, _again(old, new, sealed, key)))
        connection.execute(
            "UPDATE admission.parked p SET waits_on = w.waits_on, sealed = w.sealed"
            " FROM unnest(%b::bytea[], %b::bytea[], %b::bytea[]) AS w(key, waits_on, sealed) WHERE p.key = w.key",
            [[row[at] for row in rows] for at in range(3)],
        )
        count += len(page)
    return count


def _pseudonyms(connection: psycopg.Connection[Any], old: Keys, new: Keys) -> int:
    """The sealed pseudonym is the key of its row, so all of them are read first."""
    rows = connection.execute("SELECT siv, org FROM admission.pseudonym").fetchall()
    for start in range(0, len(rows), PAGE):
        part = [(bytes(siv), org) for siv, org in rows[start : start + PAGE]]
        connection.execute(
            "UPDATE admission.pseudonym p SET siv = w.anew FROM unnest(%b::bytea[], %b::bytea[]) AS w(siv, anew)"
            " WHERE p.siv = w.siv",
            [[siv for siv, _ in part], [new.pseudonym(org, old.subject(org, siv)) for siv, org in part]],
        )
    return len(rows)


def _pages(
    connection: psycopg.Connection[Any], table: str, key: str, columns: str, where: str = "true"
) -> Iterator[list[Any]]:
    after = b""
    while True:
        with connection.cursor(binary=True) as cursor:
            cursor.execute(
                f"SELECT {key}, {columns} FROM {table} WHERE {where} AND {key} > %b ORDER BY {key} LIMIT {PAGE}",
                [after],
            )
            page = cursor.fetchall()
        if page:
            yield page
            after = page[-1][0]
        if len(page) < PAGE:
            return
