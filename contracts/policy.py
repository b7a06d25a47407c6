"""The policy: which category of data which recipient may see, under which condition, and on which ground.

`policy.csv` is the whole of it; a functionaris gegevensbescherming reads it as it stands. Without a rule it is
forbidden.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import get_args

import msgspec

from woonketen.contracts.catalogue import TYPES
from woonketen.contracts.errors import PolicyError
from woonketen.contracts.payloads.lists import Category
from woonketen.contracts.recipient import PURPOSE_OF

COLUMNS = ["category", "recipient", "purpose", "when", "state", "article", "note"]
STATES = ("own", "S", "O", "C", "-")
"""Strongest first. own: what the recipient's own organisation published; S: task or contract; O: no objection;
C: consent; -: forbidden."""
CONDITIONS = (
    "own",
    "coaching_clause",
    "party",
    "own_district",
    "own_client",
    "own_action",
    "overview",
)
DERIVED: Mapping[str, str] = {
    "phase": "enrolment",
    "coaching_runs": "involvement",
    "arrears_level": "arrears",
    "may_signal": "arrears",
}
"""Category of a derived value → the category of the facts it is derived from."""
CATEGORIES = frozenset(get_args(Category)) | frozenset(DERIVED) - {"overview"}
SECRET = frozenset({"care", "nuisance", "safety"})
"""Categories of which even the existence is secret: no code stands in the place of a closed one."""
PENDING = "te bepalen"


class Rule(msgspec.Struct, frozen=True, gc=False):
    """A row. Without `when` it always applies. `id` names it in decisions and logs."""

    category: str
    recipient: str
    purpose: str
    when: str
    state: str
    article: str
    note: str

    @property
    def id(self) -> str:
        return f"{self.category}/{self.recipient}/{self.purpose}/{self.when or '-'}"


class Policy:
    """The rules and their version: the first twelve hexadecimal digits of the file's SHA-256."""

    def __init__(self, version: str, rules: tuple[Rule, ...]) -> None:
        self.version = version
        self.rules = rules
        self._tables: dict[tuple[str, str], Table] = {}

    def table(self, role: str, purpose: str) -> Table:
        """The rules of one recipient and purpose, made ready to decide by."""
        found = self._tables.get((role, purpose))
        if found is None:
            mine = [rule for rule in self.rules if (rule.recipient, rule.purpose) == (role, purpose)]
            found = self._tables[(role, purpose)] = Table(mine)
        return found

    def article_pending(self) -> list[Rule]:
        """Rules whose article is still to be found."""
        return [rule for rule in self.rules if rule.article == PENDING]

    def __repr__(self) -> str:
        return f"Policy({self.version})"


class Table:
    """Rules of one recipient. `rules`: by category, strongest first. `by_type`: of each type of event `True` where
    every fact is allowed, `False` where none is, else the rules that may allow some."""

    def __init__(self, rules: list[Rule]) -> None:
        self.rules: dict[str, tuple[Rule, ...]] = {}
        for rule in sorted(rules, key=lambda each: STATES.index(each.state)):
            self.rules[rule.category] = (*self.rules.get(rule.category, ()), rule)
        verdicts = {category: _verdict(found) for category, found in self.rules.items()}
        self.by_type: dict[str, bool | tuple[Rule, ...]] = {
            short: verdicts.get(contract.category, False) for short, contract in TYPES.items()
        }


def _verdict(rules: tuple[Rule, ...]) -> bool | tuple[Rule, ...]:
    if any(rule.category == "warnings" and rule.recipient != "bewoner" for rule in rules):
        # By its inputs: an episode is seen as a whole (`episodes.sees`) or not at all, never event by event.
        return False
    if any(rule.state == "S" and not rule.when for rule in rules):
        return True
    return tuple(rule for rule in rules if rule.state != "-") or False


def load(text: str) -> Policy:
    """The policy of a CSV file. Raises `PolicyError` that names every line that is wrong, and how."""
    lines = text.splitlines()
    rows = csv.reader(lines)
    header = next(rows, [])
    if header != COLUMNS:
        raise PolicyError("line 1: the columns are not those of a policy", f"write: {','.join(COLUMNS)}")
    rules: list[tuple[int, Rule]] = []
    wrong: list[str] = []
    for row in rows:
        if not row:
            continue
        number = rows.line_num
        if len(row) != len(COLUMNS):
            wrong.append(f"line {number}: {len(row)} columns instead of {len(COLUMNS)}")
            continue
        rule = Rule(*(cell.strip() for cell in row))
        wrong += [f"line {number}: {fault}" for fault in _faults(rule)]
        rules.append((number, rule))
    wrong += _disagreements(rules)
    if wrong:
        raise PolicyError("; ".join(wrong), "mend these lines of the policy file")
    return Policy(sha256(text.encode()).hexdigest()[:12], tuple(rule for _, rule in rules))


@cache
def shipped() -> Policy:
    """The policy in this package."""
    return load(files("woonketen.contracts").joinpath("policy.csv").read_text(encoding="utf-8"))


def _faults(rule: Rule) -> list[str]:
    found = []
    if rule.category not in CATEGORIES:
        found.append("unknown category")
    if rule.recipient not in PURPOSE_OF:
        found.append("unknown recipient")
    elif rule.purpose != PURPOSE_OF[rule.recipient]:
        found.append(f"the purpose of this recipient is {PURPOSE_OF[rule.recipient]}")
    if rule.when and rule.when not in CONDITIONS:
        found.append("unknown condition")
    if rule.state not in STATES:
        found.append(f"unknown state, use one of {' '.join(STATES)}")
    if not rule.article:
        found.append(f"no article; write {PENDING} while it is to be found")
    if not rule.note:
        found.append("no note")
    return found


def _disagreements(rules: list[tuple[int, Rule]]) -> list[str]:
    found = []
    first: dict[tuple[str, str, str, str], tuple[int, Rule]] = {}
    always: dict[tuple[str, str, str], dict[str, int]] = {}
    for number, rule in rules:
        key = (rule.category, rule.recipient, rule.purpose, rule.when)
        earlier, other = first.setdefault(key, (number, rule))
        if earlier != number:
            says = "the same" if other.state == rule.state else "something else"
            found.append(f"lines {earlier} and {number}: the second says {says} about the same case")
        elif rule.state in ("S", "-"):
            seen = always.setdefault(key[:3], {})
            if not rule.when:
                seen.setdefault(rule.state, number)
            elif rule.state == "-":
                seen.setdefault("- sometimes", number)
    for seen in always.values():
        forbidden = seen.get("-", seen.get("- sometimes"))
        if "S" in seen and forbidden is not None:
            a, b = sorted((seen["S"], forbidden))
            found.append(f"lines {a} and {b}: one always allows what the other forbids")
    return found
