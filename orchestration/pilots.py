"""Figures of a pilot: proposed by one member of the steering group, released when another confirms the same."""

from __future__ import annotations

from typing import Any, get_args

import psycopg

from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.payloads import lists
from woonketen.projections import queries
from woonketen.projections.people import User

FIGURES = ("completed", "housed_3", "housed_6", "housed_12", "housed_24", "tenancy_kept", "goals_met")
"""Part of whole: completed of enrolled; still housed so many months after the start, of those whose start is so long
ago; kept, or met, of those of whom it was told."""
PROGRAMMES = get_args(lists.Programme)
_WHY = {
    "stranger": ("This user is no member of a steering group of that programme.", "Name a member with --as."),
    "empty": ("There is nobody to count for that figure yet.", "Choose another figure or cohort."),
    "unknown": ("There is no such proposal for this user.", "Look at `woonketen programma list`."),
    "same": ("Who proposed a figure cannot confirm it.", "Let another member confirm it."),
    "changed": ("The figure is another one by now.", "Propose it again."),
}


def propose(
    owner: psycopg.Connection[Any], user: User, figure: str, programme: str, cohort: str | None
) -> dict[str, Any]:
    """Counts over what this member sees. Raises `ConfigurationError`."""
    _members_only(owner, user)
    row = queries.call(
        owner, user, "SELECT word, number FROM gate.propose_figure(%s, %s, %s)", [figure, programme, cohort]
    )
    if row["word"] != "ok":
        raise ConfigurationError(*_WHY[row["word"]])
    return {"proposal": row["number"], "figure": figure, "programme": programme, "cohort": cohort}


def confirm(owner: psycopg.Connection[Any], user: User, number: int) -> dict[str, Any]:
    """By another member, who counts the same. Raises `ConfigurationError`."""
    _members_only(owner, user)
    word = queries.call(owner, user, "SELECT gate.confirm_figure(%s) AS word", [number])["word"]
    if word != "ok":
        raise ConfigurationError(*_WHY[word])
    return next(row for row in queries.view(owner, user, "programma_figures") if row["id"] == number)


def _members_only(owner: psycopg.Connection[Any], user: User) -> None:
    if user.role != "programma":
        queries.record_denial(owner, user, "programma", "not_of_this_role")
        raise ConfigurationError("Only members of a steering group release figures.", "Use another --as.")
