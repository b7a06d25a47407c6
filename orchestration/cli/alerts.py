"""alerts: what asks for a steward's attention."""

from __future__ import annotations

import click

from woonketen.contracts.errors import ConfigurationError
from woonketen.orchestration.cli.base import Context, Group, pass_shared
from woonketen.orchestration.stewardship.watching import REASONS


@click.group(cls=Group)
def alerts() -> None:
    """What asks for a steward's attention: silent feeds, refusals, quarantine, lag, requests near their term."""


@alerts.command()
@pass_shared
def look(shared: Context) -> None:
    """Look at the numbers now; open what is new, close what is over. Prints what was opened."""
    from woonketen.orchestration.stewardship import alerts as kept

    with shared.platform() as platform:
        shared.table(kept.look(platform.parts.dsn), "Nothing new.")


@alerts.command(name="list")
@click.option("--all", "every", is_flag=True, help="Closed ones too.")
@pass_shared
def list_alerts(shared: Context, every: bool) -> None:
    """Open alerts, with the page of the runbook."""
    from woonketen.orchestration.stewardship import alerts as kept

    with shared.platform() as platform:
        shared.table(kept.listed(platform.parts.dsn, every=every), "No alerts.")


@alerts.command()
@click.argument("alert", type=int, metavar="ID")
@click.option("--as", "user", required=True, metavar="STEWARD", help="The steward who acknowledges.")
@click.option("--reason", type=click.Choice(REASONS), required=True)
@pass_shared
def acknowledge(shared: Context, alert: int, user: str, reason: str) -> None:
    """Say that somebody has it; it stays until the concern is gone."""
    from woonketen.orchestration.stewardship import alerts as kept

    with shared.platform() as platform:
        who = platform.user(user)
        if who.role != "steward":
            raise ConfigurationError("Only a steward acknowledges an alert.", "Name a steward with --as.")
        shared.object(kept.acknowledge(platform.parts.dsn, alert, f"steward of {who.org}", reason))
