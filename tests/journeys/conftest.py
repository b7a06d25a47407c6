"""A whole platform for a journey: its own database, as `init` makes it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import pytest

from woonketen.contracts.settings import Settings
from woonketen.orchestration.platform import Platform, init, open_platform

FIRST_DAY = date(2026, 1, 5)


@pytest.fixture(scope="module")
def platform(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Open day 2026-01-05; on a database of its own in the server that the tests share."""
    folder = Path(tmp_path_factory.mktemp("platform"))
    chosen = Settings(data=folder / "data", database=new_database())
    with ExitStack() as stack:
        stack.enter_context(init(chosen, FIRST_DAY, 6, lambda _: None))
        yield stack.enter_context(open_platform(chosen))


assert "WOONKETEN_DATABASE" not in os.environ, "the tests make their own databases"
