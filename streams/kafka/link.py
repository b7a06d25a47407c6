"""How to reach Kafka, what things are called there, and its errors in our own words."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from woonketen.contracts.errors import ConfigurationError, Unreachable, WoonketenError
from woonketen.contracts.settings import Settings

EVENTS = "events"
MECHANISM = "SCRAM-SHA-512"
BOOTSTRAP_SECONDS = 6
_KNOCK_SECONDS = 2.0


class Link(msgspec.Struct, frozen=True):
    """`prefix` stands before every topic, user and group of this installation, so that several share a cluster."""

    bootstrap: str
    user: str | None = None
    password: str | None = None
    security: str = "sasl_ssl"
    prefix: str = ""

    def __repr__(self) -> str:
        return "Link(…)"

    # --- names ---

    @property
    def events(self) -> str:
        return f"{self.prefix}{EVENTS}"

    def inbox(self, org: str) -> str:
        """Where the organisation writes."""
        return f"{self.prefix}in.{org}"

    def refused(self, org: str) -> str:
        """Where it reads what was refused."""
        return f"{self.prefix}refused.{org}"

    def partner(self, org: str) -> str:
        """Its user. Never the operator's: an organisation may be called `admin`."""
        return f"{self.prefix}partner.{org}"

    def groups(self, org: str) -> str:
        """What the names of its consumer groups begin with; names of organisations hold no dot."""
        return f"{self.prefix}{org}."

    # --- options of clients ---

    def options(self) -> dict[str, Any]:
        """For kafka-python's clients."""
        common: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap.split(","),
            "security_protocol": self.security.upper(),
            "bootstrap_timeout_ms": BOOTSTRAP_SECONDS * 1000,
            "reconnect_backoff_max_ms": 1000,
        }
        if self.security != "plaintext":
            common |= {
                "sasl_mechanism": MECHANISM,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return common


def link_of(settings: Settings) -> Link:
    """Raises `ConfigurationError` where the settings do not say how to reach it."""
    if not settings.kafka:
        raise ConfigurationError('`engine = "kafka"` needs `kafka`.', 'Write `kafka = "host:port"`.')
    if settings.kafka_security == "plaintext":
        return Link(settings.kafka, security="plaintext", prefix=settings.kafka_prefix)
    if not settings.kafka_user or settings.kafka_password_file is None:
        raise ConfigurationError(
            "Kafka asks for a user and a password here.", "Set `kafka_user` and `kafka_password_file`."
        )
    try:
        password = settings.kafka_password_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(
            f"The password file {settings.kafka_password_file} cannot be read.", "Mend `kafka_password_file`."
        ) from None
    return Link(settings.kafka, settings.kafka_user, password, settings.kafka_security, settings.kafka_prefix)


@contextmanager
def kafka_told(link: Link) -> Iterator[None]:
    """Raises `Unreachable` or `ConfigurationError` for what Kafka or its client says; their own texts stay here, for
    they may quote a message."""
    from kafka import errors

    try:
        yield
    except (errors.TopicAuthorizationFailedError, errors.ClusterAuthorizationFailedError,
            errors.GroupAuthorizationFailedError):  # fmt: skip
        raise ConfigurationError(
            f"Kafka does not let the user {link.user} do this.",
            "Give that user the rights that docs/operations.md names, or name another with `kafka_user`.",
        ) from None
    except errors.SaslAuthenticationFailedError:
        raise _refused(link) from None
    except errors.KafkaError as error:
        raise why_unreachable(link, type(error).__name__) from None


def why_unreachable(link: Link, kind: str = "") -> WoonketenError:
    """Nobody there, or somebody who does not let us in: clients report both as a time-out."""
    if not _somebody(link):
        return _nobody(link)
    if kind in ("KafkaTimeoutError", "KafkaConnectionError", ""):
        return _refused(link)
    return Unreachable(f"Kafka at {link.bootstrap} could not do this now ({kind}).", "Look at its log; try again.")


def knock(link: Link) -> None:
    """Raises `Unreachable` at once where nobody listens; a client would try for seconds. Ask before making one."""
    if not _somebody(link):
        raise _nobody(link)


def _somebody(link: Link) -> bool:
    for address in link.bootstrap.split(","):
        host, colon, port = address.strip().rpartition(":")
        place = (host.strip("[]"), port) if colon else (port, "9092")
        try:
            socket.create_connection((place[0], int(place[1])), _KNOCK_SECONDS).close()
        except (OSError, ValueError):
            continue
        return True
    return False


def _nobody(link: Link) -> WoonketenError:
    return Unreachable(f"Kafka at {link.bootstrap} does not answer.", "Start it, or mend `kafka` in the settings.")


def _refused(link: Link) -> WoonketenError:
    if link.security == "plaintext":
        return Unreachable(
            f"Something answers at {link.bootstrap}, but not as Kafka without a password.",
            "Does it want one? See `kafka_security`, `kafka_user` and `kafka_password_file`.",
        )
    return Unreachable(
        f"Kafka at {link.bootstrap} is there, but does not let the user {link.user} in.",
        "Most often the password (`kafka_password_file`) or the user is wrong, else `kafka_security`"
        f" ({link.security}).",
    )
