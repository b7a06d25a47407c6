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
from urllib.parse import urlencode, urlsplit

import msgspec
from fastapi import APIRouter, Depends, FastAPI, Form, Request
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


class Provider:
    """What the provider remembers. `parent.state.personas`: who can be chosen."""

    def __init__(self, config: WebConfig, parent: FastAPI) -> None:
        self.url, self.issuer, self.back = config.url, config.url + DEMO_ISSUER, config.url + BACK
        self.client_id = "" if config.provider is None else config.provider.client_id
        self.key = new_key()
        self.parent = parent
        self._codes: dict[str, _Code] = {}
        self._lock = threading.Lock()

    def check(self, client_id: str, redirect_uri: str) -> None:
        if client_id != self.client_id or redirect_uri != self.back:
            raise HTTPException(400)

    def give(self, name: str, challenge: str, nonce: str) -> str:
        """A code for one of the personas, good once and for a minute."""
        if name not in {each.name for each in self.parent.state.personas}:
            raise HTTPException(400)
        code = secrets.token_urlsafe(24)
        with self._lock:
            now = time.monotonic()
            self._codes = {each: told for each, told in self._codes.items() if now - told.at <= _CODE_SECONDS}
            self._codes[code] = _Code(now, name, challenge, nonce)
        return code

    def take(self, code: str, verifier: str) -> _Code | None:
        with self._lock:
            found = self._codes.pop(code, None)
        if found is None or time.monotonic() - found.at > _CODE_SECONDS:
            return None
        hashed = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        return found if hmac.compare_digest(hashed.encode(), found.challenge.encode()) else None

    def token(self, found: _Code) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": hashlib.sha256(found.name.encode()).hexdigest(),
            "aud": self.client_id,
            "iat": now,
            "exp": now + _TOKEN_SECONDS,
            "nonce": found.nonce,
            "preferred_username": found.name,
        }
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)


def new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": secrets.token_hex(4)})


def install(app: FastAPI, config: WebConfig) -> None:
    """Raises `ConfigurationError` where others could reach it."""
    where = urlsplit(config.url)
    if not config.demo or not is_loopback(config.host) or not is_loopback(where.hostname or ""):
        raise ConfigurationError("The demo's sign-in listens on this machine only.", "Leave --demo out.")
    made = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    made.state.provider = app.state.idp = Provider(config, app)
    made.include_router(router)
    app.mount(DEMO_ISSUER, made)


def _of_this_machine(request: Request) -> Provider:
    if request.client is None or not is_loopback(request.client.host):
        raise HTTPException(404)
    found: Provider = request.app.state.provider
    return found


router = APIRouter()
Here = Annotated[Provider, Depends(_of_this_machine)]
Field = Annotated[str, Form()]


@router.get("/.well-known/openid-configuration")
async def discovery(here: Here) -> dict[str, Any]:
    return {
        "issuer": here.issuer,
        "authorization_endpoint": f"{here.issuer}/authorize",
        "token_endpoint": f"{here.issuer}/token",
        "jwks_uri": f"{here.issuer}/jwks",
        "end_session_endpoint": f"{here.issuer}/logout",
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "claims_supported": ["sub", "preferred_username"],
    }


@router.get("/jwks")
async def jwks(here: Here) -> dict[str, Any]:
    return {"keys": [here.key.as_dict(private=False)]}


@router.get("/authorize")
async def choose(
    request: Request,
    here: Here,
    client_id: str,
    redirect_uri: str,
    state: str,
    code_challenge: str,
    code_challenge_method: str = "",
    nonce: str = "",
) -> Response:
    here.check(client_id, redirect_uri)
    if code_challenge_method != "S256":
        raise HTTPException(400)
    carried = {
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": code_challenge,
        "nonce": nonce,
    }
    return pages.persona_page(request, here.parent.state.personas, f"{DEMO_ISSUER}/authorize", carried)


@router.post("/authorize")
async def chosen(
    here: Here,
    persona: Field,
    client_id: Field,
    redirect_uri: Field,
    state: Field,
    code_challenge: Field,
    nonce: Field = "",
) -> Response:
    here.check(client_id, redirect_uri)
    code = here.give(persona, code_challenge, nonce)
    return RedirectResponse(f"{redirect_uri}?{urlencode({'code': code, 'state': state})}", 303)


@router.post("/token")
async def token(
    here: Here,
    code: Field,
    code_verifier: Field,
    redirect_uri: Field,
    client_id: Field,
    grant_type: Field = "",
) -> Response:
    here.check(client_id, redirect_uri)
    found = here.take(code, code_verifier)
    if found is None or grant_type != "authorization_code":
        return JSONResponse({"error": "invalid_grant"}, 400)
    signed = here.token(found)
    told = {"access_token": signed, "id_token": signed, "token_type": "Bearer", "expires_in": _TOKEN_SECONDS}
    return JSONResponse(told, headers={"Cache-Control": "no-store"})


@router.get("/logout")
async def logout(here: Here, post_logout_redirect_uri: str = "") -> Response:
    own = post_logout_redirect_uri in (here.url, here.url + "/")
    return RedirectResponse(post_logout_redirect_uri if own else here.url + "/", 303)
