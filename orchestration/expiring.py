"""The end of a term: what is past it, who approved that it goes, how it goes, and the certificate.

A list holds what is past the terms of one controller on a day, and is named by a hash over exactly that. A steward
approves it by naming it. It is ended in parts, each with a line in the erasure ledger that is on disk before the
database commits: killed at any moment, the same command goes on, and a restored backup does not bring anything back.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

import msgspec

from woonketen.contracts.calendar import add_months
from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.records import PLATFORM
from woonketen.contracts.retention import LOOKS, PLATFORM_KIND, Terms
from woonketen.orchestration.holds import Holds
from woonketen.orchestration.wiring import Parts
from woonketen.projections import forgetting
from woonketen.projections.database import told
from woonketen.projections.people import User
from woonketen.streams.core.show.schuldhulp import contact_handle
from woonketen.streams.door.admission import Admission
from woonketen.streams.keys import erasures, ledger
from woonketen.streams.keys.ledger import Entry, Writer, of_org
from woonketen.streams.leaving import overdue
from woonketen.streams.leaving.ending import activity_of, sleeping
from woonketen.streams.leaving.overdue import Item, Person, Told
from woonketen.streams.log.postgres import PostgresLog

CHUNK = 100
"""Residents that are ended in one transaction, and with one line of the ledger."""


class Overdue(msgspec.Struct, frozen=True):
    """What is past its term on `on`: `items` per controller; `whose` resident each is; `held`: per controller how much
    a hold keeps; `looks`: the years of which it can still be told who was looked at."""

    on: date
    items: dict[str, list[Item]]
    whose: dict[bytes, tuple[bytes, ...]]
    held: Counter[str]
    looks: list[date]


class Expiring:
    def __init__(self, parts: Parts, admission: Admission, terms: Terms) -> None:
        self._parts, self._admission, self._terms = parts, admission, terms
        self._connection = parts.processor
        self._log = PostgresLog(parts.processor, parts.vault)
        self.holds = Holds(parts.processor, admission)

    # --- looking ---

    def due(self, on: date | None = None) -> list[dict[str, Any]]:
        """Per controller and activity what is past its term on `on` (default the open day): counts, and the list that
        a steward approves. Nobody is in it."""
        found = self._find(on or self._open_day())
        rows = []
        for org, items in sorted(found.items.items()):
            listed = overdue.list_id(items, org, found.on)
            for activity in sorted({item.activity for item in items}):
                mine = [item for item in items if item.activity == activity]
                rows.append(
                    {
                        "controller": org,
                        "activity": activity,
                        "events": len(mine),
                        "residents": len({found.whose[item.key][0] for item in mine}),
                        "held": found.held[org],
                        "list": listed,
                    }
                )
        held = [org for org in sorted(found.held) if org not in found.items]
        rows += [
            {"controller": org, "activity": "", "events": 0, "residents": 0, "held": found.held[org], "list": ""}
            for org in held
        ]
        if found.looks:
            rows.append(self._looks_row(found))
        return rows

    def sleeping(self, on: date | None = None) -> list[dict[str, Any]]:
        """Per controller how many residents run on while nobody has told anything for its term, and since when the
        longest of them. Nobody is in it; a steward asks the controller, whose close makes them due."""
        kinds, partitions = self._kinds(), self._admission.settings().partitions
        found: dict[str, list[date]] = {}
        for person in overdue.persons(self._log, self._parts.vault, partitions, overdue.everybody(self._connection)):
            for org, last in sleeping(person.facts, self._terms, kinds, on or self._open_day()).items():
                found.setdefault(org, []).append(last)
        return [
            {"controller": org, "state": "sleeping", "residents": len(days), "silent_since": min(days)}
            for org, days in sorted(found.items())
        ]

    def _looks_row(self, found: Overdue) -> dict[str, Any]:
        row = self._connection.execute(
            "SELECT count(*), count(DISTINCT ref) FROM gate.looks_key WHERE since = ANY(%s)", [found.looks]
        ).fetchone()
        assert row is not None
        return {
            "controller": PLATFORM,
            "activity": "accountability",
            "events": row[0],
            "residents": row[1],
            "held": 0,
            "list": _looks_list(found),
        }

    # --- ending ---

    def run(self, listed: str, user: User) -> dict[str, Any]:
        """Ends exactly what is in the list, approved by this steward. Again goes on where it was cut off, or is
        nothing, and gives the certificate. Raises `ConfigurationError` for what is not, or no more, the list that is
        due."""
        if user.role != "steward":
            raise ConfigurationError("A steward approves a list.", "Use another --as.")
        approved = self._approved(listed)
        if approved is None:
            found = self._find(_day_of(listed))
            if found.on > self._open_day():
                raise ConfigurationError("That day is not there yet.", "Approve a list of a day up to the open one.")
            if listed == _looks_list(found) and found.looks:
                self.holds.refuse_stranger(user, PLATFORM)
                return self._end_looks(listed, user, found)
            org = next((o for o, items in found.items.items() if overdue.list_id(items, o, found.on) == listed), None)
            if org is None:
                raise ConfigurationError(
                    "What is past its term is not, or no more, what this list says.",
                    "Look at `woonketen retention due`, and approve the list that it names.",
                )
            self.holds.refuse_stranger(user, org)
            self._approve(listed, user, org, found)
        elif approved[2] is not None:
            return self.certificate(listed)
        else:
            self.holds.refuse_stranger(user, approved[0])
        self._go_on(listed)
        return self.certificate(listed)

    def certificate(self, listed: str) -> dict[str, Any]:
        """What was removed by this list, when, by whose approval, and the lines of the ledger that prove it."""
        with told():
            row = self._connection.execute(
                "SELECT l.org, l.on_day, l.approved_at, l.done_at, l.counts, l.residents, v.org, v.role"
                " FROM gate.retention_list l LEFT JOIN gate.viewer v ON v.rolname = l.approved_by WHERE l.id = %s",
                [listed],
            ).fetchone()
            proofs = self._connection.execute(
                "SELECT encode(entry, 'hex'), rows, keys FROM vault.proof WHERE request = %s ORDER BY at, entry",
                [listed],
            ).fetchall()
        if row is None or row[3] is None:
            raise ConfigurationError("No such list was ended.", "Look at `woonketen retention due`.")
        org, on_day, approved_at, done_at, counts, residents, by_org, by_role = row
        return {
            "list": listed,
            "controller": org,
            "past_term_on": on_day.isoformat(),
            "activities": counts,
            "events": sum(counts.values()),
            "residents": residents,
            "keys_destroyed": sum(keys for _, _, keys in proofs),
            "rows_removed": sum(rows for _, rows, _ in proofs),
            "terms": self._terms.version,
            "articles": self._articles(org, counts),
            "approved_by": f"{by_role or 'steward'} of {by_org or 'an organisation that has left'}",
            "approved_at": approved_at.isoformat(timespec="seconds"),
            "done_at": done_at.isoformat(timespec="seconds"),
            "ledger": [entry for entry, _, _ in proofs],
        }

    def redo(self, entry: Entry, org: str) -> tuple[int, int]:
        """Does in this database what a line of the ledger says and it has not done. Returns keys and rows."""
        if entry.kind == ledger.LOOKS:
            assert entry.day is not None
            with self._connection.transaction():
                rows = self._forget_looks(entry.day)
                erasures.prove(self._connection, entry, PLATFORM, rows)
            return 0, rows
        kids = {bytes.fromhex(kid) for kid in entry.kids}
        parted = {bytes.fromhex(kid) for kid in entry.parted}
        tokens = {bytes.fromhex(token) for token in entry.events}

        def goes(each: Told) -> bool:
            kid = each.record.kid
            if kid not in kids:
                return False
            if kid not in parted:
                return True
            return each.fact is not None and overdue.event_token(self._parts.keys, each.fact.key) in tokens

        with told():
            found = self._connection.execute(
                "SELECT DISTINCT coalesce(m.into_ref, k.ref) FROM vault.key k"
                " LEFT JOIN admission.merged m ON m.ref = k.ref WHERE k.kid = ANY(%b) AND k.ref IS NOT NULL",
                [list(kids)],
            ).fetchall()
        roots = {bytes(root) for (root,) in found}
        wanted = [refs for refs in overdue.everybody(self._connection) if refs[0] in roots]
        done, removed, roles = self._end(wanted, goes, None, entry, org)
        forgetting.drop_roles(self._parts.owner, roles)
        return done, removed

    # --- steps ---

    def _open_day(self) -> date:
        return self._admission.settings().open_day

    def _kinds(self) -> dict[str, str]:
        return {each.org: each.kind for each in self._admission.organisations()}

    def _find(self, on: date) -> Overdue:
        kinds, holds = self._kinds(), self.holds.on(on)
        partitions = self._admission.settings().partitions
        found = Overdue(on, {}, {}, Counter(), self._looks_due(on))
        everybody = overdue.everybody(self._connection)
        for person in overdue.persons(self._log, self._parts.vault, partitions, everybody):
            items, held = overdue.overdue(person, self._terms, kinds, on, self._parts.keys, holds)
            found.held.update(held)
            for item in items:
                found.items.setdefault(item.org, []).append(item)
                found.whose[item.key] = person.refs
        return found

    def _approved(self, listed: str) -> Any:
        with told():
            return self._connection.execute(
                "SELECT org, on_day, done_at FROM gate.retention_list WHERE id = %s", [listed]
            ).fetchone()

    def _approve(self, listed: str, user: User, org: str, found: Overdue) -> None:
        items = found.items[org]
        counts = Counter(item.activity for item in items)
        residents = len({found.whose[item.key][0] for item in items})
        with told(), self._connection.transaction():
            self._connection.execute(
                "INSERT INTO gate.retention_list (id, org, on_day, approved_by, counts, residents)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                [listed, org, found.on, user.rolname, json.dumps(counts), residents],
            )
            self._connection.execute(
                "INSERT INTO gate.retention_item (list, token) SELECT %s, t FROM unnest(%b::bytea[]) AS u(t)",
                [listed, sorted({item.token for item in items})],
            )

    def _go_on(self, listed: str) -> None:
        """Ends what is approved and still there, a part at a time."""
        org, on, _ = self._approved(listed)
        with told():
            rows = self._connection.execute(
                "SELECT token FROM gate.retention_item WHERE list = %s", [listed]
            ).fetchall()
        approved = {bytes(token) for (token,) in rows}
        kinds = self._kinds()
        found = self._find(on)
        refs = sorted({found.whose[item.key] for item in found.items.get(org, []) if item.token in approved})
        roles: list[str] = []
        for start in range(0, len(refs), CHUNK):
            goes = _Approved(self, approved, org, on, kinds)
            entry = Entry(n=0, kind=ledger.RETENTION, request=listed, org=of_org(self._parts.keys, org))
            with self._parts.ledger.alone() as writer:
                roles += self._end(refs[start : start + CHUNK], goes, writer, entry, org)[2]
        with told(), self._connection.transaction():
            self._connection.execute("UPDATE gate.retention_list SET done_at = now() WHERE id = %s", [listed])
            self._connection.execute("DELETE FROM gate.retention_item WHERE list = %s", [listed])
        forgetting.drop_roles(self._parts.owner, roles)
        if refs:
            forgetting.scrub(self._parts.owner)

    def _end(
        self,
        wanted: Sequence[tuple[bytes, ...]],
        goes: Callable[[Told], bool] | _Approved,
        writer: Writer | None,
        entry: Entry,
        org: str,
    ) -> tuple[int, int, list[str]]:
        """One transaction. `writer`: where the ledger's line is written; None when it stands there."""
        parts, connection = self._parts, self._connection
        kinds = self._kinds()
        rows, roles = 0, list[str]()
        kids, parted, tokens = set[bytes](), set[bytes](), set[bytes]()
        with told(), connection.transaction():
            forgetting.lock_positions(connection)
            with self._admission.sitting() as sitting:
                partitions = self._admission.settings().partitions
                for person in overdue.persons(self._log, parts.vault, partitions, wanted):
                    meant = goes.of(person) if isinstance(goes, _Approved) else goes
                    ended = overdue.end(
                        connection, parts.keys, parts.vault, sitting, person, meant,
                        lambda fact: activity_of(fact, self._terms, kinds),
                    )  # fmt: skip
                    if ended is None:
                        continue
                    contacts = [contact_handle(signal, parts.keys.minted) for signal in ended.signals]
                    shown, gone = forgetting.forget_residents(
                        connection, ended.refs, ended.records, whole=ended.whole, contacts=contacts
                    )
                    rows, roles = rows + ended.rows + shown, roles + gone
                    kids.update(ended.kids)
                    parted.update(ended.parted)
                    tokens.update(ended.tokens)
                if writer is None:  # keys that nothing is sealed with here
                    parts.vault.destroy_keys([bytes.fromhex(kid) for kid in entry.kids], sitting.open_day)
                day = sitting.open_day
            if writer is not None:
                if not kids:
                    return 0, 0, []
                entry = writer.append(
                    msgspec.structs.replace(entry, day=day, kids=_hex(kids), parted=_hex(parted), events=_hex(tokens))
                )
            erasures.prove(connection, entry, org, rows)
        return len(kids), rows, roles

    # --- looks ---

    def _looks_due(self, on: date) -> list[date]:
        term = self._terms.of(PLATFORM, PLATFORM_KIND, LOOKS)
        assert term is not None  # the file does not load without it
        with told():
            rows = self._connection.execute("SELECT DISTINCT since FROM gate.looks_key ORDER BY since").fetchall()
        return [since for (since,) in rows if add_months(since, 12 + term.months) <= on]

    def _end_looks(self, listed: str, user: User, found: Overdue) -> dict[str, Any]:
        counted = self._looks_row(found)
        before = found.looks[-1].replace(year=found.looks[-1].year + 1)
        entry = Entry(n=0, kind=ledger.LOOKS, request=listed, day=before, org=of_org(self._parts.keys, PLATFORM))
        with self._parts.ledger.alone() as writer, told(), self._connection.transaction():
            rows = self._forget_looks(before)
            erasures.prove(self._connection, writer.append(entry), PLATFORM, rows)
            self._connection.execute(
                "INSERT INTO gate.retention_list (id, org, on_day, approved_by, counts, residents, done_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, now())",
                [listed, PLATFORM, found.on, user.rolname, json.dumps({"accountability": rows}), counted["residents"]],
            )
        forgetting.scrub_tables(self._parts.owner, ["gate.looks_key"])
        return self.certificate(listed)

    def _forget_looks(self, before: date) -> int:
        return self._connection.execute("DELETE FROM gate.looks_key WHERE since < %s", [before]).rowcount

    def _articles(self, org: str, activities: Iterable[str]) -> list[str]:
        kind = PLATFORM_KIND if org == PLATFORM else self._kinds().get(org, "")
        found = {
            row.article for row in self._terms.rows if row.activity in activities and row.controller in (org, kind, "*")
        }
        return sorted(found)


class _Approved:
    """What of a person goes: what was approved, is past its term still, and no hold keeps; asked under the locks."""

    def __init__(self, expiring: Expiring, tokens: set[bytes], org: str, on: date, kinds: dict[str, str]) -> None:
        self._expiring, self._tokens, self._org, self._on, self._kinds = expiring, tokens, org, on, kinds

    def of(self, person: Person) -> Callable[[Told], bool]:
        mine = self._expiring
        holds = mine.holds.on(self._on)
        items, _ = overdue.overdue(person, mine._terms, self._kinds, self._on, mine._parts.keys, holds)
        keys = {item.key for item in items if item.org == self._org and item.token in self._tokens}
        return lambda each: each.fact is not None and each.fact.key in keys


def _hex(found: Iterable[bytes]) -> list[str]:
    return [each.hex() for each in sorted(found)]


def _day_of(listed: str) -> date:
    prefix, _, rest = listed.partition("-")
    try:
        if prefix == "RL":
            return date(int(rest[:4]), int(rest[4:6]), int(rest[6:8]))
    except ValueError:
        pass
    raise ConfigurationError("That is no id of a list.", "Look at `woonketen retention due`.")


def _looks_list(found: Overdue) -> str:
    items = [Item(b"", PLATFORM, "accountability", since.isoformat().encode()) for since in found.looks]
    return overdue.list_id(items, "looks", found.on)
