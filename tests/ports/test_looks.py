"""No record, no answer: asked of a real PostgreSQL whose look log is locked, closed, read-only or full; and one
decision for every request, the ones that were denied too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import psycopg
import pytest
from wkviews import FIRST_DAY, prepare

from woonketen.contracts.errors import ConfigurationError, Unreachable
from woonketen.contracts.ports import Shown
from woonketen.contracts.views import Coach, Corporatie, Row
from woonketen.projections import people, queries
from woonketen.projections.people import User
from woonketen.projections.store import PostgresViews

ONE, TWO = bytes(15) + b"\x01", bytes(15) + b"\x02"
TABLES = ("looks.look", "looks.decision", "looks.viewer")
FULL = """
    CREATE FUNCTION looks.full_disk() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'could not extend file: no space left' USING ERRCODE = 'disk_full'; END $$;
    CREATE {kind} TRIGGER full_disk {when} INSERT ON {table} {deferred} FOR EACH ROW EXECUTE FUNCTION looks.full_disk()
"""


@pytest.fixture(scope="module")
def owner(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        prepare(connection)
        people.add_user(connection, "landlord", org="corp", role="corporatie")
        people.add_user(connection, "steward", org="city", role="steward")
        with psycopg.connect(dsn, autocommit=True) as processor:
            processor.execute("SET ROLE woonketen_processor")
            with PostgresViews(processor, "code").batch(0) as batch:
                batch.show([shown(ONE, "1"), shown(TWO, "2")], {})
                batch.move(batch.after + 1, FIRST_DAY, b"world")
        yield connection


def shown(ref: bytes, n: str) -> Shown:
    coach = Coach(resident=f"C-{n}", role="wooncoach", mode="active", interval_days=7)
    lease = Corporatie(resident=f"H-{n}", lease_id=f"L-{n}", kind="indefinite", started_on=date(2026, 1, 1))
    return Shown(
        ref=ref,
        rows=[
            Row(view="coach", key="c", org="coach-oost", worker=f"W-{n}", data=coach, sources=["coach-oost"]),
            Row(view="corporatie", key="l", org="corp", data=lease, sources=["corp"]),
        ],
    )


def landlord(owner: psycopg.Connection[Any]) -> User:
    return people.find_user(owner, "landlord")


def steward(owner: psycopg.Connection[Any]) -> User:
    return people.find_user(owner, "steward")


def ask_view(owner: psycopg.Connection[Any]) -> Any:
    return queries.view(owner, landlord(owner), "corporatie")


def ask_warnings(owner: psycopg.Connection[Any]) -> Any:
    return queries.warnings(owner, landlord(owner))


def ask_program(owner: psycopg.Connection[Any]) -> Any:
    return queries.record_look(owner, landlord(owner), "warnings", [ONE], ["sentence"])


def ask_looks(owner: psycopg.Connection[Any]) -> Any:
    return queries.looks(owner, steward(owner))


def ask_name(owner: psycopg.Connection[Any]) -> Any:
    return queries.who_looked(owner, steward(owner), "00" * 8, "audit")


def ask_no(owner: psycopg.Connection[Any]) -> Any:
    """Also a no is an answer."""
    try:
        return queries.view(owner, landlord(owner), "coach")
    except ConfigurationError:
        return None


WAYS = [ask_view, ask_warnings, ask_program, ask_looks, ask_name, ask_no]
Ask = Callable[[psycopg.Connection[Any]], Any]


def as_role(owner: psycopg.Connection[Any], role: str, statement: str) -> None:
    with owner.transaction():
        owner.execute(f"SET LOCAL ROLE {role}")
        owner.execute(statement)


def of(rows: list[dict[str, Any]], name: str) -> list[Any]:
    return [row["attributes"][f"adl.core.{name}"] for row in rows]


class TestNoRecordNoAnswer:
    @pytest.mark.parametrize("ask", WAYS)
    @pytest.mark.parametrize("table", ["looks.decision", "looks.viewer"])
    def test_where_the_right_to_write_was_taken(self, owner: psycopg.Connection[Any], ask: Ask, table: str) -> None:
        with owner.transaction(force_rollback=True):
            owner.execute(f"REVOKE INSERT ON {table} FROM woonketen_gate")
            with pytest.raises(Unreachable, match="nothing is shown"):
                ask(owner)
        ask(owner)

    @pytest.mark.parametrize("ask", WAYS)
    @pytest.mark.parametrize("table", TABLES)
    def test_where_the_table_is_full(self, owner: psycopg.Connection[Any], ask: Ask, table: str) -> None:
        if table == "looks.look" and ask in (ask_name, ask_no):
            table = "looks.decision"  # a question about nobody leaves no line, only a decision
        with owner.transaction(force_rollback=True):
            owner.execute(FULL.format(kind="", when="BEFORE", table=table, deferred=""))
            with pytest.raises(Unreachable, match="nothing is shown"):
                ask(owner)
        ask(owner)

    @pytest.mark.parametrize("ask", WAYS)
    @pytest.mark.parametrize("table", ["looks.decision"])
    def test_where_it_is_full_at_the_commit(self, owner: psycopg.Connection[Any], ask: Ask, table: str) -> None:
        """What was read is in hand by then, and still must not leave."""
        when = {"kind": "CONSTRAINT", "when": "AFTER", "deferred": "DEFERRABLE INITIALLY DEFERRED"}
        owner.execute(FULL.format(table=table, **when))
        try:
            with pytest.raises(Unreachable):
                ask(owner)
        finally:
            owner.execute(f"DROP TRIGGER full_disk ON {table}; DROP FUNCTION looks.full_disk")

    @pytest.mark.parametrize("ask", WAYS)
    def test_where_the_database_is_read_only(self, owner: psycopg.Connection[Any], ask: Ask) -> None:
        with owner.transaction(force_rollback=True):
            owner.execute("SET LOCAL transaction_read_only = on")
            with pytest.raises(Unreachable, match="nothing is shown"):
                ask(owner)

    @pytest.mark.parametrize("ask", WAYS)
    def test_where_somebody_holds_a_lock(
        self, owner: psycopg.Connection[Any], ask: Ask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(queries, "_LOCK_TIMEOUT", "100ms")
        ask(owner)
        with psycopg.connect(owner.info.dsn, password=owner.info.password) as other:
            other.execute("LOCK TABLE looks.decision IN EXCLUSIVE MODE")
            with pytest.raises(Unreachable, match="nothing is shown"):
                ask(owner)
            other.rollback()


class TestDecisions:
    @pytest.fixture(autouse=True)
    def _empty(self, owner: psycopg.Connection[Any]) -> None:
        owner.execute("TRUNCATE looks.look, looks.decision, looks.viewer")

    def test_one_for_every_request_joined_to_its_lines(self, owner: psycopg.Connection[Any]) -> None:
        assert len(ask_view(owner)) == 2
        (decision,) = queries.decisions(owner, steward(owner))
        lines = queries.looks(owner, steward(owner))
        seen = [line for line in lines if line["name"] == "view corporatie"]
        assert {line["trace_id"] for line in seen} == {decision["trace_id"]}
        assert len(seen) == 2
        assert (decision["event_name"], decision["status"]) == ("adl.access_evaluation", "Ok")
        assert decision["span_id"] not in {line["span_id"] for line in seen}
        assert of([decision], "request") == [
            {
                "subject": {"type": "role", "id": "corporatie", "properties": {"organisation": "corp"}},
                "action": {"name": "read"},
                "resource": {"type": "view", "id": "corporatie"},
                "context": {"purpose": "tenancy"},
            }
        ]
        assert of([decision], "response") == [{"decision": True, "context": {"reason": "role"}}]
        assert of([decision], "policies") == ["urn:woonketen:rules:code"]

    def test_a_denial_is_a_decision_and_no_error(self, owner: psycopg.Connection[Any]) -> None:
        with pytest.raises(ConfigurationError, match="no view of that name"):
            queries.view(owner, landlord(owner), "coach")
        (decision,) = queries.decisions(owner, steward(owner))
        assert of([decision], "response") == [{"decision": False, "context": {"reason": "not_of_this_role"}}]
        assert decision["status"] == "Ok"
        assert [line["name"] for line in queries.looks(owner, steward(owner))] == ["view decisions"], "nobody was seen"

    def test_who_it_was_stands_apart_and_nobody_reads_it(self, owner: psycopg.Connection[Any]) -> None:
        ask_view(owner)
        rolname = landlord(owner).rolname
        kept = owner.execute("SELECT rolname FROM looks.viewer").fetchall()
        assert kept == [(rolname,)]
        told = str(queries.decisions(owner, steward(owner))) + str(queries.looks(owner, steward(owner)))
        assert rolname not in told
        for role in (steward(owner).rolname, "woonketen_looks", "woonketen_processor"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                as_role(owner, role, "SELECT * FROM looks.viewer")

    def test_only_a_steward_learns_it_and_the_resident_sees_that_it_was_asked(
        self, owner: psycopg.Connection[Any]
    ) -> None:
        ask_view(owner)
        line = queries.looks(owner, steward(owner))[0]
        (found,) = queries.who_looked(owner, steward(owner), line["span_id"], "complaint")
        assert (found["rolname"], found["organisation"]) == (landlord(owner).rolname, "corp")
        residents = {ref: people.add_user(owner, f"b{ref[-1]}", org="city", role="bewoner", ref=ref)
                     for ref in (ONE, TWO)}  # fmt: skip
        asked = {ref: [row["name"] for row in queries.looks(owner, user)] for ref, user in residents.items()}
        assert sorted(names.count("who looked") for names in asked.values()) == [0, 1], "the one whose line it was"
        whole = queries.who_looked(owner, steward(owner), line["trace_id"], "complaint")
        assert len(whole) == 1
        assert all("who looked" in [row["name"] for row in queries.looks(owner, user)] for user in residents.values())
        with pytest.raises(ConfigurationError):
            queries.who_looked(owner, landlord(owner), line["span_id"], "complaint")
        with pytest.raises(ConfigurationError, match="no id of a look"):
            queries.who_looked(owner, steward(owner), "not hexadecimal", "complaint")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_role(owner, residents[ONE].rolname, "SELECT * FROM gate.who_looked('\\x00', 'curious')")

    def test_a_resident_reads_no_decisions(self, owner: psycopg.Connection[Any]) -> None:
        ask_view(owner)
        resident = people.add_user(owner, "b1", org="city", role="bewoner", ref=ONE)
        with owner.transaction(force_rollback=True):
            owner.execute(f"SET LOCAL ROLE {resident.rolname}")
            assert owner.execute("SELECT count(*) FROM view_looks.decisions").fetchone() == (0,)
        with pytest.raises(ConfigurationError):
            queries.decisions(owner, resident)

    def test_nobody_changes_or_removes_a_record(self, owner: psycopg.Connection[Any]) -> None:
        ask_view(owner)
        for role in (steward(owner).rolname, landlord(owner).rolname, "woonketen_processor", "woonketen_gate"):
            for table in TABLES:
                for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET trace_id = trace_id"):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        as_role(owner, role, statement)
