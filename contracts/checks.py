"""The catalogue of data checks: what a steward checks, what a finding means, what the partner can do, who owns it.

Conditions over facts are code (`streams.quality`), those over views are SQL in the file, over that view's own fields.
Raises `ChecksError` when the file is not whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, get_type_hints

import msgspec

from woonketen.contracts.catalogue_file import read_catalogue
from woonketen.contracts.errors import ChecksError
from woonketen.contracts.views import PERSON_VIEWS

Text = Annotated[str, msgspec.Meta(min_length=1)]
Kind = Literal["completeness", "validity", "consistency", "timeliness", "uniqueness", "volume"]
Level = Literal["block", "warn", "note"]

FACTS, FEED, WARNINGS = "facts", "feed", "warnings"
_WARNING_FIELDS = frozenset({"severity", "state", "sentence", "opened_on", "due_on", "owner", "indicator", "id"})
_WORD = re.compile(r"'[^']*'|[a-z_][a-z0-9_]*", re.IGNORECASE)
_SQL = frozenset(
    [
        "is",
        "not",
        "null",
        "and",
        "or",
        "in",
        "between",
        "like",
        "true",
        "false",
        "case",
        "when",
        "then",
        "else",
        "end",
        "length",
        "cardinality",
        "jsonb_array_length",
        "coalesce",
        "any",
        "exists",
        "interval",
        "date",
    ]
)


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`expect`: SQL over `fields` of the view `suite`; a check of facts or of feeds has none."""

    id: Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z0-9_]{2,60}\Z")]
    suite: Text
    kind: Kind
    level: Level
    owner: Literal["partner", "platform"]
    means: Text
    guidance: Text
    fields: tuple[str, ...] = ()
    expect: Text | None = None

    @property
    def of_view(self) -> bool:
        return self.suite not in (FACTS, FEED)


class Checks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Annotated[int, msgspec.Meta(ge=1)]
    checks: tuple[Check, ...]

    def of(self, suite: str) -> tuple[Check, ...]:
        return tuple(each for each in self.checks if each.suite == suite)

    def named(self, check: str) -> Check:
        """Raises `ChecksError`."""
        found = next((each for each in self.checks if each.id == check), None)
        if found is None:
            raise ChecksError(f"There is no check {check}.", "Look at `woonketen quality checks`.")
        return found

    @property
    def suites(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.suite for each in self.checks))


def load(text: str) -> Checks:
    found = read_catalogue(text, Checks, ChecksError, "catalogue of checks", "checks.yaml")
    seen: set[str] = set()
    for check in found.checks:
        if check.id in seen:
            raise ChecksError(f"Two checks are named {check.id}.", "Give each check of checks.yaml its own id.")
        seen.add(check.id)
        _whole(check)
    return found


def _whole(check: Check) -> None:
    if not check.of_view:
        if check.expect is not None:
            raise ChecksError(
                f"Check {check.id} is about {check.suite} and has a condition.", "Only checks of views have `expect`."
            )
        return
    known = fields_of(check.suite)
    if known is None:
        raise ChecksError(f"Check {check.id} is about a view that is not there.", "Name a view, `facts` or `feed`.")
    if check.expect is None or not check.fields:
        raise ChecksError(f"Check {check.id} has no condition.", "Give `expect` and the `fields` that it reads.")
    used = {word for word in _WORD.findall(check.expect) if not word.startswith("'")}
    words = {word for word in used if word.lower() not in _SQL}
    if ";" in check.expect or "--" in check.expect or not words <= set(check.fields) or not set(check.fields) <= known:
        raise ChecksError(
            f"The condition of {check.id} reads something else than its fields.",
            "Name every field of the view that it reads in `fields`, and nothing else.",
        )


def fields_of(view: str) -> frozenset[str] | None:
    if view == WARNINGS:
        return _WARNING_FIELDS
    struct = PERSON_VIEWS.get(view)
    return None if struct is None else frozenset(get_type_hints(struct))


@cache
def shipped() -> Checks:
    return load((files("woonketen.contracts") / "checks.yaml").read_text("utf-8"))


def by_id(found: Checks) -> Mapping[str, Check]:
    return {each.id: each for each in found.checks}
