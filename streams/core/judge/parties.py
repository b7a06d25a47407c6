"""Organisations that do not do what they owe the resident. About them, so a resident's objection does not stop it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

import msgspec

from woonketen.contracts.calendar import add_workdays
from woonketen.contracts.facts import Fact
from woonketen.contracts.indicators import Indicator
from woonketen.streams.core import picture
from woonketen.streams.core.judge.evening import (
    CALM,
    OVER,
    Coded,
    Evening,
    Judgement,
    Matter,
    Phrase,
    about_parties,
    later,
)
from woonketen.streams.core.picture import Action, Assignment
from woonketen.streams.core.picture.plan import SHARED_OWNERS

COACHING = ("wooncoach", "buddy", "ambulante_begeleiding")
"""Services of which a referral names who should guide."""
PROVISION_OF = {
    "arrange_income": "income",
    "apply_benefit": "income",
    "arrange_insurance": "insurance",
    "arrange_furniture": "furniture",
    "register_gp": "gp",
    "find_day_activity": "day_activity",
    "open_bank_account": "bank_account",
    "register_address": "address_registration",
    "arrange_utilities": "utilities",
    "budget_plan": "budget",
    "arrange_guidance": "guidance",
    "arrange_care": "care",
    "find_buddy": "buddy",
    "key_handover": "key",
}
"""Kind of an action → the provision that it arranges."""


def plan_stalled_by_party(evening: Evening, rule: Indicator) -> Judgement:
    n = rule.numbers
    owed = [
        (action, _due_on(action, n["reagreed"]))
        for action in picture.actions(evening.facts, evening.day)
        if action.done_on is None and action.owner not in SHARED_OWNERS and not evening.left(action.owner)
    ]
    late = [(action, due_on) for action, due_on in owed if evening.day > later(due_on, n["late_days"])]
    many = {
        (action.owner, action.plan_id)
        for action, _ in late
        if sum((other.owner, other.plan_id) == (action.owner, action.plan_id) for other, _ in late) >= n["in_one_plan"]
    }
    matters = []
    for action, due_on in late:
        level = 2 if action.blocking or (action.owner, action.plan_id) in many else 1
        if evening.day > later(due_on, n["latest_days"]):
            level = 3
        elif evening.day > later(due_on, n["later_days"]):
            level = 2
        told = {"org": action.owner, "kind": Coded("action_kind", action.kind), "due_on": due_on}
        matters.append(Matter(action.owner, level, _told_of(evening, action), Phrase("action", told)))
    days: list[date | None] = [evening.leaves_on(action.owner) for action, _ in owed]
    days += [later(due_on, n[name] + 1) for _, due_on in owed for name in ("late_days", "later_days", "latest_days")]
    return about_parties(evening, matters, days)


def coach_missing(evening: Evening, rule: Indicator) -> Judgement:
    """A lease with a coaching clause and nobody assigned, counted from its start or from the end of the last
    assignment. Without a known provider it is about nobody by name."""
    leases = [lease for lease in evening.leases if lease.coaching_clause]
    if not leases:
        return CALM
    running = [lease for lease in leases if lease.running]
    if not running:
        return OVER
    if any(each.ended_on is None for each in evening.assignments):
        return CALM
    ended = max(evening.assignments, key=lambda each: (each.ended_on or date.min, each.org, each.id), default=None)
    lease = running[-1]
    since = lease.started_on
    if ended is not None and ended.ended_on is not None:
        since = max(since, ended.ended_on)
    first_on, second_on = later(since, rule.numbers["days"]), later(since, rule.numbers["later_days"])
    provider = _provider(evening, ended)
    evidence = [
        fact
        for fact in evening.of("lease.started", "coach.ended")
        if _is_about(fact, lease) or (ended is not None and _is_end_of(fact, ended))
    ]
    name = "ended" if ended is not None and ended.ended_on == since else "never"
    matters = []
    if evening.day >= first_on:
        level = 2 if evening.day >= second_on else 1
        matters.append(Matter(provider or "", level, tuple(evidence), Phrase(name, {"on": since})))
    also = {lease.org} | {each.org for each in evening.assignments}
    return about_parties(evening, matters, (first_on, second_on), also)


def visit_unreported(evening: Evening, rule: Indicator) -> Judgement:
    """Planned visits without a result; not in a pause, and not after the organisation's guidance ended."""
    n = rule.numbers
    results = {(fact.org, fact.data.visit_id) for fact in evening.of("coach.visit_held", "coach.visit_missed")}
    matters, days = [], []
    for fact in evening.of("coach.visit_planned"):
        planned_on = fact.data.planned_on
        if (
            (fact.org, fact.data.visit_id) in results
            or evening.left(fact.org)
            or evening.in_pause(planned_on)
            or _guidance_over(evening, fact.org, planned_on)
        ):
            continue
        first_on, second_on = add_workdays(planned_on, n["workdays"]), add_workdays(planned_on, n["later_workdays"])
        days += [first_on, second_on, evening.leaves_on(fact.org)]
        if evening.day >= first_on:
            level = 2 if evening.day >= second_on else 1
            matters.append(Matter(fact.org, level, (fact,), Phrase("visits", {"dates": (planned_on,)})))
    made = about_parties(evening, matters, days)
    return _one_phrase(made, "visits", "dates")


def referral_unanswered(evening: Evening, rule: Indicator) -> Judgement:
    n = rule.numbers
    matters, days = [], []
    told = {fact.data.referral_id: fact for fact in evening.of("referral.made")}
    for each in picture.referrals(evening.facts, evening.day):
        if each.answer is not None or each.closed_on is not None or evening.left(each.to_org):
            continue
        first_on, second_on = add_workdays(each.made_on, n["workdays"]), add_workdays(each.made_on, n["later_workdays"])
        days += [first_on, second_on, evening.leaves_on(each.to_org)]
        if evening.day >= first_on:
            said = {"org": each.to_org, "on": each.made_on, "service": Coded("service", each.service)}
            level = 2 if evening.day >= second_on else 1
            matters.append(Matter(each.to_org, level, (told[each.id],), Phrase("referral", said)))
    return about_parties(evening, matters, days)


def provisions_late(evening: Evening, rule: Indicator) -> Judgement:
    """Of a planned move: what is required and not arranged. It concerns who planned the move and who took the action
    upon itself; the silence of either could hide that it is arranged."""
    n = rule.numbers
    matters, days, also = [], [], set()
    for move in picture.moves(evening.facts, evening.day):
        if not move.open:
            continue
        first_on = move.planned_on - timedelta(days=n["days_before"])
        last_on = move.planned_on - timedelta(days=n["last_days_before"])
        days += [first_on, last_on]
        if evening.day < first_on:
            continue
        level = 3 if evening.day >= last_on else 2
        provisions = tuple(Coded("provision", kind) for kind in move.open)
        phrase = Phrase("move", {"on": move.planned_on, "provisions": provisions})
        fact = next(fact for fact in reversed(evening.of("move.planned")) if fact.data.move_id == move.move_id)
        also.add(move.org)
        matters.append(Matter(move.org, level, (fact,), phrase))
        for action in _arranging(evening, move.open):
            also.add(action.owner)
            if action.owner != move.org:
                matters.append(Matter(action.owner, level, _told_of(evening, action), phrase))
    made = about_parties(evening, matters, days, also)
    return _one_phrase(made, "move")


def _due_on(action: Action, reagreed: int) -> date:
    """The day that counts: of the new days agreed with the resident only the first so many."""
    agreed = [each.due_on for each in action.reschedules if each.agreed][:reagreed]
    return agreed[-1] if agreed else action.first_due_on


def _told_of(evening: Evening, action: Action) -> tuple[Fact, ...]:
    """Where the action stands in the plan, and where it was moved."""
    key = (action.plan_id, action.action_id)
    stands = [
        fact
        for fact in evening.of("plan.agreed", "action.added")
        if fact.data.plan_id == action.plan_id
        and (fact.happened, fact.org) == (action.added_on, action.org)
        and action.action_id in _listed(fact)
    ]
    moved = [
        fact
        for fact in evening.of("action.rescheduled")
        if (fact.data.plan_id, fact.data.action_id) == key and fact.org == action.owner
    ]
    return (*stands[-1:], *moved)


def _listed(fact: Fact) -> set[str]:
    if fact.type == "action.added":
        return {fact.data.action.action_id}
    return {action.action_id for action in fact.data.actions}


def _arranging(evening: Evening, provisions: Collection[str | None]) -> list[Action]:
    """Open actions of organisations that arrange one of these."""
    return [
        action
        for action in picture.actions(evening.facts, evening.day)
        if action.done_on is None
        and action.owner not in SHARED_OWNERS
        and PROVISION_OF.get(action.kind) in provisions
        and not evening.left(action.owner)
    ]


def _provider(evening: Evening, ended: Assignment | None) -> str | None:
    if ended is not None:
        return ended.org
    sent = [each for each in picture.referrals(evening.facts, evening.day) if each.service in COACHING]
    took = [each for each in sent if each.answer == "accepted"] or [each for each in sent if each.answer is None]
    return took[-1].to_org if took else None


def _guidance_over(evening: Evening, org: str, on: date) -> bool:
    mine = [each for each in evening.assignments if each.org == org]
    return bool(mine) and all(each.ended_on is not None and each.ended_on <= on for each in mine)


def _is_about(fact: Fact, lease: picture.Lease) -> bool:
    return fact.type == "lease.started" and (fact.org, fact.data.lease_id) == (lease.org, lease.lease_id)


def _is_end_of(fact: Fact, ended: Assignment) -> bool:
    return fact.type == "coach.ended" and (fact.org, fact.data.assignment_id) == (ended.org, ended.id)


def _one_phrase(made: Judgement, name: str, dates: str | None = None) -> Judgement:
    """Several matters of one kind are one phrase: their days together, or the same thing said once."""
    if len(made.phrases) < 2:
        return made
    if dates is None:
        once = {each.values["on"]: each for each in made.phrases}
        phrases = tuple(once[on] for on in sorted(once))
    else:
        days = sorted({day for each in made.phrases for day in each.values[dates]})
        phrases = (Phrase(name, {dates: tuple(days)}),)
    return msgspec.structs.replace(made, phrases=phrases)
