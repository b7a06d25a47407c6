"""The files in the data folder by which several processes share one embedded PostgreSQL.

    postgres/        the cluster, unless `postgres.home` names another place for it
    postgres.home    where the cluster is, when the account that runs PostgreSQL cannot reach the data folder
    pg.secret        the superuser's password, mode 0600
    postgres.log     what PostgreSQL and the keeper have to say; never a statement
    start.lock       exclusive: whoever starts or stops the server; settles races
    clients.lock     shared: everybody who uses the server; exclusive: the keeper while it stops
    keeper.json      locked and written by the running keeper: where the server listens
    server.lock      exclusive: the keeper, PostgreSQL and all its children; free means that none of them is alive

Locks are flocks: a killed process gives them up by itself, and a copied folder holds none of them, so a copy can never
be taken for the folder whose server is running. Nothing here trusts a process id.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from woonketen.contracts.errors import ConfigurationError, Unreachable, WoonketenError

LOG_BYTES = 10 * 1024 * 1024
LOCK_POLL_SECONDS = 0.02


class ServerUnreachable(Unreachable):
    """The database server does not answer, or does not start."""


class ServerNotUsable(ConfigurationError):
    """Something has to be set right before a database server can be used here."""


@dataclass(frozen=True)
class Listening:
    """Where the keeper's server is. `start` is random for each start: a server that knows it is this one."""

    keeper: int
    port: int
    start: str


@dataclass(frozen=True)
class DataFolder:
    path: Path

    @property
    def home(self) -> Path:
        return self.path / "postgres.home"

    @property
    def secret(self) -> Path:
        return self.path / "pg.secret"

    @property
    def log(self) -> Path:
        return self.path / "postgres.log"

    @property
    def start_lock(self) -> Path:
        return self.path / "start.lock"

    @property
    def clients_lock(self) -> Path:
        return self.path / "clients.lock"

    @property
    def server_lock(self) -> Path:
        return self.path / "server.lock"

    @property
    def keeper(self) -> Path:
        return self.path / "keeper.json"

    def cluster(self) -> Path:
        """Where the cluster is, or would be."""
        try:
            return Path(self.home.read_text("utf-8").strip()) / "postgres"
        except FileNotFoundError:
            return self.path / "postgres"


def data_folder(path: Path) -> DataFolder:
    """The folder, made if there is none: 0700; as root 0711, so that PostgreSQL's own account can pass through it."""
    path = Path(os.path.realpath(path))
    if not path.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(exist_ok=True)
        path.chmod(0o711 if os.geteuid() == 0 else 0o700)  # not mkdir's mode: the umask would take from it
    return DataFolder(path)


def open_private(path: Path, flags: int = os.O_RDWR) -> int:
    """A descriptor of the file, made with mode 0600 if there is none. What root makes belongs to the folder's owner,
    who may come back without root."""
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, flags)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def write_private(path: Path, text: str) -> None:
    """All of it or nothing, and on disk when this returns."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = open_private(fresh)
    try:
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def try_lock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


@contextmanager
def locked(path: Path, how: int, deadline: float) -> Iterator[int]:
    """Holds the flock, yields its descriptor. Waits until `deadline` (monotonic seconds), then `ServerUnreachable`.

    The lock ends with the last copy of the descriptor, so a forked child keeps it: there is no explicit unlock.
    """
    descriptor = open_private(path)
    try:
        while not try_lock(descriptor, how):
            if time.monotonic() > deadline:
                raise ServerUnreachable(
                    f"Another process has kept {path.name} of the data folder for too long.",
                    "Look for a hanging woonketen or postgres process that uses this folder, and stop it.",
                )
            time.sleep(LOCK_POLL_SECONDS)
        yield descriptor
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether some process holds the exclusive lock."""
    descriptor = open_private(path)
    try:
        return not try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def tell(descriptor: int, listening: Listening | None) -> None:
    """The keeper writes where it listens into the file that it has locked; nothing when it does not (yet, any more)."""
    os.ftruncate(descriptor, 0)
    if listening is not None:
        os.pwrite(descriptor, json.dumps(vars(listening)).encode(), 0)


def told(folder: DataFolder) -> Listening | None:
    """What the keeper wrote; only worth something while `keeper.json` is held."""
    try:
        return Listening(**json.loads(folder.keeper.read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def mends_a_crash(folder: DataFolder) -> bool:
    """Whether PostgreSQL is starting itself again after one of its processes was killed.

    Then a fast shutdown must not be asked: PostgreSQL 18 ends its recovery and waits for ever (seen in 18.6). An
    immediate one (SIGQUIT) works, and costs nothing, for recovery has to be done again anyway.
    """
    try:
        with folder.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 65536))
            said = log.read()
    except FileNotFoundError:
        return False
    return said.rfind(b"terminating any other active server processes") > said.rfind(b"ready to accept connections")


def rotate_log(folder: DataFolder) -> None:
    if folder.log.exists() and folder.log.stat().st_size > LOG_BYTES:
        folder.log.replace(folder.log.with_name("postgres.log.1"))


def _is_program(filename: object) -> bool:
    """What we start: the interpreter, and PostgreSQL's own programs."""
    return isinstance(filename, str) and (
        filename == sys.executable or Path(filename).name in ("postgres", "initdb", "sh")
    )


def of_the_system(error: OSError) -> WoonketenError:
    """The sentence for a refusal by the operating system."""
    where = f" ({error.filename})" if isinstance(error.filename, str) else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ServerUnreachable(f"The disk is full{where}.", "Make room on the disk of the data folder and try again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.ENOENT) and _is_program(error.filename):
        return ServerNotUsable(
            f"The program {error.filename} cannot be run: it, or a folder above it, is closed to the user who runs it.",
            "Give those folders the right to pass through (chmod o+x), install it elsewhere, or give `database`.",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ServerNotUsable(
            f"This user may not read or write the data folder{where}.",
            "Run as the folder's owner, or give another folder with `data`.",
        )
    if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        return ServerNotUsable(
            f"The data folder is not a folder, or holds something else{where}.", "Give another folder with `data`."
        )
    if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP):
        return ServerNotUsable(
            "The disk of the data folder knows no file locks.", "Put `data` on a local disk, or give `database`."
        )
    return ServerUnreachable(
        f"The operating system refused: {error.strerror}{where}.", "Mend that, or give a server with `database`."
    )
