"""What stands in admission's tables, fetched for a whole batch at once and kept up to date while it is worked through.

Every fetch happens under admission's lock, so nobody else changes these rows meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
import psycopg

from woonketen.streams.door.admit import Agreement, Candidate, Enrolment, Original
from woonketen.streams.door.links import Link
from woonketen.streams.keys.kek import Keys
from woonketen.streams.keys.vault import seal, unseal

Rank = tuple[datetime, str]
_pack = msgspec.msgpack.Encoder().encode
_rank = msgspec.msgpack.Decoder(Rank)
_memo = msgspec.msgpack.Decoder(tuple[str, bytes | None])


class Seen(msgspec.Struct, gc=False):
    """A (source, id) that was taken. `memo` is sealed: type and resident; empty while it is parked."""

    digest: bytes
    accepted: bool
    memo: bytes


class EnrolmentRow(msgspec.Struct):
    """One event that opens (`programme`) or closes an enrolment; the two last are sealed (time, id)."""

    key: bytes
    ref: bytes
    id: bytes
    programme: str | None
    day: date
    retracted: bool
    rank: bytes
    corrected: bytes | None = None


class AgreementRow(msgspec.Struct):
    """One event that signs (`programme`) or ends an agreement."""

    key: bytes
    id: str
    programme: str | None
    orgs: list[str]
    purposes: list[str]
    valid_from: date | None
    valid_until: date | None
    day: date
    retracted: bool
    at: datetime
    event_id: str
    corrected_at: datetime | None = None
    corrected_id: str | None = None


AGREEMENT_COLUMNS = ", ".join(AgreementRow.__struct_fields__)
ENROLMENT_COLUMNS = ", ".join(EnrolmentRow.__struct_fields__)


def agreements(rows: Iterable[AgreementRow]) -> list[Agreement]:
    """Of several events about one agreement the one with the highest (time, id) counts."""
    signed: dict[str, AgreementRow] = {}
    ended: dict[str, AgreementRow] = {}
    for row in sorted(rows, key=lambda row: (row.at, row.event_id)):
        if not row.retracted:
            (ended if row.programme is None else signed)[row.id] = row
    return [
        Agreement(
            programme=row.programme or "",
            orgs=frozenset(row.orgs),
            purposes=frozenset(row.purposes),
            valid_from=row.valid_from or row.day,
            valid_until=row.valid_until or row.day,
            ended_on=ended[each].day if each in ended else None,
        )
        for each, row in signed.items()
    ]


def by_party(rows: Iterable[AgreementRow]) -> dict[str, list[Agreement]]:
    found: dict[str, list[Agreement]] = {}
    for agreement in agreements(rows):
        for org in agreement.orgs:
            found.setdefault(org, []).append(agreement)
    return found


def erased_token(keys: Keys, key: bytes) -> bytes:
    """By which an event of an erased resident is known again."""
    return keys.token(b"erased\x00" + key)


class Seals:
    """Admission's own sealing: what it must remember but not show."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys

    def seal(self, clear: bytes, key: bytes) -> bytes:
        return seal(self.keys.parked, clear, key)

    def open(self, sealed: bytes, key: bytes) -> bytes:
        return unseal(self.keys.parked, sealed, key)

    def memo(self, short: str, ref: bytes | None, key: bytes) -> bytes:
        return self.seal(_pack((short, ref)), key)

    def read_memo(self, memo: bytes, key: bytes) -> tuple[str, bytes | None]:
        return _memo.decode(self.open(memo, key))

    def rank(self, at: datetime, event_id: str, key: bytes) -> bytes:
        return self.seal(_pack((at, event_id)), key)

    def read_rank(self, rank: bytes, key: bytes) -> Rank:
        at: Rank = _rank.decode(self.open(rank, key))
        return at

    def enrolments(self, rows: Sequence[EnrolmentRow]) -> tuple[Enrolment, ...]:
        """As `agreements`, for one resident's enrolments."""
        living = [row for row in rows if not row.retracted]
        if len(living) > 1:
            living.sort(key=lambda row: self.read_rank(row.rank, row.key))
        closed = {row.id: row.day for row in living if row.programme is None}
        opened = {row.id: row for row in living if row.programme is not None}
        return tuple(Enrolment(row.programme or "", row.day, closed.get(each)) for each, row in opened.items())


class Book:
    """The rows that a batch needs. `load` what the next candidates ask for, then ask."""

    def __init__(self, connection: psycopg.Connection[Any], seals: Seals) -> None:
        self._connection = connection
        self.seals = seals
        self.seen: dict[bytes, Seen] = {}
        self.people: dict[bytes, bytes] = {}  # siv → resident
        self.links: dict[bytes, Link] = {}
        self.erased: set[bytes] = set()
        self.rows: dict[bytes, list[EnrolmentRow]] = {}
        self._merged: dict[bytes, bytes] = {}
        self._derived: dict[bytes, tuple[Enrolment, ...]] = {}
        self._asked: set[bytes] = set()

    def enrolments(self, ref: bytes) -> tuple[Enrolment, ...]:
        found = self._derived.get(ref)
        if found is None:
            found = self._derived[ref] = self.seals.enrolments(self.rows.get(ref, ()))
        return found

    def original(self, key: bytes) -> Original | None:
        """The accepted event of that key, with the resident that its own has become since."""
        seen = self.seen.get(key)
        if seen is None or not seen.accepted:
            return None
        short, ref = self.seals.read_memo(seen.memo, key)
        while ref in self._merged:
            ref = self._merged[ref]
        return Original(short, ref)

    def row(self, ref: bytes, key: bytes) -> EnrolmentRow | None:
        return next((row for row in self.rows.get(ref, ()) if row.key == key), None)

    # --- changes; the sitting writes them ---

    def add_row(self, row: EnrolmentRow) -> None:
        self.rows.setdefault(row.ref, []).append(row)
        self._derived.pop(row.ref, None)

    def changed(self, ref: bytes) -> None:
        self._derived.pop(ref, None)

    def merge(self, gone: bytes, into: bytes) -> None:
        self._merged[gone] = into
        self.people.update({siv: into for siv, ref in self.people.items() if ref == gone})
        for link in self.links.values():
            if link.ref == gone:
                link.ref = into
        for row in self.rows.pop(gone, []):
            row.ref = into
            self.add_row(row)
        self.changed(gone)

    # --- fetching ---

    def load(self, candidates: Collection[Candidate], sivs: Collection[bytes]) -> None:
        originals = {candidate.original for candidate in candidates if candidate.original is not None}
        keys = {candidate.key for candidate in candidates} | originals
        codes = {
            self.seals.keys.link_code(candidate.data.link_code)
            for candidate in candidates
            if candidate.contract.type == "subject.linked"
        }
        with self._connection.cursor(binary=True) as cursor:
            new = self._new(keys)
            self._load_seen(cursor, new)
            self._load_erased(cursor, new)
            self._load_people(cursor, self._new(sivs))
            self._load_links(cursor, self._new(codes))
            refs = {self.people[siv] for siv in sivs if siv in self.people}
            refs.update(self.links[code].ref for code in codes if code in self.links)
            self._load_enrolments(cursor, self._new(refs))
            self._load_merged(cursor, originals)

    def _new(self, wanted: Collection[bytes]) -> list[bytes]:
        new = [each for each in set(wanted) if each not in self._asked]
        self._asked.update(new)
        return new

    def _load_seen(self, cursor: psycopg.Cursor[Any], keys: list[bytes]) -> None:
        if keys:
            cursor.execute("SELECT key, digest, status = 'a', memo FROM admission.seen WHERE key = ANY(%b)", [keys])
            for key, digest, accepted, memo in cursor:
                self.seen[key] = Seen(digest, accepted, memo)

    def _load_erased(self, cursor: psycopg.Cursor[Any], keys: list[bytes]) -> None:
        if not keys or cursor.execute("SELECT FROM admission.erased LIMIT 1").fetchone() is None:
            return
        by_token = {erased_token(self.seals.keys, key): key for key in keys}
        cursor.execute("SELECT token FROM admission.erased WHERE token = ANY(%b)", [list(by_token)])
        self.erased.update(by_token[token] for (token,) in cursor)

    def _load_people(self, cursor: psycopg.Cursor[Any], sivs: list[bytes]) -> None:
        if sivs:
            cursor.execute("SELECT siv, ref FROM admission.pseudonym WHERE siv = ANY(%b)", [sivs])
            self.people.update(cursor)

    def _load_links(self, cursor: psycopg.Cursor[Any], codes: list[bytes]) -> None:
        if codes:
            cursor.execute(
                "SELECT code, ref, for_org, expires_at, used_at FROM admission.link WHERE code = ANY(%b)", [codes]
            )
            for code, ref, for_org, expires_at, used_at in cursor:
                self.links[code] = Link(ref, for_org, expires_at, used_at)

    def _load_enrolments(self, cursor: psycopg.Cursor[Any], refs: list[bytes]) -> None:
        if refs:
            cursor.execute(f"SELECT {ENROLMENT_COLUMNS} FROM admission.enrolment WHERE ref = ANY(%b)", [refs])
            for row in cursor:
                self.add_row(EnrolmentRow(*row))

    def _load_merged(self, cursor: psycopg.Cursor[Any], originals: Collection[bytes]) -> None:
        refs = {
            ref
            for key in originals
            if (seen := self.seen.get(key)) is not None and seen.accepted
            if (ref := self.seals.read_memo(seen.memo, key)[1]) is not None
        }
        if refs:
            cursor.execute("SELECT ref, into_ref FROM admission.merged WHERE ref = ANY(%b)", [list(refs)])
            self._merged.update(cursor)


def load_agreements(connection: psycopg.Connection[Any]) -> list[AgreementRow]:
    rows = connection.execute(f"SELECT {AGREEMENT_COLUMNS} FROM admission.agreement_event")
    return [AgreementRow(*row) for row in rows]
