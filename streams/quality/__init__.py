"""The data checks over the facts of one resident. Pure.

`inspect` says of each fact which checks it met: `True` passed, `False` failed; a check that does not apply is absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

import msgspec

from woonketen.contracts.facts import Fact
from woonketen.streams.core.effective import business_key, effective
from woonketen.streams.core.world import World
from woonketen.streams.quality.alone import ALONE, Marks
from woonketen.streams.quality.together import TOGETHER, Told

__all__ = ["CONDITIONS", "Inspected", "inspect"]

CONDITIONS = frozenset(ALONE) | frozenset(TOGETHER) | {"told_twice", "told_differently"}
"""The ids of all checks that have a condition here."""
_PLATFORM = ("warning.", "subject.", "data.", "event.")


class Inspected(msgspec.Struct, frozen=True):
    """A fact and its marks: check → whether it passed."""

    fact: Fact
    marks: Marks


def inspect(known: Iterable[Fact], day: date, world: World) -> Iterator[Inspected]:
    """`known`: all facts of one resident, as they came; `day`: the last closed day."""
    told = [fact for fact in known if fact.known <= day]
    copies = _copies(told)
    facts = Told(effective(told, None), day, world)
    for fact in facts.all:
        if fact.type.startswith(_PLATFORM):
            continue
        marks: Marks = dict(copies.get(fact.key, ()))
        for name, check in ALONE.items():
            answer = check(fact, day)
            if answer is not None:
                marks[name] = answer
        for name, check_together in TOGETHER.items():
            answer = check_together(fact, facts)
            if answer is not None:
                marks[name] = answer
        yield Inspected(fact, marks)


def _copies(told: list[Fact]) -> dict[bytes, Marks]:
    """Whether a business fact was told more than once: the same again, or something else without a correction."""
    by: dict[object, list[Fact]] = {}
    for fact in told:
        if fact.original is None and business_key(fact) != fact.key:
            by.setdefault(business_key(fact), []).append(fact)
    return {
        fact.key: {
            "told_twice": len({(each.type, _content(each)) for each in group}) == len(group),
            "told_differently": len({(each.type, _content(each)) for each in group}) == 1,
        }
        for group in by.values()
        for fact in group
    }


def _content(fact: Fact) -> bytes:
    return msgspec.json.encode(fact.data)
