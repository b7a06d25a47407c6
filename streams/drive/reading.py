"""A stretch of one partition's log, sorted out: what arrived for whom, before which close, in which world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from woonketen.contracts.facts import Fact, Record
from woonketen.streams.core.conclusions import is_own
from woonketen.streams.core.everybody import Everybody
from woonketen.streams.core.step import Closing
from woonketen.streams.core.world import World
from woonketen.streams.drive.states import Broken, Unreadable


@dataclass
class Stretch:
    """`arrivals`: per resident `(i, fact)`, where i counts the closes before it. `own`: residents for whom nothing came
    but what was concluded here, and is folded and shown already. `open_day` is the day after the last close; `world` as
    known at the end; `judged`: its fingerprint at the last close; `changed`: whether anything about everybody came;
    `broken`: what cannot be read, `unread` of whom that is. They stand among the arrivals too."""

    world: World
    open_day: date
    upto: int
    judged: bytes
    arrivals: dict[bytes, list[tuple[int, Fact]]] = field(default_factory=dict)
    own: dict[bytes, list[Fact]] = field(default_factory=dict)
    closings: list[Closing] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    unread: set[bytes] = field(default_factory=set)
    changed: bool = False

    @property
    def closed(self) -> date:
        return self.open_day - timedelta(days=1)


def read_stretch(
    records: Sequence[Record],
    facts: Sequence[Fact | Unreadable | None],
    everybody: Everybody,
    closed: date | None,
    judged: bytes,
) -> Stretch:
    """`records`: at least one, in order, with the fact in each. `closed`: the last close before them; None before the
    first one, when the day of any record is the open day. `judged`: the world's fingerprint at that close."""
    open_day = records[0].day if closed is None else closed + timedelta(days=1)
    stretch = Stretch(everybody.world(), open_day, records[-1].seq, judged)
    fresh: list[Fact] = []
    for record, fact in zip(records, facts, strict=True):
        if isinstance(fact, Unreadable):
            stretch.broken.append((record.seq, record.day, fact.error))
            if record.ref is not None:
                stretch.unread.add(record.ref)
                stretch.arrivals.setdefault(record.ref, [])
        elif record.kind == "day_closed":
            everybody.add(fresh)
            fresh = []
            _close(stretch, everybody.world(), record.day)
        elif fact is None:
            continue
        elif record.kind == "world":
            fresh.append(fact)
            stretch.changed = stretch.changed or fact.type != "feed.heartbeat"
        elif record.ref is not None:
            if is_own(fact, record.day):
                stretch.own.setdefault(record.ref, []).append(fact)
            else:
                stretch.arrivals.setdefault(record.ref, []).append((len(stretch.closings), fact))
    everybody.add(fresh)
    stretch.world = everybody.world()
    return stretch


def _close(stretch: Stretch, world: World, day: date) -> None:
    fingerprint = world.fingerprint(day)  # also makes this world remember who was silent on its day
    stretch.closings.append(Closing(day, world, fingerprint != stretch.judged))
    stretch.judged = fingerprint
    stretch.open_day = day + timedelta(days=1)
