"""Terms: which file does not load and why, and when the term of a fact ends."""

from __future__ import annotations

from datetime import date

import builders as b
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wkretention import HEAD, TERMS

from woonketen.contracts import retention
from woonketen.contracts.calendar import add_months
from woonketen.contracts.errors import RetentionError
from woonketen.contracts.facts import Fact
from woonketen.streams.leaving.ending import MARKS, endings

LINE = "corporatie,tenancy,contract,lease,24,lease_ended,besluit 12\n"
JAN, FEB, MAR, APR = (date(2026, month, 1) for month in (1, 2, 3, 4))


def load(*lines: str) -> retention.Terms:
    return retention.load(TERMS + "".join(lines))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (LINE.replace("tenancy", "rent"), "line 14: unknown activity"),
        (LINE.replace("contract", "habit"), "unknown basis"),
        (LINE.replace("lease,", "home,"), "unknown category"),
        (LINE.replace("lease,", ","), "no category"),
        (LINE.replace("24", ""), "no term"),
        (LINE.replace("24", "0"), "months is no whole number"),
        (LINE.replace("24", "1201"), "months is no whole number"),
        (LINE.replace("24", "²"), "months is no whole number"),
        (LINE.replace("lease_ended", "some_day"), "unknown start"),
        (LINE.replace("besluit 12", ""), "no article and no decision"),
        (LINE.replace("corporatie", ""), "no controller"),
        (LINE.replace("lease,", "lease lease,"), "a category twice"),
        (LINE.replace("lease,", "looks,"), "belong together"),
        (LINE + LINE.replace("24", "12"), "lines 14 and 15: both give a term to lease of one controller"),
        ("corporatie,tenancy\n", "2 columns instead of 7"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_hold_says_which_line_and_why(line: str, why: str) -> None:
    with pytest.raises(RetentionError, match=why):
        load(line)


def test_what_the_platform_keeps_itself_must_have_a_term() -> None:
    without = "".join(line + "\n" for line in TERMS.splitlines() if "looks" not in line)
    with pytest.raises(RetentionError, match="looks of woonketen"):
        retention.load(without)
    with pytest.raises(RetentionError, match="columns"):
        retention.load("category,months\n")


def test_the_most_precise_line_counts() -> None:
    terms = load(LINE, LINE.replace("corporatie", b.CORPORATIE).replace("24", "36"))
    assert [terms.of(org, kind, "lease").months for org, kind in (  # type: ignore[union-attr]
        (b.CORPORATIE, "corporatie"), ("dakpan", "corporatie"), (b.GEMEENTE, "gemeente"))] == [36, 24, 1]  # fmt: skip
    assert terms.of(b.CORPORATIE, "corporatie", "lease").is_example is False  # type: ignore[union-attr]
    assert len(retention.shipped().examples()) == len(retention.shipped().rows), "nobody decided anything yet"
    assert HEAD.strip() == ",".join(retention.COLUMNS)


def ends(*facts: Fact) -> dict[str, date | None]:
    found = endings(facts, retention.load(TERMS), b.KINDS)
    return {fact.id: found[fact.key].on for fact in facts if fact.key in found}


def opened(on: date, number: int) -> Fact:
    return b.fact(
        "enrolment.opened", b.GEMEENTE, on, event_id=f"open-{number}", enrolment_id=f"{b.GEMEENTE}:E-{number}"
    )


def closed(on: date, number: int) -> Fact:
    return b.fact(
        "enrolment.closed", b.GEMEENTE, on, event_id=f"shut-{number}", enrolment_id=f"{b.GEMEENTE}:E-{number}"
    )


def test_a_term_begins_when_what_it_is_about_ended() -> None:
    lease = {"coaching_clause": False, "kind": "indefinite", "ground": ..., "ends_on": ...}
    found = ends(
        opened(JAN, 1),
        closed(FEB, 1),
        opened(MAR, 2),
        b.fact("intake.held", b.COACH, date(2026, 1, 10), event_id="during the first"),
        b.fact("notice.given", b.GEMEENTE, date(2025, 12, 1), event_id="before it"),
        b.fact("intake.held", b.COACH, date(2026, 2, 10), event_id="between the two"),
        b.fact("intake.held", b.COACH, date(2026, 3, 10), event_id="during the second"),
        b.fact("lease.started", b.CORPORATIE, JAN, event_id="L-1", lease_id="L-1", **lease),
        b.fact("rent.balance_reported", b.CORPORATIE, FEB, event_id="owed of L-1", lease_id="L-1"),
        b.fact("lease.ended", b.CORPORATIE, MAR, event_id="ended", lease_id="L-1"),
        b.fact("lease.started", b.CORPORATIE, FEB, event_id="L-2", lease_id="L-2", **lease),
        b.fact("safety.flag_set", b.GEMEENTE, JAN, event_id="flag"),
    )
    month = [add_months(day, 1) for day in (FEB, MAR)]
    assert found == {
        "open-1": month[0], "shut-1": month[0], "open-2": None, "during the first": month[0], "before it": month[0],
        "between the two": None, "during the second": None, "L-1": month[1], "owed of L-1": month[1],
        "ended": month[1], "L-2": None, "flag": None,
    }  # fmt: skip


def test_a_correction_ends_with_its_original_and_a_flag_with_its_clearing() -> None:
    intake = b.fact("intake.held", b.COACH, date(2026, 1, 10), event_id="intake")
    fix = b.correction(intake, event_id="fix")
    flag = b.fact("safety.flag_set", b.GEMEENTE, JAN, event_id="flag")
    cleared = b.fact("safety.flag_cleared", b.GEMEENTE, FEB, event_id="cleared")
    late = b.correction(closed(FEB, 1), event_id="late", occurred_on=MAR)
    found = ends(opened(JAN, 1), closed(FEB, 1), intake, fix, flag, cleared, late)
    assert found["intake"] == found["fix"] == found["late"]
    assert found["flag"] == found["cleared"] == add_months(FEB, 1)


def test_marks_have_no_term_and_who_has_none_loses_nothing() -> None:
    mark = b.fact("data.expired", b.PLATFORM, JAN, event_id="mark")
    assert mark.type in MARKS
    only = retention.load(
        "".join(line + "\n" for line in TERMS.splitlines() if not line.startswith("*,guidance")),
    )
    intake = b.fact("intake.held", b.COACH, JAN)
    assert endings([mark, intake], only, b.KINDS) == {}


@given(st.lists(st.sampled_from(range(6)), min_size=1, max_size=6), st.data())
def test_the_order_of_facts_does_not_matter(numbers: list[int], data: st.DataObject) -> None:
    facts: list[Fact] = []
    for at, number in enumerate(numbers):
        facts += [opened(add_months(JAN, 2 * at), number), closed(add_months(JAN, 2 * at + 1), number)]
    facts.append(b.fact("intake.held", b.COACH, date(2026, 5, 10), event_id="intake"))
    unique = list({fact.key: fact for fact in facts}.values())
    assert ends(*unique) == ends(*data.draw(st.permutations(unique)))
