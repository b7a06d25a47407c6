"""Generated histories of one resident, rich in what the indicators look at: late, told ahead, corrected, retracted,
contradicting themselves, under feeds that fall silent."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import builders as b
from hypothesis import strategies as st
from judging import Story, world

from woonketen.contracts.facts import Fact
from woonketen.streams.core.world import World

FIRST = date(2026, 2, 20)
LENGTH = 150
PLAN = f"{b.GEMEENTE}:PL-1"
days = st.integers(0, LENGTH - 1)
lags = st.one_of(st.just(0), st.just(0), st.integers(-10, 40))
"""Days between what happened and the evening on which it is known; negative: told ahead."""


class After(int):
    """Days after the day on which it happened; before it, for a negative number."""


def at(day: int) -> date:
    return FIRST + timedelta(days=day)


@st.composite
def balances(draw: st.DrawFn) -> tuple[str, dict[str, Any], str | None]:
    cents = draw(st.sampled_from([0, 0, 9000, 14000, 25000, 30000, 31000, 59999, 60000, 95000, 120000, 185000]))
    oldest = After(-draw(st.integers(0, 60))) if cents else ...
    return (
        "rent.balance_reported",
        {
            "outstanding_cents": cents,
            "rent_cents": 60000,
            "oldest_unpaid_on": oldest,
            "paid_late_days": draw(st.sampled_from([[], [0, 25, 31, 31], [5, 5, 5, 31]])),
            "lease_id": draw(st.sampled_from(["L-1", "L-1", "L-1", "L-2"])),
        },
        None,
    )


@st.composite
def money_turns(draw: st.DrawFn) -> tuple[str, dict[str, Any], str | None]:
    short = draw(st.sampled_from(["payment_plan.agreed", "payment_plan.broken", "payment_plan.completed"]))
    return short, {"payment_plan_id": draw(st.sampled_from(["BR-1", "BR-2"]))}, None


@st.composite
def visits(draw: st.DrawFn) -> tuple[str, dict[str, Any], str | None]:
    number = draw(st.integers(1, 12))
    short = draw(st.sampled_from(["coach.visit_planned", "coach.visit_held", "coach.visit_missed"]))
    data: dict[str, Any] = {"visit_id": f"V-{number}"}
    if short == "coach.visit_planned":
        data["planned_on"] = str(at(draw(days)))
    elif short == "coach.visit_missed":
        data["missed_by"] = draw(st.sampled_from(["resident", "resident", "organisation"]))
    return short, data, draw(st.sampled_from([None, b.BUDDY]))


@st.composite
def attempts(draw: st.DrawFn) -> tuple[str, dict[str, Any], str | None]:
    channel = draw(st.sampled_from(["phone", "door", "door", "letter"]))
    return (
        "contact.attempted",
        {"channel": channel, "reached": draw(st.sampled_from([False, False, False, True]))},
        None,
    )


@st.composite
def plans(draw: st.DrawFn) -> tuple[str, dict[str, Any], str | None]:
    actions = [
        {
            "action_id": f"A-{number}",
            "owner": draw(st.sampled_from([b.ZORG, b.CORPORATIE, "resident"])),
            "domain": "housing",
            "kind": draw(st.sampled_from(["arrange_income", "key_handover", "open_mail"])),
            "due_on": str(at(draw(days))),
            "blocking": draw(st.booleans()),
        }
        for number in range(1, draw(st.integers(2, 4)))
    ]
    return "plan.agreed", {"plan_id": PLAN, "version": draw(st.integers(1, 2)), "actions": actions}, None


@st.composite
def action_turns(draw: st.DrawFn) -> tuple[str, dict[str, Any], str | None]:
    data: dict[str, Any] = {"plan_id": PLAN, "action_id": draw(st.sampled_from(["A-1", "A-2"]))}
    org = draw(st.sampled_from([b.ZORG, b.CORPORATIE]))
    if draw(st.booleans()):
        return "action.completed", data, org
    return "action.rescheduled", {**data, "due_on": str(at(draw(days))), "agreed_with_resident": True}, org


def told(short: str, **options: Any) -> st.SearchStrategy[tuple[str, dict[str, Any], str | None]]:
    return st.fixed_dictionaries(options).map(lambda data: (short, data, None))


MONEY = [
    balances(),
    balances(),
    balances(),
    money_turns(),
    told("collection.step_taken", step=st.sampled_from(["summons", "withdrawn"])),
    told("lease.started", ends_on=st.sampled_from([60, 110, 130, 200]).map(After)),
    told("ladder.step_changed"),
]
CONTACT = [
    visits(),
    visits(),
    attempts(),
    attempts(),
    told("coach.assigned", interval_days=st.sampled_from([7, 14]), mode=st.sampled_from(["active", "background"])),
    told("coach.ended", reason=st.sampled_from(["no_contact", "completed"])),
    told("pause.agreed", until=st.integers(0, 20).map(After)),
]
PARTIES = [
    plans(),
    action_turns(),
    action_turns(),
    told("referral.made"),
    told("referral.accepted"),
    told("move.planned", planned_on=days.map(lambda n: str(at(n))), provisions_required=st.just(["income", "key"])),
    told("provision.arranged", kind=st.sampled_from(["income", "key"])),
    told("coach.ended"),
]
LEASE = [
    told("lease.started", ends_on=st.sampled_from([60, 110, 130, 200]).map(After)),
    told("lease.evaluation_planned"),
    told("lease.evaluated"),
    told("lease.decided"),
    told("lease.ended"),
]
STOPS = [
    told("objection.recorded", purpose=st.just("warnings")),
    told("objection.lifted"),
    told("enrolment.closed"),
]
THEMES = [MONEY, CONTACT, PARTIES, LEASE, MONEY + CONTACT, [*MONEY, *CONTACT, *PARTIES, *LEASE, *STOPS]]


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    """Facts with lateness, corrections and retractions, on top of an enrolment."""
    facts = [b.fact("enrolment.opened", happened=FIRST - timedelta(days=30), enrolment_id=f"{b.GEMEENTE}:E-1")]
    if draw(st.booleans()):
        facts.append(b.fact("coach.assigned", happened=FIRST, interval_days=7, assignment_id="AS-9"))
    matters = st.one_of(draw(st.sampled_from(THEMES)))
    for short, data, org in draw(st.lists(matters, min_size=3, max_size=25)):
        on = at(draw(days))
        data = {
            name: str(on + timedelta(days=value)) if isinstance(value, After) else value for name, value in data.items()
        }
        known = max(FIRST, on + timedelta(days=draw(lags)))
        # The time of day sets the order of what contradicts itself within a day.
        moment = datetime.combine(known, time(draw(st.integers(0, 23))), UTC)
        made = b.fact(short, org, on, known=known, time=moment, **data)
        facts.append(made)
        if draw(st.integers(0, 9)) == 0:
            facts.append(b.retraction(made, known=known + timedelta(days=draw(st.integers(0, 30)))))
        elif short == "rent.balance_reported" and draw(st.integers(0, 4)) == 0:
            after = known + timedelta(days=draw(st.integers(0, 30)))
            facts.append(
                b.correction(made, known=after, outstanding_cents=draw(st.sampled_from([1000, 40000, 130000])))
            )
    return facts


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Feeds that are silent for a while."""
    org = draw(st.sampled_from([None, b.CORPORATIE, b.COACH, b.ZORG]))
    if org is None:
        return world()
    begins = draw(days)
    ends = begins + draw(st.integers(1, 40))
    heard = [
        b.fact("feed.heartbeat", org, at(n), as_of=datetime.combine(at(n), time(20), UTC).isoformat())
        for n in range(-1, LENGTH + 1)
        if not begins <= n < ends
    ]
    return world(b.registered(org, b.KINDS[org], FIRST - timedelta(days=3), heartbeat_hours=48), *heard)


@st.composite
def answered(draw: st.DrawFn, story: Story) -> list[Fact]:
    """Dismissals and contests of what was raised, some days after it."""
    said = []
    for each in story.emissions:
        if each.type != "warning.opened" or not draw(st.booleans()):
            continue
        on = each.payload.as_of + timedelta(days=draw(st.integers(1, 20)))
        reason = draw(st.sampled_from(["no_concern", "already_known", "acting"]))
        said.append(b.fact("warning.acknowledged", b.PLATFORM, on, warning_id=each.payload.warning_id, reason=reason))
        if draw(st.booleans()):
            told = {"warning_id": each.payload.warning_id, "answer": draw(st.sampled_from(["upheld", "rejected"]))}
            said.append(b.fact("warning.contested", b.PLATFORM, on, warning_id=each.payload.warning_id))
            said.append(b.fact("warning.contest_answered", b.PLATFORM, on + timedelta(days=3), **told))
    return said
