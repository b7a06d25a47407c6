"""From the rows of a table to CloudEvents: what `csv` and `xlsx` share.

Columns: `type`, `id`, `time`, `subject`, if wanted `dataschema` and `source`, and the payload's fields by their dotted
names: `data.lease_id`, `data.recipient.role`. An empty cell is an absent field. A list is written with `;` or blanks
between its items; a list of objects, and the payload of a correction (`data.data`), as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from woonketen.contracts import catalogue

CONTEXT = frozenset({"type", "id", "time", "subject", "dataschema", "source"})
_COLUMN = re.compile(r"data(\.[a-z][a-z0-9_]*){1,4}\Z")
_VERSION = re.compile(r"\.v([0-9]{1,4})\Z")
_DATE = re.compile(r"([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})\Z")
_MIDNIGHT = re.compile(r"[T ]00:00(:00)?\Z")
_WHOLE = re.compile(r"-?[0-9]{1,18}\Z")
_TRUTHS = {"true": True, "ja": True, "waar": True, "1": True, "false": False, "nee": False, "onwaar": False, "0": False}


def unreadable(row: int, why: str) -> bytes:
    """A line that is no JSON, so that the row is refused and gets its receipt. Holds nothing of the row."""
    return f"row {row}: {why}".encode()


def columns(header: Sequence[str]) -> tuple[str, ...] | str:
    """The column names in small letters, or what is wrong with them."""
    names = [name.strip().lower() for name in header]
    while names and not names[-1]:
        names.pop()
    if len(set(names)) < len(names):
        return "the header names a column twice"
    if not {"type", "id"} <= set(names):
        return "the header has no columns type and id"
    if any(name not in CONTEXT and not _COLUMN.match(name) for name in names):
        return "the header has a column that is neither of the envelope nor data.<field>"
    if any(other.startswith(f"{name}.") for name in names for other in names):
        return "the header names a field and a part of it"
    return tuple(names)


def line(names: Sequence[str], cells: Sequence[str], source: str, row: int) -> bytes:
    """One row as a line. `cells` are texts as the table shows them."""
    if any(cell.strip() for cell in cells[len(names) :]):
        return unreadable(row, "more cells than the header has columns")
    filled = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if cell.strip()}
    if any(_unfit(cell) for cell in filled.values()):
        return unreadable(row, "characters that are not readable")
    short = filled.get("type", "").removeprefix(catalogue.PREFIX)
    event: dict[str, Any] = {"specversion": "1.0", "source": source, "datacontenttype": "application/json"}
    if short:
        event |= {"type": catalogue.PREFIX + short, "dataschema": _dataschema(short)}
    if "time" in filled:
        event["time"] = timestamp(filled["time"])
    event |= {name: filled[name] for name in ("id", "subject", "dataschema", "source") if name in filled}
    event["data"] = _payload(short, {name[5:]: cell for name, cell in filled.items() if name.startswith("data.")})
    return msgspec.json.encode(event)


def _unfit(cell: str) -> bool:
    return "\x00" in cell or any("\ud800" <= char <= "\udfff" for char in cell)


def _dataschema(short: str) -> str:
    major = _VERSION.search(short)
    return f"{catalogue.DATASCHEMA}{_VERSION.sub('', short)}/{major.group(1) if major else 1}"


def _payload(short: str, fields: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path, cell in fields.items():
        *above, last = path.split(".")
        place = found
        for name in above:
            place = place.setdefault(name, {})
        place[last] = _value(cell, _field(_VERSION.sub("", short), path))
    return found


@cache
def _field(short: str, path: str) -> inspect.Type | None:
    """The type of a payload's field, `None` where type or field is not of the catalogue: its text passes as it is."""
    contract = catalogue.TYPES.get(short)
    if contract is None:
        return None
    at: inspect.Type | None = inspect.type_info(contract.payload)
    for name in path.split("."):
        at = _without_none(at)
        fields = at.fields if isinstance(at, inspect.StructType) else ()
        at = next((field.type for field in fields if field.encode_name == name), None)
    return _without_none(at)


def _without_none(found: inspect.Type | None) -> inspect.Type | None:
    if isinstance(found, inspect.UnionType):
        return next((each for each in found.types if not isinstance(each, inspect.NoneType)), None)
    return found


def _value(cell: str, wanted: inspect.Type | None) -> Any:
    """The cell as the contract wants it, or its text, which admission then refuses with the field's name."""
    if isinstance(wanted, inspect.IntType) and _WHOLE.match(cell):
        return int(cell)
    if isinstance(wanted, inspect.BoolType):
        return _TRUTHS.get(cell.lower(), cell)
    if isinstance(wanted, inspect.DateType):
        return _day(cell)
    if isinstance(wanted, inspect.DateTimeType):
        return timestamp(cell)
    if isinstance(wanted, inspect.ListType) and not cell.startswith("["):
        return [_value(item, wanted.item_type) for item in re.split(r"[;\s]+", cell) if item]
    if isinstance(wanted, inspect.ListType | inspect.StructType | inspect.RawType):
        return _json(cell)
    return cell


def _json(cell: str) -> Any:
    try:
        return json.loads(cell, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return cell


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a field twice")
    return dict(pairs)


def _day(cell: str) -> str:
    """A day as a Dutch spreadsheet writes it, in ISO 8601."""
    cell = _MIDNIGHT.sub("", cell)
    if found := _DATE.match(cell):
        day, month, year = found.groups()
        return f"{year}-{month:0>2}-{day:0>2}"
    return cell


def timestamp(cell: str) -> str:
    """A moment with its zone; one without a zone is Dutch time."""
    day, _, clock = cell.replace("T", " ").partition(" ")
    try:
        moment = datetime.fromisoformat(f"{_day(day)}T{clock or '00:00'}")
    except ValueError:
        return cell
    if moment.tzinfo is None:
        hours = 2 if _summer(moment) else 1
        return f"{moment.isoformat()}+0{hours}:00"
    return moment.isoformat()


def _summer(moment: datetime) -> bool:
    """Summer time of the European Union: last Sunday of March to last Sunday of October, both at night."""
    start, end = (_last_sunday(moment.year, month) for month in (3, 10))
    return start + timedelta(hours=2) <= moment < end + timedelta(hours=3)


def _last_sunday(year: int, month: int) -> datetime:
    last = datetime(year, month, 31)  # noqa: DTZ001 - a wall clock's day; the zone is what is sought
    return last - timedelta(days=(last.weekday() + 1) % 7)
