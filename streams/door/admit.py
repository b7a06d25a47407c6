"""Admission's verdicts: pure functions on an event and on what stands when it arrives.

Only rules are asked for that exist or do not exist now: contract, publisher, resident, enrolment, agreement, original.
Consent, objection and efforts decide when somebody reads, so nothing here depends on what may still arrive; an event
that comes too early is parked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from woonketen.contracts import catalogue, envelope
from woonketen.contracts.catalogue import KIND_LETTER, Contract
from woonketen.contracts.errors import (
    ConflictingDuplicate,
    LinkCodeRefused,
    LinkCodesSpent,
    NotYourType,
    Objected,
    Refusal,
    SchemaError,
)
from woonketen.contracts.facts import Event, event_key
from woonketen.streams.door import links

WaitsFor = Literal["link", "enrolment", "agreement", "efforts", "original"]

MAKES_KNOWN = frozenset(
    {
        "enrolment.opened",
        "notice.given",
        "consent.granted",
        "consent.refused",
        "consent.withdrawn",
        "referral.made",
    }
)
"""Types that put a resident on the log."""
AFTER_CLOSING = frozenset({"enrolment.transferred", "enrolment.closed", "follow_up.held"})
CORRECTIONS = frozenset({"event.corrected", "event.retracted"})
ISSUES: Mapping[str, str] = MappingProxyType(
    {
        "agreement.signed": "agreement_id",
        "agreement.ended": "agreement_id",
        "enrolment.opened": "enrolment_id",
        "consent.granted": "consent_id",
        "consent.refused": "consent_id",
        "objection.recorded": "objection_id",
        "referral.made": "referral_id",
        "plan.agreed": "plan_id",
        "move.planned": "move_id",
        "waiting.entered": "queue_id",
        "arrears.signalled": "signal_id",
    }
)
"""Types that issue an id for others to refer to, and its field: it carries the publisher's own name."""

_HOURS = int(links.TRIES_IN.total_seconds() // 3600)
_SPENT = f"{links.TRIES} codes of yours did not work in {_HOURS} hours: wait a day, then ask for a new code"
EXPIRED: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "link": ("unknown_subject", "subject", "link the pseudonym with a one-time code, then send it again"),
        "enrolment": ("no_legal_basis", "subject", "send it again when the resident has an enrolment"),
        "agreement": ("no_legal_basis", "type", "send it again when an agreement covers programme, day and purpose"),
        "efforts": (
            "efforts_missing",
            "data.lease_id",
            "send the four efforts of these arrears, then the signal again",
        ),
        "original": ("original_unknown", "data.original_id", "send the original event first"),
    }
)
"""What an event is refused with that waited 30 days: reason, detail and mend."""
WAITING: Mapping[str, str] = MappingProxyType(
    {
        "link": "link the pseudonym with a one-time code (subject.linked)",
        "enrolment": "it waits until the resident has an enrolment on that day",
        "agreement": "it waits until an agreement with you covers programme, day and purpose",
        "efforts": "it waits until the four efforts of this arrears episode are told, with a balance that is owed",
        "original": "it waits for the original event",
    }
)


class Candidate(msgspec.Struct, frozen=True):
    """An event that holds its contract. `original` is the key of the event that it corrects or retracts."""

    event: Event
    org: str
    contract: Contract
    data: Any
    key: bytes
    happened: date
    original: bytes | None

    def __repr__(self) -> str:
        return f"Candidate({self.contract.type})"


class Enrolment(msgspec.Struct, frozen=True, gc=False):
    programme: str
    opened_on: date
    closed_on: date | None


class Agreement(msgspec.Struct, frozen=True):
    programme: str
    orgs: frozenset[str]
    purposes: frozenset[str]
    valid_from: date
    valid_until: date
    ended_on: date | None

    def covers(self, day: date) -> bool:
        return self.valid_from <= day <= self.valid_until and (self.ended_on is None or day <= self.ended_on)


class Original(msgspec.Struct, frozen=True):
    """The event that a correction is about, where it was accepted. `ref` is None for one about no person."""

    type: str
    ref: bytes | None


class Standing(msgspec.Struct, frozen=True):
    """What stands when an event arrives: whom its publisher means, that resident's enrolments, the publisher's
    agreements, the digest of the same (source, id), the accepted original, the resident behind the link code; `spent`:
    the publisher tried too many codes that do not work; `erased`:
    it was taken before, and its resident erased since; for a signal whether the resident objected, and which of the
    four efforts are missing."""

    open_day: date
    digest: bytes
    seen: bytes | None = None
    ref: bytes | None = None
    enrolments: tuple[Enrolment, ...] = ()
    agreements: Sequence[Agreement] = ()
    original: Original | None = None
    link: bytes | None = None
    spent: bool = False
    erased: bool = False
    objected: bool = False
    efforts_missing: tuple[str, ...] = ()


class Accepted(msgspec.Struct, frozen=True):
    """`kept` is the contract whose category and retention it has: a correction's is its original's. `replaces` is the
    payload that a correction puts in its original's place."""

    kept: Contract
    replaces: Any = None


class Duplicate(msgspec.Struct, frozen=True):
    pass


class Parked(msgspec.Struct, frozen=True):
    waits_for: WaitsFor


class Refused(msgspec.Struct, frozen=True):
    """`detail` names fields, never values."""

    reason: str
    detail: str
    mend: str


Verdict = Accepted | Duplicate | Parked | Refused


def refused(refusal: Refusal) -> Refused:
    return Refused(refusal.reason, refusal.detail, refusal.mend)


def examine(event: Event, org: str, kind: str) -> Candidate:
    """What can be told of an event by itself. `kind` is its publisher's. Raises a `Refusal`."""
    contract = envelope.contract_of(event)
    if KIND_LETTER[kind] not in contract.publishers:
        raise NotYourType("type", "this type is not published by organisations of your kind")
    correction = contract.type in CORRECTIONS
    if event.subject is None and contract.about == "person" and not correction:
        raise SchemaError("subject", "this attribute is required: give your own pseudonym for the resident")
    if event.subject is not None and contract.about == "everybody":
        raise SchemaError("subject", "leave it out: this type is about no person")
    data = catalogue.decode(contract, event.data)
    check_issuer(contract.type, data, org, "data")
    original = event_key(event.source, data.original_id) if correction else None
    key = event_key(event.source, event.id)
    return Candidate(event, org, contract, data, key, catalogue.happened_on(contract, data, event.time), original)


def check_issuer(short: str, data: Any, org: str, root: str) -> None:
    """Raises `SchemaError` for an id that is issued here under another organisation's name."""
    field = ISSUES.get(short)
    if field is not None and not getattr(data, field).startswith(f"{org}:"):
        raise SchemaError(f"{root}.{field}", "begin an id that you issue with your own registered name and a colon")


def content(candidate: Candidate) -> bytes:
    """What two events under one id must share to be one: type, subject and data, in whatever order the fields came."""
    event = candidate.event
    return b"\x00".join((event.type.encode(), (event.subject or "").encode(), catalogue.canonical(event.data)))


def admit(candidate: Candidate, standing: Standing) -> Verdict:
    """The verdict on an event that just arrived."""
    if standing.erased:
        return Refused("erased", "id", "the resident whom this event was about was erased: do not send it again")
    if standing.seen is not None:
        if standing.seen == standing.digest:
            return Duplicate()
        return refused(ConflictingDuplicate("id", "give another id to another event, or correct the first one"))
    return place(candidate, standing)


def place(candidate: Candidate, standing: Standing) -> Verdict:
    """The verdict on an event that is no duplicate: just arrived, or parked until now."""
    try:
        return _place(candidate, standing)
    except Refusal as refusal:
        return refused(refusal)


def _place(candidate: Candidate, standing: Standing) -> Verdict:
    contract = candidate.contract
    if candidate.original is not None:
        return _correction(candidate, standing)
    if contract.about == "everybody":
        return Accepted(contract)
    if contract.type == "subject.linked":
        if standing.spent:
            raise LinkCodesSpent("data.link_code", _SPENT)
        if standing.link is None:
            # The same words whatever is wrong: else a code could be tried out.
            raise LinkCodeRefused("data.link_code", "ask for a new code; a code works once, for you, for seven days")
        return Accepted(contract)
    if standing.ref is None and contract.type not in MAKES_KNOWN:
        return Parked("link")
    if contract.basis == "open":
        return Accepted(contract)
    if not _enrolled(candidate, standing.enrolments):
        return Parked("enrolment")
    if not _agreed(candidate, standing):
        return Parked("agreement")
    if contract.type == "arrears.signalled":
        if standing.efforts_missing:
            return Parked("efforts")
        # Only now: until the efforts are there, the objection may still be lifted.
        if standing.objected:
            raise Objected("subject", "the resident objected to early signalling; it may not be sent")
    return Accepted(contract)


def _enrolled(candidate: Candidate, enrolments: tuple[Enrolment, ...]) -> bool:
    short = candidate.contract.type
    if short in MAKES_KNOWN:
        return True
    if short in AFTER_CLOSING:
        return bool(enrolments)
    return any(each.closed_on is None or candidate.happened <= each.closed_on for each in enrolments)


def _agreed(candidate: Candidate, standing: Standing) -> bool:
    """An agreement of the publisher that names programme and purpose, and is in force now or was when it happened."""
    programmes = {each.programme for each in standing.enrolments}
    if candidate.contract.type == "enrolment.opened":
        programmes = {candidate.data.programme}
    purpose = candidate.contract.purpose
    return any(
        # Without an enrolment yet (a consent, a notice, a referral) any agreement will do.
        (not programmes or each.programme in programmes)
        and (purpose is None or purpose in each.purposes)
        and (each.covers(standing.open_day) or each.covers(candidate.happened))
        for each in standing.agreements
    )


def _correction(candidate: Candidate, standing: Standing) -> Verdict:
    original = standing.original
    if original is None:
        return Parked("original")
    if original.type in CORRECTIONS:
        raise SchemaError("data.original_id", "name the first event itself: a correction is not corrected again")
    if original.type == "subject.linked":
        raise SchemaError("data.original_id", "a link is not taken back by an event: ask for a split")
    if (original.ref is None) != (candidate.event.subject is None) or original.ref != standing.ref:
        raise SchemaError("subject", "give the subject of the original event")
    kept = catalogue.contract_of(original.type)
    if candidate.contract.type == "event.retracted":
        return Accepted(kept)
    replaces = catalogue.decode_correction(kept, candidate.data)
    check_issuer(kept.type, replaces, candidate.org, "data.data")
    return Accepted(kept, replaces)


def narrows(candidate: Candidate, kept: Contract) -> bool:
    """Whether what may be seen can become less by it, so that rows may not be shown before it was applied."""
    if candidate.original is None:
        return candidate.contract.restricting
    if candidate.contract.type == "event.retracted":
        return True
    return kept.restricting or kept.category in ("consent", "safety") or kept.type == "notice.given"
