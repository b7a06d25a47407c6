"""Every page shows exactly the fields of its view, to whom they are for; every look is on record. No browser needed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from wkserved import Served, Visitor

from woonketen.contracts.views import OTHER_VIEWS, PERSON_VIEWS
from woonketen.projections.portal.tables import PAGES

MARK = re.compile(r'data-veld="([a-z0-9_]+)"')
CARRIED = {"corrected", "not_shared"}
"""Said in words at the foot of a page."""
LISTS = (
    ("coach-w40", "coach"), ("coach-w17", "coach"), ("buddy-b3", "coach"), ("regie-cl9", "casusregisseur"),
    ("wijk-noord", "wijkteam"), ("wijk-zuid", "wijkteam"), ("huur-dp", "corporatie"), ("huur-ow", "corporatie"),
    ("zorg-z5", "zorgaanbieder"), ("loket-co", "zorgaanbieder"),
)  # fmt: skip
LETTERS = {"coach-oost": "K", "buurtmaat": "B", "gemeente-ijsselstad": "G", "dakpan-wonen": "D", "openbaar-wonen": "C",
           "zorg-ijssel": "Z"}  # fmt: skip
"""How each organisation's pseudonyms begin in the stories."""


def fields(view: str) -> set[str]:
    struct = (PERSON_VIEWS | OTHER_VIEWS)[view]
    return set(struct.__struct_encode_fields__) - CARRIED


def looks_of(served: Served) -> int:
    row = served.platform.parts.owner.execute("SELECT count(*) FROM looks.decision").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def visit(served: Served) -> Iterator[list[Visitor]]:
    there: list[Visitor] = []
    yield there
    for each in there:
        each.close()


def come(served: Served, there: list[Visitor], name: str) -> Visitor:
    there.append(served.visitor(name))
    return there[-1]


@pytest.mark.parametrize(("name", "view"), LISTS)
def test_a_residents_page_shows_the_fields_of_the_view_and_no_other(
    served: Served, visit: list[Visitor], name: str, view: str
) -> None:
    visitor = come(served, visit, name)
    listed = visitor.get("/")
    rows = re.findall(r'href="/dossier/([0-9a-f]{32})"', listed.text)
    assert rows
    assert set(MARK.findall(listed.text)) <= fields(view)
    before = looks_of(served)
    for row in rows[:3]:
        page = visitor.get(f"/dossier/{row}")
        assert page.status_code == 200
        assert set(MARK.findall(page.text)) == fields(view)
        assert page.headers["cache-control"] == "no-store"
    assert looks_of(served) >= before + 3


@pytest.mark.parametrize(("name", "view"), LISTS)
def test_nobody_reads_another_organisations_pseudonym(
    served: Served, visit: list[Visitor], name: str, view: str
) -> None:
    visitor = come(served, visit, name)
    own = LETTERS.get(served.platform.user(name).org, "P")
    pages = [visitor.get("/").text]
    pages += [
        visitor.get(f"/dossier/{row}").text for row in re.findall(r'href="/dossier/([0-9a-f]{32})"', pages[0])[:3]
    ]
    for page in pages:
        said = set(re.findall(r"\b([A-Z])-[A-Z][0-9]{2}\b", page))
        assert said <= {own, "L"}  # L: a lease's number, which is the landlord's own


@pytest.mark.parametrize("name", ["vrijwilliger-v3", "ervaring-e1", "schuld-1"])
def test_a_list_without_pages_shows_fields_of_its_view(served: Served, visit: list[Visitor], name: str) -> None:
    visitor = come(served, visit, name)
    view = served.platform.user(name).role
    page = visitor.get("/")
    assert page.status_code == 200
    assert set(MARK.findall(page.text)) <= fields(view)
    assert "/dossier/" not in page.text


def test_a_volunteer_reads_the_own_promise(served: Served, visit: list[Visitor]) -> None:
    page = come(served, visit, "vrijwilliger-v3").get("/").text
    assert set(MARK.findall(page)) == {"action", "due_on", "handle"}


@pytest.mark.parametrize("name", ["bewoner-s05", "bewoner-d07", "bewoner-l02"])
def test_a_resident_finds_every_field_of_the_view_on_the_two_pages(
    served: Served, visit: list[Visitor], name: str
) -> None:
    visitor = come(served, visit, name)
    shown = set(MARK.findall(visitor.get("/").text)) | set(MARK.findall(visitor.get("/delen").text))
    assert shown | {"contests", "consents"} == fields("bewoner")


@pytest.mark.parametrize("path", sorted(PAGES))
def test_a_table_has_the_columns_of_its_view(served: Served, visit: list[Visitor], path: str) -> None:
    view, roles = PAGES[path]
    name = {"steward": "steward-ijsselstad", "corporatie": "huur-ow"}[roles[0]]
    page = come(served, visit, name).get(path)
    assert page.status_code == 200
    assert set(MARK.findall(page.text)) in (set(), fields(view))


PATHS = ("/complexen", "/delen", "/gekeken", "/rechten", "/weigeringen", "/quarantaine", "/toestemmingen",
         "/verzoeken", "/bewijzen")  # fmt: skip
OF = {"corporatie": {"/complexen"}, "beleid": {"/complexen"}, "bewoner": {"/delen", "/gekeken", "/rechten"},
      "steward": {"/gekeken", "/weigeringen", "/quarantaine", "/toestemmingen", "/verzoeken", "/bewijzen"}}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["coach-w40", "regie-cl9", "wijk-noord", "huur-dp", "zorg-z5", "vrijwilliger-v3", "bewoner-s05",
     "steward-ijsselstad", "beleid-1", "schuld-1", "programma-1"],
)  # fmt: skip
def test_a_page_of_another_role_is_not_there(served: Served, visit: list[Visitor], name: str) -> None:
    visitor = come(served, visit, name)
    role = served.platform.user(name).role
    found = {path for path in PATHS if visitor.get(path).status_code == 200}
    assert found == OF.get(role, set())
    assert visitor.get("/dossier/" + "0" * 32).status_code == 404
    assert visitor.get("/signaal/WA-000000000000").status_code == 404
    assert visitor.post("/contact", code="x").status_code == (200 if role == "schuldhulp" else 404)


def test_anothers_row_and_one_that_is_not_there_are_the_same(served: Served, visit: list[Visitor]) -> None:
    one, other = come(served, visit, "coach-w40"), come(served, visit, "coach-w17")
    row = re.findall(r'href="/dossier/([0-9a-f]{32})"', one.get("/").text)[0]
    answers = [other.get(f"/dossier/{each}") for each in (row, "0" * 32)]
    assert [each.status_code for each in answers] == [404, 404]
    bodies = [re.sub(r"<code>[0-9a-f]+</code>", "", each.text) for each in answers]
    assert bodies[0] == bodies[1].replace("0" * 32, row)


def test_a_coach_records_nothing_of_anothers_resident(served: Served, visit: list[Visitor]) -> None:
    one, other = come(served, visit, "coach-w40"), come(served, visit, "coach-w17")
    row = re.findall(r'href="/dossier/([0-9a-f]{32})"', one.get("/").text)[0]
    told = {"kind": "visit_held", "token": "abcdefgh", "occurred_on": "2026-06-08", "channel": "door"}
    assert other.post(f"/dossier/{row}", **told).status_code == 404
    assert one.post(f"/dossier/{row}", **(told | {"kind": "lease.decided"})).status_code in (400, 404, 422)
