"""Checks that hold a fact against what else was told of the resident, by whichever organisation. Each answers `True`
(passed), `False`, or `None` (does not apply).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Any

from woonketen.contracts.calendar import add_months
from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.records import PLATFORM
from woonketen.streams.core import picture
from woonketen.streams.core.picture import Assignment, Enrolment, Lease
from woonketen.streams.core.picture.plan import SHARED_OWNERS
from woonketen.streams.core.world import World

NOTICE_WITHIN, RUNS_ON = timedelta(days=14), timedelta(days=31)
SLEEPS_MONTHS = 24
_LEASE_EVENTS = frozenset(
    {
        "lease.evaluation_planned", "lease.evaluated", "lease.decided", "lease.converted", "lease.card_issued",
        "lease.ended", "rent.balance_reported", "collection.step_taken", "payment_plan.agreed",
    }
)  # fmt: skip
_RESULTS = ("coach.visit_held", "coach.visit_missed")


class Told:
    """What was told of one resident, and the pictures that several checks look at."""

    def __init__(self, facts: Facts, day: date, world: World) -> None:
        self.facts, self.day, self.world = facts, day, world

    @property
    def all(self) -> list[Fact]:
        return list(self.facts)

    @cached_property
    def last_told(self) -> date:
        return max(fact.known for fact in self.facts if fact.org != PLATFORM)

    @cached_property
    def enrolments(self) -> list[Enrolment]:
        return picture.enrolments(self.facts, date.max)

    @cached_property
    def leases(self) -> list[Lease]:
        return picture.leases(self.facts, date.max)

    @cached_property
    def assignments(self) -> list[Assignment]:
        return picture.assignments(self.facts, date.max)

    @cached_property
    def ended_leases(self) -> dict[str, date]:
        return {fact.data.lease_id: fact.happened for fact in self.facts.of("lease.ended")}

    @cached_property
    def started_leases(self) -> dict[str, Fact]:
        return {fact.data.lease_id: fact for fact in self.facts.of("lease.started")}

    @cached_property
    def listed_actions(self) -> frozenset[tuple[str, str]]:
        """Of every version of every plan: an action may be done after the plan was changed."""
        found = {(f.data.plan_id, each.action_id) for f in self.facts.of("plan.agreed") for each in f.data.actions}
        return frozenset(
            found | {(fact.data.plan_id, fact.data.action.action_id) for fact in self.facts.of("action.added")}
        )

    def ids(self, types: tuple[str, ...], field: str) -> frozenset[Any]:
        return frozenset(getattr(fact.data, field) for fact in self.facts.of(*types))


def notice_missing(fact: Fact, told: Told) -> bool | None:
    if fact.type != "enrolment.opened" or told.day < fact.happened + NOTICE_WITHIN:
        return None
    return any(each.happened <= fact.happened + NOTICE_WITHIN for each in told.facts.of("notice.given"))


def plan_empty(fact: Fact, told: Told) -> bool | None:
    if fact.type != "plan.agreed":
        return None
    added = any(each.data.plan_id == fact.data.plan_id for each in told.facts.of("action.added"))
    return bool(fact.data.actions) or added


def visit_before_assignment(fact: Fact, told: Told) -> bool | None:
    if fact.type not in _RESULTS:
        return None
    return any(each.org == fact.org and each.started_on <= fact.happened for each in told.assignments)


def visit_after_closing(fact: Fact, told: Told) -> bool | None:
    if fact.type not in _RESULTS or not told.enrolments:
        return None
    return any(each.closed_on is None or fact.happened <= each.closed_on for each in told.enrolments)


def visit_unplanned(fact: Fact, told: Told) -> bool | None:
    if fact.type not in _RESULTS:
        return None
    planned = told.facts.of("coach.visit_planned")
    return any(each.org == fact.org and each.data.visit_id == fact.data.visit_id for each in planned)


def lease_ends_before_start(fact: Fact, told: Told) -> bool | None:
    started = told.started_leases.get(fact.data.lease_id) if fact.type == "lease.ended" else None
    return None if started is None else started.happened <= fact.happened


def lease_unknown(fact: Fact, told: Told) -> bool | None:
    return fact.data.lease_id in told.started_leases if fact.type in _LEASE_EVENTS else None


def two_leases_at_once(fact: Fact, told: Told) -> bool | None:
    if fact.type != "lease.started":
        return None
    running = [
        each
        for each in told.started_leases.values()
        if each.happened <= fact.happened and told.ended_leases.get(each.data.lease_id, date.max) > fact.happened
    ]
    return len(running) <= 1


def conditional_without_end(fact: Fact, told: Told) -> bool | None:
    if fact.type not in ("lease.started", "lease.converted"):
        return None
    kind = fact.data.kind if fact.type == "lease.started" else fact.data.to_kind
    if kind != "conditional":
        return None
    started = told.started_leases.get(fact.data.lease_id)
    return started is not None and started.data.ends_on is not None


def action_of_stranger(fact: Fact, told: Told) -> bool | None:
    if fact.type == "plan.agreed":
        owners = {each.owner for each in fact.data.actions}
    elif fact.type == "action.added":
        owners = {fact.data.action.owner}
    else:
        return None
    programmes = {each.programme for each in told.enrolments}
    parties = {org for name in programmes for org in told.world.parties(name, fact.happened)}
    return owners - SHARED_OWNERS <= parties


def action_unknown(fact: Fact, told: Told) -> bool | None:
    if fact.type not in ("action.completed", "action.rescheduled"):
        return None
    return (fact.data.plan_id, fact.data.action_id) in told.listed_actions


def referral_unknown(fact: Fact, told: Told) -> bool | None:
    if fact.type not in ("referral.accepted", "referral.declined", "referral.closed"):
        return None
    return fact.data.referral_id in told.ids(("referral.made",), "referral_id")


def answer_of_stranger(fact: Fact, told: Told) -> bool | None:
    if fact.type not in ("referral.accepted", "referral.declined"):
        return None
    asked = [each for each in told.facts.of("referral.made") if each.data.referral_id == fact.data.referral_id]
    return any(each.data.to_org == fact.org for each in asked) if asked else None


def coach_after_closing(fact: Fact, told: Told) -> bool | None:
    if fact.type != "enrolment.closed" or told.day <= fact.happened + RUNS_ON:
        return None
    if any(each.closed_on is None for each in told.enrolments):
        return None
    return all(
        each.ended_on is not None and each.ended_on <= fact.happened + RUNS_ON
        for each in told.assignments
        if each.started_on <= fact.happened
    )


def enrolment_sleeping(fact: Fact, told: Told) -> bool | None:
    if fact.type != "enrolment.opened":
        return None
    if all(each.id != fact.data.enrolment_id or each.closed_on is not None for each in told.enrolments):
        return None
    return told.day < add_months(told.last_told, SLEEPS_MONTHS)


def coach_unknown(fact: Fact, told: Told) -> bool | None:
    if fact.type not in ("coach.changed", "coach.covered", "coach.ended"):
        return None
    assigned = told.facts.of("coach.assigned")
    return any(each.org == fact.org and each.data.assignment_id == fact.data.assignment_id for each in assigned)


def payment_plan_unknown(fact: Fact, told: Told) -> bool | None:
    if fact.type not in ("payment_plan.broken", "payment_plan.completed"):
        return None
    return fact.data.payment_plan_id in told.ids(("payment_plan.agreed",), "payment_plan_id")


def step_without_arrears(fact: Fact, told: Told) -> bool | None:
    if fact.type != "collection.step_taken":
        return None
    before = [
        each
        for each in told.facts.of("rent.balance_reported")
        if each.data.lease_id == fact.data.lease_id and each.happened <= fact.happened
    ]
    return bool(before) and before[-1].data.outstanding_cents > 0


def waiting_unknown(fact: Fact, told: Told) -> bool | None:
    if fact.type != "waiting.left":
        return None
    return fact.data.queue_id in told.ids(("waiting.entered",), "queue_id")


def care_unknown(fact: Fact, told: Told) -> bool | None:
    pairs = {"care.ended": ("care.started", "care_id"), "day_activity.ended": ("day_activity.started", "activity_id")}
    if fact.type not in pairs:
        return None
    begun, field = pairs[fact.type]
    return any(
        each.org == fact.org
        and getattr(each.data, field) == getattr(fact.data, field)
        and each.happened <= fact.happened
        for each in told.facts.of(begun)
    )


def ladder_from_differs(fact: Fact, told: Told) -> bool | None:
    if fact.type != "ladder.step_changed" or fact.data.from_step is None:
        return None
    before = [each for each in told.facts.of("ladder.step_changed") if each.order < fact.order]
    return before[-1].data.to_step == fact.data.from_step if before else None


def withdrawn_unknown(fact: Fact, told: Told) -> bool | None:
    if fact.type != "consent.withdrawn":
        return None
    return fact.data.consent_id in told.ids(("consent.granted", "consent.refused"), "consent_id")


Together = Callable[[Fact, Told], bool | None]
TOGETHER: Mapping[str, Together] = MappingProxyType(
    {
        check.__name__: check
        for check in (
            notice_missing,
            plan_empty,
            visit_before_assignment,
            visit_after_closing,
            visit_unplanned,
            lease_ends_before_start,
            lease_unknown,
            two_leases_at_once,
            conditional_without_end,
            action_of_stranger,
            action_unknown,
            referral_unknown,
            answer_of_stranger,
            coach_after_closing,
            enrolment_sleeping,
            coach_unknown,
            payment_plan_unknown,
            step_without_arrears,
            waiting_unknown,
            care_unknown,
            ladder_from_differs,
            withdrawn_unknown,
        )
    }
)
