"""Words for every field of a payload or a view (`labels.csv`), for values, and for a look: Dutch, and for the portal's
English pages English (`lang="en"`)."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, get_args, get_type_hints

import msgspec

from woonketen.contracts import codes, dutch, english
from woonketen.contracts.catalogue import TYPES
from woonketen.contracts.payloads.lists import LISTS

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        row["field"]: row["label_nl"]
        for row in csv.DictReader(
            files("woonketen.contracts").joinpath("labels.csv").read_text(encoding="utf-8").splitlines()
        )
    }
)
"""Field of a payload or a view → what it is called."""

# What a view shows as a plain code, by field: the lists in which its label may stand.
_OF_VIEW: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "action": ("action_kind",),
        "arrears_level": ("arrears_level",),
        "arrears_trend": ("arrears_trend",),
        "can_self": ("can_self",),
        "card": ("card",),
        "categories": ("category",),
        "category": ("nuisance_category", "category"),
        "coaching_runs": ("coaching_runs",),
        "collection_step": ("collection_step",),
        "day_activity": ("day_activity_kind",),
        "decided": ("lease_decision",),
        "domain": ("domain",),
        "effort": ("arrears_effort",),
        "kind": ("lease_kind", "place_kind"),
        "may_signal_missing": ("arrears_effort",),
        "mode": ("coach_mode",),
        "needs": ("needs",),
        "not_running_by": ("not_running_by",),
        "notice": ("nuisance_step",),
        "phase": ("phase",),
        "programme": ("programme",),
        "provisions_open": ("provision",),
        "purpose": ("purpose",),
        "recipient": ("role",),
        "role": ("role", "coach_role", "org_kind"),
        "situation": ("situation",),
        "state": ("action_state", "consent_state", "warning_state"),
        "taken_by": ("role",),
        "wants": ("wants",),
    }
)
OPENED = "break-glass view break_glass"
"""Name of the look that tells that somebody broke the glass."""
_LISTS = {each: name for name, each in LISTS.items()}
_PURPOSES = {"self": "inzage in uw eigen gegevens", "stewardship": "beheer van de gegevens"}
_MISSING = {"objection": "de huurder maakte bezwaar", "agreement": "een convenant over vroegsignalering"}
_OWNERS = {"resident": "uzelf", "network": "uw netwerk"}


def word(name: str, code: str, lang: str = "nl") -> str:
    """The label of a code in a list. Raises `KeyError`."""
    return codes.label(name, code) if lang == "nl" else english.label(name, code)


def field(name: str, lang: str = "nl") -> str:
    """The label; a name without one is shown as it is, a test sees to it that there are none."""
    return (FIELDS if lang == "nl" else english.words("field")).get(name, name.replace("_", " "))


def purpose(code: str, lang: str = "nl") -> str:
    own = _PURPOSES if lang == "nl" else english.words("own_purpose")
    return own.get(code) or word("purpose", code, lang)


def event(short: str) -> str:
    return codes.label("event_type", short)


def value(name: str, told: Any, short: str | None = None, lang: str = "nl") -> str:
    """A value as one reads it. `short`: the type of event whose payload it stands in, else it is a view's."""
    if told is None:
        return "–"
    if isinstance(told, bool):
        return {"nl": ("nee", "ja"), "en": ("no", "yes")}[lang][told]
    if isinstance(told, int | float) and name.endswith("_cents"):
        return dutch.euros(int(told))
    if isinstance(told, list | tuple):
        return "; ".join(value(name, each, short, lang) for each in told) or "–"
    if isinstance(told, Mapping):
        return ", ".join(f"{_key(name, key, lang)}: {value(key, each, short, lang)}" for key, each in told.items())
    if isinstance(told, str):
        return _day(told, lang) or _code(name, told, short, lang)
    return str(told)


def look(row: Mapping[str, Any], zone: tzinfo = UTC) -> str:
    """A line of the looks as a sentence: when, who, for what, which fields. Never a name: organisation and role.

    `row`: `start_time` (ISO 8601), `name`, `organisation`, `role`, `purpose`, `fields`.
    """
    at = datetime.fromisoformat(row["start_time"]).astimezone(zone)
    when = f"Op {dutch.day(at.date())} om {at:%H:%M}"
    if row["role"] == "bewoner":
        return f"{when} bekeek u zelf: {dutch.listed(_fields(row['fields']))}."
    who = f"iemand van {row['organisation']} ({codes.label('role', row['role'])})"
    if row["name"] == "who looked":
        return f"{when} vroeg {who} wie er bij u gekeken had."
    if row["name"] == OPENED:
        return f"{when} opende {who} uw gegevens voor drie uur, met een noodgeval als reden."
    emergency = " (in een noodgeval)" if row["name"].startswith("break-glass ") else ""
    seen = dutch.listed(_fields(row["fields"]))
    return f"{when} keek {who}{emergency} naar: {seen}. Doel: {purpose(row['purpose'])}."


def _fields(names: Sequence[str]) -> list[str]:
    return list(
        dict.fromkeys(field(name) for name in names if name not in ("corrected", "not_shared", "id", "resident"))
    )


def _key(parent: str, key: str, lang: str) -> str:
    if parent == "wants":
        return word("domain", key, lang) if key in codes.members("domain") else key
    return field(key, lang)


def _day(told: str, lang: str) -> str | None:
    try:
        on = date.fromisoformat(told) if len(told) == 10 else None
    except ValueError:
        return None
    if on is None:
        return None
    return dutch.day(on) if lang == "nl" else english.day(on)


def _code(name: str, told: str, short: str | None, lang: str) -> str:
    for named in _of_payload(short).get(name, ()) if short else _OF_VIEW.get(name, ()):
        if told in codes.members(named):
            return word(named, told, lang)
    missing = name == "may_signal_missing"
    beside = (_MISSING if missing else _OWNERS) if lang == "nl" else english.words("missing" if missing else "owned")
    return beside.get(told, told)


@cache
def _of_payload(short: str) -> Mapping[str, tuple[str, ...]]:
    """Field of a payload, of its parts too → the closed lists of its codes."""
    found: dict[str, tuple[str, ...]] = {}
    _collect(TYPES[short].payload, found)
    return found


def _collect(struct: Any, found: dict[str, tuple[str, ...]]) -> None:
    for name, hint in get_type_hints(struct).items():
        for each in _parts(hint):
            if each in _LISTS:
                found[name] = (*found.get(name, ()), _LISTS[each])
            elif isinstance(each, type) and issubclass(each, msgspec.Struct):
                _collect(each, found)


def _parts(hint: Any) -> list[Any]:
    try:
        if hint in _LISTS:
            return [hint]
    except TypeError:
        return []
    inner = [each for each in get_args(hint) if not isinstance(each, str | int)]
    return [hint, *(part for each in inner for part in _parts(each))]
