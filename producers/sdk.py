"""Publishing from Python.

    from woonketen.producers.sdk import HttpSender, Outbox, Publisher

    with Publisher(
        Outbox("outbox.sqlite"),
        HttpSender("https://woonketen.example", client_id="coach-oost", key="coach-oost.jwk"),
        source="urn:nld:kvknr:41012345:systeem:coaching",
    ) as publisher:
        publisher.publish(
            "coach.visit_held",
            "K-88",
            {"visit_id": "V-1", "channel": "door", "present": ["resident"], "worker": "W-17"},
            occurred_on=date(2026, 2, 24),
            id="visit-1",
        )

`publish` returns when the event is on disk. It is sent by `flush`, at the end of the block, or, with `background=True`,
by a thread. Whatever the platform does, and however this process ends, it is sent until it has a receipt.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Self

import msgspec

from woonketen.contracts import catalogue
from woonketen.contracts.errors import ConfigurationError, ConflictingDuplicate, Refusal, SchemaError, WoonketenError
from woonketen.producers.checking import check, sources
from woonketen.producers.delivery import Delivered, Sender, deliver
from woonketen.producers.outbox import Outbox, Status
from woonketen.producers.send_http import HttpSender
from woonketen.producers.send_kafka import KafkaSender

__all__ = ["HttpSender", "KafkaSender", "Outbox", "Publisher", "Refusal", "WoonketenError"]

_PAUSE = 30.0
"""Seconds after which the thread tries again when sending failed in a way that waiting might not mend."""


class Publisher:
    """`source`: the registered source of your system. Outbox and sender are closed with it.

    May be used from several threads. `background`: a thread sends as soon as something is stored; its last error stands
    in `error`, and nothing is lost by it.
    """

    def __init__(self, outbox: Outbox, sender: Sender, *, source: str, background: bool = False) -> None:
        self._outbox = outbox
        self._sender = sender
        self._source = source
        self._own = sources([source])
        self._sending = threading.Lock()
        self._stop = threading.Event()
        self._news = threading.Event()
        self.error: WoonketenError | None = None
        self._thread: threading.Thread | None = None
        if background:
            self._news.set()  # what waits from before
            self._thread = threading.Thread(target=self._send_on, name="woonketen-publish", daemon=True)
            self._thread.start()

    def publish(
        self,
        type: str,  # noqa: A002 - the attributes' own names
        subject: str | None,
        data: Mapping[str, Any] | msgspec.Struct,
        *,
        occurred_on: date | None = None,
        id: str | None = None,  # noqa: A002
        time: datetime | None = None,
    ) -> str:
        """Checks the event and stores it durably; returns its id.

        `type`: a name of the catalogue, `lease.started`. `subject`: your own pseudonym of the resident. `data`: the
        payload, as a mapping or as a struct of `woonketen.contracts.payloads`; `occurred_on` may stand in it. `id`:
        yours; the same id with the same content again is stored once; without one it is a UUID. `time`: when it was
        recorded, with a zone; default now.

        Raises a `Refusal` (with `reason`, `detail`: the field, and `mend`) for what the platform would refuse, and
        `OutboxFull`. Neither holds a value of the event.
        """
        line = self._line(type, subject, data, occurred_on, id or str(uuid.uuid4()), time)
        event = check(line, self._own, strict=True)
        (stored,) = self._outbox.put([event])
        if stored == "conflict":
            raise ConflictingDuplicate("id", "another event has this id: send event.corrected to mend that one")
        self._news.set()
        return event.id

    def _line(
        self,
        name: str,
        subject: str | None,
        data: Mapping[str, Any] | msgspec.Struct,
        occurred_on: date | None,
        event_id: str,
        time: datetime | None,
    ) -> bytes:
        if time is not None and time.tzinfo is None:
            raise ConfigurationError("A moment has no zone.", "Give `time` with one, as datetime.now(UTC).")
        short = name.removeprefix(catalogue.PREFIX)
        try:
            payload = msgspec.to_builtins(data)
        except TypeError:
            raise SchemaError("data", "give texts, numbers, dates, lists and mappings of these") from None
        if occurred_on is not None:
            payload = {"occurred_on": occurred_on, **payload}
        contract = catalogue.contract_of(short)
        event = {
            "specversion": "1.0",
            "id": event_id,
            "source": self._source,
            "type": catalogue.PREFIX + short + (f".v{contract.version}" if contract.version > 1 else ""),
            "time": time or datetime.now(UTC),
            "datacontenttype": "application/json",
            "dataschema": contract.dataschema,
            "data": payload,
        }
        if subject is not None:
            event["subject"] = subject
        return msgspec.json.encode(event)

    def flush(self, patience: float | None = None) -> Delivered:
        """Sends what waits; returns when everything has its receipt. Raises `Unreachable` after `patience` seconds
        without an answer (None: never), `ConfigurationError` when trying again cannot help."""
        with self._sending:
            return deliver(self._outbox, self._sender, self._stop, patience=patience)

    def status(self) -> Status:
        """How many events are in which state, and since when the oldest waits."""
        return self._outbox.status()

    def _send_on(self) -> None:
        while not self._stop.is_set():
            self._news.wait()
            self._news.clear()
            if self._stop.is_set():
                return
            try:
                self.flush()
                self.error = None
            except Exception as error:  # noqa: BLE001 - the thread goes on; `error` tells
                mine = WoonketenError(f"Sending failed ({error.__class__.__name__}).")
                self.error = error if isinstance(error, WoonketenError) else mine
                self._stop.wait(_PAUSE)
                self._news.set()

    def close(self, patience: float | None = 30.0) -> None:
        """Tries for `patience` seconds to send what waits, then closes; what is left is sent by the next who opens the
        outbox."""
        try:
            if self._thread is not None:
                self._stop.set()
                self._news.set()
                self._thread.join()
                self._stop.clear()
            if patience is not None:
                self.flush(patience)
        except WoonketenError as error:
            self.error = error
        finally:
            self._sender.close()
            self._outbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
