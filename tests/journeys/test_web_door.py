"""The HTTP door over real HTTP: three modes, receipts like the file door's, and who may deliver at all."""

from __future__ import annotations

import base64
import hmac
import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import builders as b
import httpx2
import pytest
import wkserved as w
from wkserved import Partner, Served

from woonketen.contracts.errors import ConfigurationError
from woonketen.orchestration.web.config import Limits
from woonketen.orchestration.web.credentials import add_key, checked, revoke_key


@pytest.fixture(scope="module")
def served(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with w.served(new_database(), Path(tmp_path_factory.mktemp("door"))) as made:
        yield made


@pytest.fixture(scope="module")
def coach(served: Served) -> Iterator[Partner]:
    with served.partner(b.COACH, kid="eerste") as made:
        yield made.sign_in()


def plain(receipt: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in receipt.items() if name not in ("at", "id", "line")}


# --- delivering -------------------------------------------------------------------------------------------------------


def test_three_modes_take_an_event_and_the_second_time_it_is_a_duplicate(coach: Partner) -> None:
    one, two = w.attempt(b.COACH, 1), w.attempt(b.COACH, 1)
    assert [each["status"] for each in coach.one(one).json()] == ["accepted"]
    assert [each["status"] for each in coach.batch([one, two]).json()] == ["duplicate", "accepted"]
    headers = {f"ce-{name}": value for name, value in two.items() if name not in ("data", "datacontenttype")}
    sent = coach.deliver(json.dumps(two["data"]).encode(), "application/json", **headers)
    assert sent.status_code == 202
    assert [each["status"] for each in sent.json()] == ["duplicate"]


def test_a_batch_gets_the_receipts_of_the_file_door(served: Served, coach: Partner) -> None:
    """Every kind of verdict, the same words; only moments and ids differ."""

    def lot() -> list[Any]:
        good = w.attempt(b.COACH, 2)
        return [
            good,
            good,
            w.attempt(b.COACH, 9),
            w.attempt(b.COACH, 2) | {"type": "nl.woonketen.nothing"},
            w.attempt(b.COACH, 2) | {"source": "urn:nld:kvknr:99999999"},
            w.attempt(b.COACH, 2, channel="smoke"),
            w.attempt(b.COACH, 2) | {"subject": "jan@example.org"},
            w.attempt(b.COACH, 2) | {"dataschema": "https://woonketen.example/contracts/contact.attempted/9"},
            {"specversion": "1.0"},
            [1, 2],
        ]

    over_http = coach.batch(lot())
    assert over_http.status_code == 202
    lines = b"\n".join(json.dumps(each).encode() for each in lot())
    by_file = [
        {name: getattr(each, name) for name in ("source", "status", "reason", "detail", "mend")}
        for each in served.platform.ingest(b.COACH, io.BytesIO(lines))
    ]
    assert [plain(each) for each in over_http.json()] == by_file
    assert {each["status"] for each in by_file} == {"accepted", "duplicate", "parked", "refused"}


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"specversion": "0.3"}, 400, "malformed"),
        ({"source": "urn:nld:kvknr:99999999"}, 403, "not_your_source"),
        ({"data": {"x": "y" * 70_000}}, 413, "too_large"),
    ],
)
def test_one_event_that_is_no_event_of_yours_is_a_problem(
    coach: Partner, change: dict[str, Any], status: int, reason: str
) -> None:
    answer = coach.one(w.attempt(b.COACH, 1) | change)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["receipt"]["reason"] == reason
    assert told["mend"]
    assert "yyy" not in answer.text


def test_a_refusal_by_contract_is_a_receipt_and_names_no_value(coach: Partner) -> None:
    answer = coach.one(w.attempt(b.COACH, 1, channel="Wilhelmientje"))
    assert answer.status_code == 202
    (receipt,) = answer.json()
    assert (receipt["reason"], receipt["detail"]) == ("schema", "data.channel")
    assert "Wilhelmientje" not in answer.text


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"{}", "application/json", 415),
        (b"not json", "application/cloudevents-batch+json", 400),
        (b'{"a": 1}', "application/cloudevents-batch+json", 400),
        (b"\xff\xfe", "application/cloudevents-batch+json", 400),
        (b"[" + b",".join([b"{}"] * 2001) + b"]", "application/cloudevents-batch+json", 413),
        (b" " * (4 * 1024 * 1024 + 1), "application/cloudevents-batch+json", 413),
        (b"", "application/cloudevents+json", 400),
        (b"[" * 5000, "application/cloudevents+json", 400),
    ],
)
def test_what_is_no_delivery_is_refused_as_a_whole(coach: Partner, body: bytes, kind: str, status: int) -> None:
    answer = coach.deliver(body, kind)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["mend"]


def test_an_empty_batch_has_no_receipts(coach: Partner) -> None:
    answer = coach.batch([])
    assert (answer.status_code, answer.json()) == (202, [])


def test_the_body_of_the_binary_mode_brings_no_attributes(coach: Partner) -> None:
    event = w.attempt(b.COACH, 1)
    headers = {f"ce-{name}": value for name, value in event.items() if name not in ("data", "datacontenttype")}
    smuggled = json.dumps(event["data"]).encode()[:-1] + b'},"subject":"Ct-200"'
    answer = coach.deliver(smuggled, "application/json", **headers)
    assert answer.status_code == 400
    assert answer.json()["receipt"]["reason"] == "malformed"


def test_headers_of_the_binary_mode_are_decoded(coach: Partner) -> None:
    event = w.attempt(b.COACH, 1)
    headers = {f"ce-{name}": value for name, value in event.items() if name not in ("data", "datacontenttype")}
    headers["ce-subject"] = '"%43' + event["subject"][1:] + '"'
    assert (
        coach.deliver(json.dumps(event["data"]).encode(), "application/json", **headers).json()[0]["status"]
        == "accepted"
    )
    headers["ce-subject"] = "%ff"
    assert coach.deliver(json.dumps(event["data"]).encode(), "application/json", **headers).status_code == 400


def test_what_was_answered_is_in_the_database_and_turns_into_rows(served: Served, coach: Partner) -> None:
    event = w.event("coach.visit_planned", b.COACH, 1, w.TODAY, visit_id="V-77", planned_on="2026-03-09", worker="W-1")
    assert coach.one(event).json()[0]["status"] == "accepted"
    assert served.platform.known(b.COACH, event["id"])
    served.platform.run(until_idle=True)
    (row,) = served.platform.view("coach", "coach-1")
    assert row["next_visit_on"] == w.date(2026, 3, 9)


# --- receipts and links -----------------------------------------------------------------------------------------------


def test_a_receipt_is_for_its_publisher_only(served: Served, coach: Partner) -> None:
    event, waiting = w.attempt(b.COACH, 1), w.attempt(b.COACH, 8)
    assert coach.batch([event, waiting]).status_code == 202
    path = f"/events/{event['source']}/{event['id']}/receipt"
    assert coach.get(path).json()["status"] == "accepted"
    parked = coach.get(f"/events/{waiting['source']}/{waiting['id']}/receipt").json()
    assert (parked["status"], parked["detail"]) == ("parked", "waits for link, until 2026-04-01")
    with served.partner(b.CORPORATIE) as other:
        other.sign_in()
        theirs = other.get(path)
        missing = other.get(f"/events/{b.source_of(b.CORPORATIE)}/nothing-1/receipt")
    assert theirs.status_code == missing.status_code == 404
    assert {**theirs.json(), "trace": ""} == {**missing.json(), "trace": ""}
    assert coach.http.get(path).status_code == 401


def test_a_link_code_of_the_door_links(served: Served, coach: Partner) -> None:
    with served.partner(b.GEMEENTE) as city:
        city.sign_in()
        headers = {"Authorization": f"Bearer {city.token}"}
        subject = w.subject(b.GEMEENTE, 1)
        made = city.http.post("/links", json={"subject": subject, "for": b.ZORG}, headers=headers)
        assert made.status_code == 201
        assert set(made.json()) == {"code", "expires_at"}
        for body, status in (({"subject": "Gd-999", "for": b.ZORG}, 404), ({"subject": subject}, 400), ([], 400),
                             ({"subject": subject, "for": "nobody"}, 404)):  # fmt: skip
            assert city.http.post("/links", json=body, headers=headers).status_code == status
    linked = w.event("subject.linked", b.ZORG, 1, w.TODAY, link_code=made.json()["code"])
    w.tell(served.platform, linked)


# --- tokens -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["RSA", "OKP"])
def test_keys_of_other_kinds_are_taken(served: Served, kind: str) -> None:
    org = {"RSA": b.ZORG, "OKP": b.CORPORATIE}[kind]
    with served.partner(org, kind) as partner:
        assert partner.sign_in().token


def test_an_assertion_is_good_once(served: Served, coach: Partner) -> None:
    assertion = coach.assertion()
    assert coach.ask(assertion).status_code == 200
    again = coach.ask(assertion)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")


def test_what_an_assertion_must_say(coach: Partner) -> None:
    now = int(time.time())
    bad: list[dict[str, Any]] = [
        {"aud": "https://elsewhere.example/token"},
        {"aud": ["https://elsewhere.example/token", f"{coach.url}/token"]},
        {"aud": ...},
        {"exp": now - 120, "iat": now - 180},
        {"exp": ...},
        {"exp": now + 3600},
        {"exp": "soon"},
        {"exp": float("nan")},
        {"exp": True},
        {"iat": now + 600, "exp": now + 700},
        {"iat": ...},
        {"jti": ...},
        {"jti": ""},
        {"jti": 7},
        {"jti": "x" * 300},
        {"iss": b.CORPORATIE},
        {"sub": b.CORPORATIE},
        {"sub": "nobody"},
        {"sub": 7, "iss": 7},
        {"nbf": now + 600},
    ]
    for claims in bad:
        answer = coach.ask(coach.assertion(**claims))
        assert answer.status_code == 401, claims
        assert answer.json()["error"] == "invalid_client"
    assert coach.ask(coach.assertion(aud=[f"{coach.url}/token"])).status_code == 200


def test_only_the_registered_key_and_the_allowed_algorithms(coach: Partner) -> None:
    def part(some: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(some).encode()).rstrip(b"=").decode()

    claims = coach.assertion().split(".")[1]
    told = part({"alg": "HS256"}) + f".{claims}"
    mac = hmac.digest(coach.key.as_pem(private=False), told.encode(), "sha256")
    forged = [
        part({"alg": "none"}) + f".{claims}.",
        part({"alg": "nOnE"}) + f".{claims}.",
        coach.assertion(key=w.new_key("EC")),
        told + "." + base64.urlsafe_b64encode(mac).rstrip(b"=").decode(),
        part({"alg": "ES256", "jwk": w.new_key("EC").as_dict(private=False)}) + f".{claims}.AAAA",
        coach.assertion()[:-4] + "AAAA",
        "x", "a.b.c", "", "é" * 20, part({"alg": "ES256"}) + "." + part([1]) + ".AAAA",
    ]  # fmt: skip
    for assertion in forged:
        assert coach.ask(assertion).status_code in (400, 401), assertion
    assert coach.ask(coach.assertion(), client_id=b.CORPORATIE).status_code == 401
    assert coach.ask(coach.assertion(), grant_type="password").json()["error"] == "unsupported_grant_type"
    assert coach.http.post("/token", json={}).status_code == 415
    assert coach.http.post("/token", data={"grant_type": ["client_credentials"] * 2}).status_code == 400


@pytest.mark.parametrize("credential", ["", "Bearer", "Bearer x", "Basic eDp5", "Bearer " + "x" * 5000])
def test_a_strange_token_is_refused_before_the_body_is_read(served: Served, credential: str) -> None:
    headers = {"Content-Type": "application/cloudevents+json", "Authorization": credential}
    answer = httpx2.post(f"{served.url}/events", content=b"not even json", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_key_is_changed_without_a_gap_and_a_revoked_one_ends_its_tokens(served: Served, coach: Partner) -> None:
    with served.partner(b.COACH, kid="tweede") as renewed:
        renewed.sign_in()
        assert coach.one(w.attempt(b.COACH, 1)).status_code == 202
        assert renewed.one(w.attempt(b.COACH, 1)).status_code == 202
        third = json.dumps(w.new_key("EC").as_dict(private=False))
        with pytest.raises(ConfigurationError):
            add_key(served.platform, b.COACH, third)
        revoke_key(served.platform, b.COACH, "tweede")
        assert renewed.one(w.attempt(b.COACH, 1)).status_code == 401
        assert renewed.ask(renewed.assertion()).status_code == 401
        with pytest.raises(ConfigurationError):
            add_key(served.platform, b.COACH, json.dumps(renewed.key.as_dict(private=False) | {"kid": "tweede"}))
    assert coach.one(w.attempt(b.COACH, 1)).status_code == 202


def test_only_public_keys_of_enough_strength_are_registered() -> None:
    good = w.new_key("EC")
    kid, kept = checked(json.dumps(good.as_dict(private=False)))
    assert kid == good.thumbprint()
    assert "d" not in kept
    bad = [
        json.dumps(good.as_dict(private=True)),
        json.dumps(w.ECKey.generate_key("P-384").as_dict(private=False)),
        json.dumps({"kty": "oct", "k": "c2VjcmV0"}),
        json.dumps(good.as_dict(private=False) | {"kid": "a/../b"}),
        "[]", "no", "{}",
    ]  # fmt: skip
    for text in bad:
        with pytest.raises(ConfigurationError):
            checked(text)


def test_who_left_gets_no_token_and_its_last_token_receipts_that_say_so(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    with w.served(new_database(), tmp_path) as served, served.partner(b.CORPORATIE) as partner:
        partner.sign_in()
        served.platform.leave(b.CORPORATIE)
        assert partner.one(w.attempt(b.CORPORATIE, 1)).json()[0]["reason"] == "feed_stopped"
        refused = partner.ask(partner.assertion())
        assert refused.status_code == 401
        assert "ended" in refused.json()["error_description"]


def test_each_partner_has_its_own_rate(new_database: Callable[[], str], tmp_path: Path) -> None:
    limits = Limits(rate=0.01, burst=3)
    with (
        w.served(new_database(), tmp_path, limits=limits) as served,
        served.partner(b.COACH) as coach,
        served.partner(b.CORPORATIE) as other,
    ):
        coach.sign_in()
        other.sign_in()
        answers = [coach.batch([]) for _ in range(5)]
        assert [each.status_code for each in answers] == [202, 202, 202, 429, 429]
        assert int(answers[-1].headers["retry-after"]) > 0
        assert other.batch([]).status_code == 202
