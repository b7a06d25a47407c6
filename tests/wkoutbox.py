"""An outbox at work in processes that die before each of its SQL statements in turn: `python -m wkoutbox FOLDER`.

Each child writes what the outbox confirmed into a pipe, before anything else. After its death the file is opened again
and must hold at least that, and nothing half of a transaction; then the same work is done to its end on it.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wkpublish import SOURCE, checked

from woonketen.producers.outbox import Outbox, Outcome

TOGETHER, ROUNDS = 3, 2


def work(path: Path, confirmed: Callable[[list[Any]], None]) -> None:
    outbox = Outbox(path, now=lambda: 1_000_000.0)
    run = outbox.begin_run()
    for number in range(ROUNDS):
        events = [checked(number * TOGETHER + k) for k in range(TOGETHER)]
        outbox.put(events, run)
        confirmed(["put", [event.id for event in events]])
        first, *_, last = [None, None, *outbox.waiting(2)]
        outcomes = [Outcome(each.seq, "accepted", b"{}") for each in (first,) if each is not None]
        outcomes += [Outcome(last.seq, "delivered")] if last is not None and last != first else []
        outbox.settle(outcomes)
        confirmed(["settled", [outcome.seq for outcome in outcomes]])
    outbox.refuse([(SOURCE, "v-1", b"{}")], ("read", 7))
    confirmed(["refused", ["v-1"]])
    outbox.prune()
    outbox.close()


def die_at(path: Path, nth: int) -> tuple[bool, list[list[Any]]]:
    """Whether it died, and what was confirmed before."""
    inward, outward = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(inward)
        _deadly(nth)
        try:
            work(path, lambda said: os.write(outward, json.dumps(said).encode() + b"\n"))  # type: ignore[arg-type,return-value]
            os._exit(0)
        finally:
            os._exit(1)
    os.close(outward)
    with os.fdopen(inward, "rb") as file:
        said = [json.loads(each) for each in file]
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, f"the work itself failed at {nth}"
        return False, said
    assert os.WTERMSIG(status) == signal.SIGKILL
    return True, said


def _deadly(nth: int) -> None:
    connect, seen = sqlite3.connect, 0

    def count(statement: str) -> None:
        nonlocal seen
        seen += 1
        if seen == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(*given: Any, **named: Any) -> sqlite3.Connection:
        db = connect(*given, **named)
        db.set_trace_callback(count)
        return db

    sqlite3.connect = watched  # type: ignore[assignment]


def rows(path: Path) -> dict[str, str]:
    with Outbox(path):
        pass  # opens after a crash as always
    db = sqlite3.connect(path)
    try:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return dict(db.execute("SELECT id, state FROM event ORDER BY seq").fetchall())
    finally:
        db.close()


def check(path: Path, said: list[list[Any]], *, first: bool = True) -> None:
    found = rows(path)
    stored = [event_id for what, ids in said if what == "put" for event_id in ids]
    assert set(stored) <= set(found), "something confirmed is gone"
    assert len(found) % TOGETHER == 0, "half of a batch is there"
    settled = sum(len(seqs) for what, seqs in said if what == "settled")
    assert sum(state != "waiting" for state in found.values()) >= settled, "a receipt is gone"
    if first and ["refused", ["v-1"]] in said:  # later it is sent again
        assert found["v-1"] == "refused"


def main(folder: Path) -> int:
    """How many deaths there were."""
    nth = 1
    while True:
        path = folder / f"{nth}.sqlite"
        died, said = die_at(path, nth)
        check(path, said)
        if not died:
            return nth - 1
        _, rest = die_at(path, sys.maxsize)
        check(path, rest, first=False)
        assert len(rows(path)) == TOGETHER * ROUNDS
        nth += 1


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
