"""On an English page every word is English, or says that it is Dutch; and pages say on which day they are. No browser
needed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from wkportal import PATHS, PERSONAS
from wkserved import Served, Visitor

from woonketen.contracts import codes, english, indicators, labels

VOID = {"meta", "link", "input", "br", "wbr", "img", "path", "circle", "line", "rect"}
UNSPOKEN = {"code", "script", "style"}


class Spoken(HTMLParser):
    """The texts of a page that a screen reader reads out in the page's own language."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.inside: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.marked: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag not in VOID:
            self.inside.append((tag, told.get("lang")))
        self.texts += [told[name] or "" for name in ("data-label", "aria-label") if name in told]

    def handle_endtag(self, tag: str) -> None:
        while self.inside and self.inside.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        said = " ".join(data.split())
        if said and not any(tag in UNSPOKEN for tag, _ in self.inside):
            lang = next((lang for _, lang in reversed(self.inside) if lang), "en")
            (self.texts if lang == "en" else self.marked).append(said)


def dutch_words() -> set[str]:
    """All labels that are nothing in English."""
    pairs = {
        codes.label(name, code): english.label(name, code) for name in codes.names() for code in codes.members(name)
    }
    pairs |= {told: english.label("field", name) for name, told in labels.FIELDS.items()}
    pairs |= {each.label: english.label("indicator", name) for name, each in indicators.shipped().indicators.items()}
    said = {word.lower() for each in [*pairs.values(), *FRAME] for word in re.findall(r"\w+", each)}
    return {told.lower() for told in pairs if not set(re.findall(r"\w+", told.lower())) <= said}


FRAME = ("Coach Woonladder stand",)
"""Words that are in names of organisations and programmes, or are English too."""
DUTCH = re.compile(
    r"(?<!\w)(?:" + "|".join(re.escape(each) for each in sorted(dutch_words(), key=len)[::-1]) + r")(?!\w)"
)
NAMES = re.compile(
    r"\b(?:Wijkteam.Zuid|Zorg.IJssel|Buurtmaat|Dakpan.Wonen|Openbaar.Wonen|Gemeente.IJsselstad)\b", re.IGNORECASE
)


def left_over(html: str) -> set[str]:
    told = (NAMES.sub("", each).lower() for each in Spoken(html).texts)
    return {found for each in told for found in DUTCH.findall(each)}


@pytest.fixture
def visit(served: Served) -> Iterator[list[Visitor]]:
    there: list[Visitor] = []
    yield there
    for each in there:
        each.close()


def come(served: Served, there: list[Visitor], name: str, lang: str = "en") -> Visitor:
    there.append(served.visitor(name))
    assert there[-1].post("/taal", taal=lang, terug="/").status_code == 303
    return there[-1]


@pytest.mark.parametrize("name", PERSONAS)
def test_an_english_page_has_no_dutch_label(served: Served, visit: list[Visitor], name: str) -> None:
    visitor = come(served, visit, name)
    start = visitor.get("/").text
    paths = ["/", "/hoe-werkt-dit", *PATHS.get(served.platform.user(name).role, ())]
    paths += re.findall(r'href="(/(?:dossier|signaal)/[^"]+)"', start)[:4]
    for path in paths:
        page = visitor.get(path)
        assert page.status_code == 200
        assert left_over(page.text) == set(), path


def test_a_label_that_was_left_is_found() -> None:
    html = '<html lang="en"><p>Purpose: begeleiding</p><p lang="nl">huurovereenkomst <b>zorg</b></p><p>kind of data</p>'
    assert left_over(html) == {"begeleiding"}
    assert Spoken(html).marked == ["huurovereenkomst", "zorg"]


def test_a_warning_is_told_in_dutch_and_is_marked(served: Served, visit: list[Visitor]) -> None:
    page = come(served, visit, "coach-w40").get("/").text
    assert any("achterstand" in each for each in Spoken(page).marked)
    assert "Whom do I call today, and why" in page


def test_a_resident_reads_in_english_who_sees_what(served: Served, visit: list[Visitor]) -> None:
    page = Spoken(come(served, visit, "bewoner-s05").get("/delen").text)
    assert any("rent arrears" in each for each in page.texts)
    assert any("neighbourhood team" in each for each in page.texts)
    assert "statutory task or agreement" in page.texts


@pytest.mark.parametrize("name", ["coach-w40", "bewoner-s05", "steward-ijsselstad"])
def test_every_page_says_which_day_it_is_there(served: Served, visit: list[Visitor], name: str) -> None:
    visitor = come(served, visit, name, "nl")
    page = visitor.get("/").text
    assert "Vandaag is hier: <b>9 juni 2026</b>" in page
    assert "De demo speelt op 9 juni 2026." in page
    if name != "coach-w40":
        for path in ("/gekeken", *(("/", "/weigeringen") if name.startswith("steward") else ())):
            assert "Deze tijden zijn van de echte klok." in visitor.get(path).text
