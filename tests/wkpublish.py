"""Events of a coaching organisation, and `woonketen-publish` as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from woonketen.producers.checking import Checked, check, sources

SOURCE = "urn:nld:kvknr:41012345:systeem:coaching"
COMMAND = [sys.executable, "-c", "from woonketen.producers.cli import main; main()"]


def visit(number: int, *, resident: int = 1, channel: str = "door", event_id: str = "") -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": event_id or f"v-{number}",
        "source": SOURCE,
        "type": "nl.woonketen.coach.visit_held",
        "time": "2026-02-24T15:10:00+01:00",
        "subject": f"K-{resident}",
        "datacontenttype": "application/json",
        "dataschema": "https://woonketen.example/contracts/coach.visit_held/1",
        "data": {
            "occurred_on": "2026-02-24",
            "visit_id": f"V-{number}",
            "channel": channel,
            "present": ["resident"],
            "worker": "W-17",
        },
    }


def line(number: int, **given: Any) -> bytes:
    return json.dumps(visit(number, **given)).encode()


def checked(number: int, **given: Any) -> Checked:
    return check(line(number, **given), sources([SOURCE]))


def write_visits(path: Path, n: int, residents: int = 20) -> list[str]:
    """A file of visits; returns their ids."""
    path.write_bytes(b"".join(line(k, resident=k % residents) + b"\n" for k in range(n)))
    return [f"v-{k}" for k in range(n)]


def publish(*arguments: str | Path, cwd: Path, **given: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False, timeout=300, **given
    )


def start(*arguments: str | Path, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def first_times(arrived: Sequence[str]) -> list[str]:
    """In the order in which each came first."""
    return list(dict.fromkeys(arrived))


def in_order_per_resident(arrived: Sequence[str], residents: int) -> bool:
    """Of visits that `write_visits` wrote."""
    numbers = [int(each.removeprefix("v-")) for each in first_times(arrived)]
    by_resident: dict[int, list[int]] = {}
    for number in numbers:
        by_resident.setdefault(number % residents, []).append(number)
    return all(found == sorted(found) for found in by_resident.values())
