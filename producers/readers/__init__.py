"""A partner's file as lines of CloudEvents JSON, one per event, in the file's order.

A row that cannot be read still gives a line: one that admission refuses as `malformed`, so that it gets its receipt.
Such a line names the row and what is wrong with it, never what stands in it. A wrong row never stops a good one.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from types import MappingProxyType
from typing import BinaryIO

from woonketen.contracts.errors import ConfigurationError

_MODULES = MappingProxyType({"cloudevents": "cloudevents", "csv": "csv", "xlsx": "xlsx"})
FORMATS = tuple(_MODULES)


def read(form: str, stream: BinaryIO, source: str) -> Iterator[bytes]:
    """The lines of a file. `source` is the organisation's registered one: a table has no column for it as a rule.

    Raises `ConfigurationError` for a format that is not known, or whose extra is not installed.
    """
    if form not in _MODULES:
        raise ConfigurationError(f"There is no reader for {form!r}.", f"Use one of: {', '.join(FORMATS)}.")
    module = import_module(f"{__name__}.{_MODULES[form]}")
    lines: Iterator[bytes] = module.read(stream, source)
    return lines
