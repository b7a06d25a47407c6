"""The plan, its actions, and what must be ready before a move."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec

from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.remembering import remembered

SHARED_OWNERS = frozenset({"resident", "network"})
"""Owners of an action that publish nothing themselves: any party of the plan tells for them."""


class Plan(msgspec.Struct, frozen=True):
    """The highest version of a plan. `agreed_by` is who the sender says agreed; `endorsed_by` the organisations that
    sent or endorsed this version themselves; `owners` those of its actions, added ones too."""

    plan_id: str
    org: str
    version: int
    agreed_on: date
    agreed_by: frozenset[str]
    endorsed_by: frozenset[str]
    owners: frozenset[str]

    @property
    def parties(self) -> frozenset[str]:
        """Every organisation of the plan (not `resident` or `network`)."""
        return (self.agreed_by | self.endorsed_by | self.owners | {self.org}) - SHARED_OWNERS


class Reschedule(msgspec.Struct, frozen=True, gc=False):
    on: date
    due_on: date
    agreed: bool


class Action(msgspec.Struct, frozen=True):
    """`due_on` is the day that was last agreed with the resident; a new day that was not agreed leaves it as it was.
    `first_due_on` is the day of the plan. `reschedules` are those since the action stands in the plan, all of them;
    `reschedules_agreed` counts those agreed with the resident. `org` sent the plan (or added the action)."""

    plan_id: str
    action_id: str
    org: str
    owner: str
    domain: str
    kind: str
    due_on: date
    first_due_on: date
    blocking: bool
    worker: str | None
    added_on: date
    done_on: date | None = None
    reschedules: tuple[Reschedule, ...] = ()

    @property
    def reschedules_agreed(self) -> int:
        return sum(1 for each in self.reschedules if each.agreed)

    def late_days(self, day: date) -> int:
        """Days by which it is late on `day`; 0 when it is done or not due yet."""
        if self.done_on is not None or day <= self.due_on:
            return 0
        return (day - self.due_on).days


class MovePlan(msgspec.Struct, frozen=True):
    """`arranged`: required provision → the day on which somebody told that it is arranged."""

    move_id: str
    org: str
    planned_on: date
    required: tuple[str, ...]
    arranged: dict[str, date]

    @property
    def open(self) -> list[str]:
        """Required and not arranged, as the move names them."""
        return [kind for kind in self.required if kind not in self.arranged]


@remembered
def plans(f: Facts, day: date) -> list[Plan]:
    """One per plan, by id."""
    chosen = _chosen(f, day)
    if not chosen:
        return []
    endorsed: dict[tuple[str, int], set[str]] = {}
    for fact in f.upto(day, "plan.agreed", "plan.endorsed"):
        endorsed.setdefault((fact.data.plan_id, fact.data.version), set()).add(fact.org)
    owners: dict[str, set[str]] = {}
    for fact in f.upto(day, "action.added"):
        owners.setdefault(fact.data.plan_id, set()).add(fact.data.action.owner)
    return [
        Plan(
            plan_id=plan_id,
            org=fact.org,
            version=fact.data.version,
            agreed_on=fact.happened,
            agreed_by=frozenset(fact.data.agreed_by),
            endorsed_by=frozenset(endorsed.get((plan_id, fact.data.version), ())),
            owners=frozenset(owners.get(plan_id, set()) | {action.owner for action in fact.data.actions}),
        )
        for plan_id, fact in sorted(chosen.items())
    ]


@remembered
def actions(f: Facts, day: date) -> list[Action]:
    """Actions of the highest version of each plan and those added to it, by due date.

    What the plan itself lists goes before an added action of the same id. Completing and rescheduling count only from
    the owner's organisation; for `resident` and `network` from any party of the plan.
    """
    listed: dict[tuple[str, str], tuple[Fact, Any]] = {}
    for fact in f.upto(day, "action.added"):
        listed[(fact.data.plan_id, fact.data.action.action_id)] = (fact, fact.data.action)
    for plan_id, fact in _chosen(f, day).items():
        for action in fact.data.actions:
            listed[(plan_id, action.action_id)] = (fact, action)
    if not listed:
        return []
    done, moved = _told(f.upto(day, "action.completed")), _told(f.upto(day, "action.rescheduled"))
    parties = _parties(f, day) if done or moved else {}
    found = [
        _action(fact, action, plan_id, done.get(key, ()), moved.get(key, ()), parties.get(plan_id, frozenset()))
        for key, (fact, action) in listed.items()
        for plan_id in key[:1]
    ]
    found.sort(key=lambda each: (each.due_on, each.plan_id, each.action_id))
    return found


@remembered
def moves(f: Facts, day: date) -> list[MovePlan]:
    """Planned moves by the day they are planned on, each as it was planned last.

    A provision counts from whoever arranged it, and not for a second move when it was arranged for the first.
    """
    latest = {fact.data.move_id: fact for fact in f.upto(day, "move.planned")}
    if not latest:
        return []
    arranged: list[Fact] = f.upto(day, "provision.arranged")
    found, before = [], date.min
    for fact in sorted(latest.values(), key=lambda each: (each.data.planned_on, each.data.move_id)):
        needed = tuple(dict.fromkeys(fact.data.provisions_required))
        ready: dict[str, date] = {}
        for each in arranged:
            if each.data.kind in needed and each.happened > before:
                ready.setdefault(each.data.kind, each.happened)
        found.append(MovePlan(fact.data.move_id, fact.org, fact.data.planned_on, needed, ready))
        before = fact.data.planned_on
    return found


def _chosen(f: Facts, day: date) -> dict[str, Fact]:
    """The plan fact that counts, per plan: highest version; of one version the issuer's own, then the latest told."""
    found: dict[str, Fact] = {}
    for fact in f.upto(day, "plan.agreed"):
        plan_id = fact.data.plan_id
        other = found.get(plan_id)
        if other is None or _rank(fact) > _rank(other):
            found[plan_id] = fact
    return found


def _rank(fact: Fact) -> tuple[int, bool, Any, str]:
    issuer = fact.data.plan_id.partition(":")[0]
    return (fact.data.version, fact.org == issuer, fact.time, fact.id)


def _told(facts: Iterable[Fact]) -> dict[tuple[str, str], list[Fact]]:
    found: dict[tuple[str, str], list[Fact]] = {}
    for fact in facts:
        found.setdefault((fact.data.plan_id, fact.data.action_id), []).append(fact)
    return found


def _parties(f: Facts, day: date) -> dict[str, frozenset[str]]:
    found = {plan.plan_id: plan.parties for plan in plans(f, day)}
    for fact in f.upto(day, "action.added"):
        plan_id = fact.data.plan_id
        found[plan_id] = found.get(plan_id, frozenset()) | {fact.org, fact.data.action.owner}
    return found


def _action(
    fact: Fact, action: Any, plan_id: str, done: Iterable[Fact], moved: Iterable[Fact], parties: frozenset[str]
) -> Action:
    owner = action.owner
    by_any_party = owner in SHARED_OWNERS

    def may_tell(told: Fact) -> bool:
        return told.org == owner or (by_any_party and told.org in parties)

    done_on = min((told.happened for told in done if may_tell(told)), default=None)
    # A day agreed before this version of the plan is overtaken by the plan's own.
    since = [told for told in moved if may_tell(told) and told.happened >= fact.happened]
    due_on = action.due_on
    for told in since:
        if told.data.agreed_with_resident:
            due_on = told.data.due_on
    return Action(
        plan_id=plan_id,
        action_id=action.action_id,
        org=fact.org,
        owner=owner,
        domain=action.domain,
        kind=action.kind,
        due_on=due_on,
        first_due_on=action.due_on,
        blocking=action.blocking,
        worker=action.worker,
        added_on=fact.happened,
        done_on=done_on,
        reschedules=tuple(
            Reschedule(told.happened, told.data.due_on, told.data.agreed_with_resident) for told in since
        ),
    )
