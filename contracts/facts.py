"""What travels: an event as received, a record as logged, a fact as opened; and an index over facts.

Nothing of a person reaches a `repr`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from woonketen.contracts.remembering import Memo


def event_key(source: str, event_id: str) -> bytes:
    """The idempotency key of an event, 16 bytes over (source, id); the id cannot be read back from it."""
    return blake2b(source.encode() + b"\x00" + event_id.encode(), digest_size=16).digest()


class Event(msgspec.Struct, frozen=True):
    """A CloudEvent as received: may hold anything."""

    id: str
    source: str
    type: str
    dataschema: str | None
    time: datetime
    subject: str | None
    data: bytes

    def __repr__(self) -> str:
        return "Event(…)"


class Record(msgspec.Struct, frozen=True, gc=False):
    """A line of the log: all that is ever in clear. `day` is the evening behind which it is known.

    `kind`: `fact` about the resident `ref`; `world` about everybody (no `ref`, one copy in every partition);
    `day_closed` (nothing sealed: the day is the message).
    """

    partition: int
    seq: int
    day: date
    kind: Literal["fact", "world", "day_closed"]
    ref: bytes | None
    kid: bytes | None
    sealed: bytes

    def __repr__(self) -> str:
        return f"Record({self.partition}:{self.seq} {self.kind})"


class Sealed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What stands inside `Record.sealed`, as MessagePack before sealing. `org` is the publisher's registered name."""

    type: str
    version: int
    org: str
    source: str
    id: str
    time: datetime
    subject: str | None
    data: bytes

    def __repr__(self) -> str:
        return "Sealed(…)"


class Fact(msgspec.Struct, frozen=True, gc=False):
    """An event of one resident (or of everybody), opened and brought to the newest version.

    `type` is the short name (`lease.started`); `happened` is `occurred_on`; `known` the evening of the record (for the
    platform's own warnings: their `as_of`); `original` the key of the event that a correction or retraction is about;
    `corrected` tells that the payload is a correction's.
    """

    key: bytes
    type: str
    org: str
    happened: date
    known: date
    time: datetime
    id: str
    original: bytes | None
    kid: bytes | None
    subject: str | None
    data: Any
    corrected: bool = False

    def __repr__(self) -> str:
        return f"Fact({self.type})"

    @property
    def order(self) -> tuple[date, datetime, bytes]:
        """A total order that no arrival can change."""
        return (self.happened, self.time, self.key)


class Facts:
    """Facts by type, each list in `Fact.order`. Immutable by convention, and so is every list that is given out:
    subsets share them. `memo`: where readers keep what they found (`contracts.remembering`).

    >>> Facts([]).of("lease.started")
    []
    """

    __slots__ = ("_all", "_by", "memo")

    def __init__(self, facts: Iterable[Fact]) -> None:
        by: dict[str, list[Fact]] = {}
        for fact in facts:
            by.setdefault(fact.type, []).append(fact)
        for found in by.values():
            if len(found) > 1:
                found.sort(key=_order)
        self._all: list[Fact] | None = None
        self._by = by
        self.memo: Memo | None = None

    @classmethod
    def grouped(cls, by: dict[str, list[Fact]], memo: Memo | None = None) -> Facts:
        """Facts that are already grouped by type, each list in `Fact.order` and none of them empty: a subset of facts
        costs no sorting again. The lists are taken over, and must not be changed by anybody afterwards."""
        made = cls.__new__(cls)
        made._all, made._by, made.memo = None, by, memo
        return made

    def remembering(self, memo: Memo) -> Facts:
        """The same facts, whose readers keep what they find."""
        return Facts.grouped(self._by, memo)

    def of(self, *types: str) -> list[Fact]:
        """All facts of these types, oldest first."""
        by = self._by
        if len(types) == 1:
            return by.get(types[0], _NONE)
        groups = [by[name] for name in types if name in by]
        if len(groups) < 2:
            return groups[0] if groups else _NONE
        found = [fact for group in groups for fact in group]
        found.sort(key=_order)
        return found

    def last(self, *types: str) -> Fact | None:
        found = self.of(*types)
        return found[-1] if found else None

    def upto(self, day: date, *types: str) -> list[Fact]:
        """Those that happened on or before `day`."""
        found = self.of(*types)
        if not found or found[-1].happened <= day:
            return found
        return found[: bisect_right(found, day, key=_happened)]

    @property
    def lists(self) -> Mapping[str, list[Fact]]:
        """The lists themselves, to tell whether any of them is another one; nobody reads facts from here."""
        return self._by

    def types(self) -> frozenset[str]:
        return frozenset(self._by)

    def groups(self) -> Iterable[tuple[str, list[Fact]]]:
        """Type and its facts, oldest first; types in no order."""
        return self._by.items()

    def __iter__(self) -> Iterator[Fact]:
        if self._all is None:
            self._all = sorted((fact for found in self._by.values() for fact in found), key=_order)
        return iter(self._all)

    def __len__(self) -> int:
        return sum(map(len, self._by.values()))

    def __repr__(self) -> str:
        return f"Facts({len(self)})"


_NONE: list[Fact] = []


def _order(fact: Fact) -> tuple[date, datetime, bytes]:
    return (fact.happened, fact.time, fact.key)


def _happened(fact: Fact) -> date:
    return fact.happened


class State(msgspec.Struct, frozen=True):
    """A resident: a random reference and the facts seen, by key. Everything else is derived."""

    ref: bytes
    facts: dict[bytes, Fact]

    def __repr__(self) -> str:
        return f"State({len(self.facts)} facts)"
