"""The view `bewoner`: one row per enrolment, the latest with everything about the resident."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from woonketen.contracts import codes, consent
from woonketen.contracts.calendar import add_workdays
from woonketen.contracts.catalogue import TYPES
from woonketen.contracts.facts import Facts
from woonketen.contracts.recipient import Recipient
from woonketen.contracts.views import Bewoner, CoachContact, ConsentLine, ContestLine, LeaseLine, Row
from woonketen.contracts.views import Sight as SeenBy
from woonketen.streams.core import picture
from woonketen.streams.core.episodes import ANSWER_WITHIN
from woonketen.streams.core.show.case import Case, Look, Pair
from woonketen.streams.core.show.guidance import coach_of
from woonketen.streams.core.show.lines import action_lines, arrears, intake_line, notice_window, warnings
from woonketen.streams.core.show.pieces import kept
from woonketen.streams.core.show.programma import pilots
from woonketen.streams.core.show.rows import others
from woonketen.streams.core.world import World

GROUNDS = {
    "S": "wettelijke taak of overeenkomst",
    "O": "geen bezwaar",
    "C": "toestemming",
    "own": "eigen gegevens",
}
_CATEGORY_OF = {short: contract.category for short, contract in TYPES.items()}


def rows(case: Case) -> Iterator[Pair]:
    look = case.look("bewoner", "")
    for enrolment in look.read(picture.enrolments):
        current = case.enrolment is not None and enrolment.id == case.enrolment.id
        data = Bewoner(
            programme=enrolment.programme,
            started_on=enrolment.opened_on,
            **(_current(case, look) if current else {}),
        )
        yield look, Row(view="bewoner", key=enrolment.id, org="", data=data, sources=look.sources)


def _current(case: Case, look: Look) -> dict[str, Any]:
    seen, day = look.seen, case.day
    actions = case.in_hand(look.read(picture.actions))
    mine = [each for each in actions if each.owner == "resident"]
    ladder = look.read(picture.ladder)
    level, _, corrected = arrears(case, look)
    return {
        "coach": _coach(look, day, case.world),
        "my_actions": action_lines(mine),
        "their_actions": action_lines(each for each in actions if each.owner != "resident"),
        "lease": _lease(look),
        "ladder_step": ladder.step if ladder else None,
        "intake": intake_line(look, situation=True),
        "arrears_level": level,
        "who_sees_what": [*who_sees_what(case), *steering_group(case)],
        "consents": [
            ConsentLine(
                recipient=each.recipient,
                purpose=each.purpose,
                from_on=each.valid_from,
                until=each.valid_until,
                state=each.state,
            )
            for each in consent.lines(seen, day)
        ],
        "warnings": warnings(case, look),
        "contests": _contests(seen, day),
        "corrected": look.corrected or corrected,
    }


@kept
def in_view(case: Case) -> list[tuple[Recipient, frozenset[str]]]:
    """Everybody else who has a row, and the categories in it of what no fact shows."""
    found: dict[Recipient, set[str]] = {}
    for to, row in others(case):
        found.setdefault(to, set()).update(_derived(row))
    return [(to, frozenset(derived)) for to, derived in found.items()]


@kept
def who_sees_what(case: Case) -> list[SeenBy]:
    """What each recipient really has in view today, and on which ground. Dutch, for the resident."""
    found: dict[tuple[str, str, str], set[str]] = {}
    for to, derived in in_view(case):
        look = case.look_to(to)
        for category in _categories(case, to) | derived:
            ground = _ground(case, look, category)
            found.setdefault((to.role, to.org, ground), set()).add(category)
    lines = []
    for (role, org, ground), names in sorted(found.items()):
        lines.append(
            SeenBy(
                recipient=f"{org} ({codes.label('role', role)})",
                fields=sorted(codes.label("category", each) for each in names),
                ground=GROUNDS[ground],
            )
        )
    return lines


def steering_group(case: Case) -> list[SeenBy]:
    """The line without a number that the steering group has in view, where an agreement names evaluation."""
    enrolment = case.enrolment
    if enrolment is None or not any(
        each.programme == enrolment.programme and enrolment.org in each.orgs and "evaluation" in each.purposes
        for each in case.world.in_force(case.day)
    ):
        return []
    lines = pilots(case.facts, case.day, case.world)
    if not lines:
        return []
    housed = any(each.housed_on is not None for each in lines)
    names = ["enrolment", "phase", *(["lease"] if housed else [])]
    recipient, fields = codes.label("role", "programma"), sorted(codes.label("category", each) for each in names)
    return [SeenBy(recipient=recipient, fields=fields, ground=GROUNDS["S"])]


@kept
def _categories(case: Case, to: Recipient) -> frozenset[str]:
    return frozenset({_CATEGORY_OF[short] for short, _ in case.look_to(to).seen.groups()})


def _derived(row: Row) -> list[str]:
    """Categories of what no fact shows: derived values and warnings."""
    return [name for name in ("arrears_level", "coaching_runs", "warnings") if getattr(row.data, name, None)]


def _ground(case: Case, look: Look, category: str) -> str:
    if look.ended or look.sight.only_own:
        return "own"
    rules = case.world.policy.table(look.to.role, look.to.purpose).rules[category]
    found = rules[0].state if len(rules) == 1 else look.sight.state(category)[0]
    return "S" if found == "-" else found  # a fact of a lease with coaching stays open when that lease ended


def _coach(look: Look, day: date, world: World) -> CoachContact | None:
    coach = coach_of(look)
    if coach is None:
        return None
    info = world.orgs.get(coach.org)
    planned = [
        each.planned_on
        for each in look.read(picture.visits)
        if each.org == coach.org and each.planned_on is not None and each.held_on is None and each.missed_on is None
    ]
    return CoachContact(
        org=coach.org,
        phone=info.phone if info else None,
        next_visit_on=min((on for on in planned if on >= day), default=None),
        interval_days=coach.interval_days,
    )


def _lease(look: Look) -> LeaseLine | None:
    lease = look.read(picture.current_lease)
    if lease is None:
        return None
    window = notice_window(lease)
    return LeaseLine(
        kind=lease.kind,
        ends_on=lease.ends_on,
        evaluation_on=lease.evaluation_on,
        decide_from=window.from_on if window else None,
        decide_until=window.until if window else None,
        card=lease.card,
    )


def _contests(seen: Facts, day: date) -> list[ContestLine]:
    """Each warning that was contested, as it was contested last, with the answer to that."""
    last = {fact.data.warning_id: fact for fact in seen.upto(day, "warning.contested")}
    answers = {
        fact.data.warning_id: fact
        for fact in seen.upto(day, "warning.contest_answered")
        if fact.data.warning_id in last and fact.order >= last[fact.data.warning_id].order
    }
    return [
        ContestLine(
            warning=warning_id,
            answer_by=add_workdays(fact.known, ANSWER_WITHIN),
            answer=answers[warning_id].data.answer if warning_id in answers else None,
        )
        for warning_id, fact in last.items()
    ]
