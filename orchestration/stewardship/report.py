"""A partner's report of a month: what it delivered and what became of it, as a page and as a table. It speaks of one
organisation, and names events only by that organisation's own ids."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from woonketen.contracts import checks as catalogue
from woonketen.contracts.calendar import add_months
from woonketen.contracts.dutch import day as in_dutch
from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.refusals import told
from woonketen.orchestration.quality.counts import reading
from woonketen.orchestration.stewardship.trend import trend

STATUSES: Mapping[str, str] = {
    "accepted": "aangenomen",
    "parked": "wacht nog",
    "duplicate": "dubbel",
    "refused": "geweigerd",
}
EXAMPLES = 5


class Refused(msgspec.Struct, frozen=True):
    type: str | None
    reason: str
    detail: str | None
    mend: str | None
    n: int


class Check(msgspec.Struct, frozen=True):
    """`examples`: the partner's own event ids."""

    id: str
    level: str
    checked: int
    failed: int
    hidden: int
    means: str
    guidance: str
    examples: list[str]


class Report(msgspec.Struct, frozen=True):
    """`days`: per day of the month what was sent, by status; `sent`: the same of the whole month; `late`, `corrected`:
    facts that became known in the month; `silent`: days without a sign of life; `checks`: those that failed."""

    org: str
    month: date
    days: list[tuple[date, dict[str, int]]]
    sent: dict[str, int]
    refused: list[Refused]
    facts: int
    late: int
    corrected: int
    silent: list[date]
    checks: list[Check]


def month_of(told: str) -> date:
    """The first day of `YYYY-MM`. Raises `ConfigurationError`."""
    try:
        return date.fromisoformat(f"{told}-01")
    except ValueError:
        raise ConfigurationError("That is no month.", "Give one like 2026-08.") from None


def gather(dsn: str, org: str, month: date) -> Report:
    """Raises `ConfigurationError` for an organisation that is not there."""
    with reading(dsn) as connection:
        if connection.execute("SELECT FROM quality.delivery WHERE org = %s", [org]).fetchone() is None:
            raise ConfigurationError("There is no such organisation.", "Look at `woonketen org list`.")
        return _gather(connection, org, month)


def organisations(dsn: str) -> list[str]:
    with reading(dsn) as connection:
        rows = connection.execute("SELECT org FROM quality.delivery WHERE NOT gone ORDER BY org").fetchall()
    return [org for (org,) in rows]


def _gather(connection: psycopg.Connection[Any], org: str, month: date) -> Report:
    until = add_months(month, 1)
    span = [org, month, until]
    days: dict[date, dict[str, int]] = {month + timedelta(days=n): {} for n in range((until - month).days)}
    for day, status, number in connection.execute(
        "SELECT day, status, n FROM quality.sent WHERE org = %s AND day >= %s AND day < %s", span
    ).fetchall():
        days[day][status] = number
    refused = connection.execute(
        "SELECT type, reason, detail, mend, sum(n)::bigint AS number FROM quality.refused"
        " WHERE org = %s AND day >= %s AND day < %s GROUP BY 1, 2, 3, 4 ORDER BY number DESC, 2, 1, 3",
        span,
    ).fetchall()
    checks = catalogue.shipped()
    late = [each.id for each in checks.of(catalogue.FACTS)].index("late_week") + 1
    facts = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE NOT ok[%s]), count(*) FILTER (WHERE corrected) FROM quality.fact"
        " WHERE org = %s AND known >= %s AND known < %s",
        [late, *span],
    ).fetchone() or (0, 0, 0)
    silent = connection.execute(
        "SELECT day FROM quality.silence WHERE org = %s AND day >= %s AND day < %s ORDER BY day", span
    ).fetchall()
    return Report(
        org=org,
        month=month,
        days=list(days.items()),
        sent={status: sum(day.get(status, 0) for day in days.values()) for status in STATUSES},
        refused=[Refused(*row) for row in refused],
        facts=facts[0],
        late=facts[1],
        corrected=facts[2],
        silent=[day for (day,) in silent],
        checks=_checks(connection, checks, org),
    )


def _checks(connection: psycopg.Connection[Any], checks: catalogue.Checks, org: str) -> list[Check]:
    rows = connection.execute(
        "SELECT r.check_id, r.level, r.checked, r.failed, r.hidden,"
        " ARRAY(SELECT e.event FROM quality.example e WHERE e.run = r.run AND e.check_id = r.check_id AND e.org = r.org"
        "       ORDER BY e.event LIMIT %s)"
        " FROM quality.result r WHERE r.org = %s AND NOT r.success"
        " AND r.run = (SELECT max(run) FROM quality.run WHERE state = 'checked')"
        " ORDER BY array_position(ARRAY['block', 'warn', 'note'], r.level), r.failed DESC, r.check_id",
        [EXAMPLES, org],
    ).fetchall()
    known = catalogue.by_id(checks)
    return [
        Check(check, level, checked, failed, hidden, known[check].means, known[check].guidance, list(found))
        for check, level, checked, failed, hidden, found in rows
        if check in known
    ]


# --- what is written ---


def page(report: Report) -> str:
    """A page of its own: no script, no other file, printable."""
    from jinja2 import Environment, StrictUndefined

    text = (files("woonketen.orchestration") / "stewardship" / "report.html").read_text("utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["dag"] = in_dutch
    environment.filters["weigering"] = told
    return environment.from_string(text).render(
        report=report,
        statuses=STATUSES,
        of_feed={each.id for each in catalogue.shipped().of(catalogue.FEED)},
        trend=trend(report.days),
        month=_month(report.month),
    )


def table(report: Report) -> str:
    """As CSV for a spreadsheet: `;` between, a mark for UTF-8 in front, no formula in any cell."""
    out = io.StringIO()
    rows = csv.writer(out, delimiter=";", lineterminator="\r\n")
    rows.writerow(["onderdeel", "soort", "reden", "veld", "herstel", "aantal", "voorbeelden"])
    for status, label in STATUSES.items():
        rows.writerow(["geleverd", label, "", "", "", report.sent[status], ""])
    for each in report.refused:
        mend = " ".join(filter(None, [told(each.reason).mend, each.mend]))
        rows.writerow(["geweigerd", each.type or "", told(each.reason).what, each.detail or "", mend, each.n, ""])
    rows.writerow(["laat verteld", "", "", "", "", report.late, ""])
    rows.writerow(["verbeterd", "", "", "", "", report.corrected, ""])
    rows.writerow(["dagen zonder levensteken", "", "", "", "", len(report.silent), ""])
    for check in report.checks:
        rows.writerow(["controle", check.id, check.means, "", check.guidance, check.failed, " ".join(check.examples)])
    return "\ufeff" + out.getvalue()


def write(report: Report, folder: Path) -> dict[str, Any]:
    """Into a folder of this organisation alone, readable by the owner alone; again replaces it."""
    place = folder / report.org
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        place.chmod(0o700)
        name = f"{report.month:%Y-%m}"
        for ending, text in ((".html", page(report)), (".csv", table(report))):
            with open(os.open(place / f"{name}{ending}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(text)
    except OSError as error:
        raise ConfigurationError(f"{place} cannot be written: {error.strerror}.", "Name another folder.") from None
    return {"org": report.org, "month": name, "delivered": sum(report.sent.values()), "refused": report.sent["refused"],
            "failed_checks": len(report.checks), "page": str(place / f"{name}.html")}  # fmt: skip


_MONTHS = (
    "januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november",
    "december",
)  # fmt: skip


def _month(month: date) -> str:
    return f"{_MONTHS[month.month - 1]} {month.year}"
