"""`woonketen serve` as a process, live updates, and every call of the OpenAPI with every kind of input."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

import builders as b
import httpx2
import msgspec
import psycopg
import pytest
import schemathesis
import wkserved as w
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import load_all_checks
from wkserved import Served

from woonketen.contracts.catalogue import TYPES
from woonketen.contracts.settings import Settings
from woonketen.orchestration.platform import init, open_platform
from woonketen.orchestration.web.config import web_config
from woonketen.orchestration.web.health import standing
from woonketen.orchestration.web.personas import personas_of
from woonketen.orchestration.web.processing import due, processing
from woonketen.orchestration.web.updates import Hub

load_all_checks()


@pytest.fixture(scope="module")
def served(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with w.served(new_database(), Path(tmp_path_factory.mktemp("serving"))) as made:
        yield made


# --- the OpenAPI ------------------------------------------------------------------------------------------------------


def test_the_openapi_has_an_example_of_every_type_that_partners_send(served: Served) -> None:
    told = httpx2.get(f"{served.url}/openapi.json").json()
    content = told["paths"]["/events"]["post"]["requestBody"]["content"]
    examples = content["application/cloudevents+json"]["examples"]
    assert set(examples) == {short for short, each in TYPES.items() if not each.publishers <= {"P"}}
    for short, example in examples.items():
        assert example["value"]["type"] == f"nl.woonketen.{short}"
    assert set(told["paths"]) == {
        "/events", "/events/{source}/{event_id}/receipt", "/token", "/links", "/views/{name}", "/warnings",
        "/warnings/{warning_id}", "/warnings/{warning_id}/acknowledge", "/warnings/{warning_id}/contest", "/updates",
        "/healthz", "/readyz", "/metrics",
    }  # fmt: skip


def _operations(served: Served) -> Any:
    schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
    return schema.exclude(path="/updates")


@pytest.mark.parametrize("who", ["partner", "coach", "steward"])
def test_nothing_that_is_sent_makes_it_fail(served: Served, who: str) -> None:
    """Schemathesis over every call, good and bad input, as a partner and as two people: no answer is a 5xx, and none
    tells more than its description does."""
    if who == "partner":
        with served.partner(b.COACH) as partner:
            headers = {"Authorization": f"Bearer {partner.sign_in().token}"}
    else:
        with served.visitor("coach-2" if who == "coach" else "steward") as visitor:
            cookie = visitor.http.cookies["woonketen"]
            headers = {"Cookie": f"woonketen={cookie}", "Origin": served.url, "X-CSRF-Token": visitor.csrf}
    seen: dict[str, int] = {}
    answers: set[tuple[str, int]] = set()
    for result in _operations(served).get_all_operations():
        operation = result.ok()
        bounded = settings(
            max_examples=8,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )

        def check(case: Any, label: str = operation.label) -> None:
            response = case.call(headers=headers, timeout=120)
            assert response.status_code < 500, (label, response.status_code)
            if response.status_code >= 400 and response.status_code != 401:
                assert "Traceback" not in response.text
            seen[label] = seen.get(label, 0) + 1
            answers.add((label, response.status_code))

        bounded(_given(operation.as_strategy(), check))()
    assert len(seen) == 12
    taken = {label for label, status in answers if status < 300}
    assert taken >= {"GET /healthz", "GET /metrics"} | ({"POST /events"} if who == "partner" else {"GET /warnings"})


def _given(strategy: Any, check: Callable[[Any], None]) -> Callable[[], None]:
    @given(case=strategy)
    def run(case: Any) -> None:
        check(case)

    return run


# --- live updates -----------------------------------------------------------------------------------------------------


class Stream:
    """The words of `/updates` for one person."""

    def __init__(self, visitor: w.Visitor) -> None:
        self.words: list[str] = []
        self.open = threading.Event()
        self._visitor = visitor
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        assert self.open.wait(120)

    def _read(self) -> None:
        with suppress(httpx2.HTTPError), self._visitor.http.stream("GET", "/updates", timeout=120) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for line in answer.iter_lines():
                if line.startswith("retry"):
                    self.open.set()
                elif line:
                    self.words.append(line)

    def changed(self) -> int:
        return self.words.count("event: changed")


def test_a_change_is_told_to_whom_it_concerns_and_says_nothing_more(served: Served) -> None:
    with served.visitor("coach-1") as one, served.visitor("coach-2") as other, served.visitor("verhuurder") as landlord:
        streams = [Stream(each) for each in (one, other, landlord)]
        served.platform.run(until_idle=True)
        w.wait_for(lambda: served.app.state.hub.streams == 3)
        before = [each.changed() for each in streams]
        planned = w.event(
            "coach.visit_planned", b.COACH, 1, w.TODAY, visit_id="V-5", planned_on="2026-03-10", worker="W-1"
        )
        w.tell(served.platform, planned)
        served.platform.run(until_idle=True)
        w.wait_for(lambda: streams[0].changed() > before[0])
        assert [each.changed() for each in streams[1:]] == before[1:]
        assert {word for each in streams for word in each.words} <= {"event: changed", "data: 1", ": here"}


def test_updates_are_for_who_is_signed_in(served: Served) -> None:
    assert httpx2.get(f"{served.url}/updates").status_code == 401


def test_the_hub_tells_those_who_wait_for_that_key_and_forgets_who_left() -> None:
    import asyncio

    async def play() -> None:
        hub = Hub()
        one, two = hub.join(["a", "b"]), hub.join(["b"])
        hub.tell("a")
        assert (one.is_set(), two.is_set()) == (True, False)
        hub.tell("*")
        assert two.is_set()
        hub.leave(one)
        hub.leave(one)
        hub.tell("a")
        assert hub.streams == 1

    asyncio.run(play())


def test_no_key_that_is_told_names_anybody(served: Served) -> None:
    with psycopg.connect(served.settings.database or "", autocommit=True) as listener:
        listener.execute("LISTEN woonketen_shown")
        w.tell(served.platform, w.event("coach.visit_held", b.COACH, 1, w.TODAY, visit_id="V-6", worker="W-1"))
        served.platform.run(until_idle=True)
        told = [each.payload for each in listener.notifies(timeout=60, stop_after=1)]
        told += [each.payload for each in listener.notifies(timeout=0.5)]
    assert told
    assert all(len(each) == 24 and set(each) <= set("0123456789abcdef") for each in told)


# --- the process ------------------------------------------------------------------------------------------------------


def test_the_process_serves_processes_and_stops(new_database: Callable[[], str], tmp_path: Path) -> None:
    chosen = Settings(data=tmp_path / "data", database=new_database())
    with init(chosen, w.FIRST_DAY, 2, lambda _: None), open_platform(chosen) as platform:
        w.build(platform)
        told = tmp_path / "woonketen.toml"
        told.write_text(f'data = "{chosen.data}"\ndatabase = "{chosen.database}"\n')
        program = "from woonketen.orchestration.cli import main; main()"
        command = [sys.executable, "-c", program, "--config", str(told), "--json", "serve", "--demo", "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                url = json.loads(process.stdout.readline())["url"]
                with closing(w.Visitor(url)) as coach:
                    coach.sign_in("coach-1")
                    event = w.event("coach.visit_planned", b.COACH, 1, w.TODAY, visit_id="V-8", planned_on="2026-03-11",
                                    worker="W-1")  # fmt: skip
                    w.tell(platform, event)
                    w.wait_for(lambda: coach.get("/views/coach").json()[0]["next_visit_on"] == "2026-03-11")
            finally:
                process.send_signal(signal.SIGTERM)
                _, err = process.communicate(timeout=120)
        assert process.returncode == 0
        assert "Traceback" not in err
        assert w.subject(b.COACH, 1) not in err
        row = platform.parts.owner.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend'"
        ).fetchone()
    assert row == (3,)  # those of init and of this test: nothing was left behind


def test_a_port_that_is_taken_is_told(new_database: Callable[[], str], tmp_path: Path) -> None:
    chosen = Settings(data=tmp_path / "data", database=new_database())
    with init(chosen, w.FIRST_DAY, 2, lambda _: None), socket.create_server(("127.0.0.1", 0)) as taken:
        told = tmp_path / "woonketen.toml"
        told.write_text(f'data = "{chosen.data}"\ndatabase = "{chosen.database}"\n')
        program = "from woonketen.orchestration.cli import main; main()"
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-c", program, "--config", str(told), "serve", "--demo", "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 2
    assert "is not to be had" in done.stderr


def test_the_demos_sign_in_refuses_other_addresses(tmp_path: Path) -> None:
    program = "from woonketen.orchestration.cli import main; main()"
    command = [sys.executable, "-c", program, "serve", "--demo", "--host", "0.0.0.0", "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert "this machine only" in done.stderr


def test_days_are_closed_by_the_clock_and_a_late_server_says_so(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    """The installation began weeks ago; the child process brings its open day up to the day in town."""
    chosen = Settings(data=tmp_path / "data", database=new_database())
    with init(chosen, w.FIRST_DAY, 2, lambda _: None), open_platform(chosen) as platform:
        late = standing(platform)["days_late"]
        assert late > 1
        with w.running(chosen, platform) as served:
            assert httpx2.get(f"{served.url}/readyz").status_code == 200  # the demo follows no clock
        follows = web_config(chosen, host="127.0.0.1", port=8080, demo=False)
        assert follows.follows_clock
        with processing(chosen, clock=True):
            w.wait_for(lambda: standing(platform)["days_late"] <= 1)
            w.wait_for(lambda: standing(platform)["lag"] == 0)


def test_a_server_that_follows_the_clock_is_not_ready_when_days_lag(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    chosen = Settings(data=tmp_path / "data", database=new_database())
    with (
        init(chosen, w.FIRST_DAY, 2, lambda _: None),
        open_platform(chosen) as platform,
        w.running(chosen, platform) as served,
    ):
        served.app.state.config = msgspec.structs.replace(served.config, follows_clock=True)
        answer = httpx2.get(f"{served.url}/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "late")
        platform.register_org(b.GEMEENTE, kind="gemeente", source=b.source_of(b.GEMEENTE))
        platform.add_user("steward", b.GEMEENTE, "steward")
        served.app.state.personas = personas_of(platform)
        with served.visitor("steward") as visitor:
            assert visitor.get("/").status_code == 200
            served.app.state.sessions._follows_clock = True
            assert [visitor.get(each).status_code for each in ("/", "/views/steward_feeds")] == [503, 503]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 6, 2, 0, 14), None),
        (datetime(2026, 6, 2, 0, 15), date(2026, 6, 1)),
        (datetime(2026, 6, 5, 12, 0), date(2026, 6, 4)),
        (datetime(2026, 5, 30, 12, 0), None),
    ],
)
def test_a_day_is_due_a_little_after_midnight(now: datetime, expected: date | None) -> None:
    assert due(date(2026, 6, 1), now) == expected
