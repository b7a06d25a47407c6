"""A record that cannot be read ends in the quarantine on every way, and nobody is shown more for it: what it would have
narrowed is not known. Through the worker, a rebuild, its catching up, a replay, and looks into the past."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from builders import BUDDY, COACH, GEMEENTE, event, source_of
from wkviews import FIRST_DAY, KEK, PARTITIONS, Town, rows_of, town

from woonketen.contracts import indicators, policy, retention
from woonketen.contracts.errors import SetAside
from woonketen.contracts.facts import Record
from woonketen.contracts.records import header_of, open_records, pack, unpack
from woonketen.orchestration.rebuilding import make_parts, make_worker, rebuild
from woonketen.orchestration.residents import Residents
from woonketen.orchestration.wiring import Rulebook
from woonketen.projections import sets
from woonketen.projections.ddl import PEOPLE
from woonketen.projections.store import PostgresViews
from woonketen.streams.drive.catch_up import follow
from woonketen.streams.drive.quarantine import Quarantine
from woonketen.streams.drive.turn import Turn
from woonketen.streams.drive.worker import Worker
from woonketen.streams.keys.kek import Keys
from woonketen.streams.leaving import overdue
from woonketen.streams.log.postgres import PostgresLog

Break = Callable[[Town, Record], bytes]


def changed(here: Town, record: Record) -> bytes:
    return record.sealed[:20]


def rewritten(**values: Any) -> Break:
    """Opens, and says something that the contract does not know (any more)."""

    def make(here: Town, record: Record) -> bytes:
        ((_, clear),) = open_records([record], here.vault)
        assert clear is not None
        cipher = here.vault.ciphers([record.kid or b""])[record.kid or b""]
        assert cipher is not None
        return cipher.seal(pack(msgspec.structs.replace(unpack(clear), **values)), header_of(record))

    return make


UNDECODED, UNKNOWN = rewritten(data=b'{"consent_id":7}'), rewritten(type="nl.woonketen.consent.unheard_of")
RESTRICTING = ("consent.refused", "consent.withdrawn", "objection.recorded", "safety.flag_set", "event.retracted")
CASES: list[tuple[str, Break, str]] = [
    *((short, changed, "WrongKey") for short in RESTRICTING),
    *((short, UNDECODED, "SchemaError") for short in RESTRICTING),
    ("consent.withdrawn", UNKNOWN, "UnknownType"),
    ("contact.attempted", changed, "WrongKey"),
]
HEALTHY = len(CASES) + 1


def coached(here: Town, n: int) -> None:
    here.enrol(n, FIRST_DAY)
    subject = here.link(n, COACH)
    here.tell(event("coach.assigned", subject, source_of(COACH), FIRST_DAY, worker="W-1", assignment_id=f"AS-{n}"))
    here.tell(event("consent.granted", f"G-{n}", source_of(GEMEENTE), FIRST_DAY, consent_id=f"{GEMEENTE}:T-{n}",
                    event_id=f"grant-{n}"))  # fmt: skip


def narrow(here: Town, n: int, short: str) -> None:
    subject, source = (f"C-{n}", source_of(COACH)) if short == "contact.attempted" else (f"G-{n}", source_of(GEMEENTE))
    fields: dict[str, Any] = {}
    if short.startswith("consent."):
        fields = {"consent_id": f"{GEMEENTE}:T-{n}"}
    if short == "objection.recorded":
        fields = {"objection_id": f"{GEMEENTE}:OB-{n}"}
    if short == "event.retracted":
        fields = {"original_id": f"grant-{n}"}
    here.tell(event(short, subject, source, FIRST_DAY, **fields))


def last(here: Town, ref: bytes) -> Record:
    log = PostgresLog(here.admission._connection, here.vault)
    return [each for p in range(PARTITIONS) for each in log.read(p, 0, 9_999) if each.ref == ref][-1]


def write(here: Town, record: Record, sealed: bytes) -> None:
    here.owner.execute("UPDATE log.record SET sealed = %b WHERE partition = %s AND seq = %s",
                       [sealed, record.partition, record.seq])  # fmt: skip


def seen(here: Town) -> set[bytes]:
    """Of whom anybody has a row in the set that is read."""
    tables = rows_of(here.owner, ref=True)
    return {bytes(row["v_ref"]) for table in PEOPLE for row in tables[table]}


def aside(here: Town, in_set: str | None = None) -> set[tuple[int, int, str]]:
    found = here.owner.execute(
        "SELECT partition, seq, error FROM gate.quarantine WHERE set = %s AND NOT discarded AND seq IS NOT NULL",
        [in_set or sets.live_set(here.owner)[0]],
    ).fetchall()
    return {(partition, seq, error) for partition, seq, error in found}


def quarantine(here: Town, worker: Worker) -> Quarantine:
    return Quarantine(PostgresViews(here.worker._connection, here.source.code), here.worker._log, here.vault, worker)


def residents_of(here: Town) -> Residents:
    texts = (here.source.policy, here.source.indicators)
    rulebook = Rulebook(policy.load(texts[0]), indicators.load(texts[1]), retention.shipped(), texts)
    return Residents(here.worker._log, here.vault, rulebook, Keys(KEK), here.admission.settings())


class Broken:
    """`records`: per resident its record that cannot be read; `listed`: how they stand in the quarantine."""

    def __init__(self, here: Town) -> None:
        self.here = here
        self.records: dict[int, Record] = {}
        self.listed: set[tuple[int, int, str]] = set()
        for n in range(1, HEALTHY + 1):
            coached(here, n)
        here.run()
        assert len(seen(here)) == HEALTHY
        for n, (short, breaks, error) in enumerate(CASES, 1):
            narrow(here, n, short)
            record = self.records[n] = last(here, here.ref(n))
            write(here, record, breaks(here, record))
            self.listed.add((record.partition, record.seq, error))

    def check(self, in_set: str | None = None) -> None:
        """Nobody but the healthy one is seen by anybody, and all of them are in the quarantine."""
        assert seen(self.here) == {self.here.ref(HEALTHY)}
        assert aside(self.here, in_set) == self.listed

    def mend(self) -> None:
        for record in self.records.values():
            write(self.here, record, record.sealed)


@pytest.fixture
def here(new_database: Callable[[], str]) -> Iterator[Town]:
    with town(new_database()) as made:
        yield made


@pytest.fixture
def broken(here: Town) -> Broken:
    return Broken(here)


def test_on_every_way_it_is_set_aside_and_nobody_is_shown_that_resident(here: Town, broken: Broken) -> None:
    here.run()
    broken.check()
    here.close(FIRST_DAY, FIRST_DAY + timedelta(days=3))  # everybody withheld is tried again at a close
    here.run()
    broken.check()
    with make_worker(here.source, PARTITIONS) as fresh:  # nothing in memory: all comes from the log
        for n in broken.records:
            here.tell(event("contact.attempted", f"C-{n}", source_of(COACH), FIRST_DAY))
        fresh.run(until_idle=True)
        broken.check()
        assert quarantine(here, fresh).replay("all") == {"replayed": 0, "failed": len(CASES)}
        broken.check()
    report = rebuild(here.owner, here.source, processes=1)
    assert set(report.differences.values()) == {0}
    assert report.filled.broken == len(CASES)
    broken.check()
    broken.mend()
    with make_worker(here.source, PARTITIONS) as fresh:
        assert quarantine(here, fresh).replay("all") == {"replayed": len(CASES), "failed": 0}
    live = rows_of(here.owner)
    assert aside(here) == set()
    assert set(rebuild(here.owner, here.source, processes=1).differences.values()) == {0}
    assert rows_of(here.owner) == live, "as if it had been readable at once"
    assert len(seen(here)) == HEALTHY


def test_what_breaks_behind_the_position_is_found_at_the_next_loading(here: Town) -> None:
    """Applied while it could be read; after a mend of the contract it cannot."""
    coached(here, 1)
    narrow(here, 1, "consent.withdrawn")
    here.run()
    assert seen(here) == {here.ref(1)}
    record = last(here, here.ref(1))
    write(here, record, UNDECODED(here, record))
    here.tell(event("contact.attempted", "C-1", source_of(COACH), FIRST_DAY))
    with make_worker(here.source, PARTITIONS) as fresh:
        fresh.run(until_idle=True)
    assert seen(here) == set()
    assert aside(here) == {(record.partition, record.seq, "SchemaError")}


def test_a_rebuilt_set_that_catches_up_sets_it_aside_too(here: Town, broken: Broken) -> None:
    fresh = sets.make_fresh(here.owner, here.source.code)
    here.run()
    with make_parts(here.source, fresh) as parts:
        for partition, upto in sets.positions(here.owner, sets.live_set(here.owner)[0]).items():
            follow(parts, partition, upto)
    broken.check(fresh)
    tables = rows_of(here.owner, fresh, ref=True)
    assert {bytes(row["v_ref"]) for table in PEOPLE for row in tables[table]} == {here.ref(HEALTHY)}


def test_what_was_erased_withholds_nobody_any_more(here: Town) -> None:
    """It stands in the quarantine, and its key is destroyed: it reads as erased, not as unreadable."""
    coached(here, 1)
    narrow(here, 1, "contact.attempted")
    record = last(here, here.ref(1))
    write(here, record, changed(here, record))
    here.run()
    assert seen(here) == set()
    here.vault.destroy_keys([record.kid or b""], FIRST_DAY)
    here.close(FIRST_DAY)
    with make_worker(here.source, PARTITIONS) as fresh:
        fresh.run(until_idle=True)
    assert seen(here) == {here.ref(1)}


def test_a_correction_that_cannot_be_applied_withholds_too(here: Town) -> None:
    """The event decodes; what it puts in the place of its original's payload does not, since the mend."""
    coached(here, 1)
    grant = event("consent.granted", "G-1", source_of(GEMEENTE), FIRST_DAY, consent_id=f"{GEMEENTE}:T-1")["data"]
    ends = {**grant, "valid_until": str(FIRST_DAY)}
    here.tell(event("event.corrected", "G-1", source_of(GEMEENTE), FIRST_DAY, original_id="grant-1",
                    payload={"data": ends}))  # fmt: skip
    record = last(here, here.ref(1))
    ((_, clear),) = open_records([record], here.vault)
    told = unpack(clear or b"").data
    write(here, record, rewritten(data=told.replace(b'"valid_until"', b'"valid_till"'))(here, record))
    here.run()
    assert seen(here) == set()
    (listed,) = quarantine(here, here.worker).list()
    assert (listed["what"], listed["error"].split()[0]) == ("resident", "SetAside")
    assert rebuild(here.owner, here.source, processes=1).filled.withheld == 1
    assert seen(here) == set()
    write(here, record, record.sealed)
    with make_worker(here.source, PARTITIONS) as fresh:
        assert quarantine(here, fresh).replay("all")["failed"] == 0
    assert seen(here) == {here.ref(1)}


def test_the_other_of_a_merge_is_withheld_until_a_steward_discards(here: Town) -> None:
    coached(here, 1)
    here.enrol(2, FIRST_DAY)
    here.tell(event("enrolment.opened", "B-1", source_of(BUDDY), FIRST_DAY, enrolment_id=f"{BUDDY}:E-1",
                    programme="wooncoach"))  # fmt: skip
    here.run()
    gone = here.admission.resident_of(BUDDY, "B-1")
    assert gone is not None
    record = last(here, gone)
    write(here, record, changed(here, record))
    code, _ = here.admission.issue_link(GEMEENTE, "G-1", BUDDY)
    here.tell(event("subject.linked", "B-1", source=source_of(BUDDY), link_code=code))
    for _ in range(3):
        here.run()
    survivor = here.admission.resident_of(BUDDY, "B-1")
    assert survivor == here.ref(1)
    assert seen(here) == {here.ref(2)}, "the line goes on, and what the one lacks the other lacks"
    places = {(partition, seq) for partition, seq, _ in aside(here)}
    assert (record.partition, record.seq) in places
    write(here, record, record.sealed)
    desk = quarantine(here, here.worker)
    assert desk.replay("all") == {"replayed": 1, "failed": 1}, "the empty one in its place stays"
    assert seen(here) == {here.ref(2)}
    here.run()
    for listed in desk.list():
        desk.discard(str(listed["id"]), "sent_again")
    here.close(FIRST_DAY)
    here.run()
    assert seen(here) == {here.ref(1), here.ref(2)}
    rebuild(here.owner, here.source, processes=1)
    assert seen(here) == {here.ref(1), here.ref(2)}, "what was discarded stays so"
    told = [fact.type for fact in residents_of(here).facts(here.ref(1)) if fact.org == BUDDY]
    assert "enrolment.opened" in told, "the other has what could not be read when they became one"
    assert aside(here) == set()


def test_a_merge_that_could_not_be_read_is_done_by_its_replay(here: Town) -> None:
    here.enrol(1, FIRST_DAY)
    here.tell(event("enrolment.opened", "B-1", source_of(BUDDY), FIRST_DAY, enrolment_id=f"{BUDDY}:E-1",
                    programme="wooncoach"))  # fmt: skip
    here.run()
    gone = here.admission.resident_of(BUDDY, "B-1")
    code, _ = here.admission.issue_link(GEMEENTE, "G-1", BUDDY)
    here.tell(event("subject.linked", "B-1", source=source_of(BUDDY), link_code=code))
    record = last(here, gone or b"")
    write(here, record, changed(here, record))
    here.run()
    assert aside(here) == {(record.partition, record.seq, "WrongKey")}
    write(here, record, record.sealed)
    assert quarantine(here, here.worker).replay("all") == {"replayed": 1, "failed": 0}
    here.run()
    assert seen(here) == {here.ref(1)}
    assert BUDDY in {fact.org for fact in residents_of(here).facts(here.ref(1)) if fact.type == "enrolment.opened"}


def test_looking_back_explaining_and_ending_terms_refuse_to_go_by_half_of_it(here: Town, broken: Broken) -> None:
    here.run()
    residents = residents_of(here)
    user = here.user("coach", COACH, worker="W-1")
    for n in broken.records:
        with pytest.raises(SetAside):
            residents.whole(here.ref(n))
        with pytest.raises(SetAside):
            residents.warnings([here.ref(n)], user, FIRST_DAY, every=True)
        assert residents.facts(here.ref(n)), "own acts go by what can be read"
    assert residents.whole(here.ref(HEALTHY))
    found = {
        each.refs[0]: each.unread
        for each in overdue.persons(here.worker._log, here.vault, PARTITIONS, overdue.everybody(here.owner))
    }
    assert [ref for ref, unread in found.items() if not unread] == [here.ref(HEALTHY)]


def test_the_check_catches_a_worker_that_shows_what_is_left(
    here: Town, broken: Broken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Turn, "_unread", lambda self, refs: set())
    here.run()
    with pytest.raises(AssertionError):
        broken.check()
