"""Lives with planted defects, from `journeys/defects.yaml`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from builders import COACH, CORPORATIE, GEMEENTE, ZORG

_ORGS = {"gemeente": GEMEENTE, "corporatie": CORPORATIE, "coach": COACH, "zorg": ZORG}
_FILE = yaml.safe_load((Path(__file__).parent / "journeys" / "defects.yaml").read_text("utf-8"))
DEFECTS: list[dict[str, Any]] = _FILE["defects"]
CLEAN: dict[str, Any] = {}


class Told(NamedTuple):
    """An event of a life: who told it, when it happened and was delivered. `...` in `data` leaves a field out."""

    type: str
    org: str
    on: date
    known: date
    data: dict[str, Any]


def life(defect: dict[str, Any]) -> list[Told]:
    lines = [line for line in _FILE["life"] if line["type"] not in defect.get("drop", ())]
    told = [_told(line, defect) for line in [*lines, *defect.get("add", ())]]
    for short in defect.get("again", ()):
        first = next(each for each in told if each.type == short)
        told.append(first._replace(data={**first.data, **defect.get("again_data", {})}))
    return told


def _told(line: dict[str, Any], defect: dict[str, Any]) -> Told:
    data = {**line.get("data", {}), **(defect.get("change", {}).get(line["type"], {}) if line in _FILE["life"] else {})}
    known = line.get("known", line["day"])
    if line in _FILE["life"]:
        known = defect.get("change_known", {}).get(line["type"], known)
    return Told(line["type"], _ORGS[line["by"]], line["day"], known, {name: _json(v) for name, v in data.items()})


def _json(value: Any) -> Any:
    if value is None:
        return ...
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _json(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_json(each) for each in value]
    return value
