"""Over HTTPS: batches of CloudEvents to `POST /events`, with a token of `POST /token`. Needs the extra `http`."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from woonketen.contracts.errors import ConfigurationError, NotLetIn, TryLater, Unreachable
from woonketen.producers import keys
from woonketen.producers.outbox import Outbox, Outcome, State, Waiting

if TYPE_CHECKING:
    import httpx2

    from woonketen.producers.delivery import Stop

MOST = 500
BATCH = "application/cloudevents-batch+json"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_SPLIT = {400, 403, 413, 422}
"""Answers about a whole batch that one event may have caused: the batch is halved until that event stands alone."""
_REASONS = {400: "malformed", 403: "not_your_source", 413: "too_large", 422: "malformed"}
_ANSWERS: dict[str, State] = {
    "accepted": "accepted",
    "duplicate": "duplicate",
    "parked": "parked",
    "refused": "refused",
}


class HttpSender:
    """`url`: of the platform, without `/events`. `key`: the file with the private JWK whose public half the platform
    knows. `ca`: a file with certificates to trust in place of the system's. Raises `ConfigurationError` for an address
    without TLS, but for one on this computer."""

    def __init__(self, url: str, client_id: str, key: Path | str, *, ca: Path | str | None = None) -> None:
        self._url = checked(url)
        self._client_id = client_id
        self._key = keys.read(Path(key))
        self._client = _client(ca)
        self._most = MOST
        self._token: tuple[str, float] | None = None

    @property
    def most(self) -> int:
        return self._most

    def close(self) -> None:
        self._client.close()

    def refusals(self, outbox: Outbox, *, last: bool) -> int:
        return 0  # a refusal is an answer to its batch

    def send(self, events: Sequence[Waiting], stop: Stop) -> Sequence[Outcome]:
        events = list(events)
        answer = self._post(events)
        if answer.status_code == 401:  # the token ended, or the platform started anew
            self._token = None
            answer = self._post(events)
        if answer.is_success:
            self._most = min(self._most * 2, MOST)
            return outcomes(events, answer.content)
        if answer.status_code in _SPLIT and len(events) > 1:
            self._most = max(len(events) // 2, 1)
            head = self.send(events[: self._most], stop)
            return [*head, *(Outcome(event.seq, "waiting") for event in events[len(head) :])]
        if answer.status_code in _SPLIT:
            return [Outcome(events[0].seq, "refused", _refused(events[0], answer.status_code, answer.content))]
        raise _error(answer.status_code, answer.headers)

    def _post(self, events: Sequence[Waiting]) -> httpx2.Response:
        body = b"[" + b",".join(event.line for event in events) + b"]"
        headers = {"content-type": BATCH, "authorization": f"Bearer {self._bearer()}"}
        return self._ask("/events", body, headers)

    def _bearer(self) -> str:
        if self._token is None or time.monotonic() >= self._token[1]:
            self._token = self._ask_token()
        return self._token[0]

    def _ask_token(self) -> tuple[str, float]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": keys.assertion(self._key, self._client_id, f"{self._url}/token"),
        }
        answer = self._ask("/token", form, {})
        if answer.status_code in (400, 401, 403):
            raise NotLetIn(
                "The platform does not accept this client id with this key.",
                "Check both, and that the platform's operator has registered your public key; check this clock too.",
            )
        if not answer.is_success:
            raise _error(answer.status_code, answer.headers)
        try:
            told = msgspec.json.decode(answer.content, type=_Token)
        except msgspec.MsgspecError:
            raise Unreachable("The platform's answer to a request for a token is no token.", _OPERATOR) from None
        return told.access_token, time.monotonic() + max(told.expires_in - 30, 5)

    def _ask(self, path: str, body: bytes | dict[str, str], headers: dict[str, str]) -> httpx2.Response:
        import httpx2

        given: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"data": body}
        try:
            return self._client.post(self._url + path, headers=headers, **given)
        except httpx2.TransportError as error:
            if _is_certificate(error):
                raise ConfigurationError(
                    "The platform's certificate is not trusted.", "Give the certificate of its authority with --ca."
                ) from None
            raise Unreachable(f"The platform does not answer ({type(error).__name__}).", _OPERATOR) from None
        except httpx2.HTTPError as error:
            raise Unreachable(f"The platform's answer is broken ({type(error).__name__}).", _OPERATOR) from None


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float = 300


_OPERATOR = "Look at the network, or ask the platform's operator."


def checked(url: str) -> str:
    """The address without its last slash."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment or parts.username:
        raise ConfigurationError("That is no address of a platform.", "Give one as https://host or kafka://host:port.")
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise ConfigurationError("Events never travel without TLS.", "Give an address that begins with https://.")
    return url.rstrip("/")


def outcomes(events: Sequence[Waiting], body: bytes) -> list[Outcome]:
    """The receipts in an answer, found by source and id; where both are kept back because of what they hold, by place.
    An event without a receipt is sent again."""
    receipts = _receipts(body)
    by_id = {(each.get("source"), each.get("id")): each for each in receipts}
    found = []
    for place, event in enumerate(events):
        receipt = by_id.get((event.source, event.id))
        if receipt is None and len(receipts) == len(events) and _may_be_of(event, receipts[place]):
            receipt = receipts[place]
        state = _ANSWERS.get(str(receipt.get("status"))) if receipt is not None else None
        if receipt is None or state is None:
            found.append(Outcome(event.seq, "waiting", error="no_receipt"))
        else:
            found.append(Outcome(event.seq, state, msgspec.json.encode(receipt)))
    return found


def _may_be_of(event: Waiting, receipt: dict[str, Any]) -> bool:
    """A receipt repeats no source that is not the publisher's own, and no id that says too much."""
    return receipt.get("source") in (event.source, None) and receipt.get("id") in (event.id, None)


def _receipts(body: bytes) -> list[dict[str, Any]]:
    try:
        told = msgspec.json.decode(body)
    except msgspec.MsgspecError:
        return []
    if isinstance(told, dict):
        told = told["receipts"] if isinstance(told.get("receipts"), list) else [told]
    return [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []


def _refused(event: Waiting, status: int, body: bytes) -> bytes:
    """A receipt from a problem (RFC 9457) about one event."""
    try:
        problem = msgspec.json.decode(body)
    except msgspec.MsgspecError:
        problem = {}
    told = problem if isinstance(problem, dict) else {}
    if isinstance(told.get("receipt"), dict):
        return msgspec.json.encode(told["receipt"])
    receipt = {
        "source": event.source,
        "id": event.id,
        "status": "refused",
        "reason": told.get("reason") or _REASONS[status],
        "detail": told.get("detail"),
        "mend": told.get("mend"),
        "at": datetime.now(UTC).isoformat(),
    }
    return msgspec.json.encode(receipt)


def _error(status: int, headers: Any) -> Exception:
    if status == 429 or (status == 503 and "retry-after" in headers):
        return TryLater("The platform asks to wait.", after=_retry_after(headers.get("retry-after")))
    if status >= 500 or status in (408, 425):
        return Unreachable(f"The platform cannot take events now ({status}).", _OPERATOR)
    if status == 401:
        return NotLetIn("The platform does not accept its own token.", _OPERATOR)
    return ConfigurationError(f"There is no door of the platform at this address ({status}).", "Check --to.")


def _retry_after(given: str | None, now: Callable[[], float] = time.time) -> float:
    """Seconds, given as a number or as a date; at most an hour, so that a wrong header stops nobody for days."""
    try:
        seconds = float(given or 1)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(given or "").timestamp() - now()
        except ValueError:
            seconds = 1.0
    return min(max(seconds, 0.1), 3600.0) if seconds == seconds else 1.0


def _client(ca: Path | str | None) -> httpx2.Client:
    try:
        import httpx2
    except ImportError:
        raise ConfigurationError(
            "Delivering over HTTPS needs httpx2, which is not installed.",
            "Install the extra: pip install 'woonketen[http]'.",
        ) from None
    try:
        trust = ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ssl.SSLError):
        raise ConfigurationError(f"{ca} holds no certificates.", "Give a file in PEM.") from None
    trust.minimum_version = ssl.TLSVersion.TLSv1_2
    return httpx2.Client(verify=trust, timeout=httpx2.Timeout(60.0, connect=10.0), follow_redirects=False)


def _is_certificate(error: BaseException) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return True
        seen = seen.__cause__ or seen.__context__
    return "CERTIFICATE_VERIFY_FAILED" in str(error)
