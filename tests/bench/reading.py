"""What the filter costs: a view of ten thousand residents, read as the role that may, and the same without row-level
security. The record of the look is measured apart. The limit is the issue's."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import psycopg
from bench.report import Report
from chaos.office import office
from chaos.town import FIRST_DAY, GI, OW
from psycopg import sql

from woonketen.contracts.ports import Shown
from woonketen.contracts.views import ActionLine, Corporatie, Late, Row, Wijkteam
from woonketen.projections import people, sets
from woonketen.projections.people import User
from woonketen.projections.store import PostgresViews

LIMIT = 1.3
ROUNDS = 15
DISTRICTS = tuple(f"WK99{number:04}" for number in range(20))


def reading(report: Report, residents: int) -> None:
    with office() as made:
        made("init", "--open-day", FIRST_DAY.isoformat())
        with made.platform(), made.sql() as owner:
            fill(owner, residents)
            landlord = people.add_user(owner, "bench-huur", org=OW, role="corporatie")
            team = people.add_user(owner, "bench-wijk", org=GI, role="wijkteam", districts=DISTRICTS[:10])
            compare(report, owner, landlord, "", residents)
            half = "WHERE v_district = ANY(%s)"
            compare(report, owner, team, half, residents, [list(DISTRICTS[:10])])
            looks(report, owner, landlord, residents)


def fill(owner: psycopg.Connection[Any], residents: int) -> None:
    """A lease and a row of a district each, as wide as they are in life."""
    _, code = sets.live_set(owner)
    with psycopg.connect(owner.info.dsn, password=owner.info.password, autocommit=True) as processor:
        processor.execute("SET ROLE woonketen_processor")
        with PostgresViews(processor, code).batch(0) as batch:
            batch.show([shown(number) for number in range(residents)], {})
    owner.execute("VACUUM ANALYZE")


def shown(number: int) -> Shown:
    due = FIRST_DAY + timedelta(days=number % 60 - 30)
    action = ActionLine(action="open_mail", domain="housing", owner=OW, due_on=due, state="open")
    lease = Corporatie(
        resident=f"C-{number:06d}", lease_id=f"L-{number:06d}", kind="indefinite", started_on=date(2025, 3, 1),
        outstanding_cents=number, months_outstanding=0.5, own_actions=[action],
    )  # fmt: skip
    row = Wijkteam(resident=f"G-{number:06d}", programme="buddy", enrolled_on=FIRST_DAY, phase="plan", actions_open=1)
    district = DISTRICTS[number % len(DISTRICTS)]
    return Shown(
        ref=number.to_bytes(16, "big"),
        rows=[
            Row(view="corporatie", key=lease.lease_id, org=OW, data=lease, sources=[OW]),
            Row(view="wijkteam", key=GI, org=GI, district=district, data=row, late=Late(open_due=[due]), sources=[GI]),
        ],
    )


def compare(
    report: Report, owner: psycopg.Connection[Any], user: User, where: str, residents: int, values: Any = None
) -> None:
    """In turns, so that what else the machine does falls on both; the median of each. Without the filter the same rows
    are asked for by name."""
    view = user.role
    filtered, plain = [], []
    with owner.transaction(force_rollback=True):
        (query,) = owner.execute(f"SELECT pg_get_viewdef('view_{view}.with_id'::regclass)").fetchone() or ("",)  # type: ignore[call-overload]
        by_hand = query.rstrip().rstrip(";") + f" {where}"
        for _ in range(ROUNDS):
            owner.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(user.rolname)))
            filtered.append(timed(lambda: owner.execute(f"SELECT * FROM view_{view}.with_id").fetchall()))  # type: ignore[call-overload]
            owner.execute("RESET ROLE")
            plain.append(timed(lambda: owner.execute(by_hand, values).fetchall()))  # type: ignore[call-overload]
    rows = filtered[0][1]
    assert rows == plain[0][1] > 0, "both read the same rows"
    with_rules, without = (statistics.median(each for each, _ in found) for found in (filtered, plain))
    ratio = with_rules / without
    name = f"view {view} of {residents:,} residents as its role, against no row-level security"
    verdict = "within" if ratio <= LIMIT else "ABOVE"
    text = f"{ratio:.2f} times, {verdict} the limit of {LIMIT} ({rows:,} rows, {1000 * with_rules:.0f} ms)"
    report.line(name, {"ratio": ratio, "limit": LIMIT, "rows": rows}, text)


def looks(report: Report, owner: psycopg.Connection[Any], user: User, residents: int) -> None:
    found = []
    for _ in range(3):
        with owner.transaction(force_rollback=True):
            owner.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(user.rolname)))
            ids = [row[0] for row in owner.execute("SELECT v_id FROM view_corporatie.with_id").fetchall()]
            record = "SELECT gate.record_look('corporatie', %b, '{}')"
            found.append(timed(lambda: owner.execute(record, [ids]).fetchall())[0])
    seconds = statistics.median(found)
    report.line(f"the record of that look, {residents:,} lines", seconds, f"{1000 * seconds:.0f} ms")


def timed(do: Callable[[], list[Any]]) -> tuple[float, int]:
    began = time.perf_counter()
    rows = len(do())
    return time.perf_counter() - began, rows


def main() -> None:
    """This one alone: `python -m bench.reading` in `tests`."""
    from pathlib import Path

    reading(Report({"events_wanted": 0}, Path("bench-out")), 10_000)


if __name__ == "__main__":
    main()
