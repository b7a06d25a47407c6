"""`woonketen-publish` over a real Apache Kafka, with a partner's own rights on it."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer
from wkkafka import new_prefix
from wkpublish import SOURCE, first_times, in_order_per_resident, line, publish, start, write_visits
from wkscaled import read_all

from woonketen.contracts.settings import settings
from woonketen.orchestration.kafka import topics
from woonketen.orchestration.kafka.broker import running
from woonketen.producers.outbox import Outbox, look
from woonketen.streams.kafka.link import Link, link_of

OUTBOX = "woonketen-outbox.sqlite"
RESIDENTS = 20


@pytest.fixture
def to(link: Link, tmp_path: Path) -> list[str]:
    return way(link, tmp_path)


def way(link: Link, folder: Path) -> list[str]:
    given = topics.let_in(link, "coach-oost", folder)
    return ["--to", f"kafka://{link.bootstrap}", "--user", given["user"], "--password-file", given["password_file"]]


def read(link: Link) -> list[Any]:
    """Everything in the organisation's topic, as the platform reads it."""
    (messages,) = read_all(link, link.inbox("coach-oost")).values()
    return messages


def ids(messages: list[Any]) -> list[str]:
    return [json.loads(each.value)["id"] for each in messages]


def refuse(link: Link, *event_ids: str | None) -> None:
    """As the platform does it."""
    producer = KafkaProducer(**link.options())
    for event_id in event_ids:
        receipt = {"source": SOURCE, "id": event_id, "status": "refused", "reason": "no_legal_basis",
                   "detail": "subject", "mend": "enrol first", "at": "2026-03-01T09:00:00Z"}  # fmt: skip
        producer.send(link.refused("coach-oost"), json.dumps(receipt).encode())
    producer.flush()
    producer.close()


def test_events_arrive_in_order_as_structured_cloudevents(tmp_path: Path, link: Link, to: list[str]) -> None:
    expected = write_visits(tmp_path / "visits.jsonl", 2500, RESIDENTS)
    done = publish("visits.jsonl", *to, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["delivered"] == 2500
    messages = read(link)
    assert ids(messages) == expected
    assert messages[7].value == line(7, resident=7)
    assert dict(messages[7].headers)["content-type"].startswith(b"application/cloudevents+json")
    assert len({each.key for each in messages}) == RESIDENTS
    assert all(b"K-" not in each.key for each in messages)


def test_refusals_come_back_into_the_outbox_once(tmp_path: Path, link: Link, to: list[str]) -> None:
    write_visits(tmp_path / "visits.jsonl", 4)
    assert publish("visits.jsonl", *to, cwd=tmp_path).returncode == 0
    refuse(link, "v-2", None, "v-99")
    done = publish("visits.jsonl", *to, "--receipts", "out.jsonl", cwd=tmp_path)
    # The refused one is sent again only in the run after the one that read its refusal.
    assert done.returncode == 1
    assert "refused 1× no_legal_basis: enrol first" in done.stderr
    told = [json.loads(each) for each in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [each["status"] for each in told] == ["delivered", "delivered", "refused", "delivered"]
    done = publish("visits.jsonl", *to, "--json", cwd=tmp_path)
    assert (done.returncode, json.loads(done.stdout)["delivered"]) == (0, 1)
    assert ids(read(link)) == ["v-0", "v-1", "v-2", "v-3", "v-2"]


def test_a_wrong_password_is_a_sentence_about_authentication(tmp_path: Path, to: list[str]) -> None:
    write_visits(tmp_path / "visits.jsonl", 3)
    (tmp_path / "wrong").write_text("not-the-password")
    done = publish("visits.jsonl", *to[:-1], "wrong", cwd=tmp_path)
    assert done.returncode == 2
    assert "refused the authentication" in done.stderr
    assert look(tmp_path / OUTBOX).counts["waiting"] == 3
    assert publish(*to, cwd=tmp_path).returncode == 0


def test_another_organisations_topic_is_a_sentence_about_rights(tmp_path: Path, link: Link, to: list[str]) -> None:
    topics.let_in(link, "zorg-ijssel", tmp_path)
    write_visits(tmp_path / "visits.jsonl", 3)
    for topic in ("in.zorg-ijssel", "in.nobody-1"):
        done = publish("visits.jsonl", *to, "--topic", link.prefix + topic, cwd=tmp_path)
        assert done.returncode == 2
        assert f"This user may not use the topic {link.prefix}{topic}" in done.stderr


@pytest.mark.usefixtures("java_and_maven")
def test_kills_of_both_sides_lose_nothing_and_keep_the_order(tmp_path: Path) -> None:
    expected = write_visits(tmp_path / "visits.jsonl", 6000, RESIDENTS)
    with running(tmp_path / "kafka") as broker:  # of its own, to be killed
        link = link_of(settings({"engine": "kafka", "kafka_prefix": new_prefix(), **broker.settings()}, {}))
        to = way(link, tmp_path)
        for least in (0, 1000, 2000):
            process = start("visits.jsonl", *to, cwd=tmp_path)
            _until_delivered(tmp_path / OUTBOX, least, process)
            if least == 2000:
                broker.kill()
            process.kill()
            process.communicate()
        more = range(6000, 6300)  # whatever the others had sent before they died
        (tmp_path / "more.jsonl").write_bytes(b"".join(line(k, resident=k % RESIDENTS) + b"\n" for k in more))
        process = start("more.jsonl", *to, cwd=tmp_path)
        assert process.stderr is not None
        said = process.stderr.readline()
        broker.start()
        _, rest = process.communicate(timeout=300)
        assert process.returncode == 0, rest
        arrived = ids(read(link))
    assert "nobody listens at that address." in said
    assert "events wait in the outbox; next attempt in" in said
    expected += [f"v-{k}" for k in more]
    assert set(arrived) == set(expected)
    assert in_order_per_resident(arrived, RESIDENTS)
    assert first_times(arrived) == expected


def _until_delivered(outbox: Path, least: int, process: Any) -> None:
    """So that it dies in the middle of sending."""
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        there = outbox.exists() and outbox.stat().st_size > 100_000
        if there and look(outbox).counts["delivered"] > least:
            return
        time.sleep(0.02)


def test_a_pruned_outbox_forgets_and_a_kept_one_knows(tmp_path: Path, link: Link, to: list[str]) -> None:
    write_visits(tmp_path / "visits.jsonl", 3)
    assert publish("visits.jsonl", *to, cwd=tmp_path).returncode == 0
    done = publish("visits.jsonl", *to, "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["known"] == 3
    publish(*to, "--keep", "0", cwd=tmp_path)
    with Outbox(tmp_path / OUTBOX) as outbox:
        assert sum(outbox.status().counts.values()) == 0
