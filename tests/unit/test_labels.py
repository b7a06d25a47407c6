"""What a resident reads has a Dutch word for every field and code."""

from __future__ import annotations

import json
from typing import Any, get_args

import builders as b
import msgspec
import pytest

from woonketen.contracts import codes, english, indicators, labels, refusals
from woonketen.contracts.catalogue import TYPES
from woonketen.contracts.views import OTHER_VIEWS, PERSON_VIEWS
from woonketen.streams.core.show.bewoner import GROUNDS


def names_of(hint: Any) -> set[str]:
    """Every field of a struct and of its parts."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        fields = msgspec.structs.fields(hint)
        return {each.encode_name for each in fields} | {name for each in fields for name in names_of(each.type)}
    return {name for each in get_args(hint) if not isinstance(each, str | int) for name in names_of(each)}


@pytest.mark.parametrize("short", TYPES)
def test_every_field_and_code_of_a_payload_has_a_word(short: str) -> None:
    assert names_of(TYPES[short].payload) - labels.FIELDS.keys() == set()
    assert labels.event(short)
    told = {name: labels.value(name, each, short) for name, each in b.sample(short)["data"].items()}
    assert all(told.values()), told


@pytest.mark.parametrize("view", [*PERSON_VIEWS, *OTHER_VIEWS])
def test_every_field_of_a_view_has_a_word(view: str) -> None:
    assert names_of({**PERSON_VIEWS, **OTHER_VIEWS}[view]) - labels.FIELDS.keys() == set()


def test_codes_and_amounts_are_read_out() -> None:
    assert labels.value("kind", "conditional", "lease.started") == "voorwaardelijk"
    assert labels.value("outstanding_cents", 122550, "rent.balance_reported") == "€ 1.225,50"
    assert labels.value("ends_on", "2028-02-14") == "14 februari 2028"
    assert labels.value("programme", "wooncoach") == "Wooncoach"
    assert labels.value("owner", "resident") == "uzelf"
    intake = json.loads(json.dumps(b.sample("intake.held")["data"]))
    told = labels.value("domains", intake["domains"], "intake.held")
    assert codes.label("domain", "housing") in told
    assert "own_home" not in told
    assert "own_district" not in labels.value("wants", {"housing": "own_home"})


def test_a_look_is_a_sentence_without_a_name() -> None:
    row = {"start_time": "2026-03-05T13:02:11+00:00", "name": "view coach", "organisation": "coach-oost",
           "role": "coach", "purpose": "guidance", "fields": ["plan_actions", "lease", "corrected"]}  # fmt: skip
    assert labels.look(row) == (
        "Op 5 maart 2026 om 13:02 keek iemand van coach-oost (coach) naar: afspraken uit het plan en huur. "
        "Doel: begeleiding."
    )
    assert "noodgeval" in labels.look(row | {"name": "break-glass view coach"})
    assert "wie er bij u gekeken had" in labels.look(row | {"name": "who looked", "role": "steward"})
    assert "bekeek u zelf" in labels.look(row | {"role": "bewoner", "purpose": "self"})


# --- English ----------------------------------------------------------------------------------------------------------

BESIDE = {
    "field": labels.FIELDS.keys(),
    "indicator": indicators.shipped().indicators.keys(),
    "refusal": refusals.REFUSALS.keys(),
}


@pytest.mark.parametrize("name", sorted(codes.names() | BESIDE.keys()))
def test_whatever_has_a_dutch_word_has_an_english_one(name: str) -> None:
    there = BESIDE.get(name) or codes.members(name)
    assert english.words(name).keys() == set(there)
    for told in english.words(name).values():
        assert told == told.strip() != ""
        assert "_" not in told


def test_codes_are_read_out_in_english_too() -> None:
    assert labels.value("kind", "conditional", lang="en") == "conditional"
    assert labels.value("plan", {"action": "repair", "due_on": "2026-06-09", "blocking": True}, lang="en") == (
        "action: carry out a repair, at the latest: 9 June 2026, needed first: yes"
    )
    assert labels.value("may_signal_missing", ["objection", "agreement"], lang="en") == (
        "the tenant objected; an agreement on early signalling"
    )
    assert labels.value("wants", {"housing": "own_home"}, lang="en").startswith("housing: ")
    assert labels.purpose("self", "en") == "seeing your own data"
    assert labels.purpose("guidance", "en") == "guidance"


def test_words_beside_the_codes_are_whole_too() -> None:
    assert english.words("own_purpose").keys() == labels._PURPOSES.keys()
    assert english.words("missing").keys() == labels._MISSING.keys()
    assert english.words("owned").keys() == labels._OWNERS.keys()
    assert english.words("ground").keys() == set(GROUNDS.values())
    assert english.of_dutch("ground", "toestemming") == "consent"


def test_a_dutch_label_of_a_row_is_found_back() -> None:
    assert english.of_dutch("event_type", "bezoek gemist") == "visit missed"
    assert english.of_dutch("event_type", "iets anders") is None
    unlike = [name for name in ("event_type", "category", "role") for code in codes.members(name)
              if english.of_dutch(name, codes.label(name, code)) != english.label(name, code)]  # fmt: skip
    assert unlike == []
