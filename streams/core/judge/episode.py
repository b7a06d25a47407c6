"""An episode as it is shown: its state, and what it rests on."""

from __future__ import annotations

from datetime import date

import msgspec

from woonketen.contracts.calendar import add_workdays
from woonketen.contracts.facts import Fact
from woonketen.contracts.indicators import Viewer
from woonketen.streams.core.judge.evening import Phrase, Share

OPEN = frozenset({"active", "acknowledged", "contested", "suspended", "provisional"})


class Episode(msgspec.Struct, frozen=True):
    """One episode. `state` is a word of indicators.md rule 5, or `provisional`; `owner` the role that answers for it,
    or `party`; `evidence` the ids it was opened with, `rests_on` those facts and what it rests on now; `shares` what it
    says of each organisation it is about. `objected`: the resident objected, so it is hidden now and closed tonight.
    `told_on`: the day whose facts its sentence is made from."""

    id: str
    indicator: str
    severity: int
    state: str
    opened_on: date
    due_on: date | None
    owner: str
    evidence: tuple[str, ...]
    parties: tuple[str, ...]
    rule_version: str
    closed_on: date | None = None
    closed_reason: str | None = None
    acknowledged_as: str | None = None
    contested_on: date | None = None
    answer_by: date | None = None
    answer: str | None = None
    rests_on: tuple[Fact, ...] = ()
    shares: tuple[Share, ...] = ()
    context: tuple[Fact, ...] = ()
    objected: bool = False
    told_on: date | None = None
    told: tuple[Phrase, ...] = ()

    @property
    def open(self) -> bool:
        return self.state in OPEN

    def __repr__(self) -> str:
        return f"Episode({self.indicator}, {self.state})"

    def share(self, org: str) -> Share | None:
        return next((each for each in self.shares if each.org == org), None)


def turn_of(viewer: Viewer, opened_on: date) -> date:
    """The day from which this viewer sees an episode that opened then."""
    return add_workdays(opened_on, viewer.after_workdays)
