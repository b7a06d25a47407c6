"""The thread that watches a worker of the step: it tells of the worker whatever that does, ends it when it only looks
alive, and is never the part that goes missing."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from typing import Any, NoReturn

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from wkdatabase import as_processor
from wkpartners import FIRST_DAY
from wkscaled import prepare_scaled

from woonketen.contracts.errors import Unreachable
from woonketen.contracts.facts import Record
from woonketen.orchestration import stepping
from woonketen.orchestration.health import reason_to_worry
from woonketen.streams.kafka.delivered import Delivered
from woonketen.streams.kafka.numbers import workers
from woonketen.streams.log import wire

NOBODY = "host=127.0.0.1 port=1 dbname=none user=none connect_timeout=1"
PARTITION = 1


class Ended(BaseException):
    """In the place of the end of the process; its cause is why."""


def fail(error: BaseException) -> NoReturn:
    raise Ended from error


class Step:
    """As the watchdog sees one, through so many looks; then `last` comes up in the look itself."""

    applied = 7

    def __init__(self, looks: int, last: BaseException, busy_for: float | None = None) -> None:
        self.looks, self.last, self.busy_for = looks, last, busy_for
        self.raising: list[BaseException] = []

    @property
    def busy_since(self) -> float | None:
        if self.looks == 0:
            raise self.last
        self.looks -= 1
        if self.raising:
            raise self.raising.pop()
        return None if self.busy_for is None else time.monotonic() - self.busy_for

    def positions(self) -> dict[int, int]:
        return {PARTITION: 5}


@pytest.fixture(scope="module")
def dsn(new_database: Callable[..., str]) -> str:
    made = new_database()
    prepare_scaled(made)
    return made


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "BEAT_SECONDS", 0.01)


def delivered(*seqs: int) -> Delivered:
    made = Delivered()
    made.assign([PARTITION])
    for seq in seqs:
        record = Record(PARTITION, seq, date(2026, 3, 1), "fact", bytes(16), bytes(16), b"sealed")
        made.offer(PARTITION, seq, wire.encode(record)[1])
    return made


def watch(dsn: str, incoming: Delivered, step: Any) -> BaseException | None:
    """Why it ended the process."""
    with pytest.raises(Ended) as ended:
        stepping.Watchdog(dsn, incoming, step, fail).run()
    return ended.value.__cause__


def stalls(dsn: str) -> int:
    with as_processor(dsn) as connection:
        row = connection.execute("SELECT stalls FROM log.reading WHERE partition = %s", [PARTITION]).fetchone()
    return row[0] if row else 0


def test_a_worker_in_a_long_batch_tells_of_itself_and_of_what_came(dsn: str) -> None:
    incoming = delivered(6, 6)
    incoming.offer(PARTITION, 9, b"alien")
    why = ZeroDivisionError()
    with as_processor(dsn) as connection:
        connection.execute("DELETE FROM log.worker")
        assert reason_to_worry(connection, "step", FIRST_DAY)
        assert watch(dsn, incoming, Step(2, why, busy_for=600.0)) is why
        assert reason_to_worry(connection, "step", FIRST_DAY) is None
        (told,) = workers(connection)
    del told["worker"]
    assert told == {"partitions": [PARTITION], "rebalances": 1, "applied": 7, "copies": 1, "aliens": 1}


def test_a_batch_without_an_end_is_one_also_when_the_database_is_gone() -> None:
    why = watch(NOBODY, delivered(), Step(1, ZeroDivisionError(), busy_for=stepping.HUNG_SECONDS + 1))
    assert isinstance(why, stepping.Hung)


def test_while_a_batch_lasts_nothing_is_stuck(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "STUCK_SECONDS", -1.0)
    why = ZeroDivisionError()
    assert watch(dsn, delivered(9), Step(3, why, busy_for=1.0)) is why


def test_a_stall_is_noted_and_ends_the_worker(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "STUCK_SECONDS", 0.0)
    before = stalls(dsn)
    assert isinstance(watch(dsn, delivered(9), Step(50, ZeroDivisionError())), stepping.Hung)
    assert stalls(dsn) == before + 1


def test_a_stall_that_cannot_be_noted_ends_the_worker_all_the_same(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "STUCK_SECONDS", 0.0)
    with psycopg.connect(dsn) as other:  # has the row
        other.execute(
            "INSERT INTO log.reading (partition) VALUES (%s) ON CONFLICT (partition) DO UPDATE SET stalls = 0",
            [PARTITION],
        )
        hurried = make_conninfo(dsn, options="-c lock_timeout=50ms")
        assert isinstance(watch(hurried, delivered(9), Step(50, ZeroDivisionError())), stepping.Hung)
        other.rollback()


def test_without_a_database_a_stall_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "STUCK_SECONDS", 0.0)
    assert isinstance(watch(NOBODY, delivered(9), Step(50, ZeroDivisionError())), stepping.Hung)


def test_it_goes_on_when_the_database_does_not_answer_and_ends_the_worker_for_anything_else(dsn: str) -> None:
    why = ZeroDivisionError()
    step = Step(5, why)
    step.raising = [Unreachable("It is gone."), psycopg.OperationalError(), psycopg.InterfaceError()]
    assert watch(dsn, delivered(), step) is why
    assert step.raising == []
