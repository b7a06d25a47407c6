"""Dutch working days and calendar months.

Two calendars. `legal`: the holidays of art. 3 Algemene termijnenwet, so Good Friday and 5 May are among them every
year; for terms that a law sets. `answering`: the days on which an office is closed, for answers and due dates; 5 May is
a holiday there only where that is asked for.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from calendar import monthrange
from datetime import date
from functools import lru_cache
from typing import Literal

Calendar = Literal["legal", "answering"]


@lru_cache(maxsize=512)
def holidays(year: int, calendar: Calendar = "answering", liberation_day: bool = False) -> frozenset[date]:
    """The holidays of a year. `liberation_day`: whether 5 May counts in the answering calendar (in the legal one it
    always does)."""
    # Imported here: it costs a tenth of a second, which a command that counts no days should not pay.
    from holidays import OPTIONAL, PUBLIC, country_holidays

    liberation = date(year, 5, 5)
    kinds = (PUBLIC, OPTIONAL) if calendar == "legal" else (PUBLIC,)
    found = frozenset(country_holidays("NL", years=year, categories=kinds, observed=False))
    if calendar == "legal" or liberation_day:
        return found | {liberation}
    return found - {liberation}


@lru_cache(maxsize=512)
def _workdays(year: int, calendar: Calendar, liberation_day: bool) -> tuple[date, ...]:
    closed = holidays(year, calendar, liberation_day)
    first = date(year, 1, 1).toordinal()
    days = (date.fromordinal(first + n) for n in range(date(year, 12, 31).toordinal() - first + 1))
    return tuple(day for day in days if day.weekday() < 5 and day not in closed)


def is_workday(day: date, calendar: Calendar = "answering", liberation_day: bool = False) -> bool:
    return day.weekday() < 5 and day not in holidays(day.year, calendar, liberation_day)


def add_workdays(day: date, n: int, calendar: Calendar = "answering", liberation_day: bool = False) -> date:
    """The n-th working day after `day` (before it for a negative n); `day` itself for 0, whatever day it is.

    >>> add_workdays(date(2026, 4, 30), 1)
    datetime.date(2026, 5, 1)
    """
    if n == 0:
        return day
    year, days = day.year, _workdays(day.year, calendar, liberation_day)
    place = bisect_right(days, day) + n - 1 if n > 0 else bisect_left(days, day) + n
    while place >= len(days):
        place -= len(days)
        year += 1
        days = _workdays(year, calendar, liberation_day)
    while place < 0:
        year -= 1
        days = _workdays(year, calendar, liberation_day)
        place += len(days)
    return days[place]


def workdays_between(first: date, last: date, calendar: Calendar = "answering", liberation_day: bool = False) -> int:
    """Working days after `first` up to and including `last`; negative when `last` is before `first`."""
    if last < first:
        return -workdays_between(last, first, calendar, liberation_day)
    upto_last = bisect_right(_workdays(last.year, calendar, liberation_day), last)
    upto_first = bisect_right(_workdays(first.year, calendar, liberation_day), first)
    whole = sum(len(_workdays(year, calendar, liberation_day)) for year in range(first.year, last.year))
    return whole + upto_last - upto_first


def add_months(day: date, n: int) -> date:
    """The same day n calendar months later (earlier for a negative n), or the last day of a shorter month.

    >>> add_months(date(2026, 1, 31), 1)
    datetime.date(2026, 2, 28)
    """
    year, month = divmod(day.year * 12 + day.month - 1 + n, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def last_workday_in(first: date, last: date, calendar: Calendar = "answering") -> date | None:
    """The last working day from `first` up to and including `last`; None when there is none."""
    day = last if is_workday(last, calendar) else add_workdays(last, -1, calendar)
    return day if day >= first else None
