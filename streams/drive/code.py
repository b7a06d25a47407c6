"""Which code, policy and indicators a set of views comes from."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

FORMAT = 1
"""Goes up when what is stored beside the rows changes its meaning."""

# What decides what a row holds; how it is read, sealed and written does not.
_NO_MATTER = frozenset(
    {
        "english.csv", "english.py", "errors.py", "fields.py", "indicators.yaml", "labels.csv", "labels.py",
        "memory.py", "policy.csv", "ports.py", "records.py", "schemas", "settings.py",
    }
)  # fmt: skip
_STREAMS = ("core", "drive/reading.py", "drive/turn.py")


@cache
def code_of(policy: str, indicators: str) -> str:
    """A hash over the code that makes rows and warnings, and over the texts of the policy and of the indicators."""
    told = sha256(f"{FORMAT}\0{policy}\0{indicators}".encode())
    contracts, streams = files("woonketen.contracts"), files("woonketen.streams")
    for folder, name in [
        *((contracts, each.name) for each in contracts.iterdir() if each.name not in _NO_MATTER),
        *((streams, name) for name in _STREAMS),
    ]:
        for path, data in sorted(_files(folder.joinpath(name), name)):
            told.update(f"{path}\0{len(data)}\0".encode() + data)
    return told.hexdigest()[:32]


def _files(place: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    if place.is_dir():
        for each in place.iterdir():
            yield from _files(each, f"{path}/{each.name}")
    elif path.endswith((".py", ".csv", ".yaml")):
        yield path, place.read_bytes()
