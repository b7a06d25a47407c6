"""Residents' facts from the log, opened; a bounded number of residents stays in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from types import MappingProxyType

import msgspec

from woonketen.contracts.errors import Refusal, SetAside, WrongKey
from woonketen.contracts.facts import Fact, Record, State
from woonketen.contracts.ports import Cipher, LogReader, Vault
from woonketen.contracts.records import header_of
from woonketen.streams.core.conclusions import is_own
from woonketen.streams.core.desk import Desk
from woonketen.streams.core.effective import unfit
from woonketen.streams.core.fold import empty, fold, open_record

EVERYTHING = 2**62
"""Behind every record."""
CACHED_FACTS = 150_000
"""About 320 MB, with what lies on the desks."""


Broken = tuple[int, date, str]
"""Number, day and kind of error of a record that cannot be read."""
NOTHING: Mapping[int, bool] = MappingProxyType({})


class Unreadable(msgspec.Struct, frozen=True):
    """In the place of a fact: the record does not open, or does not decode. `error` names the kind of error only."""

    error: str


Told = Fact | Unreadable | None

ASIDE = Unreadable("aside")
"""Stands in the quarantine, and is not tried again before somebody asks for it: opening it may end the process."""


def opened(records: Sequence[Record], vault: Vault, aside: Mapping[int, bool] = NOTHING) -> list[Told]:
    """The fact in each record; None where the key was destroyed (it reads as erased), and for the close of a day.

    `aside`: of this partition, what stands in the quarantine by number, and whether it was discarded: that reads as
    erased. Raises `KeyMissing` and `Unreachable` as the vault does: *unknown* is never taken for *erased*.
    """
    ciphers = vault.ciphers({record.kid for record in records if record.kid is not None})
    if not aside:
        return [open_one(record, ciphers) for record in records]
    return [
        open_one(record, ciphers) if record.seq not in aside else _aside(record, ciphers, aside) for record in records
    ]


def open_one(record: Record, ciphers: Mapping[bytes, Cipher | None]) -> Told:
    if record.kid is None:
        return None
    cipher = ciphers[record.kid]
    if cipher is None:
        return None
    try:
        return open_record(record, cipher.open(record.sealed, header_of(record)))
    except (WrongKey, Refusal, msgspec.MsgspecError) as error:
        return Unreadable(type(error).__name__)


def _aside(record: Record, ciphers: Mapping[bytes, Cipher | None], aside: Mapping[int, bool]) -> Unreadable | None:
    gone = aside[record.seq] or record.kid is None or ciphers[record.kid] is None
    return None if gone else ASIDE


def whole(told: Iterable[Told]) -> list[Fact]:
    """A resident's facts. Raises `SetAside` when any of them cannot be read."""
    facts = []
    for each in told:
        if isinstance(each, Unreadable):
            raise SetAside
        if each is not None:
            facts.append(each)
    if unfit(facts):
        raise SetAside
    return facts


class States:
    """The residents of one partition as they are after its last applied record. `aside`: see `opened`; `unread`: of
    whom a record could not be read when they were loaded, with its number, its day and the kind of error."""

    def __init__(self, log: LogReader, vault: Vault, partition: int, cached: int = CACHED_FACTS) -> None:
        self._log, self._vault, self._partition = log, vault, partition
        self._cached = cached
        self._facts = 0
        self._states: OrderedDict[bytes, tuple[State, Desk]] = OrderedDict()
        self.aside: Mapping[int, bool] = NOTHING
        self.unread: dict[bytes, list[Broken]] = {}

    def load(self, refs: Iterable[bytes], upto: int, closed: date) -> dict[bytes, State]:
        """As of the last applied record `upto`, `closed` being the last close before it: with what was concluded at the
        closes up to then, which lies anywhere behind. What does not open is left out, and the resident
        stands in `unread`."""
        found, missing = {}, []
        self.unread = {}
        for ref in refs:
            kept = self._states.get(ref)
            if kept is None:
                missing.append(ref)
            else:
                found[ref] = kept[0]
        if missing:
            facts = self.facts(missing, upto, closed)
            found |= {ref: fold(empty(ref), facts.get(ref, ())) for ref in missing}
        return found

    def facts(self, refs: Collection[bytes], upto: int, closed: date) -> dict[bytes, list[Fact]]:
        """The same, unfolded, in the order of the log."""
        told = self._log.of_residents(self._partition, refs, EVERYTHING)
        records = [record for record in told if record.seq <= upto or record.day <= closed]
        found: dict[bytes, list[Fact]] = {}
        for record, fact in zip(records, opened(records, self._vault, self.aside), strict=True):
            if isinstance(fact, Unreadable) and record.ref is not None and record.seq <= upto:
                self.unread.setdefault(record.ref, []).append((record.seq, record.day, fact.error))
            counts = isinstance(fact, Fact) and (record.seq <= upto or is_own(fact, record.day))
            if counts and record.ref is not None:
                found.setdefault(record.ref, []).append(fact)  # type: ignore[arg-type]
        return found

    def desk(self, ref: bytes) -> Desk:
        """What lies there of the state that is in memory."""
        kept = self._states.get(ref)
        return Desk() if kept is None else kept[1]

    def keep(self, state: State, desk: Desk | None = None) -> None:
        """`desk`: of this very state."""
        self.drop(state.ref)
        self._states[state.ref] = (state, desk or Desk())
        self._facts += len(state.facts)
        while self._facts > self._cached and len(self._states) > 1:
            _, (gone, _) = self._states.popitem(last=False)
            self._facts -= len(gone.facts)

    def drop(self, ref: bytes) -> None:
        gone = self._states.pop(ref, None)
        if gone is not None:
            self._facts -= len(gone[0].facts)
