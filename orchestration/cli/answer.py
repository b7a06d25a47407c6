"""acknowledge, contest: what a viewer or the resident says back to a warning; it goes to the log like any event."""

from __future__ import annotations

import click

from woonketen.orchestration.cli.base import Context, command, pass_shared
from woonketen.orchestration.cli.look import AS

REASONS = ["acting", "already_known", "no_concern", "wrong_data", "resident_objects", "other"]
CONTESTS = ["wrong_data", "no_concern", "already_solved", "not_about_me", "other"]


@command()
@click.argument("warning_id", metavar="WARNING_ID")
@AS
@click.option("--reason", type=click.Choice(REASONS), required=True)
@pass_shared
def acknowledge(shared: Context, warning_id: str, user: str, reason: str) -> None:
    """Say what is done with a warning. After `no_concern` or `already_known` that indicator is quiet for a while."""
    with shared.platform() as platform:
        shared.object(platform.answer(warning_id, user, "acknowledged", reason))


@command()
@click.argument("warning_id", metavar="WARNING_ID")
@AS
@click.option("--reason", type=click.Choice(CONTESTS), default="wrong_data", show_default=True)
@pass_shared
def contest(shared: Context, warning_id: str, user: str, reason: str) -> None:
    """As the resident: say that a warning is not right. It is answered within five working days."""
    with shared.platform() as platform:
        shared.object(platform.answer(warning_id, user, "contested", reason))
