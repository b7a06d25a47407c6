"""The facts that count, kept up evening by evening: the same as `effective` of all of them, without starting anew each
time that one more becomes known."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from woonketen.contracts.facts import Fact, Facts, State
from woonketen.streams.core.effective import COUNTS_WHEN_KNOWN, business_key, effective, retracted, unfit


class Counting:
    """Of one resident. Whatever was given out stays as it is. `gone`: what was taken back, as `retracted(…, None)`;
    `merged`: whether the resident became another; `unfit`: whether a correction cannot be applied."""

    def __init__(self, state: State) -> None:
        self._by: dict[str, list[Fact]] = {}
        self.gone = Facts([])
        self._begin(state)

    def _begin(self, state: State) -> None:
        facts = state.facts.values()
        before, self._by = self._by, dict(effective(facts, None).groups())
        for short, group in self._by.items():
            old = before.get(short)
            if old == group:
                self._by[short] = old  # the very same list tells that nothing of this type changed
        gone = retracted(facts, None)
        if gone.lists != self.gone.lists:
            self.gone = gone
        self.merged = any(fact.type == "subject.merged" for fact in facts)
        self.unfit = unfit(facts)
        self._known = state.facts
        self._targets = {(fact.original, fact.org) for fact in facts if fact.original is not None}
        self._keys: set[Any] = {business_key(fact) for fact in facts}
        if self._targets:  # a correction may have given a fact another key
            self._keys.update(business_key(fact) for group in self._by.values() for fact in group)
        self._last = max((group[-1].happened for group in self._by.values()), default=date.min)

    def add(self, state: State, arrived: Iterable[Fact]) -> None:
        """`state`: as it is after `arrived` were folded into it."""
        known, self._known = self._known, state.facts
        more: dict[str, list[Fact]] = {}
        for fact in arrived:
            if state.facts[fact.key] is not fact or known.get(fact.key) is fact:
                continue  # a copy of what is known already
            key = business_key(fact)
            if (
                fact.original is not None
                or (fact.key, fact.org) in self._targets
                or fact.key in known
                or key in self._keys
            ):
                self._begin(state)
                return
            self._keys.add(key)
            self.merged = self.merged or fact.type == "subject.merged"
            more.setdefault(fact.type, []).append(fact)
        if not more:
            return
        self._by = {**self._by}
        for short, facts in more.items():
            group = self._by[short] = [*self._by.get(short, ()), *facts]
            group.sort(key=_order)
            self._last = max(self._last, group[-1].happened)

    def whenever(self) -> Facts:
        """As `effective(…, None)`."""
        return Facts.grouped(self._by)

    def on(self, day: date) -> Facts:
        """As `effective(…, day)`."""
        if self._last <= day:
            return Facts.grouped(self._by)
        found = {}
        for short, group in self._by.items():
            if group[-1].happened > day and short not in COUNTS_WHEN_KNOWN:
                group = [fact for fact in group if fact.happened <= day]
            if group:
                found[short] = group
        return Facts.grouped(found)

    def warnings(self) -> Facts:
        return Facts.grouped({short: group for short, group in self._by.items() if short.startswith("warning.")})

    def begins_on(self, day: date) -> date | None:
        """The next day after `day` on which a fact dated in the future begins to count."""
        if self._last <= day:
            return None
        return min(fact.happened for group in self._by.values() for fact in group if fact.happened > day)


def _order(fact: Fact) -> Any:
    return (fact.happened, fact.time, fact.key)
