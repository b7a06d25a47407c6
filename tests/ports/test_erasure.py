"""Erasure, by the command on real files: what one organisation told about a resident is gone, the rest stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from chaos.office import Office, live, opened_office
from chaos.town import BM, FIRST_DAY, GI, OW, Sent, agreements, envelope, lives
from psycopg import sql

LAST = FIRST_DAY + timedelta(days=45)
LEASE = "L-Canary-71"
LANDLORDS, CITYS, GUIDES = "C-000001", "G-000001", "B-000001"


def with_lease(sent: Sent) -> Sent:
    return replace(sent, line=sent.line.replace(b'"L-1"', f'"{LEASE}"'.encode()))


def story(residents: int = 4) -> list[Sent]:
    sent = map(with_lease, lives(residents, FIRST_DAY, LAST, 3))
    return [*agreements(FIRST_DAY, LAST.replace(year=2028)), *sent]


@pytest.fixture
def town() -> Iterator[Office]:
    """Resident 1 is known to municipality, landlord and buddy; and may look."""
    with opened_office() as made:
        with made.platform() as platform:
            live(platform, story(), LAST)
            platform.add_user("bewoner-1", GI, "bewoner", None, f"{GI}:{CITYS}")
        yield made


def erase(office: Office, org: str, subject: str, code: int = 0) -> dict[str, Any]:
    done = office("erase", "--org", org, "--subject", subject, "--reason", "art_17_request", "--json", code=code)
    return done.object if code == 0 else {"error": done.err}


def dump(connection: psycopg.Connection[Any]) -> dict[str, bytes]:
    """All tables, their rows as text in small letters."""
    places = connection.execute(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_toast'"
    ).fetchall()
    found = {}
    for place in places:
        query = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT").format(sql.Identifier(*place))
        with connection.cursor() as cursor, cursor.copy(query) as copy:
            found[".".join(place)] = b"".join(map(bytes, copy)).lower()
    return found


def holders(office: Office, text: str) -> tuple[list[str], list[str]]:
    """Tables and files of the installation in which the text stands."""
    needle = text.lower().encode()
    with office.sql() as connection:
        tables = [name for name, rows in dump(connection).items() if needle in rows]
        (folder,) = connection.execute("SHOW data_directory").fetchone() or ("",)
    files = {file for root in (office.home, Path(folder)) for file in root.rglob("*") if file.is_file()}
    return tables, sorted(str(file) for file in files if needle in file.read_bytes().lower())


def seen(office: Office, name: str, user: str) -> list[dict[str, Any]]:
    return office("view", name, "--as", user, "--json").rows


def test_one_controllers_data_are_gone_and_the_others_stay(town: Office) -> None:
    before = seen(town, "corporatie", "huur-ow")
    assert LANDLORDS in {row["resident"] for row in before}
    assert holders(town, LEASE)[0], "what is looked for afterwards is there before"
    guide = [row for row in seen(town, "coach", "buddy-1") if row["resident"] == GUIDES]

    done = erase(town, OW, LANDLORDS)
    assert set(done) == {"request", "keys_destroyed", "rows_removed"}
    assert done["keys_destroyed"] >= 2
    assert done["rows_removed"] >= 5
    # At once: nothing of the resident is shown to anybody until the step has applied it.
    assert LANDLORDS not in {row["resident"] for row in seen(town, "corporatie", "huur-ow")}
    assert holders(town, LEASE) == ([], [])

    town("run", "--until-idle")
    assert holders(town, LEASE) == ([], [])
    assert LANDLORDS not in {row["resident"] for row in seen(town, "corporatie", "huur-ow")}
    others = [row for row in before if row["resident"] != LANDLORDS]
    assert [row for row in seen(town, "corporatie", "huur-ow") if row["resident"] != LANDLORDS] == others
    after = [row for row in seen(town, "coach", "buddy-1") if row["resident"] == GUIDES]
    assert len(guide) == len(after) == 1, "what another organisation told is still there"
    assert [row for row in seen(town, "bewoner", "bewoner-1") if row]
    assert town("log", "verify", "--json").object["erased"] >= 4


def test_again_is_nothing_and_a_stranger_is_refused(town: Office) -> None:
    first = erase(town, OW, LANDLORDS)
    assert erase(town, OW, LANDLORDS) == {"request": first["request"], "keys_destroyed": 0, "rows_removed": 0}
    assert "told nothing about a resident" in erase(town, OW, "C-999999", code=2)["error"]
    assert "C-999999" not in erase(town, OW, "C-999999", code=2)["error"]
    proofs = seen(town, "steward_proofs", "steward-1")
    assert [(row["kind"], row["scope"], row["keys"]) for row in proofs] == [("erasure", OW, first["keys_destroyed"])]


def test_late_copy_is_refused_and_who_comes_back_is_new(town: Office) -> None:
    sent = [each.line for each in story() if each.org == GI and f'"{CITYS}"'.encode() in each.line]
    opened = next(line for line in sent if b"enrolment.opened" in line)
    before = ref_of(town, GI, CITYS)
    erase(town, GI, CITYS)
    town("run", "--until-idle")
    done = town("ingest", "-", "--as", GI, "--json", "--receipts", str(town.files / "out"), code=1, stdin=opened)
    assert done.object == {"accepted": 0, "duplicate": 0, "parked": 0, "refused": 1}
    assert json.loads((town.files / "out").read_text())["reason"] == "erased"
    again = json.loads(opened)
    again["id"] = "another-1"
    assert town("ingest", "-", "--as", GI, "--json", stdin=json.dumps(again).encode()).object["accepted"] == 1
    assert ref_of(town, GI, CITYS) != before, "who comes back is a new resident"
    town("day", "close", (LAST + timedelta(days=1)).isoformat(), "--through", (LAST + timedelta(days=32)).isoformat())
    with town.sql() as connection:
        assert connection.execute("SELECT count(*) FROM admission.erased").fetchone() == (0,), "forgotten by now"


def test_when_all_controllers_are_gone_the_resident_vanishes(town: Office) -> None:
    ref = ref_of(town, GI, CITYS)
    erase(town, OW, LANDLORDS)
    town("run", "--until-idle")
    erase(town, BM, GUIDES)
    erase(town, GI, CITYS)
    town("run", "--until-idle")
    tables = {
        "admission.pseudonym": "ref",
        "admission.enrolment": "ref",
        "admission.link": "ref",
        "gate.viewer": "ref",
        "set_1.contribution": "ref",
        **{f"set_1.{name}": "v_ref" for name in ("bewoner", "coach", "casusregisseur", "corporatie", "warnings")},
    }
    with town.sql() as connection:
        for table, column in tables.items():
            query = f"SELECT count(*) FROM {table} WHERE {column} = %b"
            assert connection.execute(query, [ref]).fetchone() == (0,), table  # type: ignore[arg-type]
        assert connection.execute("SELECT count(*) FROM gate.quarantine").fetchone() == (0,)
    assert town("view", "bewoner", "--as", "bewoner-1", code=2).err.startswith("woonketen: There is no such user.")
    town("day", "close", (LAST + timedelta(days=1)).isoformat())
    town("run", "--until-idle")
    report = town("rebuild", "--json").object
    assert report["differences"] == 0
    assert report["withheld"] == 0


def test_ledger_names_nobody_and_is_a_chain(town: Office) -> None:
    erase(town, OW, LANDLORDS)
    erase(town, BM, GUIDES)
    text = town.settings.ledger_file.read_text()
    assert town.settings.ledger_file.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["kind"] for line in lines] == ["ledger", "erasure", "erasure"]
    assert [line["before"] for line in lines[1:]] == [line["hash"] for line in lines[:-1]]
    for secret in (LANDLORDS, GUIDES, OW, BM, ref_of(town, GI, CITYS).hex()):
        assert secret not in text
    for spoilt, why in (
        (text.replace("art_17_request", "unlawful", 1), "damaged at line 2"),
        ("\n".join(text.splitlines()[:2]) + "\n", "lacks 1 lines"),
        ("", "damaged at line 1"),
    ):
        town.settings.ledger_file.write_text(spoilt)
        assert why in town("org", "list", code=2).err
    town.settings.ledger_file.unlink()
    assert "There is no erasure ledger" in town("org", "list", code=2).err
    town.settings.ledger_file.write_text(text)
    town("org", "list")


def test_killed_between_ledger_and_commit(town: Office) -> None:
    """The line is on disk, the database knows nothing of it: nobody gets in until it is done."""
    from woonketen.orchestration import erasing
    from woonketen.streams.keys import erasures

    class Killed(BaseException):
        pass

    def kill(*_: Any) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch, town.platform() as platform:
        patch.setattr(erasures, "prove", kill)
        with pytest.raises(Killed):
            erasing.erase(platform.parts, platform.admission, OW, LANDLORDS, "art_17_request")
    assert "woonketen ledger replay" in town("view", "corporatie", "--as", "huur-ow", code=2).err
    done = town("ledger", "replay", "--json").object
    assert done["replayed"] == 1
    assert done["keys_destroyed"] >= 2
    assert town("ledger", "replay", "--json").object == {"replayed": 0, "keys_destroyed": 0, "rows_removed": 0}
    town("run", "--until-idle")
    assert holders(town, LEASE) == ([], [])


def test_worker_that_runs_meanwhile_forgets_too(town: Office) -> None:
    """Its facts and opened keys are in memory while another process erases."""
    with town.platform() as platform:
        platform.run(until_idle=True)
        platform.close_days(LAST + timedelta(days=1), LAST + timedelta(days=1))
        platform.run(until_idle=True)
        erase(town, OW, LANDLORDS)
        platform.close_days(LAST + timedelta(days=2), LAST + timedelta(days=9))
        platform.run(until_idle=True)
    assert holders(town, LEASE) == ([], [])


@pytest.mark.parametrize("applied", [True, False], ids=["after the merge", "before the step has applied the merge"])
def test_a_merged_resident_goes_with_all_that_it_was(town: Office, applied: bool) -> None:
    """The landlord finds out that its second number is the same person; the facts are sealed anew by the step."""
    second = "C-000002"
    before = {org: ref_of(town, org, subject) for org, subject in ((OW, LANDLORDS), (GI, "G-000002"))}
    code = town("link", "issue", "--by", GI, "--subject", "G-000002", "--for", OW, "--json").object["code"]
    data = {"occurred_on": LAST.isoformat(), "link_code": code}
    linked = envelope(OW, "subject.linked", "link-1", LAST, data, LANDLORDS)
    town("ingest", "-", "--as", OW, stdin=json.dumps(linked).encode())
    assert ref_of(town, OW, LANDLORDS) == ref_of(town, OW, second) == before[GI]
    if applied:
        town("run", "--until-idle")
    erase(town, OW, second)
    town("run", "--until-idle")
    assert holders(town, LEASE) == ([], [])
    assert ref_of(town, OW, LANDLORDS) is ref_of(town, OW, second) is None
    with town.platform() as platform:
        for ref in before.values():
            assert [fact for fact in platform.residents.facts(ref) if fact.org == OW] == []
        assert [fact for fact in platform.residents.facts(before[GI]) if fact.org == BM], (
            "and the other's facts are there"
        )
    assert town("rebuild", "--json").object["differences"] == 0


def test_what_waits_goes_too(town: Office) -> None:
    """Nobody is known under the pseudonym yet: there is no key, and no resident."""
    data = {"occurred_on": "2026-01-20", "channel": "phone", "reached": False}
    waiting = json.dumps(envelope(OW, "contact.attempted", "wacht-1", FIRST_DAY, data, "C-777777")).encode()
    assert town("ingest", "-", "--as", OW, "--json", stdin=waiting).object["parked"] == 1
    done = erase(town, OW, "C-777777")
    assert done["keys_destroyed"] == 0
    assert done["rows_removed"] == 2
    assert town("receipts", "--as", OW, "--json").rows == []
    assert town("ingest", "-", "--as", OW, "--json", code=1, stdin=waiting).object["refused"] == 1


def ref_of(office: Office, org: str, subject: str) -> bytes:
    with office.platform() as platform:
        found: bytes = platform.admission.resident_of(org, subject)
    return found
