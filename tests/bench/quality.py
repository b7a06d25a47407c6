"""What the stewards' work costs, as ratios within one run.

    python tests/bench/quality.py [--events N] [--residents N] [--facts N] [--organisations N] [--days N] [--out FOLDER]

All suites over the log's facts and every view, against the plain SQL that counts the same; closing, checking and
reporting for many organisations; and Dagster's database after simulated days, pruned as it is on a schedule.
`--facts`: the examined facts are laid down again until there are so many. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).parents[1])  # `tests`, in the place of this folder

from bench.report import Report, machine  # noqa: E402
from bench.towns import PER_RESIDENT, town  # noqa: E402
from chaos.office import Office  # noqa: E402

from woonketen.contracts.checks import shipped  # noqa: E402
from woonketen.orchestration.quality import counts, running  # noqa: E402

KEPT_DAYS = 10


def main() -> None:
    given = parse()
    report = Report({"machine": machine(), "events_wanted": f"quality-{given.events}"}, given.out)
    residents = given.residents or max(given.events // PER_RESIDENT, 1)
    with town(given.events, residents, report) as made:
        with made.platform() as platform:
            examining, _ = timed(lambda: platform.check_quality(suites=False))
            report.line("going through the log, counting, keeping", examining, f"{examining:.1f} s")
            suites(made, report, platform.parts.dsn, given.facts)
        dagster(made, report, given.days)
        many(made, report, given.organisations)
    report.write()


def suites(made: Office, report: Report, dsn: str, facts: int) -> None:
    with made.sql() as owner:
        while (number := owner.execute("SELECT count(*) FROM quality.fact").fetchone()[0]) < facts:
            owner.execute("INSERT INTO quality.fact SELECT * FROM quality.fact LIMIT %s", [facts - number])
        owner.execute("ANALYZE quality.fact")
    checks = shipped()
    seconds, _ = timed(lambda: __import__("great_expectations"))
    report.line("import of Great Expectations", seconds, f"{seconds:.1f} s")
    with counts.reading(dsn) as connection:
        plain, _ = timed(lambda: [counts.count(connection, checks, suite) for suite in checks.suites])
    whole, passed = timed(lambda: running._run_suites(dsn, checks))
    name = f"{len(passed)} checks over {number:,} facts and every view"
    report.line(f"{name}: plain SQL", plain, f"{plain:.2f} s")
    report.line(f"{name}: the suites", whole, f"{whole:.2f} s, {whole / plain:.2f} times")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report.line(f"{name}: memory at most", memory, f"{memory:.0f} MiB")


def many(made: Office, report: Report, organisations: int) -> None:
    from datetime import timedelta

    with made.platform() as platform:
        for number in range(organisations):
            source = f"urn:nld:kvknr:{70_000_000 + number}:systeem:bench"
            platform.register_org(f"partner-{number:03}", kind="zorgaanbieder", source=source)
        day = platform.open_day()
        closing, _ = timed(lambda: (platform.close_days(day, day), platform.run(until_idle=True)))
        checking, _ = timed(lambda: platform.check_quality(suites=True))
    reporting, done = timed(lambda: made("report", "--all", "--month", f"{day - timedelta(days=28):%Y-%m}", "--json"))
    name = f"{len(done.rows)} organisations"
    for what, seconds in (("close a day", closing), ("check quality", checking), ("report", reporting)):
        report.line(f"{name}: {what}", seconds, f"{seconds:.1f} s")


def dagster(made: Office, report: Report, days: int) -> None:
    """Each simulated day: the numbers of every asset and every check of them, and what is older than some days goes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import dagster as dg

        from woonketen.orchestration.definitions import defs
        from woonketen.orchestration.steward import make_home
        from woonketen.orchestration.stewardship.pruning import prune

    home = make_home(made.data)
    os.environ |= {"WOONKETEN_DATA": str(made.data), "DAGSTER_HOME": str(home), "DAGSTER_DISABLE_TELEMETRY": "1"}
    began: list[float] = []
    with made.sql(), dg.DagsterInstance.from_config(str(home)) as instance:
        for day in range(1, days + 1):
            began.append(time.time())
            for name in ("look_at_everything", "pruning"):
                defs.resolve_job_def(name).execute_in_process(instance=instance)
            if day > KEPT_DAYS:
                prune(instance, began[day - KEPT_DAYS - 1])
            if day % 10 == 0:
                size = sum(each.stat().st_size for each in home.rglob("*") if each.is_file()) / 2**20
                report.line(f"Dagster's database after {day} days", size, f"{size:.1f} MiB, {KEPT_DAYS} days are kept")


def timed(what: Callable[[], Any]) -> tuple[float, Any]:
    began = time.monotonic()
    found = what()
    return time.monotonic() - began, found


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--residents", type=int, default=0, help="default: one per hundred events")
    parser.add_argument("--facts", type=int, default=1_000_000)
    parser.add_argument("--organisations", type=int, default=50)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
