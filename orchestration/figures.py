"""The figures of a quarter, counted from the log and frozen; and the attack on what was frozen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

from woonketen.contracts import figures as catalogue
from woonketen.contracts.calendar import add_months
from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.facts import Fact
from woonketen.orchestration.gathering import residents
from woonketen.orchestration.rebuilding import Source, make_parts
from woonketen.projections import frozen
from woonketen.projections.ddl import SETS
from woonketen.projections.frozen import FrozenCell, Snapshot
from woonketen.streams import figures
from woonketen.streams.core.effective import effective
from woonketen.streams.core.world import World, build_world
from woonketen.streams.drive.course import Parts
from woonketen.streams.drive.states import EVERYTHING, opened
from woonketen.streams.figures.attack import TOWNS, Finding, attack
from woonketen.streams.figures.count import Entry, entries


def quarter_of(day: date) -> str:
    """
    >>> quarter_of(date(2026, 11, 28))
    '2026Q4'
    """
    return f"{day.year}Q{(day.month + 2) // 3}"


def last_day(quarter: str) -> date:
    """Raises `ConfigurationError`.

    >>> last_day("2026Q3")
    datetime.date(2026, 9, 30)
    """
    year, found, number = quarter.partition("Q")
    if not found or len(year) != 4 or not year.isdecimal() or number not in ("1", "2", "3", "4"):
        raise ConfigurationError("That is no quarter.", "Give one like 2026Q3.")
    return add_months(date(int(year), 3 * int(number) - 2, 1), 3) - timedelta(days=1)


def freeze(
    source: Source, closed: date, quarter: str | None, on_progress: Callable[[int], None] = lambda households: None
) -> dict[str, Any]:
    """Counts and freezes a quarter; again is nothing. `closed`: the last closed day. Default: the last whole quarter.

    Raises `ConfigurationError` for a quarter that is not over, or that lies before one that is frozen.
    """
    found = catalogue.shipped()
    wanted = quarter or quarter_of(_last_whole(closed))
    upto = last_day(wanted)
    if upto > closed:
        raise ConfigurationError("That quarter is not closed yet.", "Close its days first, with `woonketen day close`.")
    with make_parts(source, SETS[0]) as parts:
        before = frozen.snapshots(parts.connection)
        if any(each.quarter == wanted for each in before):
            return {"quarter": wanted, "frozen": False, "cells": len(frozen.cells(parts.connection, wanted))}
        if any(each.upto > upto for each in before):
            raise ConfigurationError(
                "A later quarter is frozen already.", "Frozen figures are never filled in afterwards."
            )
        snapshot = Snapshot(wanted, upto, closed, found.version)
        shown, households = _count(parts, found, before, snapshot, on_progress)
        frozen.keep(parts.connection, snapshot, shown)
        return {"quarter": wanted, "frozen": True, "cells": len(shown), "households": households}


def try_attack(histories: int = 2_000) -> list[Finding]:
    """The differencing attack on the rules as they are configured, for each kind of town."""
    found = catalogue.shipped()
    numbers = found.protection
    return [
        attack(
            found.protected,
            town,
            snapshots=int(numbers.snapshots.value),
            certainty=numbers.certainty.value,
            histories=histories,
        )
        for town in TOWNS
    ]


def _last_whole(closed: date) -> date:
    """The last day of the last quarter that is over."""
    first = date(closed.year, 3 * ((closed.month + 2) // 3) - 2, 1)
    return closed if last_day(quarter_of(closed)) == closed else first - timedelta(days=1)


def _count(
    parts: Parts,
    found: catalogue.Catalogue,
    before: list[Snapshot],
    snapshot: Snapshot,
    on_progress: Callable[[int], None],
) -> tuple[list[FrozenCell], int]:
    last = before[-1] if before else None
    old = {} if last is None else _published(parts, last)
    wanted = {each.since for each in old.values()}
    moments = [snapshot, *(each for each in before if each.upto in wanted)]
    worlds = {each.upto: _world(parts, each) for each in moments}
    gathered: dict[date, list[tuple[bytes, list[Entry]]]] = {each.upto: [] for each in moments}
    households = 0
    for partition in sorted(parts.log.ends()):
        for ref, facts in residents(parts, partition):
            households += 1
            for moment in moments:
                known = [fact for fact in facts if fact.known <= moment.known_on]
                counted = entries(effective(known, moment.upto), moment.upto, worlds[moment.upto]) if known else []
                if counted:
                    gathered[moment.upto].append((ref, counted))
            if households % 1_000 == 0:
                on_progress(households)
    members = {day: figures.gather(found, each) for day, each in gathered.items()}
    made = figures.freeze(found, members[snapshot.upto], old, members, snapshot.upto)
    return _cells(found, made, worlds[snapshot.upto], snapshot.upto), households


def _published(parts: Parts, snapshot: Snapshot) -> figures.Snapshot:
    return {
        (each.table_id, each.row_id, each.column_id): figures.Published(
            each.value, each.shown, each.band, each.note, each.since
        )
        for each in frozen.cells(parts.connection, snapshot.quarter)
        if each.column_id != BESIDE
    }


BESIDE = "beside"


def _cells(found: catalogue.Catalogue, made: figures.Snapshot, world: World, upto: date) -> list[FrozenCell]:
    told = figures.beside(world, upto)
    cells = []
    for table in found.tables:
        labels = dict(table.columns) | ({figures.TOTAL: table.total} if table.total else {})
        for row, dimension in table.row_labels().items():
            name = partial(FrozenCell, table.id, row)
            for column, part in labels.items():
                cell = made[(table.id, row, column)]
                cells.append(
                    name(column, table.title, dimension, part, cell.value, cell.shown, cell.band, cell.note, cell.since)
                )
            number = told.get((table.id, row))
            if table.beside is not None and number is not None:
                cells.append(name(BESIDE, table.title, dimension, table.beside, number, str(number), None, None, upto))
    return cells


def _world(parts: Parts, moment: Snapshot) -> World:
    records = [each for each in parts.log.of_everybody(0, EVERYTHING) if each.day <= moment.known_on]
    facts = [fact for fact in opened(records, parts.vault) if isinstance(fact, Fact)]
    return build_world(facts, parts.policy, parts.rules, parts.pseudonym_key)
