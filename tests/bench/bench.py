"""`make bench`: what the way of an event costs, as ratios within one run, because machines differ.

    python tests/bench/bench.py [--events N] [--residents N] [--quick] [--out FOLDER]

A town's two years are made and fed day by day. Then: reading, decrypting and decoding all events alone; the rebuild;
the rebuild that judges every evening again; the same for smaller towns; a day on which nobody is due; the live way;
the web server; a view read with the rules of the database and without.
Nothing is asserted. The figures are printed and, as JSON, written to `bench-out/`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).parents[1])  # `tests`, in the place of this folder

from bench.live import live  # noqa: E402
from bench.rates import growth, rates  # noqa: E402
from bench.reading import reading  # noqa: E402
from bench.report import Report, machine  # noqa: E402
from bench.starting import demo_time, help_time  # noqa: E402
from bench.towns import PER_RESIDENT, quiet_day, smaller, town  # noqa: E402
from bench.web import web  # noqa: E402


def main() -> None:
    arguments = parse()
    out: dict[str, Any] = {"machine": machine(), "events_wanted": arguments.events}
    report = Report(out, arguments.out)
    report.line("machine", f"{out['machine']['processors']} processors, Python {out['machine']['python']}")
    help_time(report)
    for events, residents in smaller(arguments.events):
        with town(events, residents, report) as made:
            rates(made, report, f"at {events:,} events", verify=False)
    with town(arguments.events, arguments.residents, report) as made:
        rates(made, report, f"at {arguments.events:,} events", verify=True)
        growth(report)
        live(made, report, arguments.residents)
        web(made, report, arguments.residents)
    quiet_day(report, 10_000)
    reading(report, 10_000)
    demo_time(report)
    report.write()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--residents", type=int, default=0, help="default: one per hundred events")
    parser.add_argument("--quick", action="store_true", help="20,000 events of 200 residents")
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    found = parser.parse_args()
    if found.quick:
        found.events, found.residents = 20_000, 200
    found.residents = found.residents or max(found.events // PER_RESIDENT, 1)
    return found


if __name__ == "__main__":
    main()
