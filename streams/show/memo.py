"""Reading the same facts once. Most recipients see the same plan, lease and visits, so most readers would do the same
work again for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any, TypeVar

from woonketen.contracts.facts import Fact, Facts

T = TypeVar("T")
Reader = Callable[[Facts, date], T]


class Traced(Facts):
    """Facts that note which types they were asked for."""

    __slots__ = ("asked",)

    def __init__(self, facts: Facts) -> None:
        self._all, self._by = None, facts._by
        self.asked: set[str] = set()

    def of(self, *types: str) -> list[Fact]:
        self.asked.update(types)
        return Facts.of(self, *types)

    def groups(self) -> Iterable[tuple[str, list[Fact]]]:
        raise TypeError("a reader names the types that it reads")

    def __iter__(self) -> Iterator[Fact]:
        raise TypeError("a reader names the types that it reads")


class Memo:
    """What each reader finds in the facts about a resident, and all that it asked for. A reader is a function of
    nothing but the lists it asks for: whoever has those lists whole gets the answer, and for anybody else it is worked
    out from what he has."""

    def __init__(self, day: date) -> None:
        self._day = day
        self._told: dict[Reader[Any], tuple[set[str], Any]] = {}

    def read(self, reader: Reader[T], facts: Facts, narrowed: frozenset[str]) -> T:
        """`narrowed`: types of which `facts` holds not everything, or not as it was told."""
        told = self._told.get(reader)
        if told is not None:
            found: T = told[1] if narrowed.isdisjoint(told[0]) else reader(facts, self._day)
            return found
        traced = Traced(facts)
        found = reader(traced, self._day)
        if narrowed.isdisjoint(traced.asked):
            self._told[reader] = (traced.asked, found)
        return found
