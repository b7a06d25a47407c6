"""Under which account and in which folder PostgreSQL runs, and the making of the cluster (initdb).

PostgreSQL refuses to run as root; then it runs as `postgres`, else `nobody`. That account must be able to reach what it
needs, and this is tried, not computed: as that account, enter the folder and run the program.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from woonketen.orchestration.binaries import GIVE_A_SERVER, Binaries, choose, environment, found_binaries
from woonketen.orchestration.data_folder import (
    DataFolder,
    ServerNotUsable,
    ServerUnreachable,
    sync_folder,
    write_private,
)

SUPERUSER = "wk_super"
HOMES = Path("/var/lib/woonketen")
INITDB_SECONDS = 120
PR_SET_PDEATHSIG = 1

Say = Callable[[str], None]


@dataclass(frozen=True)
class Account:
    """Who runs PostgreSQL; `None` is whoever we are."""

    name: str
    uid: int
    gid: int

    def as_popen(self) -> dict[str, Any]:
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@dataclass(frozen=True)
class Cluster:
    folder: Path
    binaries: Binaries
    account: Account | None


def prepare(folder: DataFolder, lock: int, say: Say) -> Cluster:
    """The cluster of this data folder, made if there is none. Under `server.lock`, whose descriptor `lock` is."""
    cluster = folder.cluster()
    check_home(folder)
    exists = (cluster / "PG_VERSION").exists()
    account = who_runs(cluster if exists else None)
    wanted = int((cluster / "PG_VERSION").read_text("ascii").strip()) if exists else None
    binaries = reachable(choose(found_binaries(), wanted), account)
    if exists:
        check_reach(cluster, account)
    else:
        cluster = settle(folder, account, say)
        make(folder, cluster, binaries, account, lock)
    return Cluster(cluster, binaries, account)


# --- account and reach ----------------------------------------------------------------------------------------------


def who_runs(cluster: Path | None) -> Account | None:
    """Root runs PostgreSQL as the owner of the cluster; for a new one as `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        if cluster is not None and cluster.stat().st_uid != os.geteuid():
            raise ServerNotUsable(
                "The database in the data folder belongs to another user.",
                "Run as that user (or as root, if root made it), or give another folder with `data`.",
            )
        return None
    if cluster is not None and (uid := cluster.stat().st_uid) != 0:
        try:
            owner = pwd.getpwuid(uid)
        except KeyError:
            return Account(f"uid {uid}", uid, cluster.stat().st_gid)
        return Account(owner.pw_name, uid, owner.pw_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise ServerNotUsable(
        "PostgreSQL does not run as root, and there is no user `postgres` or `nobody`.",
        f"Run as an ordinary user. {GIVE_A_SERVER}",
    )


def can(account: Account | None, script: str, *arguments: str) -> bool:
    """Whether a shell of that account succeeds in the script."""
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        cwd="/", env=environment(), check=False, **(account.as_popen() if account else {}),
    )  # fmt: skip
    return done.returncode == 0


def check_reach(cluster: Path, account: Account | None) -> None:
    if not can(account, 'cd -- "$1"', str(cluster)):
        who = f"the user {account.name}, who runs PostgreSQL," if account else "this user"
        raise ServerNotUsable(
            f"The database's folder {cluster} cannot be reached by {who}.",
            "Give the folders above it the right to pass through (chmod o+x), as when it was made.",
        )


def reachable(binaries: Binaries, account: Account | None) -> Binaries:
    """The same, or a copy of them where the account can run them. The copy is root's: the account cannot change it."""
    if account is None or runs(binaries, account):
        return binaries
    install = binaries.folder.parent
    stat = os.stat(binaries.postgres)
    key = hashlib.sha256(f"{install} {stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()[:12]
    copy = homes() / f"binaries-{binaries.major}-{key}"
    if not copy.exists():
        fresh = copy.with_name(f"{copy.name}.{secrets.token_hex(4)}")
        fresh.mkdir()
        unneeded = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig", "doc")
        shutil.copytree(install, fresh / install.parent.name / install.name, ignore=unneeded)
        libraries = install.parent.with_name(install.parent.name + ".libs")  # the wheel's own libpq, found by $ORIGIN
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name)
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444))
        try:
            fresh.rename(copy)
        except OSError:  # another data folder was first
            shutil.rmtree(fresh)
    copied = Binaries(copy / install.parent.name / install.name / binaries.folder.name, binaries.major)
    if not runs(copied, account):
        raise ServerNotUsable(
            f"The user {account.name} can run PostgreSQL neither from {binaries.folder} nor from {copy}.",
            f"Install it where that user can run it. {GIVE_A_SERVER}",
        )
    return copied


def runs(binaries: Binaries, account: Account) -> bool:
    return can(account, '"$1" --version && "$2" --version', binaries.postgres, binaries.initdb)


# --- a place for the cluster ----------------------------------------------------------------------------------------


def settle(folder: DataFolder, account: Account | None, say: Say) -> Path:
    """Where a new cluster goes: into the data folder, or, if its account cannot go there, into a home of its own."""
    if account is None:
        return folder.cluster()
    word = f"PostgreSQL does not run as root; here it runs as the user {account.name} (uid {account.uid})."
    if folder.home.exists() or can(account, 'cd -- "$1"', str(folder.path)):
        say(word)
        return folder.cluster()
    home = homes() / hashlib.sha256(os.fsencode(folder.path)).hexdigest()[:16]
    if (home / "postgres").exists():
        say(f"An older database of a data folder at this place was left in {home}; it is not used.")
        home = home.with_name(f"{home.name}-{secrets.token_hex(4)}")
    home.mkdir(exist_ok=True)
    home.chmod(0o700)
    os.chown(home, account.uid, account.gid)
    write_private(home / "data-folder", str(folder.path))
    write_private(folder.home, str(home))
    say(f"{word} That user cannot reach {folder.path}, so the database itself is kept in {home}.")
    return folder.cluster()


def homes() -> Path:
    HOMES.mkdir(parents=True, exist_ok=True)
    HOMES.chmod(0o711)  # passable, whatever the umask
    return HOMES


def check_home(folder: DataFolder) -> None:
    """A cluster elsewhere belongs to one data folder. A moved folder takes it along; a copy of the folder does not."""
    if not folder.home.exists():
        return
    home = folder.cluster().parent
    note = home / "data-folder"
    if not note.exists():
        raise ServerNotUsable(
            f"The database of this data folder was kept in {home}, and that is gone.",
            "Put it back, or begin with an empty data folder and restore a backup into it.",
        )
    before = DataFolder(Path(note.read_text("utf-8")))
    if before.path == folder.path:
        return
    if before.home.exists() and before.cluster() == folder.cluster():
        raise ServerNotUsable(
            f"This data folder is a copy of {before.path}; the database is kept in {home} and was not copied with it.",
            f"Use {before.path}, or begin with an empty data folder and restore a backup into it.",
        )
    write_private(note, str(folder.path))


# --- initdb ---------------------------------------------------------------------------------------------------------


def make(folder: DataFolder, cluster: Path, binaries: Binaries, account: Account | None, lock: int) -> None:
    """initdb beside the cluster's place, then a rename: a run that was killed leaves nothing that looks finished."""
    if cluster.is_dir() and any(cluster.iterdir()):
        raise ServerNotUsable(
            f"{cluster} is not empty and holds no database.", "Move it away, or give another folder with `data`."
        )
    for left_over in cluster.parent.glob("postgres.making-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    if not folder.secret.exists():
        write_private(folder.secret, secrets.token_urlsafe(24))
    making = cluster.with_name(f"postgres.making-{secrets.token_hex(4)}")
    making.mkdir(mode=0o700)
    try:
        password = making / "password"
        write_private(password, folder.secret.read_text("ascii"))
        if account:
            os.chown(password, account.uid, account.gid)
            os.chown(making, account.uid, account.gid)
        run_initdb(binaries, making / "cluster", password, account, lock)
        (making / "cluster").rename(cluster)
        sync_folder(cluster.parent)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def run_initdb(binaries: Binaries, cluster: Path, password: Path, account: Account | None, lock: int) -> None:
    said = ""
    for locale in locales(binaries.major):
        try:
            done = subprocess.run(
                [
                    binaries.initdb, f"--pgdata={cluster}", f"--username={SUPERUSER}", f"--pwfile={password}",
                    "--auth-local=scram-sha-256", "--auth-host=scram-sha-256", "--encoding=UTF8", *locale,
                    "--data-checksums", "--no-instructions",
                ],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/", env=environment(), check=False,
                timeout=INITDB_SECONDS, pass_fds=(lock,), preexec_fn=die_with_parent(signal.SIGKILL),
                **(account.as_popen() if account else {}),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise ServerUnreachable(
                f"PostgreSQL could not make its folder within {INITDB_SECONDS} seconds.", "Is the disk very slow?"
            ) from None
        if done.returncode == 0:
            return
        said = done.stderr
        shutil.rmtree(cluster, ignore_errors=True)
    if "No space left" in said or "Disk quota" in said:
        raise ServerUnreachable("The disk is full: PostgreSQL could not make its folder.", "Make room and try again.")
    reason = next((line for line in said.splitlines() if "error" in line or "FATAL" in line), "no reason given")
    raise ServerUnreachable(f"PostgreSQL could not make its folder: {reason}", GIVE_A_SERVER)


def locales(major: int) -> tuple[tuple[str, ...], ...]:
    """Code point order in UTF-8: the same on every machine. Before PostgreSQL 17 only the C library can give it."""
    if major >= 17:
        return (("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),)
    return (("--locale=C.UTF-8",), ("--locale=C",))


def die_with_parent(with_signal: signal.Signals) -> Callable[[], None]:
    """For Popen's preexec_fn: the child gets the signal when we are gone, even by kill -9. Linux only; elsewhere the
    next client stops what was left."""
    library = ctypes.CDLL(None)
    parent = os.getpid()

    def ask() -> None:
        if sys.platform == "linux":
            library.prctl(PR_SET_PDEATHSIG, int(with_signal), 0, 0, 0)
            if os.getppid() != parent:  # gone before we asked
                os.kill(os.getpid(), signal.SIGKILL)

    return ask
