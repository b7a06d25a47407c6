"""The web server as a process of its own beside this one: the HTTP door against the file door, pages, live updates.

Times of pages are those that the server logs: from the first byte in to the last byte out.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from bench.live import calls
from bench.report import Report
from chaos.office import Office, wait_for
from chaos.town import CO, GI
from wkserved import Partner, Visitor, new_key

from woonketen.orchestration.web.credentials import add_key

BATCH = 500
LOOKERS = ("coach-1", "wijk-noord", "huur-ow", "regie-1")
STREAMS, RATE, SECONDS = 200, 500, 15
BARE = """
import sys, uvicorn, msgspec
from fastapi import FastAPI, Request
app = FastAPI()
@app.post("/events")
async def events(request: Request):
    return {"parsed": len(msgspec.json.decode(await request.body()))}
uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="critical")
"""


class Portal:
    """A running server; `log` holds what it wrote about requests."""

    def __init__(self, url: str, process: subprocess.Popen[bytes]) -> None:
        self.url, self.process = url, process
        self.log: list[dict[str, Any]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith(b"{"):
                self.log.append(json.loads(line))

    def memory(self) -> float:
        """Of the server's process, in MB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", text)[0]) / 1024


@contextmanager
def portal(made: Office, *arguments: str) -> Iterator[Portal]:
    environment = {"WOONKETEN_HTTP_RATE": "100000"}
    process = made.command("--json", "serve", "--demo", "--port", "0", *arguments, environment=environment)
    try:
        assert process.stdout is not None
        yield Portal(json.loads(process.stdout.readline())["url"], process)
    finally:
        process.terminate()
        process.wait()


def web(made: Office, report: Report, residents: int) -> None:
    with made.platform() as platform:
        key = new_key("EC")
        for org in (GI, CO):
            add_key(platform, org, json.dumps(key.as_dict(private=False)))
        with portal(made, "--no-run") as server, closing(Partner(server.url, GI, key, "EC")) as partner:
            partner.sign_in()
            door(platform, server, partner, report, residents)
        platform.run(until_idle=True)
        with portal(made) as server:
            pages(server, report)
            with closing(Partner(server.url, CO, key, "EC")) as partner:
                partner.sign_in()
                asyncio.run(updates(server, partner, report, residents))


# --- the door ---------------------------------------------------------------------------------------------------------


def door(platform: Any, server: Portal, partner: Partner, report: Report, residents: int) -> None:
    """The same events by file and by HTTP, in turns, so that both see the same machine."""
    subjects = [f"G-{number:06d}" for number in range(residents)]
    events, turns = min(5_000, 25 * residents), 3
    by_file, by_http = [], []
    for turn in range(turns):
        lines = list(calls(subjects, events, f"file{turn}x"))
        began = time.monotonic()
        list(platform.ingest(GI, io.BytesIO(b"\n".join(lines)), "cloudevents"))
        by_file.append(events / (time.monotonic() - began))
        lines = list(calls(subjects, events, f"http{turn}x"))
        bodies = [b"[" + b",".join(lines[at : at + BATCH]) + b"]" for at in range(0, events, BATCH)]
        began = time.monotonic()
        with ThreadPoolExecutor(2) as two:
            answers = list(two.map(lambda body: partner.deliver(body, "application/cloudevents-batch+json"), bodies))
        by_http.append(events / (time.monotonic() - began))
        assert all(each.status_code == 202 for each in answers)
    one, other = statistics.median(by_file), statistics.median(by_http)
    report.line("web: the file door", one, f"{one:,.0f} events/s")
    report.line(f"web: the HTTP door, batches of {BATCH}", other, f"{other:,.0f} events/s")
    report.line("web: HTTP door against file door", other / one, f"{100 * other / one:.0f} %")
    lines = list(calls(subjects, 600, "single"))
    rate = one_by_one(lines, lambda line: partner.deliver(line, "application/cloudevents+json").status_code == 202)
    report.line("web: one event a request", rate, f"{rate:,.0f} events/s")
    with bare() as url, httpx2.Client(base_url=url) as http:
        rate = one_by_one(lines, lambda line: http.post("/events", content=line).status_code == 200)
    report.line("web: a bare route that only parses", rate, f"{rate:,.0f} requests/s")


def one_by_one(lines: Sequence[bytes], send: Callable[[bytes], bool]) -> float:
    began = time.monotonic()
    with ThreadPoolExecutor(4) as four:
        assert all(four.map(send, lines))
    return len(lines) / (time.monotonic() - began)


@contextmanager
def bare() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with subprocess.Popen([sys.executable, "-c", BARE, str(port)]) as process:
        try:
            wait_for(lambda: not socket.socket().connect_ex(("127.0.0.1", port)))
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


# --- pages ------------------------------------------------------------------------------------------------------------


def pages(server: Portal, report: Report, times: int = 60) -> None:
    for name in LOOKERS:
        with closing(Visitor(server.url)) as visitor:
            visitor.sign_in(name)
            start = visitor.get("/")
            found = re.search(r'href="(/dossier/[0-9a-f]+)"', start.text)
            measure(server, report, f"web: list of {name}", "/", times, lambda v=visitor: v.get("/"))
            measure(
                server,
                report,
                f"web: search by {name}",
                "/zoeken",
                times,
                lambda v=visitor: v.post("/zoeken", zoek="0001"),
            )
            if found is not None:
                path = found[1]
                measure(
                    server,
                    report,
                    f"web: a page of {name}",
                    "/dossier/{row}",
                    times,
                    lambda v=visitor, p=path: v.get(p),
                )


def measure(
    server: Portal, report: Report, name: str, route: str, times: int, ask: Callable[[], httpx2.Response]
) -> None:
    ask()
    time.sleep(0.2)
    seen = len(server.log)
    answers = [ask() for _ in range(times)]
    if any(each.status_code >= 400 for each in answers):
        report.line(name, None, f"answers {answers[-1].status_code}")
        return
    wait_for(lambda: len(server.log) >= seen + times)
    took = sorted(each["ms"] for each in server.log[seen:] if each.get("route") == route)
    median, late = statistics.median(took), took[int(len(took) * 0.95)]
    told = f"{median:.1f} ms, 95th percentile {late:.1f} ms, {len(answers[0].content) / 1024:.0f} kB"
    report.line(name, [median, late], told)


# --- live updates -----------------------------------------------------------------------------------------------------


async def updates(server: Portal, partner: Partner, report: Report, residents: int) -> None:
    """Open pages while events arrive; the time from a receipt to the word at a page that it concerns. A page hears at
    most one word a second."""
    cookies = []
    for name in LOOKERS:
        with closing(Visitor(server.url)) as visitor:
            cookies.append(visitor.sign_in(name).http.cookies["woonketen"])
    before = server.memory()
    words: list[float] = []
    told: list[float] = []
    streams = [asyncio.create_task(listen(server.url, cookies[n % len(cookies)], words)) for n in range(STREAMS)]
    await asyncio.sleep(3)
    subjects = [f"K-{number:06d}" for number in range(residents)]  # of a coach: these change what pages show
    lines = list(calls(subjects, RATE * SECONDS, "steady-web", CO))
    await asyncio.to_thread(deliver, partner, lines, told)
    await asyncio.sleep(2)
    report.line(f"web: {STREAMS} open pages, memory of the server", server.memory(), f"{server.memory():.0f} MB")
    report.line(
        "web: memory of a page", (server.memory() - before) / STREAMS, f"{(server.memory() - before) / STREAMS:.2f} MB"
    )
    for each in streams:
        each.cancel()
    await asyncio.gather(*streams, return_exceptions=True)
    waits = sorted(at - max((each for each in told if each <= at), default=at) for at in words)
    if not waits:
        report.line("web: receipt to word", None, "nobody heard anything")
        return
    median, late = statistics.median(waits), waits[int(len(waits) * 0.99)]
    report.line("web: words heard", len(waits))
    report.line("web: from the receipt before it to a word, median", median, f"{1000 * median:.0f} ms")
    report.line("web: the same, 99th percentile", late, f"{1000 * late:.0f} ms")
    took = sorted(each["ms"] for each in server.log if each.get("route") == "/events")
    report.line(
        "web: a delivery meanwhile, 99th percentile",
        took[int(len(took) * 0.99)],
        f"{took[int(len(took) * 0.99)]:.0f} ms",
    )


def deliver(partner: Partner, lines: Sequence[bytes], told: list[float]) -> None:
    step, began = 50, time.monotonic()
    for at in range(0, len(lines), step):
        wait = began + at / RATE - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        body = b"[" + b",".join(lines[at : at + step]) + b"]"
        assert partner.deliver(body, "application/cloudevents-batch+json").status_code == 202
        told.append(time.monotonic())


async def listen(url: str, cookie: str, words: list[float]) -> None:
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        head = f"GET /updates HTTP/1.1\r\nHost: {where.netloc}\r\nCookie: woonketen={cookie}\r\n\r\n"
        writer.write(head.encode())
        assert b" 200 " in await reader.readline()
        while line := await reader.readline():
            if line.startswith(b"event: changed"):
                words.append(time.monotonic())
    finally:
        writer.close()
