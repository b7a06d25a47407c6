"""Bringing a rebuilt set level with the live one, whose worker went on meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from woonketen.contracts.facts import Fact, Record
from woonketen.contracts.ports import Batch, Kept, hidden
from woonketen.streams.core.everybody import rows_print
from woonketen.streams.core.step import SOON, present
from woonketen.streams.drive.course import Parts, ahead_of, read_course
from woonketen.streams.drive.reading import Stretch, read_stretch
from woonketen.streams.drive.states import States, opened
from woonketen.streams.drive.turn import CHUNK, chunks, place
from woonketen.streams.drive.worker import LARGEST, show_complexes


def follow(parts: Parts, partition: int, upto: int) -> int:
    """Brings a rebuilt partition to a later position of the live set, whose worker has judged and appended already.
    Returns the number of records."""
    applied = 0
    while True:
        with parts.views.batch(partition) as batch:
            records = parts.log.read(partition, batch.after, min(LARGEST, upto - batch.after))
            if records:
                _follow(parts, partition, batch, records)
        applied += len(records)
        if not records or records[-1].seq >= upto:
            return applied


def _follow(parts: Parts, partition: int, batch: Batch, records: Sequence[Record]) -> None:
    everybody, aside = parts.everybody(), batch.aside()
    before = parts.log.of_everybody(partition, batch.after)
    everybody.add(fact for fact in opened(before, parts.vault) if isinstance(fact, Fact))
    prints = batch.fingerprint or b""
    stretch = read_stretch(records, opened(records, parts.vault, aside), everybody, batch.closed, prints[:16])
    for seq, day, error in stretch.broken:
        batch.set_aside(seq, day, error)
    rows = rows_print(stretch.world, stretch.open_day)
    refs = {*stretch.arrivals, *stretch.own, *ahead_of(parts, partition, stretch.upto, stretch.closed)}
    due = batch.kept() if rows != prints[16:] else batch.due(stretch.closed) if stretch.closings else {}
    states = States(parts.log, parts.vault, partition, cached=0)
    states.aside = aside
    for chunk in chunks(sorted({*refs, *due}), CHUNK):
        kept = batch.kept(chunk)
        _show_anew(batch, states, chunk, kept, stretch)
    batch.move(stretch.upto, stretch.closed, stretch.judged + rows)


def _show_anew(
    batch: Batch, states: States, refs: Sequence[bytes], kept: Mapping[bytes, Kept], stretch: Stretch
) -> None:
    shown = []
    for ref, state in states.load(refs, stretch.upto, stretch.closed).items():
        if ref in states.unread:
            shown.append(hidden(ref))
            continue
        try:
            shown.append(present(state, stretch.open_day, stretch.world, SOON))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 (one resident that cannot be computed must not stop the others)
            orgs = sorted({fact.org for fact in state.facts.values()})
            batch.withhold(ref, stretch.open_day, place(error), orgs)
    batch.show(shown, kept)


def finish(parts: Parts, partitions: Iterable[int]) -> None:
    """The rows about complexes, once all partitions are there."""
    positions = parts.views.positions()
    partition = min(partitions)
    if not positions.get(partition):
        return
    with parts.views.batch(partition) as batch:
        course = read_course(parts, partition, batch.after, every_evening=False)
        show_complexes(batch, course.world, course.open_day)
