"""What is the same for every resident: organisations, agreements, heartbeats, the rules."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b

import msgspec

from woonketen.contracts.calendar import is_workday
from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.indicators import Rules
from woonketen.contracts.policy import Policy
from woonketen.streams.core.effective import effective


class OrgInfo(msgspec.Struct, frozen=True):
    """An organisation as registered last. No `districts` is city-wide; `heartbeat_hours` None expects no heartbeat,
    otherwise one is expected since `expected_since`; `left_on` is the day on which it left, if it did."""

    org: str
    kind: str
    districts: tuple[str, ...]
    heartbeat_hours: int | None
    heartbeat_weekends: bool
    subject_url: str | None
    phone: str | None
    expected_since: date | None = None
    left_on: date | None = None

    def covers(self, district: str | None) -> bool:
        """Whether residents of this district (None: of the city-wide list) are its own."""
        return district is None or not self.districts or district in self.districts


class Agreement(msgspec.Struct, frozen=True):
    id: str
    programme: str
    orgs: frozenset[str]
    purposes: frozenset[str]
    valid_from: date
    valid_until: date
    ended_on: date | None

    def in_force(self, day: date) -> bool:
        """From `valid_from` up to and including `valid_until`, and not from the day on which it was ended."""
        return self.valid_from <= day <= self.valid_until and (self.ended_on is None or day < self.ended_on)


@dataclass(frozen=True, eq=False)
class World:
    """`facts`: the effective facts about nobody. `pseudonym_key` keys the pseudonyms that the platform mints."""

    orgs: Mapping[str, OrgInfo]
    agreements: tuple[Agreement, ...]
    facts: Facts
    policy: Policy
    rules: Rules
    pseudonym_key: bytes = field(repr=False)
    heartbeats: Mapping[str, list[datetime]] = field(repr=False)
    _silent: dict[date, frozenset[str]] = field(default_factory=dict, repr=False)
    _prints: dict[date, bytes] = field(default_factory=dict, repr=False)

    def kind(self, org: str) -> str | None:
        """`gemeente`, `corporatie`, …; None for an organisation that is not registered."""
        found = self.orgs.get(org)
        return None if found is None else found.kind

    def in_force(self, day: date) -> list[Agreement]:
        return [each for each in self.agreements if each.in_force(day)]

    def parties(self, programme: str, day: date) -> frozenset[str]:
        """The organisations of the agreements in force for a programme, without those that left."""
        named = {org for each in self.in_force(day) if each.programme == programme for org in each.orgs}
        return frozenset(org for org in named if not self.left(org, day))

    def silent(self, day: date) -> frozenset[str]:
        """Organisations whose heartbeat is expected and missing at the close of `day`.

        A day closes at 24:00 UTC. Hours are counted since the last heartbeat before that close (without one, since the
        close of the first day on which one was expected). Where weekends do not count, neither do the hours of
        Saturdays, Sundays and holidays. An organisation that left is not silent.
        """
        found = self._silent.get(day)
        if found is None:
            found = frozenset(org for org, info in self.orgs.items() if self._is_silent(info, day))
            self._silent[day] = found
        return found

    def fingerprint(self, day: date) -> bytes:
        """What a resident's rows depend on: equal fingerprints, equal rows. Heartbeats matter only through who is
        silent."""
        found = self._prints.get(day)
        if found is None:
            told = (
                self.policy.version,
                self.rules.version,
                [msgspec.structs.astuple(self.orgs[org]) for org in sorted(self.orgs)],
                sorted(
                    (each.id, each.programme, sorted(each.orgs), sorted(each.purposes)) for each in self.in_force(day)
                ),
                sorted(self.silent(day)),
            )
            found = blake2b(msgspec.json.encode(told), digest_size=16).digest()
            self._prints[day] = found
        return found

    def left(self, org: str, day: date) -> bool:
        """Whether it takes part no more on that day."""
        info = self.orgs.get(org)
        return info is not None and info.left_on is not None and info.left_on <= day

    def _is_silent(self, info: OrgInfo, day: date) -> bool:
        since = info.expected_since
        if info.heartbeat_hours is None or since is None or since > day or self.left(info.org, day):
            return False
        close = _close(day)
        beats = self.heartbeats.get(info.org, [])
        before = bisect_right(beats, close)
        last = beats[before - 1] if before else _close(since)
        return _hours(last, close, info.heartbeat_weekends, info.heartbeat_hours) > info.heartbeat_hours


def build_world(facts: Iterable[Fact], policy: Policy, rules: Rules, pseudonym_key: bytes) -> World:
    """From the facts of kind `world`, in any order, doubled or not."""
    distinct = {fact.key: fact for fact in facts}
    beats: dict[str, list[datetime]] = {}
    rest = []
    for fact in distinct.values():
        if fact.type == "feed.heartbeat":
            beats.setdefault(fact.org, []).append(fact.data.as_of)
        else:
            rest.append(fact)
    for found in beats.values():
        found.sort()
    counted = effective(rest, None)
    return World(_orgs(counted), _agreements(counted), counted, policy, rules, pseudonym_key, beats)


def _orgs(f: Facts) -> dict[str, OrgInfo]:
    left = {fact.data.org: fact for fact in f.of("org.left")}
    found: dict[str, OrgInfo] = {}
    for fact in sorted(f.of("org.registered"), key=lambda each: (each.time, each.id)):
        data, before = fact.data, found.get(fact.data.org)
        since = before.expected_since if before else None
        if data.heartbeat_hours is None:
            since = None
        elif since is None:
            since = fact.happened
        gone = left.get(data.org)
        found[data.org] = OrgInfo(
            org=data.org,
            kind=data.kind,
            districts=tuple(data.districts),
            heartbeat_hours=data.heartbeat_hours,
            heartbeat_weekends=data.heartbeat_weekends,
            subject_url=data.subject_url,
            phone=data.phone,
            expected_since=since,
            # Who registers again after leaving is back.
            left_on=gone.happened if gone is not None and gone.time >= fact.time else None,
        )
    return found


def _agreements(f: Facts) -> tuple[Agreement, ...]:
    ended = {fact.data.agreement_id: fact.happened for fact in f.of("agreement.ended")}
    found = [
        Agreement(
            id=fact.data.agreement_id,
            programme=fact.data.programme,
            orgs=frozenset(fact.data.orgs),
            purposes=frozenset(fact.data.purposes),
            valid_from=fact.data.valid_from,
            valid_until=fact.data.valid_until,
            ended_on=ended.get(fact.data.agreement_id),
        )
        for fact in f.of("agreement.signed")
    ]
    return tuple(sorted(found, key=lambda each: (each.id, each.valid_from)))


def _close(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def _hours(since: datetime, close: datetime, weekends: bool, enough: int) -> float:
    """Hours that count between two moments; counted backwards, and no further than needed."""
    if weekends:
        return (close - since).total_seconds() / 3600
    hours, end = 0.0, close
    while end > since and hours <= enough:
        begin = max(since, end - timedelta(days=1))
        if is_workday((end - timedelta(days=1)).date()):
            hours += (end - begin).total_seconds() / 3600
        end = begin
    return hours
