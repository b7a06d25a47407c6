"""Early signalling of arrears: nothing leaves before the four efforts, nothing stays after an objection."""

from __future__ import annotations

import io
import json
from datetime import date, timedelta
from typing import Any

import builders as b
import pytest

from woonketen.contracts.errors import ConfigurationError
from woonketen.orchestration import evidence
from woonketen.orchestration.platform import Platform
from woonketen.streams.core.picture.money import EFFORTS

FIRST_DAY = date(2026, 1, 5)
TODAY = date(2026, 2, 16)
OWED, SENT = date(2026, 1, 20), date(2026, 2, 10)
DEBT = "schuldhulp-oost"
ORGS = {**b.KINDS, DEBT: "schuldhulp"}
_SOURCE = {b.source_of(org): org for org in ORGS}


class Town:
    """Tenants in programme `early_signalling`, with a lease and arrears of the corporation's."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.last = 0

    def tell(self, *events: dict[str, Any]) -> list[str]:
        told = []
        for event in events:
            org = _SOURCE[event["source"]]
            (receipt,) = self.platform.ingest(org, io.BytesIO(json.dumps(event).encode()))
            told.append(receipt.reason or receipt.status)
        return told

    def event(self, short: str, org: str, n: int, on: date, **data: Any) -> dict[str, Any]:
        return b.event(short, f"{org[0].upper()}-{n}00", b.source_of(org), on, **data)

    def tenant(self) -> int:
        self.last += 1
        n, of = self.last, b.CORPORATIE
        assert (
            self.tell(
                self.event(
                    "enrolment.opened", of, n, FIRST_DAY, enrolment_id=f"{of}:E-{n}", programme="early_signalling"
                ),
                self.event("notice.given", of, n, FIRST_DAY),
                self.event(
                    "lease.started", of, n, FIRST_DAY, lease_id=f"L-{n}", kind="indefinite", ground=..., ends_on=...
                ),
                self.balance(n, 60_000),
            )
            == ["accepted"] * 4
        )
        return n

    def balance(self, n: int, cents: int, on: date = OWED) -> dict[str, Any]:
        return self.event("rent.balance_reported", b.CORPORATIE, n, on, lease_id=f"L-{n}", outstanding_cents=cents,
                          oldest_unpaid_on=..., paid_late_days=[])  # fmt: skip

    def efforts(self, n: int, *but: str, on: date = date(2026, 2, 1)) -> list[dict[str, Any]]:
        return [
            self.event("arrears.effort_made", b.CORPORATIE, n, on, lease_id=f"L-{n}", effort=each)
            for each in EFFORTS
            if each not in but
        ]

    def signal(self, n: int, to: str = DEBT, on: date = SENT) -> dict[str, Any]:
        return self.event("arrears.signalled", b.CORPORATIE, n, on, lease_id=f"L-{n}", to_org=to, amount_cents=60_000,
                          signal_id=f"{b.CORPORATIE}:VS-{n}")  # fmt: skip

    def rows(self, user: str = "hulp") -> dict[str, dict[str, Any]]:
        self.platform.run(until_idle=True)
        return {row["signal_id"]: row for row in self.platform.view("schuldhulp", user)}

    def outcome(self, event: dict[str, Any]) -> str:
        receipt = next(row for row in self.platform.receipts(b.CORPORATIE) if row["id"] == event["id"])
        return str(receipt["reason"] or receipt["status"])


@pytest.fixture(scope="module")
def town(platform: Platform) -> Town:
    made = Town(platform)
    for org, kind in ORGS.items():
        platform.register_org(org, kind=kind, source=b.source_of(org))
    signed = b.event(
        "agreement.signed", ..., b.source_of(b.GEMEENTE), FIRST_DAY, agreement_id=f"{b.GEMEENTE}:OV-9",
        programme="early_signalling", orgs=[b.GEMEENTE, b.CORPORATIE, DEBT], purposes=["early_signalling", "tenancy"],
        valid_from="2025-01-01", valid_until="2029-12-31",
    )  # fmt: skip
    assert made.tell(signed) == ["accepted"]
    platform.close_days(FIRST_DAY, TODAY - timedelta(days=1))
    platform.add_user("hulp", DEBT, "schuldhulp")
    platform.add_user("hulp-gemeente", b.GEMEENTE, "schuldhulp")
    platform.add_user("verhuurder", b.CORPORATIE, "corporatie")
    return made


def resident(town: Town, n: int) -> str:
    user = f"huurder-{n}"
    town.platform.add_user(user, b.CORPORATIE, "bewoner", resident=f"{b.CORPORATIE}:{b.CORPORATIE[0].upper()}-{n}00")
    return user


def test_a_signal_waits_for_its_four_efforts(town: Town) -> None:
    n = town.tenant()
    signal = town.signal(n)
    assert town.tell(signal) == ["parked"]
    first, *rest = town.efforts(n)
    assert town.tell(first) == ["accepted"]
    assert town.outcome(signal) == "parked"
    assert f"{b.CORPORATIE}:VS-{n}" not in town.rows()
    assert town.tell(*rest) == ["accepted"] * 3
    assert town.outcome(signal) == "accepted"
    row = town.rows()[f"{b.CORPORATIE}:VS-{n}"]
    assert (row["amount_cents"], row["signalled_on"], row["withdrawn_on"]) == (60_000, SENT, None)
    assert town.rows("hulp-gemeente") == {}, "only who it was sent to"


@pytest.mark.parametrize("lacks", EFFORTS)
def test_three_are_not_enough(town: Town, lacks: str) -> None:
    n = town.tenant()
    assert set(town.tell(*town.efforts(n, lacks), town.signal(n))) == {"accepted", "parked"}


def test_efforts_of_earlier_arrears_do_not_count(town: Town) -> None:
    n = town.tenant()
    assert set(town.tell(*town.efforts(n), town.balance(n, 0, date(2026, 2, 5)),
                         town.balance(n, 60_000, date(2026, 2, 8)))) == {"accepted"}  # fmt: skip
    signal = town.signal(n)
    assert town.tell(signal) == ["parked"]
    town.tell(*town.efforts(n, on=date(2026, 2, 9)))
    assert town.outcome(signal) == "accepted"


def test_an_effort_that_is_taken_back_does_not_count(town: Town) -> None:
    n = town.tenant()
    made = town.efforts(n)
    town.tell(*made)
    back = town.event("event.retracted", b.CORPORATIE, n, date(2026, 2, 3), original_id=made[0]["id"])
    assert town.tell(back) == ["accepted"]
    assert town.tell(town.signal(n)) == ["parked"]


def test_a_balance_that_was_no_zero_opens_the_way_again(town: Town) -> None:
    n = town.tenant()
    wrong = town.balance(n, 0, date(2026, 2, 5))
    signal = town.signal(n)
    town.tell(*town.efforts(n), wrong)
    assert town.tell(signal) == ["parked"]
    data = wrong["data"] | {"outstanding_cents": 60_000}
    right = town.event("event.corrected", b.CORPORATIE, n, date(2026, 2, 6), original_id=wrong["id"],
                       payload={"data": data})  # fmt: skip
    assert town.tell(right) == ["accepted"]
    assert town.outcome(signal) == "accepted"


def test_after_an_objection_nothing_is_sent(town: Town) -> None:
    n = town.tenant()
    town.tell(*town.efforts(n))
    user = town.platform.user(resident(town, n))
    town.platform.rights.object(user, "early_signalling")
    assert town.tell(town.signal(n)) == ["objection"]
    assert f"{b.CORPORATIE}:VS-{n}" not in town.rows()
    town.platform.rights.lift(user, "early_signalling")
    assert town.tell(town.signal(n)) == ["accepted"], "a refused signal may be sent again"


def test_an_objection_afterwards_withdraws_the_row(town: Town) -> None:
    n = town.tenant()
    signal_id = f"{b.CORPORATIE}:VS-{n}"
    town.tell(*town.efforts(n), town.signal(n))
    before = town.rows()[signal_id]
    assert before["contact_handle"].startswith("CH-")
    town.platform.put_contact(b.CORPORATIE, signal_id, b'{"name": "N.N.", "phone": "06"}')
    user = town.platform.user(resident(town, n))
    town.platform.rights.object(user, "early_signalling")
    assert signal_id not in {row["signal_id"] for row in town.platform.view("schuldhulp", "hulp")}, "hidden at once"
    row = town.rows()[signal_id]
    assert row["withdrawn_on"] == town.platform.open_day()
    assert (row["amount_cents"], row["contact_handle"], row["outcome"]) == (None, None, None)
    assert town.platform.fetch_contact(before["contact_handle"], "hulp") is None
    town.platform.rights.lift(user, "early_signalling")
    assert town.rows()[signal_id] == before


def test_an_objection_refuses_what_still_waits(town: Town) -> None:
    n = town.tenant()
    signal = town.signal(n)
    assert town.tell(signal) == ["parked"]
    town.platform.rights.object(town.platform.user(resident(town, n)), "early_signalling")
    assert town.outcome(signal) == "parked", "it may be lifted while the efforts are made"
    town.tell(*town.efforts(n))
    assert town.outcome(signal) == "objection"


def test_contact_data_are_fetched_once_by_who_sees_the_row(town: Town) -> None:
    n = town.tenant()
    signal_id = f"{b.CORPORATIE}:VS-{n}"
    town.tell(*town.efforts(n), town.signal(n))
    handle = town.platform.put_contact(b.CORPORATIE, signal_id, b'{"name": "N.N.", "phone": "0612"}')
    assert town.rows()[signal_id]["contact_handle"] == handle
    assert town.platform.fetch_contact(handle, "hulp-gemeente") is None, "another's signal"
    stored = town.platform._owner.execute("SELECT string_agg(encode(sealed, 'escape'), '') FROM gate.contact")
    assert "0612" not in str(stored.fetchone())
    assert town.platform.fetch_contact(handle, "hulp") == {"name": "N.N.", "phone": "0612"}
    assert town.platform.fetch_contact(handle, "hulp") is None
    with pytest.raises(ConfigurationError, match="another organisation"):
        town.platform.put_contact(b.GEMEENTE, signal_id, b'{"name": "N.N."}')
    with pytest.raises(ConfigurationError, match="no contact data"):
        town.platform.put_contact(b.CORPORATIE, signal_id, b'{"name": "N.N.", "bsn": "1"}')


def test_evidence_is_ordered_signed_and_breaks_when_touched(town: Town) -> None:
    n = town.tenant()
    town.tell(*town.efforts(n), town.signal(n))
    town.rows()
    found = town.platform.evidence(f"L-{n}", "verhuurder")
    kinds = [each["type"].removeprefix("nl.woonketen.") for each in found["entries"]]
    assert kinds == ["rent.balance_reported", *["arrears.effort_made"] * 4, "arrears.signalled"]
    assert [each["happened"] for each in found["entries"]] == sorted(each["happened"] for each in found["entries"])
    key = evidence.signing_key(town.platform.parts.keys).public_key().public_bytes_raw().hex()
    assert evidence.verify(found, key)
    again = json.loads(json.dumps(found))
    assert evidence.verify(again, key)
    assert not evidence.verify(again | {"made_on": "2025-01-01"})
    assert not evidence.verify(again | {"entries": again["entries"][1:]})
    assert not evidence.verify(again | {"entries": again["entries"][::-1]})
    assert not evidence.verify(again, "00" * 32)
    assert not evidence.verify({})
    html = evidence.as_page(found)
    assert found["signature"] in html
    assert "outstanding_cents" not in html
    with pytest.raises(ConfigurationError, match="no lease"):
        town.platform.evidence("L-404", "verhuurder")


def test_what_waits_for_thirty_days_is_refused(town: Town) -> None:
    """Last, for it moves the clock."""
    n = town.tenant()
    signal = town.signal(n)
    assert town.tell(signal) == ["parked"]
    day = town.platform.open_day()
    town.platform.close_days(day, day + timedelta(days=31))
    assert town.outcome(signal) == "efforts_missing"
    assert town.tell(*town.efforts(n), signal) == ["accepted"] * 5, "and may be sent again"
