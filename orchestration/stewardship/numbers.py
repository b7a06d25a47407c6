"""Numbers for assets and their checks: read in the role of quality, never a value, never a pseudonym."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from woonketen.contracts.checks import shipped
from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.settings import Settings, settings
from woonketen.orchestration.postgres import open_database
from woonketen.projections.measure import hidden_name

Reading = psycopg.Connection[Any]


def home() -> Path:
    """Where the commands run: paths of the settings are seen from here."""
    return Path(os.environ.get("WOONKETEN_HOME") or ".").resolve()


def configured() -> Settings:
    """The settings that every command uses; read when something runs, not when this is imported."""
    path = home() / "woonketen.toml"
    return settings(tomllib.loads(path.read_text("utf-8")) if path.exists() else {}, os.environ)


@contextmanager
def database() -> Iterator[str]:
    """The address of the installation's database; the embedded one is started if it does not run."""
    found = configured()
    if found.database is None and not (home() / found.data).is_dir():
        raise ConfigurationError("There is no installation here.", "Run `woonketen init`, or set WOONKETEN_DATA.")
    with open_database(home() / found.data, found.database, say=lambda line: None) as opened:
        yield opened.dsn


def deliveries(connection: Reading, kind: str) -> dict[str, Any]:
    rows = connection.execute(
        "SELECT org, accepted, refused, parked, coalesce(heartbeat_at, last_event_at) FROM quality.delivery"
        " WHERE kind = %s AND NOT gone ORDER BY org",
        [kind],
    ).fetchall()
    now = datetime.now(UTC)
    found: dict[str, Any] = {"organisations": len(rows)}
    for org, accepted, refused, parked, heard in rows:
        found[f"{org}: accepted"], found[f"{org}: refused"], found[f"{org}: parked"] = accepted, refused, parked
        if heard is not None:
            found[f"{org}: hours since heard"] = round((now - heard).total_seconds() / 3600, 1)
    return found


def silent(connection: Reading, kind: str) -> list[str]:
    """Organisations of this kind whose sign of life is overdue."""
    rows = connection.execute(
        "SELECT f.org FROM quality.feed f JOIN quality.delivery d USING (org)"
        " WHERE d.kind = %s AND NOT f.feed_silent ORDER BY 1",
        [kind],
    ).fetchall()
    return [org for (org,) in rows]


def log(connection: Reading) -> dict[str, Any]:
    rows = connection.execute("SELECT partition, last, lag FROM quality.partition ORDER BY partition").fetchall()
    return {
        "last": sum(last for _, last, _ in rows),
        "lag": sum(lag for _, _, lag in rows),
        **{f"partition {partition}": last for partition, last, _ in rows},
    }


def view(connection: Reading, name: str) -> dict[str, Any]:
    of_view = shipped().of(name)
    hidden: list[sql.Composable] = [
        sql.SQL("count(*) FILTER (WHERE {})").format(sql.Identifier(hidden_name(check))) for check in of_view
    ]
    hidden.append(sql.SQL("0"))
    query = sql.SQL("SELECT count(*), count(DISTINCT org), greatest({}) FROM {}").format(
        sql.SQL(", ").join(hidden), sql.Identifier("quality", f"view_{name}")
    )
    rows, orgs, hides = connection.execute(query).fetchone() or (0, 0, 0)
    return {"rows": rows, "organisations": orgs, "rows that hide something": hides, **_open_day(connection)}


def warnings(connection: Reading) -> dict[str, Any]:
    rows = connection.execute("SELECT v_role, count(*) FROM quality.view_warnings GROUP BY 1 ORDER BY 1").fetchall()
    return {f"shown to {role}": number for role, number in rows} | _open_day(connection)


def receipts(connection: Reading) -> dict[str, Any]:
    rows = connection.execute(
        "SELECT coalesce(sum(refused), 0), coalesce(sum(sent), 0) FROM quality.fortnight"
    ).fetchone()
    refused, sent = rows or (0, 0)
    parked = connection.execute("SELECT coalesce(sum(parked), 0) FROM quality.delivery").fetchone() or (0,)
    return {"sent": int(sent), "refused": int(refused), "parked": int(parked[0])}


def quarantine(connection: Reading) -> dict[str, Any]:
    return _desk(connection, "quarantined")


def requests(connection: Reading) -> dict[str, Any]:
    return _desk(connection, "requests_open", "requests_urgent")


def consents(connection: Reading) -> dict[str, Any]:
    rows = connection.execute("SELECT ground, sum(rows)::bigint FROM quality.hidden GROUP BY 1 ORDER BY 1").fetchall()
    return {f"hidden: {ground}": number for ground, number in rows}


def proofs(connection: Reading) -> dict[str, Any]:
    return _desk(connection, "proofs")


def snapshots(connection: Reading) -> dict[str, Any]:
    return _desk(connection, "snapshots")


def results(connection: Reading, suite: str) -> dict[str, Any]:
    """Check → rows that failed in the last run."""
    rows = connection.execute(
        "SELECT check_id, failed FROM quality.result WHERE suite = %s AND org = ''"
        " AND run = (SELECT max(run) FROM quality.run WHERE state = 'checked') ORDER BY check_id",
        [suite],
    ).fetchall()
    return dict(rows)


def _desk(connection: Reading, *names: str) -> dict[str, Any]:
    query = sql.SQL("SELECT {} FROM quality.desk").format(sql.SQL(", ").join(map(sql.Identifier, names)))
    return dict(zip(names, connection.execute(query).fetchone() or (), strict=False))


def _open_day(connection: Reading) -> dict[str, Any]:
    row = connection.execute("SELECT open_day::text FROM quality.desk").fetchone()
    return {"open day": row[0] if row else None}
