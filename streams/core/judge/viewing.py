"""Who sees an episode, and the warning as that viewer reads it."""

from __future__ import annotations

from datetime import date

from woonketen.contracts.catalogue import TYPES
from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.indicators import PARTY, SENDER, Indicator, Viewer
from woonketen.contracts.policy import DERIVED
from woonketen.contracts.recipient import Recipient
from woonketen.contracts.remembering import Same, remembered_if_lasting
from woonketen.contracts.views import Warn
from woonketen.streams.core.judge import judged
from woonketen.streams.core.judge.episode import Episode, turn_of
from woonketen.streams.core.judge.evening import Phrase, Share
from woonketen.streams.core.judge.telling import sentence
from woonketen.streams.core.visible import Sight
from woonketen.streams.core.world import World

AT_WORK = frozenset({"coach", "casusregisseur", "corporatie", "zorgaanbieder"})
"""Roles that answer for what their organisation owes."""


def sees(episode: Episode, to: Sight, world: World) -> bool:
    """Whether this viewer sees the episode: named among the viewers of its indicator, at its severity and by now, and
    with every input open for this resident. The resident sees all of them."""
    rule = world.rules.indicators.get(episode.indicator)
    if rule is None:
        return False
    if to.to.role == "bewoner":
        return True
    if episode.objected or not to.open("warnings"):
        return False
    return any(_sees_as(viewer, rule, episode, to) for viewer in rule.viewers)


def warn(episode: Episode, visible: Facts, to: Recipient, day: date, world: World) -> Warn:
    """The warning as this viewer reads it; its sentence names only what is among the visible facts."""
    rule = world.rules[episode.indicator]
    share = _own_share(rule, episode, visible, to, day)
    severity = episode.severity if share is None else min(share.level, episode.severity)
    role = to.role if to.role in ("wijkteam", "bewoner") else ""
    return Warn(
        id=episode.id,
        indicator=episode.indicator,
        severity=severity,
        state=episode.state,
        sentence=_sentence(visible, Same(episode), severity, role, world, None if share is None else share.org),
        opened_on=episode.opened_on,
        due_on=episode.due_on,
        owner=_owner(rule, episode, to, share),
    )


def warn_feed(episode: Episode, world: World) -> Warn:
    """A silent feed as the steward reads it."""
    rule = world.rules[episode.indicator]
    return Warn(
        id=episode.id,
        indicator=episode.indicator,
        severity=episode.severity,
        state=episode.state,
        sentence=sentence(rule, episode.rule_version, episode.severity, episode.told, rule.owner),
        opened_on=episode.opened_on,
        due_on=episode.due_on,
        owner=episode.owner,
    )


def _sees_as(viewer: Viewer, rule: Indicator, episode: Episode, to: Sight) -> bool:
    role, org = to.to.role, to.to.org
    severity, rests_on = episode.severity, episode.rests_on
    if viewer.role == PARTY:
        share = episode.share(org)
        if share is None or role not in AT_WORK:
            return False
        severity, rests_on = min(share.level, severity), share.evidence
    elif viewer.role == SENDER:
        if role not in AT_WORK or all(fact.org != org for fact in rests_on):
            return False
    elif viewer.role != role:
        return False
    turn = turn_of(viewer, episode.opened_on)
    if severity < viewer.from_severity or to.day < turn or (episode.closed_on is not None and episode.closed_on < turn):
        return False
    if episode.contested_on is not None and severity < 3 and not _owns(episode, to.to):
        return False
    if role == "wijkteam" and viewer.role == role:
        return True  # by a grant of its own: that there is one, and nothing of what is beneath it
    if role == "corporatie" and rule.about == "resident" and any(fact.org != org for fact in rests_on):
        return False
    return all(_input_open(category, rests_on, to) for category in rule.inputs)


def _input_open(category: str, rests_on: tuple[Fact, ...], to: Sight) -> bool:
    told = DERIVED.get(category, category)
    of_category = [fact for fact in rests_on if TYPES[fact.type].category == told]
    if not of_category:
        return to.open(category)
    if to.to.role == "corporatie" and all(fact.org == to.to.org for fact in of_category):
        return True  # its own, also when it took all of it back
    if category in DERIVED:
        return all(to.open(category, fact.happened) for fact in of_category)
    return all(to.allows(fact) for fact in of_category)


def _owns(episode: Episode, to: Recipient) -> bool:
    return to.org in episode.parties if episode.owner == PARTY else to.role == episode.owner


def _own_share(rule: Indicator, episode: Episode, visible: Facts, to: Recipient, day: date) -> Share | None:
    """What the episode says of the viewer's own organisation, for who sees nothing of the others in it."""
    share = episode.share(to.org)
    if share is None or to.role not in AT_WORK or rule.viewer(PARTY) is None:
        return None
    plain = rule.viewer(to.role)
    if plain is not None and plain.from_severity <= episode.severity and day >= turn_of(plain, episode.opened_on):
        seen = {fact.key for fact in visible}
        if all(fact.key in seen for fact in episode.rests_on):
            return None
    return share


@remembered_if_lasting
def _sentence(visible: Facts, same: Same[Episode], severity: int, role: str, world: World, of_org: str | None) -> str:
    """`role`: `wijkteam`, to whom nothing is told, `bewoner`, or empty for everybody else."""
    episode = same.it
    rule = world.rules[episode.indicator]
    phrases: tuple[Phrase, ...] = ()
    if role != "wijkteam" and episode.told_on is not None:
        told = judged(visible, rule.id, episode.told_on, world)
        phrases = told.phrases
        if [fact.key for fact in told.context] != [fact.key for fact in episode.context]:
            # Counted from something that this viewer may not see, so it is not told from when.
            phrases = tuple(each for each in phrases if each.name not in ("last", "never"))
        if of_org is not None:
            phrases = tuple(each for each in phrases if each.values.get("org", of_org) == of_org)
    return sentence(rule, episode.rule_version, severity, phrases, role)


def _owner(rule: Indicator, episode: Episode, to: Recipient, share: Share | None) -> str:
    """A role; for an episode about organisations these, as far as the viewer sees them."""
    if episode.owner != PARTY:
        return episode.owner
    if share is not None:
        return share.org
    return ", ".join(episode.parties) if episode.parties and to.role != "wijkteam" else rule.deputy
