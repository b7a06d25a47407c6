"""Retention: how long each controller keeps what, since when, and by which article or decision. The shipped terms are
an example and say so. Beside it, fixed by the program: which categories share a key.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from types import MappingProxyType
from typing import get_args

import msgspec

from woonketen.contracts.errors import RetentionError
from woonketen.contracts.payloads import lists

CLASS_OF: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            ("enrolment", "involvement", "referral", "intake", "plan", "visits", "day_activity", "ladder", "support",
             "places", "attention", "link"), "case",
        ),
        **dict.fromkeys(("lease", "nuisance", "tenancy_care"), "tenancy"),
        **dict.fromkeys(("arrears", "signal"), "arrears"),
        **dict.fromkeys(("agreement", "complex", "platform"), "world"),
        "care": "care",
        "consent": "consent",
        "safety": "safety",
        "warnings": "warnings",
    }
)  # fmt: skip
"""Category → class of the key: one key per resident, publisher and class. Where only a part of a class ends, the rest
is sealed under a fresh key."""
CLASSES = frozenset(CLASS_OF.values())

LOOKS = "looks"
"""The one category that is not on the log: who looked at whom."""
SLEEPING = "sleeping"
"""No category either: after so long without a word from anybody a resident who runs on is put to a steward. Nothing
goes by it. It is counted from `last_told`, and from nothing else."""
OWN = ("consent", "link", "warnings", LOOKS)
"""What the platform itself keeps about residents; a file without a term for it does not load."""
ACTIVITIES = (*get_args(lists.Activity), "accountability")
BASES = ("consent", "contract", "legal_obligation", "vital_interest", "public_task", "legitimate_interest")
"""AVG art. 6 lid 1, a to f."""
STARTS = (
    "enrolment_closed",
    "lease_ended",
    "care_ended",
    "signal_closed",
    "flag_cleared",
    "warning_closed",
    "recorded",
    "last_told",
)
EVERYBODY, PLATFORM_KIND, PLATFORM = "*", "platform", "woonketen"
COLUMNS = ["controller", "activity", "basis", "categories", "months", "from", "article"]
LONGEST = 1200


class Term(msgspec.Struct, frozen=True):
    """`months` after `since` what this controller keeps of these categories for this activity has to go. `article`: the
    article or the decision behind it."""

    controller: str
    activity: str
    basis: str
    categories: tuple[str, ...]
    months: int
    since: str
    article: str

    @property
    def is_example(self) -> bool:
        return self.article.startswith("voorbeeld")


class Terms:
    """All terms, and the version: the first twelve hexadecimal digits of the file's SHA-256."""

    def __init__(self, version: str, rows: tuple[Term, ...]) -> None:
        self.version, self.rows = version, rows
        self._by = {(row.controller, category): row for row in rows for category in row.categories}

    def of(self, org: str, kind: str, category: str) -> Term | None:
        """The term of an organisation of this kind (`platform` for the platform itself): its own line, else that of its
        kind, else everybody's."""
        for controller in (org, kind, EVERYBODY):
            found = self._by.get((controller, category))
            if found is not None:
                return found
        return None

    def examples(self) -> list[Term]:
        return [row for row in self.rows if row.is_example]

    def __repr__(self) -> str:
        return f"Terms({self.version})"


def load(text: str) -> Terms:
    """The terms of a CSV file; lines that begin with # are not read. Raises `RetentionError` that names every line that
    is wrong, and how."""
    told = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#"]
    if not told or next(csv.reader([told[0][1]])) != COLUMNS:
        raise RetentionError("The columns are not those of a retention file.", f"Write: {','.join(COLUMNS)}.")
    rows: list[tuple[int, Term]] = []
    wrong: list[str] = []
    for number, line in told[1:]:
        cells = [cell.strip() for cell in next(csv.reader([line]))]
        if len(cells) != len(COLUMNS):
            wrong.append(f"line {number}: {len(cells)} columns instead of {len(COLUMNS)}")
            continue
        faults = list(_faults(dict(zip(COLUMNS, cells, strict=True))))
        wrong += [f"line {number}: {fault}" for fault in faults]
        if not faults:
            controller, activity, basis, categories, months, since, article = cells
            term = Term(controller, activity, basis, tuple(categories.split()), int(months), since, article)
            rows.append((number, term))
    wrong += _contradictions(rows)
    found = Terms(sha256(text.encode()).hexdigest()[:12], tuple(row for _, row in rows))
    lacking = [category for category in OWN if found.of(PLATFORM, PLATFORM_KIND, category) is None]
    if lacking and not wrong:
        wrong.append(f"no line gives a term to {', '.join(lacking)} of {PLATFORM}, which the platform itself keeps")
    if wrong:
        raise RetentionError(f"The retention file does not hold: {'; '.join(wrong)}.", "Mend these lines.")
    return found


@cache
def shipped() -> Terms:
    """The example that ships with the package."""
    return load(files("woonketen.contracts").joinpath("retention.csv").read_text(encoding="utf-8"))


def class_of(category: str) -> str:
    """The class of the key of a category."""
    return CLASS_OF[category]


def _faults(row: Mapping[str, str]) -> Iterator[str]:
    if not row["controller"]:
        yield "no controller; write * for everybody"
    if row["activity"] not in ACTIVITIES:
        yield f"unknown activity, use one of {' '.join(ACTIVITIES)}"
    if row["basis"] not in BASES:
        yield f"unknown basis, use one of {' '.join(BASES)}"
    categories = row["categories"].split()
    if not categories:
        yield "no category"
    for category in categories:
        if category not in (LOOKS, SLEEPING) and category not in CLASS_OF:
            yield "unknown category"
        elif (category == LOOKS) != (row["activity"] == "accountability"):
            yield f"{LOOKS} and the activity accountability belong together"
        elif (category == SLEEPING) != (row["from"] == "last_told"):
            yield f"{SLEEPING} and last_told belong together"
    if len(set(categories)) != len(categories):
        yield "a category twice"
    if not row["months"]:
        yield "no term"
    elif not row["months"].isdecimal() or not 1 <= int(row["months"]) <= LONGEST:
        yield f"months is no whole number from 1 to {LONGEST}"
    if row["from"] not in STARTS:
        yield f"unknown start of the term, use one of {' '.join(STARTS)}"
    if not row["article"]:
        yield "no article and no decision"


def _contradictions(rows: list[tuple[int, Term]]) -> Iterator[str]:
    first: dict[tuple[str, str], int] = {}
    for number, row in rows:
        for category in row.categories:
            earlier = first.setdefault((row.controller, category), number)
            if earlier != number:
                yield f"lines {earlier} and {number}: both give a term to {category} of one controller"
