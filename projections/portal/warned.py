"""One warning: why it is there, and what one says to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from woonketen.contracts import codes, indicators
from woonketen.projections.portal import asking
from woonketen.projections.portal.asked import Here, Missing, desk_of
from woonketen.projections.portal.desk import Desk
from woonketen.projections.portal.rendering import language, page
from woonketen.projections.portal.session import Session
from woonketen.projections.portal.words import code

router = APIRouter(prefix="/signaal")

_REASONS = {"bewoner": "contest_reason"}


@router.get("/{warning}")
def explain(request: Request, session: Here, warning: str, bij: str = "") -> Response:
    with desk_of(request, session) as desk:
        return _shown(request, session, desk, warning, bij)


@router.post("/{warning}")
def answer(
    request: Request, session: Here, warning: str, reden: Annotated[str, Form()] = "", bij: str = ""
) -> Response:
    with desk_of(request, session) as desk:
        if reden not in codes.members(_list(session)):
            return _shown(request, session, desk, warning, bij, unsaid=True)
        known = asking.warning_id(warning)
        if known is None:
            raise Missing
        say = desk.contest if session.user.role == "bewoner" else desk.acknowledge
        say(known, reden)
        return _shown(request, session, desk, warning, bij, said=True)


def _shown(
    request: Request, session: Session, desk: Desk, warning: str, bij: str, *, said: bool = False, unsaid: bool = False
) -> Response:
    known = asking.warning_id(warning)
    row, name = asking.row_id(bij), _list(session)
    told = None if known is None else desk.explain(known) or _bare(desk, session, known, row)
    if told is None:
        raise Missing
    return page(
        request,
        "signaal.html",
        session,
        status=422 if unsaid else 200,
        told=told,
        bij=row or "",
        back=f"/dossier/{row}" if row and session.user.role != "bewoner" else "/",
        reasons=[(each, code(each, name, language(request))) for each in codes.ordered(name)],
        said=said,
        unsaid=unsaid,
    )


def _bare(desk: Desk, session: Session, warning: str, row: str | None) -> Mapping[str, Any] | None:
    """Of a warning that this person sees without its reasons: what the row itself says."""
    view = session.user.role
    line = desk.row(view, row) if row is not None and view in asking.VIEWS else None
    found = next((each for each in (line.data.get("warnings") or () if line else ()) if each["id"] == warning), None)
    if found is None:
        return None
    rule = indicators.shipped().indicators.get(found["indicator"])
    unsaid = dict.fromkeys(("action", "closes_when", "closed_on", "rule", "rule_version", "evidence", "gaps"))
    return {"label": rule.label if rule else found["indicator"], **unsaid, **found}


def _list(session: Session) -> str:
    return _REASONS.get(session.user.role, "acknowledgement")
