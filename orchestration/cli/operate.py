"""quarantine, rebuild, log, doctor: keeping the platform sound."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from woonketen.orchestration.cli.base import Context, Group, command, pass_shared
from woonketen.orchestration.tables import progress

if TYPE_CHECKING:
    from woonketen.streams.drive.rebuild import Filled

ID = click.argument("number", metavar="ID")
WHY = ["resident_request", "complaint", "incident", "audit"]
DISCARDED = ["sent_again", "corrected", "test_data", "erased", "not_needed"]


@click.group(cls=Group)
def quarantine() -> None:
    """Residents whose rows are withheld because their facts made the program fail."""


@quarantine.command(name="list")
@pass_shared
def list_quarantine(shared: Context) -> None:
    """What is set aside, and why; never a payload."""
    with shared.platform() as platform:
        shared.table(platform.quarantine.list(), "Nothing is set aside.")


@quarantine.command()
@ID
@pass_shared
def show(shared: Context, number: str) -> None:
    """Where in the program it failed, since when, how many facts; never a payload."""
    with shared.platform() as platform:
        shared.object(platform.quarantine.show(number))


@quarantine.command()
@ID
@pass_shared
def replay(shared: Context, number: str) -> None:
    """Compute the rows again (after a mend); `all` for everything that is set aside."""
    with shared.platform() as platform:
        result = platform.quarantine.replay(number)
        shared.object(result)
        if result["failed"]:
            sys.exit(1)


@quarantine.command()
@ID
@click.option("--reason", type=click.Choice(DISCARDED), required=True)
@pass_shared
def discard(shared: Context, number: str, reason: str) -> None:
    """Take it off the list; the rows stay withheld until the resident's next event or a rebuild."""
    with shared.platform() as platform:
        shared.object(platform.quarantine.discard(number, reason))


@quarantine.command()
@ID
@click.option("--as", "user", required=True, metavar="STEWARD", help="The steward who looks.")
@click.option("--reason", type=click.Choice(WHY), required=True, help="Why; the resident can read it back.")
@click.option("--values", is_flag=True, help="Also what stands in the fields, of what the steward's organisation told.")
@pass_shared
def inspect(shared: Context, number: str, user: str, reason: str, values: bool) -> None:
    """What it is about: types, days and names of fields of its facts. Recorded as a look at the resident."""
    with shared.platform() as platform:
        rows = platform.inspect_quarantine(number, user, reason, values=values)
        shared.table(rows, "Nothing of it is on the log any more.")


@command()
@click.option("--verify", is_flag=True, help="Judge every evening again and compare with what was raised.")
@click.option("--back", is_flag=True, help="Swap the set that was live before back in.")
@pass_shared
def rebuild(shared: Context, verify: bool, back: bool) -> None:
    """All views from the log into a second set, compared with the live one, swapped in without a failed read."""
    with shared.platform() as platform, progress("residents") as advance:
        seen = 0

        def tell(filled: Filled) -> None:
            nonlocal seen
            advance(filled.residents - seen)
            seen = filled.residents

        result = platform.rebuild_back() if back else platform.rebuild(verify=verify, on_progress=tell)
    shared.object(result)
    if result.get("differences"):
        sys.exit(1)


@click.group(cls=Group)
def log() -> None:
    """The shared log."""


@log.command()
@pass_shared
def stats(shared: Context) -> None:
    """Positions and lag, per partition; on the scaled engine what is not sent yet, per worker what it does, per
    partner what waits, and what is set aside."""
    with shared.platform() as platform:
        shared.table(platform.log_stats(), "The log is empty.")
        for rows in (platform.worker_stats(), platform.door_stats(), platform.aside_stats()):
            if rows:
                shared.table(rows, "")


@log.command()
@pass_shared
def verify(shared: Context) -> None:
    """Read every record: no gap, no changed record. Exit code 1 when there is one."""
    with shared.platform() as platform:
        result = platform.log_verify()
        shared.object(result)
        if result["gaps"] or result["changed"]:
            sys.exit(1)


@log.command(name="copy")
@click.option("--to", type=click.Choice(["kafka", "embedded"]), required=True, help="The engine that gets the log.")
@pass_shared
def copy_log(shared: Context, to: str) -> None:
    """Move the log to the other engine; nobody else may be at work. Then set `engine` to it.

    Verified by number and hash of each partition. Killed on the way: give it again. On the engine kafka, `--to kafka`
    sends again what a broker has lost.
    """
    import msgspec

    from woonketen.streams.kafka.link import need_clients

    need_clients()  # also where the engine is still the embedded one
    from woonketen.orchestration.moving import copy_log as move
    from woonketen.orchestration.platform import open_platform

    with open_platform(shared.settings(), alone=True) as platform:
        shared.object(msgspec.to_builtins(move(platform.parts, to, shared.say)))
    shared.say(f'now set `engine = "{to}"`')


@log.command()
@pass_shared
def recover(shared: Context) -> None:
    """After a restore behind Kafka: number on behind what is there, and tell what has to be sent again."""
    import msgspec

    from woonketen.contracts.errors import ConfigurationError
    from woonketen.orchestration.platform import open_platform

    with open_platform(shared.settings(), alone=True) as platform:
        if platform.parts.link is None:
            raise ConfigurationError("There is nothing behind which this engine could be.", "See `woonketen doctor`.")
        from woonketen.orchestration.moving import recover as put_right

        shared.object(msgspec.to_builtins(put_right(platform.parts, platform.parts.link)))


@command()
@pass_shared
def doctor(shared: Context) -> None:
    """Versions, servers, keys, roles, clock, policy: each with ok or the mend. Exit code 1 when something needs one."""
    from woonketen.orchestration.doctor import as_rows, examine

    findings = examine(shared.settings())
    shared.table(list(as_rows(findings)), "")
    if not all(finding.ok for finding in findings):
        sys.exit(1)
