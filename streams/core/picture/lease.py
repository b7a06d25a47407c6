"""The lease from its start to its end, and the dwellings offered before it."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.remembering import remembered


class Lease(msgspec.Struct, frozen=True, gc=False):
    """A lease of one organisation: `(org, lease_id)` is its key. `kind` follows a conversion; a lease converted to
    `indefinite` ends on no day. `evaluation_planned_on` is the day on which the plan was told, `evaluation_on` the day
    that was planned."""

    lease_id: str
    org: str
    kind: str
    ground: str | None
    started_on: date
    ends_on: date | None
    tenant: str
    coaching_clause: bool
    dwelling_id: str | None
    complex_id: str | None
    district: str | None
    rent_cents: int
    evaluation_planned_on: date | None = None
    evaluation_on: date | None = None
    evaluated_on: date | None = None
    evaluation_result: str | None = None
    decided: str | None = None
    decided_on: date | None = None
    notice_sent_on: date | None = None
    converted_on: date | None = None
    card: str | None = None
    card_on: date | None = None
    ended_on: date | None = None
    ended_reason: str | None = None

    @property
    def running(self) -> bool:
        return self.ended_on is None


class Offer(msgspec.Struct, frozen=True, gc=False):
    offer_id: str
    org: str
    dwelling_id: str
    complex_id: str | None
    on: date
    resident_chose_area: bool | None
    refused_on: date | None = None
    refused_reason: str | None = None


_TURNS = (
    "lease.evaluation_planned",
    "lease.evaluated",
    "lease.decided",
    "lease.converted",
    "lease.card_issued",
    "lease.ended",
)


@remembered
def leases(f: Facts, day: date) -> list[Lease]:
    """By the day on which they started. What is told of a lease whose start is not among the facts is left out."""
    started = f.upto(day, "lease.started")
    if not started:
        return []
    found = {(fact.org, fact.data.lease_id): _started(fact) for fact in started}
    for fact in f.upto(day, *_TURNS):
        told = found.get((fact.org, fact.data.lease_id))
        if told is not None:
            _turn(told, fact)
    return [Lease(**told) for told in found.values()]


@remembered
def current_lease(f: Facts, day: date) -> Lease | None:
    """The latest that runs; None when there is none, or the last one ended."""
    running = [lease for lease in leases(f, day) if lease.ended_on is None]
    return running[-1] if running else None


@remembered
def offers(f: Facts, day: date) -> list[Offer]:
    """Dwellings offered, oldest first."""
    refused = {(fact.org, fact.data.offer_id): fact for fact in f.upto(day, "dwelling.refused")}
    found = []
    for fact in f.upto(day, "dwelling.offered"):
        data = fact.data
        no = refused.get((fact.org, data.offer_id))
        found.append(
            Offer(
                offer_id=data.offer_id,
                org=fact.org,
                dwelling_id=data.dwelling_id,
                complex_id=data.complex_id,
                on=fact.happened,
                resident_chose_area=data.resident_chose_area,
                refused_on=no.happened if no else None,
                refused_reason=no.data.reason if no else None,
            )
        )
    return found


def _started(fact: Fact) -> dict[str, Any]:
    data = fact.data
    return {
        "lease_id": data.lease_id,
        "org": fact.org,
        "kind": data.kind,
        "ground": data.ground,
        "started_on": fact.happened,
        "ends_on": data.ends_on,
        "tenant": data.tenant,
        "coaching_clause": data.coaching_clause,
        "dwelling_id": data.dwelling_id,
        "complex_id": data.complex_id,
        "district": data.district,
        "rent_cents": data.rent_cents,
    }


def _turn(told: dict[str, Any], fact: Fact) -> None:
    data, on = fact.data, fact.happened
    match fact.type:
        case "lease.evaluation_planned":
            told["evaluation_planned_on"], told["evaluation_on"] = on, data.planned_on
        case "lease.evaluated":
            told["evaluated_on"], told["evaluation_result"] = on, data.result
        case "lease.decided":
            told["decided"], told["decided_on"], told["notice_sent_on"] = data.decision, on, data.notice_sent_on
        case "lease.converted":
            told["kind"], told["converted_on"] = data.to_kind, on
            if data.to_kind == "indefinite":
                told["ends_on"] = None
        case "lease.card_issued":
            told["card"], told["card_on"] = data.card, on
        case "lease.ended":
            told["ended_on"], told["ended_reason"] = on, data.reason
