"""Who asks, in which role and for which purpose."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

PURPOSE_OF: Mapping[str, str] = MappingProxyType(
    {
        "bewoner": "self",
        "coach": "guidance",
        "casusregisseur": "coordination",
        "wijkteam": "coordination",
        "corporatie": "tenancy",
        "zorgaanbieder": "care",
        "schuldhulp": "early_signalling",
        "vrijwilliger": "own_task",
        "programma": "evaluation",
        "beleid": "evaluation",
        "steward": "stewardship",
    }
)
"""Role → the one purpose for which it sees anything."""


class Recipient(msgspec.Struct, frozen=True, gc=False):
    """`org`: the registered name of the organisation (for a resident the platform's own); `worker`: the code of the
    worker or volunteer, where the role sees one person's work; `overview`: a volunteer who, with consent, sees which
    party is late (an `ervaringsdeskundige` assigned to the resident has it without being told so)."""

    role: str
    org: str
    worker: str | None
    purpose: str
    overview: bool = False

    def __repr__(self) -> str:
        return f"Recipient({self.role} of {self.org})"


def recipient(role: str, org: str, worker: str | None = None, overview: bool = False) -> Recipient:
    """A recipient with the purpose of its role. Raises `KeyError` for an unknown role."""
    return Recipient(role, org, worker, PURPOSE_OF[role], overview)
