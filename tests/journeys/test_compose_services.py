"""Each of our services of the compose file as a process of this computer, with its command and its environment: up to
healthy, and with a story going through. Kafka is started by the compose file's own script and settings."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from wkcompose import ROOT, ours, services, with_defaults
from wkpublish import publish
from wktls import proxy

from woonketen.orchestration.cluster import die_with_parent
from woonketen.orchestration.kafka.jars import jars, java
from woonketen.orchestration.keeper import free_port

WOONKETEN = [sys.executable, "-c", "from woonketen.orchestration.cli import main; main()"]
CITY = "gemeente-ijsselstad"
CITY_SOURCE = "urn:nld:oin:00000001001234567000:systeem:sociaal-domein"
HEALTHY_SECONDS = 300.0


class Place:
    """What stands here for what the compose file names: folders, addresses, ports."""

    def __init__(self, folder: Path, dsn: str, kafka: int) -> None:
        self.folder = folder
        self.portal, self.proxy, self.stewards = free_port(), free_port(), free_port()
        given = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
        (folder / "secrets" / "database").write_text(given.pop("password", ""))
        self.stands_for = {
            "/var/lib/woonketen": str(folder / "woonketen"),
            "/run/secrets": str(folder / "secrets"),
            "postgresql://woonketen@db:5432/woonketen": make_conninfo("", **given),
            "kafka:9092": f"127.0.0.1:{kafka}",
            "127.0.0.1:8080": f"127.0.0.1:{self.portal}",
            "127.0.0.1:3000": f"127.0.0.1:{self.stewards}",
            "https://localhost:8443": f"https://localhost:{self.proxy}",
        }

    def here(self, text: str) -> str:
        for there, mine in self.stands_for.items():
            text = text.replace(there, mine)
        return {"8080": str(self.portal), "3000": str(self.stewards)}.get(text, text)

    def environment(self, service: dict[str, Any]) -> dict[str, str]:
        given = {name: self.here(with_defaults(value)) for name, value in service["environment"].items()}
        return {**{name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}, **given}

    def command(self, given: list[str]) -> list[str]:
        program, *rest = [self.here(each) for each in given]
        if program.startswith("dagster-"):
            return [str(Path(sys.executable).with_name(program)), *rest]
        return {"woonketen": WOONKETEN, "python": [sys.executable]}[program] + rest

    def run(self, service: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*WOONKETEN, *arguments], env=self.environment(ours()[service]), cwd=self.folder, capture_output=True,
            text=True, check=False, timeout=300,
        )  # fmt: skip

    def healthy(self, service: str) -> bool:
        kind, *command = ours()[service]["healthcheck"]["test"]
        assert kind == "CMD"
        done = subprocess.run(
            self.command(command), env=self.environment(ours()[service]), cwd=self.folder, capture_output=True,
            text=True, check=False, timeout=180,
        )  # fmt: skip
        return done.returncode == 0


@pytest.fixture(scope="module")
def kafka(java_and_maven: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int, Path]]:
    """The compose file's Kafka, by its script: with other ports, and our jars behind the names of the image's scripts.
    The port of our services, the port of partners, the folder of the secrets."""
    folder = tmp_path_factory.mktemp("compose")
    folder.chmod(0o755)
    shutil.copytree(ROOT / "deploy", folder / "deploy")
    subprocess.run([folder / "deploy" / "make-secrets"], capture_output=True, check=True)
    client, partner, controller = free_port(), free_port(), free_port()
    told = folder / "deploy" / "kafka" / "server.properties"
    text = told.read_text()
    for there, mine in {
        "CLIENT://:9092": f"CLIENT://127.0.0.1:{client}", "kafka:9092": f"127.0.0.1:{client}",
        "PARTNER://:9094": f"PARTNER://127.0.0.1:{partner}", "kafka:9093": f"127.0.0.1:{controller}",
        "CONTROLLER://:9093": f"CONTROLLER://127.0.0.1:{controller}", "/var/lib/kafka/data": str(folder / "data"),
    }.items():  # fmt: skip
        assert there in text
        text = text.replace(there, mine)
    told.write_text(text)
    scripts = folder / "kafka-home" / "bin"
    scripts.mkdir(parents=True)
    for name, main in (("kafka-storage.sh", "kafka.tools.StorageTool"), ("kafka-server-start.sh", "kafka.Kafka")):
        flags = "-Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
        (scripts / name).write_text(f'#!/bin/sh\nexec {java()} {flags} -cp "{jars(lambda _: None)}/*" {main} "$@"\n')
        (scripts / name).chmod(0o755)
    environment = {
        "PATH": os.environ["PATH"], "KAFKA_HOME": str(folder / "kafka-home"), "TMPDIR": str(folder),
        "KAFKA_PASSWORD_FILE": str(folder / "secrets" / "kafka"),
        "KAFKA_CLUSTER_FILE": str(folder / "secrets" / "kafka_cluster"), "KAFKA_ADVERTISED": f"127.0.0.1:{partner}",
    }  # fmt: skip
    assert services()["kafka"]["command"] == ["/bin/bash", "/deploy/start.sh"]
    with _running(["/bin/bash", str(folder / "deploy/kafka/start.sh")], environment, folder, "kafka") as broker:
        check = services()["kafka"]["healthcheck"]["test"][1].replace("9092", str(client))
        _wait(lambda: subprocess.run(["bash", "-c", check], capture_output=True, check=False).returncode == 0, broker)
        yield client, partner, folder


@pytest.fixture(scope="module")
def place(kafka: tuple[int, int, Path], new_database: Callable[[], str]) -> Place:
    client, _, folder = kafka
    for name in ("data", "keys", "ledger", "dagster"):
        (folder / "woonketen" / name).mkdir(parents=True)
    shutil.copy(ROOT / "orchestration/stewardship/dagster.yaml", folder / "woonketen" / "dagster")
    place = Place(folder, new_database(), client)
    done = subprocess.run(
        place.command(ours()["init"]["command"]), env=place.environment(ours()["init"]), cwd=place.folder,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return place


@contextmanager
def _running(
    command: list[str], environment: dict[str, str], folder: Path, name: str
) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(180)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def _service(place: Place, service: str, name: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    given = ours()[service]
    return _running(place.command(given["command"]), place.environment(given), place.folder, name)


def _wait(condition: Callable[[], bool], *alive: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + HEALTHY_SECONDS
    while not condition():
        assert all(each.poll() is None for each in alive), "a service ended"
        assert time.monotonic() < until, "it did not get healthy"
        time.sleep(0.3)


@pytest.mark.slow
def test_the_services_get_healthy_and_a_story_goes_through(place: Place, kafka: tuple[int, int, Path]) -> None:
    assert not place.healthy("step")
    assert not place.healthy("admission")
    with ExitStack() as stack:
        running = {}
        for name in ("admission", "step", "clock", "portal"):
            for copy in range(ours()[name]["deploy"].get("replicas", 1)):
                running[f"{name}-{copy}"] = stack.enter_context(_service(place, name, f"{name}-{copy}"))
        for name in ("admission", "step", "clock", "portal"):
            _wait(lambda name=name: place.healthy(name), *running.values())  # type: ignore[misc]
        _story(place, kafka[1], stack.enter_context(proxy(place.proxy, place.portal, place.folder)))
        assert all(each.poll() is None for each in running.values())
        for each in running.values():
            each.send_signal(signal.SIGTERM)
        assert {name: each.wait(180) for name, each in running.items()} == dict.fromkeys(running, 0)


@pytest.mark.slow
def test_the_stewards_services_get_healthy_and_know_the_jobs(place: Place) -> None:
    names = ("dagster-web", "dagster-daemon")
    assert not place.healthy("dagster-daemon")
    with ExitStack() as stack:
        running = [stack.enter_context(_service(place, name, name)) for name in names]
        for name in names:
            _wait(lambda name=name: place.healthy(name), *running)  # type: ignore[misc]
        question = "{repositoriesOrError {... on RepositoryConnection {nodes {jobs {name}}}}}"
        asked = urllib.request.Request(
            f"http://127.0.0.1:{place.stewards}/graphql", json.dumps({"query": question}).encode(),
            {"Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.urlopen(asked, timeout=120) as answer:
            (repository,) = json.load(answer)["data"]["repositoriesOrError"]["nodes"]
        assert {"close_the_day", "pruning"} <= {job["name"] for job in repository["jobs"]}
        for each in running:
            each.send_signal(signal.SIGTERM)
        assert [each.wait(180) for each in running] == [0, 0]


def _story(place: Place, partners_port: int, authority: Path) -> None:
    """The city delivers over Kafka, and once more over HTTPS; its case lead sees the resident."""
    for arguments in (
        ["org", "add", CITY, "--kind", "gemeente", "--source", CITY_SOURCE, "--district", "WK019304"],
        ["user", "add", "regie-4", "--org", CITY, "--role", "casusregisseur", "--worker", "CL-4"],
    ):
        done = place.run("admission", *arguments)
        assert done.returncode == 0, done.stderr
    partner = place.folder / "partner"
    partner.mkdir()
    shutil.copy(ROOT / "docs" / "examples" / "gemeente.jsonl", partner)
    given = json.loads(place.run("admission", "org", "credentials", CITY, "--kafka", "--json").stdout)
    shutil.copy(given["password_file"], partner / "password")
    by_kafka = ["--to", f"kafka://127.0.0.1:{partners_port}", "--user", given["user"], "--password-file", "password"]
    done = publish("gemeente.jsonl", *by_kafka, cwd=partner)
    assert done.returncode == 0, done.stderr
    rows: list[str] = []

    def seen() -> bool:
        rows[:] = place.run("admission", "view", "casusregisseur", "--as", "regie-4", "--json").stdout.splitlines()
        return bool(rows)

    _wait(seen)
    assert [json.loads(each)["programme"] for each in rows] == ["wooncoach"]
    assert publish("--make-key", "city.jwk", cwd=partner).returncode == 0
    done = place.run("admission", "org", "credentials", CITY, "--http", str(partner / "city.public.jwk"), "--json")
    client = json.loads(done.stdout)["client_id"]
    by_http = [
        "--to",
        f"https://localhost:{place.proxy}",
        "--client-id",
        client,
        "--key",
        "city.jwk",
        "--ca",
        authority,
    ]
    done = publish("gemeente.jsonl", *by_http, "--outbox", "second.sqlite", "--json", cwd=partner)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["duplicate"] == 6
    with urllib.request.urlopen(f"http://127.0.0.1:{place.portal}/readyz", timeout=120) as answer:
        assert json.loads(answer.read())["status"] == "ok"
