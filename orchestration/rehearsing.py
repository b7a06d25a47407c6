"""A rehearsal: a backup restored into a scratch installation, with the erasures of the ledger, and thrown away."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.settings import Settings
from woonketen.orchestration import platform
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
    # Not under /root or in a folder that only we may enter: PostgreSQL may run as another user.
    home = Path(tempfile.mkdtemp(prefix="woonketen-rehearsal-"))
    home.chmod(0o755)
    scratch = Settings(
        data=home / "data",
        kek_file=home / "key",
        ledger=home / "ledger",
        policy=settings.policy,
        indicators=settings.indicators,
        retention=settings.retention,
    )
    try:
        for from_path, to_path in ((settings.kek, home / "key"), (settings.ledger_file, home / "ledger")):
            shutil.copy(from_path, to_path)
            to_path.chmod(0o600)
        done = platform.restore(scratch, backup, say)
        with platform.open_platform(scratch) as restored:
            checked = msgspec.to_builtins(restored.log_verify())
        if checked["gaps"] or checked["changed"]:
            raise ConfigurationError(
                "The restored log has gaps or changed records.", "Make a new backup, and look why."
            )
        return {**done, "gaps": checked["gaps"], "changed": checked["changed"], "erased": checked["erased"]}
    finally:
        remove_database(scratch.data)
        shutil.rmtree(home, ignore_errors=True)
