"""The data checks: every planted defect is found by the check that should find it, and a clean life raises nothing."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import pytest
from builders import SOURCES, fact, world
from wkdefects import CLEAN, DEFECTS, Told, life

from woonketen.contracts import checks as catalogue
from woonketen.contracts.errors import ChecksError
from woonketen.contracts.facts import Fact
from woonketen.orchestration.quality.comparing import Side, explain
from woonketen.streams.quality import CONDITIONS, inspect

TODAY = date(2026, 9, 30)
BESIDE = {
    # What one mistake makes of more than one check is no false alarm.
    "late_month": {"late_week"},
    "visit_after_closing": {"late_week"},
    "told_differently": set(),
    "care_unknown": set(),
    "notice_missing": {"late_week", "late_month"},
}


def facts_of(told: list[Told]) -> list[Fact]:
    return [fact(each.type, each.org, happened=each.on, known=each.known, payload=each.data, kid=None) for each in told]


def failed(told: list[Told], day: date = TODAY) -> Counter[str]:
    """Check → facts that failed it."""
    agreed = world(
        fact("agreement.signed", happened=date(2025, 1, 1), programme="wooncoach", orgs=list(SOURCES),
             agreement_id="gemeente-ijsselstad:OV-7", valid_from="2025-01-01", valid_until="2029-12-31"),
    )  # fmt: skip
    found: Counter[str] = Counter()
    for each in inspect(facts_of(told), day, agreed):
        found.update(check for check, passed in each.marks.items() if not passed)
    return found


def test_a_clean_life_raises_nothing() -> None:
    assert failed(life(CLEAN)) == Counter()


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect["name"])
def test_a_planted_defect_is_found_and_nothing_else(defect: dict[str, Any]) -> None:
    found = failed(life(defect), defect.get("looked", TODAY))
    assert found[defect["check"]] >= 1
    assert set(found) - {defect["check"]} <= BESIDE.get(defect["check"], set())


def test_an_enrolment_sleeps_not_a_day_too_early_and_not_once_it_is_closed() -> None:
    assert "enrolment_sleeping" not in failed(life(CLEAN), date(2028, 3, 17))
    closed = {"type": "enrolment.closed", "by": "gemeente", "day": date(2026, 3, 18),
              "data": {"enrolment_id": "gemeente-ijsselstad:E-1"}}  # fmt: skip
    assert "enrolment_sleeping" not in failed(life({"add": [closed]}), date(2028, 3, 18))


def test_there_are_forty_defects_for_all_checks_of_facts() -> None:
    assert len(DEFECTS) >= 40
    assert {defect["check"] for defect in DEFECTS} == {each.id for each in catalogue.shipped().of("facts")}


def test_every_check_of_facts_has_a_condition_and_the_other_way_round() -> None:
    assert {each.id for each in catalogue.shipped().of("facts")} == CONDITIONS


GOOD = (
    "{id: one_check, suite: coach, kind: validity, level: warn, owner: partner, fields: [held_90d],"
    " expect: 'held_90d >= 0', means: a, guidance: b}"
)


def load(check: str) -> catalogue.Checks:
    return catalogue.load(f"version: 1\nchecks:\n  - {check}\n")


def test_a_catalogue_of_one_check_loads() -> None:
    assert load(GOOD).named("one_check").level == "warn"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("level: warn", "level: loud"),
        ("suite: coach", "suite: nobody"),
        ("fields: [held_90d]", "fields: [no_such_field]"),
        ("held_90d >= 0", "held_90d >= 0 AND missed_90d >= 0"),
        ("held_90d >= 0", "held_90d >= 0; DROP TABLE gate.set"),
        ("held_90d >= 0", "(SELECT count(*) FROM log.record) > 0"),
        ("held_90d >= 0", "pg_sleep(1) IS NULL"),
        ("held_90d >= 0", "held_90d >= 0 -- and more"),
        (", expect: 'held_90d >= 0'", ""),
        ("suite: coach", "suite: facts"),
        ("means: a", "meaning: a"),
    ],
)
def test_a_catalogue_that_is_not_whole_is_refused(old: str, new: str) -> None:
    assert old in GOOD
    with pytest.raises(ChecksError):
        load(GOOD.replace(old, new))


def test_two_checks_of_one_name_are_refused() -> None:
    with pytest.raises(ChecksError, match="Two checks"):
        catalogue.load(f"version: 1\nchecks:\n  - {GOOD}\n  - {GOOD}\n")


def test_two_viewers_of_the_same_rows_differ_by_consent_and_that_is_said() -> None:
    one = Side("wijk-1", rows=10, checked=10, hidden=0, failed=1, grounds={})
    other = Side("wijk-2", rows=10, checked=7, hidden=3, failed=0, grounds={"withdrawn": 1, "never_asked": 2})
    told = explain(one, other)
    assert len(told) == 2, "the rows are the same, so nothing is said of them"
    assert "3 meer rijen verborgen (2 nooit gevraagd, 1 ingetrokken; bij wijk-1 niets verborgen)" in told[0]
    assert "tellen niet als fout" in told[0]
    assert "1 van 10 fout en bij wijk-2 0 van 7" in told[1]
    assert explain(one, one) == []
