"""Which deliveries feed which view, from the catalogue and the policy: a kind of organisation publishes types, a type
has a category, and a rule opens the category to the role of a view."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from woonketen.contracts import policy
from woonketen.contracts.recipient import PURPOSE_OF
from woonketen.contracts.register import LINES
from woonketen.contracts.views import PERSON_VIEWS

KINDS: Mapping[str, str] = MappingProxyType(
    {"G": "gemeente", "C": "corporatie", "Z": "zorgaanbieder", "B": "buddy_organisatie", "S": "schuldhulp"}
)


@cache
def feeds_of(view: str) -> frozenset[str]:
    """Kinds of organisations of which this view may show something.

    >>> sorted(feeds_of("schuldhulp"))
    ['corporatie', 'schuldhulp']
    """
    rules = policy.shipped().table(view, PURPOSE_OF[view]).rules
    open_ones = {category for category, found in rules.items() if any(rule.state != "-" for rule in found)}
    return frozenset(
        KINDS[letter] for line in LINES if line.category in open_ones for letter in line.publishers if letter in KINDS
    )


def views() -> tuple[str, ...]:
    return tuple(PERSON_VIEWS)
