"""A scaled installation that is being broken: its workers, and the ways to break it. Each tells whether it happened,
and counts only then."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import psycopg
from chaos.office import wait_for
from chaos.proxy import Proxy
from chaos.scaled import ScaledOffice, child_of, end, scaled_office, signal_child
from psycopg.conninfo import make_conninfo

from woonketen.contracts.errors import Unreachable, WoonketenError
from woonketen.orchestration.kafka.broker import Broker
from woonketen.orchestration.moving import send
from woonketen.streams.kafka.link import kafka_told, link_of
from woonketen.streams.keys.vault import PostgresVault
from woonketen.streams.log.postgres import PostgresLog

PLANTED = str(Path(__file__).parent / "planted")
SESSION_SECONDS, IDLE_SECONDS = 3.0, 5.0  # as `planted` sets them
WRONG = b"wrong-"
"""In every line that is to be refused."""


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
    missed: Counter[str] = field(default_factory=Counter)  # chosen, but there was nothing to break
    codes: list[int] = field(default_factory=list)
    slow: bool = False
    ahead: list[tuple[str, list[bytes]]] = field(default_factory=list)  # what will be delivered next
    poisoned: dict[int, str] = field(default_factory=dict)  # resident → the event that no worker can compute

    @property
    def poison(self) -> Path:
        return self.office.home / "poison"

    # --- processes ---

    def environment(self, **more: str) -> dict[str, str]:
        """Workers reach both servers through the proxies."""
        path = os.pathsep.join([PLANTED, os.environ.get("PYTHONPATH", "")])
        dsn = make_conninfo(self.office.dsn(), port=self.database.port)
        return {
            "PYTHONPATH": path,
            "WOONKETEN_DATABASE": dsn,
            "WOONKETEN_KAFKA": f"127.0.0.1:{self.kafka.port}",
            "WK_POISON": str(self.poison),
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
        """Who stands still goes on, and the network is whole again."""
        for _, pid in self.stopped:
            resume(pid)
        self.stopped.clear()
        self.kafka.mend()
        self.database.mend()

    def moving(self, supervisors: list[subprocess.Popen[bytes]]) -> list[subprocess.Popen[bytes]]:
        """Those whose worker lives and does not stand still."""
        still = {pid for _, pid in self.stopped}
        found = [(each, child_of(each)) for each in supervisors if each.poll() is None]
        return [each for each, pid in found if pid is not None and pid not in still]

    # --- faults: each tells whether it happened ---

    def kill_worker(self) -> bool:
        there = self.moving(self.steps)
        return bool(there) and signal_child(self.rng.choice(there), signal.SIGKILL)

    def kill_supervisor(self) -> bool:
        there = self.moving(self.steps)
        if not there:
            return False
        gone = self.rng.choice(there)
        self.steps.remove(gone)
        gone.kill()
        ended = gone.wait() == -signal.SIGKILL
        self.add_step()
        return ended

    def kill_admission(self) -> bool:
        there = self.moving(self.admissions)
        return bool(there) and signal_child(self.rng.choice(there), signal.SIGKILL)

    def zombie(self, seconds: float) -> bool:
        """A worker stands still for longer than it is waited for, and goes on as if nothing had been."""
        there = self.moving(self.steps)
        pid = child_of(self.rng.choice(there)) if there else None
        if pid is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            self.stopped.append((time.monotonic() + seconds, pid))
            return True
        return False

    def wake(self) -> None:
        for due, pid in list(self.stopped):
            if time.monotonic() > due:
                resume(pid)
                self.stopped.remove((due, pid))

    def outlast(self) -> None:
        """Until everybody has stood still for as long as it was meant."""
        while self.stopped:
            self.wake()
            time.sleep(0.05)

    def cut(self, proxy: Proxy) -> bool:
        broken = proxy.cut()
        time.sleep(self.rng.uniform(0, 1))
        proxy.mend()
        return broken > 0

    def hold(self, proxy: Proxy) -> bool:
        held = proxy.hold()
        time.sleep(self.rng.uniform(0, 2))
        proxy.mend()
        return held > 0

    def kill_broker(self) -> bool:
        lived = self.broker.alive()
        self.broker.kill()
        time.sleep(self.rng.uniform(0, 1))

        def begun() -> bool:
            with suppress(Unreachable):  # while it was away somebody's outgoing connection may have got its port
                self.broker.start()
            return self.broker.alive()

        wait_for(begun)
        return lived

    def kill_postgres(self) -> bool:
        killed = self.office.kill_postgres()
        self.begin_postgres()
        return killed

    def begin_postgres(self) -> None:
        def there() -> bool:
            with suppress(WoonketenError, psycopg.Error), self.office.sql():
                self.database.target = int(psycopg.conninfo.conninfo_to_dict(self.office.dsn())["port"])
                return True
            return False

        wait_for(there)

    def scale_up(self) -> bool:
        if len(self.steps) >= 3:
            return False
        self.add_step()
        return True

    def scale_down(self) -> bool:
        there = self.moving(self.steps)  # others are a Python that starts, and ends like one
        if len(self.steps) < 2 or not there:
            return False
        self.steps.remove(there[0])
        self.codes += end([there[0]])
        return True

    def double(self) -> bool:
        """What was delivered comes again, once whole and once damaged, and something that nobody of ours wrote."""
        with self.office.sql() as connection:
            vault = PostgresVault(connection, self.office.keys())
            log = PostgresLog(connection, vault)
            some = [record for p in log.ends() for record in log.read(p, self.rng.randrange(20), 10)]
        damaged = [msgspec.structs.replace(record, sealed=b"damaged") for record in some]
        with suppress(WoonketenError):
            send(link_of(self.office.settings), [*some, *damaged])
            alien(self.office)
            return bool(some)
        return False

    def fill_quarantine(self) -> bool:
        """More is set aside than anybody looks through: the line stops, until somebody has looked."""
        with self.office.sql() as connection:
            filled = connection.execute(
                "INSERT INTO gate.quarantine (set, partition, seq, since, reason, error)"
                " SELECT name, 0, 10^9 + n, '2026-01-05', 'record', 'Planted' FROM gate.set, generate_series(1, 1000) n"
                " WHERE live"
            ).rowcount
        time.sleep(self.rng.uniform(0.5, 1.5))
        with self.office.sql() as connection:
            connection.execute("DELETE FROM gate.quarantine WHERE error = 'Planted'")
        return filled == 1000

    def slow_down(self) -> bool:
        """The next one who delivers more than one event."""
        if self.slow or not any(len(lines) > 1 for _, lines in self.ahead):
            return False
        self.slow = True
        return True

    def put_poison(self) -> bool:
        """An event that comes soon, and that no worker can compute. That its resident was set aside, and nobody else,
        is asserted at the end."""
        found = {}
        for event in (msgspec.json.decode(line) for line in good(self.ahead)):
            if "subject" in event and (resident := int(event["subject"][-6:])) not in self.poisoned:
                found[event["id"]] = resident
        if not found:
            return False
        chosen = self.rng.choice(sorted(found))
        self.poisoned[found[chosen]] = chosen
        fresh = self.poison.with_suffix(".new")
        fresh.write_text("\n".join(self.poisoned.values()))
        fresh.replace(self.poison)  # at once: a worker may be reading
        return True

    def inject(self) -> None:
        """One that happens."""
        ways = self.ways()
        while ways:
            (name,) = self.rng.choices(list(ways), [often for _, often in ways.values()])
            way, _ = ways.pop(name)
            if way():
                self.faults[name] += 1
                return
            self.missed[name] += 1
        raise AssertionError("nothing is left to break")

    def ways(self) -> dict[str, tuple[Callable[[], bool], int]]:
        """Each with how often it comes."""
        return {
            "kill -9 of a worker": (self.kill_worker, 5),
            "kill -9 of a supervisor": (self.kill_supervisor, 2),
            "kill -9 of admission": (self.kill_admission, 2),
            "a worker stands still past its session": (lambda: self.zombie(SESSION_SECONDS * 1.5), 2),
            "a worker stands still past its transaction": (lambda: self.zombie(IDLE_SECONDS * 1.5), 2),
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
            "a poison event": (self.put_poison, 2),
        }


def resume(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def good(parcels: list[tuple[str, list[bytes]]]) -> Iterator[bytes]:
    """The lines that are taken."""
    for _, lines in parcels:
        yield from (line for line in lines if WRONG not in line)


def alien(office: ScaledOffice) -> None:
    from kafka import KafkaProducer

    link = link_of(office.settings)
    producer = KafkaProducer(**link.options())
    try:
        with kafka_told(link):
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
