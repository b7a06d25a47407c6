"""What was worked out for one event and lies there at the next gives what working it all out again gives, to the byte;
and somebody who kept an answer without the lists that it rests on would be found out here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import builders
import msgspec
import pytest
from chaos.town import FIRST_DAY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wklives import REF, closings, life, town_world

from woonketen.contracts import remembering
from woonketen.contracts.facts import Fact, Facts, State
from woonketen.contracts.ports import Shown
from woonketen.projections.lines import TABLES, Lines
from woonketen.streams.core.counting import Counting
from woonketen.streams.core.desk import Desk
from woonketen.streams.core.fold import empty
from woonketen.streams.core.show.pieces import Pieces
from woonketen.streams.core.step import evenings, present

_part = Lines._part
DAYS = 60
DAY = FIRST_DAY + timedelta(days=DAYS)
WORLD = town_world()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 40), st.integers(0, 2**32))
def test_step_by_step_is_as_all_at_once(number: int, seed: int) -> None:
    for state, shown in told_bit_by_bit(number, Random(seed)):
        assert same(shown, present(state, DAY, WORLD))


@pytest.mark.parametrize(
    ("where", "name", "blind"),
    [
        (remembering.Traced, "of", Facts.of),
        (Counting, "add", lambda *_: None),
        (Pieces, "_stands", lambda *_: True),
        (Pieces, "note", lambda *_: None),
        (Lines, "_part", lambda lines, table: lines._printed.get(table, ((), b""))[1] or _part(lines, table)),
    ],
    ids=[
        "an answer rests on nothing",
        "what arrived is not added",
        "a piece stands whatever came",
        "a piece does not rest on what its viewer sees",
        "rows have the digest of those before",
    ],
)
def test_who_forgets_something_is_caught(where: Any, name: str, blind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(where, name, blind)
    wrong = 0
    for number in range(6):
        told = told_bit_by_bit(number, Random(number))
        wrong += sum(not same(shown, present(state, DAY, WORLD, None)) for state, shown in told)
    assert wrong


def told_bit_by_bit(number: int, rng: Random) -> Iterator[tuple[State, Shown]]:
    """A life that was judged every evening, and then more of it, a few facts at a time on one and the same day: late
    ones, corrections, retractions, and ones that are said again."""
    facts = life(number, DAYS)
    late = rng.sample(facts, len(facts) // 3)
    kept = {fact.key for fact in facts} - {fact.key for fact in late}
    arrivals = [((fact.known - FIRST_DAY).days, fact) for fact in facts if fact.key in kept]
    desk = Desk()
    state = evenings(empty(REF), arrivals, closings(DAYS), None, desk).state
    yield state, present(state, DAY, WORLD, None, desk)
    late += [_undone(fact, rng) for fact in rng.sample(facts, 3) if fact.original is None]
    while late:
        some = [late.pop(rng.randrange(len(late))) for _ in range(min(len(late), rng.randrange(1, 4)))]
        state = evenings(state, [(0, fact) for fact in some], (), None, desk).state
        yield state, present(state, DAY, WORLD, None, desk)


def _undone(fact: Fact, rng: Random) -> Fact:
    told = builders.retraction(fact) if rng.random() < 0.5 else builders.correction(fact)
    return msgspec.structs.replace(told, key=rng.randbytes(16), original=fact.key)


def same(one: Shown, other: Shown) -> bool:
    """To the byte; and what is said to be unchanged since the last time has the digest of what it is."""
    mine, theirs = Lines(one, 0), Lines(other, 0)
    digests = {Lines(one, 0).digest(), theirs.digest(), Lines(msgspec.structs.replace(one, printed={}), 0).digest()}
    lines = all(mine.of(table) == theirs.of(table) for table in TABLES)
    return lines and len(digests) == 1 and one.show_on == other.show_on
