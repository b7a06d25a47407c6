"""The catalogue: which types there are, who may publish them, and what their payloads must hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from woonketen.contracts import mends, retention, strictjson, upcasters
from woonketen.contracts.errors import Malformed, SchemaError, UnknownType, UnknownVersion
from woonketen.contracts.payloads.platform import EventCorrected
from woonketen.contracts.register import LINES, Basis, Line, PayloadType

PREFIX = "nl.woonketen."
DATASCHEMA = "https://woonketen.example/contracts/"
KIND_LETTER: Mapping[str, str] = MappingProxyType(
    {"gemeente": "G", "corporatie": "C", "zorgaanbieder": "Z", "buddy_organisatie": "B", "schuldhulp": "S"}
)
"""Kind of an organisation → its letter as publisher. R is the resident, P the platform."""

Payload = Any
"""A struct of `woonketen.contracts.payloads`."""


class Contract(msgspec.Struct, frozen=True):
    """One version of one event type.

    `type` is the short name; `publishers` holds letters of kinds; `business_key` the payload's fields that, with type
    and publisher, are one fact (empty: the event's own id); `basis` what admission asks for: a running agreement that
    covers publisher and programme (for `purpose`, if given), nothing but a registered organisation, or the platform
    itself; `restricting`: counts when it is known, because it narrows what may be seen.

    A correction's category and retention class are its original's.
    """

    type: str
    version: int
    category: str
    publishers: frozenset[str]
    about: Literal["person", "everybody"]
    business_key: tuple[str, ...]
    retention_class: str
    basis: Basis
    purpose: str | None
    restricting: bool
    payload: PayloadType

    @property
    def dataschema(self) -> str:
        return f"{DATASCHEMA}{self.type}/{self.version}"


def _contract(line: Line) -> Contract:
    kept = retention.class_of(line.category)
    if line.about == "everybody":
        kept = "world"
    elif kept == "world":
        kept = "case"
    return Contract(
        type=line.type,
        version=line.version,
        category=line.category,
        publishers=frozenset(line.publishers),
        about=line.about,
        business_key=line.key,
        retention_class=kept,
        basis=line.basis,
        purpose=line.purpose,
        restricting=line.restricting,
        payload=line.payload,
    )


_ALL: Mapping[str, Mapping[int, Contract]] = MappingProxyType(
    {line.type: {each.version: _contract(each) for each in LINES if each.type == line.type} for line in LINES}
)
TYPES: Mapping[str, Contract] = MappingProxyType({short: versions[max(versions)] for short, versions in _ALL.items()})
"""Short name → the newest contract."""

_MAJOR = re.compile(r"(.+)\.v([2-9]|[1-9][0-9]{1,3})\Z")


def contract(event_type: str, dataschema: str | None) -> Contract:
    """The contract of an event's type and `dataschema`. Raises `UnknownType` or `UnknownVersion`.

    A type without a `.v2` is the first version.
    """
    short, version = event_type.removeprefix(PREFIX), 1
    if not event_type.startswith(PREFIX):
        raise UnknownType("type", f"use a type of the catalogue; its name begins with {PREFIX}")
    if major := _MAJOR.match(short):
        short, version = major.group(1), int(major.group(2))
    versions = _ALL.get(short)
    if versions is None:
        raise UnknownType("type", "use a type of the catalogue")
    found = versions.get(version)
    if found is None or dataschema != found.dataschema:
        known = ", ".join(each.dataschema for each in versions.values())
        raise UnknownVersion("dataschema" if found else "type", f"give as dataschema one of: {known}")
    return found


def contract_of(short: str) -> Contract:
    """The newest contract of a short name (`lease.started`). Raises `UnknownType`."""
    found = TYPES.get(short)
    if found is None:
        raise UnknownType("type", "use a type of the catalogue")
    return found


_DECODERS: dict[PayloadType, msgspec.json.Decoder[Any]] = {}


def _decoder(payload: PayloadType) -> msgspec.json.Decoder[Any]:
    # Made at first use: a hundred of them cost more than the command that needs one.
    found = _DECODERS.get(payload)
    if found is None:
        found = _DECODERS[payload] = msgspec.json.Decoder(payload)
    return found


def decode(contract: Contract, data: bytes) -> Payload:
    """The payload, checked and brought to the newest version.

    Raises `SchemaError` with the field's path and a mend; neither holds a value or the name of an unknown field. Raises
    `Malformed` for what is no JSON. Double keys are `check_json`'s to find.
    """
    return _decode(contract, data, "data")


def decode_correction(original: Contract, corrected: EventCorrected) -> Payload:
    """The payload that a correction puts in the place of its original's. Raises `SchemaError`."""
    return _decode(original, bytes(corrected.data), "data.data")


def _decode(contract: Contract, data: bytes, root: str) -> Payload:
    try:
        payload = _decoder(contract.payload).decode(data)
    except msgspec.ValidationError as error:
        field, mend = mends.explain(contract.payload, error)
        raise SchemaError(f"{root}{field}", mend) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed(root, "send JSON as RFC 8259 describes it") from None
    if upcasters.STEPS:
        return upcasters.newest(contract.type, contract.version, payload)
    return payload


def encode(payload: Payload) -> bytes:
    """JSON of a payload; fields that hold their default are left out."""
    return msgspec.json.encode(payload)


def canonical(data: bytes) -> bytes:
    """RFC 8785 of a payload that `check_json` and `decode` accepted: sorted keys, no blanks."""
    return msgspec.json.encode(msgspec.json.decode(data), order="deterministic")


def check_json(data: bytes) -> None:
    """Raises `Malformed` for JSON that two readers could read differently. See `strictjson.check`."""
    strictjson.check(data)


def happened_on(contract: Contract, payload: Payload, recorded: date | datetime | None = None) -> date:
    """The day on which it happened: `occurred_on`, else the day of `as_of`, else the clock's `date`.

    A few of the platform's own payloads (answers to a warning, `data.expired`, `subject.erased`) may have none of
    these: they happened on the day they were `recorded` (the event's `time`). Raises `ValueError` without it.
    """
    for name in ("occurred_on", "as_of", "date"):
        day = getattr(payload, name, None)
        if day is not None:
            return day.date() if isinstance(day, datetime) else day
    if recorded is None:
        raise ValueError(f"{contract.type} tells no day: give the day on which it was recorded")
    return recorded.date() if isinstance(recorded, datetime) else recorded
