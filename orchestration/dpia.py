"""A template for a DPIA (AVG art. 35 lid 7) with what the program itself can state, from the files that it runs by:
what is processed, who gets what on which ground, how long it is kept, which risks meet which measure. What only a
controller knows stays open. Dutch, because a functionaris gegevensbescherming reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from woonketen.contracts import codes, policy
from woonketen.contracts.catalogue import KIND_LETTER, TYPES
from woonketen.contracts.fields import label
from woonketen.contracts.indicators import Rules
from woonketen.contracts.policy import Policy
from woonketen.contracts.recipient import PURPOSE_OF
from woonketen.contracts.retention import CLASS_OF, Terms

OPEN = "*in te vullen door de verwerkingsverantwoordelijke*"
_NAMES = {
    "safety": "veiligheidsvlag",
    "link": "koppeling van nummers",
    "platform": "correcties en beheer",
    "agreement": "convenanten",
    "complex": "complexen",
    "looks": "wie keek bij wie",
    "sleeping": "navraag bij stilte",
}
_STATES = {"own": "eigen gegevens", "S": "taak of overeenkomst", "O": "geen bezwaar", "C": "toestemming"}
_WHEN = {
    "": "altijd",
    "own": "zelf geleverd",
    "coaching_clause": "begeleiding staat in het huurcontract",
    "party": "zelf partij",
    "own_district": "eigen wijk",
    "own_client": "eigen cliënt",
    "own_action": "eigen afspraak",
    "overview": "met overzicht",
}
_BASES = {
    "consent": "a, toestemming",
    "contract": "b, overeenkomst",
    "legal_obligation": "c, wettelijke plicht",
    "vital_interest": "d, vitaal belang",
    "public_task": "e, publieke taak",
    "legitimate_interest": "f, gerechtvaardigd belang",
}
_STARTS = {
    "enrolment_closed": "de deelname is gesloten",
    "lease_ended": "de huur is geëindigd",
    "care_ended": "de zorg is geëindigd",
    "signal_closed": "het signaal is afgerond",
    "flag_cleared": "de vlag is gewist",
    "warning_closed": "de waarschuwing is gesloten",
    "recorded": "het is vastgelegd",
    "last_told": "iemand voor het laatst iets meldde",
}

RISKS: tuple[tuple[str, str, str], ...] = (
    (
        "Een organisatie ziet meer dan zij mag",
        "rijen ontstaan uit wat de kijker mag zien; de database dwingt per rol af",
        "tests/ports/test_views_rls.py",
    ),
    (
        "Toestemming is ingetrokken en toch wordt er gekeken",
        "de rij is weg bij de eerstvolgende keer dat iemand kijkt",
        "tests/journeys/test_rights.py",
    ),
    (
        "Organisaties koppelen hun bestanden aan elkaar",
        "ieder een eigen nummer; de vertaling is versleuteld",
        "tests/ports/test_admission.py",
    ),
    (
        "Codes worden uitgeprobeerd",
        "eenmalig, zeven dagen, en na twintig foute in een dag helpt geen enkele meer",
        "tests/ports/test_admission.py",
    ),
    (
        "Een huurschuld wordt te vroeg of tegen bezwaar gemeld",
        "vier inspanningen en een convenant, anders geen melding",
        "tests/journeys/test_signals.py",
    ),
    (
        "Iemand kijkt uit nieuwsgierigheid",
        "elke keer kijken wordt vastgelegd, anders komt er geen antwoord",
        "tests/ports/test_looks.py",
    ),
    (
        "Wie verborgen moet blijven wordt gevonden",
        "de persoon ontbreekt overal, in dezelfde woorden als wie er niet is",
        "tests/unit/test_show_hidden.py",
    ),
    (
        "Gewiste gegevens komen terug uit een back-up",
        "sleutels weg, en een logboek buiten de back-up dat wordt nagespeeld",
        "tests/ports/test_backup.py",
    ),
    (
        "Gegevens blijven langer dan hun termijn",
        "termijn per verantwoordelijke; zonder termijn begint een levering niet",
        "tests/ports/test_retention.py",
    ),
    (
        "Wie keek blijft voor altijd herleidbaar",
        "een sleutel per bewoner en jaar, die met de termijn of het wissen gaat",
        "tests/ports/test_traces.py",
    ),
    (
        "Een waarschuwing is onjuist of stigmatiseert",
        "alleen gebeurtenissen, nooit wie iemand is; betwistbaar, uit te zetten",
        "tests/unit/test_indicators.py",
    ),
    (
        "Cijfers van een kleine groep wijzen iemand aan",
        "geen nummer en geen dag; een cijfer gaat alleen weg door twee leden",
        "tests/ports/test_programma.py",
    ),
    (
        "Persoonsgegevens staan waar ze niet horen",
        "geen vrije tekst in gebeurtenissen; een kanarie door alle verhalen",
        "tests/journeys/test_canary.py",
    ),
)


def template(rules: Policy, indicators: Rules, terms: Terms) -> str:
    """The whole page, in Markdown."""
    return "\n".join(_page(rules, indicators, terms)) + "\n"


def _page(rules: Policy, indicators: Rules, terms: Terms) -> Iterator[str]:
    yield "# Gegevensbeschermingseffectbeoordeling (DPIA): sjabloon"
    yield ""
    yield "Wat de software zelf kan zeggen staat er al; de rest is aan de verwerkingsverantwoordelijken. De tabellen"
    yield "komen uit beleid, bewaartermijnen en indicatoren waarmee deze installatie werkt. Maak dit opnieuw met:"
    yield ""
    yield "```console"
    yield "$ woonketen policy dpia"
    yield "```"
    yield ""
    yield f"Beleid `{rules.version}`, bewaartermijnen `{terms.version}`, indicatoren `{indicators.version}`."
    yield ""
    yield from _open(
        "## 1. Wie en waarvoor",
        (
            "Verwerkingsverantwoordelijken, ieder voor wat hij levert",
            "Verwerker en verwerkersovereenkomst",
            "Convenant, deelnemers en doelen",
            "Functionaris gegevensbescherming en zijn advies",
            "Wat bewoners of hun vertegenwoordigers ervan vinden (AVG art. 35 lid 9)",
        ),
    )
    yield "## 2. Wat wordt verwerkt, en hoe lang"
    yield ""
    yield from _table(
        (
            "verantwoordelijke",
            "activiteit",
            "grondslag (AVG art. 6 lid 1)",
            "gegevens",
            "maanden",
            "vanaf",
            "artikel of besluit",
        ),
        (
            (
                row.controller,
                _activity(row.activity),
                _BASES[row.basis],
                ", ".join(map(_name, row.categories)),
                str(row.months),
                _STARTS[row.since],
                row.article,
            )
            for row in terms.rows
        ),
    )
    yield "`*` is iedereen zonder eigen regel. Een artikel dat met *voorbeeld* begint heeft nog niemand besloten."
    yield ""
    yield "## 3. Welke gegevens, en wie ze levert"
    yield ""
    kinds = {letter: codes.label("org_kind", kind) for kind, letter in KIND_LETTER.items()} | {
        "R": "bewoner",
        "P": "het platform",
    }
    yield from _table(
        ("categorie", "soorten gebeurtenissen", "levert"),
        (
            (
                _name(category),
                ", ".join(sorted(each.type for each in TYPES.values() if each.category == category)),
                ", ".join(
                    kinds[letter]
                    for letter in "RGCZBSP"
                    if any(letter in each.publishers for each in TYPES.values() if each.category == category)
                ),
            )
            for category in CLASS_OF
        ),
    )
    yield "Geen enkele gebeurtenis bevat een naam, adres, BSN of vrije tekst. Bijzondere gegevens: `care` (dat er zorg"
    yield f"loopt), en wat iemand in de drie vragen vertelt. Uitzondering van AVG art. 9 lid 2 waarop dat rust: {OPEN}."
    yield ""
    yield "## 4. Wie ziet wat, en op welke grond"
    yield ""
    for role, purpose in PURPOSE_OF.items():
        allowed = [rule for rule in rules.rules if rule.recipient == role and rule.state != "-"]
        if not allowed or role == "bewoner":
            continue
        yield f"**{codes.label('role', role).capitalize()}**, doel {_purpose(purpose)}:"
        yield ""
        yield from _table(
            ("gegevens", "wanneer", "grond", "artikel", "toelichting"),
            (
                (label(each.category), _WHEN[each.when], _STATES[each.state], each.article, each.note)
                for each in allowed
            ),
        )
    yield "Een bewoner ziet alles over zichzelf (AVG art. 15). Wat hier niet staat is verboden."
    yield ""
    yield "## 5. Waarschuwingen"
    yield ""
    yield from _table(
        ("indicator", "kijkt naar", "grondslag", "verantwoordelijke", "bewaren"),
        (
            (each.label, ", ".join(map(_name, each.inputs)), each.basis.article, each.controller, each.retention)
            for each in indicators.indicators.values()
        ),
    )
    yield "Een waarschuwing beslist niets en mag niet worden gebruikt voor toewijzing, urgentie, opzegging, sanctie,"
    yield "fraude of het stoppen van zorg."
    yield ""
    yield from _open(
        "## 6. Noodzaak en evenredigheid",
        (
            "Waarom dit doel niet met minder gegevens kan",
            "Waarom elke ontvanger van hoofdstuk 4 zijn gegevens nodig heeft",
            "Hoe bewoners vooraf worden geïnformeerd (het platform toont niets aan anderen vóór `notice.given`)",
            "Hoe verzoeken van bewoners worden beantwoord (`woonketen requests`)",
        ),
    )
    yield "## 7. Risico's en maatregelen"
    yield ""
    yield from _table(
        ("risico", "maatregel in de software", "bewijs", "restrisico en besluit"),
        ((risk, measure, f"`{test}`", "") for risk, measure, test in RISKS),
    )
    yield "Wat de software niet kan waarborgen staat in [privacy.md](privacy.md), hoofdstuk 8."
    yield ""
    yield from _open(
        "## 8. Besluit",
        (
            "Restrisico's en wie ze aanvaardt",
            "Voorafgaande raadpleging van de AP nodig (AVG art. 36)?",
            "Datum, naam en functie; datum van de volgende beoordeling",
        ),
    )
    yield "## Nog te vinden of te besluiten"
    yield ""
    pending = rules.article_pending()
    named, examples = ", ".join(f"`{each.id}`" for each in pending), len(terms.examples())
    yield f"* {len(pending)} regels van het beleid hebben nog geen artikel: {named}."
    yield f"* {examples} van de {len(terms.rows)} bewaartermijnen zijn een voorbeeld dat niemand heeft besloten."


def _open(title: str, questions: Iterable[str]) -> Iterator[str]:
    yield title
    yield ""
    yield from (f"* {question}: {OPEN}" for question in questions)
    yield ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)
    yield ""


def _name(category: str) -> str:
    found = _NAMES.get(category)
    if found is None:
        found = label(category) if category in policy.CATEGORIES else category
    return f"{found} (`{category}`)"


def _activity(activity: str) -> str:
    return "verantwoording" if activity == "accountability" else codes.label("activity", activity)


def _purpose(purpose: str) -> str:
    return codes.label("purpose", purpose) if purpose in codes.members("purpose") else purpose
