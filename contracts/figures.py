"""The fixed catalogue of policy tables as data: titles, rows, columns, and the numbers of the protection.

Rules are code (`streams.figures`); there are no free filters. Raises `FiguresError` when the file is not whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

import msgspec

from woonketen.contracts import codes
from woonketen.contracts.catalogue_file import read_catalogue
from woonketen.contracts.errors import FiguresError

Text = Annotated[str, msgspec.Meta(min_length=1)]
Measure = Literal["count", "share", "weeks", "band"]


class Piece(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the file: nothing may be missing, nothing may be unknown."""


class Number(Piece, frozen=True, kw_only=True):
    value: Annotated[float, msgspec.Meta(gt=0)]
    why: Text


class Numbers(Piece, frozen=True, kw_only=True):
    """What protects the people in a table; each with its reason."""

    least_households: Number
    least_denominator: Number
    least_cases: Number
    round_small: Number
    round_large: Number
    small_below: Number
    changed_least: Number
    share_band: Number
    snapshots: Number
    certainty: Number


class Table(Piece, frozen=True, kw_only=True):
    """`rows`: code → label, or the name of a list of codes. `total`: the label of the sum over the columns, which are
    then disjoint. `beside`: the label of a number about no household, told by an organisation."""

    id: Text
    title: Text
    question: Text
    measure: Measure
    rows: dict[str, Text] | Text
    columns: dict[str, Text]
    total: Text | None = None
    beside: Text | None = None

    def row_labels(self) -> Mapping[str, str]:
        if isinstance(self.rows, str):
            name = self.rows
            return {code: codes.label(name, code) for code in sorted(codes.members(name))}
        return self.rows


class Catalogue(Piece, frozen=True, kw_only=True):
    version: Annotated[int, msgspec.Meta(ge=1)]
    owner: Text
    protection: Numbers
    bands: list[Annotated[int, msgspec.Meta(ge=1)]]
    tables: list[Table]

    def table(self, name: str) -> Table:
        return next(each for each in self.tables if each.id == name)

    @property
    def protected(self) -> Protection:
        return protection(self)


class Protection(msgspec.Struct, frozen=True):
    """The numbers alone, as they are computed with."""

    least_households: int
    least_denominator: int
    least_cases: int
    round_small: int
    round_large: int
    small_below: int
    changed_least: int
    share_band: int
    bands: tuple[int, ...]


def protection(found: Catalogue) -> Protection:
    numbers = {name: int(number.value) for name, number in msgspec.structs.asdict(found.protection).items()}
    names = set(Protection.__struct_fields__) - {"bands"}
    return msgspec.convert({**{name: numbers[name] for name in names}, "bands": found.bands}, Protection)


def load(text: str) -> Catalogue:
    """Raises `FiguresError`."""
    found = read_catalogue(text, Catalogue, FiguresError, "catalogue of policy tables", "figures.yaml")
    names = [table.id for table in found.tables]
    if len(set(names)) != len(names):
        raise FiguresError("Two policy tables have one id.", "Give each table of figures.yaml its own id.")
    if sorted(set(found.bands)) != found.bands:
        raise FiguresError("The bands do not rise.", "Put the bands of figures.yaml in rising order.")
    for table in found.tables:
        if isinstance(table.rows, str) and table.rows not in codes.names():
            raise FiguresError(
                f"Table {table.id} names a list of codes that is not there.", "Name one of codes.csv in figures.yaml."
            )
    return found


@cache
def shipped() -> Catalogue:
    return load((files("woonketen.contracts") / "figures.yaml").read_text("utf-8"))
