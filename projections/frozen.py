"""The frozen figures: what was shown in which quarter. On a connection in the processor's role."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec
import psycopg

from woonketen.projections.database import told

_ONE_AT_A_TIME = 0x776B_0060


class Snapshot(msgspec.Struct, frozen=True):
    """`upto`: the last day that counts; `known_on`: the evening whose knowledge it was counted with."""

    quarter: str
    upto: date
    known_on: date
    catalogue: int


class FrozenCell(msgspec.Struct, frozen=True):
    """`table_id`, `row_id`, `column_id` name it; `title`, `dimension`, `part` are what a reader sees."""

    table_id: str
    row_id: str
    column_id: str
    title: str
    dimension: str
    part: str
    value: int | None
    shown: str
    band: str | None
    note: str | None
    since: date


def snapshots(processor: psycopg.Connection[Any]) -> list[Snapshot]:
    """Oldest first."""
    with told():
        rows = processor.execute("SELECT quarter, upto, known_on, catalogue FROM figures.snapshot ORDER BY upto")
        return [Snapshot(*row) for row in rows.fetchall()]


def cells(processor: psycopg.Connection[Any], quarter: str) -> list[FrozenCell]:
    """In the order of the catalogue."""
    with told():
        names = ", ".join(FrozenCell.__struct_fields__)
        rows = processor.execute(f"SELECT {names} FROM figures.cell WHERE quarter = %s ORDER BY place", [quarter])
        return [FrozenCell(*row) for row in rows.fetchall()]


def keep(processor: psycopg.Connection[Any], snapshot: Snapshot, made: Iterable[FrozenCell]) -> bool:
    """Adds a quarter, or nothing when it is there already. Returns whether it was added."""
    with told(), processor.transaction():
        processor.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
        added = processor.execute(
            "INSERT INTO figures.snapshot (quarter, upto, known_on, catalogue) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            msgspec.structs.astuple(snapshot),
        ).rowcount
        if not added:
            return False
        names = ("quarter", "place", *FrozenCell.__struct_fields__)
        marks = ", ".join(["%s"] * len(names))
        with processor.cursor() as cursor:  # no COPY: tables with rules for rows take none
            cursor.executemany(
                f"INSERT INTO figures.cell ({', '.join(names)}) VALUES ({marks})",
                [(snapshot.quarter, place, *msgspec.structs.astuple(cell)) for place, cell in enumerate(made)],
            )
        return True
