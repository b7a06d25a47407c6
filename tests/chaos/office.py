"""One installation for a test: a data folder of its own, and `woonketen` as a process of its own against it."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
from chaos.town import FIRST_DAY, ORGS, USERS, Links, Sent, by_day

from woonketen.contracts.settings import Settings
from woonketen.orchestration.data_folder import DataFolder, told
from woonketen.orchestration.postgres import dsn_of, open_database, remove_database

WOONKETEN = str(Path(sys.executable).with_name("woonketen"))
SECONDS = 300


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def object(self) -> dict[str, Any]:
        (row,) = self.rows
        return row


class Office:
    """`home` holds the data folder, the key file and the files of partners."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / "data"
        self.files = home / "files"
        self.files.mkdir(exist_ok=True)

    @property
    def settings(self) -> Settings:
        return Settings(data=self.data)

    def command(self, *arguments: str, **how: Any) -> subprocess.Popen[bytes]:
        """Starts `woonketen` and does not wait. Further arguments go to Popen."""
        # As at a user's: no settings of ours, and compiled modules are kept.
        foreign = ("WOONKETEN_", "PG", "PYTHONDONTWRITEBYTECODE")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
        environment |= {"WOONKETEN_DATA": str(self.data), **how.pop("environment", {})}
        return subprocess.Popen([WOONKETEN, *arguments], env=environment, cwd=self.home, **how)

    def __call__(self, *arguments: str, code: int | None = 0, stdin: bytes | None = None, **how: Any) -> Done:
        """Runs a command to its end; `code` is the exit code that is expected, `None` any."""
        if stdin is not None:
            how["stdin"] = subprocess.PIPE
        with self.command(*arguments, **how) as process:
            out, err = process.communicate(stdin, timeout=SECONDS)
        done = Done(process.returncode, (out or b"").decode(), (err or b"").decode())
        assert code is None or done.code == code, f"woonketen {' '.join(arguments)}: {done.code}\n{done.err}"
        assert "Traceback" not in done.err, done.err
        return done

    @contextmanager
    def running(self, *arguments: str, **how: Any) -> Iterator[subprocess.Popen[bytes]]:
        """A command that is killed (-9) at the end of the block, if it still runs then."""
        with self.command(*arguments, **how) as process:
            try:
                yield process
            finally:
                process.kill()

    def file(self, name: str, lines: Sequence[bytes]) -> str:
        path = self.files / name
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        return str(path)

    @contextmanager
    def platform(self) -> Iterator[Any]:
        """The platform in this process, where a hundred commands would take too long."""
        from woonketen.orchestration.platform import open_platform

        with open_platform(self.settings) as platform:
            yield platform

    def register(self, users: Mapping[str, tuple[str, str, str | None]] = USERS) -> None:
        """The town's organisations and the people who look."""
        with self.platform() as platform:
            for org, (_, kind, source, districts) in ORGS.items():
                platform.register_org(org, kind=kind, source=source, districts=districts)
            for name, (org, role, worker) in users.items():
                platform.add_user(name, org, role, worker, None)

    # --- the database behind it ---

    def dsn(self) -> str:
        """The superuser's, of the running embedded server."""
        folder = DataFolder(self.data)
        listening = told(folder)
        assert listening is not None
        return dsn_of(folder, listening)

    @contextmanager
    def sql(self) -> Iterator[psycopg.Connection[Any]]:
        """As a client whom the server waits for: it would stop when no command has used it for some seconds."""
        with (
            open_database(self.data, say=lambda _: None) as database,
            psycopg.connect(database.dsn, autocommit=True) as connection,
        ):
            yield connection

    def postmaster(self) -> int | None:
        """The process id of the embedded PostgreSQL, if it runs."""
        with suppress(OSError, ValueError, IndexError):
            return int((DataFolder(self.data).cluster() / "postmaster.pid").read_text().split()[0])
        return None

    def kill_postgres(self) -> bool:
        pid = self.postmaster()
        if pid is None or not _is_postgres(pid):
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return True
        return False

    def remove(self) -> None:
        remove_database(self.data)
        shutil.rmtree(self.home, ignore_errors=True)


def _is_postgres(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip() == "postgres"
    return False


@contextmanager
def office(home: Path | None = None) -> Iterator[Office]:
    """An office that is gone afterwards, with its server. Not under pytest's own folder: PostgreSQL may run as another
    user, who cannot enter that."""
    home = home or Path(tempfile.mkdtemp(prefix="wk-office-"))
    home.chmod(0o755)
    made = Office(home)
    try:
        yield made
    finally:
        made.remove()


@contextmanager
def opened_office() -> Iterator[Office]:
    """An office with the town in it; the first open day is the town's."""
    with office() as made:
        made("init", "--open-day", FIRST_DAY.isoformat())
        made.register()
        yield made


def links(platform: Any) -> Links:
    """Puts this installation's link codes into lines."""
    return Links(lambda by, subject, org: str(platform.issue_link(by, subject, org)["code"]))


def live(
    platform: Any, sent: Iterable[Sent], last: date, heard: dict[tuple[str, Any], list[Any]] | None = None
) -> Counter[str]:
    """Takes in what was sent, closes each day, runs; gives the receipts by status. `heard` gets those of each event:
    (organisation, id) → status and reason."""
    counts: Counter[str] = Counter()
    linked = links(platform)
    closed = FIRST_DAY - timedelta(days=1)
    for day, files in by_day(sorted(sent, key=lambda each: each.on)):
        if (before := day - timedelta(days=1)) > closed:
            platform.close_days(closed + timedelta(days=1), before)
            closed = before
        for org, lines in files.items():
            for receipt in platform.ingest(org, io.BytesIO(b"\n".join(map(linked, lines))), "cloudevents"):
                counts[receipt.status] += 1
                if heard is not None:
                    heard.setdefault((org, receipt.id), []).append((receipt.status, receipt.reason))
    platform.close_days(closed + timedelta(days=1), last)
    platform.run(until_idle=True)
    return counts


def wait_for(what: Callable[[], Any], seconds: float = 180) -> Any:
    """Waits until `what()` is true and gives it."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
    return found
