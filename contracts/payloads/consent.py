"""What the resident allowed, refused and objected to; the safety flag."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar

import msgspec

from woonketen.contracts.payloads import lists
from woonketen.contracts.payloads.base import Broken, Org, Payload, Piece, QualifiedId

Categories = Annotated[list[lists.Category], msgspec.Meta(min_length=1, max_length=50)]


class ConsentRecipient(Piece, frozen=True, kw_only=True, gc=False):
    """A role or one organisation, never both."""

    role: lists.Role | None = None
    org: Org | None = None

    def __post_init__(self) -> None:
        if (self.role is None) == (self.org is None):
            raise Broken("", "name either a role or an org, not both")


class ConsentGranted(Payload, frozen=True, kw_only=True):
    """Two periods: when the consent is valid (looked at), and of which facts (`data_from`, `data_until`, by their
    date; `None` is open)."""

    _days: ClassVar[tuple[str, ...]] = ("occurred_on", "valid_from", "valid_until", "data_from", "data_until")
    _order: ClassVar[tuple[tuple[str, str], ...]] = (("valid_from", "valid_until"), ("data_from", "data_until"))

    consent_id: QualifiedId
    recipient: ConsentRecipient
    purpose: lists.Purpose
    categories: Categories
    valid_from: date
    valid_until: date
    data_from: date | None = None
    data_until: date | None = None
    recorded: lists.ConsentRecorded


class ConsentRefused(Payload, frozen=True, kw_only=True):
    consent_id: QualifiedId
    recipient: ConsentRecipient
    purpose: lists.Purpose
    categories: Categories


class ConsentWithdrawn(Payload, frozen=True, kw_only=True, gc=False):
    consent_id: QualifiedId


class ConsentExpired(Payload, frozen=True, kw_only=True, gc=False):
    """Tells that the validity has passed; the date in the grant decides, not this event."""

    consent_id: QualifiedId


class ObjectionRecorded(Payload, frozen=True, kw_only=True, gc=False):
    objection_id: QualifiedId
    purpose: lists.ObjectionPurpose


class ObjectionLifted(Payload, frozen=True, kw_only=True, gc=False):
    objection_id: QualifiedId


class SafetyFlagSet(Payload, frozen=True, kw_only=True, gc=False):
    pass


class SafetyFlagCleared(Payload, frozen=True, kw_only=True, gc=False):
    pass
