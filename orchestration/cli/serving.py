"""serve: the portal and the HTTP door, with the processing in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from woonketen.contracts.errors import ConfigurationError
from woonketen.orchestration.cli.base import Context, command, pass_shared

if TYPE_CHECKING:
    from woonketen.orchestration.web.config import WebConfig


@command()
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: any that is free.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on; TLS is a proxy's.")
@click.option("--no-run", is_flag=True, help="Leave the processing and the closing of days to another process.")
@click.option("--demo", is_flag=True, help="Anybody may be anybody: for invented people, on this machine only.")
@pass_shared
def serve(shared: Context, port: int, host: str, no_run: bool, demo: bool) -> None:
    """Serve the portal and the HTTP door until stopped (Ctrl-C), with the processing in the background."""
    try:
        from woonketen.orchestration.web.serve import serve as run
    except ImportError:
        raise ConfigurationError(
            "The web server's libraries are not installed.", "Install the extra: pip install 'woonketen[portal]'."
        ) from None

    def ready(config: WebConfig) -> None:
        shared.object({"url": config.url, "processing": not no_run, "demo": demo}, f"{config.url} (Ctrl-C stops it)")

    run(shared.settings(), host=host, port=port, runs=not no_run, demo=demo, ready=ready)
