"""How a record is made and bound: its draft, its partition, its header, and what is sealed in it.

The header is everything that stands in clear. It is bound to the sealed text (associated data), so a record that is
moved to another place, day or resident does not open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from struct import Struct

import msgspec

from woonketen.contracts.facts import Record, Sealed
from woonketen.contracts.ports import Vault

PLATFORM = "woonketen"
PLATFORM_SOURCE = "urn:nld:kvknr:90000001:systeem:woonketen"
"""Name and source of the platform's own events; no partner can register either."""

KIND_BYTE = {"fact": b"f", "world": b"w", "day_closed": b"d"}
_FIXED = Struct(">IQI")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Sealed)


class Draft(msgspec.Struct, gc=False):
    """A record before it has its place. Implements the port of the same name."""

    partition: int
    day: date
    kind: str
    ref: bytes | None
    kid: bytes | None
    clear: bytes

    def __repr__(self) -> str:
        return f"Draft({self.partition} {self.kind})"


def partition_of(ref: bytes, partitions: int) -> int:
    """Where a resident lives, for ever: references are random, so their first four bytes spread evenly."""
    return int.from_bytes(ref[:4], "big") % partitions


def warning_class(warning_id: str) -> str:
    """The retention class of a warning's key: one key per episode, destroyed with its evidence."""
    return f"warnings:{warning_id}"


def header(partition: int, seq: int, day: date, kind: str, ref: bytes | None, kid: bytes | None) -> bytes:
    """The clear part of a record in one unambiguous form: `kind` tells which ids follow, each of 16 bytes."""
    fixed = _FIXED.pack(partition, seq, day.toordinal()) + KIND_BYTE[kind]
    if ref is not None and kid is not None:
        return fixed + ref + kid
    return fixed + (ref or b"") + (kid or b"")


def header_of(record: Record) -> bytes:
    return header(record.partition, record.seq, record.day, record.kind, record.ref, record.kid)


def pack(sealed: Sealed) -> bytes:
    """The clear text of a record."""
    return _encoder.encode(sealed)


def unpack(clear: bytes) -> Sealed:
    """Raises `msgspec.DecodeError` for what `pack` did not make."""
    return _decoder.decode(clear)


def fact_draft(clear: bytes, ref: bytes, kid: bytes, day: date, partitions: int) -> Draft:
    return Draft(partition_of(ref, partitions), day, "fact", ref, kid, clear)


def world_drafts(clear: bytes, kid: bytes, day: date, partitions: int) -> list[Draft]:
    """One copy for every partition: each worker keeps a world beside its residents."""
    return [Draft(partition, day, "world", None, kid, clear) for partition in range(partitions)]


def closing_drafts(day: date, partitions: int) -> list[Draft]:
    """The close of `day`, behind everything that was known on it."""
    return [Draft(partition, day, "day_closed", None, None, b"") for partition in range(partitions)]


def open_records(records: Sequence[Record], vault: Vault) -> Iterable[tuple[Record, bytes | None]]:
    """Each record with its clear text, or `None` where its key was destroyed; `b""` for the close of a day.

    Raises `WrongKey` for a record that was changed, `KeyMissing` or `Unreachable` from the vault.
    """
    ciphers = vault.ciphers({record.kid for record in records if record.kid is not None})
    for record in records:
        if record.kid is None:
            yield record, b""
            continue
        cipher = ciphers[record.kid]
        yield record, None if cipher is None else cipher.open(record.sealed, header_of(record))
