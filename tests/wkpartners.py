"""A small municipality of invented organisations that send events, for tests of admission and what comes behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from itertools import count
from typing import Any

import psycopg
from wkdatabase import KEYS, apply_schema, as_processor

from woonketen.contracts.records import open_records, partition_of, unpack
from woonketen.streams.door.admission import Admission, Receipt, prepare
from woonketen.streams.door.organisations import Organisation
from woonketen.streams.keys.vault import PostgresVault
from woonketen.streams.log.postgres import PostgresLog, make_partitions

FIRST_DAY = date(2026, 3, 2)
PARTITIONS = 3
CITY, LANDLORD, COACH, BUDDY, DEBT = "gemeente-ijsselstad", "openbaar-wonen", "coach-oost", "buurtmaat", "schuldhulp-1"
SOURCES = {
    CITY: ("gemeente", "urn:nld:oin:00000001001234567000:systeem:sociaal-domein"),
    LANDLORD: ("corporatie", "urn:nld:kvknr:05012345:systeem:primair"),
    COACH: ("zorgaanbieder", "urn:nld:kvknr:41012345:systeem:coaching"),
    BUDDY: ("buddy_organisatie", "urn:nld:kvknr:24012345:systeem:buddy"),
    DEBT: ("schuldhulp", "urn:nld:kvknr:34012345:systeem:schuld"),
}
_ids = count(1)


def new_id() -> str:
    return f"019ab000-0000-7000-8000-{next(_ids):012d}"


def sample(short: str) -> dict[str, Any]:
    path = files("woonketen.contracts").joinpath("schemas", short, "1.sample.json")
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def event(org: str, short: str, subject: str | None = None, /, event_id: str = "", **data: Any) -> dict[str, Any]:
    """The catalogue's sample of a type as this organisation would send it; `data` changes its payload (`...` leaves a
    field out)."""
    found = sample(short)
    payload = {name: value for name, value in (found["data"] | data).items() if value is not ...}
    found |= {"id": event_id or new_id(), "source": SOURCES[org][1], "data": payload}
    found.pop("subject", None)
    return found if subject is None else found | {"subject": subject}


def agreement(*orgs: str, programme: str = "wooncoach", **data: Any) -> dict[str, Any]:
    parties = {"orgs": [CITY, *orgs], "programme": programme, "agreement_id": f"{CITY}:OV-{programme}-1"}
    return event(CITY, "agreement.signed", **(parties | data))


def enrolment(subject: str, org: str = CITY, /, **data: Any) -> dict[str, Any]:
    return event(org, "enrolment.opened", subject, **({"enrolment_id": f"{org}:E-{subject}-1"} | data))


def visit(subject: str, /, **data: Any) -> dict[str, Any]:
    return event(COACH, "coach.visit_held", subject, **({"occurred_on": "2026-03-01", "visit_id": "V-1"} | data))


def line(sent: dict[str, Any] | bytes) -> bytes:
    return sent if isinstance(sent, bytes) else json.dumps(sent).encode()


class Town:
    """An installation, and what a test wants to know of it."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.wall = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
        self.vault = PostgresVault(connection, KEYS)
        self.log = PostgresLog(connection, self.vault)
        self.admission = self.another_door()

    def another_door(self, **options: Any) -> Admission:
        return Admission(self.connection, KEYS, self.vault, self.log, now=lambda: self.wall, **options)

    def register(self, *orgs: str) -> None:
        for org in orgs:
            kind, source = SOURCES[org]
            self.admission.register_org(Organisation(org=org, kind=kind, sources=(source,)))

    def send(self, org: str, *sent: dict[str, Any] | bytes) -> list[Receipt]:
        return list(self.admission.submit(org, map(line, sent)))

    def say(self, org: str, *sent: dict[str, Any] | bytes) -> list[str]:
        """Each receipt in a word: its status, or what it was refused for."""
        return [receipt.reason or receipt.status for receipt in self.send(org, *sent)]

    def link(self, by: str, subject: str, for_org: str, other: str, **data: Any) -> dict[str, Any]:
        code, _ = self.admission.issue_link(by, subject, for_org)
        return event(for_org, "subject.linked", other, link_code=code, **data)

    def ref(self, org: str, subject: str) -> bytes:
        found = self.admission.resident_of(org, subject)
        assert found is not None
        return found

    def facts(self, org: str, subject: str) -> list[str]:
        """Types on the log of whom the organisation means, as they were appended."""
        return self.types(self.ref(org, subject))

    def types(self, ref: bytes) -> list[str]:
        partition = partition_of(ref, PARTITIONS)
        records = self.log.of_residents(partition, [ref], self.log.ends()[partition])
        return [unpack(clear).type for _, clear in open_records(records, self.vault) if clear]

    def everybody(self, partition: int) -> list[str]:
        """What stands in a partition about nobody in particular."""
        records = [record for record in self.log.read(partition, 0, 10_000) if record.ref is None]
        return [
            f"closed {record.day}" if record.kind == "day_closed" else unpack(clear or b"").type
            for record, clear in open_records(records, self.vault)
        ]

    def parked(self) -> int:
        return int(self.ask("SELECT count(*) FROM admission.parked"))

    def ask(self, query: str, *values: Any) -> Any:
        row = self.connection.execute(query, values).fetchone()  # type: ignore[arg-type]
        assert row is not None
        return row[0]

    def close(self, days: int = 1) -> date:
        last = self.admission.settings().open_day + timedelta(days=days - 1)
        return self.admission.close_through(last)


def prepare_town(dsn: str) -> None:
    """Everything new, in a database that may have been used before: emptying is ten times faster than making one."""
    with psycopg.connect(dsn, autocommit=True) as owner:
        apply_schema(owner)
        make_partitions(owner, PARTITIONS)
        tables = owner.execute(
            "SELECT format('DELETE FROM %I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname IN ('log', 'vault', 'admission') AND tablename <> 'counter'"
        ).fetchall()
        with owner.transaction():
            owner.execute("SET LOCAL synchronous_commit = off")
            owner.execute("; ".join(statement for (statement,) in tables))
            owner.execute("UPDATE log.counter SET next = 1")
            prepare(owner, FIRST_DAY, PARTITIONS)
    with as_processor(dsn) as connection:
        PostgresVault(connection, KEYS).check()
        Town(connection).register(*SOURCES)


@contextmanager
def open_town(dsn: str) -> Iterator[Town]:
    with as_processor(dsn) as connection:
        yield Town(connection)
