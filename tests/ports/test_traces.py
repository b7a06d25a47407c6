"""What is left of a resident beside the log: looks, requests and proofs, after a merge and after an erasure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import builders as b
import pytest
from wkretention import DUE, Archive, live, subject, tell, told

from woonketen.contracts.errors import ConfigurationError


@pytest.fixture(scope="module")
def lived(new_database: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Archive:
    made = Archive(tmp_path_factory.mktemp("traces"), new_database())
    live(made)
    return made


@pytest.fixture
def town(lived: Archive, new_database: Callable[..., str], tmp_path: Path) -> Archive:
    return lived.copy(tmp_path, new_database)


def keys_of(town: Archive, ref: bytes | None) -> int:
    with town.sql() as connection:
        row = connection.execute("SELECT count(*) FROM gate.looks_key WHERE ref = %b", [ref]).fetchone()
    assert row is not None
    return int(row[0])


def test_looks_stay_countable_and_lead_to_nobody_after_an_erasure(town: Archive) -> None:
    town("view", "coach", "--as", "coach-1")
    town("view", "corporatie", "--as", "huur")
    mine = town("looks", "--as", "bewoner-1", "--json").rows
    assert len(mine) == 2
    with town.platform() as platform:
        ref = platform.admission.resident_of(b.GEMEENTE, subject(b.GEMEENTE, 1))
        for org in (b.CORPORATIE, b.COACH):
            platform.erase(org, subject(org, 1), "art_17_request")
            assert keys_of(town, ref) == 1, "another organisation still tells something"
        platform.erase(b.GEMEENTE, subject(b.GEMEENTE, 1), "art_17_request")
    assert keys_of(town, ref) == 0
    after = {each["span_id"] for each in town("looks", "--as", "steward-gi", "--json").rows}
    assert {each["span_id"] for each in mine} <= after, "they are there to count"


def test_a_code_cannot_be_made_again_without_its_key(town: Archive) -> None:
    """Two residents, two years, two codes; and nothing that stands elsewhere in the database makes one of them."""
    town("view", "corporatie", "--as", "huur")
    with town.sql() as connection:
        rows = connection.execute(
            "SELECT k.ref, l.data_subject_id, (SELECT salt FROM gate.installation) FROM looks.look l, gate.looks_key k"
            " WHERE l.data_subject_id = gate.looks_code(k.key, k.ref)"
        ).fetchall()
        assert len({bytes(code) for _, code, _ in rows}) == 2
        for ref, code, salt in rows:
            (salted,) = connection.execute("SELECT sha256(%b || %b)", [salt, ref]).fetchone() or (None,)
            assert salted != code
    with town.platform() as platform:
        platform.view("corporatie", "huur")
    with town.sql() as connection:
        assert connection.execute("SELECT count(*) FROM gate.looks_key").fetchone() == (2,), (
            "one key a year, not a look"
        )


def test_who_turned_out_to_be_the_same_reads_all_looks(town: Archive) -> None:
    """The landlord knew the person under a second number, and looked at that too."""
    with town.platform() as platform:
        tell(
            platform,
            told("enrolment.opened", b.CORPORATIE, 7, DUE, enrolment_id=f"{b.CORPORATIE}:E-7", programme="wooncoach"),
            told("notice.given", b.CORPORATIE, 7, DUE),
            told("lease.started", b.CORPORATIE, 7, DUE, lease_id="L-7", coaching_clause=False, kind="indefinite",
                 ground=..., ends_on=...),
        )  # fmt: skip
        platform.run(until_idle=True)
        before = len(platform.looks("bewoner-1"))
        assert "L-7" in {row["lease_id"] for row in platform.view("corporatie", "huur")}
        assert len(platform.looks("bewoner-1")) == before + 1, "the own one"
        code = platform.issue_link(b.GEMEENTE, subject(b.GEMEENTE, 1), b.CORPORATIE)["code"]
        tell(platform, told("subject.linked", b.CORPORATIE, 7, DUE, link_code=code))
        platform.run(until_idle=True)
        assert len(platform.looks("bewoner-1")) == before + 2, "and that at the other number"
        found = platform.looks("steward-ow", subject(b.CORPORATIE, 7))
        assert {row["role"] for row in found} == {"corporatie"}, "those of the own organisation, at both numbers"
        assert len(found) == 2
        proofs = platform.view("steward_proofs", "steward-gi")
        assert [(row["kind"], row["scope"]) for row in proofs] == [("merge", b.CORPORATIE)]


def test_an_organisation_that_is_erased_has_nothing_left_to_answer(town: Archive) -> None:
    with town.platform() as platform:
        me = platform.user("bewoner-1")
        platform.rights.correct(me, "lease", "wrong_value", None)
        platform.rights.correct(me, "involvement", "wrong_date", None)
        assert {row["org"] for row in platform.rights.requests(me)} == {b.CORPORATIE, b.COACH}
        platform.erase(b.CORPORATIE, subject(b.CORPORATIE, 1), "art_17_request")
        assert {row["org"] for row in platform.rights.requests(me)} == {b.COACH}


def test_a_resident_is_not_asked_which_one(town: Archive) -> None:
    with town.platform() as platform:
        for name in ("bewoner", "looks"):
            with pytest.raises(ConfigurationError, match="resident"):
                platform.view(name, "bewoner-1", subject(b.GEMEENTE, 3))
        assert len(platform.view("bewoner", "bewoner-1")) == 1


def test_break_glass_is_among_the_proofs(town: Archive) -> None:
    with town.platform() as platform:
        platform.add_user("coach-2", b.COACH, "coach", worker="W-2")
        platform.rights.break_glass(platform.user("coach-2"), b.COACH, subject(b.COACH, 1), "crisis")
        (row,) = platform.view("steward_proofs", "steward-gi")
        assert (row["kind"], row["scope"], row["rows"], row["keys"]) == ("break_glass", b.COACH, 1, 0)
        assert len(row["proof_hash"]) == 64
