"""What a refusal is called in Dutch, and what the partner does about it: for reports and pages. The receipt itself has
the field and an English mend; these are for who reads a report."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Told(NamedTuple):
    """`what`: the reason in words; `mend`: what to do."""

    what: str
    mend: str


REFUSALS: Mapping[str, Told] = MappingProxyType(
    {
        "malformed": Told("Niet te lezen", "Stuur een CloudEvent in JSON; kijk welk kenmerk ontbreekt of dubbel is."),
        "too_large": Told("Te groot", "Houd een gebeurtenis onder 64 KB en een levering binnen de grenzen."),
        "unknown_type": Told("Onbekende soort", "Kijk of de naam van de soort goed gespeld is."),
        "unknown_version": Told("Onbekende versie", "Gebruik een dataschema dat is gepubliceerd."),
        "schema": Told("Een veld klopt niet", "Verbeter het genoemde veld en stuur hetzelfde nummer opnieuw."),
        "not_your_type": Told(
            "Niet uw soort gebeurtenis", "Deze soort komt van een ander soort organisatie; stuur haar niet."
        ),
        "not_your_source": Told("Niet uw bron", "Gebruik de bron waarmee u bent aangemeld."),
        "personal_data_in_context": Told(
            "Persoonsgegeven in een kenmerk", "Haal BSN, e-mail, telefoon of adres uit de kenmerken."
        ),
        "conflicting_duplicate": Told(
            "Zelfde nummer, andere inhoud", "Stuur event.corrected in plaats van hetzelfde nummer met iets anders."
        ),
        "objection": Told("Bezwaar van de bewoner", "Stuur dit signaal niet; de bewoner maakte bezwaar."),
        "link_code": Told("Koppelcode geldt niet", "Vraag de gemeente om een nieuwe koppelcode."),
        "retention_unset": Told("Geen bewaartermijn", "Dit kan de beheerder herstellen; u hoeft niets te doen."),
        "unknown_subject": Told("Bewoner niet gekoppeld", "Vraag een koppelcode, koppel, en stuur het opnieuw."),
        "no_legal_basis": Told(
            "Geen deelname of overeenkomst", "Kijk of de bewoner is aangemeld en de overeenkomst u noemt."
        ),
        "efforts_missing": Told("Inspanningen ontbreken", "Stuur eerst de vier inspanningen, dan het signaal opnieuw."),
        "original_unknown": Told("Verbetering zonder origineel", "Stuur eerst de gebeurtenis die u verbetert."),
        "erased": Told("Gewist", "Dit feit is gewist op verzoek; stuur het niet opnieuw."),
        "feed_stopped": Told("Levering gestopt", "Neem contact op met de beheerder voordat u verder levert."),
    }
)


def told(reason: str) -> Told:
    """Of a reason that has no words here, the reason itself."""
    return REFUSALS.get(reason, Told(reason, "Lees de kwitantie."))
