"""One batch: every resident that something arrived for, or that is due, goes through its evenings and is shown."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import islice

import msgspec

from woonketen.contracts.errors import WoonketenError
from woonketen.contracts.facts import Fact, State
from woonketen.contracts.ports import Batch, Draft, Kept, Shown, Vault, hidden
from woonketen.contracts.records import fact_draft, pack
from woonketen.streams.core.conclusions import Conclusion
from woonketen.streams.core.desk import Desk
from woonketen.streams.core.step import evenings, present
from woonketen.streams.drive.reading import Stretch
from woonketen.streams.drive.states import States

CHUNK = 500
"""Residents in memory at once, and written with one statement a table."""
PATIENCE = 20
SHARE = 0.05
"""So many that cannot be processed are an accident of theirs; more, and more than this share, are a fault of ours."""


class StopTheLine(WoonketenError):
    """So much cannot be processed that the program is at fault, not the events."""


class Stepped(msgspec.Struct, frozen=True):
    """`shown` is None where nothing can have changed; then only `judge_on` is news."""

    state: State
    conclusions: Sequence[Conclusion]
    judge_on: date | None
    shown: Shown | None
    desk: Desk


def step_resident(state: State, stretch: Stretch, kept: Kept, everybody: bool, desk: Desk) -> Stepped:
    """One resident through a stretch. `everybody`: the world changed so that every row may have."""
    arrivals = stretch.arrivals.get(state.ref)
    judged = evenings(state, arrivals or (), stretch.closings, kept.judge_on, desk)
    anew = (
        everybody
        or arrivals is not None
        or bool(judged.conclusions)
        or (kept.show_on is not None and kept.show_on <= stretch.open_day)
    )
    shown = present(judged.state, stretch.open_day, stretch.world, judged.judge_on, desk) if anew else None
    return Stepped(judged.state, judged.conclusions, judged.judge_on, shown, desk)


class Turn:
    """Gathers what a batch concludes, to be appended in one go, and how many residents it could not compute."""

    def __init__(self, batch: Batch, states: States, vault: Vault, stretch: Stretch, everybody: bool) -> None:
        self._batch, self._states, self._vault = batch, states, vault
        self._stretch, self._everybody = stretch, everybody
        self.conclusions: list[Conclusion] = []
        self.kids: dict[tuple[bytes | None, str, str], bytes] = {}
        self.withheld = 0

    def take(self, due: Mapping[bytes, Kept]) -> None:
        """Steps everybody for whom something arrived, and those who are due. Raises `StopTheLine`."""
        refs = sorted({*self._stretch.arrivals, *due})
        for chunk in chunks(refs, CHUNK):
            self._chunk(chunk, due)
        stop_the_line(self.withheld, len(refs))

    def drafts(self, partitions: int) -> list[Draft]:
        """What was concluded, for the log: by day, then resident, so that a second run appends the same."""
        ordered = sorted(self.conclusions, key=lambda each: (each.day, each.scope))
        return [
            fact_draft(pack(each.sealed), each.scope[0], self.kids[each.scope], each.day, partitions)
            for each in ordered
        ]

    def _chunk(self, refs: Sequence[bytes], due: Mapping[bytes, Kept]) -> None:
        kept = {ref: due[ref] for ref in refs if ref in due}
        kept |= self._batch.kept([ref for ref in refs if ref not in due])
        states = self._states.load(refs, self._batch.after, self._batch.closed or date.min)
        unread = self._unread(refs)
        stepped = []
        for ref in refs:
            if ref in unread:
                continue
            try:
                desk = self._states.desk(ref)
                stepped.append(step_resident(states[ref], self._stretch, kept.get(ref, Kept()), self._everybody, desk))
            except MemoryError:
                raise
            except Exception as error:  # noqa: BLE001 (one resident that cannot be computed must not stop the others)
                self._withhold(states[ref], error)
        self._conclude(stepped)
        self._batch.show([each.shown for each in stepped if each.shown is not None], kept)
        self._batch.wait(
            {
                each.state.ref: each.judge_on
                for each in stepped
                if each.shown is None and each.judge_on != kept[each.state.ref].judge_on
            }
        )

    def _unread(self, refs: Sequence[bytes]) -> set[bytes]:
        """Of whom a record cannot be read: among them may be what narrows, so nothing of them is judged or shown."""
        unread = self._stretch.unread.intersection(refs) | self._states.unread.keys()
        for ref in unread:
            for seq, day, error in self._states.unread.get(ref, ()):
                self._batch.set_aside(seq, day, error)
            self._states.drop(ref)
        if unread:
            self._batch.show([hidden(ref) for ref in sorted(unread)], self._batch.kept(unread))
        return unread

    def _conclude(self, stepped: Sequence[Stepped]) -> None:
        concluded = [conclusion for each in stepped for conclusion in each.conclusions]
        if concluded:
            self.kids |= self._vault.mint(each.scope for each in concluded)
            self.conclusions += concluded
        for each in stepped:
            if each.conclusions:
                self._states.keep(with_keys(each.state, each.conclusions, self.kids))
            else:
                self._states.keep(each.state, each.desk)

    def _withhold(self, state: State, error: Exception) -> None:
        self.withheld += 1
        self._states.drop(state.ref)
        arrived = [fact for _, fact in self._stretch.arrivals.get(state.ref, ())]
        orgs = sorted({fact.org for fact in (*state.facts.values(), *arrived)})
        self._batch.withhold(state.ref, self._stretch.open_day, place(error), orgs)


def with_keys(
    state: State, conclusions: Iterable[Conclusion], kids: Mapping[tuple[bytes | None, str, str], bytes]
) -> State:
    """The state as the log will tell it: each conclusion with the key that it is sealed with."""
    facts: dict[bytes, Fact] = dict(state.facts)
    for each in conclusions:
        facts[each.fact.key] = msgspec.structs.replace(each.fact, kid=kids[each.scope])
    return State(state.ref, facts)


def place(error: Exception) -> str:
    """Kind and place of an error; its message may quote a value, so it is not told."""
    at = "?"
    for frame in traceback.extract_tb(error.__traceback__):
        if "woonketen" in frame.filename:
            at = f"{'/'.join(frame.filename.split('/')[-2:])}:{frame.lineno}"
    return f"{type(error).__name__} at {at}"


def stop_the_line(failed: int, of: int) -> None:
    """Raises `StopTheLine` for too many, which rolls the batch back: nothing is lost, and nothing half done."""
    if failed > PATIENCE and failed > SHARE * of:
        raise StopTheLine(
            f"{failed} of {of} cannot be processed, so processing was stopped.",
            "Nothing was lost. Look into `woonketen quarantine list`, and go back to the version before.",
        )


def chunks(refs: Sequence[bytes], size: int) -> Iterator[list[bytes]]:
    left = iter(refs)
    while chunk := list(islice(left, size)):
        yield chunk
