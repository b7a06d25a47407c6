"""How to reach Kafka, what things are called there, and its errors in our own words."""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import msgspec

from woonketen.contracts import handshake
from woonketen.contracts.errors import ConfigurationError, Unreachable, WoonketenError
from woonketen.contracts.settings import Settings

EVENTS = "events"
MECHANISM = "SCRAM-SHA-512"
BOOTSTRAP_SECONDS = 6
_KNOCK_SECONDS = 2.0
_CLIENTS = ("aiokafka", "faust", "kafka")


class Link(msgspec.Struct, frozen=True):
    """`prefix` stands before every topic, user and group of this installation, so that several share a cluster. `ca`: a
    file with certificates to trust in place of the system's."""

    bootstrap: str
    user: str | None = None
    password: str | None = None
    security: str = "sasl_ssl"
    prefix: str = ""
    ca: str | None = None

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
        return {
            "bootstrap_servers": self.bootstrap.split(","),
            "bootstrap_timeout_ms": BOOTSTRAP_SECONDS * 1000,
            "reconnect_backoff_max_ms": 1000,
            **self.login(),
        }

    def login(self) -> dict[str, Any]:
        """How one gets in, in the words that kafka-python and aiokafka share."""
        told: dict[str, Any] = {"security_protocol": self.security.upper()}
        if self.security != "plaintext":
            told |= {
                "sasl_mechanism": MECHANISM,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        if self.security == "sasl_ssl":
            told["ssl_context"] = self.trust()
        return told

    def trust(self) -> ssl.SSLContext:
        """Raises `ConfigurationError` where the file of `ca` has no certificates."""
        return handshake.trusting(self.ca)


def need_clients() -> None:
    """Raises `ConfigurationError` where the libraries of the scaled engine are not installed; imports none of them. All
    are asked for wherever that engine is set, so that `init` says it, and not a worker in the night."""
    # Faust takes its own module's place once it is imported, and that has no spec to be found.
    lacking = [each for each in _CLIENTS if sys.modules.get(each) is None and find_spec(each) is None]
    if lacking:
        raise ConfigurationError(
            f"The libraries of the scaled engine are not installed ({', '.join(lacking)}).",
            "Install the extra: pip install 'woonketen[scaled]'.",
        )


def link_of(settings: Settings) -> Link:
    """Raises `ConfigurationError` where the settings do not say how to reach it, or its libraries are not there."""
    need_clients()
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
    ca = str(settings.kafka_ca) if settings.kafka_ca else None
    found = Link(settings.kafka, settings.kafka_user, password, settings.kafka_security, settings.kafka_prefix, ca)
    if ca is not None:
        found.trust()  # a wrong file is told before anything is opened
    return found


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
    there = _listening(link)
    if not there:
        return _nobody(link)
    for at in there:
        if (error := _by_tls(link, at)) is not None:
            return error
    brokers = link.bootstrap.count(",") + 1
    if len(there) < brokers:
        return Unreachable(
            f"Kafka at {link.bootstrap} could not do this now: {len(there)} of its {brokers} brokers answer.",
            "Start the others; if that is no help, look at the user and the password (`kafka_password_file`).",
        )
    if kind in ("KafkaTimeoutError", "KafkaConnectionError", ""):
        return _refused(link)
    return Unreachable(f"Kafka at {link.bootstrap} could not do this now ({kind}).", "Look at its log; try again.")


def knock(link: Link) -> None:
    """Raises `Unreachable` at once where nobody listens, or TLS does not come about with any; a client would try for
    seconds. Ask before making one."""
    there = _listening(link)
    if not there:
        raise _nobody(link)
    if link.security == "sasl_ssl":
        errors = [_by_tls(link, at) for at in there]
        if errors[0] is not None and None not in errors:
            raise errors[0]


def _listening(link: Link) -> list[tuple[str, int]]:
    """Those of the bootstrap servers that take a connection."""
    found = []
    for address in link.bootstrap.split(","):
        host, colon, port = address.strip().rpartition(":")
        name, number = (host.strip("[]"), port) if colon else (port, "9092")
        try:
            socket.create_connection((name, int(number)), _KNOCK_SECONDS).close()
        except (OSError, ValueError):
            continue
        found.append((name, int(number)))
    return found


def _by_tls(link: Link, at: tuple[str, int]) -> WoonketenError | None:
    """What TLS has to do with it."""
    where = f"Kafka at {at[0]}:{at[1]}"
    if link.security != "sasl_ssl":
        if handshake.speaks_tls(*at):
            return Unreachable(f"{where} wants TLS.", 'Set `kafka_security = "sasl_ssl"`, or use its other port.')
        return None
    found = handshake.fault(*at, link.trust())
    if found is None or found == "nobody":
        return None
    return Unreachable(*handshake.sentences(found, where, ca="kafka_ca", security="kafka_security"))


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
