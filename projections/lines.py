"""Rows as JSON objects whose keys are the columns of their table, and digests of them.

The bytes that are written are the bytes that the digest is taken over, so an unchanged digest needs no writing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import msgspec

from woonketen.contracts.ports import Shown, WarningRow
from woonketen.contracts.views import Late, Row
from woonketen.projections.ddl import PEOPLE

CONTRIBUTION, PILOT = "contribution", "pilot"
TABLES = (*PEOPLE, CONTRIBUTION, PILOT)
"""In this order stand the parts of a digest."""

PART = 8
NOTHING = bytes(PART)
"""The part of a table that holds nothing of the resident."""

_encode = msgspec.json.Encoder().encode
_NO_LATE = Late()


def lines_of(shown: Shown, partition: int) -> dict[str, list[bytes]]:
    """Per table the resident's rows, in an order that depends on nothing but their keys."""
    lines: dict[str, list[bytes]] = {}
    ref = shown.ref.hex()
    for row in sorted(shown.rows, key=_row_key):
        lines.setdefault(row.view, []).append(_person(row, shown.ref, ref, partition))
    for warning in sorted(shown.warnings, key=_warning_key):
        lines.setdefault("warnings", []).append(_warning(warning, shown.ref, ref, partition))
    for table, added in ((CONTRIBUTION, shown.contributions), (PILOT, shown.pilots)):
        for each in added:
            lines.setdefault(table, []).append(_encode({"ref": "\\x" + ref, "partition": partition, "data": each}))
    return lines


def digest(lines: Mapping[str, Sequence[bytes]]) -> bytes:
    return b"".join(
        blake2b(b"\n".join(lines[table]), digest_size=PART).digest() if table in lines else NOTHING for table in TABLES
    )


def row_id(view: str, ref: bytes, key: str) -> bytes:
    """16 bytes; the resident cannot be found from it."""
    return blake2b(view.encode() + b"|" + ref + b"|" + key.encode(), digest_size=16).digest()


def _row_key(row: Row) -> tuple[str, str]:
    return (row.view, row.key)


def _warning_key(warning: WarningRow) -> tuple[str, str]:
    return (warning.role, warning.key)


def _person(row: Row, ref: bytes, ref_hex: str, partition: int) -> bytes:
    unseen = {
        "v_id": "\\x" + row_id(row.view, ref, row.key).hex(),
        "v_ref": "\\x" + ref_hex,
        "v_partition": partition,
        "v_org": row.org,
        "v_worker": row.worker,
        "v_district": row.district,
        "v_late": row.late,
        "v_sources": row.sources,
    }
    return _join(_encode(unseen), _encode(row.data))


def _warning(warning: WarningRow, ref: bytes, ref_hex: str, partition: int) -> bytes:
    unseen = {
        "v_id": "\\x" + row_id("warnings", ref, f"{warning.role}|{warning.key}").hex(),
        "v_ref": "\\x" + ref_hex,
        "v_partition": partition,
        "v_org": warning.org,
        "v_worker": warning.worker,
        "v_district": warning.district,
        "v_late": _NO_LATE,
        "v_sources": warning.sources,
        "v_role": warning.role,
        "resident": warning.resident,
    }
    return _join(_encode(unseen), _encode(warning.warn))


def _join(one: bytes, other: bytes) -> bytes:
    """Two JSON objects as one."""
    return one[:-1] + b"," + other[1:]
