"""Every command of the operator's table: exit codes, the shape of what `--json` prints, what happens the second time.

The tests of one file share an installation and build on each other's events, never on each other's order."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from chaos.office import WOONKETEN, Office, live, office, opened_office
from chaos.town import CO, FIRST_DAY, GI, ORGS, OW, agreements, envelope, lives

COMMANDS = {
    "init": "--open-day --partitions",
    "org": "add list leave credentials",
    "org credentials": "--kafka --rotate --http --revoke --list",
    "org add": "--kind --source --district --subject-url --phone",
    "org list": "",
    "org leave": "",
    "user": "add list sessions sign-out",
    "user list": "--org",
    "user sessions": "",
    "user sign-out": "",
    "user add": "--org --role --worker --resident",
    "link": "issue",
    "link issue": "--by --subject --for",
    "ingest": "--as --format --receipts",
    "receipts": "--as",
    "run": "--until-idle",
    "day": "close",
    "day close": "--through",
    "view": "--as --resident",
    "warnings": "--as --all --known-on",
    "explain": "--as --known-on",
    "decide": "--recipient --purpose --org --subject --on --fact-on",
    "policy": "explain dpia",
    "policy explain": "",
    "policy dpia": "",
    "looks": "--as --resident --decisions --who --reason",
    "acknowledge": "--as --reason",
    "contest": "--as --reason",
    "backup": "",
    "restore": "",
    "erase": "--org --subject --reason",
    "ledger": "replay",
    "ledger replay": "",
    "retention": "due sleeping run certificate terms hold",
    "retention sleeping": "--on",
    "retention due": "--on",
    "retention run": "--list --as --certificate",
    "retention certificate": "--certificate",
    "retention terms": "",
    "retention hold": "add list end",
    "retention hold add": "--org --subject --activity --reason --until --as",
    "retention hold list": "",
    "retention hold end": "--as",
    "programma": "propose confirm list",
    "programma propose": "--programme --cohort --as",
    "programma confirm": "--as",
    "programma list": "--as",
    "keys": "rotate",
    "keys rotate": "",
    "consent": "list grant refuse",
    "consent list": "--as",
    "consent grant": "--as --to --purpose --category --from --until --data-from --data-until",
    "consent refuse": "--as --to --purpose --category",
    "withdraw": "--as",
    "object": "--as --purpose --lift",
    "correct": "--as --category --reason --org",
    "requests": "list answer",
    "requests list": "--as",
    "requests answer": "--as --answer",
    "export": "--as --html",
    "break-glass": "--as --resident --reason",
    "contact": "put fetch",
    "contact put": "--as",
    "contact fetch": "--as",
    "evidence": "--as --html --verify --public-key",
    "quarantine": "list show replay discard inspect",
    "rebuild": "--verify",
    "report": "--all --month --out",
    "rehearse": "",
    "alerts": "look list acknowledge",
    "alerts look": "",
    "alerts list": "--all",
    "alerts acknowledge": "--as --reason",
    "quality": "run show compare checks",
    "quality run": "--no-suites",
    "quality show": "--org --failed",
    "quality compare": "",
    "quality checks": "",
    "figures": "freeze attack",
    "figures freeze": "--quarter",
    "figures attack": "--histories",
    "log": "stats verify copy recover",
    "log stats": "",
    "log verify": "",
    "log copy": "--to",
    "log recover": "",
    "worker": "admission step clock health",
    "worker admission": "",
    "worker clock": "",
    "worker health": "",
    "worker step": "",
    "serve": "--port --host --no-run --demo",
    "doctor": "",
}
LAST = FIRST_DAY + timedelta(days=40)
WARNING = {"id", "indicator", "severity", "state", "sentence", "resident", "opened_on", "due_on", "owner"}
STATES = {"inactive", "pending", "active", "acknowledged", "contested", "suspended", "resolved", "voided", "expired"}


@pytest.fixture(scope="module")
def town() -> Iterator[Office]:
    """Six weeks, in which some residents get warnings, and a resident who may look."""
    with opened_office() as made, made.platform() as platform:  # so that the server stays between two commands
        sent = lives(6, FIRST_DAY, LAST, 3)
        live(platform, [*agreements(FIRST_DAY, date(2028, 1, 1)), *sent], LAST)
        platform.add_user("bewoner-1", GI, "bewoner", None, f"{GI}:G-000001")
        yield made


def attempt(id_: str, **more: str) -> bytes:
    data = {"occurred_on": "2026-01-20", "channel": "phone", "reached": False}
    return json.dumps(envelope(CO, "contact.attempted", id_, date(2026, 1, 20), data, "K-000005") | more).encode()


def bare(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([WOONKETEN, *arguments], cwd=cwd, capture_output=True, text=True, check=True)


# --- help -----------------------------------------------------------------------------------------------------------


EVERY_HELP = """
import contextlib, io, json, sys
from woonketen.orchestration.cli import main
said = {}
for command in json.loads(sys.argv[1]):
    sys.argv = ["woonketen", *command.split(), "--help"]
    out, err = io.StringIO(), io.StringIO()
    code = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    said[command] = [code, out.getvalue(), err.getvalue()]
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def helps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, str]]:
    """What each command says of itself, all in one process: without a configuration, a database, or a data folder
    that would be made."""
    empty = tmp_path_factory.mktemp("empty")
    ours = {name: value for name, value in os.environ.items() if not name.startswith("WOONKETEN_")}
    asked = [sys.executable, "-c", EVERY_HELP, json.dumps(list(COMMANDS))]
    done = subprocess.run(asked, cwd=empty, env=ours, capture_output=True, text=True, check=True)
    assert list(empty.iterdir()) == []
    found: dict[str, tuple[int, str, str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_help_lists_the_options(command: str, helps: dict[str, tuple[int, str, str]]) -> None:
    code, out, err = helps[command]
    for word in COMMANDS[command].split():
        assert word in out
    assert (code, err) == (0, "")


def test_help_names_every_command(tmp_path: Path) -> None:
    done = bare("--help", cwd=tmp_path)
    listed = set(re.findall(r"^ +([a-z][a-z-]*)  ", done.stdout, re.MULTILINE))
    assert listed == {command.split()[0] for command in COMMANDS}
    assert "Exit codes: 0 done" in done.stdout
    for option in ("--config", "--json", "--debug"):
        assert option in done.stdout


def test_help_needs_neither_database_nor_cryptography() -> None:
    """What makes it quick: measured by what is imported, not by a clock."""
    code = (
        "import sys; sys.argv = ['woonketen', '--help']\n"
        "from woonketen.orchestration.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'psycopg', 'cryptography', 'rich', 'yaml', 'holidays', 'openpyxl'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- setting up -----------------------------------------------------------------------------------------------------


def test_init_twice() -> None:
    with office() as made:
        first = made("init", "--json", "--open-day", "2026-01-05").object
        assert set(first) >= {"data", "database", "engine", "schema_version"}
        assert first["engine"] == "embedded"
        assert Path(first["data"]).resolve() == made.data.resolve()
        key = made.settings.kek.read_bytes()
        assert made.settings.kek.stat().st_mode & 0o777 == 0o600
        again = made("--json", "init", "--open-day", "2026-02-01", code=None)  # the day is kept, not changed
        assert again.code in (0, 2)
        assert made("init", "--json").object == first
        assert made.settings.kek.read_bytes() == key
        assert made("day", "close", "2026-01-05", "--json").object == {"closed_through": "2026-01-05"}


def test_org_add(town: Office) -> None:
    add = [
        "org",
        "add",
        "nieuw-wonen",
        "--kind",
        "corporatie",
        "--source",
        "urn:nld:kvknr:05099999:systeem:x",
        "--json",
    ]
    made = town(*add).object
    assert made == {"org": "nieuw-wonen", "kind": "corporatie", "source": "urn:nld:kvknr:05099999:systeem:x"} | made
    assert town(*add).object == made  # repeats are fine
    changed = [*add[:6], "urn:nld:kvknr:05088888:systeem:x"]
    assert "source" in town(*changed, code=2).err
    listed = town("org", "list", "--json").rows
    assert [row["source"] for row in listed if row["org"] == "nieuw-wonen"] == ["urn:nld:kvknr:05099999:systeem:x"]
    assert {row["org"] for row in listed} >= set(ORGS)
    assert all({"org", "kind", "source"} <= set(row) for row in listed)


@pytest.mark.parametrize("name", ["resident", "network", "woonketen", "Met Hoofdletters", "x"])
def test_org_names_that_cannot_be(town: Office, name: str) -> None:
    town("org", "add", name, "--kind", "corporatie", "--source", "urn:nld:kvknr:05077777:systeem:x", code=2)


def test_a_source_belongs_to_one_organisation(town: Office) -> None:
    town("org", "add", "dubbel-wonen", "--kind", "corporatie", "--source", ORGS[OW][2], code=2)


def test_user_add(town: Office) -> None:
    add = ["user", "add", "coach-9", "--org", CO, "--role", "coach", "--worker", "W-9", "--json"]
    assert town(*add).object == {"user": "coach-9", "org": CO, "role": "coach"}
    assert town(*add).object == {"user": "coach-9", "org": CO, "role": "coach"}
    assert town("view", "coach", "--as", "coach-9", "--json").rows == []
    assert town(*add[:6], "zorgaanbieder", "--json", code=None).code in (0, 2)
    resident = ["user", "add", "bewoner-2", "--org", GI, "--role", "bewoner", "--resident", f"{GI}:G-000002", "--json"]
    assert town(*resident).object == {"user": "bewoner-2", "org": GI, "role": "bewoner"}
    assert [row["programme"] for row in town("view", "bewoner", "--as", "bewoner-2", "--json").rows] == ["doorstroom"]


def test_user_list_tells_what_user_add_was_given_and_not_who_a_resident_is(town: Office) -> None:
    town("user", "add", "coach-11", "--org", CO, "--role", "coach", "--worker", "W-11")
    town("user", "add", "bewoner-4", "--org", GI, "--role", "bewoner", "--resident", f"{GI}:G-000004")
    rows = town("user", "list", "--json").rows
    of = {row["user"]: row for row in rows}
    assert of["coach-11"] == {"user": "coach-11", "org": CO, "role": "coach", "worker": "W-11", "active": True}
    assert of["bewoner-4"] == {"user": "bewoner-4", "org": GI, "role": "bewoner", "worker": None, "active": True}
    assert [(row["org"], row["role"], row["user"]) for row in rows] == sorted(
        (row["org"], row["role"], row["user"]) for row in rows
    )
    own = town("user", "list", "--org", CO, "--json").rows
    assert own == [row for row in rows if row["org"] == CO]
    told = town("user", "list", "--org", CO)
    assert "coach-11" in told.out
    assert "wk_u_" not in told.out + town("user", "list").out
    town("user", "list", "--org", "niet-bekend", code=2)


def test_a_name_that_another_key_sealed_is_not_told_and_a_login_that_is_gone_is_not_active(town: Office) -> None:
    town("user", "add", "coach-12", "--org", CO, "--role", "coach", "--worker", "W-12")
    with town.platform() as platform:
        rolname = platform.user("coach-12").rolname
        with platform.parts.processor.transaction():
            platform.parts.processor.execute(
                "UPDATE gate.name SET sealed = sealed || 'x' WHERE rolname = %s", [rolname]
            )
        platform.parts.owner.execute(f'ALTER ROLE "{rolname}" RENAME TO "{rolname}_gone"')
        try:
            (row,) = [each for each in town("user", "list", "--org", CO, "--json").rows if each["worker"] == "W-12"]
        finally:
            platform.parts.owner.execute(f'ALTER ROLE "{rolname}_gone" RENAME TO "{rolname}"')
    assert (row["user"], row["active"]) == (None, False)


def test_link_issue_and_use(town: Office) -> None:
    issued = town("link", "issue", "--by", GI, "--subject", "G-000003", "--for", OW, "--json").object
    assert set(issued) >= {"code", "expires_at"}
    assert re.fullmatch(r"[A-Z0-9]{4}-[A-Z0-9]{4}-[A-Z0-9]{4}", issued["code"])
    day = LAST + timedelta(days=1)
    data = {"occurred_on": day.isoformat(), "link_code": issued["code"]}
    line = json.dumps(envelope(OW, "subject.linked", "linked-3", day, data, "C-extra3")).encode()
    assert town("ingest", town.file("link.jsonl", [line]), "--as", OW, "--json").object["accepted"] == 1
    again = line.replace(b"linked-3", b"linked-4").replace(b"C-extra3", b"C-extra4")
    assert town("ingest", town.file("link2.jsonl", [again]), "--as", OW, "--json", code=1).object["refused"] == 1
    other = town("link", "issue", "--by", GI, "--subject", "G-000003", "--for", OW, "--json").object
    assert other["code"] != issued["code"]


# --- feeding --------------------------------------------------------------------------------------------------------


def test_ingest_counts_and_receipts(town: Office, tmp_path: Path) -> None:
    lines = [
        attempt("c-1"),
        attempt("c-1"),
        b"{",
        attempt("c-2", subject="K-nobody7"),
        attempt("c-3", source=ORGS[OW][2]),
    ]
    file, out = town.file("mixed.jsonl", lines), tmp_path / "out"
    done = town("ingest", file, "--as", CO, "--receipts", str(out), "--json", code=1)
    assert done.object == {"accepted": 1, "duplicate": 1, "parked": 1, "refused": 2}
    receipts = [json.loads(line) for line in out.read_text().splitlines()]
    assert [receipt["status"] for receipt in receipts] == ["accepted", "duplicate", "refused", "parked", "refused"]
    assert [receipt["reason"] for receipt in receipts][2::2] == ["malformed", "not_your_source"]
    for receipt in receipts:
        assert set(receipt) >= {"source", "id", "status", "reason", "detail", "mend", "at"}
    assert receipts[0]["id"] == "c-1"
    assert receipts[0]["source"] == ORGS[CO][2]
    assert "refused 1× malformed" in done.err
    assert town("ingest", town.file("again.jsonl", lines[:1]), "--as", CO, "--json").object["duplicate"] == 1
    parked = town("receipts", "--as", CO, "--json").rows
    assert [row["status"] for row in parked if row["id"] == "c-2"] == ["parked"]


@pytest.mark.parametrize("where", ["before", "after", "both"])
def test_json_stands_anywhere(town: Office, where: str) -> None:
    before = ["--json"] if where != "after" else []
    after = ["--json"] if where != "before" else []
    done = town(*before, "ingest", "-", "--as", CO, *after, stdin=attempt(f"c-{where}-1"))
    assert done.object == {"accepted": 1, "duplicate": 0, "parked": 0, "refused": 0}


def test_words_for_people(town: Office) -> None:
    done = town("ingest", "-", "--as", CO, stdin=attempt("c-words-1"))
    assert "accepted 1" in done.out
    assert done.err == ""


def test_an_empty_file(town: Office) -> None:
    done = town("ingest", town.file("empty", []), "--as", CO, "--json")
    assert done.object == {"accepted": 0, "duplicate": 0, "parked": 0, "refused": 0}


def test_ingest_csv(town: Office) -> None:
    """A table: the source is the organisation's own."""
    text = "type;id;time;subject;data.occurred_on;data.channel;data.reached\n"
    text += "contact.attempted;csv-1;21-01-2026 09:00;K-000005;21-01-2026;phone;ja\n"
    text += "contact.attempted;csv-2;21-01-2026 09:01;K-000005;gisteren;phone;ja\n"
    path = town.files / "table.csv"
    path.write_text(text)
    done = town("ingest", str(path), "--as", CO, "--format", "csv", "--json", code=1)
    assert done.object == {"accepted": 1, "duplicate": 0, "parked": 0, "refused": 1}


def test_run_says_what_it_did(town: Office) -> None:
    town("run", "--until-idle")
    town("ingest", "-", "--as", CO, stdin=attempt("c-run-1"))
    done = town("run", "--until-idle", "--json").object
    assert set(done) >= {"admitted", "applied", "position"}
    assert done["applied"] == 1
    nothing = town("run", "--until-idle", "--json").object
    assert nothing["applied"] == 0
    assert nothing["position"] == done["position"]


def test_day_close() -> None:
    with opened_office() as made:

        def closed(*arguments: str) -> str:
            (told,) = made("day", "close", *arguments, "--json").object.items()
            assert told[0] == "closed_through"
            return str(told[1])

        assert closed("2026-01-05") == "2026-01-05"
        assert closed("2026-01-05") == "2026-01-05"  # the same again: nothing
        assert closed("2026-01-08") == "2026-01-08"  # and those between
        assert closed("2026-01-09", "--through", "2026-01-15") == "2026-01-15"
        assert made("day", "close", "2026-01-10", code=2).err  # earlier than the last closed one
        assert made("day", "close", "2026-01-20", "--through", "2026-01-18", code=2).err
        assert made("log", "verify", "--json").object["gaps"] == 0
        assert made("day", "close", "2026-01-15", "--json").object == {"closed_through": "2026-01-15"}


# --- looking --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "view"),
    [
        ("coach-1", "coach"),
        ("regie-1", "casusregisseur"),
        ("wijk-noord", "wijkteam"),
        ("huur-ow", "corporatie"),
        ("huur-ow", "complex"),
        ("zorg-zi", "zorgaanbieder"),
        ("buur-1", "vrijwilliger"),
        ("bewoner-1", "bewoner"),
        ("steward-1", "steward_feeds"),
        ("steward-1", "steward_refusals"),
    ],
)
def test_views_have_the_fields_of_their_struct(town: Office, user: str, view: str) -> None:
    import msgspec

    from woonketen.contracts.views import OTHER_VIEWS, PERSON_VIEWS

    town("ingest", "-", "--as", CO, stdin=b"{", code=1)
    struct = {**PERSON_VIEWS, **OTHER_VIEWS}[view]
    fields = {field.encode_name for field in msgspec.structs.fields(struct)}
    rows = town("view", view, "--as", user, "--json").rows
    assert rows, f"{user} sees no row of {view}"
    for row in rows:
        assert fields <= set(row)
        assert set(row) - fields <= {"as_of", "feeds_silent", "subject_url"}
    if view in PERSON_VIEWS:
        assert {row["as_of"] for row in rows} == {
            town("day", "close", LAST.isoformat(), "--json").object["closed_through"]
        }


def test_view_of_one_resident(town: Office) -> None:
    rows = town("view", "coach", "--as", "coach-1", "--json").rows
    one = rows[0]["resident"]
    assert town("view", "coach", "--as", "coach-1", "--resident", one, "--json").rows == [rows[0]]
    assert town("view", "coach", "--as", "coach-1", "--resident", "K-999999", "--json").rows == []
    assert all(re.fullmatch(r"K-\d{6}", row["resident"]) for row in rows)  # the viewer's own pseudonyms


def test_view_as_a_table(town: Office) -> None:
    done = town("view", "coach", "--as", "coach-1")
    assert "bewoner" in done.out
    assert "K-0000" in done.out
    assert town("view", "coach", "--as", "coach-3").code == 0


def test_warnings_and_explain(town: Office) -> None:
    users = ("regie-1", "coach-2", "zorg-zi", "huur-ow")
    found = [(user, row) for user in users for row in town("warnings", "--as", user, "--all", "--json").rows]
    assert found
    for _, row in found:
        assert set(row) >= WARNING
        assert row["state"] in STATES | {"provisional"}
        assert row["severity"] in (1, 2, 3)
    user, row = found[0]
    opened = {each["id"] for each in town("warnings", "--as", user, "--json").rows}
    assert opened <= {each["id"] for owner, each in found if owner == user}
    explained = town("explain", row["id"], "--as", user, "--json")
    assert explained.object["id"] == row["id"]
    assert set(explained.object) >= {
        "id", "indicator", "rule_version", "severity", "state", "sentence", "opened_on", "due_on", "owner", "action",
        "evidence", "thresholds", "gaps", "closes_when", "as_of",
    }  # fmt: skip
    assert town("explain", row["id"], "--as", user, "--json").out == explained.out  # the same bytes
    assert town("explain", "00000000-0000-4000-8000-000000000009", "--as", user, code=1).out == ""


def test_warnings_as_they_were_known(town: Office) -> None:
    user = "regie-1"
    now = town("warnings", "--as", user, "--all", "--json").rows
    before = town("warnings", "--as", user, "--all", "--known-on", FIRST_DAY.isoformat(), "--json").rows
    assert before == []
    then = town("warnings", "--as", user, "--all", "--known-on", LAST.isoformat(), "--json").rows
    assert {row["id"] for row in then} == {row["id"] for row in now}


def test_acknowledge(town: Office) -> None:
    for user in ("regie-1", "coach-1", "zorg-co", "regie-2"):
        rows = [row for row in town("warnings", "--as", user, "--json").rows if row["state"] == "active"]
        if rows:
            break
    answered = town("acknowledge", rows[0]["id"], "--as", user, "--reason", "acting", "--json")
    assert answered.object
    town("run", "--until-idle")
    states = {row["id"]: row["state"] for row in town("warnings", "--as", user, "--all", "--json").rows}
    assert states[rows[0]["id"]] == "acknowledged"
    town("acknowledge", rows[0]["id"], "--as", "huur-dp", "--reason", "acting", code=None)
    assert town(
        "acknowledge", "00000000-0000-4000-8000-000000000009", "--as", user, "--reason", "acting", code=None
    ).code


def test_decide(town: Office) -> None:
    def decide(*more: str) -> dict[str, str]:
        return dict(town("decide", *more, "--json").object)

    plan = decide("plan.agreed", "--recipient", "coach", "--purpose", "guidance")
    assert set(plan) >= {"decision", "state", "rule", "policy_version", "reason"}
    assert (plan["decision"], plan["state"]) == ("allow", "S")
    assert decide("rent.balance_reported", "--recipient", "coach", "--purpose", "guidance")["decision"] == "deny"
    assert decide("plan.agreed", "--recipient", "coach", "--purpose", "tenancy")["decision"] == "deny"
    resident = ["--org", GI, "--subject", "G-000001"]
    consent = ["intake.held", "--recipient", "casusregisseur", "--purpose", "coordination"]
    assert decide(*consent, *resident)["reason"] == "never_asked"
    assert decide(*consent, "--org", GI, "--subject", "G-000004", "--on", "2026-01-25")["reason"] == "consent"
    assert decide(*consent, "--org", GI, "--subject", "G-000004", "--on", "2028-01-25")["reason"] == "expired"
    assert town("decide", *consent, "--org", GI, "--subject", "G-999999", "--json", code=2).err


def test_looks(town: Office) -> None:
    mine = len(town("looks", "--as", "bewoner-1", "--json").rows)
    lead = town("view", "casusregisseur", "--as", "regie-1", "--json").rows
    assert "G-000001" in {row["resident"] for row in lead}
    rows = town("looks", "--as", "bewoner-1", "--json").rows
    assert len(rows) == mine + 1
    text = json.dumps(rows)
    assert "regie-1" not in text  # organisation and role, no name
    assert GI in text
    assert "dpl.core.processing_activity_id" in text
    assert len(town("looks", "--as", "steward-1", "--json").rows) > len(rows)
    town("looks", "--as", "coach-1", code=None)


def test_who_looked(town: Office) -> None:
    town("view", "casusregisseur", "--as", "regie-1", "--json")
    line = town("looks", "--as", "bewoner-1", "--json").rows[-1]
    assert line["sentence"].startswith("Op ")
    (found,) = town("looks", "--as", "steward-1", "--who", line["span_id"], "--reason", "audit", "--json").rows
    assert (found["user"], found["organisation"]) == ("regie-1", GI)
    assert "(gegevensbeheerder) wie er bij u" in town("looks", "--as", "bewoner-1", "--json").rows[-1]["sentence"]
    assert "--reason" in town("looks", "--as", "steward-1", "--who", line["span_id"], code=2).err
    decisions = town("looks", "--as", "steward-1", "--decisions", "--json").rows
    assert {"trace_id", "event_name", "timestamp", "status", "attributes"} <= set(decisions[0])
    assert town("looks", "--as", "bewoner-1", "--decisions", code=2).err


def test_evidence(town: Office) -> None:
    lease = town("view", "corporatie", "--as", "huur-ow", "--json").rows[0]["lease_id"]
    page = town.files / "bundle.html"
    bundle = town("evidence", lease, "--as", "huur-ow", "--html", str(page)).object
    assert "Controlegetallen" in page.read_text(encoding="utf-8")
    whole = town.file("bundle.json", [json.dumps(bundle).encode()])
    assert town("evidence", "--verify", whole, "--json").object == {"whole": True}
    bundle["made_on"] = "2020-01-01"
    touched = town.file("touched.json", [json.dumps(bundle).encode()])
    assert town("evidence", "--verify", touched, "--json", code=1).object == {"whole": False}
    assert town("evidence", "--public-key", "--json").object["public_key"] == bundle["public_key"]
    assert town("evidence", lease, "--as", "steward-1", code=2).err
    assert town("evidence", code=2).err


def test_contact_and_break_glass_say_no(town: Office) -> None:
    put = ["contact", "put", f"{OW}:VS-1", "-", "--as", OW, "--json"]
    handle = town(*put, stdin=b'{"name": "N.N.", "phone": "0612"}').object["handle"]
    assert handle.startswith("CH-")
    assert town(*put, stdin=b'{"bsn": "1"}', code=2).err
    assert town("contact", "fetch", handle, "--as", "huur-ow", code=2).err  # no view of signals
    refused = town("break-glass", "--as", "coach-1", "--resident", f"{CO}:X-1", "--reason", "crisis", code=2).err
    assert "no resident under that pseudonym" in refused
    assert town("break-glass", "--as", "huur-ow", "--resident", f"{OW}:X-1", "--reason", "crisis", code=2).err


# --- keeping it sound -----------------------------------------------------------------------------------------------


def test_quarantine(town: Office) -> None:
    assert town("quarantine", "list", "--json").rows == []
    assert town("quarantine", "show", "1", code=2).err
    assert town("quarantine", "replay", "all", "--json", code=None).code in (0, 2)


def test_rebuild(town: Office) -> None:
    town("run", "--until-idle")
    before = town("view", "coach", "--as", "coach-1", "--json").rows
    for extra in ([], ["--verify"]):
        done = town("rebuild", *extra, "--json").object
        assert set(done) >= {"events", "seconds", "differences"}
        assert done["differences"] in (0, [])
        assert done["events"] > 100
    assert town("view", "coach", "--as", "coach-1", "--json").rows == before
    town("rebuild", "--back", "--json")
    assert town("view", "coach", "--as", "coach-1", "--json").rows == before


def test_log_stats_and_verify(town: Office) -> None:
    town("run", "--until-idle")
    rows = town("log", "stats", "--json").rows
    assert len(rows) == 6
    assert all({"partition", "lag"} <= set(row) for row in rows)
    assert all(row["lag"] == 0 for row in rows)
    verified = town("log", "verify", "--json").object
    assert verified["gaps"] == verified["changed"] == 0
    assert verified["records"] > 100


def test_log_verify_finds_a_changed_record() -> None:
    """Whoever writes into the database past the program is found."""
    with opened_office() as made:
        made("ingest", made.file("g", [each.line for each in agreements(FIRST_DAY, date(2028, 1, 1))][:3]), "--as", GI)
        with made.sql() as connection:
            connection.execute("UPDATE log.record SET day = day - 1 WHERE seq = 2 AND partition = 1")
            assert made("log", "verify", "--json", code=1).object["changed"] == 1
            connection.execute("DELETE FROM log.record WHERE seq = 3 AND partition = 2")
        assert made("log", "verify", "--json", code=1).object["gaps"] == 1


def test_doctor(town: Office) -> None:
    done = town("doctor", "--json", code=None)
    assert done.code in (0, 1)
    rows = done.rows
    assert len(rows) >= 5
    assert done.code == (0 if all(row["state"] == "ok" for row in rows) else 1)
    assert all(row["state"] == "ok" or row["mend"] for row in rows)


def test_version(tmp_path: Path) -> None:
    done = bare("--version", cwd=tmp_path)
    assert re.fullmatch(r"woonketen \d+\.\d+\S*\n", done.stdout)


def test_settings_from_file_and_environment(tmp_path: Path) -> None:
    with office() as made:
        config = made.home / "woonketen.toml"
        config.write_text(f'data = "{made.home / "elsewhere"}"\n')
        made("init", "--open-day", "2026-01-05")  # the environment is laid over the file
        assert made.data.exists()
        assert not (made.home / "elsewhere").exists()
