"""Where Kafka's client reads on: placed in its own thread, where nothing can come between looking and seeking.

Faust asks in one thread and the client has its partitions shared out anew in another. So a seek may come for partitions
that went meanwhile, and what is read from new ones may begin at Kafka's own commits. Here neither can happen: all
partitions of one assignment are placed in one go or not at all, and nothing is read of one that was not placed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

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
        subscription = consumer._subscription.subscription
        before = subscription.assignment if subscription is not None else None
        if before is None or before is not self._placed:
            await asyncio.sleep(PAUSE_SECONDS)
            return {}
        found = await super()._fetch_records(consumer, *given, **named)
        return found if before is subscription.assignment else {}
