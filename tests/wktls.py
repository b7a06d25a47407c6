"""TLS for tests: a certificate of this computer, and a proxy that takes it off."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def certificate() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM), private


@contextmanager
def proxy(port: int, to: int, folder: Path) -> Iterator[Path]:
    """TLS at `localhost:port`, plain to `to`; yields the file with the certificate to trust."""
    made, key = certificate()
    (folder / "ca.pem").write_bytes(made)
    (folder / "proxy.pem").write_bytes(made + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "proxy.pem")
    listener = socket.create_server(("127.0.0.1", port))
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=_pass_on, args=(plain, context, to))
            thread.start()
            threads.append(thread)

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield folder / "ca.pem"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for each in (accepting, *threads):
            each.join(60)


def _pass_on(plain: socket.socket, context: ssl.SSLContext, to: int) -> None:
    """One request at a time and one answer, as HTTP has it."""
    with (
        suppress(OSError),
        context.wrap_socket(plain, server_side=True) as client,
        socket.create_connection(("127.0.0.1", to)) as server,
    ):
        client.settimeout(0.05)
        server.settimeout(0.05)
        while _pump(client, server) and _pump(server, client):
            pass


def _pump(one: socket.socket, other: socket.socket) -> bool:
    """What is there now; False when that side has ended."""
    with suppress(TimeoutError):
        data = one.recv(65536)
        if not data:
            return False
        other.settimeout(10)
        other.sendall(data)
        other.settimeout(0.05)
    return True
