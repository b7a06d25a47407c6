"""What is known of a resident is a set of facts; folding is set union. So order does not matter and twice is once."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from woonketen.contracts import catalogue
from woonketen.contracts.facts import Fact, Record, State, event_key
from woonketen.contracts.records import unpack


def empty(ref: bytes) -> State:
    """A resident of whom nothing is known."""
    return State(ref, {})


def fold(state: State, facts: Iterable[Fact]) -> State:
    """The union, by key; of one key the fact that was known first stays.

    Commutative, associative, idempotent. The very same object comes back when nothing changes.
    """
    known = state.facts
    added: dict[bytes, Fact] = {}
    for fact in facts:
        other = added.get(fact.key) or known.get(fact.key)
        if other is None or (other is not fact and _rank(fact) < _rank(other)):
            added[fact.key] = fact
    return State(state.ref, {**known, **added}) if added else state


def open_record(record: Record, clear: bytes) -> Fact:
    """The fact in a record's clear text, its payload brought to the newest version.

    Raises `msgspec.DecodeError`, `UnknownType`, `UnknownVersion` or `SchemaError` for what admission never wrote.
    """
    sealed = unpack(clear)
    short = sealed.type.removeprefix(catalogue.PREFIX)
    contract = _contract(short, sealed.version)
    data = catalogue.decode(contract, sealed.data)
    original = None
    if short in ("event.corrected", "event.retracted"):
        original = event_key(sealed.source, data.original_id)
    known = record.day
    if short.startswith("warning."):
        # What the platform concluded at a close stands behind later closes in the log; it was known on that evening.
        known = getattr(data, "as_of", known)
    return Fact(
        key=event_key(sealed.source, sealed.id),
        type=short,
        org=sealed.org,
        happened=catalogue.happened_on(contract, data, sealed.time),
        known=known,
        time=sealed.time,
        id=sealed.id,
        original=original,
        kid=record.kid,
        subject=sealed.subject,
        data=data,
    )


@cache
def _contract(short: str, version: int) -> catalogue.Contract:
    newest = catalogue.contract_of(short)
    if version == newest.version:
        return newest
    major = f".v{version}" if version > 1 else ""
    return catalogue.contract(f"{catalogue.PREFIX}{short}{major}", f"{catalogue.DATASCHEMA}{short}/{version}")


def _rank(fact: Fact) -> tuple[Any, ...]:
    # Copies of one event differ in what the log gave them, never in what was sent; the rest makes the choice total.
    return (fact.known, fact.time, fact.kid or b"", fact.subject or "", fact.type, fact.org, fact.happened)
