"""Canaries: invented names, citizen numbers, addresses, in every field that takes text. They are found nowhere: not in
receipts, not in logs or errors, not in a row of who may not see them, not in the plain bytes of what is stored."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from chaos.office import Office, live, opened_office
from chaos.town import CO, FIRST_DAY, GI, ORGS, USERS, VIEW_OF, Sent, agreements, lives, source
from psycopg import sql

from woonketen.contracts.catalogue import KIND_LETTER, TYPES
from woonketen.orchestration.export import as_page

SCHEMAS = Path(__file__).parents[2] / "contracts" / "schemas"

NAME, BSN, ADDRESS = "Wilhelmientje Kwakernaak", "123456782", "Kwakernaakstraat 12 1234 AB"
MAIL, PHONE, HOUSE = "w.kwakernaak@voorbeeld.example", "06 1234 5678", "1234AB-12"
CANARIES = (NAME, BSN, ADDRESS, MAIL, PHONE, HOUSE)
SINGED = ("kwakernaak", "wilhelmientje", BSN, PHONE, HOUSE.lower(), "1234 ab")
"""What is looked for: also parts of a canary, in any case of letters."""

# Values that the contracts allow, and that only some may see, or nobody at all.
LEASE, WORKER, REPORTER, VISIT = "L-Canary-71", "W-Canary-77", "r-Canary-78", "V-Canary-79"
VALUES = (LEASE, WORKER, REPORTER, VISIT)
LAST = FIRST_DAY + timedelta(days=45)


def sample(short: str) -> dict[str, Any]:
    folder = SCHEMAS / short
    found: dict[str, Any] = json.loads(max(folder.glob("*.sample.json")).read_bytes())
    return found


def publisher(short: str) -> str | None:
    """An organisation of the town that may publish the type; the platform's own types have none."""
    kinds = [kind for kind, letter in KIND_LETTER.items() if letter in TYPES[short].publishers]
    return next((org for org, (_, kind, _, _) in ORGS.items() if kind in kinds), None)


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every text in an event."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from places(each, (*path, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from places(each, (*path, number))


def put(event: dict[str, Any], path: tuple[str | int, ...], text: str) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(json.dumps(event))
    at: Any = changed
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = text
    return changed


def poisoned() -> dict[str, list[tuple[bytes, bool]]]:
    """Per organisation: every sample of every type with each canary in each place of a text, and as a new field.

    True for the lines that are taken although a canary stands in them: an extension attribute is not kept, and no rule
    can tell a name in it; a correction of what is not there yet waits sealed, and the original's id is hashed.
    """
    lines: dict[str, list[tuple[bytes, bool]]] = {}
    for short in TYPES:
        org = publisher(short) or GI
        event = sample(short) | {"source": source(org)}
        many = [(put(event, path, text), waits(path)) for path in places(event) for text in CANARIES]
        many += [(event | {name: text}, True) for name in ("naam", "partitionkey") for text in CANARIES]
        many += [(put(event, ("data", "naam"), text), False) for text in CANARIES]
        for number, (each, taken) in enumerate(many):
            if each["id"] == event["id"]:
                each["id"] = f"{short}-{number}"
            lines.setdefault(org, []).append((json.dumps(each, ensure_ascii=False).encode(), taken))
    return lines


def waits(path: tuple[str | int, ...]) -> bool:
    return path[-1] == "original_id" or path[:2] == ("data", "data")


def test_there_are_texts_in_nearly_every_type() -> None:
    """So that the tests below do what they say."""
    assert sum(bool(list(places(sample(short)["data"]))) for short in TYPES) > 80
    assert sum(map(len, poisoned().values())) > 3000


@dataclass(frozen=True)
class Town:
    office: Office
    receipts: list[tuple[dict[str, Any], bool]]  # of the poisoned lines, with whether they may be taken
    told: str  # everything that was printed, and the receipts
    rows: dict[str, str]  # user → all that this user sees


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Residents with ordinary pseudonyms live a month and a half; then come the poisoned lines, and everybody looks."""
    out = tmp_path_factory.mktemp("receipts")
    with opened_office() as office:
        with office.platform() as platform:
            platform.add_user("coach-canary", CO, "coach", WORKER, None)
            sent = lives(10, FIRST_DAY, LAST, 3)
            live(platform, [*agreements(FIRST_DAY, LAST.replace(year=2028)), *map(with_values, sent)], LAST)
        receipts: list[tuple[dict[str, Any], bool]] = []
        told = []
        for org, lines in poisoned().items():
            file = out / org
            arguments = (
                "ingest",
                office.file(org, [line for line, _ in lines]),
                "--as",
                org,
                "--receipts",
                str(file),
                "--debug",
            )
            done = office(*arguments, code=1)
            told += [done.out, done.err, file.read_text("utf-8")]
            answers = [json.loads(line) for line in file.read_bytes().splitlines()]
            receipts += [(answer, taken) for answer, (_, taken) in zip(answers, lines, strict=True)]
        after = (LAST + timedelta(days=1)).isoformat()
        for command in (
            ["day", "close", after],
            ["run", "--until-idle"],
            ["log", "verify"],
            ["doctor"],
            ["log", "stats"],
        ):
            done = office(*command, "--debug", code=None)
            told += [done.out, done.err]
        with office.platform() as platform:
            rows = {user: seen(platform, user) for user in (*USERS, "coach-canary")}
        for command in (
            "view coach --as coach-canary --json",
            "warnings --as regie-1 --all",
            "view corporatie --as huur-ow",
        ):
            done = office(*command.split(), "--debug")
            told += [done.out, done.err]
        told += [*rows.values(), (office.data / "postgres.log").read_text("utf-8", "replace")]
        yield Town(office, receipts, "\n".join(told), rows)


def with_values(sent: Sent) -> Sent:
    """Resident 1's lease, worker, first visit and complaining neighbour get a value to look for."""
    text = sent.line.decode()
    for ordinary, value in (("L-1", LEASE), ("W-1", WORKER), ("V-1-1", VISIT), ("r-10", REPORTER), ("r-11", REPORTER)):
        text = text.replace(f'"{ordinary}"', f'"{value}"')
    return replace(sent, line=text.encode())


def seen(platform: Any, user: str) -> str:
    """Everything that a user gets to see."""
    role = USERS[user][1] if user in USERS else "coach"
    warnings = platform.warnings(user, every=True, known_on=None)
    found = [platform.view(name, user, None) for name in VIEW_OF[role]]
    found.append([platform.explain(row["id"], user, None) for row in warnings])
    return msgspec.json.encode([warnings, *found]).decode()


def test_no_canary_is_accepted(town: Town) -> None:
    statuses = Counter(receipt["status"] for receipt, taken in town.receipts if not taken)
    assert set(statuses) == {"refused"}, statuses
    assert statuses["refused"] > 3000
    assert {receipt["status"] for receipt, taken in town.receipts if taken} >= {"accepted", "parked"}


def test_no_canary_is_told(town: Town) -> None:
    told = town.told.lower()
    assert [text for text in SINGED if text in told] == []
    assert "openbaar-wonen" in town.told  # what is looked through does hold what was said


def test_no_canary_is_stored(town: Town) -> None:
    """Not in a table, not in its statistics, not in any file: data folder, write-ahead log, key file."""
    with town.office.sql() as connection:
        connection.execute("ANALYZE")
        tables = dump(connection, "")
        connection.execute("CHECKPOINT")
        (folder,) = connection.execute("SHOW data_directory").fetchone() or ("",)
    assert found_in(tables, SINGED) == []
    files = {file for root in (town.office.home, Path(folder)) for file in root.rglob("*") if file.is_file()}
    sent = town.office.files  # what the partners sent
    assert any("pg_wal" in file.parts for file in files)
    stored = {str(file): file.read_bytes().lower() for file in files if not file.is_relative_to(sent)}
    assert [(name, text) for name, content in stored.items() for text in SINGED if text.encode() in content] == []


def test_values_of_a_payload_are_sealed(town: Town) -> None:
    """What was accepted stands in clear in no table of the log, of admission, of the vault or of the looks."""
    with town.office.sql() as connection:
        connection.execute("ANALYZE")
        for schema in ("log", "admission", "vault", "looks"):
            tables = dump(connection, schema)
            assert any(tables.values()), schema
            assert found_in(tables, VALUES) == []
        # what is looked for is there at all: as the row of the landlord
        assert found_in(dump(connection, ""), [LEASE])


def test_values_are_seen_only_by_who_may(town: Town) -> None:
    may_see = {value: {user for user, rows in town.rows.items() if value in rows} for value in VALUES}
    assert may_see == {LEASE: {"huur-ow"}, WORKER: set(), REPORTER: set(), VISIT: set()}
    assert '"resident"' in town.rows["coach-canary"]  # sees own residents, not the code in them


def test_a_dump_as_each_role_holds_what_its_view_shows(town: Town) -> None:
    """Everything that a role can select anywhere, tables and views; the catalogues too, once, for they are the same for
    all who look."""
    with town.office.sql() as connection, town.office.platform() as platform:
        dumps = {user: whole_dump(connection, platform.user(user).rolname) for user in (*USERS, "coach-canary")}
        dumps["catalogues"] = whole_dump(connection, "woonketen_viewer", catalogues=True)
        groups = connection.execute("SELECT rolname FROM pg_roles WHERE rolname ~ '^woonketen_'").fetchall()
        for (group,) in groups:
            if group not in ("woonketen_processor", "woonketen_gate"):
                dumps[group] = whole_dump(connection, group)
    assert len(dumps) > 25
    assert {name: found_in(tables, SINGED) for name, tables in dumps.items() if found_in(tables, SINGED)} == {}
    may_see = {value: {name for name, tables in dumps.items() if found_in(tables, [value])} for value in VALUES}
    assert may_see == {LEASE: {"huur-ow"}, WORKER: {"coach-canary"}, REPORTER: set(), VISIT: set()}
    # the worker's code is the coach's own, in the own entry
    assert {table for table, _ in found_in(dumps["coach-canary"], [WORKER])} == {"gate.viewer"}
    del dumps["woonketen_measure"]  # owns the views that make booleans of rows; nobody is a member of it
    read = {table.partition(".")[0] for tables in dumps.values() for table in tables if not table.startswith("pg_")}
    assert not read & {"log", "vault", "admission", "set_1", "set_2"}, read
    assert {"view_coach", "view_corporatie", "view_steward_proofs", "view_looks"} <= read


def test_a_backup_holds_no_canary_and_no_value(town: Town) -> None:
    file = town.office.home / "canary.backup"
    done = town.office("backup", str(file), "--debug")
    parts = [file.read_bytes()]
    with zipfile.ZipFile(file) as archived:
        parts += [archived.read(name) for name in archived.namelist()]
        names = archived.namelist()
    texts = {"backup": b"\n".join(parts).lower(), "told": (done.out + done.err).lower().encode()}
    sealed = [value for value in VALUES if value != WORKER]  # the code of a user's account is no payload
    assert found_in(texts, [*SINGED, *sealed]) == []
    assert any("log" in name for name in names)


def test_an_export_holds_nothing_of_others(town: Town) -> None:
    with town.office.platform() as platform:
        for number in (1, 2):
            platform.add_user(f"bewoner-{number}", GI, "bewoner", None, f"{GI}:G-{number:06d}")
        own, other = (platform.export(f"bewoner-{number}") for number in (1, 2))
        texts = {number: msgspec.json.encode(each) + as_page(each).encode() for number, each in ((1, own), (2, other))}
    assert found_in({str(number): text.lower() for number, text in texts.items()}, SINGED) == []
    assert LEASE.encode() in texts[1], "what is one's own is in it"
    others = [LEASE, "G-000001", "C-000001", "K-000001", "B-000001"]
    assert found_in({"other": texts[2].lower()}, others) == []


def test_evidence_holds_the_lease_and_no_other_value(town: Town) -> None:
    done = town.office("evidence", LEASE, "--as", "huur-ow", "--debug")
    texts = {"evidence": (done.out + done.err).lower().encode()}
    assert found_in(texts, [*SINGED, WORKER, REPORTER, VISIT]) == []
    assert found_in(texts, [LEASE])
    refused = town.office("evidence", LEASE, "--as", "huur-dp", code=2)
    assert LEASE not in refused.out + refused.err


def test_looks_decisions_and_proofs_hold_no_value(town: Town) -> None:
    """After an erasure too, whose proof names counts and a hash."""
    town.office("erase", "--org", CO, "--subject", "K-000005", "--reason", "art_17_request", "--debug", code=None)
    town.office("run", "--until-idle")
    told = []
    for command in ("looks --as steward-1", "view steward_proofs --as steward-1 --json",
                    "view steward_requests --as steward-1 --json", "view steward_consents --as steward-1 --json",
                    "view steward_refusals --as steward-1 --json"):  # fmt: skip
        told.append(town.office(*command.split(), "--debug", code=None))
    text = "\n".join(each.out + each.err for each in told).lower()
    assert found_in({"told": text.encode()}, [*SINGED, *VALUES, "K-000005"]) == []
    assert all(each.code == 0 for each in told), [(each.code, each.err) for each in told if each.code]


def whole_dump(connection: psycopg.Connection[Any], role: str, *, catalogues: bool = False) -> dict[str, bytes]:
    """All that a role can select, by relation, column by column where it may not have them all."""
    relations = connection.execute(
        "SELECT n.nspname, c.relname, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relkind IN ('r', 'v', 'm', 'p') AND a.attnum > 0 AND NOT a.attisdropped"
        " AND has_schema_privilege(%(role)s, n.oid, 'USAGE')"
        " AND has_column_privilege(%(role)s, c.oid, a.attnum, 'SELECT')"
        " AND (n.nspname IN ('pg_catalog', 'information_schema')) = %(catalogues)s GROUP BY 1, 2",
        {"role": role, "catalogues": catalogues},
    ).fetchall()
    found = {}
    for schema, name, columns in relations:
        query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(schema, name)
        )
        try:
            with connection.transaction(force_rollback=True), connection.cursor() as cursor:
                cursor.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
                with cursor.copy(query) as copy:
                    found[f"{schema}.{name}"] = b"".join(map(bytes, copy)).lower()
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState):
            continue  # a view whose function is not for this role
    return found


def dump(connection: psycopg.Connection[Any], schema: str) -> dict[str, bytes]:
    """All rows of all tables (of one schema) as text, in small letters; bytes in hexadecimal."""
    tables = connection.execute(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_toast' AND (%s = '' OR n.nspname = %s)",
        [schema, schema],
    ).fetchall()
    found = {}
    for place in tables:
        query = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT").format(sql.Identifier(*place))
        with connection.cursor() as cursor, cursor.copy(query) as copy:
            found[".".join(place)] = b"".join(map(bytes, copy)).lower()
    return found


def found_in(tables: dict[str, bytes], texts: Sequence[str]) -> list[tuple[str, str]]:
    """Also inside bytes: there a text stands in hexadecimal, with its own capitals."""
    forms = {
        text: {text.lower().encode(), *(form.encode().hex().encode() for form in (text, text.lower(), text.title()))}
        for text in texts
    }
    return [
        (name, text) for name, content in tables.items() for text in texts if any(f in content for f in forms[text])
    ]
