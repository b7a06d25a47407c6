"""Which code, policy and indicators a set of views comes from."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

FORMAT = 1
"""Goes up when what is stored beside the rows changes its meaning."""

# Never imported by what makes rows (a test of the guards follows the imports); texts that are given come apart.
_NO_MATTER = frozenset(
    {
        "catalogue_file.py", "checks.py", "checks.yaml", "english.csv", "english.py", "envelope.py", "fields.py",
        "figures.py", "figures.yaml", "handshake.py", "indicators.yaml", "labels.csv", "labels.py", "memory.py",
        "policy.csv", "refusals.py", "schemas", "settings.py",
    }
)  # fmt: skip
_MORE = (
    "streams/core",
    "streams/drive/reading.py",
    "streams/drive/turn.py",
    "projections/ddl.py",
    "projections/lines.py",
)


@cache
def code_of(policy: str, indicators: str) -> str:
    """A hash over the code that makes rows and warnings, and over the texts of the policy and of the indicators."""
    told = sha256(f"{FORMAT}\0{policy}\0{indicators}".encode())
    for path, data in sources():
        told.update(f"{path}\0{len(data)}\0".encode() + data)
    return told.hexdigest()[:32]


def sources() -> Iterator[tuple[str, bytes]]:
    """The files that it goes over, by their path below the package."""
    package = files("woonketen")
    contracts = (each.name for each in package.joinpath("contracts").iterdir() if each.name not in _NO_MATTER)
    for path in (*(f"contracts/{name}" for name in sorted(contracts)), *_MORE):
        yield from sorted(_files(package.joinpath(path), path))


def _files(place: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    if place.is_dir():
        for each in place.iterdir():
            yield from _files(each, f"{path}/{each.name}")
    elif path.endswith((".py", ".csv", ".yaml")):
        yield path, place.read_bytes()
