"""A Kafka message to a line: both modes of the CloudEvents binding, whatever client wrote it, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wkpartners import visit

from woonketen.contracts.envelope import LARGEST
from woonketen.streams.door.admit import Refused
from woonketen.streams.kafka.messages import line_of

STRUCTURED = [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def binary(event: dict[str, Any]) -> tuple[list[tuple[str, bytes]], bytes]:
    headers = [(f"ce_{name}", str(value).encode()) for name, value in event.items()
               if name not in ("data", "datacontenttype")]  # fmt: skip
    return [*headers, ("content-type", b"application/json")], json.dumps(event["data"]).encode()


def test_structured_is_taken_as_it_is() -> None:
    line = json.dumps(visit("K-1")).encode()
    assert line_of(STRUCTURED, line) == line
    assert line_of([], line) == line, "a client that sets no header"
    assert line_of([("Content-Type", b"application/json"), ("trace", b"\xff")], line) == line


def test_binary_says_the_same_as_structured() -> None:
    event = visit("K-1") | {"datacontenttype": "application/json", "traceparent": "00-ab"}
    line = line_of(*binary(event))
    assert isinstance(line, bytes)
    assert json.loads(line) == event


@pytest.mark.parametrize(
    "value", [b'{"a": 1}, "subject": "K-2"', b'{"a": 1}}', b"", b"{", b'{"a": 1} {"b": 2}', b"[" * 60_000]
)
def test_a_payload_cannot_write_attributes(value: bytes) -> None:
    headers, _ = binary(visit("K-1"))
    refused = line_of(headers, value)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.detail) == ("malformed", "data")


@pytest.mark.parametrize(
    ("headers", "value", "reason"),
    [
        (STRUCTURED, None, "malformed"),
        ([], b"x" * (LARGEST + 1), "too_large"),
        ([("content-type", b"application/cloudevents-batch+json")], b"[]", "malformed"),
        ([("content-type", b"application/cloudevents+avro")], b"\x00", "malformed"),
        ([("ce_id", b"a-1"), ("ce_id", b"a-2")], b"{}", "malformed"),
        ([("ce_id", b"a-1"), ("CE_ID", b"a-2")], b"{}", "malformed"),
        ([("ce_id", b"\xff")], b"{}", "malformed"),
        ([("ce_id", b"a-1"), ("ce_data", b"{}")], b"{}", "malformed"),
    ],
)
def test_what_is_no_event_is_refused_with_a_mend(headers: Any, value: bytes | None, reason: str) -> None:
    refused = line_of(headers, value)
    assert isinstance(refused, Refused)
    assert refused.reason == reason
    assert refused.mend


NAMES = st.one_of(st.text(max_size=12), st.sampled_from(["ce_id", "ce_type", "content-type", "ce_specversion"]))


@given(st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=20)), max_size=6), st.none() | st.binary(max_size=60))
def test_any_message_is_a_line_or_refused_and_nothing_of_it_is_repeated(
    headers: list[tuple[str, bytes | None]], value: bytes | None
) -> None:
    found = line_of(headers, value)
    if isinstance(found, Refused):
        assert found.detail in ("event", "headers", "data")
    else:
        assert found == value or json.loads(found)
