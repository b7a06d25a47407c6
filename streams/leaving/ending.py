"""When the retention term of each fact of a resident ends. Pure: facts and terms in, days out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from woonketen.contracts.calendar import add_months
from woonketen.contracts.catalogue import TYPES
from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.records import PLATFORM
from woonketen.contracts.retention import PLATFORM_KIND, SLEEPING, Term, Terms
from woonketen.streams.core import picture
from woonketen.streams.core.effective import effective

MARKS = frozenset({"data.expired", "subject.erased", "subject.merged", "subject.split"})
"""What says that something is gone, or who somebody is. They hold nothing else, and go when nothing else is left."""
_ENDED = frozenset({"warning.closed", "warning.voided"})

Span = tuple[date, date | None]
"""From when until when something ran; it runs still where there is no end."""


class Ending(msgspec.Struct, frozen=True):
    """`on`: the first day on which it has to be gone; None where the term has not begun."""

    term: Term
    on: date | None


def endings(facts: Sequence[Fact], terms: Terms, kinds: Mapping[str, str]) -> dict[bytes, Ending]:
    """By key of a fact. `facts`: all that is known of one resident, under every number that it ever had; `kinds`: per
    organisation. Left out are marks, and what has no term: an organisation without one is never made to lose data."""
    starts = _Starts(facts)
    by_key = {fact.key: fact for fact in facts}
    found: dict[bytes, Ending] = {}
    for fact in facts:
        if fact.type in MARKS:
            continue
        about = fact if fact.original is None else by_key.get(fact.original, fact)
        kind = PLATFORM_KIND if fact.org == PLATFORM else kinds.get(fact.org, "")
        term = terms.of(fact.org, kind, TYPES[about.type].category)
        if term is not None:
            begins = starts.of(about, term.since)
            found[fact.key] = Ending(term, None if begins is None else add_months(begins, term.months))
    return found


def sleeping(facts: Sequence[Fact], terms: Terms, kinds: Mapping[str, str], on: date) -> dict[str, date]:
    """Per organisation whose enrolment of this resident runs on: the last day on which anybody told anything, where
    that is longer ago on `on` than its term for it. Nothing is due by it: who enrolled has to be asked."""
    last = max((fact.known for fact in facts if fact.org != PLATFORM and fact.type not in MARKS), default=None)
    if last is None:
        return {}
    found = {}
    for each in _all(picture.enrolments, effective(facts, None)):
        term = terms.of(each.org, kinds.get(each.org, ""), SLEEPING)
        if each.closed_on is None and term is not None and add_months(last, term.months) <= on:
            found[each.org] = last
    return found


def activity_of(fact: Fact, terms: Terms, kinds: Mapping[str, str]) -> str:
    """The activity that a fact was kept for; `coordination` where its publisher has no term any more."""
    kind = PLATFORM_KIND if fact.org == PLATFORM else kinds.get(fact.org, "")
    term = terms.of(fact.org, kind, TYPES[fact.type].category)
    return "coordination" if term is None else term.activity


class _Starts:
    """On which day the term of a fact begins. Whatever still runs has not begun."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        whenever = effective(facts, None)
        self._facts = whenever
        self._enrolments: list[Span] = [(each.opened_on, each.closed_on) for each in _all(picture.enrolments, whenever)]
        self._leases = _all(picture.leases, whenever)
        self._care: dict[tuple[str, str], date] = {
            (fact.org, fact.data.care_id): fact.happened for fact in whenever.of("care.ended")
        }
        self._outcomes: dict[str, date] = {}
        for fact in whenever.of("debt_help.outcome"):
            self._outcomes[fact.data.signal_id] = fact.happened
        self._closed: dict[str, date] = {}
        for fact in facts:
            if fact.type in _ENDED:
                known = self._closed.get(fact.data.warning_id, date.min)
                self._closed[fact.data.warning_id] = max(known, fact.happened)

    def of(self, fact: Fact, since: str) -> date | None:
        found: date | None = getattr(self, f"_{since}")(fact)
        return found

    def _recorded(self, fact: Fact) -> date:
        return fact.happened

    def _enrolment_closed(self, fact: Fact) -> date | None:
        return _end_of(self._enrolments, fact.happened)

    def _lease_ended(self, fact: Fact) -> date | None:
        lease_id = getattr(fact.data, "lease_id", None)
        own = [each for each in self._leases if each.org == fact.org]
        named = [each for each in own if each.lease_id == lease_id] or own
        if not named:
            return self._enrolment_closed(fact)
        return _end_of([(each.started_on, each.ended_on) for each in named], fact.happened)

    def _care_ended(self, fact: Fact) -> date | None:
        care_id = getattr(fact.data, "care_id", None)
        if care_id is None:
            return self._enrolment_closed(fact)
        return self._care.get((fact.org, care_id))

    def _signal_closed(self, fact: Fact) -> date | None:
        signal_id = getattr(fact.data, "signal_id", None)
        return self._outcomes.get(signal_id or "") or self._enrolment_closed(fact)

    def _flag_cleared(self, fact: Fact) -> date | None:
        if fact.type == "safety.flag_cleared":
            return fact.happened
        later = [each for each in self._facts.of("safety.flag_cleared") if each.org == fact.org]
        return next((each.happened for each in later if each.order > fact.order), None)

    def _warning_closed(self, fact: Fact) -> date | None:
        return self._closed.get(getattr(fact.data, "warning_id", ""))


def _all(reader: Any, facts: Facts) -> Any:
    return reader(facts, date.max)


def _end_of(spans: Iterable[Span], day: date) -> date | None:
    """The end of what ran on that day, else of the next that began; what came after all of them counts for itself.

    >>> _end_of([(date(2020, 1, 1), date(2021, 1, 1)), (date(2022, 1, 1), None)], date(2020, 6, 1))
    datetime.date(2021, 1, 1)
    """
    known = sorted(spans, key=lambda span: span[0])
    running = [end for start, end in known if start <= day and (end is None or day <= end)]
    if not running:
        running = [end for start, end in known if start > day][:1]
    if not running:
        return day
    ends = [end for end in running if end is not None]
    return max(ends) if len(ends) == len(running) else None
