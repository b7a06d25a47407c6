"""The plain driver: reads the log, steps the residents that it touches, writes rows and position in one transaction.

One partition at a time, one transaction a batch: what was concluded is appended to the log in it too. Killed at any
moment, it has done a batch wholly or not at all.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Sequence
from datetime import date, timedelta
from threading import Event
from typing import Any, NamedTuple, Protocol

import msgspec
import psycopg

from woonketen.contracts.facts import Fact, Record
from woonketen.contracts.indicators import Rules
from woonketen.contracts.policy import Policy
from woonketen.contracts.ports import Batch, LogReader, LogWriter, Vault, ViewStore
from woonketen.streams.core.everybody import Everybody, rows_print
from woonketen.streams.core.show import Contribution, complexes
from woonketen.streams.core.world import World
from woonketen.streams.drive.merging import absorb, merges, pass_on
from woonketen.streams.drive.reading import Stretch, read_stretch
from woonketen.streams.drive.states import States, opened
from woonketen.streams.drive.turn import Turn, stop_the_line
from woonketen.streams.log.postgres import CHANNEL
from woonketen.streams.postgres.errors import told

LARGEST = 50_000
"""Records in a batch: as many as wait, up to so many, because a resident is shown and written once a batch."""
POLL_SECONDS = 1.0
COLLECT = (100_000, 20, 20)
"""Of the garbage collector: facts and rows hold no cycles, and walking them costs a tenth of the time."""
PRINT = 16


class Log(LogReader, LogWriter, Protocol):
    pass


class Progress(msgspec.Struct, frozen=True):
    """`applied`: records of this run; `behind`: records that wait."""

    applied: int
    behind: int


class Applied(NamedTuple):
    """What a batch did. `upto`: where the position stands behind it; `records`: 0 when there was nothing to do."""

    upto: int
    records: int


class Line:
    """What is kept of one partition between batches. `upto` tells which position it belongs to."""

    def __init__(self, upto: int, everybody: Everybody, states: States) -> None:
        self.upto = upto
        self.everybody = everybody
        self.states = states


class Worker:
    """On one connection in the processor's role, which log, vault and views share. Not for several threads."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        log: Log,
        vault: Vault,
        views: ViewStore,
        *,
        policy: Policy,
        rules: Rules,
        pseudonym_key: bytes,
        partitions: int,
    ) -> None:
        self._connection = connection
        self._log, self._vault, self._views = log, vault, views
        self._policy, self._rules, self._key = policy, rules, pseudonym_key
        self._partitions = partitions
        self._lines: dict[int, Line] = {}

    def run(
        self,
        *,
        until_idle: bool = False,
        stop: Event | None = None,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        only: Collection[int] | None = None,
    ) -> dict[str, Any]:
        """Applies what is on the log, until nothing is left or `stop` is set. `only`: these partitions, when other
        workers do the others; it is looked at anew in every round. Returns `{"applied", "position"}`."""
        stop = stop or Event()
        gc.collect()
        gc.freeze()  # what is here by now stays; the collector need not walk it again and again
        gc.set_threshold(*COLLECT)
        with told():
            self._connection.execute(f"LISTEN {CHANNEL}")
        applied = 0
        while not stop.is_set():
            moved = self._round(stop, lambda done, behind: on_progress(Progress(done, behind)), applied, only)
            applied += moved
            if moved:
                continue
            if until_idle:
                break
            with told():
                # A hint; who misses it finds the records a second later.
                for _ in self._connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                    pass
        return {"applied": applied, "position": {str(p): at for p, at in sorted(self._views.positions().items())}}

    def _round(
        self, stop: Event, tell: Callable[[int, int], None], before: int, only: Collection[int] | None = None
    ) -> int:
        """Every partition that is behind, once."""
        positions, ends = self._views.positions(), self._log.ends()
        ends = {partition: end for partition, end in ends.items() if only is None or partition in only}
        behind = sum(max(0, end - positions.get(partition, 0)) for partition, end in ends.items())
        moved = 0
        if behind:
            tell(before, behind)
        for partition, end in ends.items():
            if stop.is_set():
                break
            if only is not None and partition not in only:
                continue  # by now another worker does it
            if positions.get(partition, 0) < end:
                moved += self.apply(partition).records
                tell(before + moved, max(0, behind - moved))
        return moved

    def apply(self, partition: int) -> Applied:
        """One batch of one partition, from the position on that is locked."""
        try:
            with told(), self._views.batch(partition) as batch:
                line = self._line(partition, batch)
                self._forget()
                records = self._log.read(partition, batch.after, LARGEST)
                if records:
                    facts = opened(records, self._vault, line.states.aside)
                    judged = (batch.fingerprint or b"")[:PRINT]
                    stretch = read_stretch(records, facts, line.everybody, batch.closed, judged)
                    for seq, day, error in stretch.broken:
                        batch.set_aside(seq, day, error)
                    stop_the_line(len(stretch.broken), len(records))
                    self._step(partition, batch, line, stretch)
        except BaseException:
            self._lines.pop(partition, None)  # it may be ahead of what was rolled back
            raise
        if records:
            line.upto = records[-1].seq
        return Applied(line.upto, len(records))

    def recompute(self, partition: int, refs: Sequence[bytes], arrived: Sequence[Fact] = ()) -> None:
        """Steps these residents again without a new record: the replay of a quarantine. `arrived`: what can be read
        after all; it may be a merge."""
        try:
            with told(), self._views.batch(partition) as batch:
                if batch.closed is None:
                    return
                self._forget()
                line = self._line(partition, batch)
                judged = (batch.fingerprint or b"")[:PRINT]
                open_day = batch.closed + timedelta(days=1)
                stretch = Stretch(line.everybody.world(), open_day, batch.after, judged)
                stretch.arrivals = {ref: [(0, fact) for fact in arrived] for ref in refs}
                self._step(partition, batch, line, stretch)
        except BaseException:
            self._lines.pop(partition, None)
            raise

    def pass_on(self, record: Record) -> None:
        """What can be read after all goes to who its resident became meanwhile."""
        with told(), self._views.batch(record.partition) as batch:
            if batch.closed is not None:
                day = batch.closed + timedelta(days=1)
                pass_on(self._connection, self._log, self._vault, record, day, self._partitions)

    def _forget(self) -> None:
        """Who was erased since: the position is locked, and an erasure waits for it, so nobody can be meanwhile."""
        for ref in self._vault.lost():
            for line in self._lines.values():
                line.states.drop(ref)

    def forget(self, partition: int) -> None:
        """Drops what is in memory of a partition."""
        self._lines.pop(partition, None)

    def _line(self, partition: int, batch: Batch) -> Line:
        line = self._lines.get(partition)
        if line is None or line.upto != batch.after:
            # First time here, or another worker was: what is in memory belongs to another position.
            everybody = Everybody(self._policy, self._rules, self._key)
            records = self._log.of_everybody(partition, batch.after)
            everybody.add(fact for fact in opened(records, self._vault) if isinstance(fact, Fact))
            line = Line(batch.after, everybody, States(self._log, self._vault, partition))
            self._lines[partition] = line
        line.states.aside = batch.aside()
        return line

    def _step(self, partition: int, batch: Batch, line: Line, stretch: Stretch) -> None:
        rows = rows_print(stretch.world, stretch.open_day)
        changed = batch.fingerprint is not None and batch.fingerprint[PRINT:] != rows
        due = batch.due(stretch.closed) if stretch.closings else {}
        if changed or any(closing.everybody for closing in stretch.closings):
            due = batch.kept()
        turn = Turn(batch, line.states, self._vault, stretch, everybody=changed)
        turn.take(due)
        if batch.contributed or stretch.closings or stretch.changed:
            show_complexes(batch, stretch.world, stretch.open_day)
        if stretch.closings and partition == 0:
            batch.silent(stretch.world.silent(stretch.closed))
        batch.move(stretch.upto, stretch.closed, stretch.judged + rows)
        # The log's counters come last: whoever appends waits for us from here on.
        absorb(
            self._connection, self._log, self._log, self._vault, batch, partition, self._partitions,
            merges(stretch.arrivals), turn.conclusions,
        )  # fmt: skip
        self._log.append(turn.drafts(self._partitions))


def show_complexes(batch: Batch, world: World, open_day: date) -> None:
    """The rows about complexes, from what the residents of all partitions add to them."""
    contributed = msgspec.convert(batch.contributions(), list[Contribution])
    batch.complexes(complexes(world, open_day, contributed), open_day - timedelta(days=1))
