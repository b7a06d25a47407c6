"""The lists of people, and the page of one of them: for everybody who works with residents."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Form, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from woonketen.contracts import codes
from woonketen.projections.listing import FILTERS, SORTS
from woonketen.projections.portal import asking, timeline
from woonketen.projections.portal.asked import Here, Missing, desk_of, token_of
from woonketen.projections.portal.desk import Ask, Desk, Done, Line, Part
from woonketen.projections.portal.rendering import language, page
from woonketen.projections.portal.session import Session
from woonketen.projections.portal.words import code

router = APIRouter()

HEADED = frozenset({"resident", "programme", "warnings", "corrected", "not_shared", "as_of", "feeds_silent"})
"""Fields of a row that stand in a place of their own."""
FIRST: Mapping[str, tuple[str, ...]] = {
    "coach": ("intake", "plan_actions"),
    "casusregisseur": ("parties", "plan_actions", "intake"),
    "wijkteam": ("involved",),
    "corporatie": (),
    "zorgaanbieder": ("referrals_in", "move", "own_actions", "place"),
}
LAST: Mapping[str, tuple[str, ...]] = {"corporatie": ("own_actions",)}
"""What stands before, and after, the fields that follow in the view's order: as the screen's questions come."""
RECORDING = "coach"


def show(request: Request, session: Session, desk: Desk, ask: Ask) -> Response:
    """The list of the own role, or a part of it."""
    view = session.user.role
    part = desk.rows(view, ask)
    return _list(request, session, desk, ask, part)


def _list(request: Request, session: Session, desk: Desk, ask: Ask, part: Part) -> Response:
    view, today = session.user.role, desk.today()
    return page(
        request,
        "lijst.html",
        session,
        view=view,
        ask=ask,
        part=part,
        found=ask.find,
        groups=asking.groups(view, list(part.lines), today, ask),
        filters=FILTERS[view],
        sorts=list(SORTS[view]),
        query=asking.address(ask),
        marks=part.mark,
        previous=desk.previous(),
        today=today,
    )


@router.post("/zoeken")
def search(request: Request, session: Here, zoek: Annotated[str, Form()] = "") -> Response:
    """By the own organisation's pseudonym, in a form and not in an address. One found: its page."""
    if session.user.role not in asking.VIEWS:
        raise Missing
    ask = asking.ask(session.user.role, {}, find=zoek.strip()[:64] or None)
    with desk_of(request, session) as desk:
        part = desk.rows(session.user.role, ask)
        if ask.find and part.total == 1 and session.user.role not in ("vrijwilliger", "schuldhulp"):
            return RedirectResponse(f"/dossier/{part.lines[0].id}", 303)
        return _list(request, session, desk, ask, part)


@router.post("/nieuw")
def fresh(
    request: Request, session: Here, lijst: Annotated[str, Form()] = "", vraag: Annotated[str, Form()] = "/"
) -> Response:
    """How many lines are new or otherwise since the page was made. The page itself stays as it is."""
    if session.user.role not in asking.VIEWS:
        raise Missing
    with desk_of(request, session) as desk:
        back = asking.own_address(vraag)
        asked = asking.ask(session.user.role, dict(parse_qsl(back.partition("?")[2])))
        count = desk.changed(session.user.role, asked, lijst)
    return page(request, "nieuw.html", session, count=count, back=back)


@router.get("/dossier/{row}")
def dossier(request: Request, session: Here, row: str) -> Response:
    with desk_of(request, session) as desk:
        return _dossier(request, session, desk, _line(desk, session, row))


@router.post("/dossier/{row}")
async def record(request: Request, session: Here, row: str) -> Response:
    """What a coach did, as an event of the coach's organisation; the answer is the page with the receipt."""
    form = await request.form()
    told = {name: str(value) for name, value in form.items()}
    present = [str(each) for each in form.getlist("present")]
    return await run_in_threadpool(_record, request, session, row, told, present)


def _record(request: Request, session: Session, row: str, form: Mapping[str, str], present: list[str]) -> Response:
    view, kind = session.user.role, form.get("kind", "")
    if view != RECORDING:
        raise Missing
    with desk_of(request, session) as desk:
        values, wrong = asking.recorded(form, present, desk.today())
        line = _line(desk, session, row)
        if wrong:
            return _dossier(request, session, desk, line, wrong=wrong, given=form)
        done = desk.record(view, line.id, kind, token_of(form.get("token", "")), values)
        if done is None:
            raise Missing
        return _dossier(request, session, desk, line, done=done, attempted=told_nobody(kind, values))


def told_nobody(kind: str, values: Mapping[str, Any]) -> bool:
    """An attempt that reached nobody: it counts, but is no contact with a day of its own."""
    return kind == "contact_attempted" and not values["reached"]


def _line(desk: Desk, session: Session, row: str) -> Line:
    """Raises `Missing` for what is not there, or another's: which of the two is not told."""
    view = session.user.role
    if view not in asking.VIEWS or view in ("vrijwilliger", "schuldhulp"):
        raise Missing
    line = desk.row(view, asking.row_id(row) or "")
    if line is None:
        raise Missing
    return line


def _dossier(
    request: Request,
    session: Session,
    desk: Desk,
    line: Line,
    *,
    done: Done | None = None,
    wrong: Mapping[str, str] | None = None,
    given: Mapping[str, str] | None = None,
    attempted: bool = False,
) -> Response:
    first, last = FIRST[session.user.role], LAST.get(session.user.role, ())
    shown: dict[str, Any] = {
        "view": session.user.role,
        "line": line,
        "first": first,
        "last": last,
        "rest": [name for name in line.data if name not in HEADED and name not in (*first, *last)],
        "entries": timeline.entries(line.data),
        "today": desk.today(),
        "channels": [(each, code(each, "channel", language(request))) for each in codes.ordered("channel")],
        "token": secrets.token_hex(12),
        "done": done,
        "wrong": wrong or {},
        "given": given or {},
        "attempted": attempted,
    }
    status = 422 if wrong or (done is not None and done.status == "refused") else 200
    return page(request, "dossier.html", session, status=status, **shown)
