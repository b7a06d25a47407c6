"""A lease that ends: is there a decision on converting it in time? Never about ending it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from woonketen.contracts.calendar import add_months, last_workday_in
from woonketen.contracts.facts import Fact
from woonketen.contracts.indicators import Indicator
from woonketen.streams.core.judge.evening import CALM, OVER, Evening, Judgement, Phrase
from woonketen.streams.core.picture import Lease


class Window(NamedTuple):
    """When notice may be given (art. 7:271 BW): from three months to one month before the end, by calendar months; and
    the last working day in it by the legal calendar (None when there is none)."""

    from_on: date
    until: date
    last_workday: date | None


def notice_window(ends_on: date, from_months: int = 3, until_months: int = 1) -> Window:
    """
    >>> notice_window(date(2026, 5, 31)).until
    datetime.date(2026, 4, 30)
    """
    first, last = add_months(ends_on, -from_months), add_months(ends_on, -until_months)
    return Window(first, last, last_workday_in(first, last, "legal"))


def conditional_lease_deadline(evening: Evening, rule: Indicator) -> Judgement:
    """Any running lease with an end on which nothing was decided. A late one opens at the level of that evening."""
    running = [lease for lease in evening.leases if lease.running]
    undecided = [lease for lease in running if lease.ends_on is not None and lease.decided is None]
    if not undecided:
        return CALM if running or not evening.leases else OVER
    if not evening.silent.isdisjoint(lease.org for lease in undecided):
        return Judgement(doubt="feed_silent", below_exit=False)
    levels = [(_level(evening, rule, lease), lease) for lease in undecided]
    level, lease = max(levels, key=lambda pair: (pair[0], pair[1].started_on, pair[1].lease_id))
    return Judgement(
        level=level,
        evidence=_evidence(evening, lease) if level else (),
        phrases=_phrases(evening, rule, lease) if level else (),
        below_exit=False,
        wake=evening.next(*(day for each in undecided for day in _days(rule, each))),
    )


def _level(evening: Evening, rule: Indicator, lease: Lease) -> int:
    plan_on, evaluate_on, decide_on, _ = _days(rule, lease)
    day = evening.day
    if day >= decide_on:
        return 3
    if day >= evaluate_on and lease.evaluated_on is None:
        return 2
    return int(day >= plan_on and lease.evaluation_planned_on is None and lease.evaluated_on is None)


def _days(rule: Indicator, lease: Lease) -> tuple[date, date, date, date]:
    n, end = rule.numbers, lease.ends_on
    assert end is not None
    passed = add_months(end, -n["notice_until_months"]) + timedelta(days=1)
    return (
        end - timedelta(days=n["plan_days"]),
        end - timedelta(days=n["evaluate_days"]),
        end - timedelta(days=n["decide_days"]),
        passed,
    )


def _evidence(evening: Evening, lease: Lease) -> tuple[Fact, ...]:
    told = evening.of("lease.started", "lease.evaluation_planned", "lease.evaluated")
    return tuple(fact for fact in told if (fact.org, fact.data.lease_id) == (lease.org, lease.lease_id))


def _phrases(evening: Evening, rule: Indicator, lease: Lease) -> tuple[Phrase, ...]:
    n, end = rule.numbers, lease.ends_on
    assert end is not None
    window = notice_window(end, n["notice_from_months"], n["notice_until_months"])
    missing = "no_decision"
    if lease.evaluated_on is None:
        missing = "no_evaluation" if lease.evaluation_planned_on is not None else "no_plan"
    passed = evening.day > window.until
    return (
        Phrase("ends", {"ends_on": end}),
        Phrase(missing, {}),
        Phrase("window_passed" if passed else "window", {**window._asdict(), "last_workday": window.last_workday}),
    )
