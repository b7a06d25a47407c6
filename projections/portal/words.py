"""Codes, fields, days and names as a page says them: Dutch, or English beside it. What has no English words (sentences
of warnings, of rules and of grounds) stays Dutch on an English page, and is marked as Dutch for a screen reader."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from markupsafe import Markup, escape

from woonketen.contracts import codes, dutch, english, labels, refusals

PAYMENT_STATES = {"running": "loopt", "kept": "nagekomen", "broken": "niet nagekomen", "ended": "afgelopen"}
_PARTIES = {"zorgpartij": "een zorgpartij", "resident": "de bewoner", "network": "het eigen netwerk"}

try:
    TOWN: tzinfo | None = ZoneInfo("Europe/Amsterdam")
except ZoneInfoNotFoundError:  # a machine without time zones
    TOWN = None


def of(lang: str) -> Mapping[str, Callable[..., Any]]:
    """The filters of the templates."""
    spoken = (day, month, moment, value, code, org, who, listed, refusal, dutch_only, indicator, translated)
    return {each.__name__: partial(each, lang=lang) for each in spoken} | {
        "field": partial(labels.field, lang=lang),
        "purpose": partial(labels.purpose, lang=lang),
        "euros": lambda cents: dutch.euros(int(cents)),
        "breaks": breaks,
        "months": lambda told: f"{told:.1f}".replace(".", ",").removesuffix(",0"),
    }


def day(told: date | str | None, lang: str = "nl") -> str:
    """
    >>> day("2026-06-08"), day("2026-06-08", "en"), day(None)
    ('8 juni 2026', '8 June 2026', '–')
    """
    if told is None:
        return "–"
    on = date.fromisoformat(told) if isinstance(told, str) else told
    return dutch.day(on) if lang == "nl" else english.day(on)


def month(told: str, lang: str = "nl") -> str:
    """
    >>> month("2026-06"), month("2026-06", "en")
    ('juni 2026', 'June 2026')
    """
    return day(f"{told}-01", lang).partition(" ")[2]


def moment(told: str | None, lang: str = "nl") -> str:
    """An instant as one reads it in town."""
    if told is None:
        return "–"
    at = datetime.fromisoformat(told).astimezone(TOWN)
    return f"{day(at.date(), lang)} {at:%H:%M}".replace(" ", "\u00a0", 2)


def breaks(told: str) -> Markup:
    """A technical name that may be broken after its dots and underscores, and nowhere else."""
    return Markup(re.sub(r"([._])", r"\1<wbr>", str(escape(told))))  # noqa: S704 - escaped just here


def value(told: Any, name: str, lang: str = "nl") -> str:
    if isinstance(told, float):
        return f"{told:g}".replace(".", ",")
    if name == "state" and told in PAYMENT_STATES:
        return PAYMENT_STATES[told] if lang == "nl" else english.label("payment_state", told)
    return labels.value(name, told.isoformat() if isinstance(told, date) else told, lang=lang)


def code(told: str, name: str, lang: str = "nl") -> str:
    """The label of a code in a list; what is no code of it is shown as it is."""
    return labels.word(name, told, lang) if told in codes.members(name) else told


def org(name: str, lang: str = "nl") -> str:
    """An organisation's registered name as one reads it.

    >>> org("coach-oost"), org("zorgpartij"), org("resident"), org("resident", "en")
    ('Coach Oost', 'een zorgpartij', 'de bewoner', 'the resident')
    """
    if name in _PARTIES:
        return _PARTIES[name] if lang == "nl" else english.label("party", name)
    return " ".join("IJ" + each[2:] if each.startswith("ij") else each.capitalize() for each in name.split("-"))


def who(recipient: str, lang: str = "nl") -> str:
    """A recipient in a sentence: a role with its article, or an organisation.

    >>> who("wijkteam"), who("coach"), who("coach-oost"), who("coach", "en")
    ('het wijkteam', 'de coach', 'Coach Oost', 'the coach')
    """
    if recipient not in codes.members("role"):
        return org(recipient, lang)
    article = "the" if lang == "en" else "het" if recipient == "wijkteam" else "de"
    return f"{article} {labels.word('role', recipient, lang)}"


def listed(items: Sequence[str], lang: str = "nl") -> str:
    return dutch.listed(items) if lang == "nl" else english.listed(items)


def refusal(reason: str, lang: str = "nl") -> refusals.Told:
    """What it is called, and what to do: the latter in Dutch alone, a row has the English one."""
    told = refusals.told(reason)
    return told if lang == "nl" else told._replace(what=english.words("refusal").get(reason, reason))


def indicator(name: str, told: str, lang: str = "nl") -> str:
    """What an indicator is called; `told`: how its rule calls it."""
    return told if lang == "nl" else english.words("indicator").get(name, told)


def translated(told: str, name: str, lang: str = "nl") -> str | Markup:
    """A Dutch label of a list, as a row holds it."""
    found = None if lang == "nl" else english.of_dutch(name, told)
    return found or dutch_only(told, lang)


def dutch_only(told: str, lang: str = "nl") -> str | Markup:
    """What is there in Dutch alone.

    >>> dutch_only("Er is iets."), dutch_only("Er is <iets>.", "en")
    ('Er is iets.', Markup('<span lang="nl">Er is &lt;iets&gt;.</span>'))
    """
    return told if lang == "nl" else Markup('<span lang="nl">{}</span>').format(told)
