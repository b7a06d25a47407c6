"""`woonketen worker admission`: the Kafka doors and the relay, each with a connection of its own, in one process.

Admission has one writer at a time whatever there is; a second process stands by and takes over when the first is gone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from woonketen.contracts.errors import WoonketenError
from woonketen.contracts.settings import Settings
from woonketen.orchestration import wiring
from woonketen.orchestration.supervise import end_with_supervisor, is_supervised
from woonketen.orchestration.wiring import PROCESSOR, Parts
from woonketen.streams.door.admission import Admission
from woonketen.streams.door.standing import Seals
from woonketen.streams.kafka import tail
from woonketen.streams.kafka.doors import Doors
from woonketen.streams.kafka.link import Link
from woonketen.streams.kafka.relay import Relay
from woonketen.streams.keys.vault import PostgresVault
from woonketen.streams.log.postgres import SCALED, PostgresLog

LOOK_SECONDS = 0.2
IDLE = "30s"
"""A process that its machine stops in the middle of a transaction holds admission's lock no longer than this."""
ALIVE: dict[str, Any] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A cut cable is noticed within half a minute, not after hours."""
Say = Callable[[str], None]


class Admitting:
    """Doors and relay at work in threads of their own. `check` raises what one of them has ended with."""

    def __init__(self, parts: Parts, link: Link, say: Say, *, doors: bool) -> None:
        self._parts, self._link, self._say = parts, link, say
        self._stop = threading.Event()
        self._failed: list[BaseException] = []
        work = {"relay": self._relay, **({"doors": self._doors} if doors else {})}
        self._threads = [
            threading.Thread(target=self._try, args=(each,), name=name, daemon=True) for name, each in work.items()
        ]
        self.admitted = 0

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def check(self) -> None:
        if not self._failed:
            return
        error = self._failed[0]
        if isinstance(error, WoonketenError):
            raise error
        raise WoonketenError(f"Admission or the relay ended ({type(error).__name__}).", "It begins again.") from error

    def _try(self, work: Callable[[psycopg.Connection[Any]], None]) -> None:
        try:
            with processor(self._parts.dsn) as connection:
                work(connection)
        except BaseException as error:  # noqa: BLE001 - told by `check`, in the thread that waits
            self._failed.append(error)

    def _relay(self, connection: psycopg.Connection[Any]) -> None:
        Relay(connection, self._link, Seals(self._parts.keys)).run(self._stop)

    def _doors(self, connection: psycopg.Connection[Any]) -> None:
        doors = make_doors(self._parts, connection, self._link, self._say)
        try:
            doors.run(self._stop)
        finally:
            self.admitted = doors.admitted


@contextmanager
def processor(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(dsn, autocommit=True, **ALIVE) as connection:
        connection.execute(f"SET ROLE {PROCESSOR}")
        connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE}'")
        yield connection


def make_doors(parts: Parts, connection: psycopg.Connection[Any], link: Link, say: Say) -> Doors:
    vault = PostgresVault(connection, parts.keys)
    admission = Admission(
        connection, parts.keys, vault, PostgresLog(connection, vault, SCALED), terms=parts.rulebook.terms
    )
    return Doors(connection, admission, link, backup_hours=parts.settings.backup_hours, say=say)


@contextmanager
def admitting(parts: Parts, link: Link, say: Say = lambda _: None, *, doors: bool = True) -> Iterator[Admitting]:
    """Doors and relay beside something else. Raises `ConfigurationError` when Kafka and the database do not belong
    together."""
    tail.check(parts.processor, link)
    both = Admitting(parts, link, say, doors=doors)
    both.start()
    try:
        yield both
    finally:
        both.stop()


def admission_worker(settings: Settings, stop: threading.Event, say: Say) -> None:
    """Under a supervisor, until `stop` is set. Raises what it ends with."""
    if is_supervised():
        end_with_supervisor()
    with wiring.opened(settings) as parts:
        if parts.link is None:
            return
        with admitting(parts, parts.link, say) as both:
            say("admission and relay at work")
            while not stop.wait(LOOK_SECONDS):
                both.check()
