"""Physical lines of a file, with a bound on how much of one is ever held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

LONGEST = 128 * 1024
"""Twice what admission takes; the rest of a longer line is passed over, and what is left is still `too_large`."""

_BOM = b"\xef\xbb\xbf"


def lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines without their end and without the file's byte order mark; blank ones are left out."""
    for _, line in numbered(stream):
        yield line


def numbered(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """As `lines`, each with its number in the file, from 1."""
    number = 0
    while line := stream.readline(LONGEST):
        number += 1
        if not line.endswith(b"\n"):
            _pass_over(stream)
        if number == 1:
            line = line.removeprefix(_BOM)
        line = line.strip(b"\r\n")
        if line.strip():
            yield number, line


def _pass_over(stream: BinaryIO) -> None:
    while rest := stream.readline(LONGEST):
        if rest.endswith(b"\n"):
            return
