"""Every resident of a partition with the facts that open, one after the other: for what is counted over all of them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from itertools import groupby

from woonketen.contracts.facts import Fact, Record
from woonketen.streams.drive.course import Parts
from woonketen.streams.drive.rebuild import gather
from woonketen.streams.drive.states import EVERYTHING, opened


def residents(parts: Parts, partition: int) -> Generator[tuple[bytes, list[Fact]], None, None]:
    """In memory stands a chunk of them, whose keys are asked for together. Who was erased is not there."""
    stream = parts.stream.stream_residents(partition, EVERYTHING)
    with closing(stream):  # a reading that is left open would never let go of its connection
        for chunk in gather(groupby(stream, key=_ref)):
            opened_ones = iter(opened([record for _, records in chunk for record in records], parts.vault))
            for ref, records in chunk:
                facts = [fact for _, fact in zip(records, opened_ones, strict=False) if isinstance(fact, Fact)]
                if facts:
                    yield ref, facts


def _ref(record: Record) -> bytes:
    return record.ref or b""
