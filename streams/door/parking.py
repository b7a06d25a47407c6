"""Events that wait for something: sealed in `admission.parked`, found again by a keyed hash of what must arrive."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Any

import msgspec
import psycopg

from woonketen.contracts.errors import Refusal
from woonketen.contracts.facts import Event
from woonketen.streams.door.admit import Parked, Refused, examine, refused
from woonketen.streams.door.arrivals import Arrival, arrive
from woonketen.streams.door.standing import Seals

PAGE = 5000
_decode = msgspec.msgpack.Decoder(Event).decode
_encode = msgspec.msgpack.Encoder().encode


class Waiting(msgspec.Struct):
    """`also_on`: something else that may help."""

    arrival: Arrival
    waits_for: str
    waits_on: bytes
    also_on: bytes | None


class Spoilt(msgspec.Struct, frozen=True):
    """A stored event that no longer holds its contract: the catalogue has changed since it was parked."""

    key: bytes
    org: str
    event: Event
    verdict: Refused


class Page(msgspec.Struct):
    """Some of what waits: a page at a time, for it may be a whole ledger."""

    arrivals: list[Arrival]
    spoilt: list[Spoilt]


def enrolment_token(seals: Seals, ref: bytes) -> bytes:
    return seals.keys.token(b"enrolment\x00" + ref)


def efforts_token(seals: Seals, ref: bytes) -> bytes:
    return seals.keys.token(b"efforts\x00" + ref)


def agreement_token(seals: Seals, org: str) -> bytes:
    return seals.keys.token(b"agreement\x00" + org.encode())


class Parking:
    """What waits: here, put down in this sitting; the rest in the table."""

    def __init__(self, connection: psycopg.Connection[Any], seals: Seals, kinds: Mapping[str, str]) -> None:
        self._connection = connection
        self._seals = seals
        self._kinds = kinds
        self._by_token: dict[bytes, list[bytes]] = {}
        self.waiting: dict[bytes, Waiting] = {}
        self.gone: list[bytes] = []

    def put(self, arrival: Arrival, verdict: Parked, ref: bytes | None) -> None:
        key = arrival.candidate.key
        waits_on, also_on = self._tokens(arrival, verdict, ref)
        self.waiting[key] = Waiting(arrival, verdict.waits_for, waits_on, also_on)
        self._by_token.setdefault(waits_on, []).append(key)
        if also_on is not None:
            self._by_token.setdefault(also_on, []).append(key)

    def holds(self, arrival: Arrival) -> bool:
        waiting = self.waiting.get(arrival.candidate.key)
        return waiting is not None and waiting.arrival is arrival

    def drop(self, arrival: Arrival) -> None:
        if self.holds(arrival):
            del self.waiting[arrival.candidate.key]
        if arrival.stored is not None:
            self.gone.append(arrival.candidate.key)

    def woken(self, tokens: Collection[bytes]) -> Iterator[Page]:
        """Those that wait on one of these: first what was put down in this sitting, then the table's. The order does
        not depend on how they came."""
        here = sorted({key for token in tokens for key in self._by_token.pop(token, ()) if key in self.waiting})
        if here:
            yield Page([self.waiting[key].arrival for key in here], [])
        yield from self._pages("(waits_on = ANY(%(on)b) OR also_on = ANY(%(on)b))", {"on": list(tokens)})

    def since_before(self, day: date) -> Iterator[Page]:
        """Those of the table that were parked before `day`."""
        return self._pages("since < %(day)s", {"day": day})

    def sealed(self, waiting: Waiting) -> bytes:
        event = waiting.arrival.candidate.event
        return self._seals.seal(_encode(event), waiting.arrival.candidate.key)

    def _tokens(self, arrival: Arrival, verdict: Parked, ref: bytes | None) -> tuple[bytes, bytes | None]:
        candidate = arrival.candidate
        if verdict.waits_for == "link":
            return arrival.siv or b"", None
        if verdict.waits_for == "original":
            return candidate.original or b"", None
        if verdict.waits_for == "efforts":
            return b"" if ref is None else efforts_token(self._seals, ref), None
        enrolled = None if ref is None else enrolment_token(self._seals, ref)
        if verdict.waits_for == "enrolment":
            return enrolled or b"", None
        return agreement_token(self._seals, candidate.org), enrolled  # which may bring a programme that is agreed on

    def _pages(self, where: str, values: dict[str, Any]) -> Iterator[Page]:
        after = b""
        while True:
            with self._connection.cursor(binary=True) as cursor:
                cursor.execute(
                    "SELECT key, org, waits_for, waits_on, also_on, since, sealed FROM admission.parked"
                    f" WHERE {where} AND key > %(after)b ORDER BY key LIMIT {PAGE}",
                    values | {"after": after},
                )
                rows = cursor.fetchall()
            if rows:
                yield self._page(rows)
                after = rows[-1][0]
            if len(rows) < PAGE:
                return

    def _page(self, rows: list[Any]) -> Page:
        page = Page([], [])
        gone = set(self.gone)
        for key, org, waits_for, waits_on, also_on, since, sealed in rows:
            if key in gone or key in self.waiting:
                continue
            event = open_parked(self._seals, key, sealed)
            try:
                arrival = arrive(examine(event, org, self._kinds[org]), self._seals)
            except Refusal as refusal:
                page.spoilt.append(Spoilt(key, org, event, refused(refusal)))
                self.gone.append(key)
            else:
                arrival.since, arrival.stored = since, (waits_for, waits_on, also_on)
                page.arrivals.append(arrival)
        return page


def open_parked(seals: Seals, key: bytes, sealed: bytes) -> Event:
    return _decode(seals.open(sealed, key))
