"""Pieces that several views are made of. Each reads what is seen, never everything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date

from woonketen.contracts.calendar import add_months, last_workday_in
from woonketen.contracts.views import ActionLine, IntakeLine, LeaseDates, Move, Nuisance, Warn, Window
from woonketen.streams.core import picture
from woonketen.streams.core.episodes import OPEN
from woonketen.streams.core.show.case import Case, Look

VISIT_DAYS = 90
ATTEMPT_DAYS = 28
NUISANCE_DAYS = 56
"""A window of so many days ends today: what happened so many days ago has just left it."""

_ENDS = frozenset({"conditional", "fixed_term"})


def within(on: date, day: date, days: int) -> bool:
    return (day - on).days < days


def action_lines(actions: Iterable[picture.Action]) -> list[ActionLine]:
    """`open` or `done`; that one is late the database says, on the day that is open."""
    return [
        ActionLine(
            action=each.kind,
            domain=each.domain,
            owner=each.owner,
            due_on=each.due_on,
            state="open" if each.done_on is None else "done",
        )
        for each in actions
    ]


def open_due(actions: Iterable[picture.Action]) -> list[date]:
    return [each.due_on for each in actions if each.done_on is None]


def intake_line(look: Look, *, situation: bool = False) -> IntakeLine | None:
    held = look.read(picture.intake)
    if held is None:
        return None
    return IntakeLine(
        wants=held.wants,
        can_self=list(held.can_self),
        needs=list(held.needs),
        situation=list(held.situation) if situation else None,
    )


def lease_dates(look: Look) -> LeaseDates | None:
    lease = look.read(picture.current_lease)
    if lease is None:
        return None
    return LeaseDates(kind=lease.kind, ends_on=lease.ends_on, evaluation_on=lease.evaluation_on, card=lease.card)


def notice_window(lease: picture.Lease) -> Window | None:
    """When notice of a lease that ends by itself can be given: art. 7:271 BW."""
    if lease.ends_on is None or lease.kind not in _ENDS:
        return None
    first, last = add_months(lease.ends_on, -3), add_months(lease.ends_on, -1)
    return Window(from_on=first, until=last, last_working_day=last_workday_in(first, last, "legal") or last)


def nuisance(reports: Iterable[picture.Report], day: date) -> Nuisance | None:
    """Nothing without reports in the window, so that hidden ones look like none. `category` is the one told most."""
    recent = [each for each in reports if within(each.on, day, NUISANCE_DAYS)]
    if not recent:
        return None
    told = Counter(each.category for each in recent)
    last = {each.category: each.on for each in recent}
    return Nuisance(
        count=len(recent),
        category=max(told, key=lambda each: (told[each], last[each], each)),
        open=sum(1 for each in recent if each.resolved_on is None),
        mediation_on=max((each.mediation_on for each in recent if each.mediation_on is not None), default=None),
    )


def coming_move(moves: Iterable[picture.MovePlan], day: date) -> picture.MovePlan | None:
    """The next move, or the last one while something for it is not arranged."""
    found = list(moves)
    coming = [each for each in found if each.planned_on >= day]
    unready = [each for each in found if each.planned_on < day and each.open]
    return coming[0] if coming else unready[-1] if unready else None


def move_line(move: picture.MovePlan | None) -> Move | None:
    return None if move is None else Move(planned_on=move.planned_on, provisions_open=sorted(move.open))


def arrears(case: Case, look: Look) -> tuple[str | None, str | None, bool]:
    """Level, trend, and whether what they rest on was corrected; each only if the days of its balances are open."""
    found = case.arrears
    if found is None or not look.open("arrears_level", found.on):
        return None, None, False
    trend = found.trend if found.before_on and look.open("arrears_level", found.before_on) else None
    return found.level, trend, found.corrected


def warnings(case: Case, look: Look) -> list[Warn]:
    """Those that stand: the gravest first, then by the day on which they opened."""
    found = [each for each in case.warnings(look.to) if each.state in OPEN]
    found.sort(key=lambda each: (-each.severity, each.opened_on, each.indicator, each.id))
    return found
