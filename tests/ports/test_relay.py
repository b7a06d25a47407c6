"""The relay on a real Kafka: the topic holds the whole log in order, whoever is killed when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from wkdatabase import KEYS, as_processor
from wkkafka import new_prefix
from wkpartners import CITY, COACH, PARTITIONS, agreement, enrolment
from wkscaled import (
    ScaledTown,
    beside,
    events_of,
    in_order,
    make_relay,
    refusals_of,
    run_until_killed,
    wait_for,
)

from woonketen.contracts.errors import ConfigurationError, Unreachable
from woonketen.contracts.settings import settings
from woonketen.orchestration.kafka import topics
from woonketen.orchestration.kafka.broker import running
from woonketen.streams.door import positions
from woonketen.streams.door.standing import Seals
from woonketen.streams.kafka import link as kafka_link
from woonketen.streams.kafka import relay, tail
from woonketen.streams.kafka.link import Link, link_of
from woonketen.streams.kafka.numbers import waiting
from woonketen.streams.postgres import alone


@pytest.fixture
def town(scaled_dsn: str, link: Link) -> Iterator[ScaledTown]:
    topics.prepare(link, PARTITIONS)
    with as_processor(scaled_dsn) as connection:
        town = ScaledTown(connection)
        town.say(CITY, agreement(COACH))
        yield town


def fill(town: ScaledTown, residents: int, first: int = 1) -> None:
    lines = [enrolment(f"G-{n}") for n in range(first, first + residents)]
    assert town.say(CITY, *lines) == ["accepted"] * residents


def whole(town: ScaledTown, link: Link) -> None:
    """Everything that was appended lies on the topic, in order and unchanged."""
    on_kafka = events_of(link)
    for partition, end in town.log.ends().items():
        records = on_kafka[partition]
        assert in_order(records) == list(range(1, end + 1))
        mine = {record.seq: record for record in town.log.read(partition, 0, end + 1)}
        assert all(mine[record.seq] == record for record in records)


def acked(town: ScaledTown) -> dict[int, int]:
    return dict(town.connection.execute("SELECT partition, acked FROM log.relay").fetchall())


def apply_everything(dsn: str) -> None:
    """As the step does: its records lie beside its position."""
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO log.record (partition, seq, day, kind, ref, kid, sealed)"
            " SELECT partition, seq, day, kind, ref, kid, sealed FROM log.window ON CONFLICT DO NOTHING"
        )
        owner.execute("UPDATE gate.position p SET last = c.next - 1 FROM log.counter c WHERE c.partition = p.partition")


def test_what_was_appended_lies_on_the_topic_in_order(town: ScaledTown, link: Link, scaled_dsn: str) -> None:
    fill(town, 20)
    town.close()
    made = make_relay(town.connection, link)
    assert made.pump() == sum(town.log.ends().values())
    assert made.pump() == 0
    whole(town, link)
    assert acked(town) == dict(town.log.ends())
    assert [row["window"] for row in waiting(town.connection)] == [0] * PARTITIONS
    made.trim()
    assert town.ask("SELECT count(*) FROM log.window") == sum(town.log.ends().values()), "the step has not applied it"
    apply_everything(scaled_dsn)
    made.trim()
    assert town.ask("SELECT count(*) FROM log.window") == 0
    assert town.log.ends()[0] == len(town.log.read(0, 0, 1000)), "the log is still whole"
    fill(town, 3, first=50)
    assert sum(row["window"] for row in waiting(town.connection)) == 3
    assert max(row["oldest_seconds"] or 0 for row in waiting(town.connection)) >= 0
    assert made.pump() == 3
    made.close()
    whole(town, link)


def test_kill_9_anywhere_in_a_round(town: ScaledTown, link: Link, scaled_dsn: str) -> None:
    died = 0
    for number, place in enumerate(("halfway", "sent", "noted")):
        fill(town, 15, first=100 * number)
        died += run_until_killed(scaled_dsn, link, "relay", place, 5 if place == "halfway" else 1)
    assert died == 3
    made = make_relay(town.connection, link)
    while made.pump():
        pass
    made.close()
    whole(town, link)
    assert sum(map(len, events_of(link).values())) > sum(town.log.ends().values()), "some were sent twice"


class Failing:
    """A producer of whose answers some do not come, while those behind them do."""

    def __init__(self, producer: Any, wrong: set[int]) -> None:
        self._producer, self._wrong, self._sent = producer, wrong, 0

    def send(self, *args: Any, **named: Any) -> Any:
        self._sent += 1
        if self._sent in self._wrong:
            return Lost()
        return self._producer.send(*args, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)


class Lost:
    exception = None

    def succeeded(self) -> bool:
        return False


def test_one_that_fails_while_the_next_lands_is_sent_again_with_all_behind_it(
    town: ScaledTown, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(town, 30)
    original = relay.KafkaProducer
    rounds = [{3, 11}, {1}, {20, 21}]
    monkeypatch.setattr(
        relay, "KafkaProducer", lambda **named: Failing(original(**named), rounds.pop(0) if rounds else set())
    )
    made = make_relay(town.connection, link)
    while acked(town) != dict(town.log.ends()):
        with suppress(Unreachable):  # nothing moved, for the first of all failed
            made.pump()
    made.close()
    assert rounds == []
    whole(town, link)
    records = events_of(link)
    assert any([record.seq for record in mine] != sorted({record.seq for record in mine}) for mine in records.values())


def test_two_relays_at_once_leave_the_log_whole(
    town: ScaledTown, link: Link, scaled_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that stood still and comes back beside its successor."""
    monkeypatch.setattr(alone.Alone, "mine", lambda self: True)

    def work(stop: threading.Event) -> None:
        with as_processor(scaled_dsn) as connection:
            make_relay(connection, link).run(stop)

    with beside(work), beside(work):
        for number in range(4):
            fill(town, 10, first=100 * number)
        wait_for(lambda: acked(town) == dict(town.log.ends()))
    whole(town, link)


def test_one_relay_works_and_another_follows_when_it_is_gone_or_stands_still(
    scaled_dsn: str, town: ScaledTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    with as_processor(scaled_dsn) as first, as_processor(scaled_dsn) as second:
        one, other = alone.Alone(first, "test", 77), alone.Alone(second, "test", 77)
        assert one.mine()
        assert not other.mine()
        town.connection.execute("UPDATE log.beat SET at = at - interval '1 minute'")
        assert other.mine(), "it stands still"
        monkeypatch.setattr(alone, "BEAT_SECONDS", -1.0)
        assert one.mine(), "it is back, and has the lock"
        assert not other.mine()
        first.close()
        wait_for(other.mine)


def test_a_database_that_was_restored_behind_kafka_is_refused(town: ScaledTown, link: Link, scaled_dsn: str) -> None:
    fill(town, 10)
    tail.check(town.connection, link)
    made = make_relay(town.connection, link)
    made.pump()
    fill(town, 10, first=100)
    with psycopg.connect(scaled_dsn, autocommit=True) as owner:
        owner.execute("CREATE TABLE acks AS SELECT * FROM log.relay")
        made.pump()
        tail.check(town.connection, link)
        owner.execute("UPDATE log.relay r SET acked = a.acked, kafka_offset = a.kafka_offset FROM acks a"
                      " WHERE a.partition = r.partition")  # fmt: skip
        tail.check(town.connection, link)  # killed before it noted what was sent: the same records
        owner.execute("UPDATE log.counter c SET next = 1 + a.acked FROM acks a WHERE a.partition = c.partition")
        owner.execute("DELETE FROM log.window w USING log.relay r WHERE r.partition = w.partition AND seq > acked")
    with pytest.raises(ConfigurationError, match="older copy") as raised:
        tail.check(town.connection, link)
    assert "log recover" in raised.value.mend
    # Somebody admitted on before the check: the same numbers, other records.
    fill(town, 60, first=1000)
    with pytest.raises(ConfigurationError, match="older copy"):
        tail.check(town.connection, link)
    made.close()


def test_receipts_for_a_topic_that_is_gone_hold_up_nobody_elses(
    town: ScaledTown, link: Link, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many of them wait: more than fit in a round, before those of the other partner."""
    monkeypatch.setattr(relay, "ANSWER_SECONDS", 8.0)
    topics.let_in(link, COACH, tmp_path)
    seals, some = Seals(KEYS), relay.REPLIES + 200

    def wait(org: str, first: int, n: int) -> None:
        positions.reply(town.connection, seals, org, [{"n": number} for number in range(first, first + n)])

    with town.connection.transaction():
        wait(CITY, 0, some)
        wait(COACH, 0, some)
        wait(CITY, some, 1)
    made = make_relay(town.connection, link)
    with suppress(Unreachable):
        while made.pump():
            pass
    assert [each["n"] for each in refusals_of(link, COACH)] == list(range(some))
    wait(COACH, some, 1)
    assert made.pump() == 1
    assert [each["n"] for each in refusals_of(link, COACH)] == list(range(some + 1)), "in their order, each once"
    assert town.ask("SELECT count(*) FROM admission.reply") == some + 1, "those of the city still wait"
    topics.let_in(link, CITY, tmp_path)
    monkeypatch.setattr(relay.time, "monotonic", lambda clock=time.monotonic: clock() + relay.PATIENCE_SECONDS)
    while made.pump():
        pass
    made.close()
    assert [each["n"] for each in refusals_of(link, CITY)] == list(range(some + 1))


def test_kafka_that_lost_what_it_acknowledged_is_refused(town: ScaledTown, link: Link) -> None:
    fill(town, 10)
    made = make_relay(town.connection, link)
    made.pump()
    made.close()
    other = msgspec.structs.replace(link, prefix=new_prefix())
    with pytest.raises(ConfigurationError, match="no topic"):
        tail.check(town.connection, other)
    topics.prepare(other, PARTITIONS)
    with pytest.raises(ConfigurationError, match="lost records"):
        tail.check(town.connection, other)


def test_the_topic_of_another_installation_is_refused(link: Link) -> None:
    (told,) = topics.prepare(link, 2)
    assert told["settings"]["retention.ms"] == "-1"
    assert topics.prepare(link, 2) == [told], "again is nothing"
    with pytest.raises(ConfigurationError, match="2 partitions"):
        topics.prepare(link, 3)
    from kafka.admin import ConfigResource, ConfigResourceType

    with topics.admin(link) as client:
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, link.events, {"retention.ms": "1000"})])
        wait_for(lambda: topics.describe(client, link.events)["settings"]["retention.ms"] == "1000")
    with pytest.raises(ConfigurationError, match=r"retention\.ms") as raised:
        topics.prepare(link, 2)
    assert "retention.ms=-1" in raised.value.mend


def test_a_broker_that_is_killed_and_comes_back_has_everything(
    tmp_path: Path, kafka: dict[str, str], scaled_template: str, new_database: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert kafka
    monkeypatch.setattr(relay, "ANSWER_SECONDS", 6.0)
    monkeypatch.setattr(kafka_link, "BOOTSTRAP_SECONDS", 3)
    dsn = new_database(scaled_template)
    with running(tmp_path / "broker") as broker, as_processor(dsn) as connection:
        link = link_of(settings({"engine": "kafka", **broker.settings()}, {}))
        topics.prepare(link, PARTITIONS)
        town = ScaledTown(connection)
        town.say(CITY, agreement(COACH))

        def work(stop: threading.Event) -> None:
            with as_processor(dsn) as mine:
                make_relay(mine, link).run(stop)

        with beside(work):
            fill(town, 20)
            broker.kill()
            fill(town, 20, first=100)
            with pytest.raises(Unreachable):
                tail.check(connection, link)
            broker.start()
            fill(town, 20, first=200)
            wait_for(lambda: acked(town) == dict(town.log.ends()))
        whole(town, link)
