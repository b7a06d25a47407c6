"""The same facts under another resident: what the step of an absorbed resident does after a merge."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import psycopg

from woonketen.contracts import catalogue
from woonketen.contracts.facts import Record, Sealed, event_key
from woonketen.contracts.ports import LogWriter, Vault
from woonketen.contracts.records import PLATFORM, fact_draft, pack, warning_class
from woonketen.streams.door.admit import CORRECTIONS
from woonketen.streams.postgres.errors import told

STAYS = frozenset({"subject.merged", "subject.split"})
"""What happened to the resident that was absorbed, not to the one that both are."""


def merged_into(connection: psycopg.Connection[Any], ref: bytes) -> bytes | None:
    """The resident that an absorbed one has become by now."""
    with told():
        row = connection.execute("SELECT into_ref FROM admission.merged WHERE ref = %b", [ref]).fetchone()
    return None if row is None else bytes(row[0])


def reseal(
    connection: psycopg.Connection[Any],
    vault: Vault,
    log: LogWriter,
    facts: Sequence[Sealed],
    to_ref: bytes,
    day: date,
    partitions: int,
    *,
    unread: int = 0,
) -> Sequence[Record]:
    """Appends the facts once more, sealed for `to_ref` with `day` (the merge's), in the caller's transaction. Source
    and id stay, so who folds them twice counts them once. Until the step has applied them, the rows of `to_ref` may not
    be shown: among them may be what narrows.

    `unread`: so many cannot be read. In the place of each comes an empty record, which is set aside and withholds
    `to_ref` until a steward has discarded it.

    A fact that arrives for an absorbed resident later (another reseal may be on its way) is passed on in the same way.
    """
    kept = [sealed for sealed in facts if sealed.type not in STAYS]
    if not kept and not unread:
        return []
    types = {event_key(sealed.source, sealed.id): sealed.type for sealed in kept}
    scopes = [(to_ref, sealed.org, retention_class(sealed, types)) for sealed in kept]
    kids = vault.mint(scopes)
    drafts = [
        fact_draft(pack(sealed), to_ref, kids[scope], day, partitions)
        for sealed, scope in zip(kept, scopes, strict=True)
    ]
    if unread:
        scope = (to_ref, PLATFORM, "platform")
        drafts += [fact_draft(b"", to_ref, vault.mint([scope])[scope], day, partitions)] * unread
    records = log.append(drafts)
    with told():
        mark_restricting(connection, to_ref, records[-1])
    return records


def mark_restricting(connection: psycopg.Connection[Any], ref: bytes, record: Record) -> None:
    """Rows of this resident may be shown only when they were computed from this record or a later one."""
    connection.execute(
        "INSERT INTO admission.restricting AS r (ref, partition, seq) VALUES (%b, %s, %s)"
        " ON CONFLICT (ref) DO UPDATE SET seq = greatest(r.seq, excluded.seq)",
        [ref, record.partition, record.seq],
    )


def retention_class(sealed: Sealed, types: dict[bytes, str]) -> str:
    """The class of the key: a correction's is its original's, each warning has one of its own."""
    contract = catalogue.contract_of(sealed.type)
    if sealed.type in CORRECTIONS:
        original = event_key(sealed.source, catalogue.decode(contract, sealed.data).original_id)
        return catalogue.contract_of(types.get(original, sealed.type)).retention_class
    if contract.category == "warnings":
        return warning_class(catalogue.decode(contract, sealed.data).warning_id)
    return contract.retention_class
