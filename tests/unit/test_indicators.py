"""The indicator file: complete, in agreement with itself, and honest about what it rests on."""

from __future__ import annotations

import copy
import doctest
from importlib.resources import files
from typing import Any, cast

import pytest
import yaml

from woonketen.contracts import dutch, indicators
from woonketen.contracts.errors import IndicatorError
from woonketen.contracts.indicators import FORBIDDEN_INPUTS, THRESHOLDS, Indicator
from woonketen.streams.core.judge import EVALUATE, TRIGGERS

TEXT = files("woonketen.contracts").joinpath("indicators.yaml").read_text(encoding="utf-8")
TWELVE = {
    "arrears_first", "arrears_escalating", "contact_thinning", "contact_lost", "plan_stalled_by_party", "coach_missing",
    "visit_unreported", "referral_unanswered", "provisions_late", "conditional_lease_deadline", "attention_period",
    "feed_silent",
}  # fmt: skip


FILE = yaml.safe_load(TEXT)


def told() -> dict[str, Any]:
    """The file as it is, a fresh copy."""
    return cast("dict[str, Any]", copy.deepcopy(FILE))


def load(file: dict[str, Any]) -> indicators.Rules:
    return indicators.load(yaml.dump(file, Dumper=yaml.CSafeDumper))


def test_the_twelve_first_indicators() -> None:
    rules = indicators.shipped()
    assert {rule.id for rule in rules} == TWELVE
    assert {rule.id for rule in rules if rule.kind == "episode"} == set(EVALUATE) == set(TRIGGERS)
    order = [rule.id for rule in rules]
    assert order.index("arrears_escalating") < order.index("arrears_first")
    assert list(TRIGGERS).index("arrears_escalating") < list(TRIGGERS).index("arrears_first")


@pytest.mark.parametrize("field", sorted(set(Indicator.__struct_fields__) - {"id", "numbers"}))
def test_a_missing_field_stops_the_load(field: str) -> None:
    file = told()
    file["shared"].pop(field, None)
    file["indicators"]["arrears_first"].pop(field, None)
    if field == "register":
        file["shared_register"] = {}
    with pytest.raises(IndicatorError):
        load(file)


@pytest.mark.parametrize("field", sorted(indicators.Register.__struct_fields__))
def test_the_register_needs_every_field(field: str) -> None:
    file = told()
    file["shared_register"].pop(field, None)
    file["indicators"]["contact_lost"]["register"].pop(field, None)
    with pytest.raises(IndicatorError):
        load(file)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("register", "name"), "a" * 101),
        (("register", "description_short"), "a" * 401),
        (("register", "goal"), "a" * 2501),
        (("register", "begin_date"), "2026"),
        (("thresholds", "new_number"), {"value": 1, "label": "x", "judged": True}),
        (("thresholds", "days", "value"), "drie"),
        (("inputs",), ["consent"]),
        (("inputs",), []),
        (("inputs",), ["nationality"]),
        (("owner",), "burgemeester"),
        (("viewers",), [{"role": "pers"}]),
        (("severities",), [3, 2]),
        (("due",), {2: 6, 3: 1}),
        (("due",), {2: 5}),
        (("basis", "ground"), "consent"),
        (("texts", "1", "severity", 2, "full"), "Op {dag} was er iets."),
        (("texts", "1", "severity", 2, "bare"), "Sinds {situation}."),
        (("closes_when",), "Sluit na {unknown} dagen."),
        (("surprise",), 1),
        (("numbers",), {"days": 1}),
        (("version",), "2"),  # a new version without its texts
        (("taken_over_by",), "nobody"),
    ],
)
def test_what_does_not_agree_is_refused(path: tuple[Any, ...], value: Any) -> None:
    file = told()
    place = file["indicators"]["contact_lost"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(IndicatorError):
        load(file)


@pytest.mark.parametrize(
    "text", ["", "- 1", "a: [", "indicators: {}", TEXT.replace("arrears_first:", "arrears_last:", 1)]
)
def test_what_is_no_indicator_file_is_refused(text: str) -> None:
    with pytest.raises(IndicatorError):
        indicators.load(text)


def test_an_unchanged_file_loads_and_its_version_is_its_content() -> None:
    assert indicators.load(TEXT).version == indicators.shipped().version
    assert indicators.load(TEXT + "\n# a remark\n").version != indicators.shipped().version
    assert load(told())["contact_lost"].numbers == indicators.shipped()["contact_lost"].numbers


@pytest.mark.parametrize("rule", list(indicators.shipped()), ids=lambda rule: rule.id)
def test_each_indicator_names_what_the_law_asks(rule: Indicator) -> None:
    assert set(rule.thresholds) == THRESHOLDS[rule.id]
    for text in (rule.purpose, rule.basis.article, rule.controller, rule.retention, rule.dpia, rule.threshold_owner):
        assert len(text) > 5
    assert rule.viewers
    assert FORBIDDEN_INPUTS.isdisjoint(rule.inputs)
    assert "{" not in rule.tell(rule.opens_when) + rule.tell(rule.closes_when) + rule.tell(rule.action)


def test_no_rule_of_the_landlord_or_of_care_is_shown_about_lost_contact() -> None:
    seen = {each.role for name in ("contact_lost", "contact_thinning") for each in indicators.shipped()[name].viewers}
    assert seen == {"coach", "casusregisseur", "wijkteam"}


def test_the_record_for_the_algorithm_register() -> None:
    records = indicators.shipped().register()
    assert len(records) == 12
    assert {record["standard_version"] for record in records} == {"1.0"}
    assert {record["source_id"] for record in records} == TWELVE
    assert all("niet zelflerend" in record["methods_and_models"] for record in records)


def test_dutch() -> None:
    assert doctest.testmod(dutch).failed == 0
    assert dutch.months(122550, 60000) == "2 maanden"
    assert dutch.months(59999, 60000) == "1 maand"
    assert dutch.euros(5) == "€ 0,05"
    assert dutch.listed([]) == ""
