"""What is past its term: found resident by resident, and ended in the transaction of its caller.

Of what is ended the keys are destroyed. A key may also seal what is not past its term (the next lease of the same
resident); that rest is sealed again under a fresh key, with its own day, in the same transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from hashlib import sha256
from typing import Any

import msgspec
import psycopg

from woonketen.contracts.errors import WrongKey
from woonketen.contracts.facts import Fact, Record, event_key
from woonketen.contracts.payloads.platform import DataExpired
from woonketen.contracts.ports import LogReader
from woonketen.contracts.records import PLATFORM, header_of, partition_of, unpack
from woonketen.contracts.retention import Terms
from woonketen.streams.door.changes import Entry
from woonketen.streams.door.reseal import retention_class
from woonketen.streams.door.sitting import Sitting
from woonketen.streams.drive.states import EVERYTHING, open_one
from woonketen.streams.keys.kek import Keys
from woonketen.streams.keys.vault import PostgresVault
from woonketen.streams.leaving.ending import MARKS, endings
from woonketen.streams.leaving.erasure import Doomed, forget
from woonketen.streams.postgres.errors import told

CHUNK = 200
"""Residents that are read at once, and ended in one transaction."""


class Told(msgspec.Struct, frozen=True):
    """A record that can be read, and what it says. `clear`: as sealed."""

    record: Record
    clear: bytes
    fact: Fact | None

    def __repr__(self) -> str:
        return "Told(…)"


class Person(msgspec.Struct, frozen=True):
    """`refs`: the resident's reference, then those that were merged into it. `unread`: whether a record does not open
    or decode; one that does not open is not in `told`."""

    refs: tuple[bytes, ...]
    told: Sequence[Told]
    unread: bool = False

    @property
    def facts(self) -> list[Fact]:
        return [each.fact for each in self.told if each.fact is not None]


class Item(msgspec.Struct, frozen=True):
    """A fact past its term. `token`: keyed hash, by which it is known in a list that was approved."""

    key: bytes
    org: str
    activity: str
    token: bytes


class Hold(msgspec.Struct, frozen=True):
    """A legal hold on what an organisation told about a resident, or (no `ref`) for an activity."""

    org: str
    ref: bytes | None
    activity: str | None
    number: int = 0


def hold_on(doomed: Doomed, activity: Callable[[Fact], str], holds: Collection[Hold]) -> Hold | None:
    """The first hold that keeps any of what an erasure would take. `activity`: of a fact. What cannot be read falls
    under every activity of the organisation."""
    told = {(fact.org, activity(fact)) for fact in doomed.facts}
    orgs = {doomed.org, *(org for org, _ in told)}
    for hold in holds:
        if hold.ref is not None:
            keeps = hold.org in orgs and hold.ref in doomed.refs
        else:
            keeps = (hold.org, hold.activity) in told or (doomed.unread and hold.org in orgs)
        if keeps:
            return hold
    return None


class Ended(msgspec.Struct, frozen=True):
    """Of one resident: keys that were destroyed; those of them of which a rest lives on, and tokens of what went from
    these; `whole`: nothing is left; records that cannot be read any more; signals that are gone; rows of tables."""

    kids: Sequence[bytes]
    parted: Sequence[bytes]
    tokens: Sequence[bytes]
    refs: Sequence[bytes]
    whole: bool
    records: Sequence[tuple[int, int]]
    signals: Sequence[str]
    rows: int


def event_token(keys: Keys, key: bytes) -> bytes:
    return keys.token(b"expired\x00" + key)


def list_id(items: Sequence[Item], org: str, on: date) -> str:
    """Of exactly these facts of one controller; another fact more or less gives another one."""
    told = sha256(org.encode() + b"\x00" + on.isoformat().encode())
    for token in sorted({item.token for item in items}):
        told.update(token)
    return f"RL-{on:%Y%m%d}-{told.hexdigest()[:20]}"


def everybody(connection: psycopg.Connection[Any]) -> list[tuple[bytes, ...]]:
    """The references of every resident of whom something can be read: the living one, then those merged into it."""
    with told():
        merged = connection.execute("SELECT ref, into_ref FROM admission.merged").fetchall()
        into = {bytes(ref): bytes(root) for ref, root in merged}
        rows = connection.execute("SELECT DISTINCT ref FROM vault.key WHERE ref IS NOT NULL AND destroyed_on IS NULL")
        found: dict[bytes, set[bytes]] = {}
        for (ref,) in rows.fetchall():
            found.setdefault(into.get(bytes(ref), bytes(ref)), set()).add(bytes(ref))
    return [(root, *sorted(refs - {root})) for root, refs in sorted(found.items())]


def persons(
    log: LogReader, vault: PostgresVault, partitions: int, wanted: Sequence[tuple[bytes, ...]]
) -> Iterator[Person]:
    """Each with everything that can still be read."""
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        by: dict[int, list[bytes]] = {}
        unread = set[bytes]()
        for ref in (ref for refs in chunk for ref in refs):
            by.setdefault(partition_of(ref, partitions), []).append(ref)
        found: dict[bytes, list[Told]] = {}
        for partition, here in sorted(by.items()):
            records = log.of_residents(partition, here, EVERYTHING)
            ciphers = vault.ciphers({record.kid for record in records if record.kid is not None})
            for record in records:
                cipher = ciphers[record.kid] if record.kid is not None else None
                if cipher is not None and record.ref is not None:
                    fact = open_one(record, ciphers)
                    if not isinstance(fact, Fact):
                        unread.add(record.ref)
                    try:
                        clear = cipher.open(record.sealed, header_of(record))
                    except WrongKey:
                        continue
                    found.setdefault(record.ref, []).append(
                        Told(record, clear, fact if isinstance(fact, Fact) else None)
                    )
        for refs in chunk:
            yield Person(refs, [each for ref in refs for each in found.get(ref, ())], not unread.isdisjoint(refs))


def overdue(
    person: Person, terms: Terms, kinds: Mapping[str, str], on: date, keys: Keys, holds: Collection[Hold]
) -> tuple[list[Item], Counter[str]]:
    """What has to be gone on that day, and per controller how many more facts a hold keeps. Of whom a record
    cannot be read nothing has to: what begins a term anew may stand in it. A steward sees it in the quarantine."""
    if person.unread:
        return [], Counter()
    found: dict[bytes, Item] = {}
    held: dict[bytes, str] = {}
    ends = endings(person.facts, terms, kinds)
    for fact in person.facts:
        ending = ends.get(fact.key)
        if ending is None or ending.on is None or ending.on > on:
            continue
        if _held(fact.org, ending.term.activity, person.refs, holds):
            held[fact.key] = fact.org
        else:
            found[fact.key] = Item(fact.key, fact.org, ending.term.activity, event_token(keys, fact.key))
    return sorted(found.values(), key=lambda item: item.token), Counter(held.values())


def end(
    connection: psycopg.Connection[Any],
    keys: Keys,
    vault: PostgresVault,
    sitting: Sitting,
    person: Person,
    goes: Callable[[Told], bool],
    activity: Callable[[Fact], str],
) -> Ended | None:
    """Ends what `goes` says of one resident, under admission's lock and that of the views' positions, with the warnings
    that rest on it. `activity`: of a fact. None where nothing is left to end."""
    went = {id(each) for each in person.told if goes(each)}
    ids = {each.fact.id for each in person.told if id(each) in went and each.fact is not None}
    resting = {
        each.record.kid for each in person.told
        if each.fact is not None and not set(getattr(each.fact.data, "evidence", ())).isdisjoint(ids)
    }  # fmt: skip
    gone = [each for each in person.told if id(each) in went or each.record.kid in resting]
    left = [each for each in person.told if id(each) not in went and each.record.kid not in resting]
    kids = {each.record.kid for each in gone if each.record.kid is not None}
    if gone and all(each.fact is not None and each.fact.type in MARKS for each in left):
        gone, left = list(person.told), []
        kids |= vault.living(person.refs).keys()
    if not kids:
        return None
    rest = [each for each in left if each.record.kid in kids]
    vault.destroy_keys(kids, sitting.open_day)
    _seal_again(sitting, rest, person)
    doomed = _doomed(person, gone, left, sorted(kids))
    rows = sum(forget(connection, keys, each, sitting.open_day) for each in doomed)
    for name, before in _told_gone(gone, left, activity, sitting.open_day).items():
        payload = DataExpired(activity=name, before=before, occurred_on=sitting.open_day)  # type: ignore[arg-type]
        sitting.say("data.expired", payload, person.refs[0], narrows=True)
    parted = sorted({each.record.kid for each in rest if each.record.kid is not None})
    tokens = sorted({event_token(keys, each.fact.key) for each in gone if each.fact and each.record.kid in parted})
    signals = [each.fact.data.signal_id for each in gone if each.fact and each.fact.type == "arrears.signalled"]
    return Ended(sorted(kids), parted, tokens, person.refs, not left, _places(gone), signals, rows)


# --- steps ---


def _held(org: str, activity: str, refs: tuple[bytes, ...], holds: Collection[Hold]) -> bool:
    return any(
        hold.org == org and (hold.ref in refs if hold.ref is not None else hold.activity == activity) for hold in holds
    )


def _seal_again(sitting: Sitting, rest: Sequence[Told], person: Person) -> None:
    """Under fresh keys, with the day on which it became known: a replay judges every evening as before."""
    if not rest:
        return
    everything = [unpack(each.clear) for each in person.told]
    types = {event_key(sealed.source, sealed.id): sealed.type for sealed in everything}
    for each in rest:
        assert each.record.ref is not None
        sealed = unpack(each.clear)
        scope = (each.record.ref, sealed.org, retention_class(sealed, types))
        sitting.changes.narrowed.append((each.record.ref, len(sitting.changes.entries)))
        sitting.changes.entries.append(Entry(each.clear, each.record.ref, scope, each.record.day))


def _doomed(person: Person, gone: Sequence[Told], left: Sequence[Told], kids: Sequence[bytes]) -> list[Doomed]:
    """What admission forgets: per organisation its events, and its names for the resident when it has nothing left."""
    stays = {each.fact.org for each in left if each.fact is not None}
    unread = any(each.fact is None for each in left)
    found = []
    for org in sorted({each.fact.org for each in gone if each.fact is not None}):
        events = sorted({each.fact.key for each in gone if each.fact is not None and each.fact.org == org})
        over = org not in stays and not unread and org != PLATFORM
        found.append(Doomed(org, person.refs if over or not left else (), (), kids, events, (), not left))
    return found


def _told_gone(
    gone: Sequence[Told], left: Sequence[Told], activity: Callable[[Fact], str], today: date
) -> dict[str, date]:
    """Per activity the day before which nothing of it is left."""
    kept: dict[str, date] = {}
    for each in left:
        if each.fact is not None and each.fact.type not in MARKS:
            name = activity(each.fact)
            kept[name] = min(kept.get(name, date.max), each.fact.happened)
    names = {activity(each.fact) for each in gone if each.fact is not None and each.fact.type not in MARKS}
    return {name: kept.get(name, today) for name in sorted(names)}


def _places(gone: Sequence[Told]) -> list[tuple[int, int]]:
    return [(each.record.partition, each.record.seq) for each in gone]
