"""What the resident allowed, refused and objected to: five answers, told apart.

Statements about the same recipient, purpose and category are read in the order of the day on which they were made, then
of `time`; where both are equal, a refusal or withdrawal goes last. It closes what was granted before it; only a later
grant opens again, and a refusal to one organisation only by a grant to that organisation, not by one to its whole role.
Several grants add up. Refusals, withdrawals and objections count as soon as they are known, grants and lifts from their
own day.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import Any, Literal

import msgspec

from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.recipient import PURPOSE_OF, Recipient
from woonketen.contracts.remembering import remembered, remembered_if_lasting

Answer = Literal["granted", "refused", "withdrawn", "expired", "never_asked"]


class Statement(msgspec.Struct, frozen=True):
    """One thing the resident said, as it bears on one recipient. A withdrawal has the scope of the consent it names.
    `to_org`: said about one organisation, not about a role. `fact` is the grant's, for a grant."""

    kind: Literal["granted", "refused", "withdrawn"]
    consent_id: str
    on: date
    time: datetime
    categories: frozenset[str]
    to_org: bool
    fact: Fact


class Standing(msgspec.Struct, frozen=True):
    """`windows`: data periods (from, until; None is open) of the grants that are valid; empty unless `granted`."""

    answer: Answer
    windows: tuple[tuple[date | None, date | None], ...] = ()

    def covers(self, on: date) -> bool:
        """Whether a fact of that day lies in the data period of a valid grant."""
        return any((a is None or a <= on) and (b is None or on <= b) for a, b in self.windows)


class Line(msgspec.Struct, frozen=True):
    """A consent as the resident reads it. `recipient` is a role or an organisation; `until` the last valid day."""

    consent_id: str
    recipient: str
    purpose: str
    categories: tuple[str, ...]
    valid_from: date | None
    valid_until: date | None
    state: Answer
    said_on: date


NEVER_ASKED = Standing("never_asked")


def statements(f: Facts, to: Recipient) -> tuple[Statement, ...]:
    """What was said about this recipient (its role or its organisation) and its purpose, in the order that counts."""
    return _statements(f, to.role, to.org, to.purpose)


def standing(said: Iterable[Statement], categories: Collection[str], day: date) -> Standing:
    """The answer on `day` for data of any of these categories."""
    open_grants, closed_by = _open(said, categories, day)
    valid = [each.fact.data for each in open_grants if _valid(each, day)]
    if valid:
        return Standing("granted", tuple((data.data_from, data.data_until) for data in valid))
    if closed_by is not None:
        return Standing(closed_by)
    if any(each.fact.data.valid_until < day for each in open_grants):
        return Standing("expired")
    return NEVER_ASKED


@remembered
def objected(f: Facts, purpose: str, day: date) -> bool:
    """Whether an objection (art. 21 AVG) against this purpose stands: one recorded and not lifted afterwards."""
    recorded: dict[str, Fact] = {}
    for fact in f.of("objection.recorded"):
        if fact.data.purpose == purpose:
            recorded[fact.data.objection_id] = fact
    if not recorded:
        return False
    for fact in f.of("objection.lifted"):
        against = recorded.get(fact.data.objection_id)
        if against is not None and fact.happened <= day and _stamp(fact) > _stamp(against):
            del recorded[fact.data.objection_id]
    return bool(recorded)


@remembered_if_lasting
def lines(f: Facts, day: date) -> list[Line]:
    """Every consent and refusal that was told, oldest first, with what it is worth on `day`."""
    found = []
    for fact in f.of("consent.granted", "consent.refused"):
        data = fact.data
        if fact.type == "consent.refused":
            period, state = (None, None), _REFUSED
        elif fact.happened <= day:
            period, state = (data.valid_from, data.valid_until), _state(f, fact, day)
        else:
            continue
        found.append(
            Line(
                consent_id=data.consent_id,
                recipient=data.recipient.role or data.recipient.org,
                purpose=data.purpose,
                categories=tuple(data.categories),
                valid_from=period[0],
                valid_until=period[1],
                state=state,
                said_on=fact.happened,
            )
        )
    return found


def changes_on(f: Facts, day: date) -> date | None:
    """The next day after `day` on which a validity begins or is over."""
    days = [
        on
        for fact in f.of("consent.granted")
        for on in (fact.happened, fact.data.valid_from, fact.data.valid_until + timedelta(days=1))
        if on > day
    ]
    return min(days, default=None)


_REFUSED: Answer = "refused"


@remembered_if_lasting
def _statements(f: Facts, role: str | None, org: str | None, purpose: str) -> tuple[Statement, ...]:
    granted = [fact for fact in f.of("consent.granted") if _about(fact.data, role, org, purpose)]
    found = [_statement("granted", fact, fact) for fact in granted]
    for fact in f.of("consent.withdrawn"):
        found += [
            _statement("withdrawn", fact, about) for about in granted if about.data.consent_id == fact.data.consent_id
        ]
    found += [
        _statement("refused", fact, fact) for fact in f.of("consent.refused") if _about(fact.data, role, org, purpose)
    ]
    found.sort(key=lambda each: (each.on, each.time, each.kind != "granted", each.fact.key))
    return tuple(found)


def _statement(kind: Literal["granted", "refused", "withdrawn"], fact: Fact, about: Fact) -> Statement:
    data = about.data
    return Statement(
        kind,
        data.consent_id,
        fact.happened,
        fact.time,
        frozenset(data.categories),
        data.recipient.org is not None,
        fact,
    )


def _about(data: Any, role: str | None, org: str | None, purpose: str) -> bool:
    named = data.recipient
    return bool(data.purpose == purpose and (named.role == role if named.role is not None else named.org == org))


def _open(
    said: Iterable[Statement], categories: Collection[str], day: date
) -> tuple[list[Statement], Literal["refused", "withdrawn"] | None]:
    said = [each for each in said if not each.categories.isdisjoint(categories)]
    found: list[Statement] = []
    closed_by: Literal["refused", "withdrawn"] | None = None
    org_closed = False
    for each in said:
        if each.kind != "granted":
            found.clear()
            closed_by, org_closed = each.kind, org_closed or each.to_org
        elif each.on > day or _withdrawn_since(each, said):
            continue
        elif each.to_org or not org_closed:
            found.append(each)
            closed_by, org_closed = None, org_closed and not each.to_org
    return found, closed_by


def _withdrawn_since(grant: Statement, said: Iterable[Statement]) -> bool:
    """Whether this very consent was withdrawn by a statement recorded after it. A withdrawal that is dated before the
    consent was given is a slip of the pen, and closes it all the same."""
    return any(
        each.kind == "withdrawn" and each.consent_id == grant.consent_id and each.time >= grant.time for each in said
    )


def _valid(grant: Statement, day: date) -> bool:
    data = grant.fact.data
    return bool(data.valid_from <= day <= data.valid_until)


def _state(f: Facts, fact: Fact, day: date) -> Answer:
    """Open for any role that it reaches and any category: a refusal to a whole role closes an organisation's too."""
    named, purpose = fact.data.recipient, fact.data.purpose
    roles = [named.role] if named.role is not None else [role for role, of in PURPOSE_OF.items() if of == purpose]
    closed_by: Answer = "withdrawn"
    for role in roles:
        said = _statements(f, role, named.org, purpose)
        for category in fact.data.categories:
            open_grants, closed = _open(said, (category,), day)
            if any(each.fact is fact for each in open_grants):
                return "expired" if fact.data.valid_until < day else "granted"
            closed_by = closed or closed_by
    return closed_by


def _stamp(fact: Fact) -> tuple[date, datetime]:
    return (fact.happened, fact.time)
