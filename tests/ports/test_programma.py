"""The steering group of a pilot, through the roles of the database: lines without a number, and figures by two."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import builders as b
import psycopg
import pytest
from psycopg import sql
from wkretention import Archive, subject, tell, told

from woonketen.contracts.errors import ConfigurationError
from woonketen.orchestration.platform import Platform, init

FIRST_DAY, LAST = date(2025, 1, 6), date(2026, 2, 10)
ELSEWHERE = "gemeente-verderop"
FIELDS = {"cohort", "programme", "phase", "outcome", "months_housed", "goals_met", "tenancy_kept", "as_of"}
LEASE = {"coaching_clause": False, "kind": "indefinite", "ground": ..., "ends_on": ...}


def enrolled(n: int, programme: str = "wooncoach", cohort: str = "C-2025") -> list[dict[str, Any]]:
    told_of = {"enrolment_id": f"{b.GEMEENTE}:E-{n}", "programme": programme, "cohort": cohort}
    opened = told("enrolment.opened", b.GEMEENTE, n, FIRST_DAY, route="beschermd_wonen", **told_of)
    return [opened, told("notice.given", b.GEMEENTE, n, FIRST_DAY)]


def live(platform: Platform) -> None:
    """1 completed it and lives there still, 2 lost the home after five months, 3 waits; 4 is flagged; 5 is in another
    programme, in which there is no evaluation."""
    for org, kind in {**b.KINDS, ELSEWHERE: "gemeente"}.items():
        platform.register_org(org, kind=kind, source=b.source_of(org))
    for number, (programme, purposes) in enumerate(
        (("wooncoach", ["tenancy", "evaluation", "coordination"]), ("buddy", ["tenancy", "coordination"]))
    ):
        agreed = {"agreement_id": f"{b.GEMEENTE}:OV-{number}", "programme": programme, "purposes": purposes,
                  "orgs": list(b.KINDS), "valid_from": "2025-01-01", "valid_until": "2029-12-31"}  # fmt: skip
        tell(platform, b.event("agreement.signed", ..., b.source_of(b.GEMEENTE), FIRST_DAY, **agreed))
    for n in (1, 2, 3, 4, 5):
        tell(platform, *enrolled(n, "buddy" if n == 5 else "wooncoach"))
        code = platform.issue_link(b.GEMEENTE, subject(b.GEMEENTE, n), b.CORPORATIE)["code"]
        tell(platform, told("subject.linked", b.CORPORATIE, n, FIRST_DAY, link_code=code))
    for n in (1, 2, 4):
        tell(platform, told("lease.started", b.CORPORATIE, n, date(2025, 1, 20), lease_id=f"L-{n}", **LEASE))
    met = {"goals_met": {"resident": True, "coach": True}, "outcome": "completed", "tenancy_kept": True}
    tell(
        platform,
        told("lease.ended", b.CORPORATIE, 2, date(2025, 6, 25), lease_id="L-2"),
        told("enrolment.closed", b.GEMEENTE, 1, date(2025, 12, 1), enrolment_id=f"{b.GEMEENTE}:E-1", **met),
        told("safety.flag_set", b.GEMEENTE, 4, date(2025, 2, 1)),
    )
    platform.close_days(FIRST_DAY, LAST)
    platform.run(until_idle=True)
    for name, org, role in (
        ("lid-1", b.GEMEENTE, "programma"), ("lid-2", b.CORPORATIE, "programma"), ("lid-x", ELSEWHERE, "programma"),
        ("beleid", b.GEMEENTE, "beleid"), ("steward", b.GEMEENTE, "steward"), ("huur", b.CORPORATIE, "corporatie"),
    ):  # fmt: skip
        platform.add_user(name, org, role)
    platform.add_user("bewoner-1", b.GEMEENTE, "bewoner", resident=f"{b.GEMEENTE}:{subject(b.GEMEENTE, 1)}")


@pytest.fixture(scope="module")
def town(new_database: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Archive:
    made = Archive(tmp_path_factory.mktemp("pilot"), new_database())
    made.terms.write_text((Path(b.SCHEMAS).parent / "retention.csv").read_text())
    with init(made.settings, FIRST_DAY, 3, lambda _: None), made.platform() as platform:
        live(platform)
    return made


@pytest.fixture
def platform(town: Archive) -> Iterator[Platform]:
    with town.platform() as platform:
        yield platform


def as_role(connection: psycopg.Connection[Any], role: str, query: str) -> None:
    with connection.transaction():
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
        connection.execute(query)  # type: ignore[call-overload]


def test_a_line_per_enrolment_of_the_own_pilot_without_number_or_day(town: Archive) -> None:
    rows = town("view", "programma", "--as", "lid-1", "--json").rows
    assert [set(row) for row in rows] == [FIELDS] * 3, "three of wooncoach; the flagged one is not there"
    by_phase = {row["phase"]: row for row in rows}
    assert by_phase["closed"] == {
        "cohort": "C-2025", "programme": "wooncoach", "phase": "closed", "outcome": "completed", "months_housed": 12,
        "goals_met": "yes", "tenancy_kept": True, "as_of": "2026-02",
    }  # fmt: skip
    assert sorted((row["months_housed"] for row in rows), key=str) == [12, 5, None]
    assert town("view", "programma", "--as", "lid-2", "--json").rows != []
    text = json.dumps(rows)
    for secret in (*(subject(org, n) for org in b.KINDS for n in (1, 2, 3, 4)), "L-1", "E-1", "2025-01", "2025-12"):
        assert secret not in text


def test_the_order_says_nothing(platform: Platform) -> None:
    orders = {tuple(row["phase"] for row in platform.view("programma", "lid-1")) for _ in range(40)}
    assert len(orders) == 3, "every place for the one that is closed"


def test_who_is_no_member_sees_nothing_and_no_other_role_asks(town: Archive) -> None:
    assert town("view", "programma", "--as", "lid-x", "--json").rows == []
    for user in ("huur", "beleid", "steward", "bewoner-1"):
        assert "has no view of that name" in town("view", "programma", "--as", user, code=2).err
        assert (
            "Only members"
            in town("programma", "propose", "completed", "--programme", "wooncoach", "--as", user, code=2).err
        )


def test_a_member_has_no_other_way_in(town: Archive, platform: Platform) -> None:
    role = platform.user("lid-1").rolname
    with town.sql() as connection:
        for query in (
            "SELECT * FROM set_1.pilot", "SELECT * FROM gate.pilot_rows()", "SELECT * FROM gate.figure",
            "SELECT * FROM admission.agreement", "SELECT gate.count_figure('completed', 'buddy', NULL)",
            "UPDATE gate.figure SET confirmed_by = current_user", "SELECT * FROM view_corporatie.corporatie",
            "SELECT ctid FROM view_programma.programma",
        ):  # fmt: skip
            with pytest.raises(psycopg.Error):
                as_role(connection, role, query)
        with connection.transaction():
            connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
            connection.execute("SET LOCAL search_path = view_programma")
            columns = [each.name for each in connection.execute("SELECT * FROM programma").description or ()]
    assert set(columns) == FIELDS


def test_every_look_is_recorded_with_everybody_in_it(town: Archive) -> None:
    def lines() -> int:
        rows = town("looks", "--as", "steward", "--json").rows
        return sum(row["name"] == "view programma" and row["organisation"] == b.CORPORATIE for row in rows)

    before, mine = lines(), len(town("looks", "--as", "bewoner-1", "--json").rows)
    town("view", "programma", "--as", "lid-2")
    assert lines() == before + 3
    (look,) = town("looks", "--as", "bewoner-1", "--json").rows[mine:]
    assert (look["organisation"], look["role"], look["purpose"]) == (b.CORPORATIE, "programma", "evaluation")


def test_no_record_no_answer(town: Archive) -> None:
    with town.sql() as connection, connection.transaction():
        connection.execute("LOCK TABLE looks.look IN ACCESS EXCLUSIVE MODE")
        assert "cannot be recorded" in town("view", "programma", "--as", "lid-1", code=3).err


@pytest.mark.parametrize(
    ("figure", "part", "whole"),
    [("completed", 1, 3), ("housed_3", 2, 2), ("housed_6", 1, 2), ("housed_12", 1, 2), ("tenancy_kept", 1, 1)],
)
def test_a_figure_leaves_when_two_members_release_it(town: Archive, figure: str, part: int, whole: int) -> None:
    asked = ("programma", "propose", figure, "--programme", "wooncoach", "--json")
    proposal = town(*asked, "--as", "lid-1").object["proposal"]
    outside = [row["id"] for row in town("view", "programma_figures", "--as", "beleid", "--json").rows]
    assert proposal not in outside, "nobody else hears of a proposal"
    confirm = ("programma", "confirm", str(proposal), "--json")
    assert "cannot confirm it" in town(*confirm, "--as", "lid-1", code=2).err
    assert "no such proposal" in town(*confirm, "--as", "lid-x", code=2).err
    released = town(*confirm, "--as", "lid-2").object
    assert (released["part"], released["whole"], released["state"]) == (part, whole, "released")
    assert "no such proposal" in town(*confirm, "--as", "lid-2", code=2).err
    for user in ("beleid", "steward", "lid-1"):
        (row,) = [
            each for each in town("view", "programma_figures", "--as", user, "--json").rows if each["id"] == proposal
        ]
        assert row["proposed_by"] == f"programma of {b.GEMEENTE}"
        assert row["confirmed_by"] == f"programma of {b.CORPORATIE}"
        assert row["released_on"] == "2026-02-11"


def test_a_figure_that_changed_is_not_released(platform: Platform) -> None:
    number = platform.propose_figure("lid-1", "completed", "wooncoach")["proposal"]
    tell(platform, *enrolled(6))
    platform.run(until_idle=True)
    with pytest.raises(ConfigurationError, match="another one by now"):
        platform.confirm_figure("lid-2", number)
    assert len(platform.view("programma", "lid-1")) == 4


def test_nobody_to_count_is_no_figure(platform: Platform) -> None:
    for figure, programme, cohort, why in (
        ("housed_24", "wooncoach", None, "nobody to count"),
        ("completed", "wooncoach", "C-1999", "nobody to count"),
        ("completed", "buddy", None, "no member"),
    ):
        with pytest.raises(ConfigurationError, match=why):
            platform.propose_figure("lid-1", figure, programme, cohort)


def test_that_there_was_nobody_to_count_is_on_record(platform: Platform) -> None:
    def answers() -> list[str]:
        found = [each["attributes"]["adl.core.response"] for each in platform.decisions("steward")]
        return [each["context"]["reason"] for each in found if not each["decision"]]

    before = len(answers())
    with pytest.raises(ConfigurationError, match="nobody to count"):
        platform.propose_figure("lid-1", "completed", "wooncoach", "C-1999")
    assert answers()[before:] == ["empty"]


def test_when_the_agreement_ends_the_view_is_empty(platform: Platform) -> None:
    ends = b.event("agreement.ended", ..., b.source_of(b.GEMEENTE), LAST, agreement_id=f"{b.GEMEENTE}:OV-0")
    tell(platform, ends)
    platform.close_days(date(2026, 2, 11), date(2026, 2, 12))
    platform.run(until_idle=True)
    assert platform.view("programma", "lid-1") == []
    assert platform.rebuild()["differences"] == 0
