"""The world of one partition, built up while its records are read; a heartbeat must not cost a new world."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from hashlib import blake2b

import msgspec

from woonketen.contracts.facts import Fact
from woonketen.contracts.indicators import Rules
from woonketen.contracts.policy import Policy
from woonketen.streams.core.world import World, build_world


class Everybody:
    """Facts about nobody, by key, as they were read so far."""

    def __init__(self, policy: Policy, rules: Rules, pseudonym_key: bytes) -> None:
        self._policy, self._rules, self._key = policy, rules, pseudonym_key
        self._facts: dict[bytes, Fact] = {}
        self._beats: list[Fact] = []
        self._world: World | None = None

    def add(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            if fact.key in self._facts:
                continue
            self._facts[fact.key] = fact
            if self._world is not None and fact.type == "feed.heartbeat":
                self._beats.append(fact)
            else:
                self._world = None

    def world(self) -> World:
        """As known now. Worlds that were given out before share its heartbeats: ask each who is silent on its own day,
        which it then remembers, before more is added."""
        if self._world is None:
            self._world = build_world(self._facts.values(), self._policy, self._rules, self._key)
        elif self._beats:
            heard: dict[str, list[datetime]] = dict(self._world.heartbeats)
            for fact in self._beats:
                insort(heard.setdefault(fact.org, []), fact.data.as_of)
            # Two years of heartbeats must not be copied for every day of them.
            self._world = replace(self._world, heartbeats=heard, _silent={}, _prints={})
        self._beats = []
        return self._world


def rows_print(world: World, day: date) -> bytes:
    """What the rows of a resident depend on besides its facts. Who is silent tonight is not known yet: who was at the
    last close counts."""
    told = (
        world.policy.version,
        str(world.rules.version),
        [msgspec.structs.astuple(world.orgs[org]) for org in sorted(world.orgs)],
        sorted((each.id, each.programme, sorted(each.orgs), sorted(each.purposes)) for each in world.in_force(day)),
        sorted(world.silent(day - timedelta(days=1))),
    )
    return blake2b(msgspec.json.encode(told), digest_size=16).digest()
