"""Views without residents: complexes, figures, and what a steward watches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from woonketen.contracts.views import OTHER_VIEWS
from woonketen.projections.portal import looked, refused, words
from woonketen.projections.portal.asked import Here, desk_of, needs
from woonketen.projections.portal.desk import Desk
from woonketen.projections.portal.rendering import language, page, translations
from woonketen.projections.portal.session import Session

router = APIRouter()

SIZE = 25
NUMBERS = frozenset(
    {"accepted_24h", "refused_24h", "parked", "quarantined", "lag", "dwellings", "nuisance_per_100", "rows", "keys",
     "leases_ending_180d"}
)  # fmt: skip
SOON = timedelta(days=30)
"""What ends within this term stands out."""
_NEWEST_FIRST = {"looks": "at", "steward_proofs": "at"}
_PILOT = ("programme", "cohort", "phase", "outcome", "months_housed", "goals_met", "tenancy_kept", "as_of")
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
        if view == "steward_refusals":
            return _refusals(request, session, desk, blad)
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
            days = looked.days(desk.table("looks"), words.TOWN)
            return page(request, "gekeken.html", session, days=days[: looked.DAYS], more=len(days) > looked.DAYS)
        return _table(request, session, desk, "looks", blad)


@router.get("/quarantaine")
def quarantine(request: Request, session: Here) -> Response:
    needs(session, "steward")
    with desk_of(request, session) as desk:
        rows = desk.quarantine()
    columns = [name for name in _QUARANTINE if not rows or name in rows[0]]
    return _page(request, session, "quarantine", columns, rows)


def _refusals(request: Request, session: Session, desk: Desk, blad: str) -> Response:
    """The same refusal once, however often it came."""
    groups = refused.groups(desk.table("steward_refusals"), words.TOWN)
    shown, pages = leaf(groups, blad)
    return page(request, "weigeringen.html", session, groups=shown, pages=pages)


def figures(request: Request, session: Session, desk: Desk) -> Response:
    """The frozen tables of a quarter, the newest unless one is asked for; none where no quarter was frozen yet."""
    rows = desk.table("beleid")
    quarters = list(dict.fromkeys(row["quarter"] for row in rows))
    asked = request.query_params.get("kwartaal")
    quarter = asked if asked in quarters else next(iter(quarters), None)
    tables = figures_of(row for row in rows if row["quarter"] == quarter)
    pilots = counted(desk.table("programma_figures"), language(request))
    return page(request, "beleid.html", session, tables=tables, quarter=quarter, quarters=quarters, pilots=pilots)


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


def pilot(request: Request, session: Session, desk: Desk, blad: str) -> Response:
    """What a member of a steering group sees: a line per case, and the figures."""
    rows = sorted(desk.table("programma"), key=lambda row: [str(row[name] or "~") for name in _PILOT])
    shown, pages = leaf(rows, blad)
    return page(
        request,
        "programma.html",
        session,
        pilots=counted(desk.table("programma_figures"), language(request)),
        columns=_PILOT,
        rows=shown,
        total=len(rows),
        pages=pages,
    )


def counted(rows: Iterable[Mapping[str, Any]], lang: str = "nl") -> dict[str, list[Mapping[str, Any]]]:
    """Figure → its latest count per programme and cohort; `value` in percent, as a chart draws it.

    >>> row = {"figure": "completed", "programme": "buddy", "cohort": None, "part": 1, "whole": 4}
    >>> [(each["dimension"], each["value"], each["shown"]) for each in counted([row])["completed"]]
    [('Buddy', 25.0, '1 van 4')]
    """
    latest = {(row["figure"], row["programme"], row["cohort"]): row for row in rows}
    of = translations(lang).gettext("%(part)s van %(whole)s")
    found: dict[str, list[Mapping[str, Any]]] = {}
    for (figure, programme, cohort), row in latest.items():
        name = words.code(programme, "programme", lang)
        bar = {
            "dimension": f"{name} {cohort}" if cohort else name,
            "value": 100 * row["part"] / row["whole"],
            "shown": of % {"part": row["part"], "whole": row["whole"]},
        }
        found.setdefault(figure, []).append({**row, **bar})
    return found


def leaf(rows: Sequence[Any], blad: str) -> tuple[Sequence[Any], dict[str, int] | None]:
    """The rows of this leaf; and which of how many, where there is more than one."""
    last = max(1, -(-len(rows) // SIZE))
    at = min(int(blad), last) if blad.isascii() and blad.isdigit() and int(blad) > 0 else 1
    return rows[(at - 1) * SIZE : at * SIZE], {"page": at, "last": last} if last > 1 else None


def _table(
    request: Request, session: Session, desk: Desk, view: str, blad: str = "1", *, said: bool = False
) -> Response:
    rows = in_order(view, desk.table(view))
    columns = [name for name in OTHER_VIEWS[view].__struct_encode_fields__ if name not in ("corrected", "not_shared")]
    return _page(request, session, view, columns, rows, blad, said=said, soon=desk.today() + SOON)


def in_order(view: str, rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What asks for something first: a feed that is not well, a consent that ends, a request with the nearest day."""
    if view in _NEWEST_FIRST:
        return sorted(rows, key=lambda row: str(row[_NEWEST_FIRST[view]]), reverse=True)
    if view == "steward_feeds":
        return sorted(
            rows,
            key=lambda row: (
                row["state"] == "running",
                -row["quarantined"],
                -row["parked"],
                -row["refused_24h"],
                row["org"],
            ),
        )
    if view == "steward_consents":
        return sorted(rows, key=lambda row: (row["state"] != "granted", str(row["until"] or "9"), row["ref_hash"]))
    if view == "steward_requests":
        return sorted(rows, key=lambda row: (row["state"] != "open", str(row["legal_day"]), row["id"]))
    return list(rows)


def _page(
    request: Request,
    session: Session,
    view: str,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    blad: str = "1",
    *,
    said: bool = False,
    soon: date | None = None,
) -> Response:
    shown, pages = leaf(rows, blad)
    return page(
        request,
        "tabel.html",
        session,
        view=view,
        columns=columns,
        rows=shown,
        numbers=NUMBERS,
        said=said,
        soon=soon,
        pages=pages,
    )
