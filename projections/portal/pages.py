"""The pages, for the server that mounts them: a router, the folder of style sheets and scripts, and the pages that the
server itself needs (signing in, errors)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from woonketen.projections.portal import rendering

STATIC = rendering.STATIC
router = APIRouter(default_response_class=HTMLResponse)


class Persona(msgspec.Struct, frozen=True):
    """An invented person of the demo. `who` is Dutch: what the person is; `question`: what it asks in the morning."""

    name: str
    role: str
    org: str
    who: str
    question: str | None = None


def sign_in_page(request: Request, start: str, why: str | None = None) -> HTMLResponse:
    """`start`: the path that leads to the provider. `why`: `ended`, `failed` or `unknown`, said above it."""
    return rendering.page(request, "aanmelden.html", start=start, why=why)


def personas_page(
    request: Request, personas: Sequence[Persona], action: str, hidden: Mapping[str, str], why: str | None = None
) -> HTMLResponse:
    """The demo's provider: one form that posts `hidden` and `persona`, a name, to `action`."""
    return rendering.page(request, "personen.html", personas=personas, action=action, hidden=hidden, why=why)


def error_page(request: Request, status: int, trace: str, why: str | None = None) -> HTMLResponse:
    """`trace`: what the reader can give the operator. `why`: a code that has words of its own (`forged`)."""
    session = getattr(request.state, "session", None)
    return rendering.page(request, "fout.html", session, status=status, code=status, trace=trace, why=why)
