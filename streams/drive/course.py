"""What a rebuild works with, and the course of a partition: its closes, and what was known about everybody."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Protocol

import psycopg

from woonketen.contracts.facts import Fact, Record
from woonketen.contracts.indicators import Rules
from woonketen.contracts.policy import Policy
from woonketen.contracts.ports import Vault, ViewStore
from woonketen.streams.core.conclusions import is_own
from woonketen.streams.core.everybody import Everybody
from woonketen.streams.core.step import Closing
from woonketen.streams.core.world import World
from woonketen.streams.drive.reading import read_stretch
from woonketen.streams.drive.states import Unreadable, opened
from woonketen.streams.drive.worker import Log


class Streaming(Protocol):
    def stream_residents(self, partition: int, upto: int) -> Generator[Record, None, None]: ...


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


@dataclass
class Course:
    """The closes of a partition and what was known about everybody. `seqs`: where the closes lie; `closings`: only
    where every evening is wanted."""

    everybody: Everybody
    open_day: date
    judged: bytes = b""
    seqs: list[int] = field(default_factory=list)
    broken: list[tuple[int, date, str]] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)

    @property
    def world(self) -> World:
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
    count = max((at for at, record in enumerate(records, 1) if record.kind == "day_closed"), default=0)
    if count and every_evening:
        stretch = read_stretch(records[:count], facts[:count], everybody, None, b"")
        course.closings, course.judged, course.open_day = stretch.closings, stretch.judged, stretch.open_day
    elif count:
        everybody.add(fact for fact in facts[:count] if isinstance(fact, Fact))
        closed = records[count - 1].day
        course.judged, course.open_day = everybody.world().fingerprint(closed), closed + timedelta(days=1)
    everybody.add(fact for fact in facts[count:] if isinstance(fact, Fact))
    course.broken = [
        (record.seq, record.day, fact.error)
        for record, fact in zip(records, facts, strict=True)
        if isinstance(fact, Unreadable)
    ]
    course.seqs = [record.seq for record in records if record.kind == "day_closed"]
    return course


def ahead_of(parts: Parts, partition: int, upto: int, closed: date) -> dict[bytes, list[Record]]:
    """What was concluded up to the last close and lies behind the position: it is part of the rows at it."""
    records = parts.log.ahead(partition, upto, closed)
    found: dict[bytes, list[Record]] = {}
    for record, fact in zip(records, opened(records, parts.vault), strict=True):
        if isinstance(fact, Fact) and is_own(fact, record.day) and record.ref is not None:
            found.setdefault(record.ref, []).append(record)
    return found
