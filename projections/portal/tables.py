"""Views without residents: complexes, figures, and what a steward watches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from woonketen.contracts.views import OTHER_VIEWS
from woonketen.projections.portal import looked, rendering
from woonketen.projections.portal.asked import Here, desk_of, needs
from woonketen.projections.portal.desk import Desk
from woonketen.projections.portal.rendering import page
from woonketen.projections.portal.session import Session

router = APIRouter()

SIZE = 25
NUMBERS = frozenset(
    {"accepted_24h", "refused_24h", "parked", "quarantined", "lag", "dwellings", "nuisance_per_100", "rows", "keys",
     "leases_ending_180d"}
)  # fmt: skip
_NEWEST_FIRST = {"steward_refusals": "at", "looks": "at", "steward_proofs": "at", "steward_requests": "received_on"}
_QUARANTINE = ("id", "orgs", "since", "reason", "error")


PAGES = {
    "/weigeringen": ("steward_refusals", ("steward",)),
    "/toestemmingen": ("steward_consents", ("steward",)),
    "/verzoeken": ("steward_requests", ("steward",)),
    "/bewijzen": ("steward_proofs", ("steward",)),
    "/complexen": ("complex", ("corporatie", "beleid")),
}
"""Path → the view on it, and for whom."""


def feeds(request: Request, session: Session, desk: Desk) -> Response:
    return _table(request, session, desk, "steward_feeds")


def _view(request: Request, session: Here, blad: str = "1") -> Response:
    view, roles = PAGES[request.url.path]
    needs(session, *roles)
    with desk_of(request, session) as desk:
        return _table(request, session, desk, view, blad)


for _path in PAGES:
    router.add_api_route(_path, _view, methods=["GET"])


@router.post("/verzoeken/{number}")
def answer(request: Request, session: Here, number: int, antwoord: Annotated[str, Form()] = "") -> Response:
    needs(session, "steward")
    with desk_of(request, session) as desk:
        desk.answer_request(number, antwoord)
        return _table(request, session, desk, "steward_requests", said=True)


@router.get("/gekeken")
def looks(request: Request, session: Here, blad: str = "1") -> Response:
    needs(session, "steward", "bewoner")
    with desk_of(request, session) as desk:
        if session.user.role == "bewoner":
            days = looked.days(desk.table("looks"), rendering.TOWN)
            return page(request, "gekeken.html", session, days=days[: looked.DAYS], more=len(days) > looked.DAYS)
        return _table(request, session, desk, "looks", blad)


@router.get("/quarantaine")
def quarantine(request: Request, session: Here) -> Response:
    needs(session, "steward")
    with desk_of(request, session) as desk:
        rows = desk.quarantine()
    columns = [name for name in _QUARANTINE if not rows or name in rows[0]]
    return _page(request, session, "quarantine", columns, rows)


def figures(request: Request, session: Session, desk: Desk) -> Response:
    """The frozen tables of a quarter, the newest unless one is asked for; none where no quarter was frozen yet."""
    rows = desk.table("beleid")
    quarters = list(dict.fromkeys(row["quarter"] for row in rows))
    asked = request.query_params.get("kwartaal")
    quarter = asked if asked in quarters else next(iter(quarters), None)
    tables = figures_of(row for row in rows if row["quarter"] == quarter)
    return page(request, "beleid.html", session, tables=tables, quarter=quarter, quarters=quarters)


def figures_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Title → `parts` (the columns), `groups` (row → part → cell) and `bars`: the same cells in the same order."""
    found: dict[str, Any] = {}
    for row in rows:
        table = found.setdefault(row["table"], {"parts": [], "groups": {}, "bars": []})
        if row["part"] not in table["parts"]:
            table["parts"].append(row["part"])
        table["groups"].setdefault(row["dimension"], {})[row["part"]] = row
        table["bars"].append(row)
    return found


def _table(
    request: Request, session: Session, desk: Desk, view: str, blad: str = "1", *, said: bool = False
) -> Response:
    rows = list(desk.table(view))
    if view in _NEWEST_FIRST:
        rows.sort(key=lambda row: str(row[_NEWEST_FIRST[view]]), reverse=True)
    columns = [name for name in OTHER_VIEWS[view].__struct_encode_fields__ if name not in ("corrected", "not_shared")]
    return _page(request, session, view, columns, rows, blad, said=said)


def _page(
    request: Request,
    session: Session,
    view: str,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    blad: str = "1",
    *,
    said: bool = False,
) -> Response:
    last = max(1, -(-len(rows) // SIZE))
    at = min(int(blad), last) if blad.isascii() and blad.isdigit() and int(blad) > 0 else 1
    return page(
        request,
        "tabel.html",
        session,
        view=view,
        columns=columns,
        rows=rows[(at - 1) * SIZE : at * SIZE],
        numbers=NUMBERS,
        said=said,
        pages={"page": at, "last": last} if last > 1 else None,
    )
