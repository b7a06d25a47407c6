"""The view `wijkteam`: one row per resident of the own districts, and of the city-wide list."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from woonketen.contracts.facts import Facts
from woonketen.contracts.views import Involved, Late, Row, Warn, Wijkteam
from woonketen.streams.core import derive, picture
from woonketen.streams.core.picture.plan import SHARED_OWNERS
from woonketen.streams.core.show.case import Case, Look, Pair
from woonketen.streams.core.show.lines import open_due, warnings

GONE_DAYS = 7
"""So many days, with that of closing, somebody who left still stands in the list."""
CARE_PARTY = "zorgpartij"
OPENED_BY = {
    "case_lead": "involvement",
    "involved": "involvement",
    "actions_open": "plan",
    "actions_late": "plan",
    "referrals_waiting": "referral",
    "warnings": "warnings",
    "taken_by": "warnings",
}


def teams(case: Case) -> list[str]:
    """Municipalities that are party of an agreement for the programme, and the one that enrolled."""
    enrolment = case.enrolment
    if enrolment is None or (enrolment.closed_on and (case.day - enrolment.closed_on).days >= GONE_DAYS):
        return []
    named = case.world.parties(enrolment.programme, case.day) | {enrolment.org}
    return sorted(org for org in named if case.world.kind(org) == "gemeente")


def rows(case: Case) -> Iterator[Pair]:
    for org in teams(case):
        look = case.look("wijkteam", org)
        enrolment = look.read(picture.current_enrolment)
        if look.ended or enrolment is None or not _in_sight(look, org, enrolment.org):
            continue
        district = case.read(picture.district)
        due = open_due(look.read(picture.actions)) if look.open("plan") else []
        late = Late(open_due=due, arrived_on=_arrived_on(case.facts, case.day, district), left_on=enrolment.closed_on)
        data = _data(case, look, enrolment, due)
        yield look, Row(
            view="wijkteam", key=org, org=org, district=district, data=data, late=late, sources=look.sources
        )  # fmt: skip


def _data(case: Case, look: Look, enrolment: picture.Enrolment, due: list[date]) -> Wijkteam:
    lead = look.read(picture.caselead)
    shown = warnings(case, look)
    waiting = [each for each in look.read(picture.referrals) if each.answered_on is None and each.closed_on is None]
    return Wijkteam(
        resident=look.resident,
        programme=enrolment.programme,
        enrolled_on=enrolment.opened_on,
        phase=case.phase if look.open("phase") else look.read(derive.phase),
        case_lead=lead.worker if lead else None,
        involved=_involved(case, look) if look.open("involvement") else None,
        actions_open=len(due) if look.open("plan") else None,
        actions_late=0 if look.open("plan") else None,
        referrals_waiting=len(waiting) if look.open("referral") else None,
        warnings=shown,
        taken_by=_taken_by(case.facts, shown),
        corrected=look.corrected,
        not_shared=look.not_shared(OPENED_BY),
    )


def _in_sight(look: Look, org: str, enrolled_by: str) -> bool:
    """Before the notice an organisation has what it published itself."""
    return look.open("enrolment") or (look.sight.only_own and enrolled_by == org)


def _involved(case: Case, look: Look) -> list[Involved]:
    """Coaches and buddies by name, other care providers without: that there is one is all that is shared."""
    found = {(each.org, each.role) for each in look.read(picture.assignments) if each.ended_on is None}
    guiding = {org for org, _ in found}
    lead = look.read(picture.caselead)
    if lead is not None:
        found.add((lead.org, "casusregisseur"))
    for plan in look.read(picture.plans):
        for org in plan.parties - guiding - SHARED_OWNERS:
            kind = case.world.kind(org)
            if kind is not None:
                found.add((CARE_PARTY if kind == "zorgaanbieder" else org, kind))
    return [Involved(org=org, role=role) for org, role in sorted(found)]


def _taken_by(facts: Facts, shown: list[Warn]) -> str | None:
    """The role that acknowledged one of the warnings that are seen, last."""
    ids = {each.id for each in shown if each.state == "acknowledged"}
    taken = [fact for fact in facts.of("warning.acknowledged") if fact.data.warning_id in ids] if ids else []
    return taken[-1].data.role if taken else None


def _arrived_on(facts: Facts, day: date, district: str | None) -> date | None:
    """Since when the resident is of this district: enrolled, transferred, or moved into a lease there."""
    turns = facts.upto(day, "enrolment.opened", "enrolment.transferred", "lease.started", "lease.ended")
    arrived = None
    for on in sorted({fact.happened for fact in turns}, reverse=True):
        if picture.district(facts, on) != district or picture.current_enrolment(facts, on) is None:
            break
        arrived = on
    return arrived
