"""An installation on a real Kafka, through the operator's command."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from woonketen.contracts.settings import settings
from woonketen.streams.kafka.link import Link, link_of

COMMAND = [sys.executable, "-c", "from woonketen.orchestration.cli import main; main()"]


class Installation:
    """A folder with a configuration, in which commands run as processes of their own."""

    def __init__(self, folder: Path, given: dict[str, str]) -> None:
        self.folder, self.given = folder, given
        self.write()

    def write(self, **changes: str) -> None:
        lines = (f'{name} = "{value}"\n' for name, value in {**self.given, **changes}.items())
        (self.folder / "woonketen.toml").write_text("".join(lines))

    @property
    def link(self) -> Link:
        return link_of(settings(self.given, {}))

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*COMMAND, *arguments, "--json"], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def told(self, *arguments: str) -> list[dict[str, Any]]:
        return [json.loads(each) for each in self.run(*arguments).stdout.splitlines()]

    @contextmanager
    def worker(self, kind: str) -> Iterator[subprocess.Popen[bytes]]:
        """Under its supervisor; ended the clean way, with exit code 0."""
        with (self.folder / f"{kind}.said").open("ab") as said:
            process = subprocess.Popen(
                [*COMMAND, "worker", kind], cwd=self.folder, stdout=said, stderr=said, start_new_session=True
            )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(180)
        assert code == 0

    def said(self, kind: str) -> str:
        return (self.folder / f"{kind}.said").read_text()
