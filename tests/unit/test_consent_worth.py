"""What a resident reads of a consent is what it is worth: also when a role was refused what one organisation has."""

from __future__ import annotations

from datetime import date, timedelta

import builders as b

from woonketen.contracts import consent
from woonketen.contracts.facts import Fact
from woonketen.contracts.recipient import recipient
from woonketen.streams.core.effective import effective

DAY = date(2026, 3, 2)


def said(short: str, on: date, to: dict[str, str], number: str) -> Fact:
    more = {"consent_id": f"{b.PLATFORM}:{number}", "recipient": to, "purpose": "guidance", "categories": ["care"]}
    if short == "consent.granted":
        more |= {"valid_from": "2026-01-01", "valid_until": "2027-01-01", "data_from": ..., "data_until": ...}
    return b.fact(short, b.PLATFORM, on, **more)


def worth(*facts: Fact) -> tuple[list[str], str]:
    counted = effective(list(facts), DAY)
    to = recipient("coach", b.COACH, "W-17")
    return (
        [each.state for each in consent.lines(counted, DAY)],
        consent.standing(consent.statements(counted, to), ["care"], DAY).answer,
    )


def test_a_refusal_to_the_role_closes_what_one_organisation_of_it_had() -> None:
    yes = said("consent.granted", DAY - timedelta(days=20), {"org": b.COACH}, "T-1")
    no = said("consent.refused", DAY - timedelta(days=10), {"role": "coach"}, "T-2")
    assert worth(yes) == (["granted"], "granted")
    assert worth(yes, no) == (["refused", "refused"], "refused")
    again = said("consent.granted", DAY - timedelta(days=5), {"org": b.COACH}, "T-3")
    states, answer = worth(yes, no, again)
    assert (states[0] != "granted", states[1:], answer) == (True, ["refused", "granted"], "granted")


def test_a_refusal_to_one_organisation_leaves_the_role_what_it_has() -> None:
    yes = said("consent.granted", DAY - timedelta(days=20), {"role": "coach"}, "T-1")
    no = said("consent.refused", DAY - timedelta(days=10), {"org": b.COACH}, "T-2")
    assert worth(yes, no) == (["granted", "refused"], "refused"), "for others of the role it stands"
