"""Counts of the checks, in the role that reads booleans and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from woonketen.contracts.checks import FACTS, FEED, Check, Checks
from woonketen.contracts.errors import ChecksError, Unreachable
from woonketen.projections.measure import hidden_name

ROLE = "woonketen_quality"


class Count(msgspec.Struct, frozen=True):
    """Of one check, for one organisation or (empty) all: rows checked, failed, and hidden by consent."""

    suite: str
    check: str
    org: str
    checked: int
    failed: int
    hidden: int
    grounds: dict[str, int] = {}


def conninfo(dsn: str) -> str:
    """The same database, in the role of quality from the first statement on."""
    return make_conninfo(dsn, options=f"-c role={ROLE}")


@contextmanager
def reading(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """Raises `Unreachable` while the database does not answer or is in recovery, `ChecksError` before `init`."""
    try:
        with psycopg.connect(conninfo(dsn), autocommit=True) as connection:
            row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
            if row and row[0]:
                raise Unreachable("The database is in recovery.", "Run the checks again when it is open for writing.")
            yield connection
    except psycopg.errors.UndefinedTable:
        raise ChecksError("A view that a check reads is not there.", "Run `woonketen init`.") from None
    except (psycopg.errors.InvalidParameterValue, psycopg.errors.InsufficientPrivilege):
        raise ChecksError(
            "The role that reads quality is not there or lacks a right.", "Run `woonketen init`."
        ) from None
    except psycopg.OperationalError:
        raise Unreachable("The database cannot be reached.", "Start it, then do this again.") from None


def table_of(suite: str) -> sql.Composable:
    return sql.Identifier("quality", {FACTS: "fact", FEED: "feed"}.get(suite, f"view_{suite}"))


def expression(checks: Checks, check: Check) -> sql.Composable:
    """The boolean of a check: passed, failed, or null."""
    if check.suite == FACTS:
        at = [each.id for each in checks.of(FACTS)].index(check.id) + 1
        return sql.SQL("ok[{}]").format(sql.Literal(at))
    return sql.Identifier(check.id)


def count(connection: psycopg.Connection[Any], checks: Checks, suite: str) -> list[Count]:
    """Every check of a suite, for each organisation, and for all together."""
    wanted = checks.of(suite)
    parts: list[sql.Composable] = []
    for check in wanted:
        ok = expression(checks, check)
        hidden = sql.Identifier(hidden_name(check)) if check.of_view else sql.SQL("false")
        parts.append(
            sql.SQL("count({ok}), count(*) FILTER (WHERE NOT {ok}), count(*) FILTER (WHERE {hidden})").format(
                ok=ok, hidden=hidden
            )
        )
    # A resident's own rows belong to no organisation: they are in the sum alone.
    query = sql.SQL(
        "SELECT coalesce(org, ''), {} FROM {} GROUP BY GROUPING SETS ((org), ()) HAVING grouping(org) = 1 OR org <> ''"
    ).format(sql.SQL(", ").join(parts), table_of(suite))
    rows = connection.execute(query).fetchall()
    grounds = _grounds(connection, suite)
    found = [_count(check, row, 1 + 3 * at, grounds) for row in rows for at, check in enumerate(wanted)]
    return found or [Count(suite, check.id, "", 0, 0, 0) for check in wanted]


def _count(check: Check, row: Sequence[Any], at: int, grounds: dict[tuple[str, str], dict[str, int]]) -> Count:
    checked, failed, hidden = row[at : at + 3]
    why = grounds.get((check.id, row[0]), {}) if hidden else {}
    return Count(check.suite, check.id, row[0], checked, failed, hidden, why)


def _grounds(connection: psycopg.Connection[Any], suite: str) -> dict[tuple[str, str], dict[str, int]]:
    found: dict[tuple[str, str], dict[str, int]] = {}
    rows = connection.execute("SELECT check_id, org, ground, rows FROM quality.hidden WHERE suite = %s", [suite])
    for check, org, ground, number in rows.fetchall():
        for of in (org, ""):
            told = found.setdefault((check, of), {})
            told[ground] = told.get(ground, 0) + number
    return found


def examples(connection: psycopg.Connection[Any], checks: Checks, most: int) -> list[tuple[str, str, str]]:
    """(check, organisation, the partner's own event id) of a few facts that failed."""
    found: list[tuple[str, str, str]] = []
    for check in checks.of(FACTS):
        query = sql.SQL(
            "SELECT org, event FROM (SELECT org, event, row_number() OVER (PARTITION BY org ORDER BY event) AS place"
            " FROM quality.fact WHERE NOT {}) f WHERE place <= %s ORDER BY org, event"
        ).format(expression(checks, check))
        found += [(check.id, org, event) for org, event in connection.execute(query, [most]).fetchall()]
    return found
