"""Kafka's libraries: fetched once by Maven into a cache outside the repository, and the Java that runs them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from woonketen.contracts.errors import ConfigurationError, Unreachable
from woonketen.orchestration.data_folder import locked

JAVA = 17
FETCH_SECONDS = 600
Say = Callable[[str], None]


class ToolMissing(ConfigurationError):
    """Java or Maven is not on this machine."""


def java() -> str:
    """Raises `ToolMissing` where there is none, or an old one."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if found is None:
        raise ToolMissing(
            "Kafka needs Java, and there is none here.", f"On Debian: apt-get install openjdk-{JAVA}-jre-headless"
        )
    said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False, timeout=60).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < JAVA:
        raise ToolMissing(
            f"Kafka needs Java {JAVA} or newer; {found} is older.",
            f"On Debian: apt-get install openjdk-{JAVA}-jre-headless, or set JAVA_HOME.",
        )
    return found


def jars(say: Say) -> Path:
    """The folder with Kafka's libraries; fetched when this version's is not there yet. Two at a time wait."""
    pom = (files("woonketen.orchestration.kafka") / "pom.xml").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "woonketen"
    folder = cache / f"kafka-{hashlib.sha256(pom).hexdigest()[:12]}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "fetch.lock", fcntl.LOCK_EX, time.monotonic() + FETCH_SECONDS):
        if not folder.is_dir():
            say("fetching Apache Kafka with Maven (45 MB, once)")
            fetch(pom, folder)
    return folder


def fetch(pom: bytes, folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise ToolMissing("Kafka is fetched with Maven, and there is none here.", "On Debian: apt-get install maven")
    making = folder.with_name(folder.name + ".making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    try:
        (making / "pom.xml").write_bytes(pom)
        command = [maven, "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={making}/libs"]
        try:
            done = subprocess.run(
                command, cwd=making, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                timeout=FETCH_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Unreachable("Maven did not fetch Kafka in time.", "Look at the network, then try again.") from None
        if done.returncode != 0:
            lines = [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")]
            raise Unreachable(
                f"Maven could not fetch Kafka: {lines[0][8:] if lines else 'it gave no reason'}",
                "It needs a Maven repository once; ~/.m2/settings.xml can name a mirror.",
            )
        (making / "libs").rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
