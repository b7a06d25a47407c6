"""Lists in parts: every row once, whatever the order; and a look only of who is on the part. No browser needed."""

from __future__ import annotations

from typing import Any

import pytest
from wkserved import Served

from woonketen.contracts.errors import ConfigurationError
from woonketen.projections import listing

PEOPLE = (("coach-w40", "coach"), ("regie-cl9", "casusregisseur"), ("wijk-noord", "wijkteam"),
          ("huur-dp", "corporatie"), ("zorg-z5", "zorgaanbieder"), ("vrijwilliger-v3", "vrijwilliger"),
          ("schuld-1", "schuldhulp"))  # fmt: skip


def parts(served: Served, name: str, view: str, **asked: Any) -> list[tuple[str, dict[str, Any]]]:
    """The whole list, seven rows at a time."""
    user, found = served.platform.user(name), []
    for first in range(0, 100, 7):
        rows, total = listing.part(served.platform.parts.owner, user, view, first=first, size=7, **asked)
        found += rows
        if len(rows) < 7:
            assert total == len(found)
            return found
    raise AssertionError("no end")


@pytest.mark.parametrize(("name", "view"), PEOPLE)
def test_every_row_comes_once_in_any_order(served: Served, name: str, view: str) -> None:
    whole = served.platform.view(view, name)
    for sort in listing.SORTS[view]:
        rows = parts(served, name, view, sort=sort)
        assert len({row_id for row_id, _ in rows}) == len(rows) == len(whole)
        assert sorted(str(row) for _, row in rows) == sorted(str(row) for row in whole)


@pytest.mark.parametrize(("name", "view"), PEOPLE)
def test_every_filter_is_a_part_of_the_whole(served: Served, name: str, view: str) -> None:
    whole = {row_id for row_id, _ in parts(served, name, view)}
    for name_, values in listing.FILTERS[view].items():
        for value in values:
            assert {row_id for row_id, _ in parts(served, name, view, filters={name_: value})} <= whole
    assert {row_id for row_id, _ in parts(served, name, view, filters={"x": "y", "signaal": "'; --"})} == whole


def test_yes_and_no_make_the_whole(served: Served) -> None:
    with_one = parts(served, "huur-dp", "corporatie", filters={"signaal": "ja"})
    without = parts(served, "huur-dp", "corporatie", filters={"signaal": "nee"})
    assert with_one
    assert all(row["warnings"] for _, row in with_one)
    assert not any(row["warnings"] for _, row in without)
    assert len(with_one) + len(without) == len(parts(served, "huur-dp", "corporatie"))


def test_the_gravest_comes_first(served: Served) -> None:
    rows = [row for _, row in parts(served, "coach-w40", "coach")]
    worst = [max((each["severity"] for each in row["warnings"]), default=0) for row in rows]
    assert worst == sorted(worst, reverse=True)
    assert worst[0] >= 1


def test_a_look_is_of_who_was_shown(served: Served) -> None:
    def looked() -> int:
        row = served.platform.parts.owner.execute("SELECT count(*) FROM looks.look WHERE role = 'wijkteam'").fetchone()
        assert row is not None
        return int(row[0])

    owner, user = served.platform.parts.owner, served.platform.user("wijk-noord")
    before = looked()
    listing.part(owner, user, "wijkteam", size=3)
    assert looked() == before + 3
    listing.prints(owner, user, "wijkteam", size=3)
    assert looked() == before + 3


def test_a_piece_of_a_pseudonym_finds_and_is_only_text(served: Served) -> None:
    assert [row["resident"] for _, row in parts(served, "wijk-noord", "wijkteam", find="g-s05")] == ["G-S05"]
    assert parts(served, "wijk-noord", "wijkteam", find="%") == []
    assert parts(served, "wijk-noord", "wijkteam", find="' OR true --") == []


@pytest.mark.parametrize("view", ["corporatie", "warnings", "steward_feeds", "looks", "x"])
def test_a_list_of_another_role_is_refused(served: Served, view: str) -> None:
    user = served.platform.user("coach-w40")
    with pytest.raises(ConfigurationError):
        listing.part(served.platform.parts.owner, user, view)


def test_a_row_is_read_by_its_own_id_alone(served: Served) -> None:
    owner, user = served.platform.parts.owner, served.platform.user("coach-w40")
    (row_id, row), *_ = parts(served, "coach-w40", "coach")
    assert listing.one(owner, user, "coach", row_id) == row
    assert listing.one(owner, served.platform.user("coach-w17"), "coach", row_id) is None
    assert listing.one(owner, user, "coach", "nothing") is None
    assert listing.resident_of_row(owner, served.platform.user("coach-w17"), "coach", row_id) is None
