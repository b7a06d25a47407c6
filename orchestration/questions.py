"""`woonketen decide`: a question to the policy, in general or about one resident, turned into what the core answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

import msgspec

from woonketen.contracts.catalogue import PREFIX, Contract, contract_of
from woonketen.contracts.errors import ConfigurationError, UnknownType
from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.recipient import PURPOSE_OF, Recipient
from woonketen.streams.effective import effective
from woonketen.streams.visible import decide
from woonketen.streams.world import World

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


def in_general(asked: Question, kinds: Mapping[str, str], world: World) -> dict[str, Any]:
    """Without a resident: as for one who was told what is shared and never asked for consent."""
    moment = datetime.combine(asked.on, time(), UTC)
    told = Fact(bytes(16), "notice.given", "", asked.on, asked.on, moment, "", None, None, None, None)
    return _answer(asked, kinds, world, Facts([told]))


def of_resident(asked: Question, kinds: Mapping[str, str], world: World, facts: Iterable[Fact]) -> dict[str, Any]:
    return _answer(asked, kinds, world, effective(facts, asked.on))


def _answer(asked: Question, kinds: Mapping[str, str], world: World, facts: Facts) -> dict[str, Any]:
    contract = _contract(asked.type)
    to = _recipient(asked, kinds)
    found = decide(contract.category, to, facts, asked.on, asked.fact_on, "", world)
    return {
        "decision": "allow" if found.allow else "deny",
        "state": found.state,
        "rule": found.rule,
        "policy_version": found.policy_version,
        "reason": found.reason,
    }


def _contract(event_type: str) -> Contract:
    try:
        return contract_of(event_type.removeprefix(PREFIX))
    except UnknownType:
        raise ConfigurationError("The catalogue has no such event type.", f"Types begin with {PREFIX}.") from None


def _recipient(asked: Question, kinds: Mapping[str, str]) -> Recipient:
    if asked.recipient in PURPOSE_OF:
        return Recipient(asked.recipient, "", None, asked.purpose)
    kind = kinds.get(asked.recipient)
    if kind is None:
        raise ConfigurationError(
            "That is neither a role nor a registered organisation.", f"Roles: {', '.join(PURPOSE_OF)}."
        )
    roles = [role for role, of in KIND_OF_ROLE.items() if kind in of and PURPOSE_OF[role] == asked.purpose]
    # No role of this organisation has that purpose: then no rule is about it, and the answer is no.
    return Recipient(roles[0] if roles else "programma", asked.recipient, None, asked.purpose)
