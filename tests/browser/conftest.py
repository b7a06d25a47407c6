from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser
from wkportal import chromium, portal
from wkserved import Served


@pytest.fixture(scope="session")
def served(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with portal(new_database(), tmp_path_factory.mktemp("portal")) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one file: as long as it is open, its event loop runs in this thread, and others could not run theirs."""
    with chromium() as found:
        yield found
