"""What one resident adds to the tables of policy on a day: at most one value a cell, and nothing with a safety flag."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import msgspec

from woonketen.contracts.calendar import add_months, add_workdays
from woonketen.contracts.facts import Facts
from woonketen.contracts.recipient import recipient
from woonketen.streams.core import picture
from woonketen.streams.core.judge.course import courses
from woonketen.streams.core.picture import Enrolment, Lease
from woonketen.streams.core.visible import sight
from woonketen.streams.core.world import World

HOUSED_MONTHS = (3, 6, 12, 24)
_LOST = frozenset({"eviction", "abandoned", "mutual", "by_tenant"})
"""Ends of a lease after which somebody is not housed, unless another lease runs or a follow-up says otherwise."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """`value`: 1 in a count or a band; 0 or 1 in a share; whole weeks in a duration."""

    table: str
    row: str
    column: str
    value: int = 1


def entries(facts: Facts, day: date, world: World) -> list[Entry]:
    """Of one resident. `facts`: effective on `day`, as they are known; `day`: the last day that counts."""
    if facts.of("safety.flag_set") and sight(recipient("beleid", ""), facts, day, world).flagged_away:
        return []
    enrolments = picture.enrolments(facts, day)
    if not enrolments:
        return []
    return [
        *_trajectories(enrolments),
        *_housed(facts, enrolments, day),
        *_speed(facts, day),
        *(Entry("places", fact.data.kind, "freed") for fact in facts.upto(day, "place.vacated")),
        *_waiting(facts, day),
        *_warnings(facts, day, world),
        *_actions(facts, day, world),
        *_consents(facts, day),
    ]


def beside(world: World, day: date) -> dict[tuple[str, str], int]:
    """(table, row) → what organisations told about no household: places agreed, places used again."""
    found: dict[tuple[str, str], int] = {}
    for fact in world.facts.upto(day, "programme.capacity_set"):
        if fact.data.until is None or fact.data.until >= day:
            found[("trajectories", fact.data.programme)] = fact.data.places
        else:
            found.pop(("trajectories", fact.data.programme), None)
    for fact in world.facts.upto(day, "place.occupied"):
        key = ("places", fact.data.kind)
        found[key] = found.get(key, 0) + 1
    return found


def _trajectories(enrolments: list[Enrolment]) -> Iterator[Entry]:
    """By programme the last enrolment: a person who came back is one household."""
    for last in {each.programme: each for each in enrolments}.values():
        ended = "completed" if last.outcome == "completed" else "stopped"
        yield Entry("trajectories", last.programme, "running" if last.closed_on is None else ended)


def _housed(facts: Facts, enrolments: list[Enrolment], day: date) -> Iterator[Entry]:
    leases = picture.leases(facts, day)
    if not leases:
        return
    start = leases[0].started_on
    follow_ups = {months: housed for each in enrolments for months, housed in each.follow_ups}
    for months in HOUSED_MONTHS:
        on = add_months(start, months)
        if on <= day:
            housed = follow_ups.get(months, any(_houses(lease, on) for lease in leases))
            yield Entry("still_housed", str(months), "share", int(housed))


def _houses(lease: Lease, on: date) -> bool:
    if lease.started_on > on:
        return False
    return lease.ended_on is None or lease.ended_on > on or lease.ended_reason not in _LOST


def _speed(facts: Facts, day: date) -> Iterator[Entry]:
    """Weeks from the first plan to its first action done, and to the first lease after it."""
    agreed = facts.upto(day, "plan.agreed")
    if not agreed:
        return
    since = agreed[0].happened
    done = [each.done_on for each in picture.actions(facts, day) if each.done_on is not None and each.done_on >= since]
    keys = [each.started_on for each in picture.leases(facts, day) if each.started_on >= since]
    for row, days in (("to_action", done), ("to_key", keys)):
        if days:
            yield Entry("speed", row, "weeks", round((min(days) - since).days / 7))


def _waiting(facts: Facts, day: date) -> Iterator[Entry]:
    steps = {each.step for each in picture.waiting(facts, day) if each.left_on is None and each.step is not None}
    yield from (Entry("waiting", str(step), "waiting") for step in sorted(steps))


def _warnings(facts: Facts, day: date, world: World) -> Iterator[Entry]:
    """By the severity that an episode had last; one that nobody answered in time makes the household late."""
    late: dict[int, bool] = {}
    for course in courses(facts):
        rule = world.rules.indicators.get(course.indicator)
        workdays = rule.due.get(course.severity) if rule is not None else None
        if workdays is None or course.opened_on > day or course.voided:
            continue
        answered = [fact.happened for fact in course.acknowledged if fact.happened >= course.acted_on]
        until = min([*answered, *([course.ended_on] if course.ended_on else []), day])
        missed = until > add_workdays(course.acted_on, workdays)
        late[course.severity] = late.get(course.severity, False) or missed
    for severity, missed in sorted(late.items()):
        yield Entry("warnings", str(severity), "late" if missed else "in_time")


def _actions(facts: Facts, day: date, world: World) -> Iterator[Entry]:
    """Actions that are done or overdue; a kind of organisation that did one late has not done all in time."""
    good: dict[str, bool] = {}
    for action in picture.actions(facts, day):
        kind = world.kind(action.owner)
        if kind is None or (action.done_on is None and action.due_on >= day):
            continue
        in_time = action.done_on is not None and action.done_on <= action.due_on
        good[kind] = good.get(kind, True) and in_time
    yield from (Entry("actions_in_time", kind, "share", int(all_good)) for kind, all_good in sorted(good.items()))


def _consents(facts: Facts, day: date) -> Iterator[Entry]:
    """By role that consent was asked for; consents to one organisation are left out, for its name would tell."""
    withdrawn = {fact.data.consent_id for fact in facts.upto(day, "consent.withdrawn")}
    found = set()
    for fact in facts.upto(day, "consent.granted", "consent.refused"):
        if fact.data.recipient.role is None:
            continue
        what = "refused" if fact.type == "consent.refused" else "granted"
        found.add((fact.data.recipient.role, "withdrawn" if fact.data.consent_id in withdrawn else what))
    yield from (Entry("consents", role, what) for role, what in sorted(found))
