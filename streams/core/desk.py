"""What was worked out of one resident and still lies there when the next event comes. It may be thrown away at any
moment: without it the same is worked out again."""

from __future__ import annotations

from datetime import date

from woonketen.contracts.facts import Facts, State
from woonketen.contracts.remembering import Memo
from woonketen.streams.core.counting import Counting
from woonketen.streams.core.show import Shelf
from woonketen.streams.core.world import World


class Desk:
    """`counting`: the facts that count, kept up with the state. What readers found, and what was shown (`shelf`), is
    kept for one day in one world."""

    __slots__ = ("_day", "_memo", "_world", "counting", "shelf")

    def __init__(self) -> None:
        self.counting: Counting | None = None
        self.shelf = Shelf()
        self._memo = Memo(lasting=True)
        self._day = date.min
        self._world: World | None = None

    def counted(self, state: State, day: date, world: World) -> Counting:
        """Of the state's facts, for this day. Who folds into the state adds to `counting`, if it is there."""
        if self.counting is None:
            self.counting = Counting(state)
        if world is not self._world or day != self._day:
            self._memo, self._day, self._world = Memo(lasting=True), day, world
            self.shelf = Shelf(self.shelf.printed)
        return self.counting

    def facts(self, counting: Counting) -> Facts:
        return counting.whenever().remembering(self._memo)
