"""The bars of a month as plain numbers for an SVG: the page draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import msgspec

WIDTH, HEIGHT = 720, 160
GAP = 2


class Bar(msgspec.Struct, frozen=True):
    """A day: `x`, `width`; from below `good` (accepted and parked), then `bad` (refused), in the same units."""

    day: date
    x: float
    width: float
    good: float
    bad: float
    label: str


class Trend(msgspec.Struct, frozen=True):
    width: int
    height: int
    most: int
    bars: list[Bar]


def trend(days: Sequence[tuple[date, Mapping[str, int]]]) -> Trend:
    """Scaled to the busiest day; an empty month has no bars.

    >>> trend([(date(2026, 8, 1), {"accepted": 3, "refused": 1})]).most
    4
    """
    most = max((sum(sent.values()) for _, sent in days), default=0)
    if not most:
        return Trend(WIDTH, HEIGHT, 0, [])
    step = WIDTH / len(days)
    bars = []
    for at, (day, sent) in enumerate(days):
        bad = sent.get("refused", 0)
        good = sum(sent.values()) - bad
        bars.append(
            Bar(
                day=day,
                x=round(at * step, 1),
                width=round(step - GAP, 1),
                good=round(HEIGHT * good / most, 1),
                bad=round(HEIGHT * bad / most, 1),
                label=f"{day.day}: {good} goed, {bad} geweigerd",
            )
        )
    return Trend(WIDTH, HEIGHT, most, bars)
