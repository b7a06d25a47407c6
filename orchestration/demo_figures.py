"""Who counts in the demo: two members of a steering group who released figures of their pilots, and who reads them."""

from __future__ import annotations

from contextlib import suppress

from woonketen.contracts.errors import ConfigurationError
from woonketen.orchestration.platform import Platform
from woonketen.projections.portal.pages import Persona

TOWN = "gemeente-ijsselstad"
READER = Persona("beleid-ij", "beleid", TOWN, "beleidsmedewerker", "Werkt het, en voor hoeveel mensen?")
MEMBERS = (
    Persona("stuurgroep-1", "programma", TOWN, "lid van de stuurgroep", "Hoe ging deze pilot?"),
    Persona("stuurgroep-2", "programma", "openbaar-wonen", "lid van de stuurgroep", None),
)
FIGURES = ("completed", "housed_3")
PROGRAMMES = ("wooncoach", "buddy", "woonladder", "doorstroom")


def counted(platform: Platform) -> list[Persona]:
    """Adds them, once; gives who they are."""
    people = [READER, *MEMBERS]
    with suppress(ConfigurationError):
        platform.user(MEMBERS[-1].name)
        return people
    for each in people:
        platform.add_user(each.name, each.org, each.role)
    one, other = (each.name for each in MEMBERS)
    for figure in FIGURES:
        for programme in PROGRAMMES:
            with suppress(ConfigurationError):  # there is nobody to count
                platform.confirm_figure(other, platform.propose_figure(one, figure, programme, None)["proposal"])
    return people
