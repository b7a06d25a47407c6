"""An invented town for tests of faults and for the measurements: organisations, people who look, and lives as a stream.

A life is a function of its number alone, so that two runs get the same events. Only link codes differ, because the
platform issues them: a line holds a mark in the place of its code, and `Links` puts the code in when it is sent.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

import msgspec

PREFIX = "nl.woonketen."
CONTRACTS = "https://woonketen.example/contracts/"
FIRST_DAY = date(2026, 1, 5)

GI, WZ, OW, DP = "gemeente-ijsselstad", "wijkteam-zuid", "openbaar-wonen", "dakpan-wonen"
CO, ZI, BM, RD = "coach-oost", "zorg-ijssel", "buurtmaat", "rekenhulp-delta"
TOWN = "GM9900"
DISTRICTS = ("WK990001", "WK990002", "WK990003", "WK990004", "WK990005")

# name → short name, kind, source, districts
ORGS: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    GI: ("g", "gemeente", "urn:nld:oin:00000001001234567000:systeem:sociaal-domein", DISTRICTS[:4]),
    WZ: ("wz", "gemeente", "urn:nld:oin:00000001001234567000:systeem:wijkteam-zuid", DISTRICTS[4:]),
    OW: ("c", "corporatie", "urn:nld:kvknr:05012345:systeem:primair", ()),
    DP: ("d", "corporatie", "urn:nld:kvknr:05054321:systeem:huur", ()),
    CO: ("k", "zorgaanbieder", "urn:nld:kvknr:41012345:systeem:coaching", ()),
    ZI: ("z", "zorgaanbieder", "urn:nld:kvknr:08098765:systeem:ecd", ()),
    BM: ("b", "buddy_organisatie", "urn:nld:kvknr:24012345:systeem:buddy", ()),
    RD: ("s", "schuldhulp", "urn:nld:kvknr:33012345:systeem:signalen", ()),
}
# name → organisation, role, worker
USERS: dict[str, tuple[str, str, str | None]] = {
    "regie-1": (GI, "casusregisseur", "CL-1"),
    "regie-2": (GI, "casusregisseur", "CL-2"),
    "wijk-noord": (GI, "wijkteam", None),
    "wijk-zuid": (WZ, "wijkteam", None),
    "steward-1": (GI, "steward", None),
    "huur-ow": (OW, "corporatie", None),
    "huur-dp": (DP, "corporatie", None),
    "coach-1": (CO, "coach", "W-1"),
    "coach-2": (CO, "coach", "W-2"),
    "coach-3": (ZI, "coach", "Z-1"),
    "buddy-1": (BM, "coach", "V-1"),
    "zorg-co": (CO, "zorgaanbieder", None),
    "zorg-zi": (ZI, "zorgaanbieder", None),
    "buur-1": (BM, "vrijwilliger", "V-2"),
}
VIEW_OF = {
    "casusregisseur": ("casusregisseur",),
    "wijkteam": ("wijkteam",),
    "steward": ("steward_feeds", "steward_refusals"),
    "corporatie": ("corporatie", "complex"),
    "coach": ("coach",),
    "zorgaanbieder": ("zorgaanbieder",),
    "vrijwilliger": ("vrijwilliger",),
}
PROGRAMMES = ("wooncoach", "buddy", "doorstroom", "woonladder", "early_signalling")

Code = Callable[[str, str, str], str]
"""(by, subject, for) → a one-time link code. The subject has to be known by then."""
_MARK = re.compile(rb'"@([^"@]+)@([^"@]+)@"')


@dataclass(frozen=True, order=True)
class Sent:
    """One event as its partner sends it on day `on`."""

    on: date
    org: str
    line: bytes


def source(org: str) -> str:
    return ORGS[org][2]


def envelope(
    org: str, short: str, id_: str, on: date, data: Any, subject: str | None = None, hour: int = 9, minute: int = 0
) -> dict[str, Any]:
    """A CloudEvent; `on` is the day on which it was recorded."""
    made = {
        "specversion": "1.0",
        "id": id_,
        "source": source(org),
        "type": PREFIX + short,
        "time": f"{on}T{hour:02d}:{minute:02d}:00+01:00",
        "datacontenttype": "application/json",
        "dataschema": f"{CONTRACTS}{short}/1",
        "data": data,
    }
    if subject is not None:
        made["subject"] = subject
    return made


def pseudonym(org: str, resident: int) -> str:
    return f"{ORGS[org][0].upper()}-{resident:06d}"


def agreements(on: date, last: date) -> Iterator[Sent]:
    """What the municipality says first: who works together; and a complex with its dwellings."""
    for number, programme in enumerate((*PROGRAMMES, "housing_first")):
        data = {
            "occurred_on": on.isoformat(),
            "agreement_id": f"{GI}:OV-{number}",
            "programme": programme,
            "orgs": list(ORGS),
            "purposes": ["coordination", "guidance", "tenancy", "care", "early_signalling", "own_task", "evaluation"],
            "valid_from": (on - timedelta(days=900)).isoformat(),
            "valid_until": last.isoformat(),
        }
        yield Sent(on, GI, _line(envelope(GI, "agreement.signed", f"agreement-{number}", on, data)))
    complex_ = {
        "occurred_on": on.isoformat(),
        "complex_id": "CX-1",
        "dwellings": 48,
        "target_programme_share_pct": 15,
        "dwellings_for_programme": 6,
    }
    yield Sent(on, OW, _line(envelope(OW, "complex.assessed", "complex-1", on, complex_)))


def heartbeats(on: date) -> Iterator[Sent]:
    for org in ORGS:
        data = {"as_of": f"{on}T05:00:00+01:00"}
        yield Sent(on, org, _line(envelope(org, "feed.heartbeat", f"beat-{on:%Y%m%d}", on, data)))


class Links:
    """Puts link codes into lines; a line that is sent again gets the same one."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._given: dict[bytes, bytes] = {}

    def __call__(self, line: bytes) -> bytes:
        return _MARK.sub(self._put, line) if b'"@' in line else line

    def _put(self, found: re.Match[bytes]) -> bytes:
        mark = found.group()
        if mark not in self._given:
            subject, org = found.group(1).decode(), found.group(2).decode()
            self._given[mark] = f'"{self._code(GI, subject, org)}"'.encode()
        return self._given[mark]


def lives(residents: int, first: date, last: date, spread: int) -> Iterator[Sent]:
    """All residents' events in the order of days. Enrolments are spread over `spread` days; memory does not grow with
    the number of events."""
    starts = [first + timedelta(days=number * spread // max(residents, 1)) for number in range(residents)]
    yield from heapq.merge(*(_Life(number, starts[number], last).events() for number in range(residents)))


def by_day(sent: Iterable[Sent]) -> Iterator[tuple[date, dict[str, list[bytes]]]]:
    """Day → organisation → lines; days on which nothing was sent are left out."""
    today: date | None = None
    files: dict[str, list[bytes]] = {}
    for each in sent:
        if each.on != today:
            if today is not None:
                yield today, files
            today, files = each.on, {}
        files.setdefault(each.org, []).append(each.line)
    if today is not None:
        yield today, files


def _line(made: dict[str, Any]) -> bytes:
    return msgspec.json.encode(made)


class _Life:
    """One resident: an enrolment, a plan, a lease, and then month by month what happens."""

    def __init__(self, number: int, start: date, last: date) -> None:
        self.n, self.start, self.last = number, start, last
        self.rng = Random(f"life {number}")
        self.programme = PROGRAMMES[number % len(PROGRAMMES)]
        self.landlord = OW if number % 3 else DP
        self.guide = {"buddy": BM, "doorstroom": ZI, "woonladder": ZI}.get(self.programme, CO)
        self.worker = {BM: "V-1", ZI: "Z-1"}.get(self.guide) or ("W-1" if number % 2 else "W-2")
        self.district = DISTRICTS[number % 5]
        self.rent = 45_000 + 2_500 * (number % 9)
        self.pending: list[Sent] = []
        self.told = 0
        self.owed = 0
        self.unpaid_since: date | None = None
        self.late = [0, 0, 0, 0]
        self.visits = 0
        self.nuisance = 0
        self.payment_plan = ""

    def events(self) -> Iterator[Sent]:
        self._begin()
        month = self.start
        while month <= self.last:
            following = month + timedelta(days=30)
            self._month(month, following)
            yield from self._until(following)
            month = following

    def _until(self, day: date) -> Iterator[Sent]:
        self.pending.sort(key=lambda each: each.on)  # stable: what is told first on a day stays first
        ready = [each for each in self.pending if each.on < day and each.on <= self.last]
        self.pending = [each for each in self.pending if each.on >= day]
        yield from ready

    def tell(self, org: str, short: str, on: date, happened: date | None = None, **data: Any) -> str:
        self.told += 1
        id_ = f"{ORGS[org][0]}{self.n:06d}x{self.told}"
        payload = {"occurred_on": (happened or on).isoformat(), **data}
        made = envelope(org, short, id_, on, payload, pseudonym(org, self.n), 8 + self.told // 60 % 12, self.told % 60)
        self.pending.append(Sent(on, org, _line(made)))
        if self.rng.random() < 0.01:  # a system that did not hear its receipt
            self.pending.append(Sent(on + timedelta(days=1), org, _line(made)))
        return id_

    def _after(self, days: int) -> date:
        return self.start + timedelta(days=days)

    # --- the first weeks ---

    def _begin(self) -> None:
        route = {"buddy": "maatschappelijke_opvang", "early_signalling": "zittende_huurder", "woonladder": "aanwijzing"}
        self.tell(
            GI, "enrolment.opened", self.start, enrolment_id=f"{GI}:E-{self.n}", programme=self.programme,
            route=route.get(self.programme, "beschermd_wonen"), municipality=TOWN, district=self.district,
            cohort="2026-1",
        )  # fmt: skip
        self.tell(GI, "notice.given", self.start, version="2026-1", channel="conversation")
        lead, deputy = ("CL-1", "CL-2") if self.n % 2 else ("CL-2", "CL-1")
        self.tell(GI, "caselead.assigned", self.start, worker=lead, deputy_worker=deputy)
        for org in (self.landlord, self.guide):
            self.tell(org, "subject.linked", self._after(1), link_code=f"@{pseudonym(GI, self.n)}@{org}@")
        self._consents()
        referral = f"{GI}:R-{self.n}"
        service = "buddy" if self.guide == BM else "wooncoach"
        self.tell(GI, "referral.made", self._after(1), referral_id=referral, to_org=self.guide, service=service)
        if self.n % 7:
            self.tell(self.guide, "referral.accepted", self._after(3), referral_id=referral)
        self.tell(
            self.guide, "intake.held", self._after(5), situation=["debts", "lonely"], weight="light",
            domains=[
                {"domain": "housing", "wants": "own_home", "can_self": ["household"], "needs": ["neighbour_contact"]},
                {"domain": "administration", "wants": "overview", "can_self": [], "needs": ["administration_help"]},
            ],
        )  # fmt: skip
        self._plan()
        self.tell(
            self.guide, "coach.assigned", self._after(9), assignment_id=f"AS-{self.n}",
            role="buddy_professional" if self.guide == BM else "wooncoach", worker=self.worker, interval_days=28,
        )  # fmt: skip
        self._home()

    def _consents(self) -> None:
        grants = [("wijkteam", "coordination", ["plan", "involvement", "warnings"])]
        if self.n % 3:
            grants.append(("coach", "guidance", ["arrears_level", "nuisance", "care", "day_activity", "visits"]))
        if self.n % 4 == 0:
            grants.append(("casusregisseur", "coordination", ["arrears_level", "intake", "visits", "nuisance"]))
        for number, (role, purpose, categories) in enumerate(grants):
            self.tell(
                GI, "consent.granted", self.start, consent_id=f"{GI}:T-{self.n}-{number}", recipient={"role": role},
                purpose=purpose, categories=categories, valid_from=self.start.isoformat(),
                valid_until=self._after(365 if self.n % 6 else 20).isoformat(), recorded="on_paper",
            )  # fmt: skip
        if self.n % 11 == 3:
            self.tell(GI, "consent.withdrawn", self._after(24), consent_id=f"{GI}:T-{self.n}-0")
        if self.n % 50 == 17:
            self.tell(GI, "safety.flag_set", self._after(12))

    def _plan(self) -> None:
        plan = f"{GI}:PL-{self.n}"
        actions = [
            ("A-1", self.landlord, "housing", "offer_dwelling", 14, True),
            ("A-2", self.guide, "day_activity", "find_day_activity", 40, False),
            ("A-3", "resident", "administration", "open_bank_account", 20, False),
        ]
        self.tell(
            GI, "plan.agreed", self._after(7), plan_id=plan, version=1, agreed_by=["resident", GI],
            actions=[
                {"action_id": id_, "owner": owner, "domain": domain, "kind": kind,
                 "due_on": self._after(due).isoformat(), "blocking": blocking}
                for id_, owner, domain, kind, due, blocking in actions
            ],
        )  # fmt: skip
        self.tell(self.landlord, "plan.endorsed", self._after(8), plan_id=plan, version=1)
        for id_, owner, _, _, due, _ in actions[: 1 + self.n % 3]:
            told_by = owner if owner in ORGS else GI
            self.tell(told_by, "action.completed", self._after(due - 2), plan_id=plan, action_id=id_)
        if self.guide == BM:
            extra = {"action_id": "A-4", "owner": BM, "domain": "administration", "kind": "explain_letters"}
            extra |= {"due_on": self._after(30).isoformat(), "worker": "V-2"}
            self.tell(BM, "action.added", self._after(8), plan_id=plan, action=extra)

    def _home(self) -> None:
        sitting = self.programme == "early_signalling"
        began = self._after(-400) if sitting else self._after(13)
        told = self._after(2) if sitting else began
        kind, extra = "indefinite", {}
        if self.programme in {"woonladder", "doorstroom"}:
            kind = "conditional"
            extra = {
                "ground": "doorstroom_beschermd_wonen",
                "ends_on": self._after(13 + 170 + self.n % 300).isoformat(),
            }
        self.tell(
            self.landlord, "lease.started", told, began, lease_id=f"L-{self.n}", kind=kind, tenant="resident",
            coaching_clause=not sitting, dwelling_id=f"D-{self.n}", district=self.district, rent_cents=self.rent,
            complex_id="CX-1" if self.landlord == OW else "CX-2", **extra,
        )  # fmt: skip
        if self.programme == "doorstroom":
            self.tell(
                ZI, "move.planned", self._after(3), move_id=f"{ZI}:M-{self.n}", planned_on=self._after(13).isoformat(),
                provisions_required=["income", "furniture", "gp"],
            )  # fmt: skip
            for number, provision in enumerate(("income", "furniture")[: 1 + self.n % 2]):
                self.tell(ZI, "provision.arranged", self._after(6 + number), kind=provision)
            self.tell(ZI, "place.vacated", self._after(14), kind="beschermd_wonen")
            self.tell(ZI, "care.started", self._after(10), care_id=f"ZT-{self.n}", category="02")
        if self.programme == "woonladder":
            self.tell(ZI, "ladder.step_changed", self._after(13), from_step=3, to_step=4)
            self.tell(ZI, "waiting.entered", self._after(2), queue_id=f"{ZI}:W-{self.n}", queue="ladder_step", step=4,
                      reason="no_dwelling")  # fmt: skip
            self.tell(ZI, "waiting.left", self._after(13), queue_id=f"{ZI}:W-{self.n}", reason="placed")
        if self.guide == BM:
            self.tell(BM, "support.requested", self._after(15), support_id=f"SU-{self.n}", kind="neighbour_visit")

    # --- month by month ---

    def _month(self, begin: date, end: date) -> None:
        if begin > self.start + timedelta(days=20):
            self._rent(begin + timedelta(days=self.n % 5))
        if begin >= self.start:
            self._visit(begin + timedelta(days=12 + self.n % 9), end)
        if self.rng.random() < 0.12:
            self._neighbours(begin + timedelta(days=self.rng.randrange(25)))
        if self.rng.random() < 0.08:
            channel = self.rng.choice(["letter", "phone", "door"])
            on = begin + timedelta(days=self.rng.randrange(28))
            self.tell(GI, "contact.attempted", on, channel=channel, reached=self.rng.random() < 0.4)
        if self.programme == "woonladder" and self.rng.random() < 0.1:
            on = begin + timedelta(days=9)
            self.tell(ZI, "ladder.reviewed", on, step=4, result="stay", next_on=(on + timedelta(days=90)).isoformat())

    def _rent(self, on: date) -> None:
        """The balance, every month: most pay, some fall behind and some catch up."""
        chance = self.rng.random()
        if self.owed and chance < 0.35:
            self.owed, self.unpaid_since = 0, None
        elif chance > 0.9 or (self.owed and chance > 0.6):
            self.owed += self.rent
            self.unpaid_since = self.unpaid_since or on - timedelta(days=20)
        self.late = [*self.late[1:], 31 if self.owed else 0]
        self.tell(
            self.landlord, "rent.balance_reported", on, lease_id=f"L-{self.n}", outstanding_cents=self.owed,
            rent_cents=self.rent, oldest_unpaid_on=self.unpaid_since and self.unpaid_since.isoformat(),
            paid_late_days=self.late,
        )  # fmt: skip
        if self.owed == self.rent:
            effort = self.rng.choice(["personal_contact", "pointed_to_debt_help", "written_reminder"])
            on += timedelta(days=6)
            self.tell(self.landlord, "arrears.effort_made", on, lease_id=f"L-{self.n}", effort=effort, reached=False)
        if self.owed > 2 * self.rent and not self.payment_plan:
            self.payment_plan = f"BR-{self.n}-{self.told}"
            on += timedelta(days=9)
            self.tell(
                self.landlord, "payment_plan.agreed", on, payment_plan_id=self.payment_plan, lease_id=f"L-{self.n}",
                term_cents=5000, terms=12, first_due_on=(on + timedelta(days=10)).isoformat(),
            )  # fmt: skip

    def _visit(self, planned: date, end: date) -> None:
        self.visits += 1
        visit = f"V-{self.n}-{self.visits}"
        self.tell(
            self.guide, "coach.visit_planned", planned - timedelta(days=5), visit_id=visit, channel="door",
            planned_on=planned.isoformat(), worker=self.worker,
        )  # fmt: skip
        chance = self.rng.random()
        told = min(planned + timedelta(days=self.rng.choice([0, 0, 0, 1, 6])), end)
        if chance < 0.75:
            data = {"visit_id": visit, "channel": "door", "present": ["resident"], "worker": self.worker}
            id_ = self.tell(self.guide, "coach.visit_held", told, planned, **data)
            if chance < 0.03:
                corrected = {"occurred_on": planned.isoformat(), **data, "present": ["resident", "relative"]}
                later = told + timedelta(days=2)
                self.tell(self.guide, "event.corrected", later, original_id=id_, reason="wrong_value", data=corrected)
            elif chance < 0.05:
                later = told + timedelta(days=3)
                self.tell(self.guide, "event.retracted", later, original_id=id_, reason="wrong_person")
        elif chance < 0.92:
            by = "resident" if chance < 0.88 else "organisation"
            self.tell(self.guide, "coach.visit_missed", told, planned, visit_id=visit, missed_by=by, worker=self.worker)
            on = planned + timedelta(days=2)
            self.tell(self.guide, "contact.attempted", on, channel="phone", reached=self.rng.random() < 0.5)

    def _neighbours(self, on: date) -> None:
        for number in range(self.rng.choice([1, 1, 1, 3])):
            self.nuisance += 1
            report = f"N-{self.n}-{self.nuisance}"
            when = on + timedelta(days=2 * number)
            self.tell(
                self.landlord, "nuisance.reported", when, report_id=report, lease_id=f"L-{self.n}",
                reporter_hash=f"r-{self.n}{number % 2}", category="noise", seriousness=1 + number % 2,
            )  # fmt: skip
            if self.rng.random() < 0.5:
                self.tell(self.landlord, "nuisance.resolved", when + timedelta(days=9), report_id=report)
