"""Every resident of a partition with its facts, one after the other: for what is counted over all of them. Of whom a
record cannot be read is not there, as it is in no view."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, suppress
from itertools import groupby

from woonketen.contracts.errors import SetAside
from woonketen.contracts.facts import Fact, Record
from woonketen.streams.drive.course import Parts
from woonketen.streams.drive.rebuild import gather
from woonketen.streams.drive.states import EVERYTHING, opened, whole


def residents(parts: Parts, partition: int) -> Generator[tuple[bytes, list[Fact]], None, None]:
    """In memory stands a chunk of them, whose keys are asked for together. Who was erased is not there."""
    stream = parts.stream.stream_residents(partition, EVERYTHING)
    with closing(stream):  # a reading that is left open would never let go of its connection
        for chunk in gather(groupby(stream, key=_ref)):
            opened_ones = iter(opened([record for _, records in chunk for record in records], parts.vault))
            for ref, records in chunk:
                facts: list[Fact] = []
                mine = [fact for _, fact in zip(records, opened_ones, strict=False)]
                with suppress(SetAside):  # withheld, so counted nowhere
                    facts = whole(mine)
                if facts:
                    yield ref, facts


def _ref(record: Record) -> bytes:
    return record.ref or b""
