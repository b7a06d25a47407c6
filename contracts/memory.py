"""The ports in memory: what they mean, in a few lines. For tests of the pure core; a real installation never uses it.

`Memory` holds a log and a vault that commit or fail together, as one PostgreSQL does.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from datetime import date
from hashlib import blake2b
from itertools import count

from woonketen.contracts.errors import ConfigurationError, KeyMissing, WrongKey
from woonketen.contracts.facts import Record
from woonketen.contracts.ports import Cipher, Draft
from woonketen.contracts.records import header

_TAG = 16


class MemoryCipher:
    """A keyed hash as stream and seal. It keeps the port's promises, and is no cipher to trust with a person."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, clear: bytes, header: bytes) -> bytes:
        hidden = self._stream(clear, header)
        return self._tag(hidden, header) + hidden

    def open(self, sealed: bytes, header: bytes) -> bytes:
        tag, hidden = sealed[:_TAG], sealed[_TAG:]
        if not hmac.compare_digest(tag, self._tag(hidden, header)):
            raise WrongKey("A record does not open with its key.", "It was changed, or belongs to another place.")
        return self._stream(hidden, header)

    def _stream(self, text: bytes, header: bytes) -> bytes:
        blocks = (
            blake2b(header + block.to_bytes(4, "big"), key=self._key, person=b"stream").digest()
            for block in range(len(text) // 64 + 1)
        )
        return bytes(a ^ b for a, b in zip(text, b"".join(blocks), strict=False))

    def _tag(self, hidden: bytes, header: bytes) -> bytes:
        text = len(header).to_bytes(4, "big") + header + hidden
        return blake2b(text, key=self._key, digest_size=_TAG, person=b"tag").digest()


class Memory:
    """`LogReader`, `LogWriter`, `Vault` and `Transaction` in one; what is read inside a transaction is its own."""

    def __init__(self, partitions: int = 6) -> None:
        self._records: dict[int, list[Record]] = {partition: [] for partition in range(partitions)}
        self._keys: dict[bytes, MemoryCipher | None] = {}
        self._live: dict[tuple[bytes | None, str, str], bytes] = {}
        self._ids = count(1)
        self._lost: set[bytes] = set()

    @contextmanager
    def begin(self) -> Iterator[None]:
        before = ({each: list(records) for each, records in self._records.items()}, copy(self._keys), copy(self._live))
        try:
            yield
        except BaseException:
            self._records, self._keys, self._live = before
            raise

    # --- the log ---

    def append(self, drafts: Sequence[Draft]) -> Sequence[Record]:
        ciphers = self.ciphers({draft.kid for draft in drafts if draft.kid is not None})
        for draft in drafts:
            if draft.partition not in self._records:
                raise ConfigurationError("The log has no such partition.")
            if draft.kid is not None and ciphers[draft.kid] is None:
                raise KeyMissing("A record was to be sealed with a destroyed key.")
        return [self._store(draft, ciphers) for draft in drafts]

    def _store(self, draft: Draft, ciphers: Mapping[bytes, Cipher | None]) -> Record:
        stored = self._records[draft.partition]
        seq = len(stored) + 1
        sealed = b""
        if draft.kid is not None and (cipher := ciphers[draft.kid]) is not None:
            bound = header(draft.partition, seq, draft.day, draft.kind, draft.ref, draft.kid)
            sealed = cipher.seal(draft.clear, bound)
        record = Record(draft.partition, seq, draft.day, draft.kind, draft.ref, draft.kid, sealed)  # type: ignore[arg-type]
        stored.append(record)
        return record

    def read(self, partition: int, after: int, limit: int) -> Sequence[Record]:
        return self._records[partition][after : after + limit]

    def ends(self) -> Mapping[int, int]:
        return {partition: len(records) for partition, records in self._records.items()}

    def of_residents(self, partition: int, refs: Collection[bytes], upto: int) -> Sequence[Record]:
        wanted = set(refs)
        found = [record for record in self._records[partition][:upto] if record.ref in wanted]
        return sorted(found, key=lambda record: (record.ref or b"", record.seq))

    def of_everybody(self, partition: int, upto: int) -> Sequence[Record]:
        return [record for record in self._records[partition][:upto] if record.ref is None]

    def ahead(self, partition: int, after: int, day: date) -> Sequence[Record]:
        return [record for record in self._records[partition][after:] if record.ref is not None and record.day <= day]

    def stream_residents(self, partition: int, upto: int) -> Iterator[Record]:
        refs = {record.ref for record in self._records[partition] if record.ref is not None}
        yield from self.of_residents(partition, refs, upto)

    # --- the vault ---

    def ciphers(self, kids: Collection[bytes]) -> Mapping[bytes, Cipher | None]:
        missing = [kid for kid in kids if kid not in self._keys]
        if missing:
            raise KeyMissing(f"The vault holds no trace of {len(missing)} keys.", "Restore it from a backup.")
        return {kid: self._keys[kid] for kid in kids}

    def mint(self, wanted: Iterable[tuple[bytes | None, str, str]]) -> Mapping[tuple[bytes | None, str, str], bytes]:
        found = {}
        for each in wanted:
            if each not in self._live:
                kid = next(self._ids).to_bytes(16, "big")
                self._live[each] = kid
                self._keys[kid] = MemoryCipher(blake2b(kid, digest_size=32).digest())
            found[each] = self._live[each]
        return found

    def destroy(self, ref: bytes | None, org: str | None, retention_class: str | None, day: date) -> int:
        gone = [
            each
            for each in self._live
            if each[0] == ref and org in (None, each[1]) and retention_class in (None, each[2])
        ]
        for each in gone:
            self._keys[self._live.pop(each)] = None
            if each[0] is not None:
                self._lost.add(each[0])
        return len(gone)

    def lost(self) -> Collection[bytes]:
        lost, self._lost = self._lost, set()
        return lost
