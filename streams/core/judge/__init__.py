"""The indicators at the close of a day: from facts and earlier warnings to what is raised, lowered and closed.

Numbers and texts are data (`contracts.indicators`), conditions are here, one small pure function per rule. The answer
depends on the facts that are known, the day and the world; not on the order of facts, nor on which evenings were judged
before, as long as none on which something could change was left out: `judge` names the next one.
"""

from __future__ import annotations

from datetime import date

from woonketen.contracts.facts import Facts
from woonketen.streams.core.judge.attention import AttentionPeriod, attention_period
from woonketen.streams.core.judge.course import Course, courses
from woonketen.streams.core.judge.evening import Evening, Judgement
from woonketen.streams.core.judge.machine import Emission, warning_id
from woonketen.streams.core.judge.night import EVALUATE, TRIGGERS, judge_all, judge_one, judged, nothing_owed
from woonketen.streams.core.judge.vigil import READS, Vigil
from woonketen.streams.core.world import World

__all__ = [
    "EVALUATE",
    "READS",
    "TRIGGERS",
    "AttentionPeriod",
    "Course",
    "Emission",
    "Evening",
    "Judgement",
    "Vigil",
    "attention_period",
    "courses",
    "judge",
    "judge_one",
    "judged",
    "nothing_owed",
    "warning_id",
]


def judge(facts: Facts, prior: Facts, ref: bytes, day: date, world: World) -> tuple[list[Emission], date | None]:
    """What is emitted at the close of `day`, and the next day on which something may change by itself.

    `facts`: effective on `day`, of what was known by then. `prior`: the resident's warnings and answers (what was
    concluded on `day` itself is left out, so judging an evening twice gives the same). Judge again on the day that is
    returned, on any evening on which a fact became known or began to count (it may be dated in the future), and on any
    on which `world.fingerprint` differs from the evening before.
    """
    night = judge_all(facts, prior, ref, day, world)
    return night.emissions, min((turn.wake for turn in night.turns.values() if turn.wake is not None), default=None)
