"""The data keys in PostgreSQL, wrapped (AES-KW) under the key-encryption key."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from woonketen.contracts.errors import KeyMissing, WrongKey
from woonketen.contracts.ports import Cipher
from woonketen.streams.keys.kek import Keys
from woonketen.streams.postgres.errors import told

NONCE = 12
CACHED = 50_000
LOCK = 0x776B_0002  # advisory lock: shared while minting, alone while destroying

Scope = tuple[bytes | None, str, str]


class AesGcm:
    """A data key: nonce, text and tag in one. The nonce is random: far below 2**32 seals are made with one key."""

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, clear: bytes, header: bytes) -> bytes:
        return seal(self._aead, clear, header)

    def open(self, sealed: bytes, header: bytes) -> bytes:
        return unseal(self._aead, sealed, header)


def seal(aead: AESGCM, clear: bytes, header: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE)
    return nonce + aead.encrypt(nonce, clear, header)


def unseal(aead: AESGCM, sealed: bytes, header: bytes) -> bytes:
    """Raises `WrongKey`."""
    try:
        return aead.decrypt(sealed[:NONCE], sealed[NONCE:], header)
    except (InvalidTag, ValueError):
        raise WrongKey("A record does not open with its key.", "It was changed, or belongs to another place.") from None


class PostgresVault:
    """The port `Vault` on the caller's connection and in its transaction. Keeps up to 50,000 opened keys in memory."""

    def __init__(self, connection: psycopg.Connection[Any], keys: Keys, cached: int = CACHED) -> None:
        self._connection = connection
        self._keys = keys
        self._cached = cached
        self._opened: OrderedDict[bytes, AesGcm] = OrderedDict()
        self._classes: dict[str, bytes] = {}
        self._gone = -1  # the last destruction that we know of
        self._lost: set[bytes] = set()

    def check(self) -> None:
        """Raises `WrongKey` when this key-encryption key is not the one that the vault was made with; the first one is
        remembered."""
        with told():
            self._connection.execute(
                "INSERT INTO vault.known_kek (trace, epoch) VALUES (%b, %s) ON CONFLICT DO NOTHING",
                [self._keys.trace, self._keys.epoch],
            )
            found = self._connection.execute("SELECT trace, epoch FROM vault.known_kek").fetchone()
        if found is None or bytes(found[0]) != self._keys.trace:
            raise WrongKey(
                "The key file does not belong to this database.", "Name the key that it was made with (`kek_file`)."
            )
        self._keys.use(found[1])

    def ciphers(self, kids: Collection[bytes]) -> Mapping[bytes, Cipher | None]:
        """See the port. One query for the keys that are not in memory."""
        self._catch_up()
        found: dict[bytes, Cipher | None] = {}
        missing = []
        for kid in kids:
            opened = self._opened.get(kid)
            if opened is None:
                missing.append(kid)
            else:
                self._opened.move_to_end(kid)
                found[kid] = opened
        if missing:
            with told(), self._connection.cursor(binary=True) as cursor:
                cursor.execute("SELECT kid, wrapped, epoch FROM vault.key WHERE kid = ANY(%b)", [missing])
                for kid, wrapped, epoch in cursor:
                    found[kid] = None if wrapped is None else self._remember(kid, self._unwrap(wrapped, epoch))
            if lost := len(missing) - sum(kid in found for kid in missing):
                raise KeyMissing(f"The vault holds no trace of {lost} keys.", "Restore it from a backup.")
        return found

    def mint(self, wanted: Iterable[Scope]) -> Mapping[Scope, bytes]:
        """See the port. Made keys can be used in this transaction at once."""
        scopes = sorted(set(wanted), key=lambda scope: (scope[0] or b"", scope[1], scope[2]))
        if not scopes:
            return {}
        with told():
            # A key that is found alive here stays so until this transaction ends: who destroys waits for us.
            self._connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [LOCK])
            found = self._find(scopes)
            for _ in range(3):
                made = [scope for scope in scopes if scope not in found]
                if not made:
                    break
                self._make(made)
                # Asked again, not returned: another process may have made the same key in the meantime.
                found |= self._find(made)
        return found

    def lost(self) -> Collection[bytes]:
        """See the port."""
        self._catch_up()
        lost, self._lost = self._lost, set()
        return lost

    def destroy(self, ref: bytes | None, org: str | None, retention_class: str | None, day: date) -> int:
        """Destroys the living keys of a resident (of one organisation, of one class) and leaves tombstones. Call it
        before anything is appended in the transaction. Returns how many."""
        with told():
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            found = self._connection.execute(
                "SELECT kid FROM vault.key WHERE ref IS NOT DISTINCT FROM %(ref)b"
                " AND destroyed_on IS NULL AND (%(org)s::text IS NULL OR org = %(org)s)"
                " AND (%(class)b::bytea IS NULL OR class = %(class)b)",
                {
                    "ref": ref,
                    "org": org,
                    "class": None if retention_class is None else self._class(retention_class),
                },
            )
            return self.destroy_keys([bytes(kid) for (kid,) in found.fetchall()], day)

    def living(self, refs: Collection[bytes]) -> Mapping[bytes, tuple[bytes, str]]:
        """Resident and organisation per living key of these residents. Nobody mints until the transaction ends."""
        with told():
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            rows = self._connection.execute(
                "SELECT kid, ref, org FROM vault.key WHERE ref = ANY(%b) AND destroyed_on IS NULL", [list(refs)]
            ).fetchall()
        return {bytes(kid): (bytes(ref), org) for kid, ref, org in rows}

    def destroy_keys(self, kids: Collection[bytes], day: date) -> int:
        """Destroys these keys, where they live, and leaves tombstones. Returns how many."""
        with told():
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            gone = self._connection.execute(
                "UPDATE vault.key SET wrapped = NULL, destroyed_on = %s, gone = nextval('vault.gone')"
                " WHERE kid = ANY(%b) AND destroyed_on IS NULL RETURNING kid, ref",
                [day, list(kids)],
            ).fetchall()
        self.forget(bytes(kid) for kid, _ in gone)
        self._lost.update(bytes(ref) for _, ref in gone if ref is not None)
        return len(gone)

    def forget(self, kids: Iterable[bytes]) -> None:
        """Drops opened keys from this process's memory: another process destroyed them."""
        for kid in kids:
            self._opened.pop(kid, None)

    # --- steps ---

    def _catch_up(self) -> None:
        """Destructions by other processes. They exclude one another, so their numbers become visible in order."""
        with told():
            if self._gone < 0:
                row = self._connection.execute("SELECT coalesce(max(gone), 0) FROM vault.key").fetchone()
                self._gone = int(row[0]) if row else 0
                return
            rows = self._connection.execute(
                "SELECT gone, kid, ref FROM vault.key WHERE gone > %s ORDER BY gone", [self._gone]
            ).fetchall()
        for number, kid, ref in rows:
            self._gone = number
            self._opened.pop(bytes(kid), None)
            if ref is not None:
                self._lost.add(bytes(ref))

    def _find(self, scopes: list[Scope]) -> dict[Scope, bytes]:
        with self._connection.cursor(binary=True) as cursor:
            cursor.execute(
                "SELECT w.n, k.kid"
                " FROM unnest(%b::bytea[], %b::text[], %b::bytea[]) WITH ORDINALITY AS w(ref, org, class, n)"
                " JOIN vault.key k ON k.ref = w.ref AND k.org = w.org AND k.class = w.class AND k.destroyed_on IS NULL",
                self._columns([scope for scope in scopes if scope[0] is not None]),
            )
            people = [scope for scope in scopes if scope[0] is not None]
            found = {people[n - 1]: kid for n, kid in cursor}
            if len(people) < len(scopes):
                cursor.execute("SELECT org, class, kid FROM vault.key WHERE ref IS NULL AND destroyed_on IS NULL")
                everybody = {(org, kind): kid for org, kind, kid in cursor}
                for scope in scopes:
                    kid = everybody.get((scope[1], self._class(scope[2]))) if scope[0] is None else None
                    if kid is not None:
                        found[scope] = kid
        return found

    def _make(self, scopes: list[Scope]) -> None:
        kids = [secrets.token_bytes(16) for _ in scopes]
        wrapped = [aes_key_wrap(self._keys.kek, AESGCM.generate_key(256)) for _ in scopes]
        self._connection.execute(
            "INSERT INTO vault.key (kid, ref, org, class, wrapped, epoch)"
            " SELECT *, %s FROM unnest(%b::bytea[], %b::bytea[], %b::text[], %b::bytea[], %b::bytea[])"
            " ON CONFLICT (ref, org, class) WHERE destroyed_on IS NULL DO NOTHING",
            [self._keys.epoch, kids, *self._columns(scopes), wrapped],
        )

    def _columns(self, scopes: list[Scope]) -> list[Any]:
        return [[s[0] for s in scopes], [s[1] for s in scopes], [self._class(s[2]) for s in scopes]]

    def _class(self, name: str) -> bytes:
        known = self._classes.get(name)
        if known is None:
            known = self._keys.token(b"class\x00" + name.encode())
            if len(self._classes) < 1000:
                self._classes[name] = known
        return known

    def _unwrap(self, wrapped: bytes, epoch: int) -> AesGcm:
        try:
            return AesGcm(aes_key_unwrap(self._keys.of(epoch), wrapped))
        except InvalidUnwrap:
            raise WrongKey(
                "The key file does not open the vault's keys.", "Name the key that they were made with (`kek_file`)."
            ) from None

    def _remember(self, kid: bytes, opened: AesGcm) -> AesGcm:
        self._opened[kid] = opened
        if len(self._opened) > self._cached:
            self._opened.popitem(last=False)
        return opened
