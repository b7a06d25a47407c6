"""Who guides, who leads, and the contacts: assignments, covers, visits, attempts, pauses."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from woonketen.contracts.facts import Facts
from woonketen.contracts.remembering import remembered, remembered_if_lasting

NOT_A_VOICE = frozenset({"letter", "chat", "email"})
"""Channels that are neither face nor voice."""


class Cover(msgspec.Struct, frozen=True, gc=False):
    """A colleague stands in from `from_on` up to and including `until`."""

    worker: str
    from_on: date
    until: date


class Assignment(msgspec.Struct, frozen=True):
    """`(org, id)` is its key; `worker`, `role`, `interval_days` and `mode` as last told; runs while `ended_on` is None.
    `changed_on`: the last change of worker, role, interval or mode."""

    id: str
    org: str
    role: str
    worker: str
    interval_days: int
    mode: str
    started_on: date
    ended_on: date | None = None
    end_reason: str | None = None
    changed_on: date | None = None
    worker_since: date = date.min
    covers: tuple[Cover, ...] = ()

    def cover(self, worker: str, day: date) -> Cover | None:
        """The running cover of this worker on that day."""
        found = [each for each in self.covers if each.worker == worker and each.from_on <= day <= each.until]
        return found[-1] if found else None

    def guided_by(self, worker: str | None, day: date) -> bool:
        """Whether the assignment runs and this worker guides or covers on that day."""
        return self.ended_on is None and worker is not None and (worker == self.worker or bool(self.cover(worker, day)))


class CaseLead(msgspec.Struct, frozen=True, gc=False):
    org: str
    worker: str
    deputy: str | None
    since: date


class Visit(msgspec.Struct, frozen=True):
    """`(org, visit_id)` is its key. `planned_on` None: nobody planned it. Held and missed at once cannot be: of two
    such reports the one told last counts."""

    visit_id: str
    org: str
    told_on: date
    planned_on: date | None
    channel: str | None
    worker: str | None
    held_on: date | None = None
    missed_on: date | None = None
    missed_by: str | None = None
    present: tuple[str, ...] = ()

    @property
    def on(self) -> date:
        """The day of the result, else the day planned."""
        return self.held_on or self.missed_on or self.planned_on or self.told_on

    @property
    def with_resident(self) -> bool:
        """Held face to face or by voice, with the resident there (or nobody named)."""
        return self.held_on is not None and self.channel not in NOT_A_VOICE and not _resident_absent(self.present)


class Contact(msgspec.Struct, frozen=True, gc=False):
    on: date
    org: str
    channel: str
    reached: bool


class Pause(msgspec.Struct, frozen=True, gc=False):
    on: date
    until: date
    org: str


@remembered
def assignments(f: Facts, day: date) -> list[Assignment]:
    """By the day on which they started. What is told of an assignment without its start is left out."""
    started = f.upto(day, "coach.assigned")
    if not started:
        return []
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for fact in started:
        data = fact.data
        found[(fact.org, data.assignment_id)] = {
            "id": data.assignment_id,
            "org": fact.org,
            "role": data.role,
            "worker": data.worker,
            "interval_days": data.interval_days,
            "mode": data.mode,
            "started_on": fact.happened,
            "worker_since": fact.happened,
        }
    for fact in f.upto(day, "coach.changed", "coach.covered", "coach.ended"):
        data, told = fact.data, found.get((fact.org, fact.data.assignment_id))
        if told is None:
            continue
        if fact.type == "coach.changed":
            if data.worker != told["worker"]:
                told["worker_since"] = fact.happened
            told["role"], told["worker"], told["changed_on"] = data.role, data.worker, fact.happened
            told["interval_days"], told["mode"] = data.interval_days, data.mode
        elif fact.type == "coach.covered":
            told["covers"] = (*told.get("covers", ()), Cover(data.worker, fact.happened, data.until))
        else:
            told["ended_on"], told["end_reason"] = fact.happened, data.reason
    return [Assignment(**told) for told in found.values()]


@remembered
def caselead(f: Facts, day: date) -> CaseLead | None:
    """The lead assigned last, unless that organisation ended it afterwards."""
    found: CaseLead | None = None
    for fact in f.upto(day, "caselead.assigned", "caselead.ended"):
        if fact.type == "caselead.assigned":
            found = CaseLead(fact.org, fact.data.worker, fact.data.deputy_worker, fact.happened)
        elif found is not None and found.org == fact.org:
            found = None
    return found


@remembered
def visits(f: Facts, day: date) -> list[Visit]:
    """By the day of the visit."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for fact in f.upto(day, "coach.visit_planned"):
        found[(fact.org, fact.data.visit_id)] = {
            "visit_id": fact.data.visit_id,
            "org": fact.org,
            "told_on": fact.happened,
            "planned_on": fact.data.planned_on,
            "channel": fact.data.channel,
            "worker": fact.data.worker,
        }
    results: dict[tuple[str, str], Any] = {}
    for fact in f.upto(day, "coach.visit_held", "coach.visit_missed"):
        key = (fact.org, fact.data.visit_id)
        other = results.get(key)
        if other is None or (fact.time, fact.id) > (other.time, other.id):
            results[key] = fact
    for key, fact in results.items():
        told = found.setdefault(
            key,
            {
                "visit_id": fact.data.visit_id,
                "org": fact.org,
                "told_on": fact.happened,
                "planned_on": None,
                "channel": None,
                "worker": None,
            },
        )
        told["worker"] = fact.data.worker or told["worker"]
        if fact.type == "coach.visit_held":
            told["held_on"], told["channel"] = fact.happened, fact.data.channel
            told["present"] = tuple(fact.data.present)
        else:
            told["missed_on"], told["missed_by"] = fact.happened, fact.data.missed_by
    return sorted((Visit(**told) for told in found.values()), key=lambda each: (each.on, each.org, each.visit_id))


def contacts(f: Facts, day: date) -> list[Contact]:
    """Attempts, oldest first."""
    return [
        Contact(fact.happened, fact.org, fact.data.channel, fact.data.reached)
        for fact in f.upto(day, "contact.attempted")
    ]


@remembered_if_lasting
def last_contact_on(f: Facts, day: date) -> date | None:
    """The last day of contact by face or voice, by any party: a visit held with the resident, an attempt that reached
    (not by letter, chat or e-mail), an intake, an evaluation of the lease, a plan agreed with the resident."""
    days = [fact.happened for fact in f.upto(day, "intake.held", "lease.evaluated")]
    days += [
        fact.happened
        for fact in f.upto(day, "contact.attempted")
        if fact.data.reached and fact.data.channel not in NOT_A_VOICE
    ]
    days += [fact.happened for fact in f.upto(day, "plan.agreed") if "resident" in fact.data.agreed_by]
    days += [visit.held_on for visit in visits(f, day) if visit.held_on is not None and visit.with_resident]
    return max(days, default=None)


def pauses(f: Facts, day: date) -> list[Pause]:
    """Agreed pauses, oldest first."""
    return [Pause(fact.happened, fact.data.until, fact.org) for fact in f.upto(day, "pause.agreed")]


def pause_until(f: Facts, day: date) -> date | None:
    """The last day of a pause that runs on `day`."""
    return max((each.until for each in pauses(f, day) if each.until >= day), default=None)


def _resident_absent(present: tuple[str, ...]) -> bool:
    return bool(present) and "resident" not in present
