"""A rebuild from one end to the other: a fresh set beside the live one, filled, brought level, compared, swapped in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
import psycopg

from woonketen.contracts import indicators, policy
from woonketen.projections import sets
from woonketen.projections.store import PostgresViews, count_differences
from woonketen.streams.drive.catch_up import finish, follow
from woonketen.streams.drive.code import code_of
from woonketen.streams.drive.course import Parts, Streaming
from woonketen.streams.drive.rebuild import Filled, fill
from woonketen.streams.drive.worker import Worker
from woonketen.streams.kafka.link import Link
from woonketen.streams.keys.kek import Keys
from woonketen.streams.keys.vault import PostgresVault
from woonketen.streams.log.postgres import EMBEDDED, SCALED, Place, PostgresLog

_PROCESSOR = "SET ROLE woonketen_processor"
_KEYS_IN_MEMORY = 2_000  # a rebuild opens a resident's facts once and never comes back to its keys


@dataclass(frozen=True)
class Source:
    """What a process needs to read the log and write views, in a form that can be sent to another one. `policy` and
    `indicators` are the texts of the files; `link` is set where Kafka holds the log."""

    dsn: str = field(repr=False)
    kek: bytes = field(repr=False)
    policy: str = field(repr=False)
    indicators: str = field(repr=False)
    link: Link | None = field(default=None, repr=False)

    @property
    def place(self) -> Place:
        return EMBEDDED if self.link is None else SCALED

    @property
    def code(self) -> str:
        return code_of(self.policy, self.indicators)


class Report(msgspec.Struct, frozen=True):
    """`differences`: per view the rows that are not those of the set before, and (`verify`) `warnings raised`, the
    conclusions that a second judging does not share."""

    filled: Filled
    seconds: float
    differences: dict[str, int]


@contextmanager
def make_worker(source: Source, partitions: int) -> Iterator[Worker]:
    """A worker on a connection of its own."""
    with psycopg.connect(source.dsn, autocommit=True) as connection:
        connection.execute(_PROCESSOR)
        keys = Keys.unpacked(source.kek)
        vault = PostgresVault(connection, keys)
        yield Worker(
            connection,
            PostgresLog(connection, vault, source.place),
            vault,
            PostgresViews(connection, source.code),
            policy=policy.load(source.policy),
            rules=indicators.load(source.indicators),
            pseudonym_key=keys.minted,
            partitions=partitions,
        )


def _stream(source: Source, reading: psycopg.Connection[Any], vault: PostgresVault) -> Streaming:
    if source.link is None:
        return PostgresLog(reading, vault)
    from woonketen.streams.kafka.staged import Staged  # who has no Kafka needs no client of it

    return Staged(reading, vault, source.link)


@contextmanager
def make_parts(source: Source, into: str) -> Iterator[Parts]:
    """What fills the set `into`."""
    with (
        psycopg.connect(source.dsn, autocommit=True) as connection,
        psycopg.connect(source.dsn, autocommit=True) as reading,
    ):
        connection.execute(_PROCESSOR)
        reading.execute(_PROCESSOR)
        keys = Keys.unpacked(source.kek)
        vault = PostgresVault(connection, keys, cached=_KEYS_IN_MEMORY)
        yield Parts(
            connection=connection,
            log=PostgresLog(connection, vault, source.place),
            vault=vault,
            views=PostgresViews(connection, source.code, into),
            stream=_stream(source, reading, vault),
            policy=policy.load(source.policy),
            rules=indicators.load(source.indicators),
            pseudonym_key=keys.minted,
        )


def rebuild(
    owner: psycopg.Connection[Any],
    source: Source,
    *,
    verify: bool = False,
    processes: int = 2,
    on_progress: Callable[[Filled], None] = lambda filled: None,
) -> Report:
    """All views anew, by this program, policy and indicators; they are read from then on. The set before is kept.

    `owner`: an autocommit connection of the database's owner. Raises `ConfigurationError` while another rebuild runs.
    """
    began = time.monotonic()
    with sets.alone(owner):
        live, _ = sets.live_set(owner)
        fresh = sets.make_fresh(owner, source.code)
        upto = sets.positions(owner, live)
        filled = fill(
            partial(make_parts, source, fresh), upto, verify=verify, processes=processes, on_progress=on_progress
        )
        differences: dict[str, int] = {}
        with make_parts(source, fresh) as parts:

            def level() -> None:
                for partition, last in sets.positions(owner, live).items():
                    follow(parts, partition, last)

            def level_and_compare() -> None:
                level()
                finish(parts, upto)
                differences.update(count_differences(parts.connection, live, fresh))

            level()  # the most of it while the others still work
            sets.swap(owner, fresh, level_and_compare)
    if verify:
        differences["warnings raised"] = filled.differences
    return Report(filled, time.monotonic() - began, differences)
