"""Processes that work beside this one on its own task: started quickly, and gone when it is gone."""

from __future__ import annotations

import gc
import os
import stat
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path

WATCH_SECONDS = 1.0
_COLLECT_AFTER = 10_000
_TASKS = Path("/proc/self/task")
_DESCRIPTORS = Path("/proc/self/fd")


def make_pool(processes: int) -> ProcessPoolExecutor:
    """Processes beside this one. On Linux they are forks, which have its modules at once; spawned they would read them
    for a third of a second. But a fork has only one of its parent's threads, and waits for ever for what another one
    held: so only where there is no other one."""
    forked = sys.platform == "linux" and len(list(_TASKS.iterdir())) == 1
    return ProcessPoolExecutor(processes, get_context("fork" if forked else "spawn"), _begin, (os.getpid(), forked))


@contextmanager
def collected_rarely() -> Iterator[None]:
    """Who opens many facts makes many objects and no rings of them; as often as usual, looking for rings takes a
    twentieth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(_COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _begin(parent: int, forked: bool) -> None:
    if forked:
        _let_go()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _let_go() -> None:
    """What the parent holds must be free as soon as the parent is gone: locks of files, and connections, with the locks
    that a server keeps for them. Put out of use, not closed: an object that we have inherited may still close its
    number, which would be somebody else's by then."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in [int(each.name) for each in _DESCRIPTORS.iterdir()]:
        with suppress(OSError):
            mode = os.fstat(descriptor).st_mode
            if descriptor > 2 and (stat.S_ISSOCK(mode) or stat.S_ISREG(mode)):
                os.dup2(nothing, descriptor, inheritable=False)
    os.close(nothing)


def _end_with(parent: int) -> None:
    """Who helps somebody that was killed must not go on by itself."""
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(70)
