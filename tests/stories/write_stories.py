"""Writes the stories' files anew: `python tests/stories/write_stories.py`.

The stories themselves are told in `tell/`, one resident a function. `expected.md` of each story is written by hand.
"""

from __future__ import annotations

import shutil
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:
    sys.path.insert(0, str(HERE.parent))

from stories.tell.town import ORGS, USERS  # noqa: E402
from stories.tell.ways import FIRST, LAST  # noqa: E402

STORIES = ("wooncoach", "zittende_huurders", "buddy", "woonladder", "doorstroom")


def files(slug: str) -> dict[str, str]:
    """Every generated file of a story, by its path in the story's folder."""
    story = import_module(f"stories.tell.{slug}")
    return {"story.toml": _toml(story)} | story.tell().files()


def _toml(story: ModuleType) -> str:
    out = [
        f"title = {_value(story.TITLE)}",
        f'tells = """\n{story.TELLS.strip()}\n"""',
        f'vertelt = """\n{story.VERTELT.strip()}\n"""',
        f"open_day = {FIRST}",
        f"last_day = {LAST}",
    ]
    for org in story.PARTIES:
        told = {"org": org} | {name: value for name, value in ORGS[org].items() if name != "short"}
        out += ["", "[[organisation]]", *_lines(told)]
    for name in story.USERS:
        org, role, worker, who = USERS[name]
        told = {"name": name, "org": org, "role": role} | ({"worker": worker} if worker else {}) | {"who": who}
        out += ["", "[[user]]", *_lines(told)]
    for name, (resident, since, who) in story.RESIDENTS.items():
        org = resident.split(":")[0]
        out += ["", "[[user]]", *_lines({"name": name, "org": org, "role": "bewoner", "resident": resident})]
        out += [f"since = {since}", *_lines({"who": who})]
    for user, view, question in story.LOOKS:
        out += ["", "[[look]]", *_lines({"user": user, "view": view, "question": question})]
    return "\n".join(out) + "\n"


def _lines(told: dict[str, Any]) -> list[str]:
    return [f"{name} = {_value(value)}" for name, value in told.items()]


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_value(each) for each in value)}]"
    return str(value) if isinstance(value, int) else f'"{value}"'


def main() -> None:
    for slug in STORIES:
        folder = HERE / slug
        shutil.rmtree(folder / "days", ignore_errors=True)
        written = files(slug)
        for name, text in written.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        print(f"{slug}: {len(written) - 1} files of partners, {sum(map(len, written.values())) // 1000} kB")


if __name__ == "__main__":
    main()
