"""What may not stand in the project: paths of a machine, registry hosts, unfinished places, swallowed errors."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORBIDDEN = {
    "a path of a machine": r"(?<![\w.])/(?:home|root|Users)/[a-z]|/tmp/[a-z]{2,}/",
    "a registry host": r"https?://[a-z0-9.-]*(?:registry|pypi|pythonhosted|crates|maven)[a-z0-9.-]*",
    "an unfinished place": r"\b(?:TO" + "DO|FIX" + r"ME|XX" + r"X)\b|NotImplemented" + "Error",
    "a swallowed error": r"except(?: Exception| BaseException)?:\s*(?:pass|\.\.\.)\s*$",
}


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_nothing_of_this_stands_in_the_project(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what], re.MULTILINE)
    found = []
    for path in tracked():
        if path == Path(__file__) or path.suffix in {".lock", ".jsonl"}:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {hit.group(0)}" for hit in pattern.finditer(text)]
    assert found == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_the_lock_holds_hashes_and_no_address(name: str) -> None:
    lock = (ROOT / name).read_text()
    assert "://" not in lock
    pinned = re.findall(r"^[a-z0-9._-]+==\S+(?: ; [^\\]+)? \\\n    --hash=sha256:", lock, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^[a-z0-9._-]+==", lock, re.MULTILINE)) > 20
