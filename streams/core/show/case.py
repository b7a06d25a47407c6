"""What all rows of one resident on one day are computed from: everything, and what each onlooker may see of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from hashlib import blake2b
from typing import TypeVar

import msgspec

from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.recipient import Recipient, recipient
from woonketen.contracts.remembering import Memo
from woonketen.contracts.views import Row, Warn
from woonketen.streams.core import derive, picture
from woonketen.streams.core.conditions import lazy
from woonketen.streams.core.episodes import Episode, Turn, episodes, sees, tonight, warn
from woonketen.streams.core.visible import Sight, sight, visible
from woonketen.streams.core.world import World

NOTHING = Facts([])
T = TypeVar("T")


class Look(msgspec.Struct, frozen=True):
    """One recipient and what that one may see. `ended`: nothing but own facts, because the enrolment is over, or (which
    nobody can tell from it) a safety flag stands. `resident` is the organisation's own pseudonym. `sources`: who
    published what is seen."""

    to: Recipient
    sight: Sight
    seen: Facts
    ended: bool
    resident: str
    corrected: bool
    sources: list[str]

    def read(self, reader: Callable[[Facts, date], T]) -> T:
        """What a reader finds in the facts that are seen."""
        return reader(self.seen, self.sight.day)

    def open(self, category: str, on: date | None = None) -> bool:
        return not self.ended and self.sight.open(category, on)

    def not_shared(self, fields: dict[str, str]) -> list[str]:
        """The fields that are closed. `fields`: field → the category that opens it, in the view's order."""
        if self.ended:
            return []
        closed = frozenset(self.sight.not_shared(dict.fromkeys(fields.values())))
        return [field for field, category in fields.items() if category in closed] if closed else []


class Arrears(msgspec.Struct, frozen=True, gc=False):
    """`on` and `before_on`: the days of the two balances, which a consent's data period is asked about."""

    level: str
    on: date
    trend: str | None
    before_on: date | None
    corrected: bool


Pair = tuple[Look, Row]
"""A row, and the look that it was computed from."""


class Case:
    """`facts`: everything about the resident, effective on `day`; `gone`: what was taken back. Nothing of it goes into
    a row but through a `Look`, or through a derived value whose own category is open."""

    def __init__(self, facts: Facts, ref: bytes, day: date, world: World, gone: Facts) -> None:
        self._memo = facts.memo or Memo()
        facts = facts.remembering(self._memo)
        self.facts, self.ref, self.day, self.world, self.gone = facts, ref, day, world, gone
        self._looks: dict[Recipient, Look] = {}
        self._told_by: dict[str, set[str]] = {}
        self._warnings: dict[Recipient, list[Warn]] = {}

    def read(self, reader: Callable[[Facts, date], T]) -> T:
        """What a reader finds in everything."""
        return reader(self.facts, self.day)

    def look(self, role: str, org: str, worker: str | None = None) -> Look:
        to = recipient(role, org, worker)
        found = self._looks.get(to)
        if found is None:
            found = self._looks[to] = self._looked(to)
        return found

    def _looked(self, to: Recipient) -> Look:
        view = self._memo.make(_sight, self.facts, to, self.day, self.world)
        ended = to.role != "bewoner" and (view.flagged_away or (self.over and to.role in OUTLIVES))
        seen = visible(self.facts, view)
        if ended:
            seen = _own(seen, to.org)
        sources = sorted({org for short, group in seen.groups() for org in self._orgs(short, group)})
        corrected = self._corrected and any(fact.corrected for _, group in seen.groups() for fact in group)
        if not corrected and len(self.gone):
            taken = visible(self.gone, view)
            corrected = any(not ended or fact.org == to.org for fact in taken)
        return Look(to, view, seen, ended, self.resident(to.org), corrected, sources)

    def warnings(self, look: Look) -> list[Warn]:
        """Those that one may see, in the order in which they opened; ended ones too."""
        if look.ended or not self.episodes:
            return []
        found = self._warnings.get(look.to)
        if found is None:
            seen = [each for each in self.episodes if sees(each, look.sight, self.world)]
            found = [warn(each, look.seen, look.to, self.day, self.world) for each in seen]
            self._warnings[look.to] = found
        return found

    def resident(self, org: str) -> str:
        """The organisation's own pseudonym: of several that of the earliest known fact; without any, one that is minted
        for it and is the same every time."""
        found = self._subjects.get(org)
        if found is not None:
            return str(found.subject)
        minted = blake2b(org.encode() + b"|" + self.ref, key=self.world.pseudonym_key[:64], digest_size=5)
        return f"P-{minted.hexdigest()}"

    def _orgs(self, short: str, group: list[Fact]) -> Iterable[str]:
        """Who told these; of all that there is of a type it is worked out once."""
        if group is not self.facts.of(short):
            return (fact.org for fact in group)
        found = self._told_by.get(short)
        if found is None:
            found = self._told_by[short] = {fact.org for fact in group}
        return found

    @lazy
    def _corrected(self) -> bool:
        return any(fact.corrected for _, group in self.facts.groups() for fact in group)

    @lazy
    def _subjects(self) -> dict[str, Fact]:
        first: dict[str, Fact] = {}
        for _, group in self.facts.groups():
            for fact in group:
                if fact.subject is not None:
                    other = first.get(fact.org)
                    if other is None or _stamp(fact) < _stamp(other):
                        first[fact.org] = fact
        return first

    # Derived from everything, shown where its own category is open

    @lazy
    def enrolment(self) -> picture.Enrolment | None:
        return self.read(picture.current_enrolment)

    @lazy
    def over(self) -> bool:
        """Whether the enrolment was closed before today; on the day of closing rows are still there."""
        closed_on = self.enrolment.closed_on if self.enrolment else None
        return closed_on is not None and closed_on < self.day

    @lazy
    def arrears(self) -> Arrears | None:
        balance = derive.arrears_balance(self.facts, self.day)
        if balance is None:
            return None
        level = derive.level_of(balance, self.day)
        told = picture.balances(self.facts, balance.lease_id, self.day, balance.org)
        if len(told) < 2:
            return Arrears(level, balance.on, None, None, balance.fact.corrected)
        trend = derive.arrears_trend(self.facts, self.day)
        return Arrears(level, balance.on, trend, told[-2].on, balance.fact.corrected)

    @lazy
    def coaching_runs(self) -> tuple[str, str | None]:
        return self.read(derive.coaching_runs)

    @lazy
    def phase(self) -> str:
        return self.read(derive.phase)

    @lazy
    def actions(self) -> list[picture.Action]:
        return self.read(picture.actions)

    def in_hand(self, actions: list[picture.Action]) -> list[picture.Action]:
        """An open action of an organisation that left is the case lead's."""
        lead = self.read(picture.caselead)
        if lead is None:
            return actions
        return [
            msgspec.structs.replace(each, owner=lead.org)
            if each.done_on is None and self.world.left(each.owner, self.day)
            else each
            for each in actions
        ]

    @lazy
    def assignments(self) -> list[picture.Assignment]:
        return self.read(picture.assignments)

    @lazy
    def tonight(self) -> Turn:
        return tonight(self.facts, self.day, self.world, self.ref)

    @lazy
    def episodes(self) -> list[Episode]:
        return episodes(self.facts, self.day, self.world, self.ref, self.gone, self.tonight)


OUTLIVES = frozenset({"corporatie", "zorgaanbieder"})
"""Roles whose own facts stay in view after the enrolment."""


def _sight(facts: Facts, to: Recipient, day: date, world: World) -> Sight:
    return sight(to, facts, day, world)


def _own(facts: Facts, org: str) -> Facts:
    found: dict[str, list[Fact]] = {}
    for short, group in facts.groups():
        own = [fact for fact in group if fact.org == org]
        if own:
            found[short] = own
    return Facts.grouped(found, facts.memo)


def _stamp(fact: Fact) -> tuple[date, datetime, bytes]:
    return (fact.known, fact.time, fact.key)
