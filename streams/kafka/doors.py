"""The Kafka door: what partners write to `in.<org>` is admitted like lines of a file.

A plain loop: partitions are assigned, positions stand in PostgreSQL and move in the transaction that admits, nothing is
committed to Kafka. Topics of new organisations join within seconds. Who writes is known by the topic.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from threading import Event
from typing import Any

import psycopg
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import AuthorizationError, KafkaError

from woonketen.contracts.errors import WoonketenError
from woonketen.streams.door import positions
from woonketen.streams.door.admission import Admission
from woonketen.streams.door.admit import Refused
from woonketen.streams.door.positions import Door
from woonketen.streams.drive.turn import StopTheLine
from woonketen.streams.kafka import messages
from woonketen.streams.kafka.link import Link, kafka_told, knock
from woonketen.streams.postgres.alone import Alone
from woonketen.streams.postgres.errors import told

LOCK = 0x776B_0041
LOOK_SECONDS = 3.0
"""How often it looks for topics of new organisations."""
CLEAR_SECONDS = 600.0
WAIT_SECONDS = 0.2
MOST = 2000
PATIENCE = 20
UNREADABLE = Refused("malformed", "headers", "this message cannot be read; write headers in UTF-8 and send it again")
POISON = Refused(
    "malformed", "event", "the platform fails on this event, and whoever runs it has been told; keep it to send again"
)


class Doors:
    """On a connection of its own, which `admission` shares. Not for several threads.

    `backup_hours`: so long an admitted message stays, so that a database restored from a backup can take it again.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        admission: Admission,
        link: Link,
        *,
        backup_hours: int = 48,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._connection, self._admission, self._link = connection, admission, link
        self._backup_hours = backup_hours
        self._say = say
        self._alone = Alone(connection, "doors", LOCK)
        self._consumer: Any = None
        self._orgs: dict[TopicPartition, str] = {}
        self._next: dict[TopicPartition, int] = {}
        self._looked = self._cleared = 0.0
        self._poisoned = 0
        self.admitted = 0

    # --- running ---

    def run(self, stop: Event) -> None:
        """Until `stop` is set. Raises `Unreachable`, and whatever the program fails on: whoever supervises it starts it
        again."""
        try:
            while not stop.is_set():
                with told():
                    mine = self._alone.mine()
                if mine:
                    self.round(WAIT_SECONDS)
                else:
                    stop.wait(WAIT_SECONDS)
        finally:
            self.close()

    def drain(self) -> int:
        """Everything that is there now. Returns the number of messages."""
        before = self.admitted
        with kafka_told(self._link):
            self._look()
            ends = self._ends()
        while self._behind(ends):
            self.round(WAIT_SECONDS)
        return self.admitted - before

    def _behind(self, ends: Mapping[TopicPartition, int]) -> list[TopicPartition]:
        """By the client's position, which also passes what is no message (the marks of a transaction)."""
        return [place for place, end in ends.items() if place in self._orgs and self._consumer.position(place) < end]

    def round(self, wait: float) -> int:
        """One look at Kafka, for at most `wait` seconds where nothing comes. Returns the number of messages."""
        with kafka_told(self._link):
            if time.monotonic() - self._looked > LOOK_SECONDS:
                self._look()
            try:
                found = self._consumer.poll(timeout_ms=int(wait * 1000), max_records=MOST)
            except ValueError:  # a header that is no text; the client does not say whose
                found = self._one_by_one()
        taken = 0
        for place, records in found.items():
            self._deliver(place, [(each.offset, messages.line_of(each.headers, each.value)) for each in records])
            taken += len(records)
        return taken

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    # --- one batch of one topic ---

    def _deliver(self, place: TopicPartition, batch: Sequence[tuple[int, bytes | Refused]]) -> None:
        org, door = self._orgs[place], Door(place.topic, place.partition)
        since = self._next[place]
        try:
            self._admission.deliver(org, batch, door, since)
        except (WoonketenError, psycopg.OperationalError, psycopg.InterfaceError, MemoryError):
            raise
        except Exception:  # noqa: BLE001 (one message that the program fails on must not stop the others)
            if len(batch) > 1:  # which one it is
                for each in batch:
                    self._deliver(place, [each])
                return
            self._poisoned += 1
            if self._poisoned > PATIENCE:
                raise StopTheLine(
                    "Admission fails on one message after another; the program is at fault, not they.",
                    "Run the version before, and report this.",
                ) from None
            self._say(f"a message of {org} makes admission fail: {door.topic}:{door.partition} at {batch[0][0]}")
            self._admission.deliver(org, [(batch[0][0], POISON)], door, since)
        self._next[place] = batch[-1][0] + 1
        self.admitted += len(batch)

    def _one_by_one(self) -> dict[TopicPartition, list[Any]]:
        """A message that the client fails on: found by asking each partition alone, and refused, so that it holds up
        nobody. Those behind it in the same batch are refused with it, for the client never reads past it."""
        everything = list(self._orgs)
        for place in everything:
            self._consumer.seek(place, self._next[place])  # what was read ahead is read again
        self._consumer.pause(*everything)
        try:
            for place in self._behind(self._ends()):
                self._consumer.resume(place)
                try:
                    found: dict[TopicPartition, list[Any]] = self._consumer.poll(timeout_ms=500, max_records=1)
                    if found:
                        for each in (each for records in found.values() for each in records):
                            self._deliver(place, [(each.offset, messages.line_of(each.headers, each.value))])
                except ValueError:
                    self._deliver(place, [(self._next[place], UNREADABLE)])
                    self._consumer.seek(place, self._next[place])
                self._consumer.pause(place)
        finally:
            self._consumer.resume(*everything)
        return {}

    # --- which topics there are ---

    def _look(self) -> None:
        """Takes in the topics of registered organisations that are there by now, notes how far each goes, and deletes
        what was admitted long enough ago."""
        if self._consumer is None:
            knock(self._link)
            self._consumer = KafkaConsumer(
                **self._link.options(), enable_auto_commit=False, group_id=None, auto_offset_reset="none",
                max_poll_records=MOST, max_partition_fetch_bytes=2 * 1024 * 1024, fetch_max_wait_ms=100,
            )  # fmt: skip
            self._orgs, self._next = {}, {}
        there = self._consumer.topics()
        found = {
            TopicPartition(self._link.inbox(each.org), partition): each.org
            for each in self._admission.organisations()
            if self._link.inbox(each.org) in there
            for partition in sorted(self._consumer.partitions_for_topic(self._link.inbox(each.org)) or ())
        }
        fresh = sorted(found.keys() - self._orgs.keys())
        if found.keys() != self._orgs.keys():
            self._consumer.assign(sorted(found))
            self._next = {place: at for place, at in self._next.items() if place in found}
            self._orgs = found
            self._begin(fresh)
        ends = self._ends()
        with told():
            positions.note(self._connection, {Door(*place): end for place, end in ends.items()})
        if time.monotonic() - self._cleared > CLEAR_SECONDS:
            self._clear()
        self._looked = time.monotonic()

    def _begin(self, fresh: Sequence[TopicPartition]) -> None:
        """Seeks to the positions in PostgreSQL; to the beginning where the topic was made anew, or what was next is no
        longer there. What was admitted before is a duplicate then."""
        if not fresh:
            return
        first, ends = self._consumer.beginning_offsets(fresh), self._consumer.end_offsets(fresh)
        with told():
            known = positions.known(self._connection)
            for place in fresh:
                door = Door(*place)
                at = known.get(door)
                if at is None or not first[place] <= at <= ends[place]:
                    if at is not None:
                        where = f"{place.topic}:{place.partition} goes on at {first[place]}, not at {at}"
                        self._say(f"{where}: {_why(at, ends[place])}")
                    at = first[place]
                    positions.begin(self._connection, door, self._orgs[place], at)
                self._next[place] = at
                self._consumer.seek(place, at)

    def _ends(self) -> Mapping[TopicPartition, int]:
        ends: Mapping[TopicPartition, int] = self._consumer.end_offsets(list(self._orgs)) if self._orgs else {}
        return ends

    def _clear(self) -> None:
        """Deletes what was admitted, and lies there longer than the interval between two backups."""
        self._cleared = time.monotonic()
        if not self._orgs:
            return
        with told():
            admitted = positions.known(self._connection)
        since = int((time.time() - self._backup_hours * 3600) * 1000)
        late = self._consumer.offsets_for_times(dict.fromkeys(self._orgs, since))
        first = self._consumer.beginning_offsets(list(self._orgs))
        upto = {}
        for place in self._orgs:
            following = admitted.get(Door(*place), 0)
            # Nothing younger than that: everything that was admitted may go.
            below = following if late.get(place) is None else min(following, late[place].offset)
            if below > first[place]:
                upto[place] = below
        if upto:
            admin = KafkaAdminClient(**self._link.options())
            try:
                admin.delete_records(upto)
            except AuthorizationError:
                raise
            except KafkaError:
                return  # at the next time
            finally:
                admin.close()


def _why(at: int, end: int) -> str:
    return "the topic was made anew" if at > end else "what lies between was deleted before it was admitted"
