"""The outbox: events wait in one SQLite file until they have a receipt, and stay a while after it.

What `put` has returned survives the end of the process and of the computer's power (write-ahead log, flushed at every
commit). One process writes at a time. The file holds events as they were given: it is made for its owner only, and
lies where the partner's own system lies.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Self

import msgspec

from woonketen.contracts.errors import ConfigurationError, OutboxBusy
from woonketen.producers.checking import Checked
from woonketen.producers.filelock import FileLock
from woonketen.producers.outbox_file import check_ours, make_private, opened, told

KEEP = timedelta(days=14)
"""How long an event stays after its receipt. A platform that was restored from a backup admits again from outboxes, so
this is longer than the time between two backups."""

State = Literal["waiting", "delivered", "accepted", "duplicate", "parked", "refused"]
STATES: tuple[State, ...] = ("waiting", "delivered", "accepted", "duplicate", "parked", "refused")
Stored = Literal["stored", "known", "again", "conflict"]


class Waiting(msgspec.Struct, frozen=True):
    """An event to be sent."""

    seq: int
    source: str
    id: str
    key: bytes
    line: bytes
    attempts: int

    def __repr__(self) -> str:
        return f"Waiting({self.seq})"


class Outcome(msgspec.Struct, frozen=True):
    """What became of one event: a state other than `waiting`, perhaps with a receipt in JSON; or `error`, a word."""

    seq: int
    state: State
    receipt: bytes | None = None
    error: str | None = None


class Status(msgspec.Struct, frozen=True):
    """What lies in an outbox. `oldest_waiting` is a moment in seconds since 1970; `last_error` a word."""

    counts: dict[State, int]
    oldest_waiting: float | None
    last_error: str | None
    bytes: int


class Outbox:
    """Opens or makes the file at `path`. `largest` bounds it, in bytes. Raises `OutboxBusy` when another process has it
    open, `OutboxUnreadable` for a file that is something else. Its methods may be called from several threads."""

    def __init__(
        self,
        path: Path | str,
        *,
        keep: timedelta = KEEP,
        largest: int | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.path = Path(path)
        self._keep = keep
        self._now = now
        self._guard = threading.RLock()
        make_private(self.path)
        self._lock = FileLock(self.path.with_name(self.path.name + ".lock"))
        if not self._lock.acquire():
            raise OutboxBusy(
                f"Another process has the outbox {self.path} open.", "Wait for it, or give another file with --outbox."
            )
        try:
            with told(self.path):
                self._db = opened(self.path, largest)
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Safe to repeat."""
        with self._guard:
            self._db.close()
            self._lock.release()

    # --- storing ---

    def begin_run(self) -> int:
        """A number for what is put from now on, so that its receipts can be found."""
        with self._writing() as db:
            return _count_up(db, "run")

    def put(self, events: Sequence[Checked], run: int = 0, first_line: int = 1) -> list[Stored]:
        """Stores events in order, all or none. `known`: it was there already, and is not sent again unless it was
        refused; `again`: it was put in this run already; `conflict`: another event has that id."""
        return self.put_numbered([(first_line + n, event) for n, event in enumerate(events)], run)

    def put_numbered(self, events: Sequence[tuple[int, Checked]], run: int = 0) -> list[Stored]:
        """As `put`, with the number of each event's line."""
        with self._writing() as db:
            return [self._put(db, event, run, number) for number, event in events]

    def _put(self, db: sqlite3.Connection, event: Checked, run: int, number: int) -> Stored:
        found = db.execute(
            "SELECT seq, digest, state, run FROM event WHERE source = ? AND id = ?", (event.source, event.id)
        ).fetchone()
        if found is not None and found[2] == "refused":
            # A refused event is sent again under the same id, usually mended; it goes to the end of the row.
            db.execute("DELETE FROM event WHERE seq = ?", (found[0],))
            found = None
        if found is not None:
            if bytes(found[1]) != event.digest:
                return "conflict"
            if run and found[3] == run:
                return "again"
            db.execute("UPDATE event SET run = ?, line_number = ? WHERE seq = ?", (run, number, found[0]))
            return "known"
        db.execute(
            "INSERT INTO event (source, id, key, digest, line, stored_at, run, line_number)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (event.source, event.id, event.key, event.digest, event.line, self._now(), run, number),
        )
        return "stored"

    # --- sending ---

    def waiting(self, most: int = 500, most_bytes: int = 4 * 1024 * 1024) -> list[Waiting]:
        """The oldest events without a receipt, in the order in which they were stored; never more than asked for, but
        always one if there is one."""
        found: list[Waiting] = []
        size = 0
        with self._reading() as db:
            rows = db.execute(
                "SELECT seq, source, id, key, line, attempts FROM event WHERE state = 'waiting' ORDER BY seq LIMIT ?",
                (most,),
            )
            with closing(rows):
                for seq, source, event_id, key, line, attempts in rows:
                    size += len(line)
                    if found and size > most_bytes:
                        break
                    found.append(Waiting(seq, source, event_id, bytes(key), bytes(line), attempts))
        return found

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Writes what became of events, all or none. An outcome `waiting` counts as an attempt."""
        at = self._now()
        with self._writing() as db:
            for each in outcomes:
                if each.state == "waiting":
                    db.execute(
                        "UPDATE event SET attempts = attempts + 1, last_error = ? WHERE seq = ? AND state = 'waiting'",
                        (each.error, each.seq),
                    )
                else:
                    db.execute(
                        "UPDATE event SET state = ?, receipt = ?, done_at = ?, attempts = attempts + 1,"
                        " last_error = NULL WHERE seq = ? AND state = 'waiting'",
                        (each.state, each.receipt, at, each.seq),
                    )

    def refuse(self, refusals: Sequence[tuple[str | None, str, bytes]], position: tuple[str, int] | None = None) -> int:
        """Marks delivered events as refused, by (source or None for any, id, receipt), and remembers up to where
        refusals were read, in one transaction. Returns how many were found."""
        at, found = self._now(), 0
        with self._writing() as db:
            for source, event_id, receipt in refusals:
                found += db.execute(
                    "UPDATE event SET state = 'refused', receipt = ?, done_at = ?"
                    " WHERE source = coalesce(?, source) AND id = ? AND state <> 'waiting'",
                    (receipt, at, source, event_id),
                ).rowcount
            if position is not None:
                db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", position)
        return found

    def position(self, name: str) -> int | None:
        with self._reading() as db:
            row = db.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return None if row is None else int(row[0])

    # --- keeping ---

    def again(self, since: datetime) -> int:
        """Puts what got its receipt since that moment back in the row, because the platform lost it: how many."""
        with self._writing() as db:
            return db.execute(
                "UPDATE event SET state = 'waiting', receipt = NULL, done_at = NULL"
                " WHERE state NOT IN ('waiting', 'refused') AND done_at >= ?",
                (since.timestamp(),),
            ).rowcount

    def prune(self) -> int:
        """Removes what has had its receipt for longer than it is kept: how many."""
        with self._writing() as db:
            gone = db.execute("DELETE FROM event WHERE done_at < ?", (self._now() - self._keep.total_seconds(),))
        if gone.rowcount:
            with self._reading() as db:
                db.execute("PRAGMA incremental_vacuum").fetchall()
        return gone.rowcount

    # --- telling ---

    def count_waiting(self) -> int:
        with self._reading() as db:
            return int(db.execute("SELECT count(*) FROM event WHERE state = 'waiting'").fetchone()[0])

    def status(self) -> Status:
        with self._reading() as db:
            return _status(db)

    def results(self, run: int) -> Iterator[tuple[int, str, str, State, bytes | None]]:
        """(line, source, id, state, receipt) of what was put in a run, by line. Bounded in memory."""
        last = -1
        while True:
            with self._reading() as db:
                rows = db.execute(
                    "SELECT line_number, source, id, state, receipt FROM event"
                    " WHERE run = ? AND line_number > ? ORDER BY line_number LIMIT 500",
                    (run, last),
                ).fetchall()
            if not rows:
                return
            yield from rows
            last = rows[-1][0]

    def refused_since(self, moment: float) -> list[bytes]:
        """The receipts of what was refused since then, in seconds since 1970; the first thousand."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT receipt FROM event WHERE state = 'refused' AND done_at >= ? ORDER BY seq LIMIT 1000", (moment,)
            ).fetchall()
        return [bytes(row[0]) for row in rows]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._guard, told(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._guard, told(self.path):
            yield self._db


def look(path: Path) -> Status:
    """The status of an outbox, also while another process has it open. Raises `ConfigurationError` without a file."""
    if not path.exists():
        raise ConfigurationError(f"There is no outbox {path}.", "Name it with --outbox.")
    with told(path), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as db:
        check_ours(db, path)
        return _status(db)


def _status(db: sqlite3.Connection) -> Status:
    counts: dict[State, int] = dict.fromkeys(STATES, 0)
    counts |= dict(db.execute("SELECT state, count(*) FROM event GROUP BY state").fetchall())
    oldest = db.execute("SELECT min(stored_at) FROM event WHERE state = 'waiting'").fetchone()[0]
    error = db.execute(
        "SELECT last_error FROM event WHERE state = 'waiting' AND last_error IS NOT NULL ORDER BY seq LIMIT 1"
    ).fetchone()
    pages, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return Status(counts, oldest, error and error[0], pages * size)


def _count_up(db: sqlite3.Connection, name: str) -> int:
    db.execute(
        "INSERT INTO setting VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
        (name,),
    )
    return int(db.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()[0])
