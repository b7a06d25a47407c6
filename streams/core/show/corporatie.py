"""The view `corporatie`: one row per own lease that runs."""

from __future__ import annotations

from collections.abc import Iterator

from woonketen.contracts.views import Corporatie, Effort, NuisanceNotice, PlanPayment, Row
from woonketen.streams.core import derive, picture
from woonketen.streams.core.show.case import Case, Look, Pair
from woonketen.streams.core.show.lines import NUISANCE_DAYS, action_lines, notice_window, nuisance, warnings, within


def landlords(case: Case) -> list[str]:
    return sorted({fact.org for fact in case.facts.upto(case.day, "lease.started")})


def rows(case: Case) -> Iterator[Pair]:
    for org in landlords(case):
        look = case.look("corporatie", org)
        for lease in look.read(picture.leases):
            if lease.org == org and (lease.ended_on is None or lease.ended_on >= case.day):
                data = _data(case, look, lease)
                key = f"{org}|{lease.lease_id}"
                yield look, Row(view="corporatie", key=key, org=org, data=data, sources=look.sources)


def _data(case: Case, look: Look, lease: picture.Lease) -> Corporatie:
    seen, day, org = look.seen, case.day, lease.org
    balance = picture.balance(seen, lease.lease_id, day, org)
    step = picture.collection_step(seen, lease.lease_id, day, org)
    runs, by = case.coaching_runs if lease.coaching_clause and look.open("coaching_runs") else (None, None)
    allowed, missing = _may_signal(case, look, lease, balance)
    actions = [] if look.ended else [each for each in look.read(picture.actions) if each.owner == org]
    return Corporatie(
        resident=look.resident,
        lease_id=lease.lease_id,
        kind=lease.kind,
        started_on=lease.started_on,
        ends_on=lease.ends_on,
        notice_window=notice_window(lease),
        evaluation_on=lease.evaluation_on,
        decided=lease.decided,
        card=lease.card,
        coaching_required=lease.coaching_clause,
        coaching_runs=runs,
        not_running_by=by,
        outstanding_cents=balance.outstanding_cents if balance else None,
        months_outstanding=round(balance.months, 2) if balance else None,
        oldest_unpaid_on=balance.oldest_unpaid_on if balance else None,
        payment_plan=_payment_plan(case, look, lease),
        collection_step=step.step if step else None,
        efforts=[
            Effort(effort=each.effort, on=each.on) for each in picture.efforts(seen, lease.lease_id, day, org)
        ],
        may_signal=allowed,
        may_signal_missing=missing,
        nuisance_56d=_nuisance(case, look, lease),
        own_actions=action_lines(actions),
        warnings=warnings(case, look),
        corrected=look.corrected,
        not_shared=look.not_shared({}),
    )  # fmt: skip


def _payment_plan(case: Case, look: Look, lease: picture.Lease) -> PlanPayment | None:
    found = picture.payment_plan(look.seen, lease.lease_id, case.day, lease.org)
    if found is None:
        return None
    return PlanPayment(
        term_cents=found.term_cents, terms=found.terms, first_due_on=found.first_due_on, state=found.state
    )


def _may_signal(
    case: Case, look: Look, lease: picture.Lease, balance: picture.Balance | None
) -> tuple[bool, list[str]]:
    """Asked only while something is owed."""
    if balance is None or balance.outstanding_cents == 0 or not look.open("may_signal"):
        return False, []
    return derive.may_signal(case.facts, lease.lease_id, case.day, case.world, lease.org)


def _nuisance(case: Case, look: Look, lease: picture.Lease) -> NuisanceNotice | None:
    """Reports and letters about this lease, or about none in particular."""
    of_lease = (None, lease.lease_id)
    reports = [each for each in look.read(picture.nuisance) if each.lease_id in of_lease]
    steps = [
        each.step
        for each in look.read(picture.notices)
        if each.lease_id in of_lease and within(each.on, case.day, NUISANCE_DAYS)
    ]
    found = nuisance(reports, case.day)
    if found is None and not steps:
        return None
    return NuisanceNotice(
        count=found.count if found else 0,
        category=found.category if found else None,
        open=found.open if found else 0,
        mediation_on=found.mediation_on if found else None,
        notice=steps[-1] if steps else None,
    )
