"""Partners' public keys for the HTTP door: two at a time, so that a key is changed without a gap."""

from __future__ import annotations

import json
import re
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey
from psycopg.types.json import Jsonb

from woonketen.contracts.errors import ConfigurationError
from woonketen.orchestration.platform import Platform
from woonketen.projections.database import told

MOST = 2
SMALLEST_RSA = 2048
_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
_KID = re.compile(r"[A-Za-z0-9._~-]{1,100}\Z")


def add_key(platform: Platform, org: str, text: str) -> dict[str, Any]:
    """Registers a public JWK. The same again is fine; a third is refused. Raises `ConfigurationError`."""
    _registered(platform, org)
    kid, jwk = checked(text)
    connection = platform.parts.processor
    with told(), connection.transaction():
        connection.execute("LOCK TABLE web.client_key IN SHARE ROW EXCLUSIVE MODE")
        rows = connection.execute("SELECT kid, jwk, revoked_at FROM web.client_key WHERE org = %s", [org]).fetchall()
        known = {each: (found, revoked) for each, found, revoked in rows}
        if kid in known:
            found, revoked = known[kid]
            if revoked is not None:
                raise ConfigurationError("This key was revoked.", "Make a new one.")
            if found != jwk:
                raise ConfigurationError("Another key has this kid.", "Give the new key a kid of its own.")
            return {"org": org, "client_id": org, "kid": kid}
        if sum(revoked is None for _, revoked in known.values()) >= MOST:
            raise ConfigurationError(
                f"This organisation has {MOST} keys already.", "Revoke the old one first: --revoke KID."
            )
        connection.execute("INSERT INTO web.client_key (org, kid, jwk) VALUES (%s, %s, %s)", [org, kid, Jsonb(jwk)])
    return {"org": org, "client_id": org, "kid": kid}


def revoke_key(platform: Platform, org: str, kid: str) -> dict[str, Any]:
    """From now on neither the key nor a token that was given for it is good. Again is nothing."""
    with told():
        row = platform.parts.processor.execute(
            "UPDATE web.client_key SET revoked_at = coalesce(revoked_at, now()) WHERE org = %s AND kid = %s"
            " RETURNING revoked_at",
            [org, kid],
        ).fetchone()
    if row is None:
        raise ConfigurationError(
            "This organisation has no such key.", "Look at `woonketen org credentials ORG --list`."
        )
    return {"org": org, "kid": kid, "revoked_at": row[0].isoformat(timespec="seconds")}


def keys(platform: Platform, org: str) -> list[dict[str, Any]]:
    _registered(platform, org)
    with told():
        rows = platform.parts.processor.execute(
            "SELECT kid, jwk ->> 'kty', added_at, revoked_at FROM web.client_key WHERE org = %s ORDER BY added_at",
            [org],
        ).fetchall()
    return [
        {
            "kid": kid,
            "kty": kty,
            "added_at": added.isoformat(timespec="seconds"),
            "revoked_at": None if revoked is None else revoked.isoformat(timespec="seconds"),
        }
        for kid, kty, added, revoked in rows
    ]


def checked(text: str) -> tuple[str, dict[str, Any]]:
    """Key id and public JWK of a file. Without a `kid` its thumbprint (RFC 7638) is taken. Raises
    `ConfigurationError` for a private key, a weak one, or one of a kind that is not taken."""
    try:
        given = json.loads(text)
        if not isinstance(given, dict) or given.get("kty") not in ("RSA", "EC", "OKP"):
            raise ValueError
        key = JWKRegistry.import_key(given)
    except (ValueError, JoseError):
        raise ConfigurationError("That is no JWK.", "Give one public key as a JSON object (RFC 7517).") from None
    if _PRIVATE & given.keys():
        raise ConfigurationError(
            "That is a private key, which stays with the partner.", "Ask for the public half; have this one replaced."
        )
    if not _fits(key, given):
        raise ConfigurationError(
            "A key of this kind is not taken.", f"RSA of at least {SMALLEST_RSA} bits, EC on P-256, or Ed25519."
        )
    kid = str(given.get("kid") or key.thumbprint())
    if not _KID.match(kid):
        raise ConfigurationError("The kid is not usable.", "Letters, digits and . _ ~ - only, at most 100.")
    return kid, {name: value for name, value in given.items() if name in ("kty", "n", "e", "crv", "x", "y")}


def _fits(key: Any, given: dict[str, Any]) -> bool:
    if isinstance(key, RSAKey):
        return bool(key.public_key.key_size >= SMALLEST_RSA)
    if isinstance(key, ECKey):
        return given.get("crv") == "P-256"
    return isinstance(key, OKPKey) and given.get("crv") == "Ed25519"


def _registered(platform: Platform, org: str) -> None:
    if not any(each.org == org and each.left_on is None for each in platform.admission.organisations()):
        raise ConfigurationError("There is no such organisation.", "Register it with `woonketen org add`.")
