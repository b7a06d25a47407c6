"""Coach and visits, neighbours, informal support, care, day activity, the ladder."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar

import msgspec

from woonketen.contracts.payloads import lists
from woonketen.contracts.payloads.base import Broken, LocalId, Payload, Severity, Step

IntervalDays = Annotated[int, msgspec.Meta(ge=1, le=366)]


class CoachAssigned(Payload, frozen=True, kw_only=True, gc=False):
    """`interval_days`: agreed days between contacts; in mode `background` the rules about contact rest."""

    assignment_id: LocalId
    role: lists.CoachRole
    worker: LocalId
    interval_days: IntervalDays
    mode: lists.CoachMode = "active"


class CoachChanged(Payload, frozen=True, kw_only=True, gc=False):
    assignment_id: LocalId
    role: lists.CoachRole
    worker: LocalId
    interval_days: IntervalDays
    mode: lists.CoachMode = "active"


class CoachCovered(Payload, frozen=True, kw_only=True, gc=False):
    _days: ClassVar[tuple[str, ...]] = ("occurred_on", "until")
    _order: ClassVar[tuple[tuple[str, str], ...]] = (("occurred_on", "until"),)

    assignment_id: LocalId
    worker: LocalId
    until: date


class CoachEnded(Payload, frozen=True, kw_only=True, gc=False):
    assignment_id: LocalId
    reason: lists.CoachEnd


class CoachVisitPlanned(Payload, frozen=True, kw_only=True, gc=False):
    _days: ClassVar[tuple[str, ...]] = ("occurred_on", "planned_on")

    visit_id: LocalId
    planned_on: date
    channel: lists.Channel
    worker: LocalId | None = None


class CoachVisitHeld(Payload, frozen=True, kw_only=True):
    visit_id: LocalId
    channel: lists.Channel
    present: Annotated[list[lists.Present], msgspec.Meta(max_length=10)]
    worker: LocalId | None = None


class CoachVisitMissed(Payload, frozen=True, kw_only=True, gc=False):
    visit_id: LocalId
    missed_by: lists.MissedBy
    worker: LocalId | None = None


class ContactAttempted(Payload, frozen=True, kw_only=True, gc=False):
    channel: lists.Channel
    reached: bool


class PauseAgreed(Payload, frozen=True, kw_only=True, gc=False):
    _days: ClassVar[tuple[str, ...]] = ("occurred_on", "until")
    _order: ClassVar[tuple[tuple[str, str], ...]] = (("occurred_on", "until"),)

    until: date


class NuisanceReported(Payload, frozen=True, kw_only=True, gc=False):
    """`reporter_hash` is the publisher's own; without it, or without `seriousness`, the rules that need it are
    `unknown`."""

    report_id: LocalId
    lease_id: LocalId | None = None
    reporter_hash: LocalId | None = None
    category: lists.NuisanceCategory
    seriousness: Severity | None = None


class NuisanceResolved(Payload, frozen=True, kw_only=True, gc=False):
    report_id: LocalId


class NuisanceNoticeSent(Payload, frozen=True, kw_only=True, gc=False):
    lease_id: LocalId | None = None
    step: lists.NuisanceStep


class MediationAgreed(Payload, frozen=True, kw_only=True, gc=False):
    report_id: LocalId


class FireSafetyVisitHeld(Payload, frozen=True, kw_only=True, gc=False):
    _days: ClassVar[tuple[str, ...]] = ("occurred_on", "follow_up_due_on")
    _order: ClassVar[tuple[tuple[str, str], ...]] = (("occurred_on", "follow_up_due_on"),)

    follow_up_due_on: date | None = None


class SupportRequested(Payload, frozen=True, kw_only=True, gc=False):
    support_id: LocalId
    kind: lists.SupportKind


class SupportMatched(Payload, frozen=True, kw_only=True, gc=False):
    support_id: LocalId
    kind: lists.SupportKind


class SupportEnded(Payload, frozen=True, kw_only=True, gc=False):
    support_id: LocalId


class CareStarted(Payload, frozen=True, kw_only=True, gc=False):
    care_id: LocalId
    category: lists.CareCategory


class CareEnded(Payload, frozen=True, kw_only=True, gc=False):
    care_id: LocalId
    end_reason: lists.CareEnd


class DayActivityStarted(Payload, frozen=True, kw_only=True, gc=False):
    activity_id: LocalId
    kind: lists.DayActivityKind
    in_own_district: bool | None = None


class DayActivityEnded(Payload, frozen=True, kw_only=True, gc=False):
    _days: ClassVar[tuple[str, ...]] = ("occurred_on", "successor_planned_on")

    activity_id: LocalId
    successor_planned_on: date | None = None


class LadderStepChanged(Payload, frozen=True, kw_only=True, gc=False):
    """`from_step` None: the first step that is told."""

    from_step: Step | None = None
    to_step: Step

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.from_step == self.to_step:
            raise Broken("to_step", "give another step than from_step")


class LadderReviewed(Payload, frozen=True, kw_only=True, gc=False):
    _days: ClassVar[tuple[str, ...]] = ("occurred_on", "next_on")
    _order: ClassVar[tuple[tuple[str, str], ...]] = (("occurred_on", "next_on"),)

    step: Step
    result: lists.LadderReview
    next_on: date | None = None


class AttentionFlagged(Payload, frozen=True, kw_only=True, gc=False):
    """No content: somebody asks for attention until a day."""

    _days: ClassVar[tuple[str, ...]] = ("occurred_on", "until")
    _order: ClassVar[tuple[tuple[str, str], ...]] = (("occurred_on", "until"),)

    until: date
