"""Addresses and forms to what is asked, and back. Nothing personal stands in an address: not even a pseudonym."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlencode

from woonketen.contracts import codes
from woonketen.projections.listing import DECIDE_DAYS, FILTERS, SORTS
from woonketen.projections.portal.desk import Ask, Line

VIEWS = tuple(FILTERS)
"""Views whose rows are a list of people; the role that sees one has its name."""
SIZE = 25
MOST_PAGES = 10_000
_ROW = re.compile(r"[0-9a-f]{32}\Z")
_WARNING = re.compile(r"[A-Za-z0-9:_-]{1,80}\Z")
_SOON_DAYS = 7


def ask(view: str, query: Mapping[str, str], find: str | None = None) -> Ask:
    """What an address asks of this list; what it does not know it passes over."""
    filters = {name: query[name] for name, known in FILTERS[view].items() if query.get(name) in known}
    sort = query.get("volgorde")
    page = query.get("blad", "1")
    return Ask(
        filters=filters,
        sort=sort if sort in SORTS[view] else None,
        find=find,
        page=min(int(page), MOST_PAGES) if page.isascii() and page.isdigit() and int(page) > 0 else 1,
        size=SIZE,
    )


def address(asked: Ask) -> Callable[..., str]:
    """The same question as an address, with something changed in it: `address(asked)(blad=2)`."""

    def made(**changed: Any) -> str:
        told: dict[str, Any] = dict(asked.filters)
        if asked.sort:
            told["volgorde"] = asked.sort
        if asked.page > 1:
            told["blad"] = asked.page
        told |= changed
        return "/" + ("?" + urlencode(told) if told else "")

    return made


def own_address(told: str) -> str:
    """A list's address out of a form, made again from what it asks: nothing else comes through."""
    query = told.partition("?")[2]
    return "/" + ("?" + query if query and all(name in _NAMES for name, _ in parse_qsl(query)) else "")


_NAMES = {"volgorde", "blad"} | {name for each in FILTERS.values() for name in each}


def own_path(told: str | None) -> str:
    """A path of our own, or the start."""
    sound = told is not None and re.fullmatch(r"/(?![/\\])[A-Za-z0-9/_.?=&%:-]{0,400}", told)
    return told if sound and told is not None else "/"


def row_id(told: str) -> str | None:
    return told if _ROW.fullmatch(told) else None


def warning_id(told: str) -> str | None:
    return told if _WARNING.fullmatch(told) else None


def groups(view: str, lines: list[Line], today: date, asked: Ask) -> list[tuple[str, list[Line]]]:
    """The lines under the headings of the screen's own question. With another order than its own there are none."""
    if asked.sort not in (None, next(iter(SORTS[view]))):
        return [("", lines)]
    made: list[tuple[str, list[Line]]] = []
    for line in lines:
        name = group(view, line.data, today)
        if not made or made[-1][0] != name:
            made.append((name, []))
        made[-1][1].append(line)
    return made


def group(view: str, row: Mapping[str, Any], today: date) -> str:
    """Why a line stands where it stands; in the order of `listing.SORTS`."""
    warned = any(each["state"] not in ("resolved", "voided", "expired") for each in row.get("warnings") or ())
    if view == "coach":
        due = row["next_visit_on"]
        soon = due is not None and (_date(due) - today).days <= _SOON_DAYS
        return "signaal" if warned else "bezoek" if soon or row["visits_unreported"] else "rest"
    if view == "casusregisseur":
        late = any(each["actions_late"] for each in row["parties"])
        return "laat" if late else "let-op" if warned else "rest"
    if view == "wijkteam":
        return "nu" if warned or row["actions_late"] or row["referrals_waiting"] else "rest"
    if view == "corporatie":
        window = None if row["decided"] else row["notice_window"]
        near = window is not None and (_date(window["until"]) - today).days < DECIDE_DAYS
        return "besluit" if near else "let-op" if warned else "rest"
    if view == "zorgaanbieder":
        return "verwijzing" if row["referrals_in"] else "verhuizing" if row["move"] else "let-op" if warned else "rest"
    return ""


def recorded(form: Mapping[str, Any], present: list[str], today: date) -> tuple[dict[str, Any], dict[str, str]]:
    """The payload of what a coach recorded, and per field's id what is wrong with it, as a code."""
    kind = str(form.get("kind", ""))
    name = "planned_on" if kind == "visit_planned" else "occurred_on"
    where = f"v-{kind}-dag"
    told: dict[str, Any] = {"occurred_on": today.isoformat()}
    wrong = {}
    on = _day(str(form.get(name, "")))
    if on is None:
        wrong[where] = "no_day"
    elif kind == "visit_planned" and on < today:
        wrong[where] = "past"
    elif kind != "visit_planned" and on > today:
        wrong[where] = "future"
    else:
        told[name] = on.isoformat()
    if kind != "visit_missed":
        told["channel"] = form.get("channel") if form.get("channel") in codes.members("channel") else "door"
    if kind == "visit_held":
        told["present"] = [each for each in present if each in codes.members("present")]
    if kind == "visit_missed":
        told["missed_by"] = "organisation" if form.get("missed_by") == "organisation" else "resident"
    if kind == "contact_attempted":
        told["reached"] = form.get("reached") == "ja"
    return told, wrong


def _day(told: str) -> date | None:
    try:
        return date.fromisoformat(told)
    except ValueError:
        return None


def _date(told: date | str) -> date:
    return date.fromisoformat(told) if isinstance(told, str) else told
