"""Figures for policy and council: counted by household, protected, and frozen once a quarter. Pure.

`count` says what one resident adds to which cell, `protect` what of a row of cells may be shown, `attack` tries to
learn somebody's place in a table from what was shown before and after.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from woonketen.contracts.figures import Catalogue
from woonketen.streams.figures.count import Entry, beside
from woonketen.streams.figures.protect import Published, Tally, changed, publish_row

__all__ = ["Cell", "Entry", "Members", "Published", "Snapshot", "beside", "freeze", "gather"]

Cell = tuple[str, str, str]
"""Table, row, column; the column of a total is `total`."""
Members = Mapping[Cell, Tally]
Snapshot = dict[Cell, Published]
TOTAL = "total"


def gather(catalogue: Catalogue, households: Iterable[tuple[bytes, Iterable[Entry]]]) -> Members:
    """Who is in which cell. A household is in a cell once; of two values the lower counts (`False` before `True`)."""
    totals = {table.id for table in catalogue.tables if table.total is not None}
    found: dict[Cell, dict[bytes, int]] = {}
    for ref, entries in households:
        for entry in entries:
            columns = (entry.column, TOTAL) if entry.table in totals else (entry.column,)
            for column in columns:
                members = found.setdefault((entry.table, entry.row, column), {})
                members[ref] = min(entry.value, members.get(ref, entry.value))
    return found


def freeze(
    catalogue: Catalogue,
    now: Members,
    before: Mapping[Cell, Published],
    then: Mapping[date, Members],
    today: date,
) -> Snapshot:
    """The cells of a new snapshot. `before`: the last one; `then`: for each day on which one of its cells was last
    counted, who was in which cell as known on that day."""
    numbers, made = catalogue.protected, Snapshot()
    for table in catalogue.tables:
        columns = [*table.columns, TOTAL] if table.total is not None else list(table.columns)
        for row in table.row_labels():
            cells = [(table.id, row, column) for column in columns]
            tallies = {cell[2]: now.get(cell, {}) for cell in cells}
            old = {cell[2]: before[cell] for cell in cells if cell in before}
            since = min((published.since for published in old.values()), default=today)
            were = {cell[2]: then.get(since, {}).get(cell, {}) for cell in cells}
            moved = changed(tallies, were)
            for column, published in publish_row(table.measure, tallies, old, moved, numbers, today).items():
                made[(table.id, row, column)] = published
    return made
