"""The same stories on both engines: the same receipts, views and warnings for everybody; and the log moved from one to
the other and back, with the same rows to the last byte.

Two stories here; all five with `WOONKETEN_TEST_STORIES=all` (`make chaos`). And the beginning of one through partners'
topics and workers that are processes of their own.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import psycopg
import pytest
import wkkafka
from chaos.office import wait_for
from chaos.town import FIRST_DAY, ORGS, USERS, agreements, lives
from kafka import KafkaProducer
from wkinstallation import Installation
from wkscaled import refusals_of
from wkviews import rows_of

from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.settings import Settings
from woonketen.orchestration import moving, stories
from woonketen.orchestration.kafka import topics
from woonketen.orchestration.platform import Platform, init, open_platform
from woonketen.streams.kafka.compared import stored, summed, whole
from woonketen.streams.kafka.link import link_of
from woonketen.streams.log.postgres import PostgresLog

STORIES = Path(__file__).parents[1] / "stories"
NAMES = ("wooncoach", "buddy")
if os.environ.get("WOONKETEN_TEST_STORIES") == "all":
    NAMES = ("wooncoach", "zittende_huurders", "buddy", "woonladder", "doorstroom")

DAYS = 75
"""Of the story that is told by topics: a file at a time, so that what waits for what is the same."""
GIVEN = ("engine", "data", "database", "kafka", "kafka_user", "kafka_password_file", "kafka_security", "kafka_prefix")

Make = Callable[..., Settings]


@pytest.fixture
def make(
    new_database: Callable[..., str], kafka: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Make]:
    """Settings of an installation of its own; those of the scaled engine lead to topics of its own."""
    made: list[Settings] = []

    def settings(engine: str, database: str | None = None, **more: Any) -> Settings:
        told: dict[str, Any] = {
            "engine": engine,
            "data": tmp_path_factory.mktemp("engine") / "data",
            "database": database or new_database(),
            "kafka": kafka["kafka"],
            "kafka_user": kafka["kafka_user"],
            "kafka_password_file": Path(kafka["kafka_password_file"]),
            "kafka_security": kafka["kafka_security"],
            "kafka_prefix": wkkafka.new_prefix(),
        }
        made.append(Settings(**told | more))
        return made[-1]

    yield settings
    for each in made:
        wkkafka.remove(link_of(each))


def on(settings: Settings, engine: str) -> Settings:
    return msgspec.structs.replace(settings, engine=engine)


@contextmanager
def opened(settings: Settings, day: date, **how: Any) -> Iterator[Platform]:
    with init(settings, day, 3, lambda _: None), open_platform(settings, **how) as platform:
        yield platform


_DRAWN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\bP-[0-9a-zA-Z]+|\bWA-[0-9a-zA-Z-]+")
_WALL_CLOCK = ("last_event_at", "heartbeat_at", "at")


def masked(value: Any) -> Any:
    """What must differ between two installations, masked: ids that are drawn (UUIDs, of warnings `WA-…`, pseudonyms
    that the platform gives, `P-…`), and the moments of the wall's clock (`at`, `last_event_at`, `heartbeat_at`). All
    else stays as it is, lists in their order."""
    if isinstance(value, str):
        return _DRAWN.sub("…", value)
    if isinstance(value, list):
        return [masked(each) for each in value]
    if isinstance(value, dict):
        return {name: "…" if name in _WALL_CLOCK else masked(each) for name, each in value.items()}
    return value


def plain(rows: Iterable[Any]) -> list[str]:
    """Each row as JSON, its fields and lists in their order. Only the rows themselves are put in an order of our own:
    theirs may be that of pseudonyms."""
    return sorted(json.dumps(masked(msgspec.to_builtins(row))) for row in rows)


def seen(platform: Platform, users: dict[str, str]) -> dict[str, Any]:
    """What each user sees, but for what `masked` and `plain` name."""
    return {
        f"{user}: {what}": plain(rows)
        for user, role in users.items()
        for what, rows in (
            ("rows", platform.view(role, user) if role not in ("steward", "beleid", "programma") else ()),
            ("warnings", platform.warnings(user, every=True) if role != "steward" else ()),
        )
    }


def test_stories_are_told_the_same_on_both_engines(make: Make) -> None:
    told = [stories.load(STORIES / name) for name in NAMES]
    users = {user.name: user.role for story in told for user in story.users}
    ends: dict[str, Any] = {}
    for engine in ("embedded", "kafka"):
        with opened(make(engine), min(story.open_day for story in told)) as platform:
            played = stories.play(told, platform, lambda _: None)
            outcomes = {
                org: sorted((row["id"], row["status"], row["reason"]) for row in platform.receipts(org))
                for org in {org for _, org, _ in played.parked}
            }
            verified = platform.log_verify()
            assert verified["gaps"] == verified["changed"] == 0
            assert all(row["lag"] == 0 for row in platform.log_stats())
            rebuilt = platform.rebuild(verify=True)
            assert (rebuilt["differences"], rebuilt["withheld"]) == (0, 0)
            ends[engine] = played.receipts, outcomes, verified["records"], rebuilt["events"], seen(platform, users)
    for embedded, kafka in zip(*ends.values(), strict=True):
        assert kafka == embedded
    assert sum(bool(rows) for rows in ends["kafka"][-1].values()) > len(users) / 2


class ByTopic:
    """A platform whose partners write to their topics, and whose workers are processes of their own."""

    def __init__(self, platform: Platform, producer: Any) -> None:
        self._platform, self._producer = platform, producer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._platform, name)

    def ingest(self, org: str, file: BinaryIO, form: str) -> list[Any]:
        """Without receipts: a topic gives none but of what is refused. Ends when all was admitted."""
        assert form == "cloudevents"
        topic = self._platform.parts.link.inbox(org)  # type: ignore[union-attr]
        sent = [self._producer.send(topic, value=line) for line in file.read().splitlines() if line]
        upto = max((each.get(60).offset for each in sent), default=-1) + 1
        wait_for(lambda: not sent or self._one("SELECT max(next) FROM admission.door WHERE topic = %s", topic) == upto)
        return []

    def run(self, *, until_idle: bool) -> dict[str, Any]:
        wait_for(lambda: all(row["lag"] == 0 for row in self._platform.log_stats()))
        return {}

    def _one(self, query: str, *values: Any) -> Any:
        row = self._platform.parts.owner.execute(query, values).fetchone()  # type: ignore[arg-type]
        return row[0] if row else None


def test_a_story_by_topics_and_workers_is_told_the_same(make: Make, tmp_path: Path) -> None:
    story = stories.load(STORIES / "buddy")
    orgs, until = [each["org"] for each in story.organisations], story.open_day + timedelta(days=DAYS)
    users = {user.name: user.role for user in story.users if user.since is None or user.since <= until}

    def ended(platform: Platform) -> dict[str, Any]:
        verified = platform.log_verify()
        assert verified["gaps"] == verified["changed"] == 0
        assert all(row["lag"] == 0 for row in platform.log_stats())
        parked = {org: [(row["id"], row["status"], row["reason"]) for row in platform.receipts(org)] for org in orgs}
        return seen(platform, users) | {"records": verified["records"]} | {org: sorted(parked[org]) for org in orgs}

    with opened(make("embedded"), story.open_day) as platform:
        played = stories.play([story], platform, lambda _: None, until).receipts
        refused = Counter({(org, why): n for (_, org, status, why), n in played.items() if status == "refused"})
        embedded = ended(platform)
    settings = make("kafka")
    given = {name: str(value) for name, value in msgspec.structs.asdict(settings).items() if name in GIVEN and value}
    installation, link = Installation(tmp_path, given), link_of(settings)
    with opened(settings, story.open_day) as platform:
        for org in orgs:
            topics.let_in(link, org, tmp_path / "passwords")
        producer = KafkaProducer(**link.options())
        try:
            with installation.worker("admission"), installation.worker("step"):
                stories.play([story], ByTopic(platform, producer), lambda _: None, until)  # type: ignore[arg-type]
        finally:
            producer.close()
        assert ended(platform) == embedded
        assert Counter((org, each["reason"]) for org in orgs for each in refusals_of(link, org)) == refused
        assert {row["org"] for row in platform.door_stats()} == set(orgs)
        assert all(row["lag"] == row["replies"] == 0 for row in platform.door_stats())
    assert sum(played.values()) > 60
    for kind in ("admission", "step"):
        assert "Traceback" not in installation.said(kind)


# --- moving the log ---------------------------------------------------------------------------------------------------


def settle(platform: Platform) -> None:
    for org, (_, kind, source, districts) in ORGS.items():
        platform.register_org(org, kind=kind, source=source, districts=districts)
    for name, (org, role, worker) in USERS.items():
        platform.add_user(name, org, role, worker, None)


def live_on(platform: Platform, first: int, days: int) -> None:
    """Some days of a few lives: those from day `first` on."""
    from chaos.office import links
    from chaos.town import by_day

    begin, last = FIRST_DAY + timedelta(days=first), FIRST_DAY + timedelta(days=first + days - 1)
    every = [*agreements(FIRST_DAY, last.replace(year=2028)), *lives(4, FIRST_DAY, FIRST_DAY + timedelta(days=20), 5)]
    linked = links(platform)
    for day, files in by_day(sorted((each for each in every if begin <= each.on <= last), key=lambda each: each.on)):
        for org, lines in files.items():
            list(platform.ingest(org, io.BytesIO(b"\n".join(map(linked, lines)))))
        platform.close_days(platform.open_day(), day)
    if platform.open_day() <= last:
        platform.close_days(platform.open_day(), last)
    platform.run(until_idle=True)


def rows(settings: Settings) -> dict[str, list[Any]]:
    with psycopg.connect(settings.database or "", autocommit=True) as owner:
        return rows_of(owner, ref=False)


def sums(platform: Platform, settings: Settings) -> list[Any]:
    log = PostgresLog(platform.parts.processor, platform.parts.vault)
    return [summed(p, stored(log, p)) for p in log.ends()]


def test_the_log_moves_to_kafka_and_back_and_nothing_changes(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded = make("embedded")
    scaled = on(embedded, "kafka")
    with opened(embedded, FIRST_DAY) as platform:
        settle(platform)
        live_on(platform, 0, 7)
        before = sums(platform, embedded)
    there = rows(embedded)
    with (
        open_platform(embedded) as other,
        pytest.raises(Exception, match="open"),
        open_platform(embedded, alone=True) as platform,
    ):
        pytest.fail(str((other, platform)))
    # Killed on the way: some of it is in Kafka, and still everything counts here.
    whole_send = moving.send

    def dying(link: Any, records: Any) -> int:
        whole_send(link, islice(records, 5))
        raise KeyboardInterrupt

    monkeypatch.setattr(moving, "send", dying)
    with pytest.raises(KeyboardInterrupt), open_platform(embedded, alone=True) as platform:
        moving.copy_log(platform.parts, "kafka", lambda _: None)
    monkeypatch.undo()
    with open_platform(embedded, alone=True) as platform:
        copied = moving.copy_log(platform.parts, "kafka", lambda _: None)
        assert copied.partitions == before
    with pytest.raises(ConfigurationError, match="engine kafka"), open_platform(embedded):
        pytest.fail("it opens on the engine that has not got the log")
    with opened(scaled, FIRST_DAY) as platform:
        assert rows(scaled) == there
        assert platform.log_verify()["changed"] == platform.log_verify()["gaps"] == 0
        assert platform.rebuild(verify=True)["differences"] == 0
        assert rows(scaled) == there
        live_on(platform, 7, 7)
        assert platform.log_verify()["gaps"] == 0
        later = sums(platform, scaled)
        assert [each.records for each in later] > [each.records for each in before]
        for each in later:
            assert summed(each.partition, whole(link_of(scaled), each.partition)) == each
    with open_platform(scaled, alone=True) as platform:
        assert moving.copy_log(platform.parts, "embedded", lambda _: None).partitions == later
    there = rows(embedded)
    with opened(embedded, FIRST_DAY) as platform:
        assert platform.rebuild(verify=True)["differences"] == 0
        assert rows(embedded) == there
        live_on(platform, 14, 5)
    with open_platform(embedded, alone=True) as platform:
        moving.copy_log(platform.parts, "kafka", lambda _: None)  # goes on behind what it had sent
    with opened(scaled, FIRST_DAY) as platform:
        assert platform.log_verify()["changed"] == 0


def test_a_log_that_is_not_level_or_lies_beside_another_is_not_moved(make: Make) -> None:
    one, other = make("embedded"), make("embedded")
    with opened(one, FIRST_DAY) as platform:
        settle(platform)
        with pytest.raises(ConfigurationError, match="not level"):
            moving.copy_log(platform.parts, "kafka", lambda _: None)
        platform.run(until_idle=True)
        moving.copy_log(platform.parts, "kafka", lambda _: None)
    elsewhere = on(other, "embedded")
    with opened(elsewhere, FIRST_DAY) as platform:
        settle(platform)
        platform.run(until_idle=True)
        beside = msgspec.structs.replace(elsewhere, kafka_prefix=one.kafka_prefix)
    with open_platform(beside, alone=True) as platform, pytest.raises(ConfigurationError, match="another log"):
        moving.copy_log(platform.parts, "kafka", lambda _: None)


def test_a_broker_that_lost_everything_is_filled_again(make: Make) -> None:
    settings = make("kafka")
    with opened(settings, FIRST_DAY) as platform:
        settle(platform)
        live_on(platform, 0, 3)
        before = sums(platform, settings)
    wkkafka.remove(link_of(settings))
    with open_platform(settings, alone=True) as platform:
        # What was admitted meanwhile waits in the window.
        platform.register_org("zorg-nieuw", kind="zorgaanbieder", source="urn:nld:kvknr:12345678:systeem:nieuw")
        copied = moving.copy_log(platform.parts, "kafka", lambda _: None)
        assert [each.records for each in copied.partitions] == [each.records + 1 for each in before]
    with opened(settings, FIRST_DAY) as platform:
        live_on(platform, 3, 3)
        assert platform.log_verify()["gaps"] == platform.log_verify()["changed"] == 0
        assert platform.rebuild(verify=True)["differences"] == 0


def test_what_is_erased_stays_so_on_kafka(make: Make) -> None:
    settings = make("kafka")
    with opened(settings, FIRST_DAY) as platform:
        settle(platform)
        live_on(platform, 0, 5)
        subject = next(each.line for each in lives(4, FIRST_DAY, FIRST_DAY, 5) if each.org == "gemeente-ijsselstad")
        name = msgspec.json.decode(subject)["subject"]
        done = platform.erase("gemeente-ijsselstad", name, "art_17_request")
        assert done["keys_destroyed"] > 0
        platform.run(until_idle=True)
        found = platform.log_verify()
        assert found["erased"] > 0
        assert found["gaps"] == found["changed"] == 0
        assert platform.rebuild(verify=True)["differences"] == 0
        assert platform.erase("gemeente-ijsselstad", name, "art_17_request")["request"] == done["request"]


def test_verify_finds_gaps_and_changed_records_on_kafka(make: Make) -> None:
    settings = make("kafka")
    with opened(settings, FIRST_DAY) as platform:
        settle(platform)
        live_on(platform, 0, 3)
        assert platform.log_verify()["gaps"] == platform.log_verify()["changed"] == 0
        parts = platform.parts
        parts.owner.execute("UPDATE log.record SET day = day + 1 WHERE partition = 1 AND seq = 2")
        assert platform.log_verify()["changed"] == 1
        parts.owner.execute("UPDATE log.record SET day = day - 1 WHERE partition = 1 AND seq = 2")
        log = PostgresLog(parts.processor, parts.vault)
        (last,) = log.read(0, log.ends()[0] - 1, 1)
        link = link_of(settings)
        moving.send(link, [msgspec.structs.replace(last, seq=last.seq + 2)])
        found = platform.log_verify()
        assert found["gaps"] == 1
        assert found["changed"] == 1, "it belongs to another number"


def test_a_database_put_back_from_before_goes_on_behind_what_kafka_has(
    make: Make, new_database: Callable[..., str]
) -> None:
    settings = make("kafka")
    with opened(settings, FIRST_DAY) as platform:
        settle(platform)
        live_on(platform, 0, 5)
    backup = new_database(settings.database)
    with opened(settings, FIRST_DAY) as platform:
        live_on(platform, 5, 5)
        users = {name: role for name, (_, role, _) in USERS.items()}
        want, ends = seen(platform, users), platform.log_stats()
    restored = make("kafka", backup, data=settings.data, kafka_prefix=settings.kafka_prefix)
    with opened(restored, FIRST_DAY) as platform:
        # A door that needs no Kafka took something in before anybody noticed.
        platform.register_org("zorg-nieuw", kind="zorgaanbieder", source="urn:nld:kvknr:12345678:systeem:nieuw")
        with pytest.raises(ConfigurationError, match="recover"):
            platform.run(until_idle=True)
    with open_platform(restored, alone=True) as platform:
        assert platform.parts.link is not None
        done = moving.recover(platform.parts, platform.parts.link)
        assert len(done.void) == 3
        assert "gemeente-ijsselstad" in done.send_again
        assert not moving.recover(platform.parts, platform.parts.link).void
    with open_platform(restored) as platform:
        platform.run(until_idle=True)
        assert "zorg-nieuw" in {row["org"] for row in platform.orgs()}
        live_on(platform, 5, 5)  # the partners send again
        assert seen(platform, users) == want
        assert platform.log_verify()["gaps"] == platform.log_verify()["changed"] == 0
        assert platform.rebuild(verify=True)["differences"] == 0
        assert all(now["end"] > before["end"] for now, before in zip(platform.log_stats(), ends, strict=True))
