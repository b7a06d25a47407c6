"""The one place that builds: a database, its connections, the key, the rules; and what `init` makes of nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from woonketen.contracts import indicators, policy, retention
from woonketen.contracts.errors import ConfigurationError, Unreachable
from woonketen.contracts.indicators import Rules
from woonketen.contracts.policy import Policy
from woonketen.contracts.retention import Terms
from woonketen.contracts.settings import Settings
from woonketen.orchestration.postgres import open_database
from woonketen.projections import sets
from woonketen.projections.migrate import Migration, check_schema, migrate
from woonketen.streams.door.admission import check_engine, prepare
from woonketen.streams.drive.code import code_of
from woonketen.streams.kafka.link import Link, link_of
from woonketen.streams.keys import erasures
from woonketen.streams.keys.kek import Keys, load_kek, make_kek
from woonketen.streams.keys.ledger import Ledger
from woonketen.streams.keys.vault import PostgresVault
from woonketen.streams.log import postgres

PROCESSOR = "woonketen_processor"
_OPEN = 0x776B_0020
_STREAMS = (
    (10, "log"),
    (20, "vault"),
    (30, "admission"),
    (40, "window"),
    (50, "told"),
    (60, "aliens"),
    (140, "proofs"),
)


@dataclass(frozen=True)
class Rulebook:
    """Policy, indicators and retention terms; the texts of the first two, and the hash of them and of the code that a
    set of views belongs to."""

    policy: Policy
    rules: Rules
    terms: Terms
    texts: tuple[str, str] = field(repr=False)

    @cached_property
    def code(self) -> str:
        return code_of(*self.texts)


@dataclass(frozen=True)
class Parts:
    """What a platform is made of. `owner` may make roles and views; `processor` has the processor's role; `link` leads
    to Kafka where that is the engine."""

    settings: Settings
    dsn: str = field(repr=False)
    keys: Keys
    rulebook: Rulebook
    owner: psycopg.Connection[Any]
    processor: psycopg.Connection[Any]
    vault: PostgresVault
    ledger: Ledger
    link: Link | None = None

    @property
    def place(self) -> postgres.Place:
        return postgres.place_of(self.settings.engine)


def migrations() -> list[Migration]:
    """Those of log, vault and admission; the projections know their own."""
    folder = files("woonketen.streams") / "sql"
    return [(f"{number:04}_{name}", (folder / f"{name}.sql").read_text("utf-8")) for number, name in _STREAMS]


def dsn_of(settings: Settings) -> str | None:
    """Where the database is, with the password out of its file: a secret that is mounted stays out of environments."""
    if settings.database is None or settings.database_password_file is None:
        return settings.database
    try:
        password = settings.database_password_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(
            f"{settings.database_password_file} cannot be read.", "Mend `database_password_file`."
        ) from None
    return make_conninfo(settings.database, password=password)


def rulebook(settings: Settings) -> Rulebook:
    """Raises `PolicyError`, `IndicatorError`, `RetentionError`, or `ConfigurationError` for a file that cannot be
    read."""
    told = _text(settings.policy, "policy.csv")
    numbers = _text(settings.indicators, "indicators.yaml")
    terms = retention.load(_text(settings.retention, "retention.csv"))
    return Rulebook(policy.load(told), indicators.load(numbers), terms, (told, numbers))


@contextmanager
def prepared(
    settings: Settings, open_day: date, partitions: int, say: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """Everything that has to be there, made where it is not; kept open. Yields what stands now."""
    rules = rulebook(settings)
    link = _link(settings)
    with (
        open_database(settings.data, dsn_of(settings), say=say) as database,
        psycopg.connect(database.dsn, autocommit=True) as owner,
    ):
        _refuse_lost_key(owner, settings)
        if make_kek(settings.kek, settings.data):
            say(f"made the key {settings.kek}: keep a copy in a safe place, apart from the data")
        ledger = Ledger(settings.ledger_file)
        if not erasures.belongs_to(owner) and ledger.make(settings.data):
            say(f"made the erasure ledger {ledger.path}: keep a copy of it apart from the backups")
        keys = load_kek(settings.kek, settings.data)
        version = migrate(owner, migrations())
        there = postgres.make_partitions(owner, partitions)
        if link is not None:
            from woonketen.orchestration.kafka import topics

            topics.prepare(link, there)
        prepare(owner, open_day, there, settings.engine)
        check_engine(owner, settings.engine)
        sets.prepare(owner, rules.code, range(there))
        with owner.transaction():
            owner.execute(f"SET LOCAL ROLE {PROCESSOR}")
            PostgresVault(owner, keys).check()
            erasures.adopt(owner, ledger.read())
        yield {
            "data": str(settings.data),
            "database": database.origin,
            "engine": settings.engine,
            "schema_version": version,
        }


@contextmanager
def opened(settings: Settings, *, before_replay: bool = False, alone: bool = False) -> Iterator[Parts]:
    """The parts on a database that answers, with a schema and a key that fit, in which every erasure of the ledger is
    done (`before_replay`: those that do them). `alone`: nobody else has it open meanwhile."""
    link = _link(settings)
    if settings.database is None and not settings.data.is_dir():
        raise ConfigurationError(f"There is no installation in {settings.data}.", "Run `woonketen init`.")
    load_kek(settings.kek, settings.data)  # before a server is started for nothing
    with (
        open_database(settings.data, dsn_of(settings)) as database,
        psycopg.connect(database.dsn, autocommit=True) as owner,
        psycopg.connect(database.dsn, autocommit=True) as processor,
    ):
        check_schema(owner, migrations())
        check_engine(owner, settings.engine)
        _share(owner, alone)
        keys = load_kek(settings.kek, settings.data)  # again: nobody changes it from here on
        processor.execute(f"SET ROLE {PROCESSOR}")
        vault = PostgresVault(processor, keys)
        vault.check()
        ledger = Ledger(settings.ledger_file)
        waiting = erasures.not_done(processor, ledger.read())
        if waiting and not before_replay:
            raise ConfigurationError(
                f"{len(waiting)} erasures of the ledger are not done in this database.",
                "Run `woonketen ledger replay`.",
            )
        yield Parts(settings, database.dsn, keys, rulebook(settings), owner, processor, vault, ledger, link)


def _share(owner: psycopg.Connection[Any], alone: bool) -> None:
    """Whoever has the platform open shares a lock that a change of the keys wants for itself."""
    asked = "pg_try_advisory_lock" if alone else "pg_try_advisory_lock_shared"
    row = owner.execute(f"SELECT {asked}(%s)", [_OPEN]).fetchone()
    if not row or not row[0]:
        raise Unreachable(
            "Another woonketen process has this installation open." if alone else "The keys are being changed.",
            "End it, then try again." if alone else "Try again when that is done.",
        )


def _link(settings: Settings) -> Link | None:
    return link_of(settings) if settings.engine == "kafka" else None


def _refuse_lost_key(owner: psycopg.Connection[Any], settings: Settings) -> None:
    """A new key beside data that was sealed under another would never open it."""
    if settings.kek.exists():
        return
    found = owner.execute("SELECT to_regclass('vault.known_kek') IS NOT NULL").fetchone()
    if found and found[0] and owner.execute("SELECT FROM vault.known_kek").fetchone() is not None:
        raise ConfigurationError(
            f"There is no key file {settings.kek}, but there is data that was sealed with one.",
            "Put the key back from its backup; a new one could not open anything.",
        )


def _text(path: Path | None, shipped: str) -> str:
    if path is None:
        return (files("woonketen.contracts") / shipped).read_text("utf-8")
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.", "Mend the settings.") from None
