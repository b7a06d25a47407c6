"""One transaction of admission: verdicts are applied to what stands, in memory; `changes.py` writes the result.

What was parked is looked at again in the same transaction in which what it waits for arrives, until nothing moves.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import psycopg

from woonketen.contracts import catalogue
from woonketen.contracts.facts import Event, Sealed, event_key
from woonketen.contracts.payloads.enrolment import SubjectMerged
from woonketen.contracts.records import PLATFORM, PLATFORM_SOURCE, pack, warning_class
from woonketen.streams.door import keeping, links
from woonketen.streams.door.admit import (
    EXPIRED,
    Accepted,
    Agreement,
    Candidate,
    Duplicate,
    Parked,
    Refused,
    Standing,
    Verdict,
    admit,
    narrows,
    place,
)
from woonketen.streams.door.arrivals import Arrival, Turned
from woonketen.streams.door.changes import Changes, Entry, Outcome, Refusal
from woonketen.streams.door.parking import Parking, Spoilt, agreement_token, efforts_token, enrolment_token
from woonketen.streams.door.signalling import SIGNAL, Signalling
from woonketen.streams.door.standing import AgreementRow, Book, Seals, Seen, by_party

PATIENCE = timedelta(days=30)


class Sitting:
    """Under admission's lock. `kinds`: kind per organisation; `agreed`: every row of the agreements, and `parties` what
    they come to, by organisation."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        seals: Seals,
        open_day: date,
        now: datetime,
        kinds: Mapping[str, str],
        agreed: Sequence[AgreementRow],
        parties: Mapping[str, Sequence[Agreement]],
    ) -> None:
        self.open_day = open_day
        self.now = now
        self.seals = seals
        self.changes = Changes(open_day, now)
        self.verdicts: dict[int, Verdict] = {}
        self._book = Book(connection, seals)
        self._signalling = Signalling(connection, seals)
        self._parking = Parking(connection, seals, kinds)
        self._agreed = {row.key: row for row in agreed}
        self._parties = parties
        self._arrived: set[bytes] = set()
        self._connection = connection
        self._tries: dict[str, int] = {}

    # --- what happens in a sitting ---

    def take(self, arrivals: Sequence[Arrival | Turned]) -> None:
        """New events, in their order; then whatever waited for them."""
        self._load([arrival for arrival in arrivals if isinstance(arrival, Arrival)])
        for arrival in arrivals:
            if isinstance(arrival, Arrival):
                self._apply(arrival, admit(arrival.candidate, self._standing(arrival)))
            else:
                self.verdicts[arrival.line] = arrival.verdict
        self.release()

    def release(self) -> None:
        while self._arrived:
            tokens, self._arrived = self._arrived, set()
            for page in self._parking.woken(tokens):
                self._spoil(page.spoilt)
                self._load(page.arrivals)
                for arrival in page.arrivals:
                    self._apply(arrival, place(arrival.candidate, self._standing(arrival)))

    def close(self) -> None:
        """The open day ends: what waited for thirty days is refused, and agreements signed in advance begin."""
        self.changes.entries.append(Entry(b"", None, None, self.open_day))
        self.open_day += timedelta(days=1)
        for page in self._parking.since_before(self.open_day - PATIENCE):
            self._spoil(page.spoilt)
            for arrival in page.arrivals:
                waits_for = "link" if arrival.stored is None else arrival.stored[0]
                self._apply(arrival, Refused(*EXPIRED[waits_for]))
        for row in self._agreed.values():
            if row.valid_from == self.open_day:
                self._arrived.update(agreement_token(self.seals, org) for org in row.orgs)
        self.release()

    def say(
        self, short: str, payload: Any, ref: bytes | None, event_id: str | None = None, *, narrows: bool = False
    ) -> None:
        """An event of the platform's own. `narrows`: the resident's rows stay hidden until it was applied."""
        contract = catalogue.contract_of(short)
        event_id = event_id or str(uuid4())
        sealed = Sealed(
            short, contract.version, PLATFORM, PLATFORM_SOURCE, event_id, self.now, None, catalogue.encode(payload)
        )
        key = event_key(PLATFORM_SOURCE, event_id)
        if ref is not None and self._signalling.said(key, short, payload, ref, (self.now, event_id)):
            self._arrived.add(efforts_token(self.seals, ref))
        if ref is not None and (narrows or contract.restricting):
            self.changes.narrowed.append((ref, len(self.changes.entries)))
        kept = warning_class(payload.warning_id) if contract.category == "warnings" else contract.retention_class
        self.changes.entries.append(Entry(pack(sealed), ref, (ref, PLATFORM, kept), self.open_day))

    def finish(self) -> Changes:
        self.release()
        self.changes.signals_new, self.changes.signals_changed = self._signalling.new, self._signalling.changed
        self.changes.waiting = list(self._parking.waiting.values())
        self.changes.unparked = self._parking.gone
        self.changes.sealed = self._parking.sealed
        return self.changes

    # --- verdicts ---

    def _load(self, arrivals: Sequence[Arrival]) -> None:
        sivs = [arrival.siv for arrival in arrivals if arrival.siv is not None]
        self._book.load([arrival.candidate for arrival in arrivals], sivs)

    def _standing(self, arrival: Arrival) -> Standing:
        candidate, book = arrival.candidate, self._book
        seen = book.seen.get(candidate.key)
        ref = None if arrival.siv is None else book.people.get(arrival.siv)
        objected, missing = False, tuple[str, ...]()
        linking = candidate.contract.type == "subject.linked"
        if candidate.contract.type == SIGNAL and ref is not None:
            objected, missing = self._signalling.stands(candidate, ref, self.open_day)
        return Standing(
            self.open_day,
            arrival.digest,
            None if seen is None else seen.digest,
            ref,
            () if ref is None else book.enrolments(ref),
            self._parties.get(candidate.org, ()),
            None if candidate.original is None else book.original(candidate.original),
            self._link(candidate) if linking else None,
            linking and self._tried(candidate.org) >= links.TRIES,
            candidate.key in book.erased,
            objected,
            missing,
        )

    def _link(self, candidate: Candidate) -> bytes | None:
        found = self._book.links.get(self.seals.keys.link_code(candidate.data.link_code))
        return found.ref if found is not None and links.works(found, candidate.org, self.now) else None

    def _tried(self, org: str) -> int:
        """Codes of this organisation that did not work lately."""
        if org not in self._tries:
            row = self._connection.execute(
                "SELECT count(*) FROM admission.link_try WHERE org = %s AND at > %s", [org, self.now - links.TRIES_IN]
            ).fetchone()
            self._tries[org] = int(row[0]) if row else 0
        return self._tries[org]

    def _apply(self, arrival: Arrival, verdict: Verdict) -> None:
        if isinstance(verdict, Accepted):
            self._accept(arrival, verdict)
        elif isinstance(verdict, Parked):
            self._park(arrival, verdict)
        elif isinstance(verdict, Refused):
            self._refuse(arrival, verdict)
            self._count_try(arrival.candidate, verdict)
        if arrival.line is not None:
            self.verdicts[arrival.line] = verdict
        elif not isinstance(verdict, Duplicate | Parked):
            self.changes.tally[arrival.candidate.org, "accepted" if isinstance(verdict, Accepted) else "refused"] += 1

    def _accept(self, arrival: Arrival, verdict: Accepted) -> None:
        candidate, event = arrival.candidate, arrival.candidate.event
        ref = self._resident(arrival, verdict)
        sealed = Sealed(
            candidate.contract.type, candidate.contract.version, candidate.org,
            event.source, event.id, event.time, event.subject, event.data,
        )  # fmt: skip
        if ref is not None and narrows(candidate, verdict.kept):
            self.changes.narrowed.append((ref, len(self.changes.entries)))
        self.changes.entries.append(
            Entry(pack(sealed), ref, (ref, candidate.org, verdict.kept.retention_class), self.open_day)
        )
        memo = self.seals.memo(candidate.contract.type, ref, candidate.key)
        self._remember(arrival, Seen(arrival.digest, True, memo))
        self._arrived.add(candidate.key)
        self._keep(candidate, verdict, ref)
        self._leave(arrival, None)

    def _park(self, arrival: Arrival, verdict: Parked) -> None:
        if arrival.stored is None and not self._parking.holds(arrival):
            self._remember(arrival, Seen(arrival.digest, False, b""))
        ref = None if arrival.siv is None else self._book.people.get(arrival.siv)
        self._parking.put(arrival, verdict, ref)

    def _refuse(self, arrival: Arrival, verdict: Refused) -> None:
        key = arrival.candidate.key
        if arrival.stored is not None or self._parking.holds(arrival):  # it had been taken; it may be sent again
            self._book.seen.pop(key, None)
            self.changes.seen_new.pop(key, None)
            if arrival.stored is not None:
                self.changes.seen_gone.append(key)
        self._leave(arrival, verdict)
        if arrival.line is None:
            self.changes.refusals.append(Refusal(arrival.candidate.org, arrival.candidate.contract.type, verdict))

    def _count_try(self, candidate: Candidate, verdict: Refused) -> None:
        if candidate.contract.type != "subject.linked" or verdict.reason != "link_code":
            return
        if (tried := self._tried(candidate.org)) < links.TRIES:  # more are not counted, or nobody ever gets out
            self._tries[candidate.org] = tried + 1
            self.changes.link_tries.append(candidate.org)

    def _spoil(self, spoilt: Sequence[Spoilt]) -> None:
        for each in spoilt:
            self._book.seen.pop(each.key, None)
            self.changes.seen_gone.append(each.key)
            self._tell(each.key, each.org, each.event, each.verdict)
            self.changes.refusals.append(Refusal(each.org, None, each.verdict))
            self.changes.tally[each.org, "refused"] += 1

    # --- steps of a verdict ---

    def _remember(self, arrival: Arrival, seen: Seen) -> None:
        key = arrival.candidate.key
        self._book.seen[key] = seen
        (self.changes.seen_new if arrival.stored is None else self.changes.seen_changed)[key] = seen

    def _leave(self, arrival: Arrival, verdict: Refused | None) -> None:
        """It waits no longer; where its receipt said that it did, its publisher is told what became of it."""
        self._parking.drop(arrival)
        if arrival.stored is not None:
            self._tell(arrival.candidate.key, arrival.candidate.org, arrival.candidate.event, verdict)

    def _tell(self, key: bytes, org: str, event: Event, verdict: Refused | None) -> None:
        memo = self.seals.seal(msgspec.msgpack.encode((event.source, event.id)), key)
        self.changes.outcomes.append(Outcome(key, org, memo, verdict))

    def _resident(self, arrival: Arrival, verdict: Accepted) -> bytes | None:
        """Whom an accepted event is about."""
        candidate = arrival.candidate
        if arrival.siv is None:
            return None
        if candidate.contract.type == "subject.linked":
            return self._linked(arrival, arrival.siv)
        ref = self._book.people.get(arrival.siv)
        if ref is None:
            ref = secrets.token_bytes(16)  # derived from nothing: anonymous once the pseudonyms are gone
            self._attach(arrival.siv, candidate.org, ref)
        return ref

    def _attach(self, siv: bytes, org: str, ref: bytes) -> None:
        self._book.people[siv] = ref
        self.changes.people[siv] = (org, ref)
        self._arrived.add(siv)

    def _linked(self, arrival: Arrival, siv: bytes) -> bytes:
        code = self.seals.keys.link_code(arrival.candidate.data.link_code)
        link = self._book.links[code]
        link.used_at = self.now
        self.changes.used_codes.append(code)
        into, stands_for = link.ref, self._book.people.get(siv)
        if stands_for is None:
            self._attach(siv, arrival.candidate.org, into)
        elif stands_for != into:
            self._merge(stands_for, into, arrival.candidate.org)
        return into

    def _merge(self, gone: bytes, into: bytes, org: str) -> None:
        """Two residents are one. Admission only re-points; the step of the absorbed one re-appends its facts, for it
        holds every earlier one by then."""
        self._book.merge(gone, into)
        self._signalling.merge(gone, into)
        self.changes.merge(gone, into)
        self.changes.proofs.append(("merge", org, self.seals.keys.token(b"merge\x00" + gone + into)))
        for ref in (gone, into):
            self._arrived.update((enrolment_token(self.seals, ref), efforts_token(self.seals, ref)))
        self.changes.narrowed.append((gone, len(self.changes.entries)))
        self.say("subject.merged", SubjectMerged(occurred_on=self.open_day, reason="link_code"), gone)

    def _keep(self, candidate: Candidate, verdict: Accepted, ref: bytes | None) -> None:
        """What it changes for those that come after."""
        short = verdict.kept.type
        if ref is not None and self._signalling.keep(candidate, verdict, ref):
            self._arrived.add(efforts_token(self.seals, ref))
        if short in keeping.ENROLMENTS and ref is not None:
            enrolment = keeping.keep_enrolment(self._book, candidate, verdict, ref)
            if enrolment is not None:
                self.changes.enrolments[enrolment.key] = enrolment
                self._arrived.add(enrolment_token(self.seals, ref))
        elif short in keeping.AGREEMENTS:
            kept = keeping.keep_agreement(self._agreed, candidate, verdict)
            if kept is not None:
                row, orgs = kept
                self._agreed[row.key] = self.changes.agreements[row.key] = row
                self._parties = by_party(self._agreed.values())
                self._arrived.update(agreement_token(self.seals, org) for org in orgs)
        elif short == "feed.heartbeat" and candidate.original is None:
            self.changes.heard(candidate.org, candidate.data.as_of)
