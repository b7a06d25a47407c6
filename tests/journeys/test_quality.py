"""A steward's checks from one end to the other: partners' data with planted defects go in, each is found by its check,
with the partner's own event id, and nothing of a resident is in any result."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import psycopg
import pytest
from builders import COACH, CORPORATIE, GEMEENTE, KINDS, SOURCES, ZORG, event
from chaos.office import Office, office
from wkdefects import CLEAN, DEFECTS, life

SEEN = [defect for defect in DEFECTS if "looked" not in defect]
"""What can be seen within the half year that is played here."""
FIRST, LAST = date(2026, 2, 2), date(2026, 6, 30)
PARTNERS = (COACH, CORPORATIE, ZORG)


def subject_of(number: int, org: str) -> str:
    return f"{org[:1].upper()}-{number:06}"


def sent() -> list[tuple[date, str, int, dict[str, Any]]]:
    """(day, organisation, resident, event) of the clean resident 0 and one resident for each defect."""
    found = []
    for number, defect in enumerate([CLEAN, *SEEN]):
        for place, told in enumerate(life(defect)):
            text = json.dumps({name: value for name, value in told.data.items() if value is not ...})
            data = json.loads(text.replace("gemeente-ijsselstad:", f"gemeente-ijsselstad:R{number}-"))
            data |= {name: ... for name, value in told.data.items() if value is ...}
            made = event(
                told.type, subject_of(number, told.org), SOURCES[told.org], told.on, f"r{number}-{place}", payload=data
            )
            found.append((told.known, told.org, number, made))
    found.sort(key=lambda each: each[0])
    return found


@pytest.fixture(scope="module")
def town() -> Iterator[Office]:
    with office() as made:
        made("init", "--open-day", FIRST.isoformat())
        with made.platform() as platform:
            for org, kind in KINDS.items():
                districts = ["WK990001"] if org == GEMEENTE else []
                platform.register_org(org, kind=kind, source=SOURCES[org], districts=districts)
            agreement = event(
                "agreement.signed", occurred_on=FIRST, agreement_id=f"{GEMEENTE}:OV-1", programme="wooncoach",
                orgs=list(KINDS), purposes=["coordination", "guidance", "tenancy", "care"], valid_from=FIRST,
                valid_until=date(2029, 12, 31),
            )  # fmt: skip
            statuses = [receipt.status for receipt in _ingest(platform, GEMEENTE, [agreement])]
            waiting = sent()
            linked: set[int] = set()
            closed = FIRST - timedelta(days=1)
            for day, today in groupby(waiting, key=lambda each: each[0]):
                if day > closed + timedelta(days=1):
                    platform.close_days(closed + timedelta(days=1), day - timedelta(days=1))
                    closed = day - timedelta(days=1)
                statuses += _send(platform, list(today), linked)
            platform.close_days(closed + timedelta(days=1), LAST)
            platform.run(until_idle=True)
            assert set(statuses) <= {"accepted", "parked"}  # what was told before its enrolment waits for it
            assert not [row for org in KINDS for row in platform.receipts(org) if row["status"] != "accepted"]
            for name, org, role in (("steward-1", GEMEENTE, "steward"), ("wijk-1", GEMEENTE, "wijkteam")):
                platform.add_user(name, org, role)
            platform.add_user("coach-1", COACH, "coach", "W-17")
        yield made


def _ingest(platform: Any, org: str, events: list[dict[str, Any]]) -> list[Any]:
    lines = b"\n".join(json.dumps(each).encode() for each in events)
    return list(platform.ingest(org, io.BytesIO(lines), "cloudevents"))


def _send(platform: Any, today: list[tuple[date, str, int, dict[str, Any]]], linked: set[int]) -> list[str]:
    """The municipality first: what the others say of somebody needs the enrolment and a link."""
    found = []
    for org in (GEMEENTE, *PARTNERS):
        mine = [made for _, by, _, made in today if by == org]
        if org == GEMEENTE:
            found += [receipt.status for receipt in _ingest(platform, org, mine)]
            for number in sorted({number for _, _, number, _ in today} - linked):
                linked.add(number)
                for partner in PARTNERS:
                    code = platform.issue_link(GEMEENTE, subject_of(number, GEMEENTE), partner)["code"]
                    link = event("subject.linked", subject_of(number, partner), SOURCES[partner], today[0][0],
                                 link_code=code)  # fmt: skip
                    found += [receipt.status for receipt in _ingest(platform, partner, [link])]
        elif mine:
            found += [receipt.status for receipt in _ingest(platform, org, mine)]
    return found


@pytest.fixture(scope="module")
def result(town: Office) -> dict[str, Any]:
    """The run with Great Expectations; one that blocks ends with 1."""
    return town("quality", "run", "--json", code=1).object


def test_the_run_says_what_it_went_through(result: dict[str, Any]) -> None:
    assert result["blocked"] is True
    assert result["residents"] == len(SEEN) + 1


def test_every_planted_defect_is_found_by_its_check_with_the_partners_own_id(
    town: Office, result: dict[str, Any]
) -> None:
    failed = {row["check"]: row["failed"] for row in town("quality", "show", "--failed", "--json").rows}
    with psycopg.connect(town.dsn()) as owner:
        rows = owner.execute("SELECT check_id, event FROM quality.example").fetchall()
    by: dict[str, set[str]] = {}
    for check, found in rows:
        by.setdefault(check, set()).add(found.split("-")[0])
    for number, defect in enumerate(SEEN, 1):
        assert failed[defect["check"]] >= 1
        assert f"r{number}" in by[defect["check"]], defect["name"]
    assert not any("r0" in found for found in by.values()), "the clean resident raises nothing"


def test_results_hold_no_value_and_no_pseudonym(town: Office, result: dict[str, Any]) -> None:
    with psycopg.connect(town.dsn()) as owner:
        text = ""
        for table in ("run", "fact", "silence", "hidden", "result", "example"):
            rows = owner.execute(f"SELECT coalesce(json_agg(t)::text, '') FROM quality.{table} t").fetchone()
            text += rows[0] if rows else ""
    for secret in ("G-000001", "C-000001", "62000", "WK990001", "coach-oosr"):
        assert secret not in text


def test_the_role_of_quality_reads_booleans_and_nothing_else(town: Office, result: dict[str, Any]) -> None:
    with psycopg.connect(town.dsn(), autocommit=True) as owner:
        owner.execute("SET ROLE woonketen_quality")
        assert owner.execute("SELECT count(*) FROM quality.view_wijkteam").fetchone() > (0,)
        for trick in (
            "SELECT resident FROM quality.view_wijkteam",
            "SELECT v_ref FROM set_1.wijkteam",
            "SELECT * FROM view_wijkteam.wijkteam",
            "SELECT * FROM log.record",
            "SELECT * FROM vault.key",
            "SELECT * FROM admission.pseudonym",
            "DELETE FROM quality.result",
            "UPDATE quality.run SET facts = 0",
            "TRUNCATE quality.fact",
        ):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedColumn)):
                owner.execute(trick)


def test_what_consent_hides_is_no_error_and_says_on_which_ground(town: Office, result: dict[str, Any]) -> None:
    """Nobody was asked for the district team: its rows hide who leads, and the check does not count them as failed."""
    row = next(row for row in town("quality", "show", "--json").rows if row["check"] == "case_lead_known")
    assert row["hidden"] > 0
    assert row["failed"] == 0
    assert row["grounds"] == {"never_asked": row["hidden"] - 1, "notice": 1}, "and one was never told"


def test_the_same_check_for_two_people_explains_its_difference(town: Office, result: dict[str, Any]) -> None:
    done = town("quality", "compare", "case_lead_known", "wijk-1", "wijk-1", "--json").object
    assert done["difference"] == []
    with town.platform() as platform:
        platform.add_user("coach-2", COACH, "coach", "W-2")
    found = town("quality", "compare", "coach_start", "coach-1", "coach-2", "--json").object
    rows = [side["rows"] for side in found["sides"]]
    assert rows[0] != rows[1]
    assert "andere bewoners" in found["difference"][0]
    assert town("quality", "compare", "coach_start", "coach-1", "wijk-1", code=2).err


def test_running_again_gives_the_same_and_keeps_the_history(town: Office, result: dict[str, Any]) -> None:
    before = town("quality", "show", "--json").rows
    again = town("quality", "run", "--no-suites", "--json", code=1).object
    assert again["run"] == result["run"] + 1
    assert town("quality", "show", "--json").rows == before


def test_a_report_speaks_of_one_partner_alone(town: Office, result: dict[str, Any]) -> None:
    month = f"{date.today():%Y-%m}"
    done = town("report", CORPORATIE, "--month", month, "--out", "reports", "--json").object
    assert done["delivered"] > 0
    text = (town.home / done["page"]).read_text()
    assert "huur onder 50" in text, "its own failed checks"
    assert COACH not in text
    assert GEMEENTE not in text
    mode = (town.home / done["page"]).stat().st_mode & 0o777
    assert mode == 0o600
    table = (town.home / done["page"]).with_suffix(".csv").read_text()
    assert table.startswith("\ufeffonderdeel;")
    assert "no such organisation" in town("report", "nobody", code=2).err


def test_alerts_open_once_are_acknowledged_and_close(town: Office, result: dict[str, Any]) -> None:
    opened = town("alerts", "look", "--json").rows
    assert [each["kind"] for each in opened] == ["quality_blocked"]
    assert opened[0]["runbook"].startswith("docs/stewards.md#")
    assert town("alerts", "look", "--json").rows == [], "again is nothing"
    number = str(opened[0]["alert"])
    assert "steward" in town("alerts", "acknowledge", number, "--as", "wijk-1", "--reason", "acting", code=2).err
    town("alerts", "acknowledge", number, "--as", "steward-1", "--reason", "acting")
    (row,) = town("alerts", "list", "--json").rows
    assert row["reason"] == "acting"
    with psycopg.connect(town.dsn(), autocommit=True) as owner:
        owner.execute("UPDATE quality.result SET success = true WHERE level = 'block'")
    assert town("alerts", "look", "--json").rows == []
    assert town("alerts", "list", "--json").rows == []


def test_an_unknown_check_is_a_sentence(town: Office) -> None:
    assert "There is no check no_such" in town("quality", "compare", "no_such", "wijk-1", "wijk-1", code=2).err
