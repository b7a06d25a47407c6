"""A child process that is begun again whenever it dies: what a worker of the scaled engine lives under.

A worker ends itself at the first thing that it does not understand, because half of a fault is worse than a whole one.
So somebody has to begin it again, later each time while it keeps failing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
SOUND_SECONDS = 60.0
STOP_SECONDS = 30.0
LOOK_SECONDS = 0.5
CHILD = "WOONKETEN_SUPERVISED_BY"
"""Set in the child: the process id of its supervisor."""
GIVES_UP = frozenset({0, 2})
"""Exit codes after which it is not begun again: it was asked to stop, or it needs a person."""


def pause(failures: int) -> float:
    """Seconds before the next beginning, after so many ends in a row."""
    return float(min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(max(0, failures - 1), 20)))


def supervise(arguments: Sequence[str], say: Callable[[str], None]) -> int:
    """Runs `woonketen ARGUMENTS` again and again. Returns its exit code when it was stopped (0), or needs a person (2).

    SIGTERM and SIGINT are passed on, and the child has half a minute to end by itself.
    """
    stop = threading.Event()
    running: list[subprocess.Popen[bytes]] = []

    def end(signum: int, frame: FrameType | None) -> None:
        stop.set()
        for child in running:
            child.terminate()

    before = {each: signal.signal(each, end) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        failures = 0
        while not stop.is_set():
            began = time.monotonic()
            code = _once(arguments, running, stop)
            if stop.is_set():
                return 0  # however it ended: nothing that counts is in its memory
            if code in GIVES_UP:
                return code
            failures = 1 if time.monotonic() - began > SOUND_SECONDS else failures + 1
            say(f"the worker ended with {code}; it begins again in {pause(failures):.1f} s")
            stop.wait(pause(failures))
        return 0
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _once(arguments: Sequence[str], running: list[subprocess.Popen[bytes]], stop: threading.Event) -> int:
    environment = {**os.environ, CHILD: str(os.getpid())}
    command = [sys.executable, "-c", "from woonketen.orchestration.cli import main; main()", *arguments]
    with subprocess.Popen(command, env=environment, start_new_session=True) as child:
        running.append(child)
        try:
            if stop.is_set():  # between the signal and the birth
                child.terminate()
            stop_by: float | None = None
            while True:
                try:
                    return child.wait(LOOK_SECONDS)
                except subprocess.TimeoutExpired:
                    if stop.is_set() and stop_by is None:
                        stop_by = time.monotonic() + STOP_SECONDS
                    if stop_by is not None and time.monotonic() > stop_by:
                        child.kill()
        finally:
            running.remove(child)


def is_supervised() -> bool:
    return CHILD in os.environ


def end_with_supervisor() -> None:
    """In the child: whose supervisor was killed does not go on by itself."""
    parent = int(os.environ[CHILD])

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(70)

    threading.Thread(target=watch, daemon=True).start()
