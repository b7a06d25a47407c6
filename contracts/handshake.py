"""Why nobody gets through to a broker over TLS: one handshake of our own, for Kafka's clients report it as a time-out.

Of platform and publisher alike; needs the standard library only.
"""

from __future__ import annotations

import socket
import ssl
from typing import Literal

from woonketen.contracts.errors import ConfigurationError

Fault = Literal["nobody", "plain", "expired", "early", "name", "authority", "other"]
SECONDS = 5.0

_EARLY, _EXPIRED = 9, 10
_NAMES = frozenset({62, 64})
"""OpenSSL's numbers of what is wrong with a certificate; every other one is about who signed it."""

_TOLD: dict[Fault, tuple[str, str]] = {
    "plain": ("Something answers at {at}, but not over TLS.", "Is that the port for TLS? Else look at `{security}`."),
    "expired": ("The certificate of {at} has expired.", "Whoever runs the broker has to renew it."),
    "early": ("The certificate of {at} is not valid yet.", "Look at the clock of this machine, then at the broker's."),
    "name": ("The certificate of {at} is for another name.", "Use the name that stands in it, or let it be renewed."),
    "authority": (
        "The certificate of {at} is signed by nobody whom this machine trusts.",
        "Give the file with the certificate of its authority with `{ca}`.",
    ),
    "other": (
        "{at} and this machine agree on no TLS.",
        "It has to speak TLS 1.2 or newer, and ask us for none.",
    ),
}


def trusting(ca: str | None) -> ssl.SSLContext:
    """`ca`: a file with certificates in PEM, in place of those of the system. Raises `ConfigurationError`."""
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError):
        raise ConfigurationError(f"{ca} holds no certificates.", "Give a file in PEM.") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def fault(host: str, port: int, context: ssl.SSLContext) -> Fault | None:
    """What keeps a client out; None when the handshake succeeds."""
    try:
        plain = socket.create_connection((host, port), SECONDS)
    except OSError:
        return "nobody"
    with plain:
        try:
            context.wrap_socket(plain, server_hostname=host).close()
        except ssl.SSLCertVerificationError as error:
            return of_certificate(error.verify_code)
        except ssl.SSLError as error:
            return "plain" if error.reason in _NO_TLS else "other"
        except OSError:  # it hangs up, or waits for what it understands
            return "plain"
    return None


_NO_TLS = ("WRONG_VERSION_NUMBER", "UNEXPECTED_EOF_WHILE_READING", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")


def of_certificate(code: int) -> Fault:
    if code in (_EARLY, _EXPIRED):
        return "early" if code == _EARLY else "expired"
    return "name" if code in _NAMES else "authority"


def speaks_tls(host: str, port: int) -> bool:
    """Whoever it is: nothing is sent over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return fault(host, port, context) in (None, "other")


def sentences(found: Fault, at: str, *, ca: str, security: str) -> tuple[str, str]:
    """What is wrong and the mend. `ca`, `security`: what the settings for these are called."""
    message, mend = _TOLD[found]
    return message.format(at=at), mend.format(ca=ca, security=security)
