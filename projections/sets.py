"""The two sets of tables: making one, showing it, going over to the other and back. As the database's owner."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from woonketen.contracts.errors import Behind, ConfigurationError, Unreachable
from woonketen.projections import measure
from woonketen.projections.database import stepped_into, told
from woonketen.projections.ddl import SETS, schemas_sql, set_sql, views_sql

_PROCESSOR = "woonketen_processor"
_REBUILDING = 0x776B_0012
_TRIES = 30
_LOCK_TIMEOUT = "2s"
_PAUSE_SECONDS = 0.05


def prepare(owner: psycopg.Connection[Any], code: str, partitions: Sequence[int]) -> None:
    """The first set, live, with the views over it; nothing when there is one."""
    with told(), owner.transaction():
        owner.execute("LOCK TABLE gate.set IN EXCLUSIVE MODE")
        if owner.execute("SELECT FROM gate.set").fetchone() is not None:
            return
        _make(owner, SETS[0], code, partitions, live=True)
        owner.execute(schemas_sql())
        _show(owner, SETS[0])


def live_set(connection: psycopg.Connection[Any]) -> tuple[str, str]:
    """Name and code of the set that is read."""
    row = connection.execute("SELECT name, code FROM gate.set WHERE live").fetchone()
    if row is None:
        raise ConfigurationError("The database is not prepared for this program.", "Run `woonketen init`.")
    return row[0], row[1]


def positions(owner: psycopg.Connection[Any], name: str) -> dict[int, int]:
    """The last record applied per partition of a set."""
    with owner.transaction(), stepped_into(owner, _PROCESSOR):
        return dict(owner.execute("SELECT partition, last FROM gate.position WHERE set = %s", [name]).fetchall())


def other_set(name: str) -> str:
    return SETS[1 - SETS.index(name)]


@contextmanager
def alone(owner: psycopg.Connection[Any]) -> Iterator[None]:
    """One rebuild or way back at a time. Raises `ConfigurationError` when another one runs."""
    tries_left = _TRIES  # the server notices a moment later that one was killed
    while owner.execute("SELECT pg_try_advisory_lock(%s)", [_REBUILDING]).fetchone() != (True,):
        if not tries_left:
            raise ConfigurationError("Another rebuild is running.", "Wait until it has ended.")
        tries_left -= 1
        time.sleep(_PAUSE_SECONDS)
    try:
        yield
    finally:
        if not owner.closed:
            owner.execute("SELECT pg_advisory_unlock(%s)", [_REBUILDING])


def make_fresh(owner: psycopg.Connection[Any], code: str) -> str:
    """An empty set beside the live one, in the place of what stood there, and its name."""
    with told(), owner.transaction():
        live, _ = live_set(owner)
        partitions = positions(owner, live)
        fresh = other_set(live)
        owner.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(fresh)))
        owner.execute("DELETE FROM gate.set WHERE name = %s", [fresh])
        _make(owner, fresh, code, sorted(partitions), live=False)
    return fresh


def swap(owner: psycopg.Connection[Any], fresh: str, last_steps: Callable[[], None] = lambda: None) -> None:
    """Lets everybody read the fresh set from now on; no read fails for it. The old set stays for the way back.

    `last_steps` runs while no worker can write: on a connection of its own it may bring the fresh set to the live one's
    position, and compare them. It may run more than once. Raises `Behind` when the positions are not equal after it.
    """
    for tries_left in reversed(range(_TRIES)):
        try:
            with owner.transaction():
                _lock(owner)
                last_steps()
                _refuse_behind(owner, fresh)
                _turn(owner, fresh)
            return
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            # Somebody reads or writes for long. Others must not wait behind us, so we step back and come again.
            if not tries_left:
                raise Unreachable("The views are in use all the time, so the fresh set was not swapped in.",
                                  "Run `woonketen rebuild` again.") from None  # fmt: skip
            time.sleep(_PAUSE_SECONDS)


def swap_back(owner: psycopg.Connection[Any]) -> str:
    """Shows the set again that was read before the last swap, as it was then; the program whose code it comes from
    brings it up to date. Returns its name. Raises `ConfigurationError` when there is none."""
    with told(), owner.transaction():
        _lock(owner)
        back = other_set(live_set(owner)[0])
        if owner.execute("SELECT FROM gate.set WHERE name = %s AND shown", [back]).fetchone() is None:
            raise ConfigurationError("There is no earlier set of views to go back to.", "Run `woonketen rebuild`.")
        _turn(owner, back)
    return back


def _lock(owner: psycopg.Connection[Any]) -> None:
    """The positions of the live set: until the end of this transaction no worker writes rows of it."""
    owner.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
    with stepped_into(owner, _PROCESSOR):
        owner.execute(
            "SELECT FROM gate.position WHERE set = (SELECT name FROM gate.set WHERE live) ORDER BY partition FOR UPDATE"
        )


def _refuse_behind(owner: psycopg.Connection[Any], fresh: str) -> None:
    if positions(owner, fresh) != positions(owner, other_set(fresh)):
        raise Behind("The fresh set of views has not caught up, so it was not swapped in.", "Run it again.")


def _turn(owner: psycopg.Connection[Any], to: str) -> None:
    owner.execute("UPDATE gate.set SET live = false WHERE live")
    owner.execute("UPDATE gate.set SET live = true, shown = true WHERE name = %s", [to])
    _show(owner, to)


def _make(owner: psycopg.Connection[Any], name: str, code: str, partitions: Sequence[int], *, live: bool) -> None:
    owner.execute(set_sql(name))
    owner.execute("INSERT INTO gate.set (name, code, live, shown) VALUES (%s, %s, %s, %s)", [name, code, live, live])
    with stepped_into(owner, _PROCESSOR):
        owner.execute(
            "INSERT INTO gate.position (set, partition) SELECT %s, unnest(%s::int[])", [name, list(partitions)]
        )


def _show(owner: psycopg.Connection[Any], in_set: str) -> None:
    """The views over this set. Where the columns are others than before, a view must be dropped and made again; readers
    wait for the end of this transaction and then find the new one."""
    for view, query in views_sql(in_set).items():
        made = f"VIEW {view} WITH (security_invoker = true, security_barrier = true) AS {query}"
        try:
            with owner.transaction():
                owner.execute(f"CREATE OR REPLACE {made}")
        except psycopg.errors.InvalidTableDefinition:
            owner.execute(f"DROP VIEW {view}; CREATE {made}")
        group = view.split(".")[0].removeprefix("view_")
        owner.execute(f"GRANT SELECT ON {view} TO woonketen_{group}")
    measure.show(owner, in_set)
