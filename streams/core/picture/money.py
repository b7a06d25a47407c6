"""Rent owed, payment plans, collection, the four efforts, signals. Amounts in euro cents, never summed over leases.

A lease id is its corporation's own: give `org` where a resident may have leases of two.
"""

from __future__ import annotations

from datetime import date

import msgspec

from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.remembering import remembered, remembered_if_lasting

EFFORTS = ("personal_contact", "pointed_to_debt_help", "written_reminder", "offer_to_pass_on")
"""The four that go before a signal, in their order (art. 2 Besluit gemeentelijke schuldhulpverlening)."""


class Balance(msgspec.Struct, frozen=True):
    """`months`: outstanding in months of rent."""

    on: date
    org: str
    lease_id: str
    outstanding_cents: int
    rent_cents: int
    oldest_unpaid_on: date | None
    paid_late_days: tuple[int, ...]
    fact: Fact

    @property
    def months(self) -> float:
        return self.outstanding_cents / self.rent_cents


class PaymentPlan(msgspec.Struct, frozen=True, gc=False):
    """`state` is `running`, `broken` or `completed`, since `changed_on`."""

    payment_plan_id: str
    lease_id: str
    org: str
    term_cents: int
    terms: int
    first_due_on: date
    agreed_on: date
    state: str
    changed_on: date


class CollectionStep(msgspec.Struct, frozen=True, gc=False):
    step: str
    on: date
    org: str


class Effort(msgspec.Struct, frozen=True, gc=False):
    effort: str
    on: date
    reached: bool | None


class Signal(msgspec.Struct, frozen=True):
    signal_id: str
    lease_id: str
    org: str
    to_org: str
    amount_cents: int
    on: date
    fact: Fact
    outcome: str | None = None
    outcome_on: date | None = None
    attempts: int | None = None


@remembered
def balances(f: Facts, lease_id: str, day: date, org: str | None = None) -> list[Balance]:
    """Oldest first; of several on one day the one told last stands last."""
    return [
        Balance(
            on=fact.happened,
            org=fact.org,
            lease_id=lease_id,
            outstanding_cents=fact.data.outstanding_cents,
            rent_cents=fact.data.rent_cents,
            oldest_unpaid_on=fact.data.oldest_unpaid_on,
            paid_late_days=tuple(fact.data.paid_late_days),
            fact=fact,
        )
        for fact in _of_lease(f, day, lease_id, org, "rent.balance_reported")
    ]


def balance(f: Facts, lease_id: str, day: date, org: str | None = None) -> Balance | None:
    """The last one."""
    found = balances(f, lease_id, day, org)
    return found[-1] if found else None


def arrears_since(f: Facts, lease_id: str, day: date, org: str | None = None) -> date | None:
    """The first balance above zero after the last zero balance; None while nothing is owed (or known)."""
    since = None
    for fact in reversed(_of_lease(f, day, lease_id, org, "rent.balance_reported")):
        if fact.data.outstanding_cents == 0:
            break
        since = fact.happened
    return since


@remembered_if_lasting
def efforts(f: Facts, lease_id: str, day: date, org: str | None = None) -> list[Effort]:
    """Efforts of the arrears episode that runs on `day`: those after the last zero balance; none while nothing is owed
    (or known)."""
    zero = date.min
    reported = _of_lease(f, day, lease_id, org, "rent.balance_reported")
    if not reported or reported[-1].data.outstanding_cents == 0:
        return []
    for fact in reported:
        if fact.data.outstanding_cents == 0:
            zero = fact.happened
    return [
        Effort(fact.data.effort, fact.happened, fact.data.reached)
        for fact in _of_lease(f, day, lease_id, org, "arrears.effort_made")
        if fact.happened > zero
    ]


def payment_plan(f: Facts, lease_id: str, day: date, org: str | None = None) -> PaymentPlan | None:
    """The one agreed last."""
    agreed = _of_lease(f, day, lease_id, org, "payment_plan.agreed")
    if not agreed:
        return None
    fact = agreed[-1]
    state, on = "running", fact.happened
    for turn in _of_lease(f, day, lease_id, org, "payment_plan.broken", "payment_plan.completed"):
        if (turn.org, turn.data.payment_plan_id) == (fact.org, fact.data.payment_plan_id):
            state, on = turn.type.removeprefix("payment_plan."), turn.happened
    return PaymentPlan(
        payment_plan_id=fact.data.payment_plan_id,
        lease_id=lease_id,
        org=fact.org,
        term_cents=fact.data.term_cents,
        terms=fact.data.terms,
        first_due_on=fact.data.first_due_on,
        agreed_on=fact.happened,
        state=state,
        changed_on=on,
    )


def collection_step(f: Facts, lease_id: str, day: date, org: str | None = None) -> CollectionStep | None:
    """The step that stands: the last one, None once it was withdrawn."""
    taken = _of_lease(f, day, lease_id, org, "collection.step_taken")
    if not taken or taken[-1].data.step == "withdrawn":
        return None
    return CollectionStep(taken[-1].data.step, taken[-1].happened, taken[-1].org)


@remembered_if_lasting
def signals(f: Facts, day: date) -> list[Signal]:
    """Signals to a municipality, oldest first, with what came of them."""
    outcomes = {fact.data.signal_id: fact for fact in f.upto(day, "debt_help.outcome")}
    found = []
    for fact in f.upto(day, "arrears.signalled"):
        data, end = fact.data, outcomes.get(fact.data.signal_id)
        found.append(
            Signal(
                signal_id=data.signal_id,
                lease_id=data.lease_id,
                org=fact.org,
                to_org=data.to_org,
                amount_cents=data.amount_cents,
                on=fact.happened,
                fact=fact,
                outcome=end.data.outcome if end else None,
                outcome_on=end.happened if end else None,
                attempts=end.data.attempts if end else None,
            )
        )
    return found


def _of_lease(f: Facts, day: date, lease_id: str, org: str | None, *types: str) -> list[Fact]:
    return [fact for fact in f.upto(day, *types) if fact.data.lease_id == lease_id and (org is None or fact.org == org)]
