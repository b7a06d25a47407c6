"""contact, evidence: what goes with a signal of arrears, and what a court asks for afterwards."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click

from woonketen.contracts.errors import ConfigurationError
from woonketen.orchestration.cli.base import Context, Group, command, pass_shared, write_json
from woonketen.orchestration.cli.look import AS

FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(cls=Group)
def contact() -> None:
    """Contact data of a signal: outside the log, fetched once."""


@contact.command()
@click.argument("signal_id", metavar="SIGNAL_ID")
@click.argument("file", type=click.File("rb"), metavar="FILE")
@click.option("--as", "org", required=True, metavar="ORG", help="The corporation that signals.")
@pass_shared
def put(shared: Context, signal_id: str, file: BinaryIO, org: str) -> None:
    """Keep name, address, phone and email (a JSON object in FILE) until they are fetched, at most thirty days."""
    with shared.platform() as platform:
        shared.object({"handle": platform.put_contact(org, signal_id, file.read())})


@contact.command()
@click.argument("handle", metavar="HANDLE")
@AS
@pass_shared
def fetch(shared: Context, handle: str, user: str) -> None:
    """What belongs to the `contact_handle` of a row that USER sees. It works once."""
    with shared.platform() as platform:
        found = platform.fetch_contact(handle, user)
        if found is None:
            shared.say("Er is niets (meer) met deze code.")
            sys.exit(1)
        shared.object(found)


@command()
@click.argument("lease", metavar="LEASE", required=False)
@click.option("--as", "user", metavar="USER", help="Somebody of the corporation whose lease it is.")
@click.option("--html", "html", type=FILE, metavar="FILE", help="A page to print.")
@click.option("--verify", "bundle", type=FILE, metavar="FILE", help="Check a bundle instead; exit 1 when not whole.")
@click.option("--public-key", is_flag=True, help="Print the key that this installation signs with.")
@pass_shared
def evidence(
    shared: Context, lease: str | None, user: str | None, html: Path | None, bundle: Path | None, public_key: bool
) -> None:
    """The signed, ordered bundle about the arrears of LEASE: efforts, dates, receipts, hashes."""
    from woonketen.orchestration import evidence as made

    with shared.platform() as platform:
        key = made.signing_key(platform.parts.keys)
        if public_key:
            shared.object({"public_key": key.public_key().public_bytes_raw().hex()})
        elif bundle is not None:
            whole = made.verify(_read(bundle), key.public_key().public_bytes_raw().hex())
            shared.object({"whole": whole})
            if not whole:
                sys.exit(1)
        elif lease is None or user is None:
            raise ConfigurationError("A bundle is about a lease, for somebody.", "Give LEASE and --as USER.")
        else:
            found = platform.evidence(lease, user)
            if html is not None:
                html.write_text(made.as_page(found), encoding="utf-8")
            write_json([found])


def _read(path: Path) -> dict[str, object]:
    import json

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
