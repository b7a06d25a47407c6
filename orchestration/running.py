"""`run` on the scaled engine: doors and relay beside a plain consumer, in one process; no Faust.

For stories, tests, a small installation, and to bring everything level before a move or a backup. A large one runs
`woonketen worker admission` and as many `woonketen worker step` as it needs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from woonketen.orchestration.admitting import admitting, make_doors, processor
from woonketen.orchestration.stepping import make_worker, partitions_of
from woonketen.orchestration.wiring import Parts
from woonketen.streams.drive.worker import Progress
from woonketen.streams.kafka.link import Link
from woonketen.streams.kafka.polled import polled
from woonketen.streams.log.kafka import KafkaLog, offsets


def run_plainly(
    parts: Parts,
    link: Link,
    *,
    until_idle: bool,
    stop: threading.Event | None,
    on_progress: Callable[[Progress], None],
) -> dict[str, Any]:
    """As `Worker.run`. Raises `Unreachable` when Kafka or the relay stops."""
    partitions = partitions_of(parts.processor)
    noted = offsets(parts.processor)
    places = {partition: noted.get(partition, 0) for partition in range(partitions)}
    with admitting(parts, link, doors=not until_idle) as both, polled(link, places) as source:
        source.check = both.check
        admitted = drain(parts, link) if until_idle else 0
        worker = make_worker(parts, KafkaLog(parts.processor, parts.vault, source), partitions)
        done = worker.run(until_idle=until_idle, stop=stop, on_progress=on_progress)
    return {"admitted": admitted or both.admitted, **done}


def drain(parts: Parts, link: Link) -> int:
    """What partners have written up to now. Returns the number of messages."""
    with processor(parts.dsn) as connection:
        doors = make_doors(parts, connection, link, lambda _: None)
        try:
            return doors.drain()
        finally:
            doors.close()
