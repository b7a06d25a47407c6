"""What to tell a publisher whose payload breaks its contract: the field's path and our own sentence.

Validators quote what they were given ("Invalid enum value 'Wilhelmientje'"), and an unknown field's name can itself be
personal data. So of their message only the path is used, and only as far as it names fields of the contract.
"""

from __future__ import annotations

import re
import types
from datetime import date, datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from woonketen.contracts.payloads import base

_SEGMENT = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[([0-9]+|\.\.\.)\]")
_MISSING = re.compile(r"Object missing required field `([a-z_]+)`")
_SENTENCES = (
    (base.LocalId, "give your own id: letters and digits with a digit in it, no name, number of a person, or address"),
    (base.QualifiedId, "give an id with its issuer, as org:ID, with a digit in the ID"),
    (base.Org, "give the registered name of an organisation (for an owner also resident or network)"),
    (base.Municipality, "give the CBS code of a municipality: GM and four digits"),
    (base.District, "give the CBS code of a district: WK and six digits"),
    (base.Month, "give a month as YYYY-MM"),
    (base.LinkCode, "give the one-time code as it was issued: three times four capitals or digits, with hyphens"),
    (base.EnvelopeId, "give the id of an event"),
    (base.IndicatorId, "give the id of an indicator"),
    (base.SubjectUrl, "give a link that begins with http:// or https://"),
    (base.Phone, "give a telephone number: digits, blanks and hyphens"),
)
_BY_PATTERN: dict[str, str] = {get_args(kind)[1].pattern: sentence for kind, sentence in _SENTENCES}
_UNKNOWN = "remove fields that the contract does not name"


def explain(payload: type[Any], error: msgspec.ValidationError) -> tuple[str, str]:
    """Path below the payload (`.actions[2].due_on`, or nothing for the payload itself), and the mend."""
    text = str(error)
    path, kind = _walk(payload, _given_path(text))
    broken = error.__cause__
    if isinstance(broken, base.Broken):
        return (f"{path}.{broken.field}" if broken.field else path), broken.mend
    if text.startswith("Object contains unknown field"):
        return path, _UNKNOWN
    if (missing := _MISSING.match(text)) and missing.group(1) in _fields(kind):
        field = missing.group(1)
        return f"{path}.{field}", f"this field is required: {mend(_fields(kind)[field])}"
    return path, mend(kind)


def mend(kind: Any) -> str:
    """How a value of this type is written."""
    bare, meta = _bare(kind)
    if meta is not None and meta.pattern is not None:
        return _BY_PATTERN[meta.pattern]
    if get_origin(bare) is Literal:
        return f"use one of: {', '.join(get_args(bare))}"
    if bare is bool:
        return "give true or false"
    if bare is int:
        return f"give a whole number from {meta.ge} to {meta.le}" if meta is not None else "give a whole number"
    if bare is date:
        return "give a date as YYYY-MM-DD"
    if bare is datetime:
        return "give a timestamp with a zone, as 2026-01-31T09:30:00+01:00"
    if get_origin(bare) is list:
        least = meta.min_length if meta is not None and meta.min_length else 0
        return f"give a list of {least} to {meta.max_length if meta is not None else 1000} items"
    return "give an object with the fields of the contract"


def _given_path(text: str) -> str:
    _, mark, path = text.rpartition(" - at `$")
    return path.rstrip("`") if mark else ""


def _walk(kind: Any, path: str) -> tuple[str, Any]:
    """As much of the path as the contract knows, and the type found there."""
    known, at = "", 0
    while found := _SEGMENT.match(path, at):
        bare, _ = _bare(kind)
        name = found.group(1)
        if name is None and get_origin(bare) is list:
            kind = get_args(bare)[0]
        elif name in _fields(bare):
            kind = _fields(bare)[name]
        else:
            break
        known += found.group()
        at = found.end()
    return known, kind


def _fields(kind: Any) -> dict[str, Any]:
    bare, _ = _bare(kind)
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        hints = get_type_hints(bare, include_extras=True)
        return {name: hints[name] for name in bare.__struct_fields__}
    return {}


def _bare(kind: Any) -> tuple[Any, msgspec.Meta | None]:
    """The type without `| None` and without its constraints, and the constraints."""
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(each for each in get_args(kind) if each is not type(None))
    if get_origin(kind) is Annotated:
        return get_args(kind)[0], next(each for each in get_args(kind)[1:] if isinstance(each, msgspec.Meta))
    return kind, None
