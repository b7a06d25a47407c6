"""The full matrix of the policy, through the real database with the real roles: what may be seen is seen, what may not
is not, and where its existence is secret nothing shows that it is there. `matrix/oracle.py` says what must be; it reads
the policy file by itself."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace

import builders as b
import msgspec
import pytest
import wkviews
from matrix import oracle
from matrix.build import Matrix, matrix
from matrix.cells import ANSWERS, BY_PARTNERS, ELSEWHERE_TESTED, TODAY, VIEWERS, Person, Viewer, marks, people

from woonketen.contracts import consent
from woonketen.contracts.catalogue import TYPES
from woonketen.projections import queries
from woonketen.projections.people import add_user

RULES = oracle.rules()


@pytest.fixture(scope="module")
def everything(new_database: Callable[[], str]) -> Iterator[Matrix]:
    with matrix(new_database(), people()) as made:
        made.read()
        yield made


def cells(of: Matrix) -> Iterator[tuple[Person, Viewer]]:
    return ((person, viewer) for person in of.persons if person.short is not None for viewer in VIEWERS)


def wrong(of: Matrix) -> tuple[Counter[tuple[str, str, str]], int]:
    """What differs from the oracle: (viewer, type, how) → in how many cells; and how many cells there are."""
    found: Counter[tuple[str, str, str]] = Counter()
    count = 0
    for person, viewer in cells(of):
        count += 1
        seen = of.seen[viewer.name]
        row = seen.rows.get(person.n)
        if (row is not None) != oracle.has_row(viewer, person, RULES):
            found[(viewer.name, str(person.short), "has no row" if row is None else "has a row")] += 1
        elif row is not None and person.stranger:
            may, does = oracle.sees(viewer, person, RULES), person.publisher in seen.silent[person.n]
            if may != does:
                found[(viewer.name, str(person.short), "sees" if does else "does not see")] += 1
            elif not may and viewer.org != person.publisher and viewer.role != "bewoner" and person.publisher in row:
                found[(viewer.name, str(person.short), "reads who told")] += 1
    return found, count


def test_every_cell(
    everything: Matrix, record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert everything.refused == [], "every event of the matrix is one that a partner may send"
    found, count = wrong(everything)
    record_property("cells", count)
    with capsys.disabled():
        print(f" [matrix: {count:,} cells of {len(everything.persons):,} residents, {len(BY_PARTNERS)} types]", end="")
    assert count > 25_000
    assert not found, f"{found.total()} of {count} cells are not as the policy says: {found.most_common(20)}"


def test_both_answers_are_there_for_everybody(everything: Matrix) -> None:
    """A matrix in which somebody sees everything, or nothing, would prove little."""
    of: dict[str, set[bool]] = defaultdict(set)
    for person, viewer in cells(everything):
        if person.n in everything.seen[viewer.name].rows:
            of[viewer.role].add(oracle.sees(viewer, person, RULES))
    # debt help has a row of nothing but a signal that it may see
    assert of == {viewer.role: {True, False} for viewer in VIEWERS} | {"schuldhulp": {True}}
    answers = {
        answer: {oracle.sees(v, p, RULES) for p, v in cells(everything) if p.answer == answer} for answer in ANSWERS
    }
    assert all(each == {True, False} for each in answers.values())


def test_the_types_that_are_not_in_it_have_their_own_tests() -> None:
    """A new type has to be put here or into the matrix."""
    assert set(ELSEWHERE_TESTED) == {
        "consent.expired",  # told by the platform, decides nothing: test_visible
        "data.expired",  # test_retention
        "event.corrected",  # of its original's category: test_visible, test_differential
        "event.retracted",
        "safety.flag_set",  # the dimension `flagged` of the matrix
        "subject.erased",
        "subject.merged",
        "subject.split",
        *(short for short in TYPES if short.startswith("warning.")),  # by their inputs: test_matrix_warnings
    }


def test_what_is_shown_are_the_values(everything: Matrix) -> None:
    """Days, codes and amounts of the fact stand in the rows of who sees it, where a field is made for them, and in no
    other row."""
    controls = {(each.answer, each.flagged): each.n for each in everything.persons if each.short is None}
    leaked: Counter[tuple[str, str]] = Counter()
    shown: dict[str, set[str]] = defaultdict(set)
    lacks: Counter[tuple[str, str]] = Counter()
    for person, viewer in cells(everything):
        rows = everything.seen[viewer.name].rows
        if person.n not in rows:
            continue
        background = rows.get(controls[(person.answer, person.flagged)], "")
        found = {mark for mark in marks(person, background) if mark in rows[person.n]}
        if not oracle.sees(viewer, person, RULES):
            if found:
                leaked[(viewer.name, str(person.short))] += 1
        elif found:
            shown[str(person.short)].add(viewer.role)
        elif viewer.role in ALWAYS.get(str(person.short), ()):
            lacks[(viewer.name, str(person.short))] += 1
    assert not leaked, leaked
    assert not lacks, lacks
    assert {short for short in BY_PARTNERS if short not in shown} == {
        "consent.withdrawn", "debt_help.outcome", "fire_safety.visit_held", "objection.lifted", "objection.recorded",
        "subject.linked", "safety.flag_cleared",
    }, "types of which no value is in any row"  # fmt: skip


ALWAYS = {
    "enrolment.opened": ("bewoner", "coach", "casusregisseur", "wijkteam"),
    "intake.held": ("bewoner", "coach", "casusregisseur"),
    "plan.agreed": ("bewoner", "coach", "casusregisseur"),
    "action.added": ("bewoner", "coach", "casusregisseur"),
    "move.planned": ("casusregisseur", "zorgaanbieder"),
    "waiting.entered": ("casusregisseur", "zorgaanbieder"),
    "lease.started": ("bewoner", "coach", "casusregisseur", "corporatie", "zorgaanbieder"),
    "rent.balance_reported": ("corporatie",),
    "payment_plan.agreed": ("corporatie",),
    "collection.step_taken": ("corporatie",),
    "arrears.effort_made": ("corporatie",),
    "arrears.signalled": ("schuldhulp",),
    "pause.agreed": ("coach", "casusregisseur"),
    "nuisance.reported": ("coach", "casusregisseur", "corporatie"),
    "day_activity.started": ("coach", "casusregisseur", "zorgaanbieder"),
    "ladder.reviewed": ("zorgaanbieder",),
    "attention.flagged": ("coach", "casusregisseur"),
    "consent.granted": ("bewoner",),
}
"""Who must find a value of the fact in the row whenever it may be seen, by type."""


def test_what_is_secret_leaves_no_trace(everything: Matrix) -> None:
    """Who may not see care or nuisance has the very row of a resident of whom nothing of the kind was told."""
    controls = {(p.category, p.answer, p.flagged): p for p in everything.persons if p.short is None}
    compared = 0
    for person, viewer in cells(everything):
        control = controls.get((person.category, person.answer, person.flagged))
        if control is None or viewer.role == "bewoner" or not (person.clause and person.notice and person.stranger):
            continue
        rows = everything.seen[viewer.name].rows
        if person.n in rows and not oracle.sees(viewer, person, RULES):
            assert anonymous(rows[person.n], person) == anonymous(rows[control.n], control), (viewer, person)
            compared += 1
    assert compared > 300
    closed = {name for seen in everything.seen.values() for names in seen.not_shared.values() for name in names}
    assert closed, "some doors are closed"
    assert not closed & {"care_running", "nuisance_56d", "feeds_silent"}


def anonymous(row: str, person: Person) -> str:
    n = person.n
    for text in (f'-{n}"', f"-{n}|"):
        row = row.replace(text, text.replace(str(n), "n"))
    told = msgspec.json.decode(row)
    for each in told:
        for name in ("resident", "handle"):
            if str(each.get(name)).startswith("P-"):
                each[name] = "P-"
    return msgspec.json.encode(told).decode()


def test_decide_says_the_same(everything: Matrix) -> None:
    world, facts = everything.facts()
    found: Counter[tuple[str, str, str]] = Counter()
    asked = 0
    for person, viewer in cells(everything):
        if not person.stranger or not oracle.is_certain(viewer, person, RULES):
            continue
        same = [each for each in VIEWERS if each.role == viewer.role and each.org in oracle.asked_of(viewer)]
        may = any(oracle.sees(each, person, RULES) for each in same)
        said = everything.decide(viewer, person, world, facts[person.n])
        asked += 1
        if may != said:
            found[(viewer.name, str(person.short), "allow" if said else "deny")] += 1
    assert asked > 8_000
    assert not found, f"{found.total()} of {asked}: {found.most_common(20)}"


def test_who_sees_no_resident_sees_no_resident(everything: Matrix) -> None:
    """A steward and a policy maker: counts and codes, and no pseudonym, lease or code of a worker."""
    owner = everything.town.owner
    steward = add_user(owner, "steward", org=b.GEMEENTE, role="steward")
    policy = add_user(owner, "beleid", org=b.GEMEENTE, role="beleid")
    read = [queries.view(owner, steward, name) for name in ("steward_feeds", "steward_refusals", "steward_proofs",
                                                            "steward_requests")]  # fmt: skip
    read += [queries.view(owner, policy, "complex")]
    consents = queries.view(owner, steward, "steward_consents")
    text = str([read, consents])
    some = [everything.persons[n] for n in (0, 400, 900)]
    assert not [each for each in some for mark in (f"G-{each.n}'", f"L-{each.n}'", "W-1'", "V-3'") if mark in text]
    assert len(consents) > 1_000, "that there are consents, and for whom, is what a steward is there for"
    hashes = {row["ref_hash"] for row in consents}
    assert len(hashes) > 1_000
    assert not [ref for ref in everything.numbers if ref.hex()[:16] in hashes]


# --- the same with a fault in it: the matrix must find it ---

FEW = ("ladder.step_changed", "nuisance.reported", "plan.agreed", "lease.started", "coach.visit_held")
FLIPS = {
    "ladder/coach": "C",  # a right that is lost
    "nuisance/coach": "S",  # a secret that is told without consent
    "plan/wijkteam": "S",
    "arrears_level/casusregisseur": "S",
    "visits/casusregisseur": "-",
    "lease/zorgaanbieder": "S",
}


@pytest.mark.parametrize("flip", ["ladder/coach", "nuisance/coach", "plan/wijkteam", "visits/casusregisseur"])
def test_a_flipped_rule_is_found(new_database: Callable[[], str], flip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    category, recipient = flip.split("/")
    rows = list(csv.reader(io.StringIO(oracle.FILE.read_text("utf-8"))))
    for row in rows:
        if row[:2] == [category, recipient] and row[4] != "own" and row[3] != "own":
            row[4] = FLIPS[flip]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    right = wkviews.source_of
    monkeypatch.setattr(wkviews, "source_of", lambda dsn: replace(right(dsn), policy=text.getvalue()))
    types = tuple(short for short in FEW if short in TYPES and TYPES[short].category == category)
    with matrix(new_database(), people(types, ("granted", "never_asked"))) as made:
        made.read()
        found, _ = wrong(made)
    assert {(name, short) for name, short, _ in found} & {
        (viewer.name, short) for viewer in VIEWERS for short in types if viewer.role == recipient
    }, "the flipped rule makes no difference"


def test_a_filter_that_is_lost_is_found(new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    always = consent.Standing("granted", ((None, None),))
    monkeypatch.setattr(consent, "standing", lambda said, categories, day: always)
    with matrix(new_database(), people(("coach.visit_held",), ("refused",))) as made:
        made.read()
        found, count = wrong(made)
    assert count > 60
    assert any(how == "sees" for _, _, how in found), found


def test_a_rule_of_the_database_that_is_lost_is_found(everything: Matrix) -> None:
    owner = everything.town.owner
    other = everything.users["another coach"]
    assert everything.seen["another coach"].rows == {}
    with owner.transaction(force_rollback=True):
        owner.execute("ALTER POLICY coach ON set_1.coach USING (true)")
        assert len(everything.read_as(other).rows) > 1_000


assert TODAY.weekday() < 5, "the feeds are silent on a working day"
