"""Over Kafka: each event to `in.<org>` in structured mode; what is refused is read from `refused.<org>`.

Needs the extra `kafka`. kafka-python bounds its memory no more, so no more than `MOST` events are ever in its hands,
and each one's future is looked at. When something stalls, the producer is thrown away with what it holds and everything
is sent again: one that tries on by itself could bring an event in behind a later one of the same resident.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from woonketen.contracts import handshake
from woonketen.contracts.errors import ConfigurationError, NotLetIn, Unreachable, WoonketenError
from woonketen.producers.outbox import Outbox, Outcome, Waiting

if TYPE_CHECKING:
    from woonketen.producers.delivery import Stop

MOST = 1000
STALLED = 20.0
"""Seconds without one acknowledgement after which a producer is given up."""
MECHANISM = "SCRAM-SHA-512"
HEADERS = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
SECURITY = ("sasl_ssl", "sasl_plaintext", "plaintext")
_BOOTSTRAP_MS = 6_000
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class KafkaSender:
    """`address`: `kafka://host:port[,host:port…]`. `user` and the file with its password are what the operator gave;
    the topics follow from the user unless `topic` (`…in.<org>`) is given. `security`: one of `SECURITY`; by default
    TLS, but for a broker on this computer. `ca`: a file with certificates to trust."""

    def __init__(
        self,
        address: str,
        user: str | None,
        password_file: Path | str | None,
        *,
        topic: str | None = None,
        security: str | None = None,
        ca: Path | str | None = None,
        linger: float = 5.0,
    ) -> None:
        self._servers = servers(address)
        self._security = security or default_security(self._servers)
        self._topic, self._refused = topics(user, topic)
        self._trust = None
        if self._security == "sasl_ssl":
            self._trust = handshake.trusting(None if ca is None else str(ca))
        self._options = self._common(user, password_file)
        self._user = user or ""
        self._linger = linger
        self._producer: Any = None
        self._consumer: Any = None
        _libraries()

    @property
    def most(self) -> int:
        return MOST

    def send(self, events: Sequence[Waiting], stop: Stop) -> Sequence[Outcome]:
        from kafka.errors import KafkaError

        producer = self._opened()
        futures: list[Any] = []
        try:
            for event in events:
                futures.append(producer.send(self._topic, value=event.line, key=event.key, headers=HEADERS))
                if futures[-1].is_done and futures[-1].failed():  # no rights, no topic: at once
                    break
            self._flush(futures, stop)
        except KafkaError as error:
            self._drop()
            if not any(future.is_done for future in futures):
                raise _told(error, self._topic) from None
        found = [
            Outcome(event.seq, "delivered") if future.is_done and future.succeeded() else Outcome(event.seq, "waiting")
            for event, future in zip(events, futures, strict=False)
        ]
        failed = [future.exception for future in futures if future.is_done and future.failed()]
        if len(found) < len(events) or any(outcome.state == "waiting" for outcome in found):
            self._drop()
        if failed and not any(outcome.state == "delivered" for outcome in found):
            raise _told(failed[0], self._topic)
        return [*found, *(Outcome(event.seq, "waiting", error="not_sent") for event in events[len(found) :])]

    def _flush(self, futures: Sequence[Any], stop: Stop) -> None:
        """Until all are acknowledged, or one failed, or nothing moves any more."""
        from kafka.errors import KafkaTimeoutError

        done, still = 0, 0.0
        while done < len(futures) and still < STALLED:
            try:
                self._producer.flush(timeout=1.0)
            except KafkaTimeoutError:
                still += 1.0
            now = sum(future.is_done for future in futures)
            if any(future.is_done and future.failed() for future in futures):
                return
            done, still = now, 0.0 if now > done else still
            if stop.is_set() and still:
                return

    def refusals(self, outbox: Outbox, *, last: bool) -> int:
        """Between batches only what is there already; at the end what came up to then."""
        from kafka.errors import KafkaError

        try:
            return self._read_refusals(outbox, last)
        except KafkaError as error:
            self._drop_consumer()
            if _rights(error):
                raise _told(error, self._refused) from None
            return 0  # they are read in the next run, from the place where this one stopped

    def _read_refusals(self, outbox: Outbox, last: bool) -> int:
        from kafka import TopicPartition

        place, name = TopicPartition(self._refused, 0), f"read {self._refused}"
        if self._consumer is None:
            self._consumer = self._reader(place, outbox.position(name) or 0)
        end = self._consumer.end_offsets([place])[place] if last else None
        found = 0
        while end is None or self._consumer.position(place) < end:
            messages = self._consumer.poll(timeout_ms=1000 if last else 0, max_records=500).get(place, [])
            if messages:
                told = [refusal for message in messages if (refusal := read_refusal(message.value)) is not None]
                found += outbox.refuse(told, (name, messages[-1].offset + 1))
            if not last:
                break
        return found

    def _reader(self, place: Any, position: int) -> Any:
        from kafka import KafkaConsumer

        consumer = KafkaConsumer(
            **self._options, group_id=None, enable_auto_commit=False, auto_offset_reset="earliest",
            request_timeout_ms=10_000, fetch_max_bytes=4 * 1024 * 1024,
        )  # fmt: skip
        consumer.assign([place])
        first = consumer.beginning_offsets([place])[place]
        consumer.seek(place, max(position, first))
        return consumer

    def _opened(self) -> Any:
        """A producer that the broker has let in."""
        from kafka import KafkaProducer
        from kafka.errors import KafkaError

        if self._producer is not None:
            return self._producer
        there = [each for each in self._servers if _listens(each)]
        if not there:  # kafka-python would try for ten seconds
            raise Unreachable("Kafka does not answer: nobody listens at that address.", "Look at the network.")
        if self._trust is not None:
            faults = [_by_tls(each, self._trust) for each in there]
            if faults[0] is not None and None not in faults:
                raise faults[0]
        knocks = _watched(self._user)
        begun, let_in = knocks.begun, knocks.let_in
        try:
            self._producer = KafkaProducer(
                **self._options, acks="all", enable_idempotence=True, linger_ms=self._linger, batch_size=128 * 1024,
                max_block_ms=10_000, max_request_size=1024 * 1024, request_timeout_ms=15_000,
                # Never given up by itself: what it gave up could arrive behind something later. `_flush` watches.
                delivery_timeout_ms=2**31 - 1,
            )  # fmt: skip
        except KafkaError:
            # kafka-python reports a wrong password as a broker that it cannot reach. What it did get is an answer:
            # it began to tell who we are, and was never let in.
            if knocks.begun - begun >= 2 and knocks.let_in == let_in:
                raise NotLetIn(
                    "The broker refused the authentication: user or password is wrong.",
                    "Check --user and the password file; the operator can make a new password.",
                ) from None
            if self._trust is None and handshake.speaks_tls(*_place(there[0])):
                raise ConfigurationError("The broker wants TLS.", "Say --security sasl_ssl.") from None
            raise Unreachable(
                "Somebody listens at that address, but gives no answer that Kafka would give.",
                "Look at the address, --security, and the broker.",
            ) from None
        return self._producer

    def _drop(self) -> None:
        if self._producer is not None:
            self._producer.close(timeout=0)
            self._producer = None

    def _drop_consumer(self) -> None:
        if self._consumer is not None:
            self._consumer.close(timeout_ms=0)
            self._consumer = None

    def close(self) -> None:
        self._drop()
        self._drop_consumer()

    def _common(self, user: str | None, password_file: Path | str | None) -> dict[str, Any]:
        if self._security not in SECURITY:
            raise ConfigurationError("That is no way to protect a connection.", f"Use one of: {', '.join(SECURITY)}.")
        options: dict[str, Any] = {
            "bootstrap_servers": self._servers,
            "security_protocol": self._security.upper(),
            "bootstrap_timeout_ms": _BOOTSTRAP_MS,
            "reconnect_backoff_max_ms": 1000,
        }
        if self._security != "plaintext":
            options |= {
                "sasl_mechanism": MECHANISM,
                "sasl_plain_username": user,
                "sasl_plain_password": _password(user, password_file),
            }
        if self._trust is not None:
            options["ssl_context"] = self._trust
        return options


def servers(address: str) -> list[str]:
    """`kafka://host:port,host:port` as a list."""
    scheme, _, rest = address.partition("://")
    found = [each for each in rest.rstrip("/").split(",") if each]
    try:
        sound = all(urlsplit(f"//{each}").port for each in found)
    except ValueError:
        sound = False
    if scheme != "kafka" or not found or not sound or "@" in rest or "/" in rest.rstrip("/"):
        raise ConfigurationError("That is no address of Kafka.", "Give one as kafka://host:port.")
    return found


def default_security(brokers: Sequence[str]) -> str:
    near = all(urlsplit(f"//{each}").hostname in _LOOPBACK for each in brokers)
    return "sasl_plaintext" if near else "sasl_ssl"


def topics(user: str | None, topic: str | None) -> tuple[str, str]:
    """Where to write and where to read refusals. The platform calls a user `partner.<org>`, perhaps with a prefix
    before it that its topics have too."""
    if topic is None:
        prefix, known, org = (user or "").rpartition("partner.")
        if not org:
            raise ConfigurationError("It is not known which topic is yours.", "Give --user, or --topic.")
        topic = f"{prefix}in.{org}" if known else f"in.{user}"
    prefix, found, org = topic.rpartition("in.")
    if not found or not org:
        raise ConfigurationError("That is no topic of an organisation.", "It is called in.<org>.")
    return topic, f"{prefix}refused.{org}"


def read_refusal(value: bytes | None) -> tuple[str | None, str, bytes] | None:
    """(source, id, receipt) of a message; None for one that names no event, because its id was not fit to repeat. No
    source: it was none of the publisher's."""
    try:
        told = msgspec.json.decode(value or b"")
    except msgspec.MsgspecError:
        return None
    if not isinstance(told, dict) or told.get("status", "refused") != "refused":
        return None
    source, event_id = told.get("source"), told.get("id")
    if not isinstance(source, str | None) or not isinstance(event_id, str):
        return None
    return source, event_id, msgspec.json.encode(told)


class _Knocks:
    """How often the user's identity was told to a broker, and how often that let it in."""

    begun = 0
    let_in = 0


_KNOCKS: dict[str, _Knocks] = {}


def _watched(user: str) -> _Knocks:
    """Counts the SCRAM exchanges of a user in this process, through kafka-python's own registry of mechanisms."""
    from kafka.net.sasl import register_sasl_mechanism
    from kafka.net.sasl.scram import SaslMechanismScram

    class Watched(SaslMechanismScram):  # type: ignore[misc]
        def auth_bytes(self) -> bytes:
            _KNOCKS.setdefault(self.username, _Knocks()).begun += self._state == 0
            return super().auth_bytes()  # type: ignore[no-any-return]

        def receive(self, auth_bytes: bytes) -> bool:
            done = super().receive(auth_bytes)
            _KNOCKS.setdefault(self.username, _Knocks()).let_in += bool(done)
            return bool(done)

    register_sasl_mechanism(MECHANISM, Watched, overwrite=True)
    return _KNOCKS.setdefault(user, _Knocks())


def _told(error: BaseException, topic: str) -> Exception:
    from kafka import errors

    if isinstance(error, errors.SaslAuthenticationFailedError):
        return NotLetIn("The broker refused the authentication.", "Check --user and the password file.")
    if _rights(error):
        return NotLetIn(f"This user may not use the topic {topic}.", "Check --user, or ask the platform's operator.")
    if isinstance(error, errors.UnknownTopicOrPartitionError):
        return ConfigurationError(f"There is no topic {topic}.", "Check --user, or ask the platform's operator.")
    return Unreachable(f"Kafka did not take the events ({type(error).__name__}).", "Look at the network.")


def _rights(error: BaseException) -> bool:
    from kafka import errors

    return isinstance(error, errors.TopicAuthorizationFailedError | errors.ClusterAuthorizationFailedError)


def _listens(broker: str) -> bool:
    try:
        socket.create_connection(_place(broker), timeout=5).close()
    except OSError:
        return False
    return True


def _place(broker: str) -> tuple[str, int]:
    host, _, port = broker.rpartition(":")
    return host.strip("[]"), int(port)


def _by_tls(broker: str, trust: ssl.SSLContext) -> WoonketenError | None:
    """What TLS has to do with it, as kafka-python does not tell."""
    found = handshake.fault(*_place(broker), trust)
    if found is None or found == "nobody":
        return None
    return ConfigurationError(*handshake.sentences(found, f"the broker {broker}", ca="--ca", security="--security"))


def _password(user: str | None, file: Path | str | None) -> str:
    if not user or file is None:
        raise ConfigurationError("Kafka wants to know who you are.", "Give --user and --password-file.")
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"The password file {file} cannot be read.", "Give the one you were given.") from None


def _libraries() -> None:
    try:
        import kafka  # noqa: F401
    except ImportError:
        raise ConfigurationError(
            "Delivering over Kafka needs kafka-python, which is not installed.",
            "Install the extra: pip install 'woonketen[kafka]'.",
        ) from None
