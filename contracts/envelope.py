"""From a line of a file, a request's body or a message to an `Event`: size, JSON, CloudEvents, personal data, source.

Messages name attributes, never values; the name of an extension attribute is not repeated either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from woonketen.contracts import catalogue, personal
from woonketen.contracts.errors import Malformed, NotYourSource, PersonalData, TooLarge
from woonketen.contracts.facts import Event

LARGEST = 64 * 1024
EXTENSION = "an extension attribute"

_ID = re.compile(r"(?=[^0-9]*[0-9])[A-Za-z0-9][A-Za-z0-9._:/+=~#-]{0,254}\Z")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
_SOURCE = re.compile(r"urn:nld:(oin:[0-9]{1,20}|kvknr:[0-9]{8})(?::systeem:([A-Za-z0-9][A-Za-z0-9._-]{0,63}))?\Z")
_JSON = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json\s*(?:;.*)?\Z", re.IGNORECASE)
_EXTENSION = re.compile(r"[a-z0-9]{1,64}\Z")
_YEARS = range(1900, 2101)

_MENDS = {
    "specversion": 'give "1.0"',
    "id": "give an id of at most 255 letters, digits and . _ : / + = ~ # - with a digit in it, such as a UUID",
    "source": "give your registered source",
    "type": "give a type of the catalogue",
    "time": "give a timestamp with a zone from 1900 to 2100, as 2026-01-31T09:30:00+01:00",
    "datacontenttype": "give application/json, or leave it out",
    "dataschema": "give the contract's dataschema",
    "subject": "give your own pseudonym for the resident",
    "data": "give the payload as an object",
}
_REQUIRED = ("specversion", "id", "source", "type", "time", "data")
_KNOWN = {
    (f"{catalogue.PREFIX}{short}" + (f".v{each.version}" if each.version > 1 else ""), each.dataschema): each
    for short, each in catalogue.TYPES.items()
}


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    """A sound CloudEvent without extension attributes; for what does not fit here, `_slowly` finds out why."""

    specversion: Literal["1.0"]
    id: Annotated[str, msgspec.Meta(pattern=rf"\A{_ID.pattern}")]
    source: str
    type: str
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    data: msgspec.Raw
    dataschema: str | None = None
    subject: str | None = None
    datacontenttype: str | None = None


_decoder = msgspec.json.Decoder(_Envelope)
_attributes = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Sources:
    """The sources of one organisation. Liberal as real software needs: a shorter OIN, a missing `systeem` part."""

    def __init__(self, registered: Iterable[str]) -> None:
        self.registered = frozenset(registered)
        self._identities = [found for source in self.registered if (found := identity(source)) is not None]
        self._known = set(self.registered)

    def own(self, source: str) -> bool:
        if source in self._known:
            return True
        given = identity(source)
        own = given is not None and any(same_source(given, each) for each in self._identities)
        if own and len(self._known) < 100:
            self._known.add(source)
        return own


def identity(source: str) -> tuple[str, str | None] | None:
    """Number and system of a source, or None for what is no source of the profile."""
    found = _SOURCE.match(source)
    if found is None:
        return None
    kind, number = found.group(1).split(":")
    return f"{kind}:{number.lstrip('0') if kind == 'oin' else number}", found.group(2)


def same_source(one: tuple[str, str | None], other: tuple[str, str | None]) -> bool:
    return one[0] == other[0] and (one[1] == other[1] or one[1] is None or other[1] is None)


def read(line: bytes, sources: Sources) -> Event:
    """The event in a line. Raises a `Refusal`: too large, malformed, personal data in context, not your source."""
    if len(line) > LARGEST:
        raise TooLarge("event", "send at most 64 KB an event")
    try:
        catalogue.check_json(line)
    except Malformed as malformed:
        raise Malformed("event", malformed.mend) from None
    try:
        found = _decoder.decode(line)
    except msgspec.MsgspecError:
        found = _slowly(line)
    _check(found)
    data = bytes(found.data)
    if not data.startswith(b"{"):
        raise Malformed("data", _MENDS["data"])
    if not sources.own(found.source):
        if personal.find(found.source) is not None:
            raise PersonalData("source", _MENDS["source"])
        raise NotYourSource("source", _MENDS["source"])
    if found.source not in sources.registered and personal.find((identity(found.source) or ("", ""))[1] or ""):
        raise PersonalData("source", _MENDS["source"])
    return Event(found.id, found.source, found.type, found.dataschema, found.time, found.subject, data)


def contract_of(event: Event) -> catalogue.Contract:
    """Raises `UnknownType` or `UnknownVersion`."""
    found = _KNOWN.get((event.type, event.dataschema or ""))
    return found if found is not None else catalogue.contract(event.type, event.dataschema)


def echo(line: bytes, sources: Sources) -> tuple[str | None, str | None]:
    """Source and id of a refused line, as far as a receipt may repeat them: well-formed, the publisher's own, and free
    of personal data."""
    try:
        if len(line) > LARGEST:
            return None, None
        catalogue.check_json(line)
        fields = _attributes.decode(line)
    except (Malformed, msgspec.MsgspecError):
        return None, None
    source, event_id = (_text(fields.get(name)) for name in ("source", "id"))
    own = source is not None and sources.own(source) and (source in sources.registered or not personal.find(source))
    sound = event_id is not None and _ID.match(event_id) and personal.find(event_id) is None
    return source if own else None, event_id if sound else None


def _check(found: _Envelope) -> None:
    if found.time.year not in _YEARS:
        raise Malformed("time", _MENDS["time"])
    if found.datacontenttype not in (None, "application/json") and not _JSON.match(found.datacontenttype or ""):
        raise Malformed("datacontenttype", _MENDS["datacontenttype"])
    if not _UUID.match(found.id) and personal.find(found.id) is not None:
        raise PersonalData("id", "give an id that says nothing of a person, such as a UUID")
    if found.subject is not None:
        personal.check_subject(found.subject)
    if (found.type, found.dataschema) not in _KNOWN:
        for name in ("type", "dataschema", "datacontenttype"):
            if personal.find(getattr(found, name) or "") is not None:
                raise PersonalData(name, _MENDS[name])
    elif found.datacontenttype not in (None, "application/json") and personal.find(found.datacontenttype or ""):
        raise PersonalData("datacontenttype", _MENDS["datacontenttype"])


def _slowly(line: bytes) -> _Envelope:
    """The envelope of an event that has extension attributes, or what is wrong with it."""
    try:
        fields = _attributes.decode(line)
    except msgspec.MsgspecError:
        raise Malformed("event", "give one event as an object a line") from None
    for name in fields.keys() - set(_Envelope.__struct_fields__):
        _check_extension(name, fields[name])
    for name in _REQUIRED:
        if bytes(fields.get(name, b"null")) == b"null":
            raise Malformed(name, f"this attribute is required: {_MENDS[name]}")
    kept = {name: fields[name] for name in _Envelope.__struct_fields__ if name in fields and name != "data"}
    texts = {name: _text(raw) for name, raw in kept.items()}
    for name, text in texts.items():
        if text is None and (name in _REQUIRED or bytes(kept[name]) != b"null"):
            raise Malformed(name, _MENDS[name])
    if texts["specversion"] != "1.0":
        raise Malformed("specversion", _MENDS["specversion"])
    event_id = texts["id"] or ""
    if personal.find(event_id) is not None:
        raise PersonalData("id", "give an id that says nothing of a person, such as a UUID")
    if not _ID.match(event_id):
        raise Malformed("id", _MENDS["id"])
    try:
        return msgspec.convert({**texts, "data": fields["data"]}, _Envelope)
    except (msgspec.MsgspecError, ValueError):
        raise Malformed("time", _MENDS["time"]) from None


def _check_extension(name: str, raw: msgspec.Raw) -> None:
    """Extension attributes are allowed and not kept; personal data in one is refused all the same."""
    if name in ("data_base64", "data_ref"):
        raise Malformed("data", _MENDS["data"])
    value: Any = msgspec.json.decode(raw)
    if personal.find(name) is not None or personal.find(str(value)) is not None:
        raise PersonalData(EXTENSION, "remove it: an attribute holds no personal data")
    if not _EXTENSION.match(name) or isinstance(value, dict | list):
        raise Malformed(EXTENSION, "name it with small letters and digits, and give it a single value")


def _text(raw: msgspec.Raw | None) -> str | None:
    value = None if raw is None else msgspec.json.decode(raw)
    return value if isinstance(value, str) else None


def known_type(event: Event) -> str | None:
    """The short name of the event's type, if the catalogue has it."""
    short = event.type.removeprefix(catalogue.PREFIX)
    return short if event.type != short and short in catalogue.TYPES else None
