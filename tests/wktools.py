"""A tool that is not on this machine: under CI a failure, elsewhere a skip of which the last lines of the run tell."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from typing import NoReturn

import pytest

SIGN = "NOT ON THIS MACHINE: "


def missing(tool: str, mend: str) -> NoReturn:
    """`tool` without a colon; `mend`: how to get it."""
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        pytest.fail(f"{tool} is missing. {mend}")
    pytest.skip(f"{SIGN}{tool}: {mend}")


def lines(skipped: Iterable[tuple[str, str]]) -> list[str]:
    """One line per tool, from (reason, test id): what was skipped for it, by file."""
    tests: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for reason, test in skipped:
        _, sign, told = reason.partition(SIGN)
        if sign:
            tests[told][test.partition("::")[0]] += 1
    return [
        f"{SIGN}{told} Skipped for it: {sum(files.values())} tests"
        f" ({', '.join(f'{number} of {file}' for file, number in sorted(files.items()))})"
        for told, files in sorted(tests.items())
    ]
