"""What the web server needs to know beside the settings: where it is reached, who signs people in, its limits."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.settings import Settings

DEMO_ISSUER = "/demo-aanmelding"


class Provider(msgspec.Struct, frozen=True):
    """An OpenID Connect provider. `claim`: of the ID token, whose value is the name of a user of ours. `secret`: None
    for a public client."""

    issuer: str
    client_id: str
    claim: str
    secret: str | None = None

    def __repr__(self) -> str:
        return f"Provider({self.issuer!r})"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes, seconds, and requests a second for each partner."""

    form_bytes: int = 256 * 1024
    events_bytes: int = 4 * 1024 * 1024
    events: int = 2000
    body_seconds: float = 20.0
    platforms: int = 8
    wait_seconds: float = 5.0
    idle_seconds: int = 30 * 60
    session_seconds: int = 10 * 60 * 60
    rate: float = 50.0
    burst: int = 100
    streams: int = 1000


class WebConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`url`: the origin that people and partners use, without a path. `follows_clock`: whether days are closed by the
    wall's clock, so that a lag of more than a day makes the server say so."""

    url: str
    host: str = "127.0.0.1"
    demo: bool = False
    provider: Provider | None = None
    follows_clock: bool = False
    limits: Limits = Limits()

    @property
    def secure(self) -> bool:
        return self.url.startswith("https://")

    @property
    def netloc(self) -> str:
        return urlsplit(self.url).netloc


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761: never another machine
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def web_config(
    settings: Settings, *, host: str, port: int, demo: bool, runs: bool = True, limits: Limits | None = None
) -> WebConfig:
    """Raises `ConfigurationError` for settings that do not belong together."""
    url = _origin(settings.url or f"http://{host if is_loopback(host) else '127.0.0.1'}:{port}")
    if demo and not (is_loopback(host) and is_loopback(urlsplit(url).hostname or "")):
        raise ConfigurationError(
            "The demo's sign-in lets anybody be anybody, so it listens on this machine only.",
            "Leave --host and `url` out, or leave --demo out and name a provider with `oidc_issuer`.",
        )
    within = is_loopback(host) and is_loopback(urlsplit(url).hostname or "")
    if not within and not url.startswith("https://"):
        raise ConfigurationError("People's data go over TLS only.", 'Give `url = "https://…"` of the proxy before it.')
    return WebConfig(
        url=url,
        host=host,
        demo=demo,
        provider=Provider(url + DEMO_ISSUER, "woonketen-demo", "preferred_username") if demo else _provider(settings),
        follows_clock=runs and not demo,
        limits=limits or Limits(rate=settings.http_rate),
    )


def _provider(settings: Settings) -> Provider | None:
    if settings.oidc_issuer is None:
        return None
    if settings.oidc_client_id is None:
        raise ConfigurationError("A provider without a client.", "Give `oidc_client_id` too.")
    host = urlsplit(settings.oidc_issuer).hostname or ""
    if not settings.oidc_issuer.startswith("https://") and not is_loopback(host):
        raise ConfigurationError("The provider is not reached over TLS.", "Give `oidc_issuer` as https://….")
    secret = None if settings.oidc_client_secret_file is None else _secret(settings.oidc_client_secret_file)
    return Provider(settings.oidc_issuer.rstrip("/"), settings.oidc_client_id, settings.oidc_claim, secret)


def _secret(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"{path} cannot be read.", "Mend `oidc_client_secret_file`.") from None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ConfigurationError("`url` is not an origin.", 'Give it as "https://woonketen.example", without a path.')
    return f"{parts.scheme}://{parts.netloc}"
