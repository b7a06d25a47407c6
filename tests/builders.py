"""One builder for every type of event: defaults from the frozen samples, unique ids, nothing to clean up.

    event("lease.started", subject="C-1", rent_cents=50000)      a CloudEvent as a partner sends it
    fact("lease.started", happened=date(2026, 3, 1))             the same, as the step sees it
    correction(of, rent_cents=50000), retraction(of)             about a fact that was built
    world(...)                                                   the organisations of the samples, and what is added

A field is left out by giving it as `...`. With another day for the whole, the sample's other days move along.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from types import EllipsisType
from typing import Any, cast

from woonketen.contracts import catalogue, indicators
from woonketen.contracts.facts import Fact, event_key
from woonketen.contracts.policy import Policy, shipped
from woonketen.streams.core.world import World, build_world

SCHEMAS = Path(__file__).parents[1] / "contracts" / "schemas"

GEMEENTE = "gemeente-ijsselstad"
CORPORATIE = "openbaar-wonen"
COACH = "coach-oost"
ZORG = "zorg-ijssel"
BUDDY = "buurtmaat"
PLATFORM = "woonketen"

SOURCES = {
    GEMEENTE: "urn:nld:oin:00000001001234567000:systeem:sociaal-domein",
    CORPORATIE: "urn:nld:kvknr:05012345:systeem:primair",
    COACH: "urn:nld:kvknr:41012345:systeem:coaching",
    ZORG: "urn:nld:kvknr:08098765:systeem:ecd",
    BUDDY: "urn:nld:kvknr:24012345:systeem:buddy",
    PLATFORM: "urn:nld:kvknr:90000001:systeem:woonketen",
}
KINDS = {
    GEMEENTE: "gemeente",
    CORPORATIE: "corporatie",
    COACH: "zorgaanbieder",
    ZORG: "zorgaanbieder",
    BUDDY: "buddy_organisatie",
}
_ORG_OF = {source: org for org, source in SOURCES.items()}
_numbers = count(1)
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def source_of(org: str) -> str:
    """The source of an organisation of the samples; an invented one for any other."""
    return SOURCES.get(org) or f"urn:nld:kvknr:{sum(org.encode()) + 70_000_000}:systeem:{org}"


@cache
def _sample(short: str) -> str:
    return (SCHEMAS / short / "1.sample.json").read_text(encoding="utf-8")


def sample(short: str) -> dict[str, Any]:
    """The frozen sample of a type, a fresh copy."""
    return cast("dict[str, Any]", json.loads(_sample(short)))


def new_id() -> str:
    """A new envelope id; later ones sort behind earlier ones."""
    return f"01a00000-0000-7000-8000-{next(_numbers):012d}"


def event(
    short: str,
    subject: str | EllipsisType | None = None,
    source: str | None = None,
    occurred_on: date | str | None = None,
    event_id: str | None = None,
    time: datetime | str | None = None,
    payload: dict[str, Any] | None = None,
    **data: Any,
) -> dict[str, Any]:
    """A CloudEvent of that type. Without `time` it was recorded on the day it happened, at ten in the morning. Fields
    of the payload are `data`, or `payload` where a name is taken."""
    made = sample(short)
    fields = made["data"]
    if occurred_on is not None and "occurred_on" in fields:
        by = date.fromisoformat(str(occurred_on)) - date.fromisoformat(fields["occurred_on"])
        fields = made["data"] = _shifted(fields, by)
    for name, value in {**data, **(payload or {})}.items():
        if value is ...:
            fields.pop(name, None)
        else:
            fields[name] = _json(value)
    made["id"] = event_id or new_id()
    made["source"] = source or made["source"]
    if subject is ...:
        made.pop("subject", None)
    elif subject is not None:
        made["subject"] = subject
    if time is not None:
        made["time"] = time if isinstance(time, str) else time.isoformat()
    elif occurred_on is not None:
        made["time"] = f"{occurred_on}T10:00:00+00:00"
    return made


def agreement_of_all(on: date, *further: str) -> dict[str, Any]:
    """The municipality's agreement with an organisation of every kind; `further`: purposes beyond the usual ones."""
    return event(
        "agreement.signed", ..., source_of(GEMEENTE), on, agreement_id=f"{GEMEENTE}:OV-1",
        programme="wooncoach", orgs=list(KINDS), valid_from="2025-01-01", valid_until="2029-12-31",
        purposes=["coordination", "guidance", "tenancy", "care", "early_signalling", "own_task", *further],
    )  # fmt: skip


def fact(
    short: str,
    org: str | None = None,
    happened: date | None = None,
    known: date | None = None,
    event_id: str | None = None,
    time: datetime | None = None,
    kid: bytes | None = None,
    payload: dict[str, Any] | None = None,
    **data: Any,
) -> Fact:
    """A fact of that type. Without `known` it was known on the evening of the day on which it happened."""
    made = event(
        short,
        source=source_of(org) if org else None,
        event_id=event_id,
        occurred_on=_occurred(short, happened),
        payload=payload,
        **data,
    )
    contract = catalogue.contract_of(short)
    told = catalogue.decode(contract, json.dumps(made["data"]).encode())
    on = happened or catalogue.happened_on(contract, told, datetime.fromisoformat(made["time"]))
    return Fact(
        key=event_key(made["source"], made["id"]),
        type=short,
        org=org or _ORG_OF[made["source"]],
        happened=on,
        known=known or on,
        time=time or datetime(on.year, on.month, on.day, 10, tzinfo=UTC),
        id=made["id"],
        original=_original(short, made),
        kid=kid,
        subject=made.get("subject"),
        data=told,
    )


def correction(
    of: Fact, time: datetime | None = None, known: date | None = None, event_id: str | None = None, **data: Any
) -> Fact:
    """A correction by the same organisation, a day later: the payload of `of` with other values."""
    payload = json.loads(catalogue.encode(of.data))
    payload.update({name: _json(value) for name, value in data.items()})
    told = time or of.time + timedelta(days=1)
    return _about(of, "event.corrected", told, known, event_id, reason="wrong_value", data=payload)


def retraction(of: Fact, time: datetime | None = None, known: date | None = None, event_id: str | None = None) -> Fact:
    """A retraction by the same organisation, a day later."""
    return _about(of, "event.retracted", time or of.time + timedelta(days=1), known, event_id, reason="not_happened")


def world(*facts: Fact, policy: Policy | None = None, rules: indicators.Rules | None = None) -> World:
    """The five organisations of the samples, registered on 1 January 2025, and one agreement between all of them for
    every purpose in 2025 up to 2029; and `facts`."""
    purposes = ["coordination", "guidance", "tenancy", "care", "early_signalling", "own_task", "evaluation"]
    base = [registered(org, kind) for org, kind in KINDS.items()]
    base.append(
        fact(
            "agreement.signed",
            happened=date(2025, 1, 1),
            agreement_id=f"{GEMEENTE}:OV-0",
            orgs=list(KINDS),
            purposes=purposes,
            valid_from="2025-01-01",
            valid_until="2029-12-31",
        )
    )
    return build_world([*base, *facts], policy or shipped(), rules or indicators.shipped(), b"k" * 32)


def registered(org: str, kind: str, on: date = date(2025, 1, 1), **data: Any) -> Fact:
    """An organisation, without districts and without an expected heartbeat unless `data` gives them."""
    fields = {"districts": [], "heartbeat_hours": ..., "heartbeat_weekends": ..., "subject_url": ..., "phone": ...}
    return fact("org.registered", PLATFORM, on, payload={**fields, "org": org, "kind": kind, **data})


def _about(of: Fact, short: str, told: datetime, known: date | None, event_id: str | None, **data: Any) -> Fact:
    event_id = event_id or new_id()
    payload = {"occurred_on": str(told.date()), "original_id": of.id, **data}
    return Fact(
        key=event_key(source_of(of.org), event_id),
        type=short,
        org=of.org,
        happened=told.date(),
        known=known or told.date(),
        time=told,
        id=event_id,
        original=of.key,
        kid=None,
        subject=of.subject,
        data=catalogue.decode(catalogue.contract_of(short), json.dumps(payload).encode()),
    )


def _original(short: str, made: dict[str, Any]) -> bytes | None:
    if short not in ("event.corrected", "event.retracted"):
        return None
    return event_key(made["source"], made["data"]["original_id"])


def _occurred(short: str, happened: date | None) -> date | None:
    return happened if "occurred_on" in sample(short)["data"] else None


def _shifted(value: Any, by: timedelta) -> Any:
    if isinstance(value, dict):
        return {name: _shifted(each, by) for name, each in value.items()}
    if isinstance(value, list):
        return [_shifted(each, by) for each in value]
    if isinstance(value, str) and _DAY.fullmatch(value):
        return str(date.fromisoformat(value) + by)
    return value


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return str(value)
    if isinstance(value, list | tuple):
        return [_json(each) for each in value]
    if isinstance(value, dict):
        return {name: _json(each) for name, each in value.items()}
    return value
