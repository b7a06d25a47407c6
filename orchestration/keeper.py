"""python -m woonketen.orchestration.keeper DATA: runs PostgreSQL for everybody who uses one data folder.

It detaches, runs `postgres` as its child, writes into `keeper.json` where that listens, and stops it (fast shutdown)
when nobody has held `clients.lock` for `IDLE_SECONDS`, or at SIGTERM. If it is killed, the kernel tells PostgreSQL to
stop; if PostgreSQL is killed, it ends too, and the next client starts afresh. To the client that started it, it reports
on stdout, one JSON object a line: {"say": ...}, then {"ready": true} or {"error", "message", "mend"}.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from woonketen.contracts.errors import WoonketenError
from woonketen.orchestration.binaries import GIVE_A_SERVER, environment
from woonketen.orchestration.cluster import Cluster, die_with_parent, prepare
from woonketen.orchestration.data_folder import (
    DataFolder,
    Listening,
    ServerNotUsable,
    ServerUnreachable,
    locked,
    mends_a_crash,
    of_the_system,
    open_private,
    tell,
    try_lock,
)

IDLE_SECONDS = 3.0
POLL_SECONDS = 0.2
START_SECONDS = 60.0
STOP_SECONDS = 30.0
PORTS_TO_TRY = 5

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "10min",
    "jit": "off",
    # After a crash it ends, and the next client starts it: one that cannot recover, on a full disk, says why at once
    # instead of trying for ever while everybody waits.
    "restart_after_crash": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Nothing of a statement may reach the log, for it may be personal data. The first line of an error can hold a
    # value too ("invalid input syntax for type date: ..."), so errors of statements are not logged at all: `log` ranks
    # above `error`. They reach the client, who knows what it asked.
    "logging_collector": "off",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_duration": "off",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_lock_waits": "off",
}


class Signals:
    """SIGTERM and SIGINT ask to stop; SIGCHLD only wakes."""

    def __init__(self) -> None:
        self.stop_asked = False
        self._woken, wakes = os.pipe()
        os.set_blocking(wakes, False)
        os.set_blocking(self._woken, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    def _ask(self, _number: int, _frame: object) -> None:
        self.stop_asked = True

    def wait(self, seconds: float) -> None:
        if select.select([self._woken], [], [], seconds)[0]:
            with suppress(BlockingIOError):
                os.read(self._woken, 512)


def main(arguments: list[str]) -> int:
    if os.fork():  # so that no client has us for a child that it must wait for
        os._exit(0)
    os.umask(0o077)
    os.chdir("/")
    signals = Signals()
    try:
        run(DataFolder(Path(arguments[0])), signals)
    except WoonketenError as error:
        return fail(error)
    except OSError as error:
        return fail(of_the_system(error))
    return 0


def report(**line: object) -> None:
    with suppress(BrokenPipeError):  # the client may be gone, and another one waiting for the server
        os.write(sys.stdout.fileno(), json.dumps(line).encode() + b"\n")


def fail(error: WoonketenError) -> int:
    report(error=type(error).__name__, message=error.message, mend=error.mend)
    return error.exit_code


def run(folder: DataFolder, signals: Signals) -> None:
    soon = time.monotonic() + 5  # our client saw both free; somebody may be looking at them
    with locked(folder.keeper, fcntl.LOCK_EX, soon) as state, locked(folder.server_lock, fcntl.LOCK_EX, soon) as lock:
        tell(state, None)
        cluster = prepare(folder, lock, lambda sentence: report(say=sentence))
        remove_stale_pid_file(cluster.folder)
        server, listening = start(folder, cluster, lock, signals)
        try:
            tell(state, listening)
            report(ready=True)
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            clients = open_private(folder.clients_lock)  # kept until we end: who comes while we stop waits for that
            watch(server, clients, signals)
            tell(state, None)
        finally:
            stop(server, folder)


def watch(server: subprocess.Popen[bytes], clients: int, signals: Signals) -> None:
    """Returns when PostgreSQL has ended, when asked to stop, or, holding `clients` exclusively, when nobody uses it."""
    used = time.monotonic()
    while server.poll() is None and not signals.stop_asked:
        if not try_lock(clients, fcntl.LOCK_EX):
            used = time.monotonic()
        elif time.monotonic() - used >= IDLE_SECONDS:
            return
        else:
            fcntl.flock(clients, fcntl.LOCK_UN)
        signals.wait(POLL_SECONDS)


def stop(server: subprocess.Popen[bytes], folder: DataFolder) -> None:
    """Fast, else immediate (which the next start recovers from), else by force."""
    fast = 0.0 if mends_a_crash(folder) else STOP_SECONDS
    for how, seconds in ((signal.SIGINT, fast), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)):
        if seconds and server.poll() is None:
            server.send_signal(how)
            with suppress(subprocess.TimeoutExpired):
                server.wait(seconds)


# --- starting -------------------------------------------------------------------------------------------------------


def start(
    folder: DataFolder, cluster: Cluster, lock: int, signals: Signals
) -> tuple[subprocess.Popen[bytes], Listening]:
    deadline = time.monotonic() + START_SECONDS
    for _ in range(PORTS_TO_TRY):
        before = folder.log.stat().st_size
        listening = Listening(keeper=os.getpid(), port=free_port(), start=secrets.token_hex(8))
        server = launch(cluster, listening, lock)
        try:
            ready = wait_until_ready(server, cluster.folder, deadline, signals)
        except BaseException:
            stop(server, folder)
            raise
        if ready:
            return server, listening
        said = log_since(folder.log, before)
        if "could not bind" not in said:
            raise why_it_ended(said, folder.log)
    raise ServerUnreachable("PostgreSQL found no free port on 127.0.0.1.", f"Try again. {GIVE_A_SERVER}")


def launch(cluster: Cluster, listening: Listening, lock: int) -> subprocess.Popen[bytes]:
    settings = {**SETTINGS, "port": str(listening.port), "woonketen.start": listening.start}
    command = [cluster.binaries.postgres, "-D", str(cluster.folder)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=sys.stderr, cwd="/", env=environment(),
        # PostgreSQL and all its children inherit the lock: when it is free, none of them is left.
        pass_fds=(lock,), preexec_fn=die_with_parent(signal.SIGINT),
        **(cluster.account.as_popen() if cluster.account else {}),
    )  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(server: subprocess.Popen[bytes], cluster: Path, deadline: float, signals: Signals) -> bool:
    """Whether it became ready; False when it ended. The eighth line of its pid file says so, as `pg_ctl` reads it."""
    while server.poll() is None:
        with suppress(OSError):
            lines = (cluster / "postmaster.pid").read_text("utf-8", "replace").splitlines()
            if len(lines) >= 8 and lines[0] == str(server.pid) and lines[7].strip() == "ready":
                return True
        if signals.stop_asked:
            raise ServerUnreachable("PostgreSQL was asked to stop while it started.", "Try again.")
        if time.monotonic() > deadline:
            raise ServerUnreachable(
                f"PostgreSQL was not ready within {START_SECONDS:.0f} seconds.",
                "If it was recovering from a crash, try again: it goes on where it was.",
            )
        signals.wait(0.01)
    return False


def remove_stale_pid_file(cluster: Path) -> None:
    """After a kill the file may name a zombie, or a stranger that got the number since; in a copied folder, the
    original's server. PostgreSQL would then refuse to start. We hold `server.lock`, so none of ours is alive; only
    somebody who started PostgreSQL by hand could be, and then the process stands in this very folder."""
    file = cluster / "postmaster.pid"
    try:
        pid = int(file.read_text("utf-8", "replace").split()[0])
    except (FileNotFoundError, ValueError, IndexError):
        file.unlink(missing_ok=True)
        return
    with suppress(OSError):
        if Path(f"/proc/{pid}/cwd").samefile(cluster):
            raise ServerNotUsable(
                f"A PostgreSQL that was started by hand (process {pid}) uses the data folder.", "Stop it and try again."
            )
    file.unlink()


def log_since(log: Path, offset: int) -> str:
    with log.open("rb") as file:
        file.seek(offset)
        return file.read(100_000).decode("utf-8", "replace")


def why_it_ended(said: str, log: Path) -> WoonketenError:
    if "No space left" in said or "Disk quota" in said:
        return ServerUnreachable("The disk is full: PostgreSQL cannot start.", "Make room on it and try again.")
    if "Permission denied" in said or "has wrong ownership" in said or "has invalid permissions" in said:
        return ServerNotUsable(
            "PostgreSQL may not read its own folder.", "Give the folder and all in it back to the user who runs it."
        )
    if "Cannot allocate memory" in said or "could not map anonymous shared memory" in said:
        return ServerUnreachable("There is not enough memory to start PostgreSQL.", f"Free some. {GIVE_A_SERVER}")
    # Only whole lines of PostgreSQL itself; STATEMENT lines and continuations stay out, though nobody has asked it
    # anything yet.
    lines = [
        found[1]
        for found in re.finditer(r"^(?:\S+ \S+ \S+ \[\d+\] (?:FATAL|PANIC|LOG):  |postgres: )(.*)$", said, re.MULTILINE)
    ]
    return ServerUnreachable(
        f"PostgreSQL did not start: {'; '.join(lines[-3:]) or 'it gave no reason'}.", f"See {log}."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
