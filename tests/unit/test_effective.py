"""Which facts count: corrections, retractions, one fact per business key, in whatever order they arrive."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random

import builders as b
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from woonketen.contracts import catalogue
from woonketen.contracts.facts import Fact, Facts
from woonketen.streams.core.effective import COUNTS_WHEN_KNOWN, effective, retracted

DAY = date(2026, 3, 10)
LATER = date(2027, 1, 1)


def at(n: int) -> datetime:
    return datetime(2026, 3, 10, 8, tzinfo=UTC) + timedelta(hours=n)


def missed(time: int = 0, org: str = b.COACH, visit_id: str = "V-1", by: str = "resident", **more: object) -> Fact:
    return b.fact("coach.visit_missed", org, DAY, time=at(time), visit_id=visit_id, missed_by=by, **more)  # type: ignore[arg-type]


def tell(facts: Facts) -> list[tuple[object, ...]]:
    """Everything that anybody can read of facts."""
    return [
        (each.key, each.type, each.org, each.happened, each.known, each.time, each.data, each.corrected)
        for each in facts
    ]


# Histories in which every rule bites: few keys, few times, two organisations, chains of corrections


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    hour = st.integers(0, 2)
    org = st.sampled_from([b.COACH, b.ZORG])
    facts: list[Fact] = []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["held", "missed", "planned", "attempt"]))
        time, visit = draw(hour), draw(st.sampled_from(["V-1", "V-2"]))
        happened = DAY + timedelta(days=draw(st.integers(0, 1)))
        match kind:
            case "held":
                made = b.fact("coach.visit_held", draw(org), happened, time=at(time), visit_id=visit)
            case "missed":
                by = draw(st.sampled_from(["resident", "organisation"]))
                made = b.fact("coach.visit_missed", draw(org), happened, time=at(time), visit_id=visit, missed_by=by)
            case "planned":
                made = b.fact("coach.visit_planned", draw(org), happened, time=at(time), visit_id=visit)
            case _:
                made = b.fact("contact.attempted", draw(org), happened, time=at(time))
        facts.append(made)
    about = list(facts)
    for _ in range(draw(st.integers(0, 5))):
        of = draw(st.sampled_from(about))
        time = at(draw(hour))
        if of.type == "event.corrected" or draw(st.booleans()):
            made = b.retraction(of, time=time)
        else:
            change: dict[str, object] = {"occurred_on": str(DAY + timedelta(days=draw(st.integers(0, 2))))}
            if of.type != "contact.attempted":
                change["visit_id"] = draw(st.sampled_from(["V-1", "V-2"]))
            made = b.correction(of, time=time, **change)
        facts.append(made)
        if made.type == "event.corrected":
            about.append(made)
    return facts


@settings(max_examples=300, deadline=None)
@given(histories(), st.randoms(use_true_random=False), st.sampled_from([None, DAY, DAY + timedelta(days=1)]))
def test_order_and_copies_do_not_matter(facts: list[Fact], random: Random, day: date | None) -> None:
    other = facts + random.choices(facts, k=3)
    random.shuffle(other)
    distinct = list({fact.key: fact for fact in other}.values())
    assert tell(effective(facts, day)) == tell(effective(distinct, day))
    assert tell(retracted(facts, day)) == tell(retracted(distinct, day))


@settings(max_examples=300, deadline=None)
@given(histories())
def test_the_rules_one_by_one(facts: list[Fact]) -> None:
    """Against the rules as the design writes them, said slowly."""
    events = [fact for fact in facts if fact.original is None]
    by_key: dict[object, list[tuple[datetime, str, bool, object]]] = {}
    for event in events:
        about = [fact for fact in facts if fact.original == event.key and fact.org == event.org]
        if any(fact.type == "event.retracted" for fact in about):
            continue
        last = max(about, key=lambda fact: (fact.time, fact.id), default=None)
        data, time, event_id = event.data, event.time, event.id
        if last is not None:
            data, time, event_id = msgspec.json.decode(last.data.data, type=type(event.data)), last.time, last.id
        family = event.type.replace("_held", "").replace("_missed", "")
        key = (family, event.org, data.visit_id) if hasattr(data, "visit_id") else event.key
        by_key.setdefault(key, []).append((time, event_id, last is not None, data))
    expected = [max(told, key=lambda each: each[:2])[2:] for told in by_key.values()]
    found = [(fact.corrected, fact.data) for fact in effective(facts, None)]
    assert sorted(map(repr_of, found)) == sorted(map(repr_of, expected))


def repr_of(told: tuple[bool, object]) -> str:
    return f"{told[0]} {type(told[1]).__name__} {msgspec.json.encode(told[1]).decode()}"


@settings(max_examples=100, deadline=None)
@given(histories())
def test_nothing_of_corrections_stays_and_days_follow_payloads(facts: list[Fact]) -> None:
    for fact in effective(facts, None):
        assert not fact.type.startswith("event.")
        assert fact.happened == fact.data.occurred_on
    for fact in effective(facts, DAY):
        assert fact.happened <= DAY


# Corrections


def test_a_correction_replaces_the_payload_and_is_marked() -> None:
    original = missed(known=date(2026, 3, 11))
    fixed = b.correction(original, missed_by="organisation", occurred_on="2026-03-09")
    (fact,) = effective([fixed, original], LATER)
    assert fact.data.missed_by == "organisation"
    assert fact.corrected
    assert (fact.key, fact.time, fact.known) == (original.key, original.time, original.known)
    assert fact.happened == date(2026, 3, 9)
    (plain,) = effective([original], LATER)
    assert not plain.corrected


def test_of_several_corrections_the_one_told_last_counts() -> None:
    original = missed()
    first = b.correction(original, time=at(5), event_id="z-1", missed_by="resident")
    last = b.correction(original, time=at(6), event_id="a-1", missed_by="organisation")
    for facts in ([original, first, last], [last, first, original]):
        assert [fact.data.missed_by for fact in effective(facts, LATER)] == ["organisation"]


def test_of_two_at_one_time_the_higher_id_counts() -> None:
    original = missed()
    low = b.correction(original, time=at(5), event_id="a-1", missed_by="resident")
    high = b.correction(original, time=at(5), event_id="b-1", missed_by="organisation")
    for facts in ([original, low, high], [high, low, original]):
        assert [fact.data.missed_by for fact in effective(facts, LATER)] == ["organisation"]


def test_a_retraction_beats_a_later_correction() -> None:
    original = missed()
    facts = [b.correction(original, time=at(9), missed_by="organisation"), b.retraction(original, time=at(1)), original]
    assert len(effective(facts, LATER)) == 0


def test_another_organisation_corrects_nothing() -> None:
    original = missed()
    forged = msgspec.structs.replace(b.correction(original, missed_by="organisation"), org=b.ZORG)
    taken = msgspec.structs.replace(b.retraction(original), org=b.ZORG)
    (fact,) = effective([original, forged, taken], LATER)
    assert fact.data.missed_by == "resident"
    assert not fact.corrected


def test_correcting_or_retracting_a_correction_counts_for_nothing() -> None:
    original = missed()
    fixed = b.correction(original, missed_by="organisation")
    before = tell(effective([original, fixed], LATER))
    again = b.correction(original, missed_by="resident")
    on_top = msgspec.structs.replace(again, original=fixed.key)
    assert tell(effective([original, fixed, on_top, b.retraction(fixed)], LATER)) == before


def test_a_correction_without_its_original_is_nothing() -> None:
    assert len(effective([b.correction(missed())], LATER)) == 0


def test_a_corrected_payload_that_does_not_decode_leaves_the_original() -> None:
    original = missed()
    (fact,) = effective([original, b.correction(original, missed_by="Wilhelmientje")], LATER)
    assert fact.data.missed_by == "resident"
    assert not fact.corrected


# Business keys


def test_the_same_visit_under_two_ids_counts_once_until_both_are_retracted() -> None:
    one, two = missed(0), missed(1)
    assert len(effective([one, two], LATER)) == 1
    assert len(effective([one, two, b.retraction(one)], LATER)) == 1
    assert len(effective([one, two, b.retraction(two)], LATER)) == 1
    assert len(effective([one, two, b.retraction(one), b.retraction(two)], LATER)) == 0


def test_sending_the_same_again_leaves_the_first() -> None:
    one, two = missed(0), missed(1)
    assert [fact.id for fact in effective([two, one], LATER)] == [one.id]


def test_other_content_for_one_key_the_one_told_last_counts() -> None:
    first, last = missed(0, by="resident"), missed(1, by="organisation")
    for facts in ([first, last], [last, first]):
        assert [fact.data.missed_by for fact in effective(facts, LATER)] == ["organisation"]


def test_a_visit_is_held_or_missed_not_both() -> None:
    held = b.fact("coach.visit_held", b.COACH, DAY, time=at(3), visit_id="V-1")
    assert effective([missed(0), held], LATER).types() == {"coach.visit_held"}
    assert effective([held, missed(4)], LATER).types() == {"coach.visit_missed"}


def test_a_correction_is_told_later_than_a_copy_sent_before_it() -> None:
    one, copy = missed(0, by="resident"), missed(1, by="resident")
    fixed = b.correction(one, time=at(2), missed_by="organisation")
    assert [fact.data.missed_by for fact in effective([one, copy, fixed], LATER)] == ["organisation"]
    sent_after = missed(3, by="resident")
    assert [fact.data.missed_by for fact in effective([one, fixed, sent_after], LATER)] == ["resident"]


def test_a_key_is_its_organisations_own() -> None:
    assert len(effective([missed(org=b.COACH), missed(org=b.ZORG)], LATER)) == 2


def test_types_without_a_business_key_count_each_time() -> None:
    attempts = [b.fact("contact.attempted", b.COACH, DAY) for _ in range(3)]
    assert len(effective(attempts, LATER)) == 3


@pytest.mark.parametrize("short", sorted(t for t, each in catalogue.TYPES.items() if each.business_key))
def test_every_business_key_is_one_fact(short: str) -> None:
    assert len(effective([b.fact(short), b.fact(short)], None)) == 1


# Days


def test_a_fact_counts_from_its_day() -> None:
    fact = missed()
    assert len(effective([fact], DAY - timedelta(days=1))) == 0
    assert len(effective([fact], DAY)) == 1
    assert len(effective([fact], None)) == 1


@pytest.mark.parametrize("short", sorted(COUNTS_WHEN_KNOWN))
def test_what_narrows_counts_when_known(short: str) -> None:
    assert len(effective([b.fact(short, happened=DAY)], date(2020, 1, 1))) == 1


def test_what_widens_counts_from_its_day() -> None:
    assert {"objection.lifted", "safety.flag_cleared", "notice.given"}.isdisjoint(COUNTS_WHEN_KNOWN)
    assert {"consent.refused", "consent.withdrawn", "objection.recorded", "safety.flag_set"} <= COUNTS_WHEN_KNOWN


def test_a_correction_may_move_a_fact_past_the_day() -> None:
    original = missed()
    moved = b.correction(original, occurred_on="2026-05-01")
    assert len(effective([original, moved], DAY)) == 0
    assert len(effective([original, moved], date(2026, 5, 1))) == 1


def test_a_future_result_does_not_bring_the_old_one_back() -> None:
    one = missed(0)
    two = b.fact("coach.visit_missed", b.COACH, date(2026, 4, 1), time=at(1), visit_id="V-1")
    assert len(effective([one, two], DAY)) == 0


# What is gone


def test_what_was_taken_back_can_be_asked_for() -> None:
    one, two, kept = missed(0), missed(1, by="organisation"), missed(0, visit_id="V-2")
    facts = [one, two, kept, b.retraction(one), b.retraction(two)]
    assert [fact.id for fact in retracted(facts, LATER)] == [two.id]
    assert [fact.id for fact in retracted([one, two, kept, b.retraction(one)], LATER)] == []
    assert len(retracted([one, kept], LATER)) == 0


def test_an_index_of_facts_is_in_order() -> None:
    facts = [missed(n, visit_id=f"V-{n}") for n in range(5)]
    for found in (effective(reversed(facts), LATER), Facts(reversed(facts))):
        assert [fact.key for fact in found] == [fact.key for fact in facts]
        assert [fact.key for fact in found.of("coach.visit_missed")] == [fact.key for fact in facts]
