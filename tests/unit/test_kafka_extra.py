"""Without the extra `scaled`: a sentence and exit code 2, so that no supervisor begins a worker again for ever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

WITHOUT = """
import sys
sys.modules |= dict.fromkeys({missing!r})
from woonketen.orchestration.cli import main
main()
"""


def command(
    folder: Path, *arguments: str, engine: str = "kafka", missing: tuple[str, ...] = ("aiokafka", "faust", "kafka")
) -> subprocess.CompletedProcess[str]:
    given = f'engine = "{engine}"\nkafka = "127.0.0.1:1"\nkafka_security = "plaintext"\n'
    (folder / "woonketen.toml").write_text(given)
    return subprocess.run(
        [sys.executable, "-c", WITHOUT.format(missing=missing), *arguments],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "WOONKETEN_SUPERVISED_BY": str(os.getpid())},
    )  # fmt: skip


@pytest.mark.parametrize(
    "told",
    ["worker step", "worker admission", "run --until-idle", "rebuild", "log verify", "init", "log copy --to kafka"],
)
def test_the_command_names_the_extra(tmp_path: Path, told: str) -> None:
    done = command(tmp_path, *told.split(), engine="embedded" if "copy" in told else "kafka")
    assert done.returncode == 2, done.stderr
    assert "pip install 'woonketen[scaled]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert {each.name for each in tmp_path.iterdir()} == {"woonketen.toml"}, "nothing was begun"


def test_half_of_it_is_not_enough(tmp_path: Path) -> None:
    """A client of Kafka alone, as a partner has it."""
    done = command(tmp_path, "worker", "step", missing=("aiokafka", "faust"))
    assert done.returncode == 2
    assert "(aiokafka, faust)" in done.stderr


def test_with_it_nothing_is_lacking_even_when_it_is_at_work_already() -> None:
    code = "import aiokafka, faust, kafka; from woonketen.streams.kafka.link import need_clients; need_clients()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_embedded_engine_does_not_ask_for_it(tmp_path: Path) -> None:
    assert "scaled engine" in command(tmp_path, "worker", "step", engine="embedded").stderr
    told = command(tmp_path, "log", "stats", engine="embedded")
    assert told.returncode == 2
    assert "woonketen init" in told.stderr
