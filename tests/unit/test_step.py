"""Twice is once, and order does not matter within a day: same state, same conclusions, same rows, byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from random import Random

import builders
import msgspec
from chaos.town import FIRST_DAY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wklives import REF, closings, life, town_world

from woonketen.contracts.facts import Fact, State
from woonketen.contracts.ports import Shown
from woonketen.projections.lines import TABLES, Lines
from woonketen.streams.core.counting import Counting
from woonketen.streams.core.effective import effective
from woonketen.streams.core.fold import empty, fold
from woonketen.streams.core.step import SOON, Closing, Judged, evenings, present, settle

DAYS = 100
LAST = FIRST_DAY + timedelta(days=DAYS - 1)
OPEN = LAST + timedelta(days=1)
Told = list[tuple[int, Fact]]

histories = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def history(draw: st.DrawFn) -> Told:
    """What partners told of one resident, and before which close: some of it late, some long before it happens, some
    doubled, corrected or retracted, and corrections that arrive before their originals."""
    rng = Random(draw(st.integers(0, 2**32)))
    told = list(life(draw(st.integers(0, 40)), draw(st.sampled_from([40, DAYS]))))
    for fact in rng.sample(told, min(len(told), draw(st.integers(0, 8)))):
        if fact.original is not None or fact.type == "subject.linked":
            continue
        kind = draw(st.sampled_from(["retracted", "corrected", "moved"]))
        if kind == "retracted":
            told.append(msgspec.structs.replace(builders.retraction(fact), key=rng.randbytes(16), original=fact.key))
        else:
            moved = {"occurred_on": str(fact.happened - timedelta(days=rng.randrange(9)))} if kind == "moved" else {}
            again = builders.correction(fact, **moved)
            told.append(msgspec.structs.replace(again, key=rng.randbytes(16), original=fact.key))
    arrivals: Told = []
    for fact in told:
        late = rng.choice([0, 0, 0, 0, -1, 1, 3, 20])
        at = min(max((fact.known - FIRST_DAY).days + late, 0), DAYS)
        known = FIRST_DAY + timedelta(days=at)
        arrivals.append((at, msgspec.structs.replace(fact, known=known)))
        if rng.random() < 0.1:  # once more, the same day or later
            again = min(at + rng.choice([0, 1, 5]), DAYS)
            arrivals.append((again, msgspec.structs.replace(fact, known=FIRST_DAY + timedelta(days=again))))
    return sorted(arrivals, key=lambda each: each[0])


def shuffled(arrivals: Told, seed: int) -> Told:
    """Another order within each day."""
    rng = Random(seed)
    mixed = [(at, rng.random(), fact) for at, fact in arrivals]
    return [(at, fact) for at, _, fact in sorted(mixed, key=lambda each: each[:2])]


def doubled(arrivals: Told, seed: int) -> Told:
    """Some of it told again, on the same day or on a later one."""
    rng = Random(seed)
    again = []
    for at, fact in rng.sample(arrivals, len(arrivals) // 2):
        later = min(at + rng.choice([0, 0, 2, 30]), DAYS)
        again.append((later, msgspec.structs.replace(fact, known=FIRST_DAY + timedelta(days=later))))
    return sorted([*arrivals, *again], key=lambda each: each[0])


def lived(arrivals: Told, over: Sequence[Closing] | None = None) -> tuple[Judged, Shown]:
    judged = evenings(empty(REF), arrivals, closings(DAYS) if over is None else over, None)
    return judged, present(judged.state, OPEN, town_world(), judged.judge_on)


def same_state(one: State, other: State) -> bool:
    return one.facts == other.facts


def rows(shown: Shown) -> dict[str, list[bytes]]:
    lines = Lines(shown, 0)
    return {table: lines.of(table) for table in TABLES if lines.of(table)}


def concluded(judged: Judged) -> list[bytes]:
    return [msgspec.msgpack.encode(each.sealed) for each in judged.conclusions]


class TestProperties:
    @histories
    @given(history(), st.integers(0, 2**32))
    def test_order_does_not_matter_within_a_day(self, arrivals: Told, seed: int) -> None:
        one, shown = lived(arrivals)
        other, shown_other = lived(shuffled(arrivals, seed))
        assert same_state(one.state, other.state)
        assert concluded(one) == concluded(other)
        assert rows(shown) == rows(shown_other)
        assert (shown.judge_on, shown.show_on) == (shown_other.judge_on, shown_other.show_on)

    @histories
    @given(history(), st.integers(0, 2**32))
    def test_twice_is_once(self, arrivals: Told, seed: int) -> None:
        one, shown = lived(arrivals)
        other, shown_other = lived(doubled(arrivals, seed))
        assert same_state(one.state, other.state)
        assert concluded(one) == concluded(other)
        assert rows(shown) == rows(shown_other)
        assert fold(one.state, [fact for _, fact in arrivals]) is one.state

    @histories
    @given(history(), st.lists(st.integers(1, DAYS), max_size=4))
    def test_where_a_batch_ends_does_not_matter(self, arrivals: Told, ends: list[int]) -> None:
        whole, shown = lived(arrivals)
        state, judge_on, made = empty(REF), None, []
        bounds = [0, *sorted(set(ends)), DAYS + 1]
        for first, last in pairwise(bounds):
            part = [(at - first, fact) for at, fact in arrivals if first <= at < last]
            judged = evenings(state, part, closings(DAYS)[first:last], judge_on)
            state, judge_on = judged.state, judged.judge_on
            made += concluded(judged)
        assert same_state(state, whole.state)
        assert made == concluded(whole)
        assert rows(present(state, OPEN, town_world())) == rows(shown)

    @histories
    @given(history())
    def test_an_evening_on_which_nobody_asked_to_be_woken_changes_nothing(self, arrivals: Told) -> None:
        """A quiet day is cheap because a resident says on which day something can change; here every day is judged."""
        every_evening = [Closing(each.day, each.world, True) for each in closings(DAYS)]
        assert concluded(lived(arrivals)[0]) == concluded(lived(arrivals, every_evening)[0])

    @histories
    @given(history(), st.integers(10, DAYS))
    def test_until_the_day_that_is_told_rows_stay_as_they_are(self, arrivals: Told, upto: int) -> None:
        known = [fact for at, fact in arrivals if at <= upto]
        state = evenings(empty(REF), [(at, f) for at, f in arrivals if at < upto], closings(DAYS)[:upto], None).state
        state = fold(state, known)
        day = FIRST_DAY + timedelta(days=upto)
        first = present(state, day, town_world())
        until = min(first.show_on or day + timedelta(days=40), day + timedelta(days=40))
        for ahead in range(1, (until - day).days, 3):
            later = present(state, day + timedelta(days=ahead), town_world())
            assert rows(later) == rows(first), ahead

    @histories
    @given(history(), st.integers(0, 2**32))
    def test_facts_that_count_can_be_kept_up(self, arrivals: Told, seed: int) -> None:
        """One by one or all at once: the same facts count."""
        state, told = empty(REF), [fact for _, fact in shuffled([(0, fact) for _, fact in arrivals], seed)]
        counting = Counting(state)
        for first in range(0, len(told), 7):
            state = fold(state, told[first : first + 7])
            counting.add(state, told[first : first + 7])
            day = FIRST_DAY + timedelta(days=first)
            assert list(counting.on(day)) == list(effective(state.facts.values(), day))
            ahead = [fact.happened for fact in effective(state.facts.values(), None) if fact.happened > day]
            assert counting.begins_on(day) == min(ahead, default=None)

    @histories
    @given(history())
    def test_what_the_log_tells_again_of_a_conclusion_is_known_already(self, arrivals: Told) -> None:
        judged, _ = lived(arrivals)
        assert fold(judged.state, [each.fact for each in judged.conclusions]) is judged.state


class TestEvenings:
    def test_lives_do_raise_warnings(self) -> None:
        """Else the properties above would hold of nothing."""
        kinds = set()
        for number in range(12):
            arrivals = [((fact.known - FIRST_DAY).days, fact) for fact in life(number, DAYS)]
            judged, shown = lived(arrivals)
            kinds |= {each.fact.type for each in judged.conclusions}
            assert {row.view for row in shown.rows} >= {"coach", "casusregisseur", "corporatie", "bewoner"}
        assert {"warning.opened", "warning.closed"} <= kinds

    def test_what_came_after_the_last_close_waits_for_the_next(self) -> None:
        told = life(1, 30)
        judged = evenings(empty(REF), [(3, told[0])], closings(3), None)
        assert judged.judge_on == SOON
        assert judged.state.facts == {told[0].key: told[0]}

    def test_a_late_fact_leads_to_another_evening_and_rewrites_none(self) -> None:
        arrivals = [((fact.known - FIRST_DAY).days, fact) for fact in life(4, DAYS)]
        visits = [each for each in arrivals if each[1].type == "coach.visit_held"]
        before = concluded(lived([each for each in arrivals if each not in visits])[0])
        late = [(DAYS - 1, msgspec.structs.replace(fact, known=LAST)) for _, fact in visits]
        told = sorted([*(each for each in arrivals if each not in visits), *late], key=lambda each: each[0])
        after = concluded(lived(told)[0])
        upto = [each for each in before if not _as_of(each) >= LAST]
        assert after[: len(upto)] == upto
        assert any(_as_of(each) == LAST for each in after)

    def test_a_resident_that_became_another_is_neither_judged_nor_shown(self) -> None:
        arrivals = [((fact.known - FIRST_DAY).days, fact) for fact in life(3, DAYS)]
        merged = builders.fact("subject.merged", builders.PLATFORM, FIRST_DAY + timedelta(days=50))
        judged, shown = lived(sorted([*arrivals, (50, merged)], key=lambda each: each[0]))
        assert {each.day < merged.happened for each in judged.conclusions} <= {True}
        assert shown == Shown(ref=REF)
        assert Lines(shown, 0).digest().strip(b"\x00") == b""

    def test_settling_twice_on_one_evening_concludes_the_same(self) -> None:
        state = fold(empty(REF), life(5, 60))
        for n in range(60, DAYS, 7):
            day = FIRST_DAY + timedelta(days=n)
            once = settle(state, day, town_world())
            again = settle(once.state, day, town_world())
            assert concluded(again) == concluded(once)
            assert again.state is once.state
            state = once.state


def _as_of(sealed: bytes) -> date:
    return date.fromisoformat(msgspec.json.decode(msgspec.msgpack.decode(sealed)[7])["as_of"])
