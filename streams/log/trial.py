"""How often a worker died over the same records, and what to do about it: once more, one at a time, set it aside.

A record that makes the process itself die (memory, a fault in a library) cannot be caught where the others are.
"""

from __future__ import annotations

import msgspec

PATIENCE = 4
"""So often the same, before we go on more carefully: a kill from outside may hit twice in one place."""


class Trial(msgspec.Struct, frozen=True):
    """Of one partition. `tries` at the position `after`; up to `careful_upto` records are taken one at a time, and the
    next one was so `alone` times."""

    after: int = 0
    tries: int = 0
    careful_upto: int = 0
    alone: int = 0


class Attempt(msgspec.Struct, frozen=True):
    """`trial`: what is to be noted before the attempt; `limit`: how many records to take; `give_up`: the next record is
    set aside without being opened."""

    trial: Trial
    limit: int
    give_up: bool


def attempt(trial: Trial, after: int, wide: int) -> Attempt:
    """The next attempt at the position `after`, where `wide` records would be taken."""
    if after != trial.after:
        trial = Trial(after, 0, trial.careful_upto, 0)
    if after < trial.careful_upto:
        if trial.alone >= PATIENCE:
            return Attempt(trial, 1, give_up=True)
        return Attempt(msgspec.structs.replace(trial, alone=trial.alone + 1), 1, give_up=False)
    if trial.tries >= PATIENCE:
        return Attempt(Trial(after, trial.tries, after + wide, 1), 1, give_up=False)
    return Attempt(msgspec.structs.replace(trial, tries=trial.tries + 1), wide, give_up=False)
