"""What people come for, from sign-in to end: with and without JavaScript, by keyboard alone, at three widths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from wkportal import PATIENCE, sign_in
from wkserved import Served


@pytest.fixture(params=[("js", 1440), ("js", 320), ("no js", 768)], ids=lambda told: f"{told[0]} {told[1]}")
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    kind, width = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 800}, java_script_enabled=kind == "js", locale="nl-NL"
    )
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


@pytest.fixture
def wide(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="nl-NL")
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def refreshed(served: Served) -> None:
    served.platform.run(until_idle=True)


def test_a_coach_sees_why_acknowledges_and_records_a_visit(page: Page, served: Served) -> None:
    sign_in(page, served, "coach-w40")
    expect(page.locator("h2").first).to_have_text("Eerst: signalen")
    page.locator(".items .s3 h3 a").first.click()
    page.get_by_role("link", name=re.compile("Waarom, en wat nu")).first.click()
    expect(page.locator("main")).to_contain_text("Wanneer het stopt")
    page.locator('input[name=reden][value="acting"]').check()
    page.get_by_role("button", name="Leg vast").click()
    expect(page.locator('[role="status"]').first).to_contain_text("Uw antwoord is vastgelegd")
    page.goto(served.url + "/")
    page.locator("#lijst h3 a").last.click()
    held = page.locator('details:has(input[value="visit_held"])')
    held.locator("summary").click()
    held.locator("input[type=date]").fill("2026-06-08")
    held.get_by_role("button").click()
    expect(page.locator('[role="status"]').first).to_contain_text("Ontvangstbewijs")
    address = page.url
    refreshed(served)
    page.goto(address)
    expect(page.locator('[data-veld="last_contact_on"]')).to_contain_text("8 juni 2026")


def test_a_form_that_is_sent_twice_is_once(page: Page, served: Served) -> None:
    sign_in(page, served, "coach-w41")
    page.locator("#lijst h3 a").first.click()
    form = page.locator('form:has(input[value="contact_attempted"])')
    page.locator('details:has(input[value="contact_attempted"]) summary').click()
    token = str(form.locator("input[name=token]").get_attribute("value"))
    told = {"csrf": str(form.locator("input[name=csrf]").get_attribute("value")), "token": token,
            "kind": "contact_attempted", "occurred_on": "2026-06-08", "channel": "phone", "reached": "nee"}  # fmt: skip
    answers = [page.request.post(page.url, form=told, headers={"Origin": served.url}).text() for _ in range(2)]
    assert "Over enkele seconden telt het mee bij Pogingen" in answers[0]
    assert "Er is niets dubbel vastgelegd" in answers[1]


def test_a_day_that_cannot_be_is_said_in_words_and_nothing_is_sent(page: Page, served: Served) -> None:
    sign_in(page, served, "coach-w17")
    page.locator("#lijst h3 a").first.click()
    form = page.locator('form:has(input[value="visit_missed"])')
    page.locator('details:has(input[value="visit_missed"]) summary').click()
    form.locator("input[type=date]").fill("2030-01-01")
    form.get_by_role("button").click()
    expect(page.locator("#fouten")).to_contain_text("Kies een dag die al is geweest.")
    expect(page.locator("input[aria-invalid=true]")).to_have_count(1)


def test_a_list_is_filtered_sorted_and_turned_in_the_address(page: Page, served: Served) -> None:
    sign_in(page, served, "regie-cl9")
    page.select_option("#f-signaal", "ja")
    if "signaal=ja" not in page.url:
        page.get_by_role("button", name="Toon", exact=True).click()
    page.wait_for_url(re.compile(r"signaal=ja"))
    expect(page.locator("#lijst .items > li")).to_have_count(6)
    page.goto(served.url + "/?blad=2")
    expect(page.locator("#lijst")).to_contain_text("Blad 2 van 2")


def test_searching_leaves_no_pseudonym_in_an_address(page: Page, served: Served) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    sign_in(page, served, "wijk-noord")
    page.fill("#zoek", "G-S05")
    page.get_by_role("button", name="Zoek", exact=True).click()
    expect(page.locator("h1")).to_have_text("G-S05")
    assert not [url for url in asked if "G-S05" in url or "S05" in url]


def test_a_resident_withdraws_with_one_button_and_sees_the_effect(page: Page, served: Served) -> None:
    sign_in(page, served, "bewoner-s02")
    page.goto(served.url + "/delen")
    buttons = page.get_by_role("button", name=re.compile("Trek deze toestemming in"))
    before = buttons.count()
    if before == 0:
        page.locator("details summary").first.click()
        page.get_by_role("button", name="Geef toestemming").first.click()
        expect(page.locator('[role="status"]').first).to_contain_text("mag nu zien")
        before = buttons.count()
    assert before
    buttons.first.click()
    expect(page.locator('[role="status"]').first).to_contain_text("ziet dit nu niet meer")
    expect(buttons).to_have_count(before - 1)
    refreshed(served)


def test_a_resident_objects_takes_it_back_asks_to_correct_and_takes_a_copy(page: Page, served: Served) -> None:
    sign_in(page, served, "bewoner-d07")
    page.goto(served.url + "/rechten")
    page.get_by_role("button", name=re.compile("Ik maak bezwaar.*signalen")).click()
    expect(page.locator("main")).to_contain_text("U heeft bezwaar gemaakt")
    page.get_by_role("button", name="Trek mijn bezwaar in").click()
    expect(page.locator('[role="status"]').first).to_contain_text("ingetrokken")
    page.get_by_role("button", name="Vraag om verbetering").click()
    expect(page.locator("#fouten")).to_contain_text("Kies wat er niet klopt.")
    page.select_option("#wat", index=1)
    page.get_by_role("button", name="Vraag om verbetering").click()
    expect(page.locator('[role="status"]').first).to_contain_text("Uw verzoek is gestuurd")
    with page.expect_download() as got:
        page.get_by_role("button", name="Om te lezen of te printen").click()
    assert got.value.suggested_filename == "mijn-gegevens.html"


def test_a_resident_says_that_a_warning_is_wrong(wide: Page, served: Served) -> None:
    sign_in(wide, served, "bewoner-w02")
    wide.get_by_role("link", name=re.compile("Bekijk dit")).first.click()
    wide.locator('input[value="already_solved"]').check()
    wide.get_by_role("button", name="Ik ben het er niet mee eens").click()
    expect(wide.locator('[role="status"]').first).to_contain_text("antwoord binnen 5 werkdagen")
    refreshed(served)
    wide.goto(served.url + "/")
    expect(wide.locator('[data-veld="contests"]')).to_contain_text("U krijgt uiterlijk antwoord op")


def test_a_steward_answers_what_a_resident_asked(wide: Page, served: Served) -> None:
    served.platform.rights.object(served.platform.user("bewoner-5c1e"), "early_signalling")
    sign_in(wide, served, "steward-ijsselstad")
    wide.goto(served.url + "/verzoeken")
    wide.get_by_role("button", name=re.compile("Toewijzen")).first.click()
    expect(wide.locator('[role="status"]').first).to_contain_text("Het antwoord is vastgelegd")
    served.platform.rights.lift(served.platform.user("bewoner-5c1e"), "early_signalling")


def test_a_steward_reads_each_refusal_once_and_opens_it_by_keyboard(page: Page, served: Served) -> None:
    sign_in(page, served, "steward-ijsselstad")
    page.goto(served.url + "/weigeringen")
    often = page.locator(".items > li:has(.b2)").first
    expect(often.locator("table")).to_be_hidden()
    count = int(often.locator(".badge").inner_text().split()[0])
    often.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(often.locator("table")).to_be_visible()
    expect(often.locator("tbody tr")).to_have_count(count)
    told = [each.inner_text() for each in page.locator(".items > li").all()]
    assert len(told) == len(set(told)) > 3


def test_another_persons_page_is_not_there(page: Page, served: Served) -> None:
    sign_in(page, served, "coach-w40")
    address = str(page.locator("#lijst h3 a").first.get_attribute("href"))
    page.get_by_role("button", name="Uitloggen").click()
    sign_in(page, served, "coach-w17")
    response = page.goto(served.url + address)
    assert response is not None
    assert response.status == 404
    expect(page.locator("h1")).to_have_text("Deze pagina is er niet")


# --- by keyboard alone ------------------------------------------------------------------------------------------------


def tab_to(page: Page, wanted: str, most: int = 60) -> None:
    """Until the thing of this selector has the focus, which must be to be seen."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("want => document.activeElement.matches(want)", wanted):
            seen = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert seen != "none", wanted
            return
    raise AssertionError(f"the keyboard does not reach {wanted}")


def test_the_skip_link_is_first_and_leads_past_the_menu(wide: Page, served: Served) -> None:
    sign_in(wide, served, "coach-w40")
    wide.goto(served.url + "/")
    wide.keyboard.press("Tab")
    assert wide.evaluate("document.activeElement.className") == "skip"
    wide.keyboard.press("Enter")
    assert wide.evaluate("document.activeElement.id") == "inhoud"


def test_a_coach_does_it_all_by_keyboard(wide: Page, served: Served) -> None:
    wide.goto(served.url + "/")
    tab_to(wide, 'button[value="coach-w40"]')
    wide.keyboard.press("Enter")
    wide.wait_for_url("**/doel")
    tab_to(wide, 'form[action="/doel"] .button')
    wide.keyboard.press("Enter")
    wide.wait_for_url(served.url + "/")
    tab_to(wide, "#lijst h3 a")
    wide.keyboard.press("Enter")
    wide.wait_for_url("**/dossier/**")
    tab_to(wide, 'details:has(input[value="contact_attempted"]) > summary')
    wide.keyboard.press("Enter")
    tab_to(wide, 'form:has(input[value="contact_attempted"]) button')
    wide.keyboard.press("Enter")
    expect(wide.locator('[role="status"]').first).to_contain_text("Vastgelegd")


def test_a_resident_withdraws_by_keyboard(wide: Page, served: Served) -> None:
    sign_in(wide, served, "bewoner-s05")
    tab_to(wide, 'nav a[href="/delen"]')
    wide.keyboard.press("Enter")
    wide.wait_for_url("**/delen")
    tab_to(wide, 'form[action="/delen/intrekken"] button')
    wide.keyboard.press("Enter")
    expect(wide.locator('[role="status"]').first).to_contain_text("ziet dit nu niet meer")


# --- with JavaScript --------------------------------------------------------------------------------------------------


def lines(page: Page) -> Any:
    return page.locator("#lijst .items > li").evaluate_all("all => all.map(each => each.id)")


def test_a_filter_works_at_once_and_can_be_gone_back_from(wide: Page, served: Served) -> None:
    sign_in(wide, served, "wijk-noord")
    wide.evaluate("window.same = true")
    wide.select_option("#f-programma", "buddy")
    wide.wait_for_url(re.compile("programma=buddy"))
    expect(wide.locator("#lijst .items > li")).to_have_count(5)
    assert wide.evaluate("window.same") is True, "the page was loaded again"


def test_what_is_new_is_said_and_moves_nothing_under_the_reader(wide: Page, served: Served) -> None:
    sign_in(wide, served, "coach-w22")
    before = lines(wide)
    wide.locator("#lijst h3 a").first.wait_for()
    wide.wait_for_timeout(600)  # until the stream is open
    row = str(wide.locator("#lijst h3 a").last.get_attribute("href")).rpartition("/")[2]
    told = {"occurred_on": "2026-06-09", "channel": "phone", "reached": True}
    with served.app.state.desks.open(_session(served, "coach-w22")) as desk:
        assert desk.record("coach", row, "contact_attempted", "een-nieuwe-poging", told).status == "accepted"
    refreshed(served)
    expect(wide.locator("#vers-uitslag a")).to_contain_text("1 nieuwe regel – tonen")
    assert lines(wide) == before
    wide.locator("#vers-uitslag a").click()
    expect(wide.locator("#vers-uitslag a")).to_have_count(0)


def _session(served: Served, name: str) -> Any:
    from datetime import UTC, datetime

    from woonketen.projections.portal.session import Session

    now = datetime.now(UTC)
    return Session(user=served.platform.user(name), purpose="guidance", csrf="", signed_in_at=now, until=now, key=b"")
