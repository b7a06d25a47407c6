"""Arrears, per lease and never summed over leases."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, timedelta
from typing import Any, NamedTuple, cast

from woonketen.contracts import dutch
from woonketen.contracts.calendar import add_months
from woonketen.contracts.facts import Fact
from woonketen.contracts.indicators import Indicator
from woonketen.streams.core.judge.evening import CALM, OVER, Coded, Doubt, Evening, Judgement, Phrase, distinct, later
from woonketen.streams.core.picture import Lease

STEPS = ("summons", "judgement", "eviction_date")


class Account(NamedTuple):
    """What is owed on one lease: its balances, oldest first. `lease` is None where only balances are known."""

    org: str
    lease_id: str
    lease: Lease | None
    balances: list[Fact]

    @property
    def last(self) -> Fact | None:
        return self.balances[-1] if self.balances else None

    def before(self, day: date) -> Fact | None:
        """The last balance of that day or earlier."""
        place = bisect_right(self.balances, day, key=_on)
        return self.balances[place - 1] if place else None

    def paid_since(self, on: date) -> bool:
        """Whether nothing was owed at some moment on or after that day."""
        return any(fact.data.outstanding_cents == 0 for fact in reversed(self.balances) if fact.happened >= on)

    def told(self, evening: Evening, *types: str) -> list[Fact]:
        return [fact for fact in evening.of(*types) if fact.data.lease_id == self.lease_id and fact.org == self.org]


class Verdict(NamedTuple):
    """What one account says. `days`: those on which it says something else by itself."""

    level: int
    below_exit: bool
    doubt: Doubt | None
    evidence: tuple[Fact, ...]
    phrases: tuple[Phrase, ...]
    days: tuple[date | None, ...]


def arrears_first(evening: Evening, rule: Indicator) -> Judgement:
    return _judge(evening, rule, _first)


def arrears_escalating(evening: Evening, rule: Indicator) -> Judgement:
    return _judge(evening, rule, _escalating)


def _judge(evening: Evening, rule: Indicator, of_account: Any) -> Judgement:
    accounts, ended = _accounts(evening)
    if not accounts:
        return OVER if ended else CALM
    verdicts = [(each, of_account(evening, rule, each)) for each in accounts]
    worst = max(verdicts, key=lambda pair: (pair[1].level, not pair[1].below_exit, pair[0].org, pair[0].lease_id))[1]
    newest = max(verdicts, key=lambda pair: (_reported(pair[0]), pair[0].org, pair[0].lease_id))[0]
    doubt: Doubt | None = None
    for account, verdict in verdicts:
        # An old lease of which nothing more is told casts no doubt on the present one, unless something is owed on it.
        if verdict.doubt is not None and (account is newest or not verdict.below_exit):
            doubt = verdict.doubt
    return Judgement(
        level=worst.level,
        doubt=doubt,
        evidence=worst.evidence,
        phrases=worst.phrases,
        below_exit=doubt is None and all(verdict.below_exit for _, verdict in verdicts),
        wake=evening.next(*(day for _, verdict in verdicts for day in verdict.days)),
    )


def _accounts(evening: Evening) -> tuple[list[Account], bool]:
    """The accounts that are not closed by the end of their lease, and whether any is."""
    if evening.accounts is None:
        evening.accounts = _read_accounts(evening)
    return cast("tuple[list[Account], bool]", evening.accounts)


def _read_accounts(evening: Evening) -> tuple[list[Account], bool]:
    by: dict[tuple[str, str], list[Fact]] = {}
    for fact in evening.of("rent.balance_reported"):
        by.setdefault((fact.org, fact.data.lease_id), []).append(fact)
    for fact in evening.of("collection.step_taken"):
        by.setdefault((fact.org, fact.data.lease_id), [])
    leases = {(lease.org, lease.lease_id): lease for lease in evening.leases} if by else {}
    found = [Account(org, lease_id, leases.get((org, lease_id)), facts) for (org, lease_id), facts in by.items()]
    running = [each for each in found if each.lease is None or each.lease.running]
    return running, len(running) < len(found)


def _first(evening: Evening, rule: Indicator, account: Account) -> Verdict:
    n, last = rule.numbers, account.last
    if last is None:
        return Verdict(0, True, None, (), (), ())
    data, day = last.data, evening.day
    below = data.outstanding_cents < n["exit_months"] * data.rent_cents
    stale_on = later(last.happened, n["too_old_days"] + 1)
    doubt = _doubt(evening, account, day >= stale_on)
    old_enough = None if data.oldest_unpaid_on is None else later(data.oldest_unpaid_on, n["oldest_days"])
    first_month_ends = None
    if account.lease is not None and data.outstanding_cents < n["first_month_below"] * data.rent_cents:
        first_month_ends = add_months(account.lease.started_on, 1)
    days = (old_enough, first_month_ends, stale_on)
    owed = data.outstanding_cents >= max(n["open_months"] * data.rent_cents, n["open_cents"])
    in_time = sum(1 for late in data.paid_late_days if late <= n["technical_days"])
    if (
        doubt is not None
        or not owed
        or old_enough is None
        or day < old_enough
        or (first_month_ends is not None and day < first_month_ends)
        or in_time >= n["technical_months"]
    ):
        return Verdict(0, below, doubt, (), (), days)
    said = Phrase(
        "balance",
        {"on": last.happened, "amount_cents": data.outstanding_cents, "oldest_on": data.oldest_unpaid_on},
    )
    return Verdict(1, below, None, (last,), (said,), days)


def _escalating(evening: Evening, rule: Indicator, account: Account) -> Verdict:
    n, last, day = rule.numbers, account.last, evening.day
    step = _standing_step(evening, account)
    level, evidence, phrases = 0, [], []
    days: list[date | None] = []
    below, doubt = True, _doubt(evening, account, False)
    if last is not None:
        data = last.data
        stale_on = later(last.happened, n["too_old_days"] + 1)
        stale = day >= stale_on
        doubt = _doubt(evening, account, stale)
        days.append(stale_on)
        below = data.outstanding_cents < n["exit_months"] * data.rent_cents
        broken, kept, plan_days = _payment_plan(evening, rule, account)
        below = below and kept
        days += plan_days
        if doubt is None:
            grown, growth_days = _growth(evening, rule, account, last)
            days += growth_days
            if data.outstanding_cents >= n["severe_months"] * data.rent_cents:
                level = 3
            elif data.outstanding_cents >= n["open_months"] * data.rent_cents or grown or broken:
                level = 2
            if level or step:
                evidence += [last, *grown, *broken]
                phrases.append(_balance(last))
            if grown:
                phrases.append(Phrase("growing", {"near_on": grown[1].happened, "far_on": grown[0].happened}))
            phrases += [Phrase("broken", {"on": fact.happened}) for fact in broken]
    if step is not None:
        # A step before the court is told when it is taken; balances that are too old do not make it uncertain. A step
        # that is too old itself does.
        told_until = later(step.happened, n["too_old_days"] + 1)
        days.append(told_until)
        below = False
        if doubt is None or (doubt == "data_old" and day < told_until):
            doubt, level = None, 3
            evidence.append(step)
            phrases.append(Phrase("step", {"on": step.happened, "step": Coded("collection_step", step.data.step)}))
    return Verdict(level, below, doubt, distinct(evidence), tuple(phrases), tuple(days))


def _balance(last: Fact) -> Phrase:
    owed, rent = last.data.outstanding_cents, last.data.rent_cents
    return Phrase("balance", {"on": last.happened, "amount_cents": owed, "months": dutch.months(owed, rent)})


def _doubt(evening: Evening, account: Account, stale: bool) -> Doubt | None:
    if account.org in evening.silent:
        return "feed_silent"
    return "data_old" if stale else None


def _standing_step(evening: Evening, account: Account) -> Fact | None:
    taken = account.told(evening, "collection.step_taken")
    if not taken or taken[-1].data.step not in STEPS or account.paid_since(taken[-1].happened):
        return None
    return taken[-1]


def _growth(evening: Evening, rule: Indicator, account: Account, last: Fact) -> tuple[list[Fact], list[date]]:
    """The two balances against which arrears grew (far, near), none when they did not; and the days on which others
    come to be compared with."""
    n, data = rule.numbers, last.data
    if data.outstanding_cents < n["growing_months"] * data.rent_cents:
        return [], []
    spans = (n["growth_days_far"], n["growth_days"])
    too_old = n["too_old_days"]
    recent = [fact.happened for fact in account.balances if (evening.day - fact.happened).days <= spans[0] + too_old]
    days = [later(on, span + wait) for on in recent for span in spans for wait in (0, too_old + 1)]
    found = []
    for span in spans:
        then = evening.day - timedelta(days=span)
        fact = account.before(then)
        if fact is None or (then - fact.happened).days > too_old or not _grew(fact, last, n["growth_months"]):
            return [], days
        found.append(fact)
    return found, days


def _grew(before: Fact, now: Fact, months: float) -> bool:
    a, b = before.data, now.data
    return bool(
        b.outstanding_cents * a.rent_cents - a.outstanding_cents * b.rent_cents >= months * a.rent_cents * b.rent_cents
    )


def _payment_plan(evening: Evening, rule: Indicator, account: Account) -> tuple[list[Fact], bool, list[date | None]]:
    """The breach that stands too long without a new plan, whether the plan (if any) is kept long enough to close, and
    the days on which either changes. A plan from before a moment without debt counts for nothing."""
    n, last, turn = rule.numbers, account.last, _plan_turn(evening, account)
    if turn is None or last is None or last.data.outstanding_cents == 0 or account.paid_since(turn.happened):
        return [], True, []
    if turn.type == "payment_plan.completed":
        return [], True, []
    if turn.type == "payment_plan.agreed":
        kept_on = later(turn.happened, n["kept_days"])
        return [], evening.day >= kept_on, [kept_on]
    acts_on = later(turn.happened, n["broken_days"] + 1)
    return [turn] if evening.day >= acts_on else [], False, [acts_on]


def _plan_turn(evening: Evening, account: Account) -> Fact | None:
    """How the plan that was agreed last stands: the fact that it was agreed, broken or completed."""
    agreed = account.told(evening, "payment_plan.agreed")
    turns = account.told(evening, "payment_plan.broken", "payment_plan.completed")
    if agreed:
        plan = agreed[-1].data.payment_plan_id
        turns = [agreed[-1], *(fact for fact in turns if fact.data.payment_plan_id == plan)]
    return turns[-1] if turns else None


def _reported(account: Account) -> date:
    return account.last.happened if account.last is not None else date.min


def _on(fact: Fact) -> date:
    return fact.happened
