"""The outermost layer, plain ASGI: host, origin, size and pace of a request; headers, trace and log of the answer.

Nothing of a request is logged but its method, the route's template, the answer's status and the time it took.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
import time
import traceback
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from woonketen.orchestration.web.config import WebConfig, is_loopback
from woonketen.orchestration.web.problems import Problem, answer

log = logging.getLogger("woonketen.web")

_SAFE = ("GET", "HEAD", "OPTIONS")
_PROBES = ("/healthz", "/readyz", "/metrics")
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}\Z")
Observe = Callable[[str, str, int, float], None]
"""Method, route, status, seconds."""


def headers_of(config: WebConfig) -> dict[str, str]:
    """`form-action` names the provider: Chromium applies it to the redirects after a form too."""
    provider = "" if config.provider is None else _origin_of(config.provider.issuer)
    target = f" {provider}" if provider and provider != config.url else ""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; "
        f"form-action 'self'{target}; frame-ancestors 'none'; base-uri 'none'"
    )
    told = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",  # with none, a browser sends `Origin: null` with our own forms
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    return told | ({"Strict-Transport-Security": "max-age=31536000"} if config.secure else {})


class Guard:
    def __init__(self, app: ASGIApp, config: WebConfig, observe: Observe) -> None:
        self._app = app
        self._config = config
        self._observe = observe
        self._headers = headers_of(config)
        self._hosts = {config.netloc}
        if is_loopback(config.host):
            port = urlsplit(config.url).port
            self._hosts |= {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        headers = Headers(scope=scope)
        scope["woonketen.trace"] = _trace(headers)
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._dress(scope, message)
            await send(message)

        try:
            refused = self._refusal(scope, headers)
            if refused is None:
                await self._app(scope, self._paced(scope, headers, receive), sending)
            else:
                await answer(Request(scope), refused)(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - the last place: its text may quote data, so it is not told on
            log.error(_line(scope, event="failed", error=type(error).__name__, at=_place(error)))
            if status == 0:
                await answer(Request(scope), Problem(500))(scope, receive, sending)
        finally:
            took = time.perf_counter() - began
            route = _route(scope)
            self._observe(scope["method"], route, status, took)
            if route not in _PROBES and not route.startswith("/static"):
                log.info(_line(scope, event="request", status=status, ms=round(took * 1000, 1)))

    def _refusal(self, scope: Scope, headers: Headers) -> Problem | None:
        path, method = scope["path"], scope["method"]
        if headers.get("host", "") not in self._hosts and path not in _PROBES:
            return Problem(421)
        length = headers.get("content-length")
        if length is not None and (not length.isdecimal() or int(length) > self._most(path)):
            return Problem(413 if length.isdecimal() else 400)
        if method not in _SAFE and "authorization" not in headers and path != "/token":
            # Two independent signs that a page of ours sent it; the token of the session is the third.
            origin, site = headers.get("origin"), headers.get("sec-fetch-site")
            if origin is None and site is None:
                return (
                    None if "cookie" not in headers else Problem(403, "There is no Origin.", "Send the Origin header.")
                )
            if (origin is not None and origin not in self._origins()) or site not in (None, "same-origin"):
                return Problem(403, "The request comes from another site.", "Begin on a page of this site.")
        return None

    def _origins(self) -> Iterable[str]:
        scheme = urlsplit(self._config.url).scheme
        return {f"{scheme}://{host}" for host in self._hosts}

    def _most(self, path: str) -> int:
        return self._config.limits.events_bytes if path == "/events" else self._config.limits.form_bytes

    def _paced(self, scope: Scope, headers: Headers, receive: Receive) -> Receive:
        """Its body within so many bytes and seconds; what comes after the body (a hang-up) may take its time."""
        most, left, whole = self._most(scope["path"]), self._config.limits.body_seconds, False
        if "content-length" not in headers and "transfer-encoding" not in headers:
            return receive
        taken, deadline = 0, time.monotonic() + left

        async def paced() -> Message:
            nonlocal taken, whole
            if whole:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                raise HTTPException(408, headers={"Connection": "close"}) from None
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                whole = not message.get("more_body", False)
                if taken > most:
                    raise HTTPException(413, headers={"Connection": "close"})
            return message

        return paced

    def _dress(self, scope: Scope, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in self._headers.items():
            headers.setdefault(name, value)
        if not scope["path"].startswith("/static/"):
            headers.setdefault("Cache-Control", "no-store")
        headers["X-Trace-Id"] = scope["woonketen.trace"]


def _trace(headers: Headers) -> str:
    found = _TRACEPARENT.match(headers.get("traceparent", ""))
    return found.group(1) if found else secrets.token_hex(16)


def _route(scope: Scope) -> str:
    """The template: a path can hold an id. What matched nothing has no name."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    return str(path) if path else "unknown"


def _line(scope: Scope, **told: Any) -> str:
    told |= {"trace": scope["woonketen.trace"], "method": scope["method"], "route": _route(scope)}
    return json.dumps(told)


def _place(error: Exception) -> str:
    """File and line of where it happened, ours if there is one; never the message."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if "woonketen" in each.filename] or list(frames)
    return f"{own[-1].filename.rpartition('/')[2]}:{own[-1].lineno}" if own else "unknown"


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
