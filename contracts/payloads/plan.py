"""Referral, the three questions, the plan and its actions, the case lead, and what must be ready before a move."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, ClassVar

import msgspec

from woonketen.contracts.payloads import lists
from woonketen.contracts.payloads.base import Broken, LocalId, Org, Owner, Payload, Piece, QualifiedId

Version = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Codes = msgspec.Meta(max_length=50)


def _distinct(values: Sequence[str], field: str, mend: str) -> None:
    if len(set(values)) < len(values):
        raise Broken(field, mend)


class ReferralMade(Payload, frozen=True, kw_only=True, gc=False):
    referral_id: QualifiedId
    to_org: Org
    service: lists.Service
    urgency: lists.Urgency = "normal"


class ReferralAccepted(Payload, frozen=True, kw_only=True, gc=False):
    referral_id: QualifiedId


class ReferralDeclined(Payload, frozen=True, kw_only=True, gc=False):
    referral_id: QualifiedId
    by: lists.DeclinedBy
    reason: lists.DeclineReason


class ReferralClosed(Payload, frozen=True, kw_only=True, gc=False):
    referral_id: QualifiedId
    result: lists.ReferralResult


class IntakeDomain(Piece, frozen=True, kw_only=True):
    domain: lists.Domain
    wants: lists.Wants | None = None
    can_self: Annotated[list[lists.CanSelf], Codes] = msgspec.field(default_factory=list)
    needs: Annotated[list[lists.Needs], Codes] = msgspec.field(default_factory=list)


class IntakeHeld(Payload, frozen=True, kw_only=True):
    """A domain that was not asked about is absent."""

    situation: Annotated[list[lists.Situation], Codes]
    weight: lists.Weight | None = None
    domains: Annotated[list[IntakeDomain], Codes]

    def __post_init__(self) -> None:
        super().__post_init__()
        _distinct([each.domain for each in self.domains], "domains", "name each domain once")


class PlanAction(Piece, frozen=True, kw_only=True, gc=False):
    """`worker`: the code of the worker or volunteer who does it."""

    _days: ClassVar[tuple[str, ...]] = ("due_on",)

    action_id: LocalId
    owner: Owner
    domain: lists.Domain
    kind: lists.ActionKind
    due_on: date
    blocking: bool = False
    worker: LocalId | None = None


class PlanAgreed(Payload, frozen=True, kw_only=True):
    plan_id: QualifiedId
    version: Version
    actions: Annotated[list[PlanAction], msgspec.Meta(max_length=200)]
    agreed_by: Annotated[list[Owner], msgspec.Meta(min_length=1, max_length=100)]

    def __post_init__(self) -> None:
        super().__post_init__()
        _distinct([each.action_id for each in self.actions], "actions", "give each action its own action_id")


class PlanEndorsed(Payload, frozen=True, kw_only=True, gc=False):
    plan_id: QualifiedId
    version: Version


class ActionAdded(Payload, frozen=True, kw_only=True, gc=False):
    plan_id: QualifiedId
    action: PlanAction


class ActionCompleted(Payload, frozen=True, kw_only=True, gc=False):
    plan_id: QualifiedId
    action_id: LocalId


class ActionRescheduled(Payload, frozen=True, kw_only=True, gc=False):
    _days: ClassVar[tuple[str, ...]] = ("occurred_on", "due_on")

    plan_id: QualifiedId
    action_id: LocalId
    due_on: date
    agreed_with_resident: bool


class CaseleadAssigned(Payload, frozen=True, kw_only=True, gc=False):
    worker: LocalId
    deputy_worker: LocalId | None = None


class CaseleadEnded(Payload, frozen=True, kw_only=True, gc=False):
    reason: lists.CaseleadEnd


class ProvisionArranged(Payload, frozen=True, kw_only=True, gc=False):
    kind: lists.Provision


class MovePlanned(Payload, frozen=True, kw_only=True):
    _days: ClassVar[tuple[str, ...]] = ("occurred_on", "planned_on")

    move_id: QualifiedId
    planned_on: date
    provisions_required: Annotated[list[lists.Provision], Codes]
