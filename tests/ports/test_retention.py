"""The end of a term, by the command on real files: what is past it goes by an approved list, the rest lives on."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import builders as b
import pytest
from wkretention import DUE, ENDED, TERMS, Archive, live, subject, tell, told

from woonketen.contracts.calendar import add_months
from woonketen.contracts.settings import Settings

OLD, NEW = "L-oud-1", "L-nieuw-1"


@pytest.fixture(scope="module")
def lived(new_database: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Archive:
    made = Archive(tmp_path_factory.mktemp("lived"), new_database())
    live(made)
    return made


@pytest.fixture
def town(lived: Archive, new_database: Callable[..., str], tmp_path: Path) -> Archive:
    return lived.copy(tmp_path, new_database)


def leases(town: Archive, user: str = "huur") -> list[str]:
    return sorted(row["lease_id"] for row in town("view", "corporatie", "--as", user, "--json").rows)


def ids(town: Archive, n: int, org: str = b.CORPORATIE) -> set[str]:
    """Types and leases of what can be read of a resident in the log."""
    with town.platform() as platform:
        ref = platform.admission.resident_of(b.GEMEENTE, subject(b.GEMEENTE, n))
        facts = [] if ref is None else platform.residents.facts(ref)
    return {f"{fact.type} {getattr(fact.data, 'lease_id', '')}".strip() for fact in facts if fact.org == org}


def run(town: Archive, listed: str, user: str = "steward-ow", code: int = 0) -> Any:
    done = town("retention", "run", "--list", listed, "--as", user, "--json", code=code)
    return done.object if code == 0 else done.err


def test_an_approved_list_goes_and_the_rest_of_the_key_lives_on(town: Archive) -> None:
    assert town.due("--on", "2026-02-19") == [], "not a day before its term"
    due = {(row["controller"], row["activity"]): row for row in town.due()}
    assert due[b.CORPORATIE, "tenancy"]["events"] == 6, "of two residents: begun, owed, ended"
    assert due[b.CORPORATIE, "tenancy"]["residents"] == 2
    before = town("view", "corporatie", "--as", "huur", "--json").rows
    certificate = run(town, due[b.CORPORATIE, "tenancy"]["list"])
    assert (certificate["controller"], certificate["events"], certificate["residents"]) == (b.CORPORATIE, 6, 2)
    assert certificate["activities"] == {"tenancy": 6}
    assert certificate["articles"] == ["besluit 3"]
    assert certificate["approved_by"] == f"steward of {b.CORPORATIE}"
    town("run", "--until-idle")
    assert ids(town, 1) == {"subject.linked", f"lease.started {NEW}", f"rent.balance_reported {NEW}"}
    after = town("view", "corporatie", "--as", "huur", "--json").rows
    assert [row for row in before if "nieuw" in row["lease_id"]] == after, "the rest is as it was, to the last field"
    assert OLD not in town.settings.ledger_file.read_text()
    proofs = town("view", "steward_proofs", "--as", "steward-ow", "--json").rows
    assert [(row["kind"], row["scope"]) for row in proofs] == [("retention", b.CORPORATIE)]
    assert [row["proof_hash"] for row in proofs] == certificate["ledger"]
    assert all(row["controller"] != b.CORPORATIE for row in town.due())
    # Again is nothing, and gives the same certificate; so does asking for it, as a file.
    assert run(town, certificate["list"]) == certificate
    town("retention", "certificate", certificate["list"], "--certificate", str(town.files / "bewijs.json"))
    assert json.loads((town.files / "bewijs.json").read_text()) == certificate
    assert town("rebuild", "--json").object["differences"] == 0
    assert town("log", "verify", "--json").object["changed"] == 0


def test_what_is_told_afterwards_is_known_and_dated_as_before(town: Archive) -> None:
    """The rest keeps the day on which it became known, and an event that went is refused when it comes again."""
    with town.platform() as platform:
        ref = platform.admission.resident_of(b.GEMEENTE, subject(b.GEMEENTE, 1))
        known = {fact.id: fact.known for fact in platform.residents.facts(ref)}
    run(town, town.listed(b.CORPORATIE))
    with town.platform() as platform:
        after = {fact.id: fact.known for fact in platform.residents.facts(ref) if fact.type != "data.expired"}
        assert after.items() <= known.items()
        told_gone = [fact for fact in platform.residents.facts(ref) if fact.type == "data.expired"]
    assert [(fact.data.activity, fact.data.before) for fact in told_gone] == [
        ("tenancy", date(2026, 1, 21)),
        ("warnings", date(2026, 1, 25)),
    ]


def test_when_nothing_is_left_the_resident_is_gone(town: Archive) -> None:
    assert ids(town, 3, b.GEMEENTE) == {"enrolment.opened", "enrolment.closed", "notice.given"}
    with town.platform() as platform:
        ref = platform.admission.resident_of(b.GEMEENTE, subject(b.GEMEENTE, 3))
    town("view", "bewoner", "--as", "bewoner-3")
    run(town, town.listed(b.GEMEENTE), "steward-gi")
    town("run", "--until-idle")
    with town.platform() as platform:
        assert platform.admission.resident_of(b.GEMEENTE, subject(b.GEMEENTE, 3)) is None
        assert {fact.type for fact in platform.residents.facts(ref)} == {"data.expired"}
    assert "no such user" in town("view", "bewoner", "--as", "bewoner-3", code=2).err
    with town.sql() as connection:
        for table in ("admission.pseudonym", "admission.enrolment", "gate.viewer", "gate.looks_key", "set_1.bewoner"):
            column = "v_ref" if table.startswith("set_") else "ref"
            query = f"SELECT count(*) FROM {table} WHERE {column} = %b"
            assert connection.execute(query, [ref]).fetchone() == (0,), table  # type: ignore[arg-type]
    assert all(row["controller"] != b.GEMEENTE for row in town.due())


def test_only_the_list_that_was_named_and_only_by_its_steward(town: Archive) -> None:
    listed = town.listed(b.CORPORATIE)
    assert "steward of the controller" in run(town, listed, "steward-gi", code=2)
    assert "A steward approves" in run(town, listed, "huur", code=2)
    with town.platform() as platform:
        owed = {"outstanding_cents": 0, "oldest_unpaid_on": ...}
        tell(platform, told("rent.balance_reported", b.CORPORATIE, 1, ENDED, lease_id=OLD, **owed))
    assert "no more, what this list says" in run(town, listed, code=2), "it has changed since it was looked at"
    later = town.listed(b.CORPORATIE, DUE + timedelta(days=30))
    assert "not there yet" in run(town, later, code=2)
    assert "no id of a list" in run(town, "alles", code=2)
    assert ids(town, 1) >= {f"lease.started {OLD}"}
    # Where the controller has no steward, one of a municipality approves: the coaches have none.
    assert run(town, town.listed(b.CORPORATIE))["events"] == 7


def test_who_runs_on_in_silence_is_listed_and_due_only_once_it_is_closed(town: Archive) -> None:
    town.terms.write_text(TERMS + '*,coordination,public_task,sleeping,24,last_told,"besluit 7"\n')
    silent = date.min
    sleeping = ("retention", "sleeping", "--json", "--on")
    with town.platform() as platform:
        for n in (1, 2):
            ref = platform.admission.resident_of(b.GEMEENTE, subject(b.GEMEENTE, n))
            silent = max(silent, *(fact.known for fact in platform.residents.facts(ref) if fact.org != "woonketen"))
    on = add_months(silent, 24)
    assert town(*sleeping, (on - timedelta(days=1)).isoformat()).rows == []
    (row,) = town(*sleeping, on.isoformat()).rows
    assert row == {
        "controller": b.GEMEENTE, "state": "sleeping", "residents": 2, "silent_since": silent.isoformat()
    }, "the closed one is due, and does not sleep"  # fmt: skip
    before = {each["controller"]: each["residents"] for each in town.due("--on", on.isoformat())}
    with town.platform() as platform:
        closed = told("enrolment.closed", b.GEMEENTE, 1, ENDED, enrolment_id=f"{b.GEMEENTE}:E-1")
        tell(platform, closed)
    after = {each["controller"]: each["residents"] for each in town.due("--on", on.isoformat())}
    assert after[b.GEMEENTE] == before[b.GEMEENTE] + 1, "a close makes it due, sleeping did not"
    town.terms.write_text(TERMS)
    assert town(*sleeping, on.isoformat()).rows == [], "without a rule nobody sleeps"


def test_a_legal_hold_keeps_it(town: Archive) -> None:
    hold = ("retention", "hold", "add", "--org", b.CORPORATIE, "--reason", "court_case", "--until", "2026-12-31")
    assert "steward of the controller" in town(*hold, "--activity", "tenancy", "--as", "steward-gi", code=2).err
    town(*hold, "--subject", subject(b.CORPORATIE, 1), "--as", "steward-ow")
    (row,) = [each for each in town.due() if each["controller"] == b.CORPORATIE]
    assert (row["events"], row["held"], row["residents"]) == (3, 3, 1)
    run(town, row["list"])
    assert f"lease.started {OLD}" in ids(town, 1)
    assert "lease.started L-oud-2" not in ids(town, 2)
    (held,) = town("retention", "hold", "list", "--json").rows
    assert (held["state"], held["about"]) == ("holds", "a resident")
    assert subject(b.CORPORATIE, 1) not in json.dumps(held)
    town("retention", "hold", "end", str(held["hold"]), "--as", "steward-ow")
    run(town, town.listed(b.CORPORATIE))
    assert f"lease.started {OLD}" not in ids(town, 1)


@pytest.mark.parametrize("about", ["--subject", "--activity"])
def test_a_legal_hold_stops_an_erasure_and_what_was_asked_stays_due(town: Archive, about: str) -> None:
    city = subject(b.GEMEENTE, 1)
    erase = ("erase", "--org", b.GEMEENTE, "--subject", city, "--reason", "objection_upheld")
    town("object", "--as", "bewoner-1", "--purpose", "warnings")
    (asked,) = [
        each for each in town("requests", "list", "--as", "bewoner-1", "--json").rows if each["kind"] == "objection"
    ]
    town("run", "--until-idle")
    town("retention", "hold", "add", "--org", b.GEMEENTE, about, city if about == "--subject" else "coordination",
         "--reason", "court_case", "--until", "2026-12-31", "--as", "steward-gi")  # fmt: skip
    before = standing(town)
    refused = town(*erase, code=2).err
    for told_so in (f"of {b.GEMEENTE} (court_case)", "until 2026-12-31", f"a steward of {b.GEMEENTE}", "hold end 1"):
        assert told_so in refused
    assert city not in refused
    assert standing(town) == before, "nothing half done"
    assert asked in town("requests", "list", "--as", "bewoner-1", "--json").rows
    assert asked["state"] == "open"
    # Of another controller, or another resident: not about them.
    assert town(
        "erase", "--org", b.COACH, "--subject", subject(b.COACH, 1), "--reason", "wrong_person", "--json"
    ).object
    if about == "--subject":
        other = town(
            "erase", "--org", b.GEMEENTE, "--subject", subject(b.GEMEENTE, 2), "--reason", "unlawful", "--json"
        )
        assert other.object["keys_destroyed"] > 0
    town("retention", "hold", "end", "1", "--as", "steward-gi")
    assert town(*erase, "--json").object["keys_destroyed"] > 0
    assert town("erase", *erase[1:], "--json").object["keys_destroyed"] == 0


def standing(town: Archive) -> tuple[Any, ...]:
    """The ledger, and how much there is of everything that an erasure takes."""
    with town.sql() as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[arg-type]
            for table in ("admission.pseudonym", "admission.seen", "gate.request", "vault.proof", "log.record",
                          "set_1.bewoner", "vault.key WHERE destroyed_on IS NULL")
        ]  # fmt: skip
    return town.settings.ledger_file.read_bytes(), counts


def test_a_hold_that_comes_after_the_approval_holds_too(town: Archive) -> None:
    listed = town.listed(b.CORPORATIE)
    town.run_killed(listed, "steward-ow", "committed")
    assert [f"lease.started L-oud-{n}" in ids(town, n) for n in (1, 2)].count(True) == 1, "one is done, one is not"
    town("retention", "hold", "add", "--org", b.CORPORATIE, "--activity", "tenancy", "--reason", "claim",
         "--until", "2026-12-31", "--as", "steward-ow")  # fmt: skip
    run(town, listed)
    assert [f"lease.started L-oud-{n}" in ids(town, n) for n in (1, 2)].count(True) == 1


def test_what_became_due_after_the_approval_stays(town: Archive) -> None:
    """Approved, cut off, and then a late balance of the same old lease: nobody approved that it goes."""
    listed = town.listed(b.CORPORATIE)
    town.run_killed(listed, "steward-ow", "committed")
    left = next(n for n in (1, 2) if f"lease.started L-oud-{n}" in ids(town, n))
    with town.platform() as platform:
        owed = {"outstanding_cents": 0, "oldest_unpaid_on": ...}
        tell(platform, told("rent.balance_reported", b.CORPORATIE, left, ENDED, lease_id=f"L-oud-{left}", **owed))
    assert run(town, listed)["events"] == 6
    assert ids(town, left) >= {f"rent.balance_reported L-oud-{left}"}
    assert f"lease.started L-oud-{left}" not in ids(town, left)


@pytest.mark.parametrize("place", ["destroyed", "on disk", "committed"])
def test_killed_in_the_middle(town: Archive, place: str) -> None:
    listed = town.listed(b.CORPORATIE)
    town.run_killed(listed, "steward-ow", place, nth=2)
    if place == "on disk":
        assert "woonketen ledger replay" in town("view", "corporatie", "--as", "huur", code=2).err
        assert town("ledger", "replay", "--json").object["replayed"] == 1
    certificate = run(town, listed)
    assert certificate["events"] == 6
    assert len(certificate["ledger"]) == 2
    town("run", "--until-idle")
    assert leases(town) == ["L-nieuw-1", "L-nieuw-2"]
    for n in (1, 2):
        assert ids(town, n) == {"subject.linked", f"lease.started L-nieuw-{n}", f"rent.balance_reported L-nieuw-{n}"}
    assert town("rebuild", "--json").object["differences"] == 0
    assert all(row["controller"] != b.CORPORATIE for row in town.due())


def test_a_restored_backup_does_not_bring_it_back(town: Archive, new_database: Callable[..., str]) -> None:
    file = town.home / "voor.backup"
    town("backup", str(file))
    run(town, town.listed(b.CORPORATIE))
    town("run", "--until-idle")
    rows = town("view", "corporatie", "--as", "huur", "--json").rows
    kept, rest = ids(town, 1), ids(town, 1, b.COACH)
    again = Settings(
        data=town.home / "hersteld", database=new_database(), retention=town.terms, kek_file=town.settings.kek,
        ledger=town.settings.ledger_file,
    )  # fmt: skip
    done = town("restore", str(file), "--json", settings=again).object
    assert done["replayed"] == 1
    assert town("view", "corporatie", "--as", "huur", "--json", settings=again).rows == rows
    exported = town("export", "--as", "bewoner-1", settings=again).out
    assert NEW in exported
    assert OLD not in exported
    due = town("retention", "due", "--json", settings=again).rows
    assert due
    assert all(row["controller"] != b.CORPORATIE for row in due)
    assert kept == {"subject.linked", f"lease.started {NEW}", f"rent.balance_reported {NEW}"}
    assert rest == {"subject.linked", "coach.assigned"}


def test_without_a_term_a_feed_does_not_start(town: Archive) -> None:
    lines = [line for line in TERMS.splitlines() if not line.startswith("*,tenancy,contract")]
    town.terms.write_text(
        "\n".join([*lines, "gemeente,tenancy,contract,lease nuisance tenancy_care arrears,1,lease_ended,x"])
    )
    sent = json.dumps(told("rent.balance_reported", b.CORPORATIE, 1, ENDED, lease_id=NEW)).encode()
    out = town.files / "out"
    town("ingest", "-", "--as", b.CORPORATIE, "--receipts", str(out), code=1, stdin=sent)
    receipt = json.loads(out.read_text())
    assert (receipt["status"], receipt["reason"], receipt["detail"]) == ("refused", "retention_unset", "type")
    assert "how long" in receipt["mend"]
    (found,) = [row for row in town("doctor", "--json", code=None).rows if row["check"] == "retention"]
    assert found["state"] == "mend"
    assert f"{b.CORPORATIE}: arrears, lease, nuisance, tenancy_care" in found["detail"]
    assert [row for row in town.due() if row["controller"] == b.CORPORATIE] == [], "nor is anything made to go"
    town.terms.write_text(TERMS.replace("besluit 3", ""))
    assert "no article and no decision" in town("retention", "due", code=2).err


def test_who_was_looked_at_can_be_counted_and_not_told_when_its_term_ends(town: Archive) -> None:
    town("view", "coach", "--as", "coach-1")
    town("view", "corporatie", "--as", "huur")
    with town.sql() as connection:
        connection.execute("UPDATE gate.looks_key SET since = '2020-01-01'")
        (looked,) = connection.execute("SELECT count(*) FROM looks.look").fetchone() or (0,)
    mine = town("looks", "--as", "bewoner-1", "--json").rows
    with town.sql() as connection:  # who reads the own looks is not looked at
        assert connection.execute("SELECT count(*) FROM gate.looks_key WHERE since < '2026-01-01'").fetchone() == (2,)
    assert len(mine) == 2
    (row,) = [each for each in town.due() if each["activity"] == "accountability"]
    assert (row["controller"], row["events"]) == ("woonketen", 2)
    certificate = run(town, row["list"], "steward-gi")
    assert certificate["activities"] == {"accountability": 2}
    assert certificate["articles"] == ["besluit 6"]
    assert town("looks", "--as", "bewoner-1", "--json").rows == []
    with town.sql() as connection:
        (after,) = connection.execute("SELECT count(*) FROM looks.look").fetchone() or (0,)
    assert after >= looked, "nothing was taken out of the record"
    assert [entry for entry in town.settings.ledger_file.read_text().splitlines() if '"looks"' in entry]


def test_contact_data_go_with_their_signal(town: Archive) -> None:
    with town.platform() as platform:
        signal = f"{b.CORPORATIE}:S-1"
        handle = platform.put_contact(b.CORPORATIE, signal, json.dumps({"name": "Iemand"}).encode())
        waits = told("arrears.signalled", b.CORPORATIE, 1, DUE, signal_id=signal, lease_id=NEW, to_org=b.GEMEENTE)
        (receipt,) = platform.ingest(b.CORPORATIE, io.BytesIO(json.dumps(waits).encode()))
        assert receipt.status == "parked"
        (parked,) = platform.receipts(b.CORPORATIE)
        assert "T" in parked["at"], "a moment, as in every receipt"
        count = "SELECT count(*) FROM gate.contact WHERE handle = %s"
        assert platform.parts.processor.execute(count, [handle]).fetchone() == (1,)
        platform.erase(b.CORPORATIE, subject(b.CORPORATIE, 1), "art_17_request")
        assert platform.parts.processor.execute(count, [handle]).fetchone() == (0,)
        handle = platform.put_contact(b.CORPORATIE, f"{b.CORPORATIE}:S-2", json.dumps({"name": "Iemand"}).encode())
        platform.parts.processor.execute("UPDATE gate.contact SET put_at = put_at - interval '31 days'")
        platform.close_days(DUE + timedelta(days=1), DUE + timedelta(days=1))
        assert platform.parts.processor.execute(count, [handle]).fetchone() == (0,), "nobody fetched them in time"
