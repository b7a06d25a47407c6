"""A record of the log as a message on the topic `events`, and back. Pure.

Key: the resident's reference, none for what is about everybody. Value: the format's number, the clear part (which is
bound to what is sealed), the sealed bytes. No headers: nobody else reads this topic, and a type or an id would tell.
"""

from __future__ import annotations

from datetime import date
from struct import Struct
from typing import Literal

from woonketen.contracts.facts import Record
from woonketen.contracts.records import header_of

FORMAT = b"\x01"
_CLEAR = Struct(">cIQIc")
_FACT = Struct(">cIQIc16s16s")
_ID = 16
_IDS = {"fact": 2, "world": 1, "day_closed": 0}
_LAST_DAY = date.max.toordinal()

Kind = Literal["fact", "world", "day_closed"]
_KINDS: dict[bytes, Kind] = {b"f": "fact", b"w": "world", b"d": "day_closed"}
_FACT_BYTE = ord("f")


class NotARecord(ValueError):
    """A message that `encode` did not make."""


def encode(record: Record) -> tuple[bytes | None, bytes]:
    """Key and value."""
    return record.ref, FORMAT + header_of(record) + record.sealed


def decode(value: bytes | None) -> Record:
    """Raises `NotARecord`; whether the sealed part is whole, its cipher tells."""
    if value is None or len(value) < _CLEAR.size:
        raise NotARecord("too short")
    if value[_CLEAR.size - 1] == _FACT_BYTE and len(value) >= _FACT.size:  # nearly all of them
        version, partition, seq, ordinal, _, ref, kid = _FACT.unpack_from(value)
        if version == FORMAT and 0 < ordinal <= _LAST_DAY:
            return Record(partition, seq, date.fromordinal(ordinal), "fact", ref, kid, value[_FACT.size :])
    version, partition, seq, ordinal, letter = _CLEAR.unpack_from(value)
    kind = _KINDS.get(letter)
    if version != FORMAT or kind is None or not 0 < ordinal <= _LAST_DAY:
        raise NotARecord("unknown format")
    at = _CLEAR.size
    ids = [value[at + n * _ID : at + (n + 1) * _ID] for n in range(_IDS[kind])]
    if ids and len(ids[-1]) < _ID:
        raise NotARecord("too short")
    ref, kid = ids[0] if kind == "fact" else None, ids[-1] if ids else None
    return Record(partition, seq, date.fromordinal(ordinal), kind, ref, kid, value[at + len(ids) * _ID :])


def place(value: bytes | None) -> tuple[int, bytes | None]:
    """Number and resident of the record that `decode` would give. Raises `NotARecord` for the same values."""
    if value is None or len(value) < _CLEAR.size:
        raise NotARecord("too short")
    if value[_CLEAR.size - 1] != _FACT_BYTE or len(value) < _FACT.size:
        return decode(value).seq, None
    version, _, seq, ordinal, _, ref, _ = _FACT.unpack_from(value)
    if version != FORMAT or not 0 < ordinal <= _LAST_DAY:
        raise NotARecord("unknown format")
    return seq, ref
