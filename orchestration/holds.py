"""Legal holds: what may not go, whatever its term; and whose word counts about a controller's data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import psycopg

from woonketen.contracts.errors import ConfigurationError, Held
from woonketen.contracts.facts import Fact
from woonketen.projections.database import told
from woonketen.projections.people import User
from woonketen.streams.door.admission import Admission
from woonketen.streams.leaving.erasure import Doomed
from woonketen.streams.leaving.overdue import Hold, hold_on


class Holds:
    """On a connection with the processor's role."""

    def __init__(self, connection: psycopg.Connection[Any], admission: Admission) -> None:
        self._connection, self._admission = connection, admission

    def add(
        self, user: User, org: str, subject: str | None, activity: str | None, reason: str, until: date
    ) -> dict[str, Any]:
        """Nothing of it goes before `until` is over, whatever its term."""
        self.refuse_stranger(user, org)
        today = self._open_day()
        if until < today:
            raise ConfigurationError("That day is over.", f"Give a day from {today} on.")
        ref = None
        if subject is not None:
            ref = self._admission.resident_of(org, subject)
            if ref is None:
                raise ConfigurationError(
                    "This organisation has no resident under that pseudonym.", "Give the own organisation's pseudonym."
                )
        with told():
            row = self._connection.execute(
                "INSERT INTO gate.hold (org, ref, activity, reason, since, until, set_by)"
                " VALUES (%s, %b, %s, %s, %s, %s, %s) RETURNING id",
                [org, ref, activity, reason, today, until, user.rolname],
            ).fetchone()
        assert row is not None
        return {
            "hold": row[0],
            "org": org,
            "about": activity or "a resident",
            "reason": reason,
            "until": until.isoformat(),
        }

    def everything(self) -> list[dict[str, Any]]:
        with told(), self._connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            cursor.execute(
                "SELECT id AS hold, org, coalesce(activity, 'a resident') AS about, reason, since, until, ended_on,"
                " CASE WHEN ended_on IS NOT NULL OR until < %s THEN 'over' ELSE 'holds' END AS state"
                " FROM gate.hold ORDER BY id",
                [self._open_day()],
            )
            return cursor.fetchall()

    def end(self, user: User, number: int) -> dict[str, Any]:
        with told():
            row = self._connection.execute("SELECT org FROM gate.hold WHERE id = %s", [number]).fetchone()
            if row is None:
                raise ConfigurationError("There is no such hold.", "Look at `woonketen retention hold list`.")
            self.refuse_stranger(user, row[0])
            self._connection.execute(
                "UPDATE gate.hold SET ended_on = coalesce(ended_on, %s) WHERE id = %s", [self._open_day(), number]
            )
        return {"hold": number, "org": row[0], "state": "over"}

    def on(self, on: date) -> list[Hold]:
        """On the day of the list, and still today: a hold that was set since holds too."""
        with told():
            rows = self._connection.execute(
                "SELECT h.org, coalesce(m.into_ref, h.ref), h.activity, h.id FROM gate.hold h"
                " LEFT JOIN admission.merged m ON m.ref = h.ref WHERE h.ended_on IS NULL AND h.until >= %s"
                " ORDER BY h.id",
                [min(on, self._open_day())],
            ).fetchall()
        return [Hold(org, None if ref is None else bytes(ref), activity, n) for org, ref, activity, n in rows]

    def refuse_held(self, doomed: Doomed, activity: Callable[[Fact], str]) -> None:
        """Raises `Held` when an erasure would take what a hold keeps (AVG art. 17 lid 3 onder e, art. 18)."""
        found = hold_on(doomed, activity, self.on(self._open_day()))
        if found is None:
            return
        with told():
            row = self._connection.execute(
                "SELECT h.reason, h.since, h.until, coalesce(v.org, 'an organisation that has left') FROM gate.hold h"
                " LEFT JOIN gate.viewer v ON v.rolname = h.set_by WHERE h.id = %s",
                [found.number],
            ).fetchone()
        assert row is not None
        reason, since, until, by = row
        raise Held(
            f"Legal hold {found.number} of {found.org} ({reason}) keeps this since {since}, until {until}; a steward of"
            f" {by} set it. Nothing was erased.",
            "What was asked stays open, so tell who asked."
            f" `woonketen retention hold end {found.number} --as STEWARD` lifts the hold; then erase.",
        )

    def refuse_stranger(self, user: User, org: str) -> None:
        """A steward of the controller; where it has none, one of a municipality."""
        kinds = {each.org: each.kind for each in self._admission.organisations()}
        with told():
            row = self._connection.execute(
                "SELECT count(*) FROM gate.viewer WHERE role = 'steward' AND org = %s", [org]
            ).fetchone()
        alone = not row or not row[0]
        if user.role != "steward" or not (user.org == org or (alone and kinds.get(user.org) == "gemeente")):
            raise ConfigurationError(
                "This is for a steward of the controller (of a municipality, where it has none).", "Use another --as."
            )

    def _open_day(self) -> date:
        return self._admission.settings().open_day
