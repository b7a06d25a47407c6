"""One process at a time does something; it is not what keeps it right, only what keeps it from being done twice.

A lock that ends with its holder's connection, so a killed holder is followed at once; and a beat, so that one who only
stands still (a stopped process, a cut cable) is followed too. For a moment two may work: what they do must bear it.
"""

from __future__ import annotations

import secrets
import time
from typing import Any

import psycopg

BEAT_SECONDS = 1.0
STILL_SECONDS = 10.0


class Alone:
    """On a connection in autocommit mode, which nothing else of the process may use for the same `lock`."""

    def __init__(self, connection: psycopg.Connection[Any], name: str, lock: int) -> None:
        self._connection, self._name, self._lock = connection, name, lock
        self._me = secrets.token_hex(8)
        self._locked = False
        self._beaten = 0.0

    def mine(self) -> bool:
        """Whether it is our turn now. Ask before every round."""
        if not self._locked:
            row = self._connection.execute("SELECT pg_try_advisory_lock(%s)", [self._lock]).fetchone()
            self._locked = bool(row and row[0])
        if not self._locked and not self._stands_still():
            return False
        if time.monotonic() - self._beaten > BEAT_SECONDS:
            self._connection.execute(
                "INSERT INTO log.beat (name, owner, at) VALUES (%s, %s, clock_timestamp())"
                " ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, at = excluded.at",
                [self._name, self._me],
            )
            self._beaten = time.monotonic()
        return True

    def _stands_still(self) -> bool:
        row = self._connection.execute(
            "SELECT owner = %s OR at < clock_timestamp() - %s * interval '1 second' FROM log.beat WHERE name = %s",
            [self._me, STILL_SECONDS, self._name],
        ).fetchone()
        return bool(row and row[0])
