"""Evening after evening of one resident: asks only the rules that can have changed their mind.

The answers are those of `judge` on every evening; what is saved is asking about money when a visit was reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType

from woonketen.contracts.facts import Fact, Facts
from woonketen.streams.core.judge.course import ANSWERS, Course, courses
from woonketen.streams.core.judge.evening import Evening
from woonketen.streams.core.judge.machine import Emission
from woonketen.streams.core.judge.night import TRIGGERS, Night, asked_of, judge_all, turns_of
from woonketen.streams.core.world import World

FOR_ALL = frozenset(ANSWERS) | {
    "enrolment.opened", "enrolment.transferred", "enrolment.closed", "objection.recorded", "objection.lifted",
}  # fmt: skip
"""What stops or starts every rule, and what people say of warnings."""
SAID = (
    "warning.opened", "warning.raised", "warning.lowered", "warning.closed", "warning.voided", "warning.suspended",
    "warning.resumed",
)  # fmt: skip
"""What the rules said; more of it than they did comes with a merge."""
_ATTENTION = frozenset(
    {"lease.started", "lease.converted", "ladder.step_changed", "place.vacated", "coach.assigned", "coach.changed"}
)
_LEASES = frozenset(
    {"lease.started", "lease.evaluation_planned", "lease.evaluated", "lease.decided", "lease.converted",
     "lease.card_issued", "lease.ended"}
)  # fmt: skip
_ASSIGNED = frozenset({"coach.assigned", "coach.changed", "coach.covered", "coach.ended"})
_REFERRED = frozenset({"referral.made", "referral.accepted", "referral.declined", "referral.closed"})
_PLANNED = frozenset({"plan.agreed", "plan.endorsed", "action.added", "action.completed", "action.rescheduled"})
_MONEY = _LEASES | {
    "rent.balance_reported", "collection.step_taken", "payment_plan.agreed", "payment_plan.broken",
    "payment_plan.completed",
}  # fmt: skip
_VISITS = frozenset({"coach.visit_planned", "coach.visit_held", "coach.visit_missed", "pause.agreed"})
_READS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "arrears_escalating": _MONEY,
        "arrears_first": _MONEY,
        "contact_thinning": _VISITS | _ASSIGNED,
        "contact_lost": _VISITS | _ASSIGNED | {"contact.attempted", "intake.held", "lease.evaluated", "plan.agreed"},
        "plan_stalled_by_party": _PLANNED,
        "coach_missing": _LEASES | _ASSIGNED | _REFERRED,
        "visit_unreported": _VISITS | _ASSIGNED,
        "referral_unanswered": _REFERRED,
        "provisions_late": _PLANNED | {"move.planned", "provision.arranged"},
        "conditional_lease_deadline": _LEASES,
    }
)
READS: Mapping[str, frozenset[str]] = MappingProxyType(
    {name: _READS[name] | triggers | _ATTENTION for name, triggers in TRIGGERS.items()}
)
"""Indicator → the types of facts that its answer can depend on; pending times are halved in an attention period."""


class Vigil:
    """Remembers what each rule looked at, and when it wants to be asked again."""

    def __init__(self, ref: bytes) -> None:
        self._ref = ref
        self._by: Mapping[str, list[Fact]] = {}
        self._known: list[Course] = []
        self._wakes: dict[str, date | None] | None = None
        self._again: set[str] = set()
        self._said = 0

    def judge(
        self, facts: Facts, prior: Facts, day: date, world: World, *, everything: bool
    ) -> tuple[Sequence[Emission], date | None]:
        """As `judge`. Lists of facts that are the very same as on the evening before hold the same facts. `everything`:
        the world is another one than on that evening."""
        by = dict(facts.groups())
        wakes = self._wakes
        if wakes is not None and not everything and (due := self._due(wakes, by, day)) is not None:
            if self._again:
                self._known = courses(prior, day)
            asked = asked_of(world, facts, self._known, due)
            turns = turns_of(asked, self._known, Evening(facts, day, world, world.silent(day)), self._ref)
            if not any(turn.emissions or turn.joined for turn in turns.values()):
                wakes.update({name: turns[name].wake if name in turns else None for name in due})
                self._by, self._again = by, set()
                return (), _first(wakes)
        night = judge_all(facts, prior, self._ref, day, world)
        self._remember(night, by, world)
        return night.emissions, _first({name: turn.wake for name, turn in night.turns.items()})

    def _remember(self, night: Night, by: Mapping[str, list[Fact]], world: World) -> None:
        turns = night.turns
        self._by, self._known = by, night.known
        self._said = sum(len(by.get(short, ())) for short in SAID) + len(night.emissions)
        # Who is quiet after a dismissal looks at what other rules say: then all are asked again.
        quiet = any(turn.joined is not None for turn in turns.values())
        self._wakes = None if quiet else {name: turn.wake for name, turn in turns.items()}
        # What was said tonight is known tomorrow: to the rule that said it, and to the one that it takes over.
        self._again = {name for name, turn in turns.items() if turn.emissions}
        self._again |= {name for name in TRIGGERS if world.rules[name].taken_over_by in self._again}

    def _due(self, wakes: Mapping[str, date | None], by: Mapping[str, list[Fact]], day: date) -> set[str] | None:
        """The rules to ask; None for all of them."""
        before = self._by
        changed = {short for short in by if by[short] is not before.get(short)}
        changed.update(short for short in before if short not in by)
        if not changed.isdisjoint(FOR_ALL) or sum(len(by.get(short, ())) for short in SAID) != self._said:
            return None
        due = {name for name, reads in READS.items() if not reads.isdisjoint(changed)} if changed else set()
        due.update(name for name, wake in wakes.items() if wake is not None and wake <= day)
        return due | self._again


def _first(wakes: Mapping[str, date | None]) -> date | None:
    return min((wake for wake in wakes.values() if wake is not None), default=None)
