"""Who is signed in, for the pages: a frozen value and three dependencies. What keeps sessions lies outside
(`orchestration/web/sessions.py`); the pages know only the port.

    @router.get("/signalen")
    def signals(request: Request, session: Annotated[Session, Depends(with_purpose)]) -> Response:
        with request.app.state.desks.open(session) as desk: ...

A route that is no coroutine runs in a thread, as it must: a desk blocks. Give the desk back before the answer travels
to a slow reader. The server wants of `projections/portal/pages.py`: `router`, `STATIC` (a folder), `personas_page`, and
`error_page(request, status, trace, why)` with `why` one of `forged`, `unknown_user`, `provider`, None.

Every unsafe method under `signed_in` carries the session's token: field `csrf` of the form, or header `X-CSRF-Token`.
"""

from __future__ import annotations

import hmac
from datetime import date, datetime
from typing import Protocol

import msgspec
from fastapi import Request
from starlette.concurrency import run_in_threadpool

from woonketen.projections.people import User

COOKIE = "woonketen"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """`user`: as our own table has the person at this request. `purpose`: None until it was asked for. `csrf`: goes
    into every form. `previous`: the day that was open at the visit before this one. `key` names the row and is no
    secret. `glass`: whether a break-glass may be open. `bearer`: a token of the provider, no browser. `demo`: people
    are invented, and every page says so."""

    user: User
    purpose: str | None
    csrf: str
    signed_in_at: datetime
    until: datetime
    key: bytes
    previous: date | None = None
    glass: bool = True
    bearer: bool = False
    demo: bool = False

    def __repr__(self) -> str:
        return f"Session({self.user!r})"


class SignInNeeded(Exception):
    """Nobody is signed in, or no longer. A page leads to the sign-in and back to `back`, a path of our own."""

    def __init__(self, back: str = "/") -> None:
        super().__init__("sign in")
        self.back = back


class PurposeNeeded(Exception):
    """Signed in, but the purpose was not asked yet. `back`: a path of our own."""

    def __init__(self, back: str = "/") -> None:
        super().__init__("choose a purpose")
        self.back = back


class ForgedRequest(Exception):
    """A request that changes something came without the session's token."""


class Sessions(Protocol):
    """The port. In `request.app.state.sessions`. All of it may block: call it in a thread."""

    def find(self, request: Request, *, touch: bool = True) -> Session | None:
        """Of this request, which keeps it from idling (`touch`); None when it is unknown, too old, revoked, or its user
        is no more."""
        ...

    def choose_purpose(self, session: Session, purpose: str) -> None:
        """Once per session. Raises `ConfigurationError` for a purpose that is not this role's."""
        ...

    def end(self, session: Session) -> None: ...


async def signed_in(request: Request) -> Session:
    """The session of this request. Raises `SignInNeeded`; for an unsafe method without the token `ForgedRequest`."""
    sessions: Sessions = request.app.state.sessions
    session = await run_in_threadpool(sessions.find, request)
    if session is None:
        raise SignInNeeded(_back(request))
    if request.method not in SAFE and not session.bearer:
        given = request.headers.get("x-csrf-token")
        if given is None:
            given = str((await request.form()).get("csrf", ""))
        if not hmac.compare_digest(given.encode(), session.csrf.encode()):
            raise ForgedRequest
    request.state.session = session
    return session


async def with_purpose(request: Request) -> Session:
    """As `signed_in`, and the purpose is known. Raises `PurposeNeeded` too."""
    session = await signed_in(request)
    if session.purpose is None:
        raise PurposeNeeded(_back(request))
    return session


def _back(request: Request) -> str:
    """Where to go on afterwards: only what a browser may ask again without harm."""
    if request.method != "GET" or request.headers.get("hx-request"):
        return "/"
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")
