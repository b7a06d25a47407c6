"""What a resident adds to the view `programma`: one line per enrolment, without a number, for the steering group of the
agreement. The database makes months of the days before anybody reads it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec

from woonketen.contracts.facts import Facts
from woonketen.contracts.recipient import recipient
from woonketen.contracts.records import PLATFORM
from woonketen.streams.core import derive, picture
from woonketen.streams.core.visible import sight
from woonketen.streams.core.world import World

_SITTING = "zittende_huurder"


class Pilot(msgspec.Struct, frozen=True, gc=False):
    """`org`: who enrolled. `housed_on`: since when there is a home by this enrolment; `left_on`: until when.
    `goals_met`: `yes`, `partly` or `no` over all who judged."""

    org: str
    programme: str
    cohort: str | None
    phase: str | None
    outcome: str | None
    housed_on: date | None
    left_on: date | None
    goals_met: str | None
    tenancy_kept: bool | None


def pilots(facts: Facts, day: date, world: World) -> list[Pilot]:
    """Of one resident on the open day; none with a safety flag, or before the notice."""
    view = sight(recipient("programma", PLATFORM), facts, day, world)
    if view.only_own or not view.open("enrolment"):
        return []
    current = picture.current_enrolment(facts, day)
    leases = picture.leases(facts, day) if view.open("lease") else []
    found = []
    for each in picture.enrolments(facts, day):
        housed_on = _housed_on(each, leases)
        is_current = current is not None and each.id == current.id
        phase = derive.phase(facts, day) if is_current else "closed"
        found.append(
            Pilot(
                org=each.org,
                programme=each.programme,
                cohort=each.cohort,
                phase=phase if view.open("phase") else None,
                outcome=each.outcome,
                housed_on=housed_on,
                left_on=None if housed_on is None else _left_on(leases),
                goals_met=_goals(each.goals_met),
                tenancy_kept=each.tenancy_kept,
            )
        )
    return found


def _housed_on(enrolment: picture.Enrolment, leases: Iterable[picture.Lease]) -> date | None:
    """Who lived there already counts from the enrolment."""
    since = enrolment.opened_on
    if enrolment.route == _SITTING:
        there = any(each.started_on <= since and (each.ended_on is None or each.ended_on > since) for each in leases)
        return since if there else None
    return min((each.started_on for each in leases if each.started_on >= since), default=None)


def _left_on(leases: Iterable[picture.Lease]) -> date | None:
    known = list(leases)
    if any(each.running for each in known):
        return None
    return max((each.ended_on for each in known if each.ended_on is not None), default=None)


def _goals(told: object) -> str | None:
    judged = [getattr(told, name) for name in ("resident", "coach", "casusregisseur", "corporatie") if told is not None]
    given = [each for each in judged if each is not None]
    if not given:
        return None
    return "yes" if all(given) else "partly" if any(given) else "no"
