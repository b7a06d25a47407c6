"""conditional_lease_deadline and its notice window."""

from __future__ import annotations

from datetime import date
from typing import Any

import builders as b
import pytest
from judging import brief, on, play, world

from woonketen.contracts.facts import Fact
from woonketen.streams.core.effective import effective
from woonketen.streams.core.judge.evening import Evening, Judgement
from woonketen.streams.core.judge.lease import conditional_lease_deadline, notice_window

HERE = world()


def lease(ends: str | None = "2026-12-31", known: str = "2025-01-01", **data: Any) -> Fact:
    return b.fact("lease.started", happened=on("2025-01-01"), known=on(known), ends_on=ends or ..., **data)


def planned(day: str) -> Fact:
    return b.fact("lease.evaluation_planned", happened=on(day), planned_on="2026-10-01")


def evaluated(day: str) -> Fact:
    return b.fact("lease.evaluated", happened=on(day))


def decided(day: str, decision: str = "convert") -> Fact:
    return b.fact("lease.decided", happened=on(day), decision=decision)


def judged(facts: list[Fact], day: str) -> Judgement:
    rule = HERE.rules["conditional_lease_deadline"]
    return conditional_lease_deadline(Evening(effective(facts, on(day)), on(day), HERE), rule)


@pytest.mark.parametrize(
    ("told", "day", "level"),
    [
        ([], "2026-07-03", 0),  # 181 days
        ([], "2026-07-04", 1),  # 180 days
        ([planned("2026-06-01")], "2026-07-04", 0),
        ([evaluated("2026-06-01")], "2026-07-04", 0),
        ([planned("2026-06-01")], "2026-09-01", 0),  # 121 days
        ([planned("2026-06-01")], "2026-09-02", 2),  # 120 days, not evaluated
        ([], "2026-09-02", 2),
        ([evaluated("2026-08-20")], "2026-09-02", 0),
        ([evaluated("2026-08-20")], "2026-09-21", 0),  # 101 days
        ([evaluated("2026-08-20")], "2026-09-22", 3),  # 100 days, not decided
        ([planned("2026-06-01")], "2026-09-22", 3),
        ([decided("2026-09-22")], "2026-09-22", 0),
        ([decided("2026-06-01", "end")], "2026-09-22", 0),
        ([], "2027-02-01", 3),  # the end has passed, and still nobody decided
    ],
)
def test_180_120_and_100_days_before_the_end(told: list[Fact], day: str, level: int) -> None:
    assert judged([lease(), *told], day).level == level


@pytest.mark.parametrize(
    ("kind", "level"), [("conditional", 3), ("fixed_term", 3), ("three_party", 3), ("indefinite", 0)]
)
def test_any_lease_that_ends(kind: str, level: int) -> None:
    ends = None if kind == "indefinite" else "2026-12-31"
    assert judged([lease(ends, kind=kind)], "2026-10-01").level == level


def test_the_course_to_a_decision() -> None:
    facts = [lease(), planned("2026-07-20"), evaluated("2026-09-10"), decided("2026-09-30")]
    assert brief(play(facts, "2026-06-25", "2026-10-10"), "conditional_lease_deadline") == [
        "2026-07-04 opened 1",
        "2026-09-02 raised 2",
        "2026-09-10 lowered 1",
        "2026-09-22 raised 3",
        "2026-09-30 closed resolved",
    ]


def test_a_lease_that_comes_late_opens_once_at_the_level_of_that_evening() -> None:
    story = play([lease(known="2026-09-05")], "2026-06-25", "2026-09-15")
    assert brief(story, "conditional_lease_deadline") == ["2026-09-05 opened 2"]


def test_conversion_and_the_end_of_the_lease_close_it() -> None:
    converted = b.fact("lease.converted", happened=on("2026-08-01"))
    ended = b.fact("lease.ended", happened=on("2026-08-01"))
    for fact, reason in ((converted, "resolved"), (ended, "not_applicable")):
        lines = brief(play([lease(), fact], "2026-06-25", "2026-12-01"), "conditional_lease_deadline")
        assert lines == ["2026-07-04 opened 1", f"2026-08-01 closed {reason}"]


@pytest.mark.parametrize(
    ("ends", "first", "last", "workday"),
    [
        ("2026-12-31", "2026-09-30", "2026-11-30", "2026-11-30"),
        ("2026-05-31", "2026-02-28", "2026-04-30", "2026-04-30"),  # shorter months
        ("2028-05-31", "2028-02-29", "2028-04-30", "2028-04-28"),  # a leap year; a Sunday
        ("2026-05-27", "2026-02-27", "2026-04-27", "2026-04-24"),  # King's day, a Monday
        ("2026-05-06", "2026-02-06", "2026-04-06", "2026-04-02"),  # Easter Monday, and Good Friday before it
        ("2026-06-05", "2026-03-05", "2026-05-05", "2026-05-04"),  # 5 May is a holiday for legal terms
    ],
)
def test_the_notice_window_by_calendar_months(ends: str, first: str, last: str, workday: str) -> None:
    assert notice_window(date.fromisoformat(ends)) == (on(first), on(last), on(workday))


def test_the_window_is_said_to_have_passed_from_the_day_after_it() -> None:
    said = {day: [each.name for each in judged([lease()], day).phrases] for day in ("2026-11-30", "2026-12-01")}
    assert said == {
        "2026-11-30": ["ends", "no_plan", "window"],
        "2026-12-01": ["ends", "no_plan", "window_passed"],
    }
    assert judged([lease()], "2026-11-30").wake == on("2026-12-01")


def test_the_text_is_about_converting_and_never_about_ending() -> None:
    texts = HERE.rules["conditional_lease_deadline"].texts["1"]
    for said in texts.severity.values():
        for text in (said.full, said.bare, said.bewoner, said.bewoner_bare):
            assert "omzet" in text or "omgezet" in text
            assert not any(word in text for word in ("opzeg", "beëindig", "ontruim"))
