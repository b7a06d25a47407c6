"""What is shown of warnings: states, due dates, who sees which, and in which words."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import builders as b
import pytest
from histories import FIRST, LENGTH, answered, at, days, histories
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from judging import REF, Story, on, play, running, world

from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.recipient import Recipient, recipient
from woonketen.contracts.views import Warn
from woonketen.streams.core.effective import effective, retracted
from woonketen.streams.core.episodes import Episode, episodes, feed_episodes, next_change, sees, warn, warn_feed
from woonketen.streams.core.judge import judge
from woonketen.streams.core.visible import changes_on, sight, visible
from woonketen.streams.core.world import World

HERE = world()
PLAN = f"{b.GEMEENTE}:PL-1"
RESIDENT = recipient("bewoner", b.PLATFORM)
COACH = recipient("coach", b.COACH, "W-17")
LEAD = recipient("casusregisseur", b.GEMEENTE, "CL-4")
LANDLORD = recipient("corporatie", b.CORPORATIE)
CARE = recipient("zorgaanbieder", b.ZORG)
TEAM = recipient("wijkteam", b.GEMEENTE)
ALL = {"bewoner": RESIDENT, "coach": COACH, "lead": LEAD, "landlord": LANDLORD, "care": CARE, "team": TEAM}
NOTICE = b.fact("notice.given", happened=on("2026-01-01"))
ENROLMENT = b.fact("enrolment.opened", happened=on("2026-01-01"))


def balance(day: str, cents: int, **data: Any) -> Fact:
    told = {"oldest_unpaid_on": "2026-03-01" if cents else ..., "paid_late_days": [0, 25, 31, 31], **data}
    return b.fact("rent.balance_reported", happened=on(day), outstanding_cents=cents, rent_cents=60000, **told)


def grant(role: str, purpose: str, *categories: str, **data: Any) -> Fact:
    told = {"valid_from": "2026-01-01", "valid_until": "2027-12-31", "data_from": ..., "data_until": ..., **data}
    return b.fact(
        "consent.granted", happened=on("2026-01-01"), consent_id=f"{b.GEMEENTE}:T-1-{role}", recipient={"role": role},
        purpose=purpose, categories=list(categories), **told,
    )  # fmt: skip


def answer(kind: str, warning: str, day: str, **data: Any) -> Fact:
    return b.fact(f"warning.{kind}", b.PLATFORM, on(day), warning_id=warning, **data)


def opened(story: Story, indicator: str) -> str:
    return next(each.payload.warning_id for each in story.emissions if each.payload.indicator == indicator)


def shown(
    facts: Facts, day: str | date, to: Recipient, here: World = HERE, closed: bool = False, gone: Facts | None = None
) -> list[Warn]:
    """What this viewer sees of the episodes, without those that are closed unless they are asked for."""
    when = on(day) if isinstance(day, str) else day
    looking = sight(to, facts, when, here)
    seen = visible(facts, looking)
    return [
        warn(each, seen, to, when, here)
        for each in episodes(facts, when, here, REF, gone or Facts([]))
        if (closed or each.open) and sees(each, looking, here)
    ]


def after(facts: list[Fact], first: str, day: str, answers: list[Fact] | None = None, here: World = HERE) -> Facts:
    """Everything effective on the open day `day`, judged on every evening from `first` until the one before."""
    told = [ENROLMENT, NOTICE, *facts]
    story = play(told, first, on(day) - timedelta(days=1), here, answers=answers or [])
    return running(story, told, day, answers or [])


def viewers(facts: Facts, day: str, indicator: str) -> set[str]:
    return {name for name, to in ALL.items() if any(each.indicator == indicator for each in shown(facts, day, to))}


# States and due dates


def only(facts: Facts, day: str) -> Episode:
    (found,) = episodes(facts, on(day), HERE)
    return found


def test_active_until_it_is_acknowledged_and_again_when_it_rises() -> None:
    facts = [balance("2026-05-01", 125000), balance("2026-05-12", 185000)]
    story = play([ENROLMENT, *facts], "2026-05-01", "2026-05-12")
    warning = opened(story, "arrears_escalating")
    said = answer("acknowledged", warning, "2026-05-06", reason="acting")
    states = [(each.state, each.severity) for day in ("2026-05-05", "2026-05-06", "2026-05-13") for each in [
        only(running(story, facts, day, [said]), day)
    ]]  # fmt: skip
    assert states == [("active", 2), ("acknowledged", 2), ("active", 3)]
    same_day = answer("acknowledged", warning, "2026-05-12", reason="acting")  # before it rose that evening
    assert only(running(story, facts, "2026-05-13", [said, same_day]), "2026-05-13").state == "active"
    again = answer("acknowledged", warning, "2026-05-13", reason="acting")
    assert only(running(story, facts, "2026-05-13", [said, again]), "2026-05-13").state == "acknowledged"


@pytest.mark.parametrize(
    ("told", "due"),
    [
        ("2026-05-04", "2026-05-11"),  # a Monday: five working days, 5 May among them
        ("2026-04-24", "2026-05-04"),  # a Friday before King's day
        ("2026-04-02", "2026-04-13"),  # before Good Friday and Easter Monday
    ],
)
def test_severity_two_is_due_in_five_working_days(told: str, due: str) -> None:
    facts = after([balance(told, 125000)], told, str(on(told) + timedelta(days=1)))
    found = only(facts, str(on(told) + timedelta(days=1)))
    assert (found.severity, found.opened_on, found.due_on) == (2, on(told), on(due))


def test_severity_three_is_due_in_one_and_counts_from_the_rise() -> None:
    facts = after([balance("2026-05-01", 125000), balance("2026-05-08", 185000)], "2026-05-01", "2026-05-09")
    found = only(facts, "2026-05-09")
    assert (found.severity, found.opened_on, found.due_on) == (3, on("2026-05-01"), on("2026-05-11"))


def test_resolved_voided_and_suspended() -> None:
    wrong = balance("2026-05-01", 125000)
    gone = b.retraction(wrong, known=on("2026-05-04"))
    assert only(after([wrong, gone], "2026-05-01", "2026-05-05"), "2026-05-05").state == "voided"
    paid = [wrong, balance("2026-05-05", 0)]
    assert only(after(paid, "2026-05-01", "2026-05-13"), "2026-05-13").state == "resolved"
    assert only(after([wrong], "2026-05-01", "2026-06-20"), "2026-06-20").state == "suspended"


# Contested


def contest(severity_cents: int) -> tuple[Facts, Facts]:
    """Contested on 6 May; and answered on 11 May."""
    facts = [balance("2026-05-01", severity_cents), grant("coach", "guidance", "arrears_level")]
    warning = opened(play([ENROLMENT, *facts], "2026-05-01", "2026-05-01"), "arrears_escalating")
    said = [
        answer("contested", warning, "2026-05-06", reason="wrong_data"),
        answer("contest_answered", warning, "2026-05-11", answer="rejected"),
    ]
    return after(facts, "2026-05-01", "2026-05-07", said[:1]), after(facts, "2026-05-01", "2026-05-12", said)


def test_a_contested_severity_two_is_hidden_from_all_but_its_owner_until_answered() -> None:
    waiting, settled = contest(125000)
    assert viewers(waiting, "2026-05-07", "arrears_escalating") == {"bewoner", "landlord"}
    found = only(waiting, "2026-05-07")
    assert (found.state, found.contested_on, found.answer_by) == ("contested", on("2026-05-06"), on("2026-05-13"))
    assert viewers(settled, "2026-05-12", "arrears_escalating") == {"bewoner", "landlord", "coach"}
    assert (only(settled, "2026-05-12").state, only(settled, "2026-05-12").answer) == ("active", "rejected")


def test_a_contested_severity_three_stays_and_says_so() -> None:
    waiting, _ = contest(185000)
    assert viewers(waiting, "2026-05-07", "arrears_escalating") == {"bewoner", "landlord", "coach"}
    assert [each.state for each in shown(waiting, "2026-05-07", COACH)] == ["contested"]


def test_an_objection_hides_at_once_what_is_about_the_person() -> None:
    objection = b.fact("objection.recorded", happened=on("2026-05-08"), purpose="warnings")
    referral = b.fact("referral.made", happened=on("2026-04-20"))
    facts = after([balance("2026-05-01", 125000), referral], "2026-04-20", "2026-05-08")
    before = {each.indicator for each in shown(facts, "2026-05-08", LANDLORD)}
    objected = effective([*facts, objection], on("2026-05-08"))
    assert before == {"arrears_escalating"}
    assert shown(objected, "2026-05-08", LANDLORD) == []
    assert [each.indicator for each in shown(objected, "2026-05-08", LEAD)] == ["referral_unanswered"]


def test_who_saw_a_warning_hears_that_it_is_void() -> None:
    """Also the landlord, of whose facts nothing is left; another landlord hears nothing."""
    wrong = balance("2026-05-01", 125000)
    back = b.retraction(wrong, known=on("2026-05-06"))
    allowed = grant("coach", "guidance", "arrears_level")
    facts = after([wrong, back, allowed], "2026-05-01", "2026-05-08")
    gone = retracted([wrong, back], on("2026-05-08"))
    heard = {name: shown(facts, "2026-05-08", to, closed=True, gone=gone) for name, to in ALL.items()}
    states = {name: [each.state for each in said] for name, said in heard.items() if said}
    assert states == {"bewoner": ["voided"], "landlord": ["voided"], "coach": ["voided"]}
    assert shown(facts, "2026-05-08", recipient("corporatie", "dakpan-wonen"), closed=True, gone=gone) == []


def test_whose_turn_did_not_come_before_it_closed_does_not_hear_of_it() -> None:
    plan = b.fact(
        "plan.agreed", happened=on("2026-02-01"), plan_id=PLAN, actions=[action("A-1", b.CORPORATIE, "2026-03-01")]
    )
    done = b.fact("action.completed", b.CORPORATIE, on("2026-03-12"), plan_id=PLAN, action_id="A-1")
    facts = after([plan, done], "2026-03-01", "2026-05-01")
    said = {name: len(shown(facts, "2026-05-01", to, closed=True)) for name, to in ALL.items()}
    assert (said["bewoner"], said["lead"]) == (1, 0)


# By inputs


def test_the_landlord_sees_amounts_and_the_coach_only_with_consent_and_without_them() -> None:
    facts = [balance("2026-05-01", 125000)]
    closed = after(facts, "2026-05-01", "2026-05-05")
    assert viewers(closed, "2026-05-05", "arrears_escalating") == {"bewoner", "landlord"}
    allowed = after([*facts, grant("coach", "guidance", "arrears_level")], "2026-05-01", "2026-05-05")
    (landlord,), (coach,) = shown(allowed, "2026-05-05", LANDLORD), shown(allowed, "2026-05-05", COACH)
    assert landlord.sentence == "De huurachterstand loopt op: op 1 mei 2026 stond € 1.250,00 open (2,1 maanden huur)."
    assert coach.sentence == "De huurachterstand loopt op."


def test_a_consent_for_data_of_another_period_opens_nothing() -> None:
    """The warning rests on a balance of 1 May; the consent is about data from June."""
    late = grant("coach", "guidance", "arrears_level", data_from="2026-06-01")
    facts = after([balance("2026-05-01", 125000), late], "2026-05-01", "2026-05-05")
    assert viewers(facts, "2026-05-05", "arrears_escalating") == {"bewoner", "landlord"}


def test_another_landlord_sees_nothing_of_it() -> None:
    facts = after([balance("2026-05-01", 125000)], "2026-05-01", "2026-05-05")
    other = recipient("corporatie", "dakpan-wonen")
    assert shown(facts, "2026-05-05", other) == []


def test_before_the_notice_only_the_resident_sees_warnings() -> None:
    facts = [ENROLMENT, balance("2026-05-01", 125000)]
    story = play(facts, "2026-05-01", "2026-05-04")
    assert viewers(running(story, facts, "2026-05-05"), "2026-05-05", "arrears_escalating") == {"bewoner"}


LOST = [
    b.fact("coach.assigned", happened=on("2026-01-01"), interval_days=7),
    b.fact("coach.visit_held", happened=on("2026-03-01"), visit_id="V-9"),
    *(
        b.fact("contact.attempted", happened=on(f"2026-03-{day}"), channel="door", reached=False)
        for day in (10, 12, 14, 16)
    ),
]


def test_lost_contact_is_never_for_the_landlord_and_for_the_wijkteam_at_severity_three() -> None:
    facts = [*LOST, grant("wijkteam", "coordination", "warnings"), grant("casusregisseur", "coordination", "visits")]
    two, three = after(facts, "2026-03-01", "2026-03-25"), after(facts, "2026-03-01", "2026-04-06")
    assert viewers(two, "2026-03-25", "contact_lost") == {"bewoner", "coach", "lead"}
    assert viewers(three, "2026-04-06", "contact_lost") == {"bewoner", "coach", "lead", "team"}
    (team,) = shown(three, "2026-04-06", TEAM)
    assert team.sentence == "Al lang heeft niemand contact met de bewoner, ook niet aan de deur."
    without = after([*LOST, grant("casusregisseur", "coordination", "visits")], "2026-03-01", "2026-04-06")
    assert viewers(without, "2026-04-06", "contact_lost") == {"bewoner", "coach", "lead"}


def test_an_attempt_of_another_organisation_needs_consent_too() -> None:
    """The coach may see own visits; an attempt of the municipality is among what this rests on."""
    other = b.fact("contact.attempted", b.GEMEENTE, on("2026-03-18"), channel="door", reached=False)
    facts = after([*LOST, other], "2026-03-01", "2026-03-25")
    assert viewers(facts, "2026-03-25", "contact_lost") == {"bewoner"}
    allowed = after([*LOST, other, grant("coach", "guidance", "visits")], "2026-03-01", "2026-03-25")
    assert viewers(allowed, "2026-03-25", "contact_lost") == {"bewoner", "coach"}


def test_what_is_counted_from_a_hidden_contact_is_not_dated() -> None:
    """The last contact was an intake by the buddy organisation, which the coach may not see without consent."""
    hidden = b.fact("intake.held", b.BUDDY, on("2026-03-05"))
    facts = after([*LOST, hidden], "2026-03-01", "2026-03-30")
    (coach,), (resident,) = shown(facts, "2026-03-30", COACH), shown(facts, "2026-03-30", RESIDENT)
    assert "5 maart 2026" in resident.sentence
    assert "5 maart" not in coach.sentence
    assert "1 maart" not in coach.sentence
    assert "10 maart 2026" in coach.sentence


# About organisations


def action(number: str, owner: str, due: str, **data: Any) -> dict[str, Any]:
    told = {
        "action_id": number,
        "owner": owner,
        "domain": "housing",
        "kind": "repair",
        "due_on": due,
        "blocking": False,
    }
    return {**told, **data}


def stalled(day: str, *actions: dict[str, Any]) -> Facts:
    plan = b.fact("plan.agreed", happened=on("2026-02-01"), plan_id=PLAN, actions=list(actions))
    return after([plan], "2026-03-01", day)


def test_the_party_first_and_after_five_working_days_the_case_lead() -> None:
    late = action("A-1", b.CORPORATIE, "2026-03-20")  # opens on Saturday 28 March; then comes Easter
    assert viewers(stalled("2026-04-06", late), "2026-04-06", "plan_stalled_by_party") == {"bewoner", "landlord"}
    sixth = viewers(stalled("2026-04-07", late), "2026-04-07", "plan_stalled_by_party")
    assert sixth == {"bewoner", "landlord", "lead"}
    assert next_change(stalled("2026-04-06", late), on("2026-04-06"), HERE) == on("2026-04-07")


def test_each_party_reads_only_of_itself_at_its_own_severity() -> None:
    facts = stalled(
        "2026-04-10", action("A-1", b.CORPORATIE, "2026-03-28"), action("A-2", b.ZORG, "2026-02-20", kind="open_mail")
    )
    (landlord,), (care,), (lead,) = (shown(facts, "2026-04-10", to) for to in (LANDLORD, CARE, LEAD))
    assert (landlord.severity, landlord.owner) == (1, b.CORPORATIE)
    assert landlord.sentence == (
        "Een afgesproken actie is te laat: openbaar-wonen: reparatie uitvoeren, afgesproken voor 28 maart 2026."
    )
    assert (care.severity, care.owner) == (3, b.ZORG)
    assert b.CORPORATIE not in care.sentence
    assert lead.severity == 3
    assert lead.owner == f"{b.CORPORATIE}, {b.ZORG}"
    assert b.CORPORATIE in lead.sentence
    assert b.ZORG in lead.sentence


def test_a_party_that_may_see_the_whole_plan_reads_only_of_itself_too() -> None:
    facts = stalled("2026-04-10", action("A-1", b.COACH, "2026-03-28"), action("A-2", b.ZORG, "2026-02-20"))
    (coach,) = shown(facts, "2026-04-10", COACH)
    assert (coach.severity, coach.owner) == (1, b.COACH)
    assert b.COACH in coach.sentence
    assert b.ZORG not in coach.sentence


def test_a_party_that_did_its_part_sees_nothing_any_more() -> None:
    plan = b.fact(
        "plan.agreed", happened=on("2026-02-01"), plan_id=PLAN,
        actions=[action("A-1", b.CORPORATIE, "2026-03-01"), action("A-2", b.ZORG, "2026-03-01")],
    )  # fmt: skip
    done = b.fact("action.completed", b.CORPORATIE, on("2026-03-20"), plan_id=PLAN, action_id="A-1")
    facts = after([plan, done], "2026-03-01", "2026-03-24")
    assert viewers(facts, "2026-03-24", "plan_stalled_by_party") == {"bewoner", "care", "lead"}


def test_who_was_referred_to_first_then_who_referred() -> None:
    made = b.fact("referral.made", b.ZORG, on("2026-03-02"), referral_id=f"{b.ZORG}:R-1", to_org=b.COACH)
    one, two = after([made], "2026-03-01", "2026-03-10"), after([made], "2026-03-01", "2026-03-17")
    assert viewers(one, "2026-03-10", "referral_unanswered") == {"bewoner", "coach"}
    assert viewers(two, "2026-03-17", "referral_unanswered") == {"bewoner", "coach", "care", "lead"}


def test_the_wijkteam_reads_no_names_and_whom_to_ask() -> None:
    plan = b.fact("plan.agreed", happened=on("2026-02-01"), plan_id=PLAN, actions=[action("A-2", b.ZORG, "2026-02-20")])
    facts = after([plan, grant("wijkteam", "coordination", "warnings", "plan")], "2026-03-01", "2026-04-10")
    (team,) = shown(facts, "2026-04-10", TEAM)
    assert (team.severity, team.owner, team.sentence) == (
        3, "casusregisseur", "Het plan staat al lang stil door een organisatie."
    )  # fmt: skip


# Provisional


def test_a_court_step_shows_at_once_and_becomes_the_episode_of_that_evening() -> None:
    summons = b.fact("collection.step_taken", happened=on("2026-05-05"), step="summons")
    told = [ENROLMENT, NOTICE, balance("2026-05-01", 30000), summons]
    story = play(told, "2026-05-01", "2026-05-04")
    today = running(story, told, "2026-05-05")
    (notice,) = [each for each in episodes(today, on("2026-05-05"), HERE, REF) if each.open]
    assert (notice.state, notice.severity, notice.due_on) == ("provisional", 3, on("2026-05-06"))
    (seen,) = shown(today, "2026-05-05", LANDLORD)
    assert "op 5 mei 2026 kwam er een stap in de incasso: dagvaarding" in seen.sentence
    made, _ = judge(today, today, REF, on("2026-05-05"), HERE)
    assert [(each.type, each.payload.warning_id) for each in made] == [("warning.opened", notice.id)]


def test_a_notice_that_is_corrected_the_same_day_vanishes() -> None:
    wrong = balance("2026-05-05", 600000)
    mended = b.correction(wrong, known=on("2026-05-05"), outstanding_cents=10000)
    for told, states in (([wrong], ["provisional"]), ([wrong, mended], [])):
        facts = effective([ENROLMENT, NOTICE, *told], on("2026-05-05"))
        assert [each.state for each in episodes(facts, on("2026-05-05"), HERE)] == states


def test_two_months_can_wait_for_the_evening() -> None:
    facts = effective([ENROLMENT, NOTICE, balance("2026-05-05", 125000)], on("2026-05-05"))
    assert episodes(facts, on("2026-05-05"), HERE) == []


def test_a_rise_to_three_shows_at_once_under_its_own_id() -> None:
    told = [ENROLMENT, NOTICE, balance("2026-05-01", 125000), balance("2026-05-05", 185000)]
    story = play(told, "2026-05-01", "2026-05-04")
    (notice,) = episodes(running(story, told, "2026-05-05"), on("2026-05-05"), HERE)
    assert (notice.id, notice.state, notice.severity) == (opened(story, "arrears_escalating"), "provisional", 3)


# Feeds


def test_a_silent_feed_is_for_the_steward() -> None:
    beats = [
        b.fact("feed.heartbeat", b.COACH, on(day), as_of=datetime.combine(on(day), time(12), UTC).isoformat())
        for day in ("2026-03-01", "2026-03-02", "2026-03-10")
    ]
    here = world(b.registered(b.COACH, "zorgaanbieder", on("2025-02-01"), heartbeat_hours=48), *beats)
    assert feed_episodes(here, on("2026-03-04")) == []  # at the close of the 3rd it was silent for 36 hours
    (silent,) = feed_episodes(here, on("2026-03-07"))
    assert (silent.opened_on, silent.due_on, silent.parties) == (on("2026-03-04"), on("2026-03-05"), (b.COACH,))
    assert warn_feed(silent, here).sentence == (
        "Van een organisatie komen geen gegevens: coach-oost, het laatste teken was op 2 maart 2026."
    )
    assert feed_episodes(here, on("2026-03-08"))[0].id == silent.id
    assert feed_episodes(here, on("2026-03-11")) == []


# Over generated histories


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
@given(st.data())
def test_nothing_that_is_shown_changes_before_the_day_that_is_named(data: st.DataObject) -> None:
    facts = [NOTICE, *data.draw(histories())]
    said = data.draw(answered(play(facts, FIRST, at(LENGTH), lazy=True)))
    day = at(data.draw(days))
    story = play(facts, FIRST, day - timedelta(days=1), lazy=True, answers=said)
    today = running(story, facts, str(day), said)
    named = [each for each in (next_change(today, day, HERE), changes_on(today, day)) if each is not None]
    until = min(named, default=day + timedelta(days=90))
    first = {name: shown(today, day, to, closed=True) for name, to in ALL.items()}
    then = day
    while (then := then + timedelta(days=1)) < until and (then - day).days < 90:
        assert {name: shown(today, then, to, closed=True) for name, to in ALL.items()} == first, then


def test_shown_is_not_empty_for_the_generator_above() -> None:
    facts = after([balance("2026-05-01", 125000)], "2026-05-01", "2026-05-05")
    assert shown(facts, "2026-05-05", RESIDENT)
