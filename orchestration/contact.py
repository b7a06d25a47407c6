"""Contact data of a signal: outside the log, sealed, fetched once by the handle in the row, gone after thirty days."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec
import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from woonketen.contracts.errors import ConfigurationError
from woonketen.projections.database import told
from woonketen.streams.core.show.schuldhulp import contact_handle
from woonketen.streams.keys.kek import Keys

KEPT_DAYS = 30
_NONCE = 12


class ContactData(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What somebody needs to offer help, and nothing else."""

    name: str
    address: str | None = None
    phone: str | None = None
    email: str | None = None

    def __repr__(self) -> str:
        return "ContactData(…)"


class Contacts:
    """On a connection with the processor's role."""

    def __init__(self, connection: psycopg.Connection[Any], keys: Keys) -> None:
        self._connection, self._keys = connection, keys
        self._seal = AESGCM(keys.subkey("contact data"))

    def put(self, org: str, signal_id: str, data: bytes) -> str:
        """Keeps what the corporation that signals gave, and returns the handle. Raises `ConfigurationError`."""
        if not signal_id.startswith(f"{org}:"):
            raise ConfigurationError("This signal is another organisation's.", "Give a signal of your own.")
        try:
            contact = msgspec.json.decode(data, type=ContactData)
        except msgspec.MsgspecError:
            raise ConfigurationError(
                "These are no contact data.", "Write a JSON object with name, and address, phone or email."
            ) from None
        handle = contact_handle(signal_id, self._keys.minted)
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + self._seal.encrypt(nonce, msgspec.json.encode(contact), handle.encode())
        with told(), self._connection.transaction():
            self.forget_old()
            self._connection.execute(
                "INSERT INTO gate.contact (handle, sealed) VALUES (%s, %b)"
                " ON CONFLICT (handle) DO UPDATE SET sealed = excluded.sealed, put_at = now()",
                [handle, sealed],
            )
        return handle

    def forget_old(self) -> int:
        """Deletes what nobody fetched in time. Returns how many."""
        with told():
            return self._connection.execute(
                f"DELETE FROM gate.contact WHERE put_at < now() - interval '{KEPT_DAYS} days'"
            ).rowcount

    def take(self, handle: str) -> dict[str, Any] | None:
        """The data, which are gone by that; None when they were fetched before or never given."""
        row = self._connection.execute(
            f"DELETE FROM gate.contact WHERE handle = %s AND put_at > now() - interval '{KEPT_DAYS} days'"
            " RETURNING sealed",
            [handle],
        ).fetchone()
        if row is None:
            return None
        sealed = bytes(row[0])
        clear = self._seal.decrypt(sealed[:_NONCE], sealed[_NONCE:], handle.encode())
        found: dict[str, Any] = msgspec.json.decode(clear)
        return found
