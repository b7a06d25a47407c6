"""The local Kafka: it keeps its data, ends with whoever started it, and says what is missing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from wkscaled import read_all, sender, wait_for

from woonketen.contracts.errors import Unreachable
from woonketen.contracts.settings import settings
from woonketen.orchestration.kafka import topics
from woonketen.orchestration.kafka.broker import running
from woonketen.orchestration.kafka.jars import java
from woonketen.streams.kafka.link import knock, link_of

COMMAND = [sys.executable, "-m", "woonketen.orchestration.kafka"]


@pytest.mark.usefixtures("java_and_maven")
def test_a_broker_keeps_its_data_and_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    with running(folder) as broker:
        link = link_of(settings({"engine": "kafka", **broker.settings()}, {}))
        topics.prepare(link, 1)
        with sender(link) as made:
            made.send(link.events, b"one")
        broker.kill()
        assert not broker.alive()
        with pytest.raises(Unreachable):
            knock(link)
        broker.start()
        assert [each.value for mine in read_all(link, link.events).values() for each in mine] == [b"one"]
        second = subprocess.run([*COMMAND, "--data", str(folder)], capture_output=True, text=True, check=False)
        assert second.returncode == 3
        assert "Traceback" not in second.stderr
    assert (folder / "admin.password").stat().st_mode & 0o777 == 0o600
    assert (folder / "server.properties").stat().st_mode & 0o777 == 0o600
    assert broker.log.stat().st_size > 0


def test_it_ends_with_whoever_started_it(kafka: dict[str, str], tmp_path: Path) -> None:
    assert kafka
    keeper = subprocess.Popen(
        [*COMMAND, "--json", "--data", str(tmp_path / "broker")], stdout=subprocess.PIPE, start_new_session=True
    )
    assert keeper.stdout is not None
    link = link_of(settings({"engine": "kafka", **json.loads(keeper.stdout.readline())}, {}))
    knock(link)
    keeper.send_signal(signal.SIGKILL)
    keeper.wait()
    keeper.stdout.close()

    def gone() -> bool:
        try:
            knock(link)
        except Unreachable:
            return True
        return False

    wait_for(gone)


@pytest.mark.usefixtures("java_and_maven")
def test_without_java_or_maven_it_says_so(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "JAVA_HOME"}
    tools = tmp_path / "tools"
    tools.mkdir()

    def said(**changes: str) -> str:
        done = subprocess.run(
            [*COMMAND, "--data", str(tmp_path / "none")],
            env={**environment, "PATH": str(tools), "XDG_CACHE_HOME": str(tmp_path / "cache"), **changes},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        return done.stderr

    assert "needs Java" in said()
    (tools / "java").write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    (tools / "java").chmod(0o755)
    assert "is older" in said(PATH=f"{tools}:/bin:/usr/bin")
    (tools / "java").unlink()
    (tools / "java").symlink_to(os.path.realpath(java()))
    assert shutil.which("mvn", path=str(tools)) is None
    assert "apt-get install maven" in said()


@pytest.mark.parametrize(("copies", "least"), [(1, 1), (2, 1), (3, 2)])
def test_a_record_never_waits_for_all_brokers_unless_there_is_one(copies: int, least: int) -> None:
    assert topics.in_sync(copies) == least
