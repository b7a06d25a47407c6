"""The stories' files: they equal what their authors tell, hold their contracts, and name nobody."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from stories.expect import differences, statements
from stories.write_stories import STORIES, files

from woonketen.contracts import catalogue, personal
from woonketen.contracts.errors import ConfigurationError, Malformed, PersonalData
from woonketen.orchestration.stories import days_to_play, load, play
from woonketen.producers.readers import read

FOLDER = Path(__file__).parents[1] / "stories"


def told(slug: str) -> Any:
    return import_module(f"stories.tell.{slug}").tell()


@pytest.mark.parametrize("slug", STORIES)
def test_the_files_are_what_the_author_tells(slug: str) -> None:
    there = {
        path.relative_to(FOLDER / slug).as_posix(): path.read_text(encoding="utf-8")
        for path in (FOLDER / slug).rglob("*")
        if path.is_file() and path.name != "expected.md"
    }
    written = files(slug)
    assert sorted(there) == sorted(written)
    assert [name for name in written if there[name] != written[name]] == [], "run tests/stories/write_stories.py"


@pytest.mark.parametrize("slug", STORIES)
def test_every_event_that_is_meant_to_pass_holds_its_contract_in_the_file_as_sent(slug: str) -> None:
    feed = told(slug)
    sent = Counter(each.envelope["id"] for each in feed.sent if not each.wrong)
    wrong = {each.envelope["id"] for each in feed.sent} - set(sent)
    payloads: dict[str, catalogue.Contract] = {}
    corrections: list[tuple[str, bytes]] = []
    seen = 0
    for path in sorted((FOLDER / slug).glob("days/*/*")):
        if path.name == "answers.csv":
            continue
        form = "csv" if path.suffix == ".csv" else "cloudevents"
        content = re.sub(rb"\{\{link:[^}]*\}\}", b"K7QP-2M4X-9TRD", path.read_bytes())
        for line in read(form, BytesIO(content), "urn:nld:kvknr:05054321:systeem:huur"):
            try:
                catalogue.check_json(line)
            except Malformed:
                continue
            event = json.loads(line)
            if event["id"] in wrong or event["id"] == "gi-big":
                continue
            contract = catalogue.contract(event["type"], event["dataschema"])
            payload = catalogue.decode(contract, json.dumps(event["data"]).encode())
            if "subject" in event:
                personal.check_subject(event["subject"])
            assert personal.find(event["id"]) is None
            payloads[event["id"]] = contract
            if contract.type == "event.corrected":
                corrections.append((payload.original_id, bytes(payload.data)))
            seen += 1
    assert seen == sum(each.envelope["id"] in sent for each in feed.sent)
    for original_id, corrected in corrections:
        catalogue.decode(payloads[original_id], corrected)


@pytest.mark.parametrize("slug", STORIES)
def test_citizen_numbers_and_addresses_stand_only_where_they_are_meant_to_be_refused(slug: str) -> None:
    feed = told(slug)
    for each in feed.sent:
        try:
            personal.check_subject(each.envelope.get("subject", "x-1"))
            clean = not any(
                personal.find(str(value)) for name, value in each.envelope.items() if name in ("id", "time")
            )
        except PersonalData:
            clean = False
        assert clean or each.wrong


def test_the_stories_are_of_a_size_to_be_played_often() -> None:
    events = sum(len(told(slug).sent) for slug in STORIES)
    size = sum(path.stat().st_size for slug in STORIES for path in (FOLDER / slug).rglob("*") if path.is_file())
    assert 2500 < events < 6000
    assert size < 1_500_000


def test_no_two_stories_use_an_id_of_one_source() -> None:
    ids = [{(each.org, each.envelope["id"]) for each in told(slug).sent} for slug in STORIES]
    assert sum(map(len, ids)) == len(set().union(*ids))


def test_all_stories_have_late_doubled_corrected_retracted_and_wrong_events_between_them() -> None:
    sent = [each for slug in STORIES for each in told(slug).sent]
    types = Counter(each.envelope["type"] for each in sent if not each.wrong)
    assert {"nl.woonketen.event.corrected", "nl.woonketen.event.retracted"} <= set(types)
    assert any(n > 1 for n in Counter(each.envelope["id"] for each in sent).values())
    assert any(each.envelope["data"].get("occurred_on", "9") < f"{each.on}" for each in sent if not each.wrong)
    order = {each.envelope["id"]: each.on for each in sent}
    assert any(
        each.on < order.get(each.envelope["data"]["original_id"], date.min)
        for each in sent
        if each.envelope["type"].endswith(".corrected")
    )
    assert sum(each.wrong for each in sent) >= 30


@pytest.mark.parametrize("slug", STORIES)
def test_statements_name_users_of_the_stories_and_days_in_them(slug: str) -> None:
    users = {user.name: user for each in STORIES for user in load(FOLDER / each).users}
    story = load(FOLDER / slug)
    said = statements(FOLDER / slug / "expected.md")
    assert len(said) >= 10
    assert len({str(each) for each in said}) == len(said)
    for each in said:
        if each.kind in ("refused", "receipts"):
            assert each.names["as"] in {org["org"] for org in story.organisations}
        else:
            assert each.names["as"] in users
            assert story.open_day <= (each.on or date.min) <= story.last_day
    assert {look.user for look in story.looks} <= {user.name for user in story.users}


def test_a_difference_is_said_as_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "expected.md").write_text(
        "```expect on=2026-03-15 view=coach as=coach-w17 resident=K-88\n"
        "programme: buddy\nlease.kind: conditional\narrears_level: not shared\nnuisance_56d: nothing\n"
        "warnings: [contact_thinning 1]\nparties[openbaar-wonen].actions_late: 2\n```\n"
    )
    (said,) = statements(tmp_path / "expected.md")
    row = {
        "programme": "wooncoach",
        "lease": {"kind": "conditional"},
        "arrears_level": None,
        "nuisance_56d": None,
        "not_shared": ["arrears_level"],
        "warnings": [
            {"indicator": "contact_thinning", "severity": 1, "state": "active"},
            {"indicator": "attention_period", "severity": 1, "state": "active"},
        ],
        "parties": [{"org": "openbaar-wonen", "actions_late": 2}, {"org": "coach-oost", "actions_late": 0}],
    }
    assert differences(said, [row]) == ["programme is wooncoach instead of buddy"]
    assert differences(said, []) == ["0 rows, one expected"]
    row |= {"programme": "buddy", "not_shared": ["nuisance_56d"], "warnings": []}
    assert differences(said, [row]) == [
        "arrears_level is None instead of not shared",
        "nuisance_56d is None (not shared) instead of nothing",
        "warnings is [] instead of [contact_thinning 1]",
    ]


class Record:
    """A stage that only writes down what it is asked."""

    def __init__(self, opens: date) -> None:
        self.day = opens
        self.calls: list[tuple[Any, ...]] = []
        self.lines: list[bytes] = []
        self.codes = 0
        self.taken: set[str] = set()

    def open_day(self) -> date:
        return self.day

    def register_org(self, name: str, **told: Any) -> dict[str, Any]:
        self.calls.append(("org", name))
        return {}

    def add_user(self, name: str, org: str, role: str, worker: str | None, resident: str | None) -> dict[str, Any]:
        self.calls.append(("user", name))
        return {}

    def issue_link(self, by: str, subject: str, for_org: str) -> dict[str, Any]:
        self.codes += 1
        return {"code": f"AAAA-BBBB-{self.codes:04d}"}

    def known(self, org: str, event_id: str) -> bool:
        return event_id in self.taken

    def ingest(self, org: str, file: BinaryIO, form: str) -> list[Any]:
        self.calls.append(("ingest", self.day, org, form))
        self.lines += list(read(form, file, "urn:nld:kvknr:05054321:systeem:huur"))
        return []

    def receipts(self, org: str) -> list[dict[str, Any]]:
        return []

    def run(self, *, until_idle: bool) -> dict[str, Any]:
        self.calls.append(("run", until_idle))
        return {}

    def close_days(self, first: date, last: date) -> date:
        assert first == self.day
        self.day = date.fromordinal(last.toordinal() + 1)
        self.calls.append(("close", last))
        return last

    def view(self, name: str, user: str, resident: str | None = None) -> list[dict[str, Any]]:
        return []

    def warnings(self, user: str, *, every: bool = False, known_on: date | None = None) -> list[dict[str, Any]]:
        return [{"id": "w-1", "resident": "K-W06", "indicator": "contact_thinning", "state": "active"}]

    def answer(self, warning_id: str, user: str, kind: str, reason: str) -> dict[str, Any]:
        self.calls.append(("answer", self.day, warning_id, user, kind, reason))
        return {}


def test_the_player_closes_each_day_once_and_goes_on_where_it_stopped() -> None:
    stories = [load(FOLDER / slug) for slug in STORIES]
    stage = Record(date(2026, 1, 5))
    told_days: list[int] = []
    total = days_to_play(stories, stage)
    play(stories, stage, told_days.append, date(2026, 3, 15))
    assert stage.day == date(2026, 3, 16)
    play(stories, stage, told_days.append)
    assert stage.day == date(2027, 1, 30)
    assert sum(told_days) == total == 390
    asked = len(stage.calls)
    play(stories, stage, told_days.append)
    assert all(call[0] in ("org", "user", "run") for call in stage.calls[asked:])
    ingested = [call[1:] for call in stage.calls if call[0] == "ingest"]
    sent = {(day, path.stem) for story in stories for day, paths in story.files.items() for path in paths}
    assert {(day, org) for day, org, _ in ingested} == sent
    assert ("answer", date(2026, 6, 4), "w-1", "coach-w22", "acknowledged", "acting") in stage.calls


def test_link_codes_are_issued_once_and_a_link_sent_twice_has_the_same() -> None:
    stage = Record(date(2026, 1, 5))
    play([load(FOLDER / "wooncoach")], stage, lambda days: None)
    links = [json.loads(line) for line in stage.lines if b"subject.linked" in line]
    codes = {event["id"]: event["data"]["link_code"] for event in links if "AAAA" in event["data"]["link_code"]}
    assert len(set(codes.values())) == len(codes) == stage.codes
    assert not any(b"{{" in line for line in stage.lines)
    twice = [event for event in links if event["id"] == "w01-co-006"]
    assert len(twice) == 2
    assert twice[0]["data"] == twice[1]["data"]


def test_after_an_interrupted_day_a_link_that_was_taken_is_not_sent_with_another_code() -> None:
    stage = Record(date(2026, 1, 6))
    stage.taken = {"w01-co-006"}
    play([load(FOLDER / "wooncoach")], stage, lambda days: None, date(2026, 1, 6))
    assert not any(b'"id":"w01-co-006"' in line.replace(b" ", b"") for line in stage.lines)
    assert any(b"subject.linked" in line for line in stage.lines)


def test_organisations_registered_in_two_ways_are_refused() -> None:
    one = load(FOLDER / "wooncoach")
    other = one._replace(organisations=[dict(each, phone="085 000 00 99") for each in one.organisations])
    with pytest.raises(ConfigurationError, match="differently"):
        play([one, other], Record(date(2026, 1, 5)), lambda days: None)


def test_a_folder_without_a_story_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no story"):
        load(tmp_path)
