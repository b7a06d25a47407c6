"""Counters for Prometheus, in its text format. Labels are routes, statuses and reasons, never a resident."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Of this process. For several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[Labels] = Counter()
        self._receipts: Counter[Labels] = Counter()
        self._buckets: Counter[tuple[str, float]] = Counter()
        self._sums: dict[str, float] = {}
        self.streams = 0

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        with self._lock:
            self._requests[
                ("method", method if method.isalpha() else "other"), ("route", route), ("status", str(status))
            ] += 1
            self._sums[route] = self._sums.get(route, 0.0) + seconds
            for bound in (*BUCKETS, float("inf")):
                if seconds <= bound:
                    self._buckets[route, bound] += 1

    def receipt(self, status: str, reason: str | None) -> None:
        with self._lock:
            self._receipts[("status", status), ("reason", reason or "none")] += 1

    def text(self, gauges: Mapping[str, Sequence[tuple[Labels, float]]]) -> str:
        with self._lock:
            parts = [
                _family("woonketen_http_requests_total", "counter", sorted(self._requests.items())),
                _family("woonketen_receipts_total", "counter", sorted(self._receipts.items())),
                _family("woonketen_streams", "gauge", [((), self.streams)]),
                self._histogram(),
            ]
        parts += [_family(name, "gauge", rows) for name, rows in gauges.items()]
        return "".join(parts)

    def _histogram(self) -> str:
        name = "woonketen_http_request_seconds"
        lines = [f"# TYPE {name} histogram\n"]
        for route, total in sorted(self._sums.items()):
            for bound in (*BUCKETS, float("inf")):
                edge = "+Inf" if bound == float("inf") else f"{bound:g}"
                lines.append(_sample(f"{name}_bucket", (("route", route), ("le", edge)), self._buckets[route, bound]))
            lines.append(_sample(f"{name}_sum", (("route", route),), round(total, 6)))
            lines.append(_sample(f"{name}_count", (("route", route),), self._buckets[route, float("inf")]))
        return "".join(lines)


def _family(name: str, kind: str, rows: Iterable[tuple[Labels, float]]) -> str:
    return f"# TYPE {name} {kind}\n" + "".join(_sample(name, labels, value) for labels, value in rows)


def _sample(name: str, labels: Labels, value: float) -> str:
    told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
    return f"{name}{{{told}}} {value:.15g}\n" if told else f"{name} {value:.15g}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
