"""The policy, read once more: straight from the file, without a line of the program's own reading of it.

sees(viewer, person, rules)      may this viewer see the fact that the resident is there for?
has_row(viewer, person, rules)   does this viewer have any row of the resident?
"""

from __future__ import annotations

import csv
from pathlib import Path

import builders as b

from matrix.cells import DEBT, DISTRICT, LETTER, PURPOSES, SETTER, TYPES, Person, Viewer

FILE = Path(__file__).parents[2] / "contracts" / "policy.csv"
Rules = list[dict[str, str]]
CLIENT = ("care.", "ladder.", "waiting.", "coach.", "move.planned", "place.vacated")
"""Who tells one of these of a resident has a client."""
OWN_WORK = (
    "care.started",
    "day_activity.started",
    "ladder.reviewed",
    "ladder.step_changed",
    "move.planned",
    "place.vacated",
    "waiting.entered",
)
RUNS = ("care.started", "waiting.entered")
OF_ONE_FACT = ("own", "party", "own_action")


def rules() -> Rules:
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def sees(viewer: Viewer, person: Person, said: Rules) -> bool:
    """By the rule and the resident alone; whether there is a row to see it in is another question."""
    own = person.publisher == viewer.org
    if viewer.role != "bewoner" and not own:
        if not person.notice:
            return False
        if person.flagged and viewer.org != SETTER and viewer.name != "coach":
            return False  # a stranger's coach is assigned by the stranger's own fact
    category = TYPES[str(person.short)].category
    return any(_holds(rule, viewer, person) and _open(rule, viewer, person) for rule in of(viewer, category, said))


def of(viewer: Viewer, category: str, said: Rules) -> Rules:
    purpose = PURPOSES.get(viewer.role, "self")
    return [
        rule
        for rule in said
        if (rule["category"], rule["recipient"], rule["purpose"]) == (category, viewer.role, purpose)
    ]


def _holds(rule: dict[str, str], viewer: Viewer, person: Person) -> bool:
    own, short = person.publisher == viewer.org, str(person.short)
    match rule["when"]:
        case "":
            return True
        case "own":
            return own
        case "own_district":
            return viewer.org == b.GEMEENTE
        case "own_client":
            return is_client(viewer, person)
        case "coaching_clause" if rule["category"] == "lease":
            # the landlord's own lease has the clause or not; a stranger's facts are of another lease, without one
            return person.clause and person.publisher == b.CORPORATIE and short in OF_THE_LEASE
        case "coaching_clause":
            return person.clause and viewer.org == b.CORPORATIE
        case "party":
            return own or (short == "referral.made" and viewer.org == b.COACH)
        case "own_action":
            if viewer.role == "vrijwilliger":
                return own and short in ("action.completed", "action.rescheduled") and viewer.worker == "V-3"
            return own
        case "overview":
            return viewer.name == "peer"
    raise AssertionError(rule["when"])


OF_THE_LEASE = tuple(short for short in TYPES if short.startswith("lease.") and short != "lease.started")


def _open(rule: dict[str, str], viewer: Viewer, person: Person) -> bool:
    match rule["state"]:
        case "S":
            return True
        case "own":
            return person.publisher == viewer.org
        case "C":
            return person.answer == "granted"
        case "O":
            return person.short == "arrears.signalled" and viewer.org == DEBT
        case "-":
            return False
    raise AssertionError(rule["state"])


def asked_of(viewer: Viewer) -> tuple[str, ...]:
    """Of a municipality the purpose does not tell the role: there `decide` is asked for the role, and any will do."""
    return (b.GEMEENTE, "gemeente-x") if viewer.role in ("casusregisseur", "wijkteam") else (viewer.org,)


TOLD_BEFORE = {
    b.GEMEENTE: ("enrolment.opened", "notice.given", "caselead.assigned", "plan.agreed"),
    b.CORPORATIE: ("lease.started",),
    b.COACH: ("coach.assigned",),
    b.BUDDY: ("coach.assigned",),
    SETTER: ("care.started",),
}


def is_client(viewer: Viewer, person: Person) -> bool:
    if viewer.org in (b.COACH, SETTER):
        return True
    return viewer.org == person.publisher and str(person.short).startswith(CLIENT)


def has_row(viewer: Viewer, person: Person, said: Rules) -> bool:
    short, own, plain = str(person.short), person.publisher == viewer.org, not person.flagged and person.notice
    lead_moves = short == "caselead.assigned"
    match viewer.name:
        case "bewoner" | "coach" | "landlord" | "setter":
            return True
        case "case lead":
            if short == "caselead.ended" and person.publisher == b.GEMEENTE:
                return False
            return not person.flagged and (not lead_moves or person.publisher == b.GEMEENTE)
        case "a stranger's case lead":
            return own and lead_moves and not person.flagged
        case "team":
            return not person.flagged
        case "provider":
            return plain
        case "volunteer":
            return plain and not (short == "action.completed" and person.publisher == b.BUDDY)
        case "peer":
            return plain and person.answer in ("granted", "other_period")
        case "a stranger's coach":
            return own and short == "coach.assigned"
        case "a stranger's landlord":
            return own and short == "lease.started"
        case "a stranger's provider":
            if person.flagged:
                return own and short in RUNS
            if not person.notice:
                return own and short in (*OWN_WORK, "plan.agreed", "action.added")
            return own and (is_client(viewer, person) or short in ("plan.agreed", "action.added"))
        case "debt help":
            return plain and short == "arrears.signalled"
    return False  # other workers, other districts, other organisations


def is_certain(viewer: Viewer, person: Person, said: Rules) -> bool:
    """Whether `decide`, which is asked about a category and not about one fact, has to say the same as `sees`."""
    category = TYPES[str(person.short)].category
    if any(person.short in TOLD_BEFORE.get(org, ()) for org in asked_of(viewer)):
        return False  # it told the same before, and is asked about that
    return not any(rule["when"] in OF_ONE_FACT or rule["category"] == "lease" for rule in of(viewer, category, said))


__all__ = ["DISTRICT", "LETTER", "Rules", "has_row", "is_certain", "of", "rules", "sees"]
