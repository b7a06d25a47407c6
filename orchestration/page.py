"""A page to read or print: tables of text in plain HTML. Everything is escaped; nothing is fetched from anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;width:100%;margin:0 0 2em}"
    "th,td{border:1px solid #767676;padding:.4em .6em;text-align:left;vertical-align:top}"
    "th{background:#eee}@media print{body{margin:0;max-width:none}}"
)


@dataclass(frozen=True)
class Table:
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def page(title: str, intro: str, tables: Iterable[Table]) -> str:
    """One document in Dutch; a table without rows says so."""
    body = "\n".join(_table(each) for each in tables)
    return (
        f'<!doctype html>\n<html lang="nl">\n<head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n<main>\n<h1>{escape(title)}</h1>\n<p>{escape(intro)}</p>\n"
        f"{body}\n</main>\n</body>\n</html>\n"
    )


def _table(table: Table) -> str:
    if not table.rows:
        return f"<h2>{escape(table.title)}</h2>\n<p>Niets.</p>"
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns)
    rows = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )  # fmt: skip
    return f"<h2>{escape(table.title)}</h2>\n<table>\n<tr>{head}</tr>\n{rows}\n</table>"
