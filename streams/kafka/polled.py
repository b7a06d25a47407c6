"""The topic `events` by a plain consumer: partitions are assigned, not shared out, and nothing is committed to Kafka.

For rebuilds, checks and `run`. Eighteen times as fast as delivery by Faust, and back at work in half a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from woonketen.contracts.errors import ConfigurationError, Unreachable
from woonketen.contracts.facts import Record
from woonketen.streams.kafka.link import Link, knock, why_unreachable
from woonketen.streams.log import wire
from woonketen.streams.log.inbox import Inbox

WAIT_SECONDS = 0.1
PATIENCE_SECONDS = 30.0
FETCH_BYTES = 2 << 20
_AT_ONCE = 500
"""Messages taken from the client at once: of more, Python's collector looks through them again and again."""


class Polled:
    """`Incoming` of one thread. `offsets`: where to read on, per partition. `check` raises when waiting is in vain."""

    def __init__(self, loop: asyncio.AbstractEventLoop, consumer: Any, link: Link, offsets: Mapping[int, int]) -> None:
        self._loop, self._consumer, self._link = loop, consumer, link
        self._places = {partition: TopicPartition(link.events, partition) for partition in offsets}
        self._inboxes = {partition: Inbox() for partition in offsets}
        self.check: Callable[[], None] = lambda: None

    def take(self, partition: int, after: int, limit: int) -> Sequence[Record]:
        """See the port. Waits for the next record: who asks knows that there is one. Raises `Unreachable`."""
        if after < self._inboxes[partition].applied:  # what lies there was thrown away
            self._inboxes[partition] = Inbox()
            self._consumer.seek(self._places[partition], 0)
        inbox = self._inboxes[partition]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = inbox.take(after, limit)
            if found:
                return found
            self.check()
            if time.monotonic() > deadline:
                raise Unreachable(
                    f"The next record of partition {partition} does not come from Kafka.",
                    "See whether the relay (`woonketen worker admission`) runs, then `woonketen log verify`.",
                )
            for offset, value in self.poll(partition, limit):
                with suppress(wire.NotARecord):  # if it took a record's place, that one does not come
                    inbox.offer(offset, wire.decode(value))

    def hint(self, partition: int, upto: int) -> int | None:
        return self._inboxes[partition].hint(upto)

    def poll(self, partition: int, limit: int) -> Sequence[tuple[int, bytes | None]]:
        """Offset and value of what is there now, or comes in a moment."""
        place = self._places[partition]
        with in_words(self._link):
            found = self._loop.run_until_complete(
                self._consumer.getmany(place, timeout_ms=int(WAIT_SECONDS * 1000), max_records=limit)
            )
        return [(each.offset, each.value) for each in found.get(place, ())]

    def ends(self) -> dict[int, int]:
        """The offset behind the last message, per partition."""
        with in_words(self._link):
            found = self._loop.run_until_complete(self._consumer.end_offsets(list(self._places.values())))
        return {place.partition: offset for place, offset in found.items()}

    def begins(self) -> dict[int, int]:
        with in_words(self._link):
            found = self._loop.run_until_complete(self._consumer.beginning_offsets(list(self._places.values())))
        return {place.partition: offset for place, offset in found.items()}

    def messages(self, partition: int) -> Iterator[tuple[int, bytes | None]]:
        """Everything from where it stands to the end there is now, in order. Raises `Unreachable` when it stops."""
        end = self.ends()[partition]
        at = self.begins()[partition] if end else 0
        heard = time.monotonic()
        while at < end:
            found = self.poll(partition, _AT_ONCE)
            for offset, value in found:
                if offset >= end:
                    return
                yield offset, value
            if found:
                at, heard = found[-1][0] + 1, time.monotonic()
            elif time.monotonic() - heard > PATIENCE_SECONDS:
                raise Unreachable("Kafka stopped answering.", "See whether the broker runs, then do this again.")


@contextmanager
def polled(link: Link, offsets: Mapping[int, int]) -> Iterator[Polled]:
    """Reads these partitions from these offsets on; what is before the beginning of the topic begins there."""
    knock(link)
    loop = asyncio.new_event_loop()
    consumer = None
    try:
        with in_words(link):
            consumer = loop.run_until_complete(_open(link, offsets))
        yield Polled(loop, consumer, link, offsets)
    finally:
        if consumer is not None:
            loop.run_until_complete(_close(consumer))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _open(link: Link, offsets: Mapping[int, int]) -> Any:
    consumer = AIOKafkaConsumer(
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
        check_crcs=True,
        **aio(link),
    )
    try:
        await consumer.start()
        places = {TopicPartition(link.events, partition): at for partition, at in offsets.items()}
        await _there(consumer, link.events, set(offsets))
        consumer.assign(list(places))
        for place, offset in places.items():
            consumer.seek(place, offset)
    except BaseException:
        await _close(consumer)
        raise
    return consumer


async def _close(consumer: Any) -> None:
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        # A fetch that waits for a broker which is gone: cancelling it cancels the stop as well, half-way.
        await consumer._client.close()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


async def _there(consumer: Any, topic: str, partitions: Collection[int]) -> None:
    # Asking for a topic's partitions is what makes the client learn them.
    consumer._client.add_topic(topic)
    await consumer._client.force_metadata_update()
    known = consumer.partitions_for_topic(topic) or set()
    if not set(partitions) <= known:
        raise ConfigurationError(f"Kafka has no topic {topic} with its partitions.", "Run `woonketen init`.")


def aio(link: Link) -> dict[str, Any]:
    """The connection in aiokafka's words."""
    return {"bootstrap_servers": link.bootstrap, **link.login()}


@contextmanager
def in_words(link: Link) -> Iterator[None]:
    """The client's errors as sentences."""
    try:
        yield
    except (KafkaError, OSError) as error:
        raise why_unreachable(link, type(error).__name__) from None
