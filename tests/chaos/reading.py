"""What is in an installation, in a form that two installations can be compared in: residents by the municipality's
pseudonym, because references, keys, link codes and the ids of warnings differ from one to the other."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from chaos.office import Office
from chaos.town import GI, USERS, VIEW_OF

from woonketen.contracts.facts import Record, Sealed
from woonketen.contracts.records import PLATFORM_SOURCE, open_records, unpack
from woonketen.streams.keys.kek import load_kek
from woonketen.streams.keys.vault import PostgresVault
from woonketen.streams.log.postgres import PostgresLog

Heard = dict[tuple[str, str | None], list[tuple[str, str | None]]]
"""(organisation, id of an event) → status and reason of each receipt that it was given."""
_RANDOM = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\bP-[0-9a-zA-Z]+|\bWA-[0-9a-zA-Z-]+")
_WALL_CLOCK = ("last_event_at", "heartbeat_at", "at")


def records(office: Office) -> Iterator[tuple[Record, Sealed]]:
    """Every record of the log, opened, without the closes of days."""
    with office.sql() as connection:
        vault = PostgresVault(connection, load_kek(office.settings.kek, office.data))
        log = PostgresLog(connection, vault)
        for partition, end in log.ends().items():
            found = log.read(partition, 0, end + 1)
            assert [record.seq for record in found] == list(range(1, end + 1))
            for record, clear in open_records(found, vault):
                if clear:
                    yield record, unpack(clear)


def events(office: Office) -> dict[str, list[str]]:
    """Resident → what the log holds of this resident; `everybody` → what it holds in each partition."""
    residents: dict[bytes, list[tuple[Record, Sealed]]] = defaultdict(list)
    for record, sealed in records(office):
        residents[record.ref or bytes([record.partition])].append((record, sealed))
    told: dict[str, list[str]] = {}
    for ref, found in residents.items():
        own = [sealed.subject for _, sealed in found if sealed.org == GI and sealed.subject]
        name = min(own, default="?") if len(ref) > 1 else "everybody"
        lines = sorted(_event(record, sealed) for record, sealed in found)
        assert told.setdefault(name, lines) == lines, f"{name} is told differently in two places"
    return told


def _event(record: Record, sealed: Sealed) -> str:
    own = sealed.source == PLATFORM_SOURCE
    line = [sealed.type, sealed.org, "" if own else sealed.id, record.day.isoformat(), "" if own else sealed.subject]
    data = json.loads(sealed.data)
    data.pop("link_code", None)
    data.pop("warning_id", None)
    return json.dumps([*line, _sorted(data)], sort_keys=True)


def views(office: Office) -> dict[str, list[str]]:
    """User and view → rows as each user sees them, and warnings."""
    seen: dict[str, list[str]] = {}
    with office.platform() as platform:
        for user, (_, role, _) in USERS.items():
            for name in VIEW_OF[role]:
                seen[f"{user}: {name}"] = _plain(platform.view(name, user, None))
            if role != "steward":
                found = platform.warnings(user, every=True, known_on=None)
                seen[f"{user}: warnings"] = _plain(found)
    return seen


def receipts(office: Office, heard: Heard) -> dict[str, str]:
    """Event → what became of it. What was sent twice, or waited, counts by how it ended; an event that is known and was
    once refused, and one that is neither, are told apart from both."""
    ended: dict[str, str] = {}
    with office.platform() as platform:
        waited = {(org, row["id"]): row for org in {org for org, _ in heard} for row in platform.receipts(org)}
        for (org, id_), told in heard.items():
            outcome = waited.get((org, id_))
            refused = {f"refused: {reason}" for status, reason in told if status == "refused"}
            if outcome is not None and outcome["status"] != "accepted":
                refused.add(f"{outcome['status']}: {outcome['reason']}")
            elif id_ is not None and platform.known(org, id_):
                refused.add("accepted")
            ended[f"{org} {id_}"] = " and ".join(sorted(refused)) or "nothing"
    return ended


def _plain(rows: Any) -> list[str]:
    from msgspec import to_builtins

    return sorted(json.dumps(_sorted(to_builtins(row)), sort_keys=True) for row in rows)


def _sorted(value: Any) -> Any:
    """Without what is random or of the wall's clock, lists in an order of their own."""
    if isinstance(value, str):
        return _RANDOM.sub("…", value)
    if isinstance(value, list):
        return sorted((_sorted(each) for each in value), key=json.dumps)
    if isinstance(value, dict):
        return {name: _sorted(each) for name, each in sorted(value.items()) if name not in _WALL_CLOCK}
    return value
