"""A TCP proxy of the tests' own: connections through it can be cut, held up without a word, and let through again."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress


class Proxy:
    """Listens on a free port of 127.0.0.1. Give `target` before the first connection."""

    def __init__(self, target: int = 0) -> None:
        self.target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._open = threading.Event()
        self._open.set()
        self._refusing = False
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> int:
        """Everything that runs through it breaks, and nobody new gets in. The number of connections that there were."""
        self._refusing = True
        with self._lock:
            for pair in self._pairs:
                for end in pair:
                    with suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)
            return len(self._pairs)

    def hold(self) -> int:
        """Nothing passes any more, and nobody is told. The number of connections that there are."""
        self._open.clear()
        with self._lock:
            return len(self._pairs)

    def mend(self) -> None:
        self._refusing = False
        self._open.set()

    def close(self) -> None:
        self.cut()
        self._open.set()
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        with client:
            if self._refusing:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                return
            with server:
                if server.getsockname() == server.getpeername():
                    return  # nobody listens there, and by chance our own end got that very port: it met itself
                pair = (client, server)
                with self._lock:
                    self._pairs.add(pair)
                one = threading.Thread(target=self._pump, args=pair, daemon=True)
                one.start()
                self._pump(server, client)
                one.join()
                with self._lock:
                    self._pairs.discard(pair)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                while not self._open.wait(0.5):
                    if self._refusing:
                        return
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def wait_open(port: int, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert time.monotonic() < deadline, "nobody answers"
        time.sleep(0.05)
