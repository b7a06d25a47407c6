"""From a partner's file into the outbox: every line is stored, or refused with a receipt; a bad line stops no other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from woonketen.contracts import envelope
from woonketen.contracts.envelope import Sources
from woonketen.contracts.errors import ConflictingDuplicate, Refusal
from woonketen.producers.checking import Checked, check
from woonketen.producers.outbox import Outbox

TOGETHER = 500
"""Lines in one transaction: few enough to forget, many enough that the disk's flush does not count."""

_CONFLICT = ConflictingDuplicate("id", "another event in the outbox has this id: send event.corrected to mend that one")


class Storing(msgspec.Struct):
    """What became of a file so far. `known`: it was in the outbox already."""

    lines: int = 0
    stored: int = 0
    known: int = 0
    refused: int = 0
    reasons: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)


def store(
    lines: Iterable[bytes],
    outbox: Outbox,
    own: Sources,
    run: int,
    *,
    receipt: Callable[[dict[str, Any]], None] = lambda _: None,
    on_progress: Callable[[Storing], None] = lambda _: None,
) -> Storing:
    """`receipt` gets the receipts of refused lines, as they are found. Raises `OutboxFull`; what was stored stays."""
    told = Storing()
    batch: list[tuple[int, bytes]] = []
    for number, line in enumerate(lines, 1):
        batch.append((number, line))
        if len(batch) == TOGETHER:
            _store(batch, outbox, own, run, told, receipt)
            on_progress(told)
            batch = []
    _store(batch, outbox, own, run, told, receipt)
    return told


def _store(
    batch: list[tuple[int, bytes]],
    outbox: Outbox,
    own: Sources,
    run: int,
    told: Storing,
    receipt: Callable[[dict[str, Any]], None],
) -> None:
    good: list[tuple[int, Checked]] = []
    bad: list[tuple[int, bytes, Refusal]] = []
    for number, line in batch:
        try:
            good.append((number, check(line, own)))
        except Refusal as refusal:
            bad.append((number, line, refusal))
    for (number, event), became in zip(good, outbox.put_numbered(good, run) if good else (), strict=True):
        if became == "conflict":
            bad.append((number, event.line, _CONFLICT))
        elif became == "again":
            told.known += 1
            receipt(_receipt(event.source, event.id, number, "duplicate"))
        elif became == "known":
            told.known += 1
        else:
            told.stored += 1
    for number, line, why in sorted(bad, key=lambda each: each[0]):
        told.refused += 1
        told.reasons[why.reason, why.mend] += 1
        receipt(refused(line, number, why, own))
    told.lines += len(batch)


def refused(line: bytes, number: int, refusal: Refusal, own: Sources) -> dict[str, Any]:
    """A receipt as the platform writes it, of a line that was never sent."""
    return _receipt(*envelope.echo(line, own), number, "refused", refusal)


def _receipt(
    source: str | None, event_id: str | None, line: int, status: str, why: Refusal | None = None
) -> dict[str, Any]:
    reason, detail, mend = (why.reason, why.detail, why.mend) if why is not None else (None, None, None)
    at = datetime.now(UTC).isoformat()
    return {"source": source, "id": event_id, "status": status, "reason": reason, "detail": detail, "mend": mend,
            "at": at, "line": line}  # fmt: skip
