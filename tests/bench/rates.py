"""The rebuild against reading, decrypting and decoding alone."""

from __future__ import annotations

import json
import time
from multiprocessing import get_context
from typing import Any

from bench.baseline import read_all
from bench.measure import Cost, Watch
from bench.report import Report
from chaos.office import Office

PROCESSES = 2


def rates(made: Office, report: Report, name: str, *, verify: bool) -> None:
    with made.platform():  # the server stays
        alone = baseline(made, plainly=False)
        report.line(f"{name}: read, decrypt, decode alone", alone, f"{alone['seconds']:.2f} s, {alone['rate']:,.0f}/s")
        plainly = baseline(made, plainly=True)
        text = f"{plainly['seconds']:.2f} s, {plainly['rate']:,.0f}/s"
        report.line(f"{name}: the same, unsorted", plainly, text)
        plain = rebuilt(made, [])
        show_rebuild(report, f"{name}: rebuild", plain)
        ratio = plain["seconds"] / alone["seconds"]
        report.line(f"{name}: rebuild against reading alone", ratio, f"{ratio:.2f} times")
        if verify:
            judged = rebuilt(made, ["--verify"])
            show_rebuild(report, f"{name}: rebuild --verify", judged)
            ratio = judged["seconds"] / plain["seconds"]
            report.line(f"{name}: rebuild --verify against rebuild", ratio, f"{ratio:.2f} times")


def show_rebuild(report: Report, name: str, found: dict[str, Any]) -> None:
    text = (
        f"{found['seconds']:.2f} s, {found['rate']:,.0f} events/s, {found['program_cpu']:.1f} + "
        f"{found['postgres_cpu']:.1f} s of processor, {found['memory']:.0f} MiB at most, "
        f"{found['differences']} differences"
    )
    report.line(name, found, text)


def baseline(made: Office, *, plainly: bool) -> dict[str, Any]:
    """The same events through the same reader, vault and decoder, two processes, by partition. The best of two."""
    best: dict[str, Any] = {}
    for _ in range(2):
        began = time.monotonic()
        with get_context("spawn").Pool(PROCESSES) as pool:
            pool.map(ready, range(PROCESSES))
            began = time.monotonic()
            share = [(made.dsn(), made.settings.kek, made.data, part, PROCESSES, plainly) for part in range(PROCESSES)]
            events = sum(pool.starmap(read_all, share))
            seconds = time.monotonic() - began
        if not best or seconds < best["seconds"]:
            best = {"events": events, "seconds": seconds, "rate": events / seconds}
    return best


def ready(_: int) -> None:
    """Starting a process is not reading."""
    time.sleep(0.2)


def rebuilt(made: Office, options: list[str]) -> dict[str, Any]:
    postmaster = made.postmaster()
    assert postmaster is not None
    with made.command("rebuild", "--json", *options) as process:
        watch = Watch(process.pid, postmaster)
        out, err = process.communicate()
        cost: Cost = watch.stop()
    if process.returncode not in (0, 1):
        raise SystemExit(f"rebuild failed: {err.decode()}")
    told = json.loads(out)
    return {
        "events": told["events"],
        "differences": told["differences"],
        "seconds": told["seconds"],
        "wall": cost.seconds,
        "rate": told["events"] / told["seconds"],
        "program_cpu": cost.program_cpu,
        "postgres_cpu": cost.postgres_cpu,
        "memory": cost.memory,
    }


def growth(report: Report) -> None:
    """What an event costs in the rebuild, in small towns and in the large one."""
    found = {name: value for name, value in report.figures.items() if name.endswith(": rebuild")}
    first: float | None = None
    for name, value in found.items():
        cost = 1e6 * value["seconds"] / value["events"]
        first = first or cost
        report.line(f"{name}, cost of an event", cost, f"{cost:.1f} µs, {cost / first:.2f} of the smallest town's")
