"""retention: what is past its term, what a steward approves to go, and what a legal hold keeps."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any, get_args

import click

from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.payloads import lists
from woonketen.orchestration.cli.base import Context, Group, pass_shared, write_json
from woonketen.orchestration.cli.feed import DAY

REASONS = ["court_case", "complaint", "supervision", "claim", "other"]
ACTIVITIES = list(get_args(lists.Activity))
STEWARD = click.option("--as", "user", required=True, metavar="STEWARD", help="A steward of the controller.")
CERTIFICATE = click.option(
    "--certificate", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="The certificate as JSON."
)


@click.group(cls=Group)
def retention() -> None:
    """Terms per controller and activity: what is past them, and how it goes."""


@retention.command()
@click.option("--on", type=DAY, metavar="DATE", help="As of this day (default: the open day).")
@pass_shared
def due(shared: Context, on: datetime | None) -> None:
    """What is past its term: counts per controller and activity, and the list that a steward approves."""
    with shared.platform() as platform:
        shared.table(platform.retention.due(_day(on)), "Nothing is past its term.")


@retention.command(name="sleeping")
@click.option("--on", type=DAY, metavar="DATE", help="As of this day (default: the open day).")
@pass_shared
def list_sleeping(shared: Context, on: datetime | None) -> None:
    """Residents who run on while nobody tells anything: counts per controller. Nothing goes by it: ask who enrolled."""
    with shared.platform() as platform:
        shared.table(platform.retention.sleeping(_day(on)), "Nobody sleeps.")


@retention.command()
@click.option("--list", "listed", required=True, metavar="ID", help="As `retention due` names it.")
@STEWARD
@CERTIFICATE
@pass_shared
def run(shared: Context, listed: str, user: str, certificate: Path | None) -> None:
    """Approve a list, and remove exactly what is in it. It cannot be undone, also not by a backup.

    A list that changed since is refused. Cut off, the same command goes on; again is nothing.
    """
    with shared.platform() as platform:
        _give(shared, platform.retention.run(listed, platform.user(user)), certificate)


@retention.command(name="certificate")
@click.argument("listed", metavar="ID")
@CERTIFICATE
@pass_shared
def show_certificate(shared: Context, listed: str, certificate: Path | None) -> None:
    """What was removed by a list: counts, terms, approval, and the lines of the ledger that prove it."""
    with shared.platform() as platform:
        _give(shared, platform.retention.certificate(listed), certificate)


@retention.command()
@pass_shared
def terms(shared: Context) -> None:
    """The terms that hold, with the article or decision behind each."""
    from woonketen.orchestration.wiring import rulebook

    rows = [
        {"controller": row.controller, "activity": row.activity, "basis": row.basis,
         "categories": " ".join(row.categories), "months": row.months, "from": row.since, "article": row.article}
        for row in rulebook(shared.settings()).terms.rows
    ]  # fmt: skip
    shared.table(rows, "No terms.")


@retention.group()
def hold() -> None:
    """A legal hold: what may not go, whatever its term."""


@hold.command()
@click.option("--org", required=True, metavar="ORG", help="The controller.")
@click.option("--subject", metavar="S", help="One resident, by its own pseudonym; or")
@click.option("--activity", type=click.Choice(ACTIVITIES), help="everything of this activity.")
@click.option("--reason", type=click.Choice(REASONS), required=True)
@click.option("--until", type=DAY, required=True, metavar="DATE", help="Its last day.")
@STEWARD
@pass_shared
def add(
    shared: Context, org: str, subject: str | None, activity: str | None, reason: str, until: datetime, user: str
) -> None:
    """Keep what ORG told about a resident, or for an activity."""
    if bool(subject) == bool(activity):
        raise ConfigurationError("A hold is about a resident or an activity.", "Give --subject or --activity.")
    with shared.platform() as platform:
        shared.object(platform.retention.holds.add(platform.user(user), org, subject, activity, reason, until.date()))


@hold.command(name="list")
@pass_shared
def list_holds(shared: Context) -> None:
    """Every hold; never whom it is about."""
    with shared.platform() as platform:
        shared.table(platform.retention.holds.everything(), "No holds.")


@hold.command(name="end")
@click.argument("number", type=int, metavar="ID")
@STEWARD
@pass_shared
def end_hold(shared: Context, number: int, user: str) -> None:
    """End a hold before its day."""
    with shared.platform() as platform:
        shared.object(platform.retention.holds.end(platform.user(user), number))


def _give(shared: Context, found: dict[str, Any], path: Path | None) -> None:
    if path is None:
        shared.object(found)
        return
    import msgspec

    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.", "Name another place.") from None
    write_json([found]) if shared.json else shared.say(f"The certificate stands in {path}.")


def _day(given: datetime | None) -> date | None:
    return given.date() if given else None
