"""Folding is set union: order does not matter, twice is once."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta

import builders as b
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from woonketen.contracts import catalogue
from woonketen.contracts.errors import SchemaError
from woonketen.contracts.facts import Fact, Record, Sealed, event_key
from woonketen.contracts.records import pack
from woonketen.streams.core.fold import empty, fold, open_record

REF = b"r" * 16
DAY = date(2026, 3, 1)
_POOL = [
    b.fact(short, happened=DAY + timedelta(days=n))
    for n, short in enumerate(["coach.visit_held", "enrolment.opened", "rent.balance_reported", "care.started"])
]


@st.composite
def copies(draw: st.DrawFn) -> Fact:
    """A fact as some record of it was opened: resealing gives another key, evening, and pseudonym."""
    fact = draw(st.sampled_from(_POOL[:2]))
    return msgspec.structs.replace(
        fact,
        known=DAY + timedelta(days=draw(st.integers(0, 1))),
        kid=draw(st.sampled_from([None, b"1" * 16, b"2" * 16])),
        subject=draw(st.sampled_from(["K-1", "K-2"])),
    )


@given(st.lists(copies(), max_size=12), st.randoms())
def test_order_does_not_matter(facts: list[Fact], random: object) -> None:
    shuffled = list(facts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert fold(empty(REF), facts) == fold(empty(REF), shuffled)


@given(st.lists(copies(), max_size=12))
def test_twice_is_once(facts: list[Fact]) -> None:
    once = fold(empty(REF), facts)
    assert fold(once, facts) is once
    assert fold(empty(REF), facts + facts) == once


@given(st.lists(copies(), max_size=12), st.integers(0, 12), st.integers(0, 12))
def test_grouping_does_not_matter(facts: list[Fact], i: int, j: int) -> None:
    i, j = sorted((i, j))
    step_by_step = fold(fold(fold(empty(REF), facts[:i]), facts[i:j]), facts[j:])
    assert step_by_step == fold(empty(REF), facts)


def test_the_evening_it_was_first_known_stays() -> None:
    early = b.fact("care.started", known=DAY)
    late = msgspec.structs.replace(early, known=DAY + timedelta(days=9), kid=b"k" * 16)
    for facts in ([early, late], [late, early]):
        assert list(fold(empty(REF), facts).facts.values()) == [early]


def test_a_known_state_is_not_changed_in_place() -> None:
    before = fold(empty(REF), _POOL[:2])
    after = fold(before, _POOL)
    assert len(before.facts) == 2
    assert len(after.facts) == 4


def _record(made: dict[str, object], org: str, day: date = DAY) -> tuple[Record, bytes]:
    sealed = Sealed(
        type=str(made["type"]),
        version=1,
        org=org,
        source=str(made["source"]),
        id=str(made["id"]),
        time=datetime.fromisoformat(str(made["time"])),
        subject=None if made.get("subject") is None else str(made["subject"]),
        data=json.dumps(made["data"]).encode(),
    )
    return Record(0, 1, day, "fact", REF, b"k" * 16, b""), pack(sealed)


@pytest.mark.parametrize("short", sorted(catalogue.TYPES))
def test_every_type_opens(short: str) -> None:
    made = b.event(short)
    record, clear = _record(made, "some-org")
    fact = open_record(record, clear)
    assert (fact.type, fact.org, fact.kid) == (short, "some-org", b"k" * 16)
    assert fact.key == event_key(made["source"], made["id"])
    assert fact.happened == catalogue.happened_on(catalogue.contract_of(short), fact.data, fact.time)


def test_a_fact_is_known_on_the_evening_of_its_record() -> None:
    record, clear = _record(b.event("care.started", occurred_on="2026-01-05"), b.ZORG, date(2026, 2, 2))
    assert open_record(record, clear).known == date(2026, 2, 2)


def test_a_warning_was_known_on_the_day_it_was_judged() -> None:
    record, clear = _record(b.event("warning.opened", as_of="2026-01-05"), b.PLATFORM, date(2026, 2, 2))
    assert open_record(record, clear).known == date(2026, 1, 5)
    record, clear = _record(b.event("warning.acknowledged"), b.PLATFORM, date(2026, 2, 2))
    assert open_record(record, clear).known == date(2026, 2, 2)


def test_a_correction_names_its_original_of_the_same_source() -> None:
    made = b.event("event.corrected")
    record, clear = _record(made, b.COACH)
    assert open_record(record, clear).original == event_key(made["source"], made["data"]["original_id"])
    elsewhere = {**made, "source": b.source_of(b.ZORG)}
    record, clear = _record(elsewhere, b.COACH)
    assert open_record(record, clear).original != event_key(made["source"], made["data"]["original_id"])


def test_what_was_never_written_does_not_open() -> None:
    record, clear = _record(b.event("care.started"), b.ZORG)
    with pytest.raises(msgspec.DecodeError):
        open_record(record, clear[:-1])
    made = b.event("care.started")
    made["data"]["category"] = "Wilhelmientje"
    record, clear = _record(made, b.ZORG)
    with pytest.raises(SchemaError) as refused:
        open_record(record, clear)
    assert "Wilhelmientje" not in str(refused.value)
