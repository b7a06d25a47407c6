"""Every page of every persona, looked at: by axe, at four widths, and for what the browser complains about."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from wkportal import PATIENCE, PERSONAS, paths_of, sign_in
from wkserved import Served

WIDTHS = (320, 768, 1920)
TOO_SMALL = """() => [...document.querySelectorAll('main button, main select, main input, nav a, header button')]
    .filter(each => each.getClientRects().length && !['radio', 'checkbox', 'hidden'].includes(each.type))
    .filter(each => { const at = each.getBoundingClientRect(); return at.width < 24 || at.height < 24 })
    .map(each => each.outerHTML.slice(0, 80))"""
"""WCAG 2.2, 2.5.8."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPEN = ("/aanmelden", "/privacy", "/toegankelijkheid", "/nergens")
ROLES = {"coach": "coach", "regie": "casusregisseur", "wijk": "wijkteam", "huur": "corporatie", "zorg": "zorgaanbieder",
         "vrijwilliger": "vrijwilliger", "ervaring": "vrijwilliger", "bewoner": "bewoner", "steward": "steward",
         "beleid": "beleid", "schuld": "schuldhulp", "programma": "programma"}  # fmt: skip


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="nl-NL")
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def wrong(page: Page) -> list[str]:
    """What axe finds: rule and place."""
    found = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]}).response["violations"]
    return [f"{each['id']}: {node['target']}" for each in found for node in each["nodes"]]


def keep(page: Page, path: str, width: int) -> None:
    """For who looks at it afterwards, where `WK_SHOTS` names a folder."""
    if "WK_SHOTS" in os.environ:
        role = page.locator("header .who").all_inner_texts()
        name = re.sub(r"[^a-z]+", "-", f"{''.join(role[:1])} {re.sub('[0-9a-f]{32}.*|WA-.*', '', path)}".lower())
        page.screenshot(path=Path(os.environ["WK_SHOTS"]) / f"{name.strip('-')}-{width}.png", full_page=True)


def looked_at(page: Page, served: Served, path: str) -> dict[str, object]:
    """What is wrong with a page; nothing, else what where."""
    page.goto(served.url + path)
    found: dict[str, object] = {"axe": wrong(page), "headings": page.locator("h1").count() != 1}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        found[f"scrolls sideways at {width}"] = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        small = page.evaluate(TOO_SMALL)
        found[f"too small to hit at {width}"] = small
        keep(page, path, width)
    page.set_viewport_size({"width": 1440, "height": 900})
    return {name: told for name, told in found.items() if told}


@pytest.mark.parametrize("name", PERSONAS)
def test_every_page_of_this_person_can_be_read_by_everybody(page: Page, served: Served, name: str) -> None:
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    sign_in(page, served, name)
    paths = paths_of(page, served, ROLES[name.partition("-")[0]])
    found = {path: told for path in paths if (told := looked_at(page, served, path))}
    assert not found
    assert not complaints


def test_the_open_pages_too(page: Page, served: Served) -> None:
    found = {path: told for path in OPEN if (told := looked_at(page, served, path))}
    assert not found


def test_states_of_a_page_too(page: Page, served: Served) -> None:
    """Opened forms, a mistake in one, a receipt, nothing found; and the second language."""
    sign_in(page, served, "coach-w17")
    page.locator("h3 a").first.click()
    for each in page.locator("details > summary").all():
        each.click()
    assert not wrong(page)
    form = page.locator('form:has(input[value="visit_held"])')
    form.locator("input[type=date]").fill("2030-01-01")
    form.locator("button").click()
    assert page.locator("#fouten a").count() == 1
    assert not wrong(page)
    page.goto(served.url + "/")
    page.fill("#zoek", "bestaat-niet")
    page.keyboard.press("Enter")
    page.locator(".empty").wait_for()
    assert not wrong(page)
    page.locator("text=English").click()
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator(".items h3 a").count(), "back from what was searched to the list"
    assert not wrong(page)


@pytest.mark.parametrize("name", ["steward-ijsselstad", "bewoner-s05", "coach-w40"])
def test_english_pages_too_with_everything_opened(page: Page, served: Served, name: str) -> None:
    sign_in(page, served, name)
    page.locator("button[value=en]").click()
    assert page.locator("html").get_attribute("lang") == "en"
    for path in ("/weigeringen", "/gekeken") if name.startswith("steward") else ("/",):
        page.goto(served.url + path)
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        page.set_viewport_size({"width": 320, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert not wrong(page), path


def test_a_contrast_that_is_too_low_is_found(page: Page, served: Served) -> None:
    """The check itself: it sees what we plant."""
    page.goto(served.url + "/privacy")
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=/static/icon.svg>')")
    assert any("image-alt" in each for each in wrong(page))
