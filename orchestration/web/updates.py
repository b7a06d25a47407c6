"""`GET /updates`: server-sent events that say "something changed" to the pages of whom it concerns, and nothing else.

One connection to the database listens for all; rows that are written tell (0151) by a keyed hash whose they are. A
page then asks again, as its own person. What was missed is told when the connection is there again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Annotated

import psycopg
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from woonketen.contracts.errors import WoonketenError
from woonketen.orchestration.platform import Platform
from woonketen.orchestration.web.door import problems
from woonketen.orchestration.web.pool import Platforms, as_processor
from woonketen.orchestration.web.problems import Problem
from woonketen.projections.database import told
from woonketen.projections.portal.session import Session, Sessions, with_purpose

router = APIRouter(tags=["people"])

CHANNEL = "woonketen_shown"
EVERYBODY = "*"
QUIET_SECONDS = 1.0
"""At most one word a second to a page, however much changes."""
PING_SECONDS = 20.0
LONGEST_SECONDS = 15 * 60.0
"""Then the browser connects again, which asks for the session again."""
_AGAIN_SECONDS = 2.0


class Hub:
    """Who waits for what. Everything here runs in the event loop."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Event, frozenset[str]] = {}
        self._by_key: dict[str, set[asyncio.Event]] = {}

    @property
    def streams(self) -> int:
        return len(self._waiting)

    def join(self, keys: Collection[str]) -> asyncio.Event:
        event = asyncio.Event()
        self._waiting[event] = frozenset(keys)
        for key in keys:
            self._by_key.setdefault(key, set()).add(event)
        return event

    def leave(self, event: asyncio.Event) -> None:
        for key in self._waiting.pop(event, ()):
            others = self._by_key[key]
            others.discard(event)
            if not others:
                del self._by_key[key]

    def tell(self, key: str) -> None:
        for event in self._waiting if key == EVERYBODY else self._by_key.get(key, ()):
            event.set()


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[None]:
    """The one connection that listens, for as long as the application runs."""
    hub = Hub()
    app.state.hub, app.state.stopping = hub, False
    task = asyncio.create_task(_listen(app.state.platforms, hub))
    try:
        yield
    finally:
        end(app)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def end(app: FastAPI) -> None:
    """Ends every stream, and those that would begin."""
    app.state.stopping = True
    app.state.hub.tell(EVERYBODY)


async def _listen(platforms: Platforms, hub: Hub) -> None:
    while True:
        with contextlib.suppress(psycopg.Error, WoonketenError, OSError):
            dsn = await run_in_threadpool(_dsn, platforms)
            async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                hub.tell(EVERYBODY)
                async for found in connection.notifies():
                    hub.tell(found.payload)
        await asyncio.sleep(_AGAIN_SECONDS)


def _dsn(platforms: Platforms) -> str:
    with platforms.hold() as platform:
        return platform.parts.dsn


@router.get(
    "/updates",
    summary="Server-sent events: `changed`, when something that you see may have changed",
    openapi_extra={"security": [{"session": []}, {"person": []}]},
    responses={200: {"description": "A stream", "content": {"text/event-stream": {}}}, **problems(400, 401, 403, 503)},
)
async def updates(request: Request, session: Annotated[Session, Depends(with_purpose)]) -> Response:
    hub: Hub = request.app.state.hub
    if hub.streams >= request.app.state.config.limits.streams:
        raise Problem(503, headers={"Retry-After": "30"})
    keys = await run_in_threadpool(_keys, request.app.state.platforms, session)
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(_stream(request, hub, keys), media_type="text/event-stream", headers=headers)


async def _stream(request: Request, hub: Hub, keys: Collection[str]) -> AsyncIterator[bytes]:
    """Ends when the session does: it is asked again at every pause, so that who signed out hears no more."""
    sessions: Sessions = request.app.state.sessions
    loop = asyncio.get_running_loop()
    over = loop.time() + LONGEST_SECONDS
    event = hub.join(keys)
    request.app.state.metrics.streams = hub.streams
    try:
        yield b"retry: 3000\n\n"
        while loop.time() < over and not request.app.state.stopping:
            try:
                await asyncio.wait_for(event.wait(), PING_SECONDS)
            except TimeoutError:
                if await run_in_threadpool(_over, sessions, request):
                    return
                yield b": here\n\n"
                continue
            event.clear()
            if request.app.state.stopping:
                return
            yield b"event: changed\ndata: 1\n\n"
            await asyncio.sleep(QUIET_SECONDS)
    finally:
        hub.leave(event)
        request.app.state.metrics.streams = hub.streams


def _over(sessions: Sessions, request: Request) -> bool:
    try:
        return sessions.find(request, touch=False) is None
    except WoonketenError:
        return False  # the database is away; what is shown is asked from it anyhow


def _keys(platforms: Platforms, session: Session) -> list[str]:
    """Hashes of whose rows this person sees, as the trigger makes them."""
    with platforms.hold() as platform:
        return keys_of(platform, session)


def keys_of(platform: Platform, session: Session) -> list[str]:
    with told():
        rows = as_processor(platform).execute("SELECT gate.change_keys(%s)", [session.user.rolname]).fetchall()
    return [str(key) for (key,) in rows]
