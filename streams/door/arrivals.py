"""An event on its way through admission, with what is derived from it under admission's keys."""

from __future__ import annotations

from datetime import date

import msgspec

from woonketen.contracts import envelope
from woonketen.contracts.envelope import Sources
from woonketen.contracts.errors import Refusal, RetentionUnset
from woonketen.contracts.retention import Terms
from woonketen.streams.door.admit import Candidate, Refused, content, examine, refused
from woonketen.streams.door.standing import Seals


class Arrival(msgspec.Struct, eq=False):
    """`siv`: the sealed pseudonym. `line`: its place among the receipts. `stored`: it lies in `admission.parked` since
    that day, and waits for this: what, and the two hashes."""

    candidate: Candidate
    digest: bytes
    siv: bytes | None
    line: int | None = None
    since: date | None = None
    stored: tuple[str, bytes, bytes | None] | None = None


class Turned(msgspec.Struct, frozen=True):
    """A line that is refused by itself, with what its receipt may repeat. `type`: only one of the catalogue's."""

    line: int
    verdict: Refused
    source: str | None
    id: str | None
    type: str | None


def arrive(candidate: Candidate, seals: Seals, line: int | None = None) -> Arrival:
    subject = candidate.event.subject
    siv = None if subject is None else seals.keys.pseudonym(candidate.org, subject)
    return Arrival(candidate, seals.keys.digest(content(candidate)), siv, line)


_UNSET = (
    "nobody has decided how long this kind of your data is kept: decide it, and have the platform's operator set it"
    " (`retention`); then send it again"
)


def read(text: bytes, line: int, org: str, kind: str, sources: Sources, seals: Seals, terms: Terms) -> Arrival | Turned:
    """Everything that can be told of a line by itself, outside the lock."""
    event = None
    try:
        event = envelope.read(text, sources)
        candidate = examine(event, org, kind)
        # A correction is kept as long as its original, which was asked about when it came.
        if candidate.original is None and terms.of(org, kind, candidate.contract.category) is None:
            raise RetentionUnset("type", _UNSET)
        return arrive(candidate, seals, line)
    except Refusal as refusal:
        verdict = refused(refusal)
    if event is not None:
        return Turned(line, verdict, event.source, event.id, envelope.known_type(event))
    return Turned(line, verdict, *envelope.echo(text, sources), None)
