"""What partners send, day by day. A story is told resident by resident; the files come out day by day.

Days are written `"03-15"` for 15 March 2026, `"2027-01-08"` in full for another year.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from stories.tell.town import ORGS

PREFIX = "nl.woonketen."
CONTRACTS = "https://woonketen.example/contracts/"
DUTCH_CSV = frozenset({"dakpan-wonen"})
"""These organisations export from a spreadsheet: semicolons, a byte order mark, dates as 31-12-2026."""


def day(text: str | date) -> date:
    if isinstance(text, date):
        return text
    return date.fromisoformat(text if len(text) == 10 else f"2026-{text}")


def iso(text: str | date) -> str:
    return day(text).isoformat()


def after(text: str | date, days: int) -> date:
    return day(text) + timedelta(days=days)


@dataclass(frozen=True)
class Sent:
    """One event as a partner sends it, on the day that its system gives it out. `wrong`: meant to be refused."""

    on: date
    org: str
    envelope: dict[str, Any]
    wrong: bool


@dataclass
class Feed:
    """Everything that is sent in one story; `raw` are lines that are no events at all. `prefix` begins the ids of what
    is about no resident, and is no other story's."""

    prefix: str
    sent: list[Sent] = field(default_factory=list)
    raw: list[tuple[date, str, str]] = field(default_factory=list)
    answers: list[tuple[date, str, str, str, str, str]] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def send(
        self,
        org: str,
        type_: str,
        on: str | date,
        subject: str | None = None,
        *,
        happened: str | date | None = None,
        key: str = "",
        id_: str | None = None,
        wrong: bool = False,
        envelope: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
    ) -> str:
        """Sends one event on day `on`; it happened that day unless `happened` says otherwise. Gives its id."""
        id_ = id_ or self._next(f"{key or self.prefix}-{ORGS[org]['short']}")
        payload = dict(data or {})
        if "as_of" not in payload:
            payload = {"occurred_on": iso(happened or on)} | payload
        whole: dict[str, Any] = {
            "specversion": "1.0",
            "id": id_,
            "source": ORGS[org]["source"],
            "type": PREFIX + type_,
            "time": "",
        }
        if subject is not None:
            whole["subject"] = subject
        whole |= {"datacontenttype": "application/json", "dataschema": f"{CONTRACTS}{type_}/1", "data": payload}
        whole |= envelope or {}
        self.sent.append(Sent(day(on), org, whole, wrong))
        return id_

    def again(self, id_: str, on: str | date) -> None:
        """The same event once more, as a system does that did not hear its receipt."""
        first = next(each for each in self.sent if each.envelope["id"] == id_)
        self.sent.append(Sent(day(on), first.org, dict(first.envelope), False))

    def line(self, org: str, on: str | date, text: str) -> None:
        """A line that is no event."""
        self.raw.append((day(on), org, text))

    def answer(self, on: str | date, user: str, resident: str, indicator: str, answer: str, reason: str) -> None:
        """On the morning of this day, somebody answers a warning."""
        self.answers.append((day(on), user, resident, indicator, answer, reason))

    def _next(self, prefix: str) -> str:
        self._numbers[prefix] = self._numbers.get(prefix, 0) + 1
        return f"{prefix}-{self._numbers[prefix]:03d}"

    def files(self) -> dict[str, str]:
        """`days/2026-01-05/coach-oost.jsonl` → its text."""
        found: dict[str, str] = {}
        for on, org in sorted({(each.on, each.org) for each in self.sent} | {(o, g) for o, g, _ in self.raw}):
            envelopes = [_timed(each.envelope, on, n) for n, each in enumerate(self._of(on, org))]
            raw = [text for o, g, text in self.raw if (o, g) == (on, org)]
            if org in DUTCH_CSV:
                found[f"days/{on}/{org}.csv"] = _table(envelopes, raw)
            else:
                lines = [json.dumps(each, separators=(",", ":")) for each in envelopes] + raw
                found[f"days/{on}/{org}.jsonl"] = "\n".join(lines) + "\n"
        for on in sorted({each[0] for each in self.answers}):
            rows = [",".join(each[1:]) for each in self.answers if each[0] == on]
            found[f"days/{on}/answers.csv"] = "\n".join(["user,resident,indicator,answer,reason", *rows]) + "\n"
        return found

    def _of(self, on: date, org: str) -> list[Sent]:
        return [each for each in self.sent if each.on == on and each.org == org]


def _timed(envelope: dict[str, Any], on: date, number: int) -> dict[str, Any]:
    """`time`: when the partner's system wrote it out; one that is sent again has the time of the sending."""
    if envelope["time"] == "":
        envelope = dict(envelope)
        hour, minute = divmod(8 * 60 + 5 + 3 * number, 60)
        envelope["time"] = f"{on}T{hour:02d}:{minute:02d}:00+0{2 if _summer(on) else 1}:00"
    return envelope


def _summer(on: date) -> bool:
    def last_sunday(month: int) -> date:
        last = date(on.year, month, 31)
        return last - timedelta(days=(last.weekday() + 1) % 7)

    return last_sunday(3) <= on < last_sunday(10)


def _table(envelopes: Iterable[dict[str, Any]], raw: Iterable[str]) -> str:
    rows = [_row(each) for each in envelopes]
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, delimiter=";", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return "\ufeff" + out.getvalue() + "".join(f"{text}\n" for text in raw)


def _row(envelope: dict[str, Any]) -> dict[str, str]:
    moment = str(envelope["time"])
    row = {
        "type": str(envelope["type"]).removeprefix(PREFIX),
        "id": str(envelope["id"]),
        "time": f"{_dutch(moment[:10])} {moment[11:16]}",
        "subject": str(envelope.get("subject", "")),
    }
    for name, value in _flat("data", envelope["data"]):
        row[name] = value
    return row


def _flat(path: str, value: Any) -> list[tuple[str, str]]:
    if path == "data.data":  # what a correction puts in its original's place
        return [(path, json.dumps(value))]
    if isinstance(value, dict):
        return [found for name, each in value.items() for found in _flat(f"{path}.{name}", each)]
    if isinstance(value, list):
        return [(path, ";".join(str(each) for each in value))]
    if isinstance(value, bool):
        return [(path, "ja" if value else "nee")]
    return [(path, "" if value is None else _dutch(str(value)))]


def _dutch(text: str) -> str:
    try:
        return f"{date.fromisoformat(text):%d-%m-%Y}" if len(text) == 10 else text
    except ValueError:
        return text
