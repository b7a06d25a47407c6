"""Whom the demo's sign-in offers: the people of the stories, where these were played, else everybody who was added."""

from __future__ import annotations

from woonketen.contracts import codes
from woonketen.orchestration.platform import Platform
from woonketen.projections.database import told
from woonketen.projections.portal.pages import Persona


def personas_of(platform: Platform) -> list[Persona]:
    """Names are read from their seals; a demo's people are invented."""
    with told():
        rows = platform.parts.processor.execute(
            "SELECT rolname, org, role FROM gate.viewer ORDER BY role, org"
        ).fetchall()
    found = []
    for rolname, org, role in rows:
        name = platform.names.read(rolname)
        if name is not None:
            found.append(Persona(name, role, org, f"{codes.label('role', role)} · {org}", None))
    return found
