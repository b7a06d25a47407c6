"""Stewardship in Dagster: the graph, and every job on a real installation, with an instance that keeps nothing."""

from __future__ import annotations

import io
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from chaos.office import Office, links, office
from chaos.town import GI, agreements, by_day, lives

from woonketen.contracts.errors import WoonketenError
from woonketen.orchestration.stewardship import lineage
from woonketen.orchestration.stewardship.watching import RUNBOOK, Numbers, worries

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import dagster as dg

    from woonketen.orchestration.definitions import defs
    from woonketen.orchestration.stewardship import commands
    from woonketen.orchestration.stewardship.schedules import (
        SCHEDULES,
        first_workday_of_month,
        first_workday_of_quarter,
        first_workday_of_week,
    )

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # of the library's own
    pytest.mark.timeout(600),
]
CANARY = "G-000000"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def town() -> Iterator[Office]:
    """Three residents, of whom the days up to the day before yesterday are closed."""
    first, last = date.today() - timedelta(days=40), date.today() - timedelta(days=2)
    with office() as made:
        made("init", "--open-day", first.isoformat())
        made.register()
        sent = [*agreements(first, last.replace(year=last.year + 2)), *lives(3, first, last, 3)]
        with made.platform() as platform:
            linked = links(platform)
            for day, files in by_day(sorted(sent, key=lambda each: each.on)):
                if day > first:
                    platform.close_days(platform.open_day(), day - timedelta(days=1))
                for org, lines in files.items():
                    receipts = platform.ingest(org, io.BytesIO(b"\n".join(map(linked, lines))), "cloudevents")
                    assert "refused" not in {receipt.status for receipt in receipts}
            platform.close_days(platform.open_day(), last)
            platform.run(until_idle=True)
        for name in [name for name in os.environ if name.startswith("WOONKETEN_")]:
            os.environ.pop(name)
        os.environ["WOONKETEN_DATA"] = str(made.data)
        os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
        try:
            yield made
        finally:
            del os.environ["WOONKETEN_DATA"]


@pytest.fixture(scope="module")
def instance(town: Office) -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


def run(name: str, instance: dg.DagsterInstance, ops: Mapping[str, Any] | None = None) -> dg.ExecuteInProcessResult:
    job = defs.resolve_job_def(name)
    config = {"ops": {op: {"config": given} for op, given in (ops or {}).items()}}
    return job.execute_in_process(instance=instance, run_config=config, raise_on_error=True)


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """All that a run writes into Dagster's tables."""
    found: dict[str, Any] = {}
    for event in result.all_events:
        data = event.event_specific_data
        for each in (data, getattr(data, "materialization", None), getattr(data, "asset_check_evaluation", None)):
            for key, value in (getattr(each, "metadata", None) or {}).items():
                found[key] = getattr(value, "value", value)
    return found


def test_lineage_follows_the_policy() -> None:
    assert lineage.feeds_of("schuldhulp") == {"corporatie", "gemeente", "schuldhulp"}
    graph = defs.resolve_asset_graph()
    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert {"shared_log", "views/coach", "deliveries/corporatie", "desk/quarantine"} <= keys
    parents = {key.to_user_string() for key in graph.get(dg.AssetKey(["views", "schuldhulp"])).parent_keys}
    assert parents == {"shared_log", *(f"deliveries/{kind}" for kind in lineage.feeds_of("schuldhulp"))}


def test_every_asset_and_check_looks_at_the_installation(town: Office, instance: dg.DagsterInstance) -> None:
    town("quality", "run", "--no-suites", code=None)
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)
    assert result.success
    found = metadata(result)
    assert found["last"] > 0
    assert found[f"{GI}: accepted"] > 0
    assert found["rows"] > 0
    assert CANARY not in str(found)
    assert all(isinstance(value, bool | int | float | str) for value in found.values())


def test_closing_catches_up_and_again_is_nothing(town: Office, instance: dg.DagsterInstance) -> None:
    yesterday = (date.today() - timedelta(days=1)).isoformat()
    assert metadata(run("close_the_day", instance))["closed_through"] == yesterday
    assert metadata(run("close_the_day", instance))["closed_through"] == yesterday


def test_quality_with_the_suites(town: Office, instance: dg.DagsterInstance) -> None:
    found = metadata(run("data_quality", instance))
    assert found["checks"] >= 50
    assert found["facts"] > 0


def test_a_rebuild_finds_no_difference(town: Office, instance: dg.DagsterInstance) -> None:
    assert metadata(run("rebuild_and_verify", instance))["differences"] == 0


def test_a_rehearsal_restores_and_without_the_ledger_it_fails_loudly(
    town: Office, instance: dg.DagsterInstance
) -> None:
    folder = town.home / "backups"
    folder.mkdir()
    found = metadata(run("backup_and_rehearsal", instance, {"back_up": {"folder": str(folder)}}))
    assert found["gaps"] == 0
    assert found["events"] > 0
    backup = next(folder.iterdir())
    hidden = town.settings.ledger_file.with_suffix(".away")
    shutil.move(town.settings.ledger_file, hidden)
    try:
        with pytest.raises(WoonketenError, match="ledger"):
            commands.one("rehearse", str(backup))
    finally:
        shutil.move(hidden, town.settings.ledger_file)


def test_reports_figures_erasures_and_keys(town: Office, instance: dg.DagsterInstance) -> None:
    reports = town.home / "reports"
    found = metadata(run("partner_reports", instance, {"write_reports": {"folder": str(reports)}}))
    assert found["reports"] == len(list(reports.iterdir())) > 5
    assert metadata(run("erasure_requests", instance))["replayed"] == 0
    assert metadata(run("key_rotation", instance))["epoch"] == 2


def test_a_failed_run_says_what_and_how(town: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WOONKETEN_DATA", str(town.home / "nowhere"))
    with pytest.raises(WoonketenError, match="woonketen init"):
        commands.one("alerts", "look")


def test_pruning_removes_what_is_old(town: Office, instance: dg.DagsterInstance) -> None:
    before = instance.get_runs_count()
    assert before > 3
    found = metadata(run("pruning", instance, {"prune": {"days": 0}}))
    assert found["runs removed"] == before
    assert instance.get_runs_count() == 1, "its own run is younger"


def test_schedules_know_the_working_days() -> None:
    assert first_workday_of_month(date(2026, 1, 2))
    assert not first_workday_of_month(date(2026, 1, 1)), "New Year"
    assert first_workday_of_week(date(2026, 4, 7)), "Easter Monday is no working day"
    assert not first_workday_of_week(date(2026, 4, 6))
    assert first_workday_of_quarter(date(2026, 10, 1))
    assert not first_workday_of_quarter(date(2026, 11, 2))
    assert len({schedule.name for schedule in SCHEDULES}) == len(SCHEDULES)


def test_worries_have_a_page_in_the_runbook() -> None:
    many = Numbers(("a",), {"b": (6, 100), "c": (5, 100)}, quarantined=1, lag=50_000, urgent=1, blocked=2)
    found = list(worries(many))
    assert [(each.kind, each.subject) for each in found] == [
        ("feed_silent", "a"), ("refusals_rising", "b"), ("quarantine_full", ""), ("lag", ""), ("request_due", ""),
        ("quality_blocked", ""),
    ]  # fmt: skip
    assert list(worries(Numbers())) == []
    text = (ROOT / "docs" / "stewards.md").read_text()
    headings = {line.lstrip("# ").lower().replace(" ", "-") for line in text.splitlines() if line.startswith("#")}
    for page in RUNBOOK.values():
        assert page.partition("#")[2] in headings
