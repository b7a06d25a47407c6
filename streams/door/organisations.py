"""The registered organisations: admission's own table, and events to everybody, because their kind, districts and
heartbeats decide what residents' rows say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec
import psycopg

from woonketen.contracts.envelope import identity, same_source
from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.payloads.agreements import OrgLeft, OrgRegistered
from woonketen.contracts.records import PLATFORM, PLATFORM_SOURCE

RESERVED = frozenset({PLATFORM, "resident", "network"})


class Organisation(msgspec.Struct, frozen=True, kw_only=True):
    """`heartbeat_hours`: a sign of life is expected so often; None: none is. An empty `districts` is city-wide."""

    org: str
    kind: str
    sources: tuple[str, ...]
    districts: tuple[str, ...] = ()
    subject_url: str | None = None
    phone: str | None = None
    heartbeat_hours: int | None = None
    heartbeat_weekends: bool = True
    left_on: date | None = None


_COLUMNS = ", ".join(Organisation.__struct_fields__)


def fetch(connection: psycopg.Connection[Any]) -> dict[str, Organisation]:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM admission.org ORDER BY org").fetchall()
    found = {}
    for org, kind, sources, districts, *rest in rows:
        named = dict(zip(Organisation.__struct_fields__[4:], rest, strict=True))
        found[org] = Organisation(org=org, kind=kind, sources=tuple(sources), districts=tuple(districts), **named)
    return found


def changed(wanted: Organisation, known: Mapping[str, Organisation]) -> bool:
    """Whether registering would change something. Raises `ConfigurationError` where it may not be."""
    registered(wanted, date(2000, 1, 1))
    if wanted.org in RESERVED:
        raise ConfigurationError(f"`{wanted.org}` is a name that the platform uses itself.", "Choose another name.")
    for source in wanted.sources:
        if identity(source) is None:
            raise ConfigurationError(
                "The source is not one of the NL GOV profile.",
                "Write urn:nld:oin:<OIN>:systeem:<name> or urn:nld:kvknr:<8 digits>:systeem:<name>.",
            )
    before = known.get(wanted.org)
    if before is not None and set(before.sources) != set(wanted.sources):
        raise ConfigurationError(
            f"`{wanted.org}` is registered with another source.", "A source cannot change; register a new organisation."
        )
    if before is not None and before.kind != wanted.kind:
        raise ConfigurationError(f"`{wanted.org}` is registered as {before.kind}.", "A kind cannot change.")
    taken = [source for each in known.values() if each.org != wanted.org for source in each.sources]
    if any(_clash(source, other) for source in wanted.sources for other in [*taken, PLATFORM_SOURCE]):
        raise ConfigurationError("This source belongs to another organisation.", "Give this organisation's own.")
    return before != msgspec.structs.replace(wanted, left_on=None)  # also of one that left, and is back by this


def _clash(one: str, other: str) -> bool:
    first, second = identity(one), identity(other)
    return first is not None and second is not None and same_source(first, second)


def store(connection: psycopg.Connection[Any], wanted: Organisation) -> None:
    values = {name: getattr(wanted, name) for name in Organisation.__struct_fields__ if name != "left_on"}
    values |= {"sources": list(wanted.sources), "districts": list(wanted.districts)}
    columns = ", ".join(values)
    holes = ", ".join(f"%({name})s" for name in values)
    changes = ", ".join([*(f"{name} = excluded.{name}" for name in values if name != "org"), "left_on = NULL"])
    connection.execute(
        f"INSERT INTO admission.org ({columns}) VALUES ({holes}) ON CONFLICT (org) DO UPDATE SET {changes}", values
    )


def registered(wanted: Organisation, day: date) -> OrgRegistered:
    """The event that tells it. Raises `ConfigurationError` naming the field that breaks the contract."""
    try:
        return msgspec.convert(
            {
                "occurred_on": day,
                "org": wanted.org,
                "kind": wanted.kind,
                "districts": list(wanted.districts),
                "heartbeat_hours": wanted.heartbeat_hours,
                "heartbeat_weekends": wanted.heartbeat_weekends,
                "subject_url": wanted.subject_url,
                "phone": wanted.phone,
            },
            OrgRegistered,
        )
    except msgspec.ValidationError as error:
        path = str(error).partition("`$.")[2].rstrip("`")
        name = path.partition("[")[0] or "org"
        raise ConfigurationError(f"`{name.replace('_', '-')}` has a value of the wrong form.", "See --help.") from None


def left(org: str, day: date) -> OrgLeft:
    return OrgLeft(occurred_on=day, org=org)
