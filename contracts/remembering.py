"""Reading the same facts once. A reader is a function of nothing but the lists of facts that it asks for (and of its
arguments): whoever has the very same lists gets the very same answer, whether another recipient who sees as much, or
the same resident one event later.

Answers are kept in a `Memo` that facts carry along to their subsets. Facts without one are read anew every time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast

from woonketen.contracts.catalogue import TYPES
from woonketen.contracts.facts import Fact, Facts

P = ParamSpec("P")
T = TypeVar("T")
MOST_ANSWERS = 8
"""To one question, of different lists: recipients see in few ways; what was so an event ago is not asked again."""

_Answer = tuple[list[tuple[str, list[Fact] | None]], set[str], Any]
"""The lists that it rests on, their types, and the answer."""


class Traced(Facts):
    """Facts that note which types they were asked for. Who walks over all of them asks for every type."""

    __slots__ = ("asked",)

    def __init__(self, facts: Facts) -> None:
        self._all, self._by, self.memo = None, facts._by, facts.memo
        self.asked: set[str] = set()

    def of(self, *types: str) -> list[Fact]:
        self.asked.update(types)
        return Facts.of(self, *types)

    def types(self) -> frozenset[str]:
        self.asked.update(TYPES)
        return Facts.types(self)

    def groups(self) -> Iterable[tuple[str, list[Fact]]]:
        self.asked.update(TYPES)
        return Facts.groups(self)

    def __iter__(self) -> Iterator[Fact]:
        self.asked.update(TYPES)
        return Facts.__iter__(self)

    def __len__(self) -> int:
        self.asked.update(TYPES)
        return Facts.__len__(self)


class Same(Generic[T]):
    """An argument that is taken for the same only if it is the very same object."""

    __slots__ = ("it",)

    def __init__(self, it: T) -> None:
        self.it = it

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.it is other.it

    def __hash__(self) -> int:
        return id(self.it)


class Memo:
    """Answers, each with the lists that it rests on. Lists are compared by identity, and kept, so none is mistaken for
    another."""

    __slots__ = ("_lists", "answers")

    def __init__(self) -> None:
        self.answers: dict[tuple[Any, ...], list[_Answer]] = {}
        self._lists: dict[str, list[list[Fact]]] = {}

    def same(self, short: str, found: list[Fact]) -> list[Fact]:
        """Of equal lists of one type the one that was there first: who sees as much reads from the very same."""
        known = self._lists.setdefault(short, [])
        for each in known:
            if each == found:
                return each
        known.insert(0, found)
        del known[MOST_ANSWERS:]
        return found

    def work_out(self, question: tuple[Any, ...], facts: Facts) -> Any:
        """`question`: a reader and its arguments."""
        traced = Traced(facts)
        found = question[0](traced, *question[1:])
        if type(facts) is Traced:
            facts.asked |= traced.asked
        by = facts._by
        told = self.answers.setdefault(question, [])
        told.insert(0, ([(short, by.get(short)) for short in traced.asked], traced.asked, found))
        del told[MOST_ANSWERS:]
        return found


def remembered(reader: Callable[Concatenate[Facts, P], T]) -> Callable[Concatenate[Facts, P], T]:
    """A pure reader whose answer is kept with the facts. Nobody may change what it returns."""

    @wraps(reader)
    def read(f: Facts, /, *arguments: P.args, **named: P.kwargs) -> T:
        memo = f.memo
        if memo is None or named:
            return reader(f, *arguments, **named)
        question = (reader, *arguments)
        group_of = f._by.get
        for lists, asked, answer in memo.answers.get(question, ()):
            for short, group in lists:
                if group_of(short) is not group:
                    break
            else:
                if type(f) is Traced:
                    f.asked |= asked
                return cast("T", answer)
        return cast("T", memo.work_out(question, f))

    return read
