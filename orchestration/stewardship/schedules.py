"""When what is done: by the Dutch working days, at the time of the Netherlands."""

from collections.abc import Callable
from datetime import date, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from woonketen.contracts.calendar import is_workday
from woonketen.orchestration.stewardship import jobs

ZONE = "Europe/Amsterdam"
Today = Callable[[date], bool]
Job = dg.JobDefinition | UnresolvedAssetJobDefinition


def daily(day: date) -> bool:
    return True


def first_workday_of_week(day: date) -> bool:
    """Monday, or the first working day after it."""
    monday = day - timedelta(days=day.weekday())
    return is_workday(day) and not any(is_workday(monday + timedelta(days=n)) for n in range(day.weekday()))


def first_workday_of_month(day: date) -> bool:
    return is_workday(day) and not any(is_workday(day.replace(day=n)) for n in range(1, day.day))


def first_workday_of_quarter(day: date) -> bool:
    return day.month in (1, 4, 7, 10) and first_workday_of_month(day)


def _schedule(job: Job, cron: str, when: Today) -> dg.ScheduleDefinition:
    @dg.schedule(job=job, cron_schedule=cron, execution_timezone=ZONE, name=f"{job.name}_{when.__name__}")
    def scheduled(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        day = context.scheduled_execution_time.date()
        if not when(day):
            return dg.SkipReason(f"{day.isoformat()} is not its day.")
        return dg.RunRequest(run_key=f"{job.name}:{day.isoformat()}")

    return scheduled


SCHEDULES = [
    _schedule(jobs.close_the_day, "10 0 * * *", daily),
    _schedule(jobs.data_quality, "0 6 * * *", is_workday),
    _schedule(jobs.look_at_everything, "45 6 * * *", is_workday),
    _schedule(jobs.erasure_requests, "30 6 * * *", is_workday),
    _schedule(jobs.rebuild_and_verify, "0 20 * * *", first_workday_of_week),
    _schedule(jobs.retention_due, "0 7 * * *", first_workday_of_month),
    _schedule(jobs.quarter_figures, "0 5 * * *", first_workday_of_quarter),
    _schedule(jobs.backup_and_rehearsal, "0 2 * * *", first_workday_of_week),
    _schedule(jobs.partner_reports, "0 8 * * *", first_workday_of_month),
    _schedule(jobs.pruning, "0 4 * * *", first_workday_of_week),
]
