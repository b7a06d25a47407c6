"""CSV as spreadsheets write it: comma, semicolon or tab, a byte order mark, `sep=;` above the header, Dutch dates.

Every physical line is read for itself, because no cell of ours holds a line end: so a quote that is never closed
spoils its own row and no other.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import BinaryIO

from woonketen.producers.readers import table
from woonketen.producers.readers.lines import numbered


def read(stream: BinaryIO, source: str) -> Iterator[bytes]:
    """The columns of the table are told in `table`."""
    names: tuple[str, ...] | str | None = None
    mark = ""
    for number, raw in numbered(stream):
        text = raw.decode("utf-8", errors="surrogateescape")
        if names is None and text.lower().startswith("sep=") and len(text) == 5:
            mark = text[4]
        elif names is None:
            mark = mark or max(";,\t", key=text.count)
            header = _cells(text, mark)
            names = table.columns(header) if header else "the header is no line of a table"
            if isinstance(names, str):
                yield table.unreadable(number, names)
        else:
            cells = _cells(text, mark)
            if isinstance(names, str):
                yield table.unreadable(number, names)
            elif cells is None:
                yield table.unreadable(number, "not a line of a table")
            elif any(cell.strip() for cell in cells):
                yield table.line(names, cells, source, number)


def _cells(text: str, mark: str) -> list[str] | None:
    try:
        return next(csv.reader([text], delimiter=mark, strict=True), None)
    except csv.Error:
        return None
