"""The first sheet of an Excel workbook, with the columns of `table`. Needs the extra `xlsx`."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import date, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO

from woonketen.contracts.errors import ConfigurationError
from woonketen.producers.readers import table

if TYPE_CHECKING:
    from collections.abc import Callable


def read(stream: BinaryIO, source: str) -> Iterator[bytes]:
    """Raises `ConfigurationError` at once when openpyxl is not installed."""
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise ConfigurationError(
            "Reading xlsx needs openpyxl, which is not installed.", "Install the extra: pip install 'woonketen[xlsx]'."
        ) from None
    return _lines(load_workbook, stream, source)


def _lines(load: Callable[..., Any], stream: BinaryIO, source: str) -> Iterator[bytes]:
    names: tuple[str, ...] | str | None = None
    rows, wrong = _rows(load, stream)
    for number, cells in rows:
        if names is None:
            names = table.columns(cells)
            if isinstance(names, str):
                yield table.unreadable(number, names)
        elif isinstance(names, str):
            yield table.unreadable(number, names)
        else:
            yield table.line(names, cells, source, number)
    if wrong:
        yield table.unreadable(rows[-1][0] + 1 if rows else 1, wrong)


def _rows(load: Callable[..., Any], stream: BinaryIO) -> tuple[list[tuple[int, list[str]]], str]:
    """The filled rows with their numbers, as far as the sheet can be read; and what is wrong with the rest."""
    rows: list[tuple[int, list[str]]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and extensions that we do not read
        try:
            book = load(BytesIO(stream.read()), read_only=True, data_only=True)
        except Exception:  # noqa: BLE001 - a broken workbook fails in as many ways as zip and XML have
            return rows, "not a workbook of Excel 2007 or later"
        try:
            for number, row in enumerate(book.worksheets[0].iter_rows(values_only=True), start=1):
                cells = [_text(value) for value in row]
                if any(cell.strip() for cell in cells):
                    rows.append((number, cells))
        except Exception:  # noqa: BLE001 - see above; the rows before it are good
            return rows, "the sheet ends in something unreadable"
        finally:
            book.close()
    return rows, ""


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)
