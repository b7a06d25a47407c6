"""The cells of the matrix that are no facts: warnings, by their inputs, and a signal to debt help after a "no"."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import builders as b
import pytest
import wkviews
from wkviews import Town

from woonketen.projections import queries
from woonketen.streams.door.organisations import Organisation

FIRST = date(2026, 1, 5)
LAST = date(2026, 3, 20)
DEBT = "rekenhulp"
ANSWERS = ("granted", "refused", "withdrawn", "expired", "never_asked")
PURPOSES = {"coach": "guidance", "casusregisseur": "coordination", "wijkteam": "coordination", "zorgaanbieder": "care"}

# Indicator → the categories that it reads, and who is named; by hand, from the register.
NAMED = {
    "arrears_first": (("arrears_level",), ("corporatie", "coach")),
    "visit_unreported": (("visits",), ("coach", "casusregisseur", "wijkteam")),
    "contact_lost": (("visits", "involvement"), ("coach", "casusregisseur", "wijkteam")),
    "conditional_lease_deadline": (("lease",), ("corporatie", "coach", "casusregisseur", "wijkteam")),
}
VIEWERS: dict[str, tuple[str, dict[str, Any]]] = {
    "coach": (b.COACH, {"worker": "W-1"}),
    "casusregisseur": (b.GEMEENTE, {"worker": "CL-4"}),
    "wijkteam": (b.GEMEENTE, {}),
    "corporatie": (b.CORPORATIE, {}),
    "zorgaanbieder": (b.COACH, {}),
    "vrijwilliger": (b.BUDDY, {"worker": "V-3"}),
    "schuldhulp": (DEBT, {}),
}
WHO = [(answer, flagged, clause) for answer in ANSWERS for flagged in (False, True) for clause in (False, True)]


def tells(n: int, answer: str, flagged: bool, clause: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Somebody who fell behind with the rent, of whose planned visits nothing is told, whose lease ends."""
    city = b.GEMEENTE
    yield _event(city, n, "enrolment.opened", FIRST, enrolment_id=f"{city}:E-{n}", district=..., cohort=...)
    yield _event(city, n, "notice.given", FIRST)
    yield _event(city, n, "caselead.assigned", FIRST, worker="CL-4", deputy_worker=...)
    for role, purpose in PURPOSES.items():
        about = {
            "consent_id": f"{city}:T-{role}-{n}", "recipient": {"role": role}, "purpose": purpose,
            "categories": ["arrears_level", "visits", "involvement", "lease", "warnings"],
        }  # fmt: skip
        periods = {"valid_from": "2026-01-05", "valid_until": "2027-01-05", "data_from": None, "data_until": None}
        if answer == "expired":
            periods["valid_until"] = "2026-02-01"
        if answer in ("granted", "withdrawn", "expired"):
            yield _event(city, n, "consent.granted", FIRST, **about, **periods)
        if answer == "refused":
            yield _event(city, n, "consent.refused", FIRST, **about)
        if answer == "withdrawn":
            yield _event(city, n, "consent.withdrawn", date(2026, 1, 20), consent_id=about["consent_id"])
    yield _event(b.COACH, n, "coach.assigned", FIRST, assignment_id="AS-0", worker="W-1", interval_days=7)
    yield _event(b.COACH, n, "coach.visit_held", FIRST, visit_id="V-0")
    yield _event(b.COACH, n, "coach.visit_planned", FIRST, visit_id="V-1", planned_on="2026-02-02")
    for day in (9, 12, 16, 20, 24, 27):
        channel = "door" if day % 2 else "phone"
        yield _event(b.COACH, n, "contact.attempted", date(2026, 2, day), channel=channel, reached=False)
    yield _event(
        b.CORPORATIE, n, "lease.started", FIRST, lease_id=f"L-{n}", district=..., complex_id=...,
        coaching_clause=clause, ends_on="2026-06-01",
    )  # fmt: skip
    for on, cents in ((date(2026, 2, 1), 30000), (date(2026, 3, 1), 40000)):
        more = {"lease_id": f"L-{n}", "outstanding_cents": cents, "oldest_unpaid_on": "2026-01-20"}
        yield _event(b.CORPORATIE, n, "rent.balance_reported", on, **more)
    if flagged:
        yield _event(b.ZORG, n, "safety.flag_set", date(2026, 1, 10))


def _event(org: str, n: int, short: str, on: date, **data: Any) -> tuple[str, dict[str, Any]]:
    made = b.event(short, f"{org[0].upper()}{len(org)}-{n}", b.source_of(org), on, **data)
    return org, made


def settle(town: Town) -> None:
    kinds = {**b.KINDS, DEBT: "schuldhulp"}
    for org, kind in kinds.items():
        town.admission.register_org(Organisation(org=org, kind=kind, sources=(b.source_of(org),)))
    _send(town, b.GEMEENTE, b.event(
        "agreement.signed", ..., b.source_of(b.GEMEENTE), FIRST, agreement_id=f"{b.GEMEENTE}:OV-0",
        programme="wooncoach", orgs=list(kinds), valid_from="2025-01-01", valid_until="2029-12-31",
        purposes=["coordination", "guidance", "tenancy", "care", "early_signalling", "own_task", "evaluation"],
    ))  # fmt: skip


def _send(town: Town, org: str, event: dict[str, Any]) -> None:
    (receipt,) = town.admission.submit(org, [json.dumps(event).encode()])
    assert receipt.status == "accepted", (event["type"], receipt)


def tell(town: Town, n: int, events: Iterator[tuple[str, dict[str, Any]]]) -> None:
    for org, event in events:
        if org != b.GEMEENTE and town.admission.resident_of(org, event["subject"]) is None:
            code, _ = town.admission.issue_link(b.GEMEENTE, f"G{len(b.GEMEENTE)}-{n}", org)
            _send(town, org, b.event("subject.linked", event["subject"], b.source_of(org), FIRST, link_code=code))
        _send(town, org, event)


@pytest.fixture(scope="module")
def here(new_database: Callable[[], str]) -> Iterator[Town]:
    with wkviews.town(new_database(), day=FIRST, organisations=settle) as made:
        for n, who in enumerate(WHO, 1):
            tell(made, n, tells(n, *who))
        made.close(FIRST, LAST)
        made.run()
        yield made


def may(role: str, indicator: str, answer: str, flagged: bool, clause: bool) -> bool:
    """Every input open, and named among the viewers; of the resident's own facts, as `tells` tells them."""
    inputs, viewers = NAMED[indicator]
    if role not in viewers or (flagged and role not in ("coach",)):
        return False
    granted = answer == "granted"
    if role == "wijkteam":
        return granted  # by a grant of its own
    if role == "corporatie":
        return True  # from its own facts
    open_to = {
        ("coach", "visits"): True,  # the own organisation's
        ("coach", "involvement"): True,
        ("coach", "lease"): clause or granted,
        ("coach", "arrears_level"): granted,
        ("casusregisseur", "visits"): granted,
        ("casusregisseur", "involvement"): True,
        ("casusregisseur", "lease"): True,
        ("casusregisseur", "arrears_level"): granted,
    }
    return all(open_to[(role, category)] for category in inputs)


def seen_by(town: Town, role: str) -> dict[str, set[str]]:
    """Resident as this organisation knows him → indicators that were shown, ended ones too."""
    org, more = VIEWERS[role]
    found: dict[str, set[str]] = {}
    for row in queries.warnings(town.owner, town.user(role, org, **more), closed=True):
        found.setdefault(str(row["resident"]), set()).add(row["indicator"])
    return found


def test_every_warning_is_seen_by_who_may_and_by_nobody_else(
    here: Town, record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]
) -> None:
    wrong, cells = [], 0
    everywhere: set[tuple[str, str, bool]] = set()
    for role, (org, _) in VIEWERS.items():
        if role in ("vrijwilliger", "schuldhulp"):
            continue
        seen = seen_by(here, role)
        for n, (answer, flagged, clause) in enumerate(WHO, 1):
            found = seen.get(f"{org[0].upper()}{len(org)}-{n}", set())
            for indicator in NAMED:
                cells += 1
                expected = may(role, indicator, answer, flagged, clause)
                everywhere.add((role, indicator, expected))
                if expected != (indicator in found):
                    wrong.append((role, indicator, answer, flagged, clause, "lacks" if expected else "has"))
    record_property("cells", cells)
    with capsys.disabled():
        print(f" [matrix of warnings: {cells} cells]", end="")
    assert not wrong, f"{len(wrong)} of {cells}: {wrong[:10]}"
    assert {(role, yes) for role, _, yes in everywhere} >= {
        (role, True) for role in ("coach", "casusregisseur", "wijkteam", "corporatie")
    }


def test_a_resident_sees_all_of_them(here: Town) -> None:
    for n in (1, 4, 9):
        user = here.user("bewoner", b.PLATFORM, ref=here.admission.resident_of(b.GEMEENTE, f"G{len(b.GEMEENTE)}-{n}"))
        assert {row["indicator"] for row in queries.warnings(here.owner, user, closed=True)} == set(NAMED)


def test_who_has_no_warnings_gets_none(here: Town) -> None:
    org, more = VIEWERS["vrijwilliger"]
    assert queries.warnings(here.owner, here.user("vrijwilliger", org, **more), closed=True) == []


def test_an_input_that_is_forgotten_is_found(new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("woonketen.streams.core.judge.viewing._input_open", lambda category, rests_on, to: True)
    with wkviews.town(new_database(), day=FIRST, organisations=settle) as made:
        tell(made, 1, tells(1, "never_asked", False, False))
        made.close(FIRST, LAST)
        made.run()
        (found,) = seen_by(made, "coach").values()
    assert [each for each in found if not may("coach", each, "never_asked", False, False)]
