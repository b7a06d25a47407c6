"""One-time link codes: with one, an organisation says which of its pseudonyms stands for a resident that another knows.

Neither organisation learns the other's pseudonym. A code is stored as a keyed hash only.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import msgspec

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # without 0 O 1 I L U
VALID = timedelta(days=7)
TRIES, TRIES_IN = 20, timedelta(hours=24)
"""So many codes that do not work an organisation may send; then none of it works until the first is so long ago."""
_GROUPS, _IN_GROUP = 3, 4


class Link(msgspec.Struct):
    """A code that was issued about the resident `ref` for one organisation."""

    ref: bytes
    for_org: str
    expires_at: datetime
    used_at: datetime | None


def new_code() -> str:
    """Like `K7QP-2M4X-9TRD`: about 58 random bits.

    >>> len(new_code())
    14
    """
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(_IN_GROUP)) for _ in range(_GROUPS))


def works(link: Link | None, org: str, now: datetime) -> bool:
    """Whether this organisation may use the code now. The caller tells nobody why not."""
    return link is not None and link.for_org == org and link.used_at is None and now < link.expires_at
