"""Goes once through the log: which fact met which check, and on which ground consent hides what a check reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import msgspec
import psycopg

from woonketen.contracts.checks import FACTS, Checks
from woonketen.contracts.errors import ChecksError
from woonketen.contracts.facts import Fact
from woonketen.contracts.fields import CATEGORIES
from woonketen.contracts.recipient import recipient
from woonketen.orchestration.gathering import residents
from woonketen.orchestration.rebuilding import Source, make_parts
from woonketen.projections.ddl import SETS
from woonketen.streams.core.effective import effective
from woonketen.streams.core.show import show
from woonketen.streams.core.visible import sight
from woonketen.streams.core.world import World, build_world
from woonketen.streams.drive.course import Parts
from woonketen.streams.drive.states import EVERYTHING, opened
from woonketen.streams.quality import CONDITIONS, Inspected, inspect

_ONE_AT_A_TIME = 0x776B_0065
BATCH = 20_000
SILENCE_DAYS = 92
Hidden = Counter[tuple[str, str, str, str]]
"""(view, check, organisation, ground) → rows."""


class Examined(msgspec.Struct, frozen=True):
    run: int
    day: date
    facts: int
    residents: int


def examine(
    source: Source, checks: Checks, closed: date, on_progress: Callable[[int], None] = lambda facts: None
) -> Examined:
    """Leaves a run that can be counted. `closed`: the last closed day. Killed on the way, the former run stands."""
    unknown = {each.id for each in checks.of(FACTS)} - CONDITIONS
    if unknown:
        raise ChecksError(
            f"No condition is known for the check {min(unknown)}.", "Take it out of checks.yaml, or write it in code."
        )
    with make_parts(source, SETS[0]) as parts, parts.connection.transaction():
        if not _alone(parts.connection):
            raise ChecksError("Another examination is running.", "Wait until it is done.")
        return _Examination(parts, checks, closed, on_progress).run()


def _alone(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ONE_AT_A_TIME]).fetchone()
    return bool(row and row[0])


class _Examination:
    def __init__(self, parts: Parts, checks: Checks, closed: date, on_progress: Callable[[int], None]) -> None:
        self._parts, self._checks, self._closed, self._tell = parts, checks, closed, on_progress
        self._places = {each.id: at for at, each in enumerate(checks.of(FACTS))}
        self._facts = self._residents = 0
        self._hidden: Hidden = Counter()

    def run(self) -> Examined:
        connection = self._parts.connection
        connection.execute("TRUNCATE quality.fact, quality.hidden, quality.silence")
        row = connection.execute(
            "INSERT INTO quality.run (day, catalogue) VALUES (%s, %s) RETURNING run",
            [self._closed, self._checks.version],
        ).fetchone()
        number = int(row[0]) if row else 0
        with closing(self._lines()) as batches:  # a reading that is left open would never let go of its connection
            for lines in batches:
                with connection.cursor() as cursor, cursor.copy("COPY quality.fact FROM STDIN") as copy:
                    for line in lines:
                        copy.write_row(line)
                self._tell(self._facts)
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO quality.silence VALUES (%s, %s)", self._silences())
            cursor.executemany(
                "INSERT INTO quality.hidden VALUES (%s, %s, %s, %s, %s)",
                [(*key, rows) for key, rows in sorted(self._hidden.items())],
            )
        connection.execute(
            "UPDATE quality.run SET facts = %s, residents = %s, state = 'examined' WHERE run = %s",
            [self._facts, self._residents, number],
        )
        return Examined(number, self._closed, self._facts, self._residents)

    def _lines(self) -> Generator[list[tuple[Any, ...]], None, None]:
        parts, world = self._parts, self._world_now
        lines: list[tuple[Any, ...]] = []
        for partition in sorted(parts.log.ends()):
            for ref, facts in residents(parts, partition):
                self._residents += 1
                self._hidden.update(grounds(self._checks, facts, ref, self._closed + timedelta(days=1), world))
                for each in inspect(facts, self._closed, world):
                    self._facts += 1
                    lines.append(self._line(each))
                if len(lines) >= BATCH:
                    yield lines
                    lines = []
        yield lines

    def _line(self, each: Inspected) -> tuple[Any, ...]:
        ok: list[bool | None] = [None] * len(self._places)
        for check, passed in each.marks.items():
            if check in self._places:
                ok[self._places[check]] = passed
        fact = each.fact
        return fact.org, fact.type, fact.known, fact.corrected, fact.id if False in ok else None, ok

    def _silences(self) -> list[tuple[str, date]]:
        days = [self._closed - timedelta(days=n) for n in range(SILENCE_DAYS)]
        return [(org, day) for day in days for org in sorted(self._world_now.silent(day))]

    @cached_property
    def _world_now(self) -> World:
        parts = self._parts
        facts = [each for each in opened(parts.log.of_everybody(0, EVERYTHING), parts.vault) if isinstance(each, Fact)]
        return build_world(facts, parts.policy, parts.rules, parts.pseudonym_key)


def grounds(checks: Checks, known: list[Fact], ref: bytes, day: date, world: World) -> Hidden:
    """Why a check cannot look: `refused`, `withdrawn`, `expired`, `never_asked`, `objected`, of one resident's rows."""
    facts = effective(known, day)
    found: Hidden = Counter()
    for row in show(facts, ref, day, world):
        closed = set(row.data.not_shared)
        if not closed:
            continue
        view = sight(recipient(row.view, row.org, row.worker), facts, day, world)
        for check in checks.of(row.view):
            hidden = [field for field in check.fields if field in closed]
            if hidden:
                category = CATEGORIES[row.view][hidden[0]][0]
                ground = view.decide(category, day, "", "").reason
                found[(row.view, check.id, row.org, ground)] += 1
    return found
