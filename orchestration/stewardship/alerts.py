"""Alerts in the database: one open per concern, closed by itself when that is gone, acknowledged by a steward."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg

from woonketen.contracts.errors import ConfigurationError
from woonketen.orchestration.quality.counts import reading
from woonketen.orchestration.stewardship.watching import RUNBOOK, Numbers, Worry, worries

_ONE_AT_A_TIME = 0x776B_0070


def look(dsn: str, kinds: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """Looks at the numbers now, opens and closes alerts, and returns those that were opened. Again is nothing.

    `kinds`: only these concerns; default all.
    """
    wanted = set(kinds) if kinds is not None else set(RUNBOOK)
    with reading(dsn) as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
        found = [worry for worry in worries(numbers(connection)) if worry.kind in wanted]
        return _keep(connection, found, wanted)


def _keep(connection: psycopg.Connection[Any], found: list[Worry], kinds: set[str]) -> list[dict[str, Any]]:
    rows = connection.execute("SELECT kind, subject, alert FROM quality.alert WHERE closed_at IS NULL").fetchall()
    standing = {(kind, subject): alert for kind, subject, alert in rows if kind in kinds}
    gone = [alert for key, alert in standing.items() if key not in {(each.kind, each.subject) for each in found}]
    connection.execute("UPDATE quality.alert SET closed_at = now() WHERE alert = ANY (%s)", [gone])
    opened = []
    for worry in found:
        if (worry.kind, worry.subject) in standing:
            connection.execute(
                "UPDATE quality.alert SET number = %s, seen_at = now() WHERE alert = %s",
                [worry.number, standing[(worry.kind, worry.subject)]],
            )
            continue
        row = connection.execute(
            "INSERT INTO quality.alert (kind, subject, number) VALUES (%s, %s, %s) RETURNING alert",
            [worry.kind, worry.subject, worry.number],
        ).fetchone()
        opened.append(
            {"alert": row[0] if row else 0, "kind": worry.kind, "org": worry.subject or None, "number": worry.number,
             "runbook": worry.runbook}
        )  # fmt: skip
    return opened


def listed(dsn: str, *, every: bool = False) -> list[dict[str, Any]]:
    """Open ones, newest first; with `every` closed ones too."""
    with reading(dsn) as connection:
        rows = connection.execute(
            "SELECT alert, kind, nullif(subject, ''), number, opened_at::timestamptz(0)::text, reason, acknowledged_as,"
            " closed_at::timestamptz(0)::text FROM quality.alert WHERE closed_at IS NULL OR %s ORDER BY alert DESC",
            [every],
        ).fetchall()
    names = ("alert", "kind", "org", "number", "opened_at", "reason", "acknowledged_as", "closed_at")
    return [dict(zip(names, row, strict=True)) | {"runbook": RUNBOOK.get(row[1])} for row in rows]


def acknowledge(dsn: str, alert: int, role: str, reason: str) -> dict[str, Any]:
    """By `role` at an organisation, never by name. Raises `ConfigurationError` for one that is not open."""
    with reading(dsn) as connection:
        row = connection.execute(
            "UPDATE quality.alert SET acknowledged_at = now(), acknowledged_as = %s, reason = %s"
            " WHERE alert = %s AND closed_at IS NULL RETURNING alert",
            [role, reason, alert],
        ).fetchone()
    if row is None:
        raise ConfigurationError("There is no open alert of that number.", "Look at `woonketen alerts list`.")
    return {"alert": alert, "reason": reason}


def numbers(connection: psycopg.Connection[Any]) -> Numbers:
    silent = connection.execute("SELECT org FROM quality.feed WHERE NOT feed_silent").fetchall()
    refused = connection.execute("SELECT org, refused, sent FROM quality.fortnight WHERE refused > 0").fetchall()
    desk = connection.execute("SELECT quarantined, requests_urgent FROM quality.desk").fetchone() or (0, 0)
    lag = connection.execute("SELECT coalesce(sum(lag), 0) FROM quality.partition").fetchone() or (0,)
    blocked = connection.execute(
        "SELECT count(*) FROM quality.result WHERE org = '' AND NOT success AND level = 'block'"
        " AND run = (SELECT max(run) FROM quality.run WHERE state = 'checked')"
    ).fetchone() or (0,)
    return Numbers(
        silent=tuple(org for (org,) in silent),
        refused={org: (int(one), int(of)) for org, one, of in refused},
        quarantined=desk[0],
        lag=int(lag[0]),
        urgent=desk[1],
        blocked=blocked[0],
    )
