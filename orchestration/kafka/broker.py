"""One Kafka broker (KRaft, combined mode) as our child: SCRAM and ACLs on, free ports, its data kept in a folder.

    broker.json       ports and cluster id; the same at every start, so that clients find it again
    admin.password    of the user `admin`, mode 0600
    server.properties, log4j2.properties, kafka.log, data/

It ends when we end, also by kill -9. Not for production: everything on one machine. `cluster.py` makes several.
"""

from __future__ import annotations

import base64
import fcntl
import os
import secrets
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from woonketen.contracts.errors import Unreachable
from woonketen.orchestration.cluster import die_with_parent
from woonketen.orchestration.data_folder import locked, write_private
from woonketen.orchestration.kafka.jars import Say, jars, java
from woonketen.orchestration.keeper import free_port

ADMIN = "admin"
HEAP = "512m"
START_SECONDS = 90.0
STOP_SECONDS = 30.0
STARTED = b"Kafka Server started"
_PORTS = ("CLIENT", "CONTROLLER", "PROXIED", "SECURE")


class Note(msgspec.Struct, omit_defaults=True):
    """`broker.json`. `voters`: of all nodes of its cluster; `copies`: of what brokers keep for themselves."""

    cluster: str
    ports: dict[str, int]
    node: int = 1
    voters: str = ""
    copies: int = 1
    heap: str = HEAP


class Broker:
    """`behind`: the port of a proxy; clients that come in by `proxied` are sent back to it for everything.
    `certificate`: a file in PEM with key and certificates; then it also serves by TLS, at `secured`."""

    def __init__(
        self,
        folder: Path,
        *,
        behind: int | None = None,
        certificate: Path | None = None,
        say: Say = lambda _: None,
    ) -> None:
        self.folder = folder.absolute()
        self._behind = behind
        self.certificate = certificate
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._ports: dict[str, int] = {}
        self._before = 0

    # --- what clients need ---

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._ports['CLIENT']}"

    @property
    def proxied(self) -> int:
        """The port that the proxy passes its connections on to."""
        return self._ports["PROXIED"]

    @property
    def secured(self) -> str:
        return f"127.0.0.1:{self._ports['SECURE']}"

    @property
    def password_file(self) -> Path:
        return self.folder / "admin.password"

    @property
    def log(self) -> Path:
        return self.folder / "kafka.log"

    def settings(self) -> dict[str, str]:
        """Woonketen's own settings for it."""
        return {
            "kafka": self.bootstrap,
            "kafka_user": ADMIN,
            "kafka_password_file": str(self.password_file),
            "kafka_security": "sasl_plaintext",
        }

    # --- its life ---

    def start(self) -> None:
        """Returns when it serves. Raises `Unreachable` with the reason when it does not, `ToolMissing` without Java."""
        self.begin()
        self.wait()

    def begin(self) -> None:
        """Without waiting: in a cluster none is ready before most are."""
        run, libraries = [java(), *_FLAGS], ["-cp", f"{jars(self._say)}/*"]
        heap = self._prepare([*run, *libraries])
        command = [*run, f"-Xmx{heap}", f"-Dlog4j2.configurationFile={self.folder}/log4j2.properties"]
        self._before = self.log.stat().st_size if self.log.exists() else 0
        self._process = subprocess.Popen(
            [*command, *libraries, "kafka.Kafka", str(self.folder / "server.properties")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder,
            preexec_fn=die_with_parent(signal.SIGKILL), start_new_session=True,
        )  # fmt: skip

    def wait(self) -> None:
        """Until it serves."""
        try:
            self._wait(self._before)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Cleanly; by force when it takes too long."""
        if self._process is None:
            return
        self.resume()
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _wait(self, before: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            said = _since(self.log, before)
            if STARTED in said:
                return
            if self._process is not None and self._process.poll() is not None:
                raise Unreachable(f"Kafka did not start: {_reason(said)}", f"See {self.log}.")
            if time.monotonic() > deadline:
                raise Unreachable(f"Kafka was not ready within {START_SECONDS:.0f} seconds.", f"See {self.log}.")
            time.sleep(0.05)

    # --- its folder ---

    def _prepare(self, run: list[str]) -> str:
        """What has to be there. Returns the size of its heap."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self.folder / "broker.json"
        if file.exists():
            note = msgspec.json.decode(file.read_bytes(), type=Note)
        else:
            note = new_note(cluster_id())
        if missing := set(_PORTS) - set(note.ports):
            note.ports |= {name: free_port() for name in missing}
        write_private(file, msgspec.json.encode(note).decode())
        self._ports = note.ports
        if not self.password_file.exists():
            write_private(self.password_file, secrets.token_urlsafe(24))
        password = self.password_file.read_text("ascii").strip()
        write_private(self.folder / "log4j2.properties", _lines(_logging(self.log)))
        write_private(self.folder / "server.properties", _lines(self._properties(note, password)))
        if not (self.folder / "data" / "meta.properties").exists():
            self._format(run, note.cluster, password)
        return note.heap

    def _format(self, run: list[str], cluster: str, password: str) -> None:
        done = subprocess.run(
            [*run, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self.folder / "server.properties"),
             "--add-scram", f"SCRAM-SHA-512=[name={ADMIN},password={password}]"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=START_SECONDS,
        )  # fmt: skip
        if done.returncode != 0:
            raise Unreachable("Kafka could not make its folder.", f"Is there room in {self.folder}?")

    def _properties(self, note: Note, password: str) -> dict[str, str]:
        ports = {name: note.ports[name] for name in ("CLIENT", "CONTROLLER")}
        advertised = dict(ports)
        login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
        own = {
            "listener.name.client.scram-sha-512.sasl.jaas.config": (
                f'{login} username="{ADMIN}" password="{password}";'
            )
        }
        if self._behind is not None:
            ports["PROXIED"], advertised["PROXIED"] = note.ports["PROXIED"], self._behind
            own["listener.name.proxied.scram-sha-512.sasl.jaas.config"] = f"{login};"
        if self.certificate is not None:
            ports["SECURE"] = advertised["SECURE"] = note.ports["SECURE"]
            own["listener.name.secure.scram-sha-512.sasl.jaas.config"] = f"{login};"
            own["listener.name.secure.ssl.keystore.type"] = "PEM"
            own["listener.name.secure.ssl.keystore.location"] = str(self.certificate.absolute())
        return {
            **_SETTINGS,
            **dict.fromkeys(_COPIES, str(note.copies)),
            "node.id": str(note.node),
            "controller.quorum.voters": note.voters or f"1@127.0.0.1:{note.ports['CONTROLLER']}",
            "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items()),
            "advertised.listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in advertised.items()),
            "log.dirs": str(self.folder / "data"),
            **own,
        }


def new_note(cluster: str) -> Note:
    return Note(cluster, {name: free_port() for name in _PORTS})


@contextmanager
def running(
    folder: Path, *, behind: int | None = None, certificate: Path | None = None, say: Say = lambda _: None
) -> Iterator[Broker]:
    """A broker for the length of a block; only one at a time in a folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(folder / "broker.lock", fcntl.LOCK_EX, time.monotonic() + 1):
        broker = Broker(folder, behind=behind, certificate=certificate, say=say)
        broker.start()
        try:
            yield broker
        finally:
            broker.stop()


_FLAGS = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Djava.awt.headless=true"]
"""What makes a small broker start quickly."""

_COPIES = (
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
    "share.coordinator.state.topic.replication.factor",
)

_SETTINGS = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "CLIENT",
    "listener.security.protocol.map": (
        "CLIENT:SASL_PLAINTEXT,PROXIED:SASL_PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT"
    ),
    "sasl.enabled.mechanisms": "SCRAM-SHA-512",
    "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    # ANONYMOUS is the controller's own listener, which is plain text on the loopback.
    "super.users": f"User:{ADMIN};User:ANONYMOUS",
    "allow.everyone.if.no.acl.found": "false",
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.min.isr": "1",
    "min.insync.replicas": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "log.cleaner.dedupe.buffer.size": "16777216",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "controlled.shutdown.enable": "false",
}


def _logging(log: Path) -> Mapping[str, str]:
    return {
        "status": "error",
        "appender.file.type": "RollingFile",
        "appender.file.name": "file",
        "appender.file.fileName": str(log),
        "appender.file.filePattern": f"{log}.%i",
        "appender.file.layout.type": "PatternLayout",
        "appender.file.layout.pattern": "%d %p %m (%c)%n%throwable{short.message}",
        "appender.file.policies.type": "Policies",
        "appender.file.policies.size.type": "SizeBasedTriggeringPolicy",
        "appender.file.policies.size.size": "10MB",
        "appender.file.strategy.type": "DefaultRolloverStrategy",
        "appender.file.strategy.max": "1",
        "rootLogger.level": "info",
        "rootLogger.appenderRef.file.ref": "file",
    }


def _lines(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())


def cluster_id() -> str:
    """As Kafka writes it; one that begins with a hyphen would be taken for an option."""
    while (made := base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()).startswith("-"):
        pass
    return made


def _since(log: Path, offset: int) -> bytes:
    try:
        with log.open("rb") as file:
            file.seek(offset if os.fstat(file.fileno()).st_size >= offset else 0)
            return file.read()
    except FileNotFoundError:
        return b""


def _reason(said: bytes) -> str:
    lines = [line for line in said.decode("utf-8", "replace").splitlines() if " ERROR " in line or " FATAL " in line]
    return lines[-1].partition(" ERROR ")[2] if lines else "it gave no reason"
