"""About no person: who works together, complexes and dwellings, the registered organisations, heartbeats, the clock."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar

import msgspec

from woonketen.contracts.payloads import lists
from woonketen.contracts.payloads.base import (
    FIRST_DAY,
    LAST_DAY,
    Broken,
    District,
    LocalId,
    Month,
    Org,
    Payload,
    Phone,
    Piece,
    QualifiedId,
    SubjectUrl,
    Timestamp,
)

Count = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]


class AgreementSigned(Payload, frozen=True, kw_only=True):
    _days: ClassVar[tuple[str, ...]] = ("occurred_on", "valid_from", "valid_until")
    _order: ClassVar[tuple[tuple[str, str], ...]] = (("valid_from", "valid_until"),)

    agreement_id: QualifiedId
    programme: lists.Programme
    orgs: Annotated[list[Org], msgspec.Meta(min_length=1, max_length=200)]
    purposes: Annotated[list[lists.Purpose], msgspec.Meta(min_length=1, max_length=20)]
    valid_from: date
    valid_until: date


class AgreementEnded(Payload, frozen=True, kw_only=True, gc=False):
    agreement_id: QualifiedId
    reason: lists.AgreementEnd


class ProgrammeCapacitySet(Payload, frozen=True, kw_only=True, gc=False):
    _days: ClassVar[tuple[str, ...]] = ("occurred_on", "until")
    _order: ClassVar[tuple[tuple[str, str], ...]] = (("occurred_on", "until"),)

    programme: lists.Programme
    places: Count
    until: date | None = None


class ComplexAssessed(Payload, frozen=True, kw_only=True, gc=False):
    complex_id: LocalId
    dwellings: Count
    target_programme_share_pct: Percent
    dwellings_for_programme: Count

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dwellings_for_programme > self.dwellings:
            raise Broken("dwellings_for_programme", "give at most the number in dwellings")


class ComplexNuisanceCounted(Payload, frozen=True, kw_only=True, gc=False):
    """Reports in one month over all dwellings of the complex."""

    complex_id: LocalId
    month: Month
    reports: Count


class DwellingMadeAvailable(Payload, frozen=True, kw_only=True, gc=False):
    _days: ClassVar[tuple[str, ...]] = ("occurred_on", "available_on")

    dwelling_id: LocalId
    complex_id: LocalId | None = None
    programme: lists.Programme
    available_on: date


class PlaceOccupied(Payload, frozen=True, kw_only=True, gc=False):
    """A protected place that is used again; about no person, so that it tells nothing of who came."""

    kind: lists.PlaceKind
    reason: lists.PlaceReason


class FeedHeartbeat(Piece, frozen=True, kw_only=True, gc=False):
    as_of: Timestamp

    def __post_init__(self) -> None:
        if not FIRST_DAY <= self.as_of.date() <= LAST_DAY:
            raise Broken("as_of", "give a timestamp from 1900 to 2100")


class ClockDayClosed(Piece, frozen=True, kw_only=True, gc=False):
    _days: ClassVar[tuple[str, ...]] = ("date",)

    date: date


class OrgRegistered(Payload, frozen=True, kw_only=True):
    """An organisation as the platform knows it now; a later one replaces it.

    `heartbeat_hours`: expected hours between heartbeats, `None` for no expectation; `heartbeat_weekends`: whether
    weekends and holidays count. An empty `districts` is city-wide.
    """

    org: Org
    kind: lists.OrgKind
    districts: Annotated[list[District], msgspec.Meta(max_length=500)] = msgspec.field(default_factory=list)
    heartbeat_hours: Annotated[int, msgspec.Meta(ge=1, le=8784)] | None = None
    heartbeat_weekends: bool = True
    subject_url: SubjectUrl | None = None
    phone: Phone | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.org in ("resident", "network"):
            raise Broken("org", "choose another name: resident and network are owners of actions")


class OrgLeft(Payload, frozen=True, kw_only=True, gc=False):
    org: Org
