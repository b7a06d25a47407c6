"""Properties over generated residents: nobody's rows depend on what may not be seen, nor on the order of arrival."""

from __future__ import annotations

import random
from datetime import date, timedelta
from inspect import signature
from typing import Any

import builders as b
import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from woonketen.contracts import indicators
from woonketen.contracts.catalogue import TYPES
from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.recipient import recipient
from woonketen.contracts.remembering import Memo, remembered
from woonketen.contracts.views import Row
from woonketen.streams.core import picture
from woonketen.streams.core.desk import Desk
from woonketen.streams.core.effective import effective
from woonketen.streams.core.fold import empty
from woonketen.streams.core.show import show, shown
from woonketen.streams.core.show.case import NOTHING, Case
from woonketen.streams.core.step import evenings, present
from woonketen.streams.core.visible import sight, visible

DAY = date(2026, 6, 15)
REF = bytes(16)
WORLD = b.world(rules=indicators.shipped())

DERIVED = {
    "arrears_level", "arrears_trend", "coaching_runs", "corrected", "may_signal", "may_signal_missing",
    "not_running_by", "phase", "taken_by", "warnings",
}  # fmt: skip
"""Fields that come from all facts under a category of their own (`policy.md`), and what is said of them."""
DECIDES = ("consent.", "objection.", "notice.", "safety.", "enrolment.", "warning.", "event.", "subject.")
"""Facts that decide who may see, or whether there is a row."""

_SKIPPED = ("event.", "warning.", "subject.", "data.")
_PERSON = [short for short, each in TYPES.items() if each.about == "person" and not short.startswith(_SKIPPED)]


def _pool() -> list[Fact]:
    made, chance = [], random.Random(3)
    for short in _PERSON:
        for n in range(1 if short.startswith(DECIDES) else 3):
            on = DAY - timedelta(days=chance.randrange(0, 120)) if n else DAY - timedelta(days=100)
            made.append(b.fact(short, happened=on))
    for role, purpose in (
        ("coach", "guidance"), ("casusregisseur", "coordination"), ("wijkteam", "coordination"),
        ("zorgaanbieder", "care"), ("vrijwilliger", "own_task"),
    ):  # fmt: skip
        for n, window in enumerate(((None, None), ("2026-05-01", None), (None, "2026-04-15"))):
            some = chance.sample(["plan", "involvement", "visits", "arrears_level", "nuisance", "care", "lease"], 4)
            made.append(
                b.fact(
                    "consent.granted", happened=DAY - timedelta(days=90), consent_id=f"{b.GEMEENTE}:T-{role}-{n}",
                    recipient={"role": role}, purpose=purpose, categories=[*some, "support", "intake", "day_activity"],
                    valid_from="2026-01-05", valid_until="2027-01-05", data_from=window[0], data_until=window[1],
                )
            )  # fmt: skip
    made += [b.correction(each) for each in chance.sample(made, 10) if each.type.startswith(("coach", "plan", "lease"))]
    made += [b.retraction(each) for each in chance.sample(made, 8) if each.original is None]
    return made


POOL = _pool()
BASE = [
    b.fact("enrolment.opened", happened=DAY - timedelta(days=110)),
    b.fact("notice.given", happened=DAY - timedelta(days=110)),
    b.fact("caselead.assigned", happened=DAY - timedelta(days=109)),
    b.fact("coach.assigned", happened=DAY - timedelta(days=109)),
    b.fact("lease.started", happened=DAY - timedelta(days=109)),
    b.fact("plan.agreed", happened=DAY - timedelta(days=109)),
]
residents = st.lists(st.booleans(), min_size=len(POOL), max_size=len(POOL)).map(
    lambda keep: [*BASE, *(fact for fact, kept in zip(POOL, keep, strict=True) if kept)]
)
VIEWERS = [
    ("coach", b.COACH, "W-17"),
    ("casusregisseur", b.GEMEENTE, "CL-4"),
    ("wijkteam", b.GEMEENTE, None),
    ("corporatie", b.CORPORATIE, None),
    ("zorgaanbieder", b.ZORG, None),
    ("vrijwilliger", b.BUDDY, "V-3"),
]


def _of(facts: Facts, view: str, org: str, worker: str | None) -> list[Row]:
    return [row for row in show(facts, REF, DAY, WORLD) if (row.view, row.org, row.worker) == (view, org, worker)]


def _without_derived(rows: list[Row]) -> list[Any]:
    plain = []
    for row in rows:
        data = msgspec.to_builtins(row.data)
        plain.append([row.key, row.sources, {name: data[name] for name in data if name not in DERIVED}])
    return plain


def _may_go(fact: Fact, view: str, org: str) -> bool:
    """Whether the fact is one on which neither the row nor the right to see rests."""
    return not (
        fact.org == org or fact.type.startswith(DECIDES) or (view == "wijkteam" and fact.type.startswith("lease."))
    )  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(residents, st.sampled_from(VIEWERS), st.randoms(use_true_random=False))
def test_nobody_s_rows_depend_on_what_may_not_be_seen(
    facts: list[Fact], viewer: tuple[str, str, str | None], chance: random.Random
) -> None:
    whole = effective(facts, DAY)
    seen = {fact.key for fact in visible(whole, sight(recipient(*viewer), whole, DAY, WORLD))}
    hidden = {fact.key for fact in whole if fact.key not in seen and _may_go(fact, viewer[0], viewer[1])}
    taken = {key for key in sorted(hidden) if chance.random() < 0.7}
    less = Facts(fact for fact in whole if fact.key not in taken)
    assert _without_derived(_of(whole, *viewer)) == _without_derived(_of(less, *viewer))


@settings(max_examples=25, deadline=None)
@given(residents, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_no_byte(facts: list[Fact], chance: random.Random) -> None:
    shuffled = [*facts, *chance.sample(facts, 5)]
    chance.shuffle(shuffled)
    distinct = {fact.key: fact for fact in shuffled}
    once = msgspec.json.encode(shown(facts, REF, DAY, WORLD))
    assert msgspec.json.encode(shown(distinct.values(), REF, DAY, WORLD)) == once


@settings(max_examples=15, deadline=None)
@given(residents, st.randoms(use_true_random=False))
def test_step_by_step_everybody_sees_what_working_all_out_again_shows(facts: list[Fact], chance: random.Random) -> None:
    """With consents, refusals, objections and safety flags that come and go between two events."""
    told = list(facts)
    chance.shuffle(told)
    state, desk = empty(REF), Desk()
    while told:
        some = [told.pop() for _ in range(min(len(told), chance.choice((1, 1, 2, 12))))]
        state = evenings(state, [(0, fact) for fact in some], (), None, desk).state
        once = msgspec.json.encode(present(state, DAY, WORLD, None, desk))
        assert once == msgspec.json.encode(present(state, DAY, WORLD, None))


READERS = [each for each in vars(picture).values() if callable(each) and len(signature(each).parameters) == 2]


@settings(max_examples=25, deadline=None)
@given(residents, st.integers(0, 130))
def test_reading_once_for_all_gives_everybody_their_own(facts: list[Fact], back: int) -> None:
    day = DAY - timedelta(days=back)
    case = Case(effective(facts, day), REF, day, WORLD, NOTHING)
    for viewer in VIEWERS:
        look = case.look(*viewer)
        for reader in READERS:
            assert look.read(reader) == reader(Facts.grouped(dict(look.seen.groups())), day)


def test_who_walks_over_all_facts_rests_on_all_of_them() -> None:
    facts = effective(BASE, DAY).remembering(Memo())
    more = effective([*BASE, b.fact("attention.flagged", happened=DAY)], DAY).remembering(facts.memo)
    for reader in (list, len, lambda facts: dict(facts.groups())):
        read = remembered(lambda facts, reader=reader: reader(facts))  # type: ignore[misc]
        assert read(facts) == read(facts) == reader(facts)
        assert read(more) == reader(more) != reader(facts)
    assert remembered(Facts.types)(facts) == facts.types()
