"""A partner's key pair as JSON Web Keys, and the assertion that proves who is asking. Needs the extra `http`."""

from __future__ import annotations

import json
import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from woonketen.contracts.errors import ConfigurationError

if TYPE_CHECKING:
    from joserfc.jwk import Key

SECONDS = 60
"""How long an assertion holds; each is used once."""
_ALGORITHMS = {"RSA": "PS256", "EC": "ES256"}
"""By kind of key, where the key itself names none; for EC that is P-256."""


def make(path: Path) -> Path:
    """Writes a private key (mode 0600) to `path` and its public half beside it, and returns the latter's path. Raises
    `ConfigurationError` for a file that exists: a key that is in use would be lost."""
    RSAKey = _joserfc("jwk").RSAKey
    key = RSAKey.generate_key(3072, {"use": "sig", "alg": "PS256"}, private=True, auto_kid=True)
    public = path.with_name(f"{path.stem}.public{path.suffix or '.json'}")
    _write(path, key.as_dict(private=True), 0o600)
    _write(public, key.as_dict(private=False), 0o644)
    return public


def read(path: Path) -> Key:
    """Raises `ConfigurationError` for what is no private key."""
    jwk = _joserfc("jwk")
    try:
        found: Key = jwk.import_key(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigurationError(
            f"The key {path} cannot be read: {error.strerror}.", "Give your private JWK."
        ) from None
    except Exception:  # noqa: BLE001 - the library has an error for every way in which a key can be wrong, and quotes it
        found = None  # type: ignore[assignment]
    if found is None or found.key_type not in _ALGORITHMS or not getattr(found, "is_private", False):
        raise ConfigurationError(
            f"{path} holds no private JSON Web Key.", "Make one with: woonketen-publish --make-key FILE"
        )
    return found


def assertion(key: Key, client_id: str, audience: str) -> str:
    """A signed statement (RFC 7523) that this is `client_id`, for `audience` only, once."""
    jwt = _joserfc("jwt")
    given = key.get("alg")
    algorithm = str(given) if given else _ALGORITHMS[key.key_type]
    header = {"alg": algorithm, "typ": "JWT"} | ({"kid": key.kid} if key.kid else {})
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": secrets.token_urlsafe(16),
        "iat": now,
        "exp": now + SECONDS,
    }
    signed: str = jwt.encode(header, claims, key, algorithms=[algorithm])
    return signed


def _joserfc(name: str) -> Any:
    try:
        from joserfc import jwk, jwt
    except ImportError:
        raise ConfigurationError(
            "Delivering over HTTPS needs joserfc, which is not installed.",
            "Install the extra: pip install 'woonketen[http]'.",
        ) from None
    return {"jwk": jwk, "jwt": jwt}[name]


def _write(path: Path, value: dict[str, Any], mode: int) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise ConfigurationError(f"{path} exists already.", "Give another file, or move that one aside.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.", "Give another file.") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.write("\n")
