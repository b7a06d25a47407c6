"""A change of the key-encryption key: the file gets the new one, the database goes over to it, the file loses the old.

Killed at any moment, the file holds every key that the database needs; the next call goes on where this one stopped.
"""

from __future__ import annotations

import msgspec

from woonketen.orchestration.wiring import Parts
from woonketen.projections import forgetting
from woonketen.streams.keys.kek import replace_kek
from woonketen.streams.leaving.rotation import rewrap


class Rotated(msgspec.Struct, frozen=True):
    """`epoch` is in use, `destroyed` are the epochs that are gone from the file."""

    epoch: int
    keys: int
    rows: int
    destroyed: list[int]


def rotate(parts: Parts) -> Rotated:
    """`parts`: opened alone. Backups from before it cannot be restored afterwards: make a new one."""
    keys, path = parts.keys, parts.settings.kek
    before = keys.epoch
    older = [epoch for epoch in keys.epochs if epoch < before]
    newer = [epoch for epoch in keys.epochs if epoch > before]
    wrapped = rows = 0
    if not older:  # else a change was cut off after the database had gone over
        if newer:  # or before that
            to = newer[-1]
        else:
            to = before + 1
            keys = keys.with_next().at(before)
            replace_kek(path, keys)
        done = rewrap(parts.processor, keys, to)
        wrapped, rows = done.keys, done.rows
        keys = keys.at(to)
    gone = [epoch for epoch in keys.epochs if epoch != keys.epoch]
    # The old wraps leave the disk before their key does: a copy of that key, found later, opens nothing here.
    forgetting.scrub_tables(parts.owner, forgetting.SEALED)
    replace_kek(path, keys.without_others())
    return Rotated(keys.epoch, wrapped, rows, gone)
