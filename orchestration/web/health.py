"""Liveness, readiness and figures. No personal data, and nothing that needs a session."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from woonketen.contracts.errors import WoonketenError
from woonketen.orchestration.platform import Platform
from woonketen.orchestration.web.sessions import MOST_DAYS_LATE, today
from woonketen.projections.database import told

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
    for name, field in (
        ("woonketen_log_end", "end"),
        ("woonketen_position", "applied"),
        ("woonketen_lag_records", "lag"),
    ):
        gauges[name] = [((("partition", str(each["partition"])),), float(each[field])) for each in platform.log_stats()]
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
        aside = connection.execute(
            "SELECT count(*) FROM gate.quarantine WHERE NOT discarded AND set = (SELECT name FROM gate.set WHERE live)"
        ).fetchone()
    gauges["woonketen_parked_events"] = [((("organisation", org),), float(n)) for org, n in parked]
    gauges["woonketen_events_24h"] = [
        ((("organisation", org), ("status", status)), float(n)) for org, status, n in taken
    ]
    gauges["woonketen_refusals_24h"] = [((("reason", reason),), float(n)) for reason, n in refused]
    gauges["woonketen_quarantined"] = [((), float(aside[0] if aside else 0))]
    return gauges
