"""Figures for policy: what is counted, what is shown of it, and that nobody is found in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import msgspec
import pytest
from builders import CORPORATIE, GEMEENTE, fact, world
from hypothesis import given
from hypothesis import strategies as st

from woonketen.contracts import figures as catalogue
from woonketen.contracts.errors import FiguresError
from woonketen.contracts.facts import Fact, Facts
from woonketen.streams import figures
from woonketen.streams.figures.attack import Publish, Town, attack
from woonketen.streams.figures.count import Entry, entries
from woonketen.streams.figures.protect import (
    FEW,
    TOTAL,
    WITH_IT,
    Published,
    Tally,
    band,
    changed,
    publish_row,
    rounded,
)

FOUND = catalogue.shipped()
NUMBERS = FOUND.protected
DAY = date(2026, 9, 30)
EARLIER = date(2026, 6, 30)


def people(number: int, value: int = 1, first: int = 0) -> dict[bytes, int]:
    return {(first + each).to_bytes(4, "big"): value for each in range(number)}


def row(measure: catalogue.Measure = "count", **tallies: Tally) -> dict[str, Published]:
    return publish_row(measure, tallies, {}, 0, NUMBERS, DAY)


def with_total(**sizes: int) -> dict[str, Tally]:
    parts: dict[str, Tally] = {}
    first = 0
    for column, number in sizes.items():
        parts[column] = people(number, first=first)
        first += number
    return {**parts, TOTAL: people(first)}


# --- what is shown ---


def test_counts_are_rounded_to_tens_then_to_fives() -> None:
    assert [rounded(number, NUMBERS) for number in (0, 4, 5, 14, 15, 94, 99, 100, 102, 103, 1_001)] == [
        0, 0, 10, 10, 20, 90, 100, 100, 100, 105, 1_000,
    ]  # fmt: skip


def test_a_row_of_fewer_than_thirty_households_has_no_figure() -> None:
    assert {each.note for each in row(one=people(29)).values()} == {FEW}
    assert row(one=people(30))["one"].shown == "30"


def test_a_small_cell_takes_the_next_smallest_with_it() -> None:
    shown = row(**with_total(running=60, completed=3, stopped=20))
    assert [shown[name].shown for name in ("running", "completed", "stopped", TOTAL)] == ["60", "<10", "–", "80"]
    assert shown["stopped"].note == WITH_IT
    two = row(**with_total(running=60, completed=3, stopped=0))
    assert [two[name].shown for name in ("running", "completed", "stopped")] == ["60", "<10", "<10"]


def test_zero_is_shown_as_few() -> None:
    assert row(one=people(40), other={})["other"].shown == "<10"


def test_shares_come_from_rounded_numbers_and_from_fifty_on() -> None:
    assert row("share", share=people(49))["share"].note == FEW
    mixed = {**people(41), **people(9, 0, first=41)}
    assert row("share", share=mixed)["share"].shown == "80 %", "41 of 50 would be 82 %"
    assert row("share", share=people(60))["share"].band == "meer dan 90 %"
    assert row("share", share=people(60, 0))["share"].band == "minder dan 10 %"


def test_medians_from_ten_cases_in_a_row_of_thirty() -> None:
    assert row("weeks", weeks=people(9, 4), other=people(40, 1, first=100))["weeks"].value is None
    assert row("weeks", weeks={**people(30, 4), **people(20, 9, first=30)})["weeks"].shown == "4"


def test_bands() -> None:
    assert [band(number, NUMBERS) for number in (0, 10, 49, 50, 1_000)] == [
        "minder dan 10", "10–49", "10–49", "50–99", "1000 of meer",
    ]  # fmt: skip


@given(st.lists(st.integers(0, 150), min_size=2, max_size=4))
def test_no_missing_number_can_be_subtracted(sizes: list[int]) -> None:
    """With the total shown, never exactly one part is missing; what is shown is a multiple of five and not small."""
    shown = row(**with_total(**{f"c{at}": size for at, size in enumerate(sizes)}))
    parts = [cell for column, cell in shown.items() if column != TOTAL]
    if shown[TOTAL].value is not None:
        assert sum(cell.value is None for cell in parts) != 1
    for cell in shown.values():
        assert cell.value is None or (cell.value % 5 == 0 and cell.value >= 10)
        assert (cell.value is None) == (not cell.shown.isdecimal())


# --- a row stays until five households changed ---


def test_a_row_stays_until_five_households_changed() -> None:
    before = {"one": people(30), "other": people(20, first=100)}
    old = publish_row("count", before, {}, 0, NUMBERS, EARLIER)
    for more, stays in ((4, True), (5, False)):
        now = {"one": people(30 + more), "other": people(20, first=100)}
        shown = publish_row("count", now, old, changed(now, before), NUMBERS, DAY)
        assert (shown == old) is stays
        assert {cell.since for cell in shown.values()} == {EARLIER if stays else DAY}


def test_a_household_that_moves_to_another_cell_has_changed_once() -> None:
    assert changed({"one": people(3), "other": people(1, first=9)}, {"one": people(4), "other": {}}) == 2
    moved = {"one": people(2), "other": people(1, first=2)}
    assert changed(moved, {"one": people(3), "other": {}}) == 1


@given(
    st.dictionaries(st.integers(0, 60), st.sampled_from(["a", "b"]), min_size=30),
    st.dictionaries(st.integers(0, 60), st.sampled_from(["a", "b"]), max_size=4),
)
def test_one_to_four_changes_show_nothing(was: dict[int, str], moves: dict[int, str]) -> None:
    def cells(of: Mapping[int, str]) -> dict[str, Tally]:
        return {
            column: {number.to_bytes(2, "big"): 1 for number, at in of.items() if at == column} for column in ("a", "b")
        }

    before, now = cells(was), cells({**was, **moves})
    old = publish_row("count", before, {}, 0, NUMBERS, EARLIER)
    assert publish_row("count", now, old, changed(now, before), NUMBERS, DAY) == old


# --- the attack ---

TOWNS = [Town(30, 0.1, 0.02), Town(45, 0.25, 0.0), Town(60, 0.5, 0.02), Town(100, 0.25, 0.1)]


@pytest.mark.parametrize("town", TOWNS, ids=lambda town: f"{town.households}-{town.share}-{town.churn}")
def test_nobody_is_found_by_comparing_eight_snapshots(town: Town) -> None:
    found = attack(NUMBERS, town, snapshots=8, certainty=0.9, histories=2_000)
    assert found.certain == 0.0, "an attacker becomes certain of somebody"
    assert found.accuracy < 0.65


def only_small_ones_hidden(
    measure: str, tallies: Mapping[str, Tally], before: object, moved: int, numbers: object, today: date
) -> dict[str, Published]:
    return {
        column: Published(None, "<10" if len(tally) < 10 else str(len(tally)), None, None, today)
        for column, tally in tallies.items()
    }


def without_staying(
    measure: catalogue.Measure,
    tallies: Mapping[str, Tally],
    before: object,
    moved: int,
    numbers: catalogue.Protection,
    today: date,
) -> dict[str, Published]:
    return publish_row(measure, tallies, {}, 0, numbers, today)


@pytest.mark.parametrize("weak", [only_small_ones_hidden, without_staying], ids=lambda weak: weak.__name__)
def test_the_attack_finds_weaker_rules(weak: Publish) -> None:
    """Else the attack above could not fail."""
    assert attack(NUMBERS, Town(45, 0.25, 0.0), snapshots=8, certainty=0.9, publish=weak).certain > 0.05


# --- what is counted ---


def enrolled(number: int, **more: object) -> list[Fact]:
    return [fact("enrolment.opened", happened=date(2026, 1, 10), enrolment_id=f"{GEMEENTE}:E-{number}", **more)]


def counted(*facts: Fact, day: date = DAY) -> set[tuple[str, str, str, int]]:
    found = entries(Facts(facts), day, world())
    assert len({(each.table, each.row, each.column) for each in found}) == len(found), "a household is in a cell once"
    return {msgspec.structs.astuple(each) for each in found}


def test_a_trajectory_that_ended() -> None:
    opened = enrolled(1, programme="wooncoach")
    assert ("trajectories", "wooncoach", "running", 1) in counted(*opened)
    closed = fact("enrolment.closed", happened=date(2026, 8, 1), enrolment_id=f"{GEMEENTE}:E-1", outcome="completed")
    assert ("trajectories", "wooncoach", "completed", 1) in counted(*opened, closed)
    assert ("trajectories", "wooncoach", "running", 1) in counted(*opened, closed, day=date(2026, 7, 31))


def test_who_is_flagged_is_in_no_table() -> None:
    flag = fact("safety.flag_set", happened=date(2026, 9, 29))
    assert counted(*enrolled(1)) != set()
    assert counted(*enrolled(1), flag) == set()


def test_still_housed_by_months_since_the_first_lease() -> None:
    lease = fact("lease.started", CORPORATIE, happened=date(2026, 2, 1), lease_id="L-1001")
    gone = fact("lease.ended", CORPORATIE, happened=date(2026, 6, 1), lease_id="L-1001", reason="eviction")
    moved = fact("lease.ended", CORPORATIE, happened=date(2026, 6, 1), lease_id="L-1001", reason="moved")
    housed = {("still_housed", "3", "share", 1), ("still_housed", "6", "share", 1)}
    of = enrolled(1)
    assert housed <= counted(*of, lease)
    assert ("still_housed", "6", "share", 0) in counted(*of, lease, gone)
    assert housed <= counted(*of, lease, moved)
    assert not any(row == "12" for table, row, _, _ in counted(*of, lease) if table == "still_housed")


def test_consents_by_role_the_last_word_counts() -> None:
    to_coach = {"recipient": {"role": "coach"}, "purpose": "guidance"}
    given_ = fact("consent.granted", happened=date(2026, 2, 1), consent_id=f"{GEMEENTE}:C-1", **to_coach)
    taken = fact("consent.withdrawn", happened=date(2026, 3, 1), consent_id=f"{GEMEENTE}:C-1")
    assert ("consents", "coach", "granted", 1) in counted(*enrolled(1), given_)
    assert ("consents", "coach", "withdrawn", 1) in counted(*enrolled(1), given_, taken)


def test_freezing_keeps_the_rows_that_hardly_changed() -> None:
    def town(running: int, stopped: int) -> figures.Members:
        households = [
            (number.to_bytes(2, "big"), [Entry("trajectories", "buddy", "running")]) for number in range(running)
        ]
        households += [
            ((500 + number).to_bytes(2, "big"), [Entry("trajectories", "buddy", "stopped")])
            for number in range(stopped)
        ]
        return figures.gather(FOUND, households)

    first = figures.freeze(FOUND, town(44, 20), {}, {}, EARLIER)
    cell = ("trajectories", "buddy", "running")
    assert first[cell].shown == "40"
    same = figures.freeze(FOUND, town(46, 20), first, {EARLIER: town(44, 20)}, DAY)
    assert same[cell] == first[cell]
    grown = figures.freeze(FOUND, town(49, 20), first, {EARLIER: town(44, 20)}, DAY)
    assert (grown[cell].shown, grown[cell].since) == ("50", DAY)
    assert first[("trajectories", "wooncoach", "running")].note == FEW


# --- the catalogue ---


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("measure: count", "measure: guess"),
        ("rows: programme", "rows: no_such_list"),
        ("id: waiting", "id: places"),
        ("least_households: {value: 30,", "least_households: {value: 0,"),
        ("bands: [10, 50,", "bands: [50, 10,"),
        ("  changed_least:", "  changed_a_lot:"),
        ("tables:", "tables: ["),
    ],
)
def test_a_catalogue_that_is_not_whole_does_not_load(old: str, new: str) -> None:
    from importlib.resources import files

    text = (files("woonketen.contracts") / "figures.yaml").read_text("utf-8")
    assert old in text
    with pytest.raises(FiguresError) as told:
        catalogue.load(text.replace(old, new, 1))
    assert "figures.yaml" in told.value.mend


def test_beside_a_row_stand_numbers_of_no_household() -> None:
    set_ = [
        fact("programme.capacity_set", happened=DAY - timedelta(days=90), programme="wooncoach", places=40, until=None)
    ]
    assert figures.beside(world(*set_), DAY)[("trajectories", "wooncoach")] == 40
