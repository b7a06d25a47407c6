"""Several brokers on this machine, each also a controller: to see what happens when one of them goes.

A folder with one of `broker.py` for each: `1/`, `2/`, … They share a cluster and the operator's password.
"""

from __future__ import annotations

import fcntl
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from woonketen.orchestration.data_folder import locked, write_private
from woonketen.orchestration.kafka.broker import ADMIN, Broker, cluster_id, new_note
from woonketen.orchestration.kafka.jars import Say

HEAP = "256m"


class Cluster:
    def __init__(self, folder: Path, brokers: int = 3, *, say: Say = lambda _: None) -> None:
        self.folder = folder.absolute()
        self.brokers = [Broker(self.folder / str(number + 1), say=say) for number in range(brokers)]

    @property
    def bootstrap(self) -> str:
        return ",".join(broker.bootstrap for broker in self.brokers)

    def settings(self) -> dict[str, str]:
        """Woonketen's own settings for it."""
        return {
            "kafka": self.bootstrap,
            "kafka_user": ADMIN,
            "kafka_password_file": str(self.brokers[0].password_file),
            "kafka_security": "sasl_plaintext",
        }

    def start(self) -> None:
        """Returns when all serve; raises what a broker raises."""
        if not (self.folder / "1" / "broker.json").exists():
            self._prepare()
        for broker in self.brokers:
            broker.begin()
        for broker in self.brokers:
            broker.wait()

    def stop(self) -> None:
        """Of the test or trial that it was for: by force, for none can hand over when all go."""
        for broker in self.brokers:
            broker.kill()

    def _prepare(self) -> None:
        cluster, password = cluster_id(), secrets.token_urlsafe(24)
        notes = [new_note(cluster) for _ in self.brokers]
        voters = ",".join(f"{number + 1}@127.0.0.1:{note.ports['CONTROLLER']}" for number, note in enumerate(notes))
        for number, (note, broker) in enumerate(zip(notes, self.brokers, strict=True)):
            note.node, note.voters, note.heap = number + 1, voters, HEAP
            note.copies = min(3, len(notes))
            broker.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(broker.password_file, password)
            write_private(broker.folder / "broker.json", msgspec.json.encode(note).decode())


@contextmanager
def several(folder: Path, brokers: int = 3, *, say: Say = lambda _: None) -> Iterator[Cluster]:
    """For the length of a block; only one at a time in a folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(folder / "cluster.lock", fcntl.LOCK_EX, time.monotonic() + 1):
        cluster = Cluster(folder, brokers, say=say)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
