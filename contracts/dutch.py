"""Dates, amounts and lists as they are written in Dutch. No ages in days: what is written stays true tomorrow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

MONTHS = (
    "januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november",
    "december",
)  # fmt: skip


def day(on: date) -> str:
    """
    >>> day(date(2026, 5, 7))
    '7 mei 2026'
    """
    return f"{on.day} {MONTHS[on.month - 1]} {on.year}"


def euros(cents: int) -> str:
    """
    >>> euros(122550), euros(7500)
    ('€ 1.225,50', '€ 75,00')
    """
    whole, part = divmod(cents, 100)
    return f"€ {f'{whole:,}'.replace(',', '.')},{part:02d}"


def months(outstanding_cents: int, rent_cents: int) -> str:
    """Months of rent to one decimal, rounded half up.

    >>> months(61250, 61250), months(91875, 61250)
    ('1 maand', '1,5 maand')
    """
    tenths = (outstanding_cents * 20 + rent_cents) // (rent_cents * 2)
    whole, part = divmod(tenths, 10)
    # Dutch keeps the singular up to two: anderhalve maand, 1,5 maand.
    return f"{whole}{f',{part}' if part else ''} {'maand' if tenths < 20 else 'maanden'}"


def listed(items: Sequence[str]) -> str:
    """
    >>> listed(["a", "b", "c"])
    'a, b en c'
    """
    return " en ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def number(name: str, value: float) -> str:
    """A number of a rule; one whose name ends in `_cents` is an amount.

    >>> number("open_months", 0.5), number("open_cents", 7500)
    ('0,5', '€ 75')
    """
    if name.endswith("_cents"):
        return euros(int(value)).removesuffix(",00")
    return f"{value:g}".replace(".", ",")
