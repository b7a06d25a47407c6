"""`POST /token`: OAuth 2.0 client credentials with `private_key_jwt` (RFC 7523), for partners' systems.

A partner signs an assertion with its own key, of which we hold the public half; it gets a token for ten minutes. Each
assertion works once.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs

import msgspec
import psycopg
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from woonketen.orchestration.platform import Platform
from woonketen.orchestration.web.pool import as_processor
from woonketen.orchestration.web.problems import Problem
from woonketen.orchestration.web.sessions import hashed
from woonketen.projections.database import told

router = APIRouter(tags=["partners"])

ALGORITHMS = ["ES256", "PS256", "RS256", "EdDSA", "Ed25519"]
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN_SECONDS = 600
LONGEST_SECONDS = 300
_LEEWAY = 30
_KEYS = "SELECT kid, jwk FROM web.client_key WHERE org = %s AND revoked_at IS NULL"
_FORM = {
    "required": True,
    "content": {
        "application/x-www-form-urlencoded": {
            "schema": {
                "type": "object",
                "required": ["grant_type", "client_assertion_type", "client_assertion"],
                "properties": {
                    "grant_type": {"type": "string", "const": "client_credentials"},
                    "client_assertion_type": {"type": "string", "const": TYPE},
                    "client_assertion": {
                        "type": "string",
                        "description": "a JWT: iss = sub = client_id, aud, exp, iat, jti",
                    },
                    "client_id": {"type": "string"},
                    "scope": {"type": "string", "const": "events:write"},
                },
            }
        }
    },
}


@router.post(
    "/token",
    summary="A token for ten minutes, for a signed assertion",
    openapi_extra={"requestBody": _FORM},
    responses={
        200: {"description": "`access_token`, `token_type` and `expires_in`"},
        400: {"description": "`invalid_request` or `unsupported_grant_type`"},
        401: {"description": "`invalid_client`"},
    },
)
async def token(request: Request) -> Response:
    body = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Problem(415, mend="Send application/x-www-form-urlencoded.")
    try:
        fields = parse_qs(body.decode("utf-8"), max_num_fields=20, strict_parsing=False)
    except ValueError:
        return _error(400, "invalid_request", "the form cannot be read")
    if any(len(values) != 1 for values in fields.values()):
        return _error(400, "invalid_request", "give every field once")
    form = {name: values[0] for name, values in fields.items()}
    if form.get("grant_type") != "client_credentials":
        return _error(400, "unsupported_grant_type", "give grant_type=client_credentials")
    if form.get("client_assertion_type") != TYPE or "client_assertion" not in form:
        return _error(400, "invalid_request", f"give client_assertion, and client_assertion_type={TYPE}")
    return await run_in_threadpool(_grant, request, form)


def org_of(platform: Platform, credential: str) -> str | None:
    """Whose token it is; None for one that is unknown, over, or of a key that was revoked."""
    with told():
        row = (
            as_processor(platform)
            .execute(
                "SELECT t.org FROM web.access_token t JOIN web.client_key k ON k.org = t.org AND k.kid = t.kid"
                " WHERE t.token = %b AND t.until > now() AND k.revoked_at IS NULL",
                [hashed(credential)],
            )
            .fetchone()
        )
    return None if row is None else str(row[0])


def publisher(request: Request, platform: Platform) -> str:
    """The organisation that asks. Raises `Problem` 401."""
    kind, _, credential = request.headers.get("authorization", "").partition(" ")
    org = org_of(platform, credential.strip()) if kind.lower() == "bearer" and credential else None
    if org is None:
        raise Problem(
            401, "There is no token, or it is over.", "Ask /token for one.", headers={"WWW-Authenticate": "Bearer"}
        )
    return org


def _grant(request: Request, form: Mapping[str, str]) -> Response:
    assertion = form["client_assertion"]
    org = _claimed(assertion)
    if org is None or form.get("client_id", org) != org:
        return _error(401, "invalid_client", "the assertion cannot be read")
    with request.app.state.platforms.hold() as platform:
        connection = as_processor(platform)
        with told():
            keys = {str(kid): jwk for kid, jwk in connection.execute(_KEYS, [org]).fetchall()}
            left = connection.execute("SELECT left_on FROM admission.org WHERE org = %s", [org]).fetchone()
        base = request.app.state.config.url
        wrong, kid, claims = _checked(assertion, keys, org, (f"{base}/token", base))
        if wrong is None and (left is None or left[0] is not None):
            wrong = "this organisation's feed has ended"
        if wrong is not None:
            return _error(401, "invalid_client", wrong)
        access = secrets.token_urlsafe(32)
        if not _once(connection, org, claims):
            return _error(401, "invalid_client", "the assertion was used before: sign a new one, with a new jti")
        with told():
            connection.execute("DELETE FROM web.access_token WHERE until < now()")
            connection.execute(
                "INSERT INTO web.access_token (token, org, kid, until) VALUES (%b, %s, %s, now() + %s)",
                [hashed(access), org, kid, timedelta(seconds=TOKEN_SECONDS)],
            )
    granted = {
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": TOKEN_SECONDS,
        "scope": "events:write",
    }
    return JSONResponse(granted, headers={"Pragma": "no-cache"})


def _claimed(assertion: str) -> str | None:
    """Who the assertion says it is, unproven: to find the keys by."""
    try:
        name = msgspec.json.decode(jws.extract_compact(assertion.encode("ascii")).payload)["sub"]
    except (JoseError, ValueError, KeyError, TypeError, msgspec.MsgspecError):
        return None
    return name if isinstance(name, str) else None


def _checked(
    assertion: str, keys: Mapping[str, Any], org: str, audiences: tuple[str, ...]
) -> tuple[str | None, str, dict[str, Any]]:
    """What is wrong with it, the key that fits, and its claims."""
    found = None
    used = ""
    for kid, jwk in keys.items():
        try:
            found = jwt.decode(assertion, JWKRegistry.import_key(jwk), algorithms=ALGORITHMS)
            used = kid
            break
        except (JoseError, ValueError):
            continue
    if found is None:
        return "no registered key fits the signature, or its algorithm is not taken", "", {}
    claims: dict[str, Any] = found.claims
    return _wrong(claims, org, audiences, time.time()), used, claims


def _wrong(claims: Mapping[str, Any], org: str, audiences: tuple[str, ...], now: float) -> str | None:
    """
    >>> good = {"iss": "o", "sub": "o", "aud": "u/token", "iat": 100, "exp": 300, "jti": "1"}
    >>> _wrong(good, "o", ("u/token",), 200.0), _wrong({**good, "aud": "v"}, "o", ("u/token",), 200.0)
    (None, 'aud is not u/token')
    """
    if claims.get("iss") != org or claims.get("sub") != org:
        return "iss and sub are not both the client_id"
    aud = claims.get("aud")
    if not (
        aud in audiences if isinstance(aud, str) else isinstance(aud, list) and len(aud) == 1 and aud[0] in audiences
    ):
        return f"aud is not {audiences[0]}"
    exp, iat, nbf = claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)
    if not all(_seconds(each) for each in (exp, iat, nbf)):
        return "exp and iat are required, in seconds"
    if exp <= now - _LEEWAY:  # type: ignore[operator]
        return "the assertion has expired"
    if iat > now + _LEEWAY or nbf > now + _LEEWAY:  # type: ignore[operator]
        return "the assertion comes from the future: set the clock"
    if exp - iat > LONGEST_SECONDS or exp > now + LONGEST_SECONDS + _LEEWAY:  # type: ignore[operator]
        return f"exp may lie at most {LONGEST_SECONDS} seconds after iat"
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= 255:
        return "jti is required, another one for each assertion"
    return None


def _seconds(told: Any) -> bool:
    """NaN compares with nothing, so it would pass every bound."""
    return isinstance(told, int | float) and not isinstance(told, bool) and 0 <= told < 1e11


def _once(connection: psycopg.Connection[Any], org: str, claims: Mapping[str, Any]) -> bool:
    until = datetime.fromtimestamp(claims["exp"], UTC) + timedelta(seconds=2 * _LEEWAY)
    with told():
        connection.execute("DELETE FROM web.assertion WHERE until < now()")
        row = connection.execute(
            "INSERT INTO web.assertion (org, jti, until) VALUES (%s, %b, %s) ON CONFLICT DO NOTHING RETURNING true",
            [org, sha256(claims["jti"].encode()).digest(), until],
        ).fetchone()
    return row is not None


def _error(status: int, code: str, why: str) -> Response:
    """As RFC 6749 section 5.2 has it."""
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    mend = "Sign a new assertion with a registered key, and mend what is told." if status == 401 else why
    return JSONResponse({"error": code, "error_description": why, "mend": mend}, status, headers)
