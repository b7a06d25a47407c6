"""`woonketen worker step`: one process of the scaled engine, and the thread that watches it."""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import psycopg

from woonketen.contracts.errors import WoonketenError
from woonketen.contracts.settings import Settings
from woonketen.orchestration import wiring
from woonketen.orchestration.supervise import end_with_supervisor
from woonketen.orchestration.wiring import Parts
from woonketen.projections.store import PostgresViews
from woonketen.streams.drive.turn import place
from woonketen.streams.drive.worker import COLLECT, Worker
from woonketen.streams.kafka.delivered import Delivered, Step
from woonketen.streams.kafka.link import link_of
from woonketen.streams.kafka.polled import polled
from woonketen.streams.log.kafka import Incoming, KafkaLog, note_stall

STUCK_SECONDS = 10.0
"""So long the next record may be missing while later ones are here."""
DEAF_SECONDS = 60.0
"""So long nothing may come while Kafka has something for us."""
HUNG_SECONDS = 900.0
"""So long one delivery may take."""
BEAT_SECONDS = 2.0
_IDLE = "30s"
"""A worker that is stopped by its machine in the middle of a batch holds the position no longer than this."""

Say = Callable[[str], None]


def make_worker(parts: Parts, log: KafkaLog, partitions: int) -> Worker:
    return Worker(
        parts.processor, log, parts.vault, PostgresViews(parts.processor, parts.rulebook.code),
        policy=parts.rulebook.policy, rules=parts.rulebook.rules, pseudonym_key=parts.keys.minted,
        partitions=partitions,
    )  # fmt: skip


def make_log(parts: Parts, incoming: Incoming) -> KafkaLog:
    return KafkaLog(parts.processor, parts.vault, incoming)


def partitions_of(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT count(*) FROM log.counter").fetchone()
    return int(row[0]) if row else 0


def step_worker(settings: Settings, say: Say) -> NoReturn:
    """Under a supervisor. Ends with 0 when it is asked to stop; with 2 for what needs a person; else it may be begun
    again. Raises `WoonketenError` before it has begun."""
    from woonketen.streams.kafka.faust_driver import check_faust, deliver

    for number in (signal.SIGTERM, signal.SIGINT):  # until Faust listens; in the middle of its start it would complain
        signal.signal(number, lambda *_: os._exit(0))
    end_with_supervisor()
    check_faust()
    with wiring.opened(settings) as parts:
        link = link_of(settings)
        partitions = partitions_of(parts.processor)
        with polled(link, dict.fromkeys(range(partitions), 0)):
            pass  # says in a sentence what Faust would say in a traceback
        parts.processor.execute(f"SET idle_in_transaction_session_timeout = '{_IDLE}'")
        incoming = Delivered()
        log = make_log(parts, incoming)
        views = PostgresViews(parts.processor, parts.rulebook.code)
        step = Step(parts.processor, log, views, make_worker(parts, log, partitions), incoming)

        def fail(error: BaseException) -> NoReturn:
            code = error.exit_code if isinstance(error, WoonketenError) else 70
            told = str(error) if isinstance(error, WoonketenError) else place_of(error)
            with suppress(Exception):
                say(told)
            os._exit(code)

        Watchdog(parts.dsn, incoming, step, fail).start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECT)
        deliver(step, incoming, link, fail, settings.data / "faust")


def place_of(error: BaseException) -> str:
    return place(error) if isinstance(error, Exception) else type(error).__name__


class Hung(WoonketenError):
    """Something stands still that should move."""

    exit_code = 70


class Watchdog(threading.Thread):
    """Ends the process when it only looks alive, and tells what it does (`log.worker`)."""

    def __init__(self, dsn: str, incoming: Delivered, step: Step, fail: Callable[[BaseException], NoReturn]) -> None:
        super().__init__(daemon=True, name="watchdog")
        self._dsn, self._incoming, self._step, self._fail = dsn, incoming, step, fail
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._stuck: dict[int, tuple[int, float]] = {}
        self._deaf_since: float | None = None

    def run(self) -> None:
        while True:
            time.sleep(BEAT_SECONDS)
            try:
                self._look()
            except Hung as error:
                self._fail(error)
            except (psycopg.Error, WoonketenError):
                continue  # the step itself finds out, and says so
            except BaseException as error:  # noqa: BLE001 (a thread that ends would leave the worker unwatched)
                self._fail(error)

    def _look(self) -> None:
        now = time.monotonic()
        busy = self._step.busy_since
        if busy is not None and now - busy > HUNG_SECONDS:
            raise Hung("A batch does not come to its end.", "The worker begins again.")
        late = self._late(now) if busy is None else []
        if late:
            with suppress(psycopg.Error, WoonketenError), self._connected() as connection:
                note_stall(connection, late)
            raise Hung("Records arrive, but not the next one.", "The worker reads again from where it was.")
        with self._connected() as connection:
            self._beat(connection)  # also in a long batch: who does not tell of itself counts as dead
            behind = busy is None and self._behind(connection)
        heard = now - self._incoming.arrived < DEAF_SECONDS
        self._deaf_since = None if not behind or heard else self._deaf_since or now
        if self._deaf_since is not None and now - self._deaf_since > DEAF_SECONDS:
            raise Hung("Kafka has records for this worker, and none comes.", "The worker begins again.")

    def _late(self, now: float) -> list[int]:
        """Partitions whose next record is missing for too long."""
        positions = self._step.positions()
        waiting = self._incoming.waiting(positions)
        self._stuck = {p: self._stuck.get(p, (positions.get(p, 0), now)) for p in waiting}
        self._stuck = {p: was if was[0] == positions.get(p, 0) else (positions.get(p, 0), now)
                       for p, was in self._stuck.items()}  # fmt: skip
        return [p for p, (_, since) in self._stuck.items() if now - since > STUCK_SECONDS]

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self._dsn, autocommit=True, connect_timeout=5) as connection:
            connection.execute("SET ROLE woonketen_processor; SET statement_timeout = '5s'")
            yield connection

    def _behind(self, connection: psycopg.Connection[Any]) -> bool:
        row = connection.execute(
            "SELECT count(*) FROM log.relay r JOIN gate.position p USING (partition) JOIN gate.set s ON s.name = p.set"
            " WHERE s.live AND r.acked > p.last AND partition = ANY(%s)",
            [self._incoming.partitions],
        ).fetchone()
        return bool(row and row[0])

    def _beat(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute("DELETE FROM log.worker WHERE at < now() - interval '1 minute'")
        connection.execute(
            "INSERT INTO log.worker (name, partitions, rebalances, applied, copies, aliens)"
            " VALUES (%s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (name) DO UPDATE SET partitions = excluded.partitions, rebalances = excluded.rebalances,"
            " applied = excluded.applied, copies = excluded.copies, aliens = excluded.aliens, at = now()",
            [self._name, self._incoming.partitions, self._incoming.rebalances, self._step.applied,
             self._incoming.copies, self._incoming.aliens],
        )  # fmt: skip
