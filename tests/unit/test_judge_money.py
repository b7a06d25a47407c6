"""arrears_first and arrears_escalating: every edge just below, at and above."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import builders as b
import pytest
from judging import brief, on, play, world

from woonketen.contracts.facts import Fact, Facts
from woonketen.streams.core.effective import effective
from woonketen.streams.core.judge.attention import attention_period
from woonketen.streams.core.judge.evening import Evening
from woonketen.streams.core.judge.money import arrears_escalating, arrears_first

HERE = world()
FIRST = HERE.rules["arrears_first"]
ESCALATING = HERE.rules["arrears_escalating"]
LATE = [0, 25, 31, 31]


def balance(day: str, cents: int, oldest: str | None = "2026-03-01", rent: int = 60000, **data: Any) -> Fact:
    told = {"paid_late_days": LATE, **data}
    return b.fact(
        "rent.balance_reported",
        happened=on(day),
        outstanding_cents=cents,
        rent_cents=rent,
        oldest_unpaid_on=... if oldest is None else oldest,
        **told,
    )


def lease(day: str = "2020-01-01", **data: Any) -> Fact:
    told = {"kind": "indefinite", "ends_on": ..., "ground": ..., "coaching_clause": False, **data}
    return b.fact("lease.started", happened=on(day), **told)


def first(facts: list[Fact], day: str) -> int:
    return arrears_first(Evening(effective(facts, on(day)), on(day), HERE), FIRST).level


def escalating(facts: list[Fact], day: str) -> int:
    return arrears_escalating(Evening(effective(facts, on(day)), on(day), HERE), ESCALATING).level


@pytest.mark.parametrize(
    ("cents", "rent", "level"),
    [
        (29999, 60000, 0),  # a cent below half a month
        (30000, 60000, 1),
        (30001, 60000, 1),
        (7499, 10000, 0),  # over half a month, below 75 euros
        (7500, 10000, 1),
        (7500, 15001, 0),  # 75 euros, below half a month
    ],
)
def test_half_a_month_and_75_euros(cents: int, rent: int, level: int) -> None:
    assert first([balance("2026-05-01", cents, rent=rent)], "2026-05-01") == level


@pytest.mark.parametrize(("oldest", "level"), [("2026-04-18", 0), ("2026-04-17", 1), ("2026-04-16", 1), (None, 0)])
def test_the_oldest_is_fourteen_days_unpaid(oldest: str | None, level: int) -> None:
    assert first([balance("2026-05-01", 40000, oldest)], "2026-05-01") == level


@pytest.mark.parametrize(
    ("days", "level"),
    [
        ([10, 10, 10, 31], 0),  # three of four within ten days: arrears on paper only
        ([31, 0, 5, 10], 0),
        ([10, 10, 11, 31], 1),
        ([0, 0, 31, 31], 1),
        ([], 1),
    ],
)
def test_technical_arrears(days: list[int], level: int) -> None:
    assert first([balance("2026-05-01", 60000, paid_late_days=days)], "2026-05-01") == level


@pytest.mark.parametrize(
    ("day", "cents", "level"),
    [
        ("2026-05-14", 59999, 0),  # in the first month, below a month
        ("2026-05-14", 60000, 1),
        ("2026-05-15", 59999, 1),  # a calendar month later
    ],
)
def test_not_in_the_first_month_below_a_month(day: str, cents: int, level: int) -> None:
    facts = [lease("2026-04-15"), balance("2026-05-02", cents, "2026-04-16")]
    assert first(facts, day) == level


def test_the_first_month_of_a_lease_from_the_last_of_january_ends_in_february() -> None:
    facts = [lease("2026-01-31"), balance("2026-02-20", 40000, "2026-02-01")]
    assert first(facts, "2026-02-27") == 0
    assert first(facts, "2026-02-28") == 1


def test_leap_day_counts_as_a_day_of_the_fourteen() -> None:
    facts = [balance("2028-02-20", 40000, "2028-02-16")]
    assert first(facts, "2028-02-29") == 0
    assert first(facts, "2028-03-01") == 1


def test_another_lease_does_not_add_up() -> None:
    """Two halves are not a whole: arrears are never summed over leases."""
    facts = [balance("2026-05-01", 20000), balance("2026-05-01", 20000, lease_id="L-2")]
    assert first(facts, "2026-05-02") == 0


def test_pending_five_days_and_in_a_period_of_attention_three() -> None:
    facts = [balance("2026-05-01", 40000)]
    assert brief(play(facts, "2026-04-25", "2026-05-10"), "arrears_first") == ["2026-05-06 opened 1"]
    step = b.fact("ladder.step_changed", happened=on("2026-03-01"))
    assert brief(play([*facts, step], "2026-04-25", "2026-05-10"), "arrears_first") == ["2026-05-04 opened 1"]


@pytest.mark.parametrize(
    ("change", "until"),
    [
        (b.fact("ladder.step_changed", happened=on("2026-02-03")), "2026-05-04"),  # ninety days
        (b.fact("ladder.step_changed", happened=on("2026-02-02")), "2026-05-03"),
        (b.fact("lease.converted", happened=on("2026-02-03")), "2026-05-04"),
        (b.fact("place.vacated", happened=on("2026-02-03")), "2026-05-04"),
        (lease("2026-01-04", lease_id="L-7"), "2026-05-04"),  # a hundred and twenty days
        (lease("2026-01-03", lease_id="L-7"), "2026-05-03"),
    ],
)
def test_the_period_of_attention_ends_with_its_last_day(change: Fact, until: str) -> None:
    rule = HERE.rules["attention_period"]
    period = attention_period(Facts([change]), on(until), rule)
    assert period is not None
    assert period.until == on(until)
    assert attention_period(Facts([change]), on(until) + timedelta(days=1), rule) is None
    # Three days after 1 May the short wait is over, if the period still runs on that day.
    opens = "2026-05-04" if until == "2026-05-04" else "2026-05-06"
    story = play([balance("2026-05-01", 40000), change], "2026-04-25", "2026-05-10")
    assert brief(story, "arrears_first") == [f"{opens} opened 1"]


def test_another_coach_is_a_change_and_the_first_one_is_not() -> None:
    rule, day = HERE.rules["attention_period"], on("2026-03-01")
    first = b.fact("coach.assigned", happened=on("2026-01-01"), worker="W-1")
    same = b.fact("coach.changed", happened=on("2026-02-01"), worker="W-1", interval_days=28)
    other = b.fact("coach.changed", happened=on("2026-02-01"), worker="W-2")
    anew = b.fact("coach.assigned", b.BUDDY, on("2026-02-01"), worker="V-1", role="buddy_volunteer")
    assert attention_period(Facts([first]), day, rule) is None
    assert attention_period(Facts([first, same]), day, rule) is None
    assert attention_period(Facts([first, anew]), day, rule) is None  # a buddy beside the coach
    found = attention_period(Facts([first, other]), day, rule)
    assert found == (on("2026-02-01"), on("2026-05-02"), "coach.changed")


def test_paid_within_the_pending_days_is_no_warning() -> None:
    facts = [balance("2026-05-01", 40000), balance("2026-05-05", 0, None)]
    assert brief(play(facts, "2026-04-25", "2026-06-10")) == []


def test_a_balance_that_comes_late_has_waited_already() -> None:
    told = b.fact(
        "rent.balance_reported", happened=on("2026-05-01"), known=on("2026-05-20"), outstanding_cents=40000,
        rent_cents=60000, oldest_unpaid_on="2026-03-01", paid_late_days=LATE,
    )  # fmt: skip
    assert brief(play([told], "2026-04-25", "2026-05-30"), "arrears_first") == ["2026-05-20 opened 1"]


@pytest.mark.parametrize(
    ("cents", "lines"),
    [
        (15000, []),  # a quarter of a month: not below it
        (14999, ["2026-05-27 closed resolved"]),
        (0, ["2026-05-27 closed resolved"]),
    ],
)
def test_it_closes_below_a_quarter_of_a_month_for_seven_days(cents: int, lines: list[str]) -> None:
    facts = [balance("2026-05-01", 40000), balance("2026-05-20", cents)]
    assert brief(play(facts, "2026-05-01", "2026-06-02"), "arrears_first") == ["2026-05-06 opened 1", *lines]


def test_the_seven_days_begin_again_when_it_rises_in_between() -> None:
    facts = [
        balance("2026-05-01", 40000), balance("2026-05-20", 0, None), balance("2026-05-24", 20000),
        balance("2026-05-25", 0, None),
    ]  # fmt: skip
    assert brief(play(facts, "2026-05-01", "2026-06-10"), "arrears_first")[1:] == ["2026-06-01 closed resolved"]


def test_a_balance_of_46_days_is_too_old_to_say_anything() -> None:
    facts = [balance("2026-05-01", 40000)]
    story = play(facts, "2026-05-01", "2026-07-01")
    assert brief(story, "arrears_first") == ["2026-05-06 opened 1", "2026-06-16 suspended data_old"]
    paid = balance("2026-06-20", 0, None)
    assert brief(play([*facts, paid], "2026-05-01", "2026-07-01"), "arrears_first")[2:] == [
        "2026-06-20 resumed data_back",
        "2026-06-27 closed resolved",
    ]


def test_the_end_of_the_lease_closes_without_waiting() -> None:
    ended = b.fact("lease.ended", happened=on("2026-05-12"))
    facts = [lease(), balance("2026-05-01", 40000), ended]
    assert brief(play(facts, "2026-05-01", "2026-06-01"), "arrears_first") == [
        "2026-05-06 opened 1",
        "2026-05-12 closed not_applicable",
    ]


@pytest.mark.parametrize(("cents", "level"), [(119999, 0), (120000, 2), (179999, 2), (180000, 3), (300000, 3)])
def test_two_months_and_three(cents: int, level: int) -> None:
    assert escalating([balance("2026-05-01", cents)], "2026-05-01") == level


@pytest.mark.parametrize(
    ("near", "far", "now", "level"),
    [
        (30000, 30000, 60000, 2),  # a month, half a month more than both
        (30000, 30000, 59999, 0),  # a cent below a month
        (30001, 30000, 60000, 0),  # a cent short of half a month since the near one
        (30000, 30001, 60000, 0),
    ],
)
def test_a_month_that_grew_by_half_a_month(near: int, far: int, now: int, level: int) -> None:
    facts = [balance("2026-03-01", far), balance("2026-03-31", near), balance("2026-05-01", now)]
    assert escalating(facts, "2026-05-01") == level


def test_growth_compares_with_what_was_known_thirty_and_sixty_days_before() -> None:
    facts = [balance("2026-03-02", 0, None), balance("2026-04-02", 20000), balance("2026-05-01", 65000)]
    assert escalating(facts, "2026-05-01") == 2  # 1 April: nothing owed yet, as reported on 2 March
    assert escalating(facts[1:], "2026-05-02") == 0  # nothing from sixty days before
    stale = [balance("2026-01-10", 0, None), balance("2026-03-31", 20000), balance("2026-05-01", 65000)]
    assert escalating(stale, "2026-05-01") == 0  # what was known sixty days before was already 50 days old


def test_growth_in_months_when_the_rent_changes() -> None:
    facts = [
        balance("2026-03-01", 30000, rent=60000), balance("2026-03-31", 30000, rent=60000),
        balance("2026-05-01", 66000, rent=66000),
    ]  # fmt: skip
    assert escalating(facts, "2026-05-01") == 2
    facts[-1] = balance("2026-05-01", 66000, rent=66001)
    assert escalating(facts, "2026-05-01") == 0


def plan(kind: str, day: str, number: str = "BR-1") -> Fact:
    return b.fact(f"payment_plan.{kind}", happened=on(day), payment_plan_id=number)


def test_a_broken_payment_plan_counts_after_seven_days() -> None:
    facts = [balance("2026-05-01", 20000), plan("agreed", "2026-05-02"), plan("broken", "2026-05-10")]
    assert escalating(facts, "2026-05-17") == 0
    assert escalating(facts, "2026-05-18") == 2
    assert escalating([*facts, plan("agreed", "2026-05-15", "BR-2")], "2026-05-18") == 0
    assert escalating([*facts, balance("2026-05-12", 0, None)], "2026-05-18") == 0
    anew = [*facts, balance("2026-05-12", 0, None), balance("2026-05-14", 20000)]
    assert escalating(anew, "2026-05-18") == 0  # what was broken before nothing was owed is over
    late_word = [*facts, plan("agreed", "2026-05-09", "BR-2")]  # a new plan, agreed before the old one broke
    assert escalating(late_word, "2026-05-18") == 0


@pytest.mark.parametrize("step", ["summons", "judgement", "eviction_date"])
def test_a_step_before_the_court_is_severity_three(step: str) -> None:
    taken = b.fact("collection.step_taken", happened=on("2026-05-03"), step=step)
    facts = [balance("2026-05-01", 20000), taken]
    assert escalating(facts, "2026-05-02") == 0
    assert escalating(facts, "2026-05-03") == 3
    withdrawn = b.fact("collection.step_taken", happened=on("2026-05-06"), step="withdrawn")
    assert escalating([*facts, withdrawn], "2026-05-06") == 0
    assert escalating([*facts, balance("2026-05-06", 0, None)], "2026-05-06") == 0


def test_a_step_is_heard_even_when_the_balance_is_too_old() -> None:
    facts = [balance("2026-03-01", 20000), b.fact("collection.step_taken", happened=on("2026-05-03"), step="summons")]
    evening = Evening(effective(facts, on("2026-05-03")), on("2026-05-03"), HERE)
    judged = arrears_escalating(evening, ESCALATING)
    assert (judged.level, judged.unknown) == (3, False)
    later = arrears_escalating(Evening(effective(facts, on("2026-06-18")), on("2026-06-18"), HERE), ESCALATING)
    assert (later.level, later.unknown) == (0, True)


def test_it_takes_over_from_the_first_and_gives_back() -> None:
    facts = [
        balance("2026-05-01", 40000), balance("2026-06-01", 125000), balance("2026-07-01", 40000),
        balance("2026-07-20", 0, None),
    ]  # fmt: skip
    assert brief(play(facts, "2026-05-01", "2026-08-10")) == [
        "arrears_first 2026-05-06 opened 1",
        "arrears_escalating 2026-06-01 opened 2",
        "arrears_first 2026-06-01 closed taken_over",
        "arrears_escalating 2026-07-08 closed resolved",
        "arrears_first 2026-07-08 opened 1",
        "arrears_first 2026-07-27 closed resolved",
    ]


@pytest.mark.parametrize(("cents", "closes"), [(60000, False), (59999, True)])
def test_escalating_closes_below_a_month(cents: int, closes: bool) -> None:
    facts = [balance("2026-05-01", 125000), balance("2026-05-20", cents)]
    lines = brief(play(facts, "2026-05-01", "2026-05-27"), "arrears_escalating")
    assert lines == ["2026-05-01 opened 2", *(["2026-05-27 closed resolved"] if closes else [])]


def test_escalating_waits_until_the_payment_plan_was_kept_for_sixty_days() -> None:
    facts = [balance("2026-05-01", 125000), plan("agreed", "2026-05-05")]
    facts += [balance(str(on("2026-05-20") + timedelta(days=20 * n)), 30000) for n in range(5)]
    story = play(facts, "2026-05-01", "2026-08-01")
    # Kept for sixty days on 4 July, and for seven evenings then.
    assert brief(story, "arrears_escalating") == ["2026-05-01 opened 2", "2026-07-11 closed resolved"]
    completed = play([*facts, plan("completed", "2026-06-10")], "2026-05-01", "2026-08-01")
    assert brief(completed, "arrears_escalating")[1:] == ["2026-06-17 closed resolved"]


def test_severity_rises_at_once_and_falls_after_the_hold() -> None:
    facts = [balance("2026-05-01", 125000), balance("2026-05-10", 185000), balance("2026-05-20", 125000)]
    assert brief(play(facts, "2026-05-01", "2026-06-01"), "arrears_escalating") == [
        "2026-05-01 opened 2",
        "2026-05-10 raised 3",
        "2026-05-27 lowered 2",
    ]


def test_the_hold_is_waited_for_without_asking_every_evening() -> None:
    facts = [balance("2026-05-01", 125000), balance("2026-05-10", 185000), balance("2026-05-20", 125000)]
    facts.append(balance("2026-06-01", 0, None))
    every, asked = (play(facts, "2026-05-01", "2026-06-20", lazy=lazy) for lazy in (False, True))
    assert (
        brief(asked, "arrears_escalating")
        == brief(every, "arrears_escalating")
        == [
            "2026-05-01 opened 2",
            "2026-05-10 raised 3",
            "2026-05-27 lowered 2",
            "2026-06-08 closed resolved",
        ]
    )
    assert asked.judged < 12


def test_the_severity_falls_to_the_highest_of_the_last_seven_days() -> None:
    """From three months to nothing in one payment: it closes, it does not fall by steps."""
    facts = [balance("2026-05-01", 185000), balance("2026-05-10", 0, None)]
    assert brief(play(facts, "2026-05-01", "2026-06-01"), "arrears_escalating") == [
        "2026-05-01 opened 3",
        "2026-05-17 closed resolved",
    ]


def test_an_old_account_of_another_landlord_casts_no_doubt() -> None:
    old = b.fact(
        "rent.balance_reported", org="dakpan-wonen", happened=on("2026-01-01"), outstanding_cents=0, rent_cents=50000,
        oldest_unpaid_on=..., lease_id="L-9",
    )  # fmt: skip
    facts = [old, balance("2026-05-01", 125000)]
    assert escalating(facts, "2026-05-02") == 2
    evening = Evening(effective(facts, on("2026-05-02")), on("2026-05-02"), HERE)
    assert not arrears_escalating(evening, ESCALATING).unknown


def test_nothing_is_owed_by_who_owes_nothing() -> None:
    facts = [lease(), balance("2026-05-01", 0, None), b.fact("enrolment.opened", happened=date(2026, 1, 1))]
    assert brief(play(facts, "2026-05-01", "2026-08-01")) == []
