"""What the OpenAPI shows: for each event type that a partner may send its frozen sample."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from woonketen.contracts.catalogue import TYPES

NULLABLE = {"type": ["string", "null"]}
RECEIPT: dict[str, Any] = {
    "type": "object",
    "required": ["source", "id", "status", "reason", "detail", "mend", "at"],
    "properties": {
        "source": NULLABLE,
        "id": NULLABLE,
        "status": {"enum": ["accepted", "duplicate", "parked", "refused"]},
        "reason": NULLABLE,
        "detail": {**NULLABLE, "description": "names fields, never values"},
        "mend": NULLABLE,
        "at": {"type": "string"},
    },
}
RECEIPTS: dict[str, Any] = {"type": "array", "items": RECEIPT}
EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["specversion", "id", "source", "type", "time", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "maxLength": 255},
        "source": {"type": "string", "description": "your registered source"},
        "type": {"type": "string"},
        "time": {"type": "string", "format": "date-time"},
        "subject": {"type": "string", "description": "your own pseudonym for the resident"},
        "datacontenttype": {"const": "application/json"},
        "dataschema": {"type": "string"},
        "data": {"type": "object"},
    },
}
LINK: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["subject", "for"],
                "additionalProperties": False,
                "properties": {"subject": {"type": "string"}, "for": {"type": "string"}},
            },
            "example": {"subject": "K-88", "for": "openbaar-wonen"},
        }
    },
}
CODE: dict[str, Any] = {
    "type": "object",
    "required": ["code", "expires_at"],
    "properties": {"code": {"type": "string"}, "expires_at": {"type": "string", "format": "date-time"}},
}


@cache
def samples() -> dict[str, Any]:
    """Short type → the sample that is frozen with its contract, of the types that partners send."""
    found = {}
    for short, contract in sorted(TYPES.items()):
        if contract.publishers <= {"P"}:
            continue
        path = files("woonketen.contracts") / "schemas" / short / f"{contract.version}.sample.json"
        found[short] = json.loads(path.read_text("utf-8"))
    return found


def _events() -> dict[str, Any]:
    one = {short: {"summary": short, "value": sample} for short, sample in samples().items()}
    first = next(iter(samples().values()))
    return {
        "required": True,
        "description": "Binary mode: the attributes as ce- headers, the data as the body.",
        "content": {
            "application/cloudevents+json": {"schema": EVENT, "examples": one},
            "application/cloudevents-batch+json": {
                "schema": {"type": "array", "items": EVENT, "maxItems": 2000},
                "examples": {"two": {"value": list(samples().values())[:2]}},
            },
            "application/json": {"schema": {"type": "object"}, "example": first["data"]},
        },
    }


EVENTS = _events()
