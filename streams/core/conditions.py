"""The conditions of the policy for one recipient, one resident and one day; each is worked out when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any, Generic, TypeVar

import msgspec

from woonketen.contracts import consent
from woonketen.contracts.catalogue import TYPES
from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.policy import DERIVED, Rule
from woonketen.contracts.recipient import Recipient
from woonketen.streams.core import derive, picture
from woonketen.streams.core.world import World

Test = Callable[[Fact], bool]
T = TypeVar("T")
Condition = bool | Test
"""`True`: every fact; `False`: no fact; else what a fact must pass."""

_TYPES_OF: dict[str, tuple[str, ...]] = {}
for _short, _contract in TYPES.items():
    _TYPES_OF[_contract.category] = (*_TYPES_OF.get(_contract.category, ()), _short)

_CLIENT_TYPES = tuple(
    short
    for short in TYPES
    if short.partition(".")[0] in ("care", "ladder", "waiting", "coach") or short in ("move.planned", "place.vacated")
)
# A consent that names the wider category covers the narrower one.
_WIDER = {"coaching_runs": "involvement"}


class lazy(Generic[T]):
    """As `functools.cached_property`, without its lock: there are hundreds of thousands of these in a rebuild."""

    def __init__(self, work_out: Callable[[Any], T]) -> None:
        self._work_out = work_out
        self._name = work_out.__name__

    def __get__(self, owner: Any, kind: type[Any]) -> T:
        found = owner.__dict__[self._name] = self._work_out(owner)
        return found


class Conditions:
    """See the module; rules are asked one by one, strongest first."""

    def __init__(self, to: Recipient, facts: Facts, day: date, world: World) -> None:
        self.to, self.facts, self.day, self.world = to, facts, day, world
        self._standings: dict[tuple[str, ...], consent.Standing] = {}

    # Of a rule and every fact of its category

    def test(self, rules: Iterable[Rule]) -> Condition:
        """What a fact must pass to be allowed by one of these rules."""
        tests: list[Test] = []
        for rule in rules:
            state = self._state(rule)
            passed = state if state is False or not rule.when else _both(self._when(rule), state)
            if passed is True:
                return True
            if passed is not False:
                tests.append(passed)
        if len(tests) < 2:
            return tests[0] if tests else False
        return lambda fact: any(test(fact) for test in tests)

    def _when(self, rule: Rule) -> Condition:
        match rule.when:
            case "own":
                return self._is_own
            case "party":
                return self._is_party
            case "own_action":
                return self._is_own_action
            case "coaching_clause" if rule.category == "lease":
                return self._has_clause if self._clauses else False
        return self._of_resident(rule.when)

    def _state(self, rule: Rule) -> Condition:
        match rule.state:
            case "S":
                return True
            case "own":
                return self._is_own
            case "O":
                return self._is_open_signal if self.open_signals else False
            case "C":
                said = self.standing(rule)
                if not said.windows or (None, None) in said.windows:
                    return bool(said.windows)
                return lambda fact: said.covers(fact.happened)
        return False

    # Of a rule and the resident as a whole

    def applies(self, rule: Rule, publisher: str | None = None) -> bool:
        """Whether the rule's condition holds for anything of the category. `publisher`: of what is asked about; without
        it, whatever is there."""
        if "own" in (rule.state, rule.when):
            return self.published(rule.category) if publisher is None else publisher == self.to.org
        match rule.when:
            case "party":
                return bool(self._own_referrals)
            case "own_action":
                return bool(self._own_plans) or self.published("plan")
        return self._of_resident(rule.when)

    def satisfied(self, rule: Rule, on: date | None) -> bool:
        """Whether the rule's state allows data of that day (None: of any day)."""
        if rule.state == "C":
            said = self.standing(rule)
            return bool(said.windows) if on is None else said.covers(on)
        if rule.state == "O":
            return bool(self.open_signals)
        return rule.state in ("own", "S")

    def why_closed(self, rule: Rule) -> str:
        if rule.state == "C":
            answer = self.standing(rule).answer
            return "never_asked" if answer == "granted" else answer  # asked, but not for data of that day
        if rule.state == "O":
            return "objected" if self._objected else "efforts_missing"
        return "rule"

    def standing(self, rule: Rule) -> consent.Standing:
        names: tuple[str, ...] = (rule.category,)
        if rule.when == "overview":
            names = (rule.category, "overview")
        elif rule.category in _WIDER:
            names = (rule.category, _WIDER[rule.category])
        found = self._standings.get(names)
        if found is None:
            said = self._said
            found = consent.standing(said, names, self.day) if said else consent.NEVER_ASKED
            self._standings[names] = found
        return found

    def published(self, category: str) -> bool:
        """Whether the recipient's organisation published anything of it (of what it is derived from)."""
        org, types = self.to.org, _TYPES_OF.get(DERIVED.get(category, category), ())
        return any(fact.org == org for short in types for fact in self.facts.of(short))

    def flagged_away(self) -> bool:
        """Whether a safety flag stands that hides the resident from this recipient: not from the organisation that set
        one, not from the assigned coach, not from the resident. Only who set a flag can clear it."""
        if self.to.role == "bewoner":
            return False
        stands: dict[str, tuple[date, datetime]] = {}
        for fact in self.facts.of("safety.flag_set"):
            stands[fact.org] = (fact.happened, fact.time)
        if not stands:
            return False
        for fact in self.facts.of("safety.flag_cleared"):
            if fact.org in stands and fact.happened <= self.day and (fact.happened, fact.time) > stands[fact.org]:
                del stands[fact.org]
        if not stands or self.to.org in stands:
            return False
        return self.to.role != "coach" or not any(
            each.org == self.to.org and each.guided_by(self.to.worker, self.day)
            for each in picture.assignments(self.facts, self.day)
        )

    def _of_resident(self, when: str) -> bool:
        match when:
            case "":
                return True
            case "own_district":
                return self._own_district
            case "own_client":
                return self._own_client
            case "overview":
                return self._overview
            case "coaching_clause":
                return any(self._clauses.values())
        return False

    @lazy
    def _said(self) -> tuple[consent.Statement, ...]:
        return consent.statements(self.facts, self.to)

    @lazy
    def _objected(self) -> bool:
        return consent.objected(self.facts, "early_signalling", self.day)

    @lazy
    def _own_district(self) -> bool:
        info = self.world.orgs.get(self.to.org)
        if info is None:
            return False
        where = picture.district(self.facts, self.day)
        if where is not None and where in info.districts:
            return True
        if not info.covers(where):
            return False
        # City-wide, but of which city: an organisation of the programme's agreement, or the one that enrolled.
        enrolment = picture.current_enrolment(self.facts, self.day)
        return enrolment is not None and (
            enrolment.org == self.to.org or self.to.org in self.world.parties(enrolment.programme, self.day)
        )

    @lazy
    def _own_client(self) -> bool:
        org, facts = self.to.org, self.facts
        if any(fact.org == org for short in _CLIENT_TYPES for fact in facts.of(short)):
            return True
        return any(each.to_org == org and each.answer == "accepted" for each in picture.referrals(facts, self.day))

    @lazy
    def _overview(self) -> bool:
        return self.to.overview or any(
            each.org == self.to.org and each.role == "ervaringsdeskundige" and each.guided_by(self.to.worker, self.day)
            for each in picture.assignments(self.facts, self.day)
        )

    @lazy
    def _clauses(self) -> dict[tuple[str, str], bool]:
        """Leases with a coaching clause (for a corporation its own), and whether they run."""
        mine = self.to.org if self.to.role == "corporatie" else None
        return {
            (lease.org, lease.lease_id): lease.running
            for lease in picture.leases(self.facts, self.day)
            if lease.coaching_clause and mine in (None, lease.org)
        }

    @lazy
    def _own_referrals(self) -> frozenset[str]:
        org = self.to.org
        return frozenset(
            fact.data.referral_id for fact in self.facts.of("referral.made") if org in (fact.org, fact.data.to_org)
        )

    @lazy
    def _own_actions(self) -> frozenset[tuple[str, str]]:
        """Actions of any version; a volunteer's are those that name the volunteer."""
        own = [
            (fact.data.plan_id, action.action_id)
            for fact in self.facts.of("plan.agreed")
            for action in fact.data.actions
            if self._is_mine(action)
        ]
        own += [
            (fact.data.plan_id, fact.data.action.action_id)
            for fact in self.facts.of("action.added")
            if self._is_mine(fact.data.action)
        ]
        return frozenset(own)

    @lazy
    def _own_plans(self) -> frozenset[str]:
        """Plans with an own action in any version: of a later version without one, that much must be seen."""
        return frozenset(plan_id for plan_id, _ in self._own_actions)

    @lazy
    def _own_moves(self) -> frozenset[str]:
        """Provisions that a move planned by the organisation itself waits for."""
        if self.to.role == "vrijwilliger":
            return frozenset()
        org = self.to.org
        moves = [fact.data.provisions_required for fact in self.facts.of("move.planned") if fact.org == org]
        return frozenset(kind for required in moves for kind in required)

    @lazy
    def open_signals(self) -> frozenset[str]:
        """Signals sent to the organisation, after the four efforts and under an agreement that names early signalling,
        while no objection stands."""
        if self._objected:
            return frozenset()
        found = []
        for each in picture.signals(self.facts, self.day):
            if each.to_org == self.to.org:
                _, missing = derive.may_signal(self.facts, each.lease_id, each.on, self.world, each.org)
                if not set(missing) - {"objection"}:
                    found.append(each.signal_id)
        return frozenset(found)

    # Of one fact

    def _is_mine(self, action: object) -> bool:
        owner, worker = getattr(action, "owner", None), getattr(action, "worker", None)
        return owner == self.to.org and (
            self.to.role != "vrijwilliger" or (worker is not None and worker == self.to.worker)
        )

    def _is_own(self, fact: Fact) -> bool:
        return fact.org == self.to.org

    def _is_party(self, fact: Fact) -> bool:
        return fact.org == self.to.org or fact.data.referral_id in self._own_referrals

    def _has_clause(self, fact: Fact) -> bool:
        return (fact.org, getattr(fact.data, "lease_id", "")) in self._clauses

    def _is_open_signal(self, fact: Fact) -> bool:
        return fact.data.signal_id in self.open_signals

    def _is_own_action(self, fact: Fact) -> bool:
        data, own = fact.data, fact.org == self.to.org
        match fact.type:
            case "plan.agreed":
                return data.plan_id in self._own_plans
            case "action.added":
                return self._is_mine(data.action)
            case "action.completed" | "action.rescheduled":
                return own and (data.plan_id, data.action_id) in self._own_actions
            case "provision.arranged":
                return self.to.role != "vrijwilliger" and (own or data.kind in self._own_moves)
        return own and self.to.role != "vrijwilliger"  # an endorsement, a move

    def own_part(self, fact: Fact) -> Fact:
        """A plan with nothing in it but the recipient's own actions."""
        plan = fact.data
        actions = [action for action in plan.actions if self._is_mine(action)]
        agreed_by = [org for org in plan.agreed_by if org == self.to.org]
        return msgspec.structs.replace(fact, data=msgspec.structs.replace(plan, actions=actions, agreed_by=agreed_by))


def _both(first: Condition, second: Condition) -> Condition:
    if first is False or second is False:
        return False
    if first is True:
        return second
    if second is True or first == second:
        return first
    a, b = first, second
    return lambda fact: a(fact) and b(fact)
