"""From a template and what a desk told to a page. Everything is escaped; no page holds a script or style of its own."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from woonketen.contracts import codes
from woonketen.projections.portal import words
from woonketen.projections.portal.session import Session

HERE = Path(__file__).parent
STATIC = HERE / "static"
LANGUAGES = ("nl", "en")
LANGUAGE_COOKIE = "woonketen-taal"


def page(
    request: Request, template: str, session: Session | None = None, *, status: int = 200, **told: Any
) -> HTMLResponse:
    """A page in the language of the visitor. `told` is all that the template gets beside what every page has."""
    every = {
        "session": session,
        "demo": bool(getattr(getattr(request.app.state, "config", None), "demo", False)),
        "path": request.url.path,
        "again": again(request.method, request.url.path, request.url.query),
        "language": language(request),
        "open_day": getattr(request.state, "open_day", None),
    }
    html = environment(language(request)).get_template(template).render(every | told)
    return HTMLResponse(html, status, {"Cache-Control": "no-store"})


def again(method: str, path: str, query: str) -> str:
    """The address at which this page is there once more; a form's own address may take nothing but the form.

    >>> again("GET", "/", "blad=2"), again("POST", "/zoeken", ""), again("POST", "/delen/geven", "")
    ('/?blad=2', '/', '/delen')
    """
    if method == "POST":
        first = path.split("/")[1]
        if first not in ("dossier", "signaal"):
            return f"/{first}" if first in ("delen", "rechten", "verzoeken") else "/"
    return f"{path}?{query}" if query else path


def language(request: Request) -> str:
    chosen = request.cookies.get(LANGUAGE_COOKIE, LANGUAGES[0])
    return chosen if chosen in LANGUAGES else LANGUAGES[0]


@cache
def environment(lang: str) -> Environment:
    made = Environment(
        loader=PackageLoader("woonketen.projections.portal"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(translations(lang), newstyle=True)  # type: ignore[attr-defined]
    made.filters |= words.of(lang)
    made.globals |= {"codes": codes, "static": static}
    return made


@cache
def translations(lang: str) -> NullTranslations:
    """The catalogue, compiled when it is first asked for. The source of all texts is Dutch."""
    path = HERE / "translations" / f"{lang}.po"
    if not path.exists():
        return NullTranslations()
    with path.open("rb") as lines:
        catalogue = read_po(lines, locale=lang)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def say(request: Request, text: str, **values: str) -> str:
    """A sentence in the visitor's language."""
    told = translations(language(request)).gettext(text)
    return told % values if values else told


def static(name: str) -> str:
    return f"/static/{name}"
