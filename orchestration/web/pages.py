"""Where the pages come from: `projections/portal/pages.py` makes them, this server only routes to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastapi import FastAPI, Request
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response

from woonketen.projections.portal import pages


def install(app: FastAPI) -> None:
    app.mount("/static", StaticFiles(directory=pages.STATIC), name="static")
    app.include_router(pages.router, include_in_schema=False)


def error_page(request: Request, status: int, trace: str, why: str | None = None) -> Response:
    return pages.error_page(request, status, trace, why)


def persona_page(
    request: Request, personas: Sequence[pages.Persona], action: str, hidden: Mapping[str, str]
) -> Response:
    return pages.personas_page(request, personas, action, hidden)
