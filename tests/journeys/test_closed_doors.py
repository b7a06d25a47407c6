"""A door that was closed stays closed by every other way in: looking back, the glass, the looks, an erasure's rest."""

from __future__ import annotations

import io
import json
from datetime import date, timedelta
from typing import Any

import builders as b
import psycopg
import pytest

from woonketen.contracts.errors import ConfigurationError
from woonketen.orchestration.platform import Platform

FIRST_DAY = date(2026, 1, 5)
TODAY = date(2026, 3, 20)
SEEN = date(2026, 3, 18)
"""An evening on which the warning stood, and its door was open."""


def tell(platform: Platform, *events: dict[str, Any]) -> None:
    for event in events:
        (receipt,) = platform.ingest(b._ORG_OF[event["source"]], io.BytesIO(json.dumps(event).encode()))
        assert receipt.status == "accepted", (event["type"], receipt)


def subject(org: str, n: int) -> str:
    return f"{org[0].upper()}{org[-1]}-{n}00"


def told(short: str, org: str, n: int, on: date = FIRST_DAY, **data: Any) -> dict[str, Any]:
    return b.event(short, subject(org, n), b.source_of(org), on, **data)


@pytest.fixture(scope="module")
def town(platform: Platform) -> Platform:
    """Four residents whom nobody visits: 1 withdraws, 2 is flagged, of 3 the enrolment ends, 4 is erased."""
    for org, kind in b.KINDS.items():
        platform.register_org(org, kind=kind, source=b.source_of(org))
    tell(platform, b.agreement_of_all(FIRST_DAY))
    for n in (1, 2, 3, 4):
        tell(
            platform,
            told("enrolment.opened", b.GEMEENTE, n, enrolment_id=f"{b.GEMEENTE}:E-{n}"),
            told("notice.given", b.GEMEENTE, n),
            told("caselead.assigned", b.GEMEENTE, n, worker="CL-4"),
        )
        for org in (b.COACH, b.CORPORATIE):
            code = platform.issue_link(b.GEMEENTE, subject(b.GEMEENTE, n), org)["code"]
            tell(platform, told("subject.linked", org, n, link_code=code))
        tell(
            platform,
            told("coach.assigned", b.COACH, n, assignment_id=f"AS-{n}", worker=f"W-{n}"),
            told("lease.started", b.CORPORATIE, n, lease_id=f"L-{n}", coaching_clause=False, kind="indefinite",
                 ground=..., ends_on=...),
            *(told("contact.attempted", b.COACH, n, date(2026, 3, day), channel="door", reached=False)
              for day in (10, 12, 13, 14)),
        )  # fmt: skip
        platform.add_user(f"bewoner-{n}", b.GEMEENTE, "bewoner", resident=f"{b.GEMEENTE}:{subject(b.GEMEENTE, n)}")
        platform.add_user(f"coach-{n}", b.COACH, "coach", worker=f"W-{n}")
    platform.add_user("coach-9", b.COACH, "coach", worker="W-9")
    platform.add_user("wijk", b.GEMEENTE, "wijkteam")
    platform.add_user("regie", b.GEMEENTE, "casusregisseur", worker="CL-4")
    for name, org in (("steward-gi", b.GEMEENTE), ("steward-co", b.COACH), ("steward-ow", b.CORPORATIE)):
        platform.add_user(name, org, "steward")
    platform.rights.grant(platform.user("bewoner-1"), "wijkteam", None, ["warnings"])
    platform.close_days(FIRST_DAY, TODAY - timedelta(days=1))
    platform.run(until_idle=True)
    return platform


def test_who_looks_back_sees_nothing_that_is_closed_now(town: Platform) -> None:
    def back(user: str) -> list[str]:
        return [row["id"] for row in town.warnings(user, every=True, known_on=SEEN)]

    assert back("wijk"), "while the door is open one may look back"
    me = town.user("bewoner-1")
    consent = next(each["consent"] for each in town.rights.consents(me) if each["state"] == "granted")
    town.rights.withdraw(me, consent)
    assert back("wijk") == []
    town.run(until_idle=True)
    assert town.warnings("wijk", every=True) == []
    assert back("wijk") == []
    assert back("bewoner-1"), "the resident's own"


def test_nobody_looks_ahead(town: Platform) -> None:
    with pytest.raises(ConfigurationError, match="evening"):
        town.warnings("coach-1", known_on=TODAY + timedelta(days=300))
    (warning, *_) = town.warnings("coach-1")
    with pytest.raises(ConfigurationError, match="evening"):
        town.explain(warning["id"], "coach-1", TODAY)


def glass(town: Platform, n: int) -> tuple[Any, ...]:
    """All that somebody hears who breaks the glass, without the moment."""
    told_ = town.rights.break_glass(town.user("coach-9"), b.COACH, subject(b.COACH, n), "crisis")
    asked = [
        (each["kind"], each["resident"] is None, each["reason"]) for each in town.view("steward_requests", "steward-co")
    ]
    return {**told_, "until": ""}, [row["resident"] for row in town.view("coach", "coach-9")], asked[-1:]


def test_the_glass_says_of_a_flagged_person_what_it_says_of_one_whose_enrolment_is_over(town: Platform) -> None:
    over = told("enrolment.closed", b.GEMEENTE, 3, TODAY - timedelta(days=1), enrolment_id=f"{b.GEMEENTE}:E-3")
    tell(town, told("safety.flag_set", b.GEMEENTE, 2, TODAY), over)
    town.run(until_idle=True)
    of_who_left = glass(town, 3)
    assert of_who_left[1] == []
    assert glass(town, 2) == of_who_left


def test_a_steward_does_not_read_at_whom_others_looked(town: Platform) -> None:
    """Else the landlord's reads that a person is still guided of whom nobody shows anything any more."""
    stewards = {"steward-gi": b.GEMEENTE, "steward-co": b.COACH, "steward-ow": b.CORPORATIE}
    town.add_user("huur", b.CORPORATIE, "corporatie")
    town.view("corporatie", "huur")
    before = {name: len(town.looks(name, subject(org, 2))) for name, org in stewards.items()}
    whole = len(town.looks("steward-ow"))
    town.view("coach", "coach-2")
    town.view("coach", "coach-2")
    after = {name: len(town.looks(name, subject(org, 2))) for name, org in stewards.items()}
    assert {name for name in stewards if after[name] != before[name]} == {"steward-co"}
    lines = town.looks("steward-ow")
    assert len(lines) == whole + 2 + 4, "that somebody looked they do read; four are looks of stewards"
    for name, org in stewards.items():
        own, others = set(), []
        for line in town.looks(name):
            code = line["attributes"]["dpl.core.data_subject_id"]
            if code is not None and line["organisation"] == org:
                own.add(code)
            elif code is not None:
                others.append(code)
        assert others
        assert own.isdisjoint(others)
        assert len(others) == len(set(others)), "nor whether two looks were at the same person"


def test_who_asks_for_a_name_learns_no_number_by_it(town: Platform) -> None:
    town.view("coach", "coach-1")
    look = next(each for each in town.looks("bewoner-1") if each["organisation"] == b.COACH)
    mine = {each["attributes"]["dpl.core.data_subject_id"] for each in town.looks("bewoner-1")}
    assert town.who_looked("steward-ow", look["span_id"], "audit")
    asked = [each for each in town.looks("steward-ow") if each["name"] == "who looked"]
    assert asked
    assert mine.isdisjoint(each["attributes"]["dpl.core.data_subject_id"] for each in asked)


def test_a_resident_does_not_learn_whether_a_number_is_somebodys(town: Platform) -> None:
    said = set()
    for number in (subject(b.GEMEENTE, 2), "G-nobody"):
        with pytest.raises(ConfigurationError) as refused:
            town.looks("bewoner-1", number)
        said.add(str(refused.value))
    assert len(said) == 1
    assert town.looks("bewoner-1", subject(b.GEMEENTE, 1)) == town.looks("bewoner-1")


def test_nothing_of_an_erased_residents_way_in_is_left(town: Platform) -> None:
    town.view("bewoner", "bewoner-4")
    rolname = town.user("bewoner-4").rolname
    owner = town.parts.owner
    owner.execute(
        "INSERT INTO web.session (token, rolname, until) VALUES ('\\x01', %s, now() + interval '1 hour')", [rolname]
    )
    owner.execute("INSERT INTO web.visit (rolname, day) VALUES (%s, '2026-03-20')", [rolname])
    for org in (b.COACH, b.CORPORATIE, b.GEMEENTE):
        town.erase(org, subject(org, 4), "art_17_request")
    for table in ("web.session", "web.visit", "gate.name", "gate.viewer"):
        assert owner.execute(f"SELECT count(*) FROM {table} WHERE rolname = %s", [rolname]).fetchone() == (0,), table


def test_who_is_not_the_coach_hears_nothing_of_what_only_the_coach_sees(town: Platform) -> None:
    """Of a flagged person least of all: a colleague who waits for his own list would hear that there is somebody."""
    town.add_user("loket", b.COACH, "zorgaanbieder")

    def keys(name: str) -> set[str]:
        rows = town.parts.processor.execute("SELECT gate.change_keys(%s)", [town.user(name).rolname]).fetchall()
        return {key for (key,) in rows}

    with psycopg.connect(town.parts.dsn, autocommit=True) as listening:
        listening.execute("LISTEN woonketen_shown")
        tell(town, told("coach.visit_held", b.COACH, 2, TODAY, visit_id="V-2", worker="W-2"))
        town.run(until_idle=True)
        heard = {each.payload for each in listening.notifies(timeout=2, stop_after=1)}
        heard |= {each.payload for each in listening.notifies(timeout=0.2)}
    assert keys("coach-2") <= heard
    assert heard.isdisjoint(keys("loket") | keys("coach-1") | keys("wijk"))


@pytest.mark.parametrize("periods", [
    {"valid": (date(2026, 5, 1), date(2026, 1, 1))},
    {"valid": (None, date(2020, 1, 1))},
    {"valid": (None, date(2500, 1, 1))},
    {"valid": (date(9999, 12, 31), None)},
    {"data": (date(2026, 5, 1), date(2026, 1, 1))},
])  # fmt: skip
def test_a_consent_for_a_period_that_ends_before_it_begins_is_told_so(town: Platform, periods: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="ends before it begins"):
        town.rights.grant(town.user("bewoner-1"), "wijkteam", None, ["involvement"], **periods)


def test_nothing_is_said_that_nobody_can_read(town: Platform) -> None:
    """On the log it would stand for ever, and withhold the resident's rows."""
    me = town.user("bewoner-1")
    for to, purpose, category in ((b.COACH, "nonsense", "care"), ("bewoner", None, "care"), ("steward", None, "care")):
        with pytest.raises(ConfigurationError, match="knows no consent"):
            town.rights.refuse(me, to, purpose, [category])
    town.run(until_idle=True)
    assert town.quarantine.list() == []
    assert len(town.view("bewoner", "bewoner-1")) == 1
