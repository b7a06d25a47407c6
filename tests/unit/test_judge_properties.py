"""Over generated histories: asking only when `judge` asked to be asked gives the same as asking every evening; the
order in which facts come, and copies of them, change nothing; and every rule knows when it changes by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from histories import FIRST, LENGTH, answered, at, days, histories, worlds
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from judging import REF, as_fact, brief, play, rules, world

from woonketen.contracts.facts import Facts
from woonketen.streams.core.effective import effective
from woonketen.streams.core.judge import EVALUATE, courses, judge
from woonketen.streams.core.judge.evening import Evening

SOME = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)


@SOME
@given(st.data())
def test_only_the_evenings_that_were_asked_for_give_the_same(data: st.DataObject) -> None:
    facts, here = data.draw(histories()), data.draw(worlds())
    said = data.draw(answered(play(facts, FIRST, at(LENGTH), here)))
    every = play(facts, FIRST, at(LENGTH), here, answers=said)
    asked = play(facts, FIRST, at(LENGTH), here, lazy=True, answers=said)
    assert brief(asked) == brief(every)
    assert asked.emissions == every.emissions


@SOME
@given(st.data())
def test_order_and_copies_change_nothing(data: st.DataObject) -> None:
    facts, here = data.draw(histories()), data.draw(worlds())
    mixed = data.draw(st.permutations([*facts, *facts[: len(facts) // 2]]))
    once = play(facts, FIRST, at(LENGTH), here)
    day = at(data.draw(days))
    prior = [fact for fact in once.warnings if fact.known <= day]
    known = [fact for fact in facts if fact.known <= day]
    again = {fact.key: fact for fact in mixed if fact.known <= day}
    assert judge(effective(again.values(), day), Facts(reversed(prior)), REF, day, here) == judge(
        effective(known, day), Facts([*prior, *prior]), REF, day, here
    )


@SOME
@given(st.data())
def test_each_rule_knows_when_it_changes_by_itself(data: st.DataObject) -> None:
    """Until the day it names nothing of what it says changes: not its level, its evidence, nor its sentence."""
    facts, here = data.draw(histories()), world()
    day = at(data.draw(days))
    counted = effective([fact for fact in facts if fact.known <= day], day)
    for rule in here.rules:
        if rule.id not in EVALUATE:
            continue
        first = EVALUATE[rule.id](Evening(counted, day, here), rule)
        until = first.wake or day + timedelta(days=400)
        on = day
        while (on := on + timedelta(days=1)) < until and (on - day).days < 130:
            then = EVALUATE[rule.id](Evening(counted, on, here), rule)
            assert _said(then) == _said(first), (rule.id, on)


@SOME
@given(st.data())
def test_at_most_one_open_episode_of_each_indicator(data: st.DataObject) -> None:
    facts, here = data.draw(histories()), data.draw(worlds())
    story = play(facts, FIRST, at(LENGTH), here, lazy=True)
    by_day = sorted({fact.known for fact in story.warnings})
    for day in by_day:
        found = [each.indicator for each in courses(Facts(f for f in story.warnings if f.known <= day)) if each.open]
        assert len(found) == len(set(found))
        assert not {"arrears_first", "arrears_escalating"} <= set(found)
    ids = [each.id for each in story.emissions]
    assert len(ids) == len(set(ids))


def test_the_generator_reaches_every_indicator_and_every_kind_of_turn() -> None:
    """A property over histories in which nothing happens would prove nothing."""
    seen: set[str] = set()
    kinds = ("opened", "raised", "lowered", "closed", "voided", "suspended", "resumed")
    wanted = {f"warning.{kind}" for kind in kinds} | {rule.id for rule in rules() if rule.kind == "episode"}

    @settings(SOME, max_examples=100, database=None, derandomize=False, phases=[Phase.generate])
    @given(st.data())
    def collect(data: st.DataObject) -> None:
        story = play(data.draw(histories()), FIRST, at(LENGTH), data.draw(worlds()), lazy=True)
        for each in story.emissions:
            seen.add(each.type)
            seen.add(getattr(each.payload, "indicator", ""))
            assert as_fact(each).id == each.id

    for number in range(30):  # some are rare: so many histories as it takes, up to three thousand
        seed(number)(collect)()
        if wanted <= seen:
            break
    assert wanted - seen == set()


def _said(judged: Any) -> tuple[Any, ...]:
    return (
        judged.level, judged.doubt, [fact.key for fact in judged.evidence], judged.below_exit, judged.over,
        [fact.key for fact in judged.context], judged.parties,
        [(each.name, dict(each.values)) for each in judged.phrases],
    )  # fmt: skip
