"""Who takes part, since when, and under which pseudonyms."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar

import msgspec

from woonketen.contracts.payloads import lists
from woonketen.contracts.payloads.base import District, LinkCode, LocalId, Municipality, Payload, Piece, QualifiedId


class EnrolmentOpened(Payload, frozen=True, kw_only=True, gc=False):
    """`district` None: the city-wide list."""

    enrolment_id: QualifiedId
    programme: lists.Programme
    route: lists.Route
    municipality: Municipality
    district: District | None = None
    cohort: LocalId | None = None


class EnrolmentTransferred(Payload, frozen=True, kw_only=True, gc=False):
    enrolment_id: QualifiedId
    municipality: Municipality
    district: District | None = None


class GoalsMet(Piece, frozen=True, kw_only=True, gc=False):
    """By whose judgement; `None` where that judge was not asked."""

    resident: bool | None = None
    coach: bool | None = None
    casusregisseur: bool | None = None
    corporatie: bool | None = None


class EnrolmentClosed(Payload, frozen=True, kw_only=True):
    enrolment_id: QualifiedId
    outcome: lists.Outcome
    goals_met: GoalsMet = GoalsMet()
    tenancy_kept: bool | None = None


class FollowUpHeld(Payload, frozen=True, kw_only=True, gc=False):
    enrolment_id: QualifiedId
    months_after_start: Annotated[int, msgspec.Meta(ge=1, le=240)]
    housed: bool


class NoticeGiven(Payload, frozen=True, kw_only=True, gc=False):
    """`version` of the text that the resident was given."""

    version: LocalId
    channel: lists.NoticeChannel


class SubjectLinked(Payload, frozen=True, kw_only=True, gc=False):
    link_code: LinkCode


class SubjectMerged(Payload, frozen=True, kw_only=True, gc=False):
    reason: lists.MergeReason


class SubjectSplit(Payload, frozen=True, kw_only=True, gc=False):
    reason: lists.SplitReason


class SubjectErased(Piece, frozen=True, kw_only=True, gc=False):
    _days: ClassVar[tuple[str, ...]] = ("occurred_on",)

    request_id: LocalId
    reason: lists.ErasureReason
    occurred_on: date | None = None
