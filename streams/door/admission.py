"""Admission: what partners send becomes facts on the log, or gets a receipt that says why not.

One transaction a batch. Parsing and contracts come before the lock; under it verdicts, receipts, parked events and the
sealed records are written together. Nothing of a refused payload is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

import msgspec
import psycopg
from psycopg import IsolationLevel

from woonketen.contracts.envelope import Sources
from woonketen.contracts.errors import ConfigurationError, Unreachable
from woonketen.contracts.ports import LogWriter, Vault
from woonketen.contracts.retention import Terms, shipped
from woonketen.streams.door import arrivals, changes, links, organisations, positions
from woonketen.streams.door.admit import WAITING, Accepted, Duplicate, Parked, Refused, Verdict
from woonketen.streams.door.arrivals import Arrival, Turned
from woonketen.streams.door.organisations import Organisation
from woonketen.streams.door.parking import open_parked
from woonketen.streams.door.positions import Door
from woonketen.streams.door.sitting import Sitting
from woonketen.streams.door.standing import AgreementRow, Seals, by_party, load_agreements
from woonketen.streams.keys.kek import Keys
from woonketen.streams.postgres.errors import told

BATCH = 2000
BATCH_BYTES = 8 * 1024 * 1024
FARTHEST = timedelta(days=3700)
_LOCK = 0x776B_0001

Status = Literal["accepted", "duplicate", "parked", "refused"]
_memo = msgspec.msgpack.Decoder(tuple[str, str])


def now() -> datetime:
    return datetime.now(UTC)


class Receipt(msgspec.Struct, frozen=True):
    """What became of one line. `source` and `id` are None where the line is malformed or they hold personal data;
    `detail` names fields, never values. `line` counts from 1."""

    source: str | None
    id: str | None
    status: Status
    reason: str | None
    detail: str | None
    mend: str | None
    at: datetime
    line: int


class At(msgspec.Struct, frozen=True):
    """Where a batch of messages comes from: the position that it was read on from, and the offset of each."""

    door: Door
    since: int
    offsets: list[int]


class Settings(msgspec.Struct, frozen=True):
    open_day: date
    first_day: date
    partitions: int
    agreements: int


class Admission:
    """On a connection in autocommit mode whose role is the processor's. Not for several threads at once.

    `now` is the wall's time: for receipts and for the expiry of link codes, never for facts.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        keys: Keys,
        vault: Vault,
        log: LogWriter,
        *,
        now: Callable[[], datetime] = now,
        batch: int = BATCH,
        terms: Terms | None = None,
    ) -> None:
        # Each statement after the lock must see what the one before us committed.
        connection.isolation_level = IsolationLevel.READ_COMMITTED
        self._connection = connection
        self._seals = Seals(keys)
        self._vault = vault
        self._log = log
        self._now = now
        self._batch = batch
        self._terms = terms or shipped()
        self._agreed: tuple[int, list[AgreementRow]] = (-1, [])

    # --- partners' events ---

    def submit(self, org: str, lines: Iterable[bytes]) -> Iterator[Receipt]:
        """Takes CloudEvents in JSON, one a line, and yields one receipt a line, in order, once it is durable. Lazy:
        what is not asked for is not taken. Raises `ConfigurationError` for an unknown organisation."""
        publisher = self._organisation(org)
        sources = Sources(publisher.sources)
        first = 1
        for batch in _batches(lines, self._batch):
            read = [
                _stopped(line) if publisher.left_on is not None
                else arrivals.read(text, line, org, publisher.kind, sources, self._seals, self._terms)
                for line, text in enumerate(batch, first)
            ]  # fmt: skip
            yield from self._take(org, read)
            first += len(batch)

    def deliver(
        self, org: str, messages: Sequence[tuple[int, bytes | Refused]], door: Door, since: int
    ) -> list[Receipt]:
        """A batch from one partition of a partner's topic: offset and line of each, or why it is none, as read on from
        the offset `since`. Position, verdicts and the receipts of what was refused are one transaction; what an earlier
        one took is passed over. The receipts' `line` counts from 1 in `messages`. Raises `ConfigurationError` for an
        unknown organisation, `Unreachable` where messages before `since` were not taken."""
        publisher = self._organisation(org)
        sources = Sources(publisher.sources)
        read: list[Arrival | Turned] = []
        for line, (_, text) in enumerate(messages, 1):
            if publisher.left_on is not None:
                read.append(_stopped(line))
            elif isinstance(text, Refused):
                read.append(Turned(line, text, None, None, None))
            else:
                read.append(arrivals.read(text, line, org, publisher.kind, sources, self._seals, self._terms))
        return self._take(org, read, At(door, since, [offset for offset, _ in messages]))

    def _take(self, org: str, read: Sequence[Arrival | Turned], at: At | None = None) -> list[Receipt]:
        with self._sitting() as sitting:
            if at is not None:
                following = positions.claim(self._connection, at.door, org)
                if following < at.since:
                    raise Unreachable("The position of a partner's topic was set back.", "It is read again from there.")
                read = [each for each in read if at.offsets[_line(each) - 1] >= following]
            sitting.take(read)
            receipts = [_receipt(each, sitting.verdicts, sitting.now) for each in read]
            for status, n in Counter(receipt.status for receipt in receipts).items():
                sitting.changes.tally[org, status] += n
                if status != "refused":
                    sitting.changes.alive.add(org)
            for each in read:
                verdict = sitting.verdicts[_line(each)]
                if isinstance(verdict, Refused):
                    short = each.type if isinstance(each, Turned) else each.candidate.contract.type
                    sitting.changes.refusals.append(changes.Refusal(org, short, verdict))
            if at is not None and read:
                positions.move(self._connection, at.door, at.offsets[-1] + 1)
                refusals = [receipt for receipt in receipts if receipt.status == "refused"]
                positions.reply(self._connection, self._seals, org, [_reply(each, at) for each in refusals])
        return receipts

    def receipts(self, org: str) -> list[dict[str, Any]]:
        """What became of this organisation's events that were parked: still waiting, accepted or refused; oldest first.
        Fields as of a receipt."""
        self._organisation(org)
        found = []
        with told(), self._connection.cursor(binary=True) as cursor:
            cursor.execute("SELECT key, waits_for, since, at, sealed FROM admission.parked WHERE org = %s", [org])
            for key, waits_for, since, at, sealed in cursor.fetchall():
                event = open_parked(self._seals, key, sealed)
                last = since + timedelta(days=30)
                why = (None, f"waits for {waits_for}, until {last}", WAITING[waits_for])
                sent = at or datetime.combine(since, time(), UTC)
                found.append(_told(event.source, event.id, "parked", why, sent.isoformat()))
            cursor.execute(
                "SELECT key, status, reason, detail, mend, at, memo FROM admission.outcome WHERE org = %s", [org]
            )
            for key, status, reason, detail, mend, at, memo in cursor.fetchall():
                source, event_id = _memo.decode(self._seals.open(memo, key))
                found.append(_told(source, event_id, status, (reason, detail, mend), at.isoformat()))
        return sorted(found, key=lambda row: (row["at"], row["id"]))

    # --- the clock ---

    def settings(self) -> Settings:
        """Raises `ConfigurationError` before `prepare`."""
        with told():
            row = self._connection.execute(
                "SELECT open_day, first_day, partitions, agreements FROM admission.settings"
            ).fetchone()
        if row is None:
            raise ConfigurationError("The database is not prepared for this program.", "Run `woonketen init`.")
        return Settings(*row)

    def close_through(self, day: date, until: date | None = None) -> date:
        """Closes every open day up to and with `until` (default `day`), and returns the last closed day. The last
        closed day again changes nothing; an earlier one is refused."""
        until = day if until is None else until
        with self._sitting() as sitting:
            last = sitting.open_day - timedelta(days=1)
            if day <= until == last:
                return until  # the same command again
            if day < last or until < day:
                raise ConfigurationError(
                    f"{day} is closed already: the open day is {sitting.open_day}.", "Close that one."
                )
            if until - last > FARTHEST:
                raise ConfigurationError(f"{until} lies too far ahead of the open day {sitting.open_day}.")
            while sitting.open_day <= until:
                sitting.close()
            self._connection.execute("UPDATE admission.settings SET open_day = %s", [sitting.open_day])
            self._connection.execute("DELETE FROM admission.erased WHERE until < %s", [sitting.open_day])
        return until

    # --- organisations and residents ---

    def register_org(self, wanted: Organisation) -> Organisation:
        """Registers an organisation or changes what may change; the same again does nothing. Raises
        `ConfigurationError` for a changed source or kind, and for a source that is another's."""
        with self._sitting() as sitting:
            known = organisations.fetch(self._connection)
            if organisations.changed(wanted, known):
                organisations.store(self._connection, wanted)
                sitting.say("org.registered", organisations.registered(wanted, sitting.open_day), None)
        return wanted

    def leave(self, org: str) -> date:
        """Ends a partner's feed: what it sends from now on is refused. Returns the day since which it is so."""
        left_on = self._organisation(org).left_on
        if left_on is not None:
            return left_on
        with self._sitting() as sitting:
            self._connection.execute("UPDATE admission.org SET left_on = %s WHERE org = %s", [sitting.open_day, org])
            sitting.say("org.left", organisations.left(org, sitting.open_day), None)
            return sitting.open_day

    def organisations(self) -> list[Organisation]:
        with told():
            return list(organisations.fetch(self._connection).values())

    def resident_of(self, org: str, subject: str) -> bytes | None:
        """Whom an organisation means by its pseudonym."""
        siv = self._seals.keys.pseudonym(org, subject)
        with told():
            row = self._connection.execute("SELECT ref FROM admission.pseudonym WHERE siv = %b", [siv]).fetchone()
        return None if row is None else bytes(row[0])

    def issue_link(self, by_org: str, subject: str, for_org: str) -> tuple[str, datetime]:
        """A one-time code and when it ends. Raises `ConfigurationError` for an unknown organisation or pseudonym."""
        self._organisation(by_org)
        self._organisation(for_org)
        code, expires_at = links.new_code(), self._now() + links.VALID
        with told(), self._locked():  # else the resident could be merged away meanwhile
            ref = self.resident_of(by_org, subject)
            if ref is None:
                raise ConfigurationError(
                    "This organisation has no resident under that pseudonym.", "Send the enrolment first, then link."
                )
            self._connection.execute(
                "INSERT INTO admission.link (code, by_org, ref, for_org, expires_at) VALUES (%b, %s, %b, %s, %s)",
                [self._seals.keys.link_code(code), by_org, ref, for_org, expires_at],
            )
        return code, expires_at

    def say(self, short: str, payload: Any, ref: bytes | None) -> None:
        """Appends an event of the platform, or of a resident through it (`warning.acknowledged`, `objection.recorded`).
        The payload is the catalogue's struct; `ref` is None for an event about nobody."""
        with self._sitting() as sitting:
            sitting.say(short, payload, ref)

    # --- one transaction ---

    def sitting(self) -> AbstractContextManager[Sitting]:
        """Under admission's lock: for what changes more than its own tables in one transaction (an erasure)."""
        return self._sitting()

    @contextmanager
    def _sitting(self) -> Iterator[Sitting]:
        """Everything that is changed in it is written at its end, or nothing."""
        with told(), self._locked():
            settings = self.settings()
            kinds = {each.org: each.kind for each in organisations.fetch(self._connection).values()}
            agreed = self._agreements(settings.agreements)
            sitting = Sitting(
                self._connection, self._seals, settings.open_day, self._now(), kinds, agreed, by_party(agreed)
            )
            yield sitting
            finished = sitting.finish()
            self._tell_doors(finished)
            changes.write(finished, self._connection, self._vault, self._log, settings.partitions)

    def _tell_doors(self, finished: changes.Changes) -> None:
        """What was parked and is refused after all, for partners who come in by Kafka."""
        refused = [each for each in finished.outcomes if each.verdict is not None]
        if not refused:
            return
        listening = positions.organisations(self._connection)
        for each in refused:
            if each.org in listening and each.verdict is not None:
                source, event_id = _memo.decode(self._seals.open(each.memo, each.key))
                verdict = each.verdict
                told = _told(source, event_id, "refused", (verdict.reason, verdict.detail, verdict.mend),
                             finished.now.isoformat())  # fmt: skip
                positions.reply(self._connection, self._seals, each.org, [told])

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._connection.transaction():
            # One writer at a time. Without this, an event of an unknown pseudonym is parked beside the link that it
            # waits for, commits after it, and waits for ever; the same holds for enrolment, agreement and the clock,
            # which are of other organisations.
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            yield

    def _agreements(self, version: int) -> list[AgreementRow]:
        """As committed; read again only when they changed."""
        if self._agreed[0] != version:
            self._agreed = (version, load_agreements(self._connection))
        return self._agreed[1]

    def _organisation(self, org: str) -> Organisation:
        with told():
            found = organisations.fetch(self._connection).get(org)
        if found is None:
            raise ConfigurationError("There is no such organisation.", "Register it with `woonketen org add`.")
        return found


def prepare(connection: psycopg.Connection[Any], open_day: date, partitions: int, engine: str = "embedded") -> None:
    """Sets the first open day, the number of partitions and the engine, once, as the database's owner. Safe to
    repeat."""
    with told():
        connection.execute(
            "INSERT INTO admission.settings (open_day, first_day, partitions, engine) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [open_day, open_day, partitions, engine],
        )


def check_engine(connection: psycopg.Connection[Any], engine: str) -> None:
    """Raises `ConfigurationError` for a database whose log lies on the other engine."""
    with told():
        row = connection.execute("SELECT engine FROM admission.settings").fetchone()
    if row is not None and row[0] != engine:
        raise ConfigurationError(
            f"The log of this database is on the engine {row[0]}, and the settings say {engine}.",
            f'Set `engine = "{row[0]}"`, or move the log with `woonketen log copy`.',
        )


def _batches(lines: Iterable[bytes], most: int) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for line in lines:
        batch.append(line)
        size += len(line)
        if len(batch) >= most or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _stopped(line: int) -> Turned:
    verdict = Refused("feed_stopped", "source", "this organisation's feed has ended; ask the platform to register it")
    return Turned(line, verdict, None, None, None)


def _line(each: Arrival | Turned) -> int:
    return each.line or 0


def _receipt(each: Arrival | Turned, verdicts: dict[int, Verdict], at: datetime) -> Receipt:
    line = _line(each)
    verdict = verdicts[line]
    if isinstance(each, Turned):
        source, event_id = each.source, each.id
    else:
        source, event_id = each.candidate.event.source, each.candidate.event.id
    if isinstance(verdict, Accepted):
        return Receipt(source, event_id, "accepted", None, None, None, at, line)
    if isinstance(verdict, Duplicate):
        return Receipt(source, event_id, "duplicate", None, None, None, at, line)
    if isinstance(verdict, Parked):
        waits_for = verdict.waits_for
        return Receipt(source, event_id, "parked", None, f"waits for {waits_for}", WAITING[waits_for], at, line)
    return Receipt(source, event_id, "refused", verdict.reason, verdict.detail, verdict.mend, at, line)


def _reply(receipt: Receipt, at: At) -> dict[str, Any]:
    why = (receipt.reason, receipt.detail, receipt.mend)
    told = _told(receipt.source, receipt.id, receipt.status, why, receipt.at.isoformat())
    return {**told, "partition": at.door.partition, "offset": at.offsets[receipt.line - 1]}


def _told(
    source: str | None, event_id: str | None, status: str, why: tuple[str | None, str | None, str | None], at: str
) -> dict[str, Any]:
    reason, detail, mend = why
    return {
        "source": source,
        "id": event_id,
        "status": status,
        "reason": reason,
        "detail": detail,
        "mend": mend,
        "at": at,
    }
