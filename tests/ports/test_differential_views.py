"""The differential properties through the database: two databases that differ in what somebody may not see give him the
same bytes, in the same order: views, warnings, explanations, complexes, receipts. And so do one with a flagged person
and one in which that person's enrolment is over, or in which there is no such person."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import date, timedelta
from random import Random
from typing import Any

import builders as b
import msgspec
import pytest
import wkviews
from obtaining import DAY, DERIVED, WITH_EPISODES, hidden_from
from wild import FIRST, LANDLORD, TOWN, VIEWERS, Told, life
from wkviews import Town

from woonketen.contracts.settings import Settings
from woonketen.orchestration.residents import Residents
from woonketen.orchestration.wiring import rulebook
from woonketen.projections import people, queries
from woonketen.projections.people import User
from woonketen.streams.core.judge.vigil import READS
from woonketen.streams.door.organisations import Organisation
from woonketen.streams.keys.kek import Keys

OPENED = DAY - timedelta(days=3)
COMPLEX = "CX-12"
Named = tuple[str, str, str | None]
EVERYBODY: tuple[Named, ...] = (*VIEWERS, ("coach", b.ZORG, "W-17"), ("corporatie", LANDLORD, None))


def settle(town: Town) -> None:
    for org, kind in TOWN.items():
        town.admission.register_org(Organisation(org=org, kind=kind, sources=(b.source_of(org),)))
    signed = b.event(
        "agreement.signed", ..., b.source_of(b.GEMEENTE), date(2026, 1, 1), agreement_id=f"{b.GEMEENTE}:OV-0",
        programme="wooncoach", orgs=list(TOWN), valid_from="2025-01-01", valid_until="2029-12-31",
        purposes=["coordination", "guidance", "tenancy", "care", "early_signalling", "own_task", "evaluation"],
    )  # fmt: skip
    assessed = b.event("complex.assessed", ..., b.source_of(b.CORPORATIE), date(2026, 1, 2), complex_id=COMPLEX)
    for org, each in ((b.GEMEENTE, signed), (b.CORPORATIE, assessed)):
        (receipt,) = town.admission.submit(org, [json.dumps(each).encode()])
        assert receipt.status == "accepted", receipt


def opened(dsn: str, first: bool = False) -> AbstractContextManager[Town]:
    return wkviews.town(dsn, day=OPENED, organisations=settle if first else lambda _: None)


def tell(town: Town, n: int, told: Iterable[Told]) -> list[tuple[str, str, str, str | None]]:
    """As partners send it, each under its own pseudonym. Gives (organisation, status, reason, detail) of each event."""
    said = []
    for each in told:
        if each.org != b.GEMEENTE and town.admission.resident_of(each.org, subject(each.org, n)) is None:
            code, _ = town.admission.issue_link(b.GEMEENTE, subject(b.GEMEENTE, n), each.org)
            said.append(_send(town, each.org, b.event(
                "subject.linked", subject(each.org, n), b.source_of(each.org), FIRST, link_code=code)))  # fmt: skip
        id_ = f"01a00000-0000-7000-8{n:03d}-{each.n:012d}"
        made = b.event(
            each.short, subject(each.org, n), b.source_of(each.org), each.on, event_id=id_, **_fitting(each, n)
        )
        said.append(_send(town, each.org, made))
    return said


def _fitting(each: Told, n: int) -> dict[str, Any]:
    """The municipality's own ids are this resident's."""
    data = dict(each.data)
    fields = {**b.sample(each.short)["data"], **data}
    for name in ("enrolment_id", "plan_id", "consent_id"):
        if isinstance(fields.get(name), str):
            data[name] = f"{fields[name]}-{n}"
    if "lease_id" in fields:
        data["lease_id"] = f"{fields['lease_id']}-{n}"
    return data


def _send(town: Town, org: str, event: dict[str, Any]) -> tuple[str, str, str, str | None]:
    (receipt,) = town.admission.submit(org, [json.dumps(event).encode()])
    return org, receipt.status, receipt.reason or "", receipt.detail


def subject(org: str, n: int) -> str:
    return f"{org[0].upper()}{len(org)}-{n}"


def simple(told: Iterable[Told]) -> list[Told]:
    return [each._replace(undone=None, mended=None) for each in told]


def finish(town: Town) -> None:
    town.close(OPENED, DAY - timedelta(days=1))
    town.run()


class Reading:
    """Everything that one person can get from a database, by the ways that the program offers."""

    def __init__(self, town: Town, viewer: Named) -> None:
        role, org, worker = viewer
        owner = town.owner
        user = people.add_user(owner, str(viewer), org=org, role=role, worker=worker)
        self.views = {
            name: queries.view(owner, user, name) for name in people.VIEWS_OF[role] if name not in ("warnings", "looks")
        }
        self.warnings = queries.warnings(owner, user, closed=True) if "warnings" in people.VIEWS_OF[role] else []
        self.explained = {each["id"]: _explained(town, user, each["id"]) for each in self.warnings}
        self.parked = [{**each, "at": ""} for each in town.admission.receipts(org)]

    def bytes(self, without: Iterable[str] = (), indicators_of: Iterable[str] | None = None) -> bytes:
        """`without`: fields that are derived. `indicators_of`: the only warnings to keep."""
        left_out = set(without)
        views = {
            name: [{field: row[field] for field in row if field not in left_out} for row in rows]
            for name, rows in self.views.items()
        }
        kept = [each for each in self.warnings if indicators_of is None or each["indicator"] in indicators_of]
        told = [views, kept, {each["id"]: self.explained[each["id"]] for each in kept}, self.parked]
        return msgspec.json.encode(told)


def _explained(town: Town, user: User, warning_id: str) -> Any:
    ref = queries.resident_of_warning(town.owner, user, warning_id)
    assert ref is not None
    rules = rulebook(Settings())  # as shipped
    keys = Keys(wkviews.KEK)
    found = Residents(
        town.admission._log, town.vault, rules, keys, town.admission.settings()
    ).explain(ref, warning_id, user, DAY - timedelta(days=1))  # fmt: skip
    assert user.role == "wijkteam" or found is not None, "what is listed can be explained"
    return found


@pytest.mark.parametrize("seed", range(5))
def test_what_one_may_not_see_changes_no_byte(new_database: Callable[..., str], seed: int) -> None:
    """Three residents; of the second somebody may not see a part, which is told in one database only."""
    lives = [simple(life(Random(f"{seed} {n}"))) for n in (1, 2, 3)]
    shown_to = [(viewer, hidden_from(lives[1], viewer)) for viewer in VIEWERS]
    viewer, hidden = max(
        (pair for pair in shown_to if pair[0][0] != "schuldhulp"),
        key=lambda pair: (
            (len(pair[1]), pair[0] == VIEWERS[seed % len(VIEWERS)]) if pair[0] == VIEWERS[seed] else (0, 0)
        ),
    )
    assert len(hidden) > 3
    gone = {each.n for each in hidden}
    base = new_database()
    with opened(base, first=True) as town:
        said = [
            tell(town, n, told if n != 2 else [each for each in told if each.n not in gone])
            for n, told in enumerate(lives, 1)
        ]
        assert any(status == "accepted" for _, status, _, _ in said[1])
    whole = new_database(base)
    with opened(whole) as town:
        tell(town, 2, hidden)
        finish(town)
        one = Reading(town, viewer)
    with opened(base) as town:
        finish(town)
        other = Reading(town, viewer)
    touched = {name for name, reads in READS.items() if not reads.isdisjoint({each.short for each in hidden})}
    untouched = set(READS) - touched
    fields = DERIVED | WITH_EPISODES | ({"corrected"} if viewer[0] in ("coach", "casusregisseur") else set())
    fields |= {"arrived_or_left"} if viewer[0] == "wijkteam" else set()
    assert one.bytes(fields, untouched) == other.bytes(fields, untouched)
    assert any(one.views.values()), "there is something to read"


FLAG = Told("safety.flag_set", b.ZORG, FIRST + timedelta(days=30), {}, n=900)
CLOSED = Told("enrolment.closed", b.GEMEENTE, FIRST + timedelta(days=30), {}, n=900)
PERSON = (
    Told("enrolment.opened", b.GEMEENTE, FIRST, {}, n=1),
    Told("notice.given", b.GEMEENTE, FIRST, {}, n=2),
    Told("caselead.assigned", b.GEMEENTE, FIRST, {}, n=3),
    Told("plan.agreed", b.GEMEENTE, FIRST, {}, n=4),
    Told("coach.assigned", b.COACH, FIRST, {}, n=5),
    Told("lease.started", b.CORPORATIE, FIRST, {"complex_id": COMPLEX}, n=6),
    Told("rent.balance_reported", b.CORPORATIE, FIRST + timedelta(days=60), {}, n=7),
    Told("action.added", b.BUDDY, FIRST, {}, n=8),
    Told("care.started", b.ZORG, FIRST, {}, n=9),
)


def test_a_flag_shows_nowhere(new_database: Callable[..., str]) -> None:
    """Against a world in which the enrolment is over, and, for who told nothing of the person that he may keep, one in
    which there is nobody."""
    without = new_database()
    with opened(without, first=True) as town:
        for n in (1, 3):
            tell(town, n, simple(life(Random(f"flag {n}"))))
    base = new_database(without)
    with opened(base) as town:
        assert {status for _, status, _, _ in tell(town, 2, PERSON)} == {"accepted"}
    flagged = new_database(base)
    read: dict[str, dict[Named, bytes]] = {}
    for name, dsn, more in (("flagged", flagged, FLAG), ("over", base, CLOSED), ("without", without, None)):
        with opened(dsn) as town:
            if more is not None:
                assert [each[1] for each in tell(town, 2, [more])] == ["accepted"]
            finish(town)
            read[name] = {viewer: Reading(town, viewer).bytes() for viewer in EVERYBODY}
    assert read["flagged"] != read["without"]
    for viewer in EVERYBODY:
        if viewer in (("coach", b.COACH, "W-17"), ("zorgaanbieder", b.ZORG, None)):
            assert read["flagged"][viewer] != read["over"][viewer], "setter and coach go on"
            continue
        assert read["flagged"][viewer] == read["over"][viewer], viewer
        if viewer != ("corporatie", b.CORPORATIE, None):  # keeps its own lease
            assert read["flagged"][viewer] == read["without"][viewer], viewer


def test_a_planted_leak_is_caught(new_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag that is forgotten where complexes are counted gives the person away to the landlord."""
    monkeypatch.setattr("woonketen.streams.core.show.complex._flagged", lambda facts, day, world: False)
    base = new_database()
    with opened(base, first=True) as town:
        tell(town, 2, PERSON)
    flagged = new_database(base)
    read = []
    for dsn, more in ((flagged, FLAG), (base, CLOSED)):
        with opened(dsn) as town:
            tell(town, 2, [more])
            finish(town)
            read.append(Reading(town, ("corporatie", b.CORPORATIE, None)).bytes())
    assert read[0] != read[1]
