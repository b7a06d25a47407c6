"""What a person sees: the look is recorded in the transaction that reads, or there is no answer.

Every function takes a connection of the database's owner in autocommit mode and steps into the person's own role for
the one transaction, so that PostgreSQL itself decides which rows there are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import cache
from typing import Any, get_args, get_type_hints

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from woonketen.contracts.errors import ConfigurationError, Unreachable
from woonketen.contracts.views import OTHER_VIEWS, PERSON_VIEWS
from woonketen.projections.database import stepped_into, told
from woonketen.projections.ddl import PEOPLE
from woonketen.projections.people import VIEWS_OF, User

_LOCK_TIMEOUT = "5s"
_CLOSED = ("resolved", "voided", "expired")

Row = dict[str, Any]


def view(owner: psycopg.Connection[Any], user: User, name: str, *, resident: str | None = None) -> list[Row]:
    """The rows of a view that this person sees, fields in the order of its struct, then `as_of` and `feeds_silent`.

    `resident`: only of the resident whom the viewer's organisation knows under this pseudonym. Raises
    `ConfigurationError` for a view of another role, `Unreachable` when the look cannot be recorded.
    """
    _refuse_others(owner, user, name)
    condition, values = _one_resident(name, resident)
    if name == "looks":
        with looking(owner, user) as cursor:
            rows = fetch(cursor, "SELECT * FROM view_looks.looks ORDER BY at DESC")
            record(cursor, "looks", [], fields("looks"))
        return rows
    with looking(owner, user, steady=name == "programma") as cursor:
        if name in PEOPLE:
            rows = fetch(cursor, f"SELECT * FROM view_{name}.with_id{condition} ORDER BY {_sort(name)}", values)
        else:
            rows = fetch(cursor, f"SELECT * FROM view_{name}.{name}")
        ids = [row.pop("v_id") for row in rows] if name in PEOPLE else []
        record(cursor, name, ids, fields(name))
    return [in_order(row, name) for row in rows]


def call(owner: psycopg.Connection[Any], user: User, query: str, values: Sequence[Any]) -> Row:
    """The one row of a function of the gate, called as this person; it records the decision itself."""
    with looking(owner, user, steady=True) as cursor, _recording():
        (row,) = fetch(cursor, query, values)
        return row


def warnings(
    owner: psycopg.Connection[Any], user: User, *, closed: bool = False, resident: str | None = None
) -> list[Row]:
    """The open warnings (with `closed`: all) that this person sees, the gravest first."""
    _refuse_others(owner, user, "warnings")
    where, values = _one_resident("warnings", resident)
    if not closed:
        where = f"{where} AND" if where else " WHERE"
        where += " state <> ALL (%s)"
        values = [*values, list(_CLOSED)]
    with looking(owner, user) as cursor:
        rows = fetch(cursor, f"SELECT * FROM view_warnings.with_id{where} ORDER BY {_sort('warnings')}", values)
        ids = [row.pop("v_id") for row in rows]
        record(cursor, "warnings", ids, fields("warnings"))
    return rows


def looks(owner: psycopg.Connection[Any], user: User, ref: bytes | None = None) -> list[Row]:
    """Who looked: a resident sees the looks at himself, a steward all, or with `ref` those at one resident. In the form
    of the Logboek Dataverwerkingen, with organisation, role, purpose and fields beside it."""
    _refuse_others(owner, user, "looks")
    where, values = "", []
    if ref is not None:
        with told():
            found = owner.execute(
                "SELECT coalesce(array_agg(encode(i, 'hex')), '{}') FROM unnest(gate.looks_ids(%b)) AS u(i)", [ref]
            ).fetchone()
        where, values = " WHERE data_subject_id = ANY (%s)", list(found or ())
    with looking(owner, user) as cursor:
        rows = fetch(cursor, f"SELECT * FROM view_looks.ldv{where} ORDER BY start_time, span_id", values)
        record(cursor, "looks", [], fields("looks"))
    return [_ldv(row) for row in rows]


def decisions(owner: psycopg.Connection[Any], user: User) -> list[Row]:
    """Every request and its answer, for a steward, in the form of the Authorization Decision Log; denials too."""
    _refuse_others(owner, user, "looks" if user.role == "steward" else "decisions")
    with looking(owner, user) as cursor:
        rows = [_adl(row) for row in fetch(cursor, "SELECT * FROM view_looks.decisions ORDER BY at, span_id")]
        record(cursor, "decisions", [], ["request", "response"])
    return rows


def who_looked(owner: psycopg.Connection[Any], user: User, look_id: str, reason: str) -> list[Row]:
    """The roles behind a line of the looks (`span_id`) or a whole request (`trace_id`), for a steward with a reason.
    That the steward asked is recorded as a look at the same residents. Empty for an id that is not there."""
    _refuse_others(owner, user, "looks" if user.role == "steward" else "who_looked")
    try:
        look = bytes.fromhex(look_id)
    except ValueError:
        raise ConfigurationError("That is no id of a look.", "Give a span_id or a trace_id of `looks`.") from None
    with looking(owner, user) as cursor, _recording():
        return fetch(cursor, "SELECT * FROM gate.who_looked(%b, %s)", [look, reason])


def resident_of_warning(owner: psycopg.Connection[Any], user: User, warning_id: str) -> bytes | None:
    """Whose warning it is, if this person sees it; for the program itself, which then explains it from the log. Not a
    look: `record_look` is, with what is shown of it."""
    _refuse_others(owner, user, "warnings")
    with looking(owner, user) as cursor:
        rows = fetch(cursor, "SELECT v_id FROM view_warnings.with_id WHERE id = %s", [warning_id])
        cursor.execute("RESET ROLE; SET LOCAL ROLE woonketen_processor")
        for row in rows:
            live = fetch(cursor, "SELECT name FROM gate.set WHERE live")[0]["name"]
            query = sql.SQL("SELECT v_ref FROM {} WHERE v_id = %b").format(sql.Identifier(live, "warnings"))
            cursor.execute(query, [row["v_id"]])
            found = cursor.fetchone()
            if found is not None:
                return bytes(found["v_ref"])
    return None


def resident_of_lease(owner: psycopg.Connection[Any], user: User, lease_id: str) -> bytes | None:
    """Whose lease it is, if this person has it in view `corporatie`; for the program itself. Not a look:
    `record_look` is."""
    _refuse_others(owner, user, "corporatie")
    with looking(owner, user) as cursor:
        rows = fetch(cursor, "SELECT v_id FROM view_corporatie.with_id WHERE lease_id = %s", [lease_id])
        cursor.execute("RESET ROLE; SET LOCAL ROLE woonketen_processor")
        live = fetch(cursor, "SELECT name FROM gate.set WHERE live")[0]["name"]
        query = sql.SQL("SELECT v_ref FROM {} WHERE v_id = ANY(%b)").format(sql.Identifier(live, "corporatie"))
        found = cursor.execute(query, [[row["v_id"] for row in rows]]).fetchone()
    return None if found is None else bytes(found["v_ref"])


def record_look(
    owner: psycopg.Connection[Any], user: User, name: str, refs: Collection[bytes], fields: Sequence[str]
) -> None:
    """Records what the program computed from the log for this person. Call it before showing anything."""
    with _recording(), owner.transaction(), stepped_into(owner, "woonketen_processor"):
        owner.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        owner.execute("SELECT gate.record_look_at(%s, %s, %b, %s)", [user.rolname, name, list(refs), list(fields)])


def record_desk(
    owner: psycopg.Connection[Any], user: User, refs: Collection[bytes], fields: Sequence[str], why: str
) -> None:
    """Records what a steward opens of the quarantine, with the reason. Call it before showing anything. Raises
    `ConfigurationError` for who is no steward, after recording that it was refused."""
    if user.role != "steward":
        record_denial(owner, user, "quarantine", "not_of_this_role")
        raise ConfigurationError("Only a steward opens what was set aside.", "Name a steward with --as.")
    with _recording(), owner.transaction(), stepped_into(owner, "woonketen_processor"):
        owner.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        owner.execute("SELECT gate.record_desk(%s, %b, %s, %s)", [user.rolname, list(refs), list(fields), why])


def record_denial(owner: psycopg.Connection[Any], user: User, name: str, why: str) -> None:
    """Records that somebody asked and was told nothing. `why` is a code. Call it before saying no."""
    with _recording(), owner.transaction(), stepped_into(owner, "woonketen_processor"):
        owner.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        owner.execute("SELECT gate.record_denial(%s, %s, %s)", [user.rolname, name, why])


# --- steps ------------------------------------------------------------------------------------------------------------


def _refuse_others(owner: psycopg.Connection[Any], user: User, name: str) -> None:
    if name not in VIEWS_OF[user.role]:
        record_denial(owner, user, name, "not_of_this_role")
        allowed = ", ".join(VIEWS_OF[user.role]) or "none"
        raise ConfigurationError(f"A {user.role} has no view of that name.", f"Views of this role: {allowed}.")


def _one_resident(name: str, resident: str | None) -> tuple[str, list[Any]]:
    if resident is None:
        return "", []
    if name == "bewoner":
        raise ConfigurationError("A resident sees the own row and no other.", "Leave --resident out.")
    field = "handle" if name == "vrijwilliger" else "resident"
    if name not in PEOPLE or name == "schuldhulp":
        raise ConfigurationError("This view is about no resident.", "Leave --resident out.")
    return f" WHERE {field} = %s", [resident]


def _sort(name: str) -> str:
    return {
        "bewoner": "started_on, programme, v_id",
        "corporatie": "lease_id, v_id",
        "vrijwilliger": "due_on, party, handle, v_id",
        "schuldhulp": "signalled_on, signal_id, v_id",
        "warnings": "severity DESC, opened_on, id, v_id",
    }.get(name, "resident, v_id")


@contextmanager
def looking(owner: psycopg.Connection[Any], user: User, *, steady: bool = False) -> Iterator[psycopg.Cursor[Row]]:
    """A transaction in the person's role; what was read in it may be shown only when it has committed. `steady`: every
    statement sees the same, where rows carry nothing to record them by."""
    with told(), owner.transaction(), owner.cursor(row_factory=dict_row) as cursor:
        if steady:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        settings = f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'; SET LOCAL ROLE {{}}"
        cursor.execute(sql.SQL(settings).format(sql.Identifier(user.rolname)))
        yield cursor


def record(cursor: psycopg.Cursor[Row], name: str, ids: Sequence[bytes], fields: Sequence[str]) -> None:
    with _recording():
        cursor.execute("SELECT gate.record_look(%s, %b, %s)", [name, list(ids), list(fields)])


@contextmanager
def _recording() -> Iterator[None]:
    try:
        yield
    except psycopg.Error:
        raise Unreachable("The look cannot be recorded, so nothing is shown.", "Mend the database.") from None


def fetch(cursor: psycopg.Cursor[Row], query: str, values: Sequence[Any] = ()) -> list[Row]:
    cursor.execute(query, values)
    return cursor.fetchall()


def fields(name: str) -> list[str]:
    if name in PEOPLE:
        return [field for field, _ in PEOPLE[name].fields]
    return list(OTHER_VIEWS[name].__struct_encode_fields__)


def in_order(row: Row, view: str) -> Row:
    """JSON in the database forgets the order of keys; here each object gets its struct's again."""
    hints = _hints({**PERSON_VIEWS, **OTHER_VIEWS}[view])
    return {name: _ordered(value, hints.get(name)) for name, value in row.items()}


def _ordered(value: Any, hint: Any) -> Any:
    if isinstance(value, dict):
        struct = next((each for each in (hint, *get_args(hint)) if hasattr(each, "__struct_fields__")), None)
        if struct is None:
            return value
        return {name: _ordered(value[name], each) for name, each in _hints(struct).items() if name in value}
    if isinstance(value, list):
        inner = next((get_args(each)[0] for each in (hint, *get_args(hint)) if get_args(each)), None)
        return [_ordered(each, inner) for each in value]
    return value


@cache
def _hints(struct: Any) -> dict[str, Any]:
    hints = get_type_hints(struct)
    fields = zip(struct.__struct_encode_fields__, struct.__struct_fields__, strict=True)
    return {encoded: hints[field] for encoded, field in fields}


def _ldv(row: Row) -> Row:
    attributes = {
        f"dpl.core.{name}": row.pop(name)
        for name in ("processing_activity_id", "data_subject_id", "data_subject_id_type")
    }
    head = {name: row.pop(name) for name in ("trace_id", "span_id", "status", "name", "start_time", "end_time")}
    for name, value in head.items():
        if isinstance(value, datetime):
            head[name] = value.isoformat()
    return {**head, "attributes": attributes, **row}


def _adl(row: Row) -> Row:
    attributes = {"adl.core.policies": row["policies"], "adl.core.request": row["request"],
                  "adl.core.response": row["response"]}  # fmt: skip
    return {
        "trace_id": row["trace_id"],
        "span_id": row["span_id"],
        "event_name": row["event_name"],
        "timestamp": row["at"].isoformat(),
        "status": row["status"],
        "attributes": attributes,
    }


def warnings_seen(owner: psycopg.Connection[Any], user: User) -> set[str]:
    """The ids of the warnings, ended ones too, that this person sees now; for the program itself, which then looks back
    in the log. Not a look: `record_look` is."""
    with looking(owner, user) as cursor:
        return {row["id"] for row in fetch(cursor, "SELECT id FROM view_warnings.with_id")}


def today(owner: psycopg.Connection[Any]) -> date:
    """The open day of the views: the only "today"."""
    with told():
        row = owner.execute("SELECT gate.open_day((SELECT name FROM gate.set WHERE live))").fetchone()
    if row is None or row[0] is None:
        raise ConfigurationError("The database is not prepared for this program.", "Run `woonketen init`.")
    found: date = row[0]
    return found


def residents_of(owner: psycopg.Connection[Any], user: User) -> list[bytes]:
    """The residents of whom this person sees a row now; for the program itself, which then looks back in the log. Not a
    look: `record_look` is."""
    found: set[bytes] = set()
    with looking(owner, user) as cursor:
        for name in sorted(set(VIEWS_OF[user.role]) & set(PERSON_VIEWS)):
            ids = [row["v_id"] for row in fetch(cursor, f"SELECT v_id FROM view_{name}.with_id")]
            cursor.execute("RESET ROLE; SET LOCAL ROLE woonketen_processor")
            live = fetch(cursor, "SELECT name FROM gate.set WHERE live")[0]["name"]
            query = sql.SQL("SELECT DISTINCT v_ref FROM {} WHERE v_id = ANY(%b)").format(sql.Identifier(live, name))
            found |= {bytes(row["v_ref"]) for row in cursor.execute(query, [ids]).fetchall()}
            cursor.execute(sql.SQL("RESET ROLE; SET LOCAL ROLE {}").format(sql.Identifier(user.rolname)))
    return sorted(found)
