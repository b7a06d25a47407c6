"""Which facts count: after corrections and retractions, with every business fact once, up to a day.

All rules look at the set of facts alone, so they give the same answer in whatever order facts arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from operator import attrgetter
from typing import Any

import msgspec

from woonketen.contracts import catalogue
from woonketen.contracts.errors import Refusal
from woonketen.contracts.facts import Fact, Facts

COUNTS_WHEN_KNOWN = frozenset(short for short, each in catalogue.TYPES.items() if each.restricting) | {
    "consent.granted"  # a refusal must find the grant that it closes; `consent` looks at the grant's own day
}
"""Types whose facts count as soon as they are known, whatever day they name: they narrow what may be seen."""

# Two types that contradict each other are one business fact: a visit was held or missed, of two reports the later told.
_FAMILY = {
    "coach.visit_held": "visit result",
    "coach.visit_missed": "visit result",
    "referral.accepted": "referral answer",
    "referral.declined": "referral answer",
}
_BUSINESS_KEY: dict[str, tuple[str, Callable[[Any], Any]]] = {
    short: (_FAMILY.get(short, short), attrgetter(*each.business_key))
    for short, each in catalogue.TYPES.items()
    if each.business_key
}

_Stamp = tuple[datetime, str]


def effective(facts: Iterable[Fact], day: date | None) -> Facts:
    """The facts that count on `day` (None: whatever day they name), without corrections and retractions themselves.

    * A correction or retraction is applied to the event of the same organisation and source that it names. Of several
      corrections the highest (`time`, `id`) counts; a retraction beats them all. A fact with a correction's payload is
      marked `corrected`; it keeps its own key, `time` and `known`. Corrections of corrections count for nothing.
    * Of several events for one business key (type, organisation, key fields) the content told last counts: highest
      (`time`, `id`) of the event or of its correction; so it is gone only when all of them are retracted. Of several
      that say the same, the first stands, so that sending again changes nothing.
    * A fact dated after `day` does not count yet, except those of `COUNTS_WHEN_KNOWN`.
    """
    corrections, gone, rest = _sorted_out(facts)
    told: dict[bytes, _Stamp] = {}
    if corrections or gone:
        rest = _applied(rest, corrections, gone, told)
    by: dict[str, list[Fact]] = {}
    for fact in _once(rest, told):
        if day is not None and fact.happened > day and fact.type not in COUNTS_WHEN_KNOWN:
            continue
        group = by.get(fact.type)
        if group is None:
            by[fact.type] = [fact]
        else:
            group.append(fact)
    for group in by.values():
        if len(group) > 1:
            group.sort(key=_order)
    return Facts.grouped(by)


def unfit(facts: Iterable[Fact]) -> bool:
    """Whether a correction that counts does not hold what the contract of its original asks for. `effective` leaves the
    original then; but a correction may narrow (a consent that ends earlier), so who shows it to others asks this."""
    corrections, gone, rest = _sorted_out(facts)
    if not corrections:
        return False
    targets = ((fact, (fact.key, fact.org)) for fact in rest)
    return any(
        target in corrections and target not in gone and _corrected(fact, corrections[target]) is None
        for fact, target in targets
    )


def retracted(facts: Iterable[Fact], day: date | None) -> Facts:
    """What was taken back and is gone: business facts of which every event was retracted, as they were last told.

    They are shown to nobody. Who could have seen such a fact may be told that something was corrected; and an episode
    that rests on one is voided.
    """
    corrections, gone, rest = _sorted_out(facts)
    if not gone:
        return _NONE
    told: dict[bytes, _Stamp] = {}
    left = {business_key(fact) for fact in _applied(rest, corrections, gone, told)}
    taken = _applied([fact for fact in rest if (fact.key, fact.org) in gone], corrections, set(), told)
    return effective((fact for fact in taken if business_key(fact) not in left), day)


_NONE = Facts([])
_Target = tuple[bytes, str]


def _sorted_out(facts: Iterable[Fact]) -> tuple[dict[_Target, Fact], set[_Target], list[Fact]]:
    corrections: dict[_Target, Fact] = {}
    retractions: set[_Target] = set()
    rest: list[Fact] = []
    for fact in facts:
        if fact.original is None:
            rest.append(fact)
        elif fact.type == "event.retracted":
            retractions.add((fact.original, fact.org))
        else:
            target = (fact.original, fact.org)
            other = corrections.get(target)
            if other is None or (fact.time, fact.id) > (other.time, other.id):
                corrections[target] = fact
    return corrections, retractions, rest


def _applied(
    facts: list[Fact], corrections: dict[_Target, Fact], gone: set[_Target], told: dict[bytes, _Stamp]
) -> list[Fact]:
    """Facts with the payload that counts, without retracted ones. Notes in `told` when a correction was told."""
    found = []
    for fact in facts:
        target = (fact.key, fact.org)
        if target in gone:
            continue
        correction = corrections.get(target)
        made = None if correction is None else _corrected(fact, correction)
        if made is not None and correction is not None:
            told[fact.key] = (correction.time, correction.id)
        found.append(made or fact)
    return found


def _corrected(fact: Fact, correction: Fact) -> Fact | None:
    contract = catalogue.contract_of(fact.type)
    try:
        data = catalogue.decode_correction(contract, correction.data)
    except Refusal:
        # Admission checks a correction against its original's contract, so none such comes through a door.
        return None
    happened = catalogue.happened_on(contract, data, fact.time)
    return msgspec.structs.replace(fact, data=data, happened=happened, corrected=True)


def _once(facts: list[Fact], told: dict[bytes, _Stamp]) -> Iterable[Fact]:
    """One fact per business key. `told`: when the content was told, where that is not the event's own time."""
    chosen: dict[Any, Fact] = {}
    several: dict[Any, list[Fact]] = {}
    for fact in facts:
        named = _BUSINESS_KEY.get(fact.type)
        key = fact.key if named is None else (named[0], fact.org, named[1](fact.data))
        if key in chosen:
            several.setdefault(key, [chosen[key]]).append(fact)
        else:
            chosen[key] = fact
    for key, copies in several.items():
        last = max(copies, key=lambda each: (*told.get(each.key, (each.time, each.id)), each.key))
        same = [each for each in copies if _says(each) == _says(last)]
        chosen[key] = min(same, key=lambda each: (each.time, each.id, each.key))
    return chosen.values()


def _says(fact: Fact) -> Any:
    return (fact.type, fact.corrected, fact.data)


def business_key(fact: Fact) -> Any:
    """What two events of one business fact have in common; the event's own key where the type knows none."""
    named = _BUSINESS_KEY.get(fact.type)
    return fact.key if named is None else (named[0], fact.org, named[1](fact.data))


def _order(fact: Fact) -> tuple[date, datetime, bytes]:
    return (fact.happened, fact.time, fact.key)
