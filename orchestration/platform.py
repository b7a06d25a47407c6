"""The platform as one object: what the command, the demo, the stories and later the portal ask of it.

Implements the players' `Stage`. Every reading method records the look before it answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, timedelta, tzinfo
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from woonketen.contracts import labels
from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.facts import event_key
from woonketen.contracts.payloads.platform import WarningAcknowledged, WarningContested
from woonketen.contracts.settings import Settings
from woonketen.orchestration import (
    backup,
    erasing,
    evidence,
    export,
    figures,
    pilots,
    questions,
    rebuilding,
    rotating,
    wiring,
)  # fmt: skip
from woonketen.orchestration.contact import Contacts
from woonketen.orchestration.expiring import Expiring
from woonketen.orchestration.names import Names
from woonketen.orchestration.quality import comparing, running
from woonketen.orchestration.residents import Residents
from woonketen.orchestration.rights import Rights, resident_of
from woonketen.orchestration.wiring import Parts
from woonketen.producers import readers
from woonketen.projections import people, queries, sets
from woonketen.projections.people import User
from woonketen.projections.store import PostgresViews
from woonketen.streams.door.admission import Admission, Receipt
from woonketen.streams.door.organisations import Organisation
from woonketen.streams.drive import quarantine as quarantined
from woonketen.streams.drive.quarantine import Quarantine
from woonketen.streams.drive.rebuild import Filled
from woonketen.streams.drive.worker import Progress, Worker
from woonketen.streams.kafka.numbers import lag, waiting, workers
from woonketen.streams.log.postgres import PostgresLog, verify

try:
    TOWN: tzinfo = ZoneInfo("Europe/Amsterdam")
except ZoneInfoNotFoundError:  # a machine without time zones: the hours are then those of UTC
    TOWN = UTC


@contextmanager
def init(
    settings: Settings, open_day: date | None, partitions: int, say: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """Everything that has to be there, made where it is not. Without `open_day` the wall's day is the first one."""
    first = open_day or date.today()  # noqa: DTZ011 - the day of the place where it runs
    with wiring.prepared(settings, first, partitions, say) as done:
        yield done


@contextmanager
def open_platform(settings: Settings, *, before_replay: bool = False, alone: bool = False) -> Iterator[Platform]:
    with wiring.opened(settings, before_replay=before_replay, alone=alone) as parts:
        yield Platform(parts)


def restore(settings: Settings, path: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """A backup into an empty installation: load, the erasures of the ledger, all views from the log. Killed on the way,
    nothing opens before the ledger is done, and nothing is shown before the views are."""
    backup.load(settings, path, say)
    with open_platform(settings, before_replay=True) as platform:
        replayed = platform.replay_ledger()
        backup.prove(platform.parts)
    with open_platform(settings) as platform:
        rebuilt = platform.rebuild()
        told = {"events": rebuilt["events"], **replayed}
        if settings.engine == "kafka":
            told["recover"] = _left_behind(platform)
        else:
            platform.run(until_idle=True)
        return {**told, "open_day": platform.open_day().isoformat()}


def _left_behind(platform: Platform) -> bool:
    """Whether Kafka holds what came after the backup; else everything is brought level."""
    from woonketen.streams.kafka.tail import Ahead

    try:
        platform.run(until_idle=True)
    except Ahead:
        return True
    return False


class Platform:
    """One installation, open."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._owner, self._processor = parts.owner, parts.processor
        self._log = PostgresLog(parts.processor, parts.vault, parts.place)

    # --- organisations, people, links ---

    @cached_property
    def admission(self) -> Admission:
        terms = self.parts.rulebook.terms
        return Admission(self._processor, self.parts.keys, self.parts.vault, self._log, terms=terms)

    def register_org(
        self,
        name: str,
        *,
        kind: str,
        source: str,
        districts: Sequence[str] = (),
        subject_url: str | None = None,
        phone: str | None = None,
        heartbeat_hours: int | None = None,
        heartbeat_weekends: bool = False,
    ) -> dict[str, Any]:
        """Registers or changes it; the source and the kind stay. Raises `ConfigurationError`."""
        self.admission.register_org(
            Organisation(
                org=name,
                kind=kind,
                sources=(source,),
                districts=tuple(districts),
                subject_url=subject_url,
                phone=phone,
                heartbeat_hours=heartbeat_hours,
                heartbeat_weekends=heartbeat_weekends,
            )
        )
        return {"org": name, "kind": kind, "source": source}

    def orgs(self) -> list[dict[str, Any]]:
        return [
            {
                "org": each.org,
                "kind": each.kind,
                "source": each.sources[0],
                "districts": list(each.districts),
                "left_on": each.left_on,
            }
            for each in self.admission.organisations()
        ]

    def leave(self, org: str) -> dict[str, Any]:
        """Ends its feed and its people's logins; its open actions go to the case lead, its keys stay to their term.
        Again is nothing. Raises `ConfigurationError` for an unknown organisation."""
        left_on = self.admission.leave(org)
        people.end_users(self._owner, org)
        if self.parts.link is not None:
            from woonketen.orchestration.kafka import topics

            topics.let_out(self.parts.link, org, self._handed_out)
        return {"org": org, "left_on": left_on.isoformat()}

    def kafka_credentials(self, org: str, *, rotate: bool = False) -> dict[str, Any]:
        """The organisation's user, topics and rights; the password stands in a file, to hand over. Raises
        `ConfigurationError` for an unknown organisation, and for one that has left."""
        if self.parts.link is None:
            raise ConfigurationError("The embedded engine has no Kafka door.", 'Set `engine = "kafka"`.')
        organisation = next((each for each in self.admission.organisations() if each.org == org), None)
        if organisation is None:
            raise ConfigurationError("There is no such organisation.", "Register it with `woonketen org add`.")
        if organisation.left_on is not None:
            raise ConfigurationError("This organisation has left.", "Register it again, if it is back.")
        from woonketen.orchestration.kafka import topics

        return topics.let_in(self.parts.link, org, self._handed_out, rotate=rotate)

    @property
    def _handed_out(self) -> Path:
        """Where passwords of partners lie until they are handed over."""
        return self.parts.settings.data / "partners"

    def add_user(
        self, name: str, org: str, role: str, worker: str | None = None, resident: str | None = None
    ) -> dict[str, Any]:
        """A person who may look. `resident` (`ORG:SUBJECT`) says who a bewoner is. Raises `ConfigurationError`."""
        organisation = next((each for each in self.admission.organisations() if each.org == org), None)
        if organisation is None:
            raise ConfigurationError("There is no such organisation.", "Register it with `woonketen org add`.")
        if organisation.left_on is not None and role != "bewoner":
            raise ConfigurationError("This organisation has left.", "Register it again, if it is back.")
        ref = self._resident(resident) if role == "bewoner" else None
        added = people.add_user(
            self._owner, name, org=org, role=role, worker=worker, districts=organisation.districts, ref=ref
        )
        self.names.keep(added.rolname, name)
        return {"user": name, "org": org, "role": role}

    def users(self, org: str | None = None) -> list[dict[str, Any]]:
        """Who may look, by organisation, role and name. `user` is None where the name does not open with this key.
        Raises `ConfigurationError` for an unknown organisation."""
        if org is not None and org not in {each.org for each in self.admission.organisations()}:
            raise ConfigurationError("There is no such organisation.", "See `woonketen org list`.")
        found = [{"user": self.names.read(each.pop("rolname")), **each} for each in people.users(self._owner, org)]
        return sorted(found, key=lambda each: (each["org"], each["role"], each["user"] or ""))

    def sessions(self, user: str) -> list[dict[str, Any]]:
        """Of a person in the portal; no token, only since when and until when."""
        return people.sessions(self._owner, self.user(user))

    def end_sessions(self, user: str) -> dict[str, Any]:
        return {"user": user, "ended": people.end_sessions(self._owner, self.user(user))}

    def issue_link(self, by: str, subject: str, for_org: str) -> dict[str, Any]:
        code, expires_at = self.admission.issue_link(by, subject, for_org)
        return {"code": code, "expires_at": expires_at.isoformat(timespec="seconds")}

    # --- events ---

    def ingest(self, org: str, file: BinaryIO, form: str = "cloudevents") -> Iterator[Receipt]:
        """One receipt a line, each once it is durable. Lazy: take them all."""
        source = next((each["source"] for each in self.orgs() if each["org"] == org), None)
        if source is None:
            raise ConfigurationError("There is no such organisation.", "Register it with `woonketen org add`.")
        yield from self.admission.submit(org, readers.read(form, file, source))

    def known(self, org: str, event_id: str) -> bool:
        """Whether this event of the organisation was accepted or is parked."""
        keys = [event_key(each["source"], event_id) for each in self.orgs() if each["org"] == org]
        found = self._processor.execute("SELECT FROM admission.seen WHERE key = ANY(%b)", [keys]).fetchone()
        return found is not None

    def receipts(self, org: str) -> list[dict[str, Any]]:
        return self.admission.receipts(org)

    def open_day(self) -> date:
        return self.admission.settings().open_day

    def close_days(self, first: date, last: date) -> date:
        self.contacts.forget_old()
        return self.admission.close_through(first, last)

    def run(
        self,
        *,
        until_idle: bool,
        stop: Event | None = None,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> dict[str, Any]:
        """The step, until nothing is left or `stop` is set. Raises `NotYours` when the views come from other rules."""
        if self.parts.link is None:
            from woonketen.orchestration.halves import run_in_halves  # its parts are those of a rebuild

            source = rebuilding.Source(self.parts.dsn, self.parts.keys.packed, *self.parts.rulebook.texts)
            done = run_in_halves(
                self.worker, source, self.admission.settings().partitions,
                until_idle=until_idle, stop=stop, on_progress=on_progress,
            )  # fmt: skip
        else:
            from woonketen.orchestration.running import run_plainly  # who has no Kafka needs no client of it

            done = run_plainly(self.parts, self.parts.link, until_idle=until_idle, stop=stop, on_progress=on_progress)
        return {"admitted": 0, **done}

    @cached_property
    def worker(self) -> Worker:
        return Worker(
            self._processor,
            self._log,
            self.parts.vault,
            self._views,
            policy=self.parts.rulebook.policy,
            rules=self.parts.rulebook.rules,
            pseudonym_key=self.parts.keys.minted,
            partitions=self.admission.settings().partitions,
        )

    @cached_property
    def quarantine(self) -> Quarantine:
        return Quarantine(self._views, self._log, self.parts.vault, self.worker)

    def inspect_quarantine(self, number: str, user: str | User, reason: str, *, values: bool) -> list[dict[str, Any]]:
        """What was set aside, opened for a steward; recorded with the reason before anything is shown."""
        who = self._user(user)
        inside = self.quarantine.inside(number)
        queries.record_desk(self._owner, who, inside.refs, ["facts" if values else "fact_types"], reason)
        return quarantined.lines(inside, who.org, values=values)

    @cached_property
    def _views(self) -> PostgresViews:
        return PostgresViews(self._processor, self.parts.rulebook.code)

    # --- looks ---

    def view(self, name: str, user: str | User, resident: str | None = None) -> list[dict[str, Any]]:
        return queries.view(self._owner, self._looker(user), name, resident=resident)

    def warnings(self, user: str | User, *, every: bool = False, known_on: date | None = None) -> list[dict[str, Any]]:
        """Open ones, gravest first; with `every` ended ones too. `known_on`: as it stood on that evening, of residents
        whom this person sees now, and of those the warnings that are seen now: what was closed since is closed."""
        who = self._looker(user)
        self._refuse_to_look_ahead(known_on)
        if who.role == "steward":
            return self.residents.feeds(known_on or self._today() - timedelta(days=1))
        if known_on is None:
            return [_warning(row) for row in queries.warnings(self._owner, who, closed=every)]
        refs = queries.residents_of(self._owner, who)
        still = queries.warnings_seen(self._owner, who)
        rows = [each for each in self.residents.warnings(refs, who, known_on, every=every) if each["id"] in still]
        queries.record_look(self._owner, who, "warnings", refs, ["warnings"])
        return rows

    def explain(self, warning_id: str, user: str | User, known_on: date | None = None) -> dict[str, Any] | None:
        who = self._looker(user)
        self._refuse_to_look_ahead(known_on)
        if who.role == "steward":
            return self.residents.explain_feed(warning_id, known_on or self._today() - timedelta(days=1))
        ref = queries.resident_of_warning(self._owner, who, warning_id)
        found = None
        if ref is not None:
            found = self.residents.explain(ref, warning_id, who, known_on or self._today() - timedelta(days=1))
        if ref is None or found is None:
            queries.record_denial(self._owner, who, "warnings", "not_seen")
            return None
        queries.record_look(self._owner, who, "warnings", [ref], sorted(found))
        return found

    def looks(self, user: str | User, resident: str | None = None) -> list[dict[str, Any]]:
        """Lines of the Logboek Dataverwerkingen; a resident gets each as a sentence too. `resident`: by the pseudonym
        of this person's own organisation."""
        who = self._user(user)
        if who.role == "bewoner":  # one answer, also for a number that nobody has
            ref = None if resident is None else self.admission.resident_of(who.org, resident) or b""
        else:
            ref = None if resident is None else self._resident(f"{who.org}:{resident}")
        if who.role == "bewoner" and ref not in (None, who.ref):
            raise ConfigurationError("A resident sees who looked at the own data only.", "Leave --resident out.")
        rows = queries.looks(self._owner, who, ref)
        return [row | {"sentence": labels.look(row, TOWN)} for row in rows] if who.role == "bewoner" else rows

    def decisions(self, user: str | User) -> list[dict[str, Any]]:
        """For a steward every request and its answer, in the form of the Authorization Decision Log."""
        return queries.decisions(self._owner, self._user(user))

    def who_looked(self, user: str | User, look_id: str, reason: str) -> list[dict[str, Any]]:
        """The people behind a look, for a steward; the resident sees that it was asked."""
        rows = queries.who_looked(self._owner, self._user(user), look_id, reason)
        return [
            {
                "trace_id": bytes(row["trace_id"]).hex(),
                "user": self.names.read(row["rolname"]),
                "organisation": row["organisation"],
                "role": row["role"],
                "at": row["at"].isoformat(),
            }
            for row in rows
        ]

    # --- a pilot's figures ---

    def propose_figure(self, user: str, figure: str, programme: str, cohort: str | None = None) -> dict[str, Any]:
        return pilots.propose(self._owner, self._user(user), figure, programme, cohort)

    def confirm_figure(self, user: str, number: int) -> dict[str, Any]:
        return pilots.confirm(self._owner, self._user(user), number)

    # --- the resident's rights ---

    @cached_property
    def rights(self) -> Rights:
        return Rights(self._owner, self._processor, self.admission, self.residents, self.parts.rulebook.policy)

    @cached_property
    def names(self) -> Names:
        return Names(self._processor, self.parts.keys)

    def export(self, user: str | User) -> dict[str, Any]:
        """Everything that is held about a resident, for that resident. The looks in it are those up to now."""
        who = self._user(user)
        ref, day = resident_of(who), self.open_day()
        facts, known = self.residents.whole(ref), export.numbers(self._processor, self.parts.keys, ref)
        queries.record_look(self._owner, who, "export", [ref], ["facts", "rows", "consents", "warnings", "looks"])
        return {
            "as_of": day - timedelta(days=1),
            "numbers": [{"organisation": org, "number": number} for org, number in known.values()],
            "facts": export.told_facts(facts),
            "waiting": export.waiting(self._processor, self.parts.keys, known),
            "rows": export.told_rows(facts, ref, day, self.residents.world(day)),
            "consents": self.rights.consents_of(ref),
            "warnings": self.residents.warnings([ref], who, day - timedelta(days=1), every=True),
            "requests": self.rights.requests_of(ref),
            "looks": self.looks(user),
        }

    def answer(self, warning_id: str, user: str | User, kind: str, reason: str) -> dict[str, Any]:
        """`acknowledged` by a professional, `contested` by the resident: an event of the platform on their behalf."""
        who = self._user(user)
        if (kind == "contested") != (who.role == "bewoner"):
            raise ConfigurationError("A resident contests, others acknowledge.", "Use the other command.")
        ref = queries.resident_of_warning(self._owner, who, warning_id)
        if ref is None:
            raise ConfigurationError("This user sees no warning of that number.", "Look at `woonketen warnings`.")
        answers = {"acknowledged": WarningAcknowledged, "contested": WarningContested}
        told = {"warning_id": warning_id, "role": who.role, "reason": reason, "occurred_on": self.open_day()}
        self.admission.say(f"warning.{kind}", msgspec.convert(told, answers[kind]), ref)
        return {"warning": warning_id, "answer": kind, "reason": reason}

    # --- signals ---

    def put_contact(self, org: str, signal_id: str, data: bytes) -> str:
        return self.contacts.put(org, signal_id, data)

    def fetch_contact(self, handle: str, user: str | User) -> dict[str, Any] | None:
        """For who has a row with this handle, once; that row's look is on record by then."""
        rows = queries.view(self._owner, self._user(user), "schuldhulp")
        if not any(row["contact_handle"] == handle for row in rows):
            return None
        return self.contacts.take(handle)

    @cached_property
    def contacts(self) -> Contacts:
        return Contacts(self._processor, self.parts.keys)

    def evidence(self, lease_id: str, user: str | User) -> dict[str, Any]:
        """For the corporation whose lease it is."""
        who = self._user(user)
        ref = queries.resident_of_lease(self._owner, who, lease_id)
        if ref is None:
            queries.record_denial(self._owner, who, "evidence", "not_seen")
            raise ConfigurationError("This user sees no lease of that number.", "Look at `woonketen view corporatie`.")
        facts, key = self.residents.whole(ref), evidence.signing_key(self.parts.keys)
        queries.record_look(self._owner, who, "evidence", [ref], ["outstanding_cents", "efforts"])
        return evidence.bundle(facts, who.org, lease_id, self.open_day(), key)

    def decide(
        self,
        event_type: str,
        recipient: str,
        purpose: str,
        *,
        resident: tuple[str, str] | None = None,
        on: date | None = None,
        fact_on: date | None = None,
    ) -> dict[str, Any]:
        """The policy's answer, without doing anything and without a look: it holds nothing of a resident."""
        day = on or self.open_day()
        kinds = {each.org: each.kind for each in self.admission.organisations()}
        asked = questions.Question(event_type, recipient, purpose, day, fact_on or day)
        if resident is None:
            return questions.in_general(asked, kinds, self.parts.rulebook.policy)
        ref = self._resident(":".join(resident))
        return questions.of_resident(asked, kinds, self.residents.world(day), self.residents.whole(ref))

    # --- erasure ---

    def erase(self, org: str, subject: str, reason: str) -> dict[str, Any]:
        """Everything that this organisation told about a resident. Again is nothing. Raises `ConfigurationError`."""
        result: dict[str, Any] = msgspec.to_builtins(erasing.erase(self.parts, self.admission, org, subject, reason))
        return result

    @cached_property
    def retention(self) -> Expiring:
        return Expiring(self.parts, self.admission, self.parts.rulebook.terms)

    def replay_ledger(self) -> dict[str, Any]:
        """What the ledger says was destroyed, and is not in this database."""
        done = erasing.replay(self.parts, self.admission, self.retention)
        return {
            "replayed": len(done),
            "keys_destroyed": sum(each.keys_destroyed for each in done),
            "rows_removed": sum(each.rows_removed for each in done),
        }

    def back_up(self, path: Path) -> dict[str, Any]:
        """One file with everything that cannot be computed again, at one moment; nothing in it is readable."""
        result: dict[str, Any] = msgspec.to_builtins(backup.back_up(self.parts, self.admission, path))
        return result

    def rotate_keys(self) -> dict[str, Any]:
        """A new key-encryption key; the old one is destroyed. On a platform that was opened `alone`."""
        result: dict[str, Any] = msgspec.to_builtins(rotating.rotate(self.parts))
        return result

    # --- the log ---

    def log_stats(self) -> list[dict[str, Any]]:
        """Per partition; on the scaled engine also what Kafka has not acknowledged, and since when it waits."""
        positions = self._views.positions()
        rows = [
            {"partition": partition, "end": end, "applied": positions.get(partition, 0),
             "lag": end - positions.get(partition, 0)}
            for partition, end in sorted(self._log.ends().items())
        ]  # fmt: skip
        if self.parts.link is None:
            return rows
        unsent = {each["partition"]: each for each in waiting(self._processor)}
        whose = {partition: each["worker"] for each in workers(self._processor) for partition in each["partitions"]}
        return [row | unsent.get(row["partition"], {}) | {"worker": whose.get(row["partition"])} for row in rows]

    def worker_stats(self) -> list[dict[str, Any]]:
        """The workers of the step: what each has, how far it is behind with that, and how often the partitions were
        shared out anew."""
        if self.parts.link is None:
            return []
        behind = {each["partition"]: each["lag"] for each in self.log_stats()}
        return [
            {**each, "lag": sum(behind.get(partition, 0) for partition in each["partitions"])}
            for each in workers(self._processor)
        ]

    def door_stats(self) -> list[dict[str, Any]]:
        """Per organisation that comes in by Kafka: what was admitted, what waits, what it is still to be told."""
        return lag(self._processor) if self.parts.link is not None else []

    def aside_stats(self) -> list[dict[str, Any]]:
        """On the scaled engine: what the workers have set aside."""
        return [{"quarantine": self.set_aside()}] if self.parts.link is not None else []

    def set_aside(self) -> int:
        """Records and residents in quarantine."""
        return self._views.count_aside()

    def log_verify(self) -> dict[str, Any]:
        if self.parts.link is None:
            found = verify(self._processor, self.parts.vault)
        else:
            from woonketen.streams.kafka.compared import verify_kafka

            found = verify_kafka(self._processor, self.parts.vault, self.parts.link)
        result: dict[str, Any] = msgspec.to_builtins(found)
        return result

    def rebuild(
        self, *, verify: bool = False, on_progress: Callable[[Filled], None] = lambda filled: None
    ) -> dict[str, Any]:
        """All views from the log into a second set, compared and swapped in."""
        report = rebuilding.rebuild(self._owner, self._source, verify=verify, on_progress=on_progress)
        return {
            "events": report.filled.facts,
            "seconds": round(report.seconds, 2),
            "differences": sum(report.differences.values()),
            "by_view": {name: n for name, n in report.differences.items() if n},
            "withheld": report.filled.withheld,
        }

    def freeze_figures(
        self, quarter: str | None = None, on_progress: Callable[[int], None] = lambda households: None
    ) -> dict[str, Any]:
        """The tables of a quarter for policy and council, counted and frozen. Again is nothing."""
        return figures.freeze(self._source, self.open_day() - timedelta(days=1), quarter, on_progress)

    # --- quality ---

    def check_quality(
        self, *, suites: bool = True, on_progress: Callable[[str], None] = lambda line: None
    ) -> running.Report:
        """Every check over feeds, facts and views, as counts; kept in a history."""
        return running.run(self._source, self.open_day() - timedelta(days=1), suites=suites, on_progress=on_progress)

    def quality(self, org: str = "") -> list[dict[str, Any]]:
        """The last run, of one organisation or of all together."""
        return running.last(self.parts.dsn, org)

    def compare_quality(self, check: str, one: str, other: str) -> dict[str, Any]:
        return comparing.compare(self._owner, self.parts.dsn, check, (one, self.user(one)), (other, self.user(other)))

    @property
    def _source(self) -> rebuilding.Source:
        return rebuilding.Source(self.parts.dsn, self.parts.keys.packed, *self.parts.rulebook.texts, self.parts.link)

    def rebuild_back(self) -> dict[str, Any]:
        """Shows the set again that was read before the last swap."""
        return {"live": sets.swap_back(self._owner)}

    @cached_property
    def residents(self) -> Residents:
        return Residents(self._log, self.parts.vault, self.parts.rulebook, self.parts.keys, self.admission.settings())

    # --- steps ---

    def _today(self) -> date:
        return queries.today(self._owner)

    def user(self, who: str | User) -> User:
        """By name, or as it was found already. Raises `ConfigurationError` for a name that was never added."""
        return who if isinstance(who, User) else people.find_user(self._owner, who)

    _user = user

    def _refuse_to_look_ahead(self, known_on: date | None) -> None:
        """On a day to come other consents hold: what they will open is closed today."""
        if known_on is not None and known_on >= self._today():
            raise ConfigurationError("That evening is still to come.", "Name a day that is closed.")

    def _looker(self, name: str | User) -> User:
        """Who reads now; what was opened in an emergency and may no longer be is closed first."""
        who = self.user(name)
        self.rights.check_glass(who)
        return who

    def _resident(self, told: str | None) -> bytes:
        org, colon, subject = (told or "").partition(":")
        if not colon:
            raise ConfigurationError("A resident is named as ORG:SUBJECT.", "Give --resident ORG:SUBJECT.")
        ref = self.admission.resident_of(org, subject)
        if ref is None:
            raise ConfigurationError(
                "This organisation has no resident under that pseudonym.", "Send the enrolment first."
            )
        return ref


def _warning(row: dict[str, Any]) -> dict[str, Any]:
    """The fields of interfaces.md, in their order."""
    names = ("id", "indicator", "severity", "state", "sentence", "resident", "opened_on", "due_on", "owner")
    return {name: row[name] for name in names}
