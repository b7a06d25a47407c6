"""One resident from the log, as known on an evening: for explanations and for looking back. It decides nothing about
who may ask; `platform.py` asks the database that first, and records the look."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

import msgspec

from woonketen.contracts.facts import Fact
from woonketen.contracts.ports import LogReader, Vault, WarningRow
from woonketen.contracts.recipient import recipient
from woonketen.contracts.records import PLATFORM, partition_of
from woonketen.orchestration.wiring import Rulebook
from woonketen.projections.people import User
from woonketen.streams.core.effective import effective, retracted
from woonketen.streams.core.episodes import OPEN, feed_episodes, warn_feed
from woonketen.streams.core.explain import explain, explain_feed
from woonketen.streams.core.show import shown
from woonketen.streams.core.world import World, build_world
from woonketen.streams.door.admission import Settings
from woonketen.streams.drive.states import EVERYTHING, opened, whole
from woonketen.streams.keys.kek import Keys


class Residents:
    """Reads the log; keeps nothing."""

    def __init__(self, log: LogReader, vault: Vault, rulebook: Rulebook, keys: Keys, settings: Settings) -> None:
        self._log, self._vault = log, vault
        self._rulebook, self._keys, self._settings = rulebook, keys, settings

    def facts(self, ref: bytes, known_on: date | None = None) -> list[Fact]:
        """What is known of a resident, or was by the evening of `known_on`. Erased facts are not there."""
        partition = partition_of(ref, self._settings.partitions)
        records = self._log.of_residents(partition, [ref], EVERYTHING)
        facts = [fact for fact in opened(records, self._vault) if isinstance(fact, Fact)]
        return [fact for fact in facts if known_on is None or fact.known <= known_on]

    def whole(self, ref: bytes, known_on: date | None = None) -> list[Fact]:
        """The same, for what is shown to others or goes out: raises `SetAside` when any of it, whenever it became
        known, cannot be read. A resident's own acts go by what can be."""
        partition = partition_of(ref, self._settings.partitions)
        facts = whole(opened(self._log.of_residents(partition, [ref], EVERYTHING), self._vault))
        return [fact for fact in facts if known_on is None or fact.known <= known_on]

    def world(self, known_on: date) -> World:
        """Organisations and agreements as known on that evening; every partition has them all."""
        records = [each for each in self._log.of_everybody(0, EVERYTHING) if each.day <= known_on]
        facts = [fact for fact in opened(records, self._vault) if isinstance(fact, Fact)]
        return build_world(facts, self._rulebook.policy, self._rulebook.rules, self._keys.minted)

    def explain(self, ref: bytes, warning_id: str, user: User, known_on: date) -> dict[str, Any] | None:
        day = known_on + timedelta(days=1)
        org = PLATFORM if user.role == "bewoner" else user.org
        to = recipient(user.role, org, user.worker)
        known = self.whole(ref, known_on)
        facts, gone = effective(known, day), retracted(known, day)
        return explain(facts, warning_id, to, day, self.world(known_on), ref, gone)

    def warnings(self, refs: Collection[bytes], user: User, known_on: date, *, every: bool) -> list[dict[str, Any]]:
        """As this person would have read them on the evening of `known_on`, gravest first."""
        day, world = known_on + timedelta(days=1), self.world(known_on)
        found = [
            row
            for ref in refs
            for row in shown(self.whole(ref, known_on), ref, day, world).warnings
            if _is_for(row, user) and (every or row.warn.state in OPEN)
        ]
        found.sort(key=lambda row: (-row.warn.severity, row.warn.opened_on, row.warn.id, row.key))
        return [_line(row) for row in found]

    def explain_feed(self, warning_id: str, known_on: date) -> dict[str, Any] | None:
        return explain_feed(warning_id, known_on + timedelta(days=1), self.world(known_on))

    def feeds(self, known_on: date) -> list[dict[str, Any]]:
        """Silent feeds, for a steward."""
        world = self.world(known_on)
        told = [warn_feed(each, world) for each in feed_episodes(world, known_on + timedelta(days=1))]
        return [{**msgspec.to_builtins(each), "resident": None} for each in told]


def _is_for(row: WarningRow, user: User) -> bool:
    if row.role != user.role:
        return False
    if user.role == "bewoner":
        return True
    if row.org != user.org or (row.worker is not None and row.worker != user.worker):
        return False
    return row.district is None or not user.districts or row.district in user.districts


def _line(row: WarningRow) -> dict[str, Any]:
    told = msgspec.to_builtins(row.warn)
    names = ("id", "indicator", "severity", "state", "sentence")
    return {
        **{name: told[name] for name in names},
        "resident": row.resident,
        **{name: told[name] for name in ("opened_on", "due_on", "owner")},
    }
