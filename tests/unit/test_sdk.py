"""The SDK, as a partner's program uses it."""

import json
import re
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from wkdoor import Door
from wkpublish import SOURCE

from woonketen.contracts.errors import (
    ConfigurationError,
    ConflictingDuplicate,
    PersonalData,
    SchemaError,
    UnknownType,
    Unreachable,
)
from woonketen.contracts.payloads.guidance import CoachVisitHeld
from woonketen.producers import keys
from woonketen.producers.outbox import Outcome, Waiting
from woonketen.producers.sdk import HttpSender, Outbox, Publisher

HELD = {"visit_id": "V-1", "channel": "door", "present": ["resident"], "worker": "W-17"}
DAY = date(2026, 2, 24)


class Door2:
    """A sender that keeps what it was sent, or is away."""

    most = 2

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.away = False
        self.sent = threading.Event()

    def send(self, events: Sequence[Waiting], stop: object) -> list[Outcome]:
        if self.away:
            raise Unreachable("Away.")
        self.events += [json.loads(event.line) for event in events]
        self.sent.set()
        return [Outcome(event.seq, "accepted", b"{}") for event in events]

    def refusals(self, outbox: Outbox, *, last: bool) -> int:
        return 0

    def close(self) -> None:
        pass


@pytest.fixture
def door() -> Door2:
    return Door2()


@pytest.fixture
def publisher(tmp_path: Path, door: Door2) -> Iterator[Publisher]:
    with Publisher(Outbox(tmp_path / "outbox.sqlite"), door, source=SOURCE) as publisher:
        yield publisher


def test_an_event_is_as_the_contracts_want_it(publisher: Publisher, door: Door2) -> None:
    given = publisher.publish("coach.visit_held", "K-88", HELD, occurred_on=DAY, id="visit-1",
                              time=datetime(2026, 2, 24, 15, 10, tzinfo=UTC))  # fmt: skip
    assert given == "visit-1"
    assert publisher.status().counts["waiting"] == 1
    assert publisher.flush().counts == {"accepted": 1, "refused": 0}
    assert door.events == [
        {
            "specversion": "1.0",
            "id": "visit-1",
            "source": SOURCE,
            "type": "nl.woonketen.coach.visit_held",
            "time": "2026-02-24T15:10:00Z",
            "subject": "K-88",
            "datacontenttype": "application/json",
            "dataschema": "https://woonketen.example/contracts/coach.visit_held/1",
            "data": {"occurred_on": "2026-02-24", **HELD},
        }
    ]


def test_a_struct_and_a_mapping_say_the_same(publisher: Publisher, door: Door2) -> None:
    held = CoachVisitHeld(occurred_on=DAY, visit_id="V-1", channel="door", present=["resident"], worker="W-17")
    publisher.publish("nl.woonketen.coach.visit_held", "K-88", held, id="visit-1")
    publisher.publish("coach.visit_held", "K-88", {**HELD, "occurred_on": "2026-02-24"}, id="visit-1")
    assert publisher.status().counts["waiting"] == 1


def test_an_id_of_its_own_is_a_new_one_each_time(publisher: Publisher) -> None:
    assert len({publisher.publish("coach.visit_held", "K-88", HELD, occurred_on=DAY) for _ in range(3)}) == 3


@pytest.mark.parametrize(
    ("given", "error", "detail"),
    [
        ({"type": "coach.visit_hold"}, UnknownType, "type"),
        ({"subject": "123456782"}, PersonalData, "subject"),
        ({"data": {**HELD, "channel": "Wilhelmientje"}}, SchemaError, "data.channel"),
        ({"data": {**HELD, "Wilhelmientje": 1}}, SchemaError, "data"),
        ({"data": {**HELD, "worker": object()}}, SchemaError, "data"),
        ({"occurred_on": None}, SchemaError, "data.occurred_on"),
        ({"id": "jan@woonketen.example"}, PersonalData, "id"),
    ],
)
def test_what_the_platform_would_refuse_is_refused_before_it_is_stored(
    publisher: Publisher, given: dict[str, Any], error: type[Exception], detail: str
) -> None:
    good: dict[str, Any] = {"type": "coach.visit_held", "subject": "K-88", "data": HELD, "occurred_on": DAY}
    with pytest.raises(error) as caught:
        publisher.publish(**(good | given))
    assert caught.value.detail == detail  # type: ignore[attr-defined]
    assert caught.value.mend  # type: ignore[attr-defined]
    assert "Wilhelmientje" not in str(caught.value)
    assert sum(publisher.status().counts.values()) == 0


def test_another_event_under_the_same_id_is_refused(publisher: Publisher) -> None:
    publisher.publish("coach.visit_held", "K-88", HELD, occurred_on=DAY, id="visit-1")
    with pytest.raises(ConflictingDuplicate):
        publisher.publish("coach.visit_held", "K-89", HELD, occurred_on=DAY, id="visit-1")


def test_a_moment_without_a_zone_is_refused(publisher: Publisher) -> None:
    with pytest.raises(ConfigurationError, match="zone"):
        publisher.publish("coach.visit_held", "K-88", HELD, occurred_on=DAY, time=datetime(2026, 2, 24, 9))


def test_in_the_background_it_is_sent_without_being_asked(tmp_path: Path, door: Door2) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite")
    with Publisher(outbox, door, source=SOURCE, background=True) as publisher:
        threads = [threading.Thread(target=_publish, args=(publisher, n)) for n in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert door.sent.wait(120)
    assert len({event["id"] for event in door.events}) == 20
    assert publisher.error is None


def _publish(publisher: Publisher, n: int) -> None:
    for k in range(5):
        publisher.publish("coach.visit_held", "K-88", HELD, occurred_on=DAY, id=f"visit-{n}-{k}")


def test_what_could_not_be_sent_is_sent_by_the_next(tmp_path: Path, door: Door2) -> None:
    door.away = True
    first = Publisher(Outbox(tmp_path / "outbox.sqlite"), door, source=SOURCE)
    first.publish("coach.visit_held", "K-88", HELD, occurred_on=DAY, id="visit-1")
    with pytest.raises(Unreachable):
        first.flush(patience=0)
    first.close(patience=0)
    assert isinstance(first.error, Unreachable)
    door.away = False
    with Publisher(Outbox(tmp_path / "outbox.sqlite"), door, source=SOURCE):
        pass
    assert [event["id"] for event in door.events] == ["visit-1"]


def test_the_example_of_the_page_for_partners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    page = (Path(__file__).parents[2] / "docs" / "partner.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    platform = Door(json.loads(keys.make(Path("key.jwk")).read_text()))
    try:
        exec(compile(example.replace("https://woonketen.example", platform.url), "partner.md", "exec"), {})
        assert platform.arrived == [(SOURCE, "visit-1")]
        assert capsys.readouterr().out == "1\n"
    finally:
        platform.close()


def test_over_http(tmp_path: Path) -> None:
    public = keys.make(tmp_path / "coach.jwk")
    platform = Door(json.loads(public.read_text()))
    try:
        sender = HttpSender(platform.url, client_id="coach-oost", key=tmp_path / "coach.jwk")
        with Publisher(Outbox(tmp_path / "outbox.sqlite"), sender, source=SOURCE) as publisher:
            publisher.publish("coach.visit_held", "K-88", HELD, occurred_on=DAY, id="visit-1")
        assert platform.arrived == [(SOURCE, "visit-1")]
    finally:
        platform.close()
