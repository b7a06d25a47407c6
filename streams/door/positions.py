"""Where a partner's topic was admitted up to, and what it is still to be told: rows of admission's own transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import psycopg

from woonketen.streams.door.standing import Seals


class Door(msgspec.Struct, frozen=True):
    topic: str
    partition: int


def claim(connection: psycopg.Connection[Any], door: Door, org: str) -> int:
    """The first offset that was not admitted yet; whoever else comes with messages of this partition waits."""
    connection.execute(
        "INSERT INTO admission.door (topic, partition, org, next) VALUES (%s, %s, %s, 0) ON CONFLICT DO NOTHING",
        [door.topic, door.partition, org],
    )
    row = connection.execute(
        "SELECT next FROM admission.door WHERE topic = %s AND partition = %s FOR UPDATE", [door.topic, door.partition]
    ).fetchone()
    assert row is not None
    return int(row[0])


def move(connection: psycopg.Connection[Any], door: Door, following: int) -> None:
    connection.execute(
        "UPDATE admission.door SET next = %s WHERE topic = %s AND partition = %s",
        [following, door.topic, door.partition],
    )


def known(connection: psycopg.Connection[Any]) -> dict[Door, int]:
    rows = connection.execute("SELECT topic, partition, next FROM admission.door").fetchall()
    return {Door(topic, partition): following for topic, partition, following in rows}


def organisations(connection: psycopg.Connection[Any]) -> set[str]:
    """Who comes in by Kafka."""
    return {org for (org,) in connection.execute("SELECT DISTINCT org FROM admission.door").fetchall()}


def begin(connection: psycopg.Connection[Any], door: Door, org: str, at: int) -> None:
    """A partition that is new, or whose messages before `at` are no longer there; or one that was made anew."""
    connection.execute(
        "INSERT INTO admission.door (topic, partition, org, next) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (topic, partition) DO UPDATE SET next = excluded.next",
        [door.topic, door.partition, org, at],
    )


def note(connection: psycopg.Connection[Any], ends: Mapping[Door, int]) -> None:
    """How far each partition goes, as seen now; for whoever asks after the lag."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE admission.door SET ends = %s, seen = now() WHERE topic = %s AND partition = %s",
            [(end, door.topic, door.partition) for door, end in ends.items()],
        )


def reply(connection: psycopg.Connection[Any], seals: Seals, org: str, receipts: Sequence[Mapping[str, Any]]) -> None:
    """Receipts for `refused.<org>`, in this order."""
    if receipts:
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO admission.reply (org, sealed) VALUES (%s, %b)",
                [(org, seals.seal(msgspec.json.encode(each), org.encode())) for each in receipts],
            )


def replies(
    connection: psycopg.Connection[Any], seals: Seals, most: int, without: Sequence[str] = ()
) -> list[tuple[int, str, bytes]]:
    """Receipts that wait, in their order: number, organisation, JSON. The oldest of each organisation but those of
    `without`, all as far as `most` goes round: one that many wait for takes nobody else's place."""
    with connection.cursor(binary=True) as cursor:
        cursor.execute(
            "SELECT r.id, r.org, r.sealed FROM admission.reply r JOIN"
            " (SELECT id, row_number() OVER (PARTITION BY org ORDER BY id) AS place FROM admission.reply"
            "  WHERE org <> ALL(%s) ORDER BY place, id LIMIT %s) first USING (id) ORDER BY r.id",
            [list(without), most],
        )
        return [(number, org, seals.open(sealed, org.encode())) for number, org, sealed in cursor.fetchall()]
