"""A rebuild from the log gives the very rows that were live, is swapped in without a failed read, and can be taken
back; with `--verify` every evening is judged again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from builders import BUDDY, COACH, GEMEENTE, event, source_of
from chaos.town import ORGS, Links, agreements, by_day, heartbeats, lives
from psycopg import sql
from wkkilled import kill_at
from wkviews import FIRST_DAY, PARTITIONS, Town, rows_of, town

from woonketen.contracts.errors import ConfigurationError, NotYours
from woonketen.orchestration.rebuilding import Source, make_worker, rebuild
from woonketen.projections import sets
from woonketen.streams.core import step
from woonketen.streams.door.organisations import Organisation
from woonketen.streams.drive.rebuild import fill_partition

DAYS = 120


@pytest.fixture
def here(new_database: Callable[[], str]) -> Iterator[Town]:
    with town(new_database()) as made:
        yield made


@pytest.fixture(scope="module")
def lived(new_database: Callable[[], str]) -> Iterator[Town]:
    """Eight lives over four months, with feeds that fall silent, run every few weeks as a worker that was off would."""
    with town(new_database(), organisations=_register) as here:
        last = FIRST_DAY + timedelta(days=DAYS - 1)
        linked = Links(lambda by, subject, org: here.admission.issue_link(by, subject, org)[0])
        closed = FIRST_DAY - timedelta(days=1)
        sent = [*agreements(FIRST_DAY, last + timedelta(days=99)), *lives(8, FIRST_DAY, last, 20)]
        for number, (day, files) in enumerate(by_day(sorted(sent))):
            if day > closed + timedelta(days=1):
                here.close(closed + timedelta(days=1), day - timedelta(days=1))
                closed = day - timedelta(days=1)
            for beat in heartbeats(day) if number % 9 < 7 else ():
                files.setdefault(beat.org, []).append(beat.line)
            for org, lines in files.items():
                for receipt in here.admission.submit(org, [linked(line) for line in lines]):
                    assert receipt.status in ("accepted", "duplicate", "parked"), receipt.reason
            if number % 20 == 19:
                here.run()
        here.close(closed + timedelta(days=1), last)
        here.run()
        yield here


def _register(here: Town) -> None:
    for org, (_, kind, source, districts) in ORGS.items():
        here.admission.register_org(
            Organisation(org=org, kind=kind, sources=(source,), districts=districts, heartbeat_hours=48)
        )


class TestEqual:
    def test_the_rows_are_those_that_were_live(self, lived: Town) -> None:
        live = rows_of(lived.owner)
        assert all(live[view] for view in ("coach", "casusregisseur", "wijkteam", "corporatie", "bewoner", "warnings"))
        report = rebuild(lived.owner, lived.source, processes=1)
        assert set(report.differences.values()) == {0}
        assert (report.filled.residents, report.filled.withheld, report.filled.broken) == (8, 0, 0)
        assert rows_of(lived.owner) == live
        assert rows_of(lived.owner, sets.other_set(sets.live_set(lived.owner)[0])) == live, "the way back is kept"

    def test_two_processes_do_the_same_and_every_evening_judged_again_too(self, lived: Town) -> None:
        live = rows_of(lived.owner)
        told = []
        report = rebuild(lived.owner, lived.source, verify=True, processes=2, on_progress=told.append)
        assert set(report.differences.values()) == {0}
        assert report.filled.judged == 8
        assert told[-1] == report.filled
        assert rows_of(lived.owner) == live
        raised = [sealed for sealed in lived.log() if sealed.type.startswith("warning.")]
        assert len(raised) > 20

    def test_a_conclusion_that_a_second_judging_does_not_share_is_counted(self, lived: Town) -> None:
        other = Source(lived.dsn, lived.source.kek, lived.source.policy,
                       lived.source.indicators.replace("late_days: {value: 7,", "late_days: {value: 9,"))  # fmt: skip
        assert other.indicators != lived.source.indicators
        report = rebuild(lived.owner, other, verify=True, processes=1)
        assert report.differences["warnings raised"] > 0
        with pytest.raises(NotYours):
            lived.run()
        rebuild(lived.owner, lived.source, processes=1)
        assert lived.run() == 0

    def test_a_row_that_somebody_changed_is_found(self, lived: Town) -> None:
        live, _ = sets.live_set(lived.owner)
        changed = f"UPDATE {live}.coach SET held_90d = held_90d + 1 WHERE v_id = (SELECT min(v_id) FROM {live}.coach)"
        lived.owner.execute(changed)
        report = rebuild(lived.owner, lived.source, processes=1)
        assert (report.differences["coach"], report.differences["wijkteam"]) == (1, 0)


class TestGoingOn:
    def test_what_was_admitted_meanwhile_is_caught_up(self, here: Town, monkeypatch: pytest.MonkeyPatch) -> None:
        """The live worker goes on while the fresh set is filled: facts, closes, conclusions, a merge."""
        for n in (1, 2, 3):
            _coached(here, n)
        here.close(FIRST_DAY, FIRST_DAY + timedelta(days=15))
        here.run()

        def meanwhile(*given: Any, **named: Any) -> Any:
            filled = fill_partition(*given, **named)
            monkeypatch.undo()
            _coached(here, 4)
            here.tell(
                event("enrolment.opened", "B-9", source_of(BUDDY), FIRST_DAY, enrolment_id=f"{BUDDY}:E-9",
                      programme="wooncoach"),
                event("notice.given", "B-9", source_of(BUDDY), FIRST_DAY),
            )  # fmt: skip
            here.run()
            code, _ = here.admission.issue_link(GEMEENTE, "G-1", BUDDY)
            here.tell(event("subject.linked", "B-9", source_of(BUDDY), FIRST_DAY, link_code=code))
            here.close(FIRST_DAY + timedelta(days=16), FIRST_DAY + timedelta(days=30))
            here.run()
            return filled

        monkeypatch.setattr("woonketen.streams.drive.rebuild.fill_partition", meanwhile)
        report = rebuild(here.owner, here.source, processes=1)
        assert set(report.differences.values()) == {0}
        live = rows_of(here.owner)
        assert len(live["coach"]) == 4
        assert live["warnings"]
        # The worker goes on with the new set as if nothing had happened.
        here.close(FIRST_DAY + timedelta(days=31), FIRST_DAY + timedelta(days=50))
        here.run()
        assert set(rebuild(here.owner, here.source, verify=True, processes=1).differences.values()) == {0}

    def test_what_was_concluded_behind_the_position_is_in_the_rows(self, here: Town) -> None:
        """A close is judged in one batch with what follows it, and its conclusions lie behind all of that."""
        _coached(here, 1)
        here.close(FIRST_DAY, FIRST_DAY + timedelta(days=20))
        here.tell(event("contact.attempted", "C-1", source_of(COACH), FIRST_DAY, channel="phone", reached=True))
        partitions = [p for p, end in here.worker._log.ends().items() if end > 0]
        for partition in partitions:
            here.worker.apply(partition)  # one batch each: the conclusions are on the log, not yet applied
        assert rows_of(here.owner)["warnings"]
        report = rebuild(here.owner, here.source, verify=True, processes=1)
        assert set(report.differences.values()) == {0}
        here.run()
        assert set(rebuild(here.owner, here.source, processes=1).differences.values()) == {0}

    def test_a_worker_that_waits_for_the_swap_goes_on_in_the_new_set(self, here: Town) -> None:
        _coached(here, 1)
        here.run()
        stop = threading.Event()
        with make_worker(here.source, PARTITIONS) as worker:
            running = threading.Thread(target=lambda: worker.run(stop=stop))
            running.start()
            try:
                for n in (2, 3):
                    rebuild(here.owner, here.source, processes=1)
                    _coached(here, n)
            finally:
                deadline = time.monotonic() + 180
                coach = here.user("coach", COACH, worker="W-1")
                while len(here.see(coach)) < 3 and time.monotonic() < deadline:
                    time.sleep(0.05)
                stop.set()
                running.join()
        assert len(here.see(coach)) == 3

    def test_readers_do_not_notice(self, here: Town) -> None:
        for n in (1, 2):
            _coached(here, n)
        here.run()
        coach = here.user("coach", COACH, worker="W-1")
        stop, seen, errors = threading.Event(), set(), []

        def read() -> None:
            with psycopg.connect(here.dsn, autocommit=True) as connection:
                connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(coach.rolname)))
                while not stop.is_set():
                    try:
                        seen.add(str(connection.execute("SELECT * FROM view_coach.coach ORDER BY resident").fetchall()))
                    except psycopg.Error as error:
                        errors.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            for _ in range(2):
                rebuild(here.owner, here.source, processes=1)
        finally:
            stop.set()
            reader.join()
        assert errors == []
        assert len(seen) == 1


class TestWayBack:
    def test_the_set_before_is_shown_again_as_it_was(self, here: Town) -> None:
        with pytest.raises(ConfigurationError):
            sets.swap_back(here.owner)
        _coached(here, 1)
        here.run()
        old = sets.live_set(here.owner)[0]
        rebuild(here.owner, here.source, processes=1)
        _coached(here, 2)
        here.run()
        coach = here.user("coach", COACH, worker="W-1")
        assert len(here.see(coach)) == 2
        assert sets.swap_back(here.owner) == old
        assert len(here.see(coach)) == 1
        assert here.run() > 0, "the worker brings it up to date"
        assert len(here.see(coach)) == 2

    def test_one_rebuild_at_a_time(self, here: Town) -> None:
        with psycopg.connect(here.dsn, autocommit=True) as other, sets.alone(other), pytest.raises(ConfigurationError):
            rebuild(here.owner, here.source, processes=1)

    def test_a_resident_that_cannot_be_computed_is_withheld_there_too(
        self, here: Town, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for n in (1, 2):
            _coached(here, n)
        here.run()
        poisoned, shown = here.ref(1), step.shown

        def fail(facts: Any, ref: bytes, *rest: Any) -> Any:
            if ref == poisoned:
                raise ValueError
            return shown(facts, ref, *rest)

        monkeypatch.setattr(step, "shown", fail)
        report = rebuild(here.owner, here.source, processes=1)
        assert (report.filled.withheld, report.differences["coach"]) == (1, 1)
        assert [row["resident"] for row in here.see(here.user("coach", COACH, worker="W-1"))] == ["C-2"]


@pytest.mark.parametrize("where", ["filled", "swapped"])
def test_kill_9_leaves_the_live_set_and_the_next_rebuild_succeeds(here: Town, where: str) -> None:
    for n in (1, 2):
        _coached(here, n)
    here.run()
    live, before = sets.live_set(here.owner), rows_of(here.owner)
    assert kill_at(here.dsn, where)
    assert sets.live_set(here.owner) == live
    assert rows_of(here.owner) == before
    assert set(rebuild(here.owner, here.source, processes=1).differences.values()) == {0}
    assert sets.live_set(here.owner) != live


def _coached(here: Town, n: int) -> None:
    here.enrol(n, FIRST_DAY)
    subject = here.link(n, COACH)
    here.tell(
        event("coach.assigned", subject, source_of(COACH), FIRST_DAY, worker="W-1", assignment_id=f"AS-{n}"),
        event("plan.agreed", subject, source_of(COACH), FIRST_DAY, plan_id=f"{COACH}:PL-{n}", version=1, actions=[
            {"action_id": "A-1", "owner": COACH, "domain": "money", "kind": "open_bank_account",
             "due_on": str(FIRST_DAY + timedelta(days=9)), "blocking": True}]),
    )  # fmt: skip
