"""The scaled engine under faults of all kinds, while a feed runs: what comes out is what an undisturbed town on the
embedded engine shows, to the last row.

Real Apache Kafka, real PostgreSQL, workers as processes of their own. A seed decides which fault comes when; it is
printed, and `WOONKETEN_TEST_SEED` gives it again.
"""

from __future__ import annotations

import io
import json
import os
import random
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from chaos.breaking import WRONG, Region, region
from chaos.office import live, opened_office, wait_for
from chaos.proxy import Proxy
from chaos.reading import Heard, events, receipts, views
from chaos.scaled import child_of, end
from chaos.town import CO, FIRST_DAY, GI, Links, Sent, agreements, by_day, envelope, heartbeats, lives, pseudonym
from kafka import KafkaProducer
from wkscaled import refusals_of

from woonketen.contracts.errors import WoonketenError
from woonketen.contracts.records import PLATFORM
from woonketen.orchestration.kafka.broker import Broker, running
from woonketen.orchestration.moving import send
from woonketen.streams.kafka.link import Link, link_of
from woonketen.streams.keys.vault import PostgresVault
from woonketen.streams.log.postgres import SCALED, PostgresLog

FAULTS = int(os.environ.get("WOONKETEN_TEST_FAULTS", "0")) or 20
SEED = int(os.environ.get("WOONKETEN_TEST_SEED", "0")) or random.randrange(1, 10**6)
RESIDENTS, WEEKS = 8 + FAULTS // 5, 4
LAST = FIRST_DAY + timedelta(days=7 * WEEKS - 1)
BY_KAFKA = CO
"""Who writes to a topic; the others bring files."""

Told = dict[str, list[str]]


def feed(weeks: int = WEEKS, residents: int = RESIDENTS) -> list[Sent]:
    last = FIRST_DAY + timedelta(days=7 * weeks - 1)
    sent = [*agreements(FIRST_DAY, LAST.replace(year=2028)), *lives(residents, FIRST_DAY, last, 5)]
    for week in range(weeks):
        sent += heartbeats(FIRST_DAY + timedelta(days=7 * week))
        sent += wrong(FIRST_DAY + timedelta(days=7 * week + 3), week)
    return sorted(sent, key=lambda each: each.on)


def wrong(on: date, number: int) -> Iterator[Sent]:
    """What is refused, of who writes to a topic: there each is refused once, however often admission is killed."""
    name = f"{WRONG.decode()}{number}"
    data = {"occurred_on": on.isoformat(), "channel": "pigeon", "reached": True}
    sent = envelope(BY_KAFKA, "contact.attempted", name, on, data, pseudonym(BY_KAFKA, 0))
    yield Sent(on, BY_KAFKA, msgspec.json.encode(sent))
    yield Sent(on, BY_KAFKA, f"{name} is no event".encode())


@dataclass(frozen=True)
class Seen:
    """What an installation holds in the end: the log by resident, what each user sees, and each event's receipt."""

    log: Told
    views: Told
    receipts: dict[str, str]


@pytest.fixture(scope="module")
def undisturbed() -> Seen:
    heard: Heard = {}
    with opened_office() as office:
        with office.platform() as platform:
            live(platform, feed(), LAST, heard)
            assert not platform.quarantine.list()
        seen = Seen(events(office), views(office), receipts(office, heard))
    assert sum(bool(rows) for rows in seen.views.values()) > len(seen.views) / 2
    assert sum(each.startswith("refused") for each in seen.receipts.values()) == WEEKS + 1
    return seen


@pytest.fixture(scope="module")
def broker_behind(java_and_maven: None) -> Iterator[tuple[Broker, Proxy]]:
    """A broker whose clients may come through a proxy."""
    proxy = Proxy()
    with (
        tempfile.TemporaryDirectory(prefix="wk-kafka-") as folder,
        running(Path(folder) / "kafka", behind=proxy.port) as broker,
    ):
        proxy.target = broker.proxied
        yield broker, proxy
        proxy.close()


@dataclass
class Town:
    """Whoever delivers: seven bring files, one writes to its topic, with a client of its own through the proxy."""

    made: Region
    linked: Links
    topic: str
    producer: Any
    heard: Heard = field(default_factory=dict)
    written: list[Any] = field(default_factory=list)

    def deliver(self, org: str, lines: list[bytes]) -> None:
        """A slow partner sends one event at a time."""
        slow = self.made.slow and len(lines) > 1
        for part in [[line] for line in lines] if slow else [lines]:
            self.tell(org, part) if org != BY_KAFKA else self.write(part)
            if slow:
                self.made.slow = False
                time.sleep(self.made.rng.uniform(0, 0.3))

    def tell(self, org: str, lines: list[bytes]) -> None:
        """Until it is told: a partner sends again what has no receipt."""

        def told() -> bool:
            with trying(self.made), self.made.office.platform() as platform:
                found = list(platform.ingest(org, io.BytesIO(b"\n".join(map(self.linked, lines))), "cloudevents"))
                for receipt in found:
                    self.heard.setdefault((org, receipt.id), []).append((receipt.status, receipt.reason))
                return len(found) == len(lines)
            return False

        wait_for(told)

    def write(self, lines: list[bytes]) -> None:
        """And does not wait: faults come before it is admitted, and before Kafka has it."""

        def coded() -> list[bytes]:
            with trying(self.made):
                return [self.linked(line) for line in lines]
            return []

        self.written += [self.producer.send(self.topic, value=line) for line in wait_for(coded)]

    def admitted(self) -> None:
        """Until admission has everything that was written."""
        if not self.written:
            return
        upto = max(each.get(180).offset for each in self.written) + 1
        self.written.clear()

        def there() -> bool:
            with trying(self.made), self.made.office.sql() as connection:
                row = connection.execute("SELECT next FROM admission.door WHERE topic = %s", [self.topic]).fetchone()
                return row is not None and row[0] >= upto
            return False

        wait_for(there)

    def told_in_the_topic(self) -> None:
        """Of each event that is not refused there, a partner takes it that it is accepted."""
        for each in refusals_of(link_of(self.made.office.settings), BY_KAFKA):
            self.heard.setdefault((BY_KAFKA, each["id"]), []).append((each["status"], each["reason"]))


@contextmanager
def town(made: Region) -> Iterator[Town]:
    def issue(by: str, subject: str, org: str) -> str:
        with made.office.platform() as platform:
            return str(platform.issue_link(by, subject, org)["code"])

    own = made.office("org", "credentials", BY_KAFKA, "--kafka", "--json").object
    password, operator = Path(made.office.home / own["password_file"]).read_text(), link_of(made.office.settings)
    link = Link(f"127.0.0.1:{made.kafka.port}", own["user"], password, operator.security, operator.prefix)
    producer = KafkaProducer(**link.options(), acks="all", enable_idempotence=True, delivery_timeout_ms=180_000)
    try:
        yield Town(made, Links(issue), own["topic"], producer)
    finally:
        producer.close(timeout=5)


@contextmanager
def trying(made: Region) -> Iterator[None]:
    """What fails of a fault is done again; PostgreSQL may be elsewhere by then."""
    try:
        yield
    except (WoonketenError, psycopg.Error):
        made.begin_postgres()


def close(made: Region, first: date, last: date) -> None:
    def closed() -> bool:
        with trying(made), made.office.platform() as platform:
            if platform.open_day() <= last:
                platform.close_days(max(first, platform.open_day()), last)
            return True
        return False

    wait_for(closed)


def settled(made: Region, seconds: float = 300) -> None:
    def level() -> bool:
        with suppress(WoonketenError, psycopg.Error, AssertionError):
            return made.office.lag() == 0
        made.begin_postgres()
        return False

    wait_for(level, seconds)


@pytest.mark.slow
@pytest.mark.timeout(240 + 30 * FAULTS)
def test_faults_of_all_kinds_change_nothing(
    broker_behind: tuple[Broker, Proxy], undisturbed: Seen, capsys: pytest.CaptureFixture[str]
) -> None:
    began, sent = time.monotonic(), feed()
    with region(broker_behind, f"chaos{SEED}-", SEED) as made, town(made) as partners:
        made.add_admission()
        made.add_step()
        made.add_step()
        live_through(made, partners, sent)
        made.codes += end([*made.steps, *made.admissions])
        with capsys.disabled():
            print(f"\nseed {SEED}: {made.faults.total()} faults over {len(sent)} events in", end=" ")
            print(f"{time.monotonic() - began:.0f} s; {made.missed.total()} more had nothing to break")
            for name, times in sorted(made.faults.items()):
                print(f"  {times:4} {name}")
        assert made.codes == [0] * len(made.codes), "a worker that was asked to stop did not end well"
        for name in ("step", "admission"):
            assert "Traceback" not in (made.office.home / f"{name}.log").read_text()
        assert aside(made) == sorted(made.poisoned)
        if made.poisoned:
            assert views(made.office) != undisturbed.views, "whoever is set aside is not shown"
            replayed(made)
        assert_level(made)
        partners.told_in_the_topic()
        for number in range(WEEKS):
            assert len(partners.heard[BY_KAFKA, f"{WRONG.decode()}{number}"]) == 1, "one refusal is told once"
        assert len(partners.heard[BY_KAFKA, None]) == WEEKS
        for org, lines in ((each.org, each.line) for each in sent if each.org == BY_KAFKA):
            if WRONG not in lines:
                partners.heard.setdefault((org, msgspec.json.decode(lines)["id"]), [])
        assert receipts(made.office, partners.heard) == undisturbed.receipts
        assert log_but_for(made.poisoned, events(made.office)) == log_but_for(made.poisoned, undisturbed.log)
        assert rows_but_for(made.poisoned, views(made.office)) == rows_but_for(made.poisoned, undisturbed.views)


def log_but_for(poisoned: Collection[int], log: dict[str, list[str]]) -> dict[str, list[str]]:
    """Whoever is set aside is judged again from the next close on, and evenings that passed meanwhile were not. So of
    these residents only what partners told is compared."""
    names = {pseudonym(GI, each) for each in poisoned}
    return {
        name: [line for line in lines if name not in names or json.loads(line)[1] != PLATFORM]
        for name, lines in log.items()
    }


def rows_but_for(poisoned: Collection[int], seen: dict[str, list[str]]) -> dict[str, list[str]]:
    """For the same reason: that their rows are those of the log, `replayed` has seen."""
    ends = tuple(f'-{each:06d}"' for each in poisoned)
    return {name: [line for line in lines if not any(end in line for end in ends)] for name, lines in seen.items()}


def live_through(made: Region, partners: Town, sent: list[Sent]) -> None:
    parcels = [(day, org, lines) for day, files in by_day(sent) for org, lines in files.items()]
    closed = FIRST_DAY - timedelta(days=1)
    late = [parcel for parcel in parcels if made.rng.random() < 0.1]  # is sent once more at the end
    for number, (day, org, lines) in enumerate(parcels):
        made.wake()
        if (before := day - timedelta(days=1)) > closed:
            partners.admitted()
            close(made, closed + timedelta(days=1), before)
            closed = before
        partners.deliver(org, lines)
        made.ahead = [(org, lines) for _, org, lines in parcels[number + 1 : number + 9]]
        while made.faults.total() * len(parcels) < FAULTS * (number + 1):
            made.inject()
    for _, org, lines in late:
        if again := [line for line in lines if WRONG not in line]:
            partners.deliver(org, again)
    partners.admitted()
    close(made, closed + timedelta(days=1), LAST)
    made.outlast()
    made.mend()
    settled(made)


def aside(made: Region) -> list[int]:
    """The residents who are set aside."""
    with made.office.platform() as platform, made.office.sql() as connection:
        rows = connection.execute(
            "SELECT ref, error FROM gate.quarantine q JOIN gate.set s ON s.name = q.set WHERE s.live AND NOT discarded"
        ).fetchall()
        names = {platform.admission.resident_of(GI, pseudonym(GI, n)): n for n in range(RESIDENTS)}
    assert all(error.split()[0] == "ZeroDivisionError" for _, error in rows), "not what was planted"
    return sorted(names[ref] for ref, _ in rows)


def assert_level(made: Region) -> None:
    """The log is whole in Kafka and in PostgreSQL; each partition is applied to its end; nothing waits anywhere."""
    verified = made.office("log", "verify", "--json").object
    assert verified["gaps"] == verified["changed"] == 0
    with made.office.platform() as platform:
        rows, doors = platform.log_stats(), platform.door_stats()
        assert not platform.quarantine.list()
    assert [(each["applied"], each["lag"], each["window"]) for each in rows] == [(each["end"], 0, 0) for each in rows]
    assert sum(each["end"] for each in rows) == verified["records"]
    assert [(each["org"], each["lag"], each["replies"]) for each in doors] == [(BY_KAFKA, 0, 0)]


def waiting_week(made: Region, one: str) -> tuple[Any, ...]:
    """A week of a few residents is admitted and waits. Gives something of one of them."""
    with made.office.platform() as platform:
        platform.run = lambda **_: None
        live(platform, feed(1, 4), FIRST_DAY + timedelta(days=6))
        return tuple(platform._processor.execute(one).fetchone())


def replayed(made: Region) -> None:
    """What was set aside is computed after all, and everything is as if it had been so at once."""
    made.office("quarantine", "replay", "all")
    made.office("run", "--until-idle")
    assert not made.office("quarantine", "list", "--json").rows
    assert made.office("rebuild", "--json").object["withheld"] == 0, "no difference either: it would exit with 1"


def test_a_record_that_kills_its_worker_is_set_aside_and_can_be_replayed(broker_behind: tuple[Broker, Proxy]) -> None:
    with region(broker_behind, "deadly-", 1) as made:
        partition, seq = waiting_week(
            made, "SELECT partition, seq FROM log.window WHERE ref IS NOT NULL ORDER BY seq DESC LIMIT 1"
        )
        made.add_admission()
        made.add_step(WK_DEADLY=f"{partition}:{seq}")
        settled(made)
        assert end([*made.steps, *made.admissions]) == [0, 0]
        (aside,) = made.office("quarantine", "list", "--json").rows
        assert (aside["what"], aside["partition"]) == ("record", partition)
        replayed(made)


def test_a_resident_who_cannot_be_computed_holds_up_nobody(broker_behind: tuple[Broker, Proxy]) -> None:
    with region(broker_behind, "raising-", 1) as made:
        (ref,) = waiting_week(made, "SELECT ref FROM log.window WHERE ref IS NOT NULL LIMIT 1")
        made.add_admission()
        made.add_step(WK_RAISING=ref.hex())
        settled(made)
        assert end([*made.steps, *made.admissions]) == [0, 0]
        (aside,) = made.office("quarantine", "list", "--json").rows
        assert (aside["what"], aside["error"].split()[0]) == ("resident", "ZeroDivisionError"), "not what was planted"
        replayed(made)


def test_a_worker_whose_next_record_does_not_come_begins_again_and_waits(broker_behind: tuple[Broker, Proxy]) -> None:
    with region(broker_behind, "missing-", 1) as made:
        waiting_week(made, "SELECT 1")
        with made.office.sql() as connection:
            log = PostgresLog(connection, PostgresVault(connection, made.office.keys()), SCALED)
            early = [record for p, upto in log.ends().items() for record in log.read(p, 1 if p else 0, upto)]
        made.add_step()
        send(link_of(made.office.settings), early)  # all but the very first
        said = made.office.home / "step.log"
        wait_for(lambda: "not the next one" in said.read_text())
        assert made.office.lag() > 1
        made.add_admission()
        settled(made)
        assert end([*made.steps, *made.admissions]) == [0, 0]
        assert made.office("log", "verify", "--json").object["gaps"] == 0


def test_a_worker_that_is_asked_to_stop_while_it_begins_says_nothing(broker_behind: tuple[Broker, Proxy]) -> None:
    with region(broker_behind, "stopping-", 1) as made:
        said = made.office.home / "step.log"
        for tenths in range(0, 16, 4):
            made.add_step()
            wait_for(lambda: child_of(made.steps[-1]) is not None)
            time.sleep(tenths / 10)
            assert end([made.steps.pop()]) == [0]
        assert "Traceback" not in said.read_text()


def test_a_wrong_password_is_a_sentence_and_a_broker_that_is_away_is_waited_for(
    broker_behind: tuple[Broker, Proxy],
) -> None:
    broker, _ = broker_behind
    with region(broker_behind, "words-", 1) as made:
        wrong = made.office.home / "wrong"
        wrong.write_text("not this one")
        made.add_step(WOONKETEN_KAFKA_PASSWORD_FILE=str(wrong))
        said = made.office.home / "step.log"
        wait_for(lambda: "password" in said.read_text())
        assert "Traceback" not in said.read_text()
        made.steps[0].terminate()
        made.steps[0].wait(180)
        broker.kill()
        made.steps = []
        made.add_step(WOONKETEN_KAFKA=broker.bootstrap)
        wait_for(lambda: "does not answer" in said.read_text() or "cannot be reached" in said.read_text())
        broker.start()
        made.add_admission()
        with made.office.platform() as platform:
            platform.close_days(FIRST_DAY, FIRST_DAY)
        settled(made)
        assert end([*made.steps, *made.admissions]) == [0, 0]
