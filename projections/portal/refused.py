"""Refusals, each once: a partner that sends a file with one mistake gets the same refusal hundreds of times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from typing import Any

import msgspec

ROWS = 50
_SAME = ("type", "reason", "detail", "mend")


class Refused(msgspec.Struct, frozen=True):
    """`count` times the same, on `first` and on `last` at the ends. `rows`: the newest `ROWS` of them."""

    type: str | None
    reason: str
    detail: str | None
    mend: str | None
    count: int
    first: date
    last: date
    orgs: Sequence[str]
    rows: Sequence[Mapping[str, Any]]


def groups(rows: Iterable[Mapping[str, Any]], town: tzinfo | None = None) -> list[Refused]:
    """Of the view's rows; what came last first."""
    found: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in sorted(rows, key=_at, reverse=True):
        found.setdefault(tuple(row[name] for name in _SAME), []).append(row)
    return [
        Refused(
            **dict(zip(_SAME, same, strict=True)),
            count=len(alike),
            first=_at(alike[-1]).astimezone(town).date(),
            last=_at(alike[0]).astimezone(town).date(),
            orgs=sorted({row["org"] for row in alike}),
            rows=alike[:ROWS],
        )
        for same, alike in found.items()
    ]


def _at(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["at"])
