"""`woonketen decide`: a question to the policy, in general or about one resident, turned into what the core answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any

import msgspec

from woonketen.contracts.catalogue import KIND_LETTER, PREFIX, Contract, contract_of
from woonketen.contracts.errors import ConfigurationError, UnknownType
from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.policy import Policy
from woonketen.contracts.recipient import PURPOSE_OF, Recipient
from woonketen.contracts.records import PLATFORM
from woonketen.streams.core.effective import effective
from woonketen.streams.core.visible import Decision, decide
from woonketen.streams.core.world import World

KIND_OF_ROLE = {
    "coach": ("zorgaanbieder", "buddy_organisatie"),
    "casusregisseur": ("gemeente",),
    "wijkteam": ("gemeente",),
    "corporatie": ("corporatie",),
    "zorgaanbieder": ("zorgaanbieder",),
    "schuldhulp": ("schuldhulp", "gemeente"),
    "vrijwilliger": ("buddy_organisatie",),
}


class Question(msgspec.Struct, frozen=True):
    """May `recipient` (a role or a registered organisation) see an event of `type` for `purpose`, looked at on `on`,
    about a fact of `fact_on`?"""

    type: str
    recipient: str
    purpose: str
    on: date
    fact_on: date


def in_general(asked: Question, kinds: Mapping[str, str], policy: Policy) -> dict[str, Any]:
    """Without a resident: as for one who was told what is shared and never asked for consent, about what the recipient
    published itself where that matters. A rule with another condition answers only where no rule is without one; then
    the reason names the condition."""
    contract = _contract(asked.type)
    rules = policy.table(_role(asked, kinds), asked.purpose).rules.get(contract.category, ())
    sure = [rule for rule in rules if rule.when in ("", "own")]
    found = (*sure, *rules)[:1]
    if not found:
        return _told(Decision(False, "-", "", policy.version, "no_rule"))
    rule = found[0]
    reasons = {"own": "own", "C": "never_asked", "O": "efforts_missing"}
    reason = reasons.get(rule.state, "rule" if rule in sure else f"if_{rule.when}")
    return _told(Decision(rule.state in ("own", "S"), rule.state, rule.id, policy.version, reason))


def of_resident(asked: Question, kinds: Mapping[str, str], world: World, facts: Iterable[Fact]) -> dict[str, Any]:
    """About one resident. A role is asked for each organisation that has it; one that may see is enough."""
    contract = _contract(asked.type)
    known = effective(facts, asked.on)
    published = {fact.org for fact in known.of(contract.type)}
    found = [
        decide(contract.category, to, known, asked.on, asked.fact_on, _publisher(to, contract, published, kinds), world)
        for to in _recipients(asked, kinds, known)
    ]
    return _told(max(found, key=lambda each: (each.allow, _REASONS.get(each.reason, 3))))


_REASONS = {"no_rule": 0, "rule": 1, "never_asked": 2}
"""Of several denials the one that says most."""
_PEER = "ervaringsdeskundige"
_NOBODY = "?"
"""A publisher that is not the recipient."""


def _told(found: Decision) -> dict[str, Any]:
    return {
        "decision": "allow" if found.allow else "deny",
        "state": found.state,
        "rule": found.rule,
        "policy_version": found.policy_version,
        "reason": found.reason,
    }


def _publisher(to: Recipient, contract: Contract, published: Collection[str], kinds: Mapping[str, str]) -> str:
    """The recipient itself, where it published this of the resident, or nobody did yet and it may."""
    letter = KIND_LETTER.get(kinds.get(to.org, ""), "")
    own = to.org in published or (not published and letter != "" and letter in contract.publishers)
    return to.org if own else _NOBODY


def _recipients(asked: Question, kinds: Mapping[str, str], facts: Facts) -> list[Recipient]:
    role = _role(asked, kinds)
    orgs = [org for org in sorted(kinds) if kinds[org] in KIND_OF_ROLE.get(role, ())]
    if asked.recipient not in PURPOSE_OF:
        orgs = [asked.recipient]
    elif not orgs:
        orgs = [PLATFORM if role == "bewoner" else ""]
    return [
        Recipient(role, org, worker, asked.purpose) for org in orgs for worker in _workers(role, org, facts) or [None]
    ]


def _workers(role: str, org: str, facts: Facts) -> list[str | None]:
    """Of a role that sees one person's work: whom this organisation has at work for the resident."""
    if role == "coach":
        named = [fact for short in ("coach.assigned", "coach.changed", "coach.covered") for fact in facts.of(short)]
        return sorted({fact.data.worker for fact in named if fact.org == org})
    if role == "vrijwilliger":
        actions = [action for fact in facts.of("plan.agreed") for action in fact.data.actions]
        actions += [fact.data.action for fact in facts.of("action.added")]
        peers = {fact.data.worker for fact in facts.of("coach.assigned") if fact.org == org and fact.data.role == _PEER}
        return sorted({each.worker for each in actions if each.owner == org and each.worker} | peers)
    return []


def _contract(event_type: str) -> Contract:
    try:
        return contract_of(event_type.removeprefix(PREFIX))
    except UnknownType:
        raise ConfigurationError("The catalogue has no such event type.", f"Types begin with {PREFIX}.") from None


def _role(asked: Question, kinds: Mapping[str, str]) -> str:
    if asked.recipient in PURPOSE_OF:
        return asked.recipient
    kind = kinds.get(asked.recipient)
    if kind is None:
        raise ConfigurationError(
            "That is neither a role nor a registered organisation.", f"Roles: {', '.join(PURPOSE_OF)}."
        )
    roles = [role for role, of in KIND_OF_ROLE.items() if kind in of and PURPOSE_OF[role] == asked.purpose]
    # No role of this organisation has that purpose: then no rule is about it, and the answer is no.
    return roles[0] if roles else "programma"
