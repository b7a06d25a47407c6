"""The tables of a set and the views over them, made from the structs of `contracts/views.py`.

A column is a field. Beside them stand, unseen: `v_id` (a row's id), `v_ref` (the resident), whose row it is, and what
the database computes from on the day that is open. Nobody who looks may name a set's schema, and what he may read of
its tables is granted by column: `ctid` and `xmin` would tell of rows that are hidden from him.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from woonketen.contracts.views import PERSON_VIEWS, ActionLine, Complex, PartyLine, View

SETS = ("set_1", "set_2")

_UNSEEN = (
    ("v_id", "bytea NOT NULL PRIMARY KEY"),
    ("v_ref", "bytea NOT NULL"),
    ("v_partition", "int NOT NULL"),
    ("v_org", "text NOT NULL"),
    ("v_worker", "text"),
    ("v_district", "text"),
    ("v_late", "jsonb NOT NULL"),
    ("v_sources", "text[] NOT NULL"),
)
_READABLE = ("v_id", "v_late", "v_sources")
"""Of the unseen columns those that the views compute with."""

_TYPES: Mapping[type, str] = MappingProxyType(
    {bool: "boolean", int: "bigint", float: "double precision", str: "text", date: "date"}
)

# Which rows of a table a viewer sees. Each sub-select is about the viewer alone, so it is computed once a query.
_MINE = "(SELECT {0} FROM gate.viewer WHERE rolname = current_user AND role = '{1}')"
_OWN_WORK = "v_org = {org} AND v_worker = {worker}"
_OWN_ORG = "v_org = {org}"
_OWN_DISTRICTS = (
    "v_org = {org} AND (v_district IS NULL OR {city_wide} OR v_district = ANY (ARRAY(SELECT unnest(districts)"
    " FROM gate.viewer WHERE rolname = current_user)))"
)
_SEES: Mapping[str, str] = MappingProxyType(
    {
        "bewoner": "v_ref = {ref}",
        "coach": _OWN_WORK,
        "casusregisseur": _OWN_WORK,
        "wijkteam": _OWN_DISTRICTS,
        "corporatie": _OWN_ORG,
        "zorgaanbieder": _OWN_ORG,
        "vrijwilliger": _OWN_WORK,
        "schuldhulp": _OWN_ORG,
    }
)

GLASS = ("coach", "casusregisseur", "wijkteam", "vrijwilliger")
"""Roles that see the rows of one worker or of some districts, and so may need a colleague's."""

# Fields that change by the mere passing of a day.
_BY_DAY: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        # Written out: a list is ordered by it, and a call of `gate.count_late` costs twice as much a row.
        ("wijkteam", "actions_late"): "CASE WHEN actions_open IS NOT NULL THEN (SELECT count(*)"
        " FROM jsonb_array_elements_text(v_late -> 'open_due') AS d(due) WHERE due::date < {today}) END",
        ("wijkteam", "arrived_or_left"): "gate.arrived_or_left(v_late, {today})",
        (
            "vrijwilliger",
            "late_days",
        ): "coalesce(gate.oldest_late(v_late, {today}), nullif(greatest({today} - due_on, 0), 0))",
    }
)
_BY_DAY_OF_TYPE = ((ActionLine, "gate.late_actions({0}, {today})"), (PartyLine, "gate.late_parties({0}, {today})"))


class WarningLine(msgspec.Struct, frozen=True, kw_only=True):
    """A warning in a list of its own; `resident` is the viewer's own pseudonym."""

    id: str
    indicator: str
    severity: int
    state: str
    sentence: str
    resident: str | None
    opened_on: date
    due_on: date | None
    owner: str


class Shape(msgspec.Struct, frozen=True):
    """A table of residents' rows: the view's name and its fields in the order in which they are shown."""

    name: str
    fields: tuple[tuple[str, Any], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name, _ in _UNSEEN) + tuple(name for name, _ in self.fields)


def shape_of(name: str, struct: Any) -> Shape:
    hints = get_type_hints(struct)
    encoded = dict(zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True))
    carried = View.__struct_fields__ if issubclass(struct, View) else ()
    order = [field for field in struct.__struct_fields__ if field not in carried] + list(carried)
    return Shape(name, tuple((encoded[field], hints[field]) for field in order))


PEOPLE: Mapping[str, Shape] = MappingProxyType(
    {name: shape_of(name, struct) for name, struct in PERSON_VIEWS.items()}
    | {"warnings": shape_of("warnings", WarningLine)}
)
"""The tables that hold rows about residents."""
COMPLEX = shape_of("complex", Complex)


def column_type(hint: Any) -> str:
    """SQL type of a field; what may be `None` may be NULL.

    >>> column_type(int), column_type(list[str] | None), column_type(dict[str, str])
    ('bigint NOT NULL', 'text[]', 'jsonb NOT NULL')
    """
    optional = get_origin(hint) in (Union, UnionType) and NoneType in get_args(hint)
    inner = _inner(hint)
    named = _TYPES.get(inner) if isinstance(inner, type) else None
    if named is None:
        named = "text[]" if inner == list[str] else "jsonb"
    return named if optional else f"{named} NOT NULL"


def set_sql(name: str) -> str:
    """Makes a set's schema with its tables, rules and grants. `name`: one of `SETS`."""
    return "\n".join(_set(name))


def views_sql(in_set: str) -> Mapping[str, str]:
    """Per schema-qualified view name its query over this set. `with_id` is the same with the id by which a look is
    recorded; the view itself shows its fields and nothing else."""
    made = {}
    for name, shape in PEOPLE.items():
        made[f"view_{name}.with_id"] = _query(in_set, shape, with_id=True)
        made[f"view_{name}.{name}"] = _query(in_set, shape, with_id=False)
    columns = ", ".join(f'"{field}"' for field, _ in COMPLEX.fields)
    silent = "gate.both(ARRAY[v_org], (SELECT gate.silent())) AS feeds_silent"
    made["view_complex.complex"] = f"SELECT {columns}, as_of, {silent} FROM {in_set}.complex"
    return made


def schemas_sql() -> str:
    """The schemas in which the views stand, one per stakeholder."""
    return "\n".join(
        f"CREATE SCHEMA IF NOT EXISTS view_{name}; GRANT USAGE ON SCHEMA view_{name} TO woonketen_{name};"
        for name in (*PEOPLE, "complex")
    )


def _set(name: str) -> Iterator[str]:
    yield f"CREATE SCHEMA {name};"
    yield f"GRANT USAGE ON SCHEMA {name} TO woonketen_processor, woonketen_gate;"
    for shape in PEOPLE.values():
        yield from _people(name, shape)
    yield f"""
        CREATE TABLE {name}.resident (
            ref bytea PRIMARY KEY, partition int NOT NULL, judge_on date, show_on date, digest bytea NOT NULL);
        CREATE INDEX ON {name}.resident (partition, judge_on);
        CREATE INDEX ON {name}.resident (partition, show_on);
        CREATE TABLE {name}.contribution (ref bytea NOT NULL, partition int NOT NULL, data jsonb NOT NULL);
        CREATE INDEX ON {name}.contribution (ref);
        CREATE TABLE {name}.pilot (ref bytea NOT NULL, partition int NOT NULL, data jsonb NOT NULL);
        CREATE INDEX ON {name}.pilot (ref);
        CREATE TABLE {name}.complex (
            v_org text NOT NULL, as_of date, {_columns(COMPLEX)}, PRIMARY KEY (v_org, complex_id));"""
    for table in ("resident", "contribution", "pilot", "complex"):
        yield from _closed(f"{name}.{table}")
    yield f"CREATE POLICY gate ON {name}.pilot FOR SELECT TO woonketen_gate USING (true);"
    yield f"GRANT SELECT ON {name}.pilot TO woonketen_gate;"
    yield f"""
        CREATE POLICY complex ON {name}.complex FOR SELECT TO woonketen_complex USING (
            v_org = {_MINE.format("org", "corporatie")}
            OR (SELECT role FROM gate.viewer WHERE rolname = current_user) = 'beleid');
        GRANT SELECT (v_org, as_of, {_names(COMPLEX)}) ON {name}.complex TO woonketen_complex;"""


def _people(in_set: str, shape: Shape) -> Iterator[str]:
    table = f"{in_set}.{shape.name}"
    unseen = ", ".join(f"{column} {kind}" for column, kind in _UNSEEN)
    role = ", v_role text NOT NULL" if shape.name == "warnings" else ""
    yield f"CREATE TABLE {table} ({unseen}, {_columns(shape)}{role});"
    yield f"CREATE INDEX ON {table} (v_ref); CREATE INDEX ON {table} (v_org, v_worker);"
    yield from _closed(table)
    yield from _told(table, shape.name)
    for group, condition in _conditions(shape.name):
        yield (
            f"CREATE POLICY {group} ON {table} FOR SELECT TO woonketen_{shape.name} USING ({condition}"
            f" AND NOT v_id = ANY (coalesce((SELECT gate.hidden_rows('{in_set}', '{shape.name}')), '{{}}')));"
        )
    for group, condition in _glass(shape.name):
        yield (
            f"CREATE POLICY glass_{group} ON {table} FOR SELECT TO woonketen_{shape.name} USING ({condition}"
            f" AND NOT v_id = ANY (coalesce((SELECT gate.hidden_rows('{in_set}', '{shape.name}')), '{{}}')));"
        )
    yield f"GRANT SELECT ({', '.join(_READABLE)}, {_names(shape)}) ON {table} TO woonketen_{shape.name};"
    if shape.name == "bewoner":
        yield f"GRANT SELECT (consents) ON {table} TO woonketen_gate;"
    yield f"GRANT SELECT (v_id, v_ref, v_org, v_worker, v_district) ON {table} TO woonketen_gate;"
    yield f"CREATE POLICY measure ON {table} FOR SELECT TO woonketen_measure USING (true);"
    yield f"CREATE POLICY gate ON {table} FOR SELECT TO woonketen_gate USING (true);"


def _told(table: str, name: str) -> Iterator[str]:
    """Whose rows changed, for the pages that are open (0151_changes.sql)."""
    whose = "resident" if name == "bewoner" else "organisation"
    for verb, rows in (("INSERT", "NEW"), ("DELETE", "OLD")):
        yield (
            f"CREATE TRIGGER told_{verb.lower()} AFTER {verb} ON {table} REFERENCING {rows} TABLE AS changed"
            f" FOR EACH STATEMENT EXECUTE FUNCTION gate.tell_changes('{whose}');"
        )


def _conditions(name: str) -> Iterator[tuple[str, str]]:
    for role, sees in _SEES.items():
        if name not in (role, "warnings"):
            continue
        condition = sees.format(
            org=_MINE.format("org", role),
            worker=_MINE.format("worker", role),
            ref=_MINE.format("ref", role),
            city_wide=_MINE.format("districts = '{}'", role),
        )
        yield role, f"v_role = '{role}' AND {condition}" if name == "warnings" else condition


def _glass(name: str) -> Iterator[tuple[str, str]]:
    """Break-glass: the rows that colleagues of the own organisation have of a resident, for three hours. Where all of
    an organisation see its rows anyhow there is nothing to open."""
    for role in GLASS:
        if name not in (role, "warnings"):
            continue
        org = _MINE.format("org", role)
        condition = f"v_org = {org} AND v_ref = ANY (coalesce((SELECT gate.my_glass()), '{{}}'))"
        yield role, f"v_role = '{role}' AND {condition}" if name == "warnings" else condition


def _closed(table: str) -> Iterator[str]:
    """Forced: not even the owner reads past the rules. The processor, and only it, writes."""
    yield f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY processor ON {table} TO woonketen_processor USING (true) WITH CHECK (true);
        GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO woonketen_processor;"""


def _query(in_set: str, shape: Shape, *, with_id: bool) -> str:
    today = f"(SELECT gate.open_day('{in_set}'))"
    shown = [f'{_shown(shape.name, field, hint).format(today=today)} AS "{field}"' for field, hint in shape.fields]
    shown.append(f"{today} - 1 AS as_of")
    shown.append("gate.both(v_sources, (SELECT gate.silent())) AS feeds_silent")
    if with_id:
        shown.append("v_id")
    return f"SELECT {', '.join(shown)} FROM {in_set}.{shape.name}"


def _shown(view: str, field: str, hint: Any) -> str:
    by_day = _BY_DAY.get((view, field))
    if by_day is not None:
        return by_day
    inner = _inner(hint)
    for struct, function in _BY_DAY_OF_TYPE:
        if inner == list[struct]:  # type: ignore[valid-type]
            return function.format(f'"{field}"', today="{today}")
    return f'"{field}"'


def _inner(hint: Any) -> Any:
    if get_origin(hint) in (Union, UnionType):
        return next(each for each in get_args(hint) if each is not NoneType)
    return hint


def _columns(shape: Shape) -> str:
    return ", ".join(f'"{field}" {column_type(hint)}' for field, hint in shape.fields)


def _names(shape: Shape) -> str:
    return ", ".join(f'"{field}"' for field, _ in shape.fields)
