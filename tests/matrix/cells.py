"""Who lives in the matrix: one resident per (event type, publisher, answer, flag, clause, notice), and who looks.

Every resident has the same few facts of regular organisations, so that everybody who may ever see anything has a row;
and one fact of the type, on the open day. Where a *stranger* tells it, an organisation that tells nothing else, its
name in `feeds_silent` says whether the fact is among those that the row was made from: a mark that works for every
type, also for one that no field shows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple, get_args

import builders as b

from woonketen.contracts.catalogue import TYPES
from woonketen.contracts.payloads.lists import Category

TODAY = date(2026, 2, 13)
BEFORE = date(2026, 1, 5)

SETTER, DEBT = "zorg-vlag", "rekenhulp"
REGULAR = {b.GEMEENTE: "G", b.CORPORATIE: "C", b.COACH: "Z", b.BUDDY: "B", SETTER: "Z", DEBT: "S"}
STRANGERS = {"Z": "zorg-x", "C": "corporatie-x", "B": "buddy-x", "G": "gemeente-x", "S": "rekenhulp-x"}
"""By letter of their kind, in the order in which one is chosen to publish a type."""
KIND = {"G": "gemeente", "C": "corporatie", "Z": "zorgaanbieder", "B": "buddy_organisatie", "S": "schuldhulp"}
LETTER = {**REGULAR, **{org: letter for letter, org in STRANGERS.items()}}
DISTRICT, ELSEWHERE = "WK019304", "WK019309"

ANSWERS = ("granted", "other_period", "refused", "withdrawn", "expired", "never_asked")
"""`other_period`: granted and valid, but for facts of another period than this one's."""
PURPOSES = {
    "coach": "guidance",
    "casusregisseur": "coordination",
    "wijkteam": "coordination",
    "corporatie": "tenancy",
    "zorgaanbieder": "care",
    "schuldhulp": "early_signalling",
    "vrijwilliger": "own_task",
}
CATEGORIES = frozenset(get_args(Category)) - {"overview"}

BY_PARTNERS = tuple(
    short
    for short, each in TYPES.items()
    if each.about == "person"
    and set(each.publishers) & set(STRANGERS)
    and short not in ("event.corrected", "event.retracted", "safety.flag_set")
)
ELSEWHERE_TESTED = frozenset(short for short, each in TYPES.items() if each.about == "person") - frozenset(BY_PARTNERS)
"""Types that no partner publishes, or that are about another fact: `test_matrix.py` names the test of each."""


class Viewer(NamedTuple):
    name: str
    role: str
    org: str
    worker: str | None = None
    districts: tuple[str, ...] = ()


VIEWERS = (
    Viewer("bewoner", "bewoner", b.PLATFORM),
    Viewer("coach", "coach", b.COACH, "W-1"),
    Viewer("another coach", "coach", b.COACH, "W-2"),
    Viewer("a stranger's coach", "coach", "zorg-x", "W-17"),
    Viewer("case lead", "casusregisseur", b.GEMEENTE, "CL-4"),
    Viewer("another case lead", "casusregisseur", b.GEMEENTE, "CL-8"),
    Viewer("a stranger's case lead", "casusregisseur", "gemeente-x", "CL-77"),
    Viewer("team", "wijkteam", b.GEMEENTE, None, (DISTRICT,)),
    Viewer("another team", "wijkteam", b.GEMEENTE, None, (ELSEWHERE,)),
    Viewer("a stranger's team", "wijkteam", "gemeente-x"),
    Viewer("landlord", "corporatie", b.CORPORATIE),
    Viewer("a stranger's landlord", "corporatie", "corporatie-x"),
    Viewer("provider", "zorgaanbieder", b.COACH),
    Viewer("setter", "zorgaanbieder", SETTER),
    Viewer("a stranger's provider", "zorgaanbieder", "zorg-x"),
    Viewer("volunteer", "vrijwilliger", b.BUDDY, "V-3"),
    Viewer("peer", "vrijwilliger", b.BUDDY, "V-9"),
    Viewer("debt help", "schuldhulp", DEBT),
    Viewer("a stranger's debt help", "schuldhulp", "rekenhulp-x"),
)


class Person(NamedTuple):
    """One resident. `short` None: a control, of whom nothing was told on the open day; `category` is what the consents
    are about."""

    n: int
    short: str | None
    category: str
    publisher: str
    answer: str
    flagged: bool
    clause: bool
    notice: bool

    @property
    def stranger(self) -> bool:
        return self.publisher in STRANGERS.values()


def strangers_of(short: str) -> str:
    return next(org for letter, org in STRANGERS.items() if letter in TYPES[short].publishers)


def regulars_of(short: str) -> list[str]:
    found = (b.GEMEENTE, b.CORPORATIE, b.COACH, b.BUDDY)
    return [org for org in found if LETTER[org] in TYPES[short].publishers]


def people(types: tuple[str, ...] = BY_PARTNERS, answers: tuple[str, ...] = ANSWERS) -> list[Person]:
    made: list[tuple[Any, ...]] = []
    for short in types:
        category, stranger = TYPES[short].category, strangers_of(short)
        for answer in answers:
            made += [(short, category, stranger, answer, flagged, True, True) for flagged in (False, True)]
        for answer in ("granted", "never_asked"):
            made.append((short, category, stranger, answer, False, False, True))
            made += [(short, category, org, answer, False, True, True) for org in regulars_of(short)]
        if short != "notice.given":
            made.append((short, category, stranger, "granted", False, True, False))
    for category in ("care", "nuisance"):
        made += [
            (None, category, b.GEMEENTE, answer, flagged, True, True) for answer in answers for flagged in (False, True)
        ]
    return [Person(n, *each) for n, each in enumerate(made, 1)]


Told = tuple[str, dict[str, Any]]
"""Organisation and event."""


def told_first(person: Person) -> Iterator[Told]:
    """What the municipality says: who takes part, what was agreed, what the resident allowed."""
    n, city = person.n, b.GEMEENTE
    yield _event(city, n, "enrolment.opened", enrolment_id=f"{city}:E-{n}", district=DISTRICT, cohort=...)
    if person.notice:
        yield _event(city, n, "notice.given")
    yield _event(city, n, "caselead.assigned", worker="CL-4", deputy_worker=...)
    owners: list[tuple[str, dict[str, str]]] = [(b.CORPORATIE, {}), (b.COACH, {}), (b.BUDDY, {"worker": "V-3"})]
    actions = [
        {"action_id": f"A-{number}", "owner": owner, "domain": "housing", "kind": "open_mail", "due_on": "2026-06-01",
         "blocking": False, **more}
        for number, (owner, more) in enumerate(owners)
    ]  # fmt: skip
    yield _event(city, n, "plan.agreed", plan_id=f"{city}:PL-{n}", version=1, actions=actions, agreed_by=["resident"])
    for role, purpose in PURPOSES.items():
        for short, data in _said(person, role, purpose):
            yield _event(city, n, short, **data)


def _said(person: Person, role: str, purpose: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if person.answer == "never_asked":
        return
    about = person.category if person.category in CATEGORIES else "plan"
    asked: dict[str, Any] = {
        "consent_id": f"{b.GEMEENTE}:T-{role}-{person.n}",
        "recipient": {"role": role},
        "purpose": purpose,
        # A peer has a row of a plan that he may see, so that is allowed beside it.
        "categories": [about, *(["plan"] if role == "vrijwilliger" and about != "plan" else [])],
    }
    if person.answer == "refused":
        yield "consent.refused", asked
        return
    periods = {"valid_from": "2026-01-06", "valid_until": "2027-01-05", "data_from": None, "data_until": None}
    if person.answer == "expired":
        periods["valid_until"] = "2026-01-31"
    if person.answer == "other_period":
        periods["data_until"] = "2026-01-31"
    yield "consent.granted", asked | periods
    if person.answer == "withdrawn":
        yield "consent.withdrawn", {"consent_id": asked["consent_id"], "occurred_on": "2026-01-20"}


def told_by_others(person: Person) -> Iterator[Told]:
    n = person.n
    yield _event(b.COACH, n, "coach.assigned", assignment_id="AS-0", worker="W-1", interval_days=60)
    yield _event(
        b.CORPORATIE, n, "lease.started", lease_id=f"L-{n}", district=DISTRICT, complex_id=..., dwelling_id=...,
        coaching_clause=person.clause, kind="indefinite", ground=..., ends_on=...,
    )  # fmt: skip
    yield _event(b.BUDDY, n, "coach.assigned", assignment_id="AS-0", worker="V-9", role="ervaringsdeskundige")
    yield _event(SETTER, n, "care.started", care_id="ZT-0")
    if person.flagged:
        yield _event(SETTER, n, "safety.flag_set", occurred_on="2026-02-01")


def told_today(person: Person) -> list[Told]:
    """The fact that the resident is there for, after what it rests on."""
    if person.short is None:
        return []
    before: list[Told] = []
    if person.short == "arrears.signalled":
        own = person.publisher == b.CORPORATIE
        lease = {"lease_id": f"L-{person.n}" if own else f"L-{person.publisher}-{person.n}"}
        owed = {"outstanding_cents": 90000, "rent_cents": 60000, "oldest_unpaid_on": "2026-01-01"}
        before.append(_event(person.publisher, person.n, "rent.balance_reported", **lease, **owed))
        for effort in ("personal_contact", "pointed_to_debt_help", "written_reminder", "offer_to_pass_on"):
            more = {"occurred_on": "2026-01-10", "effort": effort, **lease}
            before.append(_event(person.publisher, person.n, "arrears.effort_made", **more))
    if person.short == "subject.linked":
        return []  # it is told of everybody, or no other fact could be
    made = b.event(person.short, subject_of(person.publisher, person.n), source_of(person.publisher), TODAY)
    made["data"].update(_fitting(person, made["data"]))
    return [*before, (person.publisher, made)]


def _fitting(person: Person, data: dict[str, Any]) -> dict[str, Any]:
    """What has to be its publisher's own, or this resident's."""
    n, org, short = person.n, person.publisher, str(person.short)
    changed: dict[str, Any] = {}
    for name in ("consent_id", "objection_id", "referral_id", "plan_id", "queue_id", "move_id", "signal_id"):
        if name in data:
            changed[name] = f"{org}:X-{n}"
    if "enrolment_id" in data:
        changed["enrolment_id"] = f"{org if short == 'enrolment.opened' else b.GEMEENTE}:E-{n}"
    if "enrolment_id" in data and short == "enrolment.opened" and org == b.GEMEENTE:
        changed["enrolment_id"] = f"{org}:E-{n}-2"
    if "district" in data:
        changed["district"] = DISTRICT
    if "lease_id" in data:
        changed["lease_id"] = f"L-{n}" if org == b.CORPORATIE and short != "lease.started" else f"L-{org}-{n}"
    if "coaching_clause" in data:
        changed["coaching_clause"] = False
    if short in ("plan.endorsed", "action.added", "action.completed", "action.rescheduled"):
        changed["plan_id"] = f"{b.GEMEENTE}:PL-{n}"
    if short == "plan.agreed":
        changed["actions"] = [_action(org)]
        changed["agreed_by"] = ["resident", org]
    if short == "action.added":
        changed["action"] = _action(org)
    if short in ("action.completed", "action.rescheduled"):
        changed["action_id"] = {b.CORPORATIE: "A-0", b.COACH: "A-1", b.BUDDY: "A-2"}.get(org, "A-9")
    if short == "referral.made":
        changed["to_org"] = b.COACH
    if short == "arrears.signalled":
        changed["to_org"] = DEBT
    if short == "caselead.assigned":
        changed["worker"] = "CL-4" if org == b.GEMEENTE else "CL-77"
    if short == "coach.assigned":
        changed["worker"], changed["assignment_id"] = "W-17", "AS-77"
    return changed


def _action(org: str) -> dict[str, Any]:
    return {"action_id": "A-77", "owner": org, "domain": "money", "kind": "arrange_income",
            "due_on": str(TODAY + timedelta(days=40)), "blocking": False}  # fmt: skip


def subject_of(org: str, n: int) -> str:
    return f"G-{n}" if org == b.GEMEENTE else f"{LETTER[org]}{len(org)}-{n}"


def source_of(org: str) -> str:
    return b.source_of(org)


def _event(org: str, n: int, short: str, **data: Any) -> Told:
    occurred = data.pop("occurred_on", str(BEFORE))
    made = b.event(short, subject_of(org, n), source_of(org), None)
    fields = {**made["data"], "occurred_on": occurred, **data}
    made["data"] = {name: value for name, value in fields.items() if value is not ...}
    made["time"] = f"{occurred}T10:00:00+00:00"
    return org, made


def marks(person: Person, background: str) -> set[str]:
    """Values of the fact that stand in no other of the resident's facts: days, codes, amounts, as a row writes them."""
    told = told_today(person)
    if not told:
        return set()
    _, event = told[-1]
    return {mark for mark in _values(event["data"]) if mark not in background} - _WORDS


_WORDS = {'"resident"', '"wooncoach"', '"indefinite"'}
"""Codes that mean something else in another field of the same row."""


def _values(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _values(each)
    elif isinstance(value, list):
        for each in value:
            yield from _values(each)
    elif isinstance(value, str) and len(value) > 3:
        yield json.dumps(value)
    elif isinstance(value, int) and not isinstance(value, bool) and value > 1000:
        yield str(value)
