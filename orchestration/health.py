"""Whether a worker of the scaled engine is at work, by what it tells of itself in the database."""

from __future__ import annotations

import socket
from datetime import date, datetime
from typing import Any

import psycopg

from woonketen.streams.postgres.errors import told

STILL = "30 seconds"
MOST_DAYS = 1
ALONE = ("doors", "relay")
"""What admission does, and one process at a time: while one of them moves, those who stand by are well too."""


def reason_to_worry(connection: psycopg.Connection[Any], what: str, open_day: date) -> str | None:
    """A sentence, or None. A step is one of this computer, because each container has a name of its own."""
    if what == "clock":
        return _late(open_day)
    with told():
        if what == "step":
            row = connection.execute(
                f"SELECT count(*) FROM log.worker WHERE at > clock_timestamp() - interval '{STILL}'"
                " AND starts_with(name, %s)",
                [f"{socket.gethostname()}:"],
            ).fetchone()
            return None if row and row[0] else "No step of this computer has told of itself for half a minute."
        row = connection.execute(
            f"SELECT count(*) FROM log.beat WHERE at > clock_timestamp() - interval '{STILL}' AND name = ANY(%s)",
            [list(ALONE)],
        ).fetchone()
    moving = int(row[0]) if row else 0
    return None if moving == len(ALONE) else "The doors or the relay have stood still for half a minute."


def _late(open_day: date) -> str | None:
    from woonketen.orchestration.platform import TOWN

    late = (datetime.now(TOWN).date() - open_day).days
    return None if late <= MOST_DAYS else f"{late} days wait to be closed."
