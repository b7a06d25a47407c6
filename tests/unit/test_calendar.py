"""Dutch working days and calendar months."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from woonketen.contracts import calendar

DAYS = st.dates(date(2020, 1, 1), date(2035, 12, 31))
CALENDARS = st.sampled_from(["legal", "answering"])


@pytest.mark.parametrize(
    ("day", "legal", "answering", "closed_on_5_may"),
    [
        (date(2026, 1, 1), False, False, False),
        (date(2026, 4, 3), False, False, False),  # Good Friday
        (date(2026, 4, 6), False, False, False),  # Easter Monday
        (date(2026, 4, 27), False, False, False),  # King's day
        (date(2025, 4, 26), False, False, False),  # King's day on a Saturday, for the 27th is a Sunday
        (date(2026, 5, 5), False, True, False),
        (date(2025, 5, 5), False, True, False),  # a fifth year: a day off for many, not by itself here
        (date(2026, 5, 14), False, False, False),  # Ascension day
        (date(2026, 5, 25), False, False, False),  # Whit Monday
        (date(2026, 12, 25), False, False, False),
        (date(2026, 5, 4), True, True, True),
        (date(2026, 5, 15), True, True, True),
        (date(2026, 5, 16), False, False, False),  # a Saturday
    ],
)
def test_is_workday(day: date, legal: bool, answering: bool, closed_on_5_may: bool) -> None:
    assert calendar.is_workday(day, "legal") is legal
    assert calendar.is_workday(day) is calendar.is_workday(day, "answering") is answering
    assert calendar.is_workday(day, "answering", liberation_day=True) is closed_on_5_may


def test_add_workdays() -> None:
    assert calendar.add_workdays(date(2026, 4, 2), 1) == date(2026, 4, 7)  # over Good Friday and Easter
    assert calendar.add_workdays(date(2026, 5, 4), 1) == date(2026, 5, 5)
    assert calendar.add_workdays(date(2026, 5, 4), 1, "legal") == date(2026, 5, 6)
    assert calendar.add_workdays(date(2026, 12, 30), 2) == date(2027, 1, 4)
    assert calendar.add_workdays(date(2027, 1, 4), -1) == date(2026, 12, 31)
    assert calendar.add_workdays(date(2026, 5, 16), 0) == date(2026, 5, 16)
    assert calendar.add_workdays(date(2026, 5, 16), 1) == date(2026, 5, 18)
    assert calendar.add_workdays(date(2026, 5, 16), -1) == date(2026, 5, 15)
    assert calendar.add_workdays(date(2026, 1, 1), 600) > date(2028, 1, 1)
    assert calendar.add_workdays(date(2028, 1, 3), -600) < date(2026, 1, 1)


@given(DAYS, st.integers(-700, 700), CALENDARS)
@settings(max_examples=100, deadline=None)
def test_add_workdays_goes_day_by_day(day: date, n: int, which: calendar.Calendar) -> None:
    walked, left = day, abs(n)
    while left:
        walked += timedelta(days=1 if n > 0 else -1)
        left -= calendar.is_workday(walked, which)
    assert calendar.add_workdays(day, n, which) == walked


@given(DAYS, DAYS, CALENDARS)
@settings(max_examples=100, deadline=None)
def test_workdays_between_counts(first: date, last: date, which: calendar.Calendar) -> None:
    if last < first:
        assert calendar.workdays_between(first, last, which) == -calendar.workdays_between(last, first, which)
        return
    days = (first + timedelta(days=n) for n in range(1, (last - first).days + 1))
    assert calendar.workdays_between(first, last, which) == sum(calendar.is_workday(day, which) for day in days)


@given(DAYS, st.integers(1, 300), CALENDARS)
@settings(max_examples=100, deadline=None)
def test_between_is_the_inverse_of_add(day: date, n: int, which: calendar.Calendar) -> None:
    assert calendar.workdays_between(day, calendar.add_workdays(day, n, which), which) == n


@pytest.mark.parametrize(
    ("day", "n", "later"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2028, 2, 14), -3, date(2027, 11, 14)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 1, 15), -1, date(2025, 12, 15)),
        (date(2026, 5, 31), -3, date(2026, 2, 28)),
        (date(2026, 5, 31), 0, date(2026, 5, 31)),
    ],
)
def test_add_months(day: date, n: int, later: date) -> None:
    assert calendar.add_months(day, n) == later


def test_last_workday_in() -> None:
    assert calendar.last_workday_in(date(2026, 4, 1), date(2026, 4, 6)) == date(2026, 4, 2)
    assert calendar.last_workday_in(date(2026, 5, 4), date(2026, 5, 5), "legal") == date(2026, 5, 4)
    assert calendar.last_workday_in(date(2026, 5, 4), date(2026, 5, 5)) == date(2026, 5, 5)
    assert calendar.last_workday_in(date(2026, 5, 16), date(2026, 5, 17)) is None


def test_years_before_the_law_count_too() -> None:
    assert calendar.is_workday(date(1950, 1, 2), "legal")


def test_importing_the_calendar_does_not_load_the_library() -> None:
    code = "import sys, woonketen.contracts.calendar; sys.exit('holidays' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
