"""Which facts one recipient may see of one resident on one day, and why.

What is derived is derived from all facts first (`core.derive`) and shown under its own category: `Sight.open`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date, timedelta

import msgspec

from woonketen.contracts import consent
from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.policy import DERIVED, SECRET, Rule, Table
from woonketen.contracts.recipient import Recipient
from woonketen.streams.core.conditions import Condition, Conditions
from woonketen.streams.core.world import World


class Decision(msgspec.Struct, frozen=True):
    """An answer with its reason: `rule` (the rule named allows or forbids), `own`, `consent`; `refused`, `withdrawn`,
    `expired`, `never_asked`, `objected`, `efforts_missing`; `no_rule` (nothing applies, so it is forbidden); `notice`
    (the resident was not told yet), `flag` (safety). `rule` is the id of the rule, empty for none."""

    allow: bool
    state: str
    rule: str
    policy_version: str
    reason: str


class Sight:
    """What one recipient may see. Made by `sight`.

    `only_own`: nothing but what the own organisation published, because the resident was not told yet (`notice_due`)
    or is flagged (`flagged_away`); then derive from the visible facts, or not at all. `flagged_away`: rows of shared
    views are lost; a view of own things stays, as if the enrolment had ended.
    """

    __slots__ = (
        "_found",
        "_gates",
        "_of",
        "_open",
        "_table",
        "day",
        "flagged_away",
        "notice_due",
        "only_own",
        "to",
    )

    def __init__(self, to: Recipient, facts: Facts, day: date, world: World) -> None:
        self.to = to
        self.day = day
        self._table: Table = world.policy.table(to.role, to.purpose)
        self._of = Conditions(to, facts, day, world)
        self._gates: dict[str, Condition] = {}
        self._found: dict[str, list[Rule]] = {}
        self._open: dict[tuple[str, date | None], bool] = {}
        self.notice_due = to.role != "bewoner" and not facts.upto(day, "notice.given")
        self.flagged_away = self._of.flagged_away()
        self.only_own = self.notice_due or self.flagged_away

    def allows(self, fact: Fact) -> bool:
        """Whether this fact may be seen, in whole or (a plan with own actions) in part: show what `visible` gives."""
        if self.only_own and fact.org != self.to.org:
            return False
        gate = self.gate(fact.type)
        return gate if isinstance(gate, bool) else gate(fact)

    def open(self, category: str, on: date | None = None) -> bool:
        """Whether data of this category may be seen, for what is derived rather than told. `on`: the day of the
        underlying fact, for the data period of a consent; without it any valid consent will do."""
        found = self._open.get((category, on))
        if found is None:
            found = not self.only_own or (category not in DERIVED and self._of.published(category))
            found = found and any(self._of.satisfied(rule, on) for rule in self._applying(category))
            self._open[(category, on)] = found
        return found

    def state(self, category: str) -> tuple[str, str]:
        """State and id of the rule that decides: the strongest that opens the category, else the strongest that
        applies; ("-", "") without any."""
        applying = self._applying(category)
        opening = [rule for rule in applying if self._of.satisfied(rule, None)]
        deciding = (opening or applying)[:1]
        return (deciding[0].state, deciding[0].id) if deciding else ("-", "")

    def not_shared(self, categories: Iterable[str]) -> list[str]:
        """Those of the categories that lack a consent, or met an objection; the secret ones never. A safety flag shows
        nowhere, so it adds none."""
        return [category for category in categories if category not in SECRET and self._lacks_consent(category)]

    def of(self, short: str, group: list[Fact]) -> list[Fact]:
        """Of facts of one type those that may be seen; of a plan of which only own actions may be seen, only those."""
        gate = self.gate(short)
        if gate is False:
            return []
        seen = group if gate is True else [fact for fact in group if gate(fact)]
        if short == "plan.agreed":
            seen = [self.part(fact) for fact in seen]
        if self.only_own:
            seen = [fact for fact in seen if fact.org == self.to.org]
        return seen

    def gate(self, short: str) -> Condition:
        """What a fact of this type must pass, own ones and others alike."""
        rules = self._table.by_type[short]
        if isinstance(rules, bool):
            return rules
        category = rules[0].category
        found = self._gates.get(category)
        if found is None:
            found = self._gates[category] = self._of.test(rules)
        return found

    def part(self, fact: Fact) -> Fact:
        """What may be seen of a fact that is allowed."""
        if fact.type != "plan.agreed" or self._table.by_type["plan.agreed"] is True:
            return fact
        whole = self._gates.get("whole plan")
        if whole is None:
            whole = self._of.test(rule for rule in self._rules("plan") if rule.when != "own_action")
            self._gates["whole plan"] = whole
        seen = whole if isinstance(whole, bool) else whole(fact)
        return fact if seen else self._of.own_part(fact)

    def decide(self, category: str, fact_on: date, publisher: str, version: str) -> Decision:
        applying = [rule for rule in self._rules(category) if self._of.applies(rule, publisher)]
        if self.only_own and publisher != self.to.org:
            return Decision(False, "-", "", version, "flag" if self.flagged_away else "notice")
        for rule in applying:
            if self._of.satisfied(rule, fact_on):
                reason = {"own": "own", "C": "consent"}.get(rule.state, "rule")
                return Decision(True, rule.state, rule.id, version, reason)
        if not applying:
            return Decision(False, "-", "", version, "no_rule")
        closed = applying[0]
        return Decision(False, closed.state, closed.id, version, self._of.why_closed(closed))

    def _rules(self, category: str) -> tuple[Rule, ...]:
        return self._table.rules.get(category, ())

    def _applying(self, category: str) -> list[Rule]:
        found = self._found.get(category)
        if found is None:
            found = self._found[category] = [rule for rule in self._rules(category) if self._of.applies(rule)]
        return found

    def _lacks_consent(self, category: str) -> bool:
        applying = self._applying(category)
        return any(rule.state in ("C", "O") for rule in applying) and not any(
            self._of.satisfied(rule, None) for rule in applying
        )


def sight(to: Recipient, facts: Facts, day: date, world: World) -> Sight:
    """`facts`: everything about the resident, effective on `day`."""
    return Sight(to, facts, day, world)


def visible(facts: Facts, to: Sight) -> Facts:
    """The facts that may be seen; of a plan of which only own actions may be seen, only those."""
    by: dict[str, list[Fact]] = {}
    for short, group in facts.groups():
        seen = to.of(short, group)
        if seen:
            by[short] = seen
    return Facts.grouped(by, facts.memo)


def decide(
    category: str, to: Recipient, facts: Facts, day: date, fact_on: date, publisher: str, world: World
) -> Decision:
    """Whether `to` may see data of `category` from `fact_on`, published by `publisher`, and why. Always an answer."""
    return Sight(to, facts, day, world).decide(category, fact_on, publisher, world.policy.version)


def changes_on(facts: Facts, day: date) -> date | None:
    """The next day after `day` on which by itself another answer is due: a validity begins or ends, a cover begins or
    ends, or a fact dated in the future comes to count. `facts`: effective for whatever day (`effective(…, None)`)."""
    days = []
    for _, group in facts.groups():
        later = bisect_right(group, day, key=_happened)
        if later < len(group):
            days.append(group[later].happened)
    days += [fact.data.until + timedelta(days=1) for fact in facts.of("coach.covered") if fact.data.until >= day]
    turn = consent.changes_on(facts, day)
    if turn is not None:
        days.append(turn)
    return min(days, default=None)


def _happened(fact: Fact) -> date:
    return fact.happened
