"""Lives in which anything happens: every type that a partner may publish, by any that may, consents of every shape,
corrections, retractions, things told ahead and late. As specifications, so that the same life can be facts for the pure
core and events for admission; drawn from a `Random`, which Hypothesis can give.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from random import Random
from typing import Any, NamedTuple

import builders as b

from woonketen.contracts.catalogue import KIND_LETTER, TYPES
from woonketen.contracts.facts import Fact
from woonketen.streams.core.effective import _BUSINESS_KEY

FIRST = date(2026, 2, 2)
LAST = date(2026, 6, 14)
DECIDES = (
    "consent.", "objection.", "notice.", "safety.", "enrolment.", "follow_up", "event.", "warning.", "subject.",
    "data.",
)  # fmt: skip
"""What decides who may see, or whether there is a row at all: not among what is taken away."""
ROLES = {
    "coach": "guidance",
    "casusregisseur": "coordination",
    "wijkteam": "coordination",
    "zorgaanbieder": "care",
    "vrijwilliger": "own_task",
}
CONSENTED = (
    "plan", "involvement", "visits", "arrears_level", "nuisance", "care", "lease", "support", "intake", "day_activity",
    "referral", "warnings", "tenancy_care", "ladder",
)  # fmt: skip
PERIODS = ((None, None), (None, None), ("2026-05-01", None), (None, "2026-04-15"))
HAPPENS = tuple(short for short, each in TYPES.items() if each.about == "person" and not short.startswith(DECIDES))
VIEWERS = (
    ("coach", b.COACH, "W-17"),
    ("casusregisseur", b.GEMEENTE, "CL-4"),
    ("wijkteam", b.GEMEENTE, None),
    ("corporatie", b.CORPORATIE, None),
    ("zorgaanbieder", b.ZORG, None),
    ("zorgaanbieder", b.COACH, None),
    ("vrijwilliger", b.BUDDY, "V-3"),
    ("vrijwilliger", b.BUDDY, "V-9"),
    ("schuldhulp", b.GEMEENTE, None),
)


class Told(NamedTuple):
    """What `org` tells of day `on`; `lag` days later it is known. `undone`: how many days later it is taken back,
    `mended`: with which other values it is corrected."""

    short: str
    org: str
    on: date
    data: dict[str, Any]
    lag: int = 0
    undone: int | None = None
    mended: dict[str, Any] | None = None
    n: int = 0

    @property
    def key(self) -> tuple[Any, ...]:
        """What is one and the same happening, however often it is told."""
        family, read = _BUSINESS_KEY.get(self.short, (self.short, None))
        if read is None:
            return (self.n,)
        return (family, self.org, read(self.facts()[0].data))

    def facts(self) -> list[Fact]:
        known = max(FIRST, self.on + timedelta(days=self.lag))
        made = b.fact(self.short, self.org, self.on, known=known, event_id=self._id(0), **self.data)
        found = [made]
        if self.mended is not None:
            found.append(b.correction(made, event_id=self._id(1), **self.mended))
        if self.undone is not None:
            known = made.known + timedelta(days=self.undone)
            found.append(b.retraction(made, known=known, event_id=self._id(2)))
        return found

    def _id(self, which: int) -> str:
        """The same in every world: of two things told at one moment the id decides which comes first."""
        return f"01a00000-0000-7000-9{which:03d}-{self.n:012d}"


LANDLORD = "dakpan-wonen"
"""Another one, so that not every lease is the viewer's own."""
TOWN = {**b.KINDS, LANDLORD: "corporatie"}


def publishers(short: str) -> list[str]:
    return [org for org, kind in TOWN.items() if KIND_LETTER[kind] in TYPES[short].publishers]


def life(chance: Random) -> list[Told]:
    """With an enrolment, a coach, a case lead, a lease and a plan; and then anything."""
    before = FIRST - timedelta(days=20)
    told = [
        Told("enrolment.opened", b.GEMEENTE, FIRST - timedelta(days=30), {}),
        Told("notice.given", b.GEMEENTE, FIRST - timedelta(days=30), {}),
        Told("caselead.assigned", b.GEMEENTE, before, {}),
        Told("coach.assigned", b.COACH, before, {"interval_days": chance.choice([7, 14])}),
        Told("coach.assigned", b.BUDDY, before,
             {"role": "ervaringsdeskundige", "worker": "V-9", "assignment_id": "AS-9"}),
        Told("lease.started", b.CORPORATIE, before, {
            "coaching_clause": chance.random() < 0.5,
            "ends_on": str(LAST + timedelta(days=chance.choice([40, 110, 300])))}),
        Told("plan.agreed", b.GEMEENTE, before, {}),
    ]  # fmt: skip
    known = [short for short in HAPPENS if publishers(short)]
    focus = chance.sample(known, chance.randint(3, len(known)))
    told += [_happening(chance, chance.choice(focus)) for _ in range(chance.randint(5, 40))]
    return [each._replace(n=n) for n, each in enumerate([*told, *_consents(chance, before)])]


def _happening(chance: Random, short: str) -> Told:
    on = FIRST + timedelta(days=chance.randrange((LAST - FIRST).days))
    data: dict[str, Any] = {}
    fields = b.sample(short)["data"]
    if "lease_id" in fields:
        data["lease_id"] = "L-1" if short != "lease.started" else f"L-{chance.randint(2, 3)}"
    if short == "rent.balance_reported":
        cents = chance.choice([0, 30000, 61250, 125000, 190000])
        data |= {"outstanding_cents": cents} | ({} if cents else {"oldest_unpaid_on": ...})
    if "visit_id" in fields:
        data["visit_id"] = f"V-{chance.randint(1, 8)}"
    if "report_id" in fields:
        data["report_id"] = f"N-{chance.randint(1, 4)}"
    if short == "contact.attempted":
        data["reached"] = chance.random() < 0.3
    if short == "arrears.effort_made":
        data["effort"] = chance.choice(
            ["personal_contact", "pointed_to_debt_help", "written_reminder", "offer_to_pass_on"]
        )
    luck = chance.random()
    undone = chance.randint(0, 9) if luck < 0.04 else None
    mended: dict[str, Any] | None = {} if 0.04 <= luck < 0.08 else None
    return Told(short, chance.choice(publishers(short)), on, data, chance.choice([0, 0, 0, 3, -2]), undone, mended)


def _consents(chance: Random, on: date) -> list[Told]:
    told = []
    for role, purpose in ROLES.items():
        for n in range(chance.randint(0, 2)):
            data_from, data_until = chance.choice(PERIODS)
            asked: dict[str, Any] = {
                "consent_id": f"{b.GEMEENTE}:T-{role}-{n}",
                "recipient": {"role": role},
                "purpose": purpose,
                "categories": chance.sample(CONSENTED, chance.randint(1, 9)),
            }
            if chance.random() < 0.15:
                told.append(Told("consent.refused", b.GEMEENTE, on + timedelta(days=n), asked))
                continue
            until = chance.choice(["2027-01-01", "2027-01-01", "2026-05-31"])
            periods = {
                "valid_from": "2026-01-01",
                "valid_until": until,
                "data_from": data_from,
                "data_until": data_until,
            }
            told.append(Told("consent.granted", b.GEMEENTE, on + timedelta(days=n), asked | periods))
            if chance.random() < 0.15:
                gone = {"consent_id": asked["consent_id"]}
                told.append(Told("consent.withdrawn", b.GEMEENTE, LAST - timedelta(days=20), gone))
    return told


def facts_of(told: Iterable[Told]) -> list[Fact]:
    return [fact for each in told for fact in each.facts()]
