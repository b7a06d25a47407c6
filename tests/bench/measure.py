"""Time, processor time and memory of a program together with the PostgreSQL that works for it, read from /proc."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAUSE = 0.1


@dataclass
class Cost:
    """Wall seconds; processor seconds of both sides; highest sum of memory in MiB."""

    seconds: float = 0.0
    program_cpu: float = 0.0
    postgres_cpu: float = 0.0
    memory: float = 0.0

    @property
    def cpu(self) -> float:
        return self.program_cpu + self.postgres_cpu


class Watch:
    """Samples a process, all its children, and a postmaster with all of its."""

    def __init__(self, program: int, postmaster: int) -> None:
        self.cost = Cost()
        self._program, self._postmaster = program, postmaster
        self._cpu: dict[int, float] = {}
        self._stopped = threading.Event()
        self._began = time.monotonic()
        self._postgres_before = _cpu_with_children(postmaster)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> Cost:
        self.cost.seconds = time.monotonic() - self._began
        self._stopped.set()
        self._thread.join()
        self.cost.program_cpu = sum(self._cpu.values())
        time.sleep(0.3)  # a backend's time is added to its parent's when it has ended
        self.cost.postgres_cpu = _cpu_with_children(self._postmaster) - self._postgres_before
        return self.cost

    def _run(self) -> None:
        while not self._stopped.wait(PAUSE):
            family = _family(self._program)
            for pid in family:
                with suppress(OSError, IndexError, ValueError):
                    self._cpu[pid] = _cpu(pid)
            memory = sum(_resident(pid) for pid in family) + sum(
                _proportional(pid) for pid in _family(self._postmaster)
            )
            self.cost.memory = max(self.cost.memory, memory)


@contextmanager
def watched(program: int, postmaster: int) -> Iterator[Watch]:
    watch = Watch(program, postmaster)
    try:
        yield watch
    finally:
        watch.stop()


def _family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    found = [pid]
    for parent in found:
        with suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _cpu(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS


def _cpu_with_children(pid: int) -> float:
    """Of a parent: its own, its ended children's, and its living ones'."""
    fields = _stat(pid)
    ended = (int(fields[13]) + int(fields[14])) / TICKS
    living = 0.0
    for each in _family(pid):
        with suppress(OSError, IndexError, ValueError):
            living += _cpu(each)
    return ended + living


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _resident(pid: int) -> float:
    return _kilobytes(f"/proc/{pid}/status", "VmRSS:") / 1024


def _proportional(pid: int) -> float:
    """PSS: what PostgreSQL's processes share is counted once."""
    return _kilobytes(f"/proc/{pid}/smaps_rollup", "Pss:") / 1024


def _kilobytes(file: str, name: str) -> int:
    with suppress(OSError):
        for line in Path(file).read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    return 0
