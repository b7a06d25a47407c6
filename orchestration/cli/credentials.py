"""org credentials: how a partner comes in by machine. One option a door."""

from __future__ import annotations

import click

from woonketen.contracts.errors import ConfigurationError
from woonketen.orchestration.cli.base import Context, command, pass_shared


@command()
@click.argument("name", metavar="ORG")
@click.option("--kafka", "by_kafka", is_flag=True, help="A user, the topics in.ORG and refused.ORG, and rights.")
@click.option("--rotate", is_flag=True, help="With --kafka: a new password; the old one ends at once.")
@pass_shared
def credentials(shared: Context, name: str, by_kafka: bool, rotate: bool) -> None:
    """Let ORG deliver by machine. Again is nothing; a password changes only with --rotate."""
    if not by_kafka:
        raise ConfigurationError("Say by which door.", "Give --kafka.")
    with shared.platform() as platform:
        shared.object(platform.kafka_credentials(name, rotate=rotate))
