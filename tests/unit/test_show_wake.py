"""Between the days that are named nothing changes by itself, and on what is left to the database nobody waits."""

from __future__ import annotations

from datetime import date, timedelta

import builders as b
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from woonketen.contracts import indicators
from woonketen.contracts.catalogue import TYPES
from woonketen.contracts.facts import Fact
from woonketen.streams.core.effective import effective
from woonketen.streams.core.show import next_change, shown
from woonketen.streams.core.show.wake import today

REF = bytes(16)
WORLD = b.world(rules=indicators.shipped())
START = date(2026, 1, 5)
BASE = [
    b.fact("enrolment.opened", happened=START),
    b.fact("notice.given", happened=START),
    b.fact(
        "consent.granted", happened=START, consent_id=f"{b.GEMEENTE}:T-2", recipient={"role": "coach"},
        purpose="guidance", categories=["nuisance", "arrears_level", "care"], valid_from="2026-01-05",
        valid_until="2026-12-31", data_from=None, data_until=None,
    ),
    b.fact("coach.assigned", happened=START, interval_days=60),
]  # fmt: skip
_SKIPPED = ("event.", "warning.", "subject.", "data.", "enrolment.opened", "notice.")
POOL = [
    b.fact(short, happened=START + timedelta(days=7 * n % 97))
    for n, short in enumerate(sorted(TYPES))
    if TYPES[short].about == "person" and not short.startswith(_SKIPPED)
]


def wakes(*facts: Fact, day: date) -> date | None:
    return next_change(effective([*BASE, *facts], None), day, WORLD)


@pytest.mark.parametrize(
    ("fact", "day", "expected"),
    [
        (b.fact("coach.visit_held", happened=date(2026, 1, 20)), date(2026, 3, 4), date(2026, 4, 20)),
        (b.fact("contact.attempted", happened=date(2026, 1, 20)), date(2026, 1, 20), date(2026, 2, 17)),
        (b.fact("nuisance.reported", happened=date(2026, 2, 20)), date(2026, 2, 20), date(2026, 4, 17)),
        (b.fact("pause.agreed", happened=date(2026, 2, 20), until="2026-03-01"), date(2026, 2, 20), date(2026, 3, 2)),
        (b.fact("attention.flagged", happened=date(2026, 2, 20)), date(2026, 2, 20), date(2026, 3, 7)),
        (b.fact("coach.covered", happened=date(2026, 2, 20), until="2026-02-27"), date(2026, 2, 20), date(2026, 2, 28)),
        (b.fact("lease.card_issued", happened=date(2026, 3, 1)), date(2026, 2, 20), date(2026, 3, 1)),
        (b.fact("enrolment.closed", happened=date(2026, 2, 20)), date(2026, 2, 20), date(2026, 2, 21)),
        (b.fact("enrolment.closed", happened=date(2026, 2, 20)), date(2026, 2, 21), date(2026, 2, 27)),
    ],
)
def test_what_wakes_a_resident(fact: Fact, day: date, expected: date) -> None:
    found = wakes(fact, day=day)
    coaching_stops = START + timedelta(days=3 * 14 + 1)
    assert found == (
        min(expected, coaching_stops) if day < coaching_stops and fact.type != "coach.visit_held" else expected
    )


def test_a_planned_visit_wakes_until_it_has_a_result() -> None:
    planned = b.fact("coach.visit_planned", happened=date(2026, 1, 6), planned_on="2026-01-20", visit_id="V-1")
    assert wakes(planned, day=date(2026, 1, 10)) == date(2026, 1, 21)
    held = b.fact("coach.visit_held", happened=date(2026, 1, 20), visit_id="V-1")
    assert wakes(planned, held, day=date(2026, 1, 20)) == date(2026, 4, 20), "then it is ninety days ago"


def test_coaching_without_a_visit_wakes_when_it_counts_as_not_running() -> None:
    assert wakes(day=date(2026, 2, 1)) == START + timedelta(days=3 * 60 + 1)


def test_being_late_wakes_nobody() -> None:
    plan = b.fact("plan.agreed", happened=START)
    assert wakes(plan, day=date(2026, 1, 31)) == wakes(day=date(2026, 1, 31))


def test_a_retraction_of_what_is_still_to_come_is_told_on_its_day() -> None:
    card = b.fact("lease.card_issued", happened=date(2026, 1, 30))
    facts = [*BASE, b.fact("lease.started", happened=START), card, b.retraction(card, known=date(2026, 1, 6))]
    assert shown(facts, REF, date(2026, 1, 10), WORLD).show_on == date(2026, 1, 30)


@settings(max_examples=30, deadline=None)
@given(st.sets(st.sampled_from(range(len(POOL))), max_size=12), st.integers(0, 200))
def test_nothing_changes_before_the_day_that_is_named(chosen: set[int], after: int) -> None:
    facts = [*BASE, *(POOL[n] for n in sorted(chosen))]
    day = START + timedelta(days=after)
    first = shown(facts, REF, day, WORLD)
    for n in range(1, 25):
        later = day + timedelta(days=n)
        if first.show_on is not None and later >= first.show_on:
            break
        now = shown(facts, REF, later, WORLD)
        assert msgspec.json.encode(now.rows) == msgspec.json.encode(first.rows), later
        assert msgspec.json.encode(now.warnings) == msgspec.json.encode(first.warnings), later


@settings(max_examples=30, deadline=None)
@given(st.sets(st.sampled_from(range(len(POOL)))), st.integers(-5, 120))
def test_what_counts_today_is_what_is_effective_today(chosen: set[int], after: int) -> None:
    facts = [*BASE, *(POOL[n] for n in chosen)]
    day = START + timedelta(days=after)
    assert list(today(effective(facts, None), day)) == list(effective(facts, day))
