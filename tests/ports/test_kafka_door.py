"""The Kafka door on a real Kafka: whatever a file would be told, a partner's topic is told, once, also after a kill."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
import wkkafka
from wkdatabase import as_processor
from wkpartners import BUDDY, CITY, COACH, LANDLORD, PARTITIONS, agreement, enrolment, event, line, visit
from wkscaled import (
    ScaledTown,
    Sender,
    make_doors,
    make_relay,
    refusals_of,
    run_until_killed,
    sender,
    wait_for,
)

from woonketen.contracts.errors import Unreachable
from woonketen.orchestration.kafka import topics
from woonketen.streams.drive.turn import StopTheLine
from woonketen.streams.kafka import doors as door_module
from woonketen.streams.kafka import link as kafka_link
from woonketen.streams.kafka.link import Link
from woonketen.streams.kafka.numbers import lag


@pytest.fixture
def town(scaled_dsn: str) -> Iterator[ScaledTown]:
    with as_processor(scaled_dsn) as connection:
        yield ScaledTown(connection)


@pytest.fixture
def operator(link: Link, tmp_path: Path) -> Iterator[Sender]:
    """May write everywhere; the rights of partners are tested apart."""
    topics.prepare(link, PARTITIONS)
    for org in (CITY, COACH):
        topics.let_in(link, org, tmp_path)
    with sender(link) as made:
        yield made


def enrol(town: ScaledTown) -> None:
    """Ann is enrolled, known to the city as G-1 and to the coach as K-1."""
    assert town.say(CITY, agreement(COACH, LANDLORD), enrolment("G-1")) == ["accepted", "accepted"]
    assert town.say(COACH, town.link(CITY, "G-1", COACH, "K-1")) == ["accepted"]


def told(town: ScaledTown, link: Link) -> None:
    """Everything in the outbox goes out."""
    relay = make_relay(town.connection, link)
    while relay.pump():
        pass
    relay.close()


def admit(town: ScaledTown, link: Link) -> int:
    doors = make_doors(town, link)
    try:
        return doors.drain()
    finally:
        doors.close()


# --- the same lines through both doors ---


def lines_of_all_kinds() -> list[bytes]:
    held = [visit("K-1", visit_id=f"V-{n}") for n in range(4)]
    return [
        line(held[0]),
        b"nonsense",
        line(held[1]),
        b"",
        b'{"id": "a-1", "id": "a-1"}',
        b"x" * 70_000,
        line(held[0]),
        line(held[2]),
        line(visit("K-9")),
        line(event(COACH, "lease.started", "K-1")),
        line(visit("K-1", event_id=held[0]["id"], visit_id="V-9")),
        line(visit("K-1") | {"type": "nl.woonketen.coach.visit_dreamt"}),
        line(visit("K-1", visit_id="Wilhelmientje")),
        line(visit("K-1") | {"source": "urn:nld:kvknr:24012345:systeem:buddy"}),
        line(visit("K-1") | {"note": "w.kanarie@voorbeeld.example"}),
        line(held[3]),
    ]


def test_same_lines_same_receipts_through_file_and_kafka(
    town: ScaledTown, link: Link, operator: Sender, scaled_template: str, new_database: Callable[..., str]
) -> None:
    lines = lines_of_all_kinds()
    with as_processor(new_database(scaled_template)) as connection:
        filed = ScaledTown(connection)
        filed.wall = town.wall
        enrol(town)
        enrol(filed)
        receipts = filed.send(COACH, *lines)
        operator.send(link.inbox(COACH), *lines)
        assert admit(town, link) == len(lines)
        assert town.facts_told() == filed.facts_told()
        assert town.facts_told()
        for query in (
            "SELECT string_agg(concat_ws('|', org, type, reason, detail, mend), E'\\n' ORDER BY reason, type, detail)"
            " FROM admission.refusal",
            "SELECT string_agg(concat_ws('|', org, status, n::text), E'\\n' ORDER BY org, status) FROM admission.tally",
            "SELECT count(*) FROM admission.parked",
        ):
            assert town.ask(query) == filed.ask(query)
    told(town, link)
    kept = ("source", "id", "status", "reason", "detail", "mend")
    refused = [receipt for receipt in receipts if receipt.status == "refused"]
    found = refusals_of(link, COACH)
    assert [[each[name] for name in kept] for each in found] == [
        [getattr(receipt, name) for name in kept] for receipt in refused
    ]
    assert [each["offset"] for each in found] == [receipt.line - 1 for receipt in refused]
    assert "Wilhelmientje" not in json.dumps(found)
    assert "kanarie" not in json.dumps(found)


def test_what_was_parked_and_is_refused_in_the_end_is_told_there_too(
    town: ScaledTown, link: Link, operator: Sender
) -> None:
    sent = visit("K-1")
    operator.send(link.inbox(COACH), line(sent))
    admit(town, link)
    assert town.parked() == 1
    town.close(40)
    assert town.parked() == 0
    told(town, link)
    assert [(each["id"], each["reason"]) for each in refusals_of(link, COACH)] == [(sent["id"], "unknown_subject")]


# --- whatever client wrote it ---


def as_sdk_event(sent: dict[str, Any]) -> Any:
    from cloudevents.core.v1.event import CloudEvent

    attributes = {name: value for name, value in sent.items() if name != "data"}
    from datetime import datetime

    return CloudEvent(attributes | {"time": datetime.fromisoformat(attributes["time"])}, sent["data"])


def through_sdk(mode: str, sent: dict[str, Any]) -> tuple[Any, list[tuple[str, bytes]]]:
    from cloudevents.core.bindings import kafka as binding

    made = {"binary": binding.to_binary_event, "structured": binding.to_structured_event}[mode](as_sdk_event(sent))
    return made.value, list(made.headers.items())


@pytest.mark.parametrize("mode", ["binary", "structured"])
@pytest.mark.parametrize("client", ["kafka-python", "confluent"])
def test_events_of_any_client_are_admitted_the_same(
    town: ScaledTown, link: Link, operator: Sender, client: str, mode: str
) -> None:
    enrol(town)
    sent = visit("K-1") | {"datacontenttype": "application/json"}
    value, headers = through_sdk(mode, sent)
    if client == "kafka-python":
        operator.send(link.inbox(COACH), value, headers=headers)
    else:
        from confluent_kafka import Producer

        producer = Producer(
            {
                "bootstrap.servers": link.bootstrap, "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": link.user, "sasl.password": link.password,
                "compression.type": "lz4",
            }
        )  # fmt: skip
        producer.produce(link.inbox(COACH), value=value, key=b"K-1", headers=headers)
        assert producer.flush(30) == 0
    assert admit(town, link) == 1
    assert ("coach.visit_held", "K-1") in town.facts_told()
    assert town.say(COACH, sent) == ["duplicate"], "the same event, to the last field"
    told(town, link)
    assert refusals_of(link, COACH) == []


# --- what a partner can do: two things ---


def test_a_partner_writes_its_topic_and_reads_its_refusals_and_nothing_else(link: Link, tmp_path: Path) -> None:
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
    from kafka.errors import AuthorizationError, KafkaError

    topics.prepare(link, 3)
    coach, buddy = wkkafka.partner(link, COACH, tmp_path), wkkafka.partner(link, BUDDY, tmp_path)
    with sender(coach) as mine, sender(link) as operator:
        mine.send(link.inbox(COACH), b"{}")
        operator.send(link.refused(COACH), b"told")
    producer = KafkaProducer(**coach.options(), max_block_ms=3000)
    for topic in (link.inbox(BUDDY), link.refused(COACH), link.refused(BUDDY), link.events, f"{link.prefix}new"):
        with pytest.raises(KafkaError):
            producer.send(topic, b"{}").get(timeout=120)
    producer.close()

    def reads(who: Link, topic: str, group: str, polls: int = 20) -> list[bytes]:
        consumer = KafkaConsumer(**who.options(), group_id=group, auto_offset_reset="earliest")
        try:
            consumer.subscribe([topic])
            found: list[bytes] = []
            for _ in range(polls):
                found += [each.value for messages in consumer.poll(timeout_ms=500).values() for each in messages]
                if found:
                    break
            return found
        finally:
            consumer.close(autocommit=False)

    assert reads(coach, link.refused(COACH), f"{link.groups(COACH)}mine") == [b"told"]
    for topic, group in (
        (link.inbox(COACH), f"{link.groups(COACH)}mine"),  # not even what it wrote
        (link.refused(BUDDY), f"{link.groups(COACH)}mine"),
        (link.events, f"{link.groups(COACH)}mine"),
        (link.refused(COACH), f"{link.groups(BUDDY)}mine"),
    ):
        with suppress(AuthorizationError):
            assert reads(coach, topic, group, polls=4) == []
    admin = KafkaAdminClient(**coach.options())
    with pytest.raises(AuthorizationError):
        admin.create_topics({f"{link.prefix}more": {"num_partitions": 1, "replication_factor": 1}})
    assert {name for name in admin.list_topics() if name.startswith(link.prefix)} == {
        link.inbox(COACH), link.refused(COACH),
    }  # fmt: skip
    admin.close()
    assert buddy.user != coach.user


def test_credentials_repeat_rotate_and_end(link: Link, tmp_path: Path) -> None:
    first = wkkafka.partner(link, COACH, tmp_path)
    assert wkkafka.partner(link, COACH, tmp_path).password == first.password, "again is nothing"
    topics.let_in(link, COACH, tmp_path, rotate=True)
    second = wkkafka.partner(link, COACH, tmp_path)
    assert second.password != first.password
    quick = {"bootstrap_timeout_ms": 1500}
    from kafka import KafkaProducer
    from kafka.errors import KafkaError

    with pytest.raises(KafkaError):
        KafkaProducer(**first.options() | quick)
    with sender(second) as mine:
        mine.send(link.inbox(COACH), b"{}")
        topics.let_out(link, COACH, tmp_path)
        topics.let_out(link, COACH, tmp_path)
        with pytest.raises(KafkaError):
            mine.send(link.inbox(COACH), b"{}")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KafkaError):
        KafkaProducer(**second.options() | quick)


def test_a_password_that_was_given_and_not_noted_is_not_lost(
    link: Link, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the cluster and the file's name."""
    first = wkkafka.partner(link, COACH, tmp_path)

    class Killed(Exception):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", lambda self, to: die() if self.suffix == ".fresh" else self.rename(to))
        with pytest.raises(Killed):
            topics.let_in(link, COACH, tmp_path, rotate=True)
    again = wkkafka.partner(link, COACH, tmp_path)
    assert again.password != first.password
    with sender(again) as mine:
        mine.send(link.inbox(COACH), b"{}")


# --- crash, poison, positions ---


def test_kill_9_inside_the_transaction_loses_and_doubles_nothing(
    scaled_dsn: str, town: ScaledTown, link: Link, operator: Sender
) -> None:
    enrol(town)
    sent = [visit("K-1", visit_id=f"V-{n}") for n in range(12)]
    died = 0
    for place, part in (("taken", sent[:5]), ("moved", sent[5:9]), ("appended", sent[9:])):
        operator.send(link.inbox(COACH), *map(line, part), b"nonsense")
        died += run_until_killed(scaled_dsn, link, "doors", place, 1)
    assert died == 3
    admit(town, link)
    assert town.facts_told().count(("coach.visit_held", "K-1")) == 12
    told(town, link)
    assert [each["reason"] for each in refusals_of(link, COACH)] == ["malformed"] * 3
    assert town.ask("SELECT sum(n) FROM admission.tally WHERE status = 'duplicate'") is None, "none was taken twice"
    assert [(row["admitted"], row["lag"], row["replies"]) for row in lag(town.connection) if row["org"] == COACH] == [
        (15, 0, 0)
    ]


def test_topics_of_a_new_organisation_join_without_a_restart(
    town: ScaledTown, link: Link, operator: Sender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "LOOK_SECONDS", 0.2)
    doors = make_doors(town, link)
    assert doors.drain() == 0
    topics.let_in(link, LANDLORD, tmp_path)
    operator.send(link.inbox(LANDLORD), b"nonsense")
    operator.send(link.inbox(COACH), b"nonsense")
    wait_for(lambda: doors.round(0.1) >= 0 and doors.admitted == 2)
    doors.close()
    assert town.ask("SELECT count(DISTINCT org) FROM admission.refusal") == 2


def test_a_message_that_makes_admission_fail_stops_neither_others_nor_the_partner(
    town: ScaledTown, link: Link, operator: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(town)
    original = door_module.Admission._take

    def failing(self: Any, org: str, read: Any, at: Any = None) -> Any:
        for each in read:
            if getattr(each, "candidate", None) is not None and each.candidate.event.id == poison["id"]:
                raise ZeroDivisionError
        return original(self, org, read, at)

    poison = visit("K-1", visit_id="V-6")
    monkeypatch.setattr(door_module.Admission, "_take", failing)
    operator.send(link.inbox(COACH), line(visit("K-1", visit_id="V-5")), line(poison), line(visit("K-1")))
    said: list[str] = []
    doors = make_doors(town, link, say=said.append)
    assert doors.drain() == 3
    doors.close()
    assert town.facts_told().count(("coach.visit_held", "K-1")) == 2
    told(town, link)
    (refusal,) = refusals_of(link, COACH)
    assert (refusal["reason"], refusal["offset"]) == ("malformed", 1)
    assert "operator" not in refusal["mend"]
    assert len(said) == 1
    assert "V-6" not in said[0]


def test_so_much_poison_that_the_program_is_at_fault_stops_the_line(
    town: ScaledTown, link: Link, operator: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(self: Any, *_: Any) -> Any:
        raise ZeroDivisionError

    operator.send(link.inbox(COACH), *[line(visit("K-1", visit_id=f"V-{n}")) for n in range(3)])
    monkeypatch.setattr(door_module, "PATIENCE", 0)
    monkeypatch.setattr(door_module.Admission, "_take", failing)
    doors = make_doors(town, link)
    with pytest.raises(StopTheLine):
        doors.drain()
    doors.close()
    monkeypatch.undo()
    assert admit(town, link) == 3, "nothing of it was passed over"


class Unreadable(str):
    """The name of a header that no client of Java could write."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe"


def test_a_header_that_no_client_can_read_holds_up_nobody(town: ScaledTown, link: Link, operator: Sender) -> None:
    enrol(town)
    producer = operator._producer
    producer.config["compression_type"] = None
    operator.send(link.inbox(COACH), line(visit("K-1", visit_id="V-1")))
    operator.send(link.inbox(COACH), line(visit("K-1")), headers=[(Unreadable("x"), b"y")])
    operator.send(link.inbox(COACH), line(visit("K-1", visit_id="V-3")))
    operator.send(link.inbox(CITY), line(enrolment("G-2")))
    assert admit(town, link) == 4
    facts = town.facts_told()
    assert facts.count(("coach.visit_held", "K-1")) >= 2
    assert ("enrolment.opened", "G-2") in facts


def test_a_position_that_was_set_back_is_read_again_from_there(
    town: ScaledTown, link: Link, operator: Sender, scaled_dsn: str
) -> None:
    """A database that was restored: what partners' topics still hold is admitted again."""
    operator.send(link.inbox(CITY), line(agreement(COACH)), line(enrolment("G-1")))
    doors = make_doors(town, link)
    assert doors.drain() == 2
    with psycopg.connect(scaled_dsn, autocommit=True) as owner:
        owner.execute("UPDATE admission.door SET next = 0")
    operator.send(link.inbox(CITY), line(enrolment("G-2")))
    with pytest.raises(Unreachable):
        doors.drain()
    doors.close()
    assert admit(town, link) == 3
    assert town.ask("SELECT sum(n) FROM admission.tally WHERE status = 'duplicate'") == 2


def test_what_was_admitted_leaves_the_topic_after_the_interval_of_backups(
    town: ScaledTown, link: Link, operator: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kafka import KafkaConsumer, TopicPartition

    def first() -> int:
        consumer = KafkaConsumer(**link.options())
        try:
            place = TopicPartition(link.inbox(CITY), 0)
            return int(consumer.beginning_offsets([place])[place])
        finally:
            consumer.close()

    operator.send(link.inbox(CITY), line(agreement(COACH)), line(enrolment("G-1")))
    assert admit(town, link) == 2
    doors = make_doors(town, link, backup_hours=1)
    doors.drain()
    assert first() == 0, "a backup may still be older than it"
    doors.close()
    doors = make_doors(town, link, backup_hours=0)
    operator.send(link.inbox(CITY), line(enrolment("G-2")))
    doors.drain()
    assert first() == 2, "what is admitted; not what was not"
    doors.close()
    assert town.facts_told().count(("enrolment.opened", "G-2")) == 1


def test_a_topic_that_was_made_anew_is_read_from_its_beginning(
    town: ScaledTown, link: Link, operator: Sender, tmp_path: Path
) -> None:
    operator.send(link.inbox(CITY), line(agreement(COACH)), line(enrolment("G-1")))
    assert admit(town, link) == 2
    with topics.admin(link) as client:
        client.delete_topics([link.inbox(CITY)])
        wait_for(lambda: link.inbox(CITY) not in client.list_topics())
    topics.let_in(link, CITY, tmp_path)
    with sender(link) as again:
        again.send(link.inbox(CITY), line(enrolment("G-2")))
    said: list[str] = []
    doors = make_doors(town, link, say=said.append)
    assert doors.drain() == 1
    doors.close()
    assert len(said) == 1
    assert "anew" in said[0]
    assert ("enrolment.opened", "G-2") in town.facts_told()


def test_a_partner_that_left_is_told_so(town: ScaledTown, link: Link, operator: Sender) -> None:
    town.admission.leave(COACH)
    operator.send(link.inbox(COACH), line(visit("K-1")))
    admit(town, link)
    told(town, link)
    assert [each["reason"] for each in refusals_of(link, COACH)] == ["feed_stopped"]


def test_the_wrong_password_says_so(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_link, "BOOTSTRAP_SECONDS", 2)
    import msgspec

    wrong = msgspec.structs.replace(link, password="wrong")
    with pytest.raises(Unreachable, match="does not let the user admin in") as raised:
        topics.prepare(wrong, 3)
    assert "kafka_password_file" in raised.value.mend
    nobody = msgspec.structs.replace(link, bootstrap="127.0.0.1:1")
    with pytest.raises(Unreachable, match="does not answer"):
        topics.prepare(nobody, 3)
