"""The closed lists: the types of the payloads and the Dutch labels speak of the same codes."""

from __future__ import annotations

import csv
from importlib.resources import files
from typing import get_args

import pytest

from woonketen.contracts import codes
from woonketen.contracts.payloads.lists import LISTS

TEXT = files("woonketen.contracts").joinpath("codes.csv").read_text(encoding="utf-8")
ROWS = list(csv.DictReader(TEXT.splitlines()))


@pytest.mark.parametrize("name", LISTS)
def test_payload_type_and_list_are_equal(name: str) -> None:
    assert set(get_args(LISTS[name])) == codes.members(name)
    assert len(get_args(LISTS[name])) == len(set(get_args(LISTS[name])))


def test_every_code_has_one_line_and_a_label() -> None:
    keys = [(row["list"], row["code"]) for row in ROWS]
    assert len(keys) == len(set(keys))
    for row in ROWS:
        assert row["label_nl"] == row["label_nl"].strip() != ""
        assert "_" not in row["label_nl"]
        assert 2000 <= int(row["from_year"]) <= 2100


def test_labels() -> None:
    assert codes.label("lease_kind", "conditional") == "voorwaardelijk"
    assert codes.label("ladder_step", "4") == "voorwaardelijk huren met begeleiding"
    assert codes.line("lease_ground", "tweede_kans").from_year == 2024
    assert "lease_kind" in codes.names()
    with pytest.raises(KeyError):
        codes.label("lease_kind", "forever")
    with pytest.raises(KeyError):
        codes.members("no_such_list")


def test_lists_of_others_are_whole() -> None:
    outcomes = codes.members("debt_help_outcome")
    assert len(outcomes) == 16  # EnumEindresultaat of DDAS-vroegsignalering 1.2
    assert all(codes.label("debt_help_outcome", code) == code for code in outcomes)
    assert codes.members("care_category") == {f"{n:02}" for n in range(1, 19)}  # WMO020
    assert len(codes.members("care_end")) == 11  # WMO588
    assert codes.members("domain") >= {"housing", "money", "care"}
    assert len(codes.members("domain")) == 8
