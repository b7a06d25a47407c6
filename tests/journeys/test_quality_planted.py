"""Checks of feeds and of views: each planted defect is found by its check and by no other; hidden by consent it is
counted as hidden; and what is wrong with the catalogue or the database is a sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from chaos.office import Office, office
from chaos.town import BM, CO, DP, FIRST_DAY, ORGS, OW, RD, ZI
from psycopg import sql

from woonketen.contracts import checks
from woonketen.contracts.errors import ChecksError, Unreachable
from woonketen.orchestration.quality import counts

PLANTED = yaml.safe_load((Path(__file__).parent / "planted.yaml").read_text("utf-8"))
SOME_ORG = next(iter(ORGS))
_FEEDS = {
    DP: "UPDATE admission.org SET heartbeat_hours = 24 WHERE org = %(org)s;"
    " INSERT INTO gate.feed_silent VALUES (%(org)s)",
    OW: "INSERT INTO admission.tally VALUES (%(org)s, now(), 'accepted', 90), (%(org)s, now(), 'refused', 10)",
    CO: "INSERT INTO admission.tally VALUES (%(org)s, now(), 'accepted', 70), (%(org)s, now(), 'duplicate', 30)",
    ZI: "INSERT INTO admission.parked SELECT 'k', %(org)s, 'link', 'h', NULL, open_day - 20, 's'"
    " FROM admission.settings",
    BM: "INSERT INTO admission.tally SELECT %(org)s, now() - make_interval(days => 14 * n + 1), 'accepted', 1000"
    " FROM generate_series(1, 6) AS g(n); INSERT INTO admission.tally VALUES (%(org)s, now(), 'accepted', 3)",
    RD: "INSERT INTO gate.quarantine (set, partition, seq, since, reason, error, orgs)"
    " SELECT name, 0, 1, '2026-01-05', 'record', 'WrongKey', ARRAY[%(org)s] FROM gate.set WHERE live",
}  # fmt: skip


@pytest.fixture(scope="module")
def town() -> Iterator[Office]:
    with office() as made:
        made("init", "--open-day", FIRST_DAY.isoformat())
        made.register({})
        with made.platform() as platform:
            platform.close_days(FIRST_DAY, FIRST_DAY)
            platform.run(until_idle=True)
            yield made


@pytest.fixture
def owner(town: Office) -> Iterator[psycopg.Connection[Any]]:
    """Everything planted is gone afterwards."""
    with psycopg.connect(town.dsn()) as connection:
        yield connection
        connection.rollback()


def counted(connection: psycopg.Connection[Any], suite: str) -> list[counts.Count]:
    """In the role of quality, within the transaction that planted."""
    connection.execute("SET LOCAL ROLE woonketen_quality")
    found = counts.count(connection, checks.shipped(), suite)
    connection.execute("RESET ROLE")
    return found


def failed(connection: psycopg.Connection[Any], suite: str) -> set[tuple[str, str]]:
    return {(each.org, each.check) for each in counted(connection, suite) if each.org and each.failed}


def test_every_check_of_feeds_and_views_has_a_defect() -> None:
    found = {each["check"] for each in PLANTED["views"]} | set(PLANTED["feeds"].values())
    assert found == {each.id for each in checks.shipped().checks if each.suite != checks.FACTS}


def test_a_planted_feed_is_found_by_its_check_and_no_honest_one(owner: psycopg.Connection[Any]) -> None:
    assert failed(owner, checks.FEED) == set()
    for org in PLANTED["feeds"]:
        for statement in _FEEDS[org].split(";"):
            owner.execute(statement, {"org": org})
    assert failed(owner, checks.FEED) == set(PLANTED["feeds"].items())


def insert(connection: psycopg.Connection[Any], view: str, values: dict[str, Any]) -> None:
    """A row as a program with a fault would write it; columns that nothing is said of hold something of their type."""
    ((live,),) = connection.execute("SELECT name FROM gate.set WHERE live").fetchall()
    columns = connection.execute(
        "SELECT attname, format_type(atttypid, NULL), attnotnull FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        [f"{live}.{view}"],
    ).fetchall()
    table = sql.Identifier(live, view)
    plain = {"bytea": os.urandom(16), "text": "x", "text[]": [], "jsonb": "[]", "boolean": False, "date": "2026-01-05"}
    row = {name: plain.get(kind, 0) for name, kind, needed in columns if needed}
    row |= {"v_org": SOME_ORG, "v_role": "coach"} if view == "warnings" else {"v_org": SOME_ORG}
    for name in values.keys() & {name for name, _, needed in columns if needed}:
        connection.execute(sql.SQL("ALTER TABLE {} ALTER {} DROP NOT NULL").format(table, sql.Identifier(name)))
    row |= values
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            table, sql.SQL(", ").join(map(sql.Identifier, row)), sql.SQL(", ").join(sql.Placeholder() * len(row))
        ),
        list(row.values()),
    )


@pytest.mark.parametrize("view", sorted(PLANTED["sound"]))
def test_a_sound_row_raises_nothing(owner: psycopg.Connection[Any], view: str) -> None:
    insert(owner, view, PLANTED["sound"][view])
    found = counted(owner, view)
    assert [each.check for each in found if each.failed] == []
    assert any(each.checked for each in found)


@pytest.mark.parametrize("planted", PLANTED["views"], ids=lambda each: str(each["check"]))
def test_a_planted_row_is_found_by_its_check(owner: psycopg.Connection[Any], planted: dict[str, Any]) -> None:
    view = planted["view"]
    insert(owner, view, PLANTED["sound"][view] | planted["set"])
    assert failed(owner, view) == {(SOME_ORG, planted["check"])}


@pytest.mark.parametrize(
    "planted", [each for each in PLANTED["views"] if each["view"] != "warnings"], ids=lambda each: str(each["check"])
)
def test_what_consent_hides_is_hidden_and_never_an_error(
    owner: psycopg.Connection[Any], planted: dict[str, Any]
) -> None:
    view, check = planted["view"], checks.shipped().named(planted["check"])
    hidden = dict.fromkeys(check.fields) | {"not_shared": list(check.fields)}
    insert(owner, view, PLANTED["sound"][view] | planted["set"] | hidden)
    (found,) = [each for each in counted(owner, view) if each.check == check.id and not each.org]
    assert (found.checked, found.failed, found.hidden) == (0, 0, 1)


def test_a_check_that_nobody_wrote_is_a_sentence() -> None:
    text = "version: 1\nchecks:\n  - {id: a_check, suite: %s, kind: validity, level: warn, owner: partner, means: x,"
    text += " guidance: y%s}\n"
    with pytest.raises(ChecksError, match="about a view that is not there"):
        checks.load(text % ("nowhere", ", fields: [a], expect: a"))
    with pytest.raises(ChecksError, match="reads something else"):
        checks.load(text % ("coach", ", fields: [held_90d], expect: 'held_90d > missed_90d'"))


def test_a_view_that_is_missing_is_a_sentence(town: Office) -> None:
    with psycopg.connect(town.dsn()) as owner:
        owner.execute("ALTER VIEW quality.view_coach RENAME TO view_gone")
    try:
        assert "Run `woonketen init`" in town("quality", "run", "--no-suites", code=2).err
    finally:
        with psycopg.connect(town.dsn()) as owner:
            owner.execute("ALTER VIEW quality.view_gone RENAME TO view_coach")


def test_a_database_in_recovery_is_a_sentence(town: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A standby says yes to `pg_is_in_recovery`; here a function of that name, in a schema that is looked in first."""
    with psycopg.connect(town.dsn()) as owner:
        owner.execute("CREATE SCHEMA standby; GRANT USAGE ON SCHEMA standby TO PUBLIC")
        owner.execute("CREATE FUNCTION standby.pg_is_in_recovery() RETURNS boolean LANGUAGE sql RETURN true")
    plainly = counts.conninfo
    monkeypatch.setattr(
        counts, "conninfo", lambda dsn: plainly(dsn).replace("-c role", "-c search_path=standby,pg_catalog -c role")
    )
    with pytest.raises(Unreachable, match="in recovery"), counts.reading(town.dsn()):
        pass
