"""What every programme has in common: getting to know each other, permission, visits, rent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from stories.tell.feed import Feed, after, day, iso
from stories.tell.town import CO, GI, OW, TOWN, ZI

LAST = date(2027, 1, 29)
FIRST = date(2026, 1, 5)

# What a professional may ask of a resident, by recipient; nothing of it is shared without a grant.
COACH = ["intake", "visits", "lease", "arrears_level", "nuisance", "care", "day_activity", "support"]
CASELEAD = ["intake", "visits", "arrears_level", "nuisance", "care", "day_activity", "support"]
WIJKTEAM = ["plan", "involvement", "referral", "warnings"]


@dataclass
class Case:
    """One resident: the pseudonym that each organisation uses, and the sending of what happens."""

    feed: Feed
    key: str
    subjects: dict[str, str]
    consents: int = 0
    _visits: int = field(default=0)

    def send(self, org: str, type_: str, on: str | date, happened: str | date | None = None, /, **data: Any) -> str:
        return self.feed.send(org, type_, on, self.subjects[org], happened=happened, key=self.key, data=data)

    def own(self, kind: str) -> str:
        return f"{kind}-{self.key.upper()}"

    # -- entering -----------------------------------------------------------

    def enrol(
        self,
        on: str | date,
        programme: str,
        route: str,
        district: str | None,
        cohort: str,
        org: str = GI,
        notice: bool = True,
    ) -> None:
        place = {"municipality": TOWN} | ({"district": district} if district else {})
        self.send(
            org, "enrolment.opened", on,
            enrolment_id=f"{org}:{self.own('E')}", programme=programme, route=route, cohort=cohort, **place,
        )  # fmt: skip
        if notice:
            self.notice(on, org)

    def notice(self, on: str | date, org: str = GI) -> None:
        self.send(org, "notice.given", on, version="2026-1", channel="conversation")

    def link(self, org: str, on: str | date, by: str = GI) -> str:
        """`org` says whom it means, with a code that `by` issues; the code itself is known when it is played."""
        return self.send(org, "subject.linked", on, link_code=f"{{{{link:{by}:{self.subjects[by]}:{org}}}}}")

    def lead(self, on: str | date, worker: str = "CL-4", deputy: str | None = "CL-9") -> None:
        extra = {"deputy_worker": deputy} if deputy else {}
        self.send(GI, "caselead.assigned", on, worker=worker, **extra)

    def grant(
        self, on: str | date, to: str, purpose: str, categories: list[str],
        until: str = "2027-12-31", org: str = GI, data_from: str | None = None,
    ) -> str:  # fmt: skip
        """`to` is a role, or `org:NAME`. Gives the consent's id."""
        period = {"data_from": iso(data_from)} if data_from else {}
        self.consents += 1
        consent = f"{org}:{self.own('T')}-{self.consents}"
        self.send(
            org, "consent.granted", on,
            consent_id=consent, recipient=_recipient(to), purpose=purpose, categories=categories,
            valid_from=iso(on), valid_until=iso(until), **period, recorded="in_conversation",
        )  # fmt: skip
        return consent

    def refuse(self, on: str | date, to: str, purpose: str, categories: list[str], org: str = GI) -> None:
        self.consents += 1
        self.send(
            org, "consent.refused", on,
            consent_id=f"{org}:{self.own('T')}-{self.consents}", recipient=_recipient(to), purpose=purpose,
            categories=categories,
        )  # fmt: skip

    def open_to_helpers(self, on: str | date, org: str = GI) -> None:
        """Coach and case lead may see what they need for their work."""
        self.grant(on, "coach", "guidance", COACH, org=org)
        self.grant(on, "casusregisseur", "coordination", CASELEAD, org=org)

    # -- referral and plan --------------------------------------------------

    def refer(self, on: str | date, to: str, service: str, org: str = GI, n: int = 1) -> str:
        referral = f"{org}:{self.own('R')}-{n}"
        self.send(org, "referral.made", on, referral_id=referral, to_org=to, service=service, urgency="normal")
        return referral

    def plan(
        self, on: str | date, actions: list[tuple[Any, ...]], by: str = GI, version: int = 1,
        agreed_by: list[str] | None = None,
    ) -> str:  # fmt: skip
        """`actions`: (owner, domain, kind, due[, blocking or worker]). Gives the plan's id."""
        plan = f"{by}:{self.own('PL')}"
        told = []
        for n, (owner, domain, kind, due, *more) in enumerate(actions, 1):
            action = {"action_id": f"A-{n}", "owner": owner, "domain": domain, "kind": kind, "due_on": iso(due)}
            for each in more:
                action |= {"blocking": each} if isinstance(each, bool) else {"worker": each}
            told.append({"blocking": False} | action)
        parties = agreed_by or list(dict.fromkeys(["resident", by, *(each[0] for each in actions)]))
        self.send(by, "plan.agreed", on, plan_id=plan, version=version, actions=told, agreed_by=parties)
        return plan

    def done(self, org: str, on: str | date, action: int, by: str = GI, happened: str | date | None = None) -> None:
        self.send(org, "action.completed", on, happened, plan_id=f"{by}:{self.own('PL')}", action_id=f"A-{action}")

    def endorse(self, org: str, on: str | date, by: str = GI, version: int = 1) -> None:
        self.send(org, "plan.endorsed", on, plan_id=f"{by}:{self.own('PL')}", version=version)

    def correct(self, org: str, on: str | date, original: str, reason: str, /, **data: Any) -> str:
        """`data` is the whole payload as it should have been."""
        return self.send(org, "event.corrected", on, original_id=original, reason=reason, data=data)

    def retract(self, org: str, on: str | date, original: str, reason: str) -> str:
        return self.send(org, "event.retracted", on, original_id=original, reason=reason)

    # -- guidance -----------------------------------------------------------

    def coach(
        self, on: str | date, worker: str, interval: int = 14, org: str = CO, role: str = "wooncoach",
        mode: str = "active", n: int = 1, happened: str | date | None = None,
    ) -> str:  # fmt: skip
        assignment = f"{self.own('AS')}-{n}"
        self.send(
            org, "coach.assigned", on, happened,
            assignment_id=assignment, role=role, worker=worker, interval_days=interval, mode=mode,
        )  # fmt: skip
        return assignment

    def visits(
        self, first: str | date, last: str | date, every: int, worker: str, org: str = CO,
        missed: dict[str, str] | None = None, planned_on: str | date | None = None, channel: str = "door",
    ) -> None:  # fmt: skip
        """Visits from `first` to `last`, each planned at the one before and told on its own day.

        `missed`: day → `resident`, `organisation`, or nothing for a visit of which no result is told.
        """
        at, told = day(first), day(planned_on) if planned_on else after(first, -5)
        outcomes = {day(when): outcome for when, outcome in (missed or {}).items()}
        assert all(each in _days(at, day(last), every) for each in outcomes), f"{self.key}: {outcomes}"
        while at <= day(last):
            visit = self.plan_visit(told, at, worker, org, channel)
            self.result(visit, at, worker, org, outcomes.get(at, "held"), channel)
            at, told = at + timedelta(days=every), at

    def plan_visit(self, on: str | date, at: str | date, worker: str, org: str = CO, channel: str = "door") -> str:
        self._visits += 1
        visit = f"{self.own('V')}-{self._visits:02d}"
        self.send(org, "coach.visit_planned", on, visit_id=visit, planned_on=iso(at), channel=channel, worker=worker)
        return visit

    def result(
        self, visit: str, on: str | date, worker: str, org: str = CO, outcome: str = "held", channel: str = "door",
        happened: str | date | None = None,
    ) -> str:  # fmt: skip
        if outcome == "held":
            return self.send(
                org, "coach.visit_held", on, happened,
                visit_id=visit, channel=channel, present=["resident"], worker=worker,
            )  # fmt: skip
        if outcome:
            return self.send(org, "coach.visit_missed", on, happened, visit_id=visit, missed_by=outcome, worker=worker)
        return ""

    def tried(self, on: str | date, channel: str, reached: bool = False, org: str = CO) -> None:
        self.send(org, "contact.attempted", on, channel=channel, reached=reached)

    # -- rent ---------------------------------------------------------------

    def lease(
        self, on: str | date, kind: str = "conditional", ends: str | None = None, clause: bool = True,
        district: str | None = None, rent: int = 61250, org: str = OW, ground: str | None = None,
        happened: str | date | None = None, tenant: str = "resident", n: int = 1, **extra: Any,
    ) -> str:  # fmt: skip
        lease = f"{self.own('L')}" if n == 1 else f"{self.own('L')}-{n}"
        told: dict[str, Any] = {"lease_id": lease, "kind": kind}
        told |= {"ground": ground} if ground else {}
        told |= {"ends_on": iso(ends)} if ends else {}
        told |= {"tenant": tenant, "coaching_clause": clause}
        told |= {"district": district} if district else {}
        self.send(org, "lease.started", on, happened, **told, **extra, rent_cents=rent)
        return lease

    def rent(
        self, first: str, last: str, rent: int = 61250, org: str = OW, lease: str = "",
        told: dict[str, tuple[int, str | None, list[int]]] | None = None, at: int = 5,
    ) -> None:  # fmt: skip
        """A balance on day `at` of each month (`first` and `last`: `2026-03`); `told`: month → (cents, oldest
        unpaid day, days late), where it is not nothing owed."""
        months = told or {}
        month = first
        while month <= last:
            cents, oldest, late = months.get(month, (0, None, [0, 0, 0, 0]))
            self.balance(f"{month}-{at:02d}", cents, oldest, late, rent, org, lease)
            year, number = int(month[:4]), int(month[5:])
            month = f"{year + number // 12}-{number % 12 + 1:02d}"

    def balance(
        self, on: str | date, cents: int, oldest: str | None, late: list[int], rent: int = 61250, org: str = OW,
        lease: str = "",
    ) -> str:  # fmt: skip
        unpaid = {"oldest_unpaid_on": iso(oldest)} if oldest else {}
        return self.send(
            org, "rent.balance_reported", on,
            lease_id=lease or self.own("L"), outstanding_cents=cents, rent_cents=rent, **unpaid, paid_late_days=late,
        )  # fmt: skip

    def effort(self, on: str | date, effort: str, org: str = OW, reached: bool | None = None) -> None:
        extra = {} if reached is None else {"reached": reached}
        self.send(org, "arrears.effort_made", on, lease_id=self.own("L"), effort=effort, **extra)

    def close(self, on: str | date, outcome: str = "completed", org: str = GI, **extra: Any) -> None:
        self.send(org, "enrolment.closed", on, enrolment_id=f"{org}:{self.own('E')}", outcome=outcome, **extra)


def _recipient(to: str) -> dict[str, str]:
    return {"org": to.removeprefix("org:")} if to.startswith("org:") else {"role": to}


def _days(first: date, last: date, every: int) -> set[date]:
    return {first + timedelta(days=n) for n in range(0, (last - first).days + 1, every)}


def agreement(feed: Feed, programme: str, number: str, orgs: list[str], purposes: list[str], on: str = "01-05") -> None:
    feed.send(
        GI, "agreement.signed", on, happened="2025-12-15",
        data={
            "agreement_id": f"{GI}:{number}", "programme": programme, "orgs": orgs, "purposes": purposes,
            "valid_from": "2026-01-01", "valid_until": "2027-12-31",
        },
    )  # fmt: skip


SILENT = {CO: {date(2026, 8, 3)}, ZI: {date(2026, 11, 9)}}
"""Mondays on which a partner's feed gave no sign of life."""


def heartbeats(feed: Feed, org: str) -> None:
    """A sign of life every Monday at five, as the registration of `org` expects."""
    at = FIRST
    while at <= LAST:
        if at not in SILENT.get(org, set()):
            moment = f"{at}T05:00:00+0{2 if date(2026, 3, 29) <= at < date(2026, 10, 25) else 1}:00"
            feed.send(org, "feed.heartbeat", at, key=f"{feed.prefix}-hb", data={"as_of": moment})
        at += timedelta(days=7)
