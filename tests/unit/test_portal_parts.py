"""The portal without a server: palette, vendored files, texts, and the pure parts that pages are made of."""

from __future__ import annotations

import json
import re
from datetime import date
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from woonketen.contracts import labels
from woonketen.projections.listing import FILTERS, SORTS
from woonketen.projections.portal import asking, looked, refused, rendering, tables, timeline, words
from woonketen.projections.portal.desk import Line
from woonketen.projections.portal.tables import in_order
from woonketen.projections.portal.texts import missing, texts

STATIC = rendering.STATIC
CSS = (STATIC / "portal.css").read_text("utf-8")
TEMPLATES = sorted((rendering.HERE / "templates").glob("*.html"))
COLOURS = dict(re.findall(r"--wk-([a-z-]+): (#[0-9a-f]{6});", CSS))

# Text on what lies under it, as the style sheet combines them: at least 4.5 : 1.
TEXT = (
    ("ink", "paper"), ("ink", "ground"), ("ink", "petrol-soft"), ("ink", "sun"), ("ink", "urgent-soft"),
    ("ink", "week-soft"), ("ink", "good-soft"), ("muted", "paper"), ("muted", "ground"), ("petrol", "paper"),
    ("petrol", "ground"), ("petrol", "petrol-soft"), ("petrol-dark", "paper"), ("petrol-dark", "ground"),
    ("petrol-dark", "petrol-soft"), ("on-petrol", "petrol"), ("on-petrol", "petrol-dark"), ("urgent", "urgent-soft"),
    ("urgent", "paper"), ("week", "week-soft"), ("watch", "watch-soft"), ("good", "good-soft"),
    ("petrol", "week-soft"), ("petrol", "good-soft"), ("petrol", "urgent-soft"), ("petrol", "watch-soft"),
)  # fmt: skip
# What shows a control, a state or the focus: at least 3 : 1.
EDGES = (
    ("edge", "paper"), ("petrol", "paper"), ("petrol", "ground"), ("ink", "ground"), ("ink", "paper"),
    ("sun", "petrol-dark"), ("urgent", "paper"), ("week", "paper"), ("watch", "paper"), ("good", "paper"),
)  # fmt: skip


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(COLOURS[one]), luminance(COLOURS[other])), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("one", "other"), TEXT)
def test_text_can_be_read(one: str, other: str) -> None:
    assert contrast(one, other) >= 4.5


@pytest.mark.parametrize(("one", "other"), EDGES)
def test_controls_states_and_focus_can_be_seen(one: str, other: str) -> None:
    assert contrast(one, other) >= 3


def test_every_colour_is_of_the_palette_and_of_a_pair() -> None:
    body = CSS.partition("}")[2]
    assert not re.findall(r"#[0-9a-f]{3,8}\b|rgb|hsl", body)
    used = set(re.findall(r"var\(--wk-([a-z-]+)\)", body))
    assert used <= set(COLOURS)
    assert used - {"line"} <= {name for pair in (*TEXT, *EDGES) for name in pair}


def test_vendored_files_are_those_of_the_manifest() -> None:
    told = json.loads((STATIC / "vendor" / "manifest.json").read_text("utf-8"))
    for name, package in told.items():
        folder = STATIC / "vendor" / name
        found = {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
        assert found == package["files"]
        assert "LICENSE" in found
        assert package["licence"] in ("EUPL-1.2", "0BSD")
        assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", package["version"])
    assert {path.name for path in (STATIC / "vendor").iterdir()} == {*told, "manifest.json"}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_page_has_a_script_or_style_of_its_own(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"<style|style=|\son[a-z]+=|hx-on|javascript:|<script(?![^>]* src=)|\|\s*safe", text)
    assert not re.search(r"(?:src|href)=[\"']https?:", text)


@pytest.mark.parametrize("path", [*STATIC.rglob("*.css")], ids=lambda path: path.name)
def test_no_style_sheet_fetches_anything(path: Path) -> None:
    assert not re.search(r"@import|url\((?!['\"]?data:)", path.read_text("utf-8"))


def test_every_sentence_is_there_in_english() -> None:
    assert len(texts()) > 300
    assert missing("en") == []


def test_a_translation_keeps_what_is_filled_in() -> None:
    found = rendering.translations("en")
    for each in texts():
        one, other = (each, each) if isinstance(each, str) else each
        for told, by in ((one, found.ngettext(one, other, 1)), (other, found.ngettext(one, other, 2))):
            if isinstance(each, str):
                by = found.gettext(one)
            assert sorted(re.findall(r"%\(\w+\)s", told)) == sorted(re.findall(r"%\(\w+\)s", by)), told


# --- asking -----------------------------------------------------------------------------------------------------------


@given(st.sampled_from(asking.VIEWS), st.dictionaries(st.text(max_size=12), st.text(max_size=30), max_size=5))
def test_any_address_asks_something_that_the_list_knows(view: str, query: dict[str, str]) -> None:
    ask = asking.ask(view, query)
    assert ask.page >= 1
    assert ask.sort is None or ask.sort in SORTS[view]
    assert all(value in FILTERS[view][name] for name, value in ask.filters.items())


@given(st.data())
def test_an_address_comes_back_as_the_same_question(data: st.DataObject) -> None:
    view = data.draw(st.sampled_from(asking.VIEWS))
    filters = {
        name: data.draw(st.sampled_from(sorted(values)))
        for name, values in FILTERS[view].items()
        if data.draw(st.booleans())
    }
    sort = data.draw(st.sampled_from([None, *SORTS[view]]))
    page = data.draw(st.integers(1, 999))
    asked = asking.ask(view, filters | ({"volgorde": sort} if sort else {}) | {"blad": str(page)})
    made = asking.address(asked)(blad=page)
    again = asking.ask(view, dict(parse_qsl(urlsplit(made).query)))
    assert (again.filters, again.sort, again.page) == (filters, sort, page)
    assert asking.own_address(made) == made


@pytest.mark.parametrize(
    "told",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nSet-Cookie: x", "", None, "evil", "/%0d"],
)
def test_only_a_path_of_our_own_is_gone_back_to(told: str | None) -> None:
    assert asking.own_path(told) in ("/", "/%0d")
    assert asking.own_address(str(told)) == "/"


def test_nothing_but_the_shape_of_an_id_reaches_the_desk() -> None:
    assert asking.row_id("ab" * 16) == "ab" * 16
    assert asking.row_id("AB" * 16) is None
    assert asking.row_id("ab" * 16 + "\n") is None
    assert asking.warning_id("WA-1f") == "WA-1f"
    assert asking.warning_id("WA-1f'--") is None


def warning(severity: int, state: str = "active") -> dict[str, Any]:
    days = {"opened_on": "2026-06-01", "due_on": "2026-06-12"}
    told = {"id": "WA-1", "severity": severity, "state": state, "sentence": "Er is iets: dat.", "owner": "coach"}
    return told | days | {"indicator": "contact_lost"}


def coach(**more: Any) -> dict[str, Any]:
    return {"warnings": [], "next_visit_on": None, "visits_unreported": 0} | more


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (coach(warnings=[warning(1)]), "signaal"),
        (coach(warnings=[warning(3, "voided")]), "rest"),
        (coach(next_visit_on=date(2026, 6, 16)), "bezoek"),
        (coach(next_visit_on=date(2026, 6, 17)), "rest"),
        (coach(visits_unreported=1), "bezoek"),
    ],
)
def test_a_line_stands_under_the_reason_for_which_it_is_there(row: dict[str, Any], name: str) -> None:
    assert asking.group("coach", row, date(2026, 6, 9)) == name


def test_with_another_order_there_are_no_headings() -> None:
    lines = [Line("a", coach(warnings=[warning(2)])), Line("b", coach())]
    today = date(2026, 6, 9)
    assert [name for name, _ in asking.groups("coach", lines, today, asking.ask("coach", {}))] == ["signaal", "rest"]
    sorted_ = asking.ask("coach", {"volgorde": "bewoner"})
    assert asking.groups("coach", lines, today, sorted_) == [("", lines)]


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        ({"kind": "visit_held", "occurred_on": "2026-06-10"}, {"v-visit_held-dag": "future"}),
        ({"kind": "visit_held", "occurred_on": "gisteren"}, {"v-visit_held-dag": "no_day"}),
        ({"kind": "visit_planned", "planned_on": "2026-06-08"}, {"v-visit_planned-dag": "past"}),
        ({"kind": "contact_attempted", "occurred_on": "2026-06-09"}, {}),
    ],
)
def test_a_day_that_cannot_be_is_named(form: dict[str, str], wrong: dict[str, str]) -> None:
    assert asking.recorded(form, [], date(2026, 6, 9))[1] == wrong


def test_what_is_recorded_holds_codes_of_the_lists_and_nothing_else() -> None:
    form = {"kind": "visit_held", "occurred_on": "2026-06-09", "channel": "<b>", "note": "vrije tekst"}
    told, _ = asking.recorded(form, ["resident", "iemand"], date(2026, 6, 9))
    assert told == {"occurred_on": "2026-06-09", "channel": "door", "present": ["resident"]}


# --- timeline, looks, words -------------------------------------------------------------------------------------------


def test_the_timeline_is_what_the_row_says_in_order() -> None:
    row = {
        "started_on": "2026-03-02",
        "next_visit_on": date(2026, 6, 23),
        "warnings": [warning(3)],
        "plan_actions": [{"action": "repair", "owner": "dakpan-wonen", "due_on": "2026-04-23", "state": "late"}],
        "lease": {"kind": "conditional", "ends_on": "2028-02-16", "evaluation_on": None},
    }
    found = [(each.on.isoformat(), each.kind) for each in timeline.entries(row)]
    assert found == [
        ("2026-03-02", "started"), ("2026-04-23", "late"), ("2026-06-01", "warning"), ("2026-06-12", "due"),
        ("2026-06-23", "visit"), ("2028-02-16", "ends"),
    ]  # fmt: skip
    assert timeline.entries({}) == []


def test_the_timeline_tells_messages_of_parties_and_what_a_resident_allowed() -> None:
    given = {"recipient": "wijkteam", "purpose": "coordination", "from": "2026-05-01", "until": "2027-05-01"}
    row = {
        "parties": [{"org": "dakpan-wonen", "last_event_on": "2026-06-05"}, {"org": "x", "last_event_on": None}],
        "consents": [given | {"state": "granted"}, given | {"state": "withdrawn", "from": "2026-04-01"}],
        "contests": [
            {"warning": "WA-1", "answer_by": "2026-06-12", "answer": None},
            {"warning": "WA-2", "answer_by": "2026-06-02", "answer": "upheld"},
        ],
    }
    assert [(each.on.isoformat(), each.kind, each.code or each.who) for each in timeline.entries(row)] == [
        ("2026-05-01", "consented", "wijkteam"), ("2026-06-05", "message", "dakpan-wonen"),
        ("2026-06-12", "answer", None), ("2027-05-01", "consent", "wijkteam"),
    ]  # fmt: skip


def refusal(at: str, org: str = "dakpan-wonen", **more: Any) -> dict[str, Any]:
    told = {"type": "rent.balance_reported", "reason": "schema", "detail": "data.month", "mend": "give a month"}
    return {"org": org, "at": at} | told | more


REFUSALS = [
    refusal("2026-06-01T22:30:00+00:00"),
    refusal("2026-06-05T10:00:00+00:00", org="openbaar-wonen"),
    refusal("2026-06-03T10:00:00+00:00", detail="data.lease_id"),
    refusal("2026-06-04T10:00:00+00:00"),
    refusal("2026-06-06T10:00:00+00:00", reason="malformed", type=None, detail=None, mend=None),
]


def test_the_same_refusal_is_told_once_with_its_days_the_newest_first() -> None:
    found = refused.groups(REFUSALS, words.TOWN)
    assert [(each.reason, each.detail, each.count, each.first.day, each.last.day) for each in found] == [
        ("malformed", None, 1, 6, 6), ("schema", "data.month", 3, 2, 5), ("schema", "data.lease_id", 1, 3, 3),
    ]  # fmt: skip
    assert found[1].orgs == ["dakpan-wonen", "openbaar-wonen"]
    assert [row["at"][8:10] for row in found[1].rows] == ["05", "04", "01"]


@given(st.permutations(REFUSALS))
def test_in_whatever_order_they_come(rows: list[dict[str, Any]]) -> None:
    assert refused.groups(rows, words.TOWN) == refused.groups(REFUSALS, words.TOWN)


def test_of_very_many_the_newest_are_there_and_all_are_counted() -> None:
    many = [refusal(f"2026-06-0{1 + n % 9}T10:{n % 60:02}:00+00:00") for n in range(120)]
    (found,) = refused.groups(many)
    assert (found.count, len(found.rows), found.first.day, found.last.day) == (120, refused.ROWS, 1, 9)
    assert min(row["at"] for row in found.rows) > "2026-06-06"
    html = made("weigeringen.html", "steward", groups=[found], pages=None)
    assert "Dit zijn de nieuwste 50." in html
    assert html.count("<tr>") == 1 + refused.ROWS


def test_refusals_open_without_a_script_and_speak_the_language_of_the_page() -> None:
    groups = refused.groups(REFUSALS, words.TOWN)
    dutch, english = (made("weigeringen.html", "steward", lang, groups=groups, pages=None) for lang in ("nl", "en"))
    assert dutch.count("<details><summary>") == english.count("<details><summary>") == 3
    assert "Toon de 3 berichten" in dutch
    assert '<span class="small muted" lang="en">give a month</span>' in dutch
    assert "Verbeter het genoemde veld" in dutch
    assert "A field is wrong" in english
    assert "Verbeter het genoemde veld" not in english
    assert re.search(r'<span lang="nl">Stuur een CloudEvent', english), "where there is no English mend"
    assert "2 June 2026" in english


def test_looks_are_told_by_day_and_by_whom() -> None:
    def look(at: str, role: str, *fields: str) -> dict[str, Any]:
        return {"at": at, "organisation": "o", "role": role, "purpose": "guidance", "fields": ["resident", *fields]}

    found = looked.days(
        [look("2026-06-08T22:30:00Z", "coach", "lease"), look("2026-06-09T10:00:00Z", "coach", "card"),
         look("2026-06-09T11:00:00Z", "bewoner"), look("2026-06-01T11:00:00Z", "coach", "break_glass")],
        words.TOWN,
    )  # fmt: skip
    assert [on for on, _ in found] == [date(2026, 6, 9), date(2026, 6, 1)]
    assert [(each.role, each.times, each.fields) for each in found[0][1]] == [
        ("coach", 2, ["lease", "card"]),
        ("bewoner", 1, []),
    ]
    assert found[1][1][0].emergency


def test_what_asks_for_something_stands_first() -> None:
    def feed(org: str, state: str, refused: int) -> dict[str, Any]:
        return {"org": org, "state": state, "quarantined": 0, "parked": 0, "refused_24h": refused}

    feeds = [feed("a", "running", 0), feed("b", "running", 2), feed("c", "silent", 0)]
    assert [row["org"] for row in in_order("steward_feeds", feeds)] == ["c", "b", "a"]
    consents = [
        {"ref_hash": "1", "state": "withdrawn", "until": date(2026, 1, 1)},
        {"ref_hash": "2", "state": "granted", "until": None},
        {"ref_hash": "3", "state": "granted", "until": date(2026, 7, 1)},
    ]
    assert [row["ref_hash"] for row in in_order("steward_consents", consents)] == ["3", "2", "1"]


def test_words_as_one_writes_them() -> None:
    assert words.org("gemeente-ijsselstad") == "Gemeente IJsselstad"
    assert words.who("wijkteam") == "het wijkteam"
    assert words.value(6.2, "nuisance_per_100") == "6,2"
    assert words.value(date(2026, 6, 9), "due_on") == "9 juni 2026"
    assert str(words.breaks("a_<b>")) == "a_<wbr>&lt;b&gt;"


# --- templates that no story reaches ----------------------------------------------------------------------------------


def made(template: str, role: str, lang: str = "nl", **told: Any) -> str:
    user = SimpleNamespace(role=role, org="rekenhulp-delta")
    session = SimpleNamespace(user=user, purpose="early_signalling", csrf="c")
    every = {"session": session, "demo": False, "path": "/", "again": "/", "language": lang, "open_day": None}
    return rendering.environment(lang).get_template(template).render(every | told)


def test_sentences_stay_dutch_on_an_english_page_and_say_so() -> None:
    told = warning(2) | {"label": "Geen contact meer", "action": "Bel.", "closes_when": "Als er contact is.",
                         "closed_on": None, "rule": "Regel.", "rule_version": "3", "as_of": date(2026, 6, 8),
                         "gaps": ["Niets."], "evidence": [{"on": "2026-06-01", "type": "bezoek gemist",
                                                           "org": "coach-oost", "corrected": False}]}  # fmt: skip
    more: dict[str, Any] = {"bij": "", "back": "/", "reasons": [], "said": False, "unsaid": False}
    html = made("signaal.html", "coach", "en", told=told, **more)
    assert "<h1>No contact any more</h1>" in html
    for sentence in ("Er is iets: dat.", "Bel.", "Als er contact is.", "Regel.", "Niets."):
        assert f'<span lang="nl">{sentence}</span>' in html
    assert "visit missed (Coach Oost)" in html
    assert "Whose turn it is" in html
    dutch = made("signaal.html", "coach", told=told, **more)
    assert 'lang="nl"' not in dutch.replace('<html lang="nl">', "")


def test_a_signal_shows_its_view_and_a_withdrawn_one_says_so() -> None:
    row = {"signal_id": "rekenhulp:S-1", "contact_handle": "h1", "amount_cents": 60000, "attempts": 1, "outcome": None,
           "signalled_on": date(2026, 6, 1), "withdrawn_on": None, "corrected": False, "not_shared": [],
           "as_of": date(2026, 6, 8), "feeds_silent": []}  # fmt: skip
    gone = row | {"withdrawn_on": date(2026, 6, 5), "amount_cents": None, "contact_handle": None}
    lines = [Line("a" * 32, row), Line("b" * 32, gone)]
    ask = asking.ask("schuldhulp", {})
    html = made(
        "lijst.html", "schuldhulp", view="schuldhulp", ask=ask, part=SimpleNamespace(lines=lines, total=2),
        found=None, groups=[("", lines)], filters=FILTERS["schuldhulp"], sorts=list(SORTS["schuldhulp"]),
        query=asking.address(ask), marks="", previous=None, today=date(2026, 6, 9),
    )  # fmt: skip
    assert "€ 600,00" in html
    assert "Neem geen contact meer op" in html
    assert html.count('action="/contact"') == 1


def test_figures_are_drawn_and_written_alike_and_what_is_left_out_is_said() -> None:
    cell = {"table": "enrolled", "part": "n", "band": None, "note": None}
    rows = [
        cell | {"dimension": "wooncoach", "value": 120, "shown": "120"},
        cell | {"dimension": "buddy", "value": None, "shown": "<10", "note": "te klein"},
    ]
    told = {"tables": tables.figures_of(rows), "pilots": {}, "quarter": "2026Q1", "quarters": ["2026Q1"]}
    html = made("beleid.html", "beleid", **told)
    assert html.count("&lt;10") == 2
    assert html.count(">120<") == 2
    assert "style" not in html.replace("stylesheet", "")


def test_figures_of_pilots_are_drawn_from_the_rows_of_their_table() -> None:
    row = {"id": 7, "figure": "completed", "programme": "buddy", "cohort": None, "part": 1, "whole": 4,
           "as_of": date(2026, 6, 8), "state": "released"}  # fmt: skip
    html = made("beleid.html", "beleid", tables={}, pilots=tables.counted([row]), quarter=None, quarters=[])
    assert 'width="100.0"' in html  # a quarter of 400
    assert "1 van 4" in html
    assert "8 juni 2026" in html
    assert "vrijgegeven" in html


def test_after_a_form_the_language_is_changed_where_the_form_stood() -> None:
    assert rendering.again("POST", "/zoeken", "") == "/"
    assert rendering.again("POST", "/delen/geven", "") == "/delen"
    assert rendering.again("POST", "/signaal/WA-1", "bij=" + "a" * 32) == "/signaal/WA-1?bij=" + "a" * 32


def test_an_objection_is_no_effort_that_is_missing() -> None:
    assert labels.value("may_signal_missing", ["objection", "agreement"]) == (
        "de huurder maakte bezwaar; een convenant over vroegsignalering"
    )


def test_what_somebody_wrote_is_shown_as_text() -> None:
    html = made("contact.html", "schuldhulp", found={"name": "<script>alert(1)</script>", "phone": None})
    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html


def test_who_takes_part_in_nothing_is_told_what_can_be_done_all_the_same() -> None:
    html = made("bewoner.html", "bewoner", lines=[], rest=[], timeline=[], today=date(2026, 6, 9))
    assert "U doet nu niet mee aan een programma" in html
    assert 'href="/rechten"' in html


def test_a_warning_whose_reasons_are_not_shared_can_be_answered_all_the_same() -> None:
    unsaid = dict.fromkeys(("action", "closes_when", "closed_on", "rule", "rule_version", "evidence", "gaps"))
    html = made(
        "signaal.html", "wijkteam", told=warning(3) | unsaid | {"label": "Contact kwijt"}, bij="", back="/",
        reasons=[("acting", "we doen er iets aan")], said=False, unsaid=True,
    )  # fmt: skip
    assert "niet met u gedeeld" in html
    assert "Kies een reden." in html
    assert "None" not in html
