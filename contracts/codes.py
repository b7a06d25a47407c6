"""The closed lists of codes with their Dutch labels, from `codes.csv`."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import msgspec


class Code(msgspec.Struct, frozen=True):
    """`label` is what a resident reads; `from_year` the year since which the code is used."""

    name: str
    code: str
    label: str
    from_year: int


@cache
def _lists() -> Mapping[str, Mapping[str, Code]]:
    found: dict[str, dict[str, Code]] = {}
    text = files("woonketen.contracts").joinpath("codes.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        code = Code(row["list"], row["code"], row["label_nl"], int(row["from_year"]))
        found.setdefault(code.name, {})[code.code] = code
    return MappingProxyType(found)


def names() -> frozenset[str]:
    """The names of all lists."""
    return frozenset(_lists())


def members(name: str) -> frozenset[str]:
    """The codes of a list. Raises `KeyError` for a list that is not there."""
    return frozenset(_lists()[name])


def ordered(name: str) -> tuple[str, ...]:
    """The codes of a list as the file has them, for who chooses one. Raises `KeyError`."""
    return tuple(_lists()[name])


def label(name: str, code: str) -> str:
    """The Dutch label. Raises `KeyError` for a code that is not in the list."""
    return _lists()[name][code].label


def line(name: str, code: str) -> Code:
    """The whole line of a code. Raises `KeyError`."""
    return _lists()[name][code]
