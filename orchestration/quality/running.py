"""A run of the checks from one end to the other, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

import msgspec
import psycopg

from woonketen.contracts import checks as catalogue
from woonketen.contracts.checks import Checks
from woonketen.contracts.errors import ChecksError
from woonketen.orchestration.quality import counts
from woonketen.orchestration.quality.counts import Count
from woonketen.orchestration.quality.examine import examine
from woonketen.orchestration.rebuilding import Source

EXAMPLES = 20
"""Event ids that are kept of what failed, for each check and organisation."""


class Found(msgspec.Struct, frozen=True):
    """`org` is empty for all together. `success`: nothing failed."""

    suite: str
    check: str
    org: str
    level: str
    success: bool
    checked: int
    failed: int
    hidden: int
    grounds: dict[str, int]


class Report(msgspec.Struct, frozen=True):
    run: int
    day: date
    facts: int
    residents: int
    found: list[Found]

    @property
    def blocked(self) -> bool:
        return any(not each.success and each.level == "block" for each in self.found if not each.org)


def run(
    source: Source,
    closed: date,
    *,
    suites: bool = True,
    on_progress: Callable[[str], None] = lambda line: None,
) -> Report:
    """Examines, counts, runs the suites, and keeps the results. Again is another run in the history."""
    checks = catalogue.shipped()
    on_progress("going through the log")
    examined = examine(source, checks, closed, lambda facts: on_progress(f"{facts} facts examined"))
    with counts.reading(source.dsn) as connection:
        counted = [each for suite in checks.suites for each in counts.count(connection, checks, suite)]
        if suites:
            on_progress("running the suites")
            _hold_together(counted, _run_suites(source.dsn, checks))
        found = [_found(checks, each) for each in counted]
        _keep(connection, examined.run, found, counts.examples(connection, checks, EXAMPLES))
    return Report(examined.run, examined.day, examined.facts, examined.residents, found)


def _run_suites(dsn: str, checks: Checks) -> dict[str, bool]:
    from woonketen.orchestration.quality import suites

    with suites.context() as gx:
        source = suites.open_source(gx, dsn)
        return {
            check: passed
            for suite in checks.suites
            for check, passed in suites.run_suite(gx, source, checks, suite).items()
        }


def _hold_together(counted: Iterable[Count], passed: dict[str, bool]) -> None:
    """Two ways to the same answer: where they differ, neither is to be trusted."""
    for each in counted:
        if not each.org and passed[each.check] != (each.failed == 0):
            raise ChecksError(
                f"The suite and the count of {each.check} contradict each other.",
                "Run the checks while nothing is written, and report it if it stays.",
            )


def _found(checks: Checks, each: Count) -> Found:
    level = checks.named(each.check).level
    return Found(
        each.suite, each.check, each.org, level, each.failed == 0, each.checked, each.failed, each.hidden, each.grounds
    )


def _keep(
    connection: psycopg.Connection[Any], run: int, found: list[Found], failed: list[tuple[str, str, str]]
) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO quality.result (run, suite, check_id, org, level, success, checked, failed, hidden, grounds)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [(run, *msgspec.structs.astuple(each)[:-1], msgspec.json.encode(each.grounds).decode()) for each in found],
        )
        cursor.executemany(
            "INSERT INTO quality.example (run, check_id, org, event) VALUES (%s, %s, %s, %s)",
            [(run, *each) for each in failed],
        )
        cursor.execute("UPDATE quality.run SET state = 'checked' WHERE run = %s", [run])


def last(dsn: str, org: str = "") -> list[dict[str, Any]]:
    """The results of the last run, of one organisation or of all together; failed ones first, gravest first."""
    checks = catalogue.by_id(catalogue.shipped())
    with counts.reading(dsn) as connection:
        rows = connection.execute(
            "SELECT r.suite, r.check_id, r.level, r.success, r.checked, r.failed, r.hidden, r.grounds, u.day::text"
            " FROM quality.result r JOIN quality.run u USING (run)"
            " WHERE r.org = %s AND r.run = (SELECT max(run) FROM quality.run WHERE state = 'checked')"
            " ORDER BY r.success, array_position(ARRAY['block', 'warn', 'note'], r.level), r.suite, r.check_id",
            [org],
        ).fetchall()
    names = ("suite", "check", "level", "success", "checked", "failed", "hidden", "grounds", "day")
    return [
        dict(zip(names, row, strict=True))
        | {"means": checks[row[1]].means, "guidance": checks[row[1]].guidance, "owner": checks[row[1]].owner}
        for row in rows
        if row[1] in checks
    ]
