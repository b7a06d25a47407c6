"""Asking only the rules that can have changed their mind gives, evening by evening, what asking all of them gives."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import builders
import msgspec
import pytest
from chaos.town import CO, FIRST_DAY, GI, OW
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wklives import REF, beats, life, rules, town_facts, town_world

from woonketen.contracts import policy
from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.remembering import Traced
from woonketen.streams.core.conclusions import Conclusion
from woonketen.streams.core.counting import Counting
from woonketen.streams.core.everybody import Everybody
from woonketen.streams.core.fold import empty, fold
from woonketen.streams.core.judge import EVALUATE, TRIGGERS, Evening, Vigil, judge
from woonketen.streams.core.judge.vigil import FOR_ALL, READS

DAYS = 90


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 60), st.integers(0, 2**32))
def test_every_evening_is_as_if_all_rules_were_asked(number: int, seed: int) -> None:
    """With answers of people, feeds that fall silent, corrections and retractions, and facts dated in the future."""
    rng = Random(seed)
    told: dict[int, list[Fact]] = {}
    for fact in life(number, DAYS):
        at = min(max((fact.known - FIRST_DAY).days + rng.choice([0, 0, 0, -6, 9]), 0), DAYS - 1)
        told.setdefault(at, []).append(fact)
        if rng.random() < 0.05 and fact.original is None:
            taken = builders.retraction(fact) if rng.random() < 0.5 else builders.correction(fact)
            taken = msgspec.structs.replace(taken, key=rng.randbytes(16), original=fact.key)
            told.setdefault(min(at + rng.randrange(20), DAYS - 1), []).append(taken)
    everybody = Everybody(policy.shipped(), rules(), b"k" * 32)
    heartbeat = {"heartbeat_hours": 24, "heartbeat_weekends": True}
    everybody.add([*town_facts(), *(builders.registered(org, kind, FIRST_DAY, **heartbeat)
                                    for org, kind in ((CO, "zorgaanbieder"), (OW, "corporatie")))])  # fmt: skip
    state, before, said = empty(REF), b"", 0
    counting, vigil = Counting(state), Vigil(REF)
    for n in range(DAYS):
        day = FIRST_DAY + timedelta(days=n)
        if rng.random() < 0.8:
            everybody.add(beats(day))
        world = everybody.world()
        facts = told.get(n, [])
        state = fold(state, facts)
        counting.add(state, facts)
        fingerprint = world.fingerprint(day)
        seen = vigil.judge(counting.on(day), counting.warnings(), day, world, everything=fingerprint != before)
        whole = judge(counting.on(day), counting.warnings(), REF, day, world)
        assert (list(seen[0]), seen[1]) == (whole[0], whole[1]), day
        before = fingerprint
        concluded = [Conclusion(REF, day, each).fact for each in whole[0]]
        said += len(concluded)
        answers = [_answer(fact, rng) for fact in concluded if fact.type == "warning.opened" and rng.random() < 0.5]
        told.setdefault(n + 1 + rng.randrange(3), []).extend(answers)
        state = fold(state, concluded)
        counting.add(state, concluded)


def _answer(opened: Fact, rng: Random) -> Fact:
    day = opened.happened + timedelta(days=1)
    given = {"warning_id": opened.data.warning_id, "role": "coach", "occurred_on": str(day)}
    if rng.random() < 0.3:
        return builders.fact("warning.contested", builders.PLATFORM, day, payload={**given, "reason": "not_about_me"})
    reason = rng.choice(["acting", "no_concern", "already_known"])
    return builders.fact("warning.acknowledged", builders.PLATFORM, day, payload={**given, "reason": reason})


@pytest.mark.parametrize("name", list(TRIGGERS))
def test_a_rule_reads_nothing_that_is_not_said(name: str) -> None:
    """Otherwise it would not be asked when that changes."""
    world, asked = town_world(), set()
    for number in range(15):
        facts = Counting(fold(empty(REF), life(number, 300)))
        for n in range(0, 300, 25):
            day = FIRST_DAY + timedelta(days=n)
            traced = Traced(Facts(facts.on(day)))
            for silent in (frozenset[str](), frozenset({CO, GI, OW})):
                EVALUATE[name](Evening(traced, day, world, silent), world.rules[name])
            asked |= set(traced.asked)
    assert asked
    assert asked <= READS[name] | FOR_ALL
