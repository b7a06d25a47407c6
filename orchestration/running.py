"""`run` on the scaled engine: the relay beside a plain consumer, in one process; no Faust.

For stories, tests, a small installation, and to bring everything level before a move or a backup. A large one runs
`woonketen worker admission` and as many `woonketen worker step` as it needs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from woonketen.contracts.errors import WoonketenError
from woonketen.orchestration.stepping import make_worker, partitions_of
from woonketen.orchestration.wiring import PROCESSOR, Parts
from woonketen.streams.kafka_link import Link
from woonketen.streams.log_kafka import KafkaLog, offsets
from woonketen.streams.polled import polled
from woonketen.streams.relay import Relay
from woonketen.streams.standing import Seals
from woonketen.streams.worker import Progress


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
    with relaying(parts, link) as check, polled(link, places) as source:
        source.check = check
        worker = make_worker(parts, KafkaLog(parts.processor, parts.vault, source), partitions)
        return worker.run(until_idle=until_idle, stop=stop, on_progress=on_progress)


@contextmanager
def relaying(parts: Parts, link: Link) -> Iterator[Callable[[], None]]:
    """A relay at work meanwhile. Yields what raises its error, if it has ended with one."""
    stop, failed = threading.Event(), list[BaseException]()

    def relay() -> None:
        try:
            with psycopg.connect(parts.dsn, autocommit=True) as connection:
                connection.execute(f"SET ROLE {PROCESSOR}")
                Relay(connection, link, Seals(parts.keys)).run(stop)
        except BaseException as error:  # noqa: BLE001 - told below, in the thread that works
            failed.append(error)

    def check() -> None:
        if failed and isinstance(failed[0], WoonketenError):
            raise failed[0]
        if failed:
            raise WoonketenError(f"The relay ended ({type(failed[0]).__name__}).", "Do this again.")

    thread = threading.Thread(target=relay, daemon=True, name="relay")
    thread.start()
    try:
        yield check
    finally:
        stop.set()
        thread.join()
