"""Records as messages: what goes in comes out, and nothing else is taken for a record."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from woonketen.contracts.facts import Record
from woonketen.streams.log.wire import NotARecord, decode, encode, place

IDS = st.binary(min_size=16, max_size=16)


@st.composite
def records(draw: st.DrawFn) -> Record:
    kind = draw(st.sampled_from(["fact", "world", "day_closed"]))
    return Record(
        draw(st.integers(0, 2**32 - 1)),
        draw(st.integers(0, 2**64 - 1)),
        draw(st.dates()),
        kind,
        draw(IDS) if kind == "fact" else None,
        draw(IDS) if kind != "day_closed" else None,
        draw(st.binary()) if kind != "day_closed" else b"",
    )


@given(records())
def test_what_is_encoded_is_decoded(record: Record) -> None:
    key, value = encode(record)
    assert key == record.ref
    assert decode(value) == record
    assert place(value) == (record.seq, record.ref)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_record_or_refused(value: bytes) -> None:
    try:
        record = decode(value)
    except NotARecord:
        with pytest.raises(NotARecord):
            place(value)
        return
    assert encode(record)[1] == value
    assert place(value) == (record.seq, record.ref)


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"{}",
        encode(Record(0, 1, date(2026, 3, 1), "fact", bytes(16), bytes(16), b""))[1][:-1],
        b"\x02" + encode(Record(0, 1, date(2026, 3, 1), "day_closed", None, None, b""))[1][1:],
    ],
)
def test_what_is_cut_or_of_another_format_is_refused(value: bytes | None) -> None:
    for read in (decode, place):
        with pytest.raises(NotARecord):
            read(value)
