"""The portal with the five stories played up to a day on which everybody has something to do, and a Chromium."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

import wktools
from playwright.sync_api import Browser, Page, expect, sync_playwright
from wkserved import Served, running

from woonketen.contracts.settings import Settings
from woonketen.orchestration.platform import init, open_platform
from woonketen.orchestration.stories import load, play
from woonketen.orchestration.web.config import Limits

STORIES = Path(__file__).parent / "stories"
NAMES = ("wooncoach", "zittende_huurders", "buddy", "woonladder", "doorstroom")
EVENING = date(2026, 6, 8)
PERSONAS = (
    "coach-w40", "regie-cl9", "wijk-noord", "huur-dp", "huur-ow", "zorg-z5", "vrijwilliger-v3", "bewoner-s05",
    "steward-ijsselstad", "beleid-1", "schuld-1", "programma-1", "coach-w31",
)  # fmt: skip
"""Somebody of each role; two landlords, and a coach without anybody."""
PATIENCE = 120_000.0
"""Milliseconds that a page may take on a loaded machine."""
CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
PATHS: dict[str, tuple[str, ...]] = {
    "corporatie": ("/complexen",),
    "bewoner": ("/delen", "/gekeken", "/rechten"),
    "beleid": ("/complexen",),
    "steward": ("/weigeringen", "/quarantaine", "/toestemmingen", "/verzoeken", "/gekeken", "/bewijzen"),
}


@contextmanager
def portal(dsn: str, folder: Path) -> Iterator[Served]:
    stories = [load(STORIES / name) for name in NAMES]
    settings = Settings(data=folder / "data", database=dsn)
    with ExitStack() as stack:
        stack.enter_context(init(settings, min(each.open_day for each in stories), 2, lambda _: None))
        platform = stack.enter_context(open_platform(settings))
        play(stories, platform, lambda days: None, EVENING)
        platform.add_user("beleid-1", "gemeente-ijsselstad", "beleid")
        platform.add_user("schuld-1", "rekenhulp-delta", "schuldhulp")
        platform.add_user("programma-1", "gemeente-ijsselstad", "programma")
        limits = Limits(rate=10_000, burst=10_000, platforms=4)
        yield stack.enter_context(running(settings, platform, limits))


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's. Without it CI fails, and another machine says loudly that nobody looked."""
    if CHROMIUM is None:
        wktools.missing("Chromium", "Nobody looked at the pages. On Debian: apt-get install chromium fonts-noto-core.")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield browser
        browser.close()


def sign_in(page: Page, served: Served, name: str) -> None:
    """As a person does: a button, then the purpose."""
    page.goto(served.url + "/")
    page.locator(f'button[value="{name}"]').click()
    page.locator('form[action="/doel"] .button').click()
    page.wait_for_url(served.url + "/")


def paths_of(page: Page, served: Served, role: str) -> list[str]:
    """All pages of who is signed in: the menu's, and the first of what the list leads to."""
    page.goto(served.url + "/")
    html = page.content()
    first = [found[0] for kind in ("dossier", "signaal") if (found := re.findall(rf'href="(/{kind}/[^"]+)"', html))]
    how = ("/hoe-werkt-dit",) if role in ("bewoner", "coach") else ()
    return ["/", *PATHS.get(role, ()), *(each.replace("&amp;", "&") for each in first), *how]
