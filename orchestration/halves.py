"""`run` on the embedded engine with two processes, as soon as more waits than one applies at once.

The other process takes every second partition. Who it belongs to it knows by its input, a pipe: it ends with it,
however that ends. Correctness does not hang on who takes what: a position is locked by whoever moves it.
"""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from woonketen.contracts import errors
from woonketen.contracts.errors import WoonketenError
from woonketen.orchestration.rebuilding import Source, make_worker
from woonketen.streams.drive.worker import Progress, Worker

BACKLOG = 2_000
"""Records that wait: fewer are done before another process would have begun."""
UNTIL_IDLE_BACKLOG = 5_000
"""The same for a run that ends with them, and the other process too."""
STOP_SECONDS = 15.0
READY = "ready"


def run_in_halves(
    worker: Worker,
    source: Source,
    partitions: int,
    *,
    until_idle: bool,
    stop: threading.Event | None,
    on_progress: Callable[[Progress], None],
) -> dict[str, Any]:
    """As `Worker.run`, with a second process where there is a second core and a backlog. Raises what ends either."""
    if partitions < 2 or (os.cpu_count() or 1) < 2:
        return worker.run(until_idle=until_idle, stop=stop, on_progress=on_progress)
    both = _Both(source, partitions, stop or threading.Event(), until_idle)
    try:
        done = worker.run(until_idle=until_idle, stop=both.stop, on_progress=both.watched(on_progress), only=both.mine)
        both.wait()
        if until_idle and both.begun and not both.stop.is_set():  # what merges moved, and what came meanwhile
            rest = worker.run(until_idle=True, stop=both.stop)
            done = rest | {"applied": done["applied"] + rest["applied"]}
    finally:
        both.end()
    both.check()
    return done | {"applied": done["applied"] + both.applied}


class _Both:
    """This process and the other one. `mine`: the partitions of this one; all of them until the other is at work."""

    def __init__(self, source: Source, partitions: int, stop: threading.Event, until_idle: bool) -> None:
        self._source, self._partitions, self._until_idle = source, partitions, until_idle
        self._child: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._failed: WoonketenError | None = None
        self._ending = False
        self.stop = stop
        self.mine = set(range(partitions))
        self.applied = 0

    @property
    def begun(self) -> bool:
        return self._child is not None

    def watched(self, tell: Callable[[Progress], None]) -> Callable[[Progress], None]:
        most = UNTIL_IDLE_BACKLOG if self._until_idle else BACKLOG

        def watch(at: Progress) -> None:
            if not self.begun and at.behind >= most:
                self._begin()
            tell(at)

        return watch

    def wait(self) -> None:
        """Until the other is done too, where it ends by itself."""
        while self._until_idle and self._thread is not None and self._thread.is_alive() and not self.stop.is_set():
            self._thread.join(0.1)

    def end(self) -> None:
        """Asks the other to end, and sees to it that it does."""
        child, self._ending = self._child, True
        if child is None or child.stdin is None or self._thread is None:
            return
        with suppress(OSError):
            child.stdin.close()
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            child.kill()
            self._thread.join()

    def check(self) -> None:
        if self._failed is not None:
            raise self._failed

    def _begin(self) -> None:
        # A session of its own: Ctrl-C at the terminal is for us to hear, and it is then ended in order.
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "woonketen.orchestration.halves"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        assert self._child.stdin is not None
        told = _Told(self._source, list(range(1, self._partitions, 2)), self._partitions, self._until_idle)
        with suppress(OSError):
            self._child.stdin.write(told.packed() + "\n")
            self._child.stdin.flush()
        self._thread = threading.Thread(target=self._listen, args=(self._child,), daemon=True)
        self._thread.start()

    def _listen(self, child: subprocess.Popen[str]) -> None:
        assert child.stdout is not None
        done = False
        with child.stdout:
            for line in child.stdout:
                if line.strip() == READY:
                    self.mine.difference_update(range(1, self._partitions, 2))
                    continue
                done, said = True, msgspec.json.decode(line)
                if "error" in said:
                    self._failed = _error(said)
                else:
                    self.applied = said["applied"]
        child.wait()
        if not done and not self._ending and not self.stop.is_set():
            self._failed = WoonketenError("A process of the run ended.", "Begin it again; nothing was lost.")
        if self._failed is not None:
            self.stop.set()


class _Told(msgspec.Struct, frozen=True):
    """What the other process is told, in one line on its input."""

    source: Source
    only: list[int]
    partitions: int
    until_idle: bool

    def packed(self) -> str:
        return base64.b64encode(msgspec.msgpack.encode(self)).decode()

    @staticmethod
    def unpacked(line: str) -> _Told:
        return msgspec.msgpack.decode(base64.b64decode(line), type=_Told)

    def __repr__(self) -> str:
        return "_Told(…)"


def _error(said: dict[str, str]) -> WoonketenError:
    kind = getattr(errors, said["error"], WoonketenError)
    if not (isinstance(kind, type) and issubclass(kind, WoonketenError)):
        kind = WoonketenError
    return kind(said["message"], said["mend"])


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # both are for the first process to hear
        signal.signal(number, signal.SIG_IGN)
    line = sys.stdin.readline()
    if not line:
        return
    told, stop = _Told.unpacked(line), threading.Event()
    threading.Thread(target=_until_closed, args=(stop,), daemon=True).start()
    try:
        with make_worker(told.source, told.partitions) as worker:
            _say(READY)
            done = worker.run(until_idle=told.until_idle, stop=stop, only=told.only)
            _say(msgspec.json.encode({"applied": done["applied"]}).decode())
    except WoonketenError as error:
        said = {"error": type(error).__name__, "message": error.message, "mend": error.mend}
        _say(msgspec.json.encode(said).decode())
        sys.exit(error.exit_code)


def _say(line: str) -> None:
    with suppress(OSError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _until_closed(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


if __name__ == "__main__":
    main()
