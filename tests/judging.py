"""Playing evenings for the tests of the indicators.

    told = play(facts, "2026-05-01", "2026-06-30")       every evening is judged; what was concluded, as `Told` lines
    brief(told, "arrears_first")                         ["2026-05-07 opened 1", "2026-05-20 closed resolved"]

Facts count from the evening on which they are known. `play` judges every evening, or, with `lazy`, only those that
`judge` asked for and those on which something became known: the two must give the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import builders as b

from woonketen.contracts import indicators
from woonketen.contracts.facts import Fact, Facts, event_key
from woonketen.contracts.indicators import Rules
from woonketen.streams.core.effective import effective
from woonketen.streams.core.judge import Emission, judge
from woonketen.streams.core.world import World

REF = bytes(range(16))


def rules() -> Rules:
    return indicators.shipped()


def world(*facts: Fact, with_rules: Rules | None = None) -> World:
    return b.world(*facts, rules=with_rules or rules())


def on(day: str) -> date:
    return date.fromisoformat(day)


def as_fact(emission: Emission) -> Fact:
    """A conclusion as the step folds it."""
    day = emission.payload.as_of
    return Fact(
        key=event_key(b.SOURCES[b.PLATFORM], emission.id),
        type=emission.type,
        org=b.PLATFORM,
        happened=day,
        known=day,
        time=datetime(day.year, day.month, day.day, tzinfo=UTC),
        id=emission.id,
        original=None,
        kid=None,
        subject=None,
        data=emission.payload,
    )


class Story(NamedTuple):
    """`warnings` are the conclusions as facts; `judged` how many evenings were judged."""

    emissions: list[Emission]
    warnings: list[Fact]
    judged: int


def play(
    facts: Iterable[Fact],
    first: str | date,
    last: str | date,
    in_world: World | None = None,
    lazy: bool = False,
    answers: Iterable[Fact] = (),
) -> Story:
    facts, answers = list(facts), list(answers)
    day = on(first) if isinstance(first, str) else first
    end = on(last) if isinstance(last, str) else last
    here = in_world or world()
    emissions: list[Emission] = []
    warnings: list[Fact] = []
    judged, wake, before = 0, None, b""
    while day <= end:
        known = [fact for fact in facts if fact.known <= day]
        said = [fact for fact in answers if fact.known <= day]
        fresh = any(day in (fact.known, fact.happened) for fact in (*known, *said))
        print_now = here.fingerprint(day)
        if not lazy or judged == 0 or fresh or print_now != before or (wake is not None and wake <= day):
            made, wake = judge(effective(known, day), Facts([*warnings, *said]), REF, day, here)
            assert wake is None or wake > day
            emissions += made
            warnings += [as_fact(each) for each in made]
            judged += 1
        before = print_now
        day += timedelta(days=1)
    return Story(emissions, warnings, judged)


def brief(story: Story, indicator: str | None = None) -> list[str]:
    """One line for every conclusion about this indicator: day, what, severity or reason."""
    of = {each.payload.warning_id: each.payload.indicator for each in story.emissions if each.type == "warning.opened"}
    lines = []
    for each in story.emissions:
        name = of.get(each.payload.warning_id, "")
        if indicator is not None and name != indicator:
            continue
        what = getattr(each.payload, "severity", None) or each.payload.reason
        lead = "" if indicator is not None else f"{name} "
        lines.append(f"{lead}{each.payload.as_of} {each.type.removeprefix('warning.')} {what}")
    return lines


def running(story: Story, facts: Iterable[Fact], day: str, answers: Iterable[Fact] = ()) -> Facts:
    """Everything that is effective on the open day `day`, the warnings among them."""
    known = [fact for fact in (*facts, *answers) if fact.known <= on(day)]
    raised = [fact for fact in story.warnings if fact.known < on(day)]
    return effective([*known, *raised], on(day))
