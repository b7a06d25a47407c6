"""A backup: one file with the log, the wrapped keys, admission and the looks, at one moment; without anything readable.

It opens with nothing but itself as little as the database does: the key file and the erasure ledger are kept apart. A
restore goes into an empty installation: load, then the ledger, then all views from the log.
"""

from __future__ import annotations

import os
import secrets
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import msgspec
import psycopg

from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.settings import Settings
from woonketen.orchestration import wiring
from woonketen.orchestration.wiring import Parts
from woonketen.projections import archive, people
from woonketen.streams.door.admission import Admission
from woonketen.streams.keys import erasures
from woonketen.streams.keys.kek import load_kek, sync_folder
from woonketen.streams.keys.ledger import RESTORE, Entry, Ledger

FORMAT = 1
_BLOCK = 1 << 20
_MANIFEST = "manifest.json"


class Table(msgspec.Struct, frozen=True):
    name: str
    columns: list[str]
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What the file is. `ledger`: first line of the ledger that belongs to it; `trace` and `epoch`: of the key."""

    format: int
    schema_version: str
    made_at: str
    first_day: date
    partitions: int
    ledger: str
    trace: str
    epoch: int
    positions: list[dict[str, Any]]
    tables: list[Table]


class Written(msgspec.Struct, frozen=True):
    file: str
    bytes: int
    records: int
    epoch: int


# --- backup -----------------------------------------------------------------------------------------------------------


def back_up(parts: Parts, admission: Admission, path: Path) -> Written:
    """Whole or not at all, with mode 0600; never over another file. Others may be at work meanwhile."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    if path.exists():
        raise ConfigurationError(f"{path} is there already.", "Give another name.")
    try:
        with open(os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            records = _write(parts, admission, file)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        os.link(unfinished, path)
        sync_folder(path.parent)
    except OSError as error:
        raise ConfigurationError(
            f"The backup {path} cannot be written: {error.strerror}.", "Make room, or name another place."
        ) from None
    finally:
        unfinished.unlink(missing_ok=True)
    return Written(str(path), size, records, parts.keys.epoch)


def _write(parts: Parts, admission: Admission, file: IO[bytes]) -> int:
    owner, settings = parts.owner, admission.settings()
    told = []
    with owner.transaction(), zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archived:
        archive.read_all(owner)
        for name, columns in archive.tables(owner).items():
            digest = sha256()
            with archived.open(name, "w", force_zip64=True) as member:
                for block in archive.copy_out(owner, name, columns):
                    digest.update(block)
                    member.write(block)
            told.append(Table(name, columns, digest.hexdigest()))
        row = owner.execute("SELECT encode(ledger, 'hex'), encode(trace, 'hex'), epoch FROM vault.known_kek").fetchone()
        count = owner.execute("SELECT coalesce(sum(next - 1), 0) FROM log.counter").fetchone()
        assert row is not None
        assert count is not None
        manifest = Manifest(
            format=FORMAT,
            schema_version=_schema(owner),
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            first_day=settings.first_day,
            partitions=settings.partitions,
            ledger=row[0],
            trace=row[1],
            epoch=row[2],
            positions=archive.positions(owner),
            tables=told,
        )
        archived.writestr(_MANIFEST, msgspec.json.encode(manifest))
    return int(count[0])


def _schema(owner: psycopg.Connection[Any]) -> str:
    """A hash over all migrations that ran: a backup goes back into the same schema."""
    rows = owner.execute("SELECT name, encode(sha, 'hex') FROM gate.migration ORDER BY name").fetchall()
    return sha256(repr(rows).encode()).hexdigest()[:32]


# --- restore ----------------------------------------------------------------------------------------------------------


def load(settings: Settings, path: Path, say: Callable[[str], None]) -> None:
    """Puts a backup into an empty installation, which is made where there is none. Nothing is readable of it until the
    ledger was replayed and the views rebuilt. Raises `ConfigurationError` when file, key or ledger do not fit."""
    try:
        with zipfile.ZipFile(path) as archived:
            manifest = _manifest(archived)
            _refuse_misfit(settings, manifest)
            with (
                wiring.prepared(settings, manifest.first_day, manifest.partitions, say),
                wiring.opened(settings, before_replay=True, alone=True) as parts,
            ):
                _load(parts.owner, archived, manifest)
    except (OSError, zipfile.BadZipFile):
        raise ConfigurationError(f"{path} is no whole backup.", "Take another copy of it.") from None


def prove(parts: Parts) -> None:
    """That a restore was done, in the ledger and for the stewards."""
    with parts.ledger.alone() as ledger:
        entry = Entry(n=0, kind=RESTORE, request=f"RS-{secrets.token_hex(6)}", day=datetime.now(UTC).date())
        erasures.prove(parts.processor, ledger.append(entry), "whole installation", 0)


def _manifest(archived: zipfile.ZipFile) -> Manifest:
    try:
        manifest = msgspec.json.decode(archived.read(_MANIFEST), type=Manifest)
    except (KeyError, msgspec.MsgspecError):
        raise ConfigurationError("The file is no backup of this program.", "Name one.") from None
    if manifest.format != FORMAT:
        raise ConfigurationError("The backup was made by another version of the program.", "Use that version.")
    return manifest


def _refuse_misfit(settings: Settings, manifest: Manifest) -> None:
    """Before anything is made: a restore without its key or ledger must not begin."""
    keys = load_kek(settings.kek, settings.data)
    if keys.trace.hex() != manifest.trace:
        raise ConfigurationError("The key file does not belong to this backup.", "Put its own key file back first.")
    keys.of(manifest.epoch)
    if Ledger(settings.ledger_file).read()[0].hash != manifest.ledger:
        raise ConfigurationError("The erasure ledger does not belong to this backup.", "Put its own ledger back first.")


def _load(owner: psycopg.Connection[Any], archived: zipfile.ZipFile, manifest: Manifest) -> None:
    if not archive.is_empty(owner):
        raise ConfigurationError(
            "The installation is not empty.", "Restore into a new data folder, beside the same key file and ledger."
        )
    if _schema(owner) != manifest.schema_version:
        raise ConfigurationError("The backup was made by another version of the program.", "Use that version.")
    with owner.transaction():
        archive.clear(owner, [table.name for table in manifest.tables])
        for table in manifest.tables:
            digest = sha256()
            archive.copy_in(owner, table.name, table.columns, _blocks(archived, table.name, digest.update))
            if digest.hexdigest() != table.sha256:
                raise ConfigurationError("The backup was changed after it was made.", "Take another copy of it.")
        archive.count_on(owner)
        archive.put_positions(owner, manifest.positions)
    people.make_roles(owner)


def _blocks(archived: zipfile.ZipFile, name: str, also: Callable[[bytes], None]) -> Iterator[bytes]:
    with archived.open(name) as member:
        while block := member.read(_BLOCK):
            also(block)
            yield block
