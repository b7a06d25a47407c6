"""What the step of an absorbed resident does: its facts live on under the resident that both are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import psycopg

from woonketen.contracts.facts import Fact, Sealed
from woonketen.contracts.ports import Batch, LogReader, LogWriter, Vault
from woonketen.contracts.records import open_records, unpack
from woonketen.streams.core.conclusions import Conclusion
from woonketen.streams.door.reseal import merged_into, reseal
from woonketen.streams.drive.states import EVERYTHING


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
        records = log.of_residents(partition, [ref], EVERYTHING)
        facts = [unpack(clear) for _, clear in open_records(records, vault) if clear is not None]
        reseal(connection, vault, writer, [*facts, *late.get(ref, ())], into, day, partitions)
        batch.follow(ref, into)
