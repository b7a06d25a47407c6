"""Serving: the address, the application under uvicorn, the processing beside it, and the end of all of them."""

from __future__ import annotations

import logging
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress

import uvicorn
from fastapi import FastAPI

from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.settings import Settings
from woonketen.orchestration.platform import Platform, open_platform
from woonketen.orchestration.web import updates
from woonketen.orchestration.web.app import create_app
from woonketen.orchestration.web.config import Limits, WebConfig, web_config
from woonketen.orchestration.web.pool import Platforms
from woonketen.orchestration.web.processing import processing
from woonketen.projections.portal.pages import Persona

_TRIES = 20
_STOP_SECONDS = 5


def serve(
    settings: Settings,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    runs: bool = True,
    demo: bool = False,
    next_free: bool = False,
    personas: Sequence[Persona] | None = None,
    limits: Limits | None = None,
    ready: Callable[[WebConfig], None] = lambda config: None,
) -> None:
    """Until it is told to stop (SIGINT, SIGTERM). `next_free`: when the port is taken, one of the next. `ready` gets
    what is served where, once the address is ours. Raises `ConfigurationError` for an address that is not to be had."""
    quiet_log()
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a stop by the service manager is Ctrl-C
    with ExitStack() as stack:
        listener = stack.enter_context(_listener(host, port, _TRIES if next_free else 1))
        config = web_config(settings, host=host, port=listener.getsockname()[1], demo=demo, runs=runs, limits=limits)
        with open_platform(settings) as platform:  # its errors come before anybody is promised anything
            people = list(personas if personas is not None else _personas(platform) if demo else ())
        platforms = Platforms(lambda: open_platform(settings), config.limits.platforms, config.limits.wait_seconds)
        stack.callback(platforms.close)
        app = create_app(platforms, config)
        app.state.personas = people
        if runs:
            stack.enter_context(processing(settings, clock=config.follows_clock))
        ready(config)
        with suppress(KeyboardInterrupt):  # what it was stopped by, raised again when all answers were given
            server(app, config).run(sockets=[listener])


class Server(uvicorn.Server):
    """Ends the streams first: they would otherwise be waited for."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        updates.end(self.config.app)  # type: ignore[arg-type]
        await super().shutdown(sockets)


def server(app: FastAPI, config: WebConfig) -> Server:
    """No access log of uvicorn's: it holds addresses with their queries. No header tells what runs here."""
    return Server(
        uvicorn.Config(
            app,
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_STOP_SECONDS,
            timeout_keep_alive=15,
            limit_concurrency=config.limits.streams + 200,
            h11_max_incomplete_event_size=32 * 1024,
            lifespan="on",
        )
    )


def quiet_log() -> None:
    """One JSON object a line on stderr from this server; of the libraries only what is wrong."""
    log = logging.getLogger("woonketen.web")
    if not log.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)


def _listener(host: str, port: int, tries: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for each in range(port, port + tries) if port else [0]:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, each))
            listener.listen(512)
            return listener
        except (OSError, OverflowError):
            listener.close()
    raise ConfigurationError(f"Port {port} of {host} is not to be had.", "Stop what uses it, or give another --port.")


def _personas(platform: Platform) -> list[Persona]:
    from woonketen.orchestration.web.personas import personas_of

    return personas_of(platform)
