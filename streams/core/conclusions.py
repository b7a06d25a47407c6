"""What the platform concludes of a resident at the close of a day, as an event of its own on the log.

Everything of it follows from resident, rule and day, so a second worker, a replay and a rebuild make the same bytes.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from woonketen.contracts import catalogue
from woonketen.contracts.facts import Fact, Record, Sealed
from woonketen.contracts.records import PLATFORM, PLATFORM_SOURCE, pack, warning_class
from woonketen.streams.core.fold import open_record
from woonketen.streams.core.judge import Emission

JUDGED = frozenset(
    {
        "warning.opened",
        "warning.raised",
        "warning.lowered",
        "warning.closed",
        "warning.voided",
        "warning.suspended",
        "warning.resumed",
    }
)
"""Types that only a judgement makes; the other warning types are answers of people."""


class Conclusion:
    """An emission in the forms in which it is needed: sealed on the log, folded into the state."""

    __slots__ = ("day", "fact", "scope", "sealed")

    def __init__(self, ref: bytes, day: date, emission: Emission) -> None:
        contract = catalogue.contract_of(emission.type)
        self.day = day
        self.sealed = Sealed(
            emission.type,
            contract.version,
            PLATFORM,
            PLATFORM_SOURCE,
            emission.id,
            datetime.combine(day, time(), UTC),
            None,
            catalogue.encode(emission.payload),
        )
        # A key of its own for each episode: it goes with the evidence.
        self.scope = (ref, PLATFORM, warning_class(emission.payload.warning_id))
        self.fact: Fact = open_record(Record(0, 0, day, "fact", ref, None, b""), pack(self.sealed))


def is_own(fact: Fact, recorded: date) -> bool:
    """Whether a record holds what this partition's own judgement appended for the close of the record's day: it was
    folded, and its rows written, when it was made. After a merge the same types come under a later day."""
    return fact.type in JUDGED and fact.known == recorded
