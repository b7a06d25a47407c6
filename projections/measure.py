"""The views of the data checks: each row of a stakeholder's view as booleans, with no value and no pseudonym in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg

from woonketen.contracts.checks import WARNINGS, Check, Checks, shipped
from woonketen.projections.ddl import PEOPLE

ROLE = "woonketen_measure"
_BESIDE = ("v_org",)


def hidden_name(check: Check) -> str:
    """The column that tells whether consent hides what the check reads."""
    return f"{check.id} hidden"


def show(owner: psycopg.Connection[Any], in_set: str, checks: Checks | None = None) -> None:
    """Makes the views over this set, inside the caller's transaction."""
    for statement in _statements(in_set, checks or shipped()):
        owner.execute(statement)


def _statements(in_set: str, checks: Checks) -> Iterator[str]:
    yield f"GRANT USAGE ON SCHEMA {in_set} TO {ROLE};"
    for view in PEOPLE:
        of_view = checks.of(view)
        read = {field for check in of_view for field in check.fields} | ({"not_shared"} if view != WARNINGS else set())
        granted = ", ".join([*_BESIDE, *(f'"{field}"' for field in sorted(read)), *_role(view)])
        yield f"GRANT SELECT ({granted}) ON {in_set}.{view} TO {ROLE};"
        yield f"DROP VIEW IF EXISTS quality.view_{view};"
        if of_view:
            shown = ", ".join(["v_org AS org", *_role(view), *columns(of_view, view)])
            yield (
                f"CREATE VIEW quality.view_{view} WITH (security_barrier = true) AS"
                f" SELECT {shown} FROM {in_set}.{view};"
                f" ALTER VIEW quality.view_{view} OWNER TO {ROLE};"
                f" GRANT SELECT ON quality.view_{view} TO woonketen_quality;"
            )


def _role(view: str) -> list[str]:
    return ["v_role"] if view == WARNINGS else []


def columns(checks: tuple[Check, ...], view: str) -> Iterator[str]:
    """Each check as SQL over the fields of its view: whether it passed, and whether consent hides what it reads. Of a
    hidden value nothing is known, so the check neither passed nor failed."""
    for check in checks:
        names = ", ".join(f"'{field}'" for field in check.fields)
        hidden = "false" if view == WARNINGS else f"coalesce(not_shared && ARRAY[{names}], false)"
        yield f'CASE WHEN NOT {hidden} THEN coalesce(({check.expect}), false) END AS "{check.id}"'
        yield f'{hidden} AS "{hidden_name(check)}"'
