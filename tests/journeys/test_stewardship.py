"""Stewardship in Dagster: the graph, and every job on a real installation, with an instance that keeps nothing."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chaos.office import Office, links, office
from chaos.town import DP, GI, ORGS, USERS, agreements, by_day, lives, pseudonym

from woonketen.contracts.errors import WoonketenError
from woonketen.orchestration.steward import DEFINITIONS, make_home
from woonketen.orchestration.stewardship import lineage
from woonketen.orchestration.stewardship.watching import RUNBOOK, Numbers, worries

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import dagster as dg

    from woonketen.orchestration.definitions import defs
    from woonketen.orchestration.stewardship import commands
    from woonketen.orchestration.stewardship.jobs import ALONE
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
            kind, place, districts = ORGS[DP][1:]
            platform.register_org(DP, kind=kind, source=place, districts=districts, heartbeat_hours=24)  # none comes
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
    """With the settings that are shipped."""
    home = make_home(town.data)
    os.environ["DAGSTER_HOME"] = str(home)
    try:
        with dg.DagsterInstance.from_config(str(home)) as made:
            yield made
    finally:
        del os.environ["DAGSTER_HOME"]


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


def killed(
    name: str, instance: dg.DagsterInstance, after: float, ops: Mapping[str, Any] | None = None, word: str = ""
) -> bool:
    """The job, of whose command (that has `word` among its arguments) the process is killed -9 so many seconds after
    its start. Whether it died of it: within a third of a second it surely does, later it may be done."""
    over = threading.Event()

    def hunt() -> None:
        while not over.is_set():
            for child in children():
                if word.encode() in child.read_bytes().split(b"\0"):
                    over.wait(after)
                    with suppress(ProcessLookupError):
                        os.kill(int(child.parent.name), signal.SIGKILL)
                    return
            over.wait(0.02)

    hunter = threading.Thread(target=hunt)
    hunter.start()
    try:
        run(name, instance, ops)
    except WoonketenError as error:
        return "(-9)" in str(error)
    finally:
        over.set()
        hunter.join()
    return False


def children() -> Iterator[Path]:
    for listed in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):
            for pid in listed.read_text().split():
                yield Path(f"/proc/{pid}/cmdline")


def test_every_asset_and_check_looks_at_the_installation(town: Office, instance: dg.DagsterInstance) -> None:
    town("quality", "run", "--no-suites", code=None)
    result = run("look_at_everything", instance)
    assert result.success
    graph = defs.resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        assert instance.get_latest_materialization_event(key), key
    evaluated = {each.asset_check_key for each in result.get_asset_check_evaluations()}
    assert evaluated == set(graph.asset_check_keys)
    found = metadata(result)
    assert found["last"] > 0
    assert found[f"{GI}: accepted"] > 0
    assert found["rows"] > 0
    assert found["silent"] in ("none", DP)
    failed = {each.check_name: each.severity for each in result.get_asset_check_evaluations() if not each.passed}
    assert failed["quality_feed"] == dg.AssetCheckSeverity.ERROR, "a silent feed blocks"
    assert failed["heard"] == dg.AssetCheckSeverity.WARN


def test_a_silent_feed_wakes_a_steward_once(town: Office, instance: dg.DagsterInstance) -> None:
    tick = sensor("feed_silent").evaluate_tick(dg.build_sensor_context(instance=instance))
    (request,) = tick.run_requests or ()
    shown = defs.resolve_job_def("alert").execute_in_process(instance=instance, run_config=request.run_config)
    found = metadata(shown)
    assert (found["organisation"], found["runbook"]) == (DP, RUNBOOK["feed_silent"])
    assert found["acknowledge"].startswith("woonketen alerts acknowledge ")
    again = sensor("feed_silent").evaluate_tick(dg.build_sensor_context(instance=instance))
    assert (again.run_requests, again.skip_message) == ([], "Nothing new.")
    number = found["acknowledge"].split()[3]
    town("alerts", "acknowledge", number, "--as", "steward-1", "--reason", "acting")
    assert sensor("feed_silent").evaluate_tick(dg.build_sensor_context(instance=instance)).run_requests == []


@pytest.mark.parametrize("kind", sorted(RUNBOOK.keys() - {"feed_silent"}))
def test_every_other_sensor_sees_what_is_there(kind: str, town: Office, instance: dg.DagsterInstance) -> None:
    tick = sensor(kind).evaluate_tick(dg.build_sensor_context(instance=instance))
    assert len(tick.run_requests or ()) == (kind == "quality_blocked"), "the silent feed blocks"


def test_a_sensor_without_an_installation_says_so(
    town: Office, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WOONKETEN_DATA", str(town.home / "nowhere"))
    tick = sensor("lag").evaluate_tick(dg.build_sensor_context(instance=instance))
    assert "woonketen init" in (tick.skip_message or "")


def sensor(kind: str) -> dg.SensorDefinition:
    return next(each for each in defs.sensors or () if each.name == f"watch_{kind}")


def test_closing_catches_up_and_again_is_nothing(town: Office, instance: dg.DagsterInstance) -> None:
    yesterday = (date.today() - timedelta(days=1)).isoformat()
    assert metadata(run("close_the_day", instance))["closed_through"] == yesterday
    assert metadata(run("close_the_day", instance))["closed_through"] == yesterday


def test_quality_with_the_suites_also_when_it_was_killed(town: Office, instance: dg.DagsterInstance) -> None:
    town("quality", "run", "--no-suites", code=None)
    before = town("quality", "show", "--json").rows
    assert killed("data_quality", instance, 0.2, word="quality")
    killed("data_quality", instance, 1.2, word="quality")
    assert town("quality", "show", "--json").rows == before, "what was cut off left nothing"
    found = metadata(run("data_quality", instance))
    assert found["checks"] >= 50
    assert found["facts"] > 0
    assert town("quality", "show", "--json").rows == before


def test_a_rebuild_finds_no_difference_also_when_it_was_killed(town: Office, instance: dg.DagsterInstance) -> None:
    rows = town("view", "coach", "--as", "coach-1", "--json").rows
    assert killed("rebuild_and_verify", instance, 0.2, word="rebuild")
    killed("rebuild_and_verify", instance, 0.8, word="rebuild")
    assert town("view", "coach", "--as", "coach-1", "--json").rows == rows, "the set that is shown is whole"
    assert metadata(run("rebuild_and_verify", instance))["differences"] == 0


def test_two_rebuilds_do_not_meet(town: Office, instance: dg.DagsterInstance) -> None:
    """The pool's one place is another run's; ours begins when that gives it back."""
    pool = instance.event_log_storage
    pool.initialize_concurrency_limit_to_default(ALONE)
    assert pool.claim_concurrency_slot(ALONE, "another-run", "rebuild").is_claimed
    given_back: list[float] = []

    def give_back() -> None:
        given_back.append(time.time())
        pool.free_concurrency_slot_for_step("another-run", "rebuild")

    later = threading.Timer(2, give_back)
    later.start()
    result = run("rebuild_and_verify", instance)
    later.join()
    (begun,) = [each.timestamp for each in instance.all_logs(result.run_id, of_type=dg.DagsterEventType.STEP_START)]
    assert begun > given_back[0]


def test_a_rehearsal_restores_also_after_it_was_killed(town: Office, instance: dg.DagsterInstance) -> None:
    scratch = town.data.with_name("data.rehearsal")
    assert killed("backup_and_rehearsal", instance, 0.2, word="backup")
    killed("backup_and_rehearsal", instance, 1.5, word="rehearse")
    killed("backup_and_rehearsal", instance, 4, word="rehearse")
    assert not list(scratch.rglob("*.kek")), "no copy of the key, also not after a kill"
    found = metadata(run("backup_and_rehearsal", instance))
    assert found["gaps"] == 0
    assert found["events"] > 0
    assert not scratch.exists()


def test_a_rehearsal_without_the_ledger_fails_loudly(town: Office, instance: dg.DagsterInstance) -> None:
    backup = next(town.data.with_name("data.backups").iterdir())
    hidden = town.settings.ledger_file.with_suffix(".away")
    shutil.move(town.settings.ledger_file, hidden)
    try:
        with pytest.raises(WoonketenError, match="ledger"):
            commands.one("rehearse", str(backup))
    finally:
        shutil.move(hidden, town.settings.ledger_file)


def test_figures_are_frozen_once_also_when_it_was_killed(town: Office, instance: dg.DagsterInstance) -> None:
    few = {"attack_figures": {"histories": 20}}
    assert killed("quarter_figures", instance, 0.2, few, word="freeze")
    killed("quarter_figures", instance, 0.6, few, word="freeze")
    assert metadata(run("quarter_figures", instance, few))["highest accuracy"] < 0.9
    with town.sql() as owner:
        once = owner.execute("SELECT count(DISTINCT quarter), count(*) FROM figures.cell").fetchone()
        assert once is not None
        assert once[0] == 1
    run("quarter_figures", instance, few)
    with town.sql() as owner:
        assert owner.execute("SELECT count(DISTINCT quarter), count(*) FROM figures.cell").fetchone() == once


def test_reports_erasures_terms_and_keys(
    town: Office, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = town.data.with_name("data.reports")
    found = metadata(run("partner_reports", instance))
    assert found["reports"] == len(list(reports.iterdir())) > 5
    assert metadata(run("erasure_requests", instance))["replayed"] == 0
    assert metadata(run("retention_due", instance))["lines"] == 0
    with pytest.raises(WoonketenError, match="WOONKETEN_STEWARD"):
        run("retention_run", instance, {"remove_due": {"listed": "0" * 64}})
    monkeypatch.setenv("WOONKETEN_STEWARD", "steward-1")
    with pytest.raises(WoonketenError, match="list"):
        run("retention_run", instance, {"remove_due": {"listed": "0" * 64}})
    assert metadata(run("key_rotation", instance))["epoch"] == 2


def test_a_failed_run_says_what_and_how(town: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WOONKETEN_DATA", str(town.home / "nowhere"))
    with pytest.raises(WoonketenError, match="woonketen init"):
        commands.one("alerts", "look")


def test_dagsters_tables_hold_counts_and_nothing_of_anybody(town: Office, instance: dg.DagsterInstance) -> None:
    """All files of its home, after everything above."""
    home = Path(os.environ["DAGSTER_HOME"])
    text = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert DP.encode() in text, "what is there is found"
    secrets = (
        {pseudonym(org, number) for org in ORGS for number in range(3)} | USERS.keys() | {"WK99000", "L-0", "CX-1"}
    )
    assert [secret for secret in secrets if secret.encode() in text] == []


def test_pruning_removes_what_is_old(town: Office, instance: dg.DagsterInstance) -> None:
    run("look_at_everything", instance)
    before = instance.get_runs_count()
    key = next(iter(defs.resolve_asset_graph().asset_check_keys))
    assert instance.event_log_storage.get_asset_check_execution_history(key, limit=1) != []
    found = metadata(run("pruning", instance, {"prune": {"days": 0}}))
    assert found["runs removed"] == before
    assert instance.get_runs_count() == 1, "its own run is younger"
    runs = [path.stem for path in Path(os.environ["DAGSTER_HOME"]).rglob("*.db")]
    assert sum(len(name) == 36 for name in runs) == 1, "their databases are gone too"
    assert instance.event_log_storage.get_asset_check_execution_history(key, limit=1) == []


def test_dagster_itself_finds_the_definitions_whole(tmp_path: Path) -> None:
    made = make_home(tmp_path / "data")
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-m", DEFINITIONS],
        env={**os.environ, "DAGSTER_HOME": str(made)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_every_schedule_asks_for_a_run_on_its_day_and_only_then() -> None:
    for schedule in SCHEDULES:
        asked = {
            day: bool(
                schedule.evaluate_tick(
                    dg.build_schedule_context(scheduled_execution_time=datetime(2026, *day, 6))
                ).run_requests
            )
            for day in ((10, 1), (4, 6), (4, 7))  # a quarter's first day, Easter Monday, and the day after it
        }
        every_day = schedule.name.endswith("_daily")
        assert asked[4, 6] == every_day, schedule.name
        assert any(asked.values()), schedule.name


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
