"""The desk of `projections/portal/desk.py` over an open platform: what the pages ask, in the person's own role."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from woonketen.contracts import consent
from woonketen.contracts.catalogue import PREFIX, TYPES
from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.recipient import PURPOSE_OF
from woonketen.contracts.records import PLATFORM
from woonketen.orchestration import export
from woonketen.orchestration.platform import TOWN, Platform
from woonketen.orchestration.rights import resident_of
from woonketen.orchestration.web.pool import Platforms
from woonketen.projections import listing, queries
from woonketen.projections.people import User
from woonketen.projections.portal.desk import Ask, Desk, Done, Line, Offer, Part
from woonketen.projections.portal.session import Session
from woonketen.streams.core.effective import effective
from woonketen.streams.door.organisations import Organisation

RECORDED: Mapping[str, str] = {
    "visit_planned": "coach.visit_planned",
    "visit_held": "coach.visit_held",
    "visit_missed": "coach.visit_missed",
    "contact_attempted": "contact.attempted",
}
RECORDERS = ("coach", "casusregisseur")
_MARKED, _KEPT_SECONDS = 200, 60.0
OBJECTIONS = ("early_signalling", "warnings")
_FORMS = uuid.UUID("5a0b9c1e-0d9a-4c3b-8a55-6e7d1f0c2b3a")


class PlatformDesks:
    """The port `Desks`."""

    def __init__(self, platforms: Platforms) -> None:
        self._platforms = platforms
        self._templates = Templates()

    @contextmanager
    def open(self, session: Session) -> Iterator[Desk]:
        with self._platforms.hold() as platform:
            if session.glass:
                platform.rights.check_glass(session.user)
            yield PlatformDesk(platform, session, self._templates)


class Templates:
    """Links to the organisations' own systems; asked again after a minute, since they hardly ever change."""

    def __init__(self) -> None:
        self._known: dict[str, str | None] = {}
        self._until = 0.0

    def of(self, platform: Platform, org: str) -> str | None:
        if time.monotonic() > self._until or org not in self._known:
            self._known = {each.org: each.subject_url for each in platform.admission.organisations()}
            self._until = time.monotonic() + _KEPT_SECONDS
        return self._known.get(org)


class PlatformDesk:
    def __init__(self, platform: Platform, session: Session, templates: Templates | None = None) -> None:
        self._platform, self._session = platform, session
        self._templates = templates or Templates()
        self._user: User = session.user
        self._owner = platform.parts.owner

    def today(self) -> date:
        return queries.today(self._owner)

    def previous(self) -> date | None:
        return self._session.previous

    # --- views ---

    def rows(self, view: str, ask: Ask) -> Part:
        rows, total = listing.part(
            self._owner,
            self._user,
            view,
            filters=ask.filters,
            sort=ask.sort,
            find=ask.find,
            first=(max(1, ask.page) - 1) * ask.size,
            size=ask.size,
        )
        template = self._template()
        return Part(
            [Line(row_id, row, _link(template, row)) for row_id, row in rows],
            total,
            rows[0][1]["as_of"] if rows else None,
            mark_of({row_id: listing.print_of(row) for row_id, row in rows}),
        )

    def row(self, view: str, row_id: str) -> Line | None:
        row = listing.one(self._owner, self._user, view, row_id)
        return None if row is None else Line(row_id, row, _link(self._template(), row))

    def table(self, view: str) -> Sequence[Mapping[str, Any]]:
        return self._platform.view(view, self._user)

    def changed(self, view: str, ask: Ask, mark: str) -> int:
        now = listing.prints(
            self._owner,
            self._user,
            view,
            filters=ask.filters,
            sort=ask.sort,
            find=ask.find,
            first=(max(1, ask.page) - 1) * ask.size,
            size=ask.size,
        )
        return differing(mark, mark_of(now))

    # --- warnings ---

    def explain(self, warning_id: str) -> Mapping[str, Any] | None:
        return self._platform.explain(warning_id, self._user)

    def acknowledge(self, warning_id: str, reason: str) -> None:
        self._platform.answer(warning_id, self._user, "acknowledged", reason)

    def contest(self, warning_id: str, reason: str) -> None:
        self._platform.answer(warning_id, self._user, "contested", reason)

    # --- a coach ---

    def record(self, view: str, row_id: str, kind: str, token: str, values: Mapping[str, Any]) -> Done | None:
        if kind not in RECORDED or self._user.role not in RECORDERS:
            raise ConfigurationError("This role records nothing of that kind.", "Use the organisation's own system.")
        ref = listing.resident_of_row(self._owner, self._user, view, row_id)
        if ref is None:
            queries.record_denial(self._owner, self._user, view, "not_seen")
            return None
        queries.record_look(self._owner, self._user, view, [ref], ["visits"])
        row_of = self._subject(ref)
        organisation = self._organisation()
        if row_of is None or organisation is None:
            return None
        event_id = str(uuid.uuid5(_FORMS, f"{self._user.rolname}:{token}"))
        told = {**values, **self._ids(ref, kind, token, values)}
        line = _event(organisation.sources[0], event_id, RECORDED[kind], row_of, told)
        (receipt,) = self._platform.admission.submit(self._user.org, [line])
        return Done(event_id, receipt.status, receipt.reason, receipt.detail, receipt.mend)

    def _ids(self, ref: bytes, kind: str, token: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """A result belongs to the last visit of this organisation that was planned for then and has none yet."""
        if kind == "contact_attempted":
            return {}
        worker = {"worker": self._user.worker} if self._user.worker else {}
        new = "P-" + str(int.from_bytes(hashlib.sha256(f"{self._user.rolname}:{token}".encode()).digest()[:6]))
        if kind == "visit_planned":
            return {"visit_id": new, **worker}
        own = effective([f for f in self._platform.residents.facts(ref) if f.org == self._user.org], None)
        done = {fact.data.visit_id for fact in own.of("coach.visit_held", "coach.visit_missed")}
        happened = str(values.get("occurred_on", ""))
        waiting = [
            (fact.data.planned_on, fact.data.visit_id)
            for fact in own.of("coach.visit_planned")
            if fact.data.visit_id not in done and fact.data.planned_on.isoformat() <= happened
        ]
        return {"visit_id": max(waiting)[1] if waiting else new, **worker}

    def _subject(self, ref: bytes) -> str | None:
        """The pseudonym by which the visitor's organisation publishes about the resident."""
        own = [
            each.subject for each in self._platform.residents.facts(ref) if each.org == self._user.org and each.subject
        ]
        return own[-1] if own else None

    # --- a resident ---

    def consents(self) -> Sequence[Mapping[str, Any]]:
        return self._platform.rights.consents(self._user)

    def offers(self) -> Sequence[Offer]:
        ref, day = resident_of(self._user), self.today()
        lines = consent.lines(effective(self._platform.residents.facts(ref), day), day)
        queries.record_look(self._owner, self._user, "bewoner", [ref], ["consents"])
        found = []
        for role, purpose in PURPOSE_OF.items():
            if role == "bewoner":
                continue
            rules = self._platform.parts.rulebook.policy.table(role, purpose).rules
            granted = {
                c for each in lines if each.state == "granted" and each.recipient == role for c in each.categories
            }
            waits = {
                "overview" if rule.when == "overview" else category
                for category, each in rules.items()
                for rule in each
                if rule.state == "C"
            }
            if waits - granted:
                found.append(Offer(role, purpose, sorted(waits - granted)))
        return found

    def grant(self, recipient: str, categories: Sequence[str]) -> None:
        self._platform.rights.grant(self._user, recipient, None, categories)

    def withdraw(self, consent_id: str) -> None:
        self._platform.rights.withdraw(self._user, consent_id)

    def objections(self) -> Mapping[str, bool]:
        ref, day = resident_of(self._user), self.today()
        facts = effective(self._platform.residents.facts(ref), day)
        queries.record_look(self._owner, self._user, "bewoner", [ref], ["objections"])
        return {purpose: consent.objected(facts, purpose, day) for purpose in OBJECTIONS}

    def object(self, purpose: str, *, lift: bool = False) -> None:
        if purpose not in OBJECTIONS:
            raise ConfigurationError("One cannot object to that.", f"One of: {', '.join(OBJECTIONS)}.")
        rights = self._platform.rights
        (rights.lift if lift else rights.object)(self._user, purpose)

    def corrections(self) -> Sequence[tuple[str, str]]:
        ref = resident_of(self._user)
        facts = effective(self._platform.residents.facts(ref), self.today())
        queries.record_look(self._owner, self._user, "bewoner", [ref], ["facts"])
        return sorted({(TYPES[fact.type].category, fact.org) for fact in facts if fact.org != PLATFORM})

    def correct(self, category: str, reason: str, org: str) -> None:
        self._platform.rights.correct(self._user, category, reason, org)

    def requests(self) -> Sequence[Mapping[str, Any]]:
        return self._platform.rights.requests(self._user)

    def looks(self) -> Sequence[str]:
        return [row["sentence"] for row in reversed(self._platform.looks(self._user))]

    def export(self) -> tuple[bytes, str]:
        found = self._platform.export(self._user)
        return msgspec.json.encode(found), export.as_page(found)

    # --- a steward, schuldhulp ---

    def answer_request(self, number: int, answer: str) -> None:
        if answer not in ("granted", "rejected", "noted"):
            raise ConfigurationError("That is no answer.", "One of: granted, rejected, noted.")
        self._platform.rights.answer_request(self._user, number, answer)

    def quarantine(self) -> Sequence[Mapping[str, Any]]:
        if self._user.role != "steward":
            queries.record_denial(self._owner, self._user, "quarantine", "not_of_this_role")
            raise ConfigurationError("Only a steward sees what is set aside.", "Ask a steward.")
        return self._platform.quarantine.list()

    def contact(self, handle: str) -> Mapping[str, Any] | None:
        return self._platform.fetch_contact(handle, self._user)

    # --- steps ---

    def _organisation(self) -> Organisation | None:
        return next((each for each in self._platform.admission.organisations() if each.org == self._user.org), None)

    def _template(self) -> str | None:
        return self._templates.of(self._platform, self._user.org)


def _event(source: str, event_id: str, short: str, subject: str, data: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": event_id,
            "source": source,
            "type": PREFIX + short,
            "time": datetime.now(TOWN).isoformat(timespec="seconds"),
            "subject": subject,
            "datacontenttype": "application/json",
            "dataschema": TYPES[short].dataschema,
            "data": data,
        }
    )


def _link(template: str | None, row: Mapping[str, Any]) -> str | None:
    resident = row.get("resident")
    if not template or not resident or str(resident).startswith("P-"):
        return None
    return template.replace("{subject}", quote(str(resident), safe=""))


def mark_of(prints: Mapping[str, str]) -> str:
    """Four letters a row; of a long list only whether it is the same, so that it fits an address.

    >>> mark_of({"01": "aaaabbbb", "02": "ccccdddd"})
    '3fcd4dbc'
    """
    rows = sorted(
        hashlib.blake2b(f"{row_id} {told}".encode(), digest_size=2).hexdigest() for row_id, told in prints.items()
    )
    told = "".join(rows)
    return told if len(rows) <= _MARKED else "~" + hashlib.blake2b(told.encode(), digest_size=8).hexdigest()


def differing(before: str, now: str) -> int:
    """How many rows are there now that were not there like that before; at least 1 when anything differs.

    >>> differing("aaaabbbb", "aaaabbbb"), differing("aaaabbbb", "aaaacccc"), differing("aaaabbbb", "aaaa")
    (0, 1, 1)
    """
    if before == now:
        return 0
    if "~" in before + now:
        return 1
    old, new = (Counter(told[at : at + 4] for at in range(0, len(told), 4)) for told in (before, now))
    return max(1, (new - old).total())
