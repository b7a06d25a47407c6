"""Open platforms, lent to one request at a time: each has its own two connections and is not for several threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, Protocol

import psycopg

from woonketen.contracts.errors import Unreachable
from woonketen.orchestration.platform import Platform

_TRUST_SECONDS = 30.0


class Lent(Protocol):
    def hold(self) -> AbstractContextManager[Platform]: ...


class _Member:
    def __init__(self, opened: AbstractContextManager[Platform]) -> None:
        self._opened = opened
        self.platform = opened.__enter__()
        self.used_at = time.monotonic()

    def sound(self) -> bool:
        """Whether it can be lent: nothing half-done, and the server answered lately."""
        parts = self.platform.parts
        try:
            for connection in (parts.owner, parts.processor):
                if connection.closed or connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                    return False
                if time.monotonic() - self.used_at > _TRUST_SECONDS:
                    connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def close(self) -> None:
        with suppress(psycopg.Error):
            self._opened.__exit__(None, None, None)


class Platforms:
    """At most `most`; who finds none free waits `wait_seconds`, then gets `Unreachable`. `opening` makes one more."""

    def __init__(
        self, opening: Callable[[], AbstractContextManager[Platform]], most: int = 8, wait_seconds: float = 5.0
    ) -> None:
        self._opening = opening
        self._slots = threading.BoundedSemaphore(most)
        self._wait = wait_seconds
        self._free: list[_Member] = []
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def hold(self) -> Iterator[Platform]:
        if not self._slots.acquire(timeout=self._wait):
            raise Unreachable("The server is busy.", "Try again in a few seconds.")
        try:
            member = self._take()
            try:
                yield member.platform
            finally:
                self._give_back(member)
        finally:
            self._slots.release()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            free, self._free = self._free, []
        for member in free:
            member.close()

    def _take(self) -> _Member:
        while True:
            with self._lock:
                if self._closed:
                    raise Unreachable("The server is stopping.", "Try again in a minute.")
                member = self._free.pop() if self._free else None
            if member is None:
                return _Member(self._opening())
            if member.sound():
                return member
            member.close()

    def _give_back(self, member: _Member) -> None:
        member.used_at = time.monotonic()
        if not self._closed and member.sound():
            with self._lock:
                self._free.append(member)
        else:
            member.close()


def as_processor(platform: Platform) -> psycopg.Connection[Any]:
    """The platform's connection in the processor's role, for the server's own tables."""
    return platform.parts.processor
