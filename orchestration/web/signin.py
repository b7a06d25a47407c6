"""Signing in with OpenID Connect: code and PKCE, state and nonce, against any provider; and out again.

The provider says who somebody is, nothing else: role and organisation are those of our own users.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

import httpx2
from authlib.common.security import generate_token
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.responses import Response

from woonketen.contracts.errors import Unreachable
from woonketen.orchestration.web.config import WebConfig
from woonketen.orchestration.web.pool import as_processor
from woonketen.orchestration.web.problems import Problem, answer
from woonketen.orchestration.web.sessions import DatabaseSessions, hashed
from woonketen.projections.database import told
from woonketen.projections.portal.session import Session, signed_in

router = APIRouter(include_in_schema=False)

START, BACK, OUT = "/aanmelden", "/aanmelden/terug", "/afmelden"
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]
_MINUTES = timedelta(minutes=10)
_SECONDS = 10.0
_KEEP_SECONDS, _FORCED_SECONDS = 600.0, 5.0
_LEEWAY = 30


class Refused(Exception):
    """The provider's answer does not hold."""


class Client:
    """Of one provider: its discovery and keys, kept for ten minutes. All of it may block."""

    def __init__(self, config: WebConfig) -> None:
        self._provider = config.provider
        self._back = config.url + BACK
        self._lock = threading.Lock()
        self._kept: tuple[float, dict[str, Any], KeySet] | None = None
        self._forced_at = -_FORCED_SECONDS

    @property
    def there(self) -> bool:
        return self._provider is not None

    def address(self, state: str, nonce: str, verifier: str) -> str:
        """Where the browser goes to sign in."""
        told, _ = self._discovery()
        assert self._provider is not None
        asked = {
            "response_type": "code",
            "client_id": self._provider.client_id,
            "redirect_uri": self._back,
            "scope": "openid profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        return f"{told['authorization_endpoint']}?{urlencode(asked)}"

    def exchange(self, code: str, verifier: str, nonce: str) -> str:
        """The name of the user behind a code. Raises `Refused`, or `Unreachable` when the provider does not answer."""
        told, _ = self._discovery()
        assert self._provider is not None
        try:
            with OAuth2Client(
                self._provider.client_id,
                self._provider.secret,
                token_endpoint_auth_method="none" if self._provider.secret is None else "client_secret_basic",
                redirect_uri=self._back,
                timeout=_SECONDS,
            ) as client:
                token = client.fetch_token(told["token_endpoint"], code=code, code_verifier=verifier)
        except httpx2.HTTPError:
            raise Unreachable("The provider of the sign-in does not answer.", "Try again later.") from None
        except Exception:  # noqa: BLE001 - Authlib raises what the provider answered, in many kinds
            raise Refused from None
        claims = self._claims(str(token.get("id_token", "")))
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise Refused
        return self._name(claims)

    def name_of(self, credential: str) -> str | None:
        """Of a token that the provider gave for this client, from a program without a browser."""
        if self._provider is None:
            return None
        try:
            return self._name(self._claims(credential))
        except Refused:
            return None

    def leave(self, to: str) -> str:
        """Where a browser goes to sign out at the provider as well; `to` when it has no such place."""
        if self._provider is None:
            return to
        end = self._discovery()[0].get("end_session_endpoint")
        asked = {"client_id": self._provider.client_id, "post_logout_redirect_uri": to}
        return f"{end}?{urlencode(asked)}" if end else to

    def _name(self, claims: dict[str, Any]) -> str:
        assert self._provider is not None
        name = claims.get(self._provider.claim)
        if not isinstance(name, str) or not name:
            raise Refused
        return name

    def _claims(self, token: str) -> dict[str, Any]:
        """Of a token that this provider signed, for us, that has not ended."""
        assert self._provider is not None
        for fresh in (False, True):  # the provider may have changed its key since
            told, keys = self._discovery(fresh=fresh)
            try:
                found = jwt.decode(token, keys, algorithms=ALGORITHMS)
                break
            except (JoseError, ValueError):
                if fresh:
                    raise Refused from None
        rules = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY,
            iss={"essential": True, "value": told["issuer"]},
            aud={"essential": True, "value": self._provider.client_id},
            exp={"essential": True},
            iat={"essential": True},
        )
        try:
            rules.validate(found.claims)
        except JoseError:
            raise Refused from None
        claims: dict[str, Any] = found.claims
        if (
            isinstance(claims.get("aud"), list)
            and len(claims["aud"]) > 1
            and claims.get("azp") != self._provider.client_id
        ):
            raise Refused
        return claims

    def _discovery(self, *, fresh: bool = False) -> tuple[dict[str, Any], KeySet]:
        assert self._provider is not None
        with self._lock:
            kept = self._kept
            age = time.monotonic() - kept[0] if kept else _KEEP_SECONDS
            forced = fresh and time.monotonic() - self._forced_at >= _FORCED_SECONDS  # not at every bad token
            if kept and age < _KEEP_SECONDS and not forced:
                return kept[1], kept[2]
            if forced:
                self._forced_at = time.monotonic()
            try:
                with httpx2.Client(timeout=_SECONDS) as http:
                    told = (
                        http.get(f"{self._provider.issuer}/.well-known/openid-configuration").raise_for_status().json()
                    )
                    keys = KeySet.import_key_set(http.get(told["jwks_uri"]).raise_for_status().json())
            except (httpx2.HTTPError, ValueError, KeyError, JoseError):
                raise Unreachable("The provider of the sign-in does not answer.", "Try again later.") from None
            if told.get("issuer") != self._provider.issuer:
                raise Unreachable("The provider calls itself otherwise.", "Mend `oidc_issuer`.")
            self._kept = (time.monotonic(), told, keys)
            return told, keys


def own_path(told: str | None) -> str:
    """A path of our own, or the start: never a way to another site.

    >>> own_path("/signalen?p=2"), own_path("//evil.example"), own_path("https://evil.example"), own_path("/\\\\evil")
    ('/signalen?p=2', '/', '/', '/')
    """
    if not told or not told.startswith("/") or told.startswith(("//", "/\\")) or len(told) > 500:
        return "/"
    parts = urlsplit(told)
    sound = not parts.scheme and not parts.netloc and told.isprintable() and "\\" not in told
    return told if sound else "/"


@router.get(START)
def start(request: Request, terug: str = "/") -> Response:
    client: Client = request.app.state.provider
    if not client.there:
        return answer(request, Problem(503, "No provider is configured."), "provider")
    held, state, nonce = (secrets.token_urlsafe(32) for _ in range(3))
    verifier = generate_token(48)
    address = client.address(state, nonce, verifier)
    with request.app.state.platforms.hold() as platform, told():
        connection = as_processor(platform)
        connection.execute("DELETE FROM web.sign_in WHERE until < now()")
        connection.execute(
            "INSERT INTO web.sign_in (token, state, nonce, verifier, back, until)"
            " VALUES (%b, %s, %s, %s, %s, now() + %s)",
            [hashed(held), state, nonce, verifier, own_path(terug), _MINUTES],
        )
    response = RedirectResponse(address, 303)
    secure = request.app.state.config.secure
    response.set_cookie(_cookie(secure), held, max_age=600, path="/", secure=secure, httponly=True, samesite="lax")
    return response


@router.get(BACK)
def back(request: Request, code: str = "", state: str = "") -> Response:
    client: Client = request.app.state.provider
    sessions: DatabaseSessions = request.app.state.sessions
    secure = request.app.state.config.secure
    begun = _taken(request, request.cookies.get(_cookie(secure), ""), state)
    if begun is None or not code or not client.there:
        return answer(request, Problem(400), "provider")
    nonce, verifier, to = begun
    try:
        name = client.exchange(code, verifier, nonce)
    except Refused:
        return answer(request, Problem(400), "provider")
    token = sessions.begin(name, request.cookies.get(sessions.cookie))
    if token is None:
        return answer(request, Problem(403), "unknown_user")
    response = RedirectResponse(to, 303)
    sessions.set_cookie(response, token)
    response.delete_cookie(_cookie(secure), path="/", secure=secure, httponly=True, samesite="lax")
    return response


@router.post(OUT)
def sign_out(request: Request, session: Annotated[Session, Depends(signed_in)]) -> Response:
    sessions: DatabaseSessions = request.app.state.sessions
    sessions.end(session)
    try:
        to = request.app.state.provider.leave(request.app.state.config.url + "/")
    except Unreachable:
        to = "/"  # out here in any case
    response = RedirectResponse(to, 303)
    sessions.drop_cookie(response)
    return response


def _cookie(secure: bool) -> str:
    return "__Host-woonketen-aanmelden" if secure else "woonketen-aanmelden"


def _taken(request: Request, held: str, state: str) -> tuple[str, str, str] | None:
    """What was begun in this very browser, once: nonce, verifier and the way back."""
    with request.app.state.platforms.hold() as platform, told():
        row = (
            as_processor(platform)
            .execute(
                "DELETE FROM web.sign_in WHERE token = %b AND until > now() RETURNING state, nonce, verifier, back",
                [hashed(held)],
            )
            .fetchone()
        )
    if row is None or not hmac.compare_digest(row[0].encode(), state.encode()):
        return None
    return row[1], row[2], row[3]
