"""Pieces of what is shown, kept for the resident's next event, each with all that it rests on.

A piece is a function of the case (and of plain arguments) that asks nothing but the case: its facts by type, what
recipients see by type, and other pieces. When the next event comes, a piece whose answers would all be the same is not
worked out again, and neither is what rests on one that came out the same as before.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from woonketen.contracts.recipient import Recipient
from woonketen.contracts.remembering import Lists, rests_on

if TYPE_CHECKING:
    from woonketen.streams.core.show.case import Look

P = ParamSpec("P")
T = TypeVar("T")
C = TypeVar("C", bound="Pieces")
Key = tuple[Any, ...]
"""A function and its arguments after the case."""

_MISSING = object()
_NO_TYPES: frozenset[str] = frozenset()
_SAME: dict[frozenset[str], frozenset[str]] = {}


class Piece:
    """What came out, and what it was made of: lists of everything that is known, for each recipient the head of the
    look with lists of what is seen, and other pieces. `types`: of all those lists; `at`: the turn at which it was last
    known to stand."""

    __slots__ = ("at", "facts", "looks", "others", "types", "value")

    def __init__(
        self,
        value: Any,
        facts: Lists,
        looks: tuple[tuple[Recipient, Any, Lists], ...],
        others: tuple[tuple[Key, Any], ...],
    ) -> None:
        self.value, self.facts, self.looks, self.others = value, facts, looks, others
        types = frozenset().union(facts[0], *(lists[0] for *_, lists in looks))
        self.at, self.types = 0, _SAME.setdefault(types, types)


class Frame:
    """What the piece that is being worked out has asked for. `looks`: with what each was asked for before."""

    __slots__ = ("looks", "others")

    def __init__(self) -> None:
        self.looks: dict[Recipient, tuple[Look, set[str]]] = {}
        self.others: dict[Key, Any] = {}


class Pieces(ABC):
    """What a case works its pieces out with. `before`: those of the last event, of the same day and world; None where
    nothing is to be kept."""

    def __init__(self, facts: Any) -> None:
        self.facts = facts
        self.before: dict[Key, Piece] | None = None
        self._turn, self._changed, self._calm = 0, _NO_TYPES, False
        self._found: dict[Key, Any] = {}
        self._frame: Frame | None = None
        self._looks: dict[Recipient, Look] = {}

    def go_on(self, turn: int, changed: frozenset[str], calm: bool) -> None:
        """Since the last turn there are others of the types `changed`; `calm`: every look has the head that it had."""
        self._turn, self._changed, self._calm = turn, changed, calm

    def find(self, key: Key) -> Any:
        found = self._found.get(key, _MISSING)
        if found is _MISSING:
            if self.before is None:
                found = key[0](self, *key[1:])
            else:
                found = self._find_again(key, self.before)
            self._found[key] = found
        if self._frame is not None:
            self._frame.others[key] = found
        return found

    @staticmethod
    def note(frame: Frame, look: Look) -> None:
        """A look was asked for."""
        if look.to not in frame.looks:
            frame.looks[look.to] = (look, look.seen.asked)  # type: ignore[attr-defined]
            look.seen.asked = set()  # type: ignore[attr-defined]

    def aside(self, work_out: Callable[[], T]) -> T:
        """Of what is asked meanwhile nothing is noted."""
        if self.before is None:
            return work_out()
        frame, asked = self._frame, self.facts.asked
        self._frame, self.facts.asked = None, set()
        try:
            return work_out()
        finally:
            self._frame, self.facts.asked = frame, asked

    @abstractmethod
    def look_to(self, to: Recipient) -> Look:
        """What the recipient sees; it notes that it was asked."""

    def _find_again(self, key: Key, before: dict[Key, Piece]) -> Any:
        outer, asked = self._frame, self.facts.asked
        kept = before.get(key)
        if kept is not None:
            self._frame = None
            stands = self._stands(kept)
            self._frame = outer
            if stands:
                kept.at = self._turn
                return kept.value
        frame = self._frame = Frame()
        self.facts.asked = set()
        try:
            value = key[0](self, *key[1:])
            looks = tuple((to, look.head, rests_on(look.seen)) for to, (look, _) in frame.looks.items())  # type: ignore[arg-type]
            facts = rests_on(self.facts)
        finally:
            for look, was in frame.looks.values():
                look.seen.asked = was  # type: ignore[attr-defined]
            self._frame, self.facts.asked = outer, asked
        if kept is not None:
            value = _the_same(kept.value, value)
        made = before[key] = Piece(value, facts, looks, tuple(frame.others.items()))
        made.at = self._turn
        return value

    def _stands(self, kept: Piece) -> bool:
        """Whether all that it rests on is as it was."""
        lately = self._calm and kept.at == self._turn - 1
        if not (lately and kept.types.isdisjoint(self._changed)) and not self._has_its_lists(kept):
            return False
        for key, value in kept.others:
            now = self._found.get(key, _MISSING)
            if now is _MISSING:
                now = self.find(key)
            if now is not value and now != value:
                return False
        return True

    def _has_its_lists(self, kept: Piece) -> bool:
        types, groups = kept.facts
        if groups != tuple(map(self.facts.lists.get, types)):
            return False
        for to, head, (types, groups) in kept.looks:
            look = self._looks.get(to) or self.look_to(to)
            if look.head is not head and look.head != head:
                return False
            if groups != tuple(map(look.seen.lists.get, types)):
                return False
        return True


def kept(work_out: Callable[Concatenate[C, P], T]) -> Callable[Concatenate[C, P], T]:
    """A piece: a pure function of the case and of arguments that can be hashed. Nobody may change what it returns."""

    def read(case: C, /, *arguments: P.args, **_: P.kwargs) -> T:
        found: T = case.find((work_out, *arguments))
        return found

    read.__doc__ = work_out.__doc__
    return read


def _the_same(before: Any, now: Any) -> Any:
    """What was there before, where it is the same, so that whoever rests on it need not compare more than that."""
    if before == now:
        return before
    if isinstance(now, list) and isinstance(before, list):
        known = {id(each): each for each in before}
        return [each if id(each) in known else next((old for old in before if old == each), each) for each in now]
    return now
