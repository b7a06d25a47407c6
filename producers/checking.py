"""What can be told of an event at the partner's desk, before it is stored: the same rules as the platform's door."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import msgspec

from woonketen.contracts import catalogue, envelope
from woonketen.contracts.envelope import Sources, identity
from woonketen.contracts.errors import UnknownType, UnknownVersion
from woonketen.contracts.facts import Event


class Checked(msgspec.Struct, frozen=True):
    """An event that may be stored. `key`: events with the same one are sent in the order in which they were stored.
    `digest`: over type, subject and payload; the same event written in another way has the same."""

    source: str
    id: str
    key: bytes
    digest: bytes
    line: bytes

    def __repr__(self) -> str:
        return "Checked(…)"


class AnySource(Sources):
    """For who does not say which source is theirs: every well-formed one; the platform knows better."""

    def __init__(self) -> None:
        super().__init__(())

    def own(self, source: str) -> bool:
        return identity(source) is not None


def sources(given: Iterable[str] = ()) -> Sources:
    found = tuple(given)
    return Sources(found) if found else AnySource()


def check(line: bytes, own: Sources, *, strict: bool = False) -> Checked:
    """Raises a `Refusal` as the door would. An unknown type or version is let through unless `strict`: the platform may
    have a newer catalogue than this computer."""
    event = envelope.read(line, own)
    try:
        catalogue.decode(envelope.contract_of(event), event.data)
    except (UnknownType, UnknownVersion):
        if strict:
            raise
    return Checked(event.source, event.id, _key(event), _digest(event), line)


def _key(event: Event) -> bytes:
    return blake2b(f"{event.source}\x00{event.subject or ''}".encode(), digest_size=16).digest()


def _digest(event: Event) -> bytes:
    whole = msgspec.msgpack.encode((event.type, event.subject, catalogue.canonical(event.data)))
    return blake2b(whole, digest_size=16).digest()
