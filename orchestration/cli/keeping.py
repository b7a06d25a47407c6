"""erase, ledger, keys, backup, restore: what must go, what must stay, and the proof of both."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from woonketen.orchestration.cli.base import Context, Group, command, pass_shared

REASONS = [
    "art_17_request", "objection_upheld", "consent_withdrawn", "wrong_person", "unlawful", "controller_decision",
]  # fmt: skip


@command()
@click.option("--org", required=True, metavar="ORG", help="The controller whose data they are.")
@click.option("--subject", required=True, metavar="S", help="Its own pseudonym for the resident.")
@click.option("--reason", type=click.Choice(REASONS), required=True)
@pass_shared
def erase(shared: Context, org: str, subject: str, reason: str) -> None:
    """Destroy the keys of all that ORG told about a resident. It cannot be undone, also not by a backup.

    What other organisations told stays. Again is nothing, and prints the request of before.
    """
    with shared.platform() as platform:
        shared.object(platform.erase(org, subject, reason))


@click.group(cls=Group)
def ledger() -> None:
    """The erasure ledger, outside the database and its backups."""


@ledger.command()
@pass_shared
def replay(shared: Context) -> None:
    """Do in this database the erasures of the ledger that it has not done (it was put back from a copy)."""
    from woonketen.orchestration.platform import open_platform

    with open_platform(shared.settings(), before_replay=True) as platform:
        shared.object(platform.replay_ledger())


@click.group(cls=Group)
def keys() -> None:
    """The key-encryption key."""


@keys.command()
@pass_shared
def rotate(shared: Context) -> None:
    """Make a new key, wrap everything that lives under it, destroy the old one. Nobody else may be at work.

    A backup from before cannot be restored afterwards: make one at once, and keep copies of the new key file.
    """
    from woonketen.orchestration.platform import open_platform

    with open_platform(shared.settings(), alone=True) as platform:
        shared.object(platform.rotate_keys())


@command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@pass_shared
def backup(shared: Context, file: Path) -> None:
    """Everything that cannot be computed again, at one moment, in FILE; others may be at work meanwhile.

    Nothing in it is readable without the key file. Keep key file and erasure ledger apart from it.
    """
    with shared.platform() as platform:
        shared.object(platform.back_up(file))


@command(name="restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE")
@pass_shared
def restore(shared: Context, file: Path) -> None:
    """Put FILE into an empty installation: load, do the erasures of the ledger, make all views from the log.

    Key file and erasure ledger have to be in their places first. Exit code 1: done, but Kafka holds what came after
    FILE.
    """
    from woonketen.orchestration.platform import restore as put_back

    done = put_back(shared.settings(), file, shared.say)
    shared.object(done)
    if done.get("recover"):
        shared.say(
            "Kafka holds what came after this backup. Run `woonketen log recover`, then have sent again what it names."
        )
        sys.exit(1)
