"""The names of people who look: sealed, apart from the looks, and opened for a steward who gave a reason."""

from __future__ import annotations

import secrets
from typing import Any

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from woonketen.projections.database import told
from woonketen.streams.keys.kek import Keys

_NONCE = 12


class Names:
    """On a connection with the processor's role. A name is bound to the role of its person in the database."""

    def __init__(self, connection: psycopg.Connection[Any], keys: Keys) -> None:
        self._connection = connection
        self._seal = AESGCM(keys.subkey("names"))

    def keep(self, rolname: str, name: str) -> None:
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + self._seal.encrypt(nonce, name.encode(), rolname.encode())
        with told():
            self._connection.execute(
                "INSERT INTO gate.name (rolname, sealed) VALUES (%s, %b) ON CONFLICT (rolname) DO NOTHING",
                [rolname, sealed],
            )

    def read(self, rolname: str) -> str | None:
        """None for a name that was not kept, or was sealed under another key."""
        with told():
            row = self._connection.execute("SELECT sealed FROM gate.name WHERE rolname = %s", [rolname]).fetchone()
        if row is None:
            return None
        sealed = bytes(row[0])
        try:
            return self._seal.decrypt(sealed[:_NONCE], sealed[_NONCE:], rolname.encode()).decode()
        except InvalidTag:
            return None
