"""The jobs: each op runs one command of `woonketen`. A failed run can be started again without harm, because every
command can. Two that must not meet share a pool of one."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from woonketen.contracts.errors import ConfigurationError
from woonketen.orchestration.stewardship import commands, numbers
from woonketen.orchestration.stewardship import pruning as pruning_of

ALONE = "woonketen_alone"
"""The pool of what needs the installation, or its views, for itself."""
RETRY = dg.RetryPolicy(max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL)


def told(context: dg.OpExecutionContext, found: dict[str, Any]) -> None:
    """Counts, days and hashes into the run's metadata."""
    context.add_output_metadata({name: _plain(value) for name, value in found.items()})


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else str(value)


@dg.op(retry_policy=RETRY)
def close_days(context: dg.OpExecutionContext) -> None:
    """Closes every day up to yesterday; missed ones too, and nothing when all are closed."""
    yesterday = date.today() - timedelta(days=1)  # noqa: DTZ011 - the day of the place where it runs
    told(context, commands.one("day", "close", yesterday.isoformat()))


@dg.op(ins={"after": dg.In(dg.Nothing)}, retry_policy=RETRY)
def run_until_idle(context: dg.OpExecutionContext) -> None:
    """The step, until nothing is left, where no server does it."""
    told(context, commands.one("run", "--until-idle"))


@dg.op(pool=ALONE)
def rebuild(context: dg.OpExecutionContext) -> None:
    """All views anew, every evening judged again. A difference is a failure that somebody must look at."""
    told(context, commands.one("rebuild", "--verify"))


@dg.op(pool=ALONE, out=dg.Out(dg.Nothing))
def check(context: dg.OpExecutionContext) -> None:
    """Every suite. What blocks shows in the asset checks; the run itself is done."""
    told(context, commands.one("quality", "run", found=(0, 1)))


@dg.op(ins={"after": dg.In(dg.Nothing)})
def raise_alerts(context: dg.OpExecutionContext) -> None:
    opened = commands.run("alerts", "look")
    told(context, {"opened": len(opened)})


@dg.op
def list_due(context: dg.OpExecutionContext) -> None:
    """What is past its term. Nothing goes: a steward approves the list by its id, in the job retention_run."""
    rows = commands.run("retention", "due")
    told(context, {"lines": len(rows), "lists": ", ".join(sorted({str(row["list"]) for row in rows}))})


STEWARD = "WOONKETEN_STEWARD"
"""The environment variable with the steward at work: a name has no place in a run's configuration."""


class Approval(dg.Config):
    """`listed`: the list's id as `retention due` names it. It is approved by who started Dagster."""

    listed: str


@dg.op(pool=ALONE)
def remove_due(context: dg.OpExecutionContext, config: Approval) -> None:
    """Approves and removes exactly what was listed; the certificate is `woonketen retention certificate`."""
    steward = os.environ.get(STEWARD)
    if not steward:
        raise ConfigurationError("Nobody is at work.", f"Set {STEWARD} to your user name, and start Dagster again.")
    commands.one("retention", "run", "--list", config.listed, "--as", steward)
    told(context, {"list": config.listed, "removed": True})


@dg.op(pool=ALONE)
def replay_ledger(context: dg.OpExecutionContext) -> None:
    """Every erasure of the ledger is done in this database: the proof that none is waiting."""
    told(context, commands.one("ledger", "replay"))


@dg.op(pool=ALONE)
def rotate_keys(context: dg.OpExecutionContext) -> None:
    told(context, commands.one("keys", "rotate"))


class Place(dg.Config):
    """`folder`: where it goes; empty is a folder of its own beside the data folder."""

    folder: str = ""


def _beside(given: str, ending: str) -> Path:
    if given:
        return Path(given)
    data = numbers.home() / numbers.configured().data
    made = data.with_name(f"{data.name}.{ending}")
    made.mkdir(mode=0o700, exist_ok=True)
    return made


@dg.op
def back_up(context: dg.OpExecutionContext, config: Place) -> str:
    name = f"woonketen-{datetime.now(UTC):%Y-%m-%dT%H%M%S}.backup"
    path = _beside(config.folder, "backups") / name
    done = commands.one("backup", str(path))
    told(context, {name: value for name, value in done.items() if name != "file"})
    return str(path)


@dg.op(pool=ALONE)
def rehearse(context: dg.OpExecutionContext, backup: str) -> None:
    """Restores the backup into a scratch database, the erasure ledger replayed. Without the ledger it fails."""
    told(context, commands.one("rehearse", backup))


class Month(dg.Config):
    """`month` as YYYY-MM; empty is the last one. `folder`: where the reports go; empty is beside the data folder."""

    folder: str = ""
    month: str = ""


@dg.op
def write_reports(context: dg.OpExecutionContext, config: Month) -> None:
    month = ("--month", config.month) if config.month else ()
    rows = commands.run("report", "--all", "--out", str(_beside(config.folder, "reports")), *month)
    told(context, {"reports": len(rows)})


@dg.op(pool=ALONE)
def freeze_figures(context: dg.OpExecutionContext) -> None:
    told(context, commands.one("figures", "freeze"))


class Attack(dg.Config):
    """`histories`: simulated ones, for each kind of town."""

    histories: int = 2_000


@dg.op(ins={"after": dg.In(dg.Nothing)})
def attack_figures(context: dg.OpExecutionContext, config: Attack) -> None:
    """Fails when somebody could be found in eight snapshots with the certainty that the catalogue names."""
    rows = commands.run("figures", "attack", "--histories", str(config.histories))
    told(context, {"towns": len(rows), "highest accuracy": max((row["accuracy"] for row in rows), default=0.0)})


class Keep(dg.Config):
    days: int = 30


@dg.op
def prune(context: dg.OpExecutionContext, config: Keep) -> None:
    """Dagster's own runs and events, older than so many days: they would grow without end."""
    before = (datetime.now(UTC) - timedelta(days=config.days)).timestamp()
    told(context, {"runs removed": pruning_of.prune(context.instance, before)})


@dg.job(description="Close every day up to yesterday, then the step and the alerts.")
def close_the_day() -> None:
    raise_alerts(run_until_idle(close_days()))


@dg.job(description="All views from the log, compared and swapped in.")
def rebuild_and_verify() -> None:
    rebuild()


@dg.job(description="Every suite over feeds, facts and views; then the alerts.")
def data_quality() -> None:
    raise_alerts(check())


@dg.job(description="What is past its term: the lists that a steward may approve.")
def retention_due() -> None:
    list_due()


@dg.job(description="Remove an approved list and write its certificate.")
def retention_run() -> None:
    remove_due()


@dg.job(description="Do every erasure of the ledger, and look at requests near their legal day.")
def erasure_requests() -> None:
    replay_ledger()
    raise_alerts()


@dg.job(description="A new key-encryption key; the old one is destroyed.")
def key_rotation() -> None:
    rotate_keys()


@dg.job(description="A backup, and the proof that it can be restored with its erasures.")
def backup_and_rehearsal() -> None:
    rehearse(back_up())


@dg.job(description="The partners' monthly reports.")
def partner_reports() -> None:
    write_reports()


@dg.job(description="Freeze the figures of the last quarter, and try to find somebody in them.")
def quarter_figures() -> None:
    attack_figures(freeze_figures())


@dg.job(description="Remove Dagster's own old runs.")
def pruning() -> None:
    prune()


look_at_everything = dg.define_asset_job(
    "look_at_everything", dg.AssetSelection.all(), description="The numbers of every asset, and every check of them."
)

JOBS: list[dg.JobDefinition | UnresolvedAssetJobDefinition] = [
    close_the_day, rebuild_and_verify, data_quality, retention_due, retention_run, erasure_requests, key_rotation,
    backup_and_rehearsal, partner_reports, quarter_figures, pruning, look_at_everything,
]  # fmt: skip
