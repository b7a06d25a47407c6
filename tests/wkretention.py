"""A small town whose terms are short: residents whose lease or enrolment ended; a `retention run` that is killed."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import builders as b
import psycopg
from chaos.office import Done
from click.testing import CliRunner

from woonketen.contracts.errors import WoonketenError
from woonketen.contracts.settings import Settings
from woonketen.orchestration.cli import cli
from woonketen.orchestration.cli.base import Context
from woonketen.orchestration.platform import Platform, init, open_platform
from woonketen.projections import people

FIRST_DAY, LAST = date(2026, 1, 5), date(2026, 1, 31)
ENDED = date(2026, 1, 20)
HEAD = "controller,activity,basis,categories,months,from,article\n"
TERMS = (
    HEAD
    + """\
*,coordination,public_task,enrolment involvement referral plan ladder places attention link,1,enrolment_closed,besluit 1
*,coordination,consent,consent,1,enrolment_closed,besluit 1
*,coordination,vital_interest,safety,1,flag_cleared,besluit 1
*,coordination,public_task,agreement platform,84,recorded,besluit 1
*,guidance,contract,intake visits day_activity,1,enrolment_closed,besluit 2
*,own_task,contract,support,24,enrolment_closed,besluit 2
*,care,contract,care,180,care_ended,besluit 2
*,tenancy,contract,lease nuisance tenancy_care arrears,1,lease_ended,besluit 3
*,tenancy,public_task,complex,84,recorded,besluit 3
*,early_signalling,legal_obligation,signal,6,signal_closed,besluit 4
*,warnings,public_task,warnings,24,warning_closed,besluit 5
woonketen,accountability,legal_obligation,looks,60,recorded,besluit 6
"""
)
DUE = date(2026, 2, 21)
"""A month after everything that ended, and a day."""


class Archive:
    """An installation with terms of its own, in a database of the tests' server."""

    def __init__(self, home: Path, dsn: str) -> None:
        self.home, self.dsn = home, dsn
        self.terms, self.files = home / "terms.csv", home
        self.settings = Settings(data=home / "data", database=dsn, retention=self.terms)

    def __call__(
        self, *arguments: str, code: int | None = 0, stdin: bytes | None = None, settings: Settings | None = None
    ) -> Done:
        """The command, in this process; `settings`: of another installation."""
        given = settings or self.settings
        named = {"data": given.data, "database": given.database, "retention": given.retention, "kek_file": given.kek,
                 "ledger": given.ledger_file}  # fmt: skip
        environment = {f"WOONKETEN_{name.upper()}": str(value) for name, value in named.items()}
        result = CliRunner().invoke(cli, arguments, input=stdin, env=environment, obj=Context())
        done = Done(result.exit_code, result.stdout, result.stderr)
        if isinstance(result.exception, WoonketenError):
            done = Done(result.exception.exit_code, result.stdout, str(result.exception))
        elif result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert code is None or done.code == code, f"{arguments}: {done}"
        return done

    @contextmanager
    def platform(self) -> Iterator[Platform]:
        with open_platform(self.settings) as platform:
            yield platform

    @contextmanager
    def sql(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            yield connection

    def copy(self, home: Path, new_database: Callable[..., str]) -> Archive:
        """The same installation once more."""
        made = Archive(home, new_database(self.dsn))
        for one, other in ((self.terms, made.terms), (self.settings.kek, made.settings.kek),
                           (self.settings.ledger_file, made.settings.ledger_file)):  # fmt: skip
            shutil.copy(one, other)
        with psycopg.connect(made.dsn, autocommit=True) as owner:  # an erasure in another copy may have dropped one
            people.make_roles(owner)
        return made

    def due(self, *more: str) -> list[dict[str, Any]]:
        return self("retention", "due", "--json", *more).rows

    def listed(self, org: str, on: date = DUE) -> str:
        return next(row["list"] for row in self.due("--on", on.isoformat()) if row["controller"] == org)

    def run_killed(self, listed: str, user: str, place: str, nth: int = 1) -> None:
        """`retention run` that dies the hard way at a place."""
        given = {
            "data": str(self.settings.data),
            "dsn": self.dsn,
            "terms": str(self.terms),
            "list": listed,
            "user": user,
            "place": place,
            "n": nth,
        }
        paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        ended = subprocess.run(
            [sys.executable, "-m", "wkretention"], input=json.dumps(given), text=True, env=environment, check=False
        )
        assert ended.returncode == -signal.SIGKILL


def subject(org: str, n: int) -> str:
    return f"{org[0].upper()}{org[-1]}-{n}00"


def story() -> Iterator[dict[str, Any]]:
    yield b.agreement_of_all(FIRST_DAY, "evaluation")


def told(short: str, org: str, n: int, on: date, **data: Any) -> dict[str, Any]:
    return b.event(short, subject(org, n), b.source_of(org), on, **data)


def life(n: int) -> list[dict[str, Any]]:
    """One lease that ended, one that runs; what was owed of both; a coach."""
    lease = {"coaching_clause": False, "kind": "indefinite", "ground": ..., "ends_on": ...}
    owed = {"outstanding_cents": 120_000, "oldest_unpaid_on": "2026-01-01"}
    return [
        told("lease.started", b.CORPORATIE, n, date(2026, 1, 6), lease_id=f"L-oud-{n}", **lease),
        told("rent.balance_reported", b.CORPORATIE, n, date(2026, 1, 8), lease_id=f"L-oud-{n}", **owed),
        told("lease.ended", b.CORPORATIE, n, ENDED, lease_id=f"L-oud-{n}"),
        told("lease.started", b.CORPORATIE, n, date(2026, 1, 21), lease_id=f"L-nieuw-{n}", **lease),
        told("rent.balance_reported", b.CORPORATIE, n, date(2026, 1, 22), lease_id=f"L-nieuw-{n}", **owed),
        told("coach.assigned", b.COACH, n, date(2026, 1, 7), assignment_id=f"AS-{n}", worker="W-1"),
    ]


def live(town: Archive) -> None:
    """Residents 1 and 2 live in their second lease; the enrolment of 3 is closed. All is shown up to the last day."""
    town.terms.write_text(TERMS)
    with init(town.settings, FIRST_DAY, 3, lambda _: None):
        pass
    with town.platform() as platform:
        for org, kind in b.KINDS.items():
            platform.register_org(org, kind=kind, source=b.source_of(org))
        tell(platform, *story())
        for n in (1, 2, 3):
            enrol(platform, n)
            tell(platform, *life(n) if n < 3 else [])
        tell(platform, told("enrolment.closed", b.GEMEENTE, 3, ENDED, enrolment_id=f"{b.GEMEENTE}:E-3"))
        platform.close_days(FIRST_DAY, DUE)
        platform.run(until_idle=True)
        platform.add_user("steward-gi", b.GEMEENTE, "steward")
        platform.add_user("steward-ow", b.CORPORATIE, "steward")
        platform.add_user("huur", b.CORPORATIE, "corporatie")
        platform.add_user("coach-1", b.COACH, "coach", worker="W-1")
        for n in (1, 3):
            platform.add_user(f"bewoner-{n}", b.GEMEENTE, "bewoner", resident=f"{b.GEMEENTE}:{subject(b.GEMEENTE, n)}")


def enrol(platform: Any, n: int) -> None:
    tell(
        platform,
        told("enrolment.opened", b.GEMEENTE, n, FIRST_DAY, enrolment_id=f"{b.GEMEENTE}:E-{n}", programme="wooncoach"),
        told("notice.given", b.GEMEENTE, n, FIRST_DAY),
    )
    for org in (b.CORPORATIE, b.COACH) if n < 3 else ():
        code = platform.issue_link(b.GEMEENTE, subject(b.GEMEENTE, n), org)["code"]
        tell(platform, told("subject.linked", org, n, FIRST_DAY, link_code=code))


def tell(platform: Any, *events: dict[str, Any]) -> None:
    for event in events:
        (receipt,) = platform.ingest(b._ORG_OF[event["source"]], io.BytesIO(json.dumps(event).encode()))
        assert receipt.status == "accepted", (event["type"], receipt)


def main() -> None:
    from woonketen.orchestration import expiring
    from woonketen.streams.keys import erasures
    from woonketen.streams.leaving import overdue

    given = json.loads(sys.stdin.read())
    where, name, after = {
        "destroyed": (overdue, "end", True),  # keys are gone, the ledger knows nothing
        "on disk": (erasures, "prove", False),  # the ledger knows, the database does not
        "committed": (expiring.Expiring, "_end", True),  # a part is done, the list is not
    }[given["place"]]
    original, calls = getattr(where, name), 0

    def dying(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        result = original(*arguments, **named) if after else None
        calls += 1
        if calls == given["n"]:
            os.kill(os.getpid(), signal.SIGKILL)
        return result if after else original(*arguments, **named)

    setattr(where, name, dying)
    expiring.CHUNK = 1
    chosen = Settings(data=Path(given["data"]), database=given["dsn"], retention=Path(given["terms"]))
    with open_platform(chosen) as platform:
        platform.retention.run(given["list"], platform.user(given["user"]))


if __name__ == "__main__":
    main()
