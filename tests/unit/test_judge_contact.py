"""contact_thinning and contact_lost: every edge just below, at and above."""

from __future__ import annotations

from typing import Any

import builders as b
import pytest
from judging import brief, on, play, world

from woonketen.contracts.facts import Fact
from woonketen.streams.core.effective import effective
from woonketen.streams.core.judge.contact import contact_lost, contact_thinning
from woonketen.streams.core.judge.evening import Evening, Judgement

HERE = world()


def assigned(day: str = "2026-01-01", interval: int = 7, **data: Any) -> Fact:
    return b.fact("coach.assigned", happened=on(day), interval_days=interval, **data)


def held(day: str, number: str | None = None, **data: Any) -> Fact:
    return b.fact("coach.visit_held", happened=on(day), visit_id=number or f"V-{day}", **data)


def missed(day: str, by: str = "resident", number: str | None = None) -> Fact:
    return b.fact("coach.visit_missed", happened=on(day), visit_id=number or f"V-{day}", missed_by=by)


def planned(told: str, day: str) -> Fact:
    return b.fact("coach.visit_planned", happened=on(told), visit_id=f"V-{day}", planned_on=day)


def tried(day: str, channel: str = "phone", reached: bool = False, **data: Any) -> Fact:
    return b.fact("contact.attempted", happened=on(day), channel=channel, reached=reached, **data)


def thinning(facts: list[Fact], day: str) -> Judgement:
    return contact_thinning(Evening(effective(facts, on(day)), on(day), HERE), HERE.rules["contact_thinning"])


def lost(facts: list[Fact], day: str) -> Judgement:
    return contact_lost(Evening(effective(facts, on(day)), on(day), HERE), HERE.rules["contact_lost"])


@pytest.mark.parametrize(
    ("visits", "level"),
    [
        ([missed("2026-03-01")], 0),
        ([missed("2026-03-01"), missed("2026-03-15")], 1),
        ([missed("2026-03-01"), held("2026-03-08"), missed("2026-03-15")], 1),
        ([missed("2026-03-01"), held("2026-03-05"), held("2026-03-08"), missed("2026-03-15")], 0),
        ([missed("2026-03-01"), missed("2026-03-08", by="organisation"), held("2026-03-15")], 0),
        ([missed("2026-03-01"), missed("2026-03-08", by="organisation"), missed("2026-03-15")], 1),
    ],
)
def test_two_of_the_last_three_planned_visits(visits: list[Fact], level: int) -> None:
    assert thinning([assigned(), *visits], "2026-03-20").level == level


def test_three_in_twenty_eight_days() -> None:
    """Missed, held, held, missed, held, held, missed: never two of three, but three in four weeks."""
    visits = [
        missed("2026-03-01"), held("2026-03-03"), held("2026-03-06"), missed("2026-03-10"), held("2026-03-13"),
        held("2026-03-16"), missed("2026-03-20"),
    ]  # fmt: skip
    assert thinning(visits, "2026-03-28").level == 1
    assert thinning(visits, "2026-03-29").level == 0
    assert thinning(visits, "2026-03-28").wake == on("2026-03-29")


def test_visits_in_an_agreed_pause_do_not_count() -> None:
    visits = [missed("2026-07-02"), missed("2026-07-21")]
    pause = b.fact("pause.agreed", happened=on("2026-07-02"), until="2026-07-21")
    assert thinning(visits, "2026-08-01").level == 1
    assert thinning([*visits, pause], "2026-08-01").level == 0
    short = b.fact("pause.agreed", happened=on("2026-07-03"), until="2026-07-20")
    assert thinning([*visits, short], "2026-08-01").level == 1


def test_thinning_closes_after_two_in_a_row_held() -> None:
    facts = [
        assigned(), missed("2026-03-01"), missed("2026-03-08"), held("2026-03-15"),
        missed("2026-03-22", by="organisation"), held("2026-03-29"),
    ]  # fmt: skip
    assert brief(play(facts, "2026-02-25", "2026-05-01"), "contact_thinning") == [
        "2026-03-08 opened 1",
        "2026-03-29 closed resolved",
    ]


def test_in_the_background_the_rules_about_contact_rest() -> None:
    visits = [missed("2026-03-01"), missed("2026-03-08")]
    assert thinning([assigned(mode="background"), *visits], "2026-03-10").level == 0
    changed = b.fact("coach.changed", happened=on("2026-03-12"), mode="background", worker="W-17")
    assert brief(play([assigned(), *visits, changed], "2026-03-01", "2026-04-01"), "contact_thinning") == [
        "2026-03-08 opened 1",
        "2026-03-12 closed not_applicable",
    ]


TWO = [tried("2026-03-10", "letter"), tried("2026-03-12", "phone")]


@pytest.mark.parametrize(
    ("interval", "day", "level"),
    [
        (7, "2026-03-21", 0),  # twenty days
        (7, "2026-03-22", 2),  # twenty-one days, three intervals
        (8, "2026-03-22", 0),
        (8, "2026-03-25", 2),  # twenty-four days are three intervals of eight
        (2, "2026-03-21", 0),  # never before twenty-one days
    ],
)
def test_days_since_the_last_contact(interval: int, day: str, level: int) -> None:
    assert lost([assigned(interval=interval), held("2026-03-01"), *TWO], day).level == level


@pytest.mark.parametrize(
    ("attempts", "level"),
    [
        ([], 0),
        ([tried("2026-03-10")], 0),
        ([tried("2026-03-10"), tried("2026-03-10", "door")], 0),  # on one day
        ([tried("2026-03-10", "letter"), tried("2026-03-12", "chat")], 0),  # none by phone or at the door
        ([tried("2026-03-10", "letter"), tried("2026-03-12", "door")], 2),
        ([tried("2026-02-20"), tried("2026-03-12")], 0),  # one before the last contact
        ([tried("2026-03-01"), tried("2026-03-12")], 0),  # one on the day of it
        ([tried("2026-03-10", "chat", reached=True), tried("2026-03-12")], 2),  # a chat is no contact
    ],
)
def test_two_attempts_on_different_days_one_by_phone_or_door(attempts: list[Fact], level: int) -> None:
    assert lost([assigned(), held("2026-03-01"), *attempts], "2026-03-25").level == level


FOUR = [tried("2026-03-10"), tried("2026-03-12"), tried("2026-03-20", "letter"), tried("2026-03-25", "door")]


@pytest.mark.parametrize(
    ("interval", "attempts", "day", "level"),
    [
        (7, FOUR, "2026-04-04", 2),  # thirty-four days
        (7, FOUR, "2026-04-05", 3),
        (8, FOUR, "2026-04-05", 2),
        (8, FOUR, "2026-04-10", 3),  # five intervals of eight days
        (7, FOUR[1:], "2026-04-05", 2),  # three attempts
        (7, [*FOUR[:3], tried("2026-03-25")], "2026-04-05", 2),  # none at the door
    ],
)
def test_severity_three(interval: int, attempts: list[Fact], day: str, level: int) -> None:
    assert lost([assigned(interval=interval), held("2026-03-01"), *attempts], day).level == level


@pytest.mark.parametrize(
    "contact",
    [
        held("2026-03-10"),
        tried("2026-03-10", "phone", reached=True),
        tried("2026-03-10", "door", reached=True, org=b.GEMEENTE),
        b.fact("intake.held", happened=on("2026-03-10")),
        b.fact("lease.evaluated", happened=on("2026-03-10")),
        b.fact("plan.agreed", happened=on("2026-03-10")),
    ],
)
def test_contact_by_any_party_counts(contact: Fact) -> None:
    facts = [assigned("2026-03-01"), *FOUR, contact]
    assert lost(facts, "2026-03-30").level == 0
    assert lost(facts[:-1], "2026-03-30").level == 2


@pytest.mark.parametrize(
    "no_contact",
    [
        held("2026-03-10", channel="chat"),
        held("2026-03-10", present=["relative"]),
        missed("2026-03-10"),
        tried("2026-03-10", "email", reached=True),
        b.fact("plan.agreed", happened=on("2026-03-10"), agreed_by=[b.GEMEENTE]),
    ],
)
def test_what_is_no_contact(no_contact: Fact) -> None:
    assert lost([assigned("2026-03-01"), *FOUR, no_contact], "2026-03-30").level == 2


def test_never_any_contact_counts_from_the_assignment() -> None:
    facts = [assigned("2026-03-01"), tried("2026-03-01"), tried("2026-03-05")]
    assert lost(facts, "2026-03-21").level == 0
    assert lost(facts, "2026-03-22").level == 2
    assert lost(facts[1:], "2026-03-22") == Judgement()  # nobody was assigned: no interval, no rule


def test_the_shortest_interval_of_who_is_active_counts() -> None:
    buddy = b.fact("coach.assigned", b.BUDDY, on("2026-01-01"), role="buddy_volunteer", interval_days=14)
    facts = [assigned(interval=28), held("2026-03-01"), *TWO]
    assert lost(facts, "2026-04-12").level == 0
    assert lost([*facts, buddy], "2026-04-12").level == 2


def test_it_rests_during_a_pause_and_speaks_the_day_after() -> None:
    pause = b.fact("pause.agreed", happened=on("2026-03-15"), until="2026-03-30")
    facts = [assigned(), held("2026-03-01"), *TWO, pause]
    assert lost(facts, "2026-03-30").level == 0
    assert lost(facts, "2026-03-30").wake == on("2026-03-31")
    assert lost(facts, "2026-03-31").level == 2


def test_it_closes_after_a_contact_when_the_next_one_is_planned() -> None:
    facts = [assigned(), held("2026-03-01"), *FOUR, held("2026-04-08"), planned("2026-04-12", "2026-04-20")]
    assert brief(play(facts, "2026-02-25", "2026-04-15"), "contact_lost") == [
        "2026-03-22 opened 2",
        "2026-04-05 raised 3",
        "2026-04-08 lowered 2",
        "2026-04-12 closed resolved",
    ]


def test_giving_up_does_not_bring_the_contact_back() -> None:
    facts = [assigned(), held("2026-03-01"), *TWO]
    gone = b.fact("coach.ended", happened=on("2026-03-25"), reason="no_contact")
    moved = b.fact("coach.ended", happened=on("2026-03-25"), reason="moved")
    assert lost([*facts, gone], "2026-03-26").level == 2
    assert lost([*facts, moved], "2026-03-26") == Judgement(over=True)
