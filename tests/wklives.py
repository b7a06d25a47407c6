"""Lives of the invented town as facts, for tests of the pure core: what a resident's partners told, and when."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import builders
from chaos.town import FIRST_DAY, ORGS, Sent, agreements, heartbeats, lives

from woonketen.contracts import catalogue, indicators
from woonketen.contracts.facts import Fact, Record, Sealed
from woonketen.contracts.policy import shipped
from woonketen.contracts.records import pack
from woonketen.streams.core.fold import open_record
from woonketen.streams.core.step import Closing
from woonketen.streams.core.world import World, build_world

_ORG_OF = {source: org for org, (_, _, source, _) in ORGS.items()}
REF = bytes(range(16))


@cache
def life(number: int, days: int) -> tuple[Fact, ...]:
    """Resident `number` of the town over so many days, in the order of the days on which it was told."""
    told = lives(number + 1, FIRST_DAY, FIRST_DAY + timedelta(days=days - 1), 0)
    subjects = {f"{short.upper()}-{number:06d}" for short, *_ in ORGS.values()}
    return tuple(as_fact(each) for each in told if json.loads(each.line)["subject"] in subjects)


def as_fact(sent: Sent) -> Fact:
    line = json.loads(sent.line.replace(b'"@', b'"AAAA-AAAA-AAAA-').replace(b'@"', b'"'))
    short = line["type"].removeprefix(catalogue.PREFIX)
    if short == "subject.linked":
        line["data"]["link_code"] = "AAAA-AAAA-AAAA"
    sealed = Sealed(short, 1, _ORG_OF[line["source"]], line["source"], line["id"], datetime.fromisoformat(line["time"]),
                    line.get("subject"), json.dumps(line["data"]).encode())  # fmt: skip
    return open_record(Record(0, 0, sent.on, "fact", REF, b"k" * 16, b""), pack(sealed))


@cache
def town_facts() -> tuple[Fact, ...]:
    """The organisations and the agreements."""
    orgs = [
        builders.registered(org, kind, date(2025, 1, 1), districts=list(districts))
        for org, (_, kind, _, districts) in ORGS.items()
    ]
    return (*orgs, *(as_fact(each) for each in agreements(FIRST_DAY, FIRST_DAY + timedelta(days=900))))


def town_world(more: Iterable[Fact] = ()) -> World:
    return build_world([*town_facts(), *more], shipped(), rules(), b"k" * 32)


def rules() -> Any:
    return indicators.shipped()


@cache
def closings(days: int) -> tuple[Closing, ...]:
    """The closes of the first so many days, in a world that does not change."""
    world = town_world()
    return tuple(Closing(FIRST_DAY + timedelta(days=n), world, n == 0) for n in range(days))


def beats(on: date) -> list[Fact]:
    return [as_fact(each) for each in heartbeats(on)]
