"""A worker or a rebuild, as a process of its own, that dies the hard way at a chosen place: `python -m wkkilled`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
from wkviews import PARTITIONS, source_of

from woonketen.orchestration.rebuilding import make_worker, rebuild
from woonketen.projections import sets
from woonketen.projections.store import PostgresBatch
from woonketen.streams.log.postgres import PostgresLog

PLACES: dict[str, tuple[Any, str, bool]] = {
    "rows": (PostgresBatch, "move", False),  # rows are written, the position is not
    "position": (PostgresBatch, "move", True),  # both are; conclusions are not appended
    "appended": (PostgresLog, "append", True),  # everything is, but for the commit
    "filled": (PostgresBatch, "move", True),
    "swapped": (sets, "_turn", True),
}


def kill_at(dsn: str, place: str, nth: int = 1) -> bool:
    """Runs it and waits. Returns whether it was killed; otherwise it came to its end."""
    given = json.dumps({"dsn": dsn, "place": place, "nth": nth})
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    ended = subprocess.run([sys.executable, "-m", "wkkilled"], input=given, text=True, env=environment, check=False)
    return ended.returncode == -signal.SIGKILL


def dies_at(where: Any, name: str, after: bool, nth: int) -> None:
    """From now on the `nth` call of it ends this process, before it does anything or `after` it did."""
    original, calls = getattr(where, name), 0

    def dying(*args: Any, **named: Any) -> Any:
        nonlocal calls
        result = original(*args, **named) if after else None
        calls += 1
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result if after else original(*args, **named)

    setattr(where, name, dying)


def main() -> None:
    given = json.loads(sys.stdin.read())
    where, name, after = PLACES[given["place"]]
    dies_at(where, name, after, given["nth"])
    source = source_of(given["dsn"])
    if given["place"] in ("filled", "swapped"):
        with psycopg.connect(source.dsn, autocommit=True) as owner:
            rebuild(owner, source, processes=1)
    else:
        with make_worker(source, PARTITIONS) as worker:
            worker.run(until_idle=True)


if __name__ == "__main__":
    main()
