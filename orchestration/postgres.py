"""The database that a command uses: a given server, or the embedded one of the data folder.

The embedded server is shared. The first client starts a keeper (keeper.py), which runs PostgreSQL until nobody has used
it for three seconds; who comes meanwhile attaches. Any process may be killed at any time: locks say who is alive
(data_folder.py), and the next client mends what was left.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict

from woonketen.orchestration.binaries import OLDEST_MAJOR
from woonketen.orchestration.cluster import SUPERUSER, check_home
from woonketen.orchestration.data_folder import (
    LOCK_POLL_SECONDS,
    DataFolder,
    Listening,
    ServerNotUsable,
    ServerUnreachable,
    data_folder,
    is_held,
    locked,
    mends_a_crash,
    of_the_system,
    open_private,
    rotate_log,
    told,
)

__all__ = ["Database", "ServerNotUsable", "ServerUnreachable", "open_database", "remove_database", "stop_database"]

ATTACH_SECONDS = 200.0  # a first start by another client (initdb 120, start 60) must fit
GIVEN_CONNECT_SECONDS = 10
STOPPED_SECONDS = 90.0
# Seconds after the keeper's end, and what PostgreSQL is then told: fast, immediate (recovered from later), force.
NUDGES = ((0.5, signal.SIGINT), (20.0, signal.SIGQUIT), (30.0, signal.SIGKILL), (31.0, signal.SIGTERM))
RETRY_SECONDS = 0.05
STARTS = 3


@dataclass(frozen=True)
class Database:
    """`dsn` holds a password, so it is not in the repr. The embedded one is a superuser's."""

    dsn: str = field(repr=False)
    origin: Literal["given", "embedded"]


def to_stderr(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")


@contextmanager
def open_database(data: Path, dsn: str | None = None, *, say: Callable[[str], None] = to_stderr) -> Iterator[Database]:
    """A server that answered just now, and, when embedded, that runs at least until the block ends.

    `data`: the data folder, made if there is none; untouched when `dsn` (a conninfo string or URL) is given.
    `say`: gets a sentence when the operator should know something (first start as root).
    Raises `ServerUnreachable` (exit code 3) or `ServerNotUsable` (2: settings, rights, binaries).
    """
    if dsn is not None:
        check_given(dsn)
        yield Database(dsn, "given")
        return
    with ExitStack() as held:
        with system_errors():
            database = attach(data_folder(data), held, say)
        yield database


def stop_database(data: Path) -> None:
    """Stops the embedded server of this data folder now, whoever uses it, and waits until it is gone."""
    folder = existing(data)
    if folder is None:
        return
    deadline = time.monotonic() + STOPPED_SECONDS
    with system_errors(), locked(folder.start_lock, fcntl.LOCK_EX, deadline):
        stop_keeper(folder, deadline)


def remove_database(data: Path) -> None:
    """Stops the embedded server and removes its cluster, wherever that is, with password and logs. Not to be undone."""
    folder = existing(data)
    if folder is None:
        return
    deadline = time.monotonic() + STOPPED_SECONDS
    with system_errors(), locked(folder.start_lock, fcntl.LOCK_EX, deadline):
        check_home(folder)  # a copied folder must not remove the original's cluster
        stop_keeper(folder, deadline)
        cluster = folder.cluster()
        shutil.rmtree(cluster.parent if folder.home.exists() else cluster, ignore_errors=True)
        for file in (folder.home, folder.secret, folder.log, folder.log.with_name("postgres.log.1")):
            file.unlink(missing_ok=True)


def existing(data: Path) -> DataFolder | None:
    return data_folder(data) if data.is_dir() else None


@contextmanager
def system_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise of_the_system(error) from error


# --- the embedded one -----------------------------------------------------------------------------------------------


def attach(folder: DataFolder, held: ExitStack, say: Callable[[str], None]) -> Database:
    """Puts the shared lock into `held`, then finds the running server or starts one."""
    deadline = time.monotonic() + ATTACH_SECONDS
    starts_left = STARTS
    # One at a time: whoever is next finds what this one started.
    with locked(folder.start_lock, fcntl.LOCK_EX, deadline):
        held.enter_context(locked(folder.clients_lock, fcntl.LOCK_SH, deadline))  # waits for a keeper that is stopping
        while time.monotonic() < deadline:
            if is_held(folder.keeper):
                listening = told(folder)  # nothing yet when its first client was killed while it started
                if listening and answers(dsn := dsn_of(folder, listening), listening):
                    return Database(dsn, "embedded")
                time.sleep(RETRY_SECONDS)
            elif starts_left:
                wait_until_gone(folder, deadline)
                start_keeper(folder, say)
                starts_left -= 1
            else:
                raise ServerUnreachable("PostgreSQL ends again as soon as it has started.", f"See {folder.log}.")
    raise ServerUnreachable(
        "The embedded PostgreSQL runs, but does not answer.", f"See {folder.log}; stop the processes that use it."
    )


def dsn_of(folder: DataFolder, listening: Listening) -> str:
    try:
        password = folder.secret.read_text("ascii")
    except FileNotFoundError:
        raise ServerNotUsable(
            "The password of the embedded database (pg.secret) is not in the data folder.", "Put it back from a backup."
        ) from None
    where = f"127.0.0.1:{listening.port}/postgres?sslmode=disable&gssencmode=disable"  # two round trips less
    return f"postgresql://{SUPERUSER}:{password}@{where}"


def answers(dsn: str, listening: Listening) -> bool:
    """Whether the server there is the very one that our keeper started: it knows the random word of that start."""
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as connection:
            row = connection.execute("SELECT current_setting('woonketen.start', true)").fetchone()
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise ServerNotUsable(
                "The embedded database refuses its password: pg.secret does not belong to it.",
                "Put the pg.secret back that was made with this data folder.",
            ) from None
        return False
    return row == (listening.start,)


def start_keeper(folder: DataFolder, say: Callable[[str], None]) -> None:
    """Returns when the server is ready; raises what the keeper reports."""
    rotate_log(folder)
    log = open_private(folder.log, os.O_WRONLY | os.O_APPEND)
    try:
        # -P: nothing in the working directory may pass for a module of ours
        command = [sys.executable, "-P", "-m", "woonketen.orchestration.keeper", str(folder.path)]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        ) as keeper:
            assert keeper.stdout is not None
            for line in keeper.stdout:
                told_us = json.loads(line)
                if "ready" in told_us:
                    return
                if "error" in told_us:
                    kind = ServerNotUsable if told_us["error"] == "ServerNotUsable" else ServerUnreachable
                    raise kind(told_us["message"], told_us["mend"])
                say(told_us["say"])
    finally:
        os.close(log)
    raise ServerUnreachable("The process that runs PostgreSQL ended before it was ready.", f"See {folder.log}.")


def stop_keeper(folder: DataFolder, deadline: float) -> None:
    """Under `start.lock`. The lock on `keeper.json` proves that the process that wrote its id there is alive."""
    while is_held(folder.keeper) and time.monotonic() < deadline:
        if listening := told(folder):
            with suppress(ProcessLookupError):
                os.kill(listening.keeper, signal.SIGTERM)
            break
        time.sleep(RETRY_SECONDS)  # it starts, or stops already
    wait_until_gone(folder, deadline)


def wait_until_gone(folder: DataFolder, deadline: float) -> None:
    """Until neither keeper nor PostgreSQL nor any of its children is alive."""
    nudges = list(NUDGES)
    alone_since = time.monotonic()
    while (kept := is_held(folder.keeper)) or is_held(folder.server_lock):
        now = time.monotonic()
        if now > deadline:
            raise ServerUnreachable(
                "An older PostgreSQL of this data folder does not end.", f"Stop its processes; see {folder.log}."
            )
        if kept:
            alone_since = now
        elif nudges and now - alone_since > nudges[0][0]:
            nudge(folder, nudges.pop(0)[1])
        time.sleep(LOCK_POLL_SECONDS)


def nudge(folder: DataFolder, how: signal.Signals) -> None:
    """The keeper was killed. The kernel has told PostgreSQL (Linux only), which may be past hearing it; and a child of
    a killed PostgreSQL may still be busy with a long statement, and the new one cannot start before it ends."""
    cluster = folder.cluster()
    with suppress(OSError, ValueError, IndexError):
        postmaster = int((cluster / "postmaster.pid").read_text("utf-8", "replace").split()[0])
        inside = processes_in(cluster) if Path("/proc/self/cwd").exists() else {postmaster}
        if postmaster in inside:
            os.kill(postmaster, signal.SIGQUIT if mends_a_crash(folder) else how)
            return
        for orphan in inside:
            os.kill(orphan, signal.SIGTERM)


def processes_in(cluster: Path) -> set[int]:
    """PostgreSQL's processes stand in their cluster's folder."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # ended, or another user's
            if (process / "cwd").samefile(cluster) and (process / "comm").read_text().strip() == "postgres":
                found.add(int(process.name))
    return found


# --- a given one ----------------------------------------------------------------------------------------------------

REASONS = {
    "authentication failed": "refuses the user or the password",
    "no password supplied": "asks for a password",
    "does not exist": "has no such database or user",
    "onnection refused": "does not listen at that address",
    "timeout": "did not answer in time",
    "resolve": "has a host name that nobody knows",
    "translate host name": "has a host name that nobody knows",
    "No such file": "has no socket at that place",
    "SSL": "does not agree with this machine about TLS",
    "too many": "has no connection left",
}


def check_given(dsn: str) -> None:
    try:
        timeout = int(conninfo_to_dict(dsn).get("connect_timeout") or GIVEN_CONNECT_SECONDS)
    except (psycopg.ProgrammingError, ValueError):
        raise ServerNotUsable(
            "`database` is not an address of a PostgreSQL server.", 'Write it as "postgresql://user@host/name".'
        ) from None
    try:
        with psycopg.connect(dsn, connect_timeout=timeout) as connection:
            version = connection.info.server_version
    except psycopg.OperationalError as error:
        said = str(error)
        why = next((why for sign, why in REASONS.items() if sign in said), "cannot be reached")
        # From None: the driver's own text repeats parts of the address.
        raise ServerUnreachable(
            f"The PostgreSQL server given as `database` {why}.",
            "Start it or mend the address; without `database` the embedded server is used.",
        ) from None
    if version < OLDEST_MAJOR * 10000:
        raise ServerNotUsable(
            f"The PostgreSQL server given as `database` is older than version {OLDEST_MAJOR}.", "Give a newer one."
        )
