"""The pure parts of publishing: what an answer means, how long to wait, what is said, and what may be stored."""

import io
import json
from datetime import UTC, datetime
from email.utils import format_datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wkpublish import SOURCE, checked, line, visit

from woonketen.contracts.envelope import Sources
from woonketen.contracts.errors import ConfigurationError, NotYourSource, Refusal, UnknownType
from woonketen.producers import send_http, send_kafka
from woonketen.producers.checking import check, sources
from woonketen.producers.delivery import Progress, in_order
from woonketen.producers.outbox import Outcome, Waiting
from woonketen.producers.progress import Teller, duration, sentence


def waiting(n: int, key: bytes = b"k") -> Waiting:
    return Waiting(n, SOURCE, f"v-{n}", key, b"{}", 0)


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.sampled_from(["waiting", "accepted"])), max_size=20))
def test_behind_the_first_failure_of_a_resident_nothing_of_that_resident_counts(given: list[tuple[bytes, str]]) -> None:
    events = [waiting(n, key) for n, (key, _) in enumerate(given)]
    found = in_order(events, [Outcome(n, state) for n, (_, state) in enumerate(given)])  # type: ignore[arg-type]
    assert [each.seq for each in found] == list(range(len(given)))
    for key in (b"a", b"b", b"c"):
        told = [state for each, state in given if each == key]
        written = [each.state for each, event in zip(found, events, strict=True) if event.key == key]
        good = told.index("waiting") if "waiting" in told else len(told)
        assert written == ["accepted"] * good + ["waiting"] * (len(told) - good)


def receipt(n: int, status: str = "accepted", **more: object) -> dict[str, object]:
    return {"source": SOURCE, "id": f"v-{n}", "status": status} | more


@pytest.mark.parametrize(
    "told",
    [
        [receipt(2), receipt(1, "refused", reason="schema")],  # in another order
        {"receipts": [receipt(1, "refused", reason="schema"), receipt(2)]},
        [receipt(1, "refused", source=None, id=None), receipt(2)],  # an id that was not fit to repeat
        [receipt(1, "refused", source=None), receipt(2)],  # a source that was not its own
    ],
)
def test_receipts_are_found(told: object) -> None:
    found = send_http.outcomes([waiting(1), waiting(2)], json.dumps(told).encode())
    assert [each.state for each in found] == ["refused", "accepted"]
    assert msgspec.json.decode(found[0].receipt or b"")["status"] == "refused"


def test_one_receipt_for_one_event() -> None:
    assert send_http.outcomes([waiting(1)], json.dumps(receipt(1, "parked")).encode())[0].state == "parked"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b"[1]", b'"accepted"', b'[{"status":"accepted"}]'])
def test_without_a_receipt_it_is_sent_again(body: bytes) -> None:
    found = send_http.outcomes([waiting(1), waiting(2)], body)
    assert [(each.state, each.error) for each in found] == [("waiting", "no_receipt")] * 2


def test_a_status_that_is_none_is_no_receipt() -> None:
    assert send_http.outcomes([waiting(1)], json.dumps(receipt(1, "fine")).encode())[0].state == "waiting"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), (None, 1.0), ("soon", 1.0), ("-3", 0.1), ("999999", 3600.0), ("nan", 1.0), ("inf", 3600.0),
     (format_datetime(datetime(2026, 3, 1, 9, 0, 30, tzinfo=UTC), usegmt=True), 30.0)],
)  # fmt: skip
def test_how_long_the_platform_asks_to_wait(header: str | None, seconds: float) -> None:
    now = datetime(2026, 3, 1, 9, 0, tzinfo=UTC).timestamp()
    assert send_http._retry_after(header, lambda: now) == seconds


@pytest.mark.parametrize("url", ["https://woonketen.example", "https://woonketen.example/door/", "http://localhost:80"])
def test_addresses_that_are_taken(url: str) -> None:
    assert send_http.checked(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://woonketen.example",
        "http://127.0.0.1.example",
        "https://",
        "https://a:b@c",
        "https://a?b",
        "https://a:x",
        "",
    ],
)
def test_addresses_that_are_not(url: str) -> None:
    with pytest.raises(ConfigurationError):
        send_http.checked(url)


def test_addresses_of_kafka() -> None:
    assert send_kafka.servers("kafka://a:1,b:2") == ["a:1", "b:2"]
    for wrong in ("kafka://", "kafka://a", "kafka://a:x", "kafka://u@a:1", "kafka://a:1/t", "http://a:1"):
        with pytest.raises(ConfigurationError):
            send_kafka.servers(wrong)


def test_without_tls_only_to_this_computer() -> None:
    assert send_kafka.default_security(["127.0.0.1:1", "localhost:2", "[::1]:3"]) == "sasl_plaintext"
    assert send_kafka.default_security(["127.0.0.1:1", "kafka.example:2"]) == "sasl_ssl"


@pytest.mark.parametrize(
    ("user", "topic", "found"),
    [
        ("partner.coach-oost", None, ("in.coach-oost", "refused.coach-oost")),
        ("t3.partner.coach-oost", None, ("t3.in.coach-oost", "t3.refused.coach-oost")),
        ("coach-oost", None, ("in.coach-oost", "refused.coach-oost")),
        ("any", "t3.in.zorg", ("t3.in.zorg", "t3.refused.zorg")),
    ],
)
def test_topics_follow_from_the_user(user: str, topic: str | None, found: tuple[str, str]) -> None:
    assert send_kafka.topics(user, topic) == found


@pytest.mark.parametrize(("user", "topic"), [(None, None), ("u", "events"), ("u", "in.")])
def test_no_topic_is_guessed(user: str | None, topic: str | None) -> None:
    with pytest.raises(ConfigurationError):
        send_kafka.topics(user, topic)


def test_a_refusal_of_a_foreign_source_names_none() -> None:
    found = send_kafka.read_refusal(b'{"source":null,"id":"v-1","status":"refused"}')
    assert found is not None
    assert found[:2] == (None, "v-1")


def test_a_receipt_of_another_event_is_not_taken_for_ones_own() -> None:
    told = [receipt(3), receipt(2)]
    found = send_http.outcomes([waiting(1), waiting(2)], json.dumps(told).encode())
    assert [each.state for each in found] == ["waiting", "accepted"]


@pytest.mark.parametrize("value", [None, b"x", b"[]", b"{}", b'{"source":"s","id":null}', b'{"source":1,"id":"i"}'])
def test_a_message_that_names_no_event_is_no_refusal(value: bytes | None) -> None:
    assert send_kafka.read_refusal(value) is None


def test_a_refusal_is_read() -> None:
    told = {"source": SOURCE, "id": "v-1", "status": "refused", "reason": "schema"}
    assert send_kafka.read_refusal(json.dumps(told).encode()) == (SOURCE, "v-1", msgspec.json.encode(told))
    assert send_kafka.read_refusal(json.dumps(told | {"status": "accepted"}).encode()) is None


def test_what_a_person_reads() -> None:
    assert sentence(Progress(0, 10), 0.0) == "0 sent, 10 to go"
    assert sentence(Progress(100, 300), 10.0) == "100 sent, 300 to go, 10 a second, 30 s left"
    gone = Progress(1, 9, 5.0, 8.4, "The platform does not answer (ConnectError).")
    assert sentence(gone, 60.0).endswith("9 events wait in the outbox; next attempt in 8 s")
    assert [duration(each) for each in (0.4, 119, 120, 7199, 7200, 90000)] == [
        "0 s", "119 s", "2 min", "119 min", "2 h 0 min", "25 h 0 min",
    ]  # fmt: skip


def test_the_same_event_in_other_words_is_the_same() -> None:
    event = visit(1)
    other = json.dumps(dict(reversed(event.items())), indent=1).replace("\n", " ").encode()
    again = check(other, sources([SOURCE]))
    assert (again.digest, again.key) == (checked(1).digest, checked(1).key)
    assert check(line(1, channel="phone"), sources([SOURCE])).digest != again.digest
    assert checked(1, resident=2).key != again.key
    assert "K-1" not in repr(again)


def test_whose_event_it_is_is_asked_only_of_who_said_it() -> None:
    stranger = visit(1) | {"source": "urn:nld:kvknr:24012345:systeem:buddy"}
    assert check(json.dumps(stranger).encode(), sources()).source.endswith("buddy")
    with pytest.raises(NotYourSource):
        check(json.dumps(stranger).encode(), sources([SOURCE]))
    with pytest.raises(Refusal):
        check(json.dumps(stranger | {"source": "https://x.example"}).encode(), sources())


def test_an_unknown_type_is_the_platforms_to_judge() -> None:
    event = json.dumps(visit(1) | {"type": "nl.woonketen.of.tomorrow"}).encode()
    assert check(event, Sources([SOURCE])).id == "v-1"
    with pytest.raises(UnknownType):
        check(event, Sources([SOURCE]), strict=True)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "written"), [
    (Terminal(), "\r\x1b[K1 sent, 9 to go\r\x1b[K2 sent, 8 to go, 4 a second, 2 s left\n"),
    (io.StringIO(), "2 sent, 8 to go, 0 a second, 80 s left\n"),
])  # fmt: skip
def test_a_line_is_renewed_on_a_terminal_and_rare_elsewhere(stream: io.StringIO, written: str) -> None:
    now = [0.0]
    teller = Teller(stream, lambda: now[0])
    step = 0.5 if isinstance(stream, Terminal) else 20.0
    now[0] += 0.5
    teller.sending(Progress(1, 9))
    now[0] += 0.1
    teller.sending(Progress(1, 9))
    now[0] += step - 0.1
    teller.sending(Progress(2, 8))
    teller.end()
    assert stream.getvalue() == written


def test_silence_is_told_at_once_everywhere() -> None:
    stream = io.StringIO()
    teller = Teller(stream, lambda: 1.0)
    teller.sending(Progress(0, 9, 1.0, 2.0, "Away."))
    teller.sending(Progress(0, 9, 1.0, 4.0, "Away."))
    assert stream.getvalue() == "Away. 9 events wait in the outbox; next attempt in 2 s\n"
