"""Two histories that differ only in what somebody may not see are the same to him, to the last byte.

Modulo what is derived from everything under a rule of its own, and named here: `phase`, `arrears_level` with its trend,
`coaching_runs`, `may_signal`; and *that* a warning is there, since when and in which state, for an indicator that reads
the kind of fact in which they differ. What a warning says is compared whenever it is there in both.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import judging
import pytest
from hypothesis import event, given, settings, target
from hypothesis import strategies as st
from obtaining import DAY, WORLD, Viewer, differences, hidden_from, read
from wild import FIRST, HAPPENS, LAST, VIEWERS, Told, facts_of, life, publishers

from woonketen.contracts import consent
from woonketen.contracts.catalogue import TYPES
from woonketen.contracts.facts import Fact
from woonketen.contracts.recipient import recipient
from woonketen.streams.core.conditions import Conditions
from woonketen.streams.core.effective import effective
from woonketen.streams.core.visible import Sight, sight, visible

lives = st.randoms(use_true_random=False).map(life)
viewers = st.sampled_from(VIEWERS)
chances = st.randoms(use_true_random=False)


@settings(max_examples=100, deadline=None)
@given(lives, viewers, chances)
def test_what_one_may_not_see_changes_nothing(told: list[Told], viewer: Viewer, chance: Random) -> None:
    hidden = hidden_from(told, viewer)
    keys = sorted({each.key for each in hidden}, key=str)
    taken_keys = {key for key in keys if chance.random() < 0.7}
    taken = [each for each in hidden if each.key in taken_keys]
    event(f"{viewer[0]}: {'something' if taken else 'nothing'} taken away")
    target(float(len(taken)), label="facts taken away")
    assert differences(told, taken, viewer) == []


def test_the_lives_reach_every_category_of_every_viewer() -> None:
    """So that the property above is about everything, and not about what luck brings."""
    hidden: Counter[tuple[str, str]] = Counter()
    seen: Counter[tuple[str, str]] = Counter()
    warned: Counter[str] = Counter()
    for seed in range(100):
        told = life(Random(seed))
        facts = facts_of(told)
        counted = effective(facts, DAY)
        for viewer in VIEWERS:
            looking = sight(recipient(*viewer), counted, DAY, WORLD)
            for fact in visible(counted, looking):
                seen[(viewer[0], TYPES[fact.type].category)] += 1
            for each in hidden_from(told, viewer):
                hidden[(viewer[0], TYPES[each.short].category)] += 1
        if seed < 12:
            story = judging.play(facts, FIRST, LAST, WORLD, lazy=True)
            for viewer in VIEWERS:
                warned.update(viewer[0] for _ in read(facts, viewer, story.warnings).of)
    policy = WORLD.policy
    categories = {TYPES[short].category for short in HAPPENS} | {"enrolment"}
    for role in {viewer[0] for viewer in VIEWERS} - {"schuldhulp"}:
        open_to = {rule.category for rule in policy.rules if rule.recipient == role and rule.state != "-"}
        lacks = {category for category in categories & open_to if not seen[(role, category)]}
        assert not lacks, f"no life in which a {role} sees {lacks}"
        never = {category for category in categories - {"enrolment"} if not hidden[(role, category)]}
        always = {
            rule.category for rule in policy.rules if rule.recipient == role and (rule.state, rule.when) == ("S", "")
        }
        if role == "vrijwilliger":
            never -= {"support"}  # only an organisation of volunteers tells of it, and there is one
        assert never <= always, f"no life in which {never - always} is hidden from a {role}"
    assert set(warned) >= {"coach", "casusregisseur", "wijkteam", "corporatie", "zorgaanbieder"}
    assert not [short for short in HAPPENS if not publishers(short)], "every type has a publisher in the town"


def caught(found: list[list[str]]) -> set[str]:
    return {line for each in found for line in each}


@pytest.mark.parametrize("leak", ["a consent that always stands", "all of a plan", "sources of everything"])
def test_a_planted_leak_is_caught(leak: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same comparison, with a program that shows a little more than it may."""
    samples = []
    for seed in range(8):
        told = life(Random(seed))
        for viewer in VIEWERS:
            taken = hidden_from(told, viewer)
            if taken:
                samples.append((told, taken, viewer))
    if leak == "a consent that always stands":
        always = consent.Standing("granted", ((None, None),))
        monkeypatch.setattr(consent, "standing", lambda said, categories, day: always)
    elif leak == "all of a plan":
        monkeypatch.setattr("woonketen.streams.core.visible.Sight.part", lambda self, fact: fact)
        monkeypatch.setattr(Conditions, "_is_own_action", lambda self, fact: fact.type.startswith(("plan.", "action.")))
    else:
        real = Sight.of

        def everybody(to: Sight, short: str, group: list[Fact]) -> list[Fact]:
            return group if short == "contact.attempted" and not to.only_own else real(to, short, group)

        monkeypatch.setattr(Sight, "of", everybody)
    assert caught([differences(*each) for each in samples[:40]])
