"""The scaled engine under faults of all kinds, while a feed runs: what comes out is what an undisturbed town on the
embedded engine shows, to the last row.

Real Apache Kafka, real PostgreSQL, workers as processes of their own. A seed decides which fault comes when; it is
printed, and `WOONKETEN_TEST_SEED` gives it again.
"""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from chaos.office import live, opened_office, wait_for
from chaos.proxy import Proxy
from chaos.reading import events, views
from chaos.scaled import ScaledOffice, child_of, end, scaled_office, signal_child
from chaos.town import FIRST_DAY, Links, Sent, agreements, by_day, heartbeats, lives
from psycopg.conninfo import make_conninfo

from woonketen.contracts.errors import Unreachable, WoonketenError
from woonketen.orchestration.kafka.broker import Broker, running
from woonketen.orchestration.moving import send
from woonketen.streams.kafka.link import link_of
from woonketen.streams.keys.vault import PostgresVault
from woonketen.streams.log.postgres import SCALED, PostgresLog

FAULTS = int(os.environ.get("WOONKETEN_TEST_FAULTS", "0")) or 20
SEED = int(os.environ.get("WOONKETEN_TEST_SEED", "0")) or random.randrange(1, 10**6)
RESIDENTS, WEEKS = 8 + FAULTS // 5, 4
LAST = FIRST_DAY + timedelta(days=7 * WEEKS - 1)
PLANTED = str(Path(__file__).parent / "planted")
SESSION_SECONDS = 3.0  # as `planted` sets it

Told = dict[str, list[str]]


def feed(weeks: int = WEEKS, residents: int = RESIDENTS) -> list[Sent]:
    last = FIRST_DAY + timedelta(days=7 * weeks - 1)
    sent = [*agreements(FIRST_DAY, LAST.replace(year=2028)), *lives(residents, FIRST_DAY, last, 5)]
    for week in range(weeks):
        sent += heartbeats(FIRST_DAY + timedelta(days=7 * week))
    return sorted(sent, key=lambda each: each.on)


@pytest.fixture(scope="module")
def undisturbed() -> tuple[Told, Told]:
    with opened_office() as office:
        with office.platform() as platform:
            assert not live(platform, feed(), LAST)["refused"]
        told, seen = events(office), views(office)
    assert sum(bool(rows) for rows in seen.values()) > len(seen) / 2
    return told, seen


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
class Region:
    """The scaled installation, its workers, and the ways to break it."""

    office: ScaledOffice
    broker: Broker
    kafka: Proxy
    database: Proxy
    rng: random.Random
    steps: list[subprocess.Popen[bytes]] = field(default_factory=list)
    admissions: list[subprocess.Popen[bytes]] = field(default_factory=list)
    stopped: list[tuple[float, int]] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    codes: list[int] = field(default_factory=list)
    slow: bool = False

    # --- processes ---

    def environment(self, **more: str) -> dict[str, str]:
        """Workers reach both servers through the proxies."""
        path = os.pathsep.join([PLANTED, os.environ.get("PYTHONPATH", "")])
        dsn = make_conninfo(self.office.dsn(), port=self.database.port)
        return {
            "PYTHONPATH": path,
            "WOONKETEN_DATABASE": dsn,
            "WOONKETEN_KAFKA": f"127.0.0.1:{self.kafka.port}",
            **more,
        }

    def add_step(self, **more: str) -> None:
        self.steps.append(self.office.worker("step", **self.environment(**more)))

    def add_admission(self) -> None:
        self.admissions.append(self.office.worker("admission", **self.environment()))

    def close(self) -> None:
        self.mend()
        for process in (*self.steps, *self.admissions):
            process.kill()
            process.wait()

    def mend(self) -> None:
        for _, pid in self.stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.stopped.clear()
        self.kafka.mend()
        self.database.mend()

    # --- faults ---

    def kill_worker(self) -> None:
        signal_child(self.rng.choice(self.steps), signal.SIGKILL)

    def kill_supervisor(self) -> None:
        gone = self.steps.pop(self.rng.randrange(len(self.steps)))
        gone.kill()
        gone.wait()
        self.add_step()

    def kill_admission(self) -> None:
        signal_child(self.rng.choice(self.admissions), signal.SIGKILL)

    def zombie(self) -> None:
        """A worker stands still for longer than its session lasts, and goes on as if nothing had been."""
        pid = child_of(self.rng.choice(self.steps))
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                self.stopped.append((time.monotonic() + SESSION_SECONDS * 1.5, pid))

    def wake(self) -> None:
        for due, pid in list(self.stopped):
            if time.monotonic() > due:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
                self.stopped.remove((due, pid))

    def cut(self, proxy: Proxy) -> None:
        proxy.cut()
        time.sleep(self.rng.uniform(0, 1))
        proxy.mend()

    def hold(self, proxy: Proxy) -> None:
        proxy.hold()
        time.sleep(self.rng.uniform(0, 2))
        proxy.mend()

    def kill_broker(self) -> None:
        self.broker.kill()
        time.sleep(self.rng.uniform(0, 1))

        def begun() -> bool:
            with suppress(Unreachable):  # while it was away somebody's outgoing connection may have got its port
                self.broker.start()
            return self.broker.alive()

        wait_for(begun)

    def kill_postgres(self) -> None:
        self.office.kill_postgres()
        self.begin_postgres()

    def begin_postgres(self) -> None:
        def there() -> bool:
            with suppress(WoonketenError, psycopg.Error), self.office.sql():
                self.database.target = int(psycopg.conninfo.conninfo_to_dict(self.office.dsn())["port"])
                return True
            return False

        wait_for(there)

    def scale_up(self) -> None:
        if len(self.steps) < 3:
            self.add_step()

    def scale_down(self) -> None:
        if len(self.steps) > 1:
            gone = self.steps.pop(0)
            self.wake_all()
            wait_for(lambda: child_of(gone) is not None)  # before, it is a Python that starts, and ends like one
            self.codes += end([gone])

    def wake_all(self) -> None:
        for _, pid in self.stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.stopped.clear()

    def double(self) -> None:
        """What was delivered comes again, once whole and once damaged, and something that nobody of ours wrote."""
        with self.office.sql() as connection:
            vault = PostgresVault(connection, self.office.keys())
            log = PostgresLog(connection, vault)
            some = [record for p in log.ends() for record in log.read(p, self.rng.randrange(20), 10)]
        with suppress(WoonketenError):
            damaged = [msgspec.structs.replace(record, sealed=b"damaged") for record in some]
            send(link_of(self.office.settings), [*some, *damaged])
            alien(self.office)

    def fill_quarantine(self) -> None:
        """More is set aside than anybody looks through: the line stops, until somebody has looked."""
        with self.office.sql() as connection:
            connection.execute(
                "INSERT INTO gate.quarantine (set, partition, seq, since, reason, error)"
                " SELECT name, 0, 10^9 + n, '2026-01-05', 'record', 'Planted' FROM gate.set, generate_series(1, 1000) n"
                " WHERE live"
            )
        time.sleep(self.rng.uniform(0.5, 1.5))
        with self.office.sql() as connection:
            connection.execute("DELETE FROM gate.quarantine WHERE error = 'Planted'")

    def slow_down(self) -> None:
        self.slow = True

    def inject(self) -> None:
        chosen, times = zip(*self.ways().items(), strict=True)
        (name,) = self.rng.choices(chosen, [times_ for _, times_ in times])
        self.ways()[name][0]()
        self.faults[name] += 1

    def ways(self) -> dict[str, tuple[Callable[[], None], int]]:
        """Each with how often it comes."""
        return {
            "kill -9 of a worker": (self.kill_worker, 5),
            "kill -9 of a supervisor": (self.kill_supervisor, 2),
            "kill -9 of admission": (self.kill_admission, 2),
            "a worker stands still and comes back": (self.zombie, 3),
            "network to Kafka cut": (lambda: self.cut(self.kafka), 2),
            "network to Kafka held up": (lambda: self.hold(self.kafka), 2),
            "network to PostgreSQL cut": (lambda: self.cut(self.database), 2),
            "network to PostgreSQL held up": (lambda: self.hold(self.database), 2),
            "kill -9 of the broker": (self.kill_broker, 2),
            "kill -9 of PostgreSQL": (self.kill_postgres, 2),
            "one worker more": (self.scale_up, 2),
            "one worker less": (self.scale_down, 2),
            "delivered twice, and an alien message": (self.double, 2),
            "the quarantine is full": (self.fill_quarantine, 1),
            "a slow partner": (self.slow_down, 1),
        }


def alien(office: ScaledOffice) -> None:
    from kafka import KafkaProducer

    link = link_of(office.settings)
    producer = KafkaProducer(**link.options())
    try:
        producer.send(link.events, value=b"not a record", partition=0).get(60)
    finally:
        producer.close(timeout=2)


@contextmanager
def region(broker_behind: tuple[Broker, Proxy], prefix: str, seed: int) -> Iterator[Region]:
    broker, kafka = broker_behind
    database = Proxy()
    with scaled_office({**broker.settings(), "kafka_prefix": prefix}) as office, office.sql():
        made = Region(office, broker, kafka, database, random.Random(seed))
        made.begin_postgres()
        try:
            yield made
        finally:
            made.close()
            database.close()


def codes(office: ScaledOffice) -> Links:
    def issue(by: str, subject: str, org: str) -> str:
        with office.platform() as platform:
            return str(platform.issue_link(by, subject, org)["code"])

    return Links(issue)


def deliver(made: Region, org: str, lines: list[bytes], linked: Links, receipts: Counter[str]) -> None:
    """A slow partner sends one event at a time."""
    slow, made.slow = made.slow, False
    for part in [[line] for line in lines] if slow else [lines]:
        tell(made, org, part, linked, receipts)
        if slow:
            time.sleep(made.rng.uniform(0, 0.3))


def tell(made: Region, org: str, lines: list[bytes], linked: Links, receipts: Counter[str]) -> None:
    """Until it is told: a partner sends again what has no receipt."""

    def told() -> bool:
        with suppress(WoonketenError, psycopg.Error), made.office.platform() as platform:
            found = list(platform.ingest(org, io.BytesIO(b"\n".join(map(linked, lines))), "cloudevents"))
            receipts.update(receipt.status for receipt in found)
            return len(found) == len(lines)
        made.begin_postgres()
        return False

    wait_for(told)


def close(made: Region, first: date, last: date) -> None:
    def closed() -> bool:
        with suppress(WoonketenError, psycopg.Error), made.office.platform() as platform:
            if platform.open_day() <= last:
                platform.close_days(max(first, platform.open_day()), last)
            return True
        made.begin_postgres()
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
    broker_behind: tuple[Broker, Proxy], undisturbed: tuple[Told, Told], capsys: pytest.CaptureFixture[str]
) -> None:
    began, receipts, sent = time.monotonic(), Counter[str](), feed()
    with region(broker_behind, f"chaos{SEED}-", SEED) as made:
        made.add_admission()
        made.add_step()
        made.add_step()
        parcels = [(day, org, lines) for day, files in by_day(sent) for org, lines in files.items()]
        linked = codes(made.office)
        closed = FIRST_DAY - timedelta(days=1)
        late = [parcel for parcel in parcels if made.rng.random() < 0.1]  # is sent once more at the end
        for number, (day, org, lines) in enumerate(parcels):
            made.wake()
            if (before := day - timedelta(days=1)) > closed:
                close(made, closed + timedelta(days=1), before)
                closed = before
            deliver(made, org, lines, linked, receipts)
            while sum(made.faults.values()) * len(parcels) < FAULTS * (number + 1):
                made.inject()
        for _, org, lines in late:
            tell(made, org, lines, linked, receipts)
        close(made, closed + timedelta(days=1), LAST)
        made.mend()
        settled(made)
        made.codes += end([*made.steps, *made.admissions])
        verified = made.office("log", "verify", "--json").object
        with capsys.disabled():
            print(
                f"\nseed {SEED}: {sum(made.faults.values())} faults over {len(sent)} events"
                f" ({verified['records']} records) in {time.monotonic() - began:.0f} s"
            )
            for name, times in sorted(made.faults.items()):
                print(f"  {times:4} {name}")
        told, seen = undisturbed
        assert verified["gaps"] == verified["changed"] == 0
        assert events(made.office) == told
        assert views(made.office) == seen
        assert not receipts["refused"]
        assert made.codes == [0] * len(made.codes), "a worker that was asked to stop did not end well"
        assert not made.office("quarantine", "list", "--json").rows
        assert "Traceback" not in (made.office.home / "step.log").read_text()


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
