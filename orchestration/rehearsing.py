"""A rehearsal: a backup restored into a scratch installation, with the erasures of the ledger, and thrown away."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.settings import Settings
from woonketen.orchestration import platform
from woonketen.orchestration.data_folder import open_private, try_lock
from woonketen.orchestration.postgres import remove_database


def rehearse(settings: Settings, backup: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Events, erasures done again, and the log checked. `settings`: of the installation whose key and ledger it needs.

    Raises `ConfigurationError` when the ledger or the key is missing: a restore without them must not pass.
    """
    for path, what in ((settings.ledger_file, "erasure ledger"), (settings.kek, "key file")):
        if not path.is_file():
            raise ConfigurationError(
                f"There is no {what} {path}, so who was erased would come back.", "Put it back from where it is kept."
            )
    with _scratch(settings) as scratch:
        done = platform.restore(scratch, backup, say)
        with platform.open_platform(scratch) as restored:
            checked = msgspec.to_builtins(restored.log_verify())
        if checked["gaps"] or checked["changed"]:
            raise ConfigurationError(
                "The restored log has gaps or changed records.", "Make a new backup, and look why."
            )
        return {**done, "gaps": checked["gaps"], "changed": checked["changed"], "erased": checked["erased"]}


@contextmanager
def _scratch(settings: Settings) -> Iterator[Settings]:
    """Beside the data folder, always in the same place: what a killed rehearsal left there, the next one removes. The
    key is read where it is; the ledger is a copy, for a restore writes a line into it."""
    home = settings.data.with_name(settings.data.name + ".rehearsal")
    lock = open_private(home.with_name(home.name + ".lock"))
    try:
        if not try_lock(lock, fcntl.LOCK_EX):
            raise ConfigurationError("Another rehearsal is running.", "Wait until it is done.")
        _remove(home)
        home.mkdir()
        home.chmod(0o755)  # PostgreSQL may run as another user
        shutil.copy(settings.ledger_file, home / "ledger")
        (home / "ledger").chmod(0o600)
        try:
            yield Settings(
                data=home / "data",
                kek_file=settings.kek,
                ledger=home / "ledger",
                policy=settings.policy,
                indicators=settings.indicators,
                retention=settings.retention,
            )
        finally:
            _remove(home)
    finally:
        os.close(lock)


def _remove(home: Path) -> None:
    if home.exists():
        remove_database(home / "data")
        shutil.rmtree(home, ignore_errors=True)
