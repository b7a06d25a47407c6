"""What was worked out for one event and lies there at the next gives what working it all out again gives, to the byte;
and somebody who kept an answer without all that it rests on would be found out here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

import builders
import msgspec
import pytest
from chaos.town import DP, FIRST_DAY, ORGS, OW
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
from woonketen.streams.core.show.case import Shelf
from woonketen.streams.core.show.census import Census
from woonketen.streams.core.show.pieces import Pieces
from woonketen.streams.core.step import Closing, evenings, present
from woonketen.streams.core.world import World

OTHER = {OW: DP, DP: OW}
_part, _counted, _take = Lines._part, Desk.counted, Census.take
DAYS = 60
LIVES = 12
NEWCOMER = "zorg-nieuw"
"""A care provider whom nobody referred to: the town has not heard of it."""
SUDDENLY = (
    "consent.granted", "consent.refused", "consent.withdrawn", "safety.flag_set", "safety.flag_cleared",
    "attention.flagged", "enrolment.closed", "notice.given", "coach.covered",
)  # fmt: skip


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 40), st.integers(0, 2**32))
def test_step_by_step_is_as_all_at_once(number: int, seed: int) -> None:
    for state, day, world, shown in told_bit_by_bit(number, Random(seed)):
        assert same(shown, present(state, day, world))


def blind_to(what: str) -> Callable[..., Counting]:
    def counted(desk: Desk, state: State, day: date, world: World) -> Counting:
        if desk._world is not None:
            setattr(desk, what, {"_day": day, "_world": world}[what])
        return _counted(desk, state, day, world)

    return counted


def never_again(what: str) -> Callable[..., frozenset[str]]:
    def take(census: Census, facts: Facts) -> frozenset[str]:
        was = getattr(census, what)
        changed = _take(census, facts)
        if was is not None:
            setattr(census, what, was)
        return changed

    return take


# Not among them: a piece that takes every other for just seen (`Piece.at`). No life was found in which that differs:
# whether a viewer has a row follows from facts that its sight asks for too, so when a row comes back nothing is calm.
@pytest.mark.parametrize(
    ("where", "name", "blind"),
    [
        (remembering.Traced, "of", Facts.of),
        (Counting, "add", lambda *_: None),
        (Pieces, "_stands", lambda *_: True),
        (Pieces, "note", lambda *_: None),
        (Lines, "_part", lambda lines, table: lines._printed.get(table, ((), b""))[1] or _part(lines, table)),
        (Desk, "counted", blind_to("_world")),
        (Desk, "counted", blind_to("_day")),
        (Census, "take", never_again("_orgs")),
        (Census, "take", never_again("_firsts")),
        (Census, "take", never_again("_corrected")),
    ],
    ids=[
        "an answer rests on nothing",
        "what arrived is not added",
        "a piece stands whatever came",
        "a piece does not rest on what its viewer sees",
        "rows have the digest of those before",
        "another world is as the one before",
        "another day is as the one before",
        "who told is never counted again",
        "whose fact is the earliest is never looked up again",
        "whether anything was corrected is never looked up again",
    ],
)
def test_who_forgets_something_is_caught(where: Any, name: str, blind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(where, name, blind)
    assert any(
        not same(shown, present(state, day, world, None))
        for number in range(LIVES)
        for state, day, world, shown in told_bit_by_bit(number, Random(number))
    )


def heedless_of_what_is_gone(shelf: Shelf, _: Facts) -> Shelf:
    shelf.turn += 1
    return shelf


@pytest.mark.parametrize("of", [Shelf.of, heedless_of_what_is_gone], ids=["as it is", "heedless of what is gone"])
def test_what_was_taken_back_before_it_arrived(of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No list of what counts changes by it. Still the corporation no longer sees a warning that was opened with it too,
    for it is another's."""
    told = evenings(empty(REF), [((f.known - FIRST_DAY).days, f) for f in life(2, DAYS)], closings(DAYS), None).state
    warning = next(
        fact for fact in told.facts.values()
        if fact.type == "warning.opened" and fact.data.indicator == "conditional_lease_deadline"
    )  # fmt: skip
    lease = next(fact for fact in told.facts.values() if fact.id in warning.data.evidence)
    other = msgspec.structs.replace(lease, key=b"o" * 16, id=builders.new_id(), org=OTHER[lease.org])
    data = msgspec.structs.replace(warning.data, evidence=[lease.id, other.id])
    back = msgspec.structs.replace(builders.retraction(other), key=b"b" * 16, original=other.key)
    facts = [msgspec.structs.replace(fact, data=data) if fact is warning else fact for fact in told.facts.values()]
    desk, day, world = Desk(), FIRST_DAY + timedelta(days=DAYS), worlds()[0]
    monkeypatch.setattr(Shelf, "of", of)
    before = evenings(empty(REF), [(0, fact) for fact in (*facts, back)], (), None, desk).state
    assert same(present(before, day, world, None, desk), present(before, day, world))
    after = evenings(before, [(0, other)], (), None, desk).state
    shown = present(after, day, world, None, desk)
    assert same(shown, present(after, day, world)) == (of is not heedless_of_what_is_gone)


@cache
def worlds() -> tuple[World, ...]:
    """The town; the town after one of its organisations left; and with a feed that should be heard and is not."""
    left = [
        builders.fact("org.left", builders.PLATFORM, FIRST_DAY + timedelta(days=30), payload={"org": org},
                      time=datetime(2100, 1, 1, tzinfo=UTC))
        for org in ORGS
    ]  # fmt: skip
    silent = [
        builders.registered(org, kind, FIRST_DAY, districts=list(districts), heartbeat_hours=24)
        for org, (_, kind, _, districts) in ORGS.items()
    ]
    there = builders.registered(NEWCOMER, "zorgaanbieder")
    return tuple(town_world([there, *more]) for more in ([], *([each] for each in left), silent))


def told_bit_by_bit(number: int, rng: Random) -> Iterator[tuple[State, date, World, Shown]]:
    """A life that was judged every evening, and then more of it, a few facts at a time: late ones, with all that one of
    the organisations told; corrections and retractions, some of which come before what they are about; consents and
    flags, and one who told nothing before. Now and then a day closes, or the world is another."""
    facts = life(number, DAYS)
    unheard = rng.choice(sorted({fact.org for fact in facts}))
    late = [fact for fact in facts if fact.org == unheard or rng.random() < 0.25]
    held = {fact.key for fact in late}
    arrivals = [((fact.known - FIRST_DAY).days, fact) for fact in facts if fact.key not in held]
    desk, day, world = Desk(), FIRST_DAY + timedelta(days=DAYS), worlds()[0]
    judged = evenings(empty(REF), arrivals, closings(DAYS), None, desk)
    yield judged.state, day, world, present(judged.state, day, world, None, desk)
    late += [_undone(fact, rng) for fact in rng.sample(facts, 3) if fact.original is None]
    late += [_suddenly(day, rng, rng.choice(SUDDENLY), rng.choice(sorted(ORGS))) for _ in range(3)]
    late.append(_suddenly(day, rng, "care.started", NEWCOMER))
    while late:
        some = [late.pop(rng.randrange(len(late))) for _ in range(min(len(late), rng.randrange(1, 4)))]
        judged = evenings(judged.state, [(0, fact) for fact in some], (), judged.judge_on, desk)
        yield judged.state, day, world, present(judged.state, day, world, None, desk)
        match rng.randrange(4):  # without news: what is the same must not hide what is not
            case 0:
                world = rng.choice(worlds())
            case 1:
                days = rng.choice((1, 1, 3, 10, 20))
                closed = [Closing(day + timedelta(days=n), world, rng.random() < 0.3) for n in range(days)]
                day += timedelta(days=days)
                judged = evenings(judged.state, (), closed, judged.judge_on, desk)
            case _:
                continue
        yield judged.state, day, world, present(judged.state, day, world, None, desk)


def _undone(fact: Fact, rng: Random) -> Fact:
    told = builders.retraction(fact) if rng.random() < 0.5 else builders.correction(fact)
    return msgspec.structs.replace(told, key=rng.randbytes(16), original=fact.key)


def _suddenly(day: date, rng: Random, short: str, org: str) -> Fact:
    on = day - timedelta(days=rng.choice((0, 0, 1, 9)))
    return msgspec.structs.replace(builders.fact(short, org, happened=on, known=day), key=rng.randbytes(16))


def same(one: Shown, other: Shown) -> bool:
    """To the byte; and what is said to be unchanged since the last time has the digest of what it is."""
    mine, theirs = Lines(one, 0), Lines(other, 0)
    digests = {Lines(one, 0).digest(), theirs.digest(), Lines(msgspec.structs.replace(one, printed={}), 0).digest()}
    lines = all(mine.of(table) == theirs.of(table) for table in TABLES)
    return lines and len(digests) == 1 and one.show_on == other.show_on
