"""Rules about organisations: every edge, working days, and what a silent feed makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import builders as b
import pytest
from judging import brief, on, play, world

from woonketen.contracts.facts import Fact
from woonketen.streams.core.effective import effective
from woonketen.streams.core.judge import parties
from woonketen.streams.core.judge.evening import Evening, Judgement
from woonketen.streams.core.world import World

HERE = world()
PLAN = f"{b.GEMEENTE}:PL-1"


def judged(name: str, facts: list[Fact], day: str, silent: set[str] | None = None, here: World = HERE) -> Judgement:
    evaluate: Callable[..., Judgement] = getattr(parties, name)
    return evaluate(Evening(effective(facts, on(day)), on(day), here, frozenset(silent or ())), here.rules[name])


def action(number: str = "A-1", owner: str = b.ZORG, due: str = "2026-03-01", blocking: bool = False) -> dict[str, Any]:
    return {
        "action_id": number, "owner": owner, "domain": "housing", "kind": "arrange_care", "due_on": due,
        "blocking": blocking,
    }  # fmt: skip


def plan(*actions: dict[str, Any], day: str = "2026-02-01", plan_id: str = PLAN, version: int = 1) -> Fact:
    return b.fact("plan.agreed", happened=on(day), plan_id=plan_id, version=version, actions=list(actions))


def moved(day: str, due: str, agreed: bool = True, org: str = b.ZORG) -> Fact:
    return b.fact(
        "action.rescheduled", org, on(day), plan_id=PLAN, action_id="A-1", due_on=due, agreed_with_resident=agreed
    )


def stalled(facts: list[Fact], day: str) -> int:
    return judged("plan_stalled_by_party", facts, day).level


@pytest.mark.parametrize(
    ("day", "blocking", "level"),
    [
        ("2026-03-08", False, 0),  # seven days late
        ("2026-03-09", False, 1),
        ("2026-03-08", True, 0),
        ("2026-03-09", True, 2),
        ("2026-03-22", False, 1),
        ("2026-03-23", False, 2),  # more than twenty-one
        ("2026-04-12", False, 2),
        ("2026-04-13", False, 3),  # more than forty-two
    ],
)
def test_days_late(day: str, blocking: bool, level: int) -> None:
    assert stalled([plan(action(blocking=blocking))], day) == level


def test_two_late_in_one_plan_of_one_organisation() -> None:
    two = [action(), action("A-2")]
    assert stalled([plan(*two)], "2026-03-09") == 2
    assert stalled([plan(action(), action("A-2", owner=b.BUDDY))], "2026-03-09") == 1
    assert stalled([plan(action(), action("A-2", due="2026-03-02"))], "2026-03-09") == 1
    other = plan(action("A-2"), plan_id=f"{b.GEMEENTE}:PL-2")
    assert stalled([plan(action()), other], "2026-03-09") == 1


@pytest.mark.parametrize("owner", ["resident", "network"])
def test_it_is_never_about_the_resident_or_the_network(owner: str) -> None:
    assert stalled([plan(action(owner=owner))], "2026-06-01") == 0


def test_re_agreed_with_the_resident_counts_at_most_twice() -> None:
    facts = [plan(action()), moved("2026-03-01", "2026-04-01"), moved("2026-04-01", "2026-05-01")]
    assert stalled(facts, "2026-05-08") == 0
    assert stalled(facts, "2026-05-09") == 1
    third = [*facts, moved("2026-05-01", "2026-06-01")]
    assert stalled(third, "2026-05-09") == 1
    alone = [plan(action()), moved("2026-03-01", "2026-04-01", agreed=False)]
    assert stalled(alone, "2026-03-09") == 1
    by_another = [plan(action()), moved("2026-03-01", "2026-04-01", org=b.BUDDY)]
    assert stalled(by_another, "2026-03-09") == 1


def test_doing_it_closes_at_once_and_names_the_organisation() -> None:
    done = b.fact("action.completed", b.ZORG, on("2026-03-20"), plan_id=PLAN, action_id="A-1")
    story = play([plan(action()), done], "2026-03-01", "2026-05-01")
    assert brief(story) == [
        "plan_stalled_by_party 2026-03-09 opened 1",
        "plan_stalled_by_party 2026-03-20 closed resolved",
    ]
    assert story.emissions[0].payload.parties == [b.ZORG]


def test_the_actions_of_an_organisation_that_left_are_not_its_own_any_more() -> None:
    left = b.fact("org.left", b.PLATFORM, on("2026-03-15"), payload={"org": b.ZORG})
    here = world(left)
    facts = [plan(action())]
    assert judged("plan_stalled_by_party", facts, "2026-03-14", here=here).level == 1
    assert judged("plan_stalled_by_party", facts, "2026-03-14", here=here).wake == on("2026-03-15")
    assert judged("plan_stalled_by_party", facts, "2026-03-15", here=here).level == 0


def test_a_silent_owner_may_have_done_it() -> None:
    facts = [plan(action(), action("A-2", owner=b.BUDDY, due="2026-02-01"))]
    both = judged("plan_stalled_by_party", facts, "2026-03-10")
    assert (both.level, both.parties) == (2, (b.BUDDY, b.ZORG))
    one = judged("plan_stalled_by_party", facts, "2026-03-10", {b.BUDDY})
    assert (one.level, one.unknown, one.parties) == (1, True, (b.ZORG,))
    none = judged("plan_stalled_by_party", facts, "2026-03-10", {b.BUDDY, b.ZORG})
    assert (none.level, none.unknown, none.below_exit) == (0, True, False)


def test_what_is_certain_is_not_suspended_for_what_may_be_more() -> None:
    """One party is late for certain; another, whose feed is silent, may be later still."""
    here = world(b.registered(b.BUDDY, "buddy_organisatie", on("2025-02-01"), heartbeat_hours=24))
    facts = [plan(action(), action("A-2", owner=b.BUDDY, due="2026-02-10"))]
    story = play(facts, "2026-03-01", "2026-03-20", here)
    assert brief(story, "plan_stalled_by_party") == ["2026-03-09 opened 1"]
    assert story.emissions[0].payload.parties == [b.ZORG]


def lease(day: str = "2026-03-01", **data: Any) -> Fact:
    return b.fact("lease.started", happened=on(day), ends_on="2027-12-31", **data)


@pytest.mark.parametrize(("day", "level"), [("2026-03-14", 0), ("2026-03-15", 1), ("2026-03-28", 1), ("2026-03-29", 2)])
def test_coach_missing_after_the_start_of_the_lease(day: str, level: int) -> None:
    assert judged("coach_missing", [lease()], day).level == level
    assert judged("coach_missing", [lease(coaching_clause=False)], day).level == 0
    assert judged("coach_missing", [lease(), b.fact("coach.assigned", happened=on("2026-02-01"))], day).level == 0


def test_coach_missing_after_an_assignment_ended_names_its_organisation() -> None:
    facts = [lease("2026-01-01"), b.fact("coach.assigned", happened=on("2026-01-05"))]
    facts.append(b.fact("coach.ended", happened=on("2026-04-01")))
    assert judged("coach_missing", facts, "2026-04-14").level == 0
    opened = judged("coach_missing", facts, "2026-04-15")
    assert (opened.level, opened.parties) == (1, (b.COACH,))
    assert judged("coach_missing", facts, "2026-04-29").level == 2
    again = [*facts, b.fact("coach.assigned", happened=on("2026-04-20"), assignment_id="AS-2")]
    assert brief(play(again, "2026-04-01", "2026-05-01"), "coach_missing") == [
        "2026-04-15 opened 1",
        "2026-04-20 closed resolved",
    ]


def test_coach_missing_is_about_who_took_the_referral() -> None:
    made = b.fact("referral.made", happened=on("2026-02-01"))
    assert judged("coach_missing", [lease()], "2026-03-15").parties == ()
    assert judged("coach_missing", [lease(), made], "2026-03-15").parties == (b.COACH,)
    declined = b.fact("referral.declined", b.COACH, on("2026-02-03"), referral_id=made.data.referral_id, by="provider")
    assert judged("coach_missing", [lease(), made, declined], "2026-03-15").parties == ()


def visit(day: str, number: str = "V-1", told: str = "2026-01-01") -> Fact:
    return b.fact("coach.visit_planned", happened=on(told), visit_id=number, planned_on=day)


@pytest.mark.parametrize(
    ("planned", "before", "first", "second"),
    [
        ("2026-03-02", "2026-03-04", "2026-03-05", "2026-03-16"),  # a Monday
        ("2026-03-06", "2026-03-10", "2026-03-11", "2026-03-20"),  # a Friday: the weekend does not count
        ("2026-04-02", "2026-04-08", "2026-04-09", "2026-04-20"),  # before Good Friday: Easter Monday does not count
        ("2026-04-24", "2026-04-29", "2026-04-30", "2026-05-11"),  # King's day does not count
        ("2026-12-24", "2026-12-29", "2026-12-30", "2027-01-11"),  # Christmas and New Year do not count
    ],
)
def test_a_visit_without_a_result(planned: str, before: str, first: str, second: str) -> None:
    for day, level in ((before, 0), (first, 1), (second, 2)):
        assert judged("visit_unreported", [visit(planned)], day).level == level, day
    assert judged("visit_unreported", [visit(planned)], before).wake == on(first)


def test_a_result_closes_and_what_was_not_to_be_is_not_asked_for() -> None:
    held = b.fact("coach.visit_held", happened=on("2026-03-02"), visit_id="V-1", known=on("2026-03-20"))
    assert brief(play([visit("2026-03-02"), held], "2026-03-01", "2026-04-01"), "visit_unreported") == [
        "2026-03-05 opened 1",
        "2026-03-16 raised 2",
        "2026-03-20 closed resolved",
    ]
    pause = b.fact("pause.agreed", happened=on("2026-03-01"), until="2026-03-05")
    assert judged("visit_unreported", [visit("2026-03-02"), pause], "2026-03-20").level == 0
    over = [
        b.fact("coach.assigned", happened=on("2026-01-01")),
        b.fact("coach.ended", happened=on("2026-03-01")),
    ]
    assert judged("visit_unreported", [visit("2026-03-02"), *over], "2026-03-20").level == 0
    assert judged("visit_unreported", [visit("2026-03-01"), *over], "2026-03-20").level == 0
    assert judged("visit_unreported", [visit("2026-02-27"), *over], "2026-03-20").level == 2


def test_a_visit_that_was_planned_anew_is_asked_for_on_its_new_day() -> None:
    again = visit("2026-03-10", told="2026-03-01")
    assert judged("visit_unreported", [visit("2026-03-02"), again], "2026-03-09").level == 0


@pytest.mark.parametrize(
    ("made", "before", "first", "second"),
    [
        ("2026-03-02", "2026-03-06", "2026-03-09", "2026-03-16"),
        ("2026-04-30", "2026-05-06", "2026-05-07", "2026-05-15"),  # 5 May is a working day; Ascension day is not
    ],
)
def test_a_referral_without_an_answer(made: str, before: str, first: str, second: str) -> None:
    facts = [b.fact("referral.made", happened=on(made))]
    for day, level in ((before, 0), (first, 1), (second, 2)):
        assert judged("referral_unanswered", facts, day).level == level, day
    assert judged("referral_unanswered", facts, first).parties == (b.COACH,)


@pytest.mark.parametrize(
    ("kind", "org", "closes"),
    [
        ("referral.accepted", b.COACH, True),
        ("referral.declined", b.COACH, True),
        ("referral.closed", b.GEMEENTE, True),
        ("referral.accepted", b.ZORG, False),  # nobody but the receiver answers
    ],
)
def test_an_answer_closes_a_referral(kind: str, org: str, closes: bool) -> None:
    made = b.fact("referral.made", happened=on("2026-03-02"))
    answer = b.fact(kind, org, on("2026-03-11"), referral_id=made.data.referral_id)
    lines = brief(play([made, answer], "2026-03-01", "2026-03-12"), "referral_unanswered")
    assert lines == ["2026-03-09 opened 1", *(["2026-03-11 closed resolved"] if closes else [])]


def move(day: str, told: str = "2026-03-01", number: str = "M-1") -> Fact:
    return b.fact(
        "move.planned", happened=on(told), move_id=f"{b.ZORG}:{number}", planned_on=day,
        provisions_required=["income", "key"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("day", "level"),
    [("2026-04-30", 0), ("2026-05-01", 2), ("2026-05-11", 2), ("2026-05-12", 3), ("2026-05-20", 3)],
)
def test_provisions_before_a_move(day: str, level: int) -> None:
    assert judged("provisions_late", [move("2026-05-15")], day).level == level


def test_arranging_all_of_it_closes_and_so_does_another_day() -> None:
    one = b.fact("provision.arranged", happened=on("2026-05-04"), kind="income")
    two = b.fact("provision.arranged", happened=on("2026-05-06"), kind="key")
    assert brief(play([move("2026-05-15"), one, two], "2026-04-20", "2026-05-20"), "provisions_late") == [
        "2026-05-01 opened 2",
        "2026-05-06 closed resolved",
    ]
    again = move("2026-06-20", told="2026-05-13")
    assert brief(play([move("2026-05-15"), one, again], "2026-04-20", "2026-05-20"), "provisions_late") == [
        "2026-05-01 opened 2",
        "2026-05-12 raised 3",
        "2026-05-13 closed resolved",
    ]


def test_provisions_concern_who_planned_the_move_and_who_took_the_action() -> None:
    key = {**action("A-1", owner=b.CORPORATIE, due="2026-05-10"), "kind": "key_handover"}
    mail = {**action("A-2", owner=b.BUDDY, due="2026-05-10"), "kind": "open_mail"}
    facts = [plan(key, mail), move("2026-05-15")]
    said = judged("provisions_late", facts, "2026-05-02")
    assert said.parties == (b.CORPORATIE, b.ZORG)
    assert [each.name for each in said.phrases] == ["move"]
    assert judged("provisions_late", facts, "2026-05-02", {b.CORPORATIE}).unknown
    assert not judged("provisions_late", facts, "2026-05-02", {b.BUDDY}).unknown
