"""What a sitting of admission leaves behind, and the statements that write it: each table once, the log last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import msgspec
import psycopg

from woonketen.contracts.ports import LogWriter, Vault
from woonketen.contracts.records import Draft, closing_drafts, fact_draft, world_drafts
from woonketen.streams.door import links
from woonketen.streams.door.admit import Refused
from woonketen.streams.door.parking import Waiting
from woonketen.streams.door.reseal import mark_restricting
from woonketen.streams.door.signalling import SignalRow
from woonketen.streams.door.standing import AGREEMENT_COLUMNS, ENROLMENT_COLUMNS, AgreementRow, EnrolmentRow, Seen
from woonketen.streams.postgres.copying import copy_rows, day_field, field


class Entry(msgspec.Struct, gc=False):
    """What will be appended: about the resident `ref`, about everybody (`None`), or the close of a day (no scope)."""

    clear: bytes
    ref: bytes | None
    scope: tuple[bytes | None, str, str] | None
    day: date


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of an event whose receipt said *parked*; accepted where `verdict` is None. `memo`: sealed source and
    id."""

    key: bytes
    org: str
    memo: bytes
    verdict: Refused | None


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """A line for the stewards: `type` only if it is one of the catalogue's."""

    org: str
    type: str | None
    verdict: Refused


class Changes:
    """Filled by a sitting, written once."""

    def __init__(self, open_day: date, now: datetime) -> None:
        self.now = now
        self.day = open_day
        self.entries: list[Entry] = []
        self.narrowed: list[tuple[bytes, int]] = []  # resident, index of an entry
        self.people: dict[bytes, tuple[str, bytes]] = {}  # siv → organisation, resident
        self.merges: list[tuple[bytes, bytes]] = []  # gone, into
        self.used_codes: list[bytes] = []
        self.link_tries: list[str] = []
        self.proofs: list[tuple[str, str, bytes]] = []  # kind, scope, hash
        self.enrolments: dict[bytes, EnrolmentRow] = {}
        self.agreements: dict[bytes, AgreementRow] = {}
        self.signals_new: dict[bytes, SignalRow] = {}
        self.signals_changed: dict[bytes, SignalRow] = {}
        self.seen_new: dict[bytes, Seen] = {}
        self.seen_changed: dict[bytes, Seen] = {}
        self.seen_gone: list[bytes] = []
        self.waiting: list[Waiting] = []
        self.unparked: list[bytes] = []
        self.sealed: Callable[[Waiting], bytes] = _nothing_waits
        self.outcomes: list[Outcome] = []
        self.refusals: list[Refusal] = []
        self.tally: Counter[tuple[str, str]] = Counter()
        self.heartbeats: dict[str, datetime] = {}
        self.alive: set[str] = set()

    def merge(self, gone: bytes, into: bytes) -> None:
        self.merges.append((gone, into))
        self.people.update({siv: (org, into) for siv, (org, ref) in self.people.items() if ref == gone})

    def heard(self, org: str, at: datetime) -> None:
        known = self.heartbeats.get(org)
        self.heartbeats[org] = at if known is None else max(known, at)


def write(changes: Changes, connection: psycopg.Connection[Any], vault: Vault, log: LogWriter, partitions: int) -> None:
    """In the caller's transaction."""
    _people(changes, connection)
    _enrolments(changes, connection)
    _agreements(changes, connection)
    _signalling(changes, connection)
    _parked(changes, connection)
    _seen(changes, connection)
    _outcomes(changes, connection)
    _stewards(changes, connection)
    _records(changes, connection, vault, log, partitions)


def _nothing_waits(_: Waiting) -> bytes:
    raise AssertionError("the sitting was not finished")


def _people(changes: Changes, connection: psycopg.Connection[Any]) -> None:
    if changes.people:
        rows = (
            b"\x00\x03" + field(siv) + field(org.encode()) + field(ref) for siv, (org, ref) in changes.people.items()
        )
        copy_rows(connection, "admission.pseudonym (siv, org, ref)", rows)
    for gone, into in changes.merges:
        values = {"gone": gone, "into": into}
        for statement in (
            "UPDATE admission.pseudonym SET ref = %(into)b WHERE ref = %(gone)b",
            "UPDATE admission.enrolment SET ref = %(into)b WHERE ref = %(gone)b",
            "UPDATE admission.signalling SET ref = %(into)b WHERE ref = %(gone)b",
            "UPDATE admission.link SET ref = %(into)b WHERE ref = %(gone)b",
            "UPDATE admission.merged SET into_ref = %(into)b WHERE into_ref = %(gone)b",
            "INSERT INTO admission.merged (ref, into_ref) VALUES (%(gone)b, %(into)b)",
        ):
            connection.execute(statement, values)
    if changes.used_codes:
        connection.execute(
            "UPDATE admission.link SET used_at = %s WHERE code = ANY(%b)", [changes.now, changes.used_codes]
        )


def _enrolments(changes: Changes, connection: psycopg.Connection[Any]) -> None:
    if changes.enrolments:
        with connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO admission.enrolment ({ENROLMENT_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
                " ON CONFLICT (key) DO UPDATE SET ref = excluded.ref, id = excluded.id, programme = excluded.programme,"
                " day = excluded.day, retracted = excluded.retracted, corrected = excluded.corrected",
                [msgspec.structs.astuple(row) for row in changes.enrolments.values()],
            )


def _agreements(changes: Changes, connection: psycopg.Connection[Any]) -> None:
    if changes.agreements:
        with connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO admission.agreement_event ({AGREEMENT_COLUMNS})"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (key) DO UPDATE SET"
                " id = excluded.id, programme = excluded.programme, orgs = excluded.orgs,"
                " purposes = excluded.purposes, valid_from = excluded.valid_from, valid_until = excluded.valid_until,"
                " day = excluded.day, retracted = excluded.retracted,"
                " corrected_at = excluded.corrected_at, corrected_id = excluded.corrected_id",
                [msgspec.structs.astuple(row) for row in changes.agreements.values()],
            )
        connection.execute("UPDATE admission.settings SET agreements = agreements + 1")


def _signalling(changes: Changes, connection: psycopg.Connection[Any]) -> None:
    if changes.signals_new:
        rows = (
            b"\x00\x08"
            + b"".join(map(field, (row.key, row.ref, row.about, row.kind.encode())))
            + day_field(row.day)
            + field(row.rank)
            + field(row.corrected)
            + field(b"\x01" if row.retracted else b"\x00")
            for row in changes.signals_new.values()
        )
        copy_rows(connection, "admission.signalling (key, ref, about, kind, day, rank, corrected, retracted)", rows)
    if changes.signals_changed:
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE admission.signalling SET ref = %b, about = %b, kind = %s, day = %s, corrected = %b,"
                " retracted = %s WHERE key = %b",
                [(row.ref, row.about, row.kind, row.day, row.corrected, row.retracted, row.key)
                 for row in changes.signals_changed.values()],
            )  # fmt: skip


def _parked(changes: Changes, connection: psycopg.Connection[Any]) -> None:
    if changes.unparked:
        connection.execute("DELETE FROM admission.parked WHERE key = ANY(%b)", [changes.unparked])
    rows = []
    for waiting in changes.waiting:
        arrival = waiting.arrival
        if arrival.stored is not None:
            if arrival.stored != (waiting.waits_for, waiting.waits_on, waiting.also_on):
                connection.execute(
                    "UPDATE admission.parked SET waits_for = %s, waits_on = %b, also_on = %b WHERE key = %b",
                    [waiting.waits_for, waiting.waits_on, waiting.also_on, arrival.candidate.key],
                )
            continue
        texts = (arrival.candidate.key, arrival.candidate.org.encode(), waiting.waits_for.encode())
        rows.append(
            b"\x00\x07"
            + b"".join(map(field, texts))
            + field(waiting.waits_on)
            + field(waiting.also_on)
            + day_field(changes.day)
            + field(changes.sealed(waiting))
        )
    if rows:
        copy_rows(connection, "admission.parked (key, org, waits_for, waits_on, also_on, since, sealed)", rows)


def _seen(changes: Changes, connection: psycopg.Connection[Any]) -> None:
    if changes.seen_gone:
        connection.execute("DELETE FROM admission.seen WHERE key = ANY(%b)", [changes.seen_gone])
    if changes.seen_changed:
        kept = changes.seen_changed
        connection.execute(
            "UPDATE admission.seen s SET status = 'a', memo = w.memo"
            " FROM unnest(%b::bytea[], %b::bytea[]) AS w(key, memo) WHERE s.key = w.key",
            [list(kept), [seen.memo for seen in kept.values()]],
        )
    if changes.seen_new:
        day = day_field(changes.day)
        accepted, parked = field(b"a"), field(b"p")
        rows = (
            b"\x00\x05"
            + field(key)
            + field(seen.digest)
            + (accepted if seen.accepted else parked)
            + day
            + field(seen.memo)
            for key, seen in changes.seen_new.items()
        )
        copy_rows(connection, "admission.seen (key, digest, status, day, memo)", rows)


def _outcomes(changes: Changes, connection: psycopg.Connection[Any]) -> None:
    rows = []
    for each in changes.outcomes:
        verdict = each.verdict
        told = ("accepted", None, None, None) if verdict is None else ("refused", *msgspec.structs.astuple(verdict))
        rows.append((each.key, each.org, *told, changes.now, each.memo))
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO admission.outcome (key, org, status, reason, detail, mend, at, memo)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (key) DO UPDATE SET status = excluded.status,"
                " reason = excluded.reason, detail = excluded.detail, mend = excluded.mend, at = excluded.at",
                rows,
            )


def _stewards(changes: Changes, connection: psycopg.Connection[Any]) -> None:
    if changes.refusals:
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO admission.refusal (org, at, type, reason, detail, mend) VALUES (%s, %s, %s, %s, %s, %s)",
                [(r.org, changes.now, r.type, *msgspec.structs.astuple(r.verdict)) for r in changes.refusals],
            )
    if changes.link_tries:
        before = changes.now - links.TRIES_IN
        connection.execute("DELETE FROM admission.link_try WHERE at <= %s", [before])
        connection.execute(
            "INSERT INTO admission.link_try (org, at) SELECT org, %s FROM unnest(%s::text[]) AS t(org)",
            [changes.now, changes.link_tries],
        )
    for kind, scope, proof in changes.proofs:
        connection.execute(
            "INSERT INTO admission.proof (at, kind, scope, rows, keys, hash) VALUES (%s, %s, %s, 1, 0, %b)",
            [changes.now, kind, scope, proof],
        )
    hour = changes.now.replace(minute=0, second=0, microsecond=0)
    for (org, status), n in sorted(changes.tally.items()):
        connection.execute(
            "INSERT INTO admission.tally AS t (org, hour, status, n) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (org, hour, status) DO UPDATE SET n = t.n + excluded.n",
            [org, hour, status, n],
        )
    for org in sorted(changes.alive | changes.heartbeats.keys()):
        connection.execute(
            "INSERT INTO admission.feed AS f (org, last_event_at, heartbeat_at) VALUES (%s, %s, %s)"
            " ON CONFLICT (org) DO UPDATE SET last_event_at = greatest(f.last_event_at, excluded.last_event_at),"
            " heartbeat_at = greatest(f.heartbeat_at, excluded.heartbeat_at)",
            [org, changes.now if org in changes.alive else None, changes.heartbeats.get(org)],
        )


def _records(
    changes: Changes, connection: psycopg.Connection[Any], vault: Vault, log: LogWriter, partitions: int
) -> None:
    kids = vault.mint(entry.scope for entry in changes.entries if entry.scope is not None)
    drafts: list[Draft] = []
    places: dict[int, int] = {}
    wanted = {index for _, index in changes.narrowed}
    for index, entry in enumerate(changes.entries):
        if index in wanted:
            places[index] = len(drafts)
        if entry.scope is None:
            drafts += closing_drafts(entry.day, partitions)
        elif entry.ref is None:
            drafts += world_drafts(entry.clear, kids[entry.scope], entry.day, partitions)
        else:
            drafts.append(fact_draft(entry.clear, entry.ref, kids[entry.scope], entry.day, partitions))
    records = log.append(drafts)
    for ref, index in changes.narrowed:
        mark_restricting(connection, ref, records[places[index]])
