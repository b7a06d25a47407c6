"""Processes beside another one: what that one held is free when it is killed, and they end with it."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

PARENT = """
import fcntl, os, socket, sys, threading, time
from woonketen.streams.drive import beside

if __name__ == "__main__":
    beside.WATCH_SECONDS = float(sys.argv[2])
    held = open(sys.argv[1], "w")
    fcntl.flock(held, fcntl.LOCK_EX)
    other_end = socket.create_server(("127.0.0.1", 0))
    connection = socket.create_connection(other_end.getsockname())
    if sys.argv[3] == "threads":
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    pool = beside.make_pool(1)
    print(pool.submit(os.getpid).result(), other_end.getsockname()[1], flush=True)
    time.sleep(600)
"""


def alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def killed(folder: Path, watch: float, others: str) -> tuple[int, int]:
    """The helper of a parent that was killed, and the port on which that one listened."""
    script = folder / "parent.py"
    script.write_text(PARENT)
    command = [sys.executable, str(script), str(folder / "lock"), str(watch), others]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        helper, port = map(int, parent.stdout.readline().split())
        parent.kill()
    return helper, port


def test_nothing_that_a_killed_parent_held_lives_on_in_a_fork(tmp_path: Path) -> None:
    helper, port = killed(tmp_path, 600, "alone")
    try:
        assert alive(helper), "it has not noticed yet"
        with (tmp_path / "lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
    finally:
        os.kill(helper, signal.SIGKILL)


@pytest.mark.parametrize("others", ["alone", "threads"])
def test_a_helper_ends_with_its_parent(tmp_path: Path, others: str) -> None:
    watch = 0.05 if others == "alone" else 1.0  # what is set in the parent, only a fork has
    helper, _ = killed(tmp_path, watch, others)
    until = time.monotonic() + 60
    while alive(helper):
        assert time.monotonic() < until
        time.sleep(0.02)
