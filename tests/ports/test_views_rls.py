"""Who sees which rows, asked of PostgreSQL itself: as the role that would ask, and by every way round that we know."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql
from wkviews import FIRST_DAY, prepare

from woonketen.contracts.errors import ConfigurationError, Unreachable
from woonketen.contracts.ports import Shown, WarningRow
from woonketen.contracts.views import (
    OTHER_VIEWS,
    PERSON_VIEWS,
    ActionLine,
    Bewoner,
    Coach,
    Corporatie,
    IntakeLine,
    Late,
    PartyLine,
    Row,
    Vrijwilliger,
    Warn,
    Wijkteam,
)
from woonketen.projections import people, queries, sets
from woonketen.projections.people import User
from woonketen.projections.store import PostgresViews

ONE, TWO = bytes(15) + b"\x01", bytes(15) + b"\x02"
TODAY = FIRST_DAY


@pytest.fixture(scope="module")
def owner(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        prepare(connection)
        yield connection


@pytest.fixture
def shown(owner: psycopg.Connection[Any]) -> None:
    owner.execute("TRUNCATE admission.restricting, looks.look")
    write(owner, [resident(ONE, "1"), resident(TWO, "2")])


def write(owner: psycopg.Connection[Any], shown: Sequence[Shown]) -> int:
    with psycopg.connect(owner.info.dsn, password=owner.info.password, autocommit=True) as connection:
        connection.execute("SET ROLE woonketen_processor")
        with PostgresViews(connection, "code").batch(0) as batch:
            changed = batch.show(shown, batch.kept([each.ref for each in shown]))
            batch.move(batch.after + 1, TODAY - timedelta(days=1), b"world")
        return changed


def resident(ref: bytes, n: str, *, worker: str | None = None) -> Shown:
    """Resident `n`: coached by `W-n` of coach-oost, in district `WK n`, with a lease `L-n`."""
    late = ActionLine(action="A-1", domain="money", owner="corp", due_on=TODAY - timedelta(days=3), state="open")
    coach = Coach(
        resident=f"C-{n}", programme="buddy", started_on=TODAY, role="wooncoach", mode="active", interval_days=7,
        plan_actions=[late, ActionLine(action="A-2", domain="money", owner="corp", due_on=TODAY, state="open")],
        intake=IntakeLine(wants={"money": "help"}, can_self=[], needs=["money"]),
    )  # fmt: skip
    district = Wijkteam(resident=f"G-{n}", programme="buddy", enrolled_on=TODAY, phase="plan", actions_open=2)
    lease = Corporatie(resident=f"H-{n}", lease_id=f"L-{n}", kind="indefinite", started_on=TODAY)
    late_days = Late(open_due=[TODAY - timedelta(days=3), TODAY], arrived_on=TODAY - timedelta(days=6))
    warn = Warn(id=f"W{n}", indicator="contact_lost", severity=2, state="active", sentence="Geen contact.",
                opened_on=TODAY, due_on=None, owner="coach")  # fmt: skip
    worker = worker or f"W-{n}"
    return Shown(
        ref=ref,
        rows=[
            Row(view="bewoner", key="e", org="woonketen", data=Bewoner(programme="buddy", started_on=TODAY)),
            Row(view="coach", key=worker, org="coach-oost", worker=worker, data=coach, sources=["corp", "coach-oost"]),
            Row(view="wijkteam", key="g", org="gemeente", district=f"WK{n}", data=district, late=late_days),
            Row(view="corporatie", key=f"L-{n}", org="corp", data=lease),
            Row(view="vrijwilliger", key="a", org="buurt", worker="V-1",
                data=Vrijwilliger(action="A-9", due_on=TODAY - timedelta(days=2), handle=f"h{n}")),
        ],
        warnings=[
            WarningRow(role="coach", key=worker, org="coach-oost", worker=worker, resident=f"C-{n}", warn=warn),
            WarningRow(role="wijkteam", key="g", org="gemeente", district=f"WK{n}", resident=f"G-{n}", warn=warn),
        ],
    )  # fmt: skip


def user(owner: psycopg.Connection[Any], name: str, role: str, org: str, **more: Any) -> User:
    return people.add_user(owner, name, org=org, role=role, **more)


def as_role(owner: psycopg.Connection[Any], rolname: str, query: str) -> list[tuple[Any, ...]]:
    """What this role gets for its own SQL."""
    with owner.transaction(force_rollback=True):
        owner.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(rolname)))
        return owner.execute(query).fetchall()


@pytest.mark.usefixtures("shown")
class TestRows:
    def test_a_coach_sees_the_rows_of_the_own_worker_code(self, owner: psycopg.Connection[Any]) -> None:
        one = user(owner, "c1", "coach", "coach-oost", worker="W-1")
        assert [row["resident"] for row in queries.view(owner, one, "coach")] == ["C-1"]
        elsewhere = user(owner, "c3", "coach", "coach-west", worker="W-1")
        assert queries.view(owner, elsewhere, "coach") == []

    def test_a_wijkteam_sees_its_districts_and_the_city_wide_list(self, owner: psycopg.Connection[Any]) -> None:
        write(owner, [Shown(ref=bytes(16), rows=[
            Row(view="wijkteam", key="g", org="gemeente", data=Wijkteam(
                resident="G-0", programme="buddy", enrolled_on=TODAY, phase="talks"))])])  # fmt: skip
        team = user(owner, "w2", "wijkteam", "gemeente", districts=["WK2", "WK3"])
        assert [row["resident"] for row in queries.view(owner, team, "wijkteam")] == ["G-0", "G-2"]
        city = user(owner, "w0", "wijkteam", "gemeente")
        assert [row["resident"] for row in queries.view(owner, city, "wijkteam")] == ["G-0", "G-1", "G-2"]
        write(owner, [Shown(ref=bytes(16))])
        assert [row["resident"] for row in queries.view(owner, team, "wijkteam")] == ["G-2"]

    def test_a_corporation_sees_its_own_leases(self, owner: psycopg.Connection[Any]) -> None:
        own = user(owner, "h1", "corporatie", "corp")
        assert [row["lease_id"] for row in queries.view(owner, own, "corporatie")] == ["L-1", "L-2"]
        assert queries.view(owner, user(owner, "h2", "corporatie", "other-corp"), "corporatie") == []
        assert [row["resident"] for row in queries.view(owner, own, "corporatie", resident="H-2")] == ["H-2"]

    def test_a_resident_sees_only_the_own_row(self, owner: psycopg.Connection[Any]) -> None:
        one = user(owner, "b1", "bewoner", "woonketen", ref=ONE)
        assert len(queries.view(owner, one, "bewoner")) == 1
        assert queries.view(owner, user(owner, "b9", "bewoner", "woonketen", ref=bytes(16)), "bewoner") == []

    def test_nobody_may_ask_for_the_view_of_another_role(self, owner: psycopg.Connection[Any]) -> None:
        one = user(owner, "c1", "coach", "coach-oost", worker="W-1")
        with pytest.raises(ConfigurationError):
            queries.view(owner, one, "corporatie")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_role(owner, one.rolname, "SELECT * FROM view_corporatie.corporatie")
        for hidden in ("log.record", "vault.key", "admission.pseudonym", "gate.installation", "set_1.coach"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                as_role(owner, one.rolname, f"SELECT * FROM {hidden}")

    def test_a_login_of_a_bi_tool_in_the_group_sees_no_row(self, owner: psycopg.Connection[Any]) -> None:
        assert as_role(owner, "woonketen_coach", "SELECT count(*) FROM view_coach.coach") == [(0,)]

    def test_a_warning_is_seen_by_whose_row_it_stands_in(self, owner: psycopg.Connection[Any]) -> None:
        one = user(owner, "c1", "coach", "coach-oost", worker="W-1")
        assert [(row["id"], row["resident"]) for row in queries.warnings(owner, one)] == [("W1", "C-1")]
        team = user(owner, "w2", "wijkteam", "gemeente", districts=["WK2"])
        assert [(row["id"], row["resident"]) for row in queries.warnings(owner, team)] == [("W2", "G-2")]
        assert queries.resident_of_warning(owner, one, "W1") == ONE
        assert queries.resident_of_warning(owner, one, "W2") is None

    def test_a_changed_worker_takes_the_row_along(self, owner: psycopg.Connection[Any]) -> None:
        one = user(owner, "c1", "coach", "coach-oost", worker="W-1")
        seven = user(owner, "c7", "coach", "coach-oost", worker="W-7")
        assert write(owner, [resident(ONE, "1", worker="W-7")]) == 1
        assert queries.view(owner, one, "coach") == []
        assert [row["resident"] for row in queries.view(owner, seven, "coach")] == ["C-1"]
        assert write(owner, [resident(ONE, "1", worker="W-7")]) == 0, "what did not change is not written"


@pytest.mark.usefixtures("shown")
class TestShape:
    def test_a_view_has_the_fields_of_its_struct_and_no_others(self, owner: psycopg.Connection[Any]) -> None:
        for name, struct in {**PERSON_VIEWS, **OTHER_VIEWS}.items():
            columns = owner.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s",
                [f"view_{name}", name],
            ).fetchall()
            own = name.startswith(("steward", "programma")) or name in ("looks", "beleid")
            extra = set() if own else {"as_of", "feeds_silent"}
            assert {column for (column,) in columns} == set(struct.__struct_encode_fields__) | extra

    def test_what_a_day_changes_is_computed_on_the_open_day(self, owner: psycopg.Connection[Any]) -> None:
        one = user(owner, "c1", "coach", "coach-oost", worker="W-1")
        (row,) = queries.view(owner, one, "coach")
        assert [(each["state"], each["late_days"]) for each in row["plan_actions"]] == [("late", 3), ("open", 0)]
        assert row["as_of"] == TODAY - timedelta(days=1)
        assert list(row["intake"]) == ["wants", "can_self", "needs"], "the situation is the resident's own"
        team = user(owner, "w1", "wijkteam", "gemeente", districts=["WK1"])
        (row,) = queries.view(owner, team, "wijkteam")
        assert (row["actions_open"], row["actions_late"], row["arrived_or_left"]) == (2, 1, "arrived")
        volunteer = user(owner, "v1", "vrijwilliger", "buurt", worker="V-1")
        assert [each["late_days"] for each in queries.view(owner, volunteer, "vrijwilliger")] == [2, 2]
        with owner.transaction(force_rollback=True):
            owner.execute("UPDATE gate.position SET closed = %s", [TODAY])
            late = owner.execute("SELECT gate.late_actions('[]', current_date), gate.open_day('set_1')").fetchone()
            assert late == ([], TODAY + timedelta(days=1))

    def test_parties_lose_their_dates_and_gain_counts(self, owner: psycopg.Connection[Any]) -> None:
        line = PartyLine(org="corp", actions_open=2, open_due=[date(2026, 1, 1), date(2026, 3, 1)])
        found = owner.execute(
            "SELECT gate.late_parties(%s::jsonb, %s)",
            [psycopg.types.json.Jsonb([{"org": line.org, "actions_open": 2, "open_due": ["2026-01-01", "2026-03-01"]}]),
             TODAY],
        ).fetchone()  # fmt: skip
        assert found == ([{"org": "corp", "actions_open": 2, "actions_late": 1, "oldest_late_days": 4}],)

    def test_a_silent_feed_shows_where_its_facts_are(self, owner: psycopg.Connection[Any]) -> None:
        one = user(owner, "c1", "coach", "coach-oost", worker="W-1")
        with owner.transaction(force_rollback=True):
            owner.execute("INSERT INTO gate.feed_silent VALUES ('corp'), ('elsewhere')")
            assert queries.view(owner, one, "coach")[0]["feeds_silent"] == ["corp"]


@pytest.mark.usefixtures("shown")
class TestWaysRound:
    def test_the_place_of_a_row_is_not_told(self, owner: psycopg.Connection[Any]) -> None:
        one = user(owner, "c1", "coach", "coach-oost", worker="W-1")
        with pytest.raises(psycopg.errors.UndefinedColumn):
            as_role(owner, one.rolname, "SELECT ctid FROM view_coach.coach")
        # Even who could name the tables reads only what is shown.
        with owner.transaction(force_rollback=True):
            owner.execute("GRANT USAGE ON SCHEMA set_1 TO woonketen_coach")
            assert as_role(owner, one.rolname, "SELECT resident FROM set_1.coach") == [("C-1",)]
            for column in ("ctid", "xmin", "v_ref", "v_org", "tableoid"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    as_role(owner, one.rolname, f"SELECT {column} FROM set_1.coach")

    def test_no_setting_makes_somebody_another(self, owner: psycopg.Connection[Any]) -> None:
        """A policy on a setting could be spoofed by whoever has SQL; these are on the role alone."""
        one = user(owner, "c1", "coach", "coach-oost", worker="W-1")
        for name in ("app.stakeholder", "woonketen.worker", "gate.viewer", "app.org"):
            with owner.transaction(force_rollback=True):
                owner.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(one.rolname)))
                owner.execute("SELECT set_config(%s, 'W-2', true)", [name])
                assert owner.execute("SELECT resident FROM view_coach.coach").fetchall() == [("C-1",)]

    def test_a_login_cannot_step_into_another_person(self, owner: psycopg.Connection[Any]) -> None:
        one = user(owner, "c1", "coach", "coach-oost", worker="W-1")
        two = user(owner, "c2", "coach", "coach-oost", worker="W-2")
        owner.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD 'x'").format(sql.Identifier(one.rolname)))
        try:
            info = psycopg.conninfo.make_conninfo(owner.info.dsn, user=one.rolname, password="x")
            with psycopg.connect(info, autocommit=True) as login:
                assert login.execute("SELECT resident FROM view_coach.coach").fetchall() == [("C-1",)]
                for other in (two.rolname, "woonketen_processor", "woonketen_gate"):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        login.execute("SELECT set_config('role', %s, false)", [other])
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        login.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(other)))
                login.execute("SELECT gate.record_look('coach', '{}', '{}')")
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    login.execute("SELECT gate.record_look_at(%s, 'coach', '{}', '{}')", [two.rolname])
        finally:
            owner.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(one.rolname)))

    def test_the_owner_of_a_table_does_not_read_past_the_rules(self, owner: psycopg.Connection[Any]) -> None:
        """Without FORCE the owner of a table sees all of it."""
        with owner.transaction(force_rollback=True):
            owner.execute("CREATE ROLE t_owner NOLOGIN")
            owner.execute("GRANT USAGE, CREATE ON SCHEMA set_1 TO t_owner; ALTER TABLE set_1.coach OWNER TO t_owner")
            owner.execute("SET LOCAL ROLE t_owner")
            assert owner.execute("SELECT count(*) FROM set_1.coach").fetchone() == (0,)

    def test_every_table_with_residents_is_closed_by_force(self, owner: psycopg.Connection[Any]) -> None:
        open_ones = owner.execute(
            "SELECT oid::regclass::text FROM pg_class"
            " WHERE relkind = 'r' AND NOT (relrowsecurity AND relforcerowsecurity)"
            " AND relnamespace IN ('set_1'::regnamespace, 'looks'::regnamespace)"
        ).fetchall()
        assert open_ones == []

    def test_the_views_ask_with_the_rights_of_who_looks(self, owner: psycopg.Connection[Any]) -> None:
        """A view with its owner's rights would show a superuser's rows to anybody."""
        others = owner.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'v'"
            " AND relnamespace::regnamespace::text LIKE 'view\\_%'"
            " AND NOT coalesce(reloptions, '{}') @> '{security_invoker=true,security_barrier=true}'"
        ).fetchall()
        # These hold counts and codes of feeds, hashes of proofs, and read no table of residents.
        assert sorted(name for (name,) in others) == [
            "view_steward_feeds.steward_feeds",
            "view_steward_proofs.steward_proofs",
            "view_steward_refusals.steward_refusals",
        ]

    def test_a_leaky_function_sees_no_hidden_row(self, owner: psycopg.Connection[Any]) -> None:
        one = user(owner, "c1", "coach", "coach-oost", worker="W-1")
        with owner.transaction(force_rollback=True):
            owner.execute("CREATE SCHEMA t_leak; GRANT USAGE, CREATE ON SCHEMA t_leak TO PUBLIC")
            owner.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(one.rolname)))
            owner.execute(
                "CREATE FUNCTION t_leak.tell(t text) RETURNS bool COST 0.0001 LANGUAGE plpgsql"
                " AS $$ BEGIN IF t = 'C-2' THEN RAISE EXCEPTION 'leak'; END IF; RETURN true; END $$"
            )
            rows = owner.execute("SELECT resident FROM view_coach.coach WHERE t_leak.tell(resident)").fetchall()
            assert rows == [("C-1",)]

    def test_nobody_but_the_processor_writes(self, owner: psycopg.Connection[Any]) -> None:
        one = user(owner, "c1", "coach", "coach-oost", worker="W-1")
        for statement in ("DELETE FROM view_coach.coach", "UPDATE view_coach.coach SET resident = 'x'",
                          "UPDATE gate.viewer SET worker = 'W-2'", "DELETE FROM looks.look"):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                as_role(owner, one.rolname, statement + " RETURNING 1")
        for statement in ("DELETE FROM looks.look", "UPDATE looks.look SET role = 'x'", "DROP VIEW view_coach.coach"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                as_role(owner, "woonketen_processor", statement)


@pytest.mark.usefixtures("shown")
class TestWithdrawal:
    def test_it_hides_at_the_next_read_and_until_the_step_has_caught_up(self, owner: psycopg.Connection[Any]) -> None:
        one = user(owner, "c1", "coach", "coach-oost", worker="W-1")
        corporation = user(owner, "h1", "corporatie", "corp")
        applied = owner.execute("SELECT last FROM gate.position WHERE set = 'set_1' AND partition = 0").fetchone()
        assert applied is not None
        owner.execute("INSERT INTO admission.restricting VALUES (%b, 0, %s)", [ONE, applied[0] + 1])
        assert queries.view(owner, one, "coach") == []
        assert queries.warnings(owner, one) == []
        assert [row["lease_id"] for row in queries.view(owner, corporation, "corporatie")] == ["L-2"]
        write(owner, [])  # the step has seen that record; whatever it left is shown again
        assert [row["lease_id"] for row in queries.view(owner, corporation, "corporatie")] == ["L-1", "L-2"]


@pytest.mark.usefixtures("shown")
class TestLooks:
    def test_one_line_per_resident_who_was_seen(self, owner: psycopg.Connection[Any]) -> None:
        corporation = user(owner, "h1", "corporatie", "corp")
        queries.view(owner, corporation, "corporatie")
        steward = user(owner, "s1", "steward", "gemeente")
        lines = queries.looks(owner, steward)
        assert len(lines) == 2
        assert {line["name"] for line in lines} == {"view corporatie"}
        assert len({line["trace_id"] for line in lines}) == 1
        assert len({line["span_id"] for line in lines}) == 2
        assert len({line["attributes"]["dpl.core.data_subject_id"] for line in lines}) == 2
        assert "outstanding_cents" in lines[0]["fields"]
        assert (lines[0]["organisation"], lines[0]["role"], lines[0]["purpose"]) == ("corp", "corporatie", "tenancy")
        assert ONE.hex() not in str(lines), "the reference itself stands nowhere"

    def test_a_resident_sees_who_looked_at_himself(self, owner: psycopg.Connection[Any]) -> None:
        queries.view(owner, user(owner, "c1", "coach", "coach-oost", worker="W-1"), "coach")
        queries.view(owner, user(owner, "c2", "coach", "coach-oost", worker="W-2"), "coach")
        one = user(owner, "b1", "bewoner", "woonketen", ref=ONE)
        (row,) = queries.view(owner, one, "looks")
        assert list(row) == ["at", "organisation", "role", "purpose", "fields"]
        assert (row["organisation"], row["role"]) == ("coach-oost", "coach")
        assert len(queries.looks(owner, one)) == 1

    def test_a_look_that_showed_nobody_is_recorded_too(self, owner: psycopg.Connection[Any]) -> None:
        queries.view(owner, user(owner, "h2", "corporatie", "other-corp"), "corporatie")
        (line,) = queries.looks(owner, user(owner, "s1", "steward", "gemeente"))
        assert line["attributes"]["dpl.core.data_subject_id"] is None

    def test_what_the_program_computed_is_recorded_for_the_person(self, owner: psycopg.Connection[Any]) -> None:
        one = user(owner, "c1", "coach", "coach-oost", worker="W-1")
        queries.record_look(owner, one, "explain", [ONE, ONE], ["sentence"])
        (line,) = queries.looks(owner, user(owner, "b1", "bewoner", "woonketen", ref=ONE))
        assert (line["name"], line["fields"]) == ("view explain", ["sentence"])

    @pytest.mark.parametrize(
        "break_it",
        [
            "REVOKE INSERT ON looks.look FROM woonketen_gate",
            "REVOKE EXECUTE ON FUNCTION gate.record_look FROM woonketen_viewer",
            "ALTER TABLE looks.look ADD CONSTRAINT full_disk CHECK (start_time < '2000-01-01') NOT VALID",
            "SET LOCAL transaction_read_only = on",
        ],
    )
    def test_no_record_no_answer(self, owner: psycopg.Connection[Any], break_it: str) -> None:
        corporation = user(owner, "h1", "corporatie", "corp")
        with owner.transaction(force_rollback=True):
            owner.execute(break_it)
            with pytest.raises(Unreachable, match="nothing is shown"):
                queries.view(owner, corporation, "corporatie")
        assert len(queries.view(owner, corporation, "corporatie")) == 2

    def test_a_record_that_cannot_be_written_for_a_lock_gives_no_answer(self, owner: psycopg.Connection[Any]) -> None:
        corporation = user(owner, "h1", "corporatie", "corp")
        with psycopg.connect(owner.info.dsn, password=owner.info.password) as other:
            other.execute("LOCK TABLE looks.look IN EXCLUSIVE MODE")
            with pytest.raises(Unreachable, match="nothing is shown"):
                queries.view(owner, corporation, "corporatie")
            other.rollback()

    def test_a_connection_that_ends_before_the_commit_leaves_no_answer(self, owner: psycopg.Connection[Any]) -> None:
        corporation = user(owner, "h1", "corporatie", "corp")
        with psycopg.connect(owner.info.dsn, password=owner.info.password, autocommit=True) as doomed:
            owner.execute("CREATE FUNCTION looks.die() RETURNS trigger LANGUAGE plpgsql AS"
                          " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$")  # fmt: skip
            owner.execute("ALTER FUNCTION looks.die SECURITY DEFINER; CREATE CONSTRAINT TRIGGER die"
                          " AFTER INSERT ON looks.look DEFERRABLE INITIALLY DEFERRED"
                          " FOR EACH ROW EXECUTE FUNCTION looks.die()")  # fmt: skip
            try:
                with pytest.raises(Unreachable):
                    queries.view(doomed, corporation, "corporatie")
            finally:
                owner.execute("DROP TRIGGER die ON looks.look; DROP FUNCTION looks.die")


class TestPeople:
    def test_the_same_again_is_fine_and_another_role_is_refused(self, owner: psycopg.Connection[Any]) -> None:
        first = user(owner, "p1", "coach", "coach-oost", worker="W-1")
        assert user(owner, "p1", "coach", "coach-oost", worker="W-1") == first
        assert people.find_user(owner, "p1") == first
        with pytest.raises(ConfigurationError):
            user(owner, "p1", "corporatie", "corp")
        with pytest.raises(ConfigurationError):
            people.find_user(owner, "nobody")
        with pytest.raises(ConfigurationError):
            user(owner, "p2", "coach", "coach-oost")

    def test_a_name_stands_nowhere(self, owner: psycopg.Connection[Any]) -> None:
        made = user(owner, "wilhelmientje", "corporatie", "corp")
        assert "wilhelmientje" not in str(owner.execute("SELECT * FROM gate.viewer").fetchall())
        assert made.rolname.startswith("wk_u_")

    def test_people_of_an_organisation_that_left_see_nothing(self, owner: psycopg.Connection[Any]) -> None:
        user(owner, "q1", "corporatie", "gone-corp")
        assert people.end_users(owner, "gone-corp") == 1
        with pytest.raises(ConfigurationError):
            people.find_user(owner, "q1")


def test_the_way_to_the_other_set_and_back_fails_no_reader(owner: psycopg.Connection[Any], dsn: str) -> None:
    write(owner, [resident(ONE, "1")])
    one = user(owner, "c1", "coach", "coach-oost", worker="W-1")
    stop, errors, reads = threading.Event(), [], [0]

    def read() -> None:
        with psycopg.connect(dsn, autocommit=True, prepare_threshold=1) as connection:
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(one.rolname)))
            while not stop.is_set():
                try:
                    connection.execute("SELECT resident, plan_actions FROM view_coach.coach").fetchall()
                    reads[0] += 1
                except psycopg.Error as error:
                    errors.append(type(error).__name__)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(3):
            fresh = sets.make_fresh(owner, "code")
            owner.execute("UPDATE gate.position f SET last = l.last, closed = l.closed FROM gate.position l"
                          " WHERE l.partition = f.partition AND l.set <> f.set AND f.set = %s", [fresh])  # fmt: skip
            sets.swap(owner, fresh)
            assert sets.live_set(owner)[0] == fresh
            assert queries.view(owner, one, "coach") == []
            assert sets.swap_back(owner) != fresh
            assert len(queries.view(owner, one, "coach")) == 1
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert errors == []
    assert reads[0] > 0
