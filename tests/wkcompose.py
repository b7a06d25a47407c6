"""The compose file as a test reads it: with its anchors and merges, and its variables at their defaults."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
_VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::-([^}]*))?\}")


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return found


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def with_defaults(text: str) -> str:
    return _VARIABLE.sub(lambda found: found.group(2) or "", text)


def ours() -> dict[str, dict[str, Any]]:
    """The services that run Woonketen itself."""
    return {name: each for name, each in services().items() if each["image"].startswith("woonketen:")}
