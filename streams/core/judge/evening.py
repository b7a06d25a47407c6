"""What the rules look at: a resident's facts at the close of a day; and what they say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from typing import Any, Literal, NamedTuple

import msgspec

from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.indicators import Indicator
from woonketen.streams.core import picture
from woonketen.streams.core.world import World

Doubt = Literal["feed_silent", "data_old"]
Value = date | str | int | tuple[Any, ...]


class Coded(NamedTuple):
    """A code whose Dutch label is written."""

    list: str
    code: str


class Phrase(msgspec.Struct, frozen=True):
    """A piece of the sentence: its name among the rule's phrases, and what is filled in."""

    name: str
    values: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Phrase({self.name})"


class Share(msgspec.Struct, frozen=True):
    """What a rule about organisations says of one of them."""

    org: str
    level: int
    evidence: tuple[Fact, ...]


class Judgement(msgspec.Struct, frozen=True):
    """What one rule says at the close of one day.

    `level`: the severity that is certain, 0 for none. `doubt`: why it may be more (a feed is silent, data is too old).
    `evidence`: facts that it rests on; `context`: further facts worth naming. `below_exit`: so far below that it may
    close. `over`: no longer about anything (the lease ended), so it closes without waiting. `wake`: the next day on
    which any of this changes without a new fact or another world.
    """

    level: int = 0
    doubt: Doubt | None = None
    evidence: tuple[Fact, ...] = ()
    context: tuple[Fact, ...] = ()
    parties: tuple[str, ...] = ()
    shares: tuple[Share, ...] = ()
    phrases: tuple[Phrase, ...] = ()
    below_exit: bool = True
    over: bool = False
    wake: date | None = None

    @property
    def unknown(self) -> bool:
        return self.doubt is not None


CALM = Judgement()
OVER = Judgement(over=True)


class Evening:
    """Facts that count at the close of `day`; what several rules read from them is read once, when first asked for.

    `silent`: organisations whose feed is silent on that evening. Of an earlier evening that is looked back at, with
    what is known now, there are none: a feed that is back has told what it had to tell.
    """

    __slots__ = ("_assignments", "_leases", "_pauses", "accounts", "day", "facts", "silent", "world")

    def __init__(self, facts: Facts, day: date, world: World, silent: frozenset[str] = frozenset()) -> None:
        self.facts, self.day, self.world, self.silent = facts, day, world, silent
        self.accounts: Any = None  # `money` keeps here what both of its rules read
        self._leases: list[picture.Lease] | None = None
        self._assignments: list[picture.Assignment] | None = None
        self._pauses: list[picture.Pause] | None = None

    def at(self, day: date) -> Evening:
        """An earlier evening, with what is known now."""
        return Evening(self.facts, day, self.world)

    def of(self, *types: str) -> list[Fact]:
        return self.facts.upto(self.day, *types)

    @property
    def leases(self) -> list[picture.Lease]:
        if self._leases is None:
            self._leases = picture.leases(self.facts, self.day)
        return self._leases

    @property
    def assignments(self) -> list[picture.Assignment]:
        if self._assignments is None:
            self._assignments = picture.assignments(self.facts, self.day)
        return self._assignments

    @property
    def pauses(self) -> list[picture.Pause]:
        if self._pauses is None:
            self._pauses = picture.pauses(self.facts, self.day)
        return self._pauses

    def in_pause(self, on: date) -> bool:
        return bool(self.pauses) and any(each.on <= on <= each.until for each in self.pauses)

    def leaves_on(self, org: str) -> date | None:
        info = self.world.orgs.get(org)
        return None if info is None else info.left_on

    def left(self, org: str) -> bool:
        on = self.leaves_on(org)
        return on is not None and on <= self.day

    def next(self, *days: date | None) -> date | None:
        """The first of these days that is still to come."""
        return min((day for day in days if day is not None and day > self.day), default=None)


Evaluate = Callable[[Evening, Indicator], Judgement]


class Matter(NamedTuple):
    """One thing that concerns one organisation (a late action, an open referral), with its level."""

    org: str
    level: int
    evidence: tuple[Fact, ...]
    phrase: Phrase


def about_parties(
    evening: Evening, matters: Iterable[Matter], days: Iterable[date | None], also: Iterable[str] = ()
) -> Judgement:
    """The judgement over organisations. What rests on a silent feed is not certain: the organisation may have done it
    and not been able to say so. `also`: organisations that do not owe it but whose silence would hide that it is done.
    """
    certain: list[Matter] = []
    doubtful = 0
    hidden = not evening.silent.isdisjoint(also)
    for each in matters:
        if hidden or each.org in evening.silent:
            doubtful = max(doubtful, each.level)
        else:
            certain.append(each)
    level = max((each.level for each in certain), default=0)
    doubt: Doubt | None = "feed_silent" if doubtful > level else None
    wake = evening.next(*days)
    if not certain:
        return Judgement(doubt=doubt, below_exit=doubt is None, wake=wake)
    orgs = sorted({each.org for each in certain if each.org})
    return Judgement(
        level=level,
        doubt=doubt,
        evidence=distinct(fact for each in certain for fact in each.evidence),
        parties=tuple(orgs),
        shares=tuple(_share(org, certain) for org in orgs),
        phrases=tuple(each.phrase for each in certain),
        below_exit=False,
        wake=wake,
    )


def distinct(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Each fact once, in the order of what happened."""
    found = {fact.key: fact for fact in facts}
    return tuple(sorted(found.values(), key=lambda fact: fact.order))


def later(day: date, days: int) -> date:
    return day + timedelta(days=days)


def _share(org: str, matters: list[Matter]) -> Share:
    mine = [each for each in matters if each.org == org]
    return Share(
        org=org,
        level=max(each.level for each in mine),
        evidence=distinct(fact for each in mine for fact in each.evidence),
    )
