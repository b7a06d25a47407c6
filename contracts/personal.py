"""Personal data where none may stand: in the context attributes of an event.

Looked for in whole tokens (runs of letters and digits), not in substrings: one in a hundred random UUIDs holds nine
digits somewhere that pass the test of a citizen number (BSN).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from woonketen.contracts.errors import PersonalData

Kind = Literal["bsn", "email", "phone", "postcode"]

# Cheap, and true of every text that holds any of the four: an @, or four digits with little between them.
_SUSPECT = re.compile(r"@|[0-9](?:[ ().-]{0,3}[0-9]){3}")
_NOT_PERSONAL = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"  # a UUID
    r"|[12][0-9]{3}-[0-9]{2}-[0-9]{2}"  # a date, or a timestamp
    r"(?:[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})?)?"
    r")(?![0-9A-Za-z])"
)
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\W\d_]{2,}")
_NINE = re.compile(
    r"(?<![0-9A-Za-z])(?i:bsn|sofi)?([0-9]{9}|[0-9]{3}[. ][0-9]{3}[. ][0-9]{3}|[0-9]{4}[. ][0-9]{2}[. ][0-9]{3})"
    r"(?![0-9A-Za-z])"
)
_PHONE = re.compile(
    r"(?<![0-9A-Za-z])(?:(?:\+|00)31[ .-]?(?:\(0\)|0)?[ .-]?[1-9]|\(?0[1-9])(?:[ .()-]{0,3}[0-9]){8}(?![0-9A-Za-z])"
)
_ADDRESS = re.compile(
    r"(?<![0-9A-Za-z])[1-9][0-9]{3} ?[A-Za-z]{2}[ ,.#:/_-]{0,3}(?:nr\.? ?)?[0-9]{1,5}(?:[ /-]?[A-Za-z0-9]{1,4})?"
    r"(?![0-9A-Za-z])"
)
_HEX = re.compile(r"[0-9a-f]{7,}")
_LEAST_BSN = 10_000_000
_WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2, -1)

_BARE_NUMBER = re.compile(r"[0-9]{8,9}")
_CLIENT_NUMBER = re.compile(r"(?!(?i:bsn|sofi))[A-Za-z]{1,12}[._:-]?[0-9]{9}")
# A digit is needed, so that a name does not pass; or nothing but hexadecimal digits behind a prefix.
_PSEUDONYM = re.compile(r"(?=[^0-9]*[0-9]|(?:[A-Za-z]{1,12}[._:-])?[a-f]{6,}\Z)[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


def find(text: str) -> Kind | None:
    """The kind of personal data in `text`, or None. For every context attribute but the registered `source` and the
    `subject`, for which there is `check_subject`.

    >>> find("K-88"), find("019ab000-0000-7000-8000-000000000001"), find("order 123456782")
    (None, None, 'bsn')
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)  # digits of another width are digits
    if not _SUSPECT.search(text):
        return None
    if "@" in text and _EMAIL.search(text):
        return "email"
    rest = _NOT_PERSONAL.sub(" ", text)
    if any(_is_citizen_number(found.group(1)) for found in _NINE.finditer(rest)):
        return "bsn"
    if _PHONE.search(rest):
        return "phone"
    if any(not _is_hexadecimal(rest, found) for found in _ADDRESS.finditer(rest)):
        return "postcode"
    return None


def check_subject(subject: str) -> None:
    """Raises `PersonalData` for a `subject` that is, or could be, more than a pseudonym of the publisher's own.

    A client number of nine digits with the publisher's own letters before it passes, as the mend promises.
    """
    if _BARE_NUMBER.fullmatch(subject):
        raise PersonalData("subject", "put your own prefix before it: a bare number of eight or nine digits is refused")
    if not _CLIENT_NUMBER.fullmatch(subject) and find(subject) is not None:
        raise PersonalData("subject", "give your own pseudonym of the resident; put your own prefix before a number")
    if not _PSEUDONYM.fullmatch(subject):
        raise PersonalData(
            "subject", "give a pseudonym of at most 128 letters, digits and . _ : - with a digit in it, never a name"
        )


def _is_citizen_number(found: str) -> bool:
    """Nine digits that pass the eleven-test. Small numbers were never given out: those are counters with zeros."""
    digits = [int(char) for char in found if char.isdigit()]
    total = sum(weight * digit for weight, digit in zip(_WEIGHTS, digits, strict=True))
    return total % 11 == 0 and int("".join(map(str, digits))) >= _LEAST_BSN


def _is_hexadecimal(text: str, found: re.Match[str]) -> bool:
    """A lower-case hexadecimal pseudonym behind a prefix, such as `P-1234ab56`, only looks like an address."""
    return _HEX.fullmatch(found.group()) is not None and text[: found.start()].endswith(("-", "_", ".", ":"))
