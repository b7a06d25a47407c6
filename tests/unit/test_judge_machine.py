"""The machine that all episodes share: void, unknown, quiet, objection, switches, twice, late."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import builders as b
import msgspec
import pytest
from judging import REF, Story, as_fact, brief, on, play, rules, world

from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.indicators import Rules, Switches
from woonketen.streams.core.effective import effective
from woonketen.streams.core.judge import judge, warning_id
from woonketen.streams.core.world import World

LATE = [0, 25, 31, 31]


def balance(day: str, cents: int, known: str | None = None, **data: Any) -> Fact:
    told = {"oldest_unpaid_on": "2026-03-01" if cents else ..., "paid_late_days": LATE, **data}
    return b.fact(
        "rent.balance_reported", happened=on(day), known=on(known or day), outstanding_cents=cents, rent_cents=60000,
        **told,
    )  # fmt: skip


def summons(day: str) -> Fact:
    return b.fact("collection.step_taken", happened=on(day), step="summons")


def tried(day: str, channel: str = "door") -> Fact:
    return b.fact("contact.attempted", happened=on(day), channel=channel, reached=False)


LOST = [
    b.fact("coach.assigned", happened=on("2026-01-01"), interval_days=7),
    b.fact("coach.visit_held", happened=on("2026-03-01"), visit_id="V-9"),
    tried("2026-03-10"),
    tried("2026-03-12"),
]


def opened(story: Story, indicator: str) -> str:
    return next(each.payload.warning_id for each in story.emissions if each.payload.indicator == indicator)


def answer(kind: str, warning: str, day: str, **data: Any) -> Fact:
    return b.fact(f"warning.{kind}", b.PLATFORM, on(day), warning_id=warning, **data)


# Voided: the event behind it was corrected or retracted


def test_a_retracted_balance_voids_at_once() -> None:
    wrong = balance("2026-05-01", 180000)
    gone = b.retraction(wrong, known=on("2026-05-10"))
    assert brief(play([wrong, gone], "2026-05-01", "2026-06-01")) == [
        "arrears_escalating 2026-05-01 opened 3",
        "arrears_escalating 2026-05-10 voided evidence_retracted",
    ]


def test_a_corrected_balance_voids_and_gives_the_lower_one_back() -> None:
    wrong = balance("2026-05-01", 180000)
    mended = b.correction(wrong, known=on("2026-05-10"), outstanding_cents=40000)
    assert brief(play([wrong, mended], "2026-05-01", "2026-06-01")) == [
        "arrears_escalating 2026-05-01 opened 3",
        "arrears_escalating 2026-05-10 voided evidence_corrected",
        "arrears_first 2026-05-10 opened 1",
    ]


def test_a_correction_that_still_is_a_reason_voids_nothing() -> None:
    wrong = balance("2026-05-01", 180000)
    mended = b.correction(wrong, known=on("2026-05-10"), outstanding_cents=130000)
    assert brief(play([wrong, mended], "2026-05-01", "2026-06-01")) == [
        "arrears_escalating 2026-05-01 opened 3",
        "arrears_escalating 2026-05-10 lowered 2",
    ]


def test_a_correction_from_before_the_opening_does_not_void() -> None:
    """It was opened on the corrected balance; that it closes later is no correction."""
    wrong = balance("2026-05-01", 500000)
    mended = b.correction(wrong, known=on("2026-05-01"), outstanding_cents=125000)
    paid = balance("2026-05-20", 0)
    assert brief(play([wrong, mended, paid], "2026-05-01", "2026-06-01")) == [
        "arrears_escalating 2026-05-01 opened 2",
        "arrears_escalating 2026-05-27 closed resolved",
    ]


def test_the_same_told_again_under_another_id_does_not_void() -> None:
    visit = b.fact("coach.visit_missed", happened=on("2026-03-01"), visit_id="V-1", missed_by="resident")
    other = b.fact("coach.visit_missed", happened=on("2026-03-08"), visit_id="V-2", missed_by="resident")
    again = b.fact(
        "coach.visit_missed", happened=on("2026-03-01"), visit_id="V-1", missed_by="resident", known=on("2026-03-20"),
        time=datetime(2026, 3, 20, tzinfo=UTC), worker="W-99",
    )  # fmt: skip
    held = [b.fact("coach.visit_held", happened=on(f"2026-03-{day}"), visit_id=f"V-{day}") for day in (21, 25)]
    story = play([visit, other, again, *held], "2026-03-01", "2026-04-01")
    assert brief(story, "contact_thinning") == ["2026-03-08 opened 1", "2026-03-25 closed resolved"]


def test_late_word_after_an_old_correction_does_not_void() -> None:
    """An attempt was corrected before the opening; that a visit had taken place was told after it."""
    wrong = tried("2026-03-10", "chat")
    mended = b.correction(wrong, known=on("2026-03-11"), channel="door")
    facts = [*LOST[:2], wrong, mended, tried("2026-03-12", "letter")]
    late = b.fact("coach.visit_held", happened=on("2026-03-15"), known=on("2026-03-28"), visit_id="V-8")
    planned = b.fact("coach.visit_planned", happened=on("2026-03-28"), visit_id="V-7", planned_on="2026-04-03")
    story = play([*facts, late, planned], "2026-03-01", "2026-03-30")
    assert brief(story, "contact_lost") == ["2026-03-22 opened 2", "2026-03-28 closed resolved"]


def test_what_holds_by_other_evidence_is_not_voided() -> None:
    wrong = balance("2026-05-01", 125000)
    facts = [wrong, balance("2026-06-01", 125000), b.retraction(wrong, known=on("2026-06-10"))]
    assert brief(play(facts, "2026-05-01", "2026-06-20")) == ["arrears_escalating 2026-05-01 opened 2"]


def test_late_word_resolves_and_never_rewrites() -> None:
    """A visit that took place before the opening and is told after it: what was raised stays raised."""
    late = b.fact("coach.visit_held", happened=on("2026-03-15"), known=on("2026-03-28"), visit_id="V-8")
    planned = b.fact("coach.visit_planned", happened=on("2026-03-28"), visit_id="V-7", planned_on="2026-04-03")
    story = play([*LOST, late, planned], "2026-03-01", "2026-03-30")
    assert brief(story, "contact_lost") == ["2026-03-22 opened 2", "2026-03-28 closed resolved"]


# Unknown: a silent feed never resolves


def quiet_feed(org: str, beats: list[str]) -> World:
    """A feed that is expected every 24 hours, in weekends too."""
    registered = b.registered(org, b.KINDS[org], on("2025-02-01"), heartbeat_hours=24)
    heard = [
        b.fact("feed.heartbeat", org, on(day), as_of=datetime.combine(on(day), time(20), UTC).isoformat())
        for day in beats
    ]
    return world(registered, *heard)


def days(first: str, last: str) -> list[str]:
    length = (on(last) - on(first)).days
    return [str(on(first) + timedelta(days=n)) for n in range(length + 1)]


def test_a_silent_feed_suspends_and_its_return_resumes() -> None:
    here = quiet_feed(b.CORPORATIE, days("2026-04-20", "2026-05-10") + days("2026-05-20", "2026-07-01"))
    paid = balance("2026-05-08", 0)
    story = play([balance("2026-05-01", 125000), paid], "2026-05-01", "2026-06-01", here)
    assert brief(story, "arrears_escalating") == [
        "2026-05-01 opened 2",
        "2026-05-11 suspended feed_silent",
        "2026-05-20 resumed feed_back",
        "2026-05-20 closed resolved",
    ]


def test_a_silent_feed_opens_nothing() -> None:
    here = quiet_feed(b.COACH, days("2026-03-01", "2026-03-20"))
    assert brief(play(LOST, "2026-03-05", "2026-04-30", here), "contact_lost") == []


def test_another_feed_that_is_silent_changes_nothing() -> None:
    here = quiet_feed(b.ZORG, days("2026-03-01", "2026-03-20"))
    assert brief(play(LOST, "2026-03-05", "2026-03-30", here), "contact_lost") == ["2026-03-22 opened 2"]


# Quiet after a dismissal


def dismissed(reason: str, again: list[Fact], last: str = "2026-08-01") -> list[str]:
    """Opened on 6 May, dismissed on 8 May, paid on 10 May (closed on 17 May); then `again`."""
    facts = [balance("2026-05-01", 40000), balance("2026-05-10", 0), *again]
    warning = opened(play(facts, "2026-05-01", "2026-05-07"), "arrears_first")
    said = answer("acknowledged", warning, "2026-05-08", reason=reason, role="corporatie")
    return brief(play(facts, "2026-05-01", last, answers=[said]))[2:]


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        ("no_concern", "arrears_first 2026-06-05 opened 1"),  # twenty-eight days after what was said
        ("already_known", "arrears_first 2026-06-05 opened 1"),
        ("acting", "arrears_first 2026-05-25 opened 1"),
        ("wrong_data", "arrears_first 2026-05-25 opened 1"),
    ],
)
def test_twenty_eight_days_of_quiet_after_a_reasoned_dismissal(reason: str, line: str) -> None:
    assert dismissed(reason, [balance("2026-05-20", 40000)], "2026-06-10") == [line]


def test_another_domain_that_joins_ends_the_quiet() -> None:
    lost = [
        b.fact("coach.assigned", happened=on("2026-01-01"), interval_days=7),
        b.fact("coach.visit_held", happened=on("2026-05-08"), visit_id="V-9"),
        tried("2026-05-12"),
        tried("2026-05-15"),
    ]
    assert dismissed("no_concern", [balance("2026-05-20", 40000), *lost], "2026-06-02") == [
        "contact_lost 2026-05-29 opened 2",
        "arrears_first 2026-05-29 opened 1",
    ]


def test_the_reason_tells_that_another_domain_joined() -> None:
    facts = [balance("2026-05-01", 40000), balance("2026-05-10", 0), balance("2026-05-20", 40000)]
    missed = [
        b.fact("coach.visit_missed", happened=on(f"2026-05-{day}"), visit_id=f"V-{day}", missed_by="resident")
        for day in (24, 27)
    ]
    warning = opened(play(facts, "2026-05-01", "2026-05-07"), "arrears_first")
    said = answer("acknowledged", warning, "2026-05-08", reason="no_concern", role="coach")
    story = play([*facts, *missed], "2026-05-01", "2026-06-01", answers=[said])
    assert [
        (each.payload.indicator, each.payload.reason) for each in story.emissions if hasattr(each.payload, "severity")
    ] == [
        ("arrears_first", "threshold_reached"),
        ("contact_thinning", "threshold_reached"),
        ("arrears_first", "other_domain"),
    ]


def test_a_higher_severity_ends_the_quiet() -> None:
    facts = [balance("2026-05-01", 125000), balance("2026-05-10", 0)]
    warning = opened(play(facts, "2026-05-01", "2026-05-02"), "arrears_escalating")
    said = answer("acknowledged", warning, "2026-05-08", reason="already_known", role="corporatie")
    again = [balance("2026-05-20", 125000), balance("2026-05-24", 185000)]
    story = play([*facts, *again], "2026-05-01", "2026-06-01", answers=[said])
    assert brief(story, "arrears_escalating")[2:] == ["2026-05-24 opened 3"]


def test_it_was_dismissed_at_the_severity_that_was_seen_then() -> None:
    """Dismissed at 2, then it rose to 3, then it was over: a new 3 is more than what was dismissed."""
    facts = [balance("2026-05-01", 125000), balance("2026-05-05", 185000), balance("2026-05-10", 0)]
    warning = opened(play(facts, "2026-05-01", "2026-05-02"), "arrears_escalating")
    said = answer("acknowledged", warning, "2026-05-03", reason="no_concern", role="corporatie")
    again = balance("2026-05-20", 185000)
    story = play([*facts, again], "2026-05-01", "2026-05-25", answers=[said])
    assert brief(story, "arrears_escalating") == [
        "2026-05-01 opened 2",
        "2026-05-05 raised 3",
        "2026-05-17 closed resolved",
        "2026-05-20 opened 3",
    ]


def test_what_only_joined_another_domain_is_no_reason_to_join_it() -> None:
    """Arrears and missed visits were both dismissed; lost contact brings the arrears back, and they not the visits."""
    money = [balance("2026-05-01", 40000), balance("2026-05-10", 0), balance("2026-05-20", 40000)]
    missed = [
        b.fact("coach.visit_missed", happened=on(f"2026-05-0{day}"), visit_id=f"V-{day}", missed_by="resident")
        for day in (2, 4)
    ]
    held = [b.fact("coach.visit_held", happened=on(f"2026-05-0{day}"), visit_id=f"V-{day}") for day in (8, 9)]
    again = [
        b.fact("coach.visit_missed", happened=on(f"2026-05-{day}"), visit_id=f"V-{day}", missed_by="resident")
        for day in (24, 25)
    ]
    lost = [
        b.fact("coach.assigned", happened=on("2026-01-01"), interval_days=7), tried("2026-05-12"), tried("2026-05-15"),
    ]  # fmt: skip
    facts = [*money, *missed, *held, *again, *lost]
    before = play(facts, "2026-05-01", "2026-05-07")
    said = [
        answer("acknowledged", opened(before, name), "2026-05-08", reason="no_concern", role="coach")
        for name in ("arrears_first", "contact_thinning")
    ]
    story = play(facts, "2026-05-01", "2026-06-04", answers=said)
    assert [line for line in brief(story) if "2026-05-1" not in line and "2026-05-0" not in line] == [
        "contact_lost 2026-05-30 opened 2",
        "arrears_first 2026-05-30 opened 1",
    ]


def test_a_voided_episode_causes_no_quiet() -> None:
    wrong = balance("2026-05-01", 125000)
    warning = opened(play([wrong], "2026-05-01", "2026-05-02"), "arrears_escalating")
    said = answer("acknowledged", warning, "2026-05-03", reason="no_concern", role="corporatie")
    facts = [wrong, b.retraction(wrong, known=on("2026-05-05")), balance("2026-05-08", 125000)]
    story = play(facts, "2026-05-01", "2026-05-20", answers=[said])
    assert brief(story, "arrears_escalating") == [
        "2026-05-01 opened 2",
        "2026-05-05 voided evidence_retracted",
        "2026-05-08 opened 2",
    ]


def test_a_contest_that_is_upheld_closes_and_is_quiet() -> None:
    facts = [balance("2026-05-01", 125000), balance("2026-06-01", 125000)]
    warning = opened(play(facts, "2026-05-01", "2026-05-02"), "arrears_escalating")
    said = [
        answer("contested", warning, "2026-05-04", reason="wrong_data"),
        answer("contest_answered", warning, "2026-05-06", answer="upheld"),
    ]
    assert brief(play(facts, "2026-05-01", "2026-06-10", answers=said), "arrears_escalating") == [
        "2026-05-01 opened 2",
        "2026-05-06 closed not_applicable",
        "2026-06-03 opened 2",
    ]
    said[1] = answer("contest_answered", warning, "2026-05-06", answer="rejected")
    assert len(brief(play(facts, "2026-05-01", "2026-06-10", answers=said), "arrears_escalating")) == 1


# Objection, the end of the enrolment, switches


def test_an_objection_makes_rules_about_the_person_inactive_and_no_others() -> None:
    objection = b.fact("objection.recorded", happened=on("2026-05-12"), known=on("2026-05-10"), purpose="warnings")
    lifted = b.fact("objection.lifted", happened=on("2026-05-20"))
    referral = b.fact("referral.made", happened=on("2026-05-01"))
    facts = [balance("2026-05-01", 125000), referral, objection, lifted]
    assert brief(play(facts, "2026-05-01", "2026-05-25")) == [
        "arrears_escalating 2026-05-01 opened 2",
        "referral_unanswered 2026-05-08 opened 1",
        "arrears_escalating 2026-05-10 closed objection",  # it counts as soon as it is known
        "referral_unanswered 2026-05-18 raised 2",
        "arrears_escalating 2026-05-20 opened 2",
    ]


def test_an_objection_against_early_signalling_changes_nothing_here() -> None:
    objection = b.fact("objection.recorded", happened=on("2026-05-03"), purpose="early_signalling")
    assert len(brief(play([balance("2026-05-01", 125000), objection], "2026-05-01", "2026-05-25"))) == 1


def test_the_end_of_the_enrolment_closes_all_of_them() -> None:
    enrolment = b.fact("enrolment.opened", happened=on("2026-01-01"))
    closed = b.fact("enrolment.closed", happened=on("2026-05-10"))
    facts = [enrolment, balance("2026-05-01", 125000), b.fact("referral.made", happened=on("2026-05-01")), closed]
    assert brief(play(facts, "2026-05-01", "2026-06-01"))[2:] == [
        "arrears_escalating 2026-05-10 closed not_applicable",
        "referral_unanswered 2026-05-10 closed not_applicable",
    ]
    second = b.fact("enrolment.opened", happened=on("2026-05-10"), enrolment_id=f"{b.GEMEENTE}:E-2")
    assert len(brief(play([*facts, second], "2026-05-01", "2026-05-12"))) == 2


def switched(indicator: str, **off: Any) -> Rules:
    shipped = rules()
    switches = Switches(**{"always": False, "orgs": [], "municipalities": [], **off})
    changed = msgspec.structs.replace(shipped[indicator], switched_off=switches)
    return Rules("0", shipped.valid_from, {**shipped.indicators, indicator: changed})


@pytest.mark.parametrize(
    ("off", "stops"),
    [
        ({"always": True}, True),
        ({"orgs": [b.CORPORATIE]}, True),
        ({"orgs": [b.ZORG]}, False),
        ({"municipalities": ["GM0193"]}, True),
        ({"municipalities": ["GM0001"]}, False),
    ],
)
def test_the_kill_switch(off: dict[str, Any], stops: bool) -> None:
    facts = [b.fact("enrolment.opened", happened=on("2026-01-01")), balance("2026-05-01", 125000)]
    here = world(with_rules=switched("arrears_escalating", **off))
    assert bool(brief(play(facts, "2026-05-01", "2026-05-25", here), "arrears_escalating")) is not stops
    before = play(facts, "2026-05-01", "2026-05-01")
    made, _ = judge(effective(facts, on("2026-05-02")), Facts(before.warnings), REF, on("2026-05-02"), here)
    closed = [(each.type, each.payload.reason) for each in made if each.type == "warning.closed"]
    assert closed == ([("warning.closed", "switched_off")] if stops else [])


# Twice is once, and what travels


def test_judging_an_evening_twice_gives_the_same_ids() -> None:
    facts = [balance("2026-05-01", 125000), *LOST]
    story = play(facts, "2026-03-20", "2026-05-01")
    day = on("2026-05-01")
    made, _ = judge(effective(facts, day), Facts(story.warnings), REF, day, world())
    assert [each.id for each in made] == [each.id for each in story.emissions if each.payload.as_of == day]
    assert len(made) == 1
    other, _ = judge(effective(facts, day), Facts([]), b"\x01" * 16, day, world())
    assert {each.id for each in other}.isdisjoint(each.id for each in made)


def test_a_warning_carries_ids_severity_version_and_day_and_no_value() -> None:
    fact = balance("2026-05-01", 125000)
    story = play([fact], "2026-05-01", "2026-05-01")
    assert msgspec.to_builtins(story.emissions[0].payload) == {
        "warning_id": warning_id(REF, "arrears_escalating", on("2026-05-01")),
        "indicator": "arrears_escalating",
        "rule_version": "1",
        "severity": 2,
        "evidence": [fact.id],
        "reason": "threshold_reached",
        "as_of": "2026-05-01",
    }


def test_two_open_episodes_of_a_merged_resident_become_one() -> None:
    facts = [balance("2026-05-01", 125000)]
    one = play(facts, "2026-05-01", "2026-05-01")
    made, _ = judge(effective(facts, on("2026-05-03")), Facts([]), b"\x02" * 16, on("2026-05-03"), world())
    prior = Facts([*one.warnings, *(as_fact(each) for each in made)])
    merged, _ = judge(effective(facts, on("2026-05-10")), prior, REF, on("2026-05-10"), world())
    assert [(each.type, each.payload.reason) for each in merged] == [("warning.closed", "taken_over")]
    assert merged[0].payload.warning_id == made[0].payload.warning_id


def test_nobody_is_woken_who_has_nothing_going_on() -> None:
    facts = [
        b.fact("enrolment.opened", happened=on("2026-01-01")),
        b.fact("coach.assigned", happened=on("2026-01-01")),
        b.fact("lease.started", happened=on("2026-01-01"), ends_on=..., kind="indefinite", ground=...),
    ]
    assert judge(effective(facts, on("2026-02-01")), Facts([]), REF, on("2026-02-01"), world()) == ([], None)
    story = play([*facts, balance("2026-02-01", 0)], "2026-02-01", "2026-12-31", lazy=True)
    assert (story.emissions, story.judged) == ([], 1)
