"""All views from the log into a second set of tables: every fact opened once, every resident shown once.

Warnings are taken from the log's own events. With `verify` every evening is judged again, and what comes of it compared
with what was raised. One resident at a time is in memory (a chunk of them, to ask for their keys together), so a longer
log takes longer and no more memory.
"""

from __future__ import annotations

import os
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby
from multiprocessing import get_context
from typing import Any, Protocol

import msgspec
import psycopg

from woonketen.contracts.facts import Fact, Record
from woonketen.contracts.indicators import Rules
from woonketen.contracts.policy import Policy
from woonketen.contracts.ports import Batch, Kept, Shown, Vault, ViewStore
from woonketen.streams.conclusions import is_own
from woonketen.streams.everybody import Everybody, rows_print
from woonketen.streams.fold import empty, fold
from woonketen.streams.reading import Stretch, read_stretch
from woonketen.streams.states import States, Unreadable, opened
from woonketen.streams.step import SOON, Closing, evenings, present
from woonketen.streams.turn import CHUNK, chunks, stop_the_line
from woonketen.streams.worker import LARGEST, Log, show_complexes

GATHERED = 10_000
"""Records in memory at once: their keys are fetched with one question."""
WATCH_SECONDS = 1.0


class Streaming(Protocol):
    def stream_residents(self, partition: int, upto: int) -> Iterator[Record]: ...


@dataclass(frozen=True)
class Parts:
    """What a rebuild works with, in a process of its own. `views` writes the fresh set; `stream` is a log on a
    connection of its own, because reading keeps it busy; `connection` is the one of log, vault and views."""

    connection: psycopg.Connection[Any]
    log: Log
    vault: Vault
    views: ViewStore
    stream: Streaming
    policy: Policy
    rules: Rules
    pseudonym_key: bytes

    def everybody(self) -> Everybody:
        return Everybody(self.policy, self.rules, self.pseudonym_key)


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
    """Fills the fresh set up to these positions, one partition after the other in each process."""
    filled = Filled()
    if processes == 1:
        with build() as parts:
            for partition, last in sorted(upto.items()):
                filled += fill_partition(parts, partition, last, verify=verify)
                on_progress(filled)
        return filled
    with ProcessPoolExecutor(processes, get_context("spawn"), _end_with, (os.getpid(),)) as pool:
        jobs = [pool.submit(_fill_in, build, partition, last, verify) for partition, last in sorted(upto.items())]
        try:
            for job in as_completed(jobs):
                filled += job.result()
                on_progress(filled)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return filled


def fill_partition(parts: Parts, partition: int, upto: int, *, verify: bool = False) -> Filled:
    """In one transaction, so that a rebuild that was killed leaves a partition whole or empty."""
    if upto == 0:
        return Filled()
    with parts.views.batch(partition) as batch:
        course = read_course(parts, partition, upto, every_evening=verify)
        filling = _Filling(parts, batch, course, verify)
        ahead = _ahead(parts, partition, upto, course.closed)
        residents = groupby(parts.stream.stream_residents(partition, upto), key=lambda record: record.ref or b"")
        for gathered in _gather(residents):
            filling.take(gathered, ahead)
        stop_the_line(filling.done.withheld, filling.done.residents)
        stop_the_line(filling.done.broken, filling.done.facts)
        batch.move(upto, course.closed, course.judged + rows_print(course.world, course.open_day))
        return filling.done


@dataclass
class Course:
    """The closes of a partition and what was known about everybody. `seqs`: where the closes lie; `closings`: only
    where every evening is wanted."""

    everybody: Everybody
    open_day: date
    judged: bytes = b""
    seqs: list[int] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)

    @property
    def world(self) -> Any:
        return self.everybody.world()

    @property
    def closed(self) -> date:
        return self.open_day - timedelta(days=1)


def read_course(parts: Parts, partition: int, upto: int, *, every_evening: bool) -> Course:
    records = parts.log.of_everybody(partition, upto)
    first = parts.log.read(partition, 0, 1)
    facts = opened(records, parts.vault)
    everybody = parts.everybody()
    course = Course(everybody, first[0].day)
    last = max((at for at, record in enumerate(records) if record.kind == "day_closed"), default=-1)
    for part in (slice(0, last + 1), slice(last + 1, None)):
        if not records[part]:
            continue
        if every_evening:
            stretch = read_stretch(records[part], facts[part], everybody, _closed(course), course.judged)
            course.closings += stretch.closings
            course.judged = stretch.judged
        else:
            everybody.add(fact for fact in facts[part] if isinstance(fact, Fact))
        course.seqs += [record.seq for record in records[part] if record.kind == "day_closed"]
        if part.start == 0:
            day = records[last].day
            course.open_day = day + timedelta(days=1)
            if not every_evening:
                course.judged = everybody.world().fingerprint(day)
    return course


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
            for record, fact in told:
                if isinstance(fact, Unreadable):
                    self._batch.set_aside(record.seq, record.day, fact.error)
                    self.done += Filled(broken=1)
            known = [(record, fact) for record, fact in told if isinstance(fact, Fact)]
            self.done += Filled(facts=len(known), residents=1)
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
                self._batch.withhold(ref, self._course.open_day, type(error).__name__, orgs)
        self._batch.show(shown, {})


def _replay(ref: bytes, known: Sequence[tuple[Record, Fact]], course: Course) -> int:
    """Judges every evening of a resident again. Returns how many conclusions are not those on the log."""
    on_log = {fact.key: (fact.type, fact.data) for record, fact in known if is_own(fact, record.day)}
    arrivals = [(bisect_left(course.seqs, record.seq), fact) for record, fact in known if not is_own(fact, record.day)]
    replayed = evenings(empty(ref), arrivals, course.closings, None)
    made = {each.fact.key: (each.fact.type, each.fact.data) for each in replayed.conclusions}
    return sum(on_log.get(key) != made.get(key) for key in on_log.keys() | made.keys())


# --- catching up ------------------------------------------------------------------------------------------------------


def follow(parts: Parts, partition: int, upto: int) -> int:
    """Brings a rebuilt partition to a later position of the live set, whose worker has judged and appended already.
    Returns the number of records."""
    applied = 0
    while True:
        with parts.views.batch(partition) as batch:
            records = parts.log.read(partition, batch.after, min(LARGEST, upto - batch.after))
            if records:
                _follow(parts, partition, batch, records)
        applied += len(records)
        if not records or records[-1].seq >= upto:
            return applied


def _follow(parts: Parts, partition: int, batch: Batch, records: Sequence[Record]) -> None:
    everybody = parts.everybody()
    before = parts.log.of_everybody(partition, batch.after)
    everybody.add(fact for fact in opened(before, parts.vault) if isinstance(fact, Fact))
    prints = batch.fingerprint or b""
    stretch = read_stretch(records, opened(records, parts.vault), everybody, batch.closed, prints[:16])
    for seq, day, error in stretch.broken:
        batch.set_aside(seq, day, error)
    rows = rows_print(stretch.world, stretch.open_day)
    refs = {*stretch.arrivals, *stretch.own, *_ahead(parts, partition, stretch.upto, stretch.closed)}
    due = batch.kept() if rows != prints[16:] else batch.due(stretch.closed) if stretch.closings else {}
    states = States(parts.log, parts.vault, partition, cached=0)
    for chunk in chunks(sorted({*refs, *due}), CHUNK):
        kept = batch.kept(chunk)
        _show_anew(batch, states, chunk, kept, stretch)
    batch.move(stretch.upto, stretch.closed, stretch.judged + rows)


def _show_anew(
    batch: Batch, states: States, refs: Sequence[bytes], kept: Mapping[bytes, Kept], stretch: Stretch
) -> None:
    shown = []
    for ref, state in states.load(refs, stretch.upto, stretch.closed).items():
        try:
            shown.append(present(state, stretch.open_day, stretch.world, SOON))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 (see above)
            orgs = sorted({fact.org for fact in state.facts.values()})
            batch.withhold(ref, stretch.open_day, type(error).__name__, orgs)
    batch.show(shown, kept)


def finish(parts: Parts, partitions: Iterable[int]) -> None:
    """The rows about complexes, once all partitions are there."""
    positions = parts.views.positions()
    partition = min(partitions)
    if not positions.get(partition):
        return
    with parts.views.batch(partition) as batch:
        course = read_course(parts, partition, batch.after, every_evening=False)
        show_complexes(batch, course.world, course.open_day)


# --- steps ------------------------------------------------------------------------------------------------------------


def _closed(course: Course) -> date | None:
    return course.open_day - timedelta(days=1) if course.seqs else None


def _ahead(parts: Parts, partition: int, upto: int, closed: date) -> dict[bytes, list[Record]]:
    """What was concluded up to the last close and lies behind the position: it is part of the rows at it."""
    records = parts.log.ahead(partition, upto, closed)
    found: dict[bytes, list[Record]] = {}
    for record, fact in zip(records, opened(records, parts.vault), strict=True):
        if isinstance(fact, Fact) and is_own(fact, record.day) and record.ref is not None:
            found.setdefault(record.ref, []).append(record)
    return found


def _gather(residents: Iterable[tuple[bytes, Iterator[Record]]]) -> Iterator[list[tuple[bytes, list[Record]]]]:
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


def _fill_in(build: Build, partition: int, upto: int, verify: bool) -> Filled:
    with build() as parts:
        return fill_partition(parts, partition, upto, verify=verify)


def _end_with(parent: int) -> None:
    """A helper of a rebuild that was killed must not go on by itself."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        os._exit(70)

    threading.Thread(target=watch, daemon=True).start()
