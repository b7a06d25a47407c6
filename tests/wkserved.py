"""The web server over real HTTP on a real database: a small town, people who sign in, partners who deliver."""

from __future__ import annotations

import io
import json
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import builders as b
import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from woonketen.contracts.settings import Settings
from woonketen.orchestration.platform import Platform, init, open_platform
from woonketen.orchestration.web.app import create_app
from woonketen.orchestration.web.config import Limits, WebConfig, web_config
from woonketen.orchestration.web.credentials import add_key
from woonketen.orchestration.web.personas import personas_of
from woonketen.orchestration.web.pool import Platforms
from woonketen.orchestration.web.serve import server

FIRST_DAY = date(2026, 1, 5)
TODAY = date(2026, 3, 2)
RESIDENTS = (1, 2)
LIMITS = Limits(rate=1000.0, burst=1000, body_seconds=1.5, platforms=4, wait_seconds=5.0)


class Served:
    """`settings` open it from elsewhere; `platform` is one of the test's own."""

    def __init__(self, config: WebConfig, settings: Settings, platform: Platform, app: Any) -> None:
        self.config, self.settings, self.platform, self.app = config, settings, platform, app
        self.url = config.url

    def visitor(self, name: str, *, purpose: bool = True) -> Visitor:
        return Visitor(self.url).sign_in(name, purpose=purpose)

    def partner(self, org: str, kind: str = "EC", kid: str | None = None) -> Partner:
        key = new_key(kind)
        public = key.as_dict(private=False)
        add_key(self.platform, org, json.dumps(public | ({"kid": kid} if kid else {})))
        return Partner(self.url, org, key, kind)


class Visitor:
    """A browser without JavaScript: keeps cookies, sends Origin with a form."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx2.Client(base_url=url, follow_redirects=False, timeout=120.0)
        self.csrf = ""

    def sign_in(self, name: str, *, purpose: bool = True) -> Visitor:
        response = self.http.get(self.begin(name))
        assert response.status_code == 303, response.text
        if purpose:
            page = self.http.get("/doel").text
            self.csrf = hidden(page)["csrf"]
            told = re.search(r'name="doel"[^>]*value="([^"]+)"', page) or re.search(
                r'value="([^"]+)"[^>]*name="doel"', page
            )
            assert told is not None, page
            assert self.post("/doel", doel=told[1]).status_code == 303
        return self

    def begin(self, name: str, back: str | None = None) -> str:
        """Up to the provider's answer: the address with which it comes back."""
        started = self.http.get("/aanmelden", params=None if back is None else {"terug": back})
        assert started.status_code == 303, started.text
        page = self.http.get(started.headers["location"])
        form = hidden(page.text) | {"persona": name}
        chosen = self.http.post("/demo-aanmelding/authorize", data=form, headers={"Origin": self.url})
        assert chosen.status_code == 303, chosen.text
        return str(chosen.headers["location"])

    def get(self, path: str, **params: Any) -> httpx2.Response:
        return self.http.get(path, params=params or None)

    def post(self, path: str, **form: Any) -> httpx2.Response:
        return self.http.post(path, data={"csrf": self.csrf, **form}, headers={"Origin": self.url})

    def send(self, path: str, told: Any, **headers: str) -> httpx2.Response:
        sent = {"Origin": self.url, "X-CSRF-Token": self.csrf, **headers}
        return self.http.post(path, json=told, headers=sent)

    def close(self) -> None:
        self.http.close()

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Partner:
    """A partner's system: signs assertions, delivers events."""

    def __init__(self, url: str, org: str, key: Any, kind: str) -> None:
        self.url, self.org, self.key = url, org, key
        self.alg = {"EC": "ES256", "RSA": "PS256", "OKP": "Ed25519"}[kind]
        self.http = httpx2.Client(base_url=url, timeout=120.0)
        self.token = ""

    def assertion(self, key: Any = None, alg: str | None = None, **claims: Any) -> str:
        now = int(time.time())
        told = {"iss": self.org, "sub": self.org, "aud": f"{self.url}/token", "iat": now, "exp": now + 60,
                "jti": uuid.uuid4().hex} | claims  # fmt: skip
        kept = {name: value for name, value in told.items() if value is not ...}
        alg = alg or self.alg
        return jwt.encode({"alg": alg}, kept, key or self.key, algorithms=[alg])

    def ask(self, assertion: str, **form: str) -> httpx2.Response:
        told = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }
        return self.http.post("/token", data=told | form)

    def sign_in(self) -> Partner:
        response = self.ask(self.assertion())
        assert response.status_code == 200, response.text
        self.token = response.json()["access_token"]
        return self

    def deliver(self, body: bytes, kind: str, **headers: str) -> httpx2.Response:
        told = {"Authorization": f"Bearer {self.token}", "Content-Type": kind, **headers}
        return self.http.post("/events", content=body, headers=told)

    def one(self, event: Any) -> httpx2.Response:
        return self.deliver(json.dumps(event).encode(), "application/cloudevents+json")

    def batch(self, events: list[Any]) -> httpx2.Response:
        return self.deliver(json.dumps(events).encode(), "application/cloudevents-batch+json")

    def get(self, path: str) -> httpx2.Response:
        return self.http.get(path, headers={"Authorization": f"Bearer {self.token}"})

    def close(self) -> None:
        self.http.close()

    def __enter__(self) -> Partner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def new_key(kind: str) -> Any:
    if kind == "RSA":
        return RSAKey.generate_key(2048)
    return ECKey.generate_key("P-256") if kind == "EC" else OKPKey.generate_key("Ed25519")


def hidden(page: str) -> dict[str, str]:
    found = {}
    for tag in re.findall(r"<input[^>]*>", page):
        told = dict(re.findall(r'([a-z]+)="([^"]*)"', tag))
        if told.get("type") == "hidden":
            found[told["name"]] = told.get("value", "").replace("&amp;", "&")
    return found


@contextmanager
def served(dsn: str, folder: Path, *, limits: Limits = LIMITS, town: bool = True) -> Iterator[Served]:
    """On a database of its own, with `town` in it, under uvicorn in a thread on a free port."""
    settings = Settings(data=folder / "data", database=dsn)
    with ExitStack() as stack:
        stack.enter_context(init(settings, FIRST_DAY, 2, lambda _: None))
        platform = stack.enter_context(open_platform(settings))
        if town:
            build(platform)
        yield stack.enter_context(running(settings, platform, limits))


@contextmanager
def running(settings: Settings, platform: Platform, limits: Limits = LIMITS) -> Iterator[Served]:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=256))
        config = web_config(settings, host="127.0.0.1", port=listener.getsockname()[1], demo=True, limits=limits)
        platforms = Platforms(lambda: open_platform(settings), limits.platforms, limits.wait_seconds)
        stack.callback(platforms.close)
        app = create_app(platforms, config)
        app.state.personas = personas_of(platform)
        running_server = server(app, config)
        thread = threading.Thread(target=running_server.run, kwargs={"sockets": [listener]})
        thread.start()
        stack.callback(thread.join, 120)
        stack.callback(setattr, running_server, "should_exit", True)
        wait_for(lambda: running_server.started)
        yield Served(config, settings, platform, app)


def wait_for(there: Callable[[], object], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


# --- the town ---------------------------------------------------------------------------------------------------------


def build(platform: Platform) -> None:
    """Two residents with a coach and a lease each, and three visits at which nobody opened: so there are warnings."""
    for org, kind in b.KINDS.items():
        platform.register_org(org, kind=kind, source=b.source_of(org))
    tell(platform, b.agreement_of_all(FIRST_DAY))
    for n in RESIDENTS:
        enrol(platform, n)
        tell(
            platform,
            event("caselead.assigned", b.GEMEENTE, n, worker="CL-4"),
            event("coach.assigned", b.COACH, n, assignment_id=f"AS-{n}", worker=f"W-{n}", interval_days=14),
            event("coach.visit_held", b.COACH, n, visit_id=f"V-{n}", worker=f"W-{n}"),
            *(
                event("coach.visit_missed", b.COACH, n, on, visit_id=f"V-{n}{on.day}", worker=f"W-{n}")
                for on in (date(2026, 2, 4), date(2026, 2, 11), date(2026, 2, 18))
            ),
            event("lease.started", b.CORPORATIE, n, lease_id=f"L-{n}", coaching_clause=True,
                  kind="indefinite", ground=..., ends_on=...),
        )  # fmt: skip
    platform.close_days(FIRST_DAY, TODAY - timedelta(days=1))
    platform.run(until_idle=True)
    for n in RESIDENTS:
        resident = f"{b.GEMEENTE}:{subject(b.GEMEENTE, n)}"
        platform.add_user(f"bewoner-{n}", b.GEMEENTE, "bewoner", resident=resident)
        platform.add_user(f"coach-{n}", b.COACH, "coach", worker=f"W-{n}")
    platform.add_user("regie", b.GEMEENTE, "casusregisseur", worker="CL-4")
    platform.add_user("verhuurder", b.CORPORATIE, "corporatie")
    platform.add_user("steward", b.GEMEENTE, "steward")


def enrol(platform: Platform, n: int) -> None:
    tell(
        platform,
        event("enrolment.opened", b.GEMEENTE, n, FIRST_DAY, enrolment_id=f"{b.GEMEENTE}:E-{n}"),
        event("notice.given", b.GEMEENTE, n, FIRST_DAY),
    )
    for org in (b.COACH, b.CORPORATIE):
        code = platform.issue_link(b.GEMEENTE, subject(b.GEMEENTE, n), org)["code"]
        tell(platform, event("subject.linked", org, n, FIRST_DAY, link_code=code))


def tell(platform: Platform, *events: dict[str, Any]) -> None:
    for each in events:
        org = b._ORG_OF[each["source"]]
        (receipt,) = platform.ingest(org, io.BytesIO(json.dumps(each).encode()))
        assert receipt.status == "accepted", (each["type"], receipt)


def event(short: str, org: str, n: int, on: date = date(2026, 1, 7), **data: Any) -> dict[str, Any]:
    return b.event(short, subject(org, n), b.source_of(org), on, **data)


def attempt(org: str, n: int, **more: Any) -> dict[str, Any]:
    """An event that any partner with a relation may send."""
    return event("contact.attempted", org, n, TODAY, **more)


def subject(org: str, n: int) -> str:
    return f"{org[0].upper()}{org[-1]}-{n}00"
