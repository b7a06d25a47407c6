"""Whether the resident is still spoken to: visits that thin out, and contact that is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from woonketen.contracts.facts import Fact
from woonketen.contracts.indicators import Indicator
from woonketen.streams.core.judge.evening import CALM, OVER, Evening, Judgement, Phrase, later
from woonketen.streams.core.picture import Assignment
from woonketen.streams.core.picture.guidance import NOT_A_VOICE

BY_PHONE_OR_DOOR = frozenset({"phone", "door"})
VISITS = ("coach.visit_planned", "coach.visit_held", "coach.visit_missed", "contact.attempted")


def contact_thinning(evening: Evening, rule: Indicator) -> Judgement:
    """Visits with a result, by the day of the result; not those that the organisation missed, not those in a pause."""
    if not _may_look(evening):
        return OVER
    n, day = rule.numbers, evening.day
    counted = [
        fact
        for fact in evening.of("coach.visit_held", "coach.visit_missed")
        if not (_missed(fact) and fact.data.missed_by == "organisation") and not evening.in_pause(fact.happened)
    ]
    last = [fact for fact in counted[-n["of_visits"] :] if _missed(fact)]
    window = [fact for fact in counted if _missed(fact) and day < later(fact.happened, n["window_days"])]
    evidence = last if len(last) >= n["missed"] else []
    if len(window) >= n["missed_in_window"]:
        evidence = window
    below = not any(_missed(fact) for fact in counted[-n["held_in_row"] :])
    orgs = {fact.org for fact in counted}
    return Judgement(
        level=0 if _silent(evening, orgs) else int(bool(evidence)),
        doubt="feed_silent" if _silent(evening, orgs) else None,
        evidence=tuple(evidence),
        phrases=_dates("missed", evidence),
        below_exit=below and not _silent(evening, orgs),
        wake=evening.next(*(later(fact.happened, n["window_days"]) for fact in window)),
    )


def contact_lost(evening: Evening, rule: Indicator) -> Judgement:
    """Days since the last contact by face or voice with any party, and the attempts since."""
    active = _active(evening)
    if not active:
        return OVER if evening.assignments else CALM
    n, day = rule.numbers, evening.day
    interval = min(each.interval_days for each in active)
    contact = last_contact(evening)
    since = contact.happened if contact is not None else min(each.started_on for each in active)
    acts_on = later(since, max(n["days"], n["intervals"] * interval))
    severe_on = later(since, max(n["severe_days"], n["severe_intervals"] * interval))
    attempts = [
        fact
        for fact in evening.of("contact.attempted")
        if not _reached(fact) and (fact.happened > since or (contact is None and fact.happened == since))
    ]
    paused_until = max((each.until for each in evening.pauses if each.on <= day <= each.until), default=None)
    level = 0
    if paused_until is None and day >= acts_on and _enough(attempts, n["attempts"]):
        at_door = any(fact.data.channel == "door" for fact in attempts)
        level = 3 if day >= severe_on and at_door and len(attempts) >= n["severe_attempts"] else 2
    silent = _silent(evening, {each.org for each in active} | {fact.org for fact in evening.of(*VISITS)})
    planned = any(fact.data.planned_on > since for fact in evening.of("coach.visit_planned"))
    began = () if contact is not None else _began(evening, active)
    return Judgement(
        level=0 if silent else level,
        doubt="feed_silent" if silent else None,
        evidence=tuple(attempts),
        context=(contact,) if contact is not None else began,
        phrases=(Phrase("last" if contact else "never", {"on": since}), *_dates("tried", attempts)) if level else (),
        below_exit=not silent and contact is not None and day < acts_on and planned and paused_until is None,
        wake=evening.next(acts_on, severe_on, None if paused_until is None else later(paused_until, 1)),
    )


def last_contact(evening: Evening) -> Fact | None:
    """A visit held with the resident, an attempt that reached, an intake, an evaluation of the lease, a plan agreed
    with the resident; letters, chats and e-mails are neither face nor voice."""
    found = [next(filter(is_contact, reversed(evening.of(short))), None) for short, is_contact in _CONTACTS.items()]
    return max((fact for fact in found if fact is not None), key=lambda fact: fact.order, default=None)


def _active(evening: Evening) -> list[Assignment]:
    """Assignments by whose interval contact is measured: running ones that are not in the background. One that ended
    because no contact was found counts until somebody else is assigned: giving up does not bring the contact back."""
    running = [each for each in evening.assignments if each.ended_on is None]
    if running:
        return [each for each in running if each.mode == "active"]
    last = max(evening.assignments, key=lambda each: (each.ended_on or date.max, each.org, each.id), default=None)
    return [last] if last is not None and last.end_reason == "no_contact" and last.mode == "active" else []


def _may_look(evening: Evening) -> bool:
    return bool(_active(evening)) or not evening.assignments


def _enough(attempts: list[Fact], wanted: int) -> bool:
    on_days = {fact.happened for fact in attempts}
    return len(on_days) >= wanted and any(fact.data.channel in BY_PHONE_OR_DOOR for fact in attempts)


def _silent(evening: Evening, orgs: set[str]) -> bool:
    return bool(evening.silent) and not evening.silent.isdisjoint(orgs)


def _began(evening: Evening, active: list[Assignment]) -> tuple[Fact, ...]:
    first = min(active, key=lambda each: (each.started_on, each.org, each.id))
    return tuple(
        fact for fact in evening.of("coach.assigned") if (fact.org, fact.data.assignment_id) == (first.org, first.id)
    )


def _dates(name: str, facts: list[Fact]) -> tuple[Phrase, ...]:
    days = tuple(dict.fromkeys(fact.happened for fact in facts))
    return (Phrase(name, {"dates": days}),) if days else ()


def _missed(fact: Fact) -> bool:
    return fact.type == "coach.visit_missed"


def _reached(fact: Fact) -> bool:
    return fact.data.reached and fact.data.channel not in NOT_A_VOICE


def _spoke(fact: Fact) -> bool:
    data = fact.data
    return data.channel not in NOT_A_VOICE and (not data.present or "resident" in data.present)


_CONTACTS: dict[str, Callable[[Fact], bool]] = {
    "intake.held": lambda _: True,
    "lease.evaluated": lambda _: True,
    "contact.attempted": _reached,
    "plan.agreed": lambda fact: "resident" in fact.data.agreed_by,
    "coach.visit_held": _spoke,
}
