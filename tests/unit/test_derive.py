"""Phase, arrears level, coaching that runs, arrears that may be signalled; and the world that is the same for all."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import builders as b
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from woonketen.contracts import codes, indicators
from woonketen.contracts.catalogue import TYPES
from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.policy import load, shipped
from woonketen.streams.core import derive
from woonketen.streams.core.effective import effective
from woonketen.streams.core.world import World, build_world

DAY = date(2026, 6, 15)
WORLD = b.world()
PERSONS = sorted(short for short, each in TYPES.items() if each.about == "person" and not short.startswith("event."))


def on(month: int, day: int = 1) -> date:
    return date(2026, month, day)


def facts(*made: Fact) -> Facts:
    return effective(made, None)


# Phase


def enrolled(**more: Any) -> Fact:
    return b.fact("enrolment.opened", happened=on(1, 5), **more)


SITTING = enrolled(route="zittende_huurder")
LEASE = b.fact("lease.started", happened=on(3))
COACH = b.fact("coach.assigned", happened=on(3, 5))


@pytest.mark.parametrize(
    ("made", "phase"),
    [
        ([], "talks"),
        ([enrolled()], "talks"),
        ([enrolled(), b.fact("plan.agreed", happened=on(2))], "plan"),
        ([enrolled(), b.fact("plan.agreed", happened=on(2)), b.fact("waiting.entered", happened=on(2))], "waiting"),
        ([enrolled(), b.fact("waiting.entered", happened=on(2)), b.fact("waiting.left", happened=on(2, 5))], "talks"),
        (
            [enrolled(), b.fact("waiting.entered", happened=on(2)), b.fact("dwelling.offered", happened=on(2))],
            "offered",
        ),
        ([enrolled(), b.fact("dwelling.offered", happened=on(2)), b.fact("dwelling.refused", happened=on(3))], "talks"),
        ([enrolled(), b.fact("dwelling.offered", happened=on(2)), LEASE], "housed"),
        ([enrolled(), LEASE, COACH], "guided"),
        ([enrolled(), LEASE, COACH, b.fact("coach.ended", happened=on(5))], "housed"),
        (
            [enrolled(), b.fact("dwelling.offered", happened=on(2)), LEASE, b.fact("lease.ended", happened=on(5))],
            "talks",
        ),
        ([SITTING], "staying"),
        ([SITTING, LEASE], "staying"),
        ([SITTING, LEASE, COACH], "staying"),
        ([enrolled(programme="early_signalling", route="zittende_huurder")], "signalled"),
        ([enrolled(programme="early_signalling", route="zittende_huurder"), LEASE], "signalled"),
        ([enrolled(programme="early_signalling", route="zittende_huurder"), COACH], "staying"),
        ([enrolled(), LEASE, COACH, b.fact("enrolment.closed", happened=on(6))], "closed"),
    ],
)
def test_phases(made: list[Fact], phase: str) -> None:
    assert derive.phase(facts(*made), DAY) == phase


# Arrears


def balance(when: date, cents: int, **more: Any) -> Fact:
    return b.fact(
        "rent.balance_reported", happened=when, **{"outstanding_cents": cents, "rent_cents": 50000, **more},
        oldest_unpaid_on=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cents", "level"),
    [
        (0, "none"),
        (1, "light"),
        (49999, "light"),
        (50000, "serious"),
        (99999, "serious"),
        (100000, "critical"),
        (400000, "critical"),
    ],
)
def test_levels_by_months_of_rent(cents: int, level: str) -> None:
    assert derive.arrears_level(facts(balance(on(6), cents)), DAY) == level


def test_an_old_balance_tells_nothing() -> None:
    made = facts(balance(on(5), 50000))
    assert derive.arrears_level(made, on(5) + timedelta(days=45)) == "serious"
    assert derive.arrears_level(made, on(5) + timedelta(days=46)) == "unknown"
    assert derive.arrears_level(facts(), DAY) is None


def test_the_worst_running_lease_and_never_a_sum() -> None:
    two = [b.fact("lease.started", happened=on(1)), b.fact("lease.started", happened=on(2), lease_id="L-2")]
    owed = [balance(on(6), 40000), balance(on(6), 40000, lease_id="L-2")]
    assert derive.arrears_level(facts(*two, *owed), DAY) == "light"
    worse = balance(on(6, 2), 120000, lease_id="L-2")
    assert derive.arrears_level(facts(*two, *owed, worse), DAY) == "critical"
    ended = b.fact("lease.ended", happened=on(6, 3), lease_id="L-2")
    assert derive.arrears_level(facts(*two, *owed, worse, ended), DAY) == "light"
    found = derive.arrears_balance(facts(*two, *owed, worse), DAY)
    assert found is not None
    assert (found.lease_id, found.on) == ("L-2", on(6, 2))


def test_the_trend() -> None:
    def trend(*cents: int) -> str | None:
        return derive.arrears_trend(facts(*(balance(on(4 + n), owed) for n, owed in enumerate(cents))), DAY)

    assert (trend(), trend(100), trend(100, 200), trend(200, 100), trend(100, 100)) == (
        None,
        None,
        "up",
        "down",
        "same",
    )
    assert derive.arrears_trend(facts(balance(on(1), 1), balance(on(2), 2)), DAY) is None


# Coaching


def visit(n: int, when: date, held: bool, by: str = "resident") -> Fact:
    if held:
        return b.fact("coach.visit_held", happened=when, visit_id=f"V-{n}")
    return b.fact("coach.visit_missed", happened=when, visit_id=f"V-{n}", missed_by=by)


def test_whether_coaching_runs() -> None:
    assigned = b.fact("coach.assigned", happened=on(2), interval_days=14)
    runs = derive.coaching_runs
    assert runs(facts(), DAY) == ("not_started", "provider")
    assert runs(facts(assigned), on(2) + timedelta(days=42)) == ("yes", None)
    assert runs(facts(assigned), on(2) + timedelta(days=43)) == ("no", "provider")
    held = visit(1, on(3), True)
    assert runs(facts(assigned, held), on(3) + timedelta(days=42)) == ("yes", None)
    by_resident = facts(assigned, held, visit(2, on(4), False))
    assert runs(by_resident, DAY) == ("no", "resident")
    assert runs(facts(assigned, held, visit(2, on(4), False, "organisation")), DAY) == ("no", "provider")
    background = b.fact("coach.changed", happened=on(3), mode="background")
    assert runs(facts(assigned, background), DAY) == ("yes", None)
    pause = b.fact("pause.agreed", happened=on(6), until="2026-07-01")
    assert runs(facts(assigned, pause), DAY) == ("yes", None)


@pytest.mark.parametrize(
    ("reason", "by"),
    [
        ("completed", None),
        ("stopped_by_resident", "resident"),
        ("stopped_by_organisation", "provider"),
        ("moved", None),
    ],
)
def test_ended_coaching_and_by_whom(reason: str, by: str | None) -> None:
    made = facts(b.fact("coach.assigned", happened=on(2)), b.fact("coach.ended", happened=on(3), reason=reason))
    assert derive.coaching_runs(made, DAY) == ("ended", by)


# Early signalling

EFFORTS = ("personal_contact", "pointed_to_debt_help", "written_reminder", "offer_to_pass_on")


def effort(which: str, when: date = on(5, 6)) -> Fact:
    return b.fact("arrears.effort_made", happened=when, effort=which)


def test_what_is_missing_before_a_signal() -> None:
    owed = [LEASE, balance(on(5), 61250)]
    assert derive.may_signal(facts(*owed), "L-1", DAY, WORLD) == (False, list(EFFORTS))
    three = [effort(each) for each in EFFORTS if each != "written_reminder"]
    assert derive.may_signal(facts(*owed, *three), "L-1", DAY, WORLD) == (False, ["written_reminder"])
    four = [effort(each) for each in EFFORTS]
    assert derive.may_signal(facts(*owed, *four), "L-1", DAY, WORLD) == (True, [])
    before = [effort(each, on(4)) for each in EFFORTS]
    paid = [LEASE, balance(on(3), 100), *before, balance(on(4, 15), 0), balance(on(5), 61250)]
    assert derive.may_signal(facts(*paid), "L-1", DAY, WORLD) == (False, list(EFFORTS))
    objection = b.fact("objection.recorded", happened=on(5, 7))
    assert derive.may_signal(facts(*owed, *four, objection), "L-1", DAY, WORLD) == (False, ["objection"])


def test_a_signal_needs_an_agreement_that_names_it() -> None:
    made = facts(LEASE, balance(on(5), 61250), *(effort(each) for each in EFFORTS))
    ended = b.fact("agreement.ended", b.GEMEENTE, on(6), agreement_id=f"{b.GEMEENTE}:OV-0")
    world = b.world(ended)
    assert derive.may_signal(made, "L-1", on(5, 31), world) == (True, [])
    assert derive.may_signal(made, "L-1", on(6), world) == (False, ["agreement"])
    narrow = b.fact("agreement.signed", b.GEMEENTE, on(1), purposes=["tenancy"])
    assert derive.may_signal(made, "L-1", DAY, b.world(ended, narrow)) == (False, ["agreement"])
    elsewhere = b.fact("agreement.signed", b.GEMEENTE, on(1), orgs=[b.GEMEENTE], purposes=["early_signalling"])
    assert derive.may_signal(made, "L-1", DAY, b.world(ended, elsewhere)) == (False, ["agreement"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PERSONS), st.integers(-120, 5)), max_size=16), st.randoms())
def test_whatever_is_missing_a_code_comes_out(drawn: list[tuple[str, int]], random: Random) -> None:
    made = [
        b.fact(short, happened=None if short.startswith("warning.") else DAY + timedelta(days=n)) for short, n in drawn
    ]
    other = list(made)
    random.shuffle(other)
    one, two = Facts(made), Facts(other)
    assert derive.phase(one, DAY) == derive.phase(two, DAY)
    assert derive.phase(one, DAY) in codes.members("phase")
    assert derive.arrears_level(one, DAY) == derive.arrears_level(two, DAY)
    assert derive.arrears_level(one, DAY) in codes.members("arrears_level") | {None}
    assert derive.arrears_trend(one, DAY) in codes.members("arrears_trend") | {None}
    assert derive.coaching_runs(one, DAY) == derive.coaching_runs(two, DAY)
    assert derive.may_signal(one, "L-1", DAY, WORLD) == derive.may_signal(two, "L-1", DAY, WORLD)


# The world


def test_organisations_as_registered_last() -> None:
    first = b.registered(b.ZORG, "zorgaanbieder", on(1), districts=["WK019304"])
    second = b.registered(b.ZORG, "zorgaanbieder", on(2), districts=["WK019307"], heartbeat_hours=26)
    for order in ([first, second], [second, first]):
        info = b.world(*order).orgs[b.ZORG]
        assert (info.districts, info.heartbeat_hours) == (("WK019307",), 26)
    assert WORLD.kind(b.ZORG) == "zorgaanbieder"
    assert WORLD.kind("onbekend") is None
    assert [info.covers(where) for where in ("WK019307", "WK019304", None)] == [True, False, True]
    assert WORLD.orgs[b.ZORG].covers("WK019304")


def test_agreements_in_force() -> None:
    signed = b.fact(
        "agreement.signed",
        happened=on(1),
        programme="buddy",
        orgs=[b.GEMEENTE, b.BUDDY],
        valid_from="2026-02-01",
        valid_until="2026-05-31",
    )
    world = b.world(signed)
    assert [bool(world.parties("buddy", day)) for day in (on(1, 31), on(2), on(5, 31), on(6))] == [
        False,
        True,
        True,
        False,
    ]
    left = b.world(signed, b.fact("org.left", b.PLATFORM, on(3), payload={"org": b.BUDDY}))
    assert left.parties("buddy", on(2)) == {b.GEMEENTE, b.BUDDY}
    assert left.parties("buddy", on(3)) == {b.GEMEENTE}
    corrected = b.world(signed, b.correction(signed, valid_until="2026-03-31"))
    assert corrected.parties("buddy", on(4)) == frozenset()
    assert b.world(signed, b.retraction(signed)).parties("buddy", on(3)) == frozenset()


def beat(*moment: int) -> Fact:
    return b.fact("feed.heartbeat", b.ZORG, as_of=datetime(2026, *moment, tzinfo=UTC))


def silent(*made: Fact, day: date, hours: int = 26, weekends: bool = True) -> bool:
    expects = b.registered(b.ZORG, "zorgaanbieder", on(3), heartbeat_hours=hours, heartbeat_weekends=weekends)
    return b.ZORG in b.world(expects, *made).silent(day)


def test_a_feed_is_silent_when_its_heartbeat_is_missing_at_the_close() -> None:
    # Monday 2 March 2026, five in the morning: nineteen hours before the close
    assert not silent(beat(3, 2, 5), day=on(3, 2))
    assert silent(beat(3, 2, 5), day=on(3, 3))
    assert not silent(beat(3, 2, 5), beat(3, 3, 5), day=on(3, 3))
    assert silent(beat(3, 2, 5), beat(3, 4, 5), day=on(3, 3)), "a later heartbeat says nothing about that close"
    assert not silent(beat(3, 1, 22), day=on(3, 2)), "exactly as many hours as expected"
    assert silent(beat(3, 1, 21, 59), day=on(3, 2))


def test_weekends_and_holidays_count_as_the_feed_says() -> None:
    friday = beat(3, 6, 5)
    assert silent(friday, day=on(3, 7), weekends=True)
    assert not silent(friday, day=on(3, 8), weekends=False)
    assert silent(friday, day=on(3, 9), weekends=False)
    # Ascension Day, Thursday 14 May 2026
    assert not silent(beat(5, 13, 5), day=on(5, 14), weekends=False)
    assert silent(beat(5, 13, 5), day=on(5, 15), weekends=False)


def test_a_feed_that_never_spoke_is_silent_after_its_hours() -> None:
    assert [silent(day=day) for day in (date(2026, 2, 28), on(3), on(3, 2), on(3, 3))] == [False, False, False, True]


def test_registering_again_does_not_start_the_hours_again() -> None:
    again = b.registered(b.ZORG, "zorgaanbieder", on(3, 3), heartbeat_hours=26, phone="038 000 00 00")
    assert silent(again, day=on(3, 3))


def test_who_comes_back_has_not_left() -> None:
    left = b.fact("org.left", b.PLATFORM, on(3), payload={"org": b.ZORG})
    assert b.world(left).orgs[b.ZORG].left_on == on(3)
    assert b.world(left, b.registered(b.ZORG, "zorgaanbieder", on(4))).orgs[b.ZORG].left_on is None


def test_who_expects_nothing_or_left_is_not_silent() -> None:
    assert WORLD.silent(DAY) == frozenset()
    left = b.fact("org.left", b.PLATFORM, on(3, 10), payload={"org": b.ZORG})
    assert silent(beat(3, 2, 5), left, day=on(3, 9))
    assert not silent(beat(3, 2, 5), left, day=on(3, 10))


def test_the_fingerprint_changes_with_what_matters_and_not_with_heartbeats() -> None:
    expects = b.registered(b.ZORG, "zorgaanbieder", on(3), heartbeat_hours=26)
    base = b.world(expects, beat(3, 2, 5)).fingerprint(on(3, 2))
    assert b.world(expects, beat(3, 2, 5), beat(3, 2, 6)).fingerprint(on(3, 2)) == base
    assert b.world(expects, beat(3, 2, 5)).fingerprint(on(3, 3)) != base, "silent now"
    signed = b.fact("agreement.signed", happened=on(1))
    assert b.world(expects, beat(3, 2, 5), signed).fingerprint(on(3, 2)) != base
    left = b.fact("org.left", b.PLATFORM, on(3), payload={"org": b.BUDDY})
    assert b.world(expects, beat(3, 2, 5), left).fingerprint(on(3, 2)) != base
    other = load("category,recipient,purpose,when,state,article,note\n")
    assert b.world(expects, beat(3, 2, 5), policy=other).fingerprint(on(3, 2)) != base


@given(st.permutations([*WORLD.facts, beat(3, 2, 5), beat(3, 3, 5)]))
def test_a_world_does_not_depend_on_arrival(made: list[Fact]) -> None:
    rules = indicators.shipped()
    one: World = build_world(made, shipped(), rules, b"k" * 32)
    two: World = build_world([*sorted(made, key=lambda fact: fact.key), *made], shipped(), rules, b"k" * 32)
    assert one.fingerprint(DAY) == two.fingerprint(DAY)
    assert (one.orgs, one.agreements, one.heartbeats) == (two.orgs, two.agreements, two.heartbeats)


def test_the_key_is_not_in_a_repr() -> None:
    assert "kkkk" not in repr(WORLD)
