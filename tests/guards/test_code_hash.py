"""The hash that asks for a rebuild goes over what makes rows, and over nothing else of the contracts."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from woonketen.streams.drive import code

ROOT = Path(__file__).parents[2]
BEGIN = ("streams/core/", "projections/ddl.py", "projections/lines.py", "contracts/views.py")
GIVEN = {"policy.csv", "indicators.yaml"}
"""Whoever makes rows is given their text, and that text is in the hash."""
MODULES = {
    str(path.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__"): path
    for folder in ("contracts", "streams", "projections")
    for path in (ROOT / folder).rglob("*.py")
}


@cache
def parsed(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text("utf-8"))


def imports(module: str) -> Iterator[str]:
    """At whatever depth of the text; a name that is no module does not matter to who asks."""
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.Import):
            yield from (each.name.removeprefix("woonketen.") for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = (node.module or "").removeprefix("woonketen.")
            yield base
            yield from (f"{base}.{each.name}" for each in node.names)


def path_of(module: str) -> str:
    return str(MODULES[module].relative_to(ROOT))


@cache
def reached() -> frozenset[str]:
    """The modules that what makes rows imports, and those that these import, with itself."""
    found: set[str] = set()
    left = [module for module in MODULES if path_of(module).startswith(BEGIN)]
    while left:
        module = left.pop()
        if module in MODULES and module not in found:
            found.add(module)
            left += imports(module)
    return frozenset(found)


def test_the_walk_gets_somewhere() -> None:
    assert {"streams.core.step", "projections.ddl", "contracts.payloads.base", "contracts.calendar"} <= reached()
    assert not {"streams.door.admit", "streams.drive.worker"} & reached()


def test_every_module_that_is_reached_is_in_the_hash() -> None:
    assert {path_of(module) for module in reached()} - {path for path, _ in code.sources()} == set()


def test_what_does_not_matter_is_what_is_never_reached() -> None:
    never = {
        path.name for module, path in MODULES.items() if module.startswith("contracts.") and module not in reached()
    }
    assert {name for name in code._NO_MATTER if name.endswith(".py")} == never


def test_a_file_of_data_matters_if_a_module_that_matters_names_it() -> None:
    names = {
        node.value for module in reached() for node in ast.walk(parsed(module))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }  # fmt: skip
    for path in (*(ROOT / "contracts").glob("*.csv"), *(ROOT / "contracts").glob("*.yaml")):
        assert (path.name in names - GIVEN) == (path.name not in code._NO_MATTER), path.name


def test_another_byte_is_another_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    told = list(code.sources())
    hashes = set()
    for changed in (told, [(told[0][0], told[0][1] + b" "), *told[1:]], [*told[:-1], ("elsewhere.py", told[-1][1])]):
        monkeypatch.setattr(code, "sources", lambda changed=changed: iter(changed))
        hashes.add(code.code_of.__wrapped__("policy", "indicators"))
    assert len(hashes) == 3
