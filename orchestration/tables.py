"""Tables and progress for people at a terminal; rich is imported only when one is drawn."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, TextIO

# Dutch headings; a field without one is shown under its own name
HEADINGS = {
    "resident": "bewoner",
    "programme": "programma",
    "started_on": "sinds",
    "enrolled_on": "sinds",
    "phase": "fase",
    "warnings": "signalen",
    "next_visit_on": "volgend bezoek",
    "last_contact_on": "laatste contact",
    "visits_unreported": "bezoek zonder uitkomst",
    "plan_actions": "afspraken",
    "my_actions": "mijn afspraken",
    "their_actions": "afspraken van anderen",
    "own_actions": "eigen afspraken",
    "case_lead": "casusregisseur",
    "involved": "betrokken",
    "actions_open": "open",
    "actions_late": "te laat",
    "parties": "partijen",
    "lease_id": "contract",
    "lease": "huur",
    "kind": "soort",
    "ends_on": "eindigt",
    "outstanding_cents": "achterstand",
    "coaching_runs": "begeleiding loopt",
    "arrears_level": "achterstand",
    "not_shared": "niet gedeeld",
    "severity": "ernst",
    "sentence": "signaal",
    "opened_on": "sinds",
    "due_on": "uiterlijk",
    "owner": "eigenaar",
    "state": "stand",
    "action": "afspraak",
    "party": "partij",
    "late_days": "dagen te laat",
    "handle": "bewoner",
    "ladder_step": "trede",
    "org": "organisatie",
    "reason": "reden",
    "mend": "herstel",
    "actions": "afspraken",
    "coach": "coach",
    "phone": "telefoon",
    "interval_days": "dagen tussen bezoeken",
    "evaluation_on": "evaluatie op",
    "last_event_on": "laatste bericht",
    "oldest_late_days": "dagen te laat",
    "provisions_open": "nog niet geregeld",
    "referrals_in": "aanmeldingen",
    "referrals_waiting": "aanmeldingen zonder antwoord",
    "informal_support": "steun uit de buurt",
    "day_activity": "daginvulling",
    "arrears_trend": "richting achterstand",
    "care_running": "zorg",
    "move": "verhuizing",
    "planned_on": "gepland op",
    "who_sees_what": "wie ziet wat",
    "recipient": "wie",
    "fields": "ziet",
    "ground": "want",
    "detail": "veld",
    "last_event_at": "laatste bericht",
    "heartbeat_at": "teken van leven",
    "parked": "wacht",
}


# Field → the closed list whose Dutch label is shown in the place of its code
LISTS = {
    "action": "action_kind",
    "arrears_level": "arrears_level",
    "arrears_trend": "arrears_trend",
    "card": "card",
    "coaching_runs": "coaching_runs",
    "collection_step": "collection_step",
    "day_activity": "day_activity_kind",
    "decided": "lease_decision",
    "effort": "arrears_effort",
    "kind": "lease_kind",
    "may_signal_missing": "arrears_effort",
    "phase": "phase",
    "programme": "programme",
    "provisions_open": "provision",
    "reason_of_change": "correction_reason",
    "role": "role",
    "state": "warning_state",
}


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = (), title: str = "") -> None:
    """Rows as a table on stdout, as wide as the terminal; columns that are empty in every row are left out."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    names = list(columns) or [name for name in rows[0] if any(_filled(row.get(name)) for row in rows)]
    table = Table(box=SIMPLE_HEAD, title=title or None, title_justify="left", header_style="bold")
    for name in names:
        table.add_column(_heading(name), overflow="fold")
    for row in rows:
        table.add_row(*(cell(name, row.get(name)) for name in names))
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 200, highlight=False)
    console.print(table)


def cell(name: str, value: Any) -> str:
    """A value as a person reads it: euros, Dutch dates, lists one item a line."""
    if value is None or value == "" or value == []:
        return "–"
    if isinstance(value, bool):
        return "ja" if value else "nee"
    if name.endswith("_cents") and isinstance(value, int):
        return euros(value)
    if isinstance(value, list):
        return "\n".join(_heading(item) if name == "not_shared" else cell(name, item) for item in value)
    if isinstance(value, Mapping):
        return _object(value)
    return _label(name, value) or dutch_date(value)


def _label(name: str, value: Any) -> str | None:
    """The Dutch label of a code; None for what is no code of that field's list."""
    if name not in LISTS or not isinstance(value, str):
        return None
    from woonketen.contracts import codes

    return codes.label(LISTS[name], value) if value in codes.members(LISTS[name]) else None


def _heading(name: str) -> str:
    return HEADINGS.get(name, name.replace("_", " "))


def euros(cents: int) -> str:
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}€ {whole:,}".replace(",", ".") + f",{rest:02d}"


def dutch_date(value: Any) -> str:
    """`2026-03-15` as 15-03-2026; anything else as it is."""
    text = str(value)
    try:
        return date.fromisoformat(text).strftime("%d-%m-%Y") if len(text) == 10 else text
    except ValueError:
        return text


def _object(value: Mapping[str, Any]) -> str:
    if "sentence" in value:
        return f"({value['severity']}) {value['sentence']}"
    if {"action", "owner", "due_on"} <= set(value):
        state = {"open": "open", "done": "gedaan", "late": f"{value.get('late_days')} dagen te laat"}
        owner = "bewoner zelf" if value["owner"] == "resident" else value["owner"]
        action = cell("action", value["action"])
        return f"{action} – {owner}, {dutch_date(value['due_on'])} ({state.get(value['state'], value['state'])})"
    if {"recipient", "fields", "ground"} <= set(value):
        return f"{value['recipient']}: {', '.join(value['fields'])} ({value['ground']})"
    return ", ".join(f"{_heading(key)} {cell(key, item)}" for key, item in value.items() if _filled(item))


def _filled(value: Any) -> bool:
    return value is not None and value != [] and value != ""


@contextmanager
def progress(what: str, total: int | None = None, stream: TextIO | None = None) -> Iterator[Callable[[int], None]]:
    """Progress on stderr when a person is there to see it, else nothing. Yields `advance(n)`."""
    out = stream or sys.stderr
    if not out.isatty():
        yield lambda n: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=out), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda n: bar.advance(task, n)
