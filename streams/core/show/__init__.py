"""What each stakeholder sees of one resident on the open day. Pure; every row comes from the facts its viewer may see.

A module per view. `case.Look` is what one recipient may see, and the only way from facts to a row.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.ports import Shown, WarningRow
from woonketen.contracts.remembering import Memo
from woonketen.contracts.views import Row
from woonketen.streams.core.effective import effective, retracted
from woonketen.streams.core.show import bewoner
from woonketen.streams.core.show.case import NOTHING, Case, Shelf
from woonketen.streams.core.show.complex import Contribution, complexes, contributions
from woonketen.streams.core.show.pieces import kept
from woonketen.streams.core.show.programma import Pilot, pilots
from woonketen.streams.core.show.rows import Line, of_view, others
from woonketen.streams.core.show.wake import next_change, today
from woonketen.streams.core.world import World

__all__ = ["Contribution", "Shelf", "complexes", "contributions", "next_change", "show", "shown", "shown_of"]


_NO_WARNINGS = frozenset({"vrijwilliger", "schuldhulp"})


def shown(facts: Iterable[Fact], ref: bytes, day: date, world: World, judge_on: date | None = None) -> Shown:
    """All that is shown of a resident on the open day. `facts`: every one that is known, as they came."""
    known = list(facts)
    whenever = effective(known, None).remembering(Memo())
    return shown_of(whenever, retracted(known, None), ref, day, world, judge_on)


def shown_of(
    whenever: Facts,
    gone: Facts,
    ref: bytes,
    day: date,
    world: World,
    judge_on: date | None = None,
    shelf: Shelf | None = None,
) -> Shown:
    """The same for who has counted: `whenever`, the facts that count, whatever day they name (`effective(…, None)`),
    and `gone`, what was taken back (`retracted`). `shelf`: what lies there of the last time."""
    case = Case(today(whenever, day), ref, day, world, today(gone, day), shelf)
    return Shown(
        ref=ref,
        rows=[row for _, row in _lines(case)],
        warnings=_warning_rows(case),
        contributions=_contributions(case),
        pilots=_pilots(case),
        judge_on=judge_on,
        show_on=next_change(whenever, day, world, gone, case.tonight),
        printed={} if shelf is None else shelf.printed,
    )


def show(facts: Facts, ref: bytes, day: date, world: World, gone: Facts = NOTHING) -> list[Row]:
    """Every row of every view, in a fixed order. `facts`: effective on `day`, the open day; `gone`: what was taken back
    (`effective.retracted`), so that who saw it is told that something was corrected."""
    return [row for _, row in _lines(Case(facts, ref, day, world, gone))]


@kept
def _lines(case: Case) -> list[Line]:
    return [*others(case), *of_view(case, bewoner.rows)]


@kept
def _warning_rows(case: Case) -> list[WarningRow]:
    """For each viewer with a row the warnings that may be seen, ended ones too: so everybody hears that one is over."""
    if not case.episodes:
        return []
    found: dict[tuple[str, str], WarningRow] = {}
    for to, row in _lines(case):
        for warn in case.warnings(to) if row.view not in _NO_WARNINGS else ():
            key = f"{row.org}|{row.worker or ''}|{warn.id}"
            found[(row.view, key)] = WarningRow(
                role=row.view,
                key=key,
                org=row.org,
                worker=row.worker,
                district=row.district,
                resident=case.look_to(to).resident if row.org else None,
                warn=warn,
                sources=row.sources,
            )
    return [found[key] for key in sorted(found)]


@kept
def _contributions(case: Case) -> list[Contribution]:
    return contributions(case.facts, case.day, case.world)


@kept
def _pilots(case: Case) -> list[Pilot]:
    return pilots(case.facts, case.day, case.world)
