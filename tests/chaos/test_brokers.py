"""Three brokers of which one dies; in the long run then another, and then two: with one gone everything goes on, with
two the line waits.

Real Apache Kafka, three nodes on this machine, killed with -9 while a feed runs and a partner delivers.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from chaos.office import links, live, opened_office, wait_for
from chaos.reading import events, views
from chaos.scaled import ScaledOffice, end, scaled_office
from chaos.town import FIRST_DAY, Sent, agreements, by_day, heartbeats, lives
from wkpublish import start, write_visits
from wkscaled import read_all

from woonketen.contracts.errors import Unreachable
from woonketen.orchestration.kafka import topics
from woonketen.orchestration.kafka.cluster import Cluster, several
from woonketen.streams.kafka.link import Link, link_of

LONG = bool(os.environ.get("WOONKETEN_TEST_FAULTS"))
"""`make chaos`; the short run kills one broker once."""
WEEKS, RESIDENTS = (3, 8) if LONG else (1, 5)
ELSEWHERE = "elsewhere"
"""A partner whom nobody registered, so that what it writes is in nobody's views."""
LAST = FIRST_DAY + timedelta(days=7 * WEEKS - 1)
PLANTED = str(Path(__file__).parent / "planted")


def feed() -> list[Sent]:
    sent = [*agreements(FIRST_DAY, LAST.replace(year=2028)), *lives(RESIDENTS, FIRST_DAY, LAST, 5)]
    for week in range(WEEKS):
        sent += heartbeats(FIRST_DAY + timedelta(days=7 * week))
    return sorted(sent, key=lambda each: each.on)


@pytest.fixture(scope="module")
def cluster(java_and_maven: None) -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="wk-kafka-") as folder, several(Path(folder) / "kafka") as made:
        yield made


class Region:
    def __init__(self, office: ScaledOffice, cluster: Cluster) -> None:
        self.office, self.brokers = office, cluster.brokers
        self.link = link_of(office.settings)
        path = os.pathsep.join([PLANTED, os.environ.get("PYTHONPATH", "")])
        environment = {"PYTHONPATH": path, "WK_PATIENCE": "4"}
        self.workers = [office.worker(kind, **environment) for kind in ("admission", "step", "step")]

    def day(self, day: date, files: dict[str, list[bytes]]) -> None:
        with self.office.platform() as platform:
            linked = links(platform)
            for org, lines in files.items():
                list(platform.ingest(org, io.BytesIO(b"\n".join(map(linked, lines))), "cloudevents"))

    def close(self, last: date) -> None:
        with self.office.platform() as platform:
            platform.close_days(platform.open_day(), last)

    def said(self, kind: str = "step") -> str:
        return (self.office.home / f"{kind}.log").read_text()

    def level(self) -> None:
        """Waits until everything is applied."""
        try:
            wait_for(lambda: self.office.lag() == 0)
        except AssertionError as error:
            error.add_note(self.said("admission") + self.said())
            raise

    def stop(self) -> list[int]:
        return end(self.workers)

    def end(self) -> None:
        for each in self.workers:
            each.kill()
            each.wait()

    def kill(self, *numbers: int) -> None:
        for number in numbers:
            self.brokers[number].kill()

    def again(self, *numbers: int) -> None:
        """Back, and with all that the others have."""
        for number in numbers:
            self.brokers[number].begin()
        for number in numbers:
            self.brokers[number].wait()
        wait_for(lambda: in_sync(self.link) == 3)


def in_sync(link: Link) -> int:
    with suppress(Unreachable), topics.admin(link) as client:
        (told,) = client.describe_topics([link.events])
        return min(len(each["isr_nodes"]) for each in told["partitions"])
    return 0


@pytest.fixture
def region(cluster: Cluster) -> Iterator[Region]:
    with scaled_office({**cluster.settings(), "kafka_prefix": "three-"}) as office, office.sql():
        made = Region(office, cluster)
        yield made
        made.end()


@pytest.mark.timeout(900)
def test_brokers_die_and_nothing_is_lost_or_doubled(region: Region, tmp_path: Path) -> None:
    with topics.admin(region.link) as client:
        made = topics.describe(client, region.link.events)
    assert (made["replicas"], made["settings"]["min.insync.replicas"]) == (3, "2")
    days = list(by_day(feed()))
    part = len(days) // 3 if LONG else len(days)
    feeding(region, days[:part], lambda: region.kill(0))
    region.level()  # with two of three everything goes on
    if LONG:
        partner(region, tmp_path)
    region.again(0)
    if LONG:
        feeding(region, days[part : 2 * part], lambda: region.kill(1))
        region.level()
        region.again(1)
        region.kill(0, 2)
        feeding(region, days[2 * part :], lambda: None)
        wait_for(lambda: "1 of its 3 brokers answer" in region.said("admission"))
        assert region.office.lag() > 0, "what was admitted waits"
        region.again(0, 2)
    region.close(LAST)
    region.level()
    assert region.stop() == [0, 0, 0]
    assert "Traceback" not in region.said("admission") + region.said()
    verified = region.office("log", "verify", "--json").object
    assert verified["gaps"] == verified["changed"] == 0
    found = events(region.office), views(region.office)
    with opened_office() as plain:
        with plain.platform() as platform:
            live(platform, feed(), LAST)
        assert found == (events(plain), views(plain))


def feeding(region: Region, days: list[tuple[date, dict[str, list[bytes]]]], fault: Any) -> None:
    """Day after day; the fault comes in the middle."""
    for number, (day, files) in enumerate(days):
        with region.office.platform() as platform:
            if platform.open_day() < day:
                platform.close_days(platform.open_day(), day - timedelta(days=1))
        if number == len(days) // 2:
            fault()
        region.day(day, files)


def partner(region: Region, folder: Path) -> None:
    """Writes while a second broker dies and comes back: with one broker left none may say that it has an event."""
    made = topics.let_in(region.link, ELSEWHERE, folder)
    expected = write_visits(folder / "visits.jsonl", 2000)
    to = ["--to", f"kafka://{region.link.bootstrap}", "--user", made["user"], "--password-file", made["password_file"]]
    process = start("visits.jsonl", *to, "--json", cwd=folder)
    wait_for(lambda: (folder / "woonketen-outbox.sqlite").exists())
    region.kill(1)
    region.brokers[1].start()
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert json.loads(out)["delivered"] == 2000
    (messages,) = read_all(region.link, region.link.inbox(ELSEWHERE)).values()
    assert {json.loads(each.value)["id"] for each in messages} == set(expected)
