"""Sessions as rows: revocable, with an idle and an absolute end. The browser holds a random token, we its hash."""

from __future__ import annotations

import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b, sha256
from typing import Any

from fastapi import Request
from starlette.responses import Response

from woonketen.contracts.errors import ConfigurationError, Unreachable
from woonketen.contracts.recipient import PURPOSE_OF
from woonketen.orchestration.platform import TOWN, Platform
from woonketen.orchestration.web.config import WebConfig
from woonketen.orchestration.web.pool import Lent, as_processor
from woonketen.projections import queries
from woonketen.projections.database import told
from woonketen.projections.people import User
from woonketen.projections.portal.session import COOKIE, Session

PURPOSE_HEADER = "woonketen-purpose"
MOST_DAYS_LATE = 1
_TRUST_SECONDS = 15.0
_TOUCH = timedelta(seconds=60)
_FOUND = (
    "SELECT s.purpose, s.signed_in_at, s.until, s.seen_at, v.previous,"
    " EXISTS (SELECT FROM gate.glass g WHERE g.rolname = s.rolname AND g.until > now()),"
    " u.rolname, u.org, u.role, u.worker, u.districts, u.ref"
    " FROM web.session s LEFT JOIN web.visit v ON v.rolname = s.rolname"
    " LEFT JOIN gate.viewer u ON u.rolname = s.rolname WHERE s.token = %b"
)
"""In one query, since every request asks it."""
Bearer = Callable[[str], str | None]
"""From a token of the provider to the name of a user; None for a token that is not good."""


def hashed(token: str) -> bytes:
    return sha256(token.encode()).digest()


class DatabaseSessions:
    """The port of `projections/portal/session.py`."""

    def __init__(self, platforms: Lent, config: WebConfig, bearer: Bearer = lambda token: None) -> None:
        self._platforms = platforms
        self._limits = config.limits
        self._bearer = bearer
        self._follows_clock, self._in_time_until = config.follows_clock, 0.0
        self._secure, self._demo = config.secure, config.demo

    @property
    def cookie(self) -> str:
        """With `__Host-` no other host of the domain can set it; without TLS a browser takes no such name."""
        return f"__Host-{COOKIE}" if self._secure else COOKIE

    def find(self, request: Request, *, touch: bool = True) -> Session | None:
        kind, _, credential = request.headers.get("authorization", "").partition(" ")
        if credential:
            return self._of_bearer(credential.strip(), request) if kind.lower() == "bearer" else None
        token = request.cookies.get(self.cookie)
        if not token:
            return None
        with self._platforms.hold() as platform, told():
            connection = as_processor(platform)
            row = connection.execute(_FOUND, [hashed(token)]).fetchone()
            if row is None:
                return None
            purpose, signed_in_at, until, seen_at, previous, glass, *viewer = row
            now = datetime.now(UTC)
            user = _user(*viewer)
            if user is None or now >= until or now - seen_at > timedelta(seconds=self._limits.idle_seconds):
                connection.execute("DELETE FROM web.session WHERE token = %b", [hashed(token)])
                return None
            if touch and now - seen_at > _TOUCH:
                connection.execute("UPDATE web.session SET seen_at = now() WHERE token = %b", [hashed(token)])
            self._refuse_late(platform)
        return Session(
            user=user,
            purpose=purpose,
            csrf=_csrf(token),
            signed_in_at=signed_in_at,
            until=until,
            key=hashed(token),
            previous=previous,
            glass=glass,
            demo=self._demo,
        )

    def choose_purpose(self, session: Session, purpose: str) -> None:
        if purpose != PURPOSE_OF[session.user.role]:
            raise ConfigurationError("That is no purpose of this role.", f"It is: {PURPOSE_OF[session.user.role]}.")
        self._run("UPDATE web.session SET purpose = %s WHERE token = %b", [purpose, session.key])

    def end(self, session: Session) -> None:
        self._run("DELETE FROM web.session WHERE token = %b", [session.key])

    def begin(self, name: str, before: str | None) -> str | None:
        """A new session for a user of ours, under a token that nobody had before; `before`, what the browser held until
        now, ends. Returns the token, or None for a name that was never added."""
        with self._platforms.hold() as platform:
            try:
                user = platform.user(name)
            except ConfigurationError:
                return None
            token = secrets.token_urlsafe(32)
            with told(), as_processor(platform).transaction():
                connection = as_processor(platform)
                if before:
                    connection.execute("DELETE FROM web.session WHERE token = %b", [hashed(before)])
                connection.execute("DELETE FROM web.session WHERE until < now()")
                today = queries.today(platform.parts.owner)
                connection.execute(
                    "INSERT INTO web.visit (rolname, day) VALUES (%s, %s) ON CONFLICT (rolname) DO UPDATE"
                    " SET previous = visit.day, day = excluded.day WHERE visit.day <> excluded.day",
                    [user.rolname, today],
                )
                connection.execute(
                    "INSERT INTO web.session (token, rolname, until) VALUES (%b, %s, now() + %s)",
                    [hashed(token), user.rolname, timedelta(seconds=self._limits.session_seconds)],
                )
        return token

    def set_cookie(self, response: Response, token: str) -> None:
        response.set_cookie(self.cookie, token, path="/", secure=self._secure, httponly=True, samesite="lax")

    def drop_cookie(self, response: Response) -> None:
        response.delete_cookie(self.cookie, path="/", secure=self._secure, httponly=True, samesite="lax")

    def _of_bearer(self, credential: str, request: Request) -> Session | None:
        name = self._bearer(credential)
        if name is None:
            return None
        with self._platforms.hold() as platform:
            try:
                user: User = platform.user(name)
            except ConfigurationError:
                return None
            self._refuse_late(platform)
        given = request.headers.get(PURPOSE_HEADER)
        now = datetime.now(UTC)
        return Session(
            user=user,
            purpose=given if given == PURPOSE_OF[user.role] else None,
            csrf="",
            signed_in_at=now,
            until=now,
            key=b"",
            bearer=True,
            demo=self._demo,
        )

    def _refuse_late(self, platform: Platform) -> None:
        """What is shown is of the open day. When that lies too far back, an old day would pass for today."""
        if not self._follows_clock or time.monotonic() < self._in_time_until:
            return
        if (today() - queries.today(platform.parts.owner)).days > MOST_DAYS_LATE:
            raise Unreachable("The days that should be closed are not.", "Look at `woonketen log stats`.")
        self._in_time_until = time.monotonic() + _TRUST_SECONDS

    def _run(self, statement: str, values: list[Any]) -> None:
        with self._platforms.hold() as platform, told():
            as_processor(platform).execute(statement, values)


def today() -> date:
    """The day in town."""
    return datetime.now(TOWN).date()


def _user(
    rolname: str | None, org: str, role: str, worker: str | None, districts: list[str], ref: bytes | None
) -> User | None:
    if rolname is None:
        return None
    return User(rolname, org, role, worker, tuple(districts or ()), None if ref is None else bytes(ref))


def _csrf(token: str) -> str:
    """Told by the session's token alone, so it needs no column and ends with it."""
    mixed = blake2b(b"csrf", key=hashed(token), digest_size=24)
    return urlsafe_b64encode(mixed.digest()).decode()
