"""From the outbox to the platform: in order, again and again, until every event has its receipt.

What a door answers is turned into outcomes by `in_order`, a pure function; the loop only waits, sends and writes down.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from woonketen.contracts.errors import OutboxFull, TryLater, Unreachable
from woonketen.producers.outbox import Outbox, Outcome, State, Waiting

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0


class Stop(Protocol):
    """A `threading.Event`."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float | None = None) -> bool: ...


class Sender(Protocol):
    """A way to the platform. Not for several threads at once.

    Raises `Unreachable` when nobody answers (the events may have arrived all the same: they are sent again), `TryLater`
    when asked to wait, `ConfigurationError` when trying again cannot help.
    """

    @property
    def most(self) -> int:
        """How many events `send` takes at once."""
        ...

    def send(self, events: Sequence[Waiting], stop: Stop) -> Sequence[Outcome]:
        """One outcome an event, in order."""
        ...

    def refusals(self, outbox: Outbox, *, last: bool) -> int:
        """Reads what is told later than by an outcome, and marks it: how many were refused. `last`: nothing will be
        sent any more in this run."""
        ...

    def close(self) -> None: ...


class Progress(msgspec.Struct, frozen=True):
    """`waiting_since` is set while the platform does not answer, `next_try` tells in how many seconds it is asked."""

    done: int
    left: int
    waiting_since: float | None = None
    next_try: float = 0.0
    why: str = ""


class Delivered(msgspec.Struct, frozen=True):
    """What one run of `deliver` did. `left` events still wait."""

    counts: dict[State, int]
    left: int


def in_order(events: Sequence[Waiting], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Outcomes as they are written down: behind the first failure of a resident nothing of that resident counts, so
    that everything from there on is sent again, in order."""
    failed: set[bytes] = set()
    found = []
    for event, outcome in zip(events, outcomes, strict=True):
        if event.key in failed:
            found.append(Outcome(event.seq, "waiting", error="behind_a_failure"))
        else:
            found.append(outcome)
            if outcome.state == "waiting":
                failed.add(event.key)
    return found


def deliver(
    outbox: Outbox,
    sender: Sender,
    stop: Stop,
    *,
    patience: float | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> Delivered:
    """Sends until nothing waits or `stop` is set. Without an answer it waits longer and longer, and raises
    `Unreachable` when none came for `patience` seconds (None: never). Raises `ConfigurationError` when trying again
    cannot help."""
    counts: Counter[State] = Counter()
    done, since, pause = 0, None, FIRST_PAUSE
    outbox.prune()
    left = outbox.count_waiting()
    while not stop.is_set():
        events = outbox.waiting(sender.most)
        if not events:
            break
        why, asked = "The platform gave no receipt.", 0.0
        try:
            outcomes = in_order(events, sender.send(events, stop))
            outbox.settle(outcomes)
            settled = [each.state for each in outcomes if each.state != "waiting"]
            counts.update(settled)
            done += len(settled)
            counts["refused"] += sender.refusals(outbox, last=False)
        except TryLater as later:
            settled, why, asked = [], later.message, later.after
        except Unreachable as error:
            if isinstance(error, OutboxFull):
                raise
            settled, why = [], error.message
            outbox.settle([Outcome(event.seq, "waiting", error="unreachable") for event in events[:1]])
        if settled:
            since, pause = None, FIRST_PAUSE
            left = max(left - len(settled), 0)  # counting a long outbox after every batch would be slow
            on_progress(Progress(done, left))
            continue
        since = clock() if since is None else since
        waited = clock() - since
        if patience is not None and waited >= patience:
            raise Unreachable(
                f"Gave up after {waited:.0f} seconds: {why}", "What waits stays in the outbox; run again later."
            )
        rest = max(asked, pause * random.uniform(0.75, 1.25))  # noqa: S311 - so that partners do not come back as one
        pause = min(pause * 2, LONGEST_PAUSE)
        on_progress(Progress(done, left, since, rest, why))
        stop.wait(rest)
    if not stop.is_set():
        counts["refused"] += sender.refusals(outbox, last=True)
    return Delivered(dict(counts), outbox.count_waiting())
