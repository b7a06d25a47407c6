"""The policy file says what the design's table says, refuses contradictions, and consent has five answers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import builders as b
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from woonketen.contracts import consent
from woonketen.contracts.catalogue import TYPES
from woonketen.contracts.errors import PolicyError
from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.policy import CATEGORIES, DERIVED, load, shipped
from woonketen.contracts.recipient import PURPOSE_OF, recipient
from woonketen.streams.core.effective import effective

RECIPIENTS = (
    "bewoner",
    "coach",
    "casusregisseur",
    "wijkteam",
    "corporatie",
    "zorgaanbieder",
    "schuldhulp",
    "vrijwilliger",
)
# The table of the design, cell by cell: state, and after a colon the condition; a blank-separated list per cell.
TABLE = """
enrolment     | S | S                   | S | S:own_district | S:coaching_clause - | S:own_client         | - | -
phase         | S | S                   | S | S:own_district | S:coaching_clause - | S:own_client         | - | -
involvement   | S | S                   | S | C              | -                   | C                    | - | C:overview
coaching_runs | S | S                   | S | C              | S:coaching_clause - | C                    | - | C:overview
referral      | S | S:party             | S | C              | S:party             | S:party              | - | -
intake        | S | S:own C             | C | -              | -                   | C                    | - | -
plan          | S | S                   | S | C              | S:own_action        | S:own_action C       | - | S:own_action C:overview
visits        | S | S:own C             | C | -              | -                   | -                    | - | -
lease         | S | S:coaching_clause C | S | -              | own                 | C                    | - | -
arrears       | S | -                   | - | -              | own                 | -                    | - | -
arrears_level | S | C                   | C | -              | own                 | -                    | - | -
may_signal    | S | -                   | - | -              | own                 | -                    | - | -
signal        | S | -                   | - | -              | own                 | -                    | O | -
nuisance      | S | C                   | C | -              | own                 | -                    | - | -
care          | S | C                   | C | -              | -                   | own                  | - | -
day_activity  | S | C                   | C | -              | -                   | own:own C            | - | -
ladder        | S | S                   | S | -              | -                   | S                    | - | -
support       | S | C                   | C | -              | -                   | -                    | - | own
tenancy_care  | S | C                   | - | -              | own                 | -                    | - | -
places        | S | -                   | S | -              | -                   | own                  | - | -
attention     | S | S                   | S | -              | -                   | own                  | - | own
warnings      | S | S                   | S | C              | S                   | S                    | - | -
consent       | S | -                   | - | -              | -                   | -                    | - | -
"""  # noqa: E501
GOOD = "category,recipient,purpose,when,state,article,note\n"


def test_the_file_says_what_the_table_says() -> None:
    cells: dict[tuple[str, str], set[str]] = {}
    for rule in shipped().rules:
        said = f"{rule.state}:{rule.when}" if rule.when else rule.state
        cells.setdefault((rule.category, rule.recipient), set()).add(said)
        assert rule.purpose == PURPOSE_OF[rule.recipient]
    expected = {}
    for line in TABLE.strip().splitlines():
        category, *told = (cell.strip() for cell in line.split("|"))
        for who, cell in zip(RECIPIENTS, told, strict=True):
            expected[(category, who)] = set(cell.split())
    # The steering group of an agreement that names evaluation: lines without a number.
    expected |= {(category, "programma"): {"S"} for category in ("enrolment", "phase", "lease")}
    assert cells == expected


def test_every_category_of_a_person_is_in_it_or_secret() -> None:
    named = {rule.category for rule in shipped().rules}
    of_persons = {each.category for each in TYPES.values() if each.about == "person"}
    assert of_persons - named == {"link", "safety", "platform"}
    assert set(DERIVED) <= named
    assert named <= CATEGORIES


def test_every_rule_can_be_read_and_named() -> None:
    policy = shipped()
    assert all(rule.article and rule.note for rule in policy.rules)
    assert len({rule.id for rule in policy.rules}) == len(policy.rules)
    ids = {rule.id for rule in policy.rules}
    assert {"arrears_level/coach/guidance/-", "visits/coach/guidance/own"} <= ids
    assert {rule.article for rule in policy.article_pending()} == {"te bepalen"}


def test_the_version_is_the_files() -> None:
    row = "care,coach,guidance,,C,te bepalen,alleen met toestemming\n"
    policy, other = load(GOOD + row), load(GOOD + row.replace("alleen", "slechts"))
    assert len(policy.version) == 12
    assert policy.version == load(GOOD + row).version != other.version


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (["caer,coach,guidance,,C,x,y"], "line 2: unknown category"),
        (["care,choach,guidance,,C,x,y"], "line 2: unknown recipient"),
        (["care,coach,tenancy,,C,x,y"], "line 2: the purpose of this recipient is guidance"),
        (["care,coach,guidance,sometimes,C,x,y"], "line 2: unknown condition"),
        (["care,coach,guidance,,X,x,y"], "line 2: unknown state"),
        (["care,coach,guidance,,C,,y"], "line 2: no article"),
        (["care,coach,guidance,,C,x, "], "line 2: no note"),
        (["care,coach,guidance,,C,x"], "line 2: 6 columns"),
        (["care,coach,guidance,,C,x,y", "care,coach,guidance,,C,x,y"], "lines 2 and 3: the second says the same"),
        (["care,coach,guidance,,C,x,y", "care,coach,guidance,,-,x,y"], "lines 2 and 3: the second says something"),
        (["care,coach,guidance,own,-,x,y", "care,coach,guidance,,S,x,y"], "lines 2 and 3: one always allows"),
        (["", "care,coach,guidance,,S,x,y", "caer,coach,guidance,,C,x,y"], "line 4: unknown category"),
    ],
)
def test_a_wrong_file_does_not_load(rows: list[str], says: str) -> None:
    with pytest.raises(PolicyError) as refused:
        load(GOOD + "\n".join(rows) + "\n")
    assert says in str(refused.value)


def test_every_wrong_line_is_named_at_once() -> None:
    with pytest.raises(PolicyError) as refused:
        load(GOOD + "caer,coach,guidance,,C,x,y\ncare,coach,guidance,,Z,x,y\n")
    assert "line 2" in str(refused.value)
    assert "line 3" in str(refused.value)


def test_other_columns_do_not_load() -> None:
    with pytest.raises(PolicyError):
        load("category,recipient,state\n")
    with pytest.raises(PolicyError):
        load("")


def test_forbidden_beside_a_condition_is_no_contradiction() -> None:
    load(GOOD + "enrolment,corporatie,tenancy,coaching_clause,S,x,y\nenrolment,corporatie,tenancy,,-,x,y\n")


# Consent

DAY = date(2026, 6, 15)
COACH = recipient("coach", b.COACH, "W-17")
HOUR = datetime(2026, 1, 1, tzinfo=UTC)


def said(short: str, on: date, hour: int = 0, **data: Any) -> Fact:
    data = {"recipient": {"role": "coach"}, "purpose": "guidance", "categories": ["care"], **data}
    if short == "consent.withdrawn":
        data = {"consent_id": data["consent_id"]}
    return b.fact(short, b.GEMEENTE, on, time=HOUR + timedelta(hours=hour), **data)


def grant(on: date = date(2026, 2, 1), hour: int = 0, consent_id: str = f"{b.GEMEENTE}:T-1", **data: Any) -> Fact:
    period = {"valid_from": "2026-02-01", "valid_until": "2026-12-31", "data_from": None, "data_until": None}
    return said("consent.granted", on, hour, **{**period, **data, "consent_id": consent_id})


def refusal(on: date, hour: int = 0, consent_id: str = f"{b.GEMEENTE}:T-8", **data: Any) -> Fact:
    return said("consent.refused", on, hour, consent_id=consent_id, **data)


def withdrawal(on: date, hour: int = 0, consent_id: str = f"{b.GEMEENTE}:T-1") -> Fact:
    return said("consent.withdrawn", on, hour, consent_id=consent_id)


def answer(*facts: Fact, category: str = "care", day: date = DAY, to: Any = COACH) -> consent.Standing:
    found = effective(facts, day)
    return consent.standing(consent.statements(found, to), (category,), day)


def test_five_answers() -> None:
    march = date(2026, 3, 1)
    assert answer().answer == "never_asked"
    assert answer(grant()).answer == "granted"
    assert answer(refusal(march)).answer == "refused"
    assert answer(grant(), withdrawal(march)).answer == "withdrawn"
    assert answer(grant(valid_until="2026-06-14")).answer == "expired"


def test_only_what_was_named_is_granted() -> None:
    assert answer(grant(), category="nuisance").answer == "never_asked"
    assert answer(grant(), to=recipient("casusregisseur", b.COACH)).answer == "never_asked"
    assert answer(grant(purpose="care")).answer == "never_asked"
    assert answer(grant(recipient={"org": b.COACH})).answer == "granted"
    assert answer(grant(recipient={"org": b.ZORG})).answer == "never_asked"


def test_validity_and_data_period_are_two_things() -> None:
    found = answer(grant(data_from="2026-03-01", data_until="2026-03-31"))
    assert found.answer == "granted"
    assert [found.covers(date(2026, m, d)) for m, d in ((2, 28), (3, 1), (3, 31), (4, 1))] == [False, True, True, False]
    ends = [answer(grant(), day=day).answer for day in (date(2026, 1, 31), date(2026, 2, 1), date(2026, 12, 31))]
    assert ends == ["never_asked", "granted", "granted"]
    assert answer(grant(), day=date(2027, 1, 1)).answer == "expired"


def test_several_grants_add_up() -> None:
    one = grant(data_until="2026-02-28")
    two = grant(consent_id=f"{b.GEMEENTE}:T-2", data_from="2026-05-01")
    found = answer(one, two)
    assert [found.covers(date(2026, m, 1)) for m in (2, 4, 5)] == [True, False, True]


def test_a_refusal_closes_every_earlier_grant_until_a_later_one() -> None:
    april, may = date(2026, 4, 1), date(2026, 5, 1)
    assert answer(grant(), refusal(april)).answer == "refused"
    assert answer(grant(), refusal(april), grant(may, consent_id=f"{b.GEMEENTE}:T-2")).answer == "granted"
    assert answer(refusal(date(2026, 1, 1)), grant()).answer == "granted"


def test_at_the_same_moment_no_goes_before_yes() -> None:
    assert answer(grant(), refusal(date(2026, 2, 1))).answer == "refused"
    assert answer(grant(hour=1), refusal(date(2026, 2, 1))).answer == "granted"


def test_a_withdrawal_closes_other_grants_of_the_same_scope() -> None:
    other = grant(consent_id=f"{b.GEMEENTE}:T-2")
    assert answer(grant(), other, withdrawal(date(2026, 3, 1))).answer == "withdrawn"


def test_a_withdrawal_dated_before_its_consent_still_closes_it() -> None:
    assert answer(grant(), withdrawal(date(2026, 1, 20), hour=1)).answer != "granted"


def test_a_no_to_one_organisation_is_not_undone_by_a_yes_to_its_role() -> None:
    no = refusal(date(2026, 3, 1), recipient={"org": b.COACH})
    to_role = grant(date(2026, 4, 1))
    to_org = grant(date(2026, 5, 1), consent_id=f"{b.GEMEENTE}:T-2", recipient={"org": b.COACH})
    assert answer(no, to_role).answer == "refused"
    assert answer(no, to_role, to=recipient("coach", b.ZORG)).answer == "granted"
    assert answer(no, to_role, to_org).answer == "granted"
    after = grant(date(2026, 6, 1), consent_id=f"{b.GEMEENTE}:T-3")
    assert len(answer(no, to_role, to_org, after).windows) == 2
    assert answer(refusal(date(2026, 3, 1)), to_org).answer == "granted"


def test_no_counts_when_known_and_yes_from_its_day() -> None:
    assert answer(grant(), refusal(date(2026, 9, 1))).answer == "refused"
    assert answer(grant(), withdrawal(date(2026, 9, 1))).answer == "withdrawn"
    assert answer(grant(date(2026, 7, 1))).answer == "never_asked"


def test_a_correction_of_a_grant_does_not_undo_a_later_withdrawal() -> None:
    given_ = grant()
    fixed = b.correction(given_, time=HOUR + timedelta(hours=9), categories=["care", "nuisance"])
    assert answer(given_, withdrawal(date(2026, 2, 1), hour=3), fixed).answer == "withdrawn"
    assert answer(given_, fixed, category="nuisance").answer == "granted"


@st.composite
def statements(draw: st.DrawFn) -> list[Fact]:
    made: list[Fact] = []
    for _ in range(draw(st.integers(1, 6))):
        on, hour = date(2026, 2, 1) + timedelta(days=draw(st.integers(0, 3))), draw(st.integers(0, 2))
        to = draw(st.sampled_from([{"role": "coach"}, {"org": b.COACH}]))
        number = f"{b.GEMEENTE}:T-{draw(st.integers(1, 3))}"
        categories = draw(st.sampled_from([["care"], ["nuisance"], ["care", "nuisance"]]))
        match draw(st.sampled_from(["yes", "yes", "no", "back"])):
            case "yes":
                made.append(grant(on, hour, number, recipient=to, categories=categories))
            case "no":
                made.append(refusal(on, hour, number, recipient=to, categories=categories))
            case _:
                made.append(withdrawal(on, hour, number))
    return made


@settings(max_examples=200, deadline=None)
@given(statements(), st.randoms(use_true_random=False))
def test_answers_do_not_depend_on_arrival(facts: list[Fact], random: Random) -> None:
    other = list(facts)
    random.shuffle(other)
    for category in ("care", "nuisance"):
        assert answer(*facts, category=category) == answer(*other, category=category)


@settings(max_examples=200, deadline=None)
@given(statements())
def test_the_last_word_counts(facts: list[Fact]) -> None:
    """After everything a no is a no, and a yes after that to the very organisation is a yes."""
    last = refusal(date(2026, 4, 1), recipient={"org": b.COACH}, consent_id=f"{b.GEMEENTE}:T-9")
    assert answer(*facts, last).answer == "refused"
    new = grant(date(2026, 4, 2), recipient={"org": b.COACH}, consent_id=f"{b.GEMEENTE}:T-10")
    assert answer(*facts, last, new).answer == "granted"


@settings(max_examples=200, deadline=None)
@given(statements())
def test_saying_no_never_opens(facts: list[Fact]) -> None:
    no = refusal(date(2026, 2, 2), consent_id=f"{b.GEMEENTE}:T-9")
    assert set(answer(*facts, no).windows) <= set(answer(*facts).windows)


# What the resident reads of it


def test_the_residents_lines() -> None:
    given_ = grant(categories=["care", "nuisance"])
    lines = consent.lines(effective([given_, refusal(date(2026, 3, 1), categories=["arrears_level"])], DAY), DAY)
    assert [(line.recipient, line.state, line.valid_until) for line in lines] == [
        ("coach", "granted", date(2026, 12, 31)),
        ("coach", "refused", None),
    ]
    later = effective([given_, withdrawal(date(2026, 3, 1))], DAY)
    assert [line.state for line in consent.lines(later, DAY)] == ["withdrawn"]
    assert [line.state for line in consent.lines(effective([given_], DAY), date(2027, 2, 1))] == ["expired"]
    future = effective([grant(date(2026, 7, 1))], DAY)
    assert consent.lines(future, DAY) == []


def test_objections_stand_until_lifted() -> None:
    def objection(short: str, on: date, hour: int, purpose: str | None = None) -> Fact:
        more = {"purpose": purpose} if purpose else {}
        return b.fact(
            short, b.CORPORATIE, on, time=HOUR + timedelta(hours=hour), objection_id=f"{b.CORPORATIE}:O-1", **more
        )

    made = objection("objection.recorded", date(2026, 3, 1), 0, "early_signalling")
    lifted = objection("objection.lifted", date(2026, 4, 1), 1)
    before = objection("objection.lifted", date(2026, 2, 1), 1)

    def stands(*facts: Fact, day: date = DAY, purpose: str = "early_signalling") -> bool:
        return consent.objected(effective(facts, None), purpose, day)

    assert not stands()
    assert stands(made)
    assert not stands(made, purpose="warnings")
    assert not stands(made, lifted)
    assert stands(made, lifted, day=date(2026, 3, 31))
    assert stands(made, before)
    assert stands(made, day=date(2026, 1, 1)), "an objection counts when it is known"


def test_the_next_day_on_which_a_validity_turns() -> None:
    facts = Facts([grant()])
    assert consent.changes_on(facts, date(2026, 1, 1)) == date(2026, 2, 1)
    assert consent.changes_on(facts, date(2026, 2, 1)) == date(2027, 1, 1)
    assert consent.changes_on(facts, date(2027, 1, 1)) is None
