"""Liveness, readiness and figures. No personal data, and nothing that needs a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from woonketen.contracts.errors import WoonketenError
from woonketen.orchestration.platform import Platform
from woonketen.orchestration.web.sessions import MOST_DAYS_LATE, today
from woonketen.projections.database import told

Rows = Sequence[Mapping[str, Any]]
router = APIRouter(tags=["operation"])


@router.get("/healthz", summary="Whether this process answers")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get(
    "/readyz",
    summary="Whether it can serve: database, position and lag",
    responses={503: {"description": "It cannot, and why"}},
)
def readyz(request: Request) -> Response:
    try:
        with request.app.state.platforms.hold() as platform:
            state = standing(platform)
    except WoonketenError as error:
        return JSONResponse({"status": "unavailable", "why": error.message, "mend": error.mend}, 503)
    late = request.app.state.config.follows_clock and state["days_late"] > MOST_DAYS_LATE
    return JSONResponse({"status": "late" if late else "ok", **state}, 503 if late else 200)


@router.get("/metrics", summary="Figures in Prometheus' text format", response_class=PlainTextResponse)
def metrics(request: Request) -> Response:
    gauges: dict[str, Any] = {"woonketen_up": [((), 0.0)]}
    try:
        with request.app.state.platforms.hold() as platform:
            gauges = figures(platform)
    except WoonketenError:
        pass
    return PlainTextResponse(
        request.app.state.metrics.text(gauges), media_type="text/plain; version=0.0.4; charset=utf-8"
    )


def standing(platform: Platform) -> dict[str, Any]:
    """`position`: records applied; `lag`: records that wait; `days_late`: days of the wall's clock that should be
    closed and are not."""
    stats = platform.log_stats()
    day = platform.open_day()
    return {
        "position": sum(each["applied"] for each in stats),
        "lag": sum(each["lag"] for each in stats),
        "open_day": day.isoformat(),
        "days_late": max(0, (today() - day).days),
    }


def figures(platform: Platform) -> dict[str, Any]:
    """Gauges from the database: they are the whole installation's, not this process's."""
    gauges: dict[str, Any] = {"woonketen_up": [((), 1.0)]}
    stats = platform.log_stats()
    for name, field in (
        ("woonketen_log_end", "end"),
        ("woonketen_position", "applied"),
        ("woonketen_lag_records", "lag"),
    ):
        gauges[name] = _each("partition", stats, "partition", field)
    gauges["woonketen_days_late"] = [((), float(standing(platform)["days_late"]))]
    connection = platform.parts.processor
    with told():
        parked = connection.execute("SELECT org, count(*) FROM admission.parked GROUP BY org ORDER BY org").fetchall()
        taken = connection.execute(
            "SELECT org, status, sum(n) FROM admission.tally WHERE hour > now() - interval '24 hours'"
            " GROUP BY org, status ORDER BY org, status"
        ).fetchall()
        refused = connection.execute(
            "SELECT reason, count(*) FROM admission.refusal WHERE at > now() - interval '24 hours'"
            " GROUP BY reason ORDER BY reason"
        ).fetchall()
    gauges["woonketen_parked_events"] = [((("organisation", org),), float(n)) for org, n in parked]
    gauges["woonketen_events_24h"] = [
        ((("organisation", org), ("status", status)), float(n)) for org, status, n in taken
    ]
    gauges["woonketen_refusals_24h"] = [((("reason", reason),), float(n)) for reason, n in refused]
    gauges["woonketen_quarantined"] = [((), float(platform.set_aside()))]
    return gauges if platform.parts.link is None else gauges | _scaled(platform, stats)


def _scaled(platform: Platform, stats: Rows) -> dict[str, Any]:
    """Of the scaled engine: what waits for Kafka, what each worker of the step does, what waits at each door."""
    gauges = {
        "woonketen_window_records": _each("partition", stats, "partition", "window"),
        "woonketen_window_oldest_seconds": _each("partition", stats, "partition", "oldest_seconds"),
    }
    workers, doors = platform.worker_stats(), platform.door_stats()
    for field in ("applied", "rebalances", "copies", "lag"):
        gauges[f"woonketen_worker_{field}"] = _each("worker", workers, "worker", field)
    looked = [each for each in doors if each["lag"] is not None]
    gauges["woonketen_door_lag"] = _each("organisation", looked, "org", "lag")
    gauges["woonketen_replies"] = _each("organisation", doors, "org", "replies")
    return gauges


def _each(label: str, rows: Rows, named: str, field: str) -> list[Any]:
    """A sample of each row. None counts as 0: nothing waits."""
    return [(((label, str(row[named])),), float(row[field] or 0)) for row in rows]
