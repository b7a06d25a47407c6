"""The three questions, day activity, informal support, care, the ladder, waiting, places, neighbours, attention."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.remembering import remembered


class Intake(msgspec.Struct, frozen=True):
    """`wants`: domain → what is wanted; `can_self` and `needs` over all domains, each once."""

    on: date
    org: str
    wants: dict[str, str]
    can_self: tuple[str, ...]
    needs: tuple[str, ...]
    situation: tuple[str, ...]
    weight: str | None


class Report(msgspec.Struct, frozen=True):
    """A nuisance report; `(org, report_id)` is its key. Without `reporter` or `seriousness` the rules that need them
    are `unknown`."""

    report_id: str
    org: str
    reporter: str | None
    category: str
    seriousness: int | None
    on: date
    lease_id: str | None
    fact: Fact
    resolved_on: date | None = None
    mediation_on: date | None = None


class Notice(msgspec.Struct, frozen=True, gc=False):
    on: date
    org: str
    step: str
    lease_id: str | None


class DayActivity(msgspec.Struct, frozen=True, gc=False):
    activity_id: str
    org: str
    kind: str
    in_own_district: bool | None
    started_on: date
    ended_on: date | None = None
    successor_planned_on: date | None = None


class Support(msgspec.Struct, frozen=True, gc=False):
    """Informal support: asked for, matched (it runs), ended."""

    support_id: str
    org: str
    kind: str | None
    requested_on: date | None
    matched_on: date | None = None
    ended_on: date | None = None

    @property
    def running(self) -> bool:
        return self.matched_on is not None and self.ended_on is None


class Care(msgspec.Struct, frozen=True, gc=False):
    care_id: str
    org: str
    category: str
    started_on: date
    ended_on: date | None = None
    end_reason: str | None = None


class Ladder(msgspec.Struct, frozen=True, gc=False):
    """`since`: the day of the last change (the first review, where no change was told). `review_due`: the next review
    as the last one named it."""

    step: int
    since: date
    review_due: date | None
    reviewed_on: date | None
    org: str


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """A place in a queue; it waits while `left_on` is None."""

    queue_id: str
    org: str
    queue: str
    step: int | None
    since: date
    reason: str
    left_on: date | None = None
    left_reason: str | None = None


class Place(msgspec.Struct, frozen=True, gc=False):
    kind: str
    vacated_on: date
    org: str


def intake(f: Facts, day: date) -> Intake | None:
    """The last one held."""
    held = f.upto(day, "intake.held")
    if not held:
        return None
    fact = held[-1]
    domains = fact.data.domains
    return Intake(
        on=fact.happened,
        org=fact.org,
        wants={each.domain: each.wants for each in domains if each.wants is not None},
        can_self=tuple(dict.fromkeys(code for each in domains for code in each.can_self)),
        needs=tuple(dict.fromkeys(code for each in domains for code in each.needs)),
        situation=tuple(fact.data.situation),
        weight=fact.data.weight,
    )


@remembered
def nuisance(f: Facts, day: date) -> list[Report]:
    """Reports, oldest first; resolving and mediation by the organisation that reported."""
    reported = f.upto(day, "nuisance.reported")
    if not reported:
        return []
    resolved = _days(f.upto(day, "nuisance.resolved"), "report_id")
    mediation = _days(f.upto(day, "mediation.agreed"), "report_id")
    return [
        Report(
            report_id=fact.data.report_id,
            org=fact.org,
            reporter=fact.data.reporter_hash,
            category=fact.data.category,
            seriousness=fact.data.seriousness,
            on=fact.happened,
            lease_id=fact.data.lease_id,
            fact=fact,
            resolved_on=resolved.get((fact.org, fact.data.report_id)),
            mediation_on=mediation.get((fact.org, fact.data.report_id)),
        )
        for fact in reported
    ]


def notices(f: Facts, day: date) -> list[Notice]:
    """Letters and steps about nuisance, oldest first."""
    return [
        Notice(fact.happened, fact.org, fact.data.step, fact.data.lease_id)
        for fact in f.upto(day, "nuisance.notice_sent")
    ]


def day_activities(f: Facts, day: date) -> list[DayActivity]:
    """By the day on which they started."""
    ended = {(fact.org, fact.data.activity_id): fact for fact in f.upto(day, "day_activity.ended")}
    found = []
    for fact in f.upto(day, "day_activity.started"):
        data, end = fact.data, ended.get((fact.org, fact.data.activity_id))
        found.append(
            DayActivity(
                activity_id=data.activity_id,
                org=fact.org,
                kind=data.kind,
                in_own_district=data.in_own_district,
                started_on=fact.happened,
                ended_on=end.happened if end else None,
                successor_planned_on=end.data.successor_planned_on if end else None,
            )
        )
    return found


@remembered
def day_activity(f: Facts, day: date) -> DayActivity | None:
    """The running one that started last."""
    running = [each for each in day_activities(f, day) if each.ended_on is None]
    return running[-1] if running else None


@remembered
def support(f: Facts, day: date) -> list[Support]:
    """Informal support, by the day on which it was first heard of."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for fact in f.upto(day, "support.requested", "support.matched", "support.ended"):
        key = (fact.org, fact.data.support_id)
        told = found.setdefault(
            key, {"support_id": fact.data.support_id, "org": fact.org, "kind": None, "requested_on": None}
        )
        if fact.type == "support.ended":
            told["ended_on"] = fact.happened
        else:
            told["kind"] = fact.data.kind
            told["requested_on" if fact.type == "support.requested" else "matched_on"] = fact.happened
    return [Support(**told) for told in found.values()]


@remembered
def care(f: Facts, day: date) -> list[Care]:
    """By the day on which it started."""
    ended = {(fact.org, fact.data.care_id): fact for fact in f.upto(day, "care.ended")}
    found = []
    for fact in f.upto(day, "care.started"):
        end = ended.get((fact.org, fact.data.care_id))
        found.append(
            Care(
                care_id=fact.data.care_id,
                org=fact.org,
                category=fact.data.category,
                started_on=fact.happened,
                ended_on=end.happened if end else None,
                end_reason=end.data.end_reason if end else None,
            )
        )
    return found


@remembered
def ladder(f: Facts, day: date) -> Ladder | None:
    """The step of the Woonladder, 1 to 6."""
    found: Ladder | None = None
    for fact in f.upto(day, "ladder.step_changed", "ladder.reviewed"):
        due, reviewed = (found.review_due, found.reviewed_on) if found else (None, None)
        if fact.type == "ladder.step_changed":
            found = Ladder(fact.data.to_step, fact.happened, due, reviewed, fact.org)
        else:
            step, since = (found.step, found.since) if found else (fact.data.step, fact.happened)
            found = Ladder(step, since, fact.data.next_on, fact.happened, fact.org)
    return found


def waiting(f: Facts, day: date) -> list[Waiting]:
    """Every queue that was entered, left ones too, by the day of entering."""
    left = {fact.data.queue_id: fact for fact in f.upto(day, "waiting.left")}
    found = []
    for fact in f.upto(day, "waiting.entered"):
        data, end = fact.data, left.get(fact.data.queue_id)
        found.append(
            Waiting(
                queue_id=data.queue_id,
                org=fact.org,
                queue=data.queue,
                step=data.step,
                since=fact.happened,
                reason=data.reason,
                left_on=end.happened if end else None,
                left_reason=end.data.reason if end else None,
            )
        )
    return found


def waiting_since(f: Facts, day: date) -> date | None:
    """Since when the resident waits; None when in no queue."""
    return min((each.since for each in waiting(f, day) if each.left_on is None), default=None)


def place(f: Facts, day: date) -> Place | None:
    """The protected place that the resident left last."""
    vacated = f.upto(day, "place.vacated")
    return Place(vacated[-1].data.kind, vacated[-1].happened, vacated[-1].org) if vacated else None


def attention_until(f: Facts, day: date) -> date | None:
    """The last day for which somebody asked for attention; None when that is past."""
    return max((fact.data.until for fact in f.upto(day, "attention.flagged") if fact.data.until >= day), default=None)


def _days(facts: list[Fact], field: str) -> dict[tuple[str, str], date]:
    return {(fact.org, getattr(fact.data, field)): fact.happened for fact in facts}
