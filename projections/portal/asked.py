"""What every route needs: who asks, with a purpose, and that person's desk."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from woonketen.projections.portal.desk import Desk, Desks
from woonketen.projections.portal.session import Session, with_purpose

Here = Annotated[Session, Depends(with_purpose)]
_TOKEN = re.compile(r"[0-9a-z_-]{8,64}\Z")


class Missing(HTTPException):
    """Not there, or not for this person: one answer for both."""

    def __init__(self) -> None:
        super().__init__(404)


@contextmanager
def desk_of(request: Request, session: Session) -> Iterator[Desk]:
    desks: Desks = request.app.state.desks
    with desks.open(session) as desk:
        request.state.open_day = desk.today()  # the head of the page tells it
        yield desk


def token_of(told: str) -> str:
    """That of the form, so that sending it twice is once."""
    return told if _TOKEN.match(told) else secrets.token_hex(12)


def needs(session: Session, *roles: str) -> None:
    if session.user.role not in roles:
        raise Missing
