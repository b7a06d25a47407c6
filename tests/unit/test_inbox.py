"""What arrives from Kafka, in any order and any number of copies, is applied once and in order."""

from __future__ import annotations

from datetime import date
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from woonketen.contracts.facts import Record
from woonketen.streams.log.inbox import Inbox
from woonketen.streams.log.trial import PATIENCE, Trial, attempt
from woonketen.streams.log.voids import emptied, is_void

DAY = date(2026, 3, 1)


def record(seq: int) -> Record:
    return Record(0, seq, DAY, "fact", bytes(16), bytes(16), b"sealed %d" % seq)


def test_copies_fall_away_and_what_is_early_waits() -> None:
    inbox = Inbox()
    inbox.offer(0, record(1))
    inbox.offer(1, record(3))
    inbox.offer(2, record(1))
    assert [each.seq for each in inbox.take(0, 10)] == [1]
    assert inbox.hint(1) == 0
    assert inbox.take(1, 10) == []
    assert inbox.ahead_of(1)
    assert not inbox.has(2)
    inbox.offer(3, record(2))
    assert [each.seq for each in inbox.take(1, 10)] == [2, 3]
    assert inbox.hint(3) == 1, "reading on from there gives everything again that is not applied"
    assert inbox.take(3, 10) == []
    assert not inbox.ahead_of(3)
    inbox.offer(4, record(3))
    assert inbox.take(3, 10) == []
    assert inbox.copies == 2


def test_a_place_that_moved_elsewhere_drops_what_lies_before_it() -> None:
    inbox = Inbox()
    for seq in range(1, 6):
        inbox.offer(seq, record(seq))
    assert [each.seq for each in inbox.take(3, 1)] == [4]
    assert inbox.hint(4) == 4


@st.composite
def relayed(draw: st.DrawFn) -> list[int]:
    """The topic as a relay leaves it: after any failure it sends everything from there again; what failed may have
    landed, and what was in flight behind it too."""
    last = draw(st.integers(1, 25))
    rng = Random(draw(st.integers(0, 2**32)))
    topic: list[int] = []
    following = 1
    while following <= last:
        window = list(range(following, min(last, following + rng.randint(1, 6)) + 1))
        if rng.random() < 0.4:
            failed = rng.choice(window)
            topic += [seq for seq in window if seq < failed or rng.random() < 0.5]
            following = failed
        else:
            topic += window
            following = window[-1] + 1
    return topic


@given(relayed(), st.integers(0, 2**32))
def test_every_record_is_applied_once_in_order_also_by_readers_that_die(topic: list[int], seed: int) -> None:
    rng = Random(seed)
    applied: list[int] = []
    noted = at = 0
    inbox = Inbox()
    while at < len(topic) or applied[-1:] != [max(topic)]:
        if rng.random() < 0.15:  # dies; another one reads on from what is noted
            inbox, at = Inbox(), noted
            continue
        if at < len(topic):
            inbox.offer(at, record(topic[at]))
            at += 1
        found = inbox.take(len(applied), rng.randint(1, 4))
        if found and rng.random() < 0.8:  # else the transaction is rolled back
            applied += [each.seq for each in found]
            noted = inbox.hint(len(applied)) or 0
    assert applied == list(range(1, max(topic) + 1))


def test_whoever_dies_over_a_record_goes_on_more_carefully_and_at_last_sets_it_aside() -> None:
    """500 records, of which the one behind 321 kills whoever opens it."""
    trial, after, deaths, aside = Trial(), 0, 0, []
    while after < 500:
        chosen = attempt(trial, after, 200)
        trial = chosen.trial
        if chosen.give_up:
            aside.append(after + 1)
            after += 1
        elif after <= 321 < after + chosen.limit:
            deaths += 1
        else:
            after += chosen.limit
    assert aside == [322]
    assert deaths == 2 * PATIENCE


def test_a_few_kills_from_outside_set_nothing_aside() -> None:
    trial = Trial()
    for _ in range(2 * PATIENCE - 1):
        chosen = attempt(trial, 7, 100)
        trial = chosen.trial
        assert not chosen.give_up
    after_it = attempt(trial, 8, 100)
    assert (after_it.limit, after_it.give_up) == (1, False), "what lies behind is still taken one at a time"
    assert attempt(after_it.trial, 107, 100).limit == 100


def test_a_void_number_is_about_nobody() -> None:
    voids = {0: [(3, 4)]}
    assert [is_void(emptied(record(seq), voids)) for seq in (2, 3, 4, 5)] == [False, True, True, False]
    assert emptied(record(3), {1: [(1, 9)]}) == record(3)
