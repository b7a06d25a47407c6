"""The pages, for the server that mounts them: a router, the folder of style sheets and scripts, and the pages that the
server itself needs (signing in, errors)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Form, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from woonketen.contracts.recipient import PURPOSE_OF
from woonketen.projections.portal import asking, lists, own, rendering, tables, warned
from woonketen.projections.portal.asked import Here, Missing, desk_of, needs
from woonketen.projections.portal.session import SAFE, Session, signed_in

STATIC = rendering.STATIC
router = APIRouter(default_response_class=HTMLResponse)
for _each in (lists, warned, own, tables):
    router.include_router(_each.router)


_FIRST = (
    "coach",
    "bewoner",
    "wijkteam",
    "casusregisseur",
    "corporatie",
    "zorgaanbieder",
    "vrijwilliger",
    "steward",
    "beleid",
)


class Persona(msgspec.Struct, frozen=True):
    """An invented person of the demo. `who` is Dutch: what the person is; `question`: what it asks in the morning."""

    name: str
    role: str
    org: str
    who: str
    question: str | None = None


def personas_page(
    request: Request, personas: Sequence[Persona], action: str, hidden: Mapping[str, str]
) -> HTMLResponse:
    """The demo's provider: forms that post `hidden` and `persona`, a name, to `action`."""
    order = {role: n for n, role in enumerate(_FIRST)}
    people = sorted(personas, key=lambda each: order.get(each.role, len(order)))
    asking_first = [each for each in people if each.question]
    groups = {"first": asking_first, "others": [each for each in people if each not in asking_first]}
    return rendering.page(request, "personen.html", groups=groups, action=action, hidden=hidden, demo=True)


def error_page(request: Request, status: int, trace: str, why: str | None = None) -> HTMLResponse:
    """`trace`: what the reader can give the operator. `why`: a code that has words of its own (`forged`)."""
    session = getattr(request.state, "session", None)
    return rendering.page(request, "fout.html", session, status=status, code=status, trace=trace, why=why)


@router.get("/")
def home(request: Request, session: Here) -> Response:
    """What this role asks first in the morning."""
    role = session.user.role
    with desk_of(request, session) as desk:
        if role == "bewoner":
            return own.show(request, session, desk)
        if role == "steward":
            return tables.feeds(request, session, desk)
        if role == "beleid":
            return tables.figures(request, session, desk)
        if role in asking.VIEWS:
            return lists.show(request, session, desk, asking.ask(role, dict(request.query_params)))
        if role == "programma":
            return tables.pilot(request, session, desk, request.query_params.get("blad", "1"))
    raise Missing


@router.post("/contact")
def contact(request: Request, session: Here, code: Annotated[str, Form()] = "") -> Response:
    """Contact data of a signal, once."""
    needs(session, "schuldhulp")
    with desk_of(request, session) as desk:
        found = desk.contact(code)
    return rendering.page(request, "contact.html", session, found=found)


@router.get("/doel")
def purpose(request: Request, session: Annotated[Session, Depends(signed_in)], terug: str = "/") -> Response:
    back = asking.own_path(terug)
    if session.purpose is not None:
        return RedirectResponse(back, 303)
    return rendering.page(request, "doel.html", session, purpose=PURPOSE_OF[session.user.role], back=back)


@router.post("/doel")
def choose_purpose(
    request: Request,
    session: Annotated[Session, Depends(signed_in)],
    doel: Annotated[str, Form()] = "",
    terug: Annotated[str, Form()] = "/",
) -> Response:
    request.app.state.sessions.choose_purpose(session, doel)
    return RedirectResponse(asking.own_path(terug), 303)


@router.get("/hoe-werkt-dit")
def how(request: Request, session: Here) -> Response:
    role = session.user.role
    command = f"woonketen view {role} --as …" if role in asking.VIEWS else None
    return rendering.page(request, "hoe.html", session, role=role, command=command)


@router.get("/privacy")
async def privacy(request: Request) -> Response:
    return rendering.page(request, "privacy.html", await _anybody(request))


@router.get("/toegankelijkheid")
async def accessibility(request: Request) -> Response:
    return rendering.page(request, "toegankelijkheid.html", await _anybody(request))


@router.post("/taal")
def speak(request: Request, taal: Annotated[str, Form()] = "nl", terug: Annotated[str, Form()] = "/") -> Response:
    """The language of the pages. No session is needed, and nothing of anybody is changed."""
    response = RedirectResponse(asking.own_path(terug), 303)
    if taal in rendering.LANGUAGES:
        secure = bool(getattr(getattr(request.app.state, "config", None), "secure", False))
        response.set_cookie(
            rendering.LANGUAGE_COOKIE, taal, max_age=31_536_000, path="/", secure=secure, httponly=True, samesite="lax"
        )
    return response


async def _anybody(request: Request) -> Session | None:
    """Who is signed in, if somebody is: these pages are for all."""
    assert request.method in SAFE
    found: Session | None = await run_in_threadpool(request.app.state.sessions.find, request)
    return found
