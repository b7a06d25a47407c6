"""A token bucket for each partner."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Buckets:
    """`rate` requests a second, `burst` at once. For several threads; of this process.

    >>> now = [0.0]
    >>> buckets = Buckets(2.0, 1, lambda: now[0])
    >>> buckets.take("a"), buckets.take("a"), buckets.take("b")
    (0.0, 0.5, 0.0)
    >>> now[0] = 0.5
    >>> buckets.take("a")
    0.0
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, who: str) -> float:
        """0 when it may pass, else the seconds to wait."""
        with self._lock:
            now = self._clock()
            left, at = self._left.get(who, (float(self._burst), now))
            left = min(float(self._burst), left + (now - at) * self._rate)
            if left < 1:
                self._left[who] = (left, now)
                return (1 - left) / self._rate
            self._left[who] = (left - 1, now)
            return 0.0
