"""Retention: which facts share a key, and for how long. The shipped terms are examples and say so."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import msgspec

from woonketen.contracts.errors import ConfigurationError

CLASSES = frozenset({"case", "tenancy", "arrears", "care", "consent", "safety", "warnings", "world"})
_COLUMNS = ("category", "class", "months", "from", "basis")
_MEND = "Give the columns category, class, months, from and basis, each category once, months from 1 to 1200."


class Term(msgspec.Struct, frozen=True):
    """`months` after `since` the keys of this category's class may be destroyed; `basis` is an article or decision."""

    category: str
    retention_class: str
    months: int
    since: str
    basis: str

    @property
    def is_example(self) -> bool:
        return self.basis.startswith("voorbeeld")


def load(text: str) -> Mapping[str, Term]:
    """Category → term. Raises `ConfigurationError` for a file that contradicts itself or names an unknown class."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    rows = csv.DictReader(lines)
    if tuple(rows.fieldnames or ()) != _COLUMNS:
        raise ConfigurationError("The retention file has other columns.", _MEND)
    terms: dict[str, Term] = {}
    for number, row in enumerate(rows, start=1):
        months = row["months"] or ""
        wrong = row["class"] not in CLASSES or not (row["basis"] and row["from"]) or row["category"] in terms
        if wrong or not (months.isdigit() and 1 <= int(months) <= 1200):
            raise ConfigurationError(f"Rule {number} of the retention file does not hold.", _MEND)
        terms[row["category"]] = Term(row["category"], row["class"], int(months), row["from"], row["basis"])
    return MappingProxyType(terms)


@cache
def shipped() -> Mapping[str, Term]:
    """The example that ships with the package."""
    return load(files("woonketen.contracts").joinpath("retention.csv").read_text(encoding="utf-8"))


def class_of(category: str) -> str:
    """The retention class of a category; a key belongs to one resident, publisher and class."""
    return shipped()[category].retention_class
