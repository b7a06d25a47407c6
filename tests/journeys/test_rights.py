"""A resident says no, yes, and "that is not right", and asks who looked: through the platform, on a real database."""

from __future__ import annotations

import io
import json
from datetime import date, timedelta
from typing import Any

import builders as b
import psycopg
import pytest

from woonketen.contracts.errors import ConfigurationError
from woonketen.orchestration.export import as_page
from woonketen.orchestration.platform import Platform

FIRST_DAY = date(2026, 1, 5)
TODAY = date(2026, 2, 2)
LATER = date(2026, 1, 20)
ORGS = {**b.KINDS, "gemeente-verderop": "gemeente"}
NAME = "Wilhelmina-Kwakernaak"
"""The name of a coach who looks; it may stand nowhere in clear."""


class Town:
    """Residents 1 and 2 with a coach and a lease each; 3 is another's. `sent` holds what was told of whom."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.sent: dict[int, list[str]] = {}

    def tell(self, n: int | None, *events: dict[str, Any], status: str = "accepted") -> None:
        for event in events:
            org = b._ORG_OF[event["source"]]
            (receipt,) = self.platform.ingest(org, io.BytesIO(json.dumps(event).encode()))
            assert receipt.status == status, (event["type"], receipt)
            if n is not None:
                self.sent.setdefault(n, []).append(event["id"])

    def event(self, short: str, org: str, n: int, on: date = LATER, **data: Any) -> dict[str, Any]:
        return b.event(short, subject(org, n), b.source_of(org), on, **data)

    def live(self, n: int) -> None:
        plan = f"{b.GEMEENTE}:P-{n}"
        self.tell(
            n,
            self.event("enrolment.opened", b.GEMEENTE, n, FIRST_DAY, enrolment_id=f"{b.GEMEENTE}:E-{n}"),
            self.event("notice.given", b.GEMEENTE, n, FIRST_DAY),
        )
        for org in (b.COACH, b.CORPORATIE, b.ZORG):
            code = self.platform.issue_link(b.GEMEENTE, subject(b.GEMEENTE, n), org)["code"]
            self.tell(n, self.event("subject.linked", org, n, FIRST_DAY, link_code=code))
        actions = [{"action_id": "A-1", "owner": b.COACH, "kind": "open_mail", "domain": "money",
                    "due_on": "2026-02-20", "blocking": False}]  # fmt: skip
        self.tell(
            n,
            self.event("caselead.assigned", b.GEMEENTE, n, worker="CL-4"),
            self.event("plan.agreed", b.GEMEENTE, n, plan_id=plan, actions=actions, agreed_by=[b.GEMEENTE, b.COACH]),
            self.event("coach.assigned", b.COACH, n, assignment_id=f"AS-{n}", worker=f"W-{n}"),
            self.event("coach.visit_held", b.COACH, n, date(2026, 1, 28), visit_id=f"V-{n}", worker=f"W-{n}"),
            self.event("lease.started", b.CORPORATIE, n, lease_id=f"L-{n}", coaching_clause=False,
                       kind="indefinite", ground=..., ends_on=...),
            self.event("rent.balance_reported", b.CORPORATIE, n, lease_id=f"L-{n}", outstanding_cents=40_000,
                       oldest_unpaid_on="2026-01-01"),
            self.event("care.started", b.ZORG, n, care_id=f"Z-{n}"),
        )  # fmt: skip


def subject(org: str, n: int) -> str:
    return f"{org[0].upper()}{org[-1]}-{n}00"


@pytest.fixture(scope="module")
def town(platform: Platform) -> Town:
    made = Town(platform)
    for org, kind in ORGS.items():
        platform.register_org(org, kind=kind, source=b.source_of(org))
    made.tell(None, b.agreement_of_all(FIRST_DAY))
    for n in (1, 2):
        made.live(n)
    platform.close_days(FIRST_DAY, TODAY - timedelta(days=1))
    platform.run(until_idle=True)
    for n in (1, 2):
        resident = f"{b.GEMEENTE}:{subject(b.GEMEENTE, n)}"
        platform.add_user(f"bewoner-{n}", b.GEMEENTE, "bewoner", resident=resident)
        platform.add_user(f"coach-{n}", b.COACH, "coach", worker=f"W-{n}")
    platform.add_user(NAME, b.COACH, "coach", worker="W-9")
    platform.add_user("regie", b.GEMEENTE, "casusregisseur", worker="CL-4")
    platform.add_user("verhuurder", b.CORPORATIE, "corporatie")
    platform.add_user("steward", b.GEMEENTE, "steward")
    platform.add_user("steward-verderop", "gemeente-verderop", "steward")
    platform.add_user("steward-coach", b.COACH, "steward")
    return made


def coach_sees(town: Town, n: int = 1, user: str = "") -> dict[str, Any] | None:
    rows = town.platform.view("coach", user or f"coach-{n}")
    return next((row for row in rows if row["resident"] == subject(b.COACH, n)), None)


def run(town: Town) -> None:
    town.platform.run(until_idle=True)


def warned(town: Town) -> list[tuple[Any, ...]]:
    return [
        (row["indicator"], row["severity"], row["state"]) for row in town.platform.warnings("bewoner-1", every=True)
    ]


# --- consent ---


def test_a_consent_opens_what_it_names_and_a_withdrawal_hides_it_at_the_next_read(town: Town) -> None:
    rights, me = town.platform.rights, town.platform.user("bewoner-1")
    before, warnings = coach_sees(town), warned(town)
    assert before is not None
    assert (before["lease"], before["arrears_level"]) == (None, None)
    assert {"lease", "arrears_level"} <= set(before["not_shared"])

    lease = rights.grant(me, "coach", None, ["lease"])
    both = rights.grant(me, "coach", None, ["arrears_level"])
    run(town)
    opened = coach_sees(town)
    assert opened is not None
    assert opened["lease"]["kind"] == "indefinite"
    assert opened["arrears_level"] == "light"

    assert rights.withdraw(me, lease["consent"])["state"] == "withdrawn"
    assert coach_sees(town) is None, "nothing is shown until the step has caught up"
    run(town)
    hidden = coach_sees(town)
    assert hidden is not None
    assert hidden["lease"] is None
    assert hidden["arrears_level"] == "light", "the other consent stands"

    again = rights.grant(me, "coach", None, ["lease"])
    run(town)
    back = coach_sees(town)
    assert back is not None
    assert back["lease"] == opened["lease"]
    rights.withdraw(me, again["consent"])
    rights.withdraw(me, both["consent"])
    run(town)
    assert coach_sees(town) == before
    assert warned(town) == warnings, "granting and withdrawing raise and change no warning"


def test_the_five_answers_are_told_apart_to_the_resident(town: Town) -> None:
    rights, me = town.platform.rights, town.platform.user("bewoner-2")
    given = rights.grant(me, "wijkteam", None, ["plan"])["consent"]
    past = rights.grant(me, "coach", None, ["support"], valid=(date(2026, 1, 5), date(2026, 1, 20)))["consent"]
    no = rights.refuse(me, b.COACH, "guidance", ["day_activity"])["consent"]
    gone = rights.grant(me, "coach", None, ["nuisance"])["consent"]
    rights.withdraw(me, gone)
    states = {row["consent"]: row["state"] for row in rights.consents(me)}
    assert states == {given: "granted", past: "expired", no: "refused", gone: "withdrawn"}
    asked = ("nl.woonketen.care.started", "coach", "guidance")
    resident = (b.GEMEENTE, subject(b.GEMEENTE, 2))
    assert town.platform.decide(*asked, resident=resident)["reason"] == "never_asked"
    assert rights.withdraw(me, gone) == {"consent": gone, "state": "withdrawn"}, "a second time changes nothing"
    assert len(rights.consents(me)) == 4
    run(town)
    told = town.platform.view("steward_consents", "steward")
    assert {row["state"] for row in told} >= {"granted", "expired", "refused", "withdrawn"}
    assert {tuple(row) for row in told} == {("ref_hash", "recipient", "purpose", "state", "from", "until")}
    assert subject(b.GEMEENTE, 2) not in str(told)


def test_a_consent_is_never_a_ground(town: Town) -> None:
    rights, me = town.platform.rights, town.platform.user("bewoner-1")
    with pytest.raises(ConfigurationError, match="open nothing"):
        rights.grant(me, "coach", None, ["arrears"])
    with pytest.raises(ConfigurationError, match="open nothing"):
        rights.grant(me, b.CORPORATIE, "tenancy", ["care"])
    with pytest.raises(ConfigurationError, match="neither a role"):
        rights.grant(me, "burgemeester", None, ["lease"])


def test_nobody_says_it_for_another(town: Town) -> None:
    rights = town.platform.rights
    mine = rights.grant(town.platform.user("bewoner-2"), "coach", None, ["support"])["consent"]
    with pytest.raises(ConfigurationError, match="no such consent"):
        rights.withdraw(town.platform.user("bewoner-1"), mine)
    with pytest.raises(ConfigurationError, match="Only a resident"):
        rights.object(town.platform.user("coach-1"), "warnings")
    rights.withdraw(town.platform.user("bewoner-2"), mine)
    run(town)


# --- objection and correction ---


def test_an_objection_stands_at_once_and_gets_an_answer_day(town: Town) -> None:
    rights, me = town.platform.rights, town.platform.user("bewoner-2")
    day = town.platform.open_day()
    rights.object(me, "early_signalling")
    assert town.platform.view("corporatie", "verhuurder") != []
    assert [row["lease_id"] for row in town.platform.view("corporatie", "verhuurder")] == ["L-1"], "hidden meanwhile"
    run(town)
    (row,) = [row for row in town.platform.view("corporatie", "verhuurder") if row["lease_id"] == "L-2"]
    assert row["may_signal"] is False
    assert "objection" in row["may_signal_missing"]
    rights.object(me, "early_signalling")
    mine = [row for row in rights.requests(me) if row["kind"] == "objection"]
    assert [(row["org"], row["received_on"], row["legal_day"]) for row in mine] == [
        (b.GEMEENTE, day, date(day.year, day.month + 1, day.day))
    ]
    rights.lift(me, "early_signalling")
    run(town)
    (row,) = [row for row in town.platform.view("corporatie", "verhuurder") if row["lease_id"] == "L-2"]
    assert "objection" not in row["may_signal_missing"]


def test_a_request_for_correction_reaches_who_published_it(town: Town) -> None:
    rights, me = town.platform.rights, town.platform.user("bewoner-1")
    (asked,) = rights.correct(me, "visits", "not_happened", None)
    assert (asked["kind"], asked["org"], asked["state"]) == ("rectification", b.COACH, "open")
    with pytest.raises(ConfigurationError, match="Nobody published"):
        rights.correct(me, "visits", "not_happened", b.CORPORATIE)
    with pytest.raises(ConfigurationError, match="Nobody published"):
        rights.correct(me, "nuisance", "not_happened", None)

    told = {user: next(row for row in town.platform.view("steward_requests", user) if row["id"] == asked["id"])
            for user in ("steward", "steward-coach")}  # fmt: skip
    assert told["steward-coach"]["resident"] == subject(b.COACH, 1)
    assert told["steward"]["resident"] is None, "whose it is only the organisation learns that has to act"
    with pytest.raises(ConfigurationError, match="no open request"):
        rights.answer_request(town.platform.user("steward"), asked["id"], "granted")
    answered = rights.answer_request(town.platform.user("steward-coach"), asked["id"], "granted")
    assert answered["state"] == "granted"
    assert next(row for row in rights.requests(me) if row["id"] == asked["id"])["state"] == "granted"
    with pytest.raises(ConfigurationError, match="no open request"):
        rights.answer_request(town.platform.user("steward-coach"), asked["id"], "rejected")


# --- export ---


def test_an_export_holds_everything_and_nothing_of_others(town: Town) -> None:
    wait = town.event("attention.flagged", b.COACH, 1)
    late = town.event("event.retracted", b.COACH, 1, original_id="01a00000-0000-7000-8000-00000000ffff")
    town.tell(1, wait)
    town.tell(1, late, status="parked")
    town.tell(2, town.event("attention.flagged", b.COACH, 2))
    found = town.platform.export("bewoner-1")
    exported = [each["id"] for each in found["facts"]] + [each["id"] for each in found["waiting"]]
    assert set(town.sent[1]) <= set(exported)
    assert [each["id"] for each in found["waiting"]] == [late["id"]]
    assert set(town.sent[2]).isdisjoint(exported)
    text = json.dumps(found, default=str)
    for org in ORGS:
        assert subject(org, 2) not in text, "nothing of somebody else"
    assert "L-2" not in text
    assert {(each["organisation"], each["number"]) for each in found["numbers"]} == {
        (org, subject(org, 1)) for org in (b.GEMEENTE, b.COACH, b.CORPORATIE, b.ZORG)
    }
    assert {row["view"] for row in found["rows"]} >= {"bewoner", "coach", "corporatie", "casusregisseur"}
    assert [each["consent"] for each in found["consents"]] == [
        each["consent"] for each in town.platform.rights.consents(town.platform.user("bewoner-1"))
    ]
    assert {each["kind"] for each in found["requests"]} >= {"rectification"}
    assert any(each["sentence"].startswith("Op ") for each in found["looks"])


def test_the_page_is_readable_and_safe(town: Town) -> None:
    found = town.platform.export("bewoner-1")
    html = as_page(found)
    for each in found["facts"]:
        assert each["label"] in html
    for word in ("onbepaalde tijd", "€ 400,00", "Wat coach-oost over u vastlegde", '<html lang="nl">'):
        assert word in html
    for code in ("outstanding_cents", "indefinite", "<script", "http"):
        assert code not in html
    nasty = {**found, "numbers": [{"organisation": "<b>x</b>", "number": "&"}]}
    assert "<b>x</b>" not in as_page(nasty)


def test_a_safety_flag_stands_in_no_export(town: Town) -> None:
    flag = town.event("safety.flag_set", b.GEMEENTE, 2)
    town.tell(None, flag, town.event("event.retracted", b.GEMEENTE, 2, original_id=flag["id"], reason="not_happened"))
    text = json.dumps(town.platform.export("bewoner-2"), default=str)
    assert "safety" not in text
    assert flag["id"] not in text
    run(town)


# --- who looked ---


def test_a_resident_reads_who_looked_in_plain_words(town: Town) -> None:
    coach_sees(town)
    said = [row["sentence"] for row in town.platform.looks("bewoner-1")]
    assert any("keek iemand van coach-oost (coach) naar: " in each and "Doel: begeleiding." in each for each in said)
    assert any("bekeek u zelf" in each for each in said)
    assert "_" not in "".join(said), "labels, no codes"
    assert "coach-1" not in str(said)


def test_the_name_behind_a_look_is_for_a_steward_with_a_reason(town: Town) -> None:
    coach_sees(town, user=NAME)
    with town.platform._owner.cursor() as cursor:
        cursor.execute("SELECT encode(trace_id, 'hex') FROM looks.viewer WHERE rolname = %s",
                       [town.platform.user(NAME).rolname])  # fmt: skip
        ids = [trace for (trace,) in cursor.fetchall()]
    (found,) = town.platform.who_looked("steward", ids[-1], "audit")
    assert (found["user"], found["organisation"], found["role"]) == (NAME, b.COACH, "coach")

    coach_sees(town)
    look = next(row for row in reversed(town.platform.looks("bewoner-1")) if row["role"] == "coach")
    (found,) = town.platform.who_looked("steward", look["span_id"], "resident_request")
    assert found["user"] == "coach-1"
    last = town.platform.looks("bewoner-1")[-1]
    assert "vroeg iemand van gemeente-ijsselstad (gegevensbeheerder) wie er bij u gekeken had" in last["sentence"]
    for user in ("coach-1", "bewoner-1"):
        with pytest.raises(ConfigurationError):
            town.platform.who_looked(user, look["span_id"], "audit")
    assert town.platform.who_looked("steward", "00" * 16, "audit") == []


def test_a_name_stands_in_clear_in_no_table(town: Town) -> None:
    with psycopg.connect(town.platform.parts.dsn, autocommit=True) as owner:
        tables = owner.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname IN ('gate', 'looks', 'admission', 'log', 'vault', 'set_1')"
        ).fetchall()
        assert len(tables) > 20
        for (table,) in tables:
            hits = owner.execute(f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE %s", [f"%{NAME}%"]).fetchone()
            assert hits == (0,), table
            sealed = owner.execute(
                f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE %s", [f"%{NAME.encode().hex()}%"]
            ).fetchone()
            assert sealed == (0,), table


# --- break-glass ---


def test_break_glass_opens_a_colleagues_row_and_everybody_hears_of_it(town: Town) -> None:
    rights, other = town.platform.rights, town.platform.user(NAME)
    assert coach_sees(town, 1, NAME) is None
    done = rights.break_glass(other, b.COACH, subject(b.COACH, 1), "crisis")
    assert done["until"]
    row = coach_sees(town, 1, NAME)
    assert row is not None
    mine = coach_sees(town, 1)
    assert row == mine
    assert coach_sees(town, 2, NAME) is None, "one resident, not the others"
    said = [each["sentence"] for each in town.platform.looks("bewoner-1")]
    assert any("opende iemand van coach-oost (coach) uw gegevens voor drie uur" in each for each in said)
    assert any("(in een noodgeval)" in each for each in said)
    asked = [each for each in town.platform.view("steward_requests", "steward-coach") if each["kind"] == "break_glass"]
    assert [(each["resident"], each["reason"]) for each in asked] == [(subject(b.COACH, 1), "crisis")]
    town.platform._owner.execute("SET ROLE woonketen_processor")
    town.platform._owner.execute("UPDATE gate.glass SET opened_at = opened_at - interval '4 hours',"
                                 " until = until - interval '3 hours 1 second'")  # fmt: skip
    town.platform._owner.execute("RESET ROLE")
    assert coach_sees(town, 1, NAME) is None, "after three hours it is shut"


def test_break_glass_says_nothing_of_who_is_not_the_own_organisations(town: Town) -> None:
    rights, other = town.platform.rights, town.platform.user(NAME)
    words = set()
    for org, number in ((b.COACH, "X-404"), (b.GEMEENTE, subject(b.GEMEENTE, 1))):
        with pytest.raises(ConfigurationError) as refused:
            rights.break_glass(other, org, number, "danger")
        words.add(str(refused.value))
    rights.break_glass(other, b.COACH, subject(b.COACH, 2), "danger")
    assert coach_sees(town, 2, NAME) is not None
    town.tell(None, town.event("safety.flag_set", b.GEMEENTE, 2, date(2026, 2, 1)))
    assert coach_sees(town, 2, NAME) is None
    run(town)
    assert coach_sees(town, 2, NAME) is None, "what stood open is shut by the flag"
    assert coach_sees(town, 2) is not None, "the assigned coach still guides"
    rights.break_glass(other, b.COACH, subject(b.COACH, 2), "danger")
    assert coach_sees(town, 2, NAME) is None, "and opens no more"
    assert len(words) == 1, "one answer, whatever the reason"
    with pytest.raises(ConfigurationError, match="nothing to open"):
        rights.break_glass(town.platform.user("verhuurder"), b.CORPORATIE, subject(b.CORPORATIE, 1), "danger")
    denied = [each for each in town.platform.decisions("steward")
              if each["attributes"]["adl.core.response"]["decision"] is False]  # fmt: skip
    assert sum(each["attributes"]["adl.core.request"]["resource"]["id"] == "break_glass" for each in denied) == 2
