"""The quarantine desk through the command line: list, inspect with a reason, replay, discard; each look on record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from chaos.office import Office, live, opened_office
from chaos.town import DP, FIRST_DAY, GI, agreements, lives, pseudonym
from psycopg import sql

from woonketen.projections.ddl import PEOPLE

LAST = FIRST_DAY + timedelta(days=20)


@pytest.fixture(scope="module")
def town() -> Iterator[Office]:
    with opened_office() as made, made.platform() as platform:
        live(platform, [*agreements(FIRST_DAY, LAST + timedelta(days=400)), *lives(1, FIRST_DAY, LAST, 1)], LAST)
        platform.add_user("steward-dp", DP, "steward")
        yield made


@pytest.fixture
def aside(town: Office) -> Iterator[tuple[str, str]]:
    """The id of a record that does not open; and a mend for it, as SQL."""
    with town.sql() as owner:
        row = owner.execute(
            "SELECT partition, seq, sealed FROM log.record WHERE ref IS NOT NULL ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        assert row is not None
        owner.execute("UPDATE log.record SET sealed = substr(sealed, 1, 20) WHERE partition = %s AND seq = %s", row[:2])
        owner.execute(
            "INSERT INTO gate.quarantine (set, partition, seq, since, reason, error)"
            " SELECT name, %s, %s, '2026-01-05', 'record', 'WrongKey' FROM gate.set WHERE live",
            row[:2],
        )
        (listed,) = town("quarantine", "list", "--json").rows
        yield str(listed["id"]), listed["what"]
        owner.execute("UPDATE log.record SET sealed = %b WHERE partition = %s AND seq = %s", [row[2], *row[:2]])
        owner.execute("DELETE FROM gate.quarantine")


def resident_aside(town: Office) -> str:
    """As the step leaves a resident who cannot be computed: in the quarantine, and nothing kept of him."""
    with town.sql() as owner:
        ((live, ref),) = owner.execute(
            "INSERT INTO gate.quarantine (set, partition, ref, since, reason, error, orgs)"
            " SELECT s.name, r.partition, r.ref, '2026-01-05', 'resident', 'ValueError at step.py:1', ARRAY[%s]"
            " FROM gate.set s, log.record r WHERE s.live AND r.ref IS NOT NULL ORDER BY r.seq"
            " LIMIT 1 RETURNING set, ref",
            [DP],
        ).fetchall()
        for table, column in (*((view, "v_ref") for view in PEOPLE), ("resident", "ref"), ("contribution", "ref")):
            kept = sql.SQL("DELETE FROM {} WHERE {} = %s").format(sql.Identifier(live, table), sql.Identifier(column))
            owner.execute(kept, [ref])
    (listed,) = town("quarantine", "list", "--json").rows
    return str(listed["id"])


def test_a_record_that_does_not_open_says_so_and_is_taken_in_after_a_mend(town: Office, aside: tuple[str, str]) -> None:
    number, what = aside
    assert what == "record"
    (line,) = town("quarantine", "inspect", number, "--as", "steward-1", "--reason", "incident", "--json").rows
    assert line["error"] == "WrongKey"
    assert "fields" not in line
    assert town("quarantine", "replay", number, "--json", code=1).object == {"replayed": 0, "failed": 1}


def test_inspecting_shows_fields_to_a_steward_with_a_reason_and_the_resident_reads_it(town: Office) -> None:
    number = resident_aside(town)
    before = len(town("looks", "--as", "steward-1", "--json").rows)
    refused = town("quarantine", "inspect", number, "--as", "regie-1", "--reason", "incident", code=2)
    assert "steward" in refused.err
    assert "--reason" in town("quarantine", "inspect", number, "--as", "steward-1", code=2).err
    lines = town("quarantine", "inspect", number, "--as", "steward-1", "--reason", "incident", "--json").rows
    assert {"enrolment.opened", "lease.started"} <= {line["type"] for line in lines}
    assert all("values" not in line for line in lines)
    assert pseudonym(GI, 0) not in str(lines)
    seqs = [line["seq"] for line in lines]
    assert seqs == sorted(seqs)
    looks = town("looks", "--as", "steward-1", "--json").rows[: len(town("looks", "--as", "steward-1", "--json").rows)]
    mine = [row for row in looks if row["name"] == "view quarantine"]
    assert mine
    assert len(looks) > before
    assert mine[-1]["fields"] == ["fact_types"]
    decisions = town("looks", "--as", "steward-1", "--decisions", "--json").rows
    told = [row for row in decisions if "quarantine" in str(row)]
    assert any("incident" in str(row) for row in told)
    assert any("not_of_this_role" in str(row) for row in told)


def test_values_are_those_of_the_stewards_own_organisation(town: Office) -> None:
    (listed,) = town("quarantine", "list", "--json").rows
    arguments = ("quarantine", "inspect", str(listed["id"]), "--reason", "audit", "--values", "--json", "--as")
    for steward, org in (("steward-1", GI), ("steward-dp", DP)):
        lines = town(*arguments, steward).rows
        assert any("values" in line for line in lines if line["org"] == org), steward
        assert not any("values" in line or line["event"] for line in lines if line.get("org") != org), steward


def test_replaying_is_idempotent_and_discarding_needs_a_reason(town: Office) -> None:
    (listed,) = town("quarantine", "list", "--json").rows
    assert town("quarantine", "replay", "all", "--json").object == {"replayed": 1, "failed": 0}
    assert town("quarantine", "replay", "all", "--json").object == {"replayed": 0, "failed": 0}
    assert town("quarantine", "replay", str(listed["id"]), code=2).err
    number = resident_aside(town)
    assert "--reason" in town("quarantine", "discard", number, code=2).err
    assert town("quarantine", "discard", number, "--reason", "test_data", "--json").object["reason"] == "test_data"
    assert town("quarantine", "list", "--json").rows == []
    with town.sql() as owner:
        assert owner.execute("SELECT discard_reason FROM gate.quarantine").fetchall() == [("test_data",)]
