"""`woonketen-publish` over HTTP(S), as a partner runs it, against a door that misbehaves on command."""

import datetime as dt
import json
import shutil
import signal
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from wkdoor import Door
from wkpublish import SOURCE, first_times, in_order_per_resident, line, publish, start, visit, write_visits
from wktls import certificate

from woonketen.producers.outbox import Outbox, look

OUTBOX = "woonketen-outbox.sqlite"
RESIDENTS = 20


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    done = publish("--make-key", "coach.jwk", "--json", cwd=folder)
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"private": "coach.jwk", "public": "coach.public.jwk"}
    assert (folder / "coach.jwk").stat().st_mode & 0o777 == 0o600
    assert "d" not in json.loads((folder / "coach.public.jwk").read_text())
    return folder


@pytest.fixture
def door(keys: Path) -> Iterator[Door]:
    door = Door(json.loads((keys / "coach.public.jwk").read_text()))
    yield door
    door.close()


@pytest.fixture
def here(tmp_path: Path, keys: Path) -> Path:
    shutil.copy(keys / "coach.jwk", tmp_path)
    return tmp_path


def to(door: Door, *more: str) -> list[str]:
    return ["--to", door.url, "--client-id", "coach-oost", "--key", "coach.jwk", *more]


def arrived(door: Door) -> list[str]:
    return [event_id for _, event_id in door.arrived]


def receipts(path: Path) -> list[dict[str, object]]:
    return [json.loads(each) for each in path.read_text().splitlines()]


def test_every_line_gets_its_receipt_and_a_bad_one_stops_nothing(here: Path, door: Door) -> None:
    lines = [line(k) for k in range(6)]
    lines[2] = b"rubbish"
    lines[3] = json.dumps(visit(3) | {"subject": "123456782"}).encode()
    lines[4] = line(4, channel="pigeon")
    lines += [line(0), line(1, channel="phone"), json.dumps(visit(8) | {"type": "nl.woonketen.new.kind"}).encode()]
    door.refuse = {"v-5"}
    (here / "visits.jsonl").write_bytes(b"\n".join(lines))
    done = publish("visits.jsonl", *to(door), "--receipts", "out.jsonl", "--json", cwd=here)
    assert done.returncode == 1
    assert json.loads(done.stdout) == {
        "stored": 4, "known": 1, "accepted": 3, "duplicate": 0, "parked": 0, "delivered": 0, "refused": 5, "waiting": 0,
    }  # fmt: skip
    told = {each["line"]: (each["status"], each["reason"], each["detail"]) for each in receipts(here / "out.jsonl")}
    assert told == {
        1: ("accepted", None, None),
        2: ("accepted", None, None),
        3: ("refused", "malformed", "event"),
        4: ("refused", "personal_data_in_context", "subject"),
        5: ("refused", "schema", "data.channel"),
        6: ("refused", "no_legal_basis", "subject"),
        7: ("duplicate", None, None),
        8: ("refused", "conflicting_duplicate", "id"),
        9: ("accepted", None, None),  # the platform knows its catalogue best
    }
    everything = done.stdout + done.stderr + (here / "out.jsonl").read_text()
    assert "123456782" not in everything
    assert "pigeon" not in everything


def test_what_was_refused_is_sent_again_and_what_was_taken_is_not(here: Path, door: Door) -> None:
    write_visits(here / "visits.jsonl", 5)
    door.refuse = {"v-3"}
    assert publish("visits.jsonl", *to(door), cwd=here).returncode == 1
    door.refuse = set()
    done = publish("visits.jsonl", *to(door), "--json", cwd=here)
    assert done.returncode == 0
    assert json.loads(done.stdout)["accepted"] == 1
    assert Counter(arrived(door)) == {"v-0": 1, "v-1": 1, "v-2": 1, "v-3": 2, "v-4": 1}


def test_it_gets_through_whatever_the_door_does(here: Path, door: Door) -> None:
    ids = write_visits(here / "visits.jsonl", 1200, RESIDENTS)
    door.faults.extend(["", "429", "half", "401", "late", "junk", "503", ""])
    done = publish("visits.jsonl", *to(door), cwd=here)
    assert done.returncode == 0, done.stderr
    assert first_times(arrived(door)) == ids
    assert set(door.receipts) == {(SOURCE, each) for each in ids}
    assert door.most_at_once == 500
    assert look(here / OUTBOX).counts["waiting"] == 0


def test_it_waits_for_a_door_that_is_gone_and_says_so(here: Path, door: Door) -> None:
    write_visits(here / "visits.jsonl", 10)
    door.faults.extend(["drop", "500"])
    done = publish("visits.jsonl", *to(door), cwd=here)
    assert done.returncode == 0
    assert "10 events wait in the outbox; next attempt in" in done.stderr


def test_out_of_patience_is_exit_code_3_and_everything_waits(here: Path, door: Door) -> None:
    write_visits(here / "visits.jsonl", 10)
    away = ["--to", "http://127.0.0.1:1", "--client-id", "coach-oost", "--key", "coach.jwk", "--patience", "0"]
    done = publish("visits.jsonl", *away, cwd=here)
    assert done.returncode == 3
    assert "What waits stays in the outbox" in done.stderr
    done = publish("--status", cwd=here)
    assert done.returncode == 0
    assert "waiting 10" in done.stdout
    assert "the oldest waits for" in done.stdout
    done = publish(*to(door), "--json", cwd=here)  # no file: what waits
    assert (done.returncode, json.loads(done.stdout)["accepted"]) == (0, 10)


def test_one_event_that_spoils_its_batch_is_found_and_refused(here: Path, door: Door) -> None:
    ids = write_visits(here / "visits.jsonl", 700, RESIDENTS)
    door.poison = {"v-333"}
    done = publish("visits.jsonl", *to(door), "--receipts", "out.jsonl", cwd=here)
    assert done.returncode == 1
    refused = [each for each in receipts(here / "out.jsonl") if each["status"] == "refused"]
    assert [(each["id"], each["reason"], each["mend"]) for each in refused] == [
        ("v-333", "malformed", "give another id")
    ]
    assert first_times(arrived(door)) == [each for each in ids if each != "v-333"]


def test_kill_9_again_and_again_loses_nothing_and_keeps_the_order(here: Path, door: Door) -> None:
    ids = write_visits(here / "visits.jsonl", 4000, RESIDENTS)
    random, kills = Random(11), 0
    while kills < 12:
        door.faults.extend(random.choices(["", "late", "half", "401", "429"], k=3))
        process = start("visits.jsonl", *to(door), cwd=here)
        # Killed at a place that its own progress names: while it starts, stores, or sends.
        least = len(door.arrived) + random.choice([0, 0, 1, 500])
        deadline = time.monotonic() + random.uniform(0.2, 0.7)
        while process.poll() is None and len(door.arrived) < least and time.monotonic() < deadline:
            time.sleep(0.005)
        if least == len(door.arrived) and process.poll() is None:
            time.sleep(random.uniform(0, 0.5))
        process.kill()
        process.communicate()
        kills += 1
    door.faults.clear()
    done = publish("visits.jsonl", *to(door), "--receipts", "out.jsonl", cwd=here)
    assert done.returncode == 0, done.stderr
    assert set(door.receipts) == {(SOURCE, each) for each in ids}
    assert in_order_per_resident(arrived(door), RESIDENTS)
    told = receipts(here / "out.jsonl")
    assert [each["id"] for each in told] == ids
    assert {each["status"] for each in told} <= {"accepted", "duplicate"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_clean(here: Path, door: Door, number: signal.Signals) -> None:
    write_visits(here / "visits.jsonl", 20)
    door.faults.extend(["500"] * 50)
    process = start("visits.jsonl", *to(door), cwd=here)
    assert process.stderr is not None
    assert "20 events wait in the outbox" in process.stderr.readline()
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "waiting 20" in out
    assert "Traceback" not in err
    assert look(here / OUTBOX).counts["waiting"] == 20


def test_a_second_publisher_on_the_same_outbox_gets_a_sentence(here: Path, door: Door) -> None:
    write_visits(here / "visits.jsonl", 2)
    with Outbox(here / OUTBOX):
        done = publish("visits.jsonl", *to(door), cwd=here)
    assert done.returncode == 2
    assert "Another process has the outbox" in done.stderr


def test_another_key_is_a_sentence_about_the_key(here: Path, door: Door) -> None:
    write_visits(here / "visits.jsonl", 2)
    assert publish("--make-key", "other.jwk", cwd=here).returncode == 0
    done = publish("visits.jsonl", "--to", door.url, "--client-id", "coach-oost", "--key", "other.jwk", cwd=here)
    assert done.returncode == 2
    assert "does not accept this client id with this key" in done.stderr
    assert look(here / OUTBOX).counts["waiting"] == 2


def test_a_key_is_never_overwritten(here: Path) -> None:
    before = (here / "coach.jwk").read_bytes()
    done = publish("--make-key", "coach.jwk", cwd=here)
    assert done.returncode == 2
    assert (here / "coach.jwk").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--to", "http://woonketen.example"], "Events never travel without TLS"),
        (["--to", "ftp://woonketen.example"], "no address"),
        (["--to", "https://woonketen.example"], "Give --client-id and --key"),
        (["--to", "https://woonketen.example", "--client-id", "c", "--key", "none.jwk"], "cannot be read"),
        (["--to", "https://woonketen.example", "--client-id", "c", "--key", "visits.jsonl"], "no private JSON Web Key"),
        (["--to", "kafka://host"], "no address of Kafka"),
        (["--to", "kafka://127.0.0.1:9092"], "Give --user"),
        (["--to", "kafka://127.0.0.1:9092", "--user", "u", "--password-file", "none"], "cannot be read"),
        ([], "Give --to"),
        (["--config", "none.toml"], "no configuration file"),
        (["--format", "xml"], "xml"),
    ],
)
def test_wrong_use_is_a_sentence_and_exit_code_2(here: Path, arguments: list[str], says: str) -> None:
    write_visits(here / "visits.jsonl", 1)
    done = publish("visits.jsonl", *arguments, cwd=here)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not (here / OUTBOX).exists()


def test_a_table_and_a_configuration_file(here: Path, door: Door) -> None:
    (here / "visits.csv").write_text(
        "type;id;time;subject;data.occurred_on;data.visit_id;data.channel;data.present;data.worker\n"
        "coach.visit_held;v-1;24-02-2026 15:10;K-1;24-02-2026;V-1;door;resident;W-17\n"
        "coach.visit_held;v-2;24-02-2026 15:10;K-1;40-02-2026;V-2;door;resident;W-17\n"
    )
    (here / "woonketen-publish.toml").write_text(
        f'to = "{door.url}"\nclient-id = "coach-oost"\nkey = "coach.jwk"\n'
        f'source = ["{SOURCE}"]\noutbox = "mine.sqlite"\n'
    )
    done = publish("visits.csv", "--format", "csv", cwd=here)
    assert done.returncode == 1
    assert "accepted 1 · duplicate 0 · parked 0 · delivered 0 · refused 1" in done.stdout
    assert "schema" in done.stderr
    assert look(here / "mine.sqlite").counts["accepted"] == 1
    (here / "woonketen-publish.toml").write_text('colour = "blue"\n')
    assert publish("visits.csv", cwd=here).returncode == 2


def test_standard_input(here: Path, door: Door) -> None:
    done = publish("-", *to(door), cwd=here, input=line(1).decode())
    assert done.returncode == 0
    assert arrived(door) == ["v-1"]


def test_what_the_platform_lost_is_sent_again(here: Path, door: Door) -> None:
    write_visits(here / "visits.jsonl", 5)
    assert publish("visits.jsonl", *to(door), cwd=here).returncode == 0
    door.receipts.clear()  # restored from a backup of yesterday
    yesterday = (dt.datetime.now(dt.UTC) - dt.timedelta(days=1)).strftime("%Y-%m-%d")
    done = publish(*to(door), "--again-since", yesterday, "--json", cwd=here)
    assert (done.returncode, json.loads(done.stdout)["accepted"]) == (0, 5)


def test_a_certificate_nobody_vouches_for_is_refused(here: Path, door: Door) -> None:
    made, key = certificate()
    (here / "ca.pem").write_bytes(made)
    (here / "server.pem").write_bytes(made + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(here / "server.pem")
    door.server.socket = context.wrap_socket(door.server.socket, server_side=True)
    door.url = door.url.replace("http://", "https://")
    write_visits(here / "visits.jsonl", 3)
    done = publish("visits.jsonl", *to(door), "--patience", "0", cwd=here)
    assert done.returncode == 2
    assert "certificate is not trusted" in done.stderr
    assert door.arrived == []
    assert publish("visits.jsonl", *to(door), "--ca", "ca.pem", cwd=here).returncode == 0
    assert len(door.arrived) == 3
