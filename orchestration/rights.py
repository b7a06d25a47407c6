"""What a resident says and asks, from the command or the portal: each an event of the platform on the resident's
behalf, or a request that somebody has to answer; and break-glass, which resident and steward hear of.

Nothing here raises a warning, and nothing counts against who used it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import msgspec
import psycopg

from woonketen.contracts import consent
from woonketen.contracts.calendar import add_months
from woonketen.contracts.catalogue import TYPES
from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.facts import Facts
from woonketen.contracts.payloads import consent as said
from woonketen.contracts.payloads.base import Broken
from woonketen.contracts.policy import DERIVED, Policy
from woonketen.contracts.recipient import PURPOSE_OF, recipient
from woonketen.contracts.records import PLATFORM
from woonketen.orchestration.questions import KIND_OF_ROLE
from woonketen.orchestration.residents import Residents
from woonketen.projections import queries
from woonketen.projections.database import told
from woonketen.projections.ddl import GLASS
from woonketen.projections.people import User
from woonketen.streams.core import picture
from woonketen.streams.core.effective import effective
from woonketen.streams.core.visible import sight
from woonketen.streams.door.admission import Admission

ANSWER_WITHIN_MONTHS = 1
"""AVG art. 12 lid 3."""
GLASS_HOURS = 3
VALID_FOR = timedelta(days=365)
_REQUEST = "id, kind, org, category, reason, received_on, legal_day, state, answered_on"


class Rights:
    """`owner` and `processor`: connections in autocommit mode, the second in the processor's role."""

    def __init__(
        self,
        owner: psycopg.Connection[Any],
        processor: psycopg.Connection[Any],
        admission: Admission,
        residents: Residents,
        policy: Policy,
    ) -> None:
        self._owner, self._processor = owner, processor
        self._admission, self._residents, self._policy = admission, residents, policy

    # --- consent and objection ---

    def consents(self, user: User) -> list[dict[str, Any]]:
        """Every consent and refusal with what it is worth today, oldest first."""
        ref = resident_of(user)
        found = self.consents_of(ref)
        queries.record_look(self._owner, user, "bewoner", [ref], ["consents"])
        return found

    def consents_of(self, ref: bytes) -> list[dict[str, Any]]:
        return [
            {
                "consent": each.consent_id,
                "recipient": each.recipient,
                "purpose": each.purpose,
                "categories": list(each.categories),
                "from": each.valid_from,
                "until": each.valid_until,
                "state": each.state,
            }
            for each in consent.lines(self._facts(ref), self._day())
        ]

    def withdraw(self, user: User, consent_id: str) -> dict[str, Any]:
        """Hides at the next read what this consent opened. A second time changes nothing."""
        ref = resident_of(user)
        found = next((each for each in consent.lines(self._facts(ref), self._day()) if each.consent_id == consent_id),
                     None)  # fmt: skip
        if found is None:
            raise ConfigurationError("There is no such consent of yours.", "Look at `woonketen consent list`.")
        if found.state == "granted":
            payload = said.ConsentWithdrawn(occurred_on=self._day(), consent_id=consent_id)
            self._admission.say("consent.withdrawn", payload, ref)
        return {"consent": consent_id, "state": "withdrawn" if found.state == "granted" else found.state}

    def grant(
        self,
        user: User,
        to: str,
        purpose: str | None,
        categories: Sequence[str],
        *,
        valid: tuple[date | None, date | None] = (None, None),
        data: tuple[date | None, date | None] = (None, None),
    ) -> dict[str, Any]:
        """`to`: a role or an organisation. Raises `ConfigurationError` where the policy leaves a consent nothing to
        open: it is a gate more, never a ground."""
        ref, day = resident_of(user), self._day()
        who, for_what, roles = self._recipient(to, purpose)
        useless = [each for each in categories if not any(self._by_consent(role, for_what, each) for role in roles)]
        if useless:
            raise ConfigurationError(
                f"A consent would open nothing here: {', '.join(useless)}.",
                "Look at `woonketen policy explain`: only what the policy marks C waits for a consent.",
            )
        begins = valid[0] or day
        try:
            payload = said.ConsentGranted(
                occurred_on=day, consent_id=_new("T"), recipient=who, purpose=for_what,  # type: ignore[arg-type]
                categories=list(categories), valid_from=begins, valid_until=valid[1] or begins + VALID_FOR,  # type: ignore[arg-type]
                data_from=data[0], data_until=data[1], recorded="in_portal",
            )  # fmt: skip
        except (Broken, OverflowError):
            raise ConfigurationError(
                "This period ends before it begins, or is too far off.",
                "Give a last day that is not before the first.",
            ) from None
        self._admission.say("consent.granted", _known(payload), ref)
        return {"consent": payload.consent_id, "state": "granted", "until": payload.valid_until}

    def refuse(self, user: User, to: str, purpose: str | None, categories: Sequence[str]) -> dict[str, Any]:
        ref = resident_of(user)
        who, for_what, _ = self._recipient(to, purpose)
        payload = said.ConsentRefused(
            occurred_on=self._day(), consent_id=_new("T"), recipient=who, purpose=for_what,  # type: ignore[arg-type]
            categories=list(categories),  # type: ignore[arg-type]
        )  # fmt: skip
        self._admission.say("consent.refused", _known(payload), ref)
        return {"consent": payload.consent_id, "state": "refused"}

    def object(self, user: User, purpose: str) -> dict[str, Any]:
        """An objection (AVG art. 21) stands at once, and the municipality has to answer it."""
        ref, day = resident_of(user), self._day()
        facts = self._facts(ref)
        if not consent.objected(facts, purpose, day):
            payload = said.ObjectionRecorded(occurred_on=day, objection_id=_new("O"), purpose=purpose)  # type: ignore[arg-type]
            with told(), self._processor.transaction():  # an objection that nobody hears of would not be answered
                self._admission.say("objection.recorded", payload, ref)
                self._ask("objection", self._municipality(facts, day), ref, facts, reason=purpose)
        return {"purpose": purpose, "state": "objected"}

    def lift(self, user: User, purpose: str) -> dict[str, Any]:
        ref, day = resident_of(user), self._day()
        facts = self._facts(ref)
        if consent.objected(facts, purpose, day):
            for fact in facts.of("objection.recorded"):
                if fact.data.purpose == purpose:
                    payload = said.ObjectionLifted(occurred_on=day, objection_id=fact.data.objection_id)
                    self._admission.say("objection.lifted", payload, ref)
        return {"purpose": purpose, "state": "none"}

    # --- requests ---

    def correct(self, user: User, category: str, reason: str, org: str | None) -> list[dict[str, Any]]:
        """Asks whoever published something of this category (or `org` alone) to look at it again: AVG art. 16."""
        ref = resident_of(user)
        facts = self._facts(ref)
        wanted = DERIVED.get(category, category)
        orgs = sorted(
            {fact.org for fact in facts if TYPES[fact.type].category == wanted and fact.org != PLATFORM}
            & ({org} if org else {fact.org for fact in facts})
        )
        if not orgs:
            raise ConfigurationError("Nobody published anything of that kind about you.", "Look at `woonketen export`.")
        with told(), self._processor.transaction():
            return [self._ask("rectification", each, ref, facts, category=category, reason=reason) for each in orgs]

    def requests(self, user: User) -> list[dict[str, Any]]:
        """A resident's own, or what a steward may see of all of them."""
        if user.role == "steward":
            return queries.view(self._owner, user, "steward_requests")
        ref = resident_of(user)
        rows = self.requests_of(ref)
        queries.record_look(self._owner, user, "bewoner", [ref], ["requests"])
        return rows

    def requests_of(self, ref: bytes) -> list[dict[str, Any]]:
        with told(), self._processor.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            cursor.execute(f"SELECT {_REQUEST} FROM gate.request WHERE ref = %b ORDER BY id", [ref])
            return cursor.fetchall()

    def answer_request(self, user: User, number: int, answer: str) -> dict[str, Any]:
        """By a steward of the organisation that has to act. What is granted the publisher sends as a correction."""
        if user.role != "steward":
            queries.record_denial(self._owner, user, "steward_requests", "not_of_this_role")
            raise ConfigurationError("A steward answers requests.", "Use another --as.")
        with told(), self._processor.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            cursor.execute(
                "UPDATE gate.request SET state = %s, answered_on = %s WHERE id = %s AND org = %s AND state = 'open'"
                f" RETURNING {_REQUEST}",
                [answer, self._day(), number, user.org],
            )
            row = cursor.fetchone()
        if row is None:
            raise ConfigurationError(
                "There is no open request of that number for this steward's organisation.", "Look at `requests list`."
            )
        return row

    # --- break-glass ---

    def break_glass(self, user: User, org: str, subject: str, reason: str) -> dict[str, Any]:
        """Opens, for three hours of the wall's time, the rows that colleagues of the own organisation have of one
        resident. Steward and resident are told. It never opens what the policy keeps from the organisation."""
        if user.role not in GLASS:
            raise ConfigurationError(
                "There is nothing to open: everybody in this role sees all rows of the organisation.",
                f"Roles that see a part: {', '.join(GLASS)}.",
            )
        ref = self._admission.resident_of(org, subject) if org == user.org else None
        if ref is None:  # one answer for what is not there and what is another's
            queries.record_denial(self._owner, user, "break_glass", "unknown_subject")
            raise ConfigurationError(
                "This organisation has no resident under that pseudonym.", "Give the own organisation's pseudonym."
            )
        facts = self._facts(ref)
        # Of a flagged person it opens nothing and says what it says of one whose enrolment is over: the organisation
        # knows the pseudonym, so that a refusal would tell that there is a flag.
        hours = 0 if self._flagged(user, ref) else GLASS_HOURS
        with told(), self._processor.transaction():
            row = self._processor.execute(
                "INSERT INTO gate.glass (rolname, ref, reason, until)"
                " VALUES (%s, %b, %s, now() + make_interval(hours => %s))"
                f" RETURNING now() + interval '{GLASS_HOURS} hours', id, opened_at",
                [user.rolname, ref, reason, hours],
            ).fetchone()
            self._ask("break_glass", user.org, ref, facts, category=user.role, reason=reason)
            assert row is not None
            opened = "|".join((str(row[1]), user.rolname, user.org, reason, row[2].isoformat(), row[0].isoformat()))
            self._processor.execute(
                "INSERT INTO admission.proof (at, kind, scope, rows, keys, hash)"
                " VALUES (%s, 'break_glass', %s, 1, 0, %b)",
                [row[2], user.org, sha256(opened.encode()).digest()],
            )
            self._processor.execute(
                "SELECT gate.record_look_at(%s, 'break_glass', ARRAY[%b::bytea], ARRAY['break_glass'])",
                [user.rolname, ref],
            )
        return {"user_role": user.role, "reason": reason, "until": row[0].isoformat(timespec="seconds")}

    def check_glass(self, user: User) -> None:
        """Closes what stands open on a resident who got a safety flag since. Call it before reading."""
        if user.role not in GLASS:
            return
        with told():
            opened = self._processor.execute(
                "SELECT DISTINCT ref FROM gate.glass WHERE rolname = %s AND until > now()", [user.rolname]
            ).fetchall()
        for (ref,) in opened:
            if self._flagged(user, bytes(ref)):
                with told():
                    self._processor.execute(
                        "UPDATE gate.glass SET until = now() WHERE rolname = %s AND ref = %b AND until > now()",
                        [user.rolname, ref],
                    )

    # --- steps ---

    def _day(self) -> date:
        return self._admission.settings().open_day

    def _facts(self, ref: bytes) -> Facts:
        return effective(self._residents.facts(ref), self._day())

    def _flagged(self, user: User, ref: bytes) -> bool:
        facts, day = self._facts(ref), self._day()
        if not facts.of("safety.flag_set"):
            return False
        return sight(recipient(user.role, user.org, user.worker), facts, day, self._residents.world(day)).flagged_away

    def _recipient(self, to: str, purpose: str | None) -> tuple[said.ConsentRecipient, str, list[str]]:
        """Recipient, purpose, and the roles that it stands for."""
        if to in PURPOSE_OF:
            if purpose not in (None, PURPOSE_OF[to]):
                raise ConfigurationError(f"The purpose of this role is {PURPOSE_OF[to]}.", "Leave --purpose out.")
            return said.ConsentRecipient(role=to), PURPOSE_OF[to], [to]  # type: ignore[arg-type]
        kind = next((each.kind for each in self._admission.organisations() if each.org == to), None)
        if kind is None:
            raise ConfigurationError(
                "That is neither a role nor a registered organisation.", f"Roles: {', '.join(PURPOSE_OF)}."
            )
        if purpose is None:
            raise ConfigurationError("A consent for an organisation has a purpose.", "Give --purpose.")
        roles = [role for role, of in KIND_OF_ROLE.items() if kind in of and PURPOSE_OF[role] == purpose]
        return said.ConsentRecipient(org=to), purpose, roles

    def _by_consent(self, role: str, purpose: str, category: str) -> bool:
        rules = self._policy.table(role, purpose).rules
        named = rules.get(category, ())
        if category == "overview":
            named = tuple(rule for each in rules.values() for rule in each if rule.when == "overview")
        return any(rule.state == "C" for rule in named)

    def _municipality(self, facts: Facts, day: date) -> str:
        """Who answers an objection: the municipality that enrolled, else one that is party of the programme."""
        world = self._residents.world(day)
        enrolment = picture.current_enrolment(facts, day)
        named = [] if enrolment is None else [enrolment.org, *sorted(world.parties(enrolment.programme, day))]
        found = [org for org in named if world.kind(org) == "gemeente"]
        return (found or named or [PLATFORM])[0]

    def _ask(
        self, kind: str, org: str, ref: bytes, facts: Facts, *, category: str | None = None, reason: str | None = None
    ) -> dict[str, Any]:
        """In the caller's transaction. `resident` is the pseudonym by which that organisation finds the person."""
        day = self._day()
        known = [fact.subject for fact in facts if fact.org == org and fact.subject is not None]
        values = [kind, org, ref, known[0] if known else None, category, reason, day,
                  add_months(day, ANSWER_WITHIN_MONTHS)]  # fmt: skip
        with self._processor.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            cursor.execute(
                "INSERT INTO gate.request (kind, org, ref, resident, category, reason, received_on, legal_day)"
                f" VALUES (%s, %s, %b, %s, %s, %s, %s, %s) RETURNING {_REQUEST}",
                values,
            )
            row = cursor.fetchone()
        assert row is not None
        return row


def resident_of(user: User) -> bytes:
    """Raises `ConfigurationError` for who is no resident."""
    if user.role != "bewoner" or user.ref is None:
        raise ConfigurationError("Only a resident says this.", "Name a user with the role bewoner.")
    return user.ref


def _known(payload: Any) -> Any:
    """The payload, if its type can be read back: the log is for ever, and what nobody can read helps nobody."""
    try:
        return msgspec.convert(msgspec.to_builtins(payload), type(payload))
    except msgspec.ValidationError:
        raise ConfigurationError(
            "The contract knows no consent for that role or purpose.",
            f"Purposes: {', '.join(sorted(set(PURPOSE_OF.values()) - {'self', 'stewardship'}))}.",
        ) from None


def _new(kind: str) -> str:
    return f"{PLATFORM}:{kind}-{secrets.token_hex(8)}"
