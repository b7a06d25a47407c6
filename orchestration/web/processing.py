"""The processing beside the web server, in a process of its own: the run loop, and days closed by the wall's clock.

    python -m woonketen.orchestration.web.processing     settings as JSON on standard input; it ends when that closes

A process and not a thread, because the step keeps a core busy and pages should not wait for it. Its input is a pipe of
the server, so it ends with it, however that ends.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec

from woonketen.contracts.errors import WoonketenError
from woonketen.contracts.settings import Settings

AFTER_MIDNIGHT = timedelta(minutes=15)
"""A day is closed a little later, so that what partners sent in its last minute is known on it."""
_CLOCK_SECONDS = 20.0
_AGAIN_SECONDS = (1.0, 2.0, 5.0, 15.0, 60.0)
_STOP_SECONDS = 15.0


class Processing:
    """The child process: started again when it ends by itself, with growing pauses."""

    def __init__(self, settings: Settings, *, clock: bool) -> None:
        self._told = json.dumps({"settings": msgspec.to_builtins(settings, enc_hook=str), "clock": clock})
        self._stop = threading.Event()
        self._child: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._keep, name="processing", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        child = self._child
        if child is not None and child.stdin is not None:
            with suppress(OSError):
                child.stdin.close()
        self._thread.join(_STOP_SECONDS)

    def _keep(self) -> None:
        failures = 0
        while not self._stop.is_set():
            began = time.monotonic()
            self._run()
            failures = 0 if time.monotonic() - began > 300 else failures + 1
            self._stop.wait(_AGAIN_SECONDS[min(failures, len(_AGAIN_SECONDS) - 1)])

    def _run(self) -> None:
        # A session of its own: Ctrl-C at the terminal is the server's to hear, which then ends this one in order.
        command = [sys.executable, "-P", "-m", "woonketen.orchestration.web.processing"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
        ) as child:
            assert child.stdin is not None
            self._child = child
            with suppress(OSError):
                child.stdin.write(self._told + "\n")
                child.stdin.flush()
            if self._stop.is_set():  # told to stop while it was being started
                with suppress(OSError):
                    child.stdin.close()
            while True:
                try:
                    child.wait(_STOP_SECONDS)
                    return
                except subprocess.TimeoutExpired:
                    if self._stop.is_set():
                        child.kill()


@contextmanager
def processing(settings: Settings, *, clock: bool) -> Iterator[None]:
    child = Processing(settings, clock=clock)
    child.start()
    try:
        yield
    finally:
        child.stop()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    told = json.loads(sys.stdin.readline())
    chosen = msgspec.convert(told["settings"], Settings, dec_hook=lambda kind, value: Path(value))
    stop = threading.Event()
    threading.Thread(target=_until_closed, args=(stop,), daemon=True).start()
    if told["clock"]:
        threading.Thread(target=follow_clock, args=(chosen, stop), daemon=True).start()
    try:
        work(chosen, stop)
    except WoonketenError as error:
        sys.stderr.write(f"woonketen: {error}\n")
        sys.exit(error.exit_code)


def work(chosen: Settings, stop: threading.Event) -> None:
    from woonketen.orchestration.platform import open_platform

    with open_platform(chosen) as platform:
        platform.run(until_idle=False, stop=stop)


def due(open_day: date, now: Any) -> date | None:
    """The last day to close, or None when none is due.

    >>> from datetime import datetime
    >>> due(date(2026, 6, 1), datetime(2026, 6, 2, 0, 14)), due(date(2026, 6, 1), datetime(2026, 6, 2, 0, 15))
    (None, datetime.date(2026, 6, 1))
    """
    evening: date = (now - AFTER_MIDNIGHT).date() - timedelta(days=1)
    return evening if evening >= open_day else None


def follow_clock(chosen: Settings, stop: threading.Event) -> None:
    """Closes each day when it is over, until `stop` is set; whatever is away meanwhile is waited for."""
    from datetime import datetime

    from woonketen.orchestration.platform import TOWN, open_platform

    while not stop.is_set():
        with suppress(WoonketenError), open_platform(chosen) as platform:
            while not stop.is_set():
                last = due(platform.open_day(), datetime.now(TOWN))
                if last is not None:
                    platform.close_days(platform.open_day(), last)
                stop.wait(_CLOCK_SECONDS)
        stop.wait(_CLOCK_SECONDS)


def _until_closed(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


if __name__ == "__main__":
    main()
