"""Payloads grow by one function per version step: `STEPS[(type, n)]` turns version n into version n + 1.

There is no second version of any type yet. Every version that was ever published stays readable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

STEPS: Mapping[tuple[str, int], Callable[[Any], Any]] = {}


def newest(
    short: str, version: int, payload: Any, steps: Mapping[tuple[str, int], Callable[[Any], Any]] = STEPS
) -> Any:
    """`payload` of that version of the type, brought to the newest version."""
    while (step := steps.get((short, version))) is not None:
        payload = step(payload)
        version += 1
    return payload
