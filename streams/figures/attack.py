"""A differencing attack: what somebody who knows when a household joined learns of where it stands, from eight
snapshots. It simulates histories of a row, publishes each with the real rules, learns on half of them and is judged on
the other half.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from random import Random

import msgspec

from woonketen.contracts.figures import Protection
from woonketen.streams.figures.protect import Published, changed, publish_row

Publish = Callable[..., dict[str, Published]]
PARTS = ("one", "other")
SEEN_LEAST = 20
"""Histories that must look the same before the attacker dares to be certain."""
_DAY, _QUARTER = date(2026, 1, 1), timedelta(days=91)


class Town(msgspec.Struct, frozen=True):
    """`households` in a row, a `share` of them in its first cell, `churn` of them changing cell a quarter."""

    households: int
    share: float
    churn: float


TOWNS = tuple(
    Town(households, share, churn)
    for households in (30, 45, 100, 200)
    for share in (0.1, 0.25, 0.5)
    for churn in (0.0, 0.02, 0.1)
)


class Finding(msgspec.Struct, frozen=True):
    """`certain`: share of the histories in which the attacker is as sure as `certainty` and right as often; `accuracy`:
    balanced, over all (0.5 learns nothing, 1.0 everything); `certainty`: the highest that held on the other half."""

    town: Town
    certain: float
    accuracy: float
    certainty: float


def attack(
    numbers: Protection,
    town: Town,
    *,
    snapshots: int,
    certainty: float,
    histories: int = 2_000,
    seed: int = 1,
    publish: Publish = publish_row,
) -> Finding:
    """What is learnt of one household that joined at a known snapshot: is it in the first cell, or the other?"""
    random = Random(seed)  # noqa: S311 - a simulation, no secret
    learned: dict[object, list[int]] = {}
    tried: list[tuple[object, int]] = []
    for number in range(histories):
        secret = number % 2
        seen = tuple(_history(numbers, town, snapshots, secret, random, publish))
        if number < histories // 2:
            learned.setdefault(seen, [0, 0])[secret] += 1
        else:
            tried.append((seen, secret))
    return _judge(town, learned, tried, certainty)


def _judge(
    town: Town, learned: Mapping[object, Sequence[int]], tried: Sequence[tuple[object, int]], certainty: float
) -> Finding:
    right, sure, sure_right = [0, 0], 0, 0
    for seen, secret in tried:
        zero, one = learned.get(seen, (0, 0))
        guess = int(one > zero)
        right[secret] += guess == secret
        if zero + one >= SEEN_LEAST and max(zero, one) >= certainty * (zero + one):
            sure += 1
            sure_right += guess == secret
    held = sure_right / sure if sure else 0.0
    halves = [sum(secret == each for _, secret in tried) for each in (0, 1)]
    accuracy = sum(hits / max(1, of) for hits, of in zip(right, halves, strict=True)) / 2
    return Finding(town, sure / max(1, len(tried)) if held >= certainty else 0.0, round(accuracy, 3), round(held, 3))


def _history(
    numbers: Protection, town: Town, snapshots: int, secret: int, random: Random, publish: Publish
) -> Iterator[tuple[str, ...]]:
    """What stands in the row in the snapshots just before and after the household joined. The rest of the history is
    what makes figures stay or move."""
    cells = {number.to_bytes(4, "big"): int(random.random() >= town.share) for number in range(town.households)}
    victim, joined = b"victim", snapshots // 2
    before: dict[str, Published] = {}
    counted: dict[date, dict[str, dict[bytes, int]]] = {}
    since = _DAY
    for number in range(snapshots):
        for ref in list(cells):
            if ref != victim and random.random() < town.churn:
                cells[ref] = 1 - cells[ref]
        if number == joined:
            cells[victim] = 1 - secret
        today = _DAY + number * _QUARTER
        tallies: dict[str, dict[bytes, int]] = {
            part: {ref: 1 for ref, cell in cells.items() if cell == index} for index, part in enumerate(PARTS)
        } | {"total": dict.fromkeys(cells, 1)}
        moved = changed(tallies, counted.get(since, {}))
        before = publish("count", tallies, before, moved, numbers, today)
        counted[today], since = tallies, min(cell.since for cell in before.values())
        if joined - 1 <= number <= joined + 1:
            yield tuple(before[column].shown for column in (*PARTS, "total"))
