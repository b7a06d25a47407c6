"""Complexes: what is told of them, and what residents add; nobody who must not be found, nobody who lived there."""

from __future__ import annotations

from datetime import date
from typing import Any

import builders as b

from woonketen.contracts import indicators
from woonketen.contracts.facts import Fact
from woonketen.contracts.views import Share
from woonketen.streams.core.effective import effective
from woonketen.streams.core.show import Contribution, complexes, contributions
from woonketen.streams.core.show.complex import band

DAY = date(2026, 3, 16)


def of(*facts: Fact, day: date = DAY, route: str = "beschermd_wonen", **data: Any) -> list[Contribution]:
    enrolled = b.fact("enrolment.opened", happened=date(2026, 1, 5), route=route, **data)
    world = b.world(rules=indicators.shipped())
    return contributions(effective([enrolled, *facts], day), day, world)


OFFER = b.fact("dwelling.offered", happened=date(2026, 1, 28))
REFUSAL = b.fact("dwelling.refused", happened=date(2026, 1, 30))
LEASE = b.fact("lease.started", happened=date(2026, 2, 15), ends_on="2026-08-31")
LET = Contribution(b.CORPORATIE, "CX-12", "let", date(2026, 8, 31))


def test_an_offer_counts_until_it_is_refused_or_let() -> None:
    assert of(OFFER, day=date(2026, 1, 29)) == [Contribution(b.CORPORATIE, "CX-12", "offered")]
    assert of(OFFER, REFUSAL) == []
    assert of(OFFER, LEASE) == [LET]
    assert of(LEASE, b.fact("lease.ended", happened=date(2026, 3, 1))) == []
    assert of(LEASE, b.fact("lease.started", happened=date(2026, 3, 1), lease_id="L-2", complex_id=None)) == [LET]


def test_who_lived_there_or_may_not_be_found_or_is_gone_adds_nothing() -> None:
    assert of(LEASE, route="zittende_huurder") == []
    assert of(LEASE, programme="early_signalling") == []
    assert of(LEASE, b.fact("enrolment.closed", happened=date(2026, 3, 10))) == []
    flag = b.fact("safety.flag_set", happened=date(2026, 3, 1))
    assert of(LEASE, flag) == []
    assert of(LEASE, flag, b.fact("safety.flag_cleared", happened=date(2026, 3, 2))) == [LET]


def test_a_row_per_complex() -> None:
    world = b.world(
        b.fact("complex.assessed", happened=date(2026, 1, 2)),
        b.fact(
            "complex.assessed", happened=date(2026, 1, 2), complex_id="CX-9", dwellings=9, dwellings_for_programme=1
        ),
        b.fact("complex.nuisance_counted", happened=date(2026, 2, 1)),
        b.fact("complex.nuisance_counted", happened=date(2026, 3, 1), month="2026-02", reports=6),
        b.fact("dwelling.made_available", happened=date(2026, 1, 15)),
        b.fact("dwelling.made_available", happened=date(2026, 1, 16), dwelling_id="D-9", available_on="2026-04-01"),
    )  # fmt: skip
    added = [LET, LET, Contribution(b.CORPORATIE, "CX-12", "let"), Contribution(b.CORPORATIE, "CX-12", "offered")]
    found = complexes(world, DAY, [*added, Contribution(b.CORPORATIE, "CX-9", "let")])
    assert list(found) == [b.CORPORATIE]
    (row,) = found[b.CORPORATIE]
    assert (row.complex_id, row.dwellings) == ("CX-12", 48)
    assert row.programme_dwellings == Share(promised=6, available=1, offered=1, let=3)
    assert (row.programme_share_band, row.target_band) == ("5–9 %", "15–19 %")
    assert row.nuisance_per_100 == 12.5
    assert row.leases_ending_180d == 2


def test_a_lease_ends_within_180_days() -> None:
    world = b.world(b.fact("complex.assessed", happened=date(2026, 1, 2)))
    ending = [complexes(world, day, [LET])[b.CORPORATIE][0].leases_ending_180d for day in
              (date(2026, 3, 3), date(2026, 3, 4), date(2026, 8, 31), date(2026, 9, 1))]  # fmt: skip
    assert ending == [0, 1, 1, 0]


def test_bands_of_five() -> None:
    assert [band(0), band(4.9), band(5), band(94), band(95), band(100)] == [
        "0–4 %", "0–4 %", "5–9 %", "90–94 %", "95–100 %", "95–100 %",
    ]  # fmt: skip
