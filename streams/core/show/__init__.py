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
from woonketen.streams.core.show import (
    bewoner,
    casusregisseur,
    coach,
    corporatie,
    schuldhulp,
    vrijwilliger,
    wijkteam,
    zorgaanbieder,
)
from woonketen.streams.core.show.case import NOTHING, Case, Pair
from woonketen.streams.core.show.complex import Contribution, complexes, contributions
from woonketen.streams.core.show.programma import pilots
from woonketen.streams.core.show.wake import next_change, today
from woonketen.streams.core.world import World

__all__ = ["Contribution", "complexes", "contributions", "next_change", "show", "shown"]


_NO_WARNINGS = frozenset({"vrijwilliger", "schuldhulp"})


def shown(
    facts: Iterable[Fact],
    ref: bytes,
    day: date,
    world: World,
    judge_on: date | None = None,
    whenever: Facts | None = None,
) -> Shown:
    """All that is shown of a resident on the open day. `facts`: every one that is known, as they came; `whenever`:
    those that count, whatever day they name, for who has them."""
    known = list(facts)
    if whenever is None:
        whenever = effective(known, None).remembering(Memo())
    counted = today(whenever, day)
    gone = retracted(known, None)
    case = Case(counted, ref, day, world, today(gone, day))
    pairs = _pairs(case)
    return Shown(
        ref=ref,
        rows=[row for _, row in pairs],
        warnings=_warning_rows(case, pairs),
        contributions=contributions(counted, day, world),
        pilots=pilots(counted, day, world),
        judge_on=judge_on,
        show_on=next_change(whenever, day, world, gone, case.tonight),
    )


def show(facts: Facts, ref: bytes, day: date, world: World, gone: Facts = NOTHING) -> list[Row]:
    """Every row of every view, in a fixed order. `facts`: effective on `day`, the open day; `gone`: what was taken back
    (`effective.retracted`), so that who saw it is told that something was corrected."""
    return [row for _, row in _pairs(Case(facts, ref, day, world, gone))]


def _pairs(case: Case) -> list[Pair]:
    found: list[Pair] = []
    if not case.over:
        found += coach.rows(case)
        found += casusregisseur.rows(case)
        found += vrijwilliger.rows(case)
        found += schuldhulp.rows(case)
    found += wijkteam.rows(case)
    found += corporatie.rows(case)
    found += zorgaanbieder.rows(case)
    found += bewoner.rows(case, tuple(found))
    return found


def _warning_rows(case: Case, pairs: list[Pair]) -> list[WarningRow]:
    """For each viewer with a row the warnings that may be seen, ended ones too: so everybody hears that one is over."""
    if not case.episodes:
        return []
    found: dict[tuple[str, str], WarningRow] = {}
    for look, row in pairs:
        for warn in case.warnings(look) if row.view not in _NO_WARNINGS else ():
            key = f"{row.org}|{row.worker or ''}|{warn.id}"
            found[(row.view, key)] = WarningRow(
                role=row.view,
                key=key,
                org=row.org,
                worker=row.worker,
                district=row.district,
                resident=look.resident if row.org else None,
                warn=warn,
                sources=row.sources,
            )
    return [found[key] for key in sorted(found)]
