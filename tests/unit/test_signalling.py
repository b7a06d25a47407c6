"""What admission knows of efforts and objections says the same as the facts do when somebody looks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import builders as b
from hypothesis import given
from hypothesis import strategies as st

from woonketen.contracts import consent
from woonketen.contracts.facts import Fact, Facts
from woonketen.streams.core import picture
from woonketen.streams.core.picture.money import EFFORTS
from woonketen.streams.door.signalling import Stamped, missing, objected

FIRST = date(2026, 1, 5)
LEASE = "L-1"
told = st.tuples(st.sampled_from([*EFFORTS, "owed", "zero"]), st.integers(0, 6), st.integers(0, 20))
said = st.tuples(st.sampled_from(["objected", "lifted"]), st.integers(0, 6), st.integers(0, 20), st.integers(1, 2))


def stamp(fact: Fact, kind: str, about: bytes) -> Stamped:
    return Stamped(fact.happened, fact.time, fact.id, kind, about)


def at(on: date, minutes: int) -> datetime:
    return datetime(on.year, on.month, on.day, 8, minutes, tzinfo=UTC)


def of_lease(kind: str, days: int, minutes: int) -> Fact:
    on = FIRST + timedelta(days=days)
    if kind in EFFORTS:
        return b.fact("arrears.effort_made", b.CORPORATIE, on, time=at(on, minutes), lease_id=LEASE, effort=kind)
    owed = 60_000 if kind == "owed" else 0
    return b.fact("rent.balance_reported", b.CORPORATIE, on, time=at(on, minutes), lease_id=LEASE,
                  outstanding_cents=owed, oldest_unpaid_on=..., paid_late_days=[])  # fmt: skip


def of_resident(kind: str, days: int, minutes: int, number: int) -> Fact:
    on, named = FIRST + timedelta(days=days), f"{b.GEMEENTE}:O-{number}"
    if kind == "objected":
        return b.fact("objection.recorded", b.GEMEENTE, on, time=at(on, minutes), objection_id=named,
                      purpose="early_signalling")  # fmt: skip
    return b.fact("objection.lifted", b.GEMEENTE, on, time=at(on, minutes), objection_id=named)


def unique(facts: Iterable[Fact]) -> list[Fact]:
    """Two events of one moment are in the order of their ids, which the two sides need not share."""
    return list({(fact.happened, fact.time): fact for fact in facts}.values())


@given(st.lists(told, max_size=12), st.integers(0, 6))
def test_the_efforts_that_are_missing(events: list[tuple[str, int, int]], days: int) -> None:
    facts = [of_lease(*each) for each in events]
    kinds = {fact.key: each[0] for fact, each in zip(facts, events, strict=True)}
    facts, day = unique(facts), FIRST + timedelta(days=days)
    made = {each.effort for each in picture.efforts(Facts(facts), LEASE, day, b.CORPORATIE)}
    rows = [stamp(fact, kinds[fact.key], b"lease") for fact in facts]
    other = [stamp(fact, kinds[fact.key], b"another lease") for fact in facts]
    assert missing([*other, *rows], b"lease", day) == tuple(each for each in EFFORTS if each not in made)
    assert missing(rows[::-1], b"lease", day) == missing(rows, b"lease", day), "in whatever order they came"


@given(st.lists(said, max_size=8), st.integers(0, 6))
def test_whether_an_objection_stands(events: list[tuple[str, int, int, int]], days: int) -> None:
    # The catalogue has one objection and one lift per id: the last told counts, so one of each is enough here.
    once = list({(kind, number): (kind, on, minutes, number) for kind, on, minutes, number in events}.values())
    facts, day = [of_resident(*each) for each in once], FIRST + timedelta(days=days)
    rows = [
        stamp(fact, each[0], str(each[3]).encode())
        for fact, each in zip(facts, once, strict=True)
        if len({(one.happened, one.time) for one in facts}) == len(facts)
    ]
    if rows:
        assert objected(rows, day) == consent.objected(Facts(facts), "early_signalling", day)
        assert objected(rows[::-1], day) == objected(rows, day)
