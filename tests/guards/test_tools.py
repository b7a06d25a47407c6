"""A machine without Java, Maven or Chromium: under CI a failure, elsewhere a skip that the last lines tell of."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import wktools

ROOT = Path(__file__).parents[2]
TEST = "tests/ports/test_kafka_broker.py::test_a_broker_keeps_its_data_and_its_place"


def run_without_tools(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "JAVA", "WK_", "PYTEST_"))}
    ours |= {"PATH": str(folder), **environment}
    command = [sys.executable, "-m", "pytest", "-q", "-r", "f", "-p", "no:cacheprovider", "-p", "no:xdist", TEST]
    return subprocess.run(command, cwd=ROOT, env=ours, capture_output=True, text=True, check=False)


def test_elsewhere_one_line_tells_what_was_not_tried(tmp_path: Path) -> None:
    done = run_without_tools(tmp_path)
    assert done.returncode == 0, done.stdout
    (line,) = [each for each in done.stdout.splitlines() if each.startswith(wktools.SIGN)]
    assert "Kafka needs Java" in line
    assert "Skipped for it: 1 tests (1 of tests/ports/test_kafka_broker.py)" in line


def test_under_ci_it_fails(tmp_path: Path) -> None:
    done = run_without_tools(tmp_path, CI="true")
    assert done.returncode == 1, done.stdout
    assert "Kafka needs Java" in done.stdout


def test_one_line_per_tool() -> None:
    skipped = [
        (f"Skipped: {wktools.SIGN}Chromium: get it.", "tests/a.py::one[x::y]"),
        (f"Skipped: {wktools.SIGN}Chromium: get it.", "tests/b.py::one"),
        (f"Skipped: {wktools.SIGN}Java: get it.", "tests/a.py::two"),
        ("Skipped: for another reason", "tests/a.py::three"),
    ]
    assert wktools.lines(skipped) == [
        f"{wktools.SIGN}Chromium: get it. Skipped for it: 2 tests (1 of tests/a.py, 1 of tests/b.py)",
        f"{wktools.SIGN}Java: get it. Skipped for it: 1 tests (1 of tests/a.py)",
    ]


@pytest.mark.parametrize("ci", ["", "0", "false"])
def test_ci_may_be_switched_off(ci: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(pytest.skip.Exception):
        wktools.missing("Java", "Get it.")
