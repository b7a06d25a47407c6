"""Rent owed, what was done about it, and the signal to the municipality. Amounts in euro cents, per lease."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar

import msgspec

from woonketen.contracts.payloads import lists
from woonketen.contracts.payloads.base import Cents, LocalId, Org, Payload, PositiveCents, QualifiedId

LateDays = Annotated[int, msgspec.Meta(ge=0, le=3660)]


class RentBalanceReported(Payload, frozen=True, kw_only=True):
    """`paid_late_days`: days after the due date on which the last four due months were paid in full, oldest first;
    a month not yet paid counts its days until now and stands last."""

    _days: ClassVar[tuple[str, ...]] = ("occurred_on", "oldest_unpaid_on")
    _order: ClassVar[tuple[tuple[str, str], ...]] = (("oldest_unpaid_on", "occurred_on"),)

    lease_id: LocalId
    outstanding_cents: Cents
    rent_cents: PositiveCents
    oldest_unpaid_on: date | None = None
    paid_late_days: Annotated[list[LateDays], msgspec.Meta(max_length=4)] = msgspec.field(default_factory=list)


class PaymentPlanAgreed(Payload, frozen=True, kw_only=True, gc=False):
    _days: ClassVar[tuple[str, ...]] = ("occurred_on", "first_due_on")

    payment_plan_id: LocalId
    lease_id: LocalId
    term_cents: PositiveCents
    terms: Annotated[int, msgspec.Meta(ge=1, le=240)]
    first_due_on: date


class PaymentPlanBroken(Payload, frozen=True, kw_only=True, gc=False):
    payment_plan_id: LocalId
    lease_id: LocalId


class PaymentPlanCompleted(Payload, frozen=True, kw_only=True, gc=False):
    payment_plan_id: LocalId
    lease_id: LocalId


class CollectionStepTaken(Payload, frozen=True, kw_only=True, gc=False):
    lease_id: LocalId
    step: lists.CollectionStep


class ArrearsEffortMade(Payload, frozen=True, kw_only=True, gc=False):
    """One of the four efforts before a signal (art. 2 Besluit gemeentelijke schuldhulpverlening)."""

    lease_id: LocalId
    effort: lists.ArrearsEffort
    reached: bool | None = None


class ArrearsSignalled(Payload, frozen=True, kw_only=True, gc=False):
    """The amount and nothing else; contact data travel outside the log."""

    signal_id: QualifiedId
    lease_id: LocalId
    amount_cents: PositiveCents
    to_org: Org


class DebtHelpOutcome(Payload, frozen=True, kw_only=True, gc=False):
    """`attempts`: how often contact was tried."""

    signal_id: QualifiedId
    outcome: lists.DebtHelpOutcome
    attempts: Annotated[int, msgspec.Meta(ge=0, le=1000)]
