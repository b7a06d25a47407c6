"""Whether arrears may be signalled, as admission knows it: efforts and balances of a lease, and objections.

This is the one place where admission waits for what another event says. Whether a signal may be *seen* is decided again
when somebody looks (`conditions.open_signals`), from the facts themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import msgspec
import psycopg

from woonketen.contracts.records import PLATFORM
from woonketen.streams.core.picture.money import EFFORTS
from woonketen.streams.door.admit import Accepted, Candidate
from woonketen.streams.door.standing import Seals

KEPT = frozenset({"rent.balance_reported", "arrears.effort_made", "objection.recorded", "objection.lifted"})
SIGNAL = "arrears.signalled"


class SignalRow(msgspec.Struct, gc=False):
    """One event. `about`: a keyed hash of the lease or of the objection. `kind`: `owed`, `zero`, an effort, `objected`,
    `lifted`, or `other`. The two last are sealed (time, id)."""

    key: bytes
    ref: bytes
    about: bytes
    kind: str
    day: date
    retracted: bool
    rank: bytes
    corrected: bytes | None = None


COLUMNS = ", ".join(SignalRow.__struct_fields__)


class Stamped(msgspec.Struct, frozen=True, order=True):
    """A row that counts, in the order of facts."""

    day: date
    at: datetime
    id: str
    kind: str
    about: bytes


def missing(rows: Iterable[Stamped], lease: bytes, on: date) -> tuple[str, ...]:
    """The efforts that were not made by `on` in the arrears episode that runs then: since the last zero balance. All of
    them while nothing is known to be owed."""
    mine = sorted(each for each in rows if each.about == lease and each.day <= on)
    balances = [each for each in mine if each.kind in ("owed", "zero")]
    if not balances or balances[-1].kind == "zero":
        return EFFORTS
    zero = max((each.day for each in balances if each.kind == "zero"), default=date.min)
    made = {each.kind for each in mine if each.day > zero}
    return tuple(effort for effort in EFFORTS if effort not in made)


def objected(rows: Iterable[Stamped], on: date) -> bool:
    """Whether an objection against early signalling stands. It counts as soon as it is known, a lift from its day."""
    known = sorted(rows)
    stands = {each.about: each for each in known if each.kind == "objected"}
    for each in known:
        if each.kind == "lifted" and each.day <= on and each.about in stands and each > stands[each.about]:
            del stands[each.about]
    return bool(stands)


class Signalling:
    """The rows that a sitting needs, fetched when a signal or a correction asks for them."""

    def __init__(self, connection: psycopg.Connection[Any], seals: Seals) -> None:
        self._connection, self._seals = connection, seals
        self._rows: dict[bytes, dict[bytes, SignalRow]] = {}
        self.new: dict[bytes, SignalRow] = {}
        self.changed: dict[bytes, SignalRow] = {}

    def stands(self, candidate: Candidate, ref: bytes, open_day: date) -> tuple[bool, tuple[str, ...]]:
        """For a signal: whether an objection stands, and which efforts are missing."""
        rows = [self._stamped(each) for each in self._of(ref).values() if not each.retracted]
        lease = self._lease(candidate.org, candidate.data.lease_id)
        return objected(rows, open_day), missing(rows, lease, candidate.happened)

    def keep(self, candidate: Candidate, verdict: Accepted, ref: bytes) -> bool:
        """Whether anything is different now."""
        short, event = verdict.kept.type, candidate.event
        if short not in KEPT:
            return False
        if candidate.original is None:
            self._add(candidate.key, short, candidate.org, candidate.data, ref, (event.time, event.id))
            return True
        found = self._of(ref).get(candidate.original)
        if found is None:
            return False
        if candidate.contract.type == "event.retracted":
            found.retracted = True
        elif found.corrected is None or self._seals.read_rank(found.corrected, found.key) < (event.time, event.id):
            found.corrected = self._seals.rank(event.time, event.id, found.key)
            self._fill(found, short, candidate.org, verdict.replaces)
        if found.key not in self.new:
            self.changed[found.key] = found
        return True

    def said(self, key: bytes, short: str, payload: Any, ref: bytes, stamp: tuple[datetime, str]) -> bool:
        """The same for what a resident says through the platform."""
        if short in KEPT:
            self._add(key, short, PLATFORM, payload, ref, stamp)
        return short in KEPT

    def merge(self, gone: bytes, into: bytes) -> None:
        moved = self._of(gone)
        for row in moved.values():
            row.ref = into
        self._of(into).update(moved)
        self._rows[gone] = {}

    def _add(self, key: bytes, short: str, org: str, data: Any, ref: bytes, stamp: tuple[datetime, str]) -> None:
        row = SignalRow(key, ref, b"", "other", data.occurred_on, False, self._seals.rank(*stamp, key))
        self._fill(row, short, org, data)
        self.new[key] = row
        if ref in self._rows:
            self._rows[ref][key] = row

    def _fill(self, row: SignalRow, short: str, org: str, data: Any) -> None:
        row.day = data.occurred_on
        match short:
            case "rent.balance_reported":
                row.kind = "owed" if data.outstanding_cents else "zero"
            case "arrears.effort_made":
                row.kind = data.effort
            case "objection.recorded":
                row.kind = "objected" if data.purpose == "early_signalling" else "other"
            case "objection.lifted":
                row.kind = "lifted"
        named = short.startswith("objection.")
        row.about = self._objection(data.objection_id) if named else self._lease(org, data.lease_id)

    def _of(self, ref: bytes) -> dict[bytes, SignalRow]:
        found = self._rows.get(ref)
        if found is None:
            with self._connection.cursor(binary=True) as cursor:
                cursor.execute(f"SELECT {COLUMNS} FROM admission.signalling WHERE ref = %b", [ref])
                found = self._rows[ref] = {row[0]: SignalRow(*row) for row in cursor}
            found.update({key: row for key, row in self.new.items() if row.ref == ref})
        return found

    def _stamped(self, row: SignalRow) -> Stamped:
        at, event_id = self._seals.read_rank(row.rank, row.key)
        return Stamped(row.day, at, event_id, row.kind, row.about)

    def _lease(self, org: str, lease_id: str) -> bytes:
        return self._seals.keys.token(f"lease\x00{org}\x00{lease_id}".encode())

    def _objection(self, objection_id: str) -> bytes:
        return self._seals.keys.token(f"objection\x00{objection_id}".encode())
