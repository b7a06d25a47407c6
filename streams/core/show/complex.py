"""The view `complex`: one row per complex, from what is told about it and from what each resident adds.

A resident adds `contributions`, kept apart from the rows; who adds what stands in no row.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Literal

import msgspec

from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.recipient import recipient
from woonketen.contracts.views import Complex, Share
from woonketen.streams.core import picture
from woonketen.streams.core.visible import sight
from woonketen.streams.core.world import World

SMALLEST = 10
"""Complexes with fewer dwellings are in no row: one resident could be found in it."""
BAND = 5
ENDING = timedelta(days=180)
_SITTING = "zittende_huurder"


class Contribution(msgspec.Struct, frozen=True, gc=False):
    """One dwelling `offered` to a resident, or `let` to one, in a complex of `org`; `ends_on` of the lease."""

    org: str
    complex_id: str
    kind: Literal["offered", "let"]
    ends_on: date | None = None


def contributions(facts: Facts, day: date, world: World) -> list[Contribution]:
    """Of one resident on the open day: none once the enrolment is over, with a safety flag, or for who lived there
    already."""
    enrolment = picture.current_enrolment(facts, day)
    if enrolment is None or (enrolment.closed_on is not None and enrolment.closed_on < day):
        return []
    if enrolment.route == _SITTING or enrolment.programme == "early_signalling" or _flagged(facts, day, world):
        return []
    leases = [each for each in picture.leases(facts, day) if each.running]
    found = [Contribution(each.org, each.complex_id, "let", each.ends_on) for each in leases if each.complex_id]
    # A later lease tells what became of the offers before it.
    since = max((each.started_on for each in leases), default=date.min)
    found += [
        Contribution(each.org, each.complex_id, "offered")
        for each in picture.offers(facts, day)
        if each.complex_id and each.refused_on is None and each.on > since
    ]
    return sorted(found, key=lambda each: (each.org, each.complex_id, each.kind, each.ends_on or date.max))


def complexes(world: World, day: date, contributed: Iterable[Contribution]) -> dict[str, list[Complex]]:
    """Organisation → its complexes of ten dwellings or more, in order. `contributed`: by all residents."""
    told: dict[tuple[str, str], Fact] = {}
    for fact in world.facts.upto(day, "complex.assessed"):
        told[(fact.org, fact.data.complex_id)] = fact
    by: dict[tuple[str, str], list[Contribution]] = {}
    for each in contributed:
        by.setdefault((each.org, each.complex_id), []).append(each)
    available, nuisance = _available(world.facts, day), _nuisance(world.facts, day)
    found: dict[str, list[Complex]] = {}
    for key, fact in sorted(told.items()):
        if fact.data.dwellings >= SMALLEST:
            row = _row(fact, day, available.get(key, 0), by.get(key, []), nuisance.get(key))
            found.setdefault(fact.org, []).append(row)
    return found


def _row(fact: Fact, day: date, available: int, contributed: list[Contribution], reports: int | None) -> Complex:
    data = fact.data
    let = [each for each in contributed if each.kind == "let"]
    return Complex(
        complex_id=data.complex_id,
        dwellings=data.dwellings,
        programme_dwellings=Share(
            promised=data.dwellings_for_programme,
            available=available,
            offered=len(contributed) - len(let),
            let=len(let),
        ),
        programme_share_band=band(100 * len(let) / data.dwellings),
        target_band=band(data.target_programme_share_pct),
        nuisance_per_100=None if reports is None else round(100 * reports / data.dwellings, 1),
        leases_ending_180d=sum(1 for each in let if each.ends_on is not None and day <= each.ends_on <= day + ENDING),
    )


def band(percent: float) -> str:
    """The band of five whole percents that holds it.

    >>> band(15), band(4.9)
    ('15–19 %', '0–4 %')
    """
    first = min(int(percent) // BAND * BAND, 100 - BAND)
    return f"{first}–{first + BAND - 1 if first < 100 - BAND else 100} %"


def _available(facts: Facts, day: date) -> dict[tuple[str, str], int]:
    dwellings = {
        (fact.org, fact.data.complex_id, fact.data.dwelling_id)
        for fact in facts.upto(day, "dwelling.made_available")
        if fact.data.available_on <= day
    }
    found: dict[tuple[str, str], int] = {}
    for org, complex_id, _ in dwellings:
        if complex_id is not None:
            found[(org, complex_id)] = found.get((org, complex_id), 0) + 1
    return found


def _nuisance(facts: Facts, day: date) -> dict[tuple[str, str], int]:
    """Reports over all dwellings in the last month that was told."""
    last: dict[tuple[str, str], Fact] = {}
    for fact in facts.upto(day, "complex.nuisance_counted"):
        key = (fact.org, fact.data.complex_id)
        if key not in last or fact.data.month >= last[key].data.month:
            last[key] = fact
    return {key: fact.data.reports for key, fact in last.items()}


def _flagged(facts: Facts, day: date, world: World) -> bool:
    return bool(facts.of("safety.flag_set")) and sight(recipient("beleid", ""), facts, day, world).flagged_away
