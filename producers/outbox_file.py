"""The file of an outbox: made for its owner only, opened so that a commit is on the disk, its errors in our words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from woonketen.contracts.errors import (
    ConfigurationError,
    NewerSchema,
    OutboxBusy,
    OutboxFull,
    OutboxUnreadable,
    WoonketenError,
)

VERSION = 1

_APPLICATION = 0x574B_4F42
_SCHEMA = f"""
CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    key BLOB NOT NULL,
    digest BLOB NOT NULL,
    line BLOB NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    receipt BLOB,
    stored_at REAL NOT NULL,
    done_at REAL,
    run INTEGER NOT NULL,
    line_number INTEGER NOT NULL,
    UNIQUE (source, id)
);
CREATE INDEX event_waiting ON event (seq) WHERE state = 'waiting';
CREATE INDEX event_done ON event (done_at) WHERE done_at IS NOT NULL;
CREATE INDEX event_run ON event (run, line_number);
CREATE TABLE setting (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {VERSION};
"""


def opened(path: Path, largest: int | None) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    try:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # counts only before the first table
        check_ours(db, path)
        if db.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise OutboxUnreadable(f"{path} does not allow a write-ahead log.", "Put the outbox on a local disk.")
        # FULL: every commit reaches the disk before `put` returns.
        for pragma in ("synchronous = FULL", "fullfsync = ON", "secure_delete = ON", "wal_autocheckpoint = 2000"):
            db.execute(f"PRAGMA {pragma}")
        size = db.execute("PRAGMA page_size").fetchone()[0]
        if largest is not None:
            db.execute(f"PRAGMA max_page_count = {max(largest // size, 1)}")
        if db.execute("PRAGMA user_version").fetchone()[0] == 0:
            db.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}COMMIT;")
    except BaseException:
        db.close()
        raise
    return db


def check_ours(db: sqlite3.Connection, path: Path) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    application = db.execute("PRAGMA application_id").fetchone()[0]
    tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and application != _APPLICATION:
        raise OutboxUnreadable(f"{path} is no outbox.", "Give another file with --outbox.")
    if version > VERSION:
        raise NewerSchema(f"{path} was made by a newer program.", "Install that version of woonketen.")


def make_private(path: Path) -> None:
    """The file, for its owner only; SQLite gives its write-ahead log the same rights."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise ConfigurationError(
            f"The outbox {path} cannot be made or opened: {error.strerror}.", "Give a file in a folder of yours."
        ) from None


@contextmanager
def told(path: Path) -> Iterator[None]:
    """SQLite's errors as ours, without their text: it may quote data."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translated(error, path) from None


def _translated(error: sqlite3.Error, path: Path) -> WoonketenError:
    name: Any = getattr(error, "sqlite_errorname", None) or ""
    if name.startswith("SQLITE_FULL"):
        return OutboxFull(
            f"There is no room left for the outbox {path}. Nothing that was stored is lost.",
            "Make room, then run the same command again.",
        )
    if name.startswith("SQLITE_IOERR"):
        return OutboxFull(
            f"The system refused to write the outbox {path}. Nothing that was stored is lost.",
            "Look at space, limits and the disk, then run the same command again.",
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return OutboxBusy(f"Another program holds the outbox {path}.", "Wait for it, then try again.")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return OutboxUnreadable(
            f"{path} is no outbox, or it is damaged.",
            "Keep a copy, give another file with --outbox, and publish the same files again: what arrived is skipped.",
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return ConfigurationError(f"The outbox {path} cannot be opened for writing.", "Look at its rights.")
    return WoonketenError(f"The outbox {path} failed ({type(error).__name__}).", "Run again with --debug.")
