"""The months after a change, in which other rules wait half as long. It is context: no warning of its own."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from woonketen.contracts.facts import Facts
from woonketen.contracts.indicators import Indicator


class AttentionPeriod(NamedTuple):
    """From the change up to and including `until`. `because` is the type of the event that makes it last longest."""

    since: date
    until: date
    because: str


def attention_period(facts: Facts, day: date, rule: Indicator) -> AttentionPeriod | None:
    """The one that runs on `day`, of several the one that lasts longest; from visible facts, the one that may be seen.

    After the start of a lease, another step of the ladder, a conversion, leaving a protected place, another coach.
    """
    found = [
        AttentionPeriod(fact.happened, fact.happened + timedelta(days=rule.numbers["lease_days"]), fact.type)
        for fact in facts.upto(day, "lease.started")
    ]
    changes = facts.upto(day, "ladder.step_changed", "lease.converted", "place.vacated")
    change_days = timedelta(days=rule.numbers["change_days"])
    found += [AttentionPeriod(fact.happened, fact.happened + change_days, fact.type) for fact in changes]
    found += [AttentionPeriod(on, on + change_days, "coach.changed") for on in _other_coach(facts, day)]
    return max((each for each in found if each.until >= day), key=lambda each: (each.until, each), default=None)


def _other_coach(facts: Facts, day: date) -> list[date]:
    """Days on which another worker took over, within an assignment or with a new one of the same role."""
    worker: dict[tuple[str, str], str] = {}
    role: dict[str, str] = {}
    found = []
    for fact in facts.upto(day, "coach.assigned", "coach.changed"):
        data, key = fact.data, (fact.org, fact.data.assignment_id)
        before = worker.get(key) if fact.type == "coach.changed" else role.get(data.role)
        if before is not None and before != f"{fact.org}/{data.worker}":
            found.append(fact.happened)
        worker[key] = role[data.role] = f"{fact.org}/{data.worker}"
    return found
