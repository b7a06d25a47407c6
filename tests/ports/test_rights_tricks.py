"""Every way round the rules of the database that we know, tried by people who have SQL: a coach who was given a login
(the program gives none), a policy maker and a steward (who may have one). None gives a row, a count, a place, a
reference or a moment of anybody who is not theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from builders import COACH, CORPORATIE, GEMEENTE, event, source_of
from psycopg import sql
from psycopg.conninfo import make_conninfo
from wkviews import FIRST_DAY, Town, town

from woonketen.projections.ddl import PEOPLE
from woonketen.projections.people import User

Connection = psycopg.Connection[Any]
REFUSED = (
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.UndefinedTable,
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.FeatureNotSupported,
    psycopg.errors.ObjectNotInPrerequisiteState,
    psycopg.errors.WrongObjectType,
    psycopg.errors.UndefinedObject,
)


@pytest.fixture(scope="module")
def here(new_database: Callable[[], str]) -> Iterator[Town]:
    """Residents 1 to 3, coached by W-1 to W-3; the second has two leases and a toasted plan."""
    with town(new_database()) as made:
        for n in (1, 2, 3):
            made.enrol(n, FIRST_DAY)
            subject = made.link(n, COACH)
            made.link(n, CORPORATIE)
            actions = [
                {"action_id": f"A-{i}", "owner": COACH, "domain": "money", "kind": "open_bank_account",
                 "due_on": f"2026-03-{i % 28 + 1:02}", "blocking": True}
                for i in range(1, 41 if n == 2 else 3)
            ]  # fmt: skip
            made.tell(
                event("coach.assigned", subject, source_of(COACH), FIRST_DAY, worker=f"W-{n}", assignment_id=f"AS-{n}"),
                event("plan.agreed", subject, source_of(COACH), FIRST_DAY, plan_id=f"{COACH}:PL-{n}", version=1,
                      actions=actions),
                event("lease.started", f"O-{n}", source_of(CORPORATIE), FIRST_DAY, lease_id=f"L-{n}"),
            )  # fmt: skip
        made.run()
        made.owner.execute("ANALYZE")
        yield made


@pytest.fixture(scope="module")
def logins(here: Town) -> Iterator[dict[str, tuple[User, str]]]:
    users = {
        "coach": here.user("coach", COACH, worker="W-1"),
        "beleid": here.user("beleid", GEMEENTE),
        "steward": here.user("steward", GEMEENTE),
    }
    made = {}
    for name, user in users.items():
        here.owner.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD 'x'").format(sql.Identifier(user.rolname)))
        made[name] = (user, make_conninfo(here.dsn, user=user.rolname, password="x"))
    yield made
    for user, _ in made.values():
        here.owner.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(user.rolname)))


@pytest.fixture(params=["coach", "beleid", "steward"])
def who(request: pytest.FixtureRequest, logins: dict[str, tuple[User, str]]) -> Iterator[Connection]:
    with psycopg.connect(logins[request.param][1], autocommit=True) as connection:
        yield connection


@pytest.fixture
def coach(logins: dict[str, tuple[User, str]]) -> Iterator[Connection]:
    with psycopg.connect(logins["coach"][1], autocommit=True) as connection:
        yield connection


TABLES = ("set_1.coach", "set_1.bewoner", "set_1.resident", "set_1.warnings", "log.record", "vault.key", "gate.set",
          "admission.pseudonym", "admission.restricting", "gate.glass", "gate.name", "gate.request", "gate.position",
          "gate.installation", "looks.viewer", "gate.quarantine", "gate.contact", "vault.proof")  # fmt: skip

REFUSALS = {
    "another role by a setting": "SELECT set_config('role', 'woonketen_processor', false)",
    "another role": "SET ROLE woonketen_gate",
    "another person": "SET SESSION AUTHORIZATION woonketen_processor",
    "another person by a setting": "SELECT set_config('session_authorization', 'woonketen_processor', false)",
    "no row security": "SET row_security = off; SELECT * FROM set_1.coach",
    "triggers off": "SET session_replication_role = replica",
    "a role that is let in": "GRANT woonketen_processor TO current_user",
    "a right that is passed on": "GRANT SELECT ON set_1.coach TO PUBLIC",
    "the place of a row": "SELECT ctid FROM view_coach.coach",
    "the transaction of a row": "SELECT xmin FROM view_coach.coach",
    "the table of a row": "SELECT tableoid FROM view_coach.coach",
    "the place of the own entry": "SELECT ctid, xmin FROM gate.viewer",
    "the reference of a row": "SELECT v_ref FROM view_coach.with_id",
    "the references that wait": "SELECT gate.hidden('set_1')",
    "what is not processed yet": "SELECT gate.hidden_rows('set_1', 'log.record')",
    "a look in another's name": "SELECT gate.record_look_at(current_user, 'coach', '{}', '{}')",
    "a denial in another's name": "SELECT gate.record_denial(current_user, 'coach', 'x')",
    "a decision that is made up": "SELECT gate.write_decision(NULL, 'coach', true, 'x')",
    "the hash of a reference": "SELECT gate.looks_id('\\x00')",
    "somebody's broken glass": "SELECT gate.glass_of('x')",
    "copy of a table": "COPY set_1.coach TO STDOUT",
    "copy into a file": "COPY (SELECT 1) TO '/tmp/x'",
    "copy to a program": "COPY (SELECT 1) TO PROGRAM 'true'",
    "copy from a file": "CREATE TEMP TABLE t (x text); COPY t FROM '/etc/passwd'",
    "a file of the server": "SELECT pg_read_file('PG_VERSION')",
    "a folder of the server": "SELECT pg_ls_dir('.')",
    "the log of the server": "SELECT pg_ls_logdir()",
    "another database": "SELECT * FROM dblink('dbname=postgres', 'SELECT 1') AS t(x int)",
    "another extension": "CREATE EXTENSION dblink",
    "another server": "CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw",
    "a large object": "SELECT lo_create(0)",
    "a large object from bytes": "SELECT lo_from_bytea(0, 'x')",
    "a temporary table": "CREATE TEMP TABLE coach (resident text)",
    "a temporary function": "CREATE FUNCTION pg_temp.f(text) RETURNS bool LANGUAGE sql AS 'SELECT true'",
    "a function in public": "CREATE FUNCTION public.f(text) RETURNS bool LANGUAGE sql AS 'SELECT true'",
    "a schema of the own": "CREATE SCHEMA mine",
    "a table that shadows": "CREATE TABLE public.viewer (x int)",
    "an operator that leaks": "CREATE OPERATOR public.<<< (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)",
    "a trigger": "CREATE TRIGGER t BEFORE UPDATE ON set_1.coach FOR EACH ROW EXECUTE FUNCTION gate.both()",
    "a rule": "CREATE RULE r AS ON SELECT TO view_coach.coach DO INSTEAD SELECT 1",
    "a policy": "CREATE POLICY mine ON set_1.coach USING (true)",
    "a policy that is dropped": "DROP POLICY coach ON set_1.coach",
    "a view that is changed": "ALTER VIEW view_coach.coach RESET (security_barrier)",
    "a view that is replaced": "CREATE OR REPLACE VIEW view_coach.coach AS SELECT 1",
    "the owner of a view": "ALTER VIEW view_coach.coach OWNER TO current_user",
    "a subscription": "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p",
    "a publication": "CREATE PUBLICATION p FOR ALL TABLES",
    "a replication slot": "SELECT pg_create_logical_replication_slot('s', 'test_decoding')",
    "writing": "INSERT INTO set_1.coach DEFAULT VALUES",
    "writing through the view": "UPDATE view_coach.coach SET resident = 'x'",
    "deleting a look": "DELETE FROM looks.look",
    "a key that exists already": "INSERT INTO gate.viewer VALUES (current_user, 'x', 'x', 'x')",
    "a foreign key to probe with": "CREATE TEMP TABLE t (x bytea REFERENCES set_1.coach (v_id))",
    "a lock on a table": "DO $$ BEGIN LOCK TABLE set_1.coach IN ACCESS SHARE MODE; END $$",
    "the program's lock": "SELECT pg_try_advisory_lock(1)",
    "who holds which lock": "SELECT * FROM pg_locks",
    "who waits for whom": "SELECT pg_blocking_pids(1)",
    "a hint in the program's name": "SELECT pg_notify('x', 'y')",
    "a counter": "SELECT last_value FROM gate.glass_id_seq",
    "the next of a counter": "SELECT nextval('gate.request_id_seq')",
    "rows of a table, estimated": "SELECT reltuples FROM pg_class",
    "pages of a table": "SELECT relpages FROM pg_class",
    "all of the catalogue": "SELECT * FROM pg_class",
    "rows of a table, counted": "SELECT n_live_tup FROM pg_stat_all_tables",
    "rows that were deleted": "SELECT n_tup_del FROM pg_stat_user_tables",
    "rows by its function": "SELECT pg_stat_get_live_tuples('pg_class'::regclass)",
    "reads of a table": "SELECT heap_blks_read FROM pg_statio_all_tables",
    "reads of an index": "SELECT idx_scan FROM pg_stat_all_indexes",
    "calls of functions": "SELECT * FROM pg_stat_user_functions",
    "transactions of the database": "SELECT xact_commit FROM pg_stat_database",
    "who is at work": "SELECT query FROM pg_stat_activity",
    "the size of a table": "SELECT pg_relation_size('pg_class'::regclass)",
    "the size of a table and its toast": "SELECT pg_total_relation_size('pg_class'::regclass)",
    "the size of the database": "SELECT pg_database_size(current_database())",
    "how far the log is": "SELECT pg_current_wal_lsn()",
    "how many transactions there were": "SELECT pg_current_xact_id()",
    "which transactions run": "SELECT pg_current_snapshot()",
    "statistics of the server": "SELECT * FROM pg_statistic",
    "statistics that were made for it": "CREATE STATISTICS s ON resident, programme FROM set_1.coach",
    "a function that everybody trusts": "ALTER FUNCTION gate.both LEAKPROOF",
    "the settings of the server": "ALTER SYSTEM SET log_statement = 'all'",
    "the passwords": "SELECT * FROM pg_authid",
    "a vacuum that tells": "VACUUM VERBOSE set_1.coach",
    "an analysis that tells": "EXPLAIN SELECT * FROM set_1.coach",
}


def refused(connection: Connection, query: str) -> bool:
    """Whether the server says no, and nothing but no. What it only warns about changes nothing: then rows decide."""
    try:
        connection.execute(query)
    except REFUSED:
        return True
    return False


@pytest.mark.parametrize("trick", REFUSALS)
def test_it_is_refused(who: Connection, trick: str) -> None:
    assert refused(who, REFUSALS[trick]) or (trick == "what is not processed yet" and _empty(who))


def _empty(connection: Connection) -> bool:
    """Nothing waits, so there is nothing to look up in a table of the caller's choice."""
    return connection.execute(REFUSALS["what is not processed yet"]).fetchall() == [([],)]


@pytest.mark.parametrize("table", TABLES)
def test_no_table_is_read(who: Connection, table: str) -> None:
    for query in (
        f"SELECT * FROM {table}",
        f"SELECT count(*) FROM {table}",
        f"SELECT 1 FROM {table} LIMIT 1",
        f"EXPLAIN SELECT 1 FROM {table}",
    ):
        assert refused(who, query), query
    with suppress(*REFUSED):
        assert who.execute("SELECT has_table_privilege(%s, 'SELECT')", [table]).fetchall() == [(False,)]


LEAKS = {
    "a division by zero": "1 / (CASE WHEN resident = 'C-2' THEN 0 ELSE 1 END) = 1",
    "a cast that fails": "(CASE WHEN resident = 'C-2' THEN 'x' ELSE '1' END)::int = 1",
    "a logarithm": "ln(CASE WHEN resident = 'C-2' THEN 0 ELSE 1 END) = 0",
    "a pattern that fails": "resident ~ (CASE WHEN resident = 'C-2' THEN '[' ELSE '.' END)",
    "a substring that fails": "substring(resident, 1, CASE WHEN resident = 'C-2' THEN -1 ELSE 3 END) <> ''",
    "a sub-select": "(SELECT 1 / (CASE WHEN resident = 'C-2' THEN 0 ELSE 1 END)) = 1",
    "JSON that is not": "(CASE WHEN resident = 'C-2' THEN '{' ELSE '{}' END)::jsonb = '{}'",
    "an array that is not": "(CASE WHEN resident = 'C-2' THEN 'x' ELSE '{}' END)::text[] = '{}'",
}


@pytest.mark.parametrize("leak", LEAKS)
def test_no_error_tells_of_a_hidden_row(here: Town, coach: Connection, leak: str) -> None:
    """The condition of the rule goes before any condition of the caller's, through the view and on the table itself."""
    for table in ("view_coach.coach", "view_coach.with_id"):
        assert coach.execute(f"SELECT resident FROM {table} WHERE {LEAKS[leak]}").fetchall() == [("C-1",)]
        assert coach.execute(f"SELECT count(*) FROM {table} WHERE {LEAKS[leak]}").fetchall() == [(1,)]
    with here.owner.transaction(force_rollback=True):
        here.owner.execute("GRANT USAGE ON SCHEMA set_1 TO woonketen_coach")
        here.owner.execute("SET LOCAL ROLE " + coach.info.user)
        for force in ("on", "off"):  # whatever plan is made
            here.owner.execute(f"SET LOCAL enable_seqscan = {force}")
            rows = here.owner.execute(f"SELECT resident FROM set_1.coach WHERE {LEAKS[leak]}").fetchall()
            assert rows == [("C-1",)]


def test_a_search_path_of_the_own_shadows_nothing(coach: Connection) -> None:
    coach.execute("SET search_path = pg_temp, public, view_coach, set_1, gate")
    assert coach.execute("SELECT resident FROM coach").fetchall() == [("C-1",)]
    assert coach.execute("SELECT count(*) FROM viewer").fetchall() == [(1,)], "the own entry"


def test_the_server_s_statistics_hold_nothing_for_who_looks(who: Connection) -> None:
    for view in ("pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"):
        query = f"SELECT count(*) FROM {view} WHERE schemaname !~ '^(pg_|information_schema)'"
        assert who.execute(query).fetchall() == [(0,)]  # type: ignore[call-overload]
    assert who.execute("SELECT count(*) FROM pg_largeobject_metadata").fetchall() == [(0,)]
    assert who.execute("SELECT count(*) FROM pg_sequences WHERE last_value IS NOT NULL").fetchall() == [(0,)]


def test_who_may_have_sql_can_ask_for_no_estimate_of_people(logins: dict[str, tuple[User, str]]) -> None:
    """EXPLAIN tells about how many rows a table has. Only who reads a view of people could ask, and has no login."""
    for name in ("beleid", "steward"):
        with psycopg.connect(logins[name][1], autocommit=True) as connection:
            for view in PEOPLE:
                assert refused(connection, f"EXPLAIN SELECT * FROM view_{view}.{view}")


def test_nobody_who_sees_people_has_a_login(here: Town, logins: dict[str, tuple[User, str]]) -> None:
    rolname = here.user("casusregisseur", GEMEENTE, worker="CL-4").rolname
    query = "SELECT rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles"
    found = here.owner.execute(f"{query} WHERE rolname = %s", [rolname]).fetchall()
    assert found == [(False, False, False, False, False, False)]
    assert here.owner.execute(f"{query} WHERE rolname ~ '^woonketen_'").fetchall().count(found[0]) >= 18


def test_a_hint_holds_nothing(here: Town, coach: Connection) -> None:
    """Anybody can listen; what he hears is that something came in, not about whom."""
    from woonketen.streams.log.postgres import CHANNEL

    coach.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
    here.tell(event("contact.attempted", "C-2", source_of(COACH), FIRST_DAY))
    heard = list(coach.notifies(timeout=60, stop_after=1))
    assert {each.payload for each in heard} <= {""}
    here.run()


def test_statements_and_cursors_are_asked_again_for_whoever_has_the_session(here: Town) -> None:
    """One pooled connection serves many people: nothing of the one is left for the other."""
    one, two = here.user("coach", COACH, worker="W-1"), here.user("coach", COACH, worker="W-2")
    with psycopg.connect(here.dsn, autocommit=True) as pooled:
        pooled.execute("PREPARE mine AS SELECT resident FROM view_coach.coach")
        pooled.execute("SET plan_cache_mode = force_generic_plan")
        for user, resident in ((one, "C-1"), (two, "C-2"), (one, "C-1")):
            with pooled.transaction():
                pooled.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(user.rolname)))
                assert pooled.execute("EXECUTE mine").fetchall() == [(resident,)]
                pooled.execute("DECLARE seen CURSOR FOR SELECT resident FROM view_coach.coach")
                assert pooled.execute("FETCH ALL FROM seen").fetchall() == [(resident,)]
            assert pooled.execute("SELECT count(*) FROM pg_cursors").fetchall() == [(0,)], "none outlives the look"
            assert pooled.execute("SELECT current_user = session_user").fetchall() == [(True,)]


def test_what_hides_meanwhile_names_only_rows_that_would_be_the_own(here: Town, coach: Connection) -> None:
    """Of three residents somebody told something restricting: the coach learns that the own row is not there."""
    refs = [here.ref(n) for n in (1, 2, 3)]
    try:
        for ref in refs:
            here.owner.execute("INSERT INTO admission.restricting VALUES (%b, 0, 99999)", [ref])
        ((rows,),) = coach.execute("SELECT gate.hidden_rows('set_1', 'coach')").fetchall()
        assert len(rows) == 1
        assert not set(map(bytes, rows)) & set(refs)
        assert coach.execute("SELECT count(*) FROM view_coach.coach").fetchall() == [(0,)]
        for view in ("bewoner", "corporatie", "wijkteam"):
            assert coach.execute("SELECT gate.hidden_rows('set_1', %s)", [view]).fetchall() == [([],)]
    finally:
        here.owner.execute("DELETE FROM admission.restricting")
    assert coach.execute("SELECT count(*) FROM view_coach.coach").fetchall() == [(1,)]


def test_a_look_at_rows_of_others_finds_nobody(here: Town, coach: Connection) -> None:
    """`record_look` counts lines; made-up ids and those of colleagues' rows must not tell that they exist."""
    theirs = here.owner.execute("SELECT v_id FROM set_1.coach WHERE v_worker = 'W-2'").fetchone()
    assert theirs is not None
    made_up = coach.execute("SELECT gate.record_look('coach', ARRAY['\\x00'::bytea], '{}')").fetchall()
    assert coach.execute("SELECT gate.record_look('coach', %b, '{}')", [[theirs[0]]]).fetchall() == made_up


def test_what_is_public_names_nobody(here: Town, who: Connection) -> None:
    """Definitions, comments and privileges may be read by all; there is nothing of a person in them."""
    text = str(
        [
            who.execute("SELECT pg_get_viewdef(oid) FROM pg_views v JOIN pg_class c ON c.relname = v.viewname"
                        " WHERE schemaname ~ '^view_'").fetchall(),
            who.execute("SELECT description FROM pg_description d WHERE objoid > 16384").fetchall(),
            who.execute("SELECT polname, pg_get_expr(polqual, polrelid) FROM pg_policy").fetchall(),
            who.execute("SELECT rolname FROM pg_roles").fetchall(),
            who.execute("SELECT * FROM information_schema.tables").fetchall(),
            who.execute("SELECT has_table_privilege(oid, 'SELECT'), relname FROM pg_class").fetchall(),
        ]
    )  # fmt: skip
    secrets = ("C-1", "C-2", "W-2", "L-2", "G-2", *(here.ref(n).hex() for n in (1, 2, 3)))
    assert [secret for secret in secrets if f"'{secret}'" in text or (len(secret) > 5 and secret in text)] == []


def test_the_number_of_tricks(
    record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]
) -> None:
    count = len(REFUSALS) + 5 * len(TABLES) + 6 * len(LEAKS) + 24
    record_property("tricks", count)
    with capsys.disabled():
        print(f" [ways round the database's rules: {count}, of which {len(REFUSALS)} × 3 people]", end="")
    assert count > 150
