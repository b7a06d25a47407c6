"""Numbers of the log that count for nothing, after a database was put back from before what Kafka holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from woonketen.contracts.facts import Record
from woonketen.streams.postgres.errors import told

Voids = Mapping[int, Sequence[tuple[int, int]]]
"""First and last number of each stretch, per partition."""


def load_voids(connection: psycopg.Connection[Any]) -> Voids:
    found: dict[int, list[tuple[int, int]]] = {}
    with told():
        rows = connection.execute("SELECT partition, first, last FROM log.void ORDER BY partition, first").fetchall()
    for partition, first, last in rows:
        found.setdefault(partition, []).append((first, last))
    return found


def emptied(record: Record, voids: Voids) -> Record:
    """The record, or what stands for it where its number counts for nothing: about nobody, and without a text."""
    if any(first <= record.seq <= last for first, last in voids.get(record.partition, ())):
        return Record(record.partition, record.seq, record.day, "fact", None, None, b"")
    return record


def is_void(record: Record) -> bool:
    return record.kind == "fact" and record.ref is None and record.kid is None and not record.sealed
