"""The seams between the pure core and the world. A docstring here is a port's specification; `tests/ports` runs it
against every implementation (memory, PostgreSQL; Kafka later).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from typing import Protocol

from woonketen.contracts.facts import Record


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


class LogWriter(Protocol):
    def append(self, drafts: Sequence[Draft]) -> Sequence[Record]:
        """Gives each draft the next sequence number of its partition, seals and stores it, inside the caller's
        transaction. Counters are taken in partition order, so two writers never wait for each other in a ring."""
        ...


class Transaction(Protocol):
    """Whatever makes several ports commit or fail together."""

    def begin(self) -> AbstractContextManager[None]: ...
