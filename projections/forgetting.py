"""What views hold of a resident goes at once, from every set; the step shows anew what other organisations told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from woonketen.contracts.errors import Unreachable
from woonketen.projections.database import told
from woonketen.projections.ddl import PEOPLE

SEALED = (
    "vault.key", "admission.pseudonym", "admission.parked", "admission.seen", "admission.outcome",
    "admission.enrolment", "gate.name", "gate.request", "gate.looks_key",
)  # fmt: skip
"""Tables whose rows hold something sealed or wrapped."""
_OF_A_PERSON = ("gate.name", "web.session", "web.visit")
"""What is kept of who looks, beside the leave to."""
_SCRUB_LOCK_TIMEOUT = "20s"


def lock_positions(processor: psycopg.Connection[Any]) -> None:
    """No worker writes rows, and none reads the log, until the transaction ends."""
    with told():
        processor.execute("SELECT FROM gate.position ORDER BY set, partition FOR UPDATE")


def forget_residents(
    processor: psycopg.Connection[Any],
    refs: Sequence[bytes],
    records: Sequence[tuple[int, int]],
    *,
    whole: bool,
    org: str = "",
    contacts: Sequence[str] = (),
) -> tuple[int, list[str]]:
    """Their rows in every set, their place in the quarantine, what was asked of `org` about them, contact data behind
    these handles; and with `whole` their leave to look, and what leads from looks to them. Returns the number of rows,
    and the roles of who may look no more."""
    rows, gone = 0, []
    with told():
        for (name,) in processor.execute("SELECT name FROM gate.set ORDER BY name").fetchall():
            for table in (*PEOPLE, "contribution", "pilot", "resident"):
                column = "v_ref" if table in PEOPLE else "ref"
                query = sql.SQL("DELETE FROM {} WHERE {} = ANY(%b)").format(
                    sql.Identifier(name, table), sql.Identifier(column)
                )
                gone_here = processor.execute(query, [list(refs)]).rowcount
                rows += gone_here
                if table == "contribution" and gone_here:  # the next step makes them anew, without what is gone
                    processor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name, "complex")))
        rows += processor.execute("DELETE FROM gate.quarantine WHERE ref = ANY(%b)", [list(refs)]).rowcount
        rows += processor.execute(
            "DELETE FROM gate.quarantine q USING unnest(%s::int[], %s::bigint[]) AS w(partition, seq)"
            " WHERE q.partition = w.partition AND q.seq = w.seq",
            [[partition for partition, _ in records], [seq for _, seq in records]],
        ).rowcount
        rows += processor.execute("DELETE FROM gate.contact WHERE handle = ANY(%s)", [list(contacts)]).rowcount
        rows += processor.execute(
            "DELETE FROM gate.request WHERE ref = ANY(%b) AND org = %s", [list(refs), org]
        ).rowcount
        if whole:
            for table in ("request", "glass", "hold", "looks_key"):
                query = sql.SQL("DELETE FROM gate.{} WHERE ref = ANY(%b)").format(sql.Identifier(table))
                rows += processor.execute(query, [list(refs)]).rowcount
            viewers = "DELETE FROM gate.viewer WHERE ref = ANY(%b) RETURNING rolname"
            gone = [rolname for (rolname,) in processor.execute(viewers, [list(refs)]).fetchall()]
            for table in _OF_A_PERSON:
                processor.execute(
                    sql.SQL("DELETE FROM {} WHERE rolname = ANY(%s)").format(sql.Identifier(*table.split("."))), [gone]
                )
    return rows + len(gone), gone


def drop_roles(owner: psycopg.Connection[Any], rolnames: Sequence[str]) -> None:
    """Of people who may look no more."""
    for rolname in rolnames:
        owner.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(rolname)))


def scrub(owner: psycopg.Connection[Any]) -> None:
    """What was deleted leaves the disk too: rows of views, wrapped keys, what admission remembered. Raises
    `Unreachable` when readers hold a table for too long: the erasure itself is done."""
    sets = [name for (name,) in owner.execute("SELECT name FROM gate.set ORDER BY name").fetchall()]
    views = [f"{name}.{table}" for name in sets for table in (*PEOPLE, "contribution", "pilot", "complex")]
    scrub_tables(owner, [*SEALED, *views])


def scrub_tables(owner: psycopg.Connection[Any], tables: Sequence[str]) -> None:
    """Writes tables and their statistics anew, and gives back the files of the write-ahead log that told what stood in
    them. Not inside a transaction; only an owner who is a superuser can do all of it."""
    try:
        owner.execute(f"SET lock_timeout = '{_SCRUB_LOCK_TIMEOUT}'")
        for table in tables:
            owner.execute(sql.SQL("VACUUM (FULL, ANALYZE) {}").format(sql.Identifier(*table.split("."))))
        if _is_superuser(owner):
            owner.execute("VACUUM FULL pg_catalog.pg_statistic")
            owner.execute("SELECT pg_switch_wal()")
            owner.execute("CHECKPOINT")
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        raise Unreachable(
            "It is done, but readers kept the tables, so that traces may be left on the disk.",
            "Say it again when it is quiet.",
        ) from None
    finally:
        if not owner.closed:
            owner.execute("RESET lock_timeout")


def _is_superuser(owner: psycopg.Connection[Any]) -> bool:
    row = owner.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    return bool(row and row[0])
