"""`make steward`: opens Dagster with the stewards' assets, jobs, schedules and sensors on this machine.

Its home lies beside the data folder; its settings are copied there at each start. Dagster has no login of its own, so
it listens on this machine alone.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from woonketen.contracts.errors import ConfigurationError, WoonketenError
from woonketen.contracts.settings import settings

LOOPBACK = "127.0.0.1"
DEFINITIONS = "woonketen.orchestration.definitions"
YAML = "dagster.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make steward", description=__doc__)
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--home-only", action="store_true", help="make the home of Dagster and print it")
    given = parser.parse_args()
    try:
        home = make_home(settings({}, os.environ).data)
    except WoonketenError as error:
        print(f"woonketen: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    if given.home_only:
        print(home)  # noqa: T201
        return
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
    os.environ.setdefault("WOONKETEN_HOME", str(Path.cwd()))
    print(f"Dagster opens at http://{LOOPBACK}:{given.port}; Ctrl-C ends it.", file=sys.stderr)  # noqa: T201
    # In this process's place, so that Ctrl-C reaches Dagster, which ends what it started.
    arguments = ["-m", "dagster", "dev", "-m", DEFINITIONS, "-h", LOOPBACK, "-p", str(given.port)]
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606


def make_home(data: Path) -> Path:
    """Beside the data folder, for its owner alone. Raises `ConfigurationError`."""
    if find_spec("dagster") is None or find_spec("dagster_webserver") is None:
        raise ConfigurationError("Dagster is not installed.", "Install woonketen[stewardship].")
    home = data.with_name(data.name + ".dagster").absolute()
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / YAML).write_text((files("woonketen.orchestration") / "stewardship" / YAML).read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{home} cannot be written: {error.strerror}.", "Name another data folder.") from None
    return home


if __name__ == "__main__":
    main()
