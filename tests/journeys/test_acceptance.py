"""The samples of the catalogue, sent by who publishes them, and what each party then may ask: played as somebody would
who knows nothing but the interfaces, the views and the policy."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from chaos.office import office

import woonketen.contracts
from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.settings import Settings
from woonketen.orchestration.platform import Platform, init, open_platform

Event = dict[str, Any]

G, C, K, Z, B = "gemeente-ijsselstad", "openbaar-wonen", "coach-oost", "zorg-ijssel", "buurtmaat"
ORGS = {
    G: ("gemeente", "urn:nld:oin:00000001001234567000:systeem:sociaal-domein", ["WK019304", "WK019307"]),
    C: ("corporatie", "urn:nld:kvknr:05012345:systeem:primair", []),
    K: ("zorgaanbieder", "urn:nld:kvknr:41012345:systeem:coaching", []),
    Z: ("zorgaanbieder", "urn:nld:kvknr:08098765:systeem:ecd", []),
    B: ("buddy_organisatie", "urn:nld:kvknr:24012345:systeem:buddy", []),
}
SUBJECTS = {G: "G-5c1e", C: "C-7f3a91", K: "K-88", Z: "Z-20814", B: "B-113"}
USERS = {
    "coach-17": (K, "coach", "W-17"), "coach-18": (K, "coach", "W-18"), "regie-4": (G, "casusregisseur", "CL-4"),
    "wijk": (G, "wijkteam", None), "corp": (C, "corporatie", None), "zorg": (Z, "zorgaanbieder", None),
    "vrij": (B, "vrijwilliger", "V-3"), "steward": (G, "steward", None), "wijk-c": (C, "wijkteam", None),
}  # fmt: skip
SEEN_AS = {
    "coach": "coach-17", "casusregisseur": "regie-4", "wijkteam": "wijk", "corporatie": "corp", "zorgaanbieder": "zorg",
    "vrijwilliger": "vrij", "bewoner": "bewoner", "complex": "corp", "steward_feeds": "steward",
}  # fmt: skip

_FOLDER = Path(woonketen.contracts.__file__).parent / "schemas"
SAMPLES: list[Event] = sorted(
    (json.loads(path.read_text("utf-8")) for path in _FOLDER.glob("*/1.sample.json")), key=lambda each: each["id"]
)
PARTNERS = {source: org for org, (_, source, _) in ORGS.items()}
OF_PLATFORM = [each for each in SAMPLES if each["source"] not in PARTNERS]
LEFT_OUT = {"safety.flag_set", "safety.flag_cleared", "consent.withdrawn", "event.retracted", "subject.linked"}


def of(org: str) -> list[Event]:
    return [each for each in SAMPLES if PARTNERS.get(each["source"]) == org]


def sample(short: str, **data: Any) -> Event:
    (found,) = [each for each in SAMPLES if each["type"] == f"nl.woonketen.{short}"]
    return {**found, "data": {**found["data"], **data}}


def send(platform: Platform, org: str, events: list[Event]) -> list[Any]:
    return list(platform.ingest(org, BytesIO(b"\n".join(json.dumps(each).encode() for each in events))))


def agreement(orgs: list[str], id_: str = "OV-9") -> Event:
    wide = sample("agreement.signed", agreement_id=f"{G}:{id_}", orgs=orgs, valid_until="2028-12-31")
    return {**wide, "id": f"agreement-{id_}"}


def link(platform: Platform, org: str, id_: str = "link", subject: str | None = None) -> Any:
    code = platform.issue_link(G, SUBJECTS[G], org)["code"]
    event = sample("subject.linked", link_code=code)
    event |= {"id": f"{id_}-1-{org}", "source": ORGS[org][1], "subject": subject or SUBJECTS[org]}
    (receipt,) = send(platform, org, [event])
    return receipt


@contextmanager
def installed(database: str, folder: Path, first: date) -> Iterator[Platform]:
    chosen = Settings(data=folder / "data", database=database)
    with ExitStack() as stack:
        stack.enter_context(init(chosen, first, 2, lambda _: None))
        platform = stack.enter_context(open_platform(chosen))
        for org, (kind, source, districts) in ORGS.items():
            platform.register_org(org, kind=kind, source=source, districts=districts)
        yield platform


@pytest.fixture
def bare(new_database: Callable[[], str], tmp_path: Path) -> Iterator[Platform]:
    """The organisations and nothing else."""
    with installed(new_database(), tmp_path, date(2025, 12, 15)) as platform:
        yield platform


@pytest.fixture(scope="module")
def played(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The samples in the order of their times, up to and with 25 May 2026, closed and shown. Do not change it."""
    last = "2026-05-25"
    with installed(new_database(), tmp_path_factory.mktemp("played"), date(2026, 1, 5)) as platform:
        send(platform, G, [agreement(list(ORGS))])
        events = [each for each in SAMPLES if each["source"] in PARTNERS and each["time"][:10] <= last]
        events = [each for each in events if each["type"].removeprefix("nl.woonketen.") not in LEFT_OUT]
        for org in ORGS:
            early = [each for each in events if each["time"] < "2026-01-06" and PARTNERS[each["source"]] == org]
            send(platform, org, early)
        for org in (C, K, Z, B):
            assert link(platform, org).status == "accepted"
        for until in ("2026-02-12", "2026-03-14", last):
            for org in ORGS:
                mine = [each for each in events if PARTNERS[each["source"]] == org and each["time"][:10] <= until]
                receipts = send(platform, org, mine)
                waits = [each for each, receipt in zip(mine, receipts, strict=True) if receipt.status == "parked"]
                assert {each.status for each in receipts} <= {"accepted", "duplicate", "parked"}
                # One of the four efforts is among the samples, so the signal waits for the others.
                assert {each["type"] for each in waits} <= {"nl.woonketen.arrears.signalled"}
            platform.close_days(platform.open_day(), date.fromisoformat(until))
            platform.run(until_idle=True)
        for name, (org, role, worker) in USERS.items():
            platform.add_user(name, org, role, worker)
        platform.add_user("bewoner", G, "bewoner", resident=f"{G}:{SUBJECTS[G]}")
        yield platform


# --- what may be sent -----------------------------------------------------------------------------------------------


def test_every_sample_waits_for_what_is_missing_and_is_taken_when_it_is_there(bare: Platform) -> None:
    statuses: Counter[tuple[str, str | None]] = Counter()
    waiting: dict[str, str] = {}
    for org in (C, Z, B, K):  # before anything is known of the resident
        events = [each for each in of(org) if each["type"] != "nl.woonketen.subject.linked"]
        for event, receipt in zip(events, send(bare, org, events), strict=True):
            statuses[(receipt.status, receipt.reason)] += 1
            if receipt.status == "parked":
                waiting[event["id"]] = str(receipt.detail)
    assert set(statuses) == {("accepted", None), ("parked", None)}
    corrections = {each["id"] for each in of(K) if each["type"].startswith("nl.woonketen.event.")}
    assert {id_ for id_, why in waiting.items() if why == "waits for original"} == corrections
    assert {why for id_, why in waiting.items() if id_ not in corrections} == {"waits for link"}

    opening = [each for each in of(G) if each["type"] != "nl.woonketen.enrolment.closed"]
    assert {each.status for each in send(bare, G, opening[1:])} <= {"accepted", "parked"}
    for org in (C, Z, B, K):
        assert link(bare, org).status == "accepted"
    became = {row["id"]: row for org in ORGS for row in bare.receipts(org)}
    assert {row["status"] for row in became.values()} <= {"accepted", "parked"}
    parked = [row["detail"] for row in became.values() if row["status"] == "parked"]
    assert parked
    reasons = {re.split(r" for |,", detail)[1] for detail in parked}
    assert reasons == {"agreement", "enrolment", "original"}, "the enrolment itself waits for the agreement"

    send(bare, G, [*opening[:1], agreement(list(ORGS))])
    became = {row["id"]: row for org in ORGS for row in bare.receipts(org)}
    waits = [row["detail"] for row in became.values() if row["status"] != "accepted"]
    assert len(waits) == 1
    assert waits[0].startswith("waits for efforts"), "one of the four efforts is among the samples"
    (closed,) = send(bare, G, [sample("enrolment.closed")])
    assert closed.status == "accepted"
    assert bare.log_verify()["changed"] == bare.log_verify()["gaps"] == 0


def test_what_the_platform_says_no_partner_says(bare: Platform) -> None:
    assert len(OF_PLATFORM) >= 17
    for org, (_, source, _) in ORGS.items():
        receipts = send(bare, org, [{**each, "source": source, "id": f"p-{each['id']}"} for each in OF_PLATFORM])
        assert {(each.status, each.reason) for each in receipts} == {("refused", "not_your_type")}
    receipts = send(bare, K, OF_PLATFORM)
    assert {(each.status, each.reason) for each in receipts} == {("refused", "not_your_source")}


def test_a_code_works_once_and_for_whom_it_is(bare: Platform) -> None:
    send(bare, G, [agreement(list(ORGS)), sample("enrolment.opened")])
    code = bare.issue_link(G, SUBJECTS[G], K)["code"]
    event = sample("subject.linked", link_code=code)
    (stolen,) = send(bare, Z, [{**event, "source": ORGS[Z][1], "subject": "Z-1"}])
    assert (stolen.status, stolen.reason) == ("refused", "link_code")
    (taken,) = send(bare, K, [event])
    (again,) = send(bare, K, [{**event, "id": "another-1"}])
    assert (taken.status, again.status, again.reason) == ("accepted", "refused", "link_code")
    with pytest.raises(ConfigurationError):
        bare.issue_link(G, "G-unknown", K)


# --- what is seen ---------------------------------------------------------------------------------------------------

ACTION = "action owner due_on state late_days domain"
WARNING = "id indicator severity state sentence opened_on due_on owner"
COACH = (
    "resident programme started_on role mode interval_days cover_for next_visit_on visits_unreported last_contact_on"
    " held_90d missed_90d attempts_28d pause_until intake plan_actions ladder_step day_activity informal_support"
    " care_running arrears_level arrears_trend nuisance_56d lease attention_until warnings"
)
FIELDS = {
    "bewoner": "programme started_on coach my_actions their_actions lease ladder_step intake arrears_level"
    " who_sees_what consents warnings contests",
    "coach": COACH,
    "casusregisseur": COACH + " parties endorsed_by referrals_open provisions_open",
    "wijkteam": "resident programme enrolled_on phase case_lead involved actions_open actions_late referrals_waiting"
    " warnings taken_by arrived_or_left",
    "corporatie": "resident lease_id kind started_on ends_on notice_window evaluation_on decided card coaching_required"
    " coaching_runs not_running_by outstanding_cents months_outstanding oldest_unpaid_on payment_plan collection_step"
    " efforts may_signal may_signal_missing nuisance_56d own_actions warnings",
    "complex": "complex_id dwellings programme_dwellings programme_share_band target_band nuisance_per_100"
    " leases_ending_180d",
    "zorgaanbieder": "resident programme referrals_in ladder_step ladder_review_due own_actions lease move place"
    " waiting_since day_activity warnings",
    "vrijwilliger": "action due_on handle party late_days",
    "steward_feeds": "org last_event_at heartbeat_at accepted_24h refused_24h parked quarantined lag agreement_until"
    " state",
}
NESTED = {
    "warnings": WARNING, "my_actions": ACTION, "their_actions": ACTION, "plan_actions": ACTION, "own_actions": ACTION,
    "who_sees_what": "recipient fields ground", "consents": "recipient purpose from until state",
    "parties": "org actions_open actions_late oldest_late_days last_event_on", "involved": "org role",
    "notice_window": "from until last_working_day", "efforts": "effort on", "move": "planned_on provisions_open",
    "place": "kind expected_free_on", "programme_dwellings": "promised available offered let",
}  # fmt: skip
NESTED_OF = {
    ("bewoner", "coach"): "org phone next_visit_on interval_days",
    ("bewoner", "lease"): "kind ends_on evaluation_on decide_from decide_until card",
    ("bewoner", "intake"): "wants can_self needs situation",
    ("coach", "lease"): "kind ends_on evaluation_on card",
    ("casusregisseur", "lease"): "kind ends_on evaluation_on card",
}


@pytest.mark.parametrize("view", FIELDS)
def test_a_row_has_the_fields_of_its_view_and_no_others(played: Platform, view: str) -> None:
    rows = played.view(view, SEEN_AS[view])
    assert rows
    everywhere = set() if view.startswith("steward") else {"as_of", "corrected", "feeds_silent", "not_shared"}
    for row in rows:
        assert set(row) == set(FIELDS[view].split()) | everywhere
        for name, value in row.items():
            wanted = NESTED_OF.get((view, name), NESTED.get(name))
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, dict) and wanted:
                    assert set(each) == set(wanted.split()), name
            if name.endswith("_on") and value is not None:
                assert re.fullmatch(r"\d{4}-\d\d-\d\d", str(value))
    if everywhere:
        assert {str(row["as_of"]) for row in rows} == {"2026-05-25"}


def test_each_sees_the_own_pseudonym_and_only_own_residents(played: Platform) -> None:
    for view, org in (("coach", K), ("casusregisseur", G), ("wijkteam", G), ("corporatie", C), ("zorgaanbieder", Z)):
        assert [row["resident"] for row in played.view(view, SEEN_AS[view])] == [SUBJECTS[org]]
    assert played.view("coach", "coach-18") == []
    assert played.view("wijkteam", "wijk-c") == [], "a corporation has no district"
    (mine,) = played.view("corporatie", "corp")
    text = json.dumps(mine, default=str)
    assert not any(
        word in text for word in ("visit", "intake", "last_contact", "W-17", *set(SUBJECTS.values()) - {SUBJECTS[C]})
    )
    with pytest.raises(ConfigurationError):
        played.view("coach", "corp")


def test_a_warning_has_exactly_these_fields(played: Platform) -> None:
    names = ["id", "indicator", "severity", "state", "sentence", "resident", "opened_on", "due_on", "owner"]
    told = 0
    for user in ("coach-17", "regie-4", "wijk", "corp", "zorg", "bewoner"):
        for rows in (played.warnings(user, every=True), played.warnings(user, every=True, known_on=date(2026, 5, 20))):
            told += len(rows)
            assert all(list(row) == names for row in rows)
    assert told
    (late,) = [row for row in played.warnings("regie-4") if row["indicator"] == "provisions_late"]
    first = json.dumps(played.explain(late["id"], "regie-4"), default=str)
    assert json.dumps(played.explain(late["id"], "regie-4"), default=str) == first
    assert played.explain(late["id"], "corp") is None
    assert "provisions_late" not in {row["indicator"] for row in played.warnings("corp", every=True)}


def test_who_looked_can_be_asked_as_a_view_and_for_one_resident(played: Platform) -> None:
    played.view("corporatie", "corp")
    rows = played.view("looks", "bewoner")
    assert list(rows[0]) == ["at", "organisation", "role", "purpose", "fields"]
    assert "corporatie" in {row["role"] for row in rows}
    played.view("coach", "coach-18")  # shows nobody
    mine = played.looks("bewoner")
    assert mine == played.looks("bewoner", SUBJECTS[G])
    assert all(row.pop("sentence").startswith("Op ") for row in mine), "a resident reads sentences"
    own = [row for row in mine if row["organisation"] == G]
    assert [row["span_id"] for row in played.looks("steward", SUBJECTS[G])] == [row["span_id"] for row in own]
    assert len(played.looks("steward")) > len(mine)
    with pytest.raises(ConfigurationError):
        played.looks("steward", "G-unknown")


# --- what the policy answers ----------------------------------------------------------------------------------------

RECIPIENTS = (
    ("bewoner", "self"), ("coach", "guidance"), ("casusregisseur", "coordination"), ("wijkteam", "coordination"),
    ("corporatie", "tenancy"), ("zorgaanbieder", "care"), ("schuldhulp", "early_signalling"),
    ("vrijwilliger", "own_task"),
)  # fmt: skip
# The table of the policy, asked in general: the state that answers; a cell with a condition and another answer
# besides gives the other one, unless the condition is that one published it oneself.
TABLE = {
    "enrolment.opened": "S S S S - S - -",
    "coach.assigned": "S S S C - C - C",
    "referral.made": "S S S C S S - -",
    "intake.held": "S S C - - C - -",
    "plan.agreed": "S S S C S C - S",
    "coach.visit_held": "S S C - - - - -",
    "lease.started": "S C S - own C - -",
    "rent.balance_reported": "S - - - own - - -",
    "arrears.signalled": "S - - - own - O -",
    "nuisance.reported": "S C C - own - - -",
    "care.started": "S C C - - own - -",
    "day_activity.started": "S C C - - own - -",
    "ladder.step_changed": "S S S - - S - -",
    "support.requested": "S C C - - - - own",
    "fire_safety.visit_held": "S C - - own - - -",
    "waiting.entered": "S - S - - own - -",
    "attention.flagged": "S S S - - own - own",
    "consent.granted": "S - - - - - - -",
}


@pytest.mark.parametrize("short", TABLE)
def test_decide_answers_what_the_table_says(played: Platform, short: str) -> None:
    told = []
    for role, purpose in RECIPIENTS:
        found = played.decide(f"nl.woonketen.{short}", role, purpose)
        assert set(found) == {"decision", "state", "rule", "policy_version", "reason"}
        assert found["decision"] == ("allow" if found["state"] in ("S", "own") else "deny")
        assert played.decide(f"nl.woonketen.{short}", role, "allocation")["decision"] == "deny"
        told.append(found["state"])
    assert " ".join(told) == TABLE[short]


@pytest.mark.parametrize(
    ("short", "recipient", "purpose", "on", "answer"),
    [
        ("plan.agreed", "wijkteam", "coordination", "2026-03-01", "allow C consent"),
        ("plan.agreed", "wijkteam", "coordination", "2027-03-01", "deny C expired"),
        ("intake.held", "wijkteam", "coordination", "2026-03-01", "deny - rule"),
        ("enrolment.opened", "wijkteam", "coordination", "2026-03-01", "allow S rule"),
        ("enrolment.opened", "corporatie", "tenancy", "2026-03-01", "allow S rule"),
        ("enrolment.opened", C, "tenancy", "2026-03-01", "allow S rule"),
        ("enrolment.opened", C, "tenancy", "2026-02-01", "deny - rule"),
        ("rent.balance_reported", C, "tenancy", "2026-05-20", "allow own own"),
        ("care.started", Z, "care", "2026-05-20", "allow own own"),
        ("care.started", K, "care", "2026-05-20", "deny - no_rule"),
        ("coach.visit_held", K, "guidance", "2026-05-20", "allow S rule"),
        ("coach.visit_held", "casusregisseur", "coordination", "2026-05-20", "deny C never_asked"),
        ("referral.made", K, "guidance", "2026-05-20", "allow S rule"),
        ("referral.made", C, "tenancy", "2026-05-20", "deny - no_rule"),
        ("plan.agreed", B, "own_task", "2026-05-20", "allow S rule"),
        ("rent.balance_reported", G, "coordination", "2026-05-20", "deny - rule"),
    ],
)
def test_decide_about_one_resident(
    played: Platform, short: str, recipient: str, purpose: str, on: str, answer: str
) -> None:
    day = date.fromisoformat(on)
    found = played.decide(short, recipient, purpose, resident=(G, SUBJECTS[G]), on=day, fact_on=date(2026, 2, 1))
    assert f"{found['decision']} {found['state']} {found['reason']}" == answer


def test_consent_looks_at_the_day_of_the_fact(played: Platform) -> None:
    asked = ("plan.agreed", "wijkteam", "coordination")
    resident, on = (G, SUBJECTS[G]), date(2026, 3, 1)
    assert played.decide(*asked, resident=resident, on=on, fact_on=date(2025, 12, 1))["decision"] == "deny"
    with pytest.raises(ConfigurationError):
        played.decide("plan.agreed", "nobody", "coordination")
    with pytest.raises(ConfigurationError):
        played.decide("nl.woonketen.plan.dreamt", "coach", "guidance")


# --- what changes ---------------------------------------------------------------------------------------------------


def test_from_enrolment_to_withdrawal_flag_and_merge(bare: Platform) -> None:
    bare.add_user("wijk", G, "wijkteam")
    bare.add_user("corp", C, "corporatie")
    bare.add_user("coach-17", K, "coach", "W-17")
    send(bare, G, [agreement(list(ORGS)), sample("enrolment.opened"), sample("consent.granted")])
    for org in (C, K, Z):
        link(bare, org)
    send(bare, K, [sample("coach.assigned")])
    send(bare, C, [sample("lease.started")])
    bare.close_days(bare.open_day(), date(2026, 2, 20))
    bare.run(until_idle=True)
    (before,) = bare.view("coach", "coach-17")
    assert before["programme"] is None, "nobody told the resident yet"
    (own,) = bare.view("corporatie", "corp")
    assert own["coaching_runs"] is None

    send(bare, G, [sample("notice.given"), sample("plan.agreed"), sample("caselead.assigned")])
    bare.run(until_idle=True)
    (row,) = bare.view("wijkteam", "wijk")
    assert (row["case_lead"], row["actions_open"]) == ("CL-4", 3)
    assert bare.view("corporatie", "corp")[0]["coaching_runs"] == "yes"

    send(bare, G, [sample("consent.withdrawn")])
    assert bare.view("wijkteam", "wijk") == [], "hidden at the very next look"
    bare.run(until_idle=True)
    (row,) = bare.view("wijkteam", "wijk")
    assert (row["case_lead"], row["actions_open"]) == (None, None)
    assert {"case_lead", "actions_open"} <= set(row["not_shared"])

    send(bare, G, [sample("safety.flag_set")])
    assert bare.view("corporatie", "corp") == []
    bare.run(until_idle=True)
    (own,) = bare.view("corporatie", "corp")
    assert (own["lease_id"], own["coaching_runs"], own["not_shared"]) == ("L-1", None, [])
    assert bare.view("coach", "coach-17")

    second = {"source": ORGS[Z][1], "subject": "Z-777"}
    opened = sample("enrolment.opened", enrolment_id=f"{Z}:E-9")
    receipts = send(bare, Z, [{**opened, **second, "id": "z-1"}, {**sample("notice.given"), **second, "id": "z-2"}])
    assert {each.status for each in receipts} == {"accepted"}
    bare.run(until_idle=True)
    assert len(bare.view("wijkteam", "wijk")) == 2
    assert link(bare, Z, "merge", "Z-777").status == "accepted"
    bare.run(until_idle=True)
    assert len(bare.view("wijkteam", "wijk")) == 1
    assert bare.rebuild(verify=True)["differences"] == 0


def test_a_silent_feed_is_told_and_explained_to_the_steward(bare: Platform) -> None:
    source = "urn:nld:kvknr:41099999:systeem:x"
    bare.register_org("stil", kind="zorgaanbieder", source=source, heartbeat_hours=24)
    bare.add_user("steward", G, "steward")
    bare.close_days(bare.open_day(), date(2026, 1, 10))
    (told,) = bare.warnings("steward")
    assert told["indicator"] == "feed_silent"
    found = bare.explain(told["id"], "steward")
    assert found is not None
    assert (found["org"], found["sentence"]) == ("stil", told["sentence"])
    assert found["closes_when"]
    assert bare.explain("WA-000000000000", "steward") is None


def test_days_are_closed_in_order(bare: Platform) -> None:
    assert bare.close_days(date(2025, 12, 15), date(2025, 12, 20)) == date(2025, 12, 20)
    assert bare.close_days(date(2025, 12, 20), date(2025, 12, 20)) == date(2025, 12, 20)
    with pytest.raises(ConfigurationError):
        bare.close_days(date(2025, 12, 19), date(2025, 12, 19))
    assert bare.close_days(date(2025, 12, 20), date(2025, 12, 22)) == date(2025, 12, 22)


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_command_where_something_is_missing_or_has_changed() -> None:
    with office() as made:
        made("init", "--open-day", "2026-01-05")
        kind, source, _ = ORGS[G]
        with made.platform() as platform:
            platform.register_org(G, kind=kind, source=source)
            platform.add_user("steward", G, "steward")
        assert made("--json", "view", "looks", "--as", "steward").rows == []
        shipped = Path(woonketen.contracts.__file__).with_name("policy.csv").read_text("utf-8")
        changed = made.home / "policy.csv"
        changed.write_text(shipped.replace("regie op de deelname", "regie"), "utf-8")
        other = {"environment": {"WOONKETEN_POLICY": str(changed)}}
        assert "woonketen rebuild" in made("run", "--until-idle", code=2, **other).err

        key = made.settings.kek
        key.rename(key.with_name("away"))
        assert "Put" in made("init", code=2).err
        assert not key.exists(), "a new key would open nothing"
