"""The template for a DPIA says what the shipped files say: it is made from them."""

from __future__ import annotations

import re
from pathlib import Path

from woonketen.contracts import indicators, policy, retention
from woonketen.orchestration.dpia import RISKS, template

ROOT = Path(__file__).parents[2]


def shipped() -> str:
    return template(policy.shipped(), indicators.shipped(), retention.shipped())


def test_the_page_is_the_one_that_the_files_give() -> None:
    page = (ROOT / "docs" / "dpia.md").read_text(encoding="utf-8")
    assert page == shipped(), "make it again: woonketen policy dpia docs/dpia.md"


def test_every_rule_term_and_indicator_stands_in_it() -> None:
    text = shipped()
    for rule in policy.shipped().rules:
        if rule.state != "-" and rule.recipient != "bewoner":
            assert f"| {rule.article.replace('|', '/')} | {rule.note} |" in text
    for term in retention.shipped().rows:
        assert f"| {term.months} |" in text
        assert term.article in text
    for each in indicators.shipped().indicators.values():
        assert f"| {each.label} |" in text


def test_a_changed_file_changes_the_page() -> None:
    terms = retention.load((ROOT / "contracts" / "retention.csv").read_text("utf-8").replace(",180,", ",181,"))
    assert template(policy.shipped(), indicators.shipped(), terms) != shipped()


def test_every_measure_has_a_test_that_is_there() -> None:
    assert [test for _, _, test in RISKS if not (ROOT / test).is_file()] == []
    assert all(
        re.search(r"^def test_|^    def test_", (ROOT / test).read_text("utf-8"), re.MULTILINE) for *_, test in RISKS
    )


def test_what_is_not_known_is_counted() -> None:
    """An article that is found makes this number smaller; nobody invents one to make it so."""
    pending = policy.shipped().article_pending()
    assert len(pending) == 42
    assert f"* {len(pending)} regels van het beleid" in shipped()
