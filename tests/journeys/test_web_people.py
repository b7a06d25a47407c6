"""Who signs in, what the session is worth, and what others may not do with it: over real HTTP."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import builders as b
import httpx2
import psycopg
import pytest
import wkserved as w
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import RSAKey
from wkserved import Served, Visitor

from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.settings import Settings
from woonketen.orchestration.platform import open_platform
from woonketen.orchestration.web.config import Limits, web_config
from woonketen.orchestration.web.idp import new_key
from woonketen.orchestration.web.signin import own_path


@pytest.fixture(scope="module")
def served(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with w.served(new_database(), Path(tmp_path_factory.mktemp("people"))) as made:
        yield made


@pytest.fixture(scope="module")
def coach(served: Served) -> Iterator[Visitor]:
    with served.visitor("coach-1") as made:
        yield made


@pytest.fixture
def owner(served: Served) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(served.settings.database or "", autocommit=True) as connection:
        yield connection


def looks(owner: psycopg.Connection[Any]) -> int:
    row = owner.execute("SELECT count(*) FROM looks.look").fetchone()
    return int(row[0]) if row else 0


# --- what one sees ----------------------------------------------------------------------------------------------------


def test_a_person_reads_the_own_view_and_the_look_is_on_record(
    coach: Visitor, owner: psycopg.Connection[Any], served: Served
) -> None:
    before = looks(owner)
    rows = coach.get("/views/coach").json()
    assert [row["resident"] for row in rows] == [w.subject(b.COACH, 1)]
    assert looks(owner) == before + 1
    told = json.loads(json.dumps(served.platform.view("coach", "coach-1"), default=str))
    assert rows == told


def test_open_warnings_their_explanation_and_an_answer(coach: Visitor, served: Served) -> None:
    (warning, *_) = coach.get("/warnings").json()
    explained = coach.get(f"/warnings/{warning['id']}").json()
    assert explained["sentence"] == warning["sentence"]
    answer = coach.send(f"/warnings/{warning['id']}/acknowledge", {"reason": "acting"})
    assert (answer.status_code, answer.json()["reason"]) == (200, "acting")
    served.platform.run(until_idle=True)
    states = {each["id"]: each["state"] for each in coach.get("/warnings", all="true").json()}
    assert states[warning["id"]] == "acknowledged"
    assert coach.send(f"/warnings/{warning['id']}/acknowledge", {"reason": "because"}).status_code == 400
    with served.visitor("bewoner-1") as resident:
        (own, *_) = resident.get("/warnings").json()
        assert resident.send(f"/warnings/{own['id']}/contest", {"reason": "wrong_data"}).status_code == 200
        assert resident.send(f"/warnings/{own['id']}/acknowledge", {"reason": "acting"}).status_code == 404


def test_anothers_things_are_as_if_they_were_not_there(served: Served, coach: Visitor) -> None:
    """Same status, same body, same headers: for what is another's and for what never was."""
    with served.visitor("coach-2") as other:
        (theirs, *_) = other.get("/warnings").json()
    pairs: list[tuple[Callable[[str], httpx2.Response], str, str]] = [
        (lambda each: coach.get(f"/warnings/{each}"), theirs["id"], "W-0000"),
        (lambda each: coach.send(f"/warnings/{each}/acknowledge", {"reason": "acting"}), theirs["id"], "W-0000"),
        (lambda each: coach.get(f"/views/{each}"), "wijkteam", "nothing"),
        (lambda each: coach.get("/views/coach", resident=each), w.subject(b.COACH, 2), "Ct-999"),
    ]
    for ask, real, invented in pairs:
        one, two = ask(real), ask(invented)
        assert one.status_code == two.status_code
        assert _shape(one) == _shape(two)
        assert w.subject(b.COACH, 2) not in one.text
    assert coach.get(f"/warnings/{theirs['id']}").status_code == 404
    assert coach.get("/views/coach", resident=w.subject(b.COACH, 2)).json() == []


def _shape(answer: httpx2.Response) -> tuple[Any, Any]:
    told = answer.json()
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "x-trace-id")}
    return ({**told, "trace": ""} if isinstance(told, dict) else told), headers


def test_no_record_no_page(served: Served, owner: psycopg.Connection[Any], coach: Visitor) -> None:
    """The table of the looks does not take the line: nothing is shown, on the API and on the pages."""
    owner.execute("ALTER TABLE looks.look ADD CONSTRAINT full_disk CHECK (false) NOT VALID")
    try:
        for path in ("/views/coach", "/warnings", "/"):
            answer = coach.get(path)
            assert answer.status_code == 503, path
            assert w.subject(b.COACH, 1) not in answer.text
            assert answer.headers["retry-after"]
    finally:
        owner.execute("ALTER TABLE looks.look DROP CONSTRAINT full_disk")
    assert w.subject(b.COACH, 1) in coach.get("/").text


# --- signing in and out -----------------------------------------------------------------------------------------------


def test_without_a_session_a_page_leads_to_the_sign_in_and_back(served: Served) -> None:
    with closing(Visitor(served.url)) as visitor:
        page = visitor.get("/?sort=bezoek")
        assert page.status_code == 303
        told = urlsplit(page.headers["location"])
        assert (told.path, parse_qs(told.query)) == ("/aanmelden", {"terug": ["/?sort=bezoek"]})
        assert visitor.get("/views/coach").status_code == 401
        back = visitor.begin("coach-1", back="/?sort=bezoek")
        assert visitor.http.get(back).headers["location"] == "/?sort=bezoek"


def test_without_a_purpose_nothing_is_shown(served: Served) -> None:
    with served.visitor("coach-1", purpose=False) as visitor:
        assert visitor.get("/").headers["location"] == "/doel"
        assert visitor.get("/views/coach").status_code == 403
        page = visitor.get("/doel")
        visitor.csrf = w.hidden(page.text)["csrf"]
        assert visitor.post("/doel", doel="tenancy").status_code == 404
        assert visitor.get("/").headers["location"] == "/doel"
        assert visitor.post("/doel", doel="guidance").status_code == 303
        assert visitor.get("/views/coach").status_code == 200


def test_the_session_is_another_after_signing_in_and_ends_when_signed_out(served: Served) -> None:
    with served.visitor("coach-1") as visitor:
        first = visitor.http.cookies["woonketen"]
        visitor.sign_in("coach-2")
        second = visitor.http.cookies["woonketen"]
        assert first != second
        assert visitor.get("/views/coach").json()[0]["resident"] == w.subject(b.COACH, 2)
        assert _with_cookie(served, first).status_code == 401
        out = visitor.post("/afmelden")
        assert out.status_code == 303
        assert visitor.http.get(out.headers["location"]).headers["location"] == f"{served.url}/"
        assert _with_cookie(served, second).status_code == 401


def test_a_session_that_somebody_chose_is_none(served: Served) -> None:
    """Fixation: a token that the visitor did not get from us neither works nor survives the sign-in."""
    with closing(Visitor(served.url)) as visitor:
        visitor.http.cookies.set("woonketen", "chosen-by-a-stranger", domain="127.0.0.1", path="/")
        visitor.sign_in("coach-1")
        held = [each.value for each in visitor.http.cookies.jar if each.name == "woonketen"]
        assert "chosen-by-a-stranger" not in held
    assert _with_cookie(served, "chosen-by-a-stranger").status_code == 401


def _with_cookie(served: Served, token: str) -> httpx2.Response:
    return httpx2.get(f"{served.url}/views/coach", headers={"Cookie": f"woonketen={token}"})


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(served: Served) -> None:
    with closing(Visitor(served.url)) as visitor:
        answer = visitor.http.get(visitor.begin("coach-1"))
        (told,) = [each for each in answer.headers.get_list("set-cookie") if each.startswith("woonketen=")]
        assert {"HttpOnly", "SameSite=lax", "Path=/"} <= {each.strip() for each in told.split(";")}
        assert "Domain" not in told


def test_sessions_end_when_idle_when_old_and_when_an_operator_says_so(
    served: Served, owner: psycopg.Connection[Any]
) -> None:
    for change in ("seen_at = now() - interval '31 minutes'", "until = now()"):
        with served.visitor("regie") as visitor:
            assert visitor.get("/views/casusregisseur").status_code == 200
            rolname = served.platform.user("regie").rolname
            owner.execute(f"UPDATE web.session SET {change} WHERE rolname = %s", [rolname])
            assert visitor.get("/views/casusregisseur").status_code == 401
    with served.visitor("regie") as visitor:
        (told,) = served.platform.sessions("regie")
        assert set(told) == {"signed_in_at", "seen_at", "until", "purpose"}
        assert served.platform.end_sessions("regie") == {"user": "regie", "ended": 1}
        assert visitor.get("/views/casusregisseur").status_code == 401


def test_role_and_organisation_are_those_of_now(served: Served) -> None:
    served.platform.register_org("gemeente-elders", kind="gemeente", source="urn:nld:oin:00000009")
    served.platform.add_user("elders", "gemeente-elders", "wijkteam")
    with w.running(served.settings, served.platform) as again, again.visitor("elders") as visitor:
        assert visitor.get("/views/wijkteam").status_code == 200
        served.platform.leave("gemeente-elders")
        assert visitor.get("/views/wijkteam").status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"state": "another"},
        {"state": ""},
        {"code": "another"},
        {"code": ""},
        {"code": "", "error": "access_denied"},
    ],
)
def test_an_answer_of_the_provider_that_was_not_asked_for(served: Served, change: dict[str, str]) -> None:
    with closing(Visitor(served.url)) as visitor:
        told = {name: each[0] for name, each in parse_qs(urlsplit(visitor.begin("coach-1")).query).items()}
        answer = visitor.http.get("/aanmelden/terug", params=told | change)
        assert answer.status_code == 400
        assert "woonketen" not in visitor.http.cookies
        assert visitor.http.get("/aanmelden/terug", params=told).status_code == 400  # it was good once


def test_an_answer_belongs_to_the_browser_that_began(served: Served) -> None:
    with closing(Visitor(served.url)) as one, closing(Visitor(served.url)) as other:
        back = one.begin("coach-1")
        other.begin("coach-2")
        assert other.http.get(back).status_code == 400
        assert one.http.get(back).status_code == 303
        assert one.http.get(back).status_code == 400


def test_somebody_whom_we_do_not_know_is_told_so(served: Served) -> None:
    persona = served.app.state.personas[0]
    stranger = type(persona)("onbekend", "coach", b.COACH, "een vreemde")
    served.app.state.personas.append(stranger)
    try:
        with closing(Visitor(served.url)) as visitor:
            answer = visitor.http.get(visitor.begin("onbekend"))
            assert answer.status_code == 403
            assert "woonketen" not in visitor.http.cookies
    finally:
        served.app.state.personas.remove(stranger)


@pytest.mark.parametrize(
    "back",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/%0d%0aSet-Cookie:a=b",
     "/\r\nSet-Cookie: a=b", "\\\\evil.example", "evil.example", "/" + "x" * 600],
)  # fmt: skip
def test_the_way_back_leads_to_no_other_site(served: Served, back: str) -> None:
    with closing(Visitor(served.url)) as visitor:
        answer = visitor.http.get(visitor.begin("coach-1", back=back))
        to = urlsplit(answer.headers["location"])
        assert (to.scheme, to.netloc) == ("", "")
        assert to.path.startswith("/")
        assert "a" not in visitor.http.cookies


@settings(deadline=None)
@given(st.text(max_size=40))
def test_a_way_back_is_a_path_of_our_own(told: str) -> None:
    for each in (told, "/" + told):
        found = own_path(each)
        assert found.startswith("/")
        assert not found.startswith(("//", "/\\"))
        assert found.isprintable()


# --- a person without a browser ---------------------------------------------------------------------------------------


def test_a_token_of_the_provider_is_a_person_with_a_purpose(served: Served) -> None:
    with closing(Visitor(served.url)) as visitor:
        token = _token_of(served, visitor, "coach-1")
        headers = {"Authorization": f"Bearer {token}"}
        assert visitor.http.get("/views/coach", headers=headers).status_code == 403
        headers["Woonketen-Purpose"] = "guidance"
        assert visitor.http.get("/views/coach", headers=headers).json()[0]["resident"] == w.subject(b.COACH, 1)
        headers["Woonketen-Purpose"] = "tenancy"
        assert visitor.http.get("/views/coach", headers=headers).status_code == 403


def test_a_provider_that_changed_its_key_a_moment_ago(served: Served) -> None:
    """As Keycloak does at the first token of an algorithm: the keys that we hold are older than the token."""
    with served.visitor("coach-1"):
        pass
    served.app.state.provider._forced_at = -100.0
    served.app.state.idp.key = new_key()
    with served.visitor("coach-1") as visitor:
        assert visitor.get("/views/coach").status_code == 200


def test_tokens_that_are_not_the_providers_or_not_for_us(served: Served) -> None:
    key, now = RSAKey.generate_key(2048), int(time.time())
    issuer = f"{served.url}/demo-aanmelding"
    good = {"iss": issuer, "aud": "woonketen-demo", "iat": now, "exp": now + 60, "preferred_username": "coach-1"}
    forged = [jwt.encode({"alg": "RS256"}, good, key), jwt.encode({"alg": "RS256", "kid": "demo"}, good, key), "x.y.z"]
    with closing(Visitor(served.url)) as visitor:
        token = _token_of(served, visitor, "coach-1")
        forged += [token[:-6] + "AAAAAA", token.replace(".", "..", 1)]
        for each in forged:
            headers = {"Authorization": f"Bearer {each}", "Woonketen-Purpose": "guidance"}
            assert visitor.http.get("/views/coach", headers=headers).status_code == 401


def _token_of(served: Served, visitor: Visitor, name: str) -> str:
    """As a program would get it: the code of the provider, changed by whoever began."""
    import base64
    import hashlib

    verifier = "v" * 64
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    back = f"{served.url}/aanmelden/terug"
    form = {"client_id": "woonketen-demo", "redirect_uri": back, "state": "s", "code_challenge": challenge,
            "nonce": "n", "persona": name}  # fmt: skip
    chosen = visitor.http.post("/demo-aanmelding/authorize", data=form, headers={"Origin": served.url})
    code = parse_qs(urlsplit(chosen.headers["location"]).query)["code"][0]
    told = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier, "redirect_uri": back,
            "client_id": "woonketen-demo"}  # fmt: skip
    answer = visitor.http.post("/demo-aanmelding/token", data=told)
    assert visitor.http.post("/demo-aanmelding/token", data=told).status_code == 400
    return str(answer.json()["id_token"])


# --- other sites, strange requests ------------------------------------------------------------------------------------


def test_a_form_of_another_site_does_nothing(served: Served, coach: Visitor) -> None:
    warning = coach.get("/warnings", all="true").json()[0]["id"]
    path, told = f"/warnings/{warning}/acknowledge", {"reason": "acting"}
    good = {"Origin": served.url, "X-CSRF-Token": coach.csrf}
    bad: list[dict[str, Any]] = [
        {"Origin": "https://evil.example", "X-CSRF-Token": coach.csrf},
        {"Origin": "null", "X-CSRF-Token": coach.csrf},
        {"Origin": served.url.replace("http://", "https://"), "X-CSRF-Token": coach.csrf},
        {**good, "Sec-Fetch-Site": "cross-site"},
        {**good, "Sec-Fetch-Site": "same-site"},
        {"X-CSRF-Token": coach.csrf},
        {"Origin": served.url},
        {**good, "X-CSRF-Token": ""},
        {**good, "X-CSRF-Token": coach.csrf[:-1]},
        {**good, "X-CSRF-Token": "é".encode()},
    ]
    for headers in bad:
        answer = coach.http.post(path, json=told, headers=headers)
        assert answer.status_code == 403, headers
    with served.visitor("coach-2") as other:
        assert coach.http.post(path, json=told, headers={**good, "X-CSRF-Token": other.csrf}).status_code == 403
    assert coach.http.post(path, json=told, headers={**good, "Sec-Fetch-Site": "same-origin"}).status_code == 200
    assert coach.http.post("/afmelden", data={"csrf": "x"}, headers={"Origin": served.url}).status_code == 403
    assert coach.get("/afmelden").status_code == 405


def test_every_answer_has_the_headers_of_safety(served: Served, coach: Visitor) -> None:
    for path in ("/", "/views/coach", "/nothing", "/healthz", "/aanmelden/terug", "/openapi.json", "/static/nothing"):
        headers = coach.get(path).headers
        policy = dict(each.strip().partition(" ")[::2] for each in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        for name in ("script-src", "style-src", "img-src", "connect-src", "font-src", "form-action"):
            assert policy[name] == "'self'", name
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        if not path.startswith("/static"):
            assert headers["cache-control"] == "no-store"
        assert "server" not in headers


def test_another_host_name_is_not_served(served: Served) -> None:
    for host in ("evil.example", "127.0.0.1", "", "127.0.0.1:1"):
        answer = httpx2.get(f"{served.url}/", headers={"Host": host})
        assert answer.status_code == 421
        assert "evil" not in answer.text
    assert httpx2.get(f"{served.url}/healthz", headers={"Host": "10.0.0.1"}).status_code == 200


def test_lines_in_headers_and_parameters_stay_what_they_are(served: Served, coach: Visitor) -> None:
    for path in ("/views/coach%0d%0aSet-Cookie:%20a=b", "/warnings/%0d%0aX:%20y", "/warnings?known_on=%0d%0a", "/%00"):
        answer = coach.get(path)
        assert answer.status_code in (400, 404)
        assert "x" not in answer.headers
        assert "a" not in answer.cookies
    trace = coach.http.get("/healthz", headers={"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"})
    assert trace.headers["x-trace-id"] == "a" * 32
    odd = coach.http.get("/healthz", headers={"traceparent": "00-" + "<" * 32 + "-" + "b" * 16 + "-01"})
    assert "<" not in odd.headers["x-trace-id"]


@contextmanager
def _connected(served: Served) -> Iterator[socket.socket]:
    told = urlsplit(served.url)
    with socket.create_connection((told.hostname, told.port), timeout=120) as connection:
        yield connection


def _status(connection: socket.socket) -> int:
    return int(connection.recv(65536).split(b" ", 2)[1])


def _head(served: Served) -> str:
    kind = "application/x-www-form-urlencoded"
    host = urlsplit(served.url).netloc
    return f"POST /taal HTTP/1.1\r\nHost: {host}\r\nOrigin: {served.url}\r\nContent-Type: {kind}\r\n"


def test_a_body_that_is_too_large_is_not_read_to_its_end(served: Served) -> None:
    with _connected(served) as connection:
        connection.sendall(f"{_head(served)}Content-Length: 999999999\r\n\r\n".encode())
        assert _status(connection) == 413
    with _connected(served) as connection:
        chunks = (b"400\r\n" + b"x" * 1024 + b"\r\n") * 300  # without an end
        connection.sendall(f"{_head(served)}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks)
        assert _status(connection) == 413
    with _connected(served) as connection:
        connection.sendall(f"{_head(served)}Content-Length: -5\r\n\r\n".encode())
        assert _status(connection) == 400


def test_a_body_that_trickles_in_is_cut_off(served: Served) -> None:
    with _connected(served) as connection:
        connection.sendall(f"{_head(served)}Content-Length: 100\r\n\r\nta".encode())
        assert _status(connection) == 408


def test_when_all_are_busy_one_is_told_so(new_database: Callable[[], str], tmp_path: Path) -> None:
    limits = Limits(platforms=1, wait_seconds=1.0)
    with w.served(new_database(), tmp_path, limits=limits, town=False) as served:
        with served.app.state.platforms.hold():
            answer = httpx2.get(f"{served.url}/readyz")
            assert answer.status_code == 503
            assert answer.json()["mend"]
        assert httpx2.get(f"{served.url}/readyz").status_code == 200


def test_after_the_database_was_away_it_goes_on(served: Served, owner: psycopg.Connection[Any], coach: Visitor) -> None:
    owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND pid NOT IN (%s, %s)",
        [served.platform.parts.owner.info.backend_pid, served.platform.parts.processor.info.backend_pid],
    )
    statuses = [coach.get("/views/coach").status_code for _ in range(8)]
    assert set(statuses) <= {200, 503}
    assert statuses[-1] == 200


# --- configuration ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", None), ("127.0.0.1", "https://woonketen.example"), ("192.168.1.7", None), ("::", None)],
)
def test_the_demos_sign_in_is_on_this_machine_only(host: str, url: str | None) -> None:
    with pytest.raises(ConfigurationError, match="this machine only"):
        web_config(Settings(url=url), host=host, port=8080, demo=True)


def test_people_are_served_over_tls_and_sign_in_over_tls(tmp_path: Path) -> None:
    for url in (None, "http://woonketen.example", "http://127.0.0.1:8080"):
        with pytest.raises(ConfigurationError, match="TLS"):
            web_config(Settings(url=url), host="0.0.0.0", port=8080, demo=False)
    with pytest.raises(ConfigurationError, match="TLS"):
        web_config(Settings(url="http://woonketen.example"), host="127.0.0.1", port=8080, demo=False)
    with pytest.raises(ConfigurationError, match="TLS"):
        web_config(
            Settings(url="https://woonketen.example", oidc_issuer="http://id.example", oidc_client_id="w"),
            host="0.0.0.0",
            port=8080,
            demo=False,
        )
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    config = web_config(
        Settings(
            url="https://woonketen.example",
            oidc_issuer="https://id.example/realms/woonketen",
            oidc_client_id="woonketen",
            oidc_client_secret_file=secret,
        ),
        host="0.0.0.0",
        port=8080,
        demo=False,
    )
    assert config.provider is not None
    assert config.provider.secret == "s3cret"
    assert "s3cret" not in repr(config)
    for bad in ("woonketen.example", "https://woonketen.example/x", "ftp://x"):
        with pytest.raises(ConfigurationError):
            web_config(Settings(url=bad), host="127.0.0.1", port=8080, demo=False)


def test_figures_name_nobody(served: Served, coach: Visitor) -> None:
    coach.get("/views/coach", resident=w.subject(b.COACH, 1))
    text = coach.get("/metrics").text
    for name in ("woonketen_position", "woonketen_lag_records", "woonketen_http_request_seconds_bucket",
                 "woonketen_receipts_total", "woonketen_days_late"):  # fmt: skip
        assert name in text
    for secret in (w.subject(b.COACH, 1), "coach-1", "W-1", "K-1"):
        assert secret not in text
    served.platform.run(until_idle=True)
    assert coach.get("/readyz").json()["lag"] == 0


def test_logs_hold_no_path_query_or_person(served: Served, coach: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    import logging

    log = logging.getLogger("woonketen.web")
    log.propagate = True
    with caplog.at_level(logging.INFO, logger="woonketen.web"):
        coach.get("/views/coach", resident=w.subject(b.COACH, 1))
        coach.get("/warnings/W-very-secret")
        w.wait_for(lambda: len(caplog.records) >= 2)
    told = caplog.text
    assert "/views/{name}" in told
    for secret in (w.subject(b.COACH, 1), "very-secret", "coach-1", "resident"):
        assert secret not in told


def test_the_platforms_of_the_pool_are_apart(served: Served) -> None:
    with served.app.state.platforms.hold() as one, served.app.state.platforms.hold() as other:
        assert one is not other
    with open_platform(served.settings) as platform:
        assert platform.open_day() == served.platform.open_day()
