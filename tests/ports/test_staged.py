"""A partition read from a real Kafka for a rebuild: by resident and in order, whether it fits into memory or not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import psycopg
import pytest
from kafka import KafkaProducer
from wkdatabase import KEYS, as_processor
from wkscaled import prepare_scaled

from woonketen.contracts.errors import WoonketenError
from woonketen.contracts.facts import Record
from woonketen.orchestration.kafka import topics
from woonketen.streams.kafka.link import Link
from woonketen.streams.kafka.staged import IN_MEMORY, Staged
from woonketen.streams.keys.vault import PostgresVault
from woonketen.streams.log import wire

DAY = date(2026, 3, 1)
LAST = 1_500
WORLD = (5, 700)
VOID = range(40, 61)


@pytest.fixture(scope="module")
def dsn(new_database: Callable[..., str]) -> str:
    dsn = new_database()
    prepare_scaled(dsn)
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute("INSERT INTO log.void (partition, first, last) VALUES (0, %s, %s)", [VOID[0], VOID[-1]])
    return dsn


def record(seq: int) -> Record:
    if seq in WORLD:
        return Record(0, seq, DAY, "world", None, bytes(16), b"world")
    return Record(0, seq, DAY, "fact", bytes([seq * 7 % 11]) * 16, bytes([seq % 3]) * 16, b"sealed %d" % seq)


def send(link: Link, upto: int) -> None:
    """As relays that were killed leave it: copies, some early, and what is none of ours."""
    topics.prepare(link, 1)
    values = [wire.encode(record(seq))[1] for seq in range(1, upto + 1)]
    sent = [values[0], b"alien", values[2], values[1], values[2], *values[2:900], *values[600:700], b"", *values[850:]]
    producer = KafkaProducer(**link.options(), linger_ms=5)
    try:
        for value in sent:
            producer.send(link.events, value=value, partition=0)
        producer.flush(timeout=60)
    finally:
        producer.close()


@pytest.mark.parametrize("in_memory", [0, 30_000, IN_MEMORY])
def test_every_record_that_counts_comes_once_by_resident(dsn: str, link: Link, in_memory: int) -> None:
    send(link, LAST + 3)
    with as_processor(dsn) as connection:
        staged = Staged(connection, PostgresVault(connection, KEYS), link, in_memory)
        found = list(staged.stream_residents(0, LAST))
        again = list(staged.stream_residents(0, LAST))
    told = [record(seq) for seq in range(1, LAST + 1) if seq not in WORLD and seq not in VOID]
    assert found == again == sorted(told, key=lambda each: (each.ref, each.seq))


@pytest.mark.parametrize("in_memory", [0, IN_MEMORY])
def test_a_topic_that_has_not_all_of_it_is_refused(dsn: str, link: Link, in_memory: int) -> None:
    send(link, LAST)
    with as_processor(dsn) as connection:
        staged = Staged(connection, PostgresVault(connection, KEYS), link, in_memory)
        with pytest.raises(WoonketenError, match=f"up to {LAST}, and the views stand at {LAST + 1}"):
            list(staged.stream_residents(0, LAST + 1))
