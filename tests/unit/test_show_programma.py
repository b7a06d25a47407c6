"""What a resident adds to the view of a pilot's steering group, and that who is hidden adds nothing."""

from __future__ import annotations

from datetime import date
from typing import Any

import builders as b
import pytest

from woonketen.contracts.facts import Fact
from woonketen.streams.core.effective import effective
from woonketen.streams.core.show.programma import Pilot, pilots

DAY = date(2026, 6, 1)
JAN, FEB, MAR, APR = (date(2026, month, 5) for month in (1, 2, 3, 4))
LEASE: dict[str, Any] = {"kind": "indefinite", "ground": ..., "ends_on": ..., "coaching_clause": False}


def enrolled(route: str = "beschermd_wonen", number: int = 1, on: date = JAN) -> list[Fact]:
    told = {"enrolment_id": f"{b.GEMEENTE}:E-{number}", "programme": "wooncoach", "route": route, "cohort": "C-1"}
    return [b.fact("enrolment.opened", happened=on, **told), b.fact("notice.given", happened=on)]


def closed(number: int = 1, **data: Any) -> Fact:
    return b.fact("enrolment.closed", happened=APR, enrolment_id=f"{b.GEMEENTE}:E-{number}", **data)


def lease(started: date, ended: date | None = None, number: int = 1) -> list[Fact]:
    facts = [b.fact("lease.started", happened=started, lease_id=f"L-{number}", **LEASE)]
    return [*facts, b.fact("lease.ended", happened=ended, lease_id=f"L-{number}")] if ended else facts


def lines(*facts: Fact) -> list[Pilot]:
    return pilots(effective(facts, DAY), DAY, b.world())


def test_one_line_per_enrolment() -> None:
    met = {"resident": True, "coach": False}
    done = closed(outcome="completed", goals_met=met, tenancy_kept=True)
    first, second = lines(*enrolled(), done, *enrolled(number=2, on=date(2026, 5, 1)))
    assert (first.phase, first.outcome, first.goals_met, first.tenancy_kept) == ("closed", "completed", "partly", True)
    assert (second.phase, second.outcome, second.goals_met) == ("talks", None, None)
    assert {each.cohort for each in (first, second)} == {"C-1"}


@pytest.mark.parametrize(
    ("facts", "housed_on", "left_on"),
    [
        ([], None, None),
        (lease(FEB), FEB, None),
        (lease(FEB, MAR), FEB, MAR),
        ([*lease(FEB, MAR), *lease(APR, number=2)], FEB, None),
        (lease(date(2020, 1, 1)), None, None),
    ],
)
def test_since_when_and_until_when_there_is_a_home(
    facts: list[Fact], housed_on: date | None, left_on: date | None
) -> None:
    (line,) = lines(*enrolled(), *facts)
    assert (line.housed_on, line.left_on) == (housed_on, left_on)


def test_a_sitting_tenant_counts_from_the_enrolment() -> None:
    (line,) = lines(*enrolled("zittende_huurder"), *lease(date(2020, 1, 1), MAR))
    assert (line.housed_on, line.left_on) == (JAN, MAR)


def test_who_is_flagged_or_was_not_told_adds_nothing() -> None:
    opened, notice = enrolled()
    assert lines(opened) == []
    flag = b.fact("safety.flag_set", b.GEMEENTE, FEB)
    assert lines(opened, notice, flag) == []
    cleared = b.fact("safety.flag_cleared", b.GEMEENTE, MAR)
    assert lines(opened, notice, flag, cleared) == lines(opened, notice) != []


def test_a_day_is_nowhere_but_where_the_database_makes_months_of_it() -> None:
    (line,) = lines(*enrolled(), *lease(FEB, MAR), closed(outcome="moved"))
    days = {name for name in line.__struct_fields__ if isinstance(getattr(line, name), date)}
    assert days == {"housed_on", "left_on"}
    assert not any(
        isinstance(getattr(line, name), str) and "E-1" in getattr(line, name) for name in line.__struct_fields__
    )
