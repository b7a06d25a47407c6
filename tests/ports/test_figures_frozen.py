"""The figures of a quarter through the command and the database: frozen once, read by whom they are for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from builders import event
from chaos.office import Office, office, opened_office
from chaos.town import CO, FIRST_DAY, GI

HOUSEHOLDS = 36
OPENED, CLOSED, LAST = date(2026, 1, 12), date(2026, 5, 4), date(2026, 7, 3)


@pytest.fixture(scope="module")
def town() -> Iterator[Office]:
    """Thirty-six residents in one programme, seven of them finished; the first half year is closed."""
    with opened_office() as made:
        with made.platform() as platform:
            platform.close_days(FIRST_DAY, LAST - timedelta(days=1))
        path = made.file("enrolments.jsonl", [json.dumps(each).encode() for each in enrolments()])
        made("ingest", path, "--as", GI)
        made("day", "close", LAST.isoformat())
        made("user", "add", "raad-1", "--org", GI, "--role", "beleid")
        yield made


def enrolments() -> Iterator[dict[str, Any]]:
    yield event(
        "agreement.signed", occurred_on=FIRST_DAY, agreement_id=f"{GI}:OV-1", programme="wooncoach", orgs=[GI, CO],
        purposes=["coordination", "guidance"], valid_from=FIRST_DAY, valid_until=date(2028, 1, 1),
    )  # fmt: skip
    for number in range(HOUSEHOLDS):
        subject, enrolment = f"G-{number:06}", f"{GI}:E-{number}"
        yield event("enrolment.opened", subject, occurred_on=OPENED, enrolment_id=enrolment, programme="wooncoach")
        yield event("notice.given", subject, occurred_on=OPENED)
        if number < 7:
            yield event("enrolment.closed", subject, occurred_on=CLOSED, enrolment_id=enrolment, outcome="completed")


def read(town: Office) -> dict[tuple[str, str, str], str]:
    rows = town("view", "beleid", "--as", "raad-1", "--json").rows
    return {(row["quarter"], row["dimension"], row["part"]): row["shown"] for row in rows}


def test_a_quarter_is_frozen_once_and_read_by_policy(town: Office) -> None:
    done = town("figures", "freeze", "--json").object
    assert done["quarter"] == "2026Q2"
    assert done["frozen"] is True
    shown = read(town)
    assert shown[("2026Q2", "Wooncoach", "aangemeld")] == "40"
    assert shown[("2026Q2", "Wooncoach", "lopend")] == "30"
    assert shown[("2026Q2", "Wooncoach", "afgerond")] == "–", "else who stopped could be subtracted"
    assert shown[("2026Q2", "Wooncoach", "gestopt")] == "<10"
    again = town("figures", "freeze", "--quarter", "2026Q2", "--json").object
    assert again["frozen"] is False
    assert read(town) == shown


def test_a_quarter_that_is_not_over_or_comes_too_late_is_refused(town: Office) -> None:
    assert "not closed" in town("figures", "freeze", "--quarter", "2026Q3", code=2).err
    assert "never filled in" in town("figures", "freeze", "--quarter", "2026Q1", code=2).err
    assert "no quarter" in town("figures", "freeze", "--quarter", "spring", code=2).err


def test_the_database_gives_the_cells_and_nothing_behind_them(town: Office) -> None:
    with psycopg.connect(town.dsn(), autocommit=True) as owner:
        owner.execute("SET ROLE woonketen_beleid")
        assert owner.execute("SELECT count(*) FROM view_beleid.beleid").fetchone() > (0,)
        for trick in (
            "SELECT since FROM figures.cell",
            "SELECT ctid FROM figures.cell",
            "SELECT * FROM figures.snapshot",
            "UPDATE figures.cell SET shown = '1'",
            "INSERT INTO figures.snapshot VALUES ('2030Q1', '2030-03-31', '2030-03-31', 1)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                owner.execute(trick)
        owner.execute("SET ROLE woonketen_processor")
        for trick in ("UPDATE figures.cell SET shown = '1'", "DELETE FROM figures.snapshot"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                owner.execute(trick)


def test_who_is_no_policy_maker_sees_none(town: Office) -> None:
    town("user", "add", "coach-9", "--org", CO, "--role", "coach", "--worker", "W-9")
    assert town("view", "beleid", "--as", "coach-9", code=None).code != 0


def test_the_attack_is_a_command(town: Office) -> None:
    rows = town("figures", "attack", "--histories", "200", "--json").rows
    assert {row["certain"] for row in rows} == {0.0}


def test_frozen_figures_survive_a_backup(town: Office) -> None:
    before, path = read(town), town.files / "backup.wk"
    town("backup", str(path))
    with office() as other:
        shutil.copy(town.settings.kek, other.settings.kek)
        shutil.copy(town.settings.ledger_file, other.settings.ledger_file)
        other("restore", str(path))
        assert read(other) == before


def test_who_is_erased_stays_counted_in_what_was_frozen_and_no_erasure_shows_in_a_figure(town: Office) -> None:
    before = read(town)
    with town.platform() as platform:
        for number in range(8):
            platform.erase(GI, f"G-{number:06}", "art_17_request")
        platform.close_days(platform.open_day(), date(2026, 9, 30))
        platform.run(until_idle=True)
    assert town("figures", "freeze", "--json").object["quarter"] == "2026Q3"
    after = read(town)
    assert {place: shown for place, shown in after.items() if place[0] == "2026Q2"} == before
    assert after["2026Q3", "Wooncoach", "aangemeld"] == "40", "nobody else changed, so the row stays"
