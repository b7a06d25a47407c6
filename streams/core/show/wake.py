"""When a row changes by itself: the next day on which something leaves a window, begins, or ends."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, timedelta

from woonketen.contracts.facts import Fact, Facts
from woonketen.streams.core import derive, episodes, picture
from woonketen.streams.core.effective import COUNTS_WHEN_KNOWN
from woonketen.streams.core.show.case import NOTHING
from woonketen.streams.core.show.lines import ATTEMPT_DAYS, NUISANCE_DAYS, VISIT_DAYS
from woonketen.streams.core.show.wijkteam import GONE_DAYS
from woonketen.streams.core.visible import changes_on
from woonketen.streams.core.world import World

_DAY = timedelta(days=1)
_WINDOWS = {
    "coach.visit_held": VISIT_DAYS,
    "coach.visit_missed": VISIT_DAYS,
    "contact.attempted": ATTEMPT_DAYS,
    "nuisance.reported": NUISANCE_DAYS,
    "nuisance.notice_sent": NUISANCE_DAYS,
}


def next_change(
    facts: Facts, day: date, world: World, gone: Facts = NOTHING, turn: episodes.Turn | None = None
) -> date | None:
    """The earliest day after `day` on which a row of this resident can be another without any new fact.

    `facts`: effective for whatever day, so that those dated in the future are among them; `gone` likewise, what was
    taken back; `turn`: `episodes.tonight`, for who has it. What the database computes from (`Late`, `due_on`), and what
    changes for everybody (`World.fingerprint`), is not asked for here.
    """
    days = [on for on in _days(facts, day) if on > day]
    turns = (changes_on(facts, day), changes_on(gone, day), episodes.next_change(today(facts, day), day, world, turn))
    return min((*days, *(on for on in turns if on is not None)), default=None)


def today(facts: Facts, day: date) -> Facts:
    """Of facts that are effective for whatever day those that are on `day`, as `effective(…, day)` gives them."""
    if all(group[-1].happened <= day for _, group in facts.groups()):
        return facts
    found = {}
    for short, group in facts.groups():
        if group[-1].happened > day and short not in COUNTS_WHEN_KNOWN:
            group = [fact for fact in group if fact.happened <= day]
        if group:
            found[short] = group
    return Facts.grouped(found, facts.memo)


def _days(facts: Facts, day: date) -> Iterator[date]:
    for short, length in _WINDOWS.items():
        told = facts.of(short)
        first = bisect_right(told, day - timedelta(days=length), key=_happened)
        if first < len(told):  # of those that are still in the window, the one that leaves it first
            yield told[first].happened + timedelta(days=length)
    for short in ("attention.flagged", "pause.agreed", "coach.covered"):
        for fact in facts.of(short):
            yield fact.data.until + _DAY
    for each in picture.visits(facts, day):
        if each.planned_on is not None and each.held_on is None and each.missed_on is None:
            yield each.planned_on + _DAY
    for fact in facts.of("move.planned"):
        yield fact.data.planned_on + _DAY
    for fact in facts.of("enrolment.closed"):
        yield fact.happened + _DAY
        yield fact.happened + timedelta(days=GONE_DAYS)
    for fact in facts.of("lease.ended"):
        yield fact.happened + _DAY
    last = {(fact.org, fact.data.lease_id): fact for fact in facts.upto(day, "rent.balance_reported")}
    for fact in last.values():
        yield fact.happened + derive.BALANCE_TOO_OLD + _DAY
    yield from _coaching(facts, day)


def _happened(fact: Fact) -> date:
    return fact.happened


def _coaching(facts: Facts, day: date) -> Iterator[date]:
    """When coaching without a visit comes to count as not running."""
    running = [each for each in picture.assignments(facts, day) if each.ended_on is None]
    if not running:
        return
    held = [each.held_on for each in picture.visits(facts, day) if each.held_on is not None]
    for each in running:
        since = max((*held, each.started_on))
        yield since + timedelta(days=derive.INTERVALS_WITHOUT_VISIT * each.interval_days + 1)
