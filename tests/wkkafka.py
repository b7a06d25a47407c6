"""A real Kafka for tests: one for the whole run, in which each test has topics and users of its own."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import wktools

from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.settings import settings
from woonketen.orchestration.data_folder import locked
from woonketen.orchestration.kafka import topics
from woonketen.orchestration.kafka.jars import ToolMissing, jars, java
from woonketen.streams.kafka.link import Link, link_of

START_SECONDS = 300.0


def need_tools() -> None:
    """Java, and Kafka's libraries: fetched with Maven when this version's are not in the cache yet."""
    try:
        java(), jars(lambda _: None)
    except ToolMissing as error:
        wktools.missing("Java or Maven", str(error))


def shared(folder: Path) -> dict[str, str]:
    """Woonketen's settings for the run's broker, started by the first who asks. After `need_tools`."""
    folder.mkdir(mode=0o700, exist_ok=True)
    note = folder / "keeper.json"
    with locked(folder / "start.lock", fcntl.LOCK_EX, time.monotonic() + START_SECONDS):
        if not note.exists():
            note.write_text(json.dumps(_start(folder)))
    found: dict[str, str] = json.loads(note.read_text())["settings"]
    return found


def _start(folder: Path) -> dict[str, Any]:
    out = folder / "keeper.out"
    with out.open("wb") as stream:
        command = [sys.executable, "-m", "woonketen.orchestration.kafka", "--json", "--data", str(folder / "broker")]
        keeper = subprocess.Popen(
            [*command, "--while", os.environ["WK_TESTS_PID"]], stdin=subprocess.DEVNULL, stdout=stream,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    until = time.monotonic() + START_SECONDS
    while not (said := out.read_bytes()).endswith(b"}\n"):
        assert keeper.poll() is None, said.decode()
        assert time.monotonic() < until, said.decode()
        time.sleep(0.05)
    keeper.returncode = 0  # it is not ours to wait for: it outlives a worker of pytest-xdist
    return {"pid": keeper.pid, "settings": json.loads(said.splitlines()[-1])}


def end(folder: Path) -> None:
    with suppress(FileNotFoundError):
        pid = json.loads((folder / "keeper.json").read_text())["pid"]
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            until = time.monotonic() + 60
            while time.monotonic() < until and _lives(pid):
                time.sleep(0.05)


def _lives(pid: int) -> bool:
    with suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def new_prefix() -> str:
    return f"t{secrets.token_hex(6)}."


@contextmanager
def prefixed(kafka: dict[str, str]) -> Iterator[Link]:
    link = link_of(settings({"engine": "kafka", "kafka_prefix": new_prefix(), **kafka}, {}))
    try:
        yield link
    finally:
        remove(link)


def remove(link: Link) -> None:
    """Every topic of this prefix."""
    assert link.prefix
    with suppress(ConfigurationError), topics.admin(link) as client:
        mine = [name for name in client.list_topics() if name.startswith(link.prefix)]
        if mine:
            client.delete_topics(mine)


def partner(link: Link, org: str, folder: Path) -> Link:
    """The organisation's own way in, as `org credentials ORG --kafka` makes it."""
    made = topics.let_in(link, org, folder)
    return Link(link.bootstrap, made["user"], Path(made["password_file"]).read_text(), link.security, link.prefix)
