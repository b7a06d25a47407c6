"""What a coach and a case lead read alike: visits, contact, plan, ladder, support, arrears, neighbours, lease."""

from __future__ import annotations

from datetime import date
from typing import Any

from woonketen.streams.core import picture
from woonketen.streams.core.show.case import Case, Look
from woonketen.streams.core.show.lines import (
    ATTEMPT_DAYS,
    VISIT_DAYS,
    action_lines,
    arrears,
    intake_line,
    lease_dates,
    nuisance,
    warnings,
    within,
)

PROFESSIONAL = frozenset({"wooncoach", "buddy_professional"})


def coach_of(look: Look) -> picture.Assignment | None:
    """The running assignment that started last; a professional's before a volunteer's."""
    running = [each for each in look.read(picture.assignments) if each.ended_on is None]
    found = [each for each in running if each.role in PROFESSIONAL] or running
    return found[-1] if found else None


def guidance(case: Case, look: Look, actions: list[picture.Action]) -> dict[str, Any]:
    """The fields that both rows have, without those of visits."""
    day = case.day
    enrolment = look.read(picture.current_enrolment)
    ladder, activity = look.read(picture.ladder), look.read(picture.day_activity)
    level, trend, corrected = arrears(case, look)
    return {
        "resident": look.resident,
        "programme": enrolment.programme if enrolment else None,
        "started_on": enrolment.opened_on if enrolment else None,
        "intake": intake_line(look),
        "plan_actions": action_lines(actions),
        "ladder_step": ladder.step if ladder else None,
        "day_activity": activity.kind if activity else None,
        "informal_support": _support(look),
        "care_running": _care(look),
        "arrears_level": level,
        "arrears_trend": trend,
        "nuisance_56d": nuisance(look.read(picture.nuisance), day),
        "lease": lease_dates(look),
        "attention_until": look.read(picture.attention_until),
        "warnings": warnings(case, look),
        "corrected": look.corrected or corrected,
    }


def contact(look: Look, day: date, org: str | None) -> dict[str, Any]:
    """The fields of visits. `org`: whose planned visits are meant; None for everybody's."""
    visits = look.read(picture.visits)
    planned = [
        each.planned_on
        for each in visits
        if each.planned_on is not None
        and each.held_on is None
        and each.missed_on is None
        and (org is None or each.org == org)
    ]
    return {
        "next_visit_on": min((on for on in planned if on >= day), default=None),
        "visits_unreported": sum(1 for on in planned if on < day),
        "last_contact_on": look.read(picture.last_contact_on),
        "held_90d": sum(1 for each in visits if each.held_on is not None and within(each.held_on, day, VISIT_DAYS)),
        "missed_90d": sum(
            1 for each in visits if each.missed_on is not None and within(each.missed_on, day, VISIT_DAYS)
        ),
        "attempts_28d": sum(1 for each in look.read(picture.contacts) if within(each.on, day, ATTEMPT_DAYS)),
        "pause_until": look.read(picture.pause_until),
    }


def _support(look: Look) -> bool | None:
    if not look.open("support"):
        return None
    return any(each.running for each in look.read(picture.support))


def _care(look: Look) -> bool | None:
    """None when nothing of care is seen: hidden care looks like none."""
    found = look.read(picture.care)
    return any(each.ended_on is None for each in found) if found else None
