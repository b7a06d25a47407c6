"""Builds the matrix in a database, through admission and the worker, and reads it as everybody."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import builders as b
import msgspec
import wkviews
from psycopg import sql
from psycopg.rows import dict_row

from matrix.cells import (
    BEFORE,
    DISTRICT,
    ELSEWHERE,
    KIND,
    LETTER,
    STRANGERS,
    TODAY,
    VIEWERS,
    Person,
    Told,
    Viewer,
    source_of,
    subject_of,
    told_by_others,
    told_first,
    told_today,
)
from woonketen.contracts.facts import Fact
from woonketen.contracts.policy import load
from woonketen.contracts.records import open_records
from woonketen.orchestration.questions import Question, of_resident
from woonketen.projections import people, queries
from woonketen.projections.people import User
from woonketen.streams.core.fold import open_record
from woonketen.streams.core.world import World, build_world
from woonketen.streams.door.organisations import Organisation
from woonketen.streams.log.postgres import PostgresLog

REGISTERED = TODAY - timedelta(days=4)
PURPOSES = ["coordination", "guidance", "tenancy", "care", "early_signalling", "own_task", "evaluation"]


@dataclass
class Seen:
    """Of one viewer: resident → the rows as JSON, without the organisations that are silent; and those."""

    rows: dict[int, str] = field(default_factory=dict)
    silent: dict[int, set[str]] = field(default_factory=dict)
    not_shared: dict[int, set[str]] = field(default_factory=dict)


class Matrix:
    """`seen`: by viewer's name. `refused`: events that admission did not take, by type."""

    def __init__(self, town: wkviews.Town, persons: Sequence[Person]) -> None:
        self.town, self.persons = town, persons
        self.refused: list[str] = []
        self._tell()
        town.run()
        self.numbers = {town.ref(each.n): each.n for each in persons}
        self.users = {viewer.name: self._user(viewer) for viewer in VIEWERS if viewer.role != "bewoner"}
        self.seen: dict[str, Seen] = {}

    def read(self) -> None:
        self.seen = {name: self.read_as(user) for name, user in self.users.items()}
        self.seen["bewoner"] = self._read_as_residents()

    # --- telling ---

    def _tell(self) -> None:
        self._send(told for each in self.persons for told in told_first(each))
        self._link()
        self._send(told for each in self.persons for told in told_by_others(each))
        self._send(told for each in self.persons for told in told_today(each))

    def _link(self) -> None:
        wanted = {(each.n, org) for each in self.persons for org, _ in (*told_by_others(each), *told_today(each))}
        told: list[Told] = []
        with self.town.admission._connection.transaction():  # a thousand commits less
            for n, org in sorted(wanted):
                if org != b.GEMEENTE:
                    code, _ = self.town.admission.issue_link(b.GEMEENTE, f"G-{n}", org)
                    made = b.event("subject.linked", subject_of(org, n), source_of(org), BEFORE, link_code=code)
                    told.append((org, made))
        self._send(told)

    def _send(self, told: Iterable[Told]) -> None:
        by: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for org, event in told:
            by[org].append(event)
        for org, events in by.items():
            receipts = self.town.admission.submit(org, [json.dumps(each).encode() for each in events])
            for event, receipt in zip(events, receipts, strict=True):
                if receipt.status != "accepted":
                    self.refused.append(
                        f"{event['type'][13:]} by {org}: {receipt.status} {receipt.reason} {receipt.detail}"
                    )

    def _user(self, viewer: Viewer) -> User:
        more: dict[str, Any] = {"worker": viewer.worker, "districts": viewer.districts}
        return people.add_user(self.town.owner, viewer.name, org=viewer.org, role=viewer.role, **more)

    # --- reading ---

    def read_as(self, user: User) -> Seen:
        """All that the own role gets from its view, whose it is, and the look recorded as the program does."""
        seen = Seen()
        lines: dict[int, list[str]] = {}
        for ref, row in self._rows(user):
            n = self.numbers[ref]
            silent = set(row.pop("feeds_silent"))
            seen.silent.setdefault(n, set()).update(silent)
            seen.not_shared.setdefault(n, set()).update(row["not_shared"])
            lines.setdefault(n, []).append(msgspec.json.encode(row).decode())
        seen.rows = {n: "[" + ",".join(sorted(each)) + "]" for n, each in lines.items()}
        return seen

    def _rows(self, user: User) -> list[tuple[bytes, dict[str, Any]]]:
        owner = self.town.owner
        with queries.looking(owner, user) as cursor:
            rows = cursor.execute(f"SELECT * FROM view_{user.role}.with_id ORDER BY v_id").fetchall()
            queries.record(cursor, user.role, [row["v_id"] for row in rows], [])
            cursor.execute("RESET ROLE")
        with owner.cursor(row_factory=dict_row) as cursor:
            whose = cursor.execute(f"SELECT v_id, v_ref FROM set_1.{user.role}").fetchall()
        of = {bytes(each["v_id"]): bytes(each["v_ref"]) for each in whose}
        return [(of[bytes(row.pop("v_id"))], row) for row in rows]

    def _read_as_residents(self) -> Seen:
        """One role that is each resident in turn."""
        owner, seen = self.town.owner, Seen()
        user: User | None = None
        for ref, n in self.numbers.items():
            if user is None:
                user = people.add_user(owner, "bewoner", org=b.PLATFORM, role="bewoner", ref=ref)
            with owner.transaction():
                owner.execute("SET LOCAL ROLE woonketen_processor")
                owner.execute("UPDATE gate.viewer SET ref = %b WHERE rolname = %s", [ref, user.rolname])
                owner.execute("RESET ROLE")
                owner.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(user.rolname)))
                rows = owner.execute("SELECT feeds_silent, to_jsonb(v) FROM view_bewoner.bewoner v").fetchall()
            seen.silent[n] = {org for silent, _ in rows for org in silent}
            seen.rows[n] = json.dumps([row for _, row in rows])
        return seen

    # --- deciding ---

    def facts(self) -> tuple[World, dict[int, list[Fact]]]:
        """Everything from the log: of nobody, and of each resident."""
        town = self.town
        log = PostgresLog(town.admission._connection, town.vault)
        world: list[Fact] = []
        of: dict[int, list[Fact]] = defaultdict(list)
        for partition in range(wkviews.PARTITIONS):
            records = log.read(partition, 0, 1_000_000)
            for record, clear in open_records(records, town.vault):
                if clear and record.kind in ("fact", "world"):
                    fact = open_record(record, clear)
                    (world if record.ref is None else of[self.numbers[record.ref]]).append(fact)
        rulebook = wkviews.source_of(town.dsn)
        made = build_world(world, load(rulebook.policy), b.indicators.shipped(), b"k" * 32)
        return made, of

    def decide(self, viewer: Viewer, person: Person, world: World, facts: list[Fact]) -> bool:
        kinds = {org: KIND[letter] for org, letter in LETTER.items()}
        # of a municipality the purpose does not tell the role
        who = viewer.role if viewer.role in ("bewoner", "casusregisseur", "wijkteam") else viewer.org
        purpose = people.PURPOSE_OF[viewer.role]
        asked = Question(str(person.short), who, purpose, TODAY, TODAY)
        return bool(of_resident(asked, kinds, world, facts)["decision"] == "allow")


def organisations(town: wkviews.Town) -> None:
    """Registered some days ago; strangers have been silent since."""
    for org, letter in LETTER.items():
        stranger = org in STRANGERS.values()
        districts: tuple[str, ...] = ()
        if letter == "G":
            districts = ("WK019300",) if stranger else (DISTRICT, ELSEWHERE)
        town.admission.register_org(
            Organisation(
                org=org,
                kind=KIND[letter],
                sources=(source_of(org),),
                districts=districts,
                heartbeat_hours=24 if stranger else None,
            )
        )
    signed = b.event(
        "agreement.signed", ..., source_of(b.GEMEENTE), REGISTERED, agreement_id=f"{b.GEMEENTE}:OV-0",
        programme="wooncoach", orgs=list(LETTER), purposes=PURPOSES, valid_from="2025-01-01", valid_until="2029-12-31",
    )  # fmt: skip
    (receipt,) = town.admission.submit(b.GEMEENTE, [json.dumps(signed).encode()])
    assert receipt.status == "accepted", receipt
    town.close(REGISTERED, TODAY - timedelta(days=1))
    town.run()


@contextmanager
def matrix(dsn: str, persons: Sequence[Person]) -> Iterator[Matrix]:
    """Told and shown; `read` is still to be called."""
    with wkviews.town(dsn, day=REGISTERED, organisations=organisations) as town:
        town.owner.execute("SET synchronous_commit = off")
        town.admission._connection.execute("SET synchronous_commit = off")
        yield Matrix(town, persons)
