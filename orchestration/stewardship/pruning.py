"""What keeps Dagster's own tables from growing without end: its runs, their events, and what its checks once said."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_PAGE = 200


def prune(instance: dg.DagsterInstance, before: float) -> int:
    """Removes what ended before this moment (seconds since 1970, UTC). Returns how many runs; again is nothing."""
    gone = 0
    while True:
        records = instance.get_run_records(dg.RunsFilter(statuses=_ENDED), limit=_PAGE, ascending=True)
        old = [each.dagster_run.run_id for each in records if (each.end_time or before) < before]
        for run in old:
            instance.delete_run(run)
            _shard(instance, run).unlink(missing_ok=True)
        gone += len(old)
        if len(old) < _PAGE:
            break
    _checks(instance, before)
    return gone


def _shard(instance: dg.DagsterInstance, run: str) -> Path:
    """Embedded, each run has a database of its own, which Dagster empties and leaves."""
    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        return Path(storage.path_for_shard(run))
    return Path(instance.root_directory) / "no-such-run"


def _checks(instance: dg.DagsterInstance, before: float) -> None:
    """Dagster forgets these with no run."""
    storage = instance.event_log_storage
    if isinstance(storage, SqlEventLogStorage):
        moment = datetime.fromtimestamp(before, UTC).replace(tzinfo=None)
        rows = AssetCheckExecutionsTable
        with storage.index_connection() as connection:
            connection.execute(rows.delete().where(rows.c.create_timestamp < moment))
