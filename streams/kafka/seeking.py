"""Where Kafka's client reads on: placed in its own thread, where nothing can come between looking and seeking.

Faust asks in one thread and the client has its partitions shared out anew in another. So a seek may come for partitions
that went meanwhile, and what is read from new ones may begin at Kafka's own commits. Here neither can happen: all
partitions of one assignment are placed in one go or not at all, and nothing is read of one that was not placed.

And whatever was read since arrives. Faust throws away what lies behind its own note of what was read, which a record of
the assignment before may set; and, when it goes on after a rebalance, what waits in its queues, where a new worker's
first records may be. Neither is needed here, for an inbox knows by itself what it has already.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import faust
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver

PAUSE_SECONDS = 0.05


class Overtaken(IllegalStateError):  # type: ignore[misc]
    """The partitions were shared out anew while somebody asked where to read on. Faust knows the word: it goes on with
    the next assignment."""


class Placed(driver.AIOKafkaConsumerThread):
    """Faust's thread of the client. `_placed`: the assignment whose partitions were placed; every sharing out makes
    another one, also of the same partitions."""

    _placed: Any = None

    async def on_thread_stop(self) -> None:
        # Away from its broker the client's fetcher ends its own stop with this, and Faust's thread with it.
        with suppress(asyncio.CancelledError):
            await super().on_thread_stop()

    async def place(self, wanted: Mapping[Any, int]) -> None:
        """In the client's thread. `wanted`: for each partition the offset to read from. Raises `Overtaken` when these
        are not the client's any more, or not all that it has."""
        client = self._ensure_consumer()
        assignment = client._subscription.subscription.assignment
        if assignment is None or {(tp.topic, tp.partition) for tp in assignment.tps} != {tuple(tp) for tp in wanted}:
            raise Overtaken
        for tp, offset in wanted.items():
            client.seek(tp, offset)
        self._placed = assignment

    async def _fetch_records(self, consumer: Any, *given: Any, **named: Any) -> Any:
        if not self._is_placed(consumer):
            await asyncio.sleep(PAUSE_SECONDS)
            return {}
        found = await super()._fetch_records(consumer, *given, **named)
        # Meanwhile another assignment may have come. What was found is always of the present one, for the client takes
        # it and returns in one go: where that one is placed it counts, else it will be sought and read again.
        return found if self._is_placed(consumer) else {}

    def on_crash(self, msg: str, *fmt: Any, **named: Any) -> None:
        """A sentence where Faust prints a traceback: a broker that goes while a worker starts ends here."""
        kinds = [type(each).__name__ for each in fmt if isinstance(each, BaseException)]
        print(f"Kafka's client has ended ({', '.join(kinds)}).", file=sys.stderr)  # noqa: T201

    def _is_placed(self, consumer: Any) -> bool:
        subscription = consumer._subscription.subscription
        return self._placed is not None and subscription is not None and subscription.assignment is self._placed


class Unread(dict[Any, Any]):
    """In the place of Faust's notes of what was read: as if nothing were."""

    def __getitem__(self, partition: Any) -> None:
        return None

    def __setitem__(self, partition: Any, offset: Any) -> None:
        return None


class Keeping(faust.App):
    """Its queues keep what is in them when the flow goes on."""

    def FlowControlQueue(self, maxsize: int | None = None, *, clear_on_resume: bool = False) -> Any:
        return super().FlowControlQueue(maxsize, clear_on_resume=False)
