"""JSON that every reader reads alike: what two parsers could understand differently is refused before anything else."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from woonketen.contracts.errors import Malformed

DEEPEST = 32
LARGEST = 2**53
_MARKS = re.compile(rb'\\.|["\[\]{}]', re.DOTALL)


def check(data: bytes) -> None:
    """Raises `Malformed` for what is no JSON in UTF-8, for double keys, NaN and Infinity, lone surrogates, NUL, more
    than 32 levels, and numbers that not every reader can hold (integers beyond 2**53, floats out of range)."""
    if data.count(b"[") + data.count(b"{") > DEEPEST and _depth(data) > DEEPEST:
        raise Malformed("data", f"nest at most {DEEPEST} levels deep")
    try:
        value = _DECODER.decode(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise Malformed("data", "send UTF-8") from None
    except (json.JSONDecodeError, RecursionError):
        raise Malformed("data", "send JSON as RFC 8259 describes it") from None
    if b"\\u" in data:  # the only way to a NUL or to half of a surrogate pair
        _check_texts(value)


def _depth(data: bytes) -> int:
    depth = deepest = 0
    quoted = False
    for found in _MARKS.finditer(data):
        mark = found.group()
        if mark == b'"':
            quoted = not quoted
        elif quoted or len(mark) > 1:
            continue
        elif mark in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Malformed("data", "give every field once")
    return found


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > LARGEST:
        raise Malformed("data", "give whole numbers between -2**53 and 2**53")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise Malformed("data", "give numbers that a double can hold")
    return value


def _constant(_: str) -> NoReturn:
    raise Malformed("data", "give numbers; NaN and Infinity are no JSON")


def _check_texts(value: Any) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            raise Malformed("data", "leave out the NUL character")
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise Malformed("data", "give whole surrogate pairs")
    elif isinstance(value, dict):
        for key, each in value.items():
            _check_texts(key)
            _check_texts(each)
    elif isinstance(value, list):
        for each in value:
            _check_texts(each)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_once, parse_int=_integer, parse_float=_float, parse_constant=_constant, strict=True
)
