"""A row's dates in the order in which they come: what was, today, and what comes. Nothing that is not in the row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """`kind`: what happens then, a word of the page. `code` is a value of field `name`; `who` an organisation; `text` a
    sentence of a warning."""

    on: date
    kind: str
    name: str = ""
    code: str | None = None
    who: str | None = None
    text: str | None = None
    severity: int = 0


_DATES = {
    "started_on": "started",
    "enrolled_on": "started",
    "last_contact_on": "contact",
    "next_visit_on": "visit",
    "ends_on": "ends",
    "evaluation_on": "evaluation",
    "pause_until": "pause",
    "attention_until": "attention",
    "waiting_since": "waiting",
    "ladder_review_due": "review",
    "oldest_unpaid_on": "unpaid",
}
_INSIDE = {
    ("lease", "ends_on"): "ends",
    ("lease", "evaluation_on"): "evaluation",
    ("lease", "decide_from"): "from",
    ("lease", "decide_until"): "until",
    ("notice_window", "from"): "from",
    ("notice_window", "last_working_day"): "until",
    ("nuisance_56d", "mediation_on"): "mediation",
    ("move", "planned_on"): "move",
    ("place", "expected_free_on"): "free",
    ("payment_plan", "first_due_on"): "payment",
    ("coach", "next_visit_on"): "visit",
}
_ACTIONS = ("plan_actions", "own_actions", "my_actions", "their_actions")
_OF_ACTION = {"open": "action", "late": "late", "done": "done"}


def entries(row: Mapping[str, Any]) -> list[Entry]:
    """Oldest first."""
    return sorted(_entries(row), key=lambda each: (each.on, each.kind, each.code or ""))


def _entries(row: Mapping[str, Any]) -> Iterator[Entry]:
    for name, kind in _DATES.items():
        if row.get(name):
            yield Entry(_date(row[name]), kind)
    for (outer, inner), kind in _INSIDE.items():
        if (row.get(outer) or {}).get(inner):
            yield Entry(_date(row[outer][inner]), kind)
    for name in _ACTIONS:
        for each in row.get(name) or ():
            yield Entry(_date(each["due_on"]), _OF_ACTION[each["state"]], "action", each["action"], each["owner"])
    for each in row.get("efforts") or ():
        yield Entry(_date(each["on"]), "effort", "effort", each["effort"])
    for each in row.get("parties") or ():
        if each["last_event_on"]:
            yield Entry(_date(each["last_event_on"]), "message", who=each["org"])
    yield from _said(row)
    for each in row.get("warnings") or ():
        yield Entry(_date(each["opened_on"]), "warning", text=each["sentence"], severity=each["severity"])
        if each["due_on"]:
            yield Entry(_date(each["due_on"]), "due")


def _said(row: Mapping[str, Any]) -> Iterator[Entry]:
    """What a resident allowed, and what is still to be answered."""
    for each in row.get("consents") or ():
        if each["state"] == "granted" and each["from"]:
            yield Entry(_date(each["from"]), "consented", "recipient", each["recipient"])
        if each["state"] == "granted" and each["until"]:
            yield Entry(_date(each["until"]), "consent", "recipient", each["recipient"])
    for each in row.get("contests") or ():
        if not each["answer"]:
            yield Entry(_date(each["answer_by"]), "answer")


def _date(told: date | str) -> date:
    return date.fromisoformat(told) if isinstance(told, str) else told
