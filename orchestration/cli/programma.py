"""programma: figures of a pilot, released by two members of its steering group."""

from __future__ import annotations

import click

from woonketen.orchestration.cli.base import Context, Group, pass_shared
from woonketen.orchestration.cli.look import AS
from woonketen.orchestration.pilots import FIGURES, PROGRAMMES


@click.group(cls=Group)
def programma() -> None:
    """How a pilot went: a figure leaves the steering group when two of its members release it."""


@programma.command()
@click.argument("figure", type=click.Choice(FIGURES), metavar="FIGURE")
@click.option("--programme", type=click.Choice(PROGRAMMES), required=True, metavar="P")
@click.option("--cohort", metavar="C", help="Only this cohort.")
@AS
@pass_shared
def propose(shared: Context, figure: str, programme: str, cohort: str | None, user: str) -> None:
    """Count FIGURE and propose to release it: completed, housed_3, housed_6, housed_12, housed_24, tenancy_kept,
    goals_met."""
    with shared.platform() as platform:
        shared.object(platform.propose_figure(user, figure, programme, cohort))


@programma.command()
@click.argument("number", type=int, metavar="ID")
@AS
@pass_shared
def confirm(shared: Context, number: int, user: str) -> None:
    """As another member: release a figure, if you count the same."""
    with shared.platform() as platform:
        shared.object(platform.confirm_figure(user, number))


@programma.command(name="list")
@AS
@pass_shared
def list_figures(shared: Context, user: str) -> None:
    """Figures that were released; for a member also what is proposed."""
    with shared.platform() as platform:
        shared.table(platform.view("programma_figures", user), "Geen cijfers.")
