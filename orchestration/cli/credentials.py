"""org credentials: how a partner's system says who it is. One option a door."""

from __future__ import annotations

from pathlib import Path

import click

from woonketen.contracts.errors import ConfigurationError
from woonketen.orchestration.cli.base import Context, command, pass_shared


@command()
@click.argument("name", metavar="ORG")
@click.option("--kafka", "by_kafka", is_flag=True, help="A user, the topics in.ORG and refused.ORG, and rights.")
@click.option("--rotate", is_flag=True, help="With --kafka: a new password; the old one ends at once.")
@click.option(
    "--http",
    "jwk",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PUBLIC_JWK_FILE",
    help="Register a public key for the HTTP door; two are valid at a time.",
)
@click.option("--revoke", metavar="KID", help="From now on this key, and every token given for it, is refused.")
@click.option("--list", "listed", is_flag=True, help="The keys of ORG.")
@pass_shared
def credentials(
    shared: Context, name: str, by_kafka: bool, rotate: bool, jwk: Path | None, revoke: str | None, listed: bool
) -> None:
    """Let the systems of ORG deliver by machine: register, revoke and list what they sign in with. A Kafka password
    changes only with --rotate."""
    if sum((by_kafka, jwk is not None, revoke is not None, listed)) != 1:
        raise ConfigurationError("What is to be done?", "Give one of --kafka, --http, --revoke and --list.")
    with shared.platform() as platform:
        if by_kafka:
            shared.object(platform.kafka_credentials(name, rotate=rotate))
            return
        from woonketen.orchestration.web import credentials as held

        if jwk is not None:
            shared.object(held.add_key(platform, name, _read(jwk)))
        elif revoke is not None:
            shared.object(held.revoke_key(platform, name, revoke))
        else:
            shared.table(held.keys(platform, name), "No key yet.")


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"{path} cannot be read.", "Name the file with the public key.") from None
