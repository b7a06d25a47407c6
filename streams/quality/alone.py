"""Checks that look at one fact alone. Each answers `True` (passed), `False`, or `None` (does not apply)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from types import MappingProxyType

from woonketen.contracts.facts import Fact

Marks = dict[str, bool]
Alone = Callable[[Fact, date], bool | None]

_PLANNED = frozenset({"lease.started", "lease.ended", "coach.assigned", "coach.ended", "consent.granted", "org.left"})
"""Types whose day may lie ahead: it is the day from which something holds."""
RENT_CENTS = range(50_00, 3_000_01)
ARREARS_MONTHS = 36
CONSENT_YEARS = 3
WEEK, MONTH = timedelta(days=7), timedelta(days=31)


def district_missing(fact: Fact, day: date) -> bool | None:
    return fact.data.district is not None if fact.type in ("enrolment.opened", "enrolment.transferred") else None


def lease_district_missing(fact: Fact, day: date) -> bool | None:
    return fact.data.district is not None if fact.type == "lease.started" else None


def oldest_unpaid_missing(fact: Fact, day: date) -> bool | None:
    if fact.type != "rent.balance_reported" or fact.data.outstanding_cents <= 0:
        return None
    return fact.data.oldest_unpaid_on is not None


def happened_in_future(fact: Fact, day: date) -> bool | None:
    return None if fact.type in _PLANNED else fact.happened <= fact.known


def rent_implausible(fact: Fact, day: date) -> bool | None:
    if fact.type not in ("lease.started", "rent.balance_reported"):
        return None
    return fact.data.rent_cents in RENT_CENTS


def balance_implausible(fact: Fact, day: date) -> bool | None:
    if fact.type != "rent.balance_reported":
        return None
    return bool(fact.data.outstanding_cents <= ARREARS_MONTHS * fact.data.rent_cents)


def consent_too_long(fact: Fact, day: date) -> bool | None:
    if fact.type != "consent.granted":
        return None
    return bool((fact.data.valid_until - fact.data.valid_from).days <= CONSENT_YEARS * 366)


def late_week(fact: Fact, day: date) -> bool | None:
    return fact.known - fact.happened <= WEEK


def late_month(fact: Fact, day: date) -> bool | None:
    return fact.known - fact.happened <= MONTH


ALONE: Mapping[str, Alone] = MappingProxyType(
    {
        check.__name__: check
        for check in (
            district_missing,
            lease_district_missing,
            oldest_unpaid_missing,
            happened_in_future,
            rent_implausible,
            balance_implausible,
            consent_too_long,
            late_week,
            late_month,
        )
    }
)
