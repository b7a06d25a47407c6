"""How enrolments and agreements, and their corrections, change what stands. A correction touches the row of its
original; of several the highest (time, id) counts, and a retraction beats them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from woonketen.streams.door.admit import Accepted, Candidate
from woonketen.streams.door.standing import AgreementRow, Book, EnrolmentRow

ENROLMENTS = frozenset({"enrolment.opened", "enrolment.closed"})
AGREEMENTS = frozenset({"agreement.signed", "agreement.ended"})


def keep_enrolment(book: Book, candidate: Candidate, verdict: Accepted, ref: bytes) -> EnrolmentRow | None:
    """The new or changed row, or None when there is no row to correct."""
    event, seals = candidate.event, book.seals
    if candidate.original is None:
        rank = seals.rank(event.time, event.id, candidate.key)
        row = EnrolmentRow(candidate.key, ref, b"", None, candidate.happened, False, rank)
        _fill_enrolment(book, row, candidate.data)
        book.add_row(row)
        return row
    found = book.row(ref, candidate.original)
    if found is None:
        return None
    if candidate.contract.type == "event.retracted":
        found.retracted = True
    elif found.corrected is None or seals.read_rank(found.corrected, found.key) < (event.time, event.id):
        found.corrected = seals.rank(event.time, event.id, found.key)
        _fill_enrolment(book, found, verdict.replaces)
    book.changed(ref)
    return found


def keep_agreement(
    rows: Mapping[bytes, AgreementRow], candidate: Candidate, verdict: Accepted
) -> tuple[AgreementRow, frozenset[str]] | None:
    """The new or changed row, and the organisations for which something may be different now."""
    event = candidate.event
    if candidate.original is None:
        row = AgreementRow(candidate.key, "", None, [], [], None, None, candidate.happened, False, event.time, event.id)
        _fill_agreement(row, candidate.data)
    elif (found := rows.get(candidate.original)) is None:
        return None
    else:
        row = msgspec.structs.replace(found)  # a copy: what was loaded is shared between sittings
        if candidate.contract.type == "event.retracted":
            row.retracted = True
        elif row.corrected_at is None or (row.corrected_at, row.corrected_id or "") < (event.time, event.id):
            row.corrected_at, row.corrected_id = event.time, event.id
            _fill_agreement(row, verdict.replaces)
    ids = {row.id} | ({rows[row.key].id} if row.key in rows else set())
    parties = {org for each in (*rows.values(), row) if each.id in ids for org in each.orgs}
    return row, frozenset(parties)


def _fill_enrolment(book: Book, row: EnrolmentRow, data: Any) -> None:
    row.id = book.seals.keys.token(b"enrolment id\x00" + data.enrolment_id.encode())
    row.programme = getattr(data, "programme", None)
    row.day = data.occurred_on


def _fill_agreement(row: AgreementRow, data: Any) -> None:
    row.id = data.agreement_id
    row.day = data.occurred_on
    row.programme = getattr(data, "programme", None)
    row.orgs = list(getattr(data, "orgs", ()))
    row.purposes = list(getattr(data, "purposes", ()))
    row.valid_from = getattr(data, "valid_from", None)
    row.valid_until = getattr(data, "valid_until", None)
