"""Lists of a view in parts, for pages: filtered, sorted and cut in the database, so that a page costs what it shows.

A row has an id here, its own in its view (`v_id`, in hex): it stands in addresses instead of a pseudonym. Who looks
reads only the rows of the part that is shown, and only those are on record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from woonketen.contracts import codes
from woonketen.contracts.errors import ConfigurationError
from woonketen.projections import queries
from woonketen.projections.ddl import PEOPLE
from woonketen.projections.people import VIEWS_OF, User

Row = dict[str, Any]

_SEVERITY = (
    "coalesce((SELECT max((w ->> 'severity')::int) FROM jsonb_array_elements(warnings) w"
    " WHERE w ->> 'state' NOT IN ('resolved', 'voided', 'expired')), 0)"
)
_DUE = "(SELECT min(w ->> 'due_on') FROM jsonb_array_elements(warnings) w)"
_WARNED = f"{_SEVERITY} DESC, {_DUE} NULLS LAST"
_LATE = "EXISTS (SELECT FROM jsonb_array_elements({0}) l WHERE l ->> 'state' = 'late')"
_PARTIES_LATE = "coalesce((SELECT max((p ->> 'oldest_late_days')::int) FROM jsonb_array_elements(parties) p), 0)"
DECIDE_DAYS = 180
_DECIDE = (
    "(notice_window IS NOT NULL AND decided IS NULL"
    f" AND coalesce((notice_window ->> 'until')::date - as_of <= {DECIDE_DAYS}, false))"
)

SORTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "coach": {
            "vandaag": f"{_WARNED}, (visits_unreported > 0) DESC, next_visit_on NULLS LAST, resident",
            "bezoek": "next_visit_on NULLS LAST, resident",
            "contact": "last_contact_on NULLS FIRST, resident",
            "bewoner": "resident",
        },
        "casusregisseur": {
            "te-laat": f"{_PARTIES_LATE} DESC, {_WARNED}, resident",
            "signaal": f"{_WARNED}, resident",
            "bewoner": "resident",
        },
        "wijkteam": {
            "signaal": f"{_WARNED}, coalesce(actions_late, 0) DESC, coalesce(referrals_waiting, 0) DESC, resident",
            "nieuw": "enrolled_on DESC, resident",
            "bewoner": "resident",
        },
        "corporatie": {
            "besluit": f"({_DECIDE}) DESC, CASE WHEN {_DECIDE} THEN notice_window ->> 'last_working_day' END,"
            f" {_WARNED}, ends_on NULLS LAST, lease_id",
            "signaal": f"{_WARNED}, lease_id",
            "achterstand": "outstanding_cents DESC NULLS LAST, lease_id",
            "contract": "lease_id",
        },
        "zorgaanbieder": {
            "verhuizing": "(cardinality(referrals_in) > 0) DESC, (move ->> 'planned_on') NULLS LAST,"
            f" {_WARNED}, (place ->> 'expected_free_on') NULLS LAST, resident",
            "wacht": "waiting_since NULLS LAST, resident",
            "bewoner": "resident",
        },
        "schuldhulp": {"nieuwste": "signalled_on DESC, signal_id"},
        "vrijwilliger": {"datum": "due_on NULLS LAST, party, handle"},
    }
)
"""View → name of an order → its terms; the first is the one without a choice."""

_PROGRAMMES = {code: f"programme = '{code}'" for code in sorted(codes.members("programme"))}
_WITH_WARNING = {
    "ja": f"{_SEVERITY} > 0",
    "ernstig": f"{_SEVERITY} >= 2",
    "nee": f"{_SEVERITY} = 0",
}

FILTERS: Mapping[str, Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "coach": {
            "signaal": _WITH_WARNING,
            "bezoek": {
                "gepland": "next_visit_on IS NOT NULL",
                "geen": "next_visit_on IS NULL",
                "zonder-uitslag": "visits_unreported > 0",
            },
            "programma": _PROGRAMMES,
        },
        "casusregisseur": {
            "te-laat": {"ja": f"{_PARTIES_LATE} > 0", "nee": f"{_PARTIES_LATE} = 0"},
            "signaal": _WITH_WARNING,
            "programma": _PROGRAMMES,
        },
        "wijkteam": {
            "signaal": _WITH_WARNING,
            "fase": {code: f"phase = '{code}'" for code in sorted(codes.members("phase"))},
            "programma": _PROGRAMMES,
            "deze-week": {"nieuw": "arrived_or_left = 'arrived'", "weg": "arrived_or_left = 'left'"},
        },
        "corporatie": {
            "vraagt": {
                "besluit": _DECIDE,
                "inspanning": "cardinality(may_signal_missing) > 0 AND outstanding_cents > 0",
                "begeleiding": "coaching_required AND coaching_runs IS DISTINCT FROM 'yes'",
            },
            "achterstand": {"ja": "outstanding_cents > 0", "nee": "coalesce(outstanding_cents, 0) = 0"},
            "signaal": _WITH_WARNING,
        },
        "zorgaanbieder": {
            "vraagt": {
                "verwijzing": "cardinality(referrals_in) > 0",
                "verhuizing": "move IS NOT NULL",
                "te-laat": _LATE.format("own_actions"),
                "wacht": "waiting_since IS NOT NULL",
            },
            "signaal": _WITH_WARNING,
            "programma": _PROGRAMMES,
        },
        "schuldhulp": {"stand": {"open": "withdrawn_on IS NULL", "ingetrokken": "withdrawn_on IS NOT NULL"}},
        "vrijwilliger": {},
    }
)
"""View → name of a filter → its values → the condition. All of it may stand in an address: nothing here is personal."""

_FOUND_IN = {"corporatie": "resident || ' ' || lease_id", "vrijwilliger": "handle", "schuldhulp": "signal_id"}
"""Where a piece of a pseudonym is looked for; elsewhere in `resident`."""


def part(
    owner: psycopg.Connection[Any],
    user: User,
    view: str,
    *,
    filters: Mapping[str, str] | None = None,
    sort: str | None = None,
    find: str | None = None,
    first: int = 0,
    size: int = 25,
) -> tuple[list[tuple[str, Row]], int]:
    """(id, row) of at most `size` rows from the one with number `first` on, and how many there are. Of those shown the
    look is recorded. An unknown filter or order is passed over. Raises as `queries.view`."""
    _refuse(owner, user, view)
    with queries.looking(owner, user) as cursor:
        rows, total = _read(cursor, view, filters or {}, sort, find, first, size)
        ids = [row.pop("v_id") for row in rows]
        queries.record(cursor, view, ids, queries.fields(view))
    return [(each.hex(), queries.in_order(row, view)) for each, row in zip(ids, rows, strict=True)], total


def prints(
    owner: psycopg.Connection[Any],
    user: User,
    view: str,
    *,
    filters: Mapping[str, str] | None = None,
    sort: str | None = None,
    find: str | None = None,
    first: int = 0,
    size: int = 25,
) -> dict[str, str]:
    """Of each row of that part its id and a few letters that change with it. Tells nothing of anybody: no look."""
    _refuse(owner, user, view)
    with queries.looking(owner, user) as cursor:
        rows, _ = _read(cursor, view, filters or {}, sort, find, first, size)
        return {row.pop("v_id").hex(): print_of(queries.in_order(row, view)) for row in rows}


def print_of(row: Mapping[str, Any]) -> str:
    """A few letters that change with what a row says; not with the mere passing of a day."""
    told = msgspec.json.encode({name: value for name, value in row.items() if name != "as_of"})
    return blake2b(told, digest_size=4).hexdigest()


def _read(
    cursor: psycopg.Cursor[Row],
    view: str,
    filters: Mapping[str, str],
    sort: str | None,
    find: str | None,
    first: int,
    size: int,
) -> tuple[list[Row], int]:
    conditions, values = _conditions(view, filters, find)
    order = SORTS[view].get(sort or "", next(iter(SORTS[view].values()))) if view in SORTS else "started_on, programme"
    # First which rows, then all of these, so that only what is shown is computed; and a count of its own, since a
    # window would keep what the order needs of every row.
    picked = queries.fetch(
        cursor,
        f"SELECT v_id, (SELECT count(*) FROM view_{view}.with_id{conditions}) AS total"
        f" FROM view_{view}.with_id{conditions} ORDER BY {order}, v_id LIMIT %s OFFSET %s",
        [*values, *values, size, first],
    )
    if not picked:
        count = f"SELECT count(*) AS n FROM view_{view}.with_id{conditions}"
        return [], queries.fetch(cursor, count, values)[0]["n"] if first else 0
    ids = [row["v_id"] for row in picked]
    found = queries.fetch(cursor, f"SELECT * FROM view_{view}.with_id WHERE v_id = ANY (%b)", [ids])
    by_id = {row["v_id"]: row for row in found}
    return [by_id[each] for each in ids if each in by_id], picked[0]["total"]


def one(owner: psycopg.Connection[Any], user: User, view: str, row_id: str) -> Row | None:
    """The row of this id, its look recorded; `None`, and the denial recorded, where this person sees none with it."""
    _refuse(owner, user, view)
    try:
        wanted = bytes.fromhex(row_id)
    except ValueError:
        wanted = b""
    with queries.looking(owner, user) as cursor:
        rows = queries.fetch(cursor, f"SELECT * FROM view_{view}.with_id WHERE v_id = %b", [wanted])
        for row in rows:
            queries.record(cursor, view, [row.pop("v_id")], queries.fields(view))
    if not rows:
        queries.record_denial(owner, user, view, "not_seen")
        return None
    return queries.in_order(rows[0], view)


def resident_of_row(owner: psycopg.Connection[Any], user: User, view: str, row_id: str) -> bytes | None:
    """Whose row it is, if this person sees it; for the program itself. Not a look."""
    _refuse(owner, user, view)
    try:
        wanted = bytes.fromhex(row_id)
    except ValueError:
        return None
    with queries.looking(owner, user) as cursor:
        seen = queries.fetch(cursor, f"SELECT v_id FROM view_{view}.with_id WHERE v_id = %b", [wanted])
        cursor.execute("RESET ROLE; SET LOCAL ROLE woonketen_processor")
        live = queries.fetch(cursor, "SELECT name FROM gate.set WHERE live")[0]["name"]
        query = sql.SQL("SELECT v_ref FROM {} WHERE v_id = ANY(%b)").format(sql.Identifier(live, view))
        found = cursor.execute(query, [[row["v_id"] for row in seen]]).fetchone()
    return None if found is None else bytes(found["v_ref"])


def _refuse(owner: psycopg.Connection[Any], user: User, view: str) -> None:
    if view not in PEOPLE or view == "warnings" or view not in VIEWS_OF[user.role]:
        queries.record_denial(owner, user, view, "not_of_this_role")
        raise ConfigurationError("A list of this view is not for this role.", "Ask for a view of the own role.")


def _conditions(view: str, filters: Mapping[str, str], find: str | None) -> tuple[str, Sequence[Any]]:
    known = FILTERS.get(view, {})
    found = [f"({known[name][value]})" for name, value in filters.items() if value in known.get(name, {})]
    values = []
    if find:
        found.append(f"position(lower(%s) in lower({_FOUND_IN.get(view, 'resident')})) > 0")
        values.append(find)
    return (" WHERE " + " AND ".join(found) if found else ""), values
