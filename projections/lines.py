"""Rows as JSON objects whose keys are the columns of their table, and digests of them.

The bytes that are written are the bytes that the digest is taken over, so an unchanged digest needs no writing.
"""

from __future__ import annotations

from hashlib import blake2b
from operator import is_not
from typing import Any

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


class Lines:
    """The lines of one resident, each table's written out when it is asked for, in an order that depends on nothing but
    keys. Of a table whose rows are those that were written out last (`Shown.printed`) the digest is known without."""

    def __init__(self, shown: Shown, partition: int) -> None:
        self._ref, self._hex, self._partition, self._printed = shown.ref, shown.ref.hex(), partition, shown.printed
        self._made: dict[str, list[bytes]] = {}
        self._rows: dict[str, list[Any]] = {}
        for row in shown.rows:
            self._rows.setdefault(row.view, []).append(row)
        for table, rows in (("warnings", shown.warnings), (CONTRIBUTION, shown.contributions), (PILOT, shown.pilots)):
            if rows:
                self._rows[table] = list(rows)

    def of(self, table: str) -> list[bytes]:
        made = self._made.get(table)
        if made is None:
            made = self._made[table] = self._lines(table, self._rows.get(table, []))
        return made

    def _lines(self, table: str, rows: list[Any]) -> list[bytes]:
        if table == "warnings":
            return [self._warning(each) for each in sorted(rows, key=_warning_key)]
        if table in (CONTRIBUTION, PILOT):
            return [_encode({"ref": "\\x" + self._hex, "partition": self._partition, "data": each}) for each in rows]
        return [self._person(each) for each in sorted(rows, key=_row_key)]

    def digest(self) -> bytes:
        return b"".join(self._part(table) if table in self._rows else NOTHING for table in TABLES)

    def _part(self, table: str) -> bytes:
        rows = self._rows[table]
        last, part = self._printed.get(table, ((), NOTHING))
        if len(last) != len(rows) or any(map(is_not, last, rows)):
            part = blake2b(b"\n".join(self.of(table)), digest_size=PART).digest()
            self._printed[table] = (rows, part)
        return part

    def _person(self, row: Row) -> bytes:
        unseen = {
            "v_id": "\\x" + row_id(row.view, self._ref, row.key).hex(),
            "v_ref": "\\x" + self._hex,
            "v_partition": self._partition,
            "v_org": row.org,
            "v_worker": row.worker,
            "v_district": row.district,
            "v_late": row.late,
            "v_sources": row.sources,
        }
        return _join(_encode(unseen), _encode(row.data))

    def _warning(self, warning: WarningRow) -> bytes:
        unseen = {
            "v_id": "\\x" + row_id("warnings", self._ref, f"{warning.role}|{warning.key}").hex(),
            "v_ref": "\\x" + self._hex,
            "v_partition": self._partition,
            "v_org": warning.org,
            "v_worker": warning.worker,
            "v_district": warning.district,
            "v_late": _NO_LATE,
            "v_sources": warning.sources,
            "v_role": warning.role,
            "resident": warning.resident,
        }
        return _join(_encode(unseen), _encode(warning.warn))


def row_id(view: str, ref: bytes, key: str) -> bytes:
    """16 bytes; the resident cannot be found from it."""
    return blake2b(view.encode() + b"|" + ref + b"|" + key.encode(), digest_size=16).digest()


def _row_key(row: Row) -> tuple[str, str]:
    return (row.view, row.key)


def _warning_key(warning: WarningRow) -> tuple[str, str]:
    return (warning.role, warning.key)


def _join(one: bytes, other: bytes) -> bytes:
    """Two JSON objects as one."""
    return one[:-1] + b"," + other[1:]
