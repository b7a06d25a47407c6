"""The worker on PostgreSQL: effect and position together, whatever happens in between; what cannot be processed is set
aside, and what somebody took back is gone at the next read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import builders
import psycopg
import pytest
from builders import BUDDY, COACH, CORPORATIE, GEMEENTE, event, source_of
from wkkilled import kill_at
from wkviews import FIRST_DAY, PARTITIONS, Town, rows_of, town

from woonketen.contracts.errors import ConfigurationError, NotYours
from woonketen.contracts.records import partition_of
from woonketen.orchestration.rebuilding import Source, make_worker
from woonketen.projections import queries
from woonketen.projections.store import PostgresViews
from woonketen.streams.core import step
from woonketen.streams.drive import turn
from woonketen.streams.drive.merging import merges
from woonketen.streams.drive.quarantine import Quarantine
from woonketen.streams.drive.states import States
from woonketen.streams.drive.turn import StopTheLine
from woonketen.streams.keys.kek import Keys
from woonketen.streams.keys.vault import PostgresVault


@pytest.fixture
def here(new_database: Callable[[], str]) -> Iterator[Town]:
    with town(new_database()) as made:
        yield made


def coached(here: Town, n: int, worker: str = "W-1") -> None:
    """Resident `n` with a coach and a plan of which one action is late in ten days."""
    here.enrol(n, FIRST_DAY)
    subject = here.link(n, COACH)
    here.tell(
        event("coach.assigned", subject, source_of(COACH), FIRST_DAY, worker=worker, assignment_id=f"AS-{n}"),
        event("plan.agreed", subject, source_of(COACH), FIRST_DAY, plan_id=f"{COACH}:PL-{n}", version=1, actions=[
            {"action_id": "A-1", "owner": COACH, "domain": "money", "kind": "open_bank_account",
             "due_on": str(FIRST_DAY + timedelta(days=9)), "blocking": True}]),
    )  # fmt: skip


def housed(here: Town, n: int, **more: Any) -> None:
    subject = here.link(n, CORPORATIE)
    here.tell(event("lease.started", subject, source_of(CORPORATIE), FIRST_DAY, lease_id=f"L-{n}", **more))


def consent(here: Town, n: int, short: str = "consent.granted", **more: Any) -> None:
    here.tell(event(short, f"G-{n}", source_of(GEMEENTE), FIRST_DAY, consent_id=f"{GEMEENTE}:T-{n}", **more))


class TestEffects:
    def test_events_become_rows_and_again_is_nothing(self, here: Town) -> None:
        coached(here, 1)
        coached(here, 2, "W-2")
        coach = here.user("coach", COACH, worker="W-1")
        assert here.see(coach) == []
        assert here.run() > 0
        assert [row["resident"] for row in here.see(coach)] == ["C-1"]
        assert here.run() == 0

    def test_a_late_action_shows_and_warns_by_the_passing_of_days_alone(self, here: Town) -> None:
        coached(here, 1)
        here.run()
        coach = here.user("coach", COACH, worker="W-1")
        here.close(FIRST_DAY, FIRST_DAY + timedelta(days=25))
        here.run()
        (row,) = here.see(coach)
        assert [(each["state"], each["late_days"]) for each in row["plan_actions"]] == [("late", 17)]
        assert row["as_of"] == FIRST_DAY + timedelta(days=25)
        (warning,) = queries.warnings(here.owner, coach)
        assert warning["indicator"] == "plan_stalled_by_party"
        assert row["warnings"][0]["id"] == warning["id"]
        done = FIRST_DAY + timedelta(days=25)
        here.tell(event("action.completed", "C-1", source_of(COACH), done, plan_id=f"{COACH}:PL-1", action_id="A-1"))
        here.close(FIRST_DAY + timedelta(days=26), FIRST_DAY + timedelta(days=40))
        here.run()
        assert queries.warnings(here.owner, coach) == []
        assert [each["id"] for each in queries.warnings(here.owner, coach, closed=True)] == [warning["id"]]

    def test_a_day_on_which_nobody_is_due_writes_no_row(self, here: Town) -> None:
        here.enrol(1, FIRST_DAY)
        here.close(FIRST_DAY, FIRST_DAY + timedelta(days=40))
        here.run()
        tables = ("resident", "wijkteam", "bewoner", "warnings")
        before = [here.owner.execute(f"SELECT ctid, xmin FROM set_1.{each}").fetchall() for each in tables]
        here.close(FIRST_DAY + timedelta(days=41), FIRST_DAY + timedelta(days=60))
        assert here.run() == 20 * PARTITIONS
        assert [here.owner.execute(f"SELECT ctid, xmin FROM set_1.{each}").fetchall() for each in tables] == before

    def test_two_workers_at_once_do_the_work_of_one(self, here: Town) -> None:
        for n in range(1, 9):
            coached(here, n)
            here.close(FIRST_DAY + timedelta(days=3 * n - 3), FIRST_DAY + timedelta(days=3 * n - 1))

        def work() -> None:
            with make_worker(here.source, PARTITIONS) as worker:
                worker.run(until_idle=True)

        workers = [threading.Thread(target=work) for _ in range(3)]
        for each in workers:
            each.start()
        for each in workers:
            each.join()
        assert here.run() == 0
        raised = [sealed.id for sealed in here.log() if sealed.type.startswith("warning.")]
        assert raised
        assert len(raised) == len(set(raised)), "no conclusion is on the log twice"
        assert len(here.see(here.user("coach", COACH, worker="W-1"))) == 8

    def test_workers_share_the_partitions(self, here: Town) -> None:
        for n in range(1, 9):
            coached(here, n)
        applied = []
        for half in range(PARTITIONS):
            with make_worker(here.source, PARTITIONS) as worker:
                applied.append(worker.run(until_idle=True, only=[half])["applied"])
        assert all(applied)
        assert here.run() == 0
        assert len(here.see(here.user("coach", COACH, worker="W-1"))) == 8

    def test_a_batch_tells_where_it_ended_also_behind_another_worker(self, here: Town) -> None:
        coached(here, 1)
        partition = partition_of(here.ref(1), PARTITIONS)
        first = here.worker.apply(partition)
        assert first.records == first.upto > 0
        here.tell(event("contact.attempted", "C-1", source_of(COACH), FIRST_DAY, channel="phone", reached=True))
        with make_worker(here.source, PARTITIONS) as other:
            between = other.apply(partition)
        assert between == (first.upto + between.records, between.records)
        assert between.records > 0
        assert here.worker.apply(partition) == (between.upto, 0)
        here.tell(event("contact.attempted", "C-1", source_of(COACH), FIRST_DAY, channel="phone", reached=False))
        last = here.worker.apply(partition)
        assert last == (between.upto + last.records, last.records)
        assert last.records > 0

    def test_many_events_of_one_resident_leave_what_a_fresh_worker_makes(self, here: Town) -> None:
        """What lies on the desk from one batch to the next shows nowhere."""
        coached(here, 1)
        here.run()
        for n in range(6):
            here.tell(event("contact.attempted", "C-1", source_of(COACH), FIRST_DAY, channel="phone", reached=n == 5))
            here.run()
        live = rows_of(here.owner)
        assert here.see(here.user("coach", COACH, worker="W-1"))[0]["attempts_28d"] == 6
        with make_worker(here.source, PARTITIONS) as worker:
            worker.recompute(partition_of(here.ref(1), PARTITIONS), [here.ref(1)])
        assert rows_of(here.owner) == live

    def test_a_small_memory_gives_the_same_rows(self, here: Town, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(States.__init__, "__defaults__", (5,))
        for n in range(1, 6):
            coached(here, n)
        here.run()
        here.close(FIRST_DAY, FIRST_DAY + timedelta(days=30))
        here.run()
        live = rows_of(here.owner)
        assert len(live["coach"]) == 5
        monkeypatch.undo()
        with make_worker(here.source, PARTITIONS) as worker:
            for n in range(1, 6):
                worker.recompute(partition_of(here.ref(n), PARTITIONS), [here.ref(n)])
        assert rows_of(here.owner) == live

    def test_a_silent_feed_stands_in_the_rows_that_it_feeds(self, here: Town) -> None:
        here.register(COACH, heartbeat_hours=24, heartbeat_weekends=True)
        coached(here, 1)
        here.tell(event("feed.heartbeat", ..., source_of(COACH), as_of=f"{FIRST_DAY}T20:00:00+00:00"))
        here.close(FIRST_DAY)
        here.run()
        coach, steward = here.user("coach", COACH, worker="W-1"), here.user("steward", GEMEENTE)
        assert here.see(coach)[0]["feeds_silent"] == []
        here.close(FIRST_DAY + timedelta(days=1), FIRST_DAY + timedelta(days=3))
        here.run()
        assert here.see(coach)[0]["feeds_silent"] == [COACH]
        states = {row["org"]: row["state"] for row in here.see(steward, "steward_feeds")}
        assert (states[COACH], states[GEMEENTE]) == ("silent", "running")

    def test_complexes_count_what_residents_add(self, here: Town) -> None:
        here.tell(event("complex.assessed", ..., source_of(CORPORATIE), FIRST_DAY, complex_id="CX-12", dwellings=48))
        here.enrol(1, FIRST_DAY, route="beschermd_wonen")
        housed(here, 1, complex_id="CX-12")
        here.run()
        (row,) = here.see(here.user("corporatie", CORPORATIE), "complex")
        assert (row["complex_id"], row["programme_dwellings"]["let"]) == ("CX-12", 1)
        assert here.see(here.user("beleid", GEMEENTE), "complex") == [row]

    def test_a_new_district_of_an_organisation_reaches_every_row(self, here: Town) -> None:
        here.enrol(1, FIRST_DAY, district="WK990001")
        here.run()
        team = here.user("wijkteam", GEMEENTE)
        assert len(here.see(team)) == 1
        here.register(GEMEENTE, districts=("WK990002",))
        here.run()
        assert here.see(team) == [], "it is another team's now"


class TestTakenBack:
    def test_a_withdrawal_hides_before_the_step_has_seen_it(self, here: Town) -> None:
        coached(here, 1)
        consent(here, 1, recipient={"role": "wijkteam"}, purpose="coordination", categories=["plan"],
                valid_from=str(FIRST_DAY), valid_until="2027-01-01", data_from=..., data_until=...)  # fmt: skip
        here.run()
        team = here.user("wijkteam", GEMEENTE)
        assert here.see(team)[0]["actions_open"] == 1
        consent(here, 1, "consent.withdrawn")
        assert here.see(team) == [], "not one read more"
        here.run()
        assert here.see(team)[0]["actions_open"] is None

    def test_a_safety_flag_takes_the_person_from_every_list(self, here: Town) -> None:
        coached(here, 1)
        coached(here, 2, "W-2")
        here.run()
        team = here.user("wijkteam", GEMEENTE)
        two = [row for row in here.see(team) if row["resident"] == "G-2"]
        here.tell(event("safety.flag_set", "C-1", source_of(COACH), FIRST_DAY))
        assert [row["resident"] for row in here.see(team)] == ["G-2"]
        here.run()
        after = here.see(team)
        assert [row for row in after if row["resident"] == "G-2"] == two, "the other's row is the same to the byte"
        assert len(here.see(here.user("coach", COACH, worker="W-1"))) == 1, "the assigned coach keeps it"

    def test_what_a_destroyed_key_sealed_reads_as_erased(self, here: Town) -> None:
        coached(here, 1)
        housed(here, 1)
        here.run()
        landlord = here.user("corporatie", CORPORATIE)
        assert len(here.see(landlord)) == 1
        with here.admission._connection.transaction():
            here.vault.destroy(here.ref(1), CORPORATIE, None, FIRST_DAY)
        with make_worker(here.source, PARTITIONS) as worker:
            worker.recompute(partition_of(here.ref(1), PARTITIONS), [here.ref(1)])
        assert here.see(landlord) == []
        assert len(here.see(here.user("coach", COACH, worker="W-1"))) == 1


class TestMerge:
    def test_two_residents_that_are_one_become_one_row(self, here: Town) -> None:
        coached(here, 1)
        here.tell(
            event("enrolment.opened", "B-9", source_of(BUDDY), FIRST_DAY, enrolment_id=f"{BUDDY}:E-9",
                  programme="wooncoach"),
            event("notice.given", "B-9", source_of(BUDDY), FIRST_DAY),
            event("coach.assigned", "B-9", source_of(BUDDY), FIRST_DAY, role="buddy_professional", worker="V-1"),
        )  # fmt: skip
        here.run()
        gone = here.admission.resident_of(BUDDY, "B-9")
        assert gone is not None
        himself = here.user("bewoner", GEMEENTE, ref=gone)
        code, _ = here.admission.issue_link(GEMEENTE, "G-1", BUDDY)
        here.tell(event("subject.linked", "B-9", source_of(BUDDY), FIRST_DAY, link_code=code))
        buddy = here.user("coach", BUDDY, worker="V-1")
        assert here.see(buddy) == [], "hidden until both have been stepped"
        here.run()
        assert [row["resident"] for row in here.see(buddy)] == ["B-9"]
        assert len(here.see(here.user("coach", COACH, worker="W-1"))) == 1
        rows = rows_of(here.owner, ref=True)
        assert {row.get("v_ref") or row["ref"] for each in rows.values() for row in each} == {here.ref(1)}
        assert len(here.see(queries_user(here, himself.rolname), "bewoner")) == len(rows["bewoner"])

    def test_only_what_arrived_is_a_merge(self) -> None:
        merged = builders.fact("subject.merged", builders.PLATFORM, FIRST_DAY)
        other = builders.fact("notice.given", happened=FIRST_DAY)
        assert merges({b"a": [(0, merged), (1, other)], b"b": [(0, other)]}) == {b"a": FIRST_DAY}


class TestSetAside:
    def test_a_resident_that_cannot_be_computed_does_not_stop_the_others(
        self, here: Town, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        coached(here, 1)
        coached(here, 2)
        here.run()
        poisoned = here.ref(1)
        shown_of = step.shown_of

        def fail(whenever: Any, gone: Any, ref: bytes, *rest: Any) -> Any:
            if ref == poisoned:
                raise ValueError("Wilhelmientje")
            return shown_of(whenever, gone, ref, *rest)

        monkeypatch.setattr(step, "shown_of", fail)
        coach, steward = here.user("coach", COACH, worker="W-1"), here.user("steward", GEMEENTE)
        for n in (1, 2):
            here.tell(event("contact.attempted", f"C-{n}", source_of(COACH), FIRST_DAY, channel="phone", reached=True))
        here.run()
        assert [row["resident"] for row in here.see(coach)] == ["C-2"], "the row is withheld"
        assert [row["quarantined"] for row in here.see(steward, "steward_feeds") if row["org"] == COACH] == [1]
        quarantine = Quarantine(PostgresViews(here.worker._connection, here.source.code), here.worker._log,
                                here.worker._vault, here.worker)  # fmt: skip
        (listed,) = quarantine.list()
        assert listed["error"].startswith("ValueError at ")
        assert "Wilhelmientje" not in str(listed)
        assert quarantine.show(str(listed["id"]))["facts"] == 6
        assert quarantine.replay("all") == {"replayed": 0, "failed": 1}
        monkeypatch.undo()
        assert quarantine.replay(str(listed["id"])) == {"replayed": 1, "failed": 0}
        assert [row["last_contact_on"] for row in here.see(coach)] == [FIRST_DAY, FIRST_DAY]
        with pytest.raises(ConfigurationError):
            quarantine.show("7")

    def test_a_record_that_does_not_open_is_set_aside_and_replayed(self, here: Town) -> None:
        coached(here, 1)
        broken = here.owner.execute("SELECT partition, seq, sealed FROM log.record WHERE ref IS NOT NULL"
                                    " ORDER BY seq DESC LIMIT 1").fetchone()  # fmt: skip
        assert broken is not None
        at, where = "WHERE partition = %s AND seq = %s", [broken[0], broken[1]]
        here.owner.execute(f"UPDATE log.record SET sealed = substr(sealed, 1, 20) {at}", where)
        here.run()
        coach = here.user("coach", COACH, worker="W-1")
        assert here.see(coach) == [], "what it narrows is not known"
        quarantine = Quarantine(PostgresViews(here.worker._connection, here.source.code), here.worker._log,
                                here.worker._vault, here.worker)  # fmt: skip
        assert [(each["what"], each["error"]) for each in quarantine.list()] == [("record", "WrongKey")]
        assert quarantine.replay("all") == {"replayed": 0, "failed": 1}
        here.owner.execute(f"UPDATE log.record SET sealed = %b {at}", [broken[2], *where])
        assert quarantine.replay("all") == {"replayed": 1, "failed": 0}
        assert [len(row["plan_actions"]) for row in here.see(coach)] == [1]

    def test_too_many_stop_the_line_and_nothing_is_lost(self, here: Town, monkeypatch: pytest.MonkeyPatch) -> None:
        for n in range(1, 8):
            coached(here, n)
        monkeypatch.setattr(step, "shown_of", lambda *_: 1 / 0)
        monkeypatch.setattr(turn, "PATIENCE", 0)
        with pytest.raises(StopTheLine):
            here.run()
        assert here.owner.execute("SELECT count(*) FROM gate.quarantine").fetchone() == (0,)
        monkeypatch.undo()
        here.run()
        assert len(here.see(here.user("coach", COACH, worker="W-1"))) == 7

    def test_rows_of_other_code_are_nobodys(self, here: Town) -> None:
        other = Source(here.dsn, here.source.kek, here.source.policy + "\n", here.source.indicators)
        coached(here, 1)
        with make_worker(other, PARTITIONS) as worker, pytest.raises(NotYours) as raised:
            worker.run(until_idle=True)
        assert "rebuild" in raised.value.mend


@pytest.mark.parametrize("where", ["rows", "position", "appended"])
def test_kill_9_inside_a_transaction_loses_and_doubles_nothing(new_database: Callable[[], str], where: str) -> None:
    """Between the rows and the position, between the position and what is appended, and just before the commit."""
    seen, died = [], 0
    for kills in ((), (1, 2, 1, 3)):
        with town(new_database()) as here:
            for week in range(5):
                for n in (2 * week + 1, 2 * week + 2):
                    coached(here, n)
                here.close(FIRST_DAY + timedelta(days=7 * week), FIRST_DAY + timedelta(days=7 * week + 6))
                if week < len(kills):
                    died += kill_at(here.dsn, where, kills[week])
            here.run()
            coach = here.user("coach", COACH, worker="W-1")
            told = sorted((sealed.type, str(sealed.time)) for sealed in here.log())
            rows, warned = here.see(coach), queries.warnings(here.owner, coach)
            for warning in (*warned, *(each for row in rows for each in row["warnings"])):
                warning["id"] = ""  # made of the resident's reference, which is random
            seen.append((rows, sorted(map(str, warned)), told))
    assert died >= 3
    calm, stormy = seen
    assert calm[0] == stormy[0]
    assert calm[1] == stormy[1]
    assert calm[1]
    assert calm[2] == stormy[2]


def queries_user(here: Town, rolname: str) -> Any:
    from woonketen.projections import people

    with here.owner.transaction():
        found = people._viewer(here.owner, rolname)
    assert found is not None
    return found


def test_keys_and_vault_do_not_outlive_their_connection(here: Town) -> None:
    """A vault of another key is noticed before anything is read as erased."""
    with psycopg.connect(here.dsn, autocommit=True) as connection:
        connection.execute("SET ROLE woonketen_processor")
        other = PostgresVault(connection, Keys(bytes(32)))
        with pytest.raises(ConfigurationError):
            other.check()
