"""Writes `contracts/schemas/`: per event type and version the JSON Schema (2020-12) and, once, a sample event.

    python tests/write_schemas.py                  the schemas that differ, and what stands there for no type
    python tests/write_schemas.py --samples FILE   also the samples that are not there yet, from a file of JSON lines

A sample that was published is frozen: it is never written again. A test compares the schemas with what this makes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import msgspec

from woonketen.contracts.catalogue import PREFIX, TYPES, Contract

SCHEMAS = Path(__file__).parent.parent / "contracts" / "schemas"
_YEAR = "(?:19[0-9]{2}|20[0-9]{2}|2100)"
_STRING, _INTEGER, _NULL = {"type": "string"}, {"type": "integer"}, {"type": "null"}


def _when(field: str, codes: list[str], needed: str, kind: dict[str, str]) -> dict[str, Any]:
    return {
        "if": {"properties": {field: {"enum": codes}}, "required": [field]},
        "then": {"properties": {needed: kind}, "required": [needed]},
    }


def _one_of(first: str, second: str) -> list[dict[str, Any]]:
    return [
        {"properties": {one: _STRING, other: _NULL}, "required": [one]}
        for one, other in ((first, second), (second, first))
    ]


# Rules between fields, as far as JSON Schema has words for them. An order of dates it cannot say.
_RULES: dict[str, dict[str, Any]] = {
    "LeaseStarted": {
        "allOf": [
            _when("kind", ["fixed_term", "conditional"], "ends_on", _STRING),
            _when("kind", ["fixed_term"], "ground", _STRING),
        ]
    },
    "WaitingEntered": {"allOf": [_when("queue", ["ladder_step"], "step", _INTEGER)]},
    "ConsentRecipient": {"oneOf": _one_of("role", "org")},
    "OrgRegistered": {"not": {"properties": {"org": {"enum": ["network", "resident"]}}, "required": ["org"]}},
}


def schema(contract: Contract) -> dict[str, Any]:
    """The JSON Schema of a contract's `data`."""
    made = msgspec.json.schema(contract.payload)
    definitions = {name: _structure(name, each) for name, each in made["$defs"].items()}
    root = definitions.pop(contract.payload.__name__)
    doc = vars(contract.payload).get("__doc__") or ""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": contract.dataschema,
        **root,
        "title": contract.type,
        **({"description": " ".join(doc.replace("`None`", "null").split())} if doc else {}),
        **({"$defs": definitions} if definitions else {}),
    }


def _structure(name: str, definition: dict[str, Any]) -> dict[str, Any]:
    made = {key: each for key, each in definition.items() if key != "description"}
    if name == "EventCorrected":
        made["properties"] = {**made["properties"], "data": {"type": "object"}}
    return {**_portable(made), **_RULES.get(name, {})}


def _portable(node: Any) -> Any:
    """Patterns as ECMA-262 writes them, and the years that we take."""
    if isinstance(node, list):
        return [_portable(each) for each in node]
    if not isinstance(node, dict):
        return node
    made = {key: _portable(each) for key, each in node.items()}
    if isinstance(made.get("pattern"), str):
        made["pattern"] = made["pattern"].replace(r"\A", "^").replace(r"\Z", "$")
    if made.get("format") == "date":
        made["pattern"] = f"^{_YEAR}-[0-9]{{2}}-[0-9]{{2}}$"
    if made.get("format") == "date-time":
        made["pattern"] = f"^{_YEAR}-"
    return made


def text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def wanted() -> dict[Path, str]:
    """Every schema file with its text."""
    return {
        SCHEMAS / short / f"{contract.version}.schema.json": text(schema(contract)) for short, contract in TYPES.items()
    }


def sample_path(contract: Contract) -> Path:
    return SCHEMAS / contract.type / f"{contract.version}.sample.json"


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the JSON Schemas of all event types.")
    parser.add_argument("--samples", type=Path)
    given = parser.parse_args()
    for path, made in wanted().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != made:
            path.write_text(made, encoding="utf-8")
            print(f"written: {path.relative_to(SCHEMAS)}")
    for line in given.samples.read_text(encoding="utf-8").splitlines() if given.samples else ():
        event = json.loads(line)
        path = sample_path(TYPES[event["type"].removeprefix(PREFIX)])
        if not path.exists():
            path.write_text(text(event), encoding="utf-8")
            print(f"written: {path.relative_to(SCHEMAS)}")


if __name__ == "__main__":
    main()
