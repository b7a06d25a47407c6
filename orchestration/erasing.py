"""An erasure from one end to the other: keys, admission, views, ledger and proof in one transaction; then the disk."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import msgspec

from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.payloads.enrolment import SubjectErased
from woonketen.contracts.records import PLATFORM
from woonketen.orchestration.expiring import Expiring
from woonketen.orchestration.holds import Holds
from woonketen.orchestration.wiring import Parts
from woonketen.projections import forgetting
from woonketen.streams.core.show.schuldhulp import contact_handle
from woonketen.streams.door.admission import Admission
from woonketen.streams.door.standing import Seals
from woonketen.streams.keys import erasures
from woonketen.streams.keys.ledger import ERASURE, Entry, Writer, of_org, whose
from woonketen.streams.leaving import erasure
from woonketen.streams.leaving.ending import activity_of
from woonketen.streams.log.postgres import PostgresLog


class Done(msgspec.Struct, frozen=True):
    request: str
    keys_destroyed: int
    rows_removed: int


def erase(parts: Parts, admission: Admission, org: str, subject: str, reason: str) -> Done:
    """What `org` told about the resident whom it calls `subject`. Again is nothing. Raises `ConfigurationError` for
    whom it never told about, and `Held` when a legal hold keeps any of it: then nothing is done."""
    keys = parts.keys
    who = whose(keys, org, subject)
    entry = Entry(
        n=0, kind=ERASURE, request=f"ER-{secrets.token_hex(6)}", reason=reason, who=who, org=of_org(keys, org)
    )
    with parts.ledger.alone() as ledger:
        try:
            done = _erase(
                parts, admission, ledger, entry, org, lambda told: told == subject, keys.pseudonym(org, subject)
            )
        except _Nothing:
            before = [each.request for each in ledger.entries if each.who == who]
            if not before:
                raise ConfigurationError(
                    "This organisation has told nothing about a resident under that pseudonym.", "Look at its spelling."
                ) from None
            done = Done(before[-1], 0, 0)
    forgetting.scrub(parts.owner)
    return done


def replay(parts: Parts, admission: Admission, expiring: Expiring) -> list[Done]:
    """Does in this database what the ledger says and it has not done: it was restored, or killed between the two."""
    done = []
    orgs = {of_org(parts.keys, each.org): each.org for each in admission.organisations()}
    with parts.ledger.alone() as ledger:
        for entry in erasures.not_done(parts.processor, ledger.entries):
            org = orgs.get(entry.org, PLATFORM if entry.org == of_org(parts.keys, PLATFORM) else "")
            if entry.kind != ERASURE:
                done.append(Done(entry.request, *expiring.redo(entry, org)))
                continue
            is_meant = _meant(parts, org, entry.who)
            done.append(_erase(parts, admission, None, entry, org, is_meant, None))
    if done:
        forgetting.scrub(parts.owner)
    return done


class _Nothing(Exception):
    """There is nothing to erase."""


def _meant(parts: Parts, org: str, who: str) -> Callable[[str], bool]:
    return lambda subject: whose(parts.keys, org, subject) == who


def _erase(
    parts: Parts,
    admission: Admission,
    ledger: Writer | None,
    entry: Entry,
    org: str,
    is_meant: Callable[[str], bool],
    siv: bytes | None,
) -> Done:
    """`ledger`: where the line is written; None when it stands there."""
    connection, vault = parts.processor, parts.vault
    log, seals = PostgresLog(connection, vault, parts.place), Seals(parts.keys)
    known = [bytes.fromhex(kid) for kid in entry.kids]
    with connection.transaction():
        forgetting.lock_positions(connection)
        with admission.sitting() as sitting:
            doomed = erasure.find(connection, seals, vault, log, org, is_meant, siv, known)
            if ledger is not None and doomed.nothing:
                raise _Nothing
            if ledger is not None:
                kinds = {each.org: each.kind for each in admission.organisations()}
                terms = parts.rulebook.terms
                Holds(connection, admission).refuse_held(doomed, lambda fact: activity_of(fact, terms, kinds))
            destroyed = vault.destroy_keys({*doomed.kids, *known}, sitting.open_day)
            rows = erasure.forget(connection, parts.keys, doomed, sitting.open_day)
            contacts = [contact_handle(signal, parts.keys.minted) for signal in doomed.signals]
            shown, roles = forgetting.forget_residents(
                connection, doomed.refs, doomed.records, whole=doomed.whole, org=org, contacts=contacts
            )
            rows += shown
            for ref in doomed.refs:
                told = SubjectErased(request_id=entry.request, reason=entry.reason, occurred_on=sitting.open_day)  # type: ignore[arg-type]
                sitting.say("subject.erased", told, ref, narrows=True)
            day = sitting.open_day
        if ledger is not None:
            # On disk before the commit: if we are killed between the two, the platform does not open until it is done.
            kids = [kid.hex() for kid in doomed.kids]
            entry = ledger.append(msgspec.structs.replace(entry, day=day, kids=kids))
        erasures.prove(connection, entry, org, rows)
    forgetting.drop_roles(parts.owner, roles)
    return Done(entry.request, destroyed, rows)
