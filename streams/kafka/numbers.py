"""How far the scaled engine is: what waits for Kafka, and how far each partner's topic was admitted. SQL only: it
needs no client of Kafka."""

from __future__ import annotations

from typing import Any

import psycopg

from woonketen.streams.postgres.errors import told


def waiting(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """Per partition what is not acknowledged: `{"partition", "window", "oldest_seconds"}`."""
    with told():
        rows = connection.execute(
            "SELECT c.partition, count(w.seq), extract(epoch FROM clock_timestamp() - min(w.at))::float8"
            " FROM log.counter c LEFT JOIN log.relay a USING (partition)"
            " LEFT JOIN log.window w ON w.partition = c.partition AND w.seq > coalesce(a.acked, 0)"
            " GROUP BY c.partition ORDER BY c.partition"
        ).fetchall()
    return [
        {"partition": partition, "window": n, "oldest_seconds": None if age is None else round(max(age, 0.0), 1)}
        for partition, n, age in rows
    ]


def lag(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """Per organisation that comes in by Kafka: `{"org", "admitted", "lag", "seen", "replies"}`; `seen`: when the door
    looked at its topic last."""
    with told():
        rows = connection.execute(
            "SELECT d.org, sum(d.next), sum(greatest(d.ends - d.next, 0)), max(d.seen),"
            " (SELECT count(*) FROM admission.reply r WHERE r.org = d.org)"
            " FROM admission.door d GROUP BY d.org ORDER BY d.org"
        ).fetchall()
    return [
        {
            "org": org,
            "admitted": int(following),
            "lag": None if behind is None else int(behind),
            "seen": None if seen is None else seen.isoformat(timespec="seconds"),
            "replies": replies,
        }
        for org, following, behind, seen, replies in rows
    ]


def workers(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """Workers of the step that were heard of in the last half minute: `{"worker", "partitions", "rebalances",
    "applied", "copies", "aliens"}`; `copies`: records that came more than once; `aliens`: messages that are no
    record."""
    with told():
        rows = connection.execute(
            "SELECT name, partitions, rebalances, applied, copies, aliens FROM log.worker"
            " WHERE at > clock_timestamp() - interval '30 seconds' ORDER BY name"
        ).fetchall()
    names = ("worker", "partitions", "rebalances", "applied", "copies", "aliens")
    return [dict(zip(names, row, strict=True)) for row in rows]
