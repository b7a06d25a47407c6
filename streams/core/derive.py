"""What is derived from all facts and shown under a rule of its own: `phase`, `arrears_level`, `coaching_runs`,
`may_signal`. Whoever may not see the facts may still see these, so they say no more than their code.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from woonketen.contracts import consent
from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.remembering import remembered, remembered_if_lasting
from woonketen.streams.core import picture
from woonketen.streams.core.picture.money import EFFORTS, Balance
from woonketen.streams.core.world import World

ArrearsLevel = Literal["none", "light", "serious", "critical", "unknown"]
CoachingRuns = Literal["yes", "no", "not_started", "ended"]

BALANCE_TOO_OLD = timedelta(days=45)
LEVELS: tuple[tuple[float, ArrearsLevel], ...] = ((0, "none"), (1, "light"), (2, "serious"))
"""Below so many months of rent (at zero for the first) it is that level; from the last on `critical`."""
INTERVALS_WITHOUT_VISIT = 3
"""After so many agreed intervals without a visit that was held, coaching does not run."""


@remembered_if_lasting
def phase(f: Facts, day: date) -> str:
    """`signalled`, `talks`, `plan`, `waiting`, `offered`, `housed`, `guided`, `staying` or `closed`."""
    enrolment = picture.current_enrolment(f, day)
    if enrolment is not None and enrolment.closed_on is not None:
        return "closed"
    leases = picture.leases(f, day)
    if any(lease.running for lease in leases):
        if enrolment is not None and enrolment.route == "zittende_huurder":
            return "signalled" if _only_signalled(f, day, enrolment.programme) else "staying"
        coached = any(each.ended_on is None for each in picture.assignments(f, day))
        return "guided" if coached else "housed"
    if enrolment is not None and _only_signalled(f, day, enrolment.programme):
        return "signalled"
    if enrolment is not None and enrolment.route == "zittende_huurder" and not leases:
        return "staying"
    if any(offer.refused_on is None and not _let(offer.on, leases) for offer in picture.offers(f, day)):
        return "offered"
    if any(each.left_on is None for each in picture.waiting(f, day)):
        return "waiting"
    return "plan" if picture.plans(f, day) else "talks"


@remembered
def arrears_balance(f: Facts, day: date) -> Balance | None:
    """The balance that the level rests on: the worst of the last balances of each running lease (of any lease, when no
    running one is known). Its `on` is the day that a consent's data period is asked about."""
    last: dict[tuple[str, str], Fact] = {}
    for fact in f.upto(day, "rent.balance_reported"):
        last[(fact.org, fact.data.lease_id)] = fact
    if not last:
        return None
    running = {(lease.org, lease.lease_id) for lease in picture.leases(f, day) if lease.running}
    asked = [key for key in last if key in running] or list(last)
    found = [picture.balance(f, lease_id, day, org) for org, lease_id in asked]
    return max((each for each in found if each is not None), key=lambda each: (each.months, each.on, each.fact.key))


def arrears_level(f: Facts, day: date) -> ArrearsLevel | None:
    """None without any balance; `unknown` when the last is older than 45 days."""
    balance = arrears_balance(f, day)
    return None if balance is None else level_of(balance, day)


def level_of(balance: Balance, day: date) -> ArrearsLevel:
    if day - balance.on > BALANCE_TOO_OLD:
        return "unknown"
    if balance.outstanding_cents == 0:
        return "none"
    return next((level for below, level in LEVELS if balance.months < below), "critical")


@remembered_if_lasting
def arrears_trend(f: Facts, day: date) -> str | None:
    """`up`, `down` or `same`: months of rent owed against the balance before it. None with fewer than two balances, or
    when the last is too old."""
    balance = arrears_balance(f, day)
    if balance is None or level_of(balance, day) == "unknown":
        return None
    found = picture.balances(f, balance.lease_id, day, balance.org)
    if len(found) < 2:
        return None
    before, now = found[-2].months, found[-1].months
    return "same" if before == now else "up" if now > before else "down"


@remembered_if_lasting
def coaching_runs(f: Facts, day: date) -> tuple[CoachingRuns, str | None]:
    """Whether coaching runs and, if not, by whom (`provider`, `resident`).

    `not_started`: nobody was assigned. `ended`: the last assignment ended. `no`: an assignment runs, but no visit was
    held in the last three agreed intervals; by the resident when the last planned visit was missed by the resident. An
    assignment in mode `background`, and an agreed pause, count as running.
    """
    found = picture.assignments(f, day)
    if not found:
        return "not_started", "provider"
    running = [each for each in found if each.ended_on is None]
    if not running:
        return "ended", _ended_by(max(found, key=lambda each: (each.ended_on or day, each.id)).end_reason)
    if any(each.mode == "background" for each in running) or picture.pause_until(f, day) is not None:
        return "yes", None
    visits = picture.visits(f, day)
    for each in running:
        since = max((visit.held_on for visit in visits if visit.held_on is not None), default=each.started_on)
        if (day - max(since, each.started_on)).days <= INTERVALS_WITHOUT_VISIT * each.interval_days:
            return "yes", None
    missed = [visit for visit in visits if visit.missed_on is not None]
    return "no", "resident" if missed and missed[-1].missed_by == "resident" else "provider"


@remembered_if_lasting
def may_signal(f: Facts, lease_id: str, day: date, world: World, org: str | None = None) -> tuple[bool, list[str]]:
    """Whether these arrears may be signalled to the municipality, and what is missing: codes of efforts, `objection`,
    `agreement` (one in force that names early signalling and this corporation)."""
    made = {each.effort for each in picture.efforts(f, lease_id, day, org)}
    missing = [effort for effort in EFFORTS if effort not in made]
    if consent.objected(f, "early_signalling", day):
        missing.append("objection")
    if org is None:
        org = next((lease.org for lease in picture.leases(f, day) if lease.lease_id == lease_id), None)
    if not any(org in each.orgs and "early_signalling" in each.purposes for each in world.in_force(day)):
        missing.append("agreement")
    return not missing, missing


def _only_signalled(f: Facts, day: date, programme: str) -> bool:
    """Early signalling of a tenant with whom nobody has spoken yet."""
    spoken = f.upto(day, "plan.agreed", "intake.held", "coach.assigned", "referral.accepted")
    return programme == "early_signalling" and not spoken


def _let(offered_on: date, leases: list[picture.Lease]) -> bool:
    return any(lease.started_on >= offered_on for lease in leases)


def _ended_by(reason: str | None) -> str | None:
    if reason in ("stopped_by_resident", "no_contact"):
        return "resident"
    return "provider" if reason in ("stopped_by_organisation", "transferred") else None
