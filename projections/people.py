"""Who may look: one role of the database per person, a member of the groups of its views."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.recipient import PURPOSE_OF
from woonketen.projections.database import stepped_into, told

VIEWS_OF: Mapping[str, tuple[str, ...]] = {
    "bewoner": ("bewoner", "warnings", "looks"),
    "coach": ("coach", "warnings"),
    "casusregisseur": ("casusregisseur", "warnings"),
    "wijkteam": ("wijkteam", "warnings"),
    "corporatie": ("corporatie", "complex", "warnings"),
    "zorgaanbieder": ("zorgaanbieder", "warnings"),
    "vrijwilliger": ("vrijwilliger", "warnings"),
    "schuldhulp": ("schuldhulp",),
    "beleid": ("beleid", "complex", "programma_figures"),
    "programma": ("programma", "programma_figures"),
    "steward": (
        "steward_feeds",
        "steward_refusals",
        "steward_consents",
        "steward_requests",
        "steward_proofs",
        "programma_figures",
        "looks",
    ),
}
"""Role → the views that it may ask for."""


class User(msgspec.Struct, frozen=True):
    """A person who may look. `rolname` is the role in the database; the name stands nowhere."""

    rolname: str
    org: str
    role: str
    worker: str | None
    districts: tuple[str, ...]
    ref: bytes | None

    def __repr__(self) -> str:
        return f"User({self.role} of {self.org})"


def add_user(
    owner: psycopg.Connection[Any],
    name: str,
    *,
    org: str,
    role: str,
    worker: str | None = None,
    districts: Iterable[str] = (),
    ref: bytes | None = None,
) -> User:
    """A role of this person's own in the groups of its views. The same again is fine; another role or organisation for
    the same name is refused with `ConfigurationError`."""
    if role not in VIEWS_OF:
        raise ConfigurationError("There is no such role.", f"Roles: {', '.join(VIEWS_OF)}.")
    if role in ("coach", "casusregisseur", "vrijwilliger") and not worker:
        raise ConfigurationError(f"A {role} sees the rows of one worker.", "Give --worker.")
    if role == "bewoner" and ref is None:
        raise ConfigurationError("A bewoner sees his own row.", "Give --resident ORG:SUBJECT.")
    user = User(role_name(owner, name), org, role, worker, tuple(sorted(districts)), ref)
    with told(), owner.transaction():
        before = _viewer(owner, user.rolname)
        if before is not None and (before.org, before.role) != (org, role):
            raise ConfigurationError(
                f"This user is a {before.role} of {before.org} already.", "Choose another name, or end that one first."
            )
        _make_role(owner, user.rolname)
        _grant(owner, [(view, user.rolname) for view in VIEWS_OF[user.role]])
        with stepped_into(owner, "woonketen_processor"):
            owner.execute(
                "INSERT INTO gate.viewer (rolname, org, role, purpose, worker, districts, ref)"
                " VALUES (%s, %s, %s, %s, %s, %s, %b) ON CONFLICT (rolname) DO UPDATE"
                " SET worker = excluded.worker, districts = excluded.districts, ref = excluded.ref",
                [user.rolname, org, role, PURPOSE_OF[role], worker, list(user.districts), ref],
            )
    return user


def find_user(owner: psycopg.Connection[Any], name: str) -> User:
    """Raises `ConfigurationError` for a name that was never added."""
    with told(), owner.transaction():
        found = _viewer(owner, role_name(owner, name))
    if found is None:
        raise ConfigurationError("There is no such user.", "Add one with `woonketen user add`.")
    return found


def users(owner: psycopg.Connection[Any], org: str | None = None) -> list[dict[str, Any]]:
    """Everybody who may look, or those of one organisation: `rolname`, `org`, `role`, `worker`, and `active`: whether
    the login is there. Not who a resident is."""
    with told(), owner.transaction(), stepped_into(owner, "woonketen_processor"):
        rows = owner.execute(
            "SELECT rolname, org, role, worker, EXISTS (SELECT FROM pg_roles p WHERE p.rolname = v.rolname)"
            " FROM gate.viewer v WHERE %s::text IS NULL OR org = %s ORDER BY org, role, worker, rolname",
            [org, org],
        ).fetchall()
    return [dict(zip(("rolname", "org", "role", "worker", "active"), row, strict=True)) for row in rows]


def sessions(owner: psycopg.Connection[Any], user: User) -> list[dict[str, Any]]:
    """In the portal, the latest first. Nothing by which one could go on with it."""
    with told(), owner.transaction(), stepped_into(owner, "woonketen_processor"):
        rows = owner.execute(
            "SELECT signed_in_at, seen_at, until, purpose FROM web.session WHERE rolname = %s AND until > now()"
            " ORDER BY signed_in_at DESC",
            [user.rolname],
        ).fetchall()
    names = ("signed_in_at", "seen_at", "until")
    return [
        {name: at.isoformat(timespec="seconds") for name, at in zip(names, row, strict=False)} | {"purpose": row[3]}
        for row in rows
    ]


def end_sessions(owner: psycopg.Connection[Any], user: User) -> int:
    """Ends all of a person's sessions. Returns how many."""
    with told(), owner.transaction(), stepped_into(owner, "woonketen_processor"):
        return owner.execute("DELETE FROM web.session WHERE rolname = %s", [user.rolname]).rowcount


def make_roles(owner: psycopg.Connection[Any]) -> None:
    """The roles of everybody who may look, where the server has none of them: its tables came from a backup."""
    with told(), owner.transaction():
        with stepped_into(owner, "woonketen_processor"):
            rows = owner.execute("SELECT rolname, role FROM gate.viewer ORDER BY rolname").fetchall()
        for rolname, _ in rows:
            _make_role(owner, rolname)
        _grant(owner, [(view, rolname) for rolname, role in rows for view in VIEWS_OF[role]])


def end_users(owner: psycopg.Connection[Any], org: str) -> int:
    """The people of an organisation that left see nothing any more; a resident still sees what is his, whoever let him
    in. Returns how many they were."""
    with told(), owner.transaction(), stepped_into(owner, "woonketen_processor"):
        gone = owner.execute(
            "DELETE FROM gate.viewer WHERE org = %s AND role <> 'bewoner' RETURNING rolname", [org]
        ).fetchall()
    for (rolname,) in gone:
        owner.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(rolname)))
    return len(gone)


def role_name(owner: psycopg.Connection[Any], name: str) -> str:
    """The role of a person in this database: another database of the server gives another one."""
    with told():
        row = owner.execute("SELECT salt FROM gate.installation").fetchone()
    if row is None:
        raise ConfigurationError("The database is not prepared for this program.", "Run `woonketen init`.")
    return "wk_u_" + blake2b(name.encode(), key=bytes(row[0]), digest_size=6).hexdigest()


def _viewer(owner: psycopg.Connection[Any], rolname: str) -> User | None:
    with stepped_into(owner, "woonketen_processor"):
        row = owner.execute(
            "SELECT org, role, worker, districts, ref FROM gate.viewer WHERE rolname = %s", [rolname]
        ).fetchone()
    if row is None:
        return None
    org, role, worker, districts, ref = row
    return User(rolname, org, role, worker, tuple(districts), None if ref is None else bytes(ref))


def _make_role(owner: psycopg.Connection[Any], rolname: str) -> None:
    role = sql.Identifier(rolname)
    if owner.execute("SELECT FROM pg_roles WHERE rolname = %s", [rolname]).fetchone() is None:
        owner.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(role))
        owner.execute(
            sql.SQL("DO $$ BEGIN IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN"
                    " GRANT {} TO CURRENT_USER; END IF; END $$").format(role)
        )  # fmt: skip


def _grant(owner: psycopg.Connection[Any], wanted: Iterable[tuple[str, str]]) -> None:
    """View and role. In one order: the groups are the whole server's, and another database of it may be granting them
    at this moment; otherwise two would wait for each other in a ring."""
    for view, rolname in sorted(wanted):
        group = sql.Identifier(f"woonketen_{view}")
        owner.execute(sql.SQL("GRANT {} TO {}").format(group, sql.Identifier(rolname)))
