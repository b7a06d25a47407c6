"""Loaded by every Python process of a chaos test: shorter times, and faults that are planted into a worker."""

import asyncio
import os
import signal
import time

from woonketen.orchestration import supervise

supervise.FIRST_SECONDS, supervise.LONGEST_SECONDS = 0.1, 1.0

if supervise.CHILD in os.environ:
    from woonketen.orchestration import stepping
    from woonketen.streams.drive import states, turn
    from woonketen.streams.kafka import delivered, faust_driver, relay
    from woonketen.streams.log import trial

    faust_driver.SESSION_SECONDS = 3.0
    stepping._IDLE = "5s"
    stepping.STUCK_SECONDS = 4.0
    relay.PATIENCE_SECONDS = float(os.environ.get("WK_PATIENCE", relay.PATIENCE_SECONDS))
    deadly, raising = os.environ.get("WK_DEADLY"), os.environ.get("WK_RAISING")
    poison = os.environ.get("WK_POISON")
    open_one, step_resident = states.open_one, turn.step_resident

    def dying(record, ciphers):  # type: ignore[no-untyped-def]
        """Opening the record with this number and partition ends the process."""
        if deadly == f"{record.partition}:{record.seq}" and record.sealed:
            os.kill(os.getpid(), signal.SIGKILL)
        return open_one(record, ciphers)

    def failing(state, *given, **named):  # type: ignore[no-untyped-def]
        """A resident with this reference cannot be computed."""
        if raising == state.ref.hex():
            raise ZeroDivisionError
        return step_resident(state, *given, **named)

    def poisoned(state, stretch, *given, **named):  # type: ignore[no-untyped-def]
        """A resident of whom an event is known that stands in this file cannot be computed."""
        if os.path.exists(poison):
            with open(poison) as file:
                ids = set(file.read().split())
            arrived = (fact for _, fact in stretch.arrivals.get(state.ref) or ())
            if any(fact.id in ids for fact in (*state.facts.values(), *arrived)):
                raise ZeroDivisionError
        return step_resident(state, stretch, *given, **named)

    begin, slow, asking = delivered.Step.begin, float(os.environ.get("WK_SLOW_BEGIN", "0")), []

    def beginning(step, partitions):  # type: ignore[no-untyped-def]
        """PostgreSQL takes its time to say where to read on, so that the partitions are shared out anew meanwhile."""
        asking.append(time.monotonic() + slow + 0.5)
        found = begin(step, partitions)
        time.sleep(slow)
        return found

    async def assigned(thread, *given):  # type: ignore[no-untyped-def]
        """Kafka's client has other partitions by now; Faust hears of it when it has sought in the old ones."""
        while asking and time.monotonic() < asking[-1]:
            await asyncio.sleep(0.05)
        await on_assigned(thread, *given)

    if slow:
        from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

        delivered.Step.begin = beginning
        on_assigned = AIOKafkaConsumerThread.on_partitions_assigned
        AIOKafkaConsumerThread.on_partitions_assigned = assigned
    if deadly:
        trial.PATIENCE = 1
        states.open_one = dying
    if poison:
        turn.step_resident = poisoned
    if raising:
        turn.step_resident = failing
