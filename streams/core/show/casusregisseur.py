"""The view `casusregisseur`: one row per resident for the case lead, and one for the deputy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from woonketen.contracts.recipient import Recipient
from woonketen.contracts.views import Casusregisseur, PartyLine, Row
from woonketen.streams.core import picture
from woonketen.streams.core.picture.plan import SHARED_OWNERS
from woonketen.streams.core.show.case import Case, Look, Pair
from woonketen.streams.core.show.guidance import coach_of, contact, guidance
from woonketen.streams.core.show.lines import coming_move, open_due
from woonketen.streams.core.show.pieces import kept

OF_VISITS = (
    "next_visit_on",
    "visits_unreported",
    "last_contact_on",
    "held_90d",
    "missed_90d",
    "attempts_28d",
    "pause_until",
)
OPENED_BY = {
    **dict.fromkeys(OF_VISITS, "visits"),
    "intake": "intake",
    "day_activity": "day_activity",
    "informal_support": "support",
    "arrears_level": "arrears_level",
    "arrears_trend": "arrears_level",
}


def rows(case: Case) -> Iterator[Pair]:
    lead = case.read(picture.caselead)
    if lead is None:
        return
    look = case.look("casusregisseur", lead.org)
    if look.ended:
        return
    day = case.day
    actions = case.in_hand(look.read(picture.actions))
    fields = guidance(case, look, actions)
    fields |= contact(look, day, None) if look.open("visits") else dict.fromkeys(OF_VISITS)
    move = coming_move(look.read(picture.moves), day)
    coach = coach_of(look)
    fields |= {
        "role": coach.role if coach else None,
        "mode": coach.mode if coach else None,
        "interval_days": coach.interval_days if coach else None,
        "parties": parties(case, look, actions),
        "endorsed_by": sorted({org for plan in look.read(picture.plans) for org in plan.endorsed_by}),
        "referrals_open": sum(
            1 for each in look.read(picture.referrals) if each.answered_on is None and each.closed_on is None
        ),
        "provisions_open": sorted(move.open) if move else [],
        "not_shared": look.not_shared(OPENED_BY),
    }
    for worker in dict.fromkeys((lead.worker, lead.deputy)):
        if worker is not None:
            data = Casusregisseur(cover_for=None if worker == lead.worker else lead.worker, **fields)
            key = f"{lead.org}|{worker}"
            yield (
                look,
                Row(view="casusregisseur", key=key, org=lead.org, worker=worker, data=data, sources=look.sources),
            )


@kept
def last_told(case: Case, to: Recipient) -> dict[str, date]:
    """When each organisation told the last of what is seen."""
    last: dict[str, date] = {}
    for _, group in case.look_to(to).seen.groups():
        for fact in group:
            if last.get(fact.org, date.min) < fact.happened:
                last[fact.org] = fact.happened
    return last


def parties(case: Case, look: Look, actions: list[picture.Action]) -> list[PartyLine]:
    """Every organisation of the plan, and every other of which something is seen."""
    last = last_told(case, look.to)
    named = {org for plan in look.read(picture.plans) for org in plan.parties}
    named |= {each.owner for each in actions if each.owner not in SHARED_OWNERS}
    named |= {org for org in last if case.world.kind(org) is not None}
    due = {org: open_due(each for each in actions if each.owner == org) for org in named}
    return [
        PartyLine(org=org, actions_open=len(due[org]), last_event_on=last.get(org), open_due=due[org])
        for org in sorted(named)
    ]
