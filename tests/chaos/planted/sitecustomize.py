"""Loaded by every Python process of a chaos test: shorter times, and faults that are planted into a worker."""

import os
import signal

from woonketen.orchestration import supervise

supervise.FIRST_SECONDS, supervise.LONGEST_SECONDS = 0.1, 1.0

if supervise.CHILD in os.environ:
    from woonketen.orchestration import stepping
    from woonketen.streams.drive import states, turn
    from woonketen.streams.kafka import faust_driver
    from woonketen.streams.log import trial

    faust_driver.SESSION_SECONDS = 3.0
    stepping._IDLE = "5s"
    stepping.STUCK_SECONDS = 4.0
    deadly, raising = os.environ.get("WK_DEADLY"), os.environ.get("WK_RAISING")
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

    if deadly:
        trial.PATIENCE = 1
        states.open_one = dying
    if raising:
        turn.step_resident = failing
