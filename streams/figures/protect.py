"""What of a row of cells may be shown, so that nobody can be found in it. The rules are those of the design's
"Aggregates for policy and council"; the numbers stand in `contracts/figures.yaml`.

Counts are rounded first and suppressed on the rounded value, zeros too; a lone suppressed cell takes a second one with
it; a row stays what it was until enough households in it have changed, so that two snapshots cannot be subtracted. The
row as a whole: would a cell be counted again by itself, then the moment would tell which cell somebody joined.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import pairwise
from statistics import median

import msgspec

from woonketen.contracts.figures import Measure, Protection

Tally = Mapping[bytes, int]
"""Household → its value in one cell."""

FEW = "te weinig huishoudens"
FEW_CASES = "te weinig afgeronde gevallen"
SMALL = "klein aantal"
WITH_IT = "afgeschermd, omdat anders een klein aantal te berekenen is"
TOTAL = "total"


class Published(msgspec.Struct, frozen=True, gc=False):
    """A cell as everybody reads it. `value`: the number that may be drawn (`None`: none may); `shown`: its text;
    `band`: a class instead of a number; `note`: why there is no figure; `since`: the day it was last counted."""

    value: int | None
    shown: str
    band: str | None
    note: str | None
    since: date


def changed(now: Mapping[str, Tally], then: Mapping[str, Tally]) -> int:
    """Households of a row (column → tally) that came, went, or stand otherwise in it."""
    return sum(now_at != then_at for now_at, then_at in _side_by_side(now, then))


def publish_row(
    measure: Measure,
    tallies: Mapping[str, Tally],
    before: Mapping[str, Published],
    moved: int,
    numbers: Protection,
    today: date,
) -> dict[str, Published]:
    """Column → what is shown. `before`: what was; `moved`: how many households of the row changed since then."""
    if before and moved < numbers.changed_least:
        return dict(before)
    if len({ref for tally in tallies.values() for ref in tally}) < numbers.least_households:
        return {column: Published(None, "–", None, FEW, today) for column in tallies}
    row = {column: _single(measure, tally, numbers, today) for column, tally in tallies.items()}
    return _second(row, today) if measure == "count" and TOTAL in row else row


def rounded(number: int, numbers: Protection) -> int:
    """To tens under a hundred, to fives above; half goes up."""
    step = numbers.round_small if number < numbers.small_below else numbers.round_large
    return (2 * number + step) // (2 * step) * step


def band(number: int, numbers: Protection) -> str:
    """The class that holds it. With bounds 10, 50 and 100:

    minder dan 10 · 10–49 · 50–99 · 100 of meer
    """
    edges = numbers.bands
    if number < edges[0]:
        return f"minder dan {edges[0]}"
    for low, high in pairwise(edges):
        if number < high:
            return f"{low}–{high - 1}"
    return f"{edges[-1]} of meer"


def _single(measure: Measure, tally: Tally, numbers: Protection, today: date) -> Published:
    if measure == "count":
        number = rounded(len(tally), numbers)
        if number < numbers.round_small:
            return Published(None, f"<{numbers.round_small}", None, SMALL, today)
        return Published(number, str(number), None, None, today)
    if measure == "band":
        found = band(rounded(len(tally), numbers), numbers)
        return Published(None, found, found, None, today)
    if measure == "weeks":
        if len(tally) < numbers.least_cases:
            return Published(None, "–", None, FEW_CASES, today)
        weeks = round(median(tally.values()))
        return Published(weeks, str(weeks), None, None, today)
    return _share(tally, numbers, today)


def _share(tally: Tally, numbers: Protection, today: date) -> Published:
    """Of the rounded numbers, so that a percent is no finer than they are."""
    if len(tally) < numbers.least_denominator:
        return Published(None, "–", None, FEW, today)
    percent = round(100 * rounded(sum(tally.values()), numbers) / rounded(len(tally), numbers))
    for out, text in (
        (percent > 100 - numbers.share_band, f"meer dan {100 - numbers.share_band} %"),
        (percent < numbers.share_band, f"minder dan {numbers.share_band} %"),
    ):
        if out:
            return Published(None, text, text, None, today)
    return Published(percent, f"{percent} %", None, None, today)


def _second(row: dict[str, Published], today: date) -> dict[str, Published]:
    """With a total beside it, one missing number could be subtracted: the smallest other one goes too."""
    parts = {column: cell for column, cell in row.items() if column != TOTAL}
    missing = [column for column, cell in parts.items() if cell.value is None]
    if len(missing) != 1 or row[TOTAL].value is None or len(parts) < 2:
        return row
    smallest = min((cell.value, column) for column, cell in parts.items() if cell.value is not None)[1]
    return {**row, smallest: Published(None, "–", None, WITH_IT, today)}


def _side_by_side(
    now: Mapping[str, Tally], then: Mapping[str, Tally]
) -> Iterator[tuple[list[int | None], list[int | None]]]:
    """Of each household its value per column, now and then."""
    columns = sorted(now.keys() | then.keys())
    refs = {ref for row in (now, then) for tally in row.values() for ref in tally}
    for ref in refs:
        yield [now.get(c, {}).get(ref) for c in columns], [then.get(c, {}).get(ref) for c in columns]
