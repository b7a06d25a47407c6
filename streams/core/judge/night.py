"""One night: which rules are asked, what each says, and what one has to do with another."""

from __future__ import annotations

from collections.abc import Container
from datetime import date
from typing import NamedTuple

from woonketen.contracts import consent
from woonketen.contracts.facts import Facts
from woonketen.contracts.indicators import Indicator
from woonketen.contracts.remembering import remembered
from woonketen.streams.core import picture
from woonketen.streams.core.judge import contact, lease, money, parties
from woonketen.streams.core.judge.course import Course, courses
from woonketen.streams.core.judge.evening import Evaluate, Evening, Judgement
from woonketen.streams.core.judge.machine import NOTHING, Emission, Machine, Turn
from woonketen.streams.core.world import World

EVALUATE: dict[str, Evaluate] = {
    "arrears_escalating": money.arrears_escalating,
    "arrears_first": money.arrears_first,
    "contact_thinning": contact.contact_thinning,
    "contact_lost": contact.contact_lost,
    "plan_stalled_by_party": parties.plan_stalled_by_party,
    "coach_missing": parties.coach_missing,
    "visit_unreported": parties.visit_unreported,
    "referral_unanswered": parties.referral_unanswered,
    "provisions_late": parties.provisions_late,
    "conditional_lease_deadline": lease.conditional_lease_deadline,
}
TRIGGERS: dict[str, frozenset[str]] = {
    "arrears_escalating": frozenset({"rent.balance_reported", "collection.step_taken"}),
    "arrears_first": frozenset({"rent.balance_reported"}),
    "contact_thinning": frozenset({"coach.visit_missed"}),
    "contact_lost": frozenset({"contact.attempted"}),
    "plan_stalled_by_party": frozenset({"plan.agreed", "action.added"}),
    "coach_missing": frozenset({"lease.started"}),
    "visit_unreported": frozenset({"coach.visit_planned"}),
    "referral_unanswered": frozenset({"referral.made"}),
    "provisions_late": frozenset({"move.planned"}),
    "conditional_lease_deadline": frozenset({"lease.started"}),
}
"""Without a fact of one of these types the rule says nothing, so it is not asked. What takes over from another rule is
judged before it."""


@remembered
def judged(facts: Facts, indicator: str, day: date, world: World) -> Judgement:
    """What a rule says of an evening looked back at, or of the day that is open: with no feed silent."""
    return EVALUATE[indicator](Evening(facts, day, world), world.rules[indicator])


class Night(NamedTuple):
    """What was said, by rule and in all; `known`: the episodes as they were before."""

    emissions: list[Emission]
    turns: dict[str, Turn]
    known: list[Course]


def judge_all(facts: Facts, prior: Facts, ref: bytes, day: date, world: World) -> Night:
    """Every rule at the close of `day`; see `judge`."""
    known = courses(prior, day) if len(prior) else []
    asked = asked_of(world, facts, known, TRIGGERS)
    if not asked:
        return Night([], {}, known)
    evening = Evening(facts, day, world, world.silent(day))
    turns = turns_of(asked, known, evening, ref)
    emissions = [emission for turn in turns.values() for emission in turn.emissions]
    joining = _domains(known, emissions, world)
    for name, turn in turns.items():
        if turn.joined is not None and _joined(world.rules[name], turn, joining):
            emissions.append(turn.joined)
    emissions += _doubles(known, evening, ref)
    return Night(emissions, turns, known)


def asked_of(world: World, facts: Facts, known: list[Course], names: Container[str]) -> list[Indicator]:
    """Of the rules of these names those that may have something to say."""
    types = facts.types()
    still = {course.indicator for course in known if course.open}
    return [
        world.rules[name]
        for name, triggers in TRIGGERS.items()
        if name in names and (name in still or not (triggers.isdisjoint(types) or nothing_owed(name, facts)))
    ]


def judge_one(
    indicator: str, facts: Facts, prior: Facts, ref: bytes, day: date, world: World, silent: frozenset[str]
) -> Turn:
    """What one indicator would emit, were `day` to close now with this feed silent. For provisional notices."""
    rule = world.rules[indicator]
    evening = Evening(facts, day, world, silent)
    return turns_of([rule], courses(prior, day), evening, ref)[indicator]


def turns_of(asked: list[Indicator], known: list[Course], evening: Evening, ref: bytes) -> dict[str, Turn]:
    facts, day = evening.facts, evening.day
    ended = _enrolment_ended(facts, day)
    objected = bool(facts.of("objection.recorded")) and consent.objected(facts, "warnings", day)
    turns: dict[str, Turn] = {}
    for rule in asked:
        mine = [course for course in known if course.indicator == rule.id]
        running = next((course for course in mine if course.open), None)
        machine = Machine(ref, rule, EVALUATE[rule.id], evening)
        stopped = (
            ("switched_off" if _switched_off(rule, evening) else None)
            or ("not_applicable" if ended else None)
            or ("objection" if objected and rule.about == "resident" else None)
            or ("taken_over" if _taken_over(rule, known, turns) else None)
        )
        turns[rule.id] = machine.turn(running, mine) if stopped is None else machine.close(running, stopped)
    return turns


def _enrolment_ended(facts: Facts, day: date) -> bool:
    """Whether every enrolment was closed: what the indicators are for is over."""
    if not facts.of("enrolment.closed"):
        return False
    enrolment = picture.current_enrolment(facts, day)
    return enrolment is not None and enrolment.closed_on is not None


def nothing_owed(indicator: str, facts: Facts) -> bool:
    """Most residents owe nothing, ever: the rules about money need not be asked."""
    return (
        indicator.startswith("arrears_")
        and not facts.of("collection.step_taken")
        and not any(fact.data.outstanding_cents for fact in facts.of("rent.balance_reported"))
    )


def _switched_off(rule: Indicator, evening: Evening) -> bool:
    """For everybody; in this municipality; or because an organisation whose facts feed the rule is switched off."""
    off = rule.switched_off
    if off.always:
        return True
    if off.municipalities:
        enrolment = picture.current_enrolment(evening.facts, evening.day)
        if enrolment is not None and enrolment.municipality in off.municipalities:
            return True
    return bool(off.orgs) and any(fact.org in off.orgs for short in TRIGGERS[rule.id] for fact in evening.of(short))


def _taken_over(rule: Indicator, known: list[Course], turns: dict[str, Turn]) -> bool:
    """Whether the graver episode is open after tonight. It is judged first."""
    graver = rule.taken_over_by
    if graver is None:
        return False
    kinds = {emission.type for emission in turns.get(graver, NOTHING).emissions}
    if "warning.opened" in kinds:
        return True
    if kinds & {"warning.closed", "warning.voided"}:
        return False
    return any(course.open and course.indicator == graver for course in known)


def _domains(known: list[Course], emissions: list[Emission], world: World) -> dict[str, date]:
    """Domain → the last day on which an episode of it opened that is open after tonight. What itself only joined
    another domain is no reason to join it."""
    ended = {each.payload.warning_id for each in emissions if each.type in ("warning.closed", "warning.voided")}
    opened = [
        (course.indicator, course.opened_on)
        for course in known
        if course.open and course.because != "other_domain" and course.warning_id not in ended
    ]
    opened += [(each.payload.indicator, each.payload.as_of) for each in emissions if each.type == "warning.opened"]
    found: dict[str, date] = {}
    for indicator, on in opened:
        domain = world.rules[indicator].domain if indicator in world.rules.indicators else None
        if domain is not None:
            found[domain] = max(on, found.get(domain, on))
    return found


def _joined(rule: Indicator, turn: Turn, opened: dict[str, date]) -> bool:
    """Whether an episode of another domain opened since the dismissal, which was said before that day's close."""
    said = turn.dismissed_on
    return (
        said is not None
        and rule.domain is not None
        and any(domain != rule.domain and on >= said for domain, on in opened.items())
    )


def _doubles(known: list[Course], evening: Evening, ref: bytes) -> list[Emission]:
    """Two residents that turned out to be one may each bring an open episode; the one that opened first stays."""
    first: set[str] = set()
    found = []
    for course in known:
        if not course.open or course.indicator not in EVALUATE:
            continue
        if course.indicator in first:
            rule = evening.world.rules[course.indicator]
            found.append(Machine(ref, rule, EVALUATE[rule.id], evening).double(course))
        first.add(course.indicator)
    return found
