"""What a person sees while events travel: one line that is renewed, or a plain line every ten seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from woonketen.producers.delivery import Progress

PLAIN_SECONDS = 10.0
RENEWED_SECONDS = 0.2


class Teller:
    """Writes to `stream`. To be called as often as there is news; it keeps quiet in between."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._renew = stream.isatty()
        self._began: float | None = None
        self._last = clock()
        self._silent = False
        self._open = False

    def stored(self, n: int) -> None:
        """Events that were read and stored."""
        self._say(f"{n} events stored in the outbox")

    def sending(self, at: Progress) -> None:
        silent = at.waiting_since is not None
        turned = silent != self._silent
        self._silent = silent
        if self._began is None:
            self._began = self._clock()
        self._say(sentence(at, self._clock() - self._began), at_once=turned)

    def end(self) -> None:
        if self._open:
            self._stream.write("\n")
            self._stream.flush()
            self._open = False

    def _say(self, text: str, *, at_once: bool = False) -> None:
        now = self._clock()
        if not at_once and now - self._last < (RENEWED_SECONDS if self._renew else PLAIN_SECONDS):
            return
        self._last = now
        self._stream.write(f"\r\x1b[K{text}" if self._renew else f"{text}\n")
        self._stream.flush()
        self._open = self._renew


def sentence(at: Progress, seconds: float) -> str:
    """`12000 sent, 38000 to go, 2400 a second, 16 s left`."""
    if at.waiting_since is not None:
        return f"{at.why} {at.left} events wait in the outbox; next attempt in {at.next_try:.0f} s"
    text = f"{at.done} sent, {at.left} to go"
    if seconds > 0 and at.done:
        rate = at.done / seconds
        text += f", {rate:.0f} a second, {duration(at.left / rate)} left"
    return text


def duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7200 else f"{whole // 3600} h {whole % 3600 // 60} min"
