"""The erasure ledger: a file outside the database and its backups that says which keys are destroyed.

JSON, one entry a line, each with the hash of the one before; on disk before the database commits. It holds nothing
personal: key ids, keyed hashes, a day and a reason. A database that has not done what stands here (it was restored from
an older backup) is not opened.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from woonketen.contracts.errors import ConfigurationError
from woonketen.streams.keys.kek import Keys, refuse_inside, sync_folder

HEAD, ERASURE, RESTORE, RETENTION, LOOKS = "ledger", "erasure", "restore", "retention", "looks"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """`who` and `org`: keyed hashes of (organisation, pseudonym) and of the organisation; `kids`: of the keys that were
    destroyed. For the end of a term `request` is the list that was approved; of the keys in `parted` only what the
    keyed hashes in `events` name went, and the rest was sealed under fresh ones. `looks`: who was looked at before
    `day` cannot be told any more. The first line (`kind` is `ledger`) names the ledger by its random `request`."""

    n: int
    kind: str
    request: str
    day: date | None = None
    reason: str = ""
    who: str = ""
    org: str = ""
    kids: Sequence[str] = ()
    parted: Sequence[str] = ()
    events: Sequence[str] = ()
    before: str = ""
    hash: str = ""

    @property
    def id(self) -> bytes:
        return bytes.fromhex(self.hash)


def whose(keys: Keys, org: str, subject: str) -> str:
    return keys.token(b"ledger subject\x00" + org.encode() + b"\x00" + subject.encode()).hex()


def of_org(keys: Keys, org: str) -> str:
    return keys.token(b"ledger org\x00" + org.encode()).hex()


class Ledger:
    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self, data: Path) -> bool:
        """An empty ledger with a number of its own, unless there is one. Returns whether it was made now."""
        refuse_inside(self.path, data)
        first = _sealed(Entry(n=0, kind=HEAD, request=secrets.token_hex(16)))
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return False
        except OSError as error:
            raise _refused(self.path, error) from None
        with open(descriptor, "wb") as file:
            file.write(_line(first))
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self.path.parent)
        return True

    def read(self) -> list[Entry]:
        """All entries, the first line first. Raises `ConfigurationError` for a file that is missing, or whose chain is
        broken."""
        try:
            return _entries(self.path.read_bytes(), self.path)
        except FileNotFoundError:
            raise ConfigurationError(
                f"There is no erasure ledger {self.path}.",
                "Put it back from its copy: without it, a restored backup could bring erased persons back.",
            ) from None
        except OSError as error:
            raise _refused(self.path, error) from None

    @contextmanager
    def alone(self) -> Iterator[Writer]:
        """One writer at a time."""
        try:
            file = self.path.open("r+b")
        except OSError as error:
            raise _refused(self.path, error) from None
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            text = file.read()
            whole = text[: text.rfind(b"\n") + 1]  # a torn line was never committed by the database
            yield Writer(file, _entries(whole, self.path), len(whole))


class Writer:
    def __init__(self, file: Any, entries: list[Entry], length: int) -> None:
        self._file, self.entries, self._length = file, entries, length

    def append(self, entry: Entry) -> Entry:
        """On disk when this returns."""
        last = self.entries[-1]
        made = _sealed(msgspec.structs.replace(entry, n=last.n + 1, before=last.hash))
        self._file.seek(self._length)
        self._file.truncate()
        self._file.write(_line(made))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._length = self._file.tell()
        self.entries.append(made)
        return made


def _entries(text: bytes, path: Path) -> list[Entry]:
    found: list[Entry] = []
    for line in text[: text.rfind(b"\n") + 1].splitlines():
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except msgspec.MsgspecError:
            raise _broken(path, len(found)) from None
        before = found[-1].hash if found else ""
        if entry.n != len(found) or entry.before != before or entry.hash != _sealed(entry).hash:
            raise _broken(path, len(found))
        found.append(entry)
    if not found or found[0].kind != HEAD:
        raise _broken(path, 0)
    return found


def _sealed(entry: Entry) -> Entry:
    told = msgspec.to_builtins(entry)
    del told["hash"]
    for name in ("parted", "events"):  # lines from before there were any
        if not told[name]:
            del told[name]
    text = json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
    return msgspec.structs.replace(entry, hash=sha256(text).hexdigest())


def _line(entry: Entry) -> bytes:
    return msgspec.json.encode(entry) + b"\n"


def _broken(path: Path, line: int) -> ConfigurationError:
    return ConfigurationError(
        f"The erasure ledger {path} is damaged at line {line + 1}.", "Put it back from its copy; never edit it."
    )


def _refused(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"The erasure ledger {path} cannot be used: {error.strerror}.", "Mend `ledger`, or the file's rights."
    )
