"""Waiting, places, dwellings offered, and the lease from its start to its end."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from woonketen.contracts.payloads import lists
from woonketen.contracts.payloads.base import (
    Broken,
    District,
    LocalId,
    Payload,
    PositiveCents,
    QualifiedId,
    Step,
)


class WaitingEntered(Payload, frozen=True, kw_only=True, gc=False):
    """`step`: the step of the ladder that is waited for; none for queue `dwelling`."""

    queue_id: QualifiedId
    queue: lists.Queue
    step: Step | None = None
    reason: lists.WaitingReason

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.queue == "ladder_step" and self.step is None:
            raise Broken("step", "give the step of the ladder that is waited for, 1 to 6")


class WaitingLeft(Payload, frozen=True, kw_only=True, gc=False):
    queue_id: QualifiedId
    reason: lists.WaitingLeft


class PlaceVacated(Payload, frozen=True, kw_only=True, gc=False):
    kind: lists.PlaceKind


class DwellingOffered(Payload, frozen=True, kw_only=True, gc=False):
    offer_id: LocalId
    dwelling_id: LocalId
    complex_id: LocalId | None = None
    resident_chose_area: bool | None = None


class DwellingRefused(Payload, frozen=True, kw_only=True, gc=False):
    offer_id: LocalId
    reason: lists.DwellingRefusal


class LeaseStarted(Payload, frozen=True, kw_only=True, gc=False):
    """Rent in euro cents a month. A fixed term needs a ground and ends within two years (art. 7:271 BW)."""

    _days: ClassVar[tuple[str, ...]] = ("occurred_on", "ends_on")
    _order: ClassVar[tuple[tuple[str, str], ...]] = (("occurred_on", "ends_on"),)

    lease_id: LocalId
    kind: lists.LeaseKind
    ground: lists.LeaseGround | None = None
    ends_on: date | None = None
    tenant: lists.Tenant
    coaching_clause: bool
    dwelling_id: LocalId | None = None
    complex_id: LocalId | None = None
    district: District | None = None
    rent_cents: PositiveCents

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind in ("fixed_term", "conditional") and self.ends_on is None:
            raise Broken("ends_on", "give the day on which this lease ends")
        if self.kind == "fixed_term":
            if self.ground is None:
                raise Broken("ground", "give the ground: a fixed term needs one (Stb. 2024, 152)")
            if self.ends_on is not None and self.ends_on > _two_years_after(self.occurred_on):
                raise Broken("ends_on", "give a day within two years of occurred_on: a fixed term may not be longer")


def _two_years_after(day: date) -> date:
    last = 28 if (day.month, day.day) == (2, 29) else day.day
    return day.replace(year=day.year + 2, day=last)


class LeaseEvaluationPlanned(Payload, frozen=True, kw_only=True, gc=False):
    _days: ClassVar[tuple[str, ...]] = ("occurred_on", "planned_on")

    lease_id: LocalId
    planned_on: date


class LeaseEvaluated(Payload, frozen=True, kw_only=True, gc=False):
    lease_id: LocalId
    result: lists.EvaluationResult


class LeaseDecided(Payload, frozen=True, kw_only=True, gc=False):
    _days: ClassVar[tuple[str, ...]] = ("occurred_on", "notice_sent_on")

    lease_id: LocalId
    decision: lists.LeaseDecision
    notice_sent_on: date | None = None


class LeaseConverted(Payload, frozen=True, kw_only=True, gc=False):
    lease_id: LocalId
    to_kind: lists.LeaseKind


class LeaseCardIssued(Payload, frozen=True, kw_only=True, gc=False):
    lease_id: LocalId
    card: lists.Card


class LeaseEnded(Payload, frozen=True, kw_only=True, gc=False):
    lease_id: LocalId
    reason: lists.LeaseEnd
