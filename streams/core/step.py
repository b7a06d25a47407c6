"""A resident from fact to row: fold, judge at the close of a day, show on the day that is open.

Pure functions of facts, day and world: no clock, no I/O. Since folding is a union, order does not matter and twice is
once; since `known` and the close behind which a fact lies are values, a replay judges every evening as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from woonketen.contracts.errors import SetAside
from woonketen.contracts.facts import Fact, State
from woonketen.contracts.ports import Shown
from woonketen.streams.core.conclusions import Conclusion
from woonketen.streams.core.counting import Counting
from woonketen.streams.core.desk import Desk
from woonketen.streams.core.effective import unfit
from woonketen.streams.core.fold import fold
from woonketen.streams.core.judge import Vigil
from woonketen.streams.core.show import shown, shown_of
from woonketen.streams.core.world import World

SOON = date.min
"""At the next close, whatever day that is."""


class Closing(msgspec.Struct, frozen=True):
    """The close of `day`. `world` is as known then; `everybody` is due when it differs from the one before."""

    day: date
    world: World
    everybody: bool = False


class Judged(msgspec.Struct, frozen=True):
    """`judge_on`: the next close at which something can change without a new fact."""

    state: State
    conclusions: Sequence[Conclusion]
    judge_on: date | None


def settle(state: State, closing: date, world: World) -> Judged:
    """What is concluded at the close of a day; it is known at once. A resident that became another is not judged."""
    return _settle(state, Counting(state), Vigil(state.ref), Closing(closing, world, True))


def evenings(
    state: State,
    arrivals: Sequence[tuple[int, Fact]],
    closings: Sequence[Closing],
    judge_on: date | None,
    desk: Desk | None = None,
) -> Judged:
    """One resident through several closes. An arrival `(i, fact)` lies before `closings[i]`, and is judged there; one
    behind the last close waits for the next one (`SOON`). `desk`: what lies there of this state; it is kept up."""
    concluded: list[Conclusion] = []
    desk = desk or Desk()
    counting, vigil = desk.counting, Vigil(state.ref)
    arrived = 0
    for at, closing in enumerate(closings):
        first = arrived
        while arrived < len(arrivals) and arrivals[arrived][0] <= at:
            arrived += 1
        if arrived > first:
            facts = [fact for _, fact in arrivals[first:arrived]]
            state = fold(state, facts)
            if counting is not None:
                counting.add(state, facts)
        if arrived > first or closing.everybody or (judge_on is not None and judge_on <= closing.day):
            counting = desk.counting = counting or Counting(state)
            judged = _settle(state, counting, vigil, closing)
            state, judge_on = judged.state, judged.judge_on
            concluded.extend(judged.conclusions)
    if arrived < len(arrivals):
        facts = [fact for _, fact in arrivals[arrived:]]
        state = fold(state, facts)
        if counting is not None:
            counting.add(state, facts)
        judge_on = SOON
    return Judged(state, concluded, judge_on)


def _settle(state: State, counting: Counting, vigil: Vigil, closing: Closing) -> Judged:
    day = closing.day
    facts = counting.on(day)
    if facts.of("subject.merged"):
        return Judged(state, (), None)
    emissions, wake = vigil.judge(facts, counting.warnings(), day, closing.world, everything=closing.everybody)
    begins = counting.begins_on(day)
    judge_on = min((on for on in (wake, begins) if on is not None), default=None)
    if not emissions:
        return Judged(state, (), judge_on)
    conclusions = [Conclusion(state.ref, day, each) for each in emissions]
    told = [each.fact for each in conclusions]
    state = fold(state, told)
    counting.add(state, told)
    return Judged(state, conclusions, judge_on)


def present(state: State, day: date, world: World, judge_on: date | None = None, desk: Desk | None = None) -> Shown:
    """All that is shown of the resident on the day that is open, and when that can change by itself. `desk`: what lies
    there of this state. Raises `SetAside` where a correction cannot be applied: it may be one that narrows."""
    if desk is None:
        if unfit(state.facts.values()):
            raise SetAside
        if any(fact.type == "subject.merged" for fact in state.facts.values()):
            return Shown(ref=state.ref)
        return shown(state.facts.values(), state.ref, day, world, judge_on)
    counting = desk.counted(state, day, world)
    if counting.unfit:
        raise SetAside
    if counting.merged:
        return Shown(ref=state.ref)
    return shown_of(desk.facts(counting), counting.gone, state.ref, day, world, judge_on, desk.shelf)
