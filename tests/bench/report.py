"""Prints each figure when it is known, and keeps all of them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processors": os.cpu_count(),
        "model": model[0].partition(":")[2].strip() if model else "?",
        "python": sys.version.split()[0],
    }


class Report:
    """Prints each figure when it is known and keeps all of them."""

    def __init__(self, figures: dict[str, Any], folder: Path) -> None:
        self.figures = figures
        self._folder = folder

    def line(self, name: str, value: Any, text: str = "") -> None:
        self.figures[name] = value
        print(f"{name:<58} {text or value}", flush=True)

    def write(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"bench-{self.figures['events_wanted']}.json"
        path.write_text(json.dumps(self.figures, indent=2, default=str) + "\n")
        print(f"written: {path}", file=sys.stderr)
