"""Documentation is executed: every `console` block of a page runs, in order, in one empty folder of its own."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from woonketen.orchestration.postgres import remove_database

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```console(?P<exit>[^\n]*)\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[tuple[str, int]]:
    """The lines after `$ `, and the exit code that the block announces (```console exit=1; default 0)."""
    found = []
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        code = int(block["exit"].partition("exit=")[2] or 0)
        found += [(line[2:], code) for line in block["body"].splitlines() if line.startswith("$ ")]
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Empty but for the examples; its database goes with it, also where that had to be kept elsewhere."""
    for example in (ROOT / "docs" / "examples").iterdir():
        shutil.copy(example, tmp_path)
    yield tmp_path
    remove_database(tmp_path / "woonketen-data")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_the_page_works_as_written(page: Path, folder: Path) -> None:
    if not commands(page):
        assert "```console" not in page.read_text(encoding="utf-8")
        return
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for line, expected in commands(page):
        done = subprocess.run(
            shlex.split(line),
            cwd=folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == expected, f"{line}\n{done.stdout}\n{done.stderr}"


def test_every_page_has_a_command_or_a_reason_to_have_none() -> None:
    # The one is for people without a terminal, the other about containers, which are not at hand in tests.
    assert {page.name for page in PAGES if not commands(page)} <= {"wijkteam.md", "compose.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("target", ["demo", "test", "install", "check", "kafka", "bench", "clean"])
def test_the_makefile_has_what_the_readme_names(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
