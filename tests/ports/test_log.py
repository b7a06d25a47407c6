"""What a log must do, against memory, PostgreSQL and Kafka."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import date
from typing import Any

import psycopg
import pytest
from wkdatabase import KEYS, apply_schema, as_processor

from woonketen.contracts.errors import ConfigurationError, WrongKey
from woonketen.contracts.facts import Record
from woonketen.contracts.memory import Memory
from woonketen.contracts.records import (
    Draft,
    closing_drafts,
    fact_draft,
    header_of,
    open_records,
    partition_of,
    world_drafts,
)
from woonketen.orchestration import wiring
from woonketen.projections import sets
from woonketen.projections.migrate import migrate
from woonketen.streams.door.standing import Seals
from woonketen.streams.kafka.link import Link
from woonketen.streams.keys.vault import PostgresVault
from woonketen.streams.log.postgres import PostgresLog, make_partitions, verify

DAY = date(2026, 3, 1)
PARTITIONS = 3
ANN, BEN = bytes(15) + b"a", b"\x00\x00\x00\x01" + bytes(11) + b"b"


@pytest.fixture(scope="module")
def prepared(dsn: str) -> str:
    with psycopg.connect(dsn, autocommit=True) as owner:
        apply_schema(owner)
        assert make_partitions(owner, PARTITIONS) == PARTITIONS
        assert make_partitions(owner, 9) == PARTITIONS, "kept for ever"
    return dsn


@pytest.fixture
def scaled(new_database: Callable[..., str]) -> str:
    """A database as `init` leaves it: the relay looks at the views' positions."""
    dsn = new_database()
    with psycopg.connect(dsn, autocommit=True) as owner:
        migrate(owner, wiring.migrations())
        make_partitions(owner, PARTITIONS)
        sets.prepare(owner, "code", range(PARTITIONS))
    return dsn


class RolledBack(Exception):
    pass


class Port:
    """A log, its vault, and the transaction they share."""

    def __init__(self, log: Any, vault: Any, begin: Callable[[], AbstractContextManager[Any]]) -> None:
        self.log, self.vault, self.begin = log, vault, begin
        self.start: dict[int, int] = dict(log.ends())

    def fact(self, ref: bytes, clear: bytes, day: date = DAY) -> Draft:
        kid = self.vault.mint([(ref, "coach-oost", "case")])[ref, "coach-oost", "case"]
        return fact_draft(clear, ref, kid, day, PARTITIONS)

    def since(self, partition: int) -> list[Record]:
        return list(self.log.read(partition, self.start[partition], 1000))

    def texts(self, partition: int) -> list[bytes | None]:
        return [clear for _, clear in open_records(self.since(partition), self.vault)]


class Relayed:
    """The scaled engine's log as a step reads it, with a relay that sends whatever was committed before it is read."""

    def __init__(self, log: Any, relay: Any, ends: Callable[[], dict[int, int]]) -> None:
        self._log, self._relay = log, relay
        self.ends = ends
        for name in ("append", "of_residents", "of_everybody", "ahead", "stream_residents"):
            setattr(self, name, getattr(log, name))

    def read(self, partition: int, after: int, limit: int) -> Sequence[Record]:
        while self._relay.pump():
            pass
        there = self.ends()[partition] - after  # whoever asks Kafka for the next record knows that there is one
        found: list[Record] = []
        while len(found) < min(there, limit):
            found += self._log.read(partition, after + len(found), limit - len(found))
        return found


@contextmanager
def on_kafka(dsn: str, link: Link) -> Iterator[Port]:
    from woonketen.orchestration.kafka import topics
    from woonketen.streams.kafka.polled import polled
    from woonketen.streams.kafka.relay import Relay
    from woonketen.streams.log.kafka import KafkaLog

    topics.prepare(link, PARTITIONS)
    places = dict.fromkeys(range(PARTITIONS), 0)
    with as_processor(dsn) as connection, as_processor(dsn) as relaying, polled(link, places) as source:
        vault = PostgresVault(connection, KEYS)
        log, relay = KafkaLog(connection, vault, source), Relay(relaying, link, Seals(KEYS))
        yield Port(Relayed(log, relay, lambda: dict(log.ends())), vault, connection.transaction)
        relay.close()


@pytest.fixture(params=["memory", "postgres", "kafka"])
def port(request: pytest.FixtureRequest) -> Iterator[Port]:
    if request.param == "memory":
        memory = Memory(PARTITIONS)
        yield Port(memory, memory, memory.begin)
        return
    if request.param == "kafka":
        with on_kafka(request.getfixturevalue("scaled"), request.getfixturevalue("link")) as made:
            yield made
        return
    with as_processor(request.getfixturevalue("prepared")) as connection:
        vault = PostgresVault(connection, KEYS)
        yield Port(PostgresLog(connection, vault), vault, connection.transaction)


def test_records_come_back_in_order_without_gap_or_copy(port: Port) -> None:
    with port.begin():
        first = port.log.append([port.fact(ANN, b"one"), port.fact(BEN, b"two"), port.fact(ANN, b"three")])
    with port.begin():
        port.log.append([port.fact(ANN, b"four")])
    at = port.start[0]
    assert partition_of(ANN, PARTITIONS) == 0
    assert [(record.partition, record.seq - port.start[record.partition]) for record in first] == [
        (0, 1),
        (1, 1),
        (0, 2),
    ]
    assert [record.seq for record in port.since(0)] == [at + 1, at + 2, at + 3]
    assert port.texts(0) == [b"one", b"three", b"four"]
    assert port.texts(1) == [b"two"]
    assert port.texts(2) == []
    assert [record.seq for record in port.log.read(0, at + 1, 1)] == [at + 2]
    assert {partition: end - port.start[partition] for partition, end in port.log.ends().items()} == {0: 3, 1: 1, 2: 0}
    assert port.since(0)[:1] == [first[0]], "what append returns is what is stored"


def test_what_is_rolled_back_leaves_no_gap(port: Port) -> None:
    with port.begin():
        port.log.append([port.fact(ANN, b"kept")])
    with suppress(RolledBack), port.begin():
        port.log.append([port.fact(ANN, b"lost"), port.fact(BEN, b"lost")])
        raise RolledBack
    with port.begin():
        port.log.append([port.fact(ANN, b"kept too")])
    assert [record.seq - port.start[0] for record in port.since(0)] == [1, 2]
    assert port.texts(0) == [b"kept", b"kept too"]
    assert port.texts(1) == []


def test_everybodys_facts_and_the_close_of_a_day_stand_in_every_partition(port: Port) -> None:
    with port.begin():
        kid = port.vault.mint([(None, "gemeente-ijsselstad", "world")])[None, "gemeente-ijsselstad", "world"]
        port.log.append(world_drafts(b"agreement", kid, DAY, PARTITIONS) + closing_drafts(DAY, PARTITIONS))
    for partition in range(PARTITIONS):
        world, closed = port.since(partition)
        assert (world.kind, world.ref, world.kid) == ("world", None, kid)
        assert (closed.kind, closed.ref, closed.kid, closed.sealed, closed.day) == ("day_closed", None, None, b"", DAY)
        assert port.texts(partition) == [b"agreement", b""]


def test_records_of_residents_come_by_resident_then_number(port: Port) -> None:
    cid = b"\x00\x00\x00\x03" + bytes(12)
    assert partition_of(cid, PARTITIONS) == 0
    with port.begin():
        port.log.append([port.fact(cid, b"c1"), port.fact(ANN, b"a1"), port.fact(BEN, b"b1"), port.fact(cid, b"c2")])
        upto = port.log.ends()[0]
        port.log.append([port.fact(ANN, b"a2"), *closing_drafts(DAY, PARTITIONS)])
    found = [record for record in port.log.of_residents(0, [cid, ANN], upto) if record.seq > port.start[0]]
    assert [clear for _, clear in open_records(found, port.vault)] == [b"a1", b"c1", b"c2"]
    assert port.log.of_residents(0, [BEN], upto) == []
    streamed = list(port.log.stream_residents(0, port.log.ends()[0]))
    assert streamed == sorted(streamed, key=lambda record: (record.ref, record.seq))
    recent = [record for record in streamed if record.seq > port.start[0]]
    assert [clear for _, clear in open_records(recent, port.vault)] == [b"a1", b"a2", b"c1", b"c2"]
    assert list(port.log.stream_residents(0, 0)) == []


def test_records_about_nobody_can_be_read_alone(port: Port) -> None:
    with port.begin():
        kid = port.vault.mint([(None, "coach-oost", "world")])[None, "coach-oost", "world"]
        port.log.append([port.fact(ANN, b"a1"), *world_drafts(b"w1", kid, DAY, PARTITIONS), port.fact(ANN, b"a2")])
        upto = port.log.ends()[0]
        port.log.append([*closing_drafts(DAY, PARTITIONS), *world_drafts(b"w2", kid, DAY, PARTITIONS)])

    def texts(upto: int) -> list[bytes | None]:
        found = [each for each in port.log.of_everybody(0, upto) if each.seq > port.start[0]]
        return [clear for _, clear in open_records(found, port.vault)]

    assert texts(upto) == [b"w1"]
    assert texts(upto + 1) == [b"w1", b""]
    assert texts(upto + 2) == [b"w1", b"", b"w2"]


def test_what_was_known_on_a_day_is_found_behind_later_days(port: Port) -> None:
    later = date(2026, 3, 2)
    with port.begin():
        port.log.append([port.fact(ANN, b"before")])
        after = port.log.ends()[0]
        port.log.append(
            [
                port.fact(ANN, b"a1", later),
                port.fact(ANN, b"a2"),
                *closing_drafts(DAY, PARTITIONS),
                port.fact(ANN, b"a3"),
            ]
        )
    found = port.log.ahead(0, after, DAY)
    assert [clear for _, clear in open_records(found, port.vault)] == [b"a2", b"a3"]
    assert [clear for _, clear in open_records(port.log.ahead(0, after, later), port.vault)] == [b"a1", b"a2", b"a3"]
    assert port.log.ahead(0, port.log.ends()[0], later) == []


def test_changed_or_moved_record_does_not_open(port: Port) -> None:
    with port.begin():
        (record,) = port.log.append([port.fact(ANN, b"clear text")])
    cipher = port.vault.ciphers([record.kid])[record.kid]
    assert b"clear text" not in record.sealed
    assert cipher.open(record.sealed, header_of(record)) == b"clear text"
    changed = record.sealed[:-1] + bytes([record.sealed[-1] ^ 1])
    for sealed, bound in [
        (changed, header_of(record)),
        (b"", header_of(record)),
        *(
            (record.sealed, header_of(Record(**({**as_dict(record), name: value}))))
            for name, value in {"partition": 1, "seq": record.seq + 1, "day": date(2026, 3, 2), "ref": BEN}.items()
        ),
    ]:
        with pytest.raises(WrongKey):
            cipher.open(sealed, bound)


def as_dict(record: Record) -> dict[str, Any]:
    return {name: getattr(record, name) for name in Record.__struct_fields__}


def test_equal_texts_are_sealed_differently(port: Port) -> None:
    with port.begin():
        one, two = port.log.append([port.fact(ANN, b"same"), port.fact(ANN, b"same")])
    assert one.sealed != two.sealed


def test_unknown_partition_is_refused_before_anything_is_stored(port: Port) -> None:
    with pytest.raises(ConfigurationError), port.begin():
        port.log.append([port.fact(ANN, b"x"), Draft(99, DAY, "day_closed", None, None, b"")])
    assert port.since(0) == []


def test_nothing_of_a_record_reaches_a_repr(port: Port) -> None:
    with port.begin():
        draft = port.fact(ANN, b"clear text")
        (record,) = port.log.append([draft])
    assert "clear" not in repr(draft) + repr(record)


# --- PostgreSQL only: other processes, rights, and the check ---


def test_two_writers_leave_one_gapless_log(prepared: str) -> None:
    failures: list[BaseException] = []
    with as_processor(prepared) as connection:
        before = dict(PostgresLog(connection, PostgresVault(connection, KEYS)).ends())

    def write(first: bytes, second: bytes) -> None:
        try:
            with as_processor(prepared) as connection:
                vault = PostgresVault(connection, KEYS)
                log = PostgresLog(connection, vault)
                for number in range(25):
                    with suppress(RolledBack), connection.transaction():
                        kids = vault.mint([(ref, "coach-oost", "case") for ref in (first, second)])
                        drafts = [fact_draft(b"x", ref, kids[ref, "coach-oost", "case"], DAY, PARTITIONS)
                                  for ref in (first, second)]  # fmt: skip
                        log.append(drafts)
                        if number % 5 == 4:
                            raise RolledBack
        except BaseException as error:  # noqa: BLE001 - told below, in the test's own thread
            failures.append(error)

    writers = [threading.Thread(target=write, args=pair) for pair in ((ANN, BEN), (BEN, ANN), (ANN, BEN))]
    for writer in writers:
        writer.start()
    # A reader beside them never sees a number whose predecessor is still coming.
    with as_processor(prepared) as connection:
        log = PostgresLog(connection, PostgresVault(connection, KEYS))
        while any(writer.is_alive() for writer in writers):
            seqs = [record.seq for record in log.read(0, before[0], 1000)]
            assert seqs == list(range(before[0] + 1, before[0] + 1 + len(seqs)))
    for writer in writers:
        writer.join()
    assert failures == []
    with as_processor(prepared) as connection:
        vault = PostgresVault(connection, KEYS)
        ends = PostgresLog(connection, vault).ends()
        assert {p: ends[p] - before[p] for p in ends} == {0: 60, 1: 60, 2: 0}
        assert verify(connection, vault).gaps == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log.record SET day = day + 1",
        "DELETE FROM log.record",
        "TRUNCATE log.record",
        "UPDATE log.record_0 SET day = day + 1",
        "DELETE FROM log.record_0",
        "INSERT INTO log.counter VALUES (77, 1)",
        "DELETE FROM log.counter",
        "DROP TABLE log.record",
        "DELETE FROM vault.key",
        "TRUNCATE vault.key",
        "UPDATE vault.key SET ref = NULL",
        "UPDATE vault.known_kek SET trace = ''",
    ],
)
def test_processor_cannot_change_what_was_written(prepared: str, statement: str) -> None:
    with as_processor(prepared) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)  # type: ignore[arg-type]


def test_verify_finds_what_an_owner_tampered_with(new_database: Callable[..., str]) -> None:
    dsn = new_database()
    with psycopg.connect(dsn, autocommit=True) as owner:
        apply_schema(owner)
        make_partitions(owner, PARTITIONS)
        vault = PostgresVault(owner, KEYS)
        log = PostgresLog(owner, vault)
        with owner.transaction():
            kids = vault.mint([(ANN, "coach-oost", "case"), (ANN, "coach-oost", "care"), (BEN, "coach-oost", "case")])
            for number in range(4):
                for (ref, _, _), kid in kids.items():
                    log.append([fact_draft(b"%d" % number, ref or b"", kid, DAY, PARTITIONS)])
            log.append(closing_drafts(DAY, PARTITIONS))
        assert (state := verify(owner, vault)).records == 15
        assert (state.gaps, state.changed, state.erased) == (0, 0, 0)
        assert vault.destroy(ANN, "coach-oost", "care", DAY) == 1
        owner.execute(
            "UPDATE log.record SET day = day + 1 WHERE partition = 0 AND seq ="
            " (SELECT min(seq) FROM log.record JOIN vault.key USING (kid) WHERE partition = 0 AND wrapped IS NOT NULL)"
        )
        owner.execute("UPDATE log.record SET sealed = sealed || '\\x00' WHERE partition = 1 AND seq = 2")
        assert (verify(owner, vault).changed, verify(owner, vault).erased) == (2, 4)
        owner.execute("DELETE FROM log.record WHERE partition = 1 AND seq = 1")
        owner.execute("DELETE FROM log.record WHERE partition = 0 AND seq = 3")
        owner.execute("DELETE FROM log.record WHERE partition = 2 AND seq = 1")
        assert verify(owner, vault).gaps == 3


def test_appending_wakes_a_listener_once_per_transaction(prepared: str) -> None:
    with as_processor(prepared) as connection, psycopg.connect(prepared, autocommit=True) as listener:
        listener.execute("LISTEN woonketen_log")
        log = PostgresLog(connection, PostgresVault(connection, KEYS))
        with connection.transaction():
            log.append(closing_drafts(DAY, PARTITIONS))
            log.append(closing_drafts(date(2026, 3, 2), PARTITIONS))
        heard = [(notice.channel, notice.payload) for notice in listener.notifies(timeout=60, stop_after=1)]
        heard += [(notice.channel, notice.payload) for notice in listener.notifies(timeout=0.2)]
        assert heard == [("woonketen_log", "")]
