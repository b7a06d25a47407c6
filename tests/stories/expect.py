"""Reads the statements in the stories' `expected.md` and says where an answer differs.

A statement is a fenced block. The evening of `on` is meant: that day's files are in and the day is closed.

    expect on=2026-03-15 view=coach as=coach-w17 resident=K-88      one row
    programme: wooncoach            the field's value
    lease.ends_on: 2028-02-15       a field of a part
    parties[openbaar-wonen].actions_late: 1     of the one item that has this word among its values
    arrears_level: not shared       nothing, and the field stands in `not_shared`
    nuisance_56d: nothing           nothing, and the field does not stand there
    warnings: [contact_thinning 1]  exactly these items; every word is a value of its item

Without `resident` (a bewoner needs none): `rows: 3`, and fields of one row as `row[word].field`. Other blocks:

    expect hidden on=… view=… as=…  no row
    expect warnings on=… as=…       `K-88: [contact_thinning 1]` for a resident, exactly; `others: none`
    expect refused as=ORG           how often which reason, over the whole story
    expect receipts as=ORG          how often which answer at the door

`attention_period` is context: where a list does not name it, it is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

_FENCE = re.compile(r"^```expect(?P<head>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"([a-z0-9_]+)(?:\[([^\]]+)\])?")
KINDS = ("view", "hidden", "warnings", "refused", "receipts")
CONTEXT = "attention_period"


class Statement(NamedTuple):
    """`on` is None for the kinds that speak of the whole story."""

    story: str
    kind: str
    on: date | None
    names: Mapping[str, str]
    lines: Sequence[tuple[str, str]]
    line: int

    def __str__(self) -> str:
        said = " ".join(f"{name}={value}" for name, value in self.names.items())
        return f"{self.story}:{self.line} {self.on or ''} {self.kind} {said}"


def statements(path: Path) -> list[Statement]:
    text = path.read_text(encoding="utf-8")
    return [_statement(path.parent.name, found, text) for found in _FENCE.finditer(text)]


def _statement(story: str, found: re.Match[str], text: str) -> Statement:
    line = text.count("\n", 0, found.start()) + 1
    kind, names = "view", {}
    for word in found["head"].split():
        name, equals, value = word.partition("=")
        if equals:
            names[name] = value
        else:
            kind = word
    on = names.pop("on", None)
    needed = {"view": {"view", "as"}, "hidden": {"view", "as"}}.get(kind, {"as"})
    if kind not in KINDS or not needed <= set(names) <= {"view", "as", "resident"}:
        raise ValueError(f"{story}/expected.md:{line}: not a statement")
    if (on is None) != (kind in ("refused", "receipts")):
        raise ValueError(f"{story}/expected.md:{line}: a day is missing, or one too many")
    lines = []
    for each in found["body"].splitlines():
        path, colon, value = each.partition(": ")
        if each.strip():
            if not colon:
                raise ValueError(f"{story}/expected.md:{line}: {each!r} is no line of a statement")
            lines.append((path.strip(), value.strip()))
    return Statement(story, kind, date.fromisoformat(on) if on else None, names, lines, line)


def differences(said: Statement, answer: Any) -> list[str]:
    """What differs, a sentence each. `answer`: rows for `view`, `hidden` and `warnings`, counts for the others."""
    if said.kind == "hidden":
        return [f"{len(answer)} rows, none expected"] if answer else []
    if said.kind == "warnings":
        return _warnings(said, answer)
    if said.kind in ("refused", "receipts"):
        told = {name: int(value) for name, value in said.lines if value != "none"}
        wanted = answer if said.kind == "refused" else {name: answer.get(name, 0) for name in told}
        return [] if told == dict(wanted) else [f"{dict(wanted)} instead of {told}"]
    single = "resident" in said.names or said.names["view"] == "bewoner"
    if single and len(answer) != 1:
        return [f"{len(answer)} rows, one expected"]
    return [found for path, value in said.lines for found in _line(path, value, answer, single)]


def _line(path: str, value: str, rows: Sequence[Mapping[str, Any]], single: bool) -> list[str]:
    if path == "rows":
        return [] if len(rows) == int(value) else [f"{len(rows)} rows instead of {value}"]
    row = rows[0] if single else None
    if row is None:
        word, _, path = path.removeprefix("row[").partition("].")
        row = _the_one(rows, word)
        if row is None:
            return [f"no single row with {word}"]
    found = _at(row, path)
    field = path.partition(".")[0].partition("[")[0]
    if _same(found, value, field, row):
        return []
    hidden = " (not shared)" if field in row.get("not_shared", ()) else ""
    return [f"{path} is {_short(found)}{hidden} instead of {value}"]


def _at(value: Any, path: str) -> Any:
    for step in path.split("."):
        found = _STEP.fullmatch(step)
        if found is None or not isinstance(value, Mapping):
            return None
        value = value.get(found[1])
        if found[2] is not None:
            value = _the_one(value or (), found[2])
    return value


def _the_one(items: Iterable[Any], word: str) -> Any:
    found = [item for item in items if word in _words(item)]
    return found[0] if len(found) == 1 else None


def _same(found: Any, value: str, field: str, row: Mapping[str, Any]) -> bool:
    if value == "not shared":
        return found is None and field in row.get("not_shared", ())
    if value == "nothing":
        return found is None and field not in row.get("not_shared", ())
    if value.startswith("["):
        return found is not None and not _list_difference(found, value)
    return _text(found) == value


def _warnings(said: Statement, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    by: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by.setdefault(str(row.get("resident") or "-"), []).append(row)
    found = []
    for resident, value in said.lines:
        if resident == "others":
            others = set(by) - {name for name, _ in said.lines}
            rest = [row for name in others for row in by[name] if row["indicator"] != CONTEXT]
            if rest:
                found.append(f"others: {sorted({_text(row['indicator']) for row in rest})}")
        elif different := _list_difference(by.get(resident, []), value):
            found.append(f"{resident}: {different}")
    return found


def _list_difference(items: Iterable[Any], value: str) -> str:
    wanted = [set(each.split()) for each in value.strip("[]").split(",") if each.strip()]
    left = [item for item in items if CONTEXT in value or CONTEXT not in _words(item)]
    seen = [_short(item) for item in left]
    missing = []
    for words in wanted:
        hit = next((item for item in left if words <= _words(item)), None)
        if hit is None:
            missing.append(" ".join(sorted(words)))
        else:
            left.remove(hit)
    return f"{seen} instead of {value}" if missing or left else ""


def _words(item: Any) -> set[str]:
    values = item.values() if isinstance(item, Mapping) else [item]
    return {_text(value) for value in values}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _short(value: Any) -> str:
    if isinstance(value, Mapping) and "indicator" in value:
        return f"{value['indicator']} {value.get('severity')} {value.get('state')}"
    return str(value)
