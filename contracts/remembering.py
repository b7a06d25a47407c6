"""Reading the same facts once. A reader is a function of nothing but the lists of facts that it asks for (and of its
arguments): whoever has equal lists gets the same answer, be it another recipient who sees as much, or the same resident
one event later.

Answers are kept in a `Memo` that facts carry along to their subsets. Facts without one are read anew every time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from woonketen.contracts.catalogue import TYPES
from woonketen.contracts.facts import Fact, Facts

P = ParamSpec("P")
T = TypeVar("T")
MOST_ANSWERS = 8
"""To one question, of different lists: recipients see in few ways; what was so an event ago is not asked again."""

Lists = tuple[tuple[str, ...], tuple[list[Fact] | None, ...]]
"""Types, and the list of each; None where there is none."""
_Answer = tuple[tuple[str, ...], tuple[list[Fact] | None, ...], Any]


class Traced(Facts):
    """Facts that note which types they were asked for. Who walks over all of them asks for every type."""

    __slots__ = ("asked",)

    def __init__(self, facts: Facts) -> None:
        self._all, self._by, self.memo = None, facts._by, facts.memo
        self.asked: set[str] = set()

    def move(self, facts: Facts) -> bool:
        """Becomes these facts, unless they differ in what was asked for."""
        mine, theirs = self._by, facts._by
        if any(mine.get(short) != theirs.get(short) for short in self.asked):
            return False
        self._all, self._by = None, theirs
        return True

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
    """Answers by question (a reader and its arguments), each with the types that it rests on and their lists.

    `lasting`: it stays for the resident's next event; otherwise it serves the recipients of one moment."""

    __slots__ = ("_made", "answers", "lasting")

    def __init__(self, *, lasting: bool = False) -> None:
        self.lasting = lasting
        self.answers: dict[tuple[Any, ...], tuple[_Answer, ...]] = {}
        self._made: dict[tuple[Any, ...], tuple[Traced, Any]] = {}

    def make(self, maker: Callable[..., T], facts: Facts, *arguments: Any) -> T:
        """What `maker(facts, *arguments)` makes: an object that asks more of its facts as it goes along. One that was
        made of other facts is taken over, and asks these from now on, if all that it asked for is the same in them."""
        if not self.lasting:
            return maker(facts, *arguments)
        kept = self._made.get((maker, *arguments))
        if kept is not None and kept[0].move(facts):
            made: T = kept[1]
            return made
        traced = Traced(facts)
        made = maker(traced, *arguments)
        self._made[(maker, *arguments)] = (traced, made)
        return made

    def work_out(self, question: tuple[Any, ...], facts: Facts) -> Any:
        traced = Traced(facts)
        found = question[0](traced, *question[1:])
        types, groups = rests_on(traced)
        if type(facts) is Traced:
            facts.asked.update(types)
        told = self.answers.get(question, ())
        fresh = (types, groups, found)
        self.answers[question] = (fresh, *told[: MOST_ANSWERS - 1])
        return found


_ORDERED: dict[frozenset[str], tuple[str, ...]] = {}


def rests_on(facts: Traced) -> Lists:
    """What was asked for."""
    asked = frozenset(facts.asked)
    types = _ORDERED.setdefault(asked, tuple(asked))  # one for all who ask for these
    return types, tuple(map(facts.lists.get, types))


def remembered(reader: Callable[Concatenate[Facts, P], T]) -> Callable[Concatenate[Facts, P], T]:
    """A pure reader whose answer is kept with the facts. Nobody may change what it returns."""

    @wraps(reader)
    def read(f: Facts, /, *arguments: P.args, **named: P.kwargs) -> T:
        memo = f.memo
        if memo is None or named:
            return reader(f, *arguments, **named)
        question = (reader, *arguments)
        group_of = f._by.get
        for types, groups, answer in memo.answers.get(question, ()):
            if tuple(map(group_of, types)) == groups:
                if type(f) is Traced:
                    f.asked.update(types)
                found: T = answer
                return found
        return memo.work_out(question, f)  # type: ignore[no-any-return]

    return read


def remembered_if_lasting(reader: Callable[Concatenate[Facts, P], T]) -> Callable[Concatenate[Facts, P], T]:
    """As `remembered`, for what is asked once at a moment: then keeping it costs more than it saves."""
    keeping = remembered(reader)

    @wraps(reader)
    def read(f: Facts, /, *arguments: P.args, **named: P.kwargs) -> T:
        if f.memo is None or not f.memo.lasting:
            return reader(f, *arguments, **named)
        return keeping(f, *arguments, **named)

    return read
