"""What Dagster opens (`make steward`, or `dagster dev -m woonketen.orchestration.definitions`). Nothing connects."""

from __future__ import annotations

import dagster as dg

from woonketen.orchestration.stewardship import assets, jobs, schedules, sensors

defs = dg.Definitions(
    assets=[*assets.deliveries(), assets.shared_log, *assets.views(), *assets.desk()],
    asset_checks=[*assets.suite_checks()],
    jobs=[*jobs.JOBS, sensors.alert],
    schedules=schedules.SCHEDULES,
    sensors=sensors.SENSORS,
    resources={"database": assets.Database()},
)
