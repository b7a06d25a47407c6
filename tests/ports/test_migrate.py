"""Migrations: each once, with the note that it ran; nothing half done; roles that databases of one server share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from wkviews import other_migrations

from woonketen.contracts.errors import ConfigurationError, NewerSchema
from woonketen.projections.migrate import check_schema, migrate, own_migrations


@pytest.fixture
def owner(new_database: Callable[[], str]) -> Any:
    with psycopg.connect(new_database(), autocommit=True) as connection:
        yield connection


def ran(owner: psycopg.Connection[Any]) -> list[str]:
    return [name for (name,) in owner.execute("SELECT name FROM gate.migration ORDER BY at, name")]


def test_all_run_in_order_and_again_is_nothing(owner: psycopg.Connection[Any]) -> None:
    last = migrate(owner, other_migrations())
    names = ran(owner)
    assert names == sorted(names)
    assert names[-1] == last
    assert {name for name, _ in (*own_migrations(), *other_migrations())} == set(names)
    before = owner.execute("SELECT * FROM gate.migration ORDER BY name").fetchall()
    assert migrate(owner, other_migrations()) == last
    assert owner.execute("SELECT * FROM gate.migration ORDER BY name").fetchall() == before
    check_schema(owner, other_migrations())


def test_a_failing_one_leaves_nothing_and_is_tried_again(owner: psycopg.Connection[Any]) -> None:
    broken = ("0900_half", "CREATE TABLE gate.half (a int); SELECT 1 / 0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(owner, [*other_migrations(), broken])
    assert owner.execute("SELECT to_regclass('gate.half')").fetchone() == (None,)
    assert "0900_half" not in ran(owner)
    migrate(owner, [*other_migrations(), ("0900_half", "CREATE TABLE gate.half (a int)")])
    assert ran(owner)[-1] == "0900_half"


def test_a_newer_database_is_not_touched(owner: psycopg.Connection[Any]) -> None:
    migrate(owner, [*other_migrations(), ("0900_later", "SELECT 1")])
    for ask in (migrate, check_schema):
        with pytest.raises(NewerSchema, match="newer program"):
            ask(owner, other_migrations())


def test_one_that_was_changed_afterwards_is_refused(owner: psycopg.Connection[Any]) -> None:
    migrate(owner, other_migrations())
    changed = [(name, text + "\n-- more") for name, text in other_migrations()]
    with pytest.raises(ConfigurationError, match="0010_log"):
        migrate(owner, changed)


def test_a_database_that_was_never_prepared_is_said_to_be_so(owner: psycopg.Connection[Any]) -> None:
    with pytest.raises(ConfigurationError, match="not prepared"):
        check_schema(owner, other_migrations())


def test_several_databases_of_one_server_at_once(new_database: Callable[[], str]) -> None:
    dsns = [new_database() for _ in range(2)] * 2  # and two for the same one
    failed: list[BaseException] = []

    def bring_up(dsn: str) -> None:
        try:
            with psycopg.connect(dsn, autocommit=True) as connection:
                migrate(connection, other_migrations())
        except BaseException as error:  # noqa: BLE001 (told to the test below)
            failed.append(error)

    threads = [threading.Thread(target=bring_up, args=(dsn,)) for dsn in dsns]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_an_owner_that_is_no_superuser_can_prepare_and_process(new_database: Callable[[], str]) -> None:
    dsn = new_database()
    with psycopg.connect(dsn, autocommit=True) as superuser:
        name = superuser.info.dbname
        superuser.execute(f"CREATE ROLE o_{name} LOGIN CREATEROLE PASSWORD 'x'")
        superuser.execute(f"ALTER DATABASE {name} OWNER TO o_{name}")
        # The roles are there already, made by another; whoever runs the server lets this owner use them.
        for role in ("processor", "gate", "viewer", "bewoner", "coach", "casusregisseur", "wijkteam", "corporatie",
                     "zorgaanbieder", "vrijwilliger", "warnings", "complex", "steward_feeds", "steward_refusals",
                     "looks", "quality", "measure"):  # fmt: skip
            superuser.execute(
                f"DO $$ BEGIN CREATE ROLE woonketen_{role} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
            )
            superuser.execute(f"GRANT woonketen_{role} TO o_{name} WITH ADMIN OPTION")
    info = psycopg.conninfo.make_conninfo(dsn, user=f"o_{name}", password="x")
    with psycopg.connect(info, autocommit=True) as owner:
        migrate(owner, other_migrations())
        owner.execute("SET ROLE woonketen_processor")
        assert owner.execute("SELECT count(*) FROM gate.position").fetchone() == (0,)


def test_looks_of_before_lead_to_who_lives_and_to_nobody_who_was_erased(owner: psycopg.Connection[Any]) -> None:
    """They stood under one salt for all residents; now each has keys of its own."""
    everything = sorted([*own_migrations(), *other_migrations()])
    owner.execute("CREATE SCHEMA gate")
    for name, text in everything:
        if name < "0142":
            with owner.transaction():
                owner.execute(text)  # type: ignore[call-overload]
    living, erased = b"L" * 16, b"E" * 16
    for ref, wrapped, on in ((living, b"w", None), (erased, None, "2026-01-01")):
        owner.execute(
            "INSERT INTO vault.key (kid, ref, org, class, wrapped, destroyed_on) VALUES (%b, %b, 'o', %b, %b, %s)",
            [ref, ref, ref, wrapped, on],
        )
    old = "sha256((SELECT salt FROM gate.installation) || %b)"
    for number, (ref, at) in enumerate([(living, "2025-05-01"), (living, "2026-05-01"), (erased, "2025-05-01")] * 2):
        owner.execute(
            "INSERT INTO looks.look SELECT %b, %b, 'Ok', 'view coach', %s, now(),"
            f" 'u', {old}, 't', 'o', 'coach', 'p', '{{}}'",
            [bytes([number]) * 16, bytes(8), at, ref],
        )
    for name, text in everything:
        if name >= "0142":
            with owner.transaction():
                owner.execute(text)  # type: ignore[call-overload]
    found = {
        ref: owner.execute(
            "SELECT count(*) FROM looks.look WHERE data_subject_id = ANY (gate.looks_ids(%b))", [ref]
        ).fetchone()
        for ref in (living, erased)
    }
    assert found == {living: (4,), erased: (0,)}
    assert owner.execute("SELECT count(*), count(DISTINCT data_subject_id) FROM looks.look").fetchone() == (6, 3)
    salted = owner.execute(f"SELECT count(*) FROM looks.look WHERE data_subject_id IN ({old}, {old})", [living, erased])
    assert salted.fetchone() == (0,)
