"""What one organisation's data about one resident are, and how they go: keys, what admission remembers, what waits.

The log keeps its records; without their keys they read as erased. What other organisations told stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
import psycopg

from woonketen.contracts.facts import Event, Fact, Record
from woonketen.contracts.ports import LogReader
from woonketen.contracts.records import PLATFORM, partition_of
from woonketen.streams.door.parking import open_parked
from woonketen.streams.door.standing import Seals, erased_token
from woonketen.streams.drive.states import EVERYTHING, opened
from woonketen.streams.keys.kek import Keys
from woonketen.streams.keys.vault import PostgresVault

REMEMBERED = timedelta(days=30)


class Doomed(msgspec.Struct, frozen=True):
    """`refs`: the resident and whoever was merged into it; `kids`: the living keys that go; `events`: keys of the
    organisation's events; `records`: (partition, seq) of what reads as erased afterwards; `whole`: no other
    organisation has told anything, so that nothing of the resident stays; `signals`: ids of what was signalled, also of
    what waits: contact data lie under them; `facts`: what goes and can be read, `unread`: whether some cannot."""

    org: str
    refs: Sequence[bytes]
    sivs: Sequence[bytes]
    kids: Sequence[bytes]
    events: Sequence[bytes]
    records: Sequence[tuple[int, int]]
    whole: bool
    signals: Sequence[str] = ()
    facts: Sequence[Fact] = ()
    unread: bool = False

    @property
    def nothing(self) -> bool:
        return not (self.refs or self.kids or self.events)


def find(
    connection: psycopg.Connection[Any],
    seals: Seals,
    vault: PostgresVault,
    log: LogReader,
    org: str,
    is_meant: Callable[[str], bool],
    siv: bytes | None,
    kids: Collection[bytes] = (),
) -> Doomed:
    """Under admission's lock and that of the views' positions, in the transaction that destroys. `is_meant` tells
    whether a pseudonym of the organisation is the one; `siv`: the same sealed, if it is known. `kids`: keys that are
    known to be the resident's (from the ledger)."""
    sivs = [siv] if siv is not None else _sivs(connection, seals.keys, org, is_meant)
    refs = _refs(connection, sivs, kids, org)
    names = _names(connection, seals.keys, org, refs)
    partitions = _partitions(connection)
    living = vault.living(refs)
    own = {kid for kid, (_, whose) in living.items() if whose == org} | (set(kids) & living.keys())
    told: list[tuple[Any, Fact]] = []
    unread: list[Record] = []
    for ref in refs:
        records = log.of_residents(partition_of(ref, partitions), [ref], EVERYTHING)
        for record, fact in zip(records, opened(records, vault), strict=True):
            if isinstance(fact, Fact):
                told.append((record, fact))
            elif fact is not None:
                unread.append(record)
    mine = [fact for _, fact in told if fact.org == org]
    whole = bool(refs) and all(whose in (org, PLATFORM) for _, whose in living.values())
    gone = set(living) if whole else own | _resting_on({fact.id for fact in mine}, [fact for _, fact in told])
    waiting = _waiting(connection, seals, org, lambda subject: is_meant(subject) or subject in names)
    signalled = [fact for _, fact in told if fact.type == "arrears.signalled" and (whole or fact.org == org)]
    return Doomed(
        org,
        refs,
        sivs,
        sorted(gone),
        sorted({*(fact.key for fact in mine), *(key for key, _ in waiting)}),
        [(each.partition, each.seq) for each in (*(record for record, _ in told), *unread) if each.kid in gone],
        whole,
        [*(fact.data.signal_id for fact in signalled), *(signal for _, signal in waiting if signal)],
        [fact for _, fact in told if fact.kid in gone],
        any(each.kid in gone for each in unread),
    )


def forget(connection: psycopg.Connection[Any], keys: Keys, doomed: Doomed, day: date) -> int:
    """Takes it out of admission's tables. Of the events only a keyed hash is remembered, for thirty days. Returns the
    number of rows."""
    seen = connection.execute("DELETE FROM admission.seen WHERE key = ANY(%b) RETURNING key", [list(doomed.events)])
    tokens = [erased_token(keys, bytes(key)) for (key,) in seen.fetchall()]
    connection.execute(
        "INSERT INTO admission.erased (token, until) SELECT unnest(%b::bytea[]), %s ON CONFLICT DO NOTHING",
        [tokens, day + REMEMBERED],
    )
    values = {
        "events": list(doomed.events),
        "refs": list(doomed.refs),
        "sivs": list(doomed.sivs),
        "org": doomed.org,
        "whole": doomed.whole,
    }
    rows = len(tokens)
    for table, condition in (
        ("parked", "key = ANY(%(events)b)"),
        ("outcome", "key = ANY(%(events)b)"),
        ("enrolment", "key = ANY(%(events)b) OR (%(whole)s AND ref = ANY(%(refs)b))"),
        ("signalling", "key = ANY(%(events)b) OR (%(whole)s AND ref = ANY(%(refs)b))"),
        ("pseudonym", "siv = ANY(%(sivs)b) OR (ref = ANY(%(refs)b) AND (%(whole)s OR org = %(org)s))"),
        ("link", "ref = ANY(%(refs)b) AND (%(whole)s OR %(org)s IN (by_org, for_org))"),
        ("merged", "%(whole)s AND (ref = ANY(%(refs)b) OR into_ref = ANY(%(refs)b))"),
    ):
        rows += connection.execute(f"DELETE FROM admission.{table} WHERE {condition}", values).rowcount
    return rows


def _sivs(connection: psycopg.Connection[Any], keys: Keys, org: str, is_meant: Callable[[str], bool]) -> list[bytes]:
    rows = connection.execute("SELECT siv FROM admission.pseudonym WHERE org = %s", [org]).fetchall()
    return [bytes(siv) for (siv,) in rows if is_meant(keys.subject(org, bytes(siv)))]


def _refs(connection: psycopg.Connection[Any], sivs: Sequence[bytes], kids: Collection[bytes], org: str) -> list[bytes]:
    rows = connection.execute(
        "WITH own AS (SELECT ref FROM admission.pseudonym WHERE siv = ANY(%b)"
        " UNION SELECT ref FROM vault.key WHERE kid = ANY(%b) AND ref IS NOT NULL AND org = %s)"
        " SELECT ref FROM own UNION SELECT m.ref FROM admission.merged m JOIN own ON m.into_ref = own.ref ORDER BY ref",
        [list(sivs), list(kids), org],
    ).fetchall()
    return [bytes(ref) for (ref,) in rows]


def _names(connection: psycopg.Connection[Any], keys: Keys, org: str, refs: Sequence[bytes]) -> set[str]:
    """All pseudonyms that the organisation has for these: after a merge there may be two."""
    rows = connection.execute(
        "SELECT siv FROM admission.pseudonym WHERE org = %s AND ref = ANY(%b)", [org, list(refs)]
    ).fetchall()
    return {keys.subject(org, bytes(siv)) for (siv,) in rows}


def _resting_on(ids: Collection[str], facts: Sequence[Fact]) -> set[bytes]:
    """The keys of warnings whose evidence is among what goes: each warning has one of its own."""
    return {
        fact.kid
        for fact in facts
        if fact.kid is not None and not set(getattr(fact.data, "evidence", ())).isdisjoint(ids)
    }


def _waiting(
    connection: psycopg.Connection[Any], seals: Seals, org: str, is_meant: Callable[[str], bool]
) -> list[tuple[bytes, str | None]]:
    """What waits: its key, and the id of the signal that it is."""
    rows = connection.execute("SELECT key, sealed FROM admission.parked WHERE org = %s", [org]).fetchall()
    found = []
    for key, sealed in rows:
        event = open_parked(seals, bytes(key), bytes(sealed))
        if event.subject is not None and is_meant(event.subject):
            found.append((bytes(key), _signal(event)))
    return found


def _signal(event: Event) -> str | None:
    if not event.type.endswith("arrears.signalled"):
        return None
    return str(msgspec.json.decode(event.data).get("signal_id"))


def _partitions(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT partitions FROM admission.settings").fetchone()
    assert row is not None
    return int(row[0])
