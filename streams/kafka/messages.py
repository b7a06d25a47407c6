"""A Kafka message to the line that admission reads: the CloudEvents Kafka binding, structured and binary. Pure.

Whatever client wrote it: the key says nothing to us, and who writes is known by the topic.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from woonketen.contracts.envelope import LARGEST
from woonketen.streams.door.admit import Refused

Headers = Sequence[tuple[str, bytes | None]]

PREFIX = "ce_"
_STRUCTURED = "application/cloudevents"
_BATCH = "application/cloudevents-batch"
_OF_CONTENT = "content-type"


def line_of(headers: Headers, value: bytes | None) -> bytes | Refused:
    """One CloudEvent in JSON, or why there is none. Texts of ours only: a refusal repeats nothing of the message."""
    if value is None:
        return _malformed("event", "send the event as the message's value; a message without one says nothing")
    if len(value) > LARGEST:
        return Refused("too_large", "event", "send at most 64 KB an event")
    try:
        named = _read(headers)
    except _Twice:
        return _malformed("headers", "give each header once")
    except UnicodeDecodeError:
        return _malformed("headers", "write headers in UTF-8")
    content = named.get(_OF_CONTENT, "").partition(";")[0].strip().lower()
    if content.startswith(_BATCH):
        return _malformed("event", "send one event a message, not a batch")
    if content.startswith(_STRUCTURED):
        if content not in (_STRUCTURED, f"{_STRUCTURED}+json"):
            return _malformed("event", "send the event in JSON: application/cloudevents+json")
        return value
    attributes = {name[len(PREFIX) :]: text for name, text in named.items() if name.startswith(PREFIX)}
    if not attributes:
        return value
    return _binary(attributes, named.get(_OF_CONTENT), value)


class _Twice(Exception):
    pass


def _read(headers: Headers) -> dict[str, str]:
    """The headers that are of the binding; others are the partner's own, and are not looked at."""
    named: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        if not lower.startswith(PREFIX) and lower != _OF_CONTENT:
            continue
        if lower in named:
            raise _Twice
        named[lower] = (value or b"").decode("utf-8")
    return named


def _binary(attributes: dict[str, str], content: str | None, value: bytes) -> bytes | Refused:
    """Attributes in headers, the payload alone in the value."""
    if "data" in attributes or "datacontenttype" in attributes:
        return _malformed("headers", "the payload is the message's value, and its type the header content-type")
    try:
        # One JSON value and nothing behind it: else the payload could write attributes of its own.
        data = msgspec.json.decode(value, type=msgspec.Raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _malformed("data", "give the payload as an object in JSON")
    fields = {**attributes, "data": msgspec.Raw(bytes(data).strip())}
    if content is not None:
        fields["datacontenttype"] = content
    return msgspec.json.encode(fields)


def _malformed(detail: str, mend: str) -> Refused:
    return Refused("malformed", detail, mend)
