"""ingest, receipts, run, day: from a partner's file to the open day."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from contextlib import ExitStack
from datetime import datetime
from threading import Event
from typing import TYPE_CHECKING, BinaryIO

import click

from woonketen.contracts.errors import ConfigurationError
from woonketen.orchestration.cli.base import Context, Group, command, pass_shared
from woonketen.orchestration.tables import progress

if TYPE_CHECKING:
    from woonketen.streams.drive.worker import Progress

FORMATS = ["cloudevents", "csv", "xlsx"]
DAY = click.DateTime(["%Y-%m-%d"])


@command()
@click.argument("file", type=click.File("rb"), metavar="FILE")
@click.option("--as", "org", required=True, metavar="ORG", help="The organisation whose file this is.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="cloudevents", show_default=True)
@click.option("--receipts", type=click.Path(dir_okay=False, writable=True), metavar="OUT", help="One receipt a line.")
@pass_shared
def ingest(shared: Context, file: BinaryIO, org: str, form: str, receipts: str | None) -> None:
    """Read a partner's FILE (`-`: standard input). Every line gets one receipt; nothing is processed yet.

    Exit code 1 when something was refused; the rest of the file is taken all the same.
    """
    counts: Counter[str] = Counter(accepted=0, duplicate=0, parked=0, refused=0)
    reasons: Counter[tuple[str, str]] = Counter()
    with shared.platform() as platform, ExitStack() as stack:
        out = stack.enter_context(_create(receipts)) if receipts else None
        advance = stack.enter_context(progress("events"))
        for receipt in platform.ingest(org, file, form):
            counts[receipt.status] += 1
            if receipt.status == "refused":
                reasons[receipt.reason or "", receipt.mend or ""] += 1
            if out:
                write_line(out, receipt)
            advance(1)
    shared.object(dict(counts), " · ".join(f"{status} {n}" for status, n in counts.items()))
    for (reason, mend), n in reasons.most_common():
        shared.say(f"refused {n}× {reason}: {mend}")
    if counts["refused"]:
        sys.exit(1)


@command()
@click.option("--as", "org", required=True, metavar="ORG")
@pass_shared
def receipts(shared: Context, org: str) -> None:
    """What became of the events of ORG that were parked: still waiting, accepted or refused."""
    with shared.platform() as platform:
        shared.table(platform.receipts(org), "Nothing of this organisation was ever parked.")


@command()
@click.option("--until-idle", is_flag=True, help="End when nothing is left.")
@pass_shared
def run(shared: Context, until_idle: bool) -> None:
    """Turn the log into views and warnings, until stopped (Ctrl-C) or, with --until-idle, until nothing is left."""
    stop = Event()
    before = [signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        with shared.platform() as platform, progress("records") as advance:
            done = 0

            def tell(at: Progress) -> None:
                nonlocal done
                advance(at.applied - done)
                done = at.applied

            result = platform.run(until_idle=until_idle, stop=stop, on_progress=tell)
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(number, handler)
    shared.object(result)


@click.group(cls=Group)
def day() -> None:
    """The clock of the log."""


@day.command()
@click.argument("date", type=DAY, metavar="DATE")
@click.option("--through", type=DAY, metavar="DATE2", help="Close every day up to and with this one.")
@pass_shared
def close(shared: Context, date: datetime, through: datetime | None) -> None:
    """Close DATE (and the days before it that are still open). The same day again changes nothing."""
    if through and through < date:
        raise ConfigurationError("--through lies before the day to close.", "Give a later day.")
    with shared.platform() as platform:
        shared.object({"closed_through": platform.close_days(date.date(), (through or date).date()).isoformat()})


def write_line(out: BinaryIO, receipt: object) -> None:
    import msgspec

    out.write(msgspec.json.encode(receipt) + b"\n")


def _create(path: str) -> BinaryIO:
    try:
        return open(path, "wb")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.", "Name another file.") from None
