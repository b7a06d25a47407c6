"""From a line to an event: what is taken, what is refused with which word, and that nothing of it is repeated."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from woonketen.contracts import envelope
from woonketen.contracts.envelope import EXTENSION, LARGEST, Sources
from woonketen.contracts.errors import Refusal
from woonketen.contracts.facts import Event

COACH = "urn:nld:kvknr:41012345:systeem:coaching"
OWN = Sources([COACH])
GEMEENTE = "urn:nld:oin:00000001001234567000:systeem:sociaal-domein"
PERSONAL = {
    "bsn": "123456782",
    "bsn in words": "client 123456782 please",
    "e-mail": "w.kanarie@voorbeeld.example",
    "phone": "06-12345678",
    "postcode": "1234 AB 12",
}


def event(**changes: Any) -> dict[str, Any]:
    sound = {
        "specversion": "1.0",
        "id": "019ab000-0000-7000-8000-000000000062",
        "source": COACH,
        "type": "nl.woonketen.coach.visit_held",
        "time": "2026-02-24T17:00:00+01:00",
        "subject": "K-88",
        "datacontenttype": "application/json",
        "dataschema": "https://woonketen.example/contracts/coach.visit_held/1",
        "data": {"occurred_on": "2026-02-24", "visit_id": "V-1"},
    } | changes
    return {name: value for name, value in sound.items() if value is not ...}


def line(**changes: Any) -> bytes:
    return json.dumps(event(**changes)).encode()


def refusal(text: bytes, sources: Sources = OWN) -> Refusal:
    with pytest.raises(Refusal) as told:
        envelope.read(text, sources)
    assert told.value.mend
    return told.value


def test_sound_event_is_read_as_it_was_sent() -> None:
    found = envelope.read(b'  {"specversion":"1.0","id":"e-1","source":"%s","type":"t","time":"2026-01-01T00:00:00Z",'
                          b'"data": {"b":1, "a":[ ]} }' % COACH.encode(), OWN)  # fmt: skip
    assert (found.id, found.source, found.type, found.dataschema, found.subject) == ("e-1", COACH, "t", None, None)
    assert found.time.isoformat() == "2026-01-01T00:00:00+00:00"
    assert found.data == b'{"b":1, "a":[ ]}', "as received: the digest and the log rest on it"
    assert "e-1" not in repr(found)


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": None},
        {"subject": ...},
        {"dataschema": ...},
        {"datacontenttype": ...},
        {"datacontenttype": "application/json; charset=utf-8"},
        {"datacontenttype": "application/vnd.example+json"},
        {"time": "2026-02-24T16:00:00Z"},
        {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
        {"sequence": 12, "nlgovsigned": True, "empty": None},
        {"id": "zaak/2026:88#1"},
    ],
)
def test_what_cloudevents_allows_is_taken(changes: dict[str, Any]) -> None:
    assert envelope.read(line(**changes), OWN).source == COACH


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type", "time", "data"])
def test_missing_attribute_is_named(name: str) -> None:
    for text in (line(**{name: ...}), line(**{name: None})):
        told = refusal(text)
        assert (told.reason, told.detail) == ("malformed", name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("specversion", "0.3"),
        ("specversion", 1.0),
        ("id", ""),
        ("id", 12),
        ("id", "Wilhelmientje"),
        ("id", "W. Kanarie 1"),
        ("id", "x1" * 200),
        ("source", 5),
        ("type", ["t"]),
        ("time", "2026-02-24T17:00:00"),
        ("time", "yesterday"),
        ("time", 1771948800),
        ("time", "1899-12-31T00:00:00Z"),
        ("time", "9999-12-31T23:59:59-12:00"),
        ("subject", 88),
        ("dataschema", {}),
        ("datacontenttype", "text/plain"),
        ("data", "text"),
        ("data", [1]),
        ("data", 5),
    ],
)
def test_bad_attribute_is_named_and_not_repeated(name: str, value: Any) -> None:
    told = refusal(line(**{name: value}))
    assert (told.reason, told.detail) == ("malformed", name)
    if isinstance(value, str) and len(value) > 3:
        assert value not in str(told)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"nonsense",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"\xff\xfe",
        b"[" * 5000,
        b'{"id": "a1", "id": "a2"}',
        line(data={"a": 1})[:-1] + b', "id": "second-1"}',
        line().replace(b'"V-1"', b'"V\\u0000"'),
        line().replace(b'"V-1"', b'"\\ud800"'),
        line().replace(b'"V-1"', b"NaN"),
        line().replace(b'"V-1"', b"1e999"),
        line().replace(b'"V-1"', b"123456789012345678901234567890"),
        line().replace(b'"V-1"', b"[" * 40 + b"]" * 40),
    ],
)
def test_what_is_no_json_or_ambiguous_is_malformed(text: bytes) -> None:
    told = refusal(text)
    assert (told.reason, told.detail) == ("malformed", "event")
    assert envelope.echo(text, OWN) == (None, None)


def test_size_is_measured_before_anything_is_parsed() -> None:
    fitting = line(padding="x")
    padded = fitting.replace(b'"x"', b'"%s"' % (b"x" * (LARGEST - len(fitting) + 1)))
    assert len(padded) == LARGEST
    assert envelope.read(padded, OWN).id == event()["id"]
    told = refusal(padded + b" ")
    assert (told.reason, told.detail) == ("too_large", "event")
    assert refusal(b"\xff" * (LARGEST + 1)).reason == "too_large"
    assert envelope.echo(padded + b" ", OWN) == (None, None)


@pytest.mark.parametrize("value", PERSONAL.values(), ids=PERSONAL.keys())
@pytest.mark.parametrize(
    "name", ["id", "subject", "source", "type", "dataschema", "datacontenttype", "extension", "ünfit"]
)
def test_personal_data_is_found_in_every_attribute(name: str, value: str) -> None:
    given_value = f"application/json; note={value}" if name == "datacontenttype" else value
    text = line(**{name: given_value})
    told = refusal(text)
    assert told.reason == "personal_data_in_context"
    assert told.detail == (name if name in event() else EXTENSION)
    assert value not in str(told)
    source, event_id = envelope.echo(text, OWN)
    assert value not in f"{source} {event_id}"


def test_personal_data_as_name_or_number_of_an_extension_is_found() -> None:
    for text in (line(**{"123456782": 1}), line(order=123456782), line(note={"deep": "w@voorbeeld.example"})):
        told = refusal(text)
        assert (told.reason, told.detail) == ("personal_data_in_context", EXTENSION)
        assert "123456782" not in str(told)


@pytest.mark.parametrize("changes", [{"Note": "x"}, {"a-b": 1}, {"note": {"a": 1}}, {"note": [1]}, {"ë": "x"}])
def test_unfit_extension_is_refused_without_its_name(changes: dict[str, Any]) -> None:
    told = refusal(line(**changes))
    assert (told.reason, told.detail) == ("malformed", EXTENSION)


def test_payload_in_base64_is_not_taken() -> None:
    assert refusal(line(data=..., data_base64="e30=")).detail == "data"


def test_bare_number_as_pseudonym_is_refused_with_the_mend() -> None:
    told = refusal(line(subject="12345678"))
    assert told.reason == "personal_data_in_context"
    assert "prefix" in told.mend


@pytest.mark.parametrize(
    ("registered", "given_source", "own"),
    [
        (COACH, COACH, True),
        (COACH, "urn:nld:kvknr:41012345", True),
        (COACH, "urn:nld:kvknr:41012345:systeem:other", False),
        (COACH, "urn:nld:kvknr:41012346:systeem:coaching", False),
        ("urn:nld:kvknr:41012345", COACH, True),
        (GEMEENTE, "urn:nld:oin:1001234567000:systeem:sociaal-domein", True),
        (GEMEENTE, "urn:nld:oin:00000001001234567000", True),
        (GEMEENTE, "urn:nld:oin:00000001001234567001:systeem:sociaal-domein", False),
        (GEMEENTE, "urn:nld:kvknr:41012345", False),
        (COACH, "urn:nld:kvknr:041012345:systeem:coaching", False),
        (COACH, "https://example.org/41012345", False),
        (COACH, "urn:nld:kvknr:41012345:systeem:", False),
        (COACH, "", False),
    ],
)
def test_source_must_be_the_publishers_own(registered: str, given_source: str, own: bool) -> None:
    text = line(source=given_source)
    sources = Sources([registered])
    if own:
        assert envelope.read(text, sources).source == given_source
        assert envelope.echo(text, sources)[0] == given_source
    else:
        told = refusal(text, sources)
        assert (told.reason, told.detail) == ("not_your_source", "source")
        assert envelope.echo(text, sources) == (None, event()["id"]), "another's source is not repeated"


def test_personal_data_in_an_unregistered_part_of_the_own_source_is_found() -> None:
    sources = Sources(["urn:nld:kvknr:41012345"])
    assert (
        refusal(line(source="urn:nld:kvknr:41012345:systeem:123456782"), sources).reason == "personal_data_in_context"
    )


def test_number_of_a_registered_source_is_no_personal_data() -> None:
    source = "urn:nld:oin:123456782:systeem:x"
    assert envelope.read(line(source=source), Sources([source])).source == source


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(sorted(PERSONAL.values())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*event(), "extra", "ex tra"]), JSON, max_size=4))
def test_any_event_is_read_or_refused_and_never_repeats_personal_data(changes: dict[str, Any]) -> None:
    text = json.dumps(event() | changes).encode("utf-8", "surrogatepass")
    told, found = attempt(text)
    said = f"{told}" if found is None else f"{found.id} {found.type} {found.subject}"
    assert not any(value in said for value in PERSONAL.values())
    if told is not None:
        source, event_id = envelope.echo(text, OWN)
        assert told.detail.isascii()
        assert source in (None, COACH)
        assert not any(value in str(event_id) for value in PERSONAL.values())


def attempt(text: bytes) -> tuple[Refusal | None, Event | None]:
    try:
        return None, envelope.read(text, OWN)
    except Refusal as told:
        return told, None


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_a_reason(text: bytes) -> None:
    assert refusal(text).reason == "malformed"
