"""The demo's own provider: a button for each invented person. OpenID Connect like any other (discovery, keys, code with
PKCE, sign-out), but anybody may be anybody; so it answers on this machine only, and refuses to be there otherwise.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
import time
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from fastapi import FastAPI, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.exceptions import HTTPException
from starlette.responses import Response

from woonketen.contracts.errors import ConfigurationError
from woonketen.orchestration.web import pages
from woonketen.orchestration.web.config import DEMO_ISSUER, WebConfig, is_loopback
from woonketen.orchestration.web.signin import BACK

_CODE_SECONDS = 60
_TOKEN_SECONDS = 300


class _Code(msgspec.Struct, frozen=True):
    at: float
    name: str
    challenge: str
    nonce: str


def install(app: FastAPI, config: WebConfig) -> None:
    """Raises `ConfigurationError` where others could reach it."""
    if not config.demo or not is_loopback(config.host) or not config.url.startswith("http://"):
        raise ConfigurationError("The demo's sign-in listens on this machine only.", "Leave --demo out.")
    if not is_loopback(config.url.removeprefix("http://").rpartition(":")[0]):
        raise ConfigurationError("The demo's sign-in listens on this machine only.", "Leave `url` out.")
    app.state.idp = provider(config, app)
    app.mount(DEMO_ISSUER, app.state.idp)


def provider(config: WebConfig, parent: FastAPI) -> FastAPI:
    """`parent.state.personas`: who can be chosen."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.key = new_key()
    issuer = config.url + DEMO_ISSUER
    codes: dict[str, _Code] = {}
    lock = threading.Lock()

    def known(client_id: str, redirect_uri: str) -> None:
        if config.provider is None or client_id != config.provider.client_id or redirect_uri != config.url + BACK:
            raise HTTPException(400)

    @app.get("/.well-known/openid-configuration")
    async def discovery(request: Request) -> dict[str, Any]:
        _of_this_machine(request)
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/jwks",
            "end_session_endpoint": f"{issuer}/logout",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "claims_supported": ["sub", "preferred_username"],
        }

    @app.get("/jwks")
    async def jwks(request: Request) -> dict[str, Any]:
        _of_this_machine(request)
        return {"keys": [app.state.key.as_dict(private=False)]}

    @app.get("/authorize")
    async def choose(
        request: Request,
        client_id: str,
        redirect_uri: str,
        state: str,
        code_challenge: str,
        code_challenge_method: str = "",
        nonce: str = "",
    ) -> Response:
        _of_this_machine(request)
        known(client_id, redirect_uri)
        if code_challenge_method != "S256":
            raise HTTPException(400)
        carried = {
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "state": state,
            "code_challenge": code_challenge,
            "nonce": nonce,
        }
        return pages.persona_page(request, parent.state.personas, f"{DEMO_ISSUER}/authorize", carried)

    @app.post("/authorize")
    async def chosen(
        request: Request,
        persona: Annotated[str, Form()],
        client_id: Annotated[str, Form()],
        redirect_uri: Annotated[str, Form()],
        state: Annotated[str, Form()],
        code_challenge: Annotated[str, Form()],
        nonce: Annotated[str, Form()] = "",
    ) -> Response:
        _of_this_machine(request)
        known(client_id, redirect_uri)
        if persona not in {each.name for each in parent.state.personas}:
            raise HTTPException(400)
        code = secrets.token_urlsafe(24)
        with lock:
            for old in [each for each, told in codes.items() if time.monotonic() - told.at > _CODE_SECONDS]:
                del codes[old]
            codes[code] = _Code(time.monotonic(), persona, code_challenge, nonce)
        return RedirectResponse(f"{redirect_uri}?{urlencode({'code': code, 'state': state})}", 303)

    @app.post("/token")
    async def token(
        request: Request,
        code: Annotated[str, Form()],
        code_verifier: Annotated[str, Form()],
        redirect_uri: Annotated[str, Form()],
        client_id: Annotated[str, Form()],
        grant_type: Annotated[str, Form()] = "",
    ) -> Response:
        _of_this_machine(request)
        known(client_id, redirect_uri)
        with lock:
            found = codes.pop(code, None)
        hashed = base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()
        stale = found is None or time.monotonic() - found.at > _CODE_SECONDS
        if found is None or stale or grant_type != "authorization_code":
            return JSONResponse({"error": "invalid_grant"}, 400)
        if not hmac.compare_digest(hashed, found.challenge):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {
            "iss": issuer,
            "sub": hashlib.sha256(found.name.encode()).hexdigest(),
            "aud": client_id,
            "iat": now,
            "exp": now + _TOKEN_SECONDS,
            "nonce": found.nonce,
            "preferred_username": found.name,
        }
        signed = jwt.encode({"alg": "RS256", "kid": app.state.key.kid}, claims, app.state.key)
        told = {"access_token": signed, "id_token": signed, "token_type": "Bearer", "expires_in": _TOKEN_SECONDS}
        return JSONResponse(told, headers={"Cache-Control": "no-store"})

    @app.get("/logout")
    async def logout(request: Request, post_logout_redirect_uri: str = "") -> Response:
        _of_this_machine(request)
        own = post_logout_redirect_uri in (config.url, config.url + "/")
        return RedirectResponse(post_logout_redirect_uri if own else config.url + "/", 303)

    return app


def new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": secrets.token_hex(4)})


def _of_this_machine(request: Request) -> None:
    if request.client is None or not is_loopback(request.client.host):
        raise HTTPException(404)
