"""The same check for two viewers of one view, and why the answers differ."""

from __future__ import annotations

from typing import Any

import msgspec
import psycopg
from psycopg import sql

from woonketen.contracts import checks as catalogue
from woonketen.contracts.errors import ConfigurationError
from woonketen.orchestration.quality import counts
from woonketen.projections.database import stepped_into
from woonketen.projections.measure import columns, hidden_name
from woonketen.projections.people import User

GROUNDS = {
    "refused": "geweigerd",
    "withdrawn": "ingetrokken",
    "expired": "verlopen",
    "never_asked": "nooit gevraagd",
    "objected": "bezwaar gemaakt",
    "notice": "bewoner nog niet ingelicht",
    "no_rule": "geen regel",
}


class Side(msgspec.Struct, frozen=True):
    """What one viewer's rows give: `rows` that the viewer has, of them `checked`, `hidden` by consent, `failed`."""

    viewer: str
    rows: int
    checked: int
    hidden: int
    failed: int
    grounds: dict[str, int]


def compare(
    owner: psycopg.Connection[Any], dsn: str, check_id: str, one: tuple[str, User], other: tuple[str, User]
) -> dict[str, Any]:
    """`one`, `other`: a name and the person. Raises `ConfigurationError` when the check is not about their view."""
    check = catalogue.shipped().named(check_id)
    for _, user in (one, other):
        if user.role != check.suite:
            raise ConfigurationError(
                f"The check {check.id} is about the view {check.suite}.", "Name two people who have that view."
            )
    with counts.reading(dsn) as connection:
        sides = [_with_grounds(connection, check, _side(owner, check, name, user), user) for name, user in (one, other)]
    return {
        "check": check.id,
        "means": check.means,
        "sides": [msgspec.to_builtins(side) for side in sides],
        "difference": explain(*sides),
    }


def explain(one: Side, other: Side) -> list[str]:
    """Why the second answer differs from the first, in sentences; empty when nothing does."""
    told = []
    if one.rows != other.rows:
        told.append(
            f"{other.viewer} heeft {_more(other.rows - one.rows)} rijen:"
            " dat zijn andere bewoners, geen andere gegevens."
        )
    if one.hidden != other.hidden:
        told.append(
            f"Bij {other.viewer} zijn {_more(other.hidden - one.hidden)} rijen verborgen"
            f" ({_why(other)}; bij {one.viewer} {_why(one)}); die tellen niet als fout."
        )
    if one.failed != other.failed:
        told.append(
            f"Van wat kon worden nagekeken, is bij {one.viewer} {one.failed} van {one.checked} fout"
            f" en bij {other.viewer} {other.failed} van {other.checked}."
        )
    return told


def _more(number: int) -> str:
    return f"{number} meer" if number > 0 else f"{-number} minder"


def _why(side: Side) -> str:
    if not side.hidden:
        return "niets verborgen"
    return ", ".join(f"{number} {GROUNDS.get(ground, ground)}" for ground, number in sorted(side.grounds.items()))


def _side(owner: psycopg.Connection[Any], check: catalogue.Check, name: str, user: User) -> Side:
    """In the person's own role, over the person's own rows: PostgreSQL decides which. Only counts come back."""
    made = ", ".join(columns((check,), check.suite))
    query = sql.SQL(
        "SELECT count(*), count({ok}), count(*) FILTER (WHERE {hidden}), count(*) FILTER (WHERE NOT {ok})"
        f" FROM (SELECT {made} FROM view_{check.suite}.{check.suite}) AS c"
    ).format(ok=sql.Identifier(check.id), hidden=sql.Identifier(hidden_name(check)))
    with owner.transaction(), stepped_into(owner, user.rolname):
        rows, checked, hidden, failed = owner.execute(query).fetchone() or (0, 0, 0, 0)
    return Side(name, rows, checked, hidden, failed, {})


def _with_grounds(connection: psycopg.Connection[Any], check: catalogue.Check, side: Side, user: User) -> Side:
    """`grounds` are those of the whole organisation: of a person's own rows they would tell of one resident."""
    if not side.hidden:
        return side
    why = connection.execute(
        "SELECT ground, rows FROM quality.hidden WHERE suite = %s AND check_id = %s AND org = %s",
        [check.suite, check.id, user.org],
    ).fetchall()
    return msgspec.structs.replace(side, grounds=dict(why))
