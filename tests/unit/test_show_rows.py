"""What each party reads of a typical resident of each of the five programmes."""

from __future__ import annotations

from datetime import date
from typing import Any

import builders as b
import msgspec

from woonketen.contracts import indicators
from woonketen.contracts.facts import Fact
from woonketen.contracts.views import Effort, Involved, LeaseDates, Row, Window
from woonketen.streams.core.show import shown
from woonketen.streams.core.world import World

REF = bytes(range(16))
WORLD = b.world(
    *[
        b.fact(
            "agreement.signed", happened=date(2025, 1, 1), agreement_id=f"{b.GEMEENTE}:OV-{n}", programme=programme,
            orgs=list(b.KINDS), valid_from="2025-01-01", valid_until="2029-12-31",
        )
        for n, programme in enumerate(("buddy", "doorstroom", "woonladder"), 1)
    ],
    rules=indicators.shipped(),
)  # fmt: skip
SUBJECT = {b.GEMEENTE: "G-5c1e", b.CORPORATIE: "C-7f3a91", b.COACH: "K-88", b.ZORG: "Z-20814", b.BUDDY: "B-113"}
ALL_CATEGORIES = [
    "plan", "involvement", "referral", "intake", "visits", "lease", "arrears_level", "nuisance", "care",
    "day_activity", "support", "warnings",
]  # fmt: skip


def rows(*facts: Fact, day: date, world: World = WORLD) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in shown(facts, REF, day, world).rows:
        found.setdefault(row.view, []).append(row)
    return found


def one(found: dict[str, list[Row]], view: str, org: str | None = None) -> Any:
    (row,) = [each for each in found.get(view, []) if org is None or each.org == org]
    return row.data


def grant(recipient: dict[str, str], purpose: str, *categories: str, on: date = date(2026, 1, 5), **data: Any) -> Fact:
    name = next(iter(recipient.values()))
    return b.fact(
        "consent.granted",
        b.GEMEENTE,
        on,
        consent_id=f"{b.GEMEENTE}:T-{name}-1",
        recipient=recipient,
        purpose=purpose,
        categories=list(categories or ALL_CATEGORIES),
        valid_from=str(on),
        valid_until="2028-12-31",
        data_from=None,
        data_until=None,
        **data,
    )


def enrolled(programme: str, route: str, org: str = b.GEMEENTE, on: date = date(2026, 1, 5), **data: Any) -> list[Fact]:
    told = {"enrolment_id": f"{org}:E-1", "programme": programme, "route": route, **data}
    return [
        b.fact("enrolment.opened", org, on, subject=SUBJECT[org], payload=told),
        b.fact("notice.given", org, on, subject=SUBJECT[org]),
    ]


def wooncoach() -> list[Fact]:
    """From protected housing into a conditional lease with coaching; the coach comes every two weeks."""
    return [
        *enrolled("wooncoach", "beschermd_wonen"),
        b.fact("referral.made", happened=date(2026, 1, 7)),
        b.fact("referral.accepted", happened=date(2026, 1, 9)),
        b.fact("intake.held", b.COACH, date(2026, 1, 12), subject="K-88"),
        b.fact("plan.agreed", happened=date(2026, 1, 20)),
        b.fact("plan.endorsed", happened=date(2026, 1, 21)),
        b.fact("caselead.assigned", happened=date(2026, 1, 20)),
        b.fact("coach.assigned", happened=date(2026, 2, 1)),
        b.fact("action.completed", happened=date(2026, 2, 10)),
        b.fact("lease.started", happened=date(2026, 2, 15)),
        b.fact("coach.visit_planned", happened=date(2026, 2, 10), visit_id="V-1", planned_on="2026-02-24"),
        b.fact("coach.visit_held", happened=date(2026, 2, 24), visit_id="V-1"),
        b.fact("coach.visit_missed", happened=date(2026, 3, 10), visit_id="V-2"),
        b.fact("contact.attempted", happened=date(2026, 3, 12)),
        b.fact("coach.visit_planned", happened=date(2026, 3, 12), visit_id="V-3", planned_on="2026-03-24"),
        b.fact("rent.balance_reported", happened=date(2026, 3, 2), outstanding_cents=0, oldest_unpaid_on=None),
        b.fact("rent.balance_reported", happened=date(2026, 3, 14), outstanding_cents=61250),
        b.fact("nuisance.reported", happened=date(2026, 3, 3)),
        b.fact("care.started", happened=date(2026, 2, 1)),
        b.fact("ladder.step_changed", happened=date(2026, 2, 15)),
    ]


def test_the_coach_of_a_wooncoach_trajectory() -> None:
    found = one(rows(*wooncoach(), grant({"role": "coach"}, "guidance"), day=date(2026, 3, 16)), "coach")
    assert (found.resident, found.programme, found.started_on) == ("K-88", "wooncoach", date(2026, 1, 5))
    assert (found.role, found.mode, found.interval_days, found.cover_for) == ("wooncoach", "active", 14, None)
    assert (found.next_visit_on, found.visits_unreported, found.last_contact_on) == (
        date(2026, 3, 24), 0, date(2026, 2, 24),
    )  # fmt: skip
    assert (found.held_90d, found.missed_90d, found.attempts_28d) == (1, 1, 1)
    assert [(each.owner, each.state) for each in found.plan_actions] == [
        ("resident", "open"), (b.CORPORATIE, "done"), (b.ZORG, "open"),
    ]  # fmt: skip
    assert found.lease == LeaseDates(kind="conditional", ends_on=date(2028, 2, 14), evaluation_on=None, card=None)
    assert (found.arrears_level, found.arrears_trend) == ("serious", "up")
    assert (found.nuisance_56d.count, found.nuisance_56d.category, found.nuisance_56d.open) == (1, "noise", 1)
    assert (found.care_running, found.informal_support, found.ladder_step) == (True, False, 4)
    assert found.intake.wants == {"housing": "own_home", "administration": "overview"}
    assert found.intake.situation is None
    assert found.not_shared == []


def test_a_coach_who_was_never_given_consent() -> None:
    found = one(rows(*wooncoach(), day=date(2026, 3, 16)), "coach")
    assert (found.arrears_level, found.arrears_trend, found.day_activity, found.informal_support) == (None,) * 4
    assert found.not_shared == ["day_activity", "informal_support", "arrears_level", "arrears_trend"]
    assert (found.nuisance_56d, found.care_running) == (None, None)
    assert found.intake is not None, "the coach's own organisation held it"
    assert found.lease is not None, "coaching is part of the lease"


def test_the_corporation_of_a_wooncoach_trajectory() -> None:
    found = one(rows(*wooncoach(), day=date(2026, 3, 16)), "corporatie")
    assert (found.resident, found.lease_id, found.kind) == ("C-7f3a91", "L-1", "conditional")
    assert found.notice_window == Window(
        from_on=date(2027, 11, 14), until=date(2028, 1, 14), last_working_day=date(2028, 1, 14)
    )
    assert (found.coaching_required, found.coaching_runs, found.not_running_by) == (True, "yes", None)
    assert (found.outstanding_cents, found.months_outstanding) == (61250, 1.0)
    assert (found.may_signal, len(found.may_signal_missing)) == (False, 4)
    assert [(each.action, each.state) for each in found.own_actions] == [("offer_dwelling", "done")]
    assert (found.nuisance_56d.count, found.nuisance_56d.notice) == (1, None)
    assert found.not_shared == []


def test_the_resident_reads_all_of_it() -> None:
    found = one(rows(*wooncoach(), grant({"role": "coach"}, "guidance"), day=date(2026, 3, 16)), "bewoner")
    assert (found.coach.org, found.coach.next_visit_on) == (b.COACH, date(2026, 3, 24))
    assert [each.owner for each in found.my_actions] == ["resident"]
    assert [each.owner for each in found.their_actions] == [b.CORPORATIE, b.ZORG]
    assert (found.lease.decide_from, found.lease.decide_until) == (date(2027, 11, 14), date(2028, 1, 14))
    assert found.intake.situation == ["debts", "lonely"]
    assert (found.arrears_level, found.ladder_step) == ("serious", 4)
    assert [(each.recipient, each.state) for each in found.consents] == [("coach", "granted")]


def test_the_resident_reads_who_sees_what_and_on_which_ground() -> None:
    found = one(rows(*wooncoach(), grant({"role": "coach"}, "guidance", "care"), day=date(2026, 3, 16)), "bewoner")
    told = {(each.recipient, each.ground): each.fields for each in found.who_sees_what}
    assert told[(f"{b.COACH} (coach)", "toestemming")] == ["zorg"]
    assert "bezoeken en contact" in told[(f"{b.COACH} (coach)", "wettelijke taak of overeenkomst")]
    assert "huurachterstand (bedragen)" in told[(f"{b.CORPORATIE} (woningcorporatie)", "eigen gegevens")]
    assert told[(f"{b.GEMEENTE} (wijkteam)", "wettelijke taak of overeenkomst")] == ["deelname"]
    assert told["stuurgroep van het programma", "wettelijke taak of overeenkomst"] == [
        "deelname", "fase", "huurovereenkomst",
    ]  # fmt: skip
    assert not any("vrijwilliger" in recipient for recipient, _ in told), "nobody of them has a row"


def test_nobody_stands_in_who_sees_what_for_something_that_is_not_there() -> None:
    found = one(rows(*enrolled("wooncoach", "beschermd_wonen"), day=date(2026, 1, 6)), "bewoner")
    assert [(each.recipient, each.fields) for each in found.who_sees_what] == [
        (f"{b.GEMEENTE} (wijkteam)", ["deelname"]),
        ("stuurgroep van het programma", ["deelname", "fase"]),
    ]


def test_a_sitting_tenant_with_arrears() -> None:
    efforts = ["personal_contact", "pointed_to_debt_help", "written_reminder", "offer_to_pass_on"]
    facts = [
        *enrolled("wooncoach", "zittende_huurder", b.CORPORATIE, date(2026, 2, 2), district="WK990001"),
        b.fact(
            "lease.started", happened=date(2022, 5, 1), kind="indefinite", ends_on=None, ground=None,
            coaching_clause=False, district="WK990001",
        ),
        b.fact("rent.balance_reported", happened=date(2026, 2, 3), outstanding_cents=91875),
        *[b.fact("arrears.effort_made", happened=date(2026, 2, 4 + n), effort=each) for n, each in enumerate(efforts)],
        b.fact("payment_plan.agreed", happened=date(2026, 2, 9)),
        b.fact("collection.step_taken", happened=date(2026, 2, 10), step="summons"),
    ]  # fmt: skip
    found = rows(*facts, day=date(2026, 2, 11))
    corporation = one(found, "corporatie")
    assert (corporation.kind, corporation.notice_window, corporation.coaching_required) == ("indefinite", None, False)
    assert (corporation.coaching_runs, corporation.months_outstanding) == (None, 1.5)
    assert corporation.efforts[0] == Effort(effort="personal_contact", on=date(2026, 2, 4))
    assert (corporation.may_signal, corporation.may_signal_missing) == (True, [])
    assert (corporation.payment_plan.state, corporation.collection_step) == ("running", "summons")
    (team,) = found["wijkteam"]
    assert (team.data.phase, team.district, team.data.resident[:2]) == ("staying", "WK990001", "P-")

    after = rows(*facts, b.fact("objection.recorded", happened=date(2026, 2, 11)), day=date(2026, 2, 11))
    assert one(after, "corporatie").may_signal_missing == ["objection"]
    paid = b.fact("rent.balance_reported", happened=date(2026, 2, 11), outstanding_cents=0, oldest_unpaid_on=None)
    assert one(rows(*facts, paid, day=date(2026, 2, 11)), "corporatie").may_signal_missing == []


def buddy() -> list[Fact]:
    actions = [
        {"action_id": "A-1", "owner": b.BUDDY, "domain": "administration", "kind": "explain_letters",
         "due_on": "2026-03-20", "blocking": False, "worker": "V-3"},
        {"action_id": "A-2", "owner": b.GEMEENTE, "domain": "money", "kind": "arrange_income",
         "due_on": "2026-03-10", "blocking": True},
        {"action_id": "A-3", "owner": "resident", "domain": "network", "kind": "contact_family",
         "due_on": "2026-04-01", "blocking": False},
    ]  # fmt: skip
    return [
        *enrolled("buddy", "bankhopper", b.BUDDY, date(2026, 3, 1), district=None),
        b.fact("intake.held", b.BUDDY, date(2026, 3, 2)),
        b.fact(
            "plan.agreed",
            b.BUDDY,
            date(2026, 3, 3),
            plan_id=f"{b.BUDDY}:PL-1",
            actions=actions,
            agreed_by=["resident"],
            subject="B-113",
        ),
        b.fact(
            "coach.assigned",
            b.BUDDY,
            date(2026, 3, 3),
            role="buddy_volunteer",
            worker="V-9",
            mode="background",
            subject="B-113",
        ),
        b.fact("support.requested", happened=date(2026, 3, 4)),
        b.fact("support.matched", happened=date(2026, 3, 5)),
    ]


def test_a_volunteer_has_the_own_task_and_nothing_else() -> None:
    found = rows(*buddy(), day=date(2026, 3, 12))
    (row,) = found["vrijwilliger"]
    assert (row.org, row.worker) == (b.BUDDY, "V-3")
    assert (row.data.action, row.data.due_on, row.data.handle) == ("explain_letters", date(2026, 3, 20), "B-113")
    assert "coach" not in found, "a volunteer buddy has no professional's view"
    done = b.fact(
        "action.completed", b.BUDDY, date(2026, 3, 11), plan_id=f"{b.BUDDY}:PL-1", action_id="A-1"
    )  # fmt: skip
    assert "vrijwilliger" not in rows(*buddy(), done, day=date(2026, 3, 12))


def test_an_experienced_peer_reads_which_party_is_late_only_with_consent() -> None:
    peer = b.fact(
        "coach.assigned", b.BUDDY, date(2026, 3, 3), assignment_id="AS-9", role="ervaringsdeskundige", worker="E-1"
    )
    assert [row.worker for row in rows(*buddy(), peer, day=date(2026, 3, 12))["vrijwilliger"]] == ["V-3"]
    allowed = grant({"role": "vrijwilliger"}, "own_task", "overview", on=date(2026, 3, 3))
    found = [row for row in rows(*buddy(), peer, allowed, day=date(2026, 3, 12))["vrijwilliger"] if row.worker == "E-1"]
    assert [(row.data.party, row.late.open_due) for row in found] == [
        (b.BUDDY, [date(2026, 3, 20)]), (b.GEMEENTE, [date(2026, 3, 10)]),
    ]  # fmt: skip
    assert {(row.data.action, row.data.due_on, row.data.handle) for row in found} == {(None, None, None)}


def test_the_city_wide_list_has_no_district() -> None:
    (row,) = rows(*buddy(), day=date(2026, 3, 12))["wijkteam"]
    assert (row.org, row.district, row.data.phase) == (b.GEMEENTE, None, "plan")


def test_the_case_lead_reads_which_party_has_something_to_do() -> None:
    lead = b.fact("caselead.assigned", happened=date(2026, 3, 4))
    found = rows(*buddy(), lead, day=date(2026, 3, 12))["casusregisseur"]
    assert [(row.worker, row.data.cover_for) for row in found] == [("CL-4", None), ("CL-9", "CL-4")]
    data: Any = found[0].data
    told = {each.org: each for each in data.parties}
    assert (told[b.GEMEENTE].actions_open, told[b.GEMEENTE].open_due) == (1, [date(2026, 3, 10)])
    assert told[b.BUDDY].last_event_on == date(2026, 3, 3), "what it told of support is not shared"
    assert data.endorsed_by == [b.BUDDY]
    assert (data.role, data.mode, data.visits_unreported) == ("buddy_volunteer", "background", None)
    assert "held_90d" in data.not_shared
    assert "intake" in data.not_shared


def doorstroom() -> list[Fact]:
    return [
        *enrolled("doorstroom", "beschermd_wonen", b.ZORG, date(2026, 1, 5)),
        b.fact("ladder.step_changed", happened=date(2026, 1, 6), from_step=1, to_step=2),
        b.fact("plan.agreed", happened=date(2026, 1, 20)),
        b.fact("waiting.entered", happened=date(2026, 1, 21)),
        b.fact("move.planned", happened=date(2026, 1, 25), planned_on="2026-02-15"),
        b.fact("provision.arranged", happened=date(2026, 2, 1)),
        b.fact("day_activity.started", happened=date(2026, 1, 22)),
    ]


def test_a_care_provider_reads_who_moves_and_what_is_not_ready() -> None:
    found = one(rows(*doorstroom(), day=date(2026, 2, 2)), "zorgaanbieder")
    assert (found.resident, found.programme, found.ladder_step) == ("Z-20814", "doorstroom", 2)
    assert found.move.planned_on == date(2026, 2, 15)
    assert found.move.provisions_open == ["day_activity", "furniture", "gp", "insurance"]
    assert (found.place.kind, found.place.expected_free_on) == ("beschermd_wonen", date(2026, 2, 15))
    assert (found.waiting_since, found.day_activity) == (date(2026, 1, 21), "volunteer_work")
    assert [each.action for each in found.own_actions] == ["find_day_activity"]
    assert (found.lease, found.not_shared) == (None, ["lease"])


def test_a_place_that_was_left_and_one_that_was_come_back_to() -> None:
    left = [
        b.fact("ladder.step_changed", happened=date(2026, 2, 15), from_step=2, to_step=5),
        b.fact("place.vacated", happened=date(2026, 2, 16)),
    ]
    found = one(rows(*doorstroom(), *left, day=date(2026, 2, 20)), "zorgaanbieder")
    assert (found.place.kind, found.place.expected_free_on) == ("beschermd_wonen", date(2026, 2, 16))
    back = b.fact("ladder.step_changed", happened=date(2026, 6, 1), from_step=5, to_step=2)
    found = one(rows(*doorstroom(), *left, back, day=date(2026, 6, 2)), "zorgaanbieder")
    assert (found.place, found.ladder_step) == (None, 2)


def referred() -> Fact:
    return b.fact("referral.made", happened=date(2026, 1, 7), to_org=b.ZORG)


def test_a_referral_awaits_its_receiver_and_is_gone_when_it_is_declined() -> None:
    facts = [
        *enrolled("wooncoach", "beschermd_wonen"),
        b.fact("referral.made", happened=date(2026, 1, 7), to_org=b.ZORG),
    ]
    found = one(rows(*facts, day=date(2026, 1, 8)), "zorgaanbieder", b.ZORG)
    assert (found.referrals_in, found.programme) == ([f"{b.GEMEENTE}:R-1"], None)
    no = b.fact("referral.declined", happened=date(2026, 1, 9), referral_id=f"{b.GEMEENTE}:R-1")
    assert "zorgaanbieder" not in rows(*facts, no, day=date(2026, 1, 10))


def test_a_woonladder_lease_with_a_card_that_is_converted() -> None:
    facts = [
        *enrolled("woonladder", "maatschappelijke_opvang"),
        b.fact("lease.started", happened=date(2026, 2, 15)),
        b.fact("lease.card_issued", happened=date(2026, 7, 1)),
        b.fact("lease.evaluation_planned", happened=date(2027, 7, 1)),
        b.fact("lease.decided", happened=date(2027, 10, 1)),
        b.fact("lease.converted", happened=date(2027, 11, 1)),
    ]
    before = one(rows(*facts, day=date(2027, 7, 2)), "corporatie")
    assert (before.card, before.evaluation_on, before.decided) == ("yellow", date(2027, 8, 30), None)
    after = one(rows(*facts, day=date(2027, 11, 2)), "corporatie")
    assert (after.kind, after.ends_on, after.notice_window, after.decided) == ("indefinite", None, None, "convert")


def test_what_a_wijkteam_may_read_with_consent() -> None:
    facts = [*wooncoach(), grant({"role": "wijkteam"}, "coordination", "plan", "involvement", "referral")]
    (row,) = rows(*facts, day=date(2026, 3, 16))["wijkteam"]
    found: Any = row.data
    assert (found.case_lead, found.actions_open, found.referrals_waiting) == ("CL-4", 2, 0)
    assert row.late.open_due == [date(2026, 2, 1), date(2026, 3, 15)]
    assert found.involved == [
        Involved(org=b.COACH, role="wooncoach"),
        Involved(org=b.GEMEENTE, role="casusregisseur"),
        Involved(org=b.GEMEENTE, role="gemeente"),
        Involved(org=b.CORPORATIE, role="corporatie"),
        Involved(org="zorgpartij", role="zorgaanbieder"),
    ]
    assert found.not_shared == ["warnings", "taken_by"]
    assert row.late.arrived_on == date(2026, 1, 5)


def test_a_wijkteam_gains_a_resident_with_the_lease() -> None:
    facts = [*enrolled("wooncoach", "beschermd_wonen", district="WK019304")]
    moved = b.fact("lease.started", happened=date(2026, 4, 1), district="WK019307")
    (before,) = rows(*facts, moved, day=date(2026, 3, 31))["wijkteam"]
    (after,) = rows(*facts, moved, day=date(2026, 4, 3))["wijkteam"]
    assert (before.district, before.late.arrived_on) == ("WK019304", date(2026, 1, 5))
    assert (after.district, after.late.arrived_on) == ("WK019307", date(2026, 4, 1))


def test_a_colleague_covers_from_the_first_day_to_the_last() -> None:
    cover = b.fact("coach.covered", happened=date(2026, 7, 6), until="2026-07-24")
    assert _workers(cover, day=date(2026, 7, 5)) == {"W-17": None}
    assert _workers(cover, day=date(2026, 7, 6)) == {"W-17": None, "W-31": "W-17"}
    assert _workers(cover, day=date(2026, 7, 24)) == {"W-17": None, "W-31": "W-17"}
    assert _workers(cover, day=date(2026, 7, 25)) == {"W-17": None}


def _workers(*more: Fact, day: date) -> dict[str | None, str | None]:
    data: Any
    found = {}
    for row in rows(*wooncoach(), *more, day=day)["coach"]:
        data = row.data
        found[row.worker] = data.cover_for
    return found


def test_windows_end_on_their_day() -> None:
    facts = [*wooncoach(), grant({"role": "coach"}, "guidance")]
    held = one(rows(*facts, day=date(2026, 5, 24)), "coach")
    assert (held.held_90d, one(rows(*facts, day=date(2026, 5, 25)), "coach").held_90d) == (1, 0)
    reports = one(rows(*facts, day=date(2026, 4, 27)), "coach").nuisance_56d
    assert (reports.count, one(rows(*facts, day=date(2026, 4, 28)), "coach").nuisance_56d) == (1, None)


def test_a_visit_without_a_result_is_counted_from_the_next_day() -> None:
    on_the_day = one(rows(*wooncoach(), day=date(2026, 3, 24)), "coach")
    assert (on_the_day.next_visit_on, on_the_day.visits_unreported) == (date(2026, 3, 24), 0)
    after = one(rows(*wooncoach(), day=date(2026, 3, 25)), "coach")
    assert (after.next_visit_on, after.visits_unreported) == (None, 1)


def test_a_correction_and_a_retraction_are_told_to_who_could_see_them() -> None:
    facts = wooncoach()
    missed = next(fact for fact in facts if fact.type == "coach.visit_missed")
    corrected = rows(*facts, b.correction(missed, missed_by="organisation"), day=date(2026, 3, 16))
    retracted = rows(*facts, b.retraction(missed), day=date(2026, 3, 16))
    for found in (corrected, retracted):
        assert one(found, "coach").corrected
        assert one(found, "bewoner").corrected
        assert not one(found, "corporatie").corrected
        assert not one(found, "wijkteam").corrected
    assert one(retracted, "coach").missed_90d == 0


def test_an_arrears_level_that_was_corrected_says_so() -> None:
    facts = [*wooncoach(), grant({"role": "coach"}, "guidance", "arrears_level")]
    balance = next(fact for fact in facts if fact.type == "rent.balance_reported" and fact.data.outstanding_cents)
    found = rows(*facts, b.correction(balance, outstanding_cents=10000), day=date(2026, 3, 16))
    assert (one(found, "coach").arrears_level, one(found, "coach").corrected) == ("light", True)
    assert not one(
        rows(*facts[:-1], b.correction(balance, outstanding_cents=10000), day=date(2026, 3, 16)), "coach"
    ).corrected


def test_the_pseudonym_of_the_earliest_known_fact_counts() -> None:
    facts = wooncoach()
    other = b.fact("contact.attempted", b.COACH, date(2026, 3, 13))
    merged = msgspec.structs.replace(other, subject="K-12", known=date(2026, 3, 15))
    assert one(rows(*facts, merged, day=date(2026, 3, 16)), "coach").resident == "K-88"
    earlier = msgspec.structs.replace(other, subject="K-12", known=date(2026, 1, 1))
    assert one(rows(*facts, earlier, day=date(2026, 3, 16)), "coach").resident == "K-12"


def test_a_minted_pseudonym_is_of_one_organisation_and_one_resident() -> None:
    facts = [
        *enrolled("wooncoach", "beschermd_wonen"),
        b.fact("referral.made", happened=date(2026, 1, 7), to_org=b.ZORG),
    ]

    def resident(ref: bytes) -> str:
        found = shown(facts, ref, date(2026, 1, 8), WORLD).rows
        data: Any = next(row.data for row in found if row.view == "zorgaanbieder")
        return str(data.resident)

    assert resident(REF) == resident(REF)
    assert resident(REF) != resident(bytes(16))
    assert resident(REF).startswith("P-")
    assert len(resident(REF)) == 12


def test_every_key_is_unique_in_its_view() -> None:
    facts = [*wooncoach(), *buddy(), b.fact("lease.started", happened=date(2026, 3, 1), lease_id="L-2")]
    keys = [(row.view, row.key) for row in shown(facts, REF, date(2026, 3, 16), WORLD).rows]
    assert len(keys) == len(set(keys))
    assert ("corporatie", f"{b.CORPORATIE}|L-2") in keys
