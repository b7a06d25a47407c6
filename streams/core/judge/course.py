"""The course of each episode, read from the warnings that were raised and the answers that were given."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.remembering import remembered

LEVELS = ("warning.opened", "warning.raised", "warning.lowered")
ANSWERS = ("warning.acknowledged", "warning.contested", "warning.contest_answered")
DISMISSING = frozenset({"no_concern", "already_known"})
_TURNS = {
    "warning.opened": 0,
    "warning.resumed": 1,
    "warning.raised": 2,
    "warning.lowered": 2,
    "warning.suspended": 3,
    "warning.closed": 4,
    "warning.voided": 4,
}


@dataclass(slots=True)
class Course:
    """One episode. `evidence` and `level_evidence` are ids of events: of the opening, and of the severity that stands
    since `level_on`; `acted_on` is the day since which it asks to be answered (opened or raised); `levels` are the
    severities it had, each with its day. `ended_by`: the reason; `voided` tells it from closed."""

    warning_id: str
    indicator: str
    rule_version: str
    severity: int
    opened_on: date
    because: str
    evidence: tuple[str, ...]
    level_evidence: tuple[str, ...]
    parties: tuple[str, ...]
    level_on: date
    acted_on: date
    levels: list[tuple[date, int]]
    suspended: str | None = None
    ended_on: date | None = None
    ended_by: str | None = None
    voided: bool = False
    acknowledged: list[Fact] = field(default_factory=list)
    contested: list[Fact] = field(default_factory=list)
    answered: list[Fact] = field(default_factory=list)

    @property
    def open(self) -> bool:
        return self.ended_on is None

    @property
    def acknowledgement(self) -> Fact | None:
        """The last one since it was opened or raised. A rise at the close of a day comes after what was said on it; on
        the day of its opening only the provisional notice can have been answered."""
        last = self.acknowledged[-1] if self.acknowledged else None
        if last is None or last.known < self.acted_on:
            return None
        return last if last.known > self.acted_on or self.acted_on == self.opened_on else None

    @property
    def contest(self) -> Fact | None:
        """The contest that waits for an answer."""
        last = self.contested[-1] if self.contested else None
        answer = self.answered[-1] if self.answered else None
        if last is None or (answer is not None and _stamp(answer) >= _stamp(last)):
            return None
        return last

    @property
    def answer(self) -> str | None:
        """`upheld`, `partly_upheld` or `rejected`, once the last contest is answered."""
        return self.answered[-1].data.answer if self.answered and self.contest is None else None

    @property
    def dismissals(self) -> list[Dismissal]:
        """What makes the indicator quiet: a reasoned dismissal, or a contest that was upheld. Nothing said of a voided
        episode counts."""
        if self.voided:
            return []
        said = [fact for fact in self.acknowledged if fact.data.reason in DISMISSING]
        said += [fact for fact in self.answered if fact.data.answer == "upheld"]
        return [Dismissal(fact.known, fact.time, self._severity_before(fact.known)) for fact in said]

    def _severity_before(self, day: date) -> int:
        """What the viewer saw on that day: the severity of the evening before."""
        return next((severity for on, severity in reversed(self.levels) if on < day), self.levels[0][1])


class Dismissal(NamedTuple):
    """On that day somebody gave a reason to leave it, at that severity."""

    on: date
    time: datetime
    severity: int


@remembered
def courses(warnings: Facts, before: date | None = None) -> list[Course]:
    """Every episode that was opened, oldest first. `before`: without what was concluded at the close of that day or
    later, so that judging an evening twice gives the same."""
    found: dict[str, Course] = {}
    turns = [fact for short in _TURNS for fact in warnings.of(short) if before is None or fact.data.as_of < before]
    turns.sort(key=lambda fact: (fact.data.as_of, _TURNS[fact.type], fact.id))
    for fact in turns:
        if fact.type == "warning.opened":
            found.setdefault(fact.data.warning_id, _opened(fact))
        elif fact.data.warning_id in found:
            _turn(found[fact.data.warning_id], fact)
    for fact in sorted(warnings.of(*ANSWERS), key=_stamp):
        course = found.get(fact.data.warning_id)
        if course is not None:
            _answer(course, fact)
    return list(found.values())


def _opened(fact: Fact) -> Course:
    data = fact.data
    return Course(
        warning_id=data.warning_id,
        indicator=data.indicator,
        rule_version=data.rule_version,
        severity=data.severity,
        opened_on=data.as_of,
        because=data.reason,
        evidence=tuple(data.evidence),
        level_evidence=tuple(data.evidence),
        parties=tuple(data.parties),
        level_on=data.as_of,
        acted_on=data.as_of,
        levels=[(data.as_of, data.severity)],
    )


def _turn(course: Course, fact: Fact) -> None:
    data = fact.data
    match fact.type:
        case "warning.raised" | "warning.lowered":
            course.severity, course.rule_version, course.level_on = data.severity, data.rule_version, data.as_of
            course.level_evidence, course.parties = tuple(data.evidence), tuple(data.parties)
            course.levels.append((data.as_of, data.severity))
            if fact.type == "warning.raised":
                course.acted_on = data.as_of
        case "warning.suspended":
            course.suspended = data.reason
        case "warning.resumed":
            course.suspended = None
        case _:
            course.ended_on, course.ended_by = data.as_of, data.reason
            course.voided = fact.type == "warning.voided"


def _answer(course: Course, fact: Fact) -> None:
    if fact.type == "warning.acknowledged":
        course.acknowledged.append(fact)
    elif fact.type == "warning.contested":
        course.contested.append(fact)
    else:
        course.answered.append(fact)


def _stamp(fact: Fact) -> tuple[date, datetime, bytes]:
    return (fact.known, fact.time, fact.key)
