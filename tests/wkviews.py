"""A database with everything in it (log, vault, admission, views), as `init` leaves it, and a town that uses it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib.resources import files
from typing import Any

import builders
import psycopg
from psycopg.rows import dict_row

from woonketen.contracts.facts import Sealed
from woonketen.contracts.records import open_records, unpack
from woonketen.orchestration import wiring
from woonketen.orchestration.rebuilding import Source, make_worker
from woonketen.projections import people, queries, sets
from woonketen.projections.ddl import PEOPLE
from woonketen.projections.migrate import Migration, migrate
from woonketen.projections.people import User
from woonketen.streams.door import admission
from woonketen.streams.door.admission import Admission
from woonketen.streams.door.organisations import Organisation
from woonketen.streams.drive.worker import Worker
from woonketen.streams.keys.kek import Keys
from woonketen.streams.keys.vault import PostgresVault
from woonketen.streams.log.postgres import PostgresLog, make_partitions

_CONTRACTS = files("woonketen.contracts")
FIRST_DAY = date(2026, 1, 5)
PARTITIONS = 2
KEK = bytes(range(32))


def other_migrations() -> list[Migration]:
    return wiring.migrations()


def prepare(owner: psycopg.Connection[Any], *, code: str = "code", day: date = FIRST_DAY) -> None:
    migrate(owner, other_migrations())
    make_partitions(owner, PARTITIONS)
    admission.prepare(owner, day, PARTITIONS)
    sets.prepare(owner, code, range(PARTITIONS))


def source_of(dsn: str) -> Source:
    return Source(
        dsn=dsn,
        kek=KEK,
        policy=_CONTRACTS.joinpath("policy.csv").read_text("utf-8"),
        indicators=_CONTRACTS.joinpath("indicators.yaml").read_text("utf-8"),
    )


@dataclass
class Town:
    """The organisations of the samples with one agreement, on a database; events go in as partners send them."""

    dsn: str = field(repr=False)
    owner: psycopg.Connection[Any]
    admission: Admission
    vault: PostgresVault
    worker: Worker
    source: Source

    def tell(self, *events: dict[str, Any]) -> None:
        """Each must be taken."""
        by: dict[str, list[bytes]] = {}
        for event in events:
            by.setdefault(builders._ORG_OF[event["source"]], []).append(json.dumps(event).encode())
        for org, lines in by.items():
            for receipt in self.admission.submit(org, lines):
                assert receipt.status in ("accepted", "parked"), (receipt.reason, receipt.detail)

    def enrol(self, n: int, on: date, programme: str = "wooncoach", **more: Any) -> None:
        """Resident `n` of the municipality (`G-n`), told that data is shared."""
        self.tell(
            builders.event("enrolment.opened", f"G-{n}", occurred_on=on, source=builders.source_of(builders.GEMEENTE),
                           enrolment_id=f"{builders.GEMEENTE}:E-{n}", programme=programme, **more),
            builders.event("notice.given", f"G-{n}", occurred_on=on, source=builders.source_of(builders.GEMEENTE)),
        )  # fmt: skip

    def link(self, n: int, org: str) -> str:
        """The same resident under a pseudonym of another organisation."""
        code, _ = self.admission.issue_link(builders.GEMEENTE, f"G-{n}", org)
        subject = f"{org[0].upper()}-{n}"
        self.tell(builders.event("subject.linked", subject, source=builders.source_of(org), link_code=code))
        return subject

    def register(self, org: str, **more: Any) -> None:
        """Again, with something changed."""
        self.admission.register_org(
            Organisation(org=org, kind=builders.KINDS[org], sources=(builders.SOURCES[org],), **more)
        )

    def close(self, day: date, until: date | None = None) -> None:
        self.admission.close_through(day, until)

    def run(self) -> int:
        return int(self.worker.run(until_idle=True)["applied"])

    def user(self, role: str, org: str, **more: Any) -> User:
        return people.add_user(self.owner, f"{role}-{org}-{sorted(more.items())}", org=org, role=role, **more)

    def see(self, user: User, name: str | None = None) -> list[dict[str, Any]]:
        return queries.view(self.owner, user, name or user.role)

    def log(self) -> list[Sealed]:
        """All that stands on the log about residents, partition by partition."""
        log = PostgresLog(self.admission._connection, self.vault)
        records = [record for partition in range(PARTITIONS) for record in log.read(partition, 0, 1_000_000)]
        return [unpack(clear) for record, clear in open_records(records, self.vault) if record.ref and clear]

    def ref(self, n: int) -> bytes:
        found = self.admission.resident_of(builders.GEMEENTE, f"G-{n}")
        assert found is not None
        return found


@contextmanager
def town(dsn: str, *, day: date = FIRST_DAY, organisations: Callable[[Town], None] | None = None) -> Iterator[Town]:
    """On an empty database. Without `organisations` those of the samples, with an agreement."""
    source = source_of(dsn)
    with (
        psycopg.connect(dsn, autocommit=True) as owner,
        psycopg.connect(dsn, autocommit=True) as processor,
        make_worker_of(source) as worker,
    ):
        prepare(owner, code=source.code, day=day)
        processor.execute("SET ROLE woonketen_processor")
        keys = Keys(KEK)
        vault = PostgresVault(processor, keys)
        vault.check()
        admitting = Admission(processor, keys, vault, PostgresLog(processor, vault))
        made = Town(dsn, owner, admitting, vault, worker, source)
        if organisations is None:
            _settle(made, day)
        else:
            organisations(made)
        yield made


@contextmanager
def make_worker_of(source: Source) -> Iterator[Worker]:
    with psycopg.connect(source.dsn, autocommit=True) as owner:
        prepare(owner, code=source.code)
    with make_worker(source, PARTITIONS) as worker:
        yield worker


def rows_of(owner: psycopg.Connection[Any], in_set: str | None = None, *, ref: bool = False) -> dict[str, list[Any]]:
    """Everything in the tables of a set (the live one), in a fixed order."""
    in_set = in_set or sets.live_set(owner)[0]
    found: dict[str, list[Any]] = {}
    for table in (*PEOPLE, "contribution", "pilot", "complex"):
        with owner.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(f"SELECT * FROM {in_set}.{table}").fetchall()  # type: ignore[call-overload]
        found[table] = rows if ref else sorted(map(str, rows))
    return found


def _settle(made: Town, day: date) -> None:
    for org, kind in builders.KINDS.items():
        made.admission.register_org(Organisation(org=org, kind=kind, sources=(builders.SOURCES[org],)))
    made.tell(
        builders.event(
            "agreement.signed", ..., occurred_on=day, event_id="01a00000-0000-7000-9000-000000000001",
            agreement_id=f"{builders.GEMEENTE}:OV-0", programme="wooncoach", orgs=list(builders.KINDS),
            purposes=["coordination", "guidance", "tenancy", "care", "early_signalling", "own_task", "evaluation"],
            valid_from="2025-01-01", valid_until="2029-12-31",
            time=datetime.fromisoformat("2026-01-01T10:00:00+00:00"),
        )
    )  # fmt: skip
