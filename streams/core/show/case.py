"""What all rows of one resident on one day are computed from: everything, and what each onlooker may see of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from hashlib import blake2b
from typing import Any, TypeVar

import msgspec

from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.ports import Printed
from woonketen.contracts.recipient import Recipient, recipient
from woonketen.contracts.remembering import Memo, Traced
from woonketen.contracts.views import Row, Warn
from woonketen.streams.core import derive, picture
from woonketen.streams.core.episodes import Episode, Turn, episodes, sees, tonight, warn
from woonketen.streams.core.show.census import Census
from woonketen.streams.core.show.pieces import Key, Piece, Pieces, kept
from woonketen.streams.core.visible import Sight, sight, visible
from woonketen.streams.core.world import World

NOTHING = Facts([])
_NONE: list[Fact] = []
T = TypeVar("T")


class Look(msgspec.Struct, frozen=True):
    """One recipient and what that one may see. `ended`: nothing but own facts, because the enrolment is over, or (which
    nobody can tell from it) a safety flag stands. `resident` is the organisation's own pseudonym. `sources`: who
    published what is seen. `head`: all of it but what is seen."""

    to: Recipient
    sight: Sight
    seen: Facts
    ended: bool
    resident: str
    corrected: bool
    sources: list[str]
    head: tuple[Any, ...]

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


class Shelf:
    """What was found of one resident on one day in one world, for the next event. `printed`: for who writes rows."""

    def __init__(self, printed: Printed | None = None) -> None:
        self.turn = 0
        self.pieces: dict[Key, Piece] = {}
        self.looks: dict[Recipient, Look] = {}
        self.census = Census()
        self.gone = NOTHING
        self.printed: Printed = {} if printed is None else printed

    def of(self, gone: Facts) -> Shelf:
        """With other facts taken back everything is worked out anew."""
        self.turn += 1
        if self.gone is not gone:
            self.gone = gone
            self.pieces, self.looks = {}, {}
        return self


class Case(Pieces):
    """`facts`: everything about the resident, effective on `day`; `gone`: what was taken back. Nothing of it goes into
    a row but through a `Look`, or through a derived value whose own category is open. `shelf`: what lies there of the
    last event."""

    def __init__(
        self, facts: Facts, ref: bytes, day: date, world: World, gone: Facts, shelf: Shelf | None = None
    ) -> None:
        self._memo = facts.memo or Memo()
        facts = facts.remembering(self._memo)
        super().__init__(facts if shelf is None else Traced(facts))
        self.ref, self.day, self.world, self.gone = ref, day, world, gone
        self._census = Census() if shelf is None else shelf.census
        changed = self._census.take(facts)
        if shelf is not None:
            self.before = shelf.of(gone).pieces
            self._looks = {to: self._look(to, look, changed) for to, look in shelf.looks.items()}
            calm = all(self._looks[to].head is look.head for to, look in shelf.looks.items())
            shelf.looks = self._looks
            self.go_on(shelf.turn, changed, calm)

    def read(self, reader: Callable[[Facts, date], T]) -> T:
        """What a reader finds in everything."""
        return reader(self.facts, self.day)

    def look(self, role: str, org: str, worker: str | None = None) -> Look:
        return self.look_to(recipient(role, org, worker))

    def look_to(self, to: Recipient) -> Look:
        found = self._looks.get(to)
        if found is None:
            found = self._looks[to] = self.aside(lambda: self._look(to, None, frozenset()))
        if self._frame is not None:
            self.note(self._frame, found)
        return found

    def _look(self, to: Recipient, before: Look | None, changed: frozenset[str]) -> Look:
        """`before`: at the last event, since when there are others of the types `changed`."""
        view = self._memo.make(_sight, self.facts, to, self.day, self.world)
        ended = to.role != "bewoner" and (view.flagged_away or (self.over and to.role in OUTLIVES))
        now = self.facts.lists
        if before is None or before.sight is not view or before.ended != ended:
            return self._looked(to, view, ended, self._visible(to, view, ended, now), None)
        by = None
        for short in changed:
            fresh = self._visible(to, view, ended, {short: now[short]} if short in now else {})
            if fresh.get(short) != before.seen.lists.get(short):
                by = dict(before.seen.lists) if by is None else by
                by.pop(short, None)
                by |= fresh
        return self._looked(to, view, ended, before.seen.lists if by is None else by, before)

    @staticmethod
    def _visible(to: Recipient, view: Sight, ended: bool, lists: Mapping[str, list[Fact]]) -> dict[str, list[Fact]]:
        found = {}
        for short, group in lists.items():
            seen = view.of(short, group)
            if ended:
                seen = [fact for fact in seen if fact.org == to.org]
            if seen:
                found[short] = seen
        return found

    def _looked(
        self, to: Recipient, view: Sight, ended: bool, by: Mapping[str, list[Fact]], before: Look | None
    ) -> Look:
        resident = self.resident(to.org)
        corrected = self._is_corrected(to, view, ended, by)
        if before is not None and by is before.seen.lists and (resident, corrected) == before.head[2:4]:
            return before
        sources = sorted(frozenset().union(*(self._census.orgs_of(short, seen) for short, seen in by.items())))
        head = (view, ended, resident, corrected, sources)
        if before is not None and before.head == head:
            head = before.head
        seen = Facts.grouped(dict(by), self._memo)
        return Look(
            to,
            view,
            seen if self.before is None else Traced(seen),
            ended,
            resident,
            corrected,
            sources,
            head,
        )

    def _is_corrected(self, to: Recipient, view: Sight, ended: bool, seen: Mapping[str, list[Fact]]) -> bool:
        if self._census.corrected and any(self._census.is_corrected(short, group) for short, group in seen.items()):
            return True
        if not len(self.gone):
            return False
        return any(not ended or fact.org == to.org for fact in visible(self.gone, view))

    @kept
    def warnings(self, to: Recipient) -> list[Warn]:
        """Those that one may see, in the order in which they opened; ended ones too."""
        look = self.look_to(to)
        if look.ended or not self.episodes:
            return []
        seen = [each for each in self.episodes if sees(each, look.sight, self.world)]
        return [warn(each, look.seen, look.to, self.day, self.world) for each in seen]

    def resident(self, org: str) -> str:
        """The organisation's own pseudonym: of several that of the earliest known fact; without any, one that is minted
        for it and is the same every time."""
        found = self._census.first_of(org)
        if found is not None:
            return str(found.subject)
        minted = blake2b(org.encode() + b"|" + self.ref, key=self.world.pseudonym_key[:64], digest_size=5)
        return f"P-{minted.hexdigest()}"

    # Derived from everything, shown where its own category is open

    @property
    @kept
    def orgs(self) -> frozenset[str]:
        """Who told anything."""
        self.facts.types()  # it rests on all of them
        return self._census.orgs

    @property
    def enrolment(self) -> picture.Enrolment | None:
        return self.read(picture.current_enrolment)

    @property
    def over(self) -> bool:
        """Whether the enrolment was closed before today; on the day of closing rows are still there."""
        closed_on = self.enrolment.closed_on if self.enrolment else None
        return closed_on is not None and closed_on < self.day

    @property
    @kept
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

    @property
    @kept
    def coaching_runs(self) -> tuple[str, str | None]:
        return self.read(derive.coaching_runs)

    @property
    @kept
    def phase(self) -> str:
        return self.read(derive.phase)

    @property
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

    @property
    def assignments(self) -> list[picture.Assignment]:
        return self.read(picture.assignments)

    @property
    @kept
    def tonight(self) -> Turn:
        return tonight(self.facts, self.day, self.world, self.ref)

    @property
    @kept
    def episodes(self) -> list[Episode]:
        return episodes(self.facts, self.day, self.world, self.ref, self.gone, self.tonight)


OUTLIVES = frozenset({"corporatie", "zorgaanbieder"})
"""Roles whose own facts stay in view after the enrolment."""


def _sight(facts: Facts, to: Recipient, day: date, world: World) -> Sight:
    return sight(to, facts, day, world)
