"""The relay: the send window in PostgreSQL goes to the topic `events`, partition by partition, go-back-N.

Every round begins at the lowest record that was not acknowledged, sends with an explicit partition, looks at every
answer, and counts as sent only the prefix that was acknowledged in order; after a failure it begins again from the
first failed one. So the topic may hold copies and records that came too early, and always also the whole log in order:
who reads takes a record only when its predecessor was taken. It never goes on from the topic's tail: a hole there would
stay for ever.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from threading import Event
from typing import Any

import msgspec
import psycopg
from kafka import KafkaProducer
from kafka.errors import AuthorizationError, KafkaConfigurationError, KafkaError

from woonketen.contracts.facts import Record
from woonketen.streams.door import positions
from woonketen.streams.door.standing import Seals
from woonketen.streams.kafka.link import Link, kafka_told, why_unreachable
from woonketen.streams.log import wire
from woonketen.streams.log.postgres import CHANNEL
from woonketen.streams.postgres.alone import Alone
from woonketen.streams.postgres.errors import told

LOCK = 0x776B_0040
MOST, BYTES = 2000, 2 * 1024 * 1024
"""Of one partition in a round."""
REPLIES = 1000
POLL_SECONDS = 0.5
TRIM_SECONDS = 1.0
ANSWER_SECONDS = 20.0
CLOSE_SECONDS = 1.0
PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = (0.2, 5.0)

_KINDS: dict[str, wire.Kind] = {"f": "fact", "w": "world", "d": "day_closed"}

_NEXT = """
    SELECT w.partition, w.seq, w.day, w.kind::text, w.ref, w.kid, w.sealed
    FROM log.counter c LEFT JOIN log.relay a USING (partition)
    CROSS JOIN LATERAL (
        SELECT *, sum(length(sealed)) OVER (ORDER BY seq) - length(sealed) AS before
        FROM (SELECT * FROM log.window x WHERE x.partition = c.partition AND x.seq > coalesce(a.acked, 0)
              ORDER BY x.seq LIMIT %s) y) w
    WHERE w.before < %s ORDER BY w.partition, w.seq
"""
_TRIM = """
    DELETE FROM log.window w USING log.relay a, gate.position p, gate.set s
    WHERE a.partition = w.partition AND p.partition = w.partition AND s.name = p.set AND s.live
      AND w.seq <= a.acked AND w.seq <= p.last
"""


class Sent(msgspec.Struct):
    """`offset`: where it landed; None where it did not, or nobody knows."""

    partition: int
    seq: int
    future: Any = None

    @property
    def offset(self) -> int | None:
        if self.future is None or not self.future.succeeded():
            return None
        found = int(self.future.value.offset)
        return found if found >= 0 else None


def prefix(offsets: Sequence[int | None]) -> int:
    """How many from the first on were acknowledged and lie on the topic in their order. One that landed before its
    predecessor has to be sent again behind it."""
    last = -1
    for number, offset in enumerate(offsets):
        if offset is None or offset <= last:
            return number
        last = offset
    return len(offsets)


class Relay:
    """On a connection of its own: autocommit, the processor's role. Not for several threads."""

    def __init__(self, connection: psycopg.Connection[Any], link: Link, seals: Seals) -> None:
        self._connection, self._link, self._seals = connection, link, seals
        self._alone = Alone(connection, "relay", LOCK)
        self._producer: Any = None
        self._trimmed = 0.0
        self._muted: dict[str, float] = {}
        self._why = ""

    # --- running ---

    def run(self, stop: Event) -> None:
        """Until `stop` is set. Raises `Unreachable` when Kafka takes nothing for two minutes, or the database is gone:
        whoever supervises starts it again."""
        pause, progress = PAUSE_SECONDS[0], time.monotonic()
        with told():
            self._connection.execute(f"LISTEN {CHANNEL}")
        try:
            while not stop.is_set():
                with told():
                    if not self._alone.mine():
                        stop.wait(POLL_SECONDS)
                        continue
                moved, failed = self._round()
                if moved or not failed:
                    progress = time.monotonic()
                if failed:
                    if time.monotonic() - progress > PATIENCE_SECONDS:
                        raise why_unreachable(self._link, self._why)
                    stop.wait(pause)
                    pause = min(pause * 2, PAUSE_SECONDS[1])
                    continue
                pause = PAUSE_SECONDS[0]
                if not moved:
                    with told():
                        for _ in self._connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                            pass
        finally:
            self.close()

    def pump(self) -> int:
        """One round. Returns how many records and receipts Kafka has acknowledged; 0: nothing is left, or nothing
        could be sent. Raises `Unreachable` when it failed and nothing moved."""
        moved, failed = self._round()
        if failed and not moved:
            raise why_unreachable(self._link, self._why)
        return moved

    def close(self) -> None:
        if self._producer is not None:
            with suppress(KafkaError):
                self._producer.close(timeout=CLOSE_SECONDS)  # at once would leave its sockets open
            self._producer = None

    # --- one round ---

    def _round(self) -> tuple[int, bool]:
        """How many were acknowledged, and whether something failed."""
        with told():
            records = self._records()
            waiting = positions.replies(self._connection, self._seals, REPLIES, self._still_muted())
        moved, failed = 0, False
        if records:
            sent = self._send_records(records)
            moved, failed = self._settle(sent)
        if waiting and not failed:
            said, failed = self._reply(waiting)
            moved += said
        if time.monotonic() - self._trimmed > TRIM_SECONDS:
            self.trim()
        return moved, failed

    def trim(self) -> None:
        """Takes out of the window what Kafka has and the step has applied."""
        with told():
            self._connection.execute(_TRIM)
        self._trimmed = time.monotonic()

    def _records(self) -> list[Record]:
        with self._connection.cursor(binary=True) as cursor:
            cursor.execute(_NEXT, [MOST, BYTES])
            return [
                Record(partition, seq, day, _KINDS[kind], ref, kid, sealed)
                for partition, seq, day, kind, ref, kid, sealed in cursor.fetchall()
            ]

    def _send_records(self, records: Sequence[Record]) -> list[Sent]:
        sent = [Sent(record.partition, record.seq) for record in records]
        try:
            producer = self._open()
            for record, each in zip(records, sent, strict=True):
                key, value = wire.encode(record)
                each.future = producer.send(self._link.events, value=value, key=key, partition=record.partition)
            producer.flush(timeout=ANSWER_SECONDS)
        except KafkaError as error:
            self._after(error)
        return sent

    def _settle(self, sent: Sequence[Sent]) -> tuple[int, bool]:
        """Moves what is acknowledged up to the end of the prefix of each partition."""
        moved, failed = 0, False
        for partition in sorted({each.partition for each in sent}):
            mine = [each for each in sent if each.partition == partition]
            offsets = [each.offset for each in mine]
            good = prefix(offsets)
            moved += good
            if good < len(mine):
                failed = True
                self._after(mine[good].future.exception if mine[good].future is not None else None)
            if good:
                with told():
                    self._connection.execute(
                        "INSERT INTO log.relay (partition, acked, kafka_offset) VALUES (%s, %s, %s) ON CONFLICT"
                        " (partition) DO UPDATE SET acked = excluded.acked, kafka_offset = excluded.kafka_offset"
                        " WHERE log.relay.acked < excluded.acked",  # a second relay may be further
                        [partition, mine[good - 1].seq, offsets[good - 1]],
                    )
        if failed:
            self.close()  # what it still holds would land behind what is sent anew
        return moved, failed

    def _reply(self, waiting: Sequence[tuple[int, str, bytes]]) -> tuple[int, bool]:
        """Receipts of refusals, each to its organisation. A topic that is gone holds up nobody else: it is left alone
        for a while."""
        done: list[int] = []
        failed = False
        for org in sorted({org for _, org, _ in waiting}):
            mine = [(number, text) for number, each, text in waiting if each == org]
            sent = [Sent(0, number) for number, _ in mine]
            try:
                producer = self._open()
                for (_, text), each in zip(mine, sent, strict=True):
                    each.future = producer.send(self._link.refused(org), value=text, partition=0)
                producer.flush(timeout=ANSWER_SECONDS)
            except KafkaError as error:
                self._after(error)
            good = prefix([each.offset for each in sent])
            done += [each.seq for each in sent[:good]]
            if good < len(sent):
                self._muted[org] = time.monotonic() + PATIENCE_SECONDS / 4
                self.close()
                failed = failed or good > 0
        if done:
            with told():
                self._connection.execute("DELETE FROM admission.reply WHERE id = ANY(%s)", [done])
        return len(done), failed

    def _still_muted(self) -> list[str]:
        now = time.monotonic()
        self._muted = {org: until for org, until in self._muted.items() if until > now}
        return sorted(self._muted)

    # --- the producer ---

    def _open(self) -> Any:
        if self._producer is None:
            self._why = ""  # a client that never came in says no more
            whole = int(ANSWER_SECONDS * 1000)
            self._producer = KafkaProducer(
                **self._link.options(), acks="all", enable_idempotence=True, linger_ms=2, batch_size=256 * 1024,
                max_request_size=8 * 1024 * 1024, max_block_ms=whole // 2, request_timeout_ms=whole // 3,
                delivery_timeout_ms=whole - whole // 10,
            )  # fmt: skip
        return self._producer

    def _after(self, error: BaseException | None) -> None:
        """A failure that trying again does not mend is told at once; after others the producer is made anew."""
        if self._producer is not None:
            self._why = "no answer came" if error is None else f"the relay was told {type(error).__name__}"
        self.close()
        if isinstance(error, (AuthorizationError, KafkaConfigurationError)):
            with kafka_told(self._link):
                raise error
