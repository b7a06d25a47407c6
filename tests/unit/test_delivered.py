"""The step of the scaled engine believes the position that the worker's transaction found, not one of its own."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from woonketen.contracts.facts import Record
from woonketen.streams.drive.worker import Applied
from woonketen.streams.kafka import delivered
from woonketen.streams.kafka.delivered import Delivered, Step
from woonketen.streams.log import wire
from woonketen.streams.log.trial import Trial


class Database:
    """Where partition 0 stands, as views and worker see it."""

    def __init__(self, incoming: Delivered) -> None:
        self.incoming, self.at = incoming, 0

    def positions(self) -> dict[int, int]:
        return {0: self.at}

    def aside(self) -> list[Any]:
        return []

    def apply(self, partition: int) -> Applied:
        found = self.incoming.take(partition, self.at, 50)
        self.at += len(found)
        return Applied(self.at, len(found))


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivered, "load_trial", lambda connection, partition: Trial())
    monkeypatch.setattr(delivered, "note_trial", lambda connection, partition, trial: None)
    monkeypatch.setattr(delivered, "offsets", lambda connection: {})


def deliver(incoming: Delivered, first: int, last: int) -> None:
    for seq in range(first, last + 1):
        record = Record(0, seq, date(2026, 1, 1), "fact", bytes(16), bytes(16), b"sealed")
        incoming.offer(0, seq, wire.encode(record)[1])


@pytest.mark.parametrize("moved_to", [20, 50, 60, 70])
def test_a_position_that_another_worker_moved_on_is_taken_over(quiet: None, moved_to: int) -> None:
    incoming = Delivered()
    database: Any = Database(incoming)
    step = Step(SimpleNamespace(), SimpleNamespace(care={}), database, database, incoming)  # type: ignore[arg-type]
    step.begin([0])
    deliver(incoming, 1, 10)
    step.apply([0])
    assert (step.positions(), step.applied) == ({0: 10}, 10)
    database.at = moved_to
    deliver(incoming, 11, 60)
    step.apply([0])
    assert step.positions() == {0: database.at} == {0: max(moved_to, 60)}
    assert step.applied == 10 + max(0, 60 - moved_to), "only what it applied itself"
    assert incoming.waiting(step.positions()) == set()
    deliver(incoming, database.at + 1, database.at + 5)
    step.apply([0])
    assert step.positions() == {0: database.at} == {0: max(moved_to, 60) + 5}
