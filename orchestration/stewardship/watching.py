"""What may worry a steward, as pure conditions over numbers; each with the page of the runbook that helps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import msgspec

RUNBOOK: Mapping[str, str] = MappingProxyType(
    {
        "feed_silent": "docs/stewards.md#a-feed-broke",
        "refusals_rising": "docs/stewards.md#refusals-rise",
        "quarantine_full": "docs/stewards.md#a-wrong-release",
        "lag": "docs/stewards.md#the-views-lag",
        "request_due": "docs/stewards.md#a-request-of-a-resident",
        "quality_blocked": "docs/stewards.md#a-check-that-blocks",
    }
)
REASONS = ("acting", "known", "no_concern", "wrong")
"""With which a steward acknowledges an alert."""
REFUSED_OF = 20
"""More than one in so many refused is worth a call."""
QUARANTINE_LEAST = 1
LAG_LEAST = 10_000
"""Records behind. A rebuild or a large file passes it for a while; the alert closes by itself."""


class Numbers(msgspec.Struct, frozen=True):
    """`silent`: organisations whose heartbeat is missing; `refused`: organisation → (refused, sent) of a fortnight;
    `urgent`: requests of residents within a week of their legal day; `blocked`: checks that block and failed."""

    silent: tuple[str, ...] = ()
    refused: Mapping[str, tuple[int, int]] = MappingProxyType({})
    quarantined: int = 0
    lag: int = 0
    urgent: int = 0
    blocked: int = 0


class Worry(msgspec.Struct, frozen=True):
    """`subject`: an organisation, or empty; `number`: how many."""

    kind: str
    subject: str
    number: int

    @property
    def runbook(self) -> str:
        return RUNBOOK[self.kind]


def worries(numbers: Numbers) -> Iterator[Worry]:
    for org in sorted(numbers.silent):
        yield Worry("feed_silent", org, 1)
    for org, (refused, sent) in sorted(numbers.refused.items()):
        if refused * REFUSED_OF > sent:
            yield Worry("refusals_rising", org, refused)
    for kind, number, least in (
        ("quarantine_full", numbers.quarantined, QUARANTINE_LEAST),
        ("lag", numbers.lag, LAG_LEAST),
        ("request_due", numbers.urgent, 1),
        ("quality_blocked", numbers.blocked, 1),
    ):
        if number >= least:
            yield Worry(kind, "", number)
