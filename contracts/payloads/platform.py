"""Corrections, warnings and retention.

Payloads of warnings hold ids, severities, versions and days, never values: the sentence is made when somebody looks.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar

import msgspec

from woonketen.contracts import personal
from woonketen.contracts.payloads import lists
from woonketen.contracts.payloads.base import (
    Broken,
    EnvelopeId,
    IndicatorId,
    LocalId,
    Org,
    Payload,
    Piece,
    Severity,
)


class EventCorrected(Payload, frozen=True, kw_only=True):
    """`data` is the new payload as received: which contract it must fit is known only with the original."""

    original_id: EnvelopeId
    reason: lists.CorrectionReason
    data: msgspec.Raw

    def __post_init__(self) -> None:
        super().__post_init__()
        _no_person(self.original_id)
        if not bytes(self.data).lstrip()[:1] == b"{":
            raise Broken("data", "give the whole payload as it should have been, as an object")


class EventRetracted(Payload, frozen=True, kw_only=True, gc=False):
    original_id: EnvelopeId
    reason: lists.CorrectionReason

    def __post_init__(self) -> None:
        super().__post_init__()
        _no_person(self.original_id)


def _no_person(original_id: str) -> None:
    if personal.find(original_id) is not None:
        raise Broken("original_id", "give the id of an event; it never holds personal data")


class WarningLevel(Piece, frozen=True, kw_only=True):
    """An episode at a severity. `as_of` is the day whose close it was; `parties` the organisations that it is about."""

    _days: ClassVar[tuple[str, ...]] = ("as_of",)

    warning_id: LocalId
    indicator: IndicatorId
    rule_version: LocalId
    severity: Severity
    evidence: Annotated[list[EnvelopeId], msgspec.Meta(max_length=1000)]
    reason: lists.WarningReason
    as_of: date
    parties: Annotated[list[Org], msgspec.Meta(max_length=100)] = msgspec.field(default_factory=list)


class WarningOpened(WarningLevel, frozen=True, kw_only=True):
    pass


class WarningRaised(WarningLevel, frozen=True, kw_only=True):
    pass


class WarningLowered(WarningLevel, frozen=True, kw_only=True):
    pass


class WarningTurn(Piece, frozen=True, kw_only=True, gc=False):
    """A turn in the life of an episode, and why."""

    _days: ClassVar[tuple[str, ...]] = ("as_of",)

    warning_id: LocalId
    reason: lists.WarningReason
    as_of: date


class WarningClosed(WarningTurn, frozen=True, kw_only=True, gc=False):
    pass


class WarningVoided(WarningTurn, frozen=True, kw_only=True, gc=False):
    pass


class WarningSuspended(WarningTurn, frozen=True, kw_only=True, gc=False):
    pass


class WarningResumed(WarningTurn, frozen=True, kw_only=True, gc=False):
    pass


class Answer(Piece, frozen=True, kw_only=True, gc=False):
    """What a viewer said of a warning. Without `occurred_on` it happened on the day it was recorded."""

    _days: ClassVar[tuple[str, ...]] = ("occurred_on",)

    warning_id: LocalId
    role: lists.Role
    occurred_on: date | None = None


class WarningAcknowledged(Answer, frozen=True, kw_only=True, gc=False):
    reason: lists.Acknowledgement


class WarningContested(Answer, frozen=True, kw_only=True, gc=False):
    reason: lists.ContestReason


class WarningContestAnswered(Answer, frozen=True, kw_only=True, gc=False):
    answer: lists.ContestAnswer


class DataExpired(Piece, frozen=True, kw_only=True, gc=False):
    """Facts of this activity from before that day are gone."""

    _days: ClassVar[tuple[str, ...]] = ("before", "occurred_on")

    activity: lists.Activity
    before: date
    occurred_on: date | None = None
