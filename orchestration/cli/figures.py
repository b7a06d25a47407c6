"""figures: the frozen tables for policy and council."""

from __future__ import annotations

import sys

import click

from woonketen.orchestration.cli.base import Context, Group, pass_shared


@click.group(cls=Group)
def figures() -> None:
    """The frozen tables for policy and council."""


@figures.command()
@click.option("--quarter", metavar="YYYYQn", help="Like 2026Q3; default the last one that is over.")
@pass_shared
def freeze(shared: Context, quarter: str | None) -> None:
    """Count a quarter and freeze it, protected; again is nothing."""
    with shared.platform() as platform:
        shared.object(
            platform.freeze_figures(quarter, lambda households: shared.say(f"counted {households} households"))
        )


@figures.command()
@click.option("--histories", default=2_000, show_default=True, help="Simulated histories for each kind of town.")
@pass_shared
def attack(shared: Context, histories: int) -> None:
    """Try to learn of one household from eight snapshots, under the rules as they are; exit code 1 when it works."""
    from woonketen.orchestration.figures import try_attack

    findings = try_attack(histories)
    shared.table(
        [
            {
                "households": each.town.households,
                "share": each.town.share,
                "churn": each.town.churn,
                "accuracy": each.accuracy,
                "certain": each.certain,
            }
            for each in findings
        ],
        "",
    )
    if any(each.certain for each in findings):
        sys.exit(1)
