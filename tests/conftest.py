"""One embedded PostgreSQL for the whole run, shared by all workers of pytest-xdist; a fresh database per test file."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import wktools
from hypothesis import HealthCheck, settings
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from woonketen.orchestration.postgres import open_database, remove_database
from woonketen.streams.kafka.link import Link  # imports no client of Kafka

_FIRST = "WK_TESTS_HOME" not in os.environ  # xdist's workers inherit the first one's environment
os.environ.setdefault("WK_TESTS_PID", str(os.getpid()))
# Not tmp_path: that lies in a folder which only we may enter, and PostgreSQL may run as another user.
_HOME = Path(os.environ.setdefault("WK_TESTS_HOME", f"{tempfile.gettempdir()}/wk-tests-{secrets.token_hex(8)}"))

# No example is too slow: how long it takes is up to what else this machine does. Under CI they are the same every time.
settings.register_profile("woonketen", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("woonketen")


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The superuser's DSN; the first who asks starts it, and it ends some seconds after the last has gone."""
    _HOME.mkdir(mode=0o755, exist_ok=True)
    _HOME.chmod(0o755)
    with open_database(_HOME / "data", say=lambda _: None) as database:
        yield database.dsn


@pytest.fixture(scope="session")
def new_database(server: str) -> Callable[..., str]:
    """Makes an empty database, or a copy of the one behind a DSN, and returns its DSN. It goes with the server."""

    def make(copy_of: str | None = None) -> str:
        name = f"t_{secrets.token_hex(8)}"
        template = "template1" if copy_of is None else str(conninfo_to_dict(copy_of)["dbname"])
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(statement)
        return make_conninfo(server, dbname=name)

    return make


@pytest.fixture(scope="module")
def dsn(new_database: Callable[..., str]) -> str:
    """An empty database for this file."""
    return new_database()


@pytest.fixture(scope="module")
def scaled_template(new_database: Callable[..., str]) -> str:
    """A database of the scaled engine, as `init` leaves it, to be copied."""
    from wkscaled import prepare_scaled  # here, for it imports a client of Kafka

    dsn = new_database()
    prepare_scaled(dsn)
    return dsn


@pytest.fixture
def scaled_dsn(scaled_template: str, new_database: Callable[..., str]) -> str:
    """Such a database for one test."""
    return new_database(scaled_template)


@pytest.fixture(scope="session")
def kafka() -> dict[str, str]:
    """Woonketen's settings for a real Kafka, shared by all workers of pytest-xdist: the first who asks starts it, and
    it ends with the run. Without Java or Maven a failure under CI, else a skip that says so."""
    import wkkafka  # here, for most tests need none of it

    wkkafka.need_tools()
    _HOME.mkdir(mode=0o755, exist_ok=True)
    return wkkafka.shared(_HOME / "kafka")


@pytest.fixture(scope="session")
def java_and_maven() -> None:
    """For tests that start a Kafka of their own."""
    import wkkafka

    wkkafka.need_tools()


@pytest.fixture
def link(kafka: dict[str, str]) -> Iterator[Link]:
    """A part of that Kafka for one test: every topic and user begins with a prefix of its own, and is taken away."""
    import wkkafka

    with wkkafka.prefixed(kafka) as link:
        yield link


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line per tool that is missing, also where nobody asked for reasons of skips."""
    skipped = [each for each in terminalreporter.stats.get("skipped", []) if isinstance(each.longrepr, tuple)]
    for line in wktools.lines((each.longrepr[2], each.nodeid) for each in skipped):
        terminalreporter.write_line(line, yellow=True, bold=True)


def pytest_sessionfinish() -> None:
    if _FIRST and (_HOME / "kafka").exists():
        import wkkafka

        wkkafka.end(_HOME / "kafka")
    if _FIRST and _HOME.exists():
        remove_database(_HOME / "data")
        shutil.rmtree(_HOME, ignore_errors=True)
