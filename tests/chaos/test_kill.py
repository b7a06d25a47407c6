"""kill -9 of `ingest`, `run`, `rebuild` and of PostgreSQL, a hundred times in all, while a town lives its weeks. After
each kill the command is simply given again. At the end everything is as in a town in which nothing happened: no event
lost, none doubled, the same rows and warnings for everybody, and receipts that tell what the log holds."""

from __future__ import annotations

import io
import json
import os
import subprocess
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from chaos.office import SECONDS, Office, opened_office, wait_for
from chaos.reading import events, records, views
from chaos.town import (
    FIRST_DAY,
    GI,
    ORGS,
    TOWN,
    Links,
    Sent,
    agreements,
    envelope,
    heartbeats,
    lives,
    pseudonym,
)
from psycopg import sql

from woonketen.contracts.records import PLATFORM_SOURCE

KILLS = max(25, int(os.environ.get("WOONKETEN_TEST_KILLS", "0")))  # of each of the four; only upwards
WEEKS, RESIDENTS = 6, 12
LAST = FIRST_DAY + timedelta(days=7 * WEEKS - 1)


Told = dict[str, list[str]]


@dataclass(frozen=True)
class Step:
    """A command; `ingest` ones have an organisation and what it sends."""

    name: str
    arguments: tuple[str, ...]
    org: str = ""
    lines: tuple[bytes, ...] = ()


def steps(target: str = "") -> list[Step]:
    """Six weeks: what each organisation sends, then the week is closed, shown and, at the end or where that is to be
    disturbed, built again."""
    sent: list[Sent] = [*agreements(FIRST_DAY, LAST.replace(year=2028))]
    sent += [each for week in range(WEEKS) for each in heartbeats(FIRST_DAY + timedelta(days=7 * week))]
    sent += lives(RESIDENTS, FIRST_DAY, LAST, 20)
    made: list[Step] = []
    for week in range(WEEKS):
        begin, end = FIRST_DAY + timedelta(days=7 * week), FIRST_DAY + timedelta(days=7 * week + 6)
        for org in ORGS:
            lines = tuple(each.line for each in sorted(sent, key=_on) if each.org == org and begin <= each.on <= end)
            made.append(Step("ingest", (f"{org}-{week}.jsonl",), org, lines))
        made.append(Step("run", ("run", "--until-idle")))
        made.append(Step("close", ("day", "close", begin.isoformat(), "--through", end.isoformat())))
        made.append(Step("run", ("run", "--until-idle")))
        if target in ("rebuild", "postgres") or week == WEEKS - 1:
            made.append(Step("rebuild", ("rebuild", "--verify") if week % 2 else ("rebuild",)))
    return made


def _on(sent: Sent) -> date:
    return sent.on


@dataclass
class Saboteur:
    """Gives the commands of an office, and kills while `target` runs; `postgres` is killed under every command."""

    office: Office
    target: str
    rng: Random
    kills: int = 0
    out: Path = field(default_factory=Path)
    receipts: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    lasted: dict[str, float] = field(default_factory=dict)
    codes: Counter[int] = field(default_factory=Counter)

    def do(self, step: Step, kills: int) -> None:
        """The step to its end, after `kills` attempts that did not live to see it."""
        tries = 0
        while kills and tries < 4 * KILLS:
            tries += 1
            if self.attempt(step):
                self.kills += 1
                kills -= 1
        began = time.monotonic()
        code = self.run(step, None)
        assert code == 0, f"{step.name} ended with {code}"
        self.lasted[step.name] = time.monotonic() - began

    def attempt(self, step: Step) -> bool:
        """Whether the kill came before the end."""
        lasts = self.lasted.get(step.name, 0.5)
        began = time.monotonic()
        # The first part is only Python starting; more than half of the kills shall hit the work.
        delay = self.rng.uniform(0.1, 1.0) * lasts if self.rng.random() < 0.3 else self.rng.uniform(0.55, 1.05) * lasts
        killed = self.run(step, delay) is None
        if not killed:
            self.lasted[step.name] = time.monotonic() - began  # it is quicker than that
        return killed

    def run(self, step: Step, delay: float | None) -> int | None:
        """The exit code, or None if it was killed (or PostgreSQL was, under its hands)."""
        arguments = step.arguments
        out = self.out / f"{step.name}-{sum(self.codes.values())}"
        if step.name == "ingest":
            file = self.office.files / step.arguments[0]
            arguments = ("ingest", str(file), "--as", step.org, "--receipts", str(out))
        with self.office.command(*arguments) as process:
            if delay is not None:
                killed = self.kill(process, delay)
            _, err = process.communicate(timeout=SECONDS)
        self.codes[process.returncode] += 1
        # A helper process of a rebuild may be born just as its parent is killed, and Python says so.
        assert process.returncode == -9 or b"Traceback" not in err, err.decode()
        self.read_receipts(step, out)
        if delay is not None and killed:
            # PostgreSQL gone: the command says so with 3, or had ended, or had not begun to need it.
            assert process.returncode in ((0, 3) if self.target == "postgres" else (-9,)), err.decode()
            return None
        return process.returncode

    def kill(self, process: subprocess.Popen[bytes], delay: float) -> bool:
        with suppress(subprocess.TimeoutExpired):
            process.wait(delay)
            return False
        if self.target == "postgres":
            return self.office.kill_postgres()
        process.kill()
        return process.wait() == -9

    def read_receipts(self, step: Step, out: Path) -> None:
        """Also those of a command that was killed: whoever got one may trust it."""
        if step.name == "ingest" and out.exists():
            for line in out.read_bytes().splitlines(keepends=True):
                if line.endswith(b"\n"):
                    receipt = json.loads(line)
                    self.receipts[receipt["source"], receipt["id"]].append(receipt["status"])


def is_target(step: Step, target: str) -> bool:
    return step.name == target or (target == "postgres" and step.name != "close")


@pytest.fixture(scope="session")
def undisturbed() -> tuple[Told, Told]:
    """The same weeks without a kill: the log's events, and what everybody sees."""
    with opened_office() as office:
        linked = codes(office)
        with office.platform() as platform:
            for step in steps():
                play(platform, step, linked)
        told, seen = events(office), views(office)
    assert len(told) == RESIDENTS + 1
    assert sum(bool(rows) for rows in seen.values()) > len(seen) / 2  # most people see something
    assert any("warning" in name and rows for name, rows in seen.items())
    return told, seen


def codes(office: Office) -> Links:
    def issue(by: str, subject: str, org: str) -> str:
        with office.platform() as platform:
            return str(platform.issue_link(by, subject, org)["code"])

    return Links(issue)


def play(platform: Any, step: Step, linked: Links) -> None:
    """A step in this process."""
    if step.name == "ingest":
        statuses = Counter(
            r.status for r in platform.ingest(step.org, io.BytesIO(b"\n".join(map(linked, step.lines))), "cloudevents")
        )
        assert not statuses["refused"]
    elif step.name == "run":
        platform.run(until_idle=True)
    elif step.name == "close":
        platform.close_days(date.fromisoformat(step.arguments[2]), date.fromisoformat(step.arguments[4]))
    else:
        assert not platform.rebuild(verify="--verify" in step.arguments)["differences"]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("target", ["ingest", "run", "rebuild", "postgres"])
def test_kills_lose_nothing_and_double_nothing(target: str, undisturbed: tuple[Told, Told], tmp_path: Path) -> None:
    with opened_office() as office:
        todo, linked = steps(target), codes(office)
        saboteur = Saboteur(office, target, Random(f"kill {target}"), out=tmp_path)
        hit = [number for number, step in enumerate(todo) if is_target(step, target)]
        share = dict(zip(hit, spread(KILLS, len(hit)), strict=True))
        for number, step in enumerate(todo):
            if share.get(number):
                if step.name == "ingest":
                    office.file(step.arguments[0], list(map(linked, step.lines)))
                saboteur.do(step, share[number])
            else:
                with office.platform() as platform:
                    play(platform, step, linked)
        assert saboteur.kills >= KILLS
        check(office, saboteur, [step for number, step in enumerate(todo) if share.get(number)], undisturbed)


def spread(kills: int, places: int) -> list[int]:
    return [kills * (number + 1) // places - kills * number // places for number in range(places)]


def check(
    office: Office,
    saboteur: Saboteur,
    disturbed: list[Step],
    undisturbed: tuple[Told, Told],
) -> None:
    verified = office("log", "verify", "--json").object
    assert verified["gaps"] == verified["changed"] == 0
    told, seen = undisturbed
    assert events(office) == told
    assert views(office) == seen
    on_log = Counter(
        (record.partition, sealed.source, sealed.id)
        for record, sealed in records(office)
        if sealed.source != PLATFORM_SOURCE
    )
    assert max(on_log.values()) == 1  # none doubled
    taken = {(source, id_) for _, source, id_ in on_log}
    for key, statuses in saboteur.receipts.items():
        assert statuses.count("accepted") <= 1, "one event was accepted twice"
        if "accepted" in statuses:
            assert key in taken, "a receipt promises what the log does not hold"
        assert "refused" not in statuses
    if saboteur.target in ("ingest", "postgres"):
        sent = {(event["source"], event["id"]) for step in disturbed for event in map(json.loads, step.lines)}
        assert set(saboteur.receipts) == sent  # each got its receipt in the end


# --- one kill in the middle of a transaction, surely ----------------------------------------------------------------

BLOCKED = """
    SELECT a.pid, array_agg(DISTINCT l.relation::regclass::text)
      FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid AND l.granted AND l.mode = 'RowExclusiveLock'
     WHERE %s = ANY (pg_blocking_pids(a.pid)) AND a.backend_xid IS NOT NULL
     GROUP BY a.pid
"""
TABLES = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname !~ '^pg_|^information_schema$'
"""


@pytest.mark.parametrize(
    ("command", "held", "written"),
    [
        # The log is written last: what became of the events stands in the same transaction already.
        ("ingest", "log.record", {"admission.seen", "admission.parked", "vault.key"}),
        # The position is moved last: rows and warnings stand there already.
        ("run", "gate.position", {"set_1.resident"}),
        # The fresh set's positions come after its tables.
        ("rebuild", "gate.position", {"gate.set"}),
    ],
)
def test_a_killed_transaction_leaves_nothing(command: str, held: str, written: set[str], tmp_path: Path) -> None:
    """A lock of ours makes the command wait at its transaction's last table. It is killed there, with rows written."""
    with opened_office() as office:
        todo, linked = steps()[: 2 * (len(ORGS) + 3)], codes(office)
        for step in todo:
            with office.platform() as platform:
                play(platform, step, linked)
        office.file("more.jsonl", MORE)
        arguments = ["ingest", str(office.files / "more.jsonl"), "--as", GI]
        if command != "ingest":
            office(*arguments)
            arguments = ["run", "--until-idle"] if command == "run" else ["rebuild"]
        with office.sql() as connection, office.sql() as ours:
            before = contents(connection)
            with ours.transaction(force_rollback=True):
                ours.execute(f"LOCK TABLE {held} IN SHARE MODE")
                waits = [ours.info.backend_pid]
                with office.running(*arguments):
                    blocked, touched = wait_for(lambda: connection.execute(BLOCKED, waits).fetchone())
                    assert written <= set(touched)
            gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)"
            wait_for(lambda: (connection.execute(gone, [blocked]).fetchone() or [False])[0])
            assert contents(connection) == before
        office(*arguments)
        office("run", "--until-idle")
        office("rebuild", "--verify")
        verified = office("log", "verify", "--json").object
        assert verified["gaps"] == verified["changed"] == 0
        on_log = Counter(sealed.id for _, sealed in records(office))
        assert [on_log[json.loads(line)["id"]] for line in MORE] == [1, 1, 0]


def more() -> list[bytes]:
    """Two events that are taken, of a resident whose rows they change, and one that is parked."""
    day = FIRST_DAY + timedelta(days=14)
    flag = {"occurred_on": day.isoformat(), "worker": "CL-1"}
    new = {"occurred_on": day.isoformat(), "enrolment_id": f"{GI}:E-777", "programme": "wooncoach"}
    new |= {"route": "beschermd_wonen", "municipality": TOWN}
    tried = {"occurred_on": day.isoformat(), "channel": "phone", "reached": False}
    return [
        json.dumps(envelope(GI, short, f"more-{number}", day, data, subject)).encode()
        for number, (short, data, subject) in enumerate(
            [
                ("caselead.assigned", flag, pseudonym(GI, 0)),
                ("enrolment.opened", new, pseudonym(GI, 777)),
                ("contact.attempted", tried, pseudonym(GI, 778)),
            ]
        )
    ]


MORE = more()


def contents(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Every table's rows, as one number."""
    found = {}
    for place in connection.execute(TABLES).fetchall():
        query = sql.SQL("SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {} AS t")
        row = connection.execute(query.format(sql.Identifier(*place))).fetchone()
        found[".".join(place)] = row[0] if row else ""
    return found
