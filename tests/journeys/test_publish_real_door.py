"""`woonketen-publish` and the platform's own HTTP door."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import builders
import msgspec
import pytest
from wkpublish import SOURCE, line, publish, visit, write_visits
from wkserved import LIMITS, Served, served

from woonketen.orchestration.web.credentials import add_key

CLIENT = "coach-oost"


@pytest.fixture(scope="module")
def door(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    limits = msgspec.structs.replace(LIMITS, rate=2.0, burst=2, events=400)
    with served(new_database(), tmp_path_factory.mktemp("door"), limits=limits) as running:
        yield running


@pytest.fixture(scope="module")
def to(door: Served, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("key")
    assert publish("--make-key", "key.jwk", cwd=folder).returncode == 0
    add_key(door.platform, CLIENT, (folder / "key.public.jwk").read_text())
    return ["--to", door.url, "--client-id", CLIENT, "--key", str(folder / "key.jwk")]


def test_batches_get_their_receipts_within_the_rate_and_size_that_it_allows(
    door: Served, to: list[str], tmp_path: Path
) -> None:
    """400 events in a request and two requests a second: it is asked to send less, and to wait."""
    ids = write_visits(tmp_path / "visits.jsonl", 1500)
    done = publish("visits.jsonl", *to, "--receipts", "out.jsonl", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = [json.loads(each) for each in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [each["id"] for each in told] == ids
    assert {each["status"] for each in told} == {"parked"}  # nobody linked these residents yet
    assert json.loads(done.stdout)["parked"] == 1500
    done = publish("visits.jsonl", *to, "--outbox", "another.sqlite", "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout)["parked"] + json.loads(done.stdout)["duplicate"] == 1500


def test_what_the_door_refuses_is_told_as_it_says_it(door: Served, to: list[str], tmp_path: Path) -> None:
    strange = visit(9001) | {"source": builders.source_of(builders.BUDDY)}
    unknown = visit(9002) | {"type": "nl.woonketen.new.kind"}
    sent = [line(9000), json.dumps(strange).encode(), json.dumps(unknown).encode()]
    (tmp_path / "some.jsonl").write_bytes(b"".join(each + bytes([10]) for each in sent))
    done = publish("some.jsonl", *to, "--receipts", "out.jsonl", cwd=tmp_path)
    assert done.returncode == 1
    told = [json.loads(each) for each in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [each["reason"] for each in told] == [None, "not_your_source", "unknown_type"]
    assert all(each["mend"] for each in told)
    assert told[0]["source"] == SOURCE


def test_a_revoked_key_is_a_sentence(door: Served, to: list[str], tmp_path: Path) -> None:
    assert publish("--make-key", "other.jwk", cwd=tmp_path).returncode == 0
    write_visits(tmp_path / "visits.jsonl", 1)
    done = publish("visits.jsonl", *to[:-1], "other.jwk", cwd=tmp_path)
    assert done.returncode == 2
    assert "does not accept this client id with this key" in done.stderr
