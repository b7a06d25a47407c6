"""Faust delivers, PostgreSQL decides: the one pattern that lost nothing under kills, broker failures and rebalances.

Faust acknowledges an event whose agent failed, commits past unfinished ones, and undoes a seek in its own callbacks. So
nothing depends on what it commits: where to read stands in PostgreSQL (`perform_seek`), a batch is taken without
acknowledging it (`noack_take`), and anything unexpected ends the process. No tables, windows, web server, exactly-once.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import faust
from aiokafka.consumer.subscription_state import SubscriptionState
from faust.transport.drivers import aiokafka as driver

from woonketen.contracts.errors import ConfigurationError
from woonketen.streams.kafka.delivered import Delivered, Step
from woonketen.streams.kafka.link import MECHANISM, Link
from woonketen.streams.kafka.seeking import Keeping, Overtaken, Placed, Unread

PINNED = "0.15.3"
GROUP = "woonketen-step"
TAKE, WITHIN = 20_000, 0.02
"""Events in a batch at most, and how long to wait for them, in seconds. While one batch is applied the next one grows,
so a resident is written less often the more there is to do."""
SESSION_SECONDS = 10.0
"""A worker that is not heard of for so long loses its partitions to the others."""
_PRIVATE = ("_read_offset", "_committed_offset", "_acked", "_acked_index")


def check_faust() -> None:
    """Raises `ConfigurationError` when the installed Faust is not the one whose private names we use."""
    installed = version("faust-streaming")
    if installed != PINNED:
        raise ConfigurationError(
            f"Faust {installed} is installed, and this program works with {PINNED} only.",
            f"pip install faust-streaming=={PINNED}",
        )
    missing = [name for name in ("perform_seek", "seek_wait", "assignment") if not hasattr(driver.Consumer, name)]
    missing += [name for name in _PRIVATE if name not in _annotations(driver.Consumer)]
    missing += [name for name in ("subscription", "assigned_partitions") if not hasattr(SubscriptionState, name)]
    missing += [name for name in ("_fetch_records", "call_thread") if not hasattr(driver.AIOKafkaConsumerThread, name)]
    if missing or not hasattr(faust.Stream, "noack_take"):
        raise ConfigurationError(
            f"This build of Faust {installed} lacks {', '.join(missing) or 'noack_take'}, which the worker overrides.",
            f"pip install --force-reinstall faust-streaming=={PINNED}",
        )


def _annotations(kind: type) -> set[str]:
    return {name for each in kind.__mro__ for name in getattr(each, "__annotations__", {})}


def deliver(
    step: Step,
    incoming: Delivered,
    link: Link,
    fail: Callable[[BaseException], NoReturn],
    folder: Path,
) -> NoReturn:
    """Runs until SIGTERM or SIGINT (exit 0). `fail` ends the process with a sentence. `folder`: Faust wants one;
    without tables it keeps nothing in it."""
    check_faust()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    logging.setLogRecordFactory(without_traceback)
    threading.excepthook = ended_thread
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    app = make_app(step, incoming, link, fail, folder)
    worker = faust.Worker(app, loglevel="ERROR", quiet=True, redirect_stdouts=False)
    worker.spinner = None
    worker.execute_from_commandline()


def without_traceback(*given: Any, **named: Any) -> logging.LogRecord:
    """Faust logs one whenever a broker goes. Whoever operates this is told in a sentence."""
    record = logging.LogRecord(*given, **named)
    record.exc_info = record.stack_info = None
    return record


def ended_thread(given: threading.ExceptHookArgs) -> None:
    """Kafka's client ends with an error of its own when it is stopped while the broker is away; that is no news."""
    if given.exc_type is not asyncio.CancelledError:
        logging.getLogger(__name__).error("a thread ended with %s", given.exc_type.__name__)


def make_app(
    step: Step,
    incoming: Delivered,
    link: Link,
    fail: Callable[[BaseException], NoReturn],
    folder: Path,
) -> faust.App:
    name = link.events
    pool = ThreadPoolExecutor(1, "step")

    class Decided(driver.Consumer):
        """Reading begins where PostgreSQL says, never where Kafka's commits say."""

        _thread: Placed

        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            self._read_offset = Unread()

        def _new_consumer_thread(self) -> Placed:
            return Placed(self, loop=self.loop, beacon=self.beacon)

        async def on_partitions_assigned(self, assigned: set[Any], generation_id: int = 0) -> None:
            if not assigned:  # then nobody seeks
                await self._begin(assigned)
            await super().on_partitions_assigned(assigned, generation_id)

        async def _begin(self, ours: set[Any]) -> Mapping[int, int]:
            # In the thread that applies: a batch that is under way is finished first.
            return await asyncio.get_running_loop().run_in_executor(pool, step.begin, [tp.partition for tp in ours])

        async def perform_seek(self) -> None:
            try:
                ours = {tp for tp in self.assignment() if tp.topic == name}
                noted = await self._begin(ours)
                wanted = {tp: noted.get(tp.partition, 0) for tp in ours}
                await self._thread.call_thread(self._thread.place, wanted)
                for tp, offset in wanted.items():
                    self._committed_offset[tp] = offset
                    self._acked[tp] = []
                    self._acked_index[tp] = set()
            except (asyncio.CancelledError, Overtaken):
                raise  # Faust waits for the next assignment, and asks again
            except BaseException as error:  # noqa: BLE001 (Faust would go on from its own offsets)
                fail(error)

    class Transport(driver.Transport):
        Consumer = Decided

    app = Keeping(f"{link.prefix}{GROUP}", **_settings(link, folder))
    app.transport = Transport(app.conf.broker, app)
    topic = app.topic(name, value_type=bytes, value_serializer="raw", key_type=bytes, key_serializer="raw")

    async def apply(stream: Any) -> None:
        loop = asyncio.get_running_loop()
        try:
            async for events in stream.noack_take(TAKE, within=WITHIN):
                for event in events:
                    message = event.message
                    incoming.offer(message.partition, message.offset, message.value)
                await loop.run_in_executor(pool, step.apply, {event.message.partition for event in events})
                for event in events:
                    event.ack()  # for Kafka's own lag tools; nobody reads on from there
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 (Faust would acknowledge what was not done, or stand still)
            fail(error)

    app.agent(topic, name="step", concurrency=1)(apply)
    return app


def _settings(link: Link, folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = {
        "broker": ";".join(f"kafka://{each.strip()}" for each in link.bootstrap.split(",")),
        "datadir": str(folder),
        "store": "memory://",
        "web_enabled": False,
        "topic_disable_leader": True,
        "topic_allow_declare": False,
        "stream_wait_empty": False,
        "stream_recovery_delay": 0.0,
        "stream_buffer_maxsize": 32_768,
        "broker_max_poll_records": 2_000,
        "broker_commit_interval": 5.0,
        "broker_session_timeout": SESSION_SECONDS,
        "broker_heartbeat_interval": SESSION_SECONDS / 10,
        "consumer_auto_offset_reset": "earliest",
        "worker_redirect_stdouts": False,
    }
    if link.security != "plaintext":
        from faust.types.auth import SASLMechanism

        context = link.trust() if link.security == "sasl_ssl" else None
        told["broker_credentials"] = faust.SASLCredentials(
            username=link.user, password=link.password, mechanism=SASLMechanism(MECHANISM), ssl_context=context
        )
    return told
