"""A resident's own pages: who sees what, consent, who looked, and the rights."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, Response

from woonketen.contracts import codes
from woonketen.projections.portal import timeline
from woonketen.projections.portal.asked import Here, desk_of, needs
from woonketen.projections.portal.desk import Ask, Desk
from woonketen.projections.portal.rendering import language, page, say
from woonketen.projections.portal.session import Session
from woonketen.projections.portal.words import code, listed, org, who

router = APIRouter()

HEADED = frozenset(
    {"coach", "my_actions", "their_actions", "lease", "warnings", "contests", "who_sees_what", "consents", "not_shared"}
)
_CORRECTIONS = ("wrong_value", "wrong_date", "wrong_person", "not_happened", "duplicate")


def show(request: Request, session: Session, desk: Desk) -> Response:
    lines = desk.rows("bewoner", Ask()).lines
    rest = [name for name in (lines[0].data if lines else {}) if name not in HEADED]
    return page(
        request,
        "bewoner.html",
        session,
        lines=lines,
        rest=[name for name in rest if name not in ("corrected", "as_of", "feeds_silent")],
        timeline=[timeline.entries(line.data) for line in lines],
        today=desk.today(),
    )


@router.get("/delen")
def sharing(request: Request, session: Here) -> Response:
    needs(session, "bewoner")
    with desk_of(request, session) as desk:
        return _sharing(request, session, desk)


@router.post("/delen/intrekken")
def withdraw(request: Request, session: Here, toestemming: Annotated[str, Form()] = "") -> Response:
    needs(session, "bewoner")
    with desk_of(request, session) as desk:
        before = next((each for each in desk.consents() if each["consent"] == toestemming), None)
        desk.withdraw(toestemming)
        effect = None
        if before is not None:
            effect = say(request, "U heeft deze toestemming ingetrokken. %(who)s ziet dit nu niet meer: %(what)s.",
                       who=_begin(request, before["recipient"]),
                       what=_categories(request, before["categories"]))  # fmt: skip
        return _sharing(request, session, desk, effect)


@router.post("/delen/geven")
def grant(
    request: Request, session: Here, wie: Annotated[str, Form()] = "", soort: Annotated[list[str] | None, Form()] = None
) -> Response:
    needs(session, "bewoner")
    with desk_of(request, session) as desk:
        offered = next((each for each in desk.offers() if each.recipient == wie), None)
        chosen = [each for each in soort or () if offered and each in offered.categories]
        if not chosen:
            return _sharing(request, session, desk, unsaid=True)
        desk.grant(wie, chosen)
        effect = say(request, "%(who)s mag nu zien: %(what)s. U kunt deze toestemming altijd weer intrekken.",
                   who=_begin(request, wie), what=_categories(request, chosen))  # fmt: skip
        return _sharing(request, session, desk, effect)


@router.get("/rechten")
def rights(request: Request, session: Here) -> Response:
    needs(session, "bewoner")
    with desk_of(request, session) as desk:
        return _rights(request, session, desk)


@router.post("/rechten/bezwaar")
def objection(
    request: Request, session: Here, doel: Annotated[str, Form()] = "", stand: Annotated[str, Form()] = "maak"
) -> Response:
    needs(session, "bewoner")
    lift = stand == "terug"
    with desk_of(request, session) as desk:
        desk.object(doel, lift=lift)
        told = (
            say(request, "Uw bezwaar is ingetrokken.")
            if lift
            else say(request, "Uw bezwaar staat. Het werkt vanaf nu.")
        )
        return _rights(request, session, desk, told)


@router.post("/rechten/verbeteren")
def correct(
    request: Request, session: Here, wat: Annotated[str, Form()] = "", reden: Annotated[str, Form()] = "wrong_value"
) -> Response:
    needs(session, "bewoner")
    with desk_of(request, session) as desk:
        category, separator, publisher = wat.partition(":")
        if not separator or (category, publisher) not in desk.corrections() or reden not in _CORRECTIONS:
            return _rights(request, session, desk, errors={"wat": say(request, "Kies wat er niet klopt.")})
        desk.correct(category, reden, publisher)
        told = say(request, "Uw verzoek is gestuurd naar %(who)s.", who=org(publisher, language(request)))
        return _rights(request, session, desk, told)


@router.post("/rechten/kopie")
def copy(request: Request, session: Here, vorm: Annotated[str, Form()] = "html") -> Response:
    needs(session, "bewoner")
    with desk_of(request, session) as desk:
        data, html = desk.export()
    headers = {"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="mijn-gegevens.json"'}
    if vorm == "json":
        return Response(data, 200, headers, "application/json")
    headers["Content-Disposition"] = 'attachment; filename="mijn-gegevens.html"'
    return HTMLResponse(html, 200, headers)


def _sharing(
    request: Request, session: Session, desk: Desk, effect: str | None = None, *, unsaid: bool = False
) -> Response:
    """What was just given or withdrawn hides the row until it is made again; the page says so."""
    told: dict[str, Any] = {
        "lines": desk.rows("bewoner", Ask()).lines,
        "consents": sorted(desk.consents(), key=lambda each: each["state"] != "granted"),
        "offers": desk.offers(),
        "effect": effect,
        "unsaid": unsaid,
    }
    return page(request, "delen_met.html", session, status=422 if unsaid else 200, **told)


def _rights(
    request: Request, session: Session, desk: Desk, effect: str | None = None, errors: dict[str, str] | None = None
) -> Response:
    lang = language(request)
    held = [
        (f"{category}:{by}", f"{code(category, 'category', lang)} – {org(by, lang)}")
        for category, by in desk.corrections()
        if category in codes.members("category")
    ]
    return page(
        request,
        "rechten.html",
        session,
        status=422 if errors else 200,
        corrections=held,
        reasons=[(each, code(each, "correction_reason", lang)) for each in _CORRECTIONS],
        objections=desk.objections(),
        requests=desk.requests(),
        effect=effect,
        errors=errors or {},
    )


def _categories(request: Request, names: list[str]) -> str:
    lang = language(request)
    return listed([code(each, "category", lang) for each in names], lang)


def _begin(request: Request, recipient: str) -> str:
    """At the beginning of a sentence."""
    told = who(recipient, language(request))
    return told[0].upper() + told[1:]
