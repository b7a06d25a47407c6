"""Who looked, by day and by whom: a resident does not count lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, tzinfo
from typing import Any

import msgspec

DAYS = 60
_UNSAID = frozenset({"corrected", "not_shared", "id", "resident"})


class Looked(msgspec.Struct):
    """`times`: how often on that day; `emergency`: the glass was broken. `fields`: all that was looked at."""

    organisation: str
    role: str
    purpose: str
    times: int
    emergency: bool
    fields: list[str]


def days(looks: Iterable[Mapping[str, Any]], town: tzinfo | None = None) -> list[tuple[date, list[Looked]]]:
    """The last day first; of one day who looked most often first, the resident himself last."""
    found: dict[date, dict[tuple[str, str, str], Looked]] = {}
    for each in looks:
        on = datetime.fromisoformat(each["at"]).astimezone(town).date()
        key = (each["organisation"], each["role"], each["purpose"])
        told = found.setdefault(on, {}).setdefault(key, Looked(*key, times=0, emergency=False, fields=[]))
        told.times += 1
        told.emergency = told.emergency or "break_glass" in each["fields"]
        told.fields += [name for name in each["fields"] if name not in _UNSAID and name not in told.fields]
    return [
        (on, sorted(of.values(), key=lambda each: (each.role == "bewoner", not each.emergency, -each.times)))
        for on, of in sorted(found.items(), reverse=True)
    ]
