"""What is not shown: before the notice, after the end, behind a safety flag, without consent."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import builders as b
import msgspec
import pytest

from woonketen.contracts import indicators
from woonketen.contracts.facts import Fact
from woonketen.contracts.views import Row
from woonketen.streams.core.show import shown

REF = bytes(16)
WORLD = b.world(rules=indicators.shipped())
DAY = date(2026, 3, 16)
OPENED = date(2026, 1, 5)


def rows(facts: list[Fact], day: date = DAY) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in shown(facts, REF, day, WORLD).rows:
        found.setdefault(row.view, []).append(row)
    return found


def told(*without: str) -> list[Fact]:
    """A resident of whom everybody told something."""
    facts = [
        b.fact("enrolment.opened", happened=OPENED),
        b.fact("notice.given", happened=OPENED),
        b.fact("caselead.assigned", happened=date(2026, 1, 20)),
        b.fact("plan.agreed", happened=date(2026, 1, 20)),
        b.fact("action.added", happened=date(2026, 2, 2)),
        b.fact("coach.assigned", happened=date(2026, 2, 1)),
        b.fact("coach.visit_held", happened=date(2026, 2, 24)),
        b.fact("lease.started", happened=date(2026, 2, 15)),
        b.fact("rent.balance_reported", happened=date(2026, 3, 2)),
        b.fact("nuisance.reported", happened=date(2026, 3, 3)),
        b.fact("care.started", happened=date(2026, 2, 1)),
        b.fact("ladder.step_changed", happened=date(2026, 2, 15)),
    ]
    return [fact for fact in facts if fact.type not in without]


def grant(role: str, purpose: str, *categories: str, **data: Any) -> Fact:
    return b.fact(
        "consent.granted", happened=OPENED, consent_id=f"{b.GEMEENTE}:T-{role}-1", recipient={"role": role},
        purpose=purpose, categories=list(categories), valid_from="2026-01-05",
        **{"valid_until": "2027-01-05", "data_from": None, "data_until": None, **data},
    )  # fmt: skip


def test_before_the_notice_everybody_has_what_was_told_by_the_own_organisation() -> None:
    found = rows(told("notice.given"))
    assert {row.org for view in found for row in found[view] if row.sources != [row.org]} == {""}
    coach: Any = found["coach"][0].data
    assert (coach.programme, coach.plan_actions, coach.lease, coach.held_90d) == (None, [], None, 1)
    lead: Any = found["casusregisseur"][0].data
    assert [each.org for each in lead.parties if each.last_event_on] == [b.GEMEENTE]
    team: Any = found["wijkteam"][0].data
    assert team.phase == "talks", "even the own plan is only shared with consent"
    landlord: Any = found["corporatie"][0].data
    assert (landlord.outstanding_cents, landlord.own_actions, landlord.coaching_runs) == (61250, [], None)
    (care,) = found["zorgaanbieder"]
    assert (care.org, care.sources) == (b.ZORG, [b.ZORG])


def test_before_the_notice_a_municipality_that_did_not_enrol_has_no_row() -> None:
    facts = [b.fact("enrolment.opened", b.ZORG, OPENED, enrolment_id=f"{b.ZORG}:E-1")]
    assert "wijkteam" not in rows(facts)
    assert "wijkteam" in rows([*facts, b.fact("notice.given", b.ZORG, OPENED)])


def test_the_day_of_closing_and_the_day_after() -> None:
    facts = [*told(), b.fact("enrolment.closed", happened=date(2026, 3, 10))]
    assert {"coach", "casusregisseur", "vrijwilliger"} <= set(rows(facts, date(2026, 3, 10)))
    after = rows(facts, date(2026, 3, 11))
    assert set(after) == {"wijkteam", "corporatie", "zorgaanbieder", "bewoner"}
    (team,) = after["wijkteam"]
    assert team.late.left_on == date(2026, 3, 10)
    assert "wijkteam" in rows(facts, date(2026, 3, 16))
    assert "wijkteam" not in rows(facts, date(2026, 3, 17))


def test_after_the_end_a_corporation_keeps_its_lease_with_what_it_told() -> None:
    promised = b.fact("action.added", happened=date(2026, 3, 1), action=_repair(b.CORPORATIE), subject="C-7f3a91")
    promised = msgspec.structs.replace(promised, org=b.CORPORATIE)
    facts = [*told(), promised, b.fact("enrolment.closed", happened=date(2026, 3, 10))]
    (row,) = rows(facts)["corporatie"]
    landlord: Any = row.data
    assert (landlord.outstanding_cents, landlord.coaching_required, landlord.nuisance_56d.count) == (61250, True, 1)
    assert (landlord.coaching_runs, landlord.own_actions, landlord.may_signal_missing) == (None, [], [])
    assert row.sources == [b.CORPORATIE]


def _repair(owner: str) -> dict[str, Any]:
    return {"action_id": "A-9", "owner": owner, "domain": "housing", "kind": "repair", "due_on": "2026-03-09"}


def test_after_the_end_a_care_provider_keeps_a_client_while_its_care_runs() -> None:
    closed = b.fact("enrolment.closed", happened=date(2026, 3, 10))
    (row,) = rows([*told(), closed])["zorgaanbieder"]
    care: Any = row.data
    assert (row.org, care.programme, care.ladder_step, care.own_actions) == (b.ZORG, None, 4, [])
    ended = b.fact("care.ended", happened=date(2026, 3, 12))
    assert "zorgaanbieder" not in rows([*told(), closed, ended])


def test_a_lease_is_gone_the_day_after_it_ended() -> None:
    facts = [*told(), b.fact("lease.ended", happened=date(2026, 3, 12))]
    assert "corporatie" in rows(facts, date(2026, 3, 12))
    assert "corporatie" not in rows(facts, date(2026, 3, 13))


def test_a_safety_flag_leaves_the_setter_and_the_assigned_coach() -> None:
    found = rows([*told(), b.fact("safety.flag_set", happened=date(2026, 3, 1))])
    assert set(found) == {"coach", "casusregisseur", "wijkteam", "corporatie", "zorgaanbieder", "bewoner"}
    assert [row.org for row in found["zorgaanbieder"]] == [b.ZORG]

    found = rows([*told(), b.fact("safety.flag_set", b.ZORG, date(2026, 3, 1))])
    assert set(found) == {"coach", "corporatie", "zorgaanbieder", "bewoner"}
    care: Any = found["zorgaanbieder"][0].data
    assert care.programme == "wooncoach", "who set the flag goes on working"


@pytest.mark.parametrize("view", ["corporatie", "zorgaanbieder"])
def test_behind_a_flag_it_looks_as_if_the_enrolment_had_ended(view: str) -> None:
    flagged = rows([*told(), b.fact("safety.flag_set", happened=date(2026, 3, 10))])
    ended = rows([*told(), b.fact("enrolment.closed", happened=date(2026, 3, 10))])
    assert msgspec.json.encode(flagged[view]) == msgspec.json.encode(ended[view])


def test_a_flag_that_was_cleared_brings_everything_back() -> None:
    flag = b.fact("safety.flag_set", happened=date(2026, 3, 1))
    cleared = b.fact("safety.flag_cleared", happened=date(2026, 3, 14))
    before, during, after = rows(told()), rows([*told(), flag]), rows([*told(), flag, cleared])
    assert msgspec.json.encode(during["corporatie"]) != msgspec.json.encode(before["corporatie"])
    for view in ("corporatie", "zorgaanbieder", "vrijwilliger", "coach"):
        assert msgspec.json.encode(after[view]) == msgspec.json.encode(before[view])


@pytest.mark.parametrize("kind", ["nuisance", "care"])
@pytest.mark.parametrize("view", ["coach", "casusregisseur", "wijkteam", "zorgaanbieder", "vrijwilliger"])
def test_what_is_secret_looks_as_if_nothing_had_happened(kind: str, view: str) -> None:
    with_it = [row for row in rows(told())[view] if row.org != b.ZORG]
    fewer = rows(told("nuisance.reported" if kind == "nuisance" else "care.started"))
    without = [row for row in fewer[view] if row.org != b.ZORG]
    assert msgspec.json.encode(with_it) == msgspec.json.encode(without)


def test_a_withdrawal_closes_and_a_new_grant_opens() -> None:
    given = grant("wijkteam", "coordination", "plan", "involvement", "warnings")
    withdrawn = b.fact(
        "consent.withdrawn", happened=date(2026, 3, 1), consent_id=f"{b.GEMEENTE}:T-wijkteam-1"
    )  # fmt: skip
    again = b.fact(
        "consent.granted", happened=date(2026, 3, 10), consent_id=f"{b.GEMEENTE}:T-9", recipient={"role": "wijkteam"},
        categories=["plan"], data_from=None,
    )  # fmt: skip
    assert _team(given).actions_open == 4
    closed = _team(given, withdrawn)
    assert (closed.actions_open, closed.case_lead, closed.involved) == (None, None, None)
    assert closed.not_shared == [
        "case_lead", "involved", "actions_open", "actions_late", "referrals_waiting", "warnings", "taken_by",
    ]  # fmt: skip
    reopened = _team(given, withdrawn, again)
    assert (reopened.actions_open, reopened.case_lead) == (4, None)


def _team(*more: Fact) -> Any:
    (row,) = rows([*told(), *more])["wijkteam"]
    return row.data


def test_a_consent_ends_with_its_last_day() -> None:
    given = grant("coach", "guidance", "arrears_level", valid_until="2026-03-16")
    last: Any = rows([*told(), given], date(2026, 3, 16))["coach"][0].data
    after: Any = rows([*told(), given], date(2026, 3, 17))["coach"][0].data
    assert (last.arrears_level, "arrears_level" in last.not_shared) == ("serious", False)
    assert (after.arrears_level, "arrears_level" in after.not_shared) == (None, True)


def test_a_level_is_shown_only_for_a_balance_of_the_data_period() -> None:
    narrow = grant("coach", "guidance", "arrears_level", data_from="2026-03-05")
    found: Any = rows([*told(), narrow])["coach"][0].data
    assert found.arrears_level is None
    newer = b.fact("rent.balance_reported", happened=date(2026, 3, 10), outstanding_cents=122500)
    found = rows([*told(), narrow, newer])["coach"][0].data
    assert (found.arrears_level, found.arrears_trend) == ("critical", None), "the trend rests on an older balance too"


def test_a_case_lead_without_consent_reads_no_contact() -> None:
    found: Any = rows(told())["casusregisseur"][0].data
    assert (found.held_90d, found.last_contact_on, found.visits_unreported) == (None, None, None)
    assert {"held_90d", "last_contact_on", "intake", "arrears_level"} <= set(found.not_shared)
    allowed: Any = rows([*told(), grant("casusregisseur", "coordination", "visits")])["casusregisseur"][0].data
    assert (allowed.held_90d, allowed.last_contact_on) == (1, date(2026, 2, 24))


def test_a_fact_of_tomorrow_is_not_shown_today() -> None:
    card = b.fact("lease.card_issued", happened=DAY + timedelta(days=1))
    before: Any = rows([*told(), card])["corporatie"][0].data
    after: Any = rows([*told(), card], DAY + timedelta(days=1))["corporatie"][0].data
    assert (before.card, after.card) == (None, "yellow")


def test_no_row_tells_the_reference_of_the_resident() -> None:
    ref = bytes(range(16))
    text = msgspec.json.encode(shown(told(), ref, DAY, WORLD))
    told_of = shown(told(), ref, DAY, WORLD).rows
    assert ref.hex().encode() not in msgspec.json.encode(told_of)
    assert b"G-5c1e" in text
    assert "G-5c1e" not in repr(told_of)
