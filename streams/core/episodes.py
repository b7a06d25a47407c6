"""Warnings as somebody may see them: the episodes with their states, who sees which, and the sentence.

`day` is the open day throughout: episodes are what was concluded at closes before it.
"""

from __future__ import annotations

from datetime import date, timedelta

import msgspec

from woonketen.contracts import consent
from woonketen.contracts.calendar import add_workdays
from woonketen.contracts.facts import Facts
from woonketen.contracts.indicators import Indicator
from woonketen.contracts.remembering import Same, remembered_if_lasting
from woonketen.streams.core.judge import READS, TRIGGERS, judge_one, judged, nothing_owed, warning_id
from woonketen.streams.core.judge.course import Course, courses
from woonketen.streams.core.judge.episode import OPEN, Episode, turn_of
from woonketen.streams.core.judge.evening import Phrase
from woonketen.streams.core.judge.feeds import silences
from woonketen.streams.core.judge.machine import NOTHING, Turn
from woonketen.streams.core.judge.viewing import sees, warn, warn_feed
from woonketen.streams.core.world import World

__all__ = [
    "OPEN",
    "Episode",
    "Turn",
    "episodes",
    "feed_episodes",
    "next_change",
    "sees",
    "tonight",
    "warn",
    "warn_feed",
]

ANSWER_WITHIN = 5
"""Working days in which a contest is answered."""
NONE = Facts([])
PROVISIONAL = "arrears_escalating"
"""What calls for attention at once is shown before its evening: severity 3 of this indicator."""


def episodes(
    facts: Facts, day: date, world: World, ref: bytes = b"", gone: Facts = NONE, turn: Turn | None = None
) -> list[Episode]:
    """Every episode of one resident, oldest first, and the provisional notice of the day if there is one.

    `facts`: all of them, effective on `day`, the warnings among them. `gone`: what was taken back
    (`effective.retracted`), so that who saw a warning hears that it is void. With `ref` a notice has the id of the
    episode that it becomes tonight. `turn`: `tonight` of the same, for who has it.
    """
    known = courses(facts)
    found = {course.warning_id: _episode(facts, Same(course), day, world, Same(gone)) for course in known}
    turn = tonight(facts, day, world, ref) if turn is None else turn
    notice = _provisional(turn, facts, day, world, known, named=bool(ref))
    if notice is not None:
        found[notice.id] = notice
    return list(found.values())


def next_change(facts: Facts, day: date, world: World, turn: Turn | None = None) -> date | None:
    """The next day after `day` on which by itself another answer is due from anything here: what a sentence rests on
    changes, another viewer's turn comes, a notice may appear. `turn`: `tonight` of the same, for who has it."""
    known = courses(facts)
    days = []
    for course in known:
        rule = world.rules.indicators.get(course.indicator)
        if rule is None or not course.open:
            continue
        days.append(judged(facts, course.indicator, day, world).wake)
        days += [turn_of(each, course.opened_on) for each in rule.viewers if each.after_workdays]
    turn = tonight(facts, day, world) if turn is None else turn
    days.append(turn.wake)
    if _provisional(turn, facts, day, world, known, named=False) is not None:
        days.append(day + timedelta(days=1))  # a notice lives for one day
    return min((on for on in days if on is not None and on > day), default=None)


def feed_episodes(world: World, day: date) -> list[Episode]:
    """Silent feeds, for the steward: about organisations and from the world alone, so they are not on the log."""
    rule = world.rules["feed_silent"]
    if rule.switched_off.always:
        return []
    found = []
    for each in silences(world, day - timedelta(days=1)):
        if each.org in rule.switched_off.orgs:
            continue
        told = Phrase("never", {"org": each.org})
        if each.heard_on is not None:
            told = Phrase("since", {"org": each.org, "on": each.heard_on})
        found.append(
            Episode(
                id=warning_id(each.org.encode(), rule.id, each.since),
                indicator=rule.id,
                severity=rule.lowest,
                state="active",
                opened_on=each.since,
                due_on=add_workdays(each.since, rule.due[rule.lowest]),
                owner=rule.owner,
                evidence=(),
                parties=(each.org,),
                rule_version=rule.version,
                told=(told,),
            )
        )
    return found


@remembered_if_lasting
def _episode(facts: Facts, same: Same[Course], day: date, world: World, gone: Same[Facts]) -> Episode:
    course = same.it
    rule = world.rules.indicators.get(course.indicator)
    contest = course.contest
    made = Episode(
        id=course.warning_id,
        indicator=course.indicator,
        severity=course.severity,
        state=_state(course),
        opened_on=course.opened_on,
        due_on=None if rule is None else _due_on(rule, course.severity, course.acted_on),
        owner="" if rule is None else rule.owner,
        evidence=course.evidence,
        parties=course.parties,
        rule_version=course.rule_version,
        closed_on=course.ended_on,
        closed_reason=course.ended_by,
        acknowledged_as=None if course.acknowledgement is None else course.acknowledgement.data.reason,
        contested_on=None if contest is None else contest.known,
        answer_by=None if contest is None else add_workdays(contest.known, ANSWER_WITHIN),
        answer=course.answer,
    )
    if rule is None:
        return made
    return _resting(made, course, facts, day, world, gone.it)


def _objected(made: Episode, rule: Indicator, facts: Facts, day: date) -> bool:
    objecting = made.open and rule.about == "resident" and bool(facts.of("objection.recorded"))
    return objecting and consent.objected(facts, "warnings", day)


def _resting(made: Episode, course: Course, facts: Facts, day: date, world: World, gone: Facts) -> Episode:
    """What it rests on: now, while it holds; else on the evening that gave it its severity."""
    told_on = course.level_on
    if course.open and judged(facts, course.indicator, day, world).level:
        told_on = day
    then = judged(facts, course.indicator, told_on, world)
    named = set(course.evidence) | set(course.level_evidence)
    reads = READS[course.indicator]
    opened_with = [fact for each in (facts, gone) for fact in each.of(*reads) if fact.id in named] if named else []
    rests_on = {fact.key: fact for fact in (*opened_with, *then.evidence)}
    return msgspec.structs.replace(
        made,
        rests_on=tuple(sorted(rests_on.values(), key=lambda fact: fact.order)),
        shares=then.shares,
        context=then.context,
        parties=then.parties or made.parties,
        objected=_objected(made, world.rules[made.indicator], facts, day),
        told_on=told_on,
    )


def _state(course: Course) -> str:
    if course.voided:
        return "voided"
    if course.ended_on is not None:
        return "expired" if course.ended_by == "expired" else "resolved"
    if course.contest is not None:
        return "contested"
    if course.suspended is not None:
        return "suspended"
    return "acknowledged" if course.acknowledgement is not None else "active"


@remembered_if_lasting
def tonight(facts: Facts, day: date, world: World, ref: bytes = b"") -> Turn:
    """What the close of the open day would emit of what is shown before its evening. Who is silent tonight is not known
    yet; who was last night is."""
    if not facts.of(*TRIGGERS[PROVISIONAL]) or nothing_owed(PROVISIONAL, facts):
        return NOTHING
    return judge_one(PROVISIONAL, facts, facts, ref, day, world, world.silent(day - timedelta(days=1)))


def _provisional(turn: Turn, facts: Facts, day: date, world: World, known: list[Course], named: bool) -> Episode | None:
    """`named`: whether tonight's ids are those of this resident."""
    for emission in turn.emissions:
        told = emission.payload
        if emission.type not in ("warning.opened", "warning.raised") or told.severity < 3:
            continue
        rule, now = world.rules[PROVISIONAL], judged(facts, PROVISIONAL, day, world)
        running = next((course for course in known if course.warning_id == told.warning_id), None)
        return Episode(
            id=told.warning_id if named or running is not None else warning_id(now.evidence[0].key, rule.id, day),
            indicator=rule.id,
            severity=told.severity,
            state="provisional",
            opened_on=day if running is None else running.opened_on,
            due_on=_due_on(rule, told.severity, day),
            owner=rule.owner,
            evidence=tuple(told.evidence),
            parties=(),
            rule_version=rule.version,
            rests_on=now.evidence,
            told_on=day,
        )
    return None


def _due_on(rule: Indicator, severity: int, since: date) -> date | None:
    days = rule.due.get(severity)
    return None if days is None else add_workdays(since, days)
