"""report, rehearse: what a steward sends to partners, and the proof that a backup works."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from woonketen.contracts.errors import ConfigurationError
from woonketen.orchestration.cli.base import Context, command, pass_shared


@command()
@click.argument("org", required=False)
@click.option("--all", "every", is_flag=True, help="Of every organisation that delivers.")
@click.option("--month", metavar="YYYY-MM", help="Default the last whole month.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("reports"), show_default=True)
@pass_shared
def report(shared: Context, org: str | None, every: bool, month: str | None, out: Path) -> None:
    """What ORG delivered in a month and what became of it, as a page and a table, for that organisation alone."""
    from woonketen.orchestration.stewardship import report as reports

    if bool(org) == every:
        raise ConfigurationError("A report is about one organisation, or --all of them.", "Give ORG or --all.")
    with shared.platform() as platform:
        dsn = platform.parts.dsn
        first = reports.month_of(month) if month else _last_month(platform.open_day())
        for name in reports.organisations(dsn) if every else [org or ""]:
            done = reports.write(reports.gather(dsn, name, first), out)
            shared.object(done, f"{name}: {done['page']}")


@command()
@click.argument("backup", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@pass_shared
def rehearse(shared: Context, backup: Path) -> None:
    """Restore BACKUP into a scratch database with the erasures of the ledger, look at it, and throw it away.

    The installation itself is not touched. Without the ledger it fails.
    """
    from woonketen.orchestration.rehearsing import rehearse as rehearsed

    shared.object(rehearsed(shared.settings(), backup, shared.say))


def _last_month(today: date) -> date:
    return date(today.year - (today.month == 1), (today.month - 2) % 12 + 1, 1)
