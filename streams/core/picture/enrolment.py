"""Enrolment, district, referrals."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from woonketen.contracts.facts import Facts
from woonketen.contracts.remembering import remembered
from woonketen.streams.core.picture.lease import current_lease


class Enrolment(msgspec.Struct, frozen=True):
    """`municipality` and `district` are the latest told; `outcome`, `goals_met` and `tenancy_kept` come with closing;
    `follow_ups` holds (months after the start, still housed)."""

    id: str
    org: str
    programme: str
    route: str
    municipality: str
    district: str | None
    cohort: str | None
    opened_on: date
    closed_on: date | None = None
    outcome: str | None = None
    goals_met: Any = None
    tenancy_kept: bool | None = None
    follow_ups: tuple[tuple[int, bool], ...] = ()


class Referral(msgspec.Struct, frozen=True, gc=False):
    """`answer` is `accepted`, `declined` or None; only the organisation it was sent to can answer. `result` comes with
    `closed_on`."""

    id: str
    from_org: str
    to_org: str
    service: str
    urgency: str
    made_on: date
    answered_on: date | None = None
    answer: str | None = None
    declined_by: str | None = None
    closed_on: date | None = None
    result: str | None = None


def enrolments(f: Facts, day: date) -> list[Enrolment]:
    """By the day of opening. What is told of an enrolment whose opening is not among the facts is left out."""
    found: dict[str, dict[str, Any]] = {}
    for fact in f.upto(day, "enrolment.opened"):
        data = fact.data
        found[data.enrolment_id] = {
            "id": data.enrolment_id,
            "org": fact.org,
            "programme": data.programme,
            "route": data.route,
            "municipality": data.municipality,
            "district": data.district,
            "cohort": data.cohort,
            "opened_on": fact.happened,
        }
    for fact in f.upto(day, "enrolment.transferred", "enrolment.closed", "follow_up.held"):
        told = found.get(fact.data.enrolment_id)
        if told is None:
            continue
        if fact.type == "enrolment.transferred":
            told["municipality"], told["district"] = fact.data.municipality, fact.data.district
        elif fact.type == "enrolment.closed":
            told["closed_on"], told["outcome"] = fact.happened, fact.data.outcome
            told["goals_met"], told["tenancy_kept"] = fact.data.goals_met, fact.data.tenancy_kept
        else:
            held = (fact.data.months_after_start, fact.data.housed)
            told["follow_ups"] = (*told.get("follow_ups", ()), held)
    return [Enrolment(**told) for told in found.values()]


@remembered
def current_enrolment(f: Facts, day: date) -> Enrolment | None:
    """The latest that is open, else the latest that was closed."""
    found = enrolments(f, day)
    still = [each for each in found if each.closed_on is None]
    if still:
        return still[-1]
    return max(found, key=lambda each: (each.closed_on or each.opened_on, each.opened_on, each.id), default=None)


@remembered
def district(f: Facts, day: date) -> str | None:
    """The enrolment's until the resident's lease starts, then the lease's; None is the city-wide list.

    A lease that names no district leaves the enrolment's.
    """
    lease = current_lease(f, day)
    if lease is not None and lease.district is not None:
        return lease.district
    enrolment = current_enrolment(f, day)
    return enrolment.district if enrolment else None


@remembered
def referrals(f: Facts, day: date) -> list[Referral]:
    """By the day on which they were made."""
    found: dict[str, dict[str, Any]] = {}
    for fact in f.upto(day, "referral.made"):
        data = fact.data
        found[data.referral_id] = {
            "id": data.referral_id,
            "from_org": fact.org,
            "to_org": data.to_org,
            "service": data.service,
            "urgency": data.urgency,
            "made_on": fact.happened,
        }
    for fact in f.upto(day, "referral.accepted", "referral.declined", "referral.closed"):
        told = found.get(fact.data.referral_id)
        if told is None:
            continue
        if fact.type == "referral.closed":
            if fact.org in (told["from_org"], told["to_org"]):
                told["closed_on"], told["result"] = fact.happened, fact.data.result
        elif fact.org == told["to_org"]:
            accepted = fact.type == "referral.accepted"
            told["answered_on"], told["answer"] = fact.happened, "accepted" if accepted else "declined"
            told["declined_by"] = None if accepted else fact.data.by
    return [Referral(**told) for told in found.values()]
