"""What the step of an absorbed resident does: its facts live on under the resident that both are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import psycopg

from woonketen.contracts.facts import Fact, Record, Sealed
from woonketen.contracts.ports import Batch, LogReader, LogWriter, Vault
from woonketen.contracts.records import header_of, unpack
from woonketen.streams.core.conclusions import Conclusion
from woonketen.streams.door.reseal import merged_into, reseal
from woonketen.streams.drive.states import EVERYTHING, Broken, Unreadable, open_one


def merges(arrivals: Mapping[bytes, list[tuple[int, Fact]]]) -> dict[bytes, date]:
    """Residents that were absorbed in this stretch, with the day on which that was known."""
    return {
        ref: fact.known for ref, facts in sorted(arrivals.items()) for _, fact in facts if fact.type == "subject.merged"
    }


def absorb(
    connection: psycopg.Connection[Any],
    log: LogReader,
    writer: LogWriter,
    vault: Vault,
    batch: Batch,
    partition: int,
    partitions: int,
    merged: Mapping[bytes, date],
    concluded: Iterable[Conclusion],
) -> None:
    """Seals the facts of each absorbed resident anew, with what was concluded of it and is not on the log yet."""
    if not merged:
        return
    # All counters at once and in order: we append to more than one partition, in more than one step.
    connection.execute("SELECT FROM log.counter ORDER BY partition FOR UPDATE")
    late: dict[bytes, list[Sealed]] = {}
    for conclusion in concluded:
        late.setdefault(conclusion.scope[0], []).append(conclusion.sealed)
    for ref, day in merged.items():
        into = merged_into(connection, ref)
        if into is None:
            continue
        facts, broken = _readable(log.of_residents(partition, [ref], EVERYTHING), vault)
        reseal(connection, vault, writer, [*facts, *late.get(ref, ())], into, day, partitions, unread=len(broken))
        for seq, since, error in broken:
            batch.set_aside(seq, since, error)
        batch.follow(ref, into)


def pass_on(
    connection: psycopg.Connection[Any], writer: LogWriter, vault: Vault, record: Record, day: date, partitions: int
) -> None:
    """A record of a resident that became another, and that could not be read when it did: the other gets it now."""
    into = None if record.ref is None else merged_into(connection, record.ref)
    if into is not None:
        connection.execute("SELECT FROM log.counter ORDER BY partition FOR UPDATE")
        reseal(connection, vault, writer, _readable([record], vault)[0], into, day, partitions)


def _readable(records: Sequence[Record], vault: Vault) -> tuple[list[Sealed], list[Broken]]:
    """What can be read, and what cannot: that withholds this resident, so it does so with the other."""
    ciphers = vault.ciphers({record.kid for record in records if record.kid is not None})
    facts: list[Sealed] = []
    broken: list[Broken] = []
    for record in records:
        cipher = ciphers[record.kid] if record.kid is not None else None
        if cipher is None:
            continue
        fact = open_one(record, ciphers)
        if isinstance(fact, Unreadable):
            broken.append((record.seq, record.day, fact.error))
        else:
            facts.append(unpack(cipher.open(record.sealed, header_of(record))))
    return facts, broken
