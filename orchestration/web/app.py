"""One application of the portal, the HTTP door and their JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from woonketen.orchestration.web import api, door, health, pages, problems, signin, tokens, updates
from woonketen.orchestration.web.config import WebConfig
from woonketen.orchestration.web.desk import PlatformDesks
from woonketen.orchestration.web.guard import Guard
from woonketen.orchestration.web.metrics import Metrics
from woonketen.orchestration.web.pool import Platforms
from woonketen.orchestration.web.rate import Buckets
from woonketen.orchestration.web.sessions import DatabaseSessions


def create_app(platforms: Platforms, config: WebConfig) -> FastAPI:
    """Needs nothing running: the database is asked at the first request. Who serves it closes `platforms`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with updates.listening(app):
            yield

    app = FastAPI(
        title="Woonketen",
        description=door.DESCRIPTION,
        version="1",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    provider = signin.Client(config)
    app.state.config = config
    app.state.platforms = platforms
    app.state.demo = config.demo
    app.state.personas = ()
    app.state.metrics = Metrics()
    app.state.buckets = Buckets(config.limits.rate, config.limits.burst)
    app.state.provider = provider
    app.state.sessions = DatabaseSessions(platforms, config, provider.name_of)
    app.state.desks = PlatformDesks(platforms)
    problems.install(app)
    for each in (health, tokens, door, api, updates, signin):
        app.include_router(each.router)
    if config.demo:
        from woonketen.orchestration.web import idp

        idp.install(app, config)
    pages.install(app)
    app.add_middleware(Guard, config=config, observe=app.state.metrics.request)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """With the ways in which one says who one is."""
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        cookie = app.state.sessions.cookie
        found.setdefault("components", {})["securitySchemes"] = {
            "partner": {"type": "http", "scheme": "bearer", "description": "a token of /token"},
            "person": {"type": "http", "scheme": "bearer", "description": "a token of the provider of the sign-in"},
            "session": {"type": "apiKey", "in": "cookie", "name": cookie},
        }
        app.openapi_schema = found
    return app.openapi_schema
