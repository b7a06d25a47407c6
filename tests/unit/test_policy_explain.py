"""`policy explain` says what the rows really use: each category is closed in turn, and what then changes must be what
the table names, no more and no less."""

from __future__ import annotations

import json
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import builders as b
import msgspec
import pytest

from woonketen.contracts import fields, indicators, policy
from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.facts import Fact
from woonketen.contracts.recipient import PURPOSE_OF
from woonketen.contracts.views import OTHER_VIEWS, PERSON_VIEWS, Row
from woonketen.streams.core.effective import effective
from woonketen.streams.core.show import show

DAY = date(2026, 6, 15)
REF = bytes(15) + b"\x09"
TEXT = files("woonketen.contracts").joinpath("policy.csv").read_text(encoding="utf-8")
ROLES = tuple(PERSON_VIEWS)
PEER = "V-9"
QUIET = {"late_days", "arrived_or_left", "actions_late", "decided", "may_signal_missing", "not_running_by"}
"""Empty for the resident of this test, or worked out by the database."""
BY_INPUTS = {"warnings", "taken_by", "contests", "who_sees_what"}
"""Fields that follow from other fields or from warnings: shown with their own tests below and in `test_judge_*`."""


def ago(days: int) -> date:
    return DAY - timedelta(days=days)


def action(number: int, owner: str, **more: Any) -> dict[str, Any]:
    return {"action_id": f"A-{number}", "owner": owner, "kind": "open_mail", "domain": "money",
            "due_on": str(ago(3)), "blocking": False, **more}  # fmt: skip


@cache
def everything() -> tuple[Fact, ...]:
    """A resident with something in every field, and consent for everything that a consent can open."""
    plan = f"{b.GEMEENTE}:P-1"
    grants = [
        b.fact("consent.granted", b.GEMEENTE, ago(100), consent_id=f"{b.GEMEENTE}:T-{role}-1", recipient={"role": role},
               purpose=PURPOSE_OF[role], categories=sorted(set(policy.CATEGORIES) - {"may_signal"} | {"overview"}),
               valid_from=str(ago(100)), valid_until=str(DAY + timedelta(days=100)), data_from=None, data_until=None)
        for role in ROLES if role != "bewoner"
    ]  # fmt: skip
    actions = [action(1, b.COACH), action(2, b.CORPORATIE), action(3, b.ZORG), action(4, "resident"),
               action(5, b.BUDDY, worker="V-3"), action(6, b.BUDDY, worker=PEER)]  # fmt: skip
    found = [
        b.fact("enrolment.opened", b.GEMEENTE, ago(95), district=None, programme="wooncoach"),
        b.fact("notice.given", b.GEMEENTE, ago(95)),
        b.fact("intake.held", b.GEMEENTE, ago(90)),
        b.fact("plan.agreed", b.GEMEENTE, ago(80), plan_id=plan, actions=actions,
               agreed_by=[b.GEMEENTE, b.COACH, "resident"]),
        b.fact("plan.endorsed", b.COACH, ago(79), plan_id=plan),
        b.fact("caselead.assigned", b.GEMEENTE, ago(80), worker="CL-4", deputy_worker="CL-5"),
        b.fact("coach.assigned", b.COACH, ago(75), assignment_id="AS-1", role="wooncoach", worker="W-17"),
        b.fact("coach.assigned", b.BUDDY, ago(75), assignment_id="AS-2", role="ervaringsdeskundige", worker=PEER),
        b.fact("coach.visit_planned", b.COACH, ago(50), visit_id="V-1", planned_on=str(ago(40))),
        b.fact("coach.visit_planned", b.COACH, ago(20), visit_id="V-2", planned_on=str(DAY + timedelta(days=2))),
        b.fact("coach.visit_held", b.COACH, ago(10), visit_id="V-3"),
        b.fact("coach.visit_missed", b.COACH, ago(20), visit_id="V-4"),
        b.fact("contact.attempted", b.COACH, ago(9), reached=False),
        b.fact("pause.agreed", b.COACH, ago(5), until=str(DAY + timedelta(days=9))),
        b.fact("referral.made", b.GEMEENTE, ago(30), referral_id=f"{b.GEMEENTE}:R-1", to_org=b.ZORG),
        b.fact("lease.started", b.CORPORATIE, ago(60), lease_id="L-1", coaching_clause=True, tenant="resident",
               kind="conditional", ends_on=str(DAY + timedelta(days=200)), ground="tweede_kans"),
        b.fact("lease.evaluation_planned", b.CORPORATIE, ago(50), lease_id="L-1"),
        b.fact("lease.card_issued", b.CORPORATIE, ago(40), lease_id="L-1"),
        b.fact("lease.decided", b.CORPORATIE, ago(4), lease_id="L-1"),
        b.fact("rent.balance_reported", b.CORPORATIE, ago(35), lease_id="L-1", outstanding_cents=90_000,
               rent_cents=60_000, oldest_unpaid_on=str(ago(70))),
        b.fact("rent.balance_reported", b.CORPORATIE, ago(5), lease_id="L-1", outstanding_cents=150_000,
               rent_cents=60_000, oldest_unpaid_on=str(ago(70))),
        b.fact("payment_plan.agreed", b.CORPORATIE, ago(30), lease_id="L-1"),
        b.fact("collection.step_taken", b.CORPORATIE, ago(4), lease_id="L-1", step="summons"),
        *[b.fact("arrears.effort_made", b.CORPORATIE, ago(20), lease_id="L-1", effort=each)
          for each in ("personal_contact", "pointed_to_debt_help")],
        *[b.fact("arrears.effort_made", b.CORPORATIE, ago(18), lease_id="L-1", effort=each)
          for each in ("written_reminder", "offer_to_pass_on")],
        b.fact("arrears.signalled", b.CORPORATIE, ago(8), lease_id="L-1", to_org=b.GEMEENTE),
        b.fact("debt_help.outcome", b.GEMEENTE, ago(3), signal_id=b.sample("arrears.signalled")["data"]["signal_id"]),
        b.fact("nuisance.reported", b.CORPORATIE, ago(15), lease_id="L-1"),
        b.fact("support.requested", b.BUDDY, ago(30), support_id="S-1"),
        b.fact("support.matched", b.BUDDY, ago(20), support_id="S-1"),
        b.fact("care.started", b.ZORG, ago(30)),
        b.fact("day_activity.started", b.ZORG, ago(30)),
        b.fact("ladder.step_changed", b.ZORG, ago(30), to_step=2),
        b.fact("ladder.reviewed", b.ZORG, ago(25)),
        b.fact("move.planned", b.ZORG, ago(12), planned_on=str(DAY + timedelta(days=20))),
        b.fact("waiting.entered", b.ZORG, ago(12), queue_id=f"{b.ZORG}:Q-1"),
        b.fact("attention.flagged", b.COACH, ago(3), until=str(DAY + timedelta(days=10))),
        *grants,
    ]  # fmt: skip
    return tuple(found)


def rows(text: str = TEXT, *more: Fact) -> list[Row]:
    world = b.world(policy=policy.load(text))
    return show(effective([*everything(), *more], DAY), REF, DAY, world)


def of(role: str, found: list[Row]) -> dict[str, dict[str, Any]]:
    """Key of a row → its fields, with what the database computes from dates."""
    return {
        row.key: json.loads(msgspec.json.encode(row.data)) | {"late": msgspec.to_builtins(row.late)}
        for row in found if row.view == role
    }  # fmt: skip


@cache
def closed(role: str, category: str) -> set[str]:
    """The fields that a role loses or sees otherwise when no rule opens this category for it."""
    lines = [line for line in TEXT.splitlines() if not line.startswith(f"{category},{role},")]
    before, after = of(role, rows()), of(role, rows("\n".join(lines)))
    return {
        name
        for key, row in before.items()
        for name, value in row.items()
        if value != after.get(key, {}).get(name) and key in after
    }


def categories_of(role: str) -> list[str]:
    return sorted(policy.load(TEXT).table(role, PURPOSE_OF[role]).rules)


EVERY = [(role, category) for role in ROLES for category in categories_of(role)]
GATES_ROW = {("wijkteam", "enrolment"), ("bewoner", "enrolment"), ("zorgaanbieder", "enrolment"),
             ("corporatie", "lease"), ("vrijwilliger", "plan"), ("schuldhulp", "signal")}  # fmt: skip
"""Without these there is no row at all, so nothing can be compared field by field."""


def test_the_resident_of_this_test_has_something_in_every_view() -> None:
    found = rows()
    assert {row.view for row in found} == set(ROLES)
    for role in ROLES:
        filled = {name for row in of(role, found).values() for name, value in row.items() if value not in (None, [], 0)}
        told = {name for name, needs in fields.CATEGORIES[role].items() if needs}
        unfilled = told - filled - BY_INPUTS - QUIET
        assert unfilled == set(), role


@pytest.mark.parametrize(("role", "category"), EVERY, ids=lambda each: str(each))
def test_closing_a_category_takes_the_fields_that_the_table_names(role: str, category: str) -> None:
    table = fields.CATEGORIES[role]
    changed = closed(role, category) - {"late", "not_shared", "corrected"} - BY_INPUTS
    allowed = {name for name, needs in table.items() if category in needs or fields.SEEN in needs}
    assert changed <= allowed, "the row uses a category that the table does not name"
    if (role, category) in GATES_ROW:
        after = rows("\n".join(line for line in TEXT.splitlines() if not line.startswith(f"{category},{role},")))
        assert len(of(role, after)) < len(of(role, rows())) or changed, "the category that gives the row was closed"
    elif role != "vrijwilliger":
        only = {name for name, needs in table.items() if needs == (category,)}
        assert only - QUIET - BY_INPUTS <= changed, "the table names a category that the row does not use"


@pytest.mark.parametrize("view", ROLES)
def test_every_field_of_a_view_stands_in_the_table(view: str) -> None:
    assert set(fields.CATEGORIES[view]) == set(PERSON_VIEWS[view].__struct_encode_fields__)
    known = policy.CATEGORIES | {fields.SEEN}
    assert {category for needs in fields.CATEGORIES[view].values() for category in needs} <= known


def explained(view: str, field: str) -> dict[str, Any]:
    return fields.explain(view, field, policy.shipped(), indicators.shipped())


def test_every_field_has_an_answer_with_its_articles() -> None:
    for view, table in fields.CATEGORIES.items():
        for field, needs in table.items():
            found = explained(view, field)
            assert found["why"]
            assert found["policy_version"] == policy.shipped().version
            if needs and fields.SEEN not in needs:
                assert [each["category"] for each in found["categories"]] == list(needs)
                for each in found["categories"]:
                    assert each["rules"], f"{view}.{field} needs {each['category']}, for which no rule stands"
                    assert all(rule["article"] and rule["note"] for rule in each["rules"])
    for view, struct in OTHER_VIEWS.items():
        assert explained(view, struct.__struct_encode_fields__[0])["why"]


def test_an_answer_names_the_rules_of_that_role_alone() -> None:
    found = explained("coach", "arrears_level")
    assert [rule["id"] for each in found["categories"] for rule in each["rules"]] == ["arrears_level/coach/guidance/-"]
    assert found["categories"][0]["rules"][0]["state"] == "C"
    told = fields.sentence(found)
    assert "alleen met toestemming" in told
    assert "arrears_level/coach/guidance/-" in told


def test_a_warning_names_the_inputs_of_each_indicator() -> None:
    inputs = {each["indicator"]: each["inputs"] for each in explained("coach", "warnings")["indicators"]}
    assert inputs["contact_lost"] == list(indicators.shipped()["contact_lost"].inputs)
    assert "feed_silent" not in inputs


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no such view"):
        explained("burgemeester", "resident")
    with pytest.raises(ConfigurationError, match="no such field"):
        explained("coach", "outstanding_cents")
