"""From a template and what a desk told to a page. Everything is escaped; no page holds a script or style of its own."""

from __future__ import annotations

import re
from datetime import date, datetime, tzinfo
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from woonketen.contracts import codes, dutch, labels, refusals
from woonketen.projections.portal.session import Session

HERE = Path(__file__).parent
STATIC = HERE / "static"
LANGUAGES = ("nl", "en")
PAYMENT_STATES = {"running": "loopt", "kept": "nagekomen", "broken": "niet nagekomen", "ended": "afgelopen"}
LANGUAGE_COOKIE = "woonketen-taal"

try:
    TOWN: tzinfo | None = ZoneInfo("Europe/Amsterdam")
except ZoneInfoNotFoundError:  # a machine without time zones
    TOWN = None


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
    made.filters |= {
        "day": day if lang == "nl" else day_in_english,
        "euros": lambda cents: dutch.euros(int(cents)),
        "field": labels.field,
        "value": value,
        "purpose": labels.purpose,
        "refusal": refusals.told,
        "code": code,
        "listed": dutch.listed,
        "moment": moment,
        "month": month,
        "org": org,
        "who": who,
        "breaks": breaks,
        "months": lambda told: f"{told:.1f}".replace(".", ",").removesuffix(",0"),
    }
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


def day(told: date | str | None) -> str:
    """
    >>> day("2026-06-08"), day(None)
    ('8 juni 2026', '–')
    """
    if told is None:
        return "–"
    return dutch.day(date.fromisoformat(told) if isinstance(told, str) else told)


def day_in_english(told: date | str | None) -> str:
    """
    >>> day_in_english("2026-06-08"), day_in_english(None)
    ('8 June 2026', '–')
    """
    if told is None:
        return "–"
    return format_date(date.fromisoformat(told) if isinstance(told, str) else told, "d MMMM y", locale="en")


def month(told: str) -> str:
    """
    >>> month("2026-06")
    'juni 2026'
    """
    return dutch.day(date.fromisoformat(f"{told}-01")).partition(" ")[2]


def breaks(told: str) -> Markup:
    """A technical name that may be broken after its dots and underscores, and nowhere else."""
    return Markup(re.sub(r"([._])", r"\1<wbr>", str(escape(told))))  # noqa: S704 - escaped just here


def value(told: Any, name: str) -> str:
    if isinstance(told, float):
        return f"{told:g}".replace(".", ",")
    if name == "state" and told in PAYMENT_STATES:
        return PAYMENT_STATES[told]
    return labels.value(name, told.isoformat() if isinstance(told, date) else told)


def moment(told: str | None) -> str:
    """An instant as one reads it in town."""
    if told is None:
        return "–"
    at = datetime.fromisoformat(told).astimezone(TOWN)
    return f"{dutch.day(at.date())} {at:%H:%M}".replace(" ", "\u00a0", 2)


def code(told: str, name: str) -> str:
    """The label of a code in a list; what is no code of it is shown as it is."""
    return codes.label(name, told) if told in codes.members(name) else told


def org(name: str) -> str:
    """An organisation's registered name as one reads it.

    >>> org("coach-oost"), org("zorgpartij"), org("resident")
    ('Coach Oost', 'een zorgpartij', 'de bewoner')
    """
    known = {"zorgpartij": "een zorgpartij", "resident": "de bewoner", "network": "het eigen netwerk"}
    words = ("IJ" + each[2:] if each.startswith("ij") else each.capitalize() for each in name.split("-"))
    return known.get(name) or " ".join(words)


def who(recipient: str) -> str:
    """A recipient in a sentence: a role with its article, or an organisation.

    >>> who("wijkteam"), who("coach"), who("coach-oost")
    ('het wijkteam', 'de coach', 'Coach Oost')
    """
    if recipient not in codes.members("role"):
        return org(recipient)
    return f"{'het' if recipient == 'wijkteam' else 'de'} {codes.label('role', recipient)}"
