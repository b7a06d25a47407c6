"""Why a warning is there: its sentence, events, numbers, gaps, and what would close it.

Only for who sees every input of it. The same facts give the same bytes; nothing here depends on the moment of asking.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from woonketen.contracts import codes
from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.indicators import Indicator
from woonketen.contracts.recipient import Recipient
from woonketen.streams.core.episodes import NONE, Episode, episodes, feed_episodes, sees, warn, warn_feed
from woonketen.streams.core.visible import Sight, sight, visible
from woonketen.streams.core.world import World


def explain(
    facts: Facts, warning_id: str, to: Recipient, day: date, world: World, ref: bytes = b"", gone: Facts = NONE
) -> dict[str, Any] | None:
    """The explanation on the open day, or None for a warning that this viewer may not see whole (or that is not there).

    `facts`: everything of the resident, effective on `day`; for "as of that evening" what was known by then, with
    `day` the day after it. `ref` and `gone` as for `episodes`.
    """
    found = episodes(facts, day, world, ref, gone)
    episode = next((each for each in found if each.id == warning_id), None)
    if episode is None or to.role == "wijkteam" or episode.indicator not in world.rules.indicators:
        return None
    looking = sight(to, facts, day, world)
    if not sees(episode, looking, world):
        return None
    rule, seen = world.rules[episode.indicator], visible(facts, looking)
    told = warn(episode, seen, to, day, world)
    named = _evidence(episode, to, looking, told.owner, gone)
    return {
        "id": episode.id,
        "indicator": rule.id,
        "label": rule.label,
        "rule_version": episode.rule_version,
        "severity": told.severity,
        "state": episode.state,
        "sentence": told.sentence,
        "opened_on": episode.opened_on.isoformat(),
        "due_on": None if episode.due_on is None else episode.due_on.isoformat(),
        "owner": told.owner,
        "action": rule.tell(rule.action),
        "evidence": [
            {
                "type": codes.label("event_type", fact.type),
                "on": fact.happened.isoformat(),
                "org": fact.org,
                "corrected": fact.corrected,
            }
            for fact in named
        ],
        "rule": rule.tell(rule.opens_when),
        "thresholds": {name: each.value for name, each in rule.thresholds.items()}
        | {"pending_days": rule.pending, "hold_days": rule.hold},
        "gaps": _gaps(rule, episode, named, day, world, gone),
        "closes_when": rule.tell(rule.closes_when),
        "closed_on": None if episode.closed_on is None else episode.closed_on.isoformat(),
        "closed_reason": None
        if episode.closed_reason is None
        else codes.label("warning_reason", episode.closed_reason),
        "as_of": (day - timedelta(days=1)).isoformat(),
    }


def explain_feed(warning_id: str, day: date, world: World) -> dict[str, Any] | None:
    """The same for a silent feed, for a steward: about an organisation, from the world alone."""
    episode = next((each for each in feed_episodes(world, day) if each.id == warning_id), None)
    if episode is None:
        return None
    rule, told = world.rules[episode.indicator], warn_feed(episode, world)
    return {
        "id": episode.id,
        "indicator": rule.id,
        "label": rule.label,
        "rule_version": episode.rule_version,
        "severity": told.severity,
        "state": told.state,
        "sentence": told.sentence,
        "opened_on": told.opened_on.isoformat(),
        "due_on": None if told.due_on is None else told.due_on.isoformat(),
        "owner": told.owner,
        "action": rule.tell(rule.action),
        "org": episode.parties[0],
        "evidence": [],
        "rule": rule.tell(rule.opens_when),
        "thresholds": {name: each.value for name, each in rule.thresholds.items()},
        "gaps": [],
        "closes_when": rule.tell(rule.closes_when),
        "as_of": (day - timedelta(days=1)).isoformat(),
    }


def _evidence(episode: Episode, to: Recipient, looking: Sight, owner: str, gone: Facts) -> list[Fact]:
    """What it rests on and what that is counted from, as far as this viewer may see it; for who sees only what is said
    of its own organisation, that. What was taken back is named to nobody."""
    taken_back = {fact.key for fact in gone}
    share = episode.share(to.org)
    rests_on = share.evidence if share is not None and owner == share.org else episode.rests_on
    named = {fact.key: fact for fact in (*rests_on, *episode.context) if looking.allows(fact)}
    return sorted((fact for key, fact in named.items() if key not in taken_back), key=lambda fact: fact.order)


def _gaps(rule: Indicator, episode: Episode, named: list[Fact], day: date, world: World, gone: Facts) -> list[str]:
    """What is missing in the data, in Dutch; of organisations only those whose facts are named here."""
    silent = world.silent(day - timedelta(days=1))
    found = [
        f"Van {org} komen op dit moment geen gegevens binnen." for org in sorted({fact.org for fact in named} & silent)
    ]
    if episode.state == "suspended" and not found:
        found.append("De gegevens zijn te oud om iets te zeggen.")
    still_there = {fact.id for fact in episode.rests_on} - {fact.id for fact in gone}
    if any(each not in still_there for each in episode.evidence):
        found.append("Een gebeurtenis waarop dit signaal rustte, is ingetrokken of gewist.")
    if rule.domain == "money":
        found += _money_gaps(named)
    return found


def _money_gaps(named: list[Fact]) -> list[str]:
    balances = [fact for fact in named if fact.type == "rent.balance_reported"]
    if balances and not balances[-1].data.paid_late_days:
        return ["Niet geleverd is hoe laat de huur de laatste maanden kwam."]
    return []
