"""The Kafka door takes an event in every mode and from every client alike."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
import wktools
from cloudevents.core.bindings.kafka import KafkaMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from confluent_kafka import Producer
from wkdatabase import as_processor
from wkkafka import partner
from wkpartners import CITY, COACH, PARTITIONS, agreement, enrolment, event, visit
from wkpublish import publish
from wkscaled import ScaledTown, make_doors, make_relay, refusals_of, sender

from woonketen.contracts.records import open_records, partition_of, unpack
from woonketen.orchestration.kafka import topics
from woonketen.streams.kafka.link import Link

STRUCTURED = {"content-type": b"application/cloudevents+json; charset=UTF-8"}
Send = Callable[[Link, str, dict[str, Any], Path], None]


def our_own(way: Link, topic: str, told: dict[str, Any], folder: Path) -> None:
    (folder / "password").write_text(way.password or "")
    (folder / "one.jsonl").write_text(json.dumps(told))
    to = ["--to", f"kafka://{way.bootstrap}", "--user", way.user or "", "--password-file", "password"]
    assert publish("one.jsonl", *to, "--outbox", f"{told['id']}.sqlite", cwd=folder).returncode == 0


def kafka_python_structured(way: Link, topic: str, told: dict[str, Any], folder: Path) -> None:
    with sender(way) as client:
        client.send(topic, json.dumps(told).encode(), headers=list(STRUCTURED.items()))


def kafka_python_binary(way: Link, topic: str, told: dict[str, Any], folder: Path) -> None:
    headers, value = _binary(told)
    with sender(way) as client:
        client.send(topic, value, headers=list(headers.items()))


def confluent_structured(way: Link, topic: str, told: dict[str, Any], folder: Path) -> None:
    _confluent(way, topic, KafkaMessage(STRUCTURED, None, json.dumps(told).encode()))


def confluent_binary(way: Link, topic: str, told: dict[str, Any], folder: Path) -> None:
    headers, value = _binary(told)
    _confluent(way, topic, KafkaMessage(headers, "a key of theirs", value))


def sdk_structured(way: Link, topic: str, told: dict[str, Any], folder: Path) -> None:
    _confluent(way, topic, to_structured_event(_cloud_event(told)))


def sdk_binary(way: Link, topic: str, told: dict[str, Any], folder: Path) -> None:
    _confluent(way, topic, to_binary_event(_cloud_event(told)))


CLIENTS: list[Send] = [
    our_own, kafka_python_structured, kafka_python_binary, confluent_structured, confluent_binary, sdk_structured,
    sdk_binary,
]  # fmt: skip


def _binary(told: dict[str, Any]) -> tuple[dict[str, bytes], bytes]:
    attributes = {
        f"ce_{name}": value.encode() for name, value in told.items() if name not in ("data", "datacontenttype")
    }
    return attributes | {"content-type": b"application/json"}, json.dumps(told["data"]).encode()


def _cloud_event(told: dict[str, Any]) -> CloudEvent:
    attributes = {name: value for name, value in told.items() if name != "data"}
    return CloudEvent(attributes | {"time": datetime.fromisoformat(told["time"])}, told["data"])


def _confluent(way: Link, topic: str, message: KafkaMessage) -> None:
    failed: list[Any] = []
    client = Producer(
        {
            "bootstrap.servers": way.bootstrap, "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanisms": "SCRAM-SHA-512", "sasl.username": way.user, "sasl.password": way.password,
        }
    )  # fmt: skip
    client.produce(
        topic, message.value, message.key, headers=dict(message.headers),
        on_delivery=lambda error, _: failed.append(error) if error else None,
    )  # fmt: skip
    assert client.flush(30) == 0
    assert failed == []


@pytest.fixture
def town(scaled_dsn: str, link: Link) -> Any:
    topics.prepare(link, PARTITIONS)
    with as_processor(scaled_dsn) as connection:
        yield ScaledTown(connection)


def test_whatever_wrote_it_the_same_event_is_admitted_the_same(town: ScaledTown, link: Link, tmp_path: Path) -> None:
    way = partner(link, COACH, tmp_path)
    town.send(CITY, agreement(COACH), enrolment("G-1"))
    town.send(COACH, town.link(CITY, "G-1", COACH, "K-88"))
    doors = make_doors(town, link)
    try:
        told = []
        for n, client in enumerate(CLIENTS):
            one = visit("K-88", event_id=f"v-{n}", visit_id=f"V-{n}")
            told.append(one)
            client(way, link.inbox(COACH), one, tmp_path)
        assert doors.drain() == len(CLIENTS)
        assert refusals_of(link, COACH) == []
        found = {each.id: each for each in _opened(town, "K-88") if each.type == "coach.visit_held"}
        assert set(found) == {each["id"] for each in told}
        for each in told:
            fact = found[each["id"]]
            assert (fact.source, fact.subject, fact.time) == (
                each["source"],
                "K-88",
                datetime.fromisoformat(each["time"]),
            )
            assert json.loads(fact.data) == each["data"]

        for client in CLIENTS[1:]:  # the first event once more, in every other form: nothing new
            client(way, link.inbox(COACH), told[0], tmp_path)
        doors.drain()
        assert len(_opened(town, "K-88")) == len(CLIENTS) + 1
        assert refusals_of(link, COACH) == []
    finally:
        doors.close()


def test_kcat_writes_events_in_both_modes(town: ScaledTown, link: Link, tmp_path: Path) -> None:
    """As docs/partner.md says it."""
    if shutil.which("kcat") is None:
        wktools.missing("kcat", "On Debian: apt-get install kcat")
    way = partner(link, COACH, tmp_path)
    (tmp_path / "kcat.conf").write_text(
        f"bootstrap.servers={way.bootstrap}\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanisms=SCRAM-SHA-512\n"
        f"sasl.username={way.user}\nsasl.password={way.password}\nacks=all\n"
    )
    town.send(CITY, agreement(COACH), enrolment("G-2"))
    town.send(COACH, town.link(CITY, "G-2", COACH, "K-89"))
    told = [visit("K-89", event_id=f"kcat-{n}", visit_id=f"V-kcat-{n}") for n in range(3)]
    kcat(link, tmp_path, "\n".join(map(json.dumps, told[:2])))
    headers, value = _binary(told[2])
    kcat(
        link,
        tmp_path,
        value.decode(),
        *[each for name, one in headers.items() for each in ("-H", f"{name}={one.decode()}")],
    )
    doors = make_doors(town, link)
    try:
        assert doors.drain() == 3
    finally:
        doors.close()
    found = {each.id: each for each in _opened(town, "K-89") if each.type == "coach.visit_held"}
    assert {name: json.loads(each.data) for name, each in found.items()} == {each["id"]: each["data"] for each in told}
    assert {each.time for each in found.values()} == {datetime.fromisoformat(told[0]["time"])}
    assert refusals_of(link, COACH) == []


def kcat(link: Link, folder: Path, lines: str, *options: str) -> None:
    """With the library of confluent-kafka: the one of Debian is older than 2.6.1, and Kafka 4 refuses its SCRAM."""
    (library,) = Path(confluent_kafka.__file__).parent.with_name("confluent_kafka.libs").glob("librdkafka*.so*")
    (folder / "librdkafka.so.1").unlink(missing_ok=True)
    (folder / "librdkafka.so.1").symlink_to(library)
    done = subprocess.run(
        ["kcat", "-F", "kcat.conf", "-P", "-t", link.inbox(COACH), *options], cwd=folder, input=lines,
        env={**os.environ, "LD_LIBRARY_PATH": str(folder)}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_refusal_of_an_event_reaches_whoever_published_it(town: ScaledTown, link: Link, tmp_path: Path) -> None:
    way = partner(link, COACH, tmp_path)
    (tmp_path / "password").write_text(way.password or "")
    (tmp_path / "one.jsonl").write_text(
        json.dumps(event(COACH, "lease.started", "K-88", event_id="no-lease-of-ours-1"))
    )
    to = ["--to", f"kafka://{way.bootstrap}", "--user", way.user or "", "--password-file", "password"]
    assert publish("one.jsonl", *to, cwd=tmp_path).returncode == 0
    doors, relay = make_doors(town, link), make_relay(town.connection, link)
    try:
        doors.drain()
        while relay.pump():
            pass
    finally:
        doors.close()
        relay.close()
    done = publish(*to, "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert json.loads(done.stdout)["refused"] == 1
    assert "refused 1× not_your_type" in done.stderr


def _opened(town: ScaledTown, subject: str) -> list[Any]:
    ref = town.ref(COACH, subject)
    partition = partition_of(ref, PARTITIONS)
    records = town.log.of_residents(partition, [ref], town.log.ends()[partition])
    opened = [unpack(clear) for _, clear in open_records(records, town.vault) if clear]
    return [each for each in opened if each.org == COACH]
