"""The settings of an installation, from a mapping: a configuration file and the environment laid over it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from woonketen.contracts.errors import ConfigurationError

ENVIRONMENT_PREFIX = "WOONKETEN_"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Paths are as given (relative to the working directory). `kek_file` lies beside `data`, never inside it: a copy of
    the data folder must not open itself. `kafka_ca`: a file with certificates to trust in place of the system's.
    `kafka_prefix` stands before every topic and user of this installation.
    `backup_hours`: no backup is older than this when a newer one is made; so long a partner's topic keeps what was
    admitted, so that a database restored from it can admit it again."""

    engine: Literal["embedded", "kafka"] = "embedded"
    data: Path = Path("woonketen-data")
    database: str | None = None
    database_password_file: Path | None = None
    kafka: str | None = None
    kafka_user: str | None = None
    kafka_password_file: Path | None = None
    kafka_security: Literal["plaintext", "sasl_plaintext", "sasl_ssl"] = "sasl_ssl"
    kafka_ca: Path | None = None
    kafka_prefix: str = ""
    backup_hours: int = 48
    kek_file: Path | None = None
    ledger: Path | None = None
    policy: Path | None = None
    indicators: Path | None = None
    retention: Path | None = None
    url: str | None = None
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret_file: Path | None = None
    oidc_claim: str = "preferred_username"
    http_rate: float = 50.0

    @property
    def kek(self) -> Path:
        return self.kek_file or self.data.with_name(self.data.name + ".kek")

    @property
    def ledger_file(self) -> Path:
        return self.ledger or self.data.with_name(self.data.name + ".ledger")

    def __repr__(self) -> str:  # a DSN holds a password
        return f"Settings(engine={self.engine!r})"


def settings(file: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """Raises `ConfigurationError` for an unknown key or a value of the wrong form."""
    known = Settings.__struct_fields__
    values = dict(file)
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigurationError(
            f"Unknown key in the configuration: {', '.join(unknown)}.", f"Keys: {', '.join(known)}."
        )
    for key in known:
        laid_over = environment.get(ENVIRONMENT_PREFIX + key.upper())
        if laid_over:
            values[key] = laid_over
    try:
        return msgspec.convert(values, Settings, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"The configuration has a value of the wrong form: {_field(error)}.") from None


def _path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(kind)


def _field(error: msgspec.ValidationError) -> str:
    """The key in a msgspec message; the value stays out of it."""
    text = str(error)
    return text.split("`$.")[-1].rstrip("`") if "`$." in text else "see the list of keys"
