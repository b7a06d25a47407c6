"""The rows of everybody but the resident, view by view."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from woonketen.contracts.recipient import Recipient
from woonketen.contracts.views import Row
from woonketen.streams.core.show import (
    casusregisseur,
    coach,
    corporatie,
    schuldhulp,
    vrijwilliger,
    wijkteam,
    zorgaanbieder,
)
from woonketen.streams.core.show.case import Case, Pair
from woonketen.streams.core.show.pieces import kept

Line = tuple[Recipient, Row]
View = Callable[[Case], Iterator[Pair]]

_WHILE_ENROLLED: tuple[View, ...] = (coach.rows, casusregisseur.rows, vrijwilliger.rows, schuldhulp.rows)
_AFTERWARDS_TOO: tuple[View, ...] = (wijkteam.rows, corporatie.rows, zorgaanbieder.rows)


@kept
def others(case: Case) -> list[Line]:
    """In a fixed order."""
    views = _AFTERWARDS_TOO if case.over else (*_WHILE_ENROLLED, *_AFTERWARDS_TOO)
    return [line for view in views for line in of_view(case, view)]


@kept
def of_view(case: Case, view: View) -> list[Line]:
    return [(look.to, row) for look, row in view(case)]
