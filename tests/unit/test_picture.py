"""What the readers make of facts; whatever is missing, they cope."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import builders as b
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from woonketen.contracts.catalogue import TYPES
from woonketen.contracts.facts import Fact, Facts
from woonketen.streams.core import picture
from woonketen.streams.core.effective import effective

DAY = date(2026, 6, 15)
PERSONS = sorted(short for short, each in TYPES.items() if each.about == "person" and not short.startswith("event."))
READERS = [
    picture.enrolments,
    picture.current_enrolment,
    picture.district,
    picture.referrals,
    picture.leases,
    picture.current_lease,
    picture.offers,
    picture.plans,
    picture.actions,
    picture.moves,
    picture.assignments,
    picture.caselead,
    picture.visits,
    picture.contacts,
    picture.last_contact_on,
    picture.pauses,
    picture.pause_until,
    picture.signals,
    picture.intake,
    picture.nuisance,
    picture.notices,
    picture.day_activities,
    picture.day_activity,
    picture.support,
    picture.care,
    picture.ladder,
    picture.waiting,
    picture.waiting_since,
    picture.place,
    picture.attention_until,
]
OF_LEASE = [
    picture.balances,
    picture.balance,
    picture.arrears_since,
    picture.efforts,
    picture.payment_plan,
    picture.collection_step,
]


def on(month: int, day: int = 1, year: int = 2026) -> date:
    return date(year, month, day)


def facts(*made: Fact) -> Facts:
    return effective(made, None)


@st.composite
def subsets(draw: st.DrawFn) -> list[Fact]:
    orgs = st.sampled_from([b.GEMEENTE, b.CORPORATIE, b.COACH, b.ZORG])
    return [
        b.fact(
            short, draw(orgs), None if short.startswith("warning.") else DAY + timedelta(days=draw(st.integers(-90, 5)))
        )
        for short in draw(st.lists(st.sampled_from(PERSONS), max_size=16))
    ]


@settings(max_examples=200, deadline=None)
@given(subsets(), st.randoms(use_true_random=False))
def test_any_subset_in_any_order_reads_the_same(made: list[Fact], random: Random) -> None:
    other = list(made)
    random.shuffle(other)
    one, two = Facts(made), Facts(other)
    for reader in READERS:
        assert reader(one, DAY) == reader(two, DAY)
    for of_lease in OF_LEASE:
        assert of_lease(one, "L-1", DAY) == of_lease(two, "L-1", DAY)


@settings(max_examples=200, deadline=None)
@given(subsets())
def test_what_is_still_to_come_is_not_read(made: list[Fact]) -> None:
    whole, cut = Facts(made), Facts(fact for fact in made if fact.happened <= DAY)
    for reader in READERS:
        assert reader(whole, DAY) == reader(cut, DAY)
    for of_lease in OF_LEASE:
        assert of_lease(whole, "L-1", DAY) == of_lease(cut, "L-1", DAY)


@pytest.mark.parametrize("reader", [*READERS], ids=lambda each: each.__name__)
def test_of_nothing_there_is_nothing(reader: Any) -> None:
    assert not reader(Facts([]), DAY)


# Enrolment, district, referrals


def test_an_enrolment_from_opening_to_follow_up() -> None:
    made = [
        b.fact("enrolment.opened", happened=on(1, 5)),
        b.fact("enrolment.transferred", happened=on(3), district="WK019307"),
        b.fact("enrolment.closed", happened=on(5), outcome="completed"),
        b.fact("follow_up.held", happened=on(6), months_after_start=3, housed=True),
    ]
    (found,) = picture.enrolments(facts(*made), DAY)
    assert (found.opened_on, found.closed_on, found.district) == (on(1, 5), on(5), "WK019307")
    assert (found.outcome, found.follow_ups) == ("completed", ((3, True),))
    assert picture.enrolments(facts(*made[1:]), DAY) == []


def test_the_latest_open_enrolment_is_the_current_one() -> None:
    def opened(n: int, month: int) -> Fact:
        return b.fact("enrolment.opened", happened=on(month), enrolment_id=f"{b.GEMEENTE}:E-{n}")

    def closed(n: int, month: int) -> Fact:
        return b.fact("enrolment.closed", happened=on(month), enrolment_id=f"{b.GEMEENTE}:E-{n}")

    def current(*made: Fact) -> str:
        found = picture.current_enrolment(facts(*made), DAY)
        assert found is not None
        return found.id[-1]

    assert current(opened(1, 1), opened(2, 2)) == "2"
    assert current(opened(1, 1), opened(2, 2), closed(2, 3)) == "1"
    assert current(opened(1, 1), opened(2, 2), closed(2, 3), closed(1, 4)) == "1"


def test_the_district_goes_with_the_lease() -> None:
    enrolled = b.fact("enrolment.opened", happened=on(1, 5), district="WK019304")
    lease = b.fact("lease.started", happened=on(3), district="WK019307")
    ended = b.fact("lease.ended", happened=on(5))
    assert picture.district(facts(enrolled, lease), on(2)) == "WK019304"
    assert picture.district(facts(enrolled, lease), on(3)) == "WK019307"
    assert picture.district(facts(enrolled, lease, ended), on(5)) == "WK019304"
    plain = b.fact("lease.started", happened=on(3), district=...)
    assert picture.district(facts(enrolled, plain), on(3)) == "WK019304"


def test_only_the_receiver_answers_a_referral() -> None:
    made = b.fact("referral.made", b.GEMEENTE, on(1, 7), to_org=b.COACH)
    forged = b.fact("referral.accepted", b.ZORG, on(1, 8))
    no = b.fact("referral.declined", b.COACH, on(1, 9), referral_id=f"{b.GEMEENTE}:R-1", by="client")
    end = b.fact("referral.closed", b.GEMEENTE, on(2))
    (open_one,) = picture.referrals(facts(made, forged), DAY)
    assert (open_one.from_org, open_one.to_org, open_one.answer) == (b.GEMEENTE, b.COACH, None)
    (found,) = picture.referrals(facts(made, forged, no, end), DAY)
    assert (found.answer, found.answered_on, found.declined_by) == ("declined", on(1, 9), "client")
    assert (found.closed_on, found.result) == (on(2), "goal_reached")


# Lease


def test_a_lease_through_its_life() -> None:
    made = [
        b.fact("lease.started", happened=on(2, 15), ends_on="2028-02-14"),
        b.fact("lease.evaluation_planned", happened=on(3), planned_on="2026-04-30"),
        b.fact("lease.evaluation_planned", happened=on(3, 2), planned_on="2026-05-01"),
        b.fact("lease.evaluated", happened=on(5), result="positive"),
        b.fact("lease.card_issued", happened=on(5, 2), card="yellow"),
        b.fact("lease.card_issued", happened=on(5, 3), card="red"),
        b.fact("lease.decided", happened=on(5, 4), decision="convert"),
    ]
    (found,) = picture.leases(facts(*made), DAY)
    assert (found.kind, found.ends_on, found.running) == ("conditional", on(2, 14, 2028), True)
    assert (found.evaluation_planned_on, found.evaluation_on, found.evaluated_on) == (on(3, 2), on(5), on(5))
    assert (found.card, found.card_on, found.decided, found.decided_on) == ("red", on(5, 3), "convert", on(5, 4))
    converted = b.fact("lease.converted", happened=on(6))
    (found,) = picture.leases(facts(*made, converted), DAY)
    assert (found.kind, found.ends_on, found.converted_on) == ("indefinite", None, on(6))
    ended = b.fact("lease.ended", happened=on(6, 2), reason="moved")
    assert picture.current_lease(facts(*made, ended), DAY) is None
    assert picture.leases(facts(*made, ended), DAY)[0].ended_reason == "moved"


def test_a_lease_id_is_its_corporations_own() -> None:
    made = [
        b.fact("lease.started", b.CORPORATIE, on(1)),
        b.fact("lease.started", "andere-corporatie", on(3)),
        b.fact("lease.ended", "andere-corporatie", on(4)),
    ]
    running = picture.current_lease(facts(*made), DAY)
    assert running is not None
    assert running.org == b.CORPORATIE


def test_an_offer_refused_is_refused() -> None:
    offered = b.fact("dwelling.offered", happened=on(1))
    refused = b.fact("dwelling.refused", happened=on(2))
    assert [each.refused_on for each in picture.offers(facts(offered), DAY)] == [None]
    assert [each.refused_on for each in picture.offers(facts(offered, refused), DAY)] == [on(2)]


# Plan


def action(action_id: str, owner: str, due: date, **more: Any) -> dict[str, Any]:
    return {"action_id": action_id, "owner": owner, "domain": "housing", "kind": "repair", "due_on": due, **more}


def plan(version: int, when: date, *actions: dict[str, Any], org: str = b.GEMEENTE) -> Fact:
    agreed_by = ["resident", b.GEMEENTE]
    return b.fact("plan.agreed", org, when, version=version, actions=list(actions), agreed_by=agreed_by)


def done(action_id: str, org: str, when: date) -> Fact:
    return b.fact("action.completed", org, when, action_id=action_id)


def moved(action_id: str, org: str, when: date, due: date, agreed: bool = True) -> Fact:
    return b.fact("action.rescheduled", org, when, action_id=action_id, due_on=due, agreed_with_resident=agreed)


def by_id(*made: Fact, day: date = DAY) -> dict[str, picture.Action]:
    return {each.action_id: each for each in picture.actions(facts(*made), day)}


def test_the_highest_version_and_what_was_added() -> None:
    first = plan(1, on(1), action("A-1", b.ZORG, on(2)), action("A-2", b.ZORG, on(2)))
    second = plan(2, on(3), action("A-1", b.CORPORATIE, on(5)))
    added = b.fact("action.added", b.BUDDY, on(2), action=action("A-4", b.BUDDY, on(4), worker="V-3"))
    clash = b.fact("action.added", b.BUDDY, on(2), action=action("A-1", b.BUDDY, on(4)))
    found = by_id(first, second, added, clash)
    assert {key: (each.owner, each.due_on) for key, each in found.items()} == {
        "A-1": (b.CORPORATIE, on(5)),
        "A-4": (b.BUDDY, on(4)),
    }
    assert (found["A-4"].worker, found["A-4"].org) == ("V-3", b.BUDDY)
    assert set(by_id(first, second, day=on(2, 20))) == {"A-1", "A-2"}


def test_of_one_version_the_issuers_own_counts() -> None:
    issuer = plan(1, on(1), action("A-1", b.ZORG, on(2)))
    copy = plan(1, on(2), action("A-1", b.COACH, on(3)), org=b.COACH)
    assert by_id(issuer, copy)["A-1"].owner == b.ZORG
    (found,) = picture.plans(facts(issuer, copy), DAY)
    assert found.org == b.GEMEENTE


def test_who_endorsed_this_version() -> None:
    made = [
        plan(1, on(1), action("A-1", b.ZORG, on(2))),
        plan(2, on(2), action("A-1", b.ZORG, on(2))),
        b.fact("plan.endorsed", b.ZORG, on(1, 2), version=1),
        b.fact("plan.endorsed", b.CORPORATIE, on(2, 2), version=2),
        b.fact("action.added", b.BUDDY, on(2, 2), action=action("A-4", b.BUDDY, on(4))),
    ]
    (found,) = picture.plans(facts(*made), DAY)
    assert (found.version, found.endorsed_by) == (2, {b.GEMEENTE, b.CORPORATIE})
    assert found.owners == {b.ZORG, b.BUDDY}
    assert found.parties == {b.GEMEENTE, b.CORPORATIE, b.ZORG, b.BUDDY}


def test_only_the_owner_completes_and_for_residents_any_party() -> None:
    made = plan(1, on(1), action("A-1", b.ZORG, on(2)), action("A-3", "resident", on(2)))
    found = by_id(made, done("A-1", b.CORPORATIE, on(2)), done("A-3", b.CORPORATIE, on(2)))
    assert found["A-1"].done_on is None
    assert found["A-3"].done_on is None
    found = by_id(made, done("A-1", b.ZORG, on(2)), done("A-3", b.ZORG, on(2)))
    assert (found["A-1"].done_on, found["A-3"].done_on) == (on(2), on(2))
    endorsed = b.fact("plan.endorsed", b.CORPORATIE, on(1, 2))
    assert by_id(made, endorsed, done("A-3", b.CORPORATIE, on(2)))["A-3"].done_on == on(2)


def test_a_new_day_counts_when_the_resident_agreed() -> None:
    made = plan(1, on(1), action("A-1", b.ZORG, on(2)))
    found = by_id(made, moved("A-1", b.ZORG, on(1, 20), on(3)), moved("A-1", b.ZORG, on(2, 20), on(5), agreed=False))
    assert (found["A-1"].due_on, found["A-1"].first_due_on) == (on(3), on(2))
    assert found["A-1"].reschedules_agreed == 1
    assert [each.due_on for each in found["A-1"].reschedules] == [on(3), on(5)]
    assert by_id(made, moved("A-1", b.CORPORATIE, on(1, 20), on(3)))["A-1"].due_on == on(2)
    second = plan(2, on(4), action("A-1", b.ZORG, on(4, 15)))
    found = by_id(made, moved("A-1", b.ZORG, on(1, 20), on(3)), second)
    assert (found["A-1"].due_on, found["A-1"].reschedules) == (on(4, 15), ())


def test_days_late() -> None:
    made = plan(1, on(1), action("A-1", b.ZORG, on(2)))
    late = by_id(made)["A-1"]
    assert [late.late_days(day) for day in (on(1), on(2), on(2, 2))] == [0, 0, 1]
    assert by_id(made, done("A-1", b.ZORG, on(5)))["A-1"].late_days(DAY) == 0


def test_what_a_move_waits_for() -> None:
    move = b.fact("move.planned", b.ZORG, on(1), planned_on="2026-02-01", provisions_required=["income", "gp"])
    ready = b.fact("provision.arranged", b.GEMEENTE, on(1, 15), kind="income")
    again = b.fact("provision.arranged", b.GEMEENTE, on(1, 20), kind="income")
    other = b.fact("provision.arranged", b.GEMEENTE, on(1, 15), kind="budget")
    (found,) = picture.moves(facts(move, ready, again, other), DAY)
    assert (found.arranged, found.open) == ({"income": on(1, 15)}, ["gp"])
    later = b.fact("move.planned", b.ZORG, on(1, 20), planned_on="2026-03-01", provisions_required=["income"])
    (found,) = picture.moves(facts(move, ready, later), DAY)
    assert (found.planned_on, found.open) == (on(3), [])
    second = b.fact(
        "move.planned",
        b.ZORG,
        on(4),
        planned_on="2026-05-01",
        provisions_required=["income"],
        move_id="zorg-ijssel:M-2",
    )
    found = picture.moves(facts(move, ready, second), DAY)[-1]
    assert found.open == ["income"]


# Guidance


def test_an_assignment_changes_is_covered_and_ends() -> None:
    made = [
        b.fact("coach.assigned", happened=on(2), worker="W-17", interval_days=14),
        b.fact("coach.changed", happened=on(4), worker="W-22", interval_days=28, mode="background"),
        b.fact("coach.covered", happened=on(5), worker="W-31", until="2026-05-10"),
    ]
    (found,) = picture.assignments(facts(*made), DAY)
    assert (found.worker, found.interval_days, found.mode) == ("W-22", 28, "background")
    assert (found.started_on, found.worker_since, found.changed_on) == (on(2), on(4), on(4))
    assert found.guided_by("W-22", DAY)
    assert not found.guided_by("W-17", DAY)
    assert not found.guided_by(None, DAY)
    guided = [found.guided_by("W-31", on(4, 30)), *(found.guided_by("W-31", on(5, d)) for d in (1, 10, 11))]
    assert guided == [False, True, True, False]
    (ended,) = picture.assignments(facts(*made, b.fact("coach.ended", happened=on(6), reason="completed")), DAY)
    assert (ended.ended_on, ended.end_reason) == (on(6), "completed")
    assert not ended.guided_by("W-22", DAY)


def test_the_case_lead() -> None:
    one = b.fact("caselead.assigned", b.GEMEENTE, on(1), worker="CL-4", deputy_worker="CL-9")
    two = b.fact("caselead.assigned", b.GEMEENTE, on(3), worker="CL-5", deputy_worker=None)
    end = b.fact("caselead.ended", b.GEMEENTE, on(2))
    found = picture.caselead(facts(one), DAY)
    assert found is not None
    assert (found.worker, found.deputy, found.since) == ("CL-4", "CL-9", on(1))
    assert picture.caselead(facts(one, end), DAY) is None
    found = picture.caselead(facts(one, end, two), DAY)
    assert found is not None
    assert found.worker == "CL-5"
    elsewhere = b.fact("caselead.ended", "andere-gemeente", on(4))
    assert picture.caselead(facts(one, elsewhere), DAY) is not None


def test_visits_planned_held_missed() -> None:
    def planned(n: int, when: date) -> Fact:
        return b.fact("coach.visit_planned", b.COACH, on(1), visit_id=f"V-{n}", planned_on=when)

    held = b.fact("coach.visit_held", b.COACH, on(2, 2), visit_id="V-1")
    missed = b.fact("coach.visit_missed", b.COACH, on(2, 9), visit_id="V-2", missed_by="organisation")
    unplanned = b.fact("coach.visit_held", b.COACH, on(2, 3), visit_id="V-3", channel="phone")
    found = picture.visits(
        facts(planned(1, on(2)), planned(2, on(2, 8)), planned(4, on(3)), held, missed, unplanned), DAY
    )
    assert [(each.visit_id, each.planned_on, each.held_on, each.missed_by) for each in found] == [
        ("V-1", on(2), on(2, 2), None),
        ("V-3", None, on(2, 3), None),
        ("V-2", on(2, 8), None, "organisation"),
        ("V-4", on(3), None, None),
    ]
    both = Facts([held, b.fact("coach.visit_missed", b.COACH, on(2, 3), visit_id="V-1")])
    assert [(each.held_on, each.missed_on) for each in picture.visits(both, DAY)] == [(None, on(2, 3))]
    elsewhere = b.fact("coach.visit_held", b.ZORG, on(2, 2), visit_id="V-1")
    assert [each.held_on for each in picture.visits(facts(planned(1, on(2)), elsewhere), DAY)] == [None, on(2, 2)]


@pytest.mark.parametrize(
    ("made", "counts"),
    [
        (b.fact("coach.visit_held", happened=on(3), channel="door", present=["resident"]), True),
        (b.fact("coach.visit_held", happened=on(3), channel="door", present=["neighbour"]), False),
        (b.fact("coach.visit_held", happened=on(3), channel="door", present=[]), True),
        (b.fact("coach.visit_held", happened=on(3), channel="letter", present=["resident"]), False),
        (b.fact("coach.visit_missed", happened=on(3)), False),
        (b.fact("contact.attempted", happened=on(3), channel="phone", reached=True), True),
        (b.fact("contact.attempted", happened=on(3), channel="phone", reached=False), False),
        (b.fact("contact.attempted", happened=on(3), channel="chat", reached=True), False),
        (b.fact("intake.held", happened=on(3)), True),
        (b.fact("lease.evaluated", happened=on(3)), True),
        (b.fact("plan.agreed", happened=on(3), agreed_by=["resident", b.GEMEENTE]), True),
        (b.fact("plan.agreed", happened=on(3), agreed_by=[b.GEMEENTE]), False),
    ],
)
def test_what_counts_as_contact(made: Fact, counts: bool) -> None:
    assert picture.last_contact_on(facts(made), DAY) == (on(3) if counts else None)


def test_a_pause_runs_until_its_last_day() -> None:
    made = facts(b.fact("pause.agreed", happened=on(3), until="2026-03-10"))
    assert [picture.pause_until(made, on(3, d)) for d in (1, 10, 11)] == [on(3, 10), on(3, 10), None]
    assert picture.pause_until(made, on(2)) is None


# Money


def balance(when: date, cents: int, **more: Any) -> Fact:
    return b.fact("rent.balance_reported", happened=when, outstanding_cents=cents, oldest_unpaid_on=None, **more)


def effort(when: date, which: str = "personal_contact") -> Fact:
    return b.fact("arrears.effort_made", happened=when, effort=which)


def test_the_arrears_episode_runs_since_the_last_zero() -> None:
    made = facts(
        balance(on(1), 50000),
        effort(on(1, 5)),
        balance(on(2), 0),
        effort(on(2, 5)),
        balance(on(3), 100),
        balance(on(4), 900),
    )
    assert picture.arrears_since(made, "L-1", DAY) == on(3)
    assert [each.on for each in picture.efforts(made, "L-1", DAY)] == [on(2, 5)]
    assert picture.arrears_since(made, "L-1", on(2)) is None
    assert picture.efforts(made, "L-1", on(2, 20)) == []
    assert [each.on for each in picture.efforts(made, "L-1", on(1, 20))] == [on(1, 5)]
    found = picture.balance(made, "L-1", DAY)
    assert found is not None
    assert (found.outstanding_cents, found.on) == (900, on(4))
    assert found.months == pytest.approx(900 / 61250)


def test_leases_are_never_added_up() -> None:
    made = facts(balance(on(1), 50000), balance(on(1), 70000, lease_id="L-2"), balance(on(2), 0))
    assert [each.outstanding_cents for each in picture.balances(made, "L-1", DAY)] == [50000, 0]
    assert [each.outstanding_cents for each in picture.balances(made, "L-2", DAY)] == [70000]
    assert picture.balances(made, "L-1", DAY, "andere-corporatie") == []


def test_payment_plans_and_collection() -> None:
    agreed = b.fact("payment_plan.agreed", happened=on(2))
    broken = b.fact("payment_plan.broken", happened=on(3))
    new = b.fact("payment_plan.agreed", happened=on(4), payment_plan_id="BR-2")
    states = [
        (picture.payment_plan(facts(*made), "L-1", DAY) or pytest.fail("no plan")).state
        for made in ([agreed], [agreed, broken], [agreed, broken, new])
    ]
    assert states == ["running", "broken", "running"]
    summons = b.fact("collection.step_taken", happened=on(4), step="summons")
    taken_back = b.fact("collection.step_taken", happened=on(5), step="withdrawn")
    step = picture.collection_step(facts(summons), "L-1", DAY)
    assert step is not None
    assert (step.step, step.on) == ("summons", on(4))
    assert picture.collection_step(facts(summons, taken_back), "L-1", DAY) is None


def test_a_signal_and_what_came_of_it() -> None:
    signal, outcome = b.fact("arrears.signalled", happened=on(5)), b.fact("debt_help.outcome", happened=on(6))
    (found,) = picture.signals(facts(signal, outcome), DAY)
    assert (found.amount_cents, found.on, found.outcome_on, found.attempts) == (61250, on(5), on(6), 2)


# Living


def test_the_three_questions_of_the_last_intake() -> None:
    old = b.fact("intake.held", happened=on(1), domains=[])
    found = picture.intake(facts(old, b.fact("intake.held", happened=on(2))), DAY)
    assert found is not None
    assert found.wants == {"housing": "own_home", "administration": "overview"}
    assert (found.can_self, found.needs) == (("household",), ("neighbour_contact", "administration_help"))


def test_nuisance_is_resolved_by_who_reported_it() -> None:
    report = b.fact("nuisance.reported", b.CORPORATIE, on(3))
    elsewhere = b.fact("nuisance.resolved", b.GEMEENTE, on(4))
    solved = b.fact("nuisance.resolved", b.CORPORATIE, on(5))
    mediation = b.fact("mediation.agreed", b.CORPORATIE, on(4))
    (found,) = picture.nuisance(facts(report, elsewhere, mediation), DAY)
    assert (found.resolved_on, found.mediation_on) == (None, on(4))
    (found,) = picture.nuisance(facts(report, elsewhere, solved), DAY)
    assert found.resolved_on == on(5)


def test_day_activity_care_and_support() -> None:
    started = b.fact("day_activity.started", happened=on(2))
    ended = b.fact("day_activity.ended", happened=on(4), successor_planned_on="2026-05-01")
    running = picture.day_activity(facts(started), DAY)
    assert running is not None
    assert running.kind == "volunteer_work"
    assert picture.day_activity(facts(started, ended), DAY) is None
    assert picture.day_activities(facts(started, ended), DAY)[0].successor_planned_on == on(5)
    care = [b.fact("care.started", happened=on(2)), b.fact("care.ended", happened=on(3), end_reason="21")]
    assert [(each.ended_on, each.end_reason) for each in picture.care(facts(*care), DAY)] == [(on(3), "21")]
    support = [
        b.fact(f"support.{turn}", happened=on(n)) for n, turn in ((2, "requested"), (3, "matched"), (4, "ended"))
    ]
    assert [picture.support(facts(*support), on(n, 2))[0].running for n in (2, 3, 4)] == [False, True, False]


def test_the_ladder() -> None:
    up = b.fact("ladder.step_changed", happened=on(2), from_step=3, to_step=4)
    review = b.fact("ladder.reviewed", happened=on(3), step=4, next_on="2026-09-01")
    down = b.fact("ladder.step_changed", happened=on(4), from_step=4, to_step=3)
    found = picture.ladder(facts(up, review, down), DAY)
    assert found is not None
    assert (found.step, found.since, found.review_due) == (3, on(4), on(9))
    found = picture.ladder(facts(review), DAY)
    assert found is not None
    assert (found.step, found.since) == (4, on(3))


def test_waiting_places_and_attention() -> None:
    entered, left = b.fact("waiting.entered", happened=on(2)), b.fact("waiting.left", happened=on(4))
    assert picture.waiting_since(facts(entered, left), on(3)) == on(2)
    assert picture.waiting_since(facts(entered, left), on(4)) is None
    vacated = picture.place(facts(b.fact("place.vacated", happened=on(3))), DAY)
    assert vacated is not None
    assert (vacated.kind, vacated.vacated_on) == ("beschermd_wonen", on(3))
    flag = facts(b.fact("attention.flagged", happened=on(3), until="2026-03-10"))
    assert [picture.attention_until(flag, on(3, d)) for d in (10, 11)] == [on(3, 10), None]
