"""What was set aside: for an operator never a payload or a resident's reference; for a steward, with a reason, more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.facts import Fact, Record
from woonketen.contracts.ports import Aside, LogReader, Vault, ViewStore
from woonketen.streams.drive.states import EVERYTHING, Unreadable, opened
from woonketen.streams.drive.worker import Worker

ALL = "all"
DISCARDED = ("sent_again", "corrected", "test_data", "erased", "not_needed")
"""Why something is taken off the list."""


class Inside(NamedTuple):
    """`refs`: of whom it is; `facts`: each record, with what it holds, None where the key was destroyed."""

    aside: Aside
    refs: list[bytes]
    facts: list[tuple[Record, Fact | Unreadable | None]]

    def __repr__(self) -> str:
        return f"Inside({self.aside.number})"


def lines(inside: Inside, org: str, *, values: bool) -> list[dict[str, Any]]:
    """One line a record, in the order of the log: type, organisation, days, and the names of fields. With `values` also
    what stands in them, of what `org` itself told: another's content is not its to read here."""
    found = []
    for record, fact in inside.facts:
        line: dict[str, Any] = {"seq": record.seq, "known": record.day}
        if isinstance(fact, Fact):
            told = msgspec.to_builtins(fact.data)
            line |= {"type": fact.type, "org": fact.org, "on": fact.happened, "event": None, "fields": sorted(told)}
            if fact.org == org:
                line["event"] = fact.id
                if values:
                    line["values"] = told
        else:
            line["error"] = "erased" if fact is None else fact.error
        found.append(line)
    return found


class Quarantine:
    """`number` is the one that `list` gives; a replay takes `all` too. Raises `ConfigurationError` for another one."""

    def __init__(self, views: ViewStore, log: LogReader, vault: Vault, worker: Worker) -> None:
        self._views, self._log, self._vault, self._worker = views, log, vault, worker

    def list(self) -> list[dict[str, Any]]:
        return [_row(each) for each in self._views.aside()]

    def show(self, number: str) -> dict[str, Any]:
        (aside,) = self._find(number)
        facts = 0 if aside.ref is None else len(self._log.of_residents(aside.partition, [aside.ref], EVERYTHING))
        return {**_row(aside), "seq": aside.seq, "facts": facts}

    def replay(self, number: str) -> dict[str, Any]:
        """Computes the rows again. `failed`: what is still set aside."""
        found = self._views.aside() if number == ALL else self._find(number)
        for aside in found:
            if aside.seq is None and aside.ref is not None:
                self._worker.recompute(aside.partition, [aside.ref])
            elif aside.seq is not None:
                self._open(aside, aside.seq)
        left = {each.number for each in self._views.aside()}
        failed = sum(each.number in left for each in found)
        return {"replayed": len(found) - failed, "failed": failed}

    def discard(self, number: str, reason: str) -> dict[str, Any]:
        """`reason`: one of DISCARDED; it stays with what was set aside."""
        (aside,) = self._find(number)
        self._views.discard(aside.number, reason)
        return {"discarded": aside.number, "reason": reason}

    def inside(self, number: str) -> Inside:
        """What it is about, opened. Whoever shows it has recorded the look first."""
        (aside,) = self._find(number)
        if aside.seq is not None:
            records = self._log.read(aside.partition, aside.seq - 1, 1)
        else:
            records = self._log.of_residents(aside.partition, [aside.ref or b""], EVERYTHING)
        refs = sorted({record.ref for record in records if record.ref is not None})
        return Inside(aside, refs, list(zip(records, opened(records, self._vault), strict=True)))

    def _open(self, aside: Aside, seq: int) -> None:
        records = self._log.read(aside.partition, seq - 1, 1)
        (fact,) = opened(records, self._vault)
        if isinstance(fact, Unreadable):
            return
        self._views.take_back(aside.number)
        ref = records[0].ref
        if ref is not None:
            self._worker.pass_on(records[0])
            self._worker.forget(aside.partition)  # its facts in memory lack this one
            self._worker.recompute(aside.partition, [ref], [] if fact is None else [fact])

    def _find(self, number: str) -> Sequence[Aside]:
        found = [each for each in self._views.aside() if str(each.number) == number]
        if not found:
            raise ConfigurationError("Nothing of that number is set aside.", "Look at `woonketen quarantine list`.")
        return found


def _row(aside: Aside) -> dict[str, Any]:
    return {
        "id": aside.number,
        "what": "resident" if aside.seq is None else "record",
        "partition": aside.partition,
        "since": aside.since,
        "error": aside.error,
        "orgs": list(aside.orgs),
    }
