"""How long a person waits: for help, and for the demo's first table."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from bench.report import Report
from chaos.office import WOONKETEN, office


def help_time(report: Report) -> None:
    times = []
    for _ in range(5):
        began = time.monotonic()
        subprocess.run([WOONKETEN, "--help"], stdout=subprocess.DEVNULL, check=True)
        times.append(time.monotonic() - began)
    report.line("woonketen --help, best of five", min(times), f"{min(times):.2f} s")


def demo_time(report: Report) -> None:
    """The second start of the demo to its first table."""
    with office() as made:
        environment = {**os.environ, "WOONKETEN_DATA": str(made.data)}
        command = [sys.executable, "-m", "woonketen.orchestration.demo", "--once"]
        for which in ("first", "second"):
            began = time.monotonic()
            with subprocess.Popen(
                command, cwd=made.home, env=environment, stdout=subprocess.PIPE, text=True
            ) as process:
                assert process.stdout is not None
                first = next((time.monotonic() - began for line in process.stdout if "─" in line or "━" in line), None)
                process.stdout.read()
            if process.returncode or first is None:
                report.line(f"demo, {which} start to the first table", None, f"did not end well ({process.returncode})")
                return
            report.line(f"demo, {which} start to the first table", first, f"{first:.1f} s")
