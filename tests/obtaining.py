"""What one viewer can get of one resident, and what of a life he may not see: for the differential properties."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import builders as b
import judging
import msgspec
from wild import DECIDES, FIRST, LANDLORD, LAST, Told, facts_of

from woonketen.contracts.facts import Fact
from woonketen.contracts.recipient import recipient
from woonketen.contracts.views import Row
from woonketen.streams.core.effective import effective, retracted
from woonketen.streams.core.explain import explain
from woonketen.streams.core.judge.vigil import READS
from woonketen.streams.core.show import shown
from woonketen.streams.core.visible import sight, visible

WORLD = judging.world(b.registered(LANDLORD, "corporatie"))
DAY = LAST.replace(day=15)
REF = bytes(16)
DERIVED = {
    "arrears_level", "arrears_trend", "coaching_runs", "may_signal", "may_signal_missing", "not_running_by", "phase",
}  # fmt: skip
WITH_EPISODES = {"warnings", "taken_by"}
AS_IT_STANDS = {"opened_on", "due_on"}
Viewer = tuple[str, str, str | None]


class Obtained(msgspec.Struct):
    """All that one viewer can get. `rows` without what is derived; `told`: what each warning says, by its id;
    `standing`: the same with its days and its state."""

    rows: list[Any]
    told: dict[str, Any]
    standing: dict[str, Any]
    of: dict[str, str]


def obtained(told: Iterable[Told], viewer: Viewer) -> Obtained:
    facts = facts_of(told)
    return read(facts, viewer, judging.play(facts, FIRST, LAST, WORLD, lazy=True).warnings)


def read(facts: list[Fact], viewer: Viewer, warnings: list[Fact]) -> Obtained:
    everything = [*facts, *warnings]
    found = shown(everything, REF, DAY, WORLD)
    rows = [row for row in found.rows if (row.view, row.org, row.worker) == viewer]
    counted, gone = effective(everything, DAY), retracted(everything, DAY)
    told, standing, of = {}, {}, {}
    explained = {
        name: explain(counted, name, recipient(*viewer), DAY, WORLD, REF, gone)
        for name in sorted({fact.data.warning_id for fact in warnings})
    }
    for line in found.warnings:
        if (line.role, line.org, line.worker) != viewer:
            continue
        said, why = msgspec.to_builtins(line.warn), explained[line.warn.id]
        of[line.warn.id] = line.warn.indicator
        standing[line.warn.id] = [said, why, line.sources, line.district]
        told[line.warn.id] = [
            {name: value for name, value in said.items() if name not in AS_IT_STANDS},
            why and {name: why[name] for name in ("sentence", "evidence", "action", "severity", "label")},
        ]
    return Obtained([plain(row) for row in rows], told, standing, of)


def plain(row: Row) -> Any:
    data = msgspec.to_builtins(row.data)
    hidden = DERIVED | WITH_EPISODES
    if row.view in ("coach", "casusregisseur"):
        hidden = hidden | {"corrected"}  # a level's too
    late = msgspec.to_builtins(row.late)
    if row.view == "wijkteam":
        late.pop("arrived_on")  # since when the resident is of the district, of which the lease decides
    return [row.key, row.district, row.sources, late, {name: data[name] for name in data if name not in hidden}]


def hidden_from(told: list[Told], viewer: Viewer) -> list[Told]:
    """What the viewer may not see of a life: whole happenings, with every time that they were told."""
    facts = facts_of(told)
    counted, gone = effective(facts, DAY), retracted(facts, DAY)
    looking = sight(recipient(*viewer), counted, DAY, WORLD)
    seen = {fact.key for each in (counted, gone) for fact in visible(each, looking)}
    open_to = {each.key for each in told if any(fact.key in seen for fact in facts_again(each, facts))}
    return [
        each
        for each in told
        if each.org != viewer[1]
        and not each.short.startswith(DECIDES)
        and not (viewer[0] == "wijkteam" and each.short.startswith("lease."))
        and each.key not in open_to
    ]


def facts_again(each: Told, facts: list[Fact]) -> list[Fact]:
    return [fact for fact in facts if (fact.type, fact.org, fact.happened) == (each.short, each.org, each.on)]


def differences(told: list[Told], taken: list[Told], viewer: Viewer) -> list[str]:
    """What the viewer gets of the one life and not of the other. Empty if nothing leaks."""
    gone = {id(each) for each in taken}
    one, other = obtained(told, viewer), obtained([each for each in told if id(each) not in gone], viewer)
    found = []
    if msgspec.json.encode(one.rows) != msgspec.json.encode(other.rows):
        found.append("rows")
    kinds = {each.short for each in taken}
    touched = {name for name, reads in READS.items() if not reads.isdisjoint(kinds)}
    for name in sorted(set(one.of) | set(other.of)):
        indicator = one.of.get(name) or other.of[name]
        if indicator not in touched and one.standing.get(name) != other.standing.get(name):
            found.append(f"{indicator} stands otherwise")
        if viewer[0] == "wijkteam" or name not in one.told or name not in other.told:
            continue
        a, b_ = one.told[name], other.told[name]
        if (a[0]["severity"], a[0]["state"]) == (b_[0]["severity"], b_[0]["state"]) and a != b_:
            found.append(f"{indicator} says something else")
    return found
