"""English words beside the Dutch ones, from `english.csv`: for the portal's English pages. Sentences of warnings, rules
and grounds are Dutch, whatever the language of the page.

Lists of the file: those of `codes.csv`, and `field`, `indicator`, `refusal`, `payment_state`, and the words that
`labels` and the pages have beside the codes (`missing`, `owned`, `own_purpose`, `party`, `ground`).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from woonketen.contracts import codes

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


@cache
def _lists() -> Mapping[str, Mapping[str, str]]:
    found: dict[str, dict[str, str]] = {}
    text = files("woonketen.contracts").joinpath("english.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        found.setdefault(row["list"], {})[row["code"]] = row["label_en"]
    return MappingProxyType(found)


def words(name: str) -> Mapping[str, str]:
    """Code → English label, of one list. Raises `KeyError` for a list that is not there."""
    return _lists()[name]


def label(name: str, code: str) -> str:
    """Raises `KeyError` for a code that is not in the list."""
    return _lists()[name][code]


def of_dutch(name: str, told: str) -> str | None:
    """What a row says as a Dutch label, in English; None for what is no label of that list, or of two
    codes. A list of `english.csv` alone has the Dutch words for its codes.

    >>> of_dutch("category", "huurovereenkomst"), of_dutch("category", "iets anders")
    ('tenancy', None)
    """
    if name not in codes.names():
        return words(name).get(told)
    found = {label(name, code) for code in codes.members(name) if codes.label(name, code) == told}
    return found.pop() if len(found) == 1 else None


def day(on: date) -> str:
    """
    >>> day(date(2026, 5, 7))
    '7 May 2026'
    """
    return f"{on.day} {MONTHS[on.month - 1]} {on.year}"


def listed(items: Sequence[str]) -> str:
    """
    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)
