"""Who sees which facts: deny by default, and nothing that may not be seen changes anything."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import builders as b
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from woonketen.contracts.catalogue import TYPES
from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.policy import DERIVED
from woonketen.contracts.recipient import Recipient, recipient
from woonketen.streams.core.effective import effective
from woonketen.streams.core.visible import Sight, changes_on, decide, sight, visible

DAY = date(2026, 6, 15)
WORLD = b.world()

BEWONER = recipient("bewoner", b.PLATFORM)
COACH = recipient("coach", b.COACH, "W-17")
LEAD = recipient("casusregisseur", b.GEMEENTE, "CL-4")
TEAM = recipient("wijkteam", b.GEMEENTE)
LANDLORD = recipient("corporatie", b.CORPORATIE)
CARE = recipient("zorgaanbieder", b.ZORG)
DEBT = recipient("schuldhulp", b.GEMEENTE)
VOLUNTEER = recipient("vrijwilliger", b.BUDDY, "V-3")
EVERYBODY = (BEWONER, COACH, LEAD, TEAM, LANDLORD, CARE, DEBT, VOLUNTEER)
NOTICE = b.fact("notice.given", b.GEMEENTE, date(2026, 1, 5))

# Category and recipient where the design's table has a dash, whatever the facts.
FORBIDDEN = {
    "coach": {"arrears", "signal", "places", "consent", "warnings"},
    "casusregisseur": {"arrears", "signal", "tenancy_care", "consent", "warnings"},
    "wijkteam": {"intake", "visits", "lease", "arrears", "signal", "nuisance", "care", "day_activity", "ladder"}
    | {"support", "tenancy_care", "places", "attention", "consent", "warnings"},
    "corporatie": {"involvement", "intake", "visits", "care", "day_activity", "ladder", "support", "places"}
    | {"attention", "consent", "warnings"},
    "zorgaanbieder": {"visits", "arrears", "signal", "nuisance", "support", "tenancy_care", "consent", "warnings"},
    "schuldhulp": {each.category for each in TYPES.values()} - {"signal"},
    "vrijwilliger": {"enrolment", "referral", "intake", "visits", "lease", "arrears", "signal", "nuisance", "care"}
    | {"day_activity", "ladder", "tenancy_care", "places", "consent", "warnings"},
    "bewoner": set(),
}
NOBODY = {"safety", "link", "platform", "agreement", "complex"}
# What decides who sees other facts: these may change an answer although they are not seen themselves.
DECIDING = {"consent", "safety"}


def see(to: Recipient, *facts: Fact, day: date = DAY, notice: bool = True) -> Facts:
    found = effective([*facts, NOTICE] if notice else facts, day)
    return visible(found, sight(to, found, day, WORLD))


def types(to: Recipient, *facts: Fact, **more: Any) -> set[str]:
    return set(see(to, *facts, **more).types()) - {"notice.given"}


def eyes(to: Recipient, *facts: Fact, day: date = DAY) -> Sight:
    return sight(to, effective([*facts, NOTICE], day), day, WORLD)


def grant(category: str, to: Recipient = COACH, on: date = date(2026, 2, 1), **data: Any) -> Fact:
    return b.fact(
        "consent.granted",
        b.GEMEENTE,
        on,
        **{
            "consent_id": f"{b.GEMEENTE}:T-{category}-{to.role}-1",
            "recipient": {"role": to.role},
            "purpose": to.purpose,
            "categories": [category],
            "valid_from": "2026-01-01",
            "valid_until": "2026-12-31",
            "data_from": None,
            "data_until": None,
            **data,
        },
    )


def lease(clause: bool = True, **data: Any) -> Fact:
    return b.fact("lease.started", b.CORPORATIE, date(2026, 2, 15), coaching_clause=clause, **data)


# Properties over facts of all types


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    """Facts of any type by any organisation; consents and actions that matter to somebody more often than chance."""
    made: list[Fact] = []
    orgs = st.sampled_from([b.GEMEENTE, b.CORPORATIE, b.COACH, b.ZORG, b.BUDDY])
    persons = sorted(short for short, each in TYPES.items() if each.about == "person" and "event." not in short)
    for short in draw(st.lists(st.sampled_from(persons), max_size=14)):
        on = DAY - timedelta(days=draw(st.integers(-3, 200)))
        made.append(b.fact(short, draw(orgs), None if short.startswith("warning.") else on))
    for _ in range(draw(st.integers(0, 3))):
        to = draw(st.sampled_from(EVERYBODY[1:]))
        category = draw(st.sampled_from(["care", "nuisance", "visits", "plan", "involvement", "arrears", "consent"]))
        made.append(grant(category, to))
    if draw(st.booleans()):
        made.append(NOTICE)
    return made


def category_of(fact: Fact) -> str:
    return TYPES[fact.type].category


def tell(facts: Facts) -> list[tuple[Any, ...]]:
    return [(fact.key, fact.data, fact.corrected) for fact in facts]


@settings(max_examples=250, deadline=None)
@given(histories())
def test_what_is_forbidden_is_never_seen(facts: list[Fact]) -> None:
    found = effective(facts, DAY)
    for to in EVERYBODY:
        for fact in visible(found, sight(to, found, DAY, WORLD)):
            assert category_of(fact) not in FORBIDDEN[to.role] | NOBODY, to.role


@settings(max_examples=250, deadline=None)
@given(histories())
def test_one_by_one_and_together_are_the_same(facts: list[Fact]) -> None:
    found = effective(facts, DAY)
    for to in EVERYBODY:
        mine = sight(to, found, DAY, WORLD)
        assert [fact.key for fact in found if mine.allows(fact)] == [fact.key for fact in visible(found, mine)]


@settings(max_examples=250, deadline=None)
@given(histories(), st.data())
def test_a_fact_that_may_not_be_seen_changes_nothing(facts: list[Fact], data: st.DataObject) -> None:
    found = effective(facts, DAY)
    hidden = data.draw(st.sampled_from(sorted(found, key=lambda fact: fact.id))) if len(found) else NOTICE
    without = Facts(fact for fact in found if fact is not hidden)
    for to in EVERYBODY:
        if not sight(to, found, DAY, WORLD).allows(hidden) and _decides_nothing(hidden, to):
            assert tell(visible(found, sight(to, found, DAY, WORLD))) == tell(
                visible(without, sight(to, without, DAY, WORLD))
            ), to.role


def _decides_nothing(fact: Fact, to: Recipient) -> bool:
    if category_of(fact) in DECIDING or fact.type == "notice.given":
        return False
    # Conditions of the policy read these although the viewer may not: whose client, whose district, which lease, which
    # party. They decide through a rule that the policy names.
    return fact.type.partition(".")[0] not in (
        "lease",
        "enrolment",
        "coach",
        "referral",
        "plan",
        "action",
        "move",
    ) and (to.role != "schuldhulp" or category_of(fact) not in ("arrears", "signal"))


@settings(max_examples=100, deadline=None)
@given(histories())
def test_decisions_agree_with_what_is_seen(facts: list[Fact]) -> None:
    """For facts of others whose rule has no condition on the fact itself, `decide` says what `visible` shows."""
    found = effective(facts, DAY)
    for to in EVERYBODY:
        mine = sight(to, found, DAY, WORLD)
        for fact in found:
            category = category_of(fact)
            if category in ("plan", "referral", "lease", "warnings", "signal"):
                continue
            said = decide(category, to, found, DAY, fact.happened, fact.org, WORLD)
            assert said.allow == mine.allows(fact), (to.role, category, said.reason)


# The table's conditions


def test_the_resident_sees_everything_but_safety() -> None:
    everything = [
        b.fact(short)
        for short, each in TYPES.items()
        if each.about == "person" and each.category not in NOBODY and "event." not in short
    ]
    flag = b.fact("safety.flag_set", b.GEMEENTE, date(2026, 2, 1))
    found = effective([*everything, flag], None)
    seen = visible(found, sight(BEWONER, found, DAY, WORLD))
    assert {fact.key for fact in seen} == {fact.key for fact in found} - {flag.key}


def test_without_a_rule_it_is_forbidden() -> None:
    for to in (
        recipient("beleid", b.GEMEENTE),
        recipient("steward", b.GEMEENTE),
        Recipient("coach", b.COACH, "W-17", "tenancy"),
    ):
        assert types(to, b.fact("enrolment.opened"), b.fact("ladder.step_changed"), b.fact("plan.agreed")) == set()


def test_own_visits_and_intakes_of_a_coach() -> None:
    mine = b.fact("coach.visit_held", b.COACH, date(2026, 3, 1), visit_id="V-1")
    other = b.fact("coach.visit_held", b.ZORG, date(2026, 3, 1), visit_id="V-1")
    assert [fact.org for fact in see(COACH, mine, other) if fact.type != "notice.given"] == [b.COACH]
    both = see(COACH, mine, other, grant("visits"))
    assert {fact.org for fact in both.of("coach.visit_held")} == {b.COACH, b.ZORG}
    assert types(COACH, b.fact("intake.held", b.BUDDY)) == set()
    assert types(COACH, b.fact("intake.held", b.COACH)) == {"intake.held"}


def test_a_lease_with_a_coaching_clause() -> None:
    card = b.fact("lease.card_issued", b.CORPORATIE, date(2026, 3, 1))
    assert types(COACH, lease(True), card) == {"lease.started", "lease.card_issued"}
    assert types(COACH, lease(False), card) == set()
    assert types(COACH, lease(False), card, grant("lease")) == {"lease.started", "lease.card_issued"}
    enrolment = b.fact("enrolment.opened", b.GEMEENTE, date(2026, 1, 5))
    assert types(LANDLORD, enrolment, lease(True)) == {"enrolment.opened", "lease.started"}
    assert types(LANDLORD, enrolment, lease(False)) == {"lease.started"}
    elsewhere = b.fact("lease.started", "andere-corporatie", date(2026, 2, 15), coaching_clause=True)
    assert types(LANDLORD, enrolment, elsewhere) == set()
    ended = b.fact("lease.ended", b.CORPORATIE, date(2026, 4, 1))
    assert "enrolment.opened" not in types(LANDLORD, enrolment, lease(True), ended)


def test_own_is_own() -> None:
    balance = b.fact("rent.balance_reported", b.CORPORATIE, date(2026, 5, 1))
    other = b.fact("rent.balance_reported", "andere-corporatie", date(2026, 5, 1))
    assert [fact.org for fact in see(LANDLORD, balance, other)] == [b.CORPORATIE]
    enrolment = b.fact("enrolment.opened", b.GEMEENTE, date(2026, 1, 5))
    assert [fact.org for fact in see(LANDLORD, enrolment, lease(), balance, other).of(balance.type)] == [b.CORPORATIE]
    for to in (COACH, LEAD, TEAM, CARE, VOLUNTEER, DEBT):
        assert "rent.balance_reported" not in types(to, enrolment, lease(), balance, grant("arrears", to))


def test_parties_of_a_referral() -> None:
    made = b.fact("referral.made", b.GEMEENTE, date(2026, 1, 7), to_org=b.ZORG)
    yes = b.fact("referral.accepted", b.ZORG, date(2026, 1, 9))
    assert types(CARE, made, yes) == {"referral.made", "referral.accepted"}
    assert types(COACH, made, yes) == set()
    assert types(TEAM, made, yes) == set()
    assert types(TEAM, made, yes, grant("referral", TEAM)) == {"referral.made", "referral.accepted"}


@pytest.mark.parametrize(
    ("districts", "enrolled", "leased", "sees"),
    [
        (["WK019304"], "WK019304", ..., True),
        (["WK019304"], "WK019307", ..., False),
        (["WK019304"], None, ..., True),
        ([], "WK019307", ..., True),
        (["WK019304"], "WK019304", "WK019307", False),
        (["WK019304"], "WK019307", "WK019304", True),
        (["WK019304"], "WK019304", None, True),
    ],
)
def test_own_districts(districts: list[str], enrolled: Any, leased: Any, sees: bool) -> None:
    world = b.world(b.registered(b.GEMEENTE, "gemeente", date(2025, 2, 1), districts=districts))
    facts = [b.fact("enrolment.opened", b.GEMEENTE, date(2026, 1, 5), district=enrolled), NOTICE]
    if leased is not ...:
        facts.append(lease(district=leased))
    found = effective(facts, DAY)
    assert ("enrolment.opened" in visible(found, sight(TEAM, found, DAY, world)).types()) is sees


def test_city_wide_ends_at_the_city() -> None:
    world = b.world(b.registered("gemeente-elders", "gemeente"))
    found = effective([b.fact("enrolment.opened", b.GEMEENTE, date(2026, 1, 5), district=None), NOTICE], DAY)
    elders = recipient("wijkteam", "gemeente-elders")
    assert len(visible(found, sight(elders, found, DAY, world))) == 0
    named = b.world(b.registered("gemeente-elders", "gemeente", districts=["WK019304"]))
    here = effective([b.fact("enrolment.opened", b.GEMEENTE, date(2026, 1, 5), district="WK019304"), NOTICE], DAY)
    assert len(visible(here, sight(elders, here, DAY, named))) == 2
    assert len(visible(found, sight(elders, found, DAY, named))) == 0
    assert len(visible(found, sight(recipient("wijkteam", "onbekend"), found, DAY, world))) == 0


def test_own_clients() -> None:
    enrolment = b.fact("enrolment.opened", b.GEMEENTE, date(2026, 1, 5))
    made = b.fact("referral.made", b.GEMEENTE, date(2026, 1, 7), to_org=b.ZORG)
    assert types(CARE, enrolment) == set()
    assert types(CARE, enrolment, b.fact("care.started", b.ZORG)) == {"enrolment.opened", "care.started"}
    assert "enrolment.opened" not in types(CARE, enrolment, b.fact("care.started", b.COACH))
    assert "enrolment.opened" not in types(CARE, enrolment, made)
    assert "enrolment.opened" in types(CARE, enrolment, made, b.fact("referral.accepted", b.ZORG, date(2026, 1, 9)))


# Own actions


def agreed(version: int = 1, **owners: str) -> Fact:
    actions = [
        {"action_id": name.replace("_", "-"), "owner": owner, "domain": "housing", "kind": "repair", "due_on": DAY}
        for name, owner in owners.items()
    ]
    return b.fact("plan.agreed", b.GEMEENTE, date(2026, 1, version), version=version, actions=actions)


def test_of_a_plan_a_landlord_sees_its_own_actions() -> None:
    plan = agreed(A_1=b.CORPORATIE, A_2=b.ZORG, A_3="resident")
    (seen,) = see(LANDLORD, plan).of("plan.agreed")
    assert [action.owner for action in seen.data.actions] == [b.CORPORATIE]
    assert seen.data.agreed_by == [b.CORPORATIE]
    assert seen.key == plan.key
    assert len(plan.data.actions) == 3
    assert types(LANDLORD, agreed(A_2=b.ZORG)) == set()
    (whole,) = see(CARE, plan, grant("plan", CARE)).of("plan.agreed")
    assert len(whole.data.actions) == 3
    (part,) = see(CARE, plan, grant("plan", CARE, data_from="2026-02-01")).of("plan.agreed")
    assert [action.owner for action in part.data.actions] == [b.ZORG]


def test_a_later_version_without_own_actions_is_seen_as_empty() -> None:
    seen = see(LANDLORD, agreed(1, A_1=b.CORPORATIE), agreed(2, A_1=b.ZORG)).of("plan.agreed")
    assert [[action.owner for action in fact.data.actions] for fact in seen] == [[b.CORPORATIE], []]


def test_what_is_told_of_own_actions() -> None:
    plan = agreed(A_1=b.CORPORATIE, A_2=b.ZORG)
    mine = b.fact("action.completed", b.CORPORATIE, date(2026, 2, 1), action_id="A-1")
    theirs = b.fact("action.completed", b.ZORG, date(2026, 2, 1), action_id="A-2")
    claimed = b.fact("action.completed", b.ZORG, date(2026, 2, 1), action_id="A-1")
    seen = see(LANDLORD, plan, mine, theirs, claimed)
    assert [fact.key for fact in seen.of("action.completed")] == [mine.key]


def test_a_volunteer_sees_the_actions_that_name_the_volunteer() -> None:
    def added(action_id: str, worker: str | None, org: str = b.BUDDY) -> Fact:
        action = {"action_id": action_id, "owner": org, "domain": "administration", "kind": "open_mail"}
        return b.fact("action.added", b.BUDDY, date(2026, 2, 2), action={**action, "due_on": DAY, "worker": worker})

    seen = see(VOLUNTEER, added("A-4", "V-3"), added("A-5", "V-4"), added("A-6", None), added("A-7", "V-3", b.COACH))
    assert [fact.data.action.action_id for fact in seen.of("action.added")] == ["A-4"]
    done = [b.fact("action.completed", b.BUDDY, date(2026, 3, 1), action_id=each) for each in ("A-4", "A-5")]
    seen = see(VOLUNTEER, added("A-4", "V-3"), added("A-5", "V-4"), *done)
    assert [fact.data.action_id for fact in seen.of("action.completed")] == ["A-4"]


def test_overview_needs_its_consent() -> None:
    plan = agreed(A_1=b.CORPORATIE)
    expert = recipient("vrijwilliger", b.BUDDY, "V-3", overview=True)
    yes = grant("plan", expert)
    assert types(expert, plan) == set()
    assert types(VOLUNTEER, plan, yes) == set()
    assert types(expert, plan, yes) == {"plan.agreed"}
    assert types(expert, plan, grant("overview", expert)) == {"plan.agreed"}
    assigned = b.fact("coach.assigned", b.BUDDY, date(2026, 2, 1), role="ervaringsdeskundige", worker="V-3")
    assert types(VOLUNTEER, plan, yes, assigned) == {"plan.agreed"}
    buddy = b.fact("coach.assigned", b.BUDDY, date(2026, 2, 1), role="buddy_volunteer", worker="V-3")
    assert types(VOLUNTEER, plan, yes, buddy) == set()
    (seen,) = see(VOLUNTEER, plan, yes, assigned).of("plan.agreed")
    assert len(seen.data.actions) == 1


def test_a_move_shows_which_of_its_provisions_are_ready() -> None:
    move = b.fact("move.planned", b.ZORG, date(2026, 1, 25), provisions_required=["income", "gp"])
    ready = b.fact("provision.arranged", b.GEMEENTE, date(2026, 2, 1), kind="income")
    other = b.fact("provision.arranged", b.GEMEENTE, date(2026, 2, 1), kind="budget")
    assert {fact.data.kind for fact in see(CARE, move, ready, other).of("provision.arranged")} == {"income"}
    assert types(LANDLORD, move, ready, other) == set()


# Consent


def test_a_consent_opens_what_it_names_in_its_data_period() -> None:
    care = [b.fact("care.started", b.ZORG, date(2026, n, 1), care_id=f"ZT-{n}") for n in (2, 3, 4)]
    assert types(COACH, *care) == set()
    seen = see(COACH, *care, grant("care", data_from="2026-03-01", data_until="2026-03-31"))
    assert [fact.happened.month for fact in seen.of("care.started")] == [3]
    assert types(COACH, *care, grant("nuisance")) == set()
    assert types(COACH, *care, grant("care", valid_until="2026-06-14")) == set()


def test_a_withdrawal_hides_again() -> None:
    care, yes = b.fact("care.started", b.ZORG, date(2026, 2, 1)), grant("care")
    no = b.fact("consent.withdrawn", b.GEMEENTE, date(2026, 6, 1), consent_id=yes.data.consent_id)
    assert types(COACH, care, yes) == {"care.started"}
    assert types(COACH, care, yes, no) == set()


def test_no_consent_helps_where_the_table_has_a_dash() -> None:
    facts = [b.fact(short) for short, each in TYPES.items() if each.about == "person" and "event." not in short]
    facts = [fact for fact in facts if category_of(fact) not in DECIDING]
    for to in EVERYBODY[1:]:
        wanted = sorted(FORBIDDEN[to.role] & {"arrears", "signal", "visits", "care", "lease", "places", "intake"})
        granted = [grant(category, to) for category in wanted]
        found = effective([*facts, *granted], DAY)
        seen = {category_of(fact) for fact in visible(found, sight(to, found, DAY, WORLD))}
        assert seen.isdisjoint(wanted)


def test_a_closed_door_has_one_name_and_secrets_have_none() -> None:
    asked = ("visits", "care", "nuisance", "arrears_level", "ladder", "arrears")
    assert eyes(COACH).not_shared(asked) == ["visits", "arrears_level"]
    assert eyes(COACH, grant("arrears_level")).not_shared(asked) == ["visits"]
    refused = b.fact(
        "consent.refused",
        b.GEMEENTE,
        date(2026, 3, 1),
        recipient={"role": "coach"},
        purpose="guidance",
        categories=["arrears_level"],
    )
    assert eyes(COACH, refused).not_shared(asked) == ["visits", "arrears_level"]


def test_derived_values_have_their_own_rule() -> None:
    on = date(2026, 5, 1)
    assert not eyes(COACH).open("arrears_level", on)
    assert eyes(COACH, grant("arrears_level")).open("arrears_level", on)
    assert not eyes(COACH, grant("arrears_level", data_until="2026-04-30")).open("arrears_level", on)
    assert not eyes(COACH, grant("arrears")).open("arrears_level", on)
    assert eyes(COACH).open("phase")
    assert not eyes(LANDLORD).open("coaching_runs")
    assert eyes(LANDLORD, lease(True)).open("coaching_runs")
    assert not eyes(LANDLORD, lease(False)).open("coaching_runs")
    assert not eyes(LANDLORD).open("may_signal")
    assert eyes(LANDLORD, b.fact("rent.balance_reported")).open("may_signal")
    assert not eyes(TEAM).open("coaching_runs")
    assert eyes(TEAM, grant("involvement", TEAM)).open("coaching_runs")
    assert eyes(TEAM, grant("warnings", TEAM)).open("warnings")
    assert not eyes(TEAM).open("warnings")


def test_the_rule_that_decides_is_named() -> None:
    assert eyes(COACH).state("visits") == ("C", "visits/coach/guidance/-")
    assert eyes(COACH, b.fact("coach.visit_held", b.COACH)).state("visits") == ("S", "visits/coach/guidance/own")
    assert eyes(COACH).state("arrears") == ("-", "arrears/coach/guidance/-")
    assert eyes(DEBT).state("signal") == ("O", "signal/schuldhulp/early_signalling/-")
    assert eyes(COACH).state("safety") == ("-", "")


# Early signalling


def signal(*but: str) -> list[Fact]:
    efforts = ["personal_contact", "pointed_to_debt_help", "written_reminder", "offer_to_pass_on"]
    facts = [b.fact("rent.balance_reported", b.CORPORATIE, date(2026, 5, 1)), lease()]
    facts += [
        b.fact("arrears.effort_made", b.CORPORATIE, date(2026, 5, 6), effort=effort)
        for effort in efforts
        if effort not in but
    ]
    return [*facts, b.fact("arrears.signalled", b.CORPORATIE, date(2026, 5, 25), to_org=b.GEMEENTE)]


def test_a_signal_needs_efforts_agreement_and_no_objection() -> None:
    assert types(DEBT, *signal()) == {"arrears.signalled"}
    assert types(DEBT, *signal("written_reminder")) == set()
    late = b.fact("arrears.effort_made", b.CORPORATIE, date(2026, 5, 26), effort="written_reminder")
    assert types(DEBT, *signal("written_reminder"), late) == set()
    objection = b.fact("objection.recorded", b.CORPORATIE, date(2026, 6, 1), purpose="early_signalling")
    assert types(DEBT, *signal(), objection) == set()
    assert types(recipient("schuldhulp", "elders"), *signal()) == set()
    found = effective([*signal(), NOTICE], DAY)
    ended = b.fact("agreement.ended", b.GEMEENTE, date(2026, 1, 1), agreement_id=f"{b.GEMEENTE}:OV-0")
    without = b.world(ended)
    assert len(visible(found, sight(DEBT, found, DAY, without)).of("arrears.signalled")) == 0
    paid = b.fact("rent.balance_reported", b.CORPORATIE, date(2026, 6, 1), outstanding_cents=0, oldest_unpaid_on=None)
    assert types(DEBT, *signal(), paid) == {"arrears.signalled"}


# Notice first, and the safety flag


def test_before_the_notice_the_publisher_sees_its_own() -> None:
    facts = [
        b.fact("enrolment.opened", b.GEMEENTE, date(2026, 1, 5)),
        b.fact("coach.assigned", b.COACH, date(2026, 2, 1)),
        b.fact("ladder.step_changed", b.ZORG, date(2026, 2, 15)),
        lease(),
    ]
    assert types(COACH, *facts, notice=False) == {"coach.assigned"}
    assert types(LEAD, *facts, notice=False) == {"enrolment.opened"}
    assert types(LANDLORD, *facts, notice=False) == {"lease.started"}
    assert types(CARE, *facts, notice=False) == {"ladder.step_changed"}
    assert len(types(BEWONER, *facts, notice=False)) == 4
    later = b.fact("notice.given", b.GEMEENTE, DAY + timedelta(days=1))
    assert types(COACH, *facts, later, notice=False) == {"coach.assigned"}
    found = effective([*facts, later], DAY + timedelta(days=1))
    assert len(visible(found, sight(COACH, found, DAY + timedelta(days=1), WORLD)).types()) == 5
    before = sight(COACH, effective(facts, DAY), DAY, WORLD)
    assert before.notice_due
    assert before.only_own
    assert not before.open("phase")
    assert not before.open("ladder")
    assert before.open("involvement")
    assert not before.open("coaching_runs")
    assert sight(COACH, effective([*facts, later], None), DAY, WORLD).notice_due, "not on a day before it was given"


def flagged(org: str = b.GEMEENTE) -> list[Fact]:
    return [
        b.fact("enrolment.opened", b.GEMEENTE, date(2026, 1, 5)),
        b.fact("coach.assigned", b.COACH, date(2026, 2, 1)),
        b.fact("ladder.step_changed", b.ZORG, date(2026, 2, 15)),
        lease(),
        b.fact("safety.flag_set", org, date(2026, 3, 1)),
    ]


def test_a_flag_leaves_setter_assigned_coach_and_own_things() -> None:
    facts = flagged()
    assert "ladder.step_changed" in types(LEAD, *facts)
    assert "ladder.step_changed" in types(COACH, *facts)
    assert types(recipient("coach", b.COACH, "W-99"), *facts) == {"coach.assigned"}
    assert types(recipient("coach", b.ZORG, "W-17"), *facts) == {"ladder.step_changed"}
    assert types(LANDLORD, *facts) == {"lease.started"}
    assert types(CARE, *facts) == {"ladder.step_changed"}
    assert types(VOLUNTEER, *facts) == set()
    assert eyes(LANDLORD, *facts).flagged_away
    assert not eyes(LEAD, *facts).flagged_away
    by_care = flagged(b.ZORG)
    assert types(LEAD, *by_care) == {"enrolment.opened"}
    assert types(CARE, *by_care) == {"ladder.step_changed", "enrolment.opened"}


def test_a_cover_counts_as_the_coach() -> None:
    cover = b.fact("coach.covered", b.COACH, date(2026, 6, 1), worker="W-31", until=date(2026, 6, 15))
    stand_in = recipient("coach", b.COACH, "W-31")
    assert not eyes(stand_in, *flagged(), cover).flagged_away
    assert eyes(stand_in, *flagged(), cover, day=date(2026, 6, 16)).flagged_away


def test_only_who_set_a_flag_clears_it() -> None:
    def cleared(org: str, on: date) -> Fact:
        return b.fact("safety.flag_cleared", org, on)

    assert eyes(LANDLORD, *flagged(), cleared(b.ZORG, date(2026, 4, 1))).flagged_away
    assert eyes(LANDLORD, *flagged(), cleared(b.GEMEENTE, date(2026, 2, 1))).flagged_away
    assert not eyes(LANDLORD, *flagged(), cleared(b.GEMEENTE, date(2026, 4, 1))).flagged_away
    to_come = effective([*flagged(), NOTICE, cleared(b.GEMEENTE, date(2026, 7, 1))], None)
    assert sight(LANDLORD, to_come, DAY, WORLD).flagged_away
    again = b.fact("safety.flag_set", b.GEMEENTE, date(2026, 5, 1))
    assert eyes(LANDLORD, *flagged(), cleared(b.GEMEENTE, date(2026, 4, 1)), again).flagged_away


def test_a_flag_adds_no_code() -> None:
    asked = ("visits", "arrears_level", "intake")
    plain = [fact for fact in flagged() if fact.type != "safety.flag_set"]
    other = recipient("coach", b.ZORG, "W-99")
    assert eyes(other, *flagged()).not_shared(asked) == eyes(other, *plain).not_shared(asked)


# Decisions


def said(category: str, to: Recipient, *facts: Fact, publisher: str = b.ZORG, on: date = date(2026, 3, 1)) -> Any:
    found = effective([*facts, NOTICE], DAY)
    made = decide(category, to, found, DAY, on, publisher, WORLD)
    assert made.policy_version == WORLD.policy.version
    return (made.allow, made.state, made.reason)


def test_every_question_has_an_answer_with_its_reason() -> None:
    yes = grant("care")
    back = b.fact("consent.withdrawn", b.GEMEENTE, date(2026, 6, 1), consent_id=yes.data.consent_id)
    no = b.fact(
        "consent.refused", b.GEMEENTE, DAY, recipient={"role": "coach"}, purpose="guidance", categories=["care"]
    )
    objection = b.fact("objection.recorded", b.CORPORATIE, date(2026, 6, 1), purpose="early_signalling")
    assert said("ladder", COACH) == (True, "S", "rule")
    assert said("lease", LANDLORD, lease(), publisher=b.CORPORATIE) == (True, "own", "own")
    assert said("care", COACH, yes) == (True, "C", "consent")
    assert said("care", COACH) == (False, "C", "never_asked")
    assert said("care", COACH, yes, no) == (False, "C", "refused")
    assert said("care", COACH, yes, back) == (False, "C", "withdrawn")
    assert said("care", COACH, grant("care", valid_until="2026-06-14")) == (False, "C", "expired")
    assert said("care", COACH, grant("care", data_from="2026-04-01")) == (False, "C", "never_asked")
    assert said("signal", DEBT, *signal(), publisher=b.CORPORATIE) == (True, "O", "rule")
    assert said("signal", DEBT, *signal(), objection, publisher=b.CORPORATIE) == (False, "O", "objected")
    assert said("arrears", COACH) == (False, "-", "rule")
    assert said("safety", COACH) == (False, "-", "no_rule")
    assert said("phase", LANDLORD) == (False, "-", "rule")
    assert said("lease", LANDLORD, publisher=b.ZORG) == (False, "-", "no_rule")
    assert said("ladder", LANDLORD, *flagged()) == (False, "-", "flag")
    assert said("visits", COACH, publisher=b.COACH) == (True, "S", "rule")
    assert said("visits", COACH, publisher=b.ZORG) == (False, "C", "never_asked")
    both = (b.fact("coach.visit_held", b.COACH), grant("visits"))
    assert said("visits", COACH, *both, publisher=b.COACH) == (True, "S", "rule"), "the strongest is named"
    assert eyes(COACH, *both).state("visits") == ("S", "visits/coach/guidance/own")


def test_before_the_notice_a_decision_says_so() -> None:
    made = decide("ladder", COACH, Facts([]), DAY, DAY, b.ZORG, WORLD)
    assert (made.allow, made.reason) == (False, "notice")
    assert decide("ladder", COACH, Facts([]), DAY, DAY, b.COACH, WORLD).allow


@given(st.sampled_from(sorted({each.category for each in TYPES.values()} | set(DERIVED))), st.sampled_from(EVERYBODY))
def test_any_question_is_answered(category: str, to: Recipient) -> None:
    made = decide(category, to, Facts([NOTICE]), DAY, DAY, b.ZORG, WORLD)
    assert made.reason
    if made.allow:
        assert made.rule.startswith(f"{category}/{to.role}/{to.purpose}/")


# Days


def test_the_next_day_on_which_an_answer_changes() -> None:
    day = date(2026, 3, 1)
    cover = b.fact("coach.covered", b.COACH, date(2026, 3, 10), until=date(2026, 3, 20))
    future = b.fact("lease.ended", b.CORPORATIE, date(2026, 3, 15))
    facts = effective([grant("care"), cover, future], None)
    seen = [day]
    while (turn := changes_on(facts, seen[-1])) is not None:
        seen.append(turn)
    assert seen[1:] == [date(2026, 3, 10), date(2026, 3, 15), date(2026, 3, 21), date(2027, 1, 1)]


def test_a_sight_says_nothing_of_a_person() -> None:
    assert "W-17" not in repr(COACH)
    assert b.CORPORATIE not in repr(lease())
