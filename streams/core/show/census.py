"""Who told what, type by type; of a type that nothing came of since it is not counted again."""

from __future__ import annotations

from datetime import date, datetime

from woonketen.contracts.facts import Fact, Facts

_SAME: dict[frozenset[str], frozenset[str]] = {}
"""The same few organisations tell of thousands of residents."""


class _Count:
    """Of one type: the facts that were counted, who told them, whether one was corrected, and each organisation's
    earliest fact that names the resident."""

    __slots__ = ("corrected", "firsts", "group", "orgs")

    def __init__(self, group: list[Fact]) -> None:
        self.group = group
        orgs = frozenset({fact.org for fact in group})
        self.orgs = _SAME.setdefault(orgs, orgs)
        self.corrected = any(fact.corrected for fact in group)
        self.firsts: dict[str, Fact] = {}
        for fact in group:
            if fact.subject is not None:
                _earlier(self.firsts, fact)


class Census:
    """Of one resident."""

    __slots__ = ("_by", "_corrected", "_firsts", "_orgs")

    def __init__(self) -> None:
        self._by: dict[str, _Count] = {}
        self._corrected: bool | None = None
        self._firsts: dict[str, Fact] | None = None
        self._orgs: frozenset[str] | None = None

    def take(self, facts: Facts) -> frozenset[str]:
        """Counts these: all that there are now. Returns the types of which there are others than before."""
        by = self._by
        changed = [short for short in by if short not in facts.lists]
        gone = [by.pop(short) for short in changed]
        if gone:
            self._corrected = self._firsts = self._orgs = None
        for short, group in facts.lists.items():
            count = by.get(short)
            if count is not None and (count.group is group or count.group == group):
                continue
            by[short] = now = _Count(group)
            changed.append(short)
            self._corrected = self._orgs = None
            if count is None or count.firsts != now.firsts:
                self._firsts = None
        return frozenset(changed)

    def orgs_of(self, short: str, group: list[Fact]) -> frozenset[str]:
        """Who told these: all that there are of a type, or some of them."""
        count = self._by.get(short)
        return count.orgs if count is not None and count.group is group else frozenset({fact.org for fact in group})

    def is_corrected(self, short: str, group: list[Fact]) -> bool:
        """Whether one of these was corrected."""
        count = self._by.get(short)
        return count.corrected if count is not None and count.group is group else any(fact.corrected for fact in group)

    @property
    def orgs(self) -> frozenset[str]:
        if self._orgs is None:
            self._orgs = frozenset().union(*(count.orgs for count in self._by.values()))
        return self._orgs

    @property
    def corrected(self) -> bool:
        if self._corrected is None:
            self._corrected = any(count.corrected for count in self._by.values())
        return self._corrected

    def first_of(self, org: str) -> Fact | None:
        """The organisation's earliest known fact that names the resident."""
        if self._firsts is None:
            self._firsts = {}
            for count in self._by.values():
                for fact in count.firsts.values():
                    _earlier(self._firsts, fact)
        return self._firsts.get(org)


def _earlier(firsts: dict[str, Fact], fact: Fact) -> None:
    other = firsts.get(fact.org)
    if other is None or _stamp(fact) < _stamp(other):
        firsts[fact.org] = fact


def _stamp(fact: Fact) -> tuple[date, datetime, bytes]:
    return (fact.known, fact.time, fact.key)
