"""The seams between the pure core and the world. A docstring here is a port's specification; `tests/ports` runs it
against every implementation (memory, PostgreSQL; Kafka later).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from typing import Any, Protocol

import msgspec

from woonketen.contracts.facts import Record
from woonketen.contracts.views import Row, Warn


class Draft(Protocol):
    """A record before it has its place: everything but `seq`, and the clear text instead of the sealed bytes."""

    partition: int
    day: date
    kind: str
    ref: bytes | None
    kid: bytes | None
    clear: bytes


class Cipher(Protocol):
    """One data key. `header` is bound to the sealed text: another header does not open it."""

    def seal(self, clear: bytes, header: bytes) -> bytes: ...

    def open(self, sealed: bytes, header: bytes) -> bytes:
        """Raises `WrongKey` when key, text or header do not belong together."""
        ...


class Destroyed(Protocol):
    """The tombstone of a key: the resident reads as erased."""

    on: date


class Vault(Protocol):
    """The data keys: one per resident × organisation × retention class, wrapped outside the log."""

    def ciphers(self, kids: Collection[bytes]) -> Mapping[bytes, Cipher | None]:
        """A cipher per key id; `None` where the key was destroyed (reads as *erased*, never an error).

        Raises `KeyMissing` for an id with neither key nor tombstone, `Unreachable` when it cannot ask: both stop the
        line, because *unknown* must never be taken for *erased*.
        """
        ...

    def mint(self, wanted: Iterable[tuple[bytes | None, str, str]]) -> Mapping[tuple[bytes | None, str, str], bytes]:
        """Key id per (resident, organisation, retention class); made where there is none yet. In the caller's
        transaction. `None` as resident: facts about everybody."""
        ...

    def lost(self) -> Collection[bytes]:
        """Residents of whom keys were destroyed, here or by another process, since this was asked last: whoever keeps
        their facts in memory must read them again."""
        ...


class LogReader(Protocol):
    def read(self, partition: int, after: int, limit: int) -> Sequence[Record]:
        """Records `after + 1`, `after + 2`, … without a gap and without a copy, at most `limit`; empty at the end."""
        ...

    def ends(self) -> Mapping[int, int]:
        """The last sequence number per partition, 0 where nothing was appended."""
        ...

    def of_residents(self, partition: int, refs: Collection[bytes], upto: int) -> Sequence[Record]:
        """All `fact` records of these residents with `seq <= upto`, by resident, then `seq`."""
        ...

    def of_everybody(self, partition: int, upto: int) -> Sequence[Record]:
        """All records about nobody (`world`, `day_closed`) with `seq <= upto`, in order."""
        ...

    def ahead(self, partition: int, after: int, day: date) -> Sequence[Record]:
        """The `fact` records with `seq > after` that were known on or before `day` all the same, in order: what the
        platform concluded at closes up to then lies behind whatever was admitted meanwhile."""
        ...


class LogWriter(Protocol):
    def append(self, drafts: Sequence[Draft]) -> Sequence[Record]:
        """Gives each draft the next sequence number of its partition, seals and stores it, inside the caller's
        transaction. Counters are taken in partition order, so two writers never wait for each other in a ring."""
        ...


class Transaction(Protocol):
    """Whatever makes several ports commit or fail together."""

    def begin(self) -> AbstractContextManager[None]: ...


class WarningRow(msgspec.Struct, frozen=True, kw_only=True):
    """A warning, open or closed, in the list of one viewer; who that is stands as in `Row`. `resident` is the viewer's
    own pseudonym; `key` is unique within the resident's warnings."""

    role: str
    key: str
    org: str
    worker: str | None = None
    district: str | None = None
    resident: str | None
    warn: Warn
    sources: list[str] = []

    def __repr__(self) -> str:
        return f"WarningRow({self.role})"


Printed = dict[str, tuple[Sequence[Any], bytes]]
"""Table → rows as they were written last, and the digest of that. Whoever gets the very same rows again need not write
them out to know their digest."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """All that is shown of one resident on the open day. `contributions` are what a resident adds to rows that are
    about nobody, `pilots` to the view `programma`. `judge_on`: at which close it is judged next; `show_on`: on which
    open day its rows can change by themselves. `printed`: kept for the store, which writes into it."""

    ref: bytes
    rows: Sequence[Row] = ()
    warnings: Sequence[WarningRow] = ()
    contributions: Sequence[Any] = ()
    pilots: Sequence[Any] = ()
    judge_on: date | None = None
    show_on: date | None = None
    printed: Printed = {}

    def __repr__(self) -> str:
        return f"Shown({len(self.rows)} rows)"


def hidden(ref: bytes) -> Shown:
    """Nothing of a resident; tried again at every close."""
    return Shown(ref=ref, judge_on=date.min, show_on=date.min)


class Kept(msgspec.Struct, frozen=True, gc=False):
    """What a set of tables remembers of a resident: when it is due, and a digest of what is shown."""

    judge_on: date | None = None
    show_on: date | None = None
    digest: bytes = b""


class Aside(msgspec.Struct, frozen=True):
    """Something in the quarantine: a record (`seq`) that does not open or decode, or a resident (`ref`) whose rows are
    withheld. `error`: the kind of error and the place in the program, nothing of what it was about."""

    number: int
    partition: int
    ref: bytes | None
    seq: int | None
    since: date
    error: str
    orgs: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Aside({self.number})"


class Batch(Protocol):
    """One transaction over one partition of a set of tables, with its position locked.

    `after`: the last record applied; `closed`: the last day closed; `fingerprint`: of the world that the rows were
    computed from.
    """

    after: int
    closed: date | None
    fingerprint: bytes | None

    @property
    def contributed(self) -> bool:
        """Whether the rows about nobody must be made anew: what residents add to them is another than when it began, or
        they were taken away with somebody who is forgotten."""
        ...

    def due(self, closing: date) -> Mapping[bytes, Kept]:
        """Residents to be judged at a close up to `closing`, or shown anew on the day after it."""
        ...

    def kept(self, refs: Collection[bytes] | None = None) -> Mapping[bytes, Kept]:
        """Of these residents, or of everybody in the partition; nothing of one who was never shown."""
        ...

    def show(self, shown: Sequence[Shown], kept: Mapping[bytes, Kept]) -> int:
        """Puts these in the place of what is shown of the same residents. Writes only what differs from `kept`, and
        returns the number of residents whose rows changed."""
        ...

    def wait(self, judge_on: Mapping[bytes, date | None]) -> None:
        """Residents whose rows stay as they are, and who are judged next at this close."""
        ...

    def withhold(self, ref: bytes, since: date, error: str, orgs: Sequence[str]) -> None:
        """A resident whose rows cannot be computed: nothing is shown, and it stands in the quarantine."""
        ...

    def set_aside(self, seq: int, since: date, error: str) -> bool:
        """A record that does not open or decode. One that was discarded in another set is so here from the
        start; then it gives False."""
        ...

    def aside(self) -> Mapping[int, bool]:
        """The numbers of this partition's records that stand in the quarantine, and whether they were discarded."""
        ...

    def complexes(self, rows: Mapping[str, Sequence[Any]], as_of: date) -> None:
        """All rows about complexes, by the corporation whose they are."""
        ...

    def contributions(self) -> Sequence[Any]:
        """Of all residents of all partitions, as they stand now; other writers of them wait."""
        ...

    def follow(self, ref: bytes, into: bytes) -> None:
        """A resident turned out to be another: who looked at himself as the one is the other."""
        ...

    def silent(self, orgs: Collection[str]) -> None:
        """The organisations whose feed is silent at the last close."""
        ...

    def move(self, upto: int, closed: date | None, fingerprint: bytes) -> None:
        """The position after this transaction."""
        ...


class ViewStore(Protocol):
    def batch(self, partition: int) -> AbstractContextManager[Batch]:
        """A transaction that commits when the block ends well. A second worker waits for the first, and then finds its
        work done. Raises `NotYours` when the rows of the set come from other code, policy or indicators."""
        ...

    def positions(self) -> Mapping[int, int]:
        """The last record applied per partition. Raises `NotYours` as `batch` does."""
        ...

    def aside(self) -> Sequence[Aside]:
        """What is in the quarantine, oldest first."""
        ...

    def take_back(self, number: int) -> None:
        """A record that opens after all leaves the quarantine; a resident leaves it when its rows are written."""
        ...

    def discard(self, number: int, reason: str) -> None:
        """Off the list; what is withheld stays so until something can be computed."""
        ...
