"""quality: the data steward's checks."""

from __future__ import annotations

import sys

import click

from woonketen.orchestration.cli.base import Context, Group, pass_shared


@click.group(cls=Group)
def quality() -> None:
    """The data steward's checks: of feeds, of the log's facts, and of every view."""


@quality.command()
@click.option("--no-suites", is_flag=True, help="Count only; without Great Expectations.")
@pass_shared
def run(shared: Context, no_suites: bool) -> None:
    """Go through the log, run every suite, keep the result; exit code 1 when a check that blocks failed."""
    with shared.platform() as platform:
        report = platform.check_quality(suites=not no_suites, on_progress=shared.say)
    failed = [each for each in report.found if not each.org and not each.success]
    shared.object(
        {
            "run": report.run,
            "day": report.day.isoformat(),
            "facts": report.facts,
            "residents": report.residents,
            "checks": len({each.check for each in report.found}),
            "failed": len(failed),
            "blocked": report.blocked,
        }
    )
    if report.blocked:
        sys.exit(1)


@quality.command()
@click.option("--org", default="", metavar="ORG", help="Of one organisation; default all together.")
@click.option("--failed", is_flag=True, help="Only what failed.")
@pass_shared
def show(shared: Context, org: str, failed: bool) -> None:
    """The last run: rows checked, failed, and hidden by consent, with what it means and what mends it."""
    with shared.platform() as platform:
        rows = [row for row in platform.quality(org) if not failed or not row["success"]]
        shared.table(rows, "No results. Run `woonketen quality run` first.", () if shared.json else _COLUMNS)


@quality.command()
@click.argument("check")
@click.argument("one", metavar="USER")
@click.argument("other", metavar="USER2")
@pass_shared
def compare(shared: Context, check: str, one: str, other: str) -> None:
    """The same check for two people, and why the answers differ. No row is shown, so no look is recorded."""
    with shared.platform() as platform:
        found = platform.compare_quality(check, one, other)
        lines = [f"{side['viewer']}: {side['rows']} rows, {side['checked']} checked, {side['hidden']} hidden, "
                 f"{side['failed']} failed" for side in found["sides"]]  # fmt: skip
        shared.object(found, "\n".join([found["means"], *lines, *(found["difference"] or ["Geen verschil."])]))


@quality.command()
@pass_shared
def checks(shared: Context) -> None:
    """The catalogue: every check with its suite, level and meaning."""
    from woonketen.contracts.checks import shipped

    rows = [
        {"id": each.id, "suite": each.suite, "kind": each.kind, "level": each.level, "owner": each.owner,
         "means": each.means, "guidance": each.guidance}
        for each in shipped().checks
    ]  # fmt: skip
    shared.table(rows, "", () if shared.json else ("id", "suite", "level", "means"))


_COLUMNS = ("suite", "check", "level", "success", "checked", "failed", "hidden")
