"""What payloads are made of: identifiers that no name, address or citizen number fits in, dates, money, and the rules
between fields.

Every text is a code of a closed list or one of these identifiers; there is no free text.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, ClassVar

import msgspec

# A digit is needed, so that a name does not pass; or nothing but hexadecimal digits behind a prefix. Not a bare number
# of eight or nine digits (a citizen or client number), also not in groups or behind "bsn"; not a telephone number; not
# a postcode with house number.
_LOCAL = (
    r"(?=[^0-9]*[0-9]|(?:[A-Za-z]{1,12}[._-])?[a-f]{6,}\Z)"
    r"(?![0-9]{8}\Z|(?:[Bb][Ss][Nn][._-]?|[Ss][Oo][Ff][Ii][._-]?)?[0-9]{3}[._-]?[0-9]{3}[._-]?[0-9]{3}\Z"
    r"|[0-9]{4}[._-][0-9]{2}[._-][0-9]{3}\Z|0(?:[._-]?[0-9]){9}\Z|00(?:[._-]?[0-9]){10,12}\Z"
    r"|(?:.*[._-])?[1-9][0-9]{3}[A-Z]{2}[._-]?[0-9]{1,5}[A-Za-z]?(?:[._-]|\Z))"
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
)
_SLUG = r"[a-z][a-z0-9-]{1,39}"
_MONTH = r"(?:19[0-9]{2}|20[0-9]{2}|2100)-(?:0[1-9]|1[0-2])"

LocalId = Annotated[str, msgspec.Meta(pattern=rf"\A{_LOCAL}\Z")]
"""Its publisher's own id: `L-1`."""
QualifiedId = Annotated[str, msgspec.Meta(pattern=rf"\A{_SLUG}:{_LOCAL}\Z")]
"""An id with its issuer, because other organisations refer to it: `gemeente-ijsselstad:E-1`."""
Org = Annotated[str, msgspec.Meta(pattern=rf"\A{_SLUG}\Z")]
Owner = Annotated[str, msgspec.Meta(pattern=rf"\A{_SLUG}\Z")]
"""An organisation, `resident` or `network`; no organisation may take these two names."""
Municipality = Annotated[str, msgspec.Meta(pattern=r"\AGM[0-9]{4}\Z")]
District = Annotated[str, msgspec.Meta(pattern=r"\AWK[0-9]{6}\Z")]
Month = Annotated[str, msgspec.Meta(pattern=rf"\A{_MONTH}\Z")]
LinkCode = Annotated[str, msgspec.Meta(pattern=r"\A[A-Z0-9]{4}(?:-[A-Z0-9]{4}){2}\Z")]
EnvelopeId = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._:/+=~#-]{0,254}\Z")]
"""The `id` of an event."""
IndicatorId = Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z_]{2,39}\Z")]
SubjectUrl = Annotated[str, msgspec.Meta(pattern=r"\Ahttps?://[A-Za-z0-9][A-Za-z0-9._~:/?#&=%+{}-]{0,499}\Z")]
"""A link template of an organisation's own system."""
Phone = Annotated[str, msgspec.Meta(pattern=r"\A\+?[0-9][0-9 -]{1,18}[0-9]\Z")]
"""An organisation's telephone number."""

Cents = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
PositiveCents = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]
Step = Annotated[int, msgspec.Meta(ge=1, le=6)]
Severity = Annotated[int, msgspec.Meta(ge=1, le=3)]
Timestamp = Annotated[datetime, msgspec.Meta(tz=True)]

FIRST_DAY = date(1900, 1, 1)
LAST_DAY = date(2100, 12, 31)


class Broken(ValueError):
    """A rule between fields is broken: which field, and how to mend it. Holds sentences of ours only."""

    def __init__(self, field: str, mend: str) -> None:
        super().__init__("a rule between fields is broken")
        self.field = field
        self.mend = mend


class Piece(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A struct whose dates are checked when it is made.

    `_days` are the fields with a date; `_order` holds pairs of fields of which the first may not be after the second.
    """

    _days: ClassVar[tuple[str, ...]] = ()
    _order: ClassVar[tuple[tuple[str, str], ...]] = ()

    def __post_init__(self) -> None:
        for name in self._days:
            day = getattr(self, name)
            if day is not None and not FIRST_DAY <= day <= LAST_DAY:
                raise Broken(name, "give a date from 1900-01-01 to 2100-12-31")
        for first, second in self._order:
            begin, end = getattr(self, first), getattr(self, second)
            if begin is not None and end is not None and end < begin:
                raise Broken(second, f"give a date on or after {first}")

    def __repr__(self) -> str:  # a payload in a log line would be personal data
        return f"{type(self).__name__}(…)"


class Payload(Piece, frozen=True):
    """What happened on one day."""

    _days: ClassVar[tuple[str, ...]] = ("occurred_on",)

    occurred_on: date
