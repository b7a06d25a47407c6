"""What Dagster opens (`make steward`, or `dagster dev -m woonketen.orchestration.definitions`). Nothing connects."""

from __future__ import annotations

import dagster as dg

from woonketen.orchestration.stewardship import assets, jobs, schedules, sensors

defs = dg.Definitions(
    assets=[*assets.deliveries(), assets.shared_log, *assets.views(), *assets.desk()],
    asset_checks=[*assets.suite_checks(), *assets.heard()],
    jobs=[*jobs.JOBS, sensors.alert],
    schedules=schedules.SCHEDULES,
    sensors=sensors.SENSORS,
    # One process a run, and nothing of an op's result on the disk: each op is a process of its own already.
    executor=dg.in_process_executor,
    resources={"database": assets.Database(), "io_manager": dg.mem_io_manager},
)
