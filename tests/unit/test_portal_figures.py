"""The page for policy: the frozen tables as groups and parts, and bars over the same cells."""

from __future__ import annotations

from typing import Any

from woonketen.projections.portal.rendering import environment
from woonketen.projections.portal.tables import figures_of


def cell(dimension: str, part: str, value: int | None, shown: str) -> dict[str, Any]:
    return {"quarter": "2026Q1", "table": "Trajecten", "dimension": dimension, "part": part, "value": value,
            "shown": shown, "band": None, "note": None}  # fmt: skip


def test_every_cell_stands_once_in_the_table_and_once_in_the_bars() -> None:
    rows = [
        cell("wooncoach", "lopend", 40, "40"),
        cell("wooncoach", "afgerond", None, "<10"),
        cell("buddy", "lopend", None, "–"),
    ]
    (made,) = figures_of(rows).values()
    assert made["parts"] == ["lopend", "afgerond"]
    assert made["groups"]["wooncoach"]["afgerond"]["shown"] == "<10"
    assert "afgerond" not in made["groups"]["buddy"]
    assert made["bars"] == rows


def test_bars_draw_what_is_left_out_as_its_text_and_never_as_nothing() -> None:
    rows = [cell("wooncoach", "lopend", 40, "40"), cell("wooncoach", "afgerond", None, "<10")]
    macros = '{% import "grafiek.html" as g with context %}{{ g.bars(rows, 1, "Trajecten", parts=true) }}'
    text = environment("nl").from_string(macros).render(rows=rows)
    assert "&lt;10" in text
    assert text.count("<rect") == len(rows)
    assert "wooncoach: afgerond" in text
