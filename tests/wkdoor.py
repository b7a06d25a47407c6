"""A small door of the platform of its own, written from the interface and from nothing else: durable receipts, and it
misbehaves on command.

`faults` is a queue: each request to `/events` takes one from its front. `""` behaves; `drop` hangs up before anything
is stored; `late` stores and then hangs up; `half` stores everything and gives receipts of the first half; `429`, `500`,
`503` answer so without storing; `junk` stores and answers something else; `401` forgets the tokens it gave.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwk, jwt
from joserfc.errors import JoseError


class Door:
    """`arrived`: (source, id) of everything that was stored, each time; `receipts`: what stands for each."""

    def __init__(self, public_key: dict[str, Any], client_id: str = "coach-oost") -> None:
        self.client_id = client_id
        self.key = jwk.import_key(public_key)
        self.faults: deque[str] = deque()
        self.arrived: list[tuple[str, str]] = []
        self.receipts: dict[tuple[str, str], dict[str, Any]] = {}
        self.lines: dict[tuple[str, str], bytes] = {}
        self.refuse: set[str] = set()
        self.poison: set[str] = set()
        self.most_at_once = 0
        self.tokens: set[str] = set()
        self.jtis: set[str] = set()
        self.retry_after = "0.1"
        self.guard = threading.Lock()
        door = self

        class Handler(_Handler):
            pass

        Handler.door = door
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def take(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        with self.guard:
            self.most_at_once = max(self.most_at_once, len(events))
            return [self._take(event) for event in events]

    def _take(self, event: dict[str, Any]) -> dict[str, Any]:
        key = (event["source"], event["id"])
        self.arrived.append(key)
        receipt = {
            "source": key[0],
            "id": key[1],
            "reason": None,
            "detail": None,
            "mend": None,
            "at": "2026-01-05T09:00:00Z",
        }
        if event["id"] in self.refuse:
            return {
                **receipt,
                "status": "refused",
                "reason": "no_legal_basis",
                "detail": "subject",
                "mend": "enrol first",
            }
        line = json.dumps(event, sort_keys=True).encode()
        if key in self.receipts:
            if self.lines[key] != line:
                return {**receipt, "status": "refused", "reason": "conflicting_duplicate", "detail": "id"}
            return {**receipt, "status": "duplicate"}
        self.lines[key] = line
        self.receipts[key] = {**receipt, "status": "accepted"}
        return self.receipts[key]


class _Handler(BaseHTTPRequestHandler):
    door: Door
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/token":
            self._token(parse_qs(body.decode()))
        elif self.path == "/events":
            self._events(body)
        else:
            self._answer(404, {})

    def _token(self, form: dict[str, list[str]]) -> None:
        door = self.door
        try:
            claims = jwt.decode(form["client_assertion"][0], door.key, algorithms=["PS256", "ES256"]).claims
            jwt.JWTClaimsRegistry(iss={"essential": True, "value": door.client_id},
                sub={"essential": True, "value": door.client_id}, aud={"essential": True, "value": f"{door.url}/token"},
                exp={"essential": True}, jti={"essential": True}).validate(claims)  # fmt: skip
            assert form["grant_type"] == ["client_credentials"]
            assert claims["jti"] not in door.jtis
        except (JoseError, AssertionError, KeyError, ValueError):
            self._answer(401, {"error": "invalid_client"})
            return
        door.jtis.add(claims["jti"])
        token = secrets.token_urlsafe(16)
        door.tokens.add(token)
        self._answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": 600})

    def _events(self, body: bytes) -> None:
        door = self.door
        with door.guard:
            fault = door.faults.popleft() if door.faults else ""
        if fault == "401":
            door.tokens.clear()
        if self.headers["authorization"].removeprefix("Bearer ") not in door.tokens:
            self._answer(401, {"title": "token"})
        elif fault == "drop":
            self._hang_up()
        elif fault in ("429", "503"):
            self._answer(int(fault), {"title": "wait"}, {"retry-after": door.retry_after})
        elif fault == "500":
            self._answer(500, {"title": "broken"})
        else:
            self._take(json.loads(body), fault)

    def _take(self, events: list[dict[str, Any]], fault: str) -> None:
        door = self.door
        if any(event["id"] in door.poison for event in events):
            self._answer(400, {"title": "malformed", "reason": "malformed", "detail": "id", "mend": "give another id"})
            return
        receipts = door.take(events)
        if fault == "late":
            self._hang_up()
        elif fault == "junk":
            self._answer(202, "<html>", {"content-type": "text/html"})
        else:
            self._answer(202, receipts[: len(receipts) // 2] if fault == "half" else receipts)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    def _answer(self, status: int, told: Any, headers: dict[str, str] | None = None) -> None:
        body = told.encode() if isinstance(told, str) else json.dumps(told).encode()
        self.send_response(status)
        for name, value in {
            "content-type": "application/json",
            "content-length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
