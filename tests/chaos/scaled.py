"""An office on the scaled engine: a broker, workers as processes of their own, and who does what a partner does."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from chaos.office import Office, office
from chaos.town import FIRST_DAY

from woonketen.contracts.settings import Settings, settings
from woonketen.streams.keys.kek import Keys, load_kek


class ScaledOffice(Office):
    """`kafka`: the settings that lead to the broker. Its topics have names of their own."""

    def __init__(self, home: Path, kafka: Mapping[str, str]) -> None:
        super().__init__(home)
        self.told = {"engine": "kafka", "data": str(self.data), **kafka}

    @property
    def settings(self) -> Settings:
        return settings(self.told, {})

    @property
    def environment(self) -> dict[str, str]:
        return {f"WOONKETEN_{name.upper()}": value for name, value in self.told.items()}

    def command(self, *arguments: str, **how: Any) -> subprocess.Popen[bytes]:
        return super().command(*arguments, environment=self.environment | how.pop("environment", {}), **how)

    def keys(self) -> Keys:
        return load_kek(self.settings.kek, self.data)

    def worker(self, name: str = "step", **environment: str) -> subprocess.Popen[bytes]:
        """A worker under its supervisor; what it says goes to a file."""
        with (self.home / f"{name}.log").open("ab") as log:
            return self.command("worker", name, stdout=log, stderr=log, environment=environment)

    def lag(self) -> int:
        """Records that no step has applied yet."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            row = connection.execute(
                "SELECT sum(c.next - 1 - p.last) FROM log.counter c JOIN gate.position p USING (partition)"
                " JOIN gate.set s ON s.name = p.set WHERE s.live"
            ).fetchone()
        assert row is not None
        return int(row[0])


def child_of(supervisor: subprocess.Popen[bytes]) -> int | None:
    """The process id of the worker proper."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{supervisor.pid}/task/{supervisor.pid}/children").read_text().split()[0])
    return None


def signal_child(supervisor: subprocess.Popen[bytes], number: signal.Signals) -> bool:
    pid = child_of(supervisor)
    if pid is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False


def end(supervisors: list[subprocess.Popen[bytes]]) -> list[int]:
    """Asks them to stop; their exit codes."""
    for each in supervisors:
        each.terminate()
    return [each.wait(180) for each in supervisors]


@contextmanager
def scaled_office(kafka: Mapping[str, str]) -> Iterator[ScaledOffice]:
    """With the town in it; the first open day is the town's."""
    with office() as plain:
        made = ScaledOffice(plain.home, kafka)
        made("init", "--open-day", FIRST_DAY.isoformat())
        made.register()
        yield made
