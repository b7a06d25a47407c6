"""The step of the scaled engine, whoever delivers: what arrived is applied partition by partition, crash-only.

The thread that is delivered to and the one that applies are two; each partition's inbox is used by one at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import psycopg

from woonketen.contracts.errors import WoonketenError
from woonketen.contracts.facts import Record
from woonketen.contracts.ports import ViewStore
from woonketen.streams.drive.turn import StopTheLine
from woonketen.streams.drive.worker import LARGEST, Worker
from woonketen.streams.log import wire
from woonketen.streams.log.inbox import Inbox
from woonketen.streams.log.kafka import Care, KafkaLog, load_trial, note_trial, offsets
from woonketen.streams.log.trial import Trial, attempt

FULL = 1_000
"""So many in the quarantine are more than a person looks through: the line stops."""
LOOKS_SECONDS = 10.0


class Delivered:
    """`Incoming` whose records are brought. Only of partitions that are ours."""

    def __init__(self) -> None:
        self._inboxes: dict[int, Inbox] = {}
        self._lock = threading.Lock()
        self.rebalances = 0
        self.aliens = 0
        self.arrived = 0.0

    def assign(self, partitions: Collection[int]) -> None:
        """Begins anew with these: what is here may be out of another order than what comes now."""
        with self._lock:
            self._inboxes = {partition: Inbox() for partition in partitions}
            self.rebalances += 1

    @property
    def partitions(self) -> list[int]:
        with self._lock:
            return sorted(self._inboxes)

    @property
    def copies(self) -> int:
        with self._lock:
            return sum(inbox.copies for inbox in self._inboxes.values())

    def offer(self, partition: int, offset: int, value: bytes | None) -> None:
        self.arrived = time.monotonic()
        try:
            record = wire.decode(value)
        except wire.NotARecord:
            self.aliens += 1  # nobody but a relay may write here; if it took a record's place, its successor will wait
            return
        with self._lock:
            inbox = self._inboxes.get(partition)
            if inbox is not None:
                inbox.offer(offset, record)

    def take(self, partition: int, after: int, limit: int) -> Sequence[Record]:
        with self._lock:
            inbox = self._inboxes.get(partition)
            return [] if inbox is None else inbox.take(after, limit)

    def hint(self, partition: int, upto: int) -> int | None:
        with self._lock:
            inbox = self._inboxes.get(partition)
            return None if inbox is None else inbox.hint(upto)

    def waiting(self, positions: Mapping[int, int]) -> set[int]:
        """Partitions in which something has arrived and the next record has not."""
        with self._lock:
            return {
                partition
                for partition, inbox in self._inboxes.items()
                if inbox.ahead_of(positions.get(partition, 0)) and not inbox.has(positions.get(partition, 0) + 1)
            }


class Step:
    """Applies what was delivered. `busy_since`: when the batch began that is being applied; `applied`: records."""

    def __init__(
        self, connection: psycopg.Connection[Any], log: KafkaLog, views: ViewStore, worker: Worker, incoming: Delivered
    ) -> None:
        self._connection, self._log, self._views, self._worker = connection, log, views, worker
        self._incoming = incoming
        self._positions: dict[int, int] = {}
        self._trials: dict[int, Trial] = {}
        self._begun: set[int] = set()
        self._looked = 0.0
        self.busy_since: float | None = None
        self.applied = 0

    def begin(self, partitions: Collection[int]) -> Mapping[int, int]:
        """These partitions are ours from here on. Returns where to read on."""
        self._positions.clear()
        self._trials.clear()
        self._begun.clear()
        self._incoming.assign(partitions)
        return offsets(self._connection)

    def apply(self, partitions: Iterable[int]) -> None:
        """Until nothing that has arrived can be applied. Raises what the worker raises."""
        self.busy_since = time.monotonic()
        try:
            self._refuse_full()
            for partition in sorted(set(partitions)):
                while self._once(partition):
                    pass
        finally:
            self.busy_since = None

    def positions(self) -> dict[int, int]:
        """As far as this process knows."""
        return dict(self._positions)

    def _once(self, partition: int) -> int:
        after = self._positions.get(partition)
        if after is None:
            after = self._positions[partition] = self._views.positions().get(partition, 0)
            self._trials[partition] = load_trial(self._connection, partition)
        if not self._incoming.take(partition, after, 1):
            return 0
        before = self._trials[partition]
        chosen = attempt(before, after, LARGEST)
        self._log.care[partition] = Care(chosen.limit, chosen.give_up)
        if partition not in self._begun or after < chosen.trial.careful_upto:
            # Whoever dies later than in its first batch dies in the first one of its next life.
            note_trial(self._connection, partition, chosen.trial)
            self._trials[partition] = chosen.trial
            self._begun.add(partition)
        try:
            done = self._worker.apply(partition)
        except (WoonketenError, psycopg.OperationalError):
            note_trial(self._connection, partition, before)  # it has a reason that is not in the records
            raise
        # Where another worker was, the batch began behind it, and not behind what we believed.
        self._positions[partition] = done.upto
        self.applied += done.records
        return done.records or done.upto - after

    def _refuse_full(self) -> None:
        if time.monotonic() - self._looked < LOOKS_SECONDS:
            return
        set_aside = len(self._views.aside())
        if set_aside >= FULL:
            raise StopTheLine(
                f"{set_aside} records and residents are set aside, so the line is stopped.",
                "Look at `woonketen quarantine list`; replay or discard, then it goes on by itself.",
            )
        self._looked = time.monotonic()
