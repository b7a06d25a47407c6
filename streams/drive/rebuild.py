"""All views from the log into a second set of tables: every fact opened once, every resident shown once.

Warnings are taken from the log's own events. With `verify` every evening is judged again, and what comes of it compared
with what was raised. One resident at a time is in memory (a chunk of them, to ask for their keys together), so a longer
log takes longer and no more memory.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack
from itertools import groupby
from multiprocessing.util import Finalize
from typing import Any

import msgspec

from woonketen.contracts.errors import WoonketenError
from woonketen.contracts.facts import Fact, Record
from woonketen.contracts.ports import Batch, Shown, hidden
from woonketen.streams.core.conclusions import is_own
from woonketen.streams.core.everybody import rows_print
from woonketen.streams.core.fold import empty, fold
from woonketen.streams.core.step import SOON, evenings, present
from woonketen.streams.drive.beside import collected_rarely, make_pool
from woonketen.streams.drive.course import Course, Parts, ahead_of, read_course
from woonketen.streams.drive.states import Unreadable, opened
from woonketen.streams.drive.turn import place, stop_the_line

GATHERED = 10_000
"""Records in memory at once: their keys are fetched with one question."""

Build = Callable[[], AbstractContextManager[Parts]]
"""Makes the parts; a function that can be sent to another process."""


class Filled(msgspec.Struct, frozen=True):
    """`facts` opened, `residents` shown, `withheld` ones that could not be computed, `broken` records. With `verify`:
    `judged` residents, and `differences`, conclusions that only the log or only the replay has, or that differ."""

    facts: int = 0
    residents: int = 0
    withheld: int = 0
    broken: int = 0
    judged: int = 0
    differences: int = 0

    def __add__(self, other: Filled) -> Filled:
        mine, theirs = msgspec.structs.astuple(self), msgspec.structs.astuple(other)
        return Filled(*(one + another for one, another in zip(mine, theirs, strict=True)))


def fill(
    build: Build,
    upto: Mapping[int, int],
    *,
    verify: bool = False,
    processes: int = 2,
    on_progress: Callable[[Filled], None] = lambda filled: None,
) -> Filled:
    """Fills the fresh set up to these positions, one partition after the other in each process, the largest first;
    this is one of them."""
    if processes > 1:
        return _fill_together(build, upto, verify, processes, on_progress)
    filled = Filled()
    with build() as parts, collected_rarely():
        for partition in _by_size(upto):
            filled += fill_partition(parts, partition, upto[partition], verify=verify)
            on_progress(filled)
    return filled


def _by_size(upto: Mapping[int, int]) -> list[int]:
    """The largest first: what is taken up last should be over soon, for others wait for it."""
    return sorted(upto, key=lambda partition: (-upto[partition], partition))


def _fill_together(
    build: Build, upto: Mapping[int, int], verify: bool, processes: int, on_progress: Callable[[Filled], None]
) -> Filled:
    """This process is one of them, and does not wait for the others to be there; each of those gets a partition when
    it can take it."""
    filled = Filled()
    left, lock = _by_size(upto)[::-1], threading.Lock()
    given: list[Future[Filled]] = []
    pool = make_pool(processes - 1)

    def give(before: Future[Any]) -> None:
        if before.cancelled() or before.exception() is not None:
            return
        with lock:
            if left:
                partition = left.pop()
                job = pool.submit(_fill_in, build, partition, upto[partition], verify)
                given.append(job)
                job.add_done_callback(give)

    try:
        for _ in range(processes - 1):
            pool.submit(os.getpid).add_done_callback(give)
        with build() as parts, collected_rarely():
            while True:
                with lock:
                    mine = left.pop() if left else None
                if mine is None:
                    break
                filled += fill_partition(parts, mine, upto[mine], verify=verify)
                on_progress(filled)
        for job in as_completed(given):
            filled += job.result()
            on_progress(filled)
    except BrokenProcessPool:
        raise WoonketenError("A process of the rebuild ended.", "Run `woonketen rebuild` again.") from None
    finally:
        with lock:
            left.clear()
        # One that never got anything to do is not waited for: it may still be reading its modules.
        pool.shutdown(wait=bool(given), cancel_futures=True)
    return filled


def fill_partition(parts: Parts, partition: int, upto: int, *, verify: bool = False) -> Filled:
    """In one transaction, so that a rebuild that was killed leaves a partition whole or empty."""
    if upto == 0:
        return Filled()
    with parts.views.batch(partition) as batch:
        course = read_course(parts, partition, upto, every_evening=verify)
        for seq, day, error in course.broken:
            batch.set_aside(seq, day, error)
        filling = _Filling(parts, batch, course, verify)
        ahead = ahead_of(parts, partition, upto, course.closed)
        residents = groupby(parts.stream.stream_residents(partition, upto), key=lambda record: record.ref or b"")
        for gathered in gather(residents):
            filling.take(gathered, ahead)
        stop_the_line(filling.done.withheld, filling.done.residents)
        stop_the_line(filling.done.broken, filling.done.facts)
        batch.move(upto, course.closed, course.judged + rows_print(course.world, course.open_day))
        return filling.done


class _Filling:
    """Takes residents, chunk by chunk."""

    def __init__(self, parts: Parts, batch: Batch, course: Course, verify: bool) -> None:
        self._parts, self._batch, self._course, self._verify = parts, batch, course, verify
        self.done = Filled()

    def take(self, gathered: list[tuple[bytes, list[Record]]], ahead: Mapping[bytes, list[Record]]) -> None:
        whole = [(ref, [*records, *ahead.get(ref, ())]) for ref, records in gathered]
        facts = iter(opened([record for _, records in whole for record in records], self._parts.vault))
        shown: list[Shown] = []
        for ref, records in whole:
            told = [(record, next(facts)) for record in records]
            counts = [
                self._batch.set_aside(record.seq, record.day, fact.error)
                for record, fact in told
                if isinstance(fact, Unreadable)
            ]
            self.done += Filled(broken=len(counts))
            known = [(record, fact) for record, fact in told if isinstance(fact, Fact)]
            self.done += Filled(facts=len(known), residents=1)
            if any(counts):
                shown.append(hidden(ref))  # among what cannot be read may be what narrows
                continue
            try:
                if self._verify and len(known) == len(told):
                    self.done += Filled(judged=1, differences=_replay(ref, known, self._course))
                state = fold(empty(ref), [fact for _, fact in known])
                shown.append(present(state, self._course.open_day, self._course.world, SOON))
            except MemoryError:
                raise
            except Exception as error:  # noqa: BLE001 (one resident that cannot be computed must not stop the others)
                self.done += Filled(withheld=1)
                orgs = sorted({fact.org for _, fact in known})
                self._batch.withhold(ref, self._course.open_day, place(error), orgs)
        self._batch.show(shown, {})


def _replay(ref: bytes, known: Sequence[tuple[Record, Fact]], course: Course) -> int:
    """Judges every evening of a resident again. Returns how many conclusions are not those on the log."""
    on_log = {fact.key: (fact.type, fact.data) for record, fact in known if is_own(fact, record.day)}
    arrivals = [(bisect_left(course.seqs, record.seq), fact) for record, fact in known if not is_own(fact, record.day)]
    replayed = evenings(empty(ref), arrivals, course.closings, None)
    made = {each.fact.key: (each.fact.type, each.fact.data) for each in replayed.conclusions}
    return sum(on_log.get(key) != made.get(key) for key in on_log.keys() | made.keys())


def gather(residents: Iterable[tuple[bytes, Iterator[Record]]]) -> Iterator[list[tuple[bytes, list[Record]]]]:
    gathered: list[tuple[bytes, list[Record]]] = []
    many = 0
    for ref, records in residents:
        gathered.append((ref, list(records)))
        many += len(gathered[-1][1])
        if many >= GATHERED:
            yield gathered
            gathered, many = [], 0
    if gathered:
        yield gathered


_mine: list[Parts] = []
"""Of a process that helps: made for its first partition, and used for all."""


def _fill_in(build: Build, partition: int, upto: int, verify: bool) -> Filled:
    if not _mine:
        until_it_ends = ExitStack()
        Finalize(None, until_it_ends.close, exitpriority=1)
        until_it_ends.enter_context(collected_rarely())
        _mine.append(until_it_ends.enter_context(build()))
    return fill_partition(_mine[0], partition, upto, verify=verify)
