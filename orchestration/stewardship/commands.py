"""Runs `woonketen` as Dagster runs it: the same command that a person would type, in a process of its own.

So a job and the command cannot differ, and no key is ever in a process of Dagster. A command that is killed leaves
what it leaves for a person; one whose Dagster is killed goes on to its end, and its own locks keep a second one out.
What is printed holds counts and hashes only, so it may stand in Dagster's own tables.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from woonketen.contracts.errors import ConfigurationError, Unreachable, WoonketenError

_MAIN = "from woonketen.orchestration.cli import main; main()"


class Failed(WoonketenError):
    """The command refused or found a difference; the message is its own last sentence."""


def run(*arguments: str, found: Sequence[int] = (0,)) -> list[dict[str, Any]]:
    """Its rows. `found`: exit codes that are no failure (1: done, but something was found).

    Raises `ConfigurationError` (2), `Unreachable` (3), `Failed` for any other code.
    """
    done = subprocess.run(
        [sys.executable, "-c", _MAIN, "--json", *arguments],
        capture_output=True,
        check=False,
        cwd=os.environ.get("WOONKETEN_HOME") or None,
        text=True,
    )
    if done.returncode < 0:
        raise Failed(f"The command was ended from outside ({done.returncode}).", "Start the job again.")
    if done.returncode not in found:
        told = done.stderr.strip().splitlines()
        sentence = told[-1].removeprefix("woonketen: ") if told else f"woonketen ended with {done.returncode}."
        error = {2: ConfigurationError, 3: Unreachable}.get(done.returncode, Failed)
        raise error(sentence)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def one(*arguments: str, found: Sequence[int] = (0,)) -> dict[str, Any]:
    """Its one result."""
    rows = run(*arguments, found=found)
    return rows[-1] if rows else {}
