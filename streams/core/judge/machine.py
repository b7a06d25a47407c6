"""One machine for every episode: from what was raised before and what a rule says now, to what is raised now.

Pending, hold, hysteresis, quiet after a dismissal, unknown on a silent feed, voiding. Nothing is remembered but the
warnings themselves: how long a condition lasts is asked of the facts, as they are known now.
"""

from __future__ import annotations

from datetime import date, timedelta
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.indicators import Indicator
from woonketen.contracts.payloads import platform as w
from woonketen.streams.core.judge.attention import attention_period
from woonketen.streams.core.judge.course import Course
from woonketen.streams.core.judge.evening import Evaluate, Evening, Judgement

NAMESPACE = UUID("6c0f4a52-3a5e-5f0b-9d3e-2f6d1c0a7b41")
MOST_EVIDENCE = 1000
UNKNOWN = 3
"""An evening of which nothing is certain keeps any severity from being lowered."""


class Emission(NamedTuple):
    """A warning event to append. `id` is the same whenever this evening is judged."""

    type: str
    payload: Any
    id: str


class Turn(NamedTuple):
    """What one indicator emits tonight, and the next day on which it may emit by itself. `joined`: what it emits if
    another domain joined since `dismissed_on`, because otherwise it is quiet."""

    emissions: list[Emission]
    wake: date | None
    joined: Emission | None = None
    dismissed_on: date | None = None


NOTHING = Turn([], None)


class Machine(NamedTuple):
    """One indicator of one resident on one evening."""

    ref: bytes
    rule: Indicator
    evaluate: Evaluate
    evening: Evening

    # What ends an episode whatever the facts say

    def close(self, course: Course | None, reason: str) -> Turn:
        if course is None:
            return NOTHING
        return Turn([self._turn("closed", course, reason)], None)

    def double(self, course: Course) -> Emission:
        """The end of a second open episode. Its id names the episode, because the first one may end tonight too."""
        emission = self._turn("closed", course, "taken_over")
        return emission._replace(id=self._id(f"closed|{course.warning_id}"))

    def turn(self, running: Course | None, past: list[Course]) -> Turn:
        now = self.evaluate(self.evening, self.rule)
        if running is None:
            return self._opening(now, past)
        if now.over:
            return Turn([self._turn("closed", running, "not_applicable")], now.wake)
        undone = self._undone(running, now)
        if undone is not None:
            return Turn([self._turn("voided", running, undone)], now.wake)
        if running.answer == "upheld":
            # It may be joined by another domain tomorrow, so it is looked at again.
            return Turn([self._turn("closed", running, "not_applicable")], self.evening.day + timedelta(days=1))
        return self._going_on(running, now)

    def _opening(self, now: Judgement, past: list[Course]) -> Turn:
        if now.level == 0:
            return Turn([], now.wake)
        day, pending = self.evening.day, self._pending()
        opens_on = self._since(pending) + timedelta(days=pending)
        if opens_on > day:
            return Turn([], _first(now.wake, opens_on))
        opening = self._level("opened", now, warning_id(self.ref, self.rule.id, day), now.level, "threshold_reached")
        dismissed = max((each for course in past for each in course.dismissals), default=None)
        if dismissed is not None and now.level <= dismissed.severity:
            quiet_until = dismissed.on + timedelta(days=self.rule.quiet_days)
            if day < quiet_until:
                joined = self._level("opened", now, opening.payload.warning_id, now.level, "other_domain")
                return Turn([], _first(now.wake, quiet_until), joined, dismissed.on)
        return Turn([opening], now.wake)

    def _going_on(self, course: Course, now: Judgement) -> Turn:
        emissions: list[Emission] = []
        if now.doubt is not None and now.level < course.severity:
            if course.suspended is None:
                emissions.append(self._turn("suspended", course, now.doubt))
            return Turn(emissions, now.wake)
        if course.suspended is not None:
            back = "feed_back" if course.suspended == "feed_silent" else "data_back"
            emissions.append(self._turn("resumed", course, back))
        if now.level > course.severity:
            emissions.append(self._level("raised", now, course.warning_id, now.level, "threshold_reached"))
            return Turn(emissions, now.wake)
        if now.level == course.severity:
            return Turn(emissions, now.wake)
        return self._falling(course, now, emissions)

    def _falling(self, course: Course, now: Judgement, emissions: list[Emission]) -> Turn:
        """The severity that was reached on any of the last `hold` evenings stays; it falls to the highest of them."""
        hold, day = self.rule.hold, self.evening.day
        stays = [self._stay(now)]
        stays += [self._stay(self._at(day - timedelta(days=back))) for back in range(1, hold + 1)]
        severity = min(course.severity, max(stays))
        if severity == 0:
            return Turn([*emissions, self._turn("closed", course, "resolved")], now.wake)
        if severity < course.severity:
            why = self._tampered(course.level_evidence) or "below_exit"
            emissions.append(self._level("lowered", now, course.warning_id, severity, why))
        falls_on = None
        if stays[0] < severity:
            back = next(back for back, stay in enumerate(stays) if stay >= severity)
            falls_on = day + timedelta(days=hold + 1 - back)
        return Turn(emissions, _first(now.wake, falls_on))

    # Looking back, with what is known now

    def _at(self, day: date) -> Judgement:
        return self.evaluate(self.evening.at(day), self.rule)

    def _stay(self, judged: Judgement) -> int:
        if judged.doubt is not None:
            return UNKNOWN
        return judged.level if judged.level or judged.below_exit else self.rule.lowest

    def _pending(self) -> int:
        """Days to wait; half of them, rounded up, in a period of attention."""
        days, period = self.rule.pending, self.evening.world.rules["attention_period"]
        if days == 0 or period.switched_off.always:
            return days
        attention = attention_period(self.evening.facts, self.evening.day, period)
        return days if attention is None else (days + 1) // 2

    def _since(self, pending: int) -> date:
        """The first of the unbroken run of evenings on which the condition holds; no further back than needed."""
        since = self.evening.day
        for back in range(1, pending + 1):
            day = self.evening.day - timedelta(days=back)
            if self._at(day).level == 0:
                break
            since = day
        return since

    def _undone(self, course: Course, now: Judgement) -> str | None:
        """Why the episode should never have been: its evidence was corrected or retracted, nothing holds now, and on
        the evening of its opening nothing would have held either; neither with what was known then, as it reads now,
        nor with what is known now."""
        if now.level > 0:
            return None
        why = self._tampered(course.evidence)
        if why is None:
            return None
        on = course.opened_on
        then = Facts(fact for fact in self.evening.facts if fact.known <= on)
        if self.evaluate(Evening(then, on, self.evening.world), self.rule).level or self._at(on).level:
            return None
        return why

    def _tampered(self, evidence: tuple[str, ...]) -> str | None:
        wanted = set(evidence)
        found: dict[str, Fact] = {fact.id: fact for fact in self.evening.facts if fact.id in wanted}
        if len(found) < len(wanted):
            return "evidence_retracted"
        return "evidence_corrected" if any(fact.corrected for fact in found.values()) else None

    # What is emitted

    def _turn(self, kind: str, course: Course, reason: str) -> Emission:
        made = _TURNS[kind](warning_id=course.warning_id, reason=reason, as_of=self.evening.day)
        return Emission(f"warning.{kind}", made, self._id(kind))

    def _level(self, kind: str, now: Judgement, warning: str, severity: int, reason: str) -> Emission:
        made = _LEVELS[kind](
            warning_id=warning,
            indicator=self.rule.id,
            rule_version=self.rule.version,
            severity=severity,
            evidence=list(dict.fromkeys(fact.id for fact in now.evidence))[-MOST_EVIDENCE:],
            reason=reason,
            as_of=self.evening.day,
            parties=list(now.parties),
        )
        return Emission(f"warning.{kind}", made, self._id(kind))

    def _id(self, kind: str) -> str:
        return str(uuid5(NAMESPACE, f"{self.ref.hex()}|{self.rule.id}|{self.evening.day}|{kind}"))


_LEVELS: dict[str, Any] = {"opened": w.WarningOpened, "raised": w.WarningRaised, "lowered": w.WarningLowered}
_TURNS: dict[str, Any] = {
    "closed": w.WarningClosed,
    "voided": w.WarningVoided,
    "suspended": w.WarningSuspended,
    "resumed": w.WarningResumed,
}


def warning_id(ref: bytes, indicator: str, opened_on: date) -> str:
    """The id of the episode that opens on that evening; nobody can read resident or indicator from it."""
    told = b"|".join((ref, indicator.encode(), opened_on.isoformat().encode()))
    return f"WA-{blake2b(told, digest_size=6).hexdigest()}"


def _first(*days: date | None) -> date | None:
    return min((day for day in days if day is not None), default=None)
