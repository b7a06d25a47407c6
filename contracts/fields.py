"""Which categories of data stand behind a field of a view: what `woonketen policy explain` answers from.

A test closes each category in turn and holds the rows against this table, so it says what the rows really use.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from woonketen.contracts import codes
from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.indicators import PARTY, SENDER, Rules
from woonketen.contracts.policy import Policy, Rule
from woonketen.contracts.recipient import PURPOSE_OF
from woonketen.contracts.views import OTHER_VIEWS, PERSON_VIEWS

Fields = Mapping[str, tuple[str, ...]]

ROW: tuple[str, ...] = ()
"""Comes with the row: whoever has it in view knows this much, or it speaks of the row itself."""
SEEN = "*"
"""Of everything that is open to this viewer: the day of the last of it, and whose it is."""

_CARRIED: Fields = {"corrected": ROW, "not_shared": ROW}
_GUIDANCE: Fields = {
    "resident": ROW,
    "programme": ("enrolment",),
    "started_on": ("enrolment",),
    "next_visit_on": ("visits",),
    "visits_unreported": ("visits",),
    "last_contact_on": ("visits", "intake", "lease", "plan"),
    "held_90d": ("visits",),
    "missed_90d": ("visits",),
    "attempts_28d": ("visits",),
    "pause_until": ("visits",),
    "intake": ("intake",),
    "plan_actions": ("plan",),
    "ladder_step": ("ladder",),
    "day_activity": ("day_activity",),
    "informal_support": ("support",),
    "care_running": ("care",),
    "arrears_level": ("arrears_level",),
    "arrears_trend": ("arrears_level",),
    "nuisance_56d": ("nuisance",),
    "lease": ("lease",),
    "attention_until": ("attention",),
    "warnings": ("warnings",),
}
_OF_LEASE: Fields = dict.fromkeys(
    ("lease_id", "kind", "started_on", "ends_on", "notice_window", "evaluation_on", "decided", "card"), ("lease",)
)

CATEGORIES: Mapping[str, Fields] = MappingProxyType(
    {
        "bewoner": {
            "programme": ("enrolment",),
            "started_on": ("enrolment",),
            "coach": ("involvement", "visits"),
            "my_actions": ("plan",),
            "their_actions": ("plan",),
            "lease": ("lease",),
            "ladder_step": ("ladder",),
            "intake": ("intake",),
            "arrears_level": ("arrears_level",),
            "who_sees_what": ROW,
            "consents": ("consent",),
            "warnings": ("warnings",),
            "contests": ("warnings",),
            **_CARRIED,
        },
        # The own assignment is why the row is there.
        "coach": {
            **_GUIDANCE,
            **dict.fromkeys(("role", "mode", "interval_days", "cover_for"), ROW),
            **_CARRIED,
        },
        "casusregisseur": {
            **_GUIDANCE,
            **dict.fromkeys(("role", "mode", "interval_days"), ("involvement",)),
            "cover_for": ROW,
            "parties": ("plan", SEEN),
            "endorsed_by": ("plan",),
            "referrals_open": ("referral",),
            "provisions_open": ("plan",),
            **_CARRIED,
        },
        "wijkteam": {
            "resident": ROW,
            "programme": ("enrolment",),
            "enrolled_on": ("enrolment",),
            "phase": ("phase",),
            "case_lead": ("involvement",),
            "involved": ("involvement", "plan"),
            "actions_open": ("plan",),
            "actions_late": ("plan",),
            "referrals_waiting": ("referral",),
            "warnings": ("warnings",),
            "taken_by": ("warnings",),
            "arrived_or_left": ("enrolment",),
            **_CARRIED,
        },
        "corporatie": {
            "resident": ROW,
            **_OF_LEASE,
            "coaching_required": ("lease",),
            "coaching_runs": ("coaching_runs",),
            "not_running_by": ("coaching_runs",),
            "outstanding_cents": ("arrears",),
            "months_outstanding": ("arrears",),
            "oldest_unpaid_on": ("arrears",),
            "payment_plan": ("arrears",),
            "collection_step": ("arrears",),
            "efforts": ("arrears",),
            "may_signal": ("may_signal", "arrears"),
            "may_signal_missing": ("may_signal", "arrears"),
            "nuisance_56d": ("nuisance",),
            "own_actions": ("plan",),
            "warnings": ("warnings",),
            **_CARRIED,
        },
        "zorgaanbieder": {
            "resident": ROW,
            "programme": ("enrolment",),
            "referrals_in": ("referral",),
            "ladder_step": ("ladder",),
            "ladder_review_due": ("ladder",),
            "own_actions": ("plan",),
            "lease": ("lease",),
            "move": ("plan",),
            "place": ("places", "plan", "ladder", "enrolment"),
            "waiting_since": ("places",),
            "day_activity": ("day_activity",),
            "warnings": ("warnings",),
            **_CARRIED,
        },
        # The number and the days stay when an objection withdraws the rest.
        "schuldhulp": {
            "signal_id": ROW,
            "contact_handle": ("signal",),
            "amount_cents": ("signal",),
            "signalled_on": ROW,
            "withdrawn_on": ROW,
            "attempts": ("signal",),
            "outcome": ("signal",),
            **_CARRIED,
        },
        "vrijwilliger": {
            "action": ("plan",),
            "due_on": ("plan",),
            "handle": ROW,
            "party": ("plan",),
            "late_days": ("plan",),
            **_CARRIED,
        },
    }
)
"""View → field → the categories that it draws on. With one of them closed, what that one gives is missing."""
BY_DAY = ("as_of", "feeds_silent")
"""What the database adds to every row of a resident: up to which day it was computed, and which feeds are silent."""

_AS_PARTY = (PARTY, SENDER)
_AT_WORK = ("coach", "casusregisseur", "corporatie", "zorgaanbieder")
"""Roles that see an episode because it is about, or from, their own organisation."""

_PER_VIEW: Mapping[str, str] = MappingProxyType(
    {
        "complex": "Telt woningen en meldingen per complex; geen rij gaat over een bewoner.",
        "beleid": "Telt huishoudens in een vaste tabel, afgerond en afgeschermd; geen rij gaat over een bewoner.",
        "programma": "Stuurgroep van een convenant dat evaluatie noemt: een regel per deelname, zonder nummer of dag.",
        "programma_figures": "Cijfers die twee leden van een stuurgroep samen vrijgaven.",
        "looks": "Een bewoner ziet wie bij hem keek, een gegevensbeheerder alle keren zonder namen.",
        "steward_feeds": "Gaat over leveringen van organisaties, niet over bewoners.",
        "steward_refusals": "Noemt reden en veld van een weigering, nooit een waarde of een bewoner.",
        "steward_consents": "Toestemmingen zonder bewoner: een hash, de ontvanger, het doel en de termijn.",
        "steward_proofs": "Wat werd gewist, wanneer en door welk besluit; zonder bewoner.",
        "steward_requests": "Verzoeken van bewoners en meldingen die een antwoord nodig hebben.",
    }
)
_STATES: Mapping[str, str] = MappingProxyType(
    {
        "own": "eigen gegevens van de organisatie",
        "S": "wettelijke taak of overeenkomst",
        "O": "zolang de bewoner geen bezwaar maakte",
        "C": "alleen met toestemming",
        "-": "verboden",
    }
)
_WHEN: Mapping[str, str] = MappingProxyType(
    {
        "": "altijd",
        "own": "voor wat de eigen organisatie vastlegde",
        "coaching_clause": "als het huurcontract begeleiding vraagt",
        "party": "als de eigen organisatie partij is",
        "own_district": "in de eigen wijken en op de stadsbrede lijst",
        "own_client": "voor eigen cliënten",
        "own_action": "voor eigen acties",
        "overview": "voor een ervaringsdeskundige met overzicht",
    }
)


def explain(view: str, field: str, policy: Policy, rules: Rules) -> dict[str, Any]:
    """Why a field is in a view: the categories it needs, and the rules that open or close each for that role.

    `{view, field, role, purpose, policy_version, why, categories: [{category, label, rules: [{id, state, when, article,
    note}]}], indicators: [{indicator, inputs}]}`. Raises `ConfigurationError` for a view or field that is not there.
    """
    found: dict[str, Any] = {"view": view, "field": field, "role": None, "purpose": None,
                             "policy_version": policy.version, "categories": [], "indicators": []}  # fmt: skip
    if view in OTHER_VIEWS:
        _refuse_unknown(view, field, OTHER_VIEWS[view].__struct_encode_fields__)
        return found | {"why": _PER_VIEW[view]}
    if view not in PERSON_VIEWS:
        raise ConfigurationError("There is no such view.", f"Views: {', '.join([*PERSON_VIEWS, *OTHER_VIEWS])}.")
    fields = CATEGORIES[view]
    _refuse_unknown(view, field, [*fields, *BY_DAY])
    needs = fields.get(field, ROW)
    found |= {"role": view, "purpose": PURPOSE_OF[view], "why": _why(view, needs)}
    of_role = policy.table(view, PURPOSE_OF[view]).rules
    named = sorted(of_role) if SEEN in needs else needs
    found["categories"] = [
        {"category": each, "label": label(each), "rules": _told(of_role.get(each, ()))} for each in named
    ]
    if "warnings" in needs and view != "bewoner":
        found["indicators"] = [
            {"indicator": each.id, "inputs": list(each.inputs)}
            for each in rules.indicators.values()
            if any(viewer.role == view or (viewer.role in _AS_PARTY and view in _AT_WORK) for viewer in each.viewers)
        ]
    return found


def sentence(found: dict[str, Any]) -> str:
    """The answer of `explain` for people, in Dutch, a line per rule."""
    lines = [f"{found['view']}.{found['field']}: {found['why']}"]
    for each in found["categories"]:
        lines.append(f"  {each['label']} ({each['category']})")
        lines += [
            f"    {_STATES[rule['state']]}, {_WHEN[rule['when']]} · {rule['article']} · {rule['note']} [{rule['id']}]"
            for rule in each["rules"]
        ] or ["    geen regel, dus verboden"]
    lines += [f"  signaal {each['indicator']}: {', '.join(each['inputs'])}" for each in found["indicators"]]
    return "\n".join([*lines, f"  beleid {found['policy_version']}"])


def label(category: str) -> str:
    """The Dutch name of a category, derived ones too."""
    return "of een vroegsignaal mag" if category == "may_signal" else codes.label("category", category)


def _why(view: str, needs: tuple[str, ...]) -> str:
    if not needs:
        return "hoort bij de rij zelf: wie de rij ziet, weet dit"
    if "warnings" in needs and view != "bewoner":
        return "een signaal is te zien als elke invoer ervan open staat voor deze rol en deze bewoner"
    if SEEN in needs:
        return "per partij: afspraken, en de dag van het laatste dat voor deze rol open staat"
    return "te zien voor zover deze categorieën open staan"


def _told(rules: tuple[Rule, ...]) -> list[dict[str, str]]:
    return [
        {"id": each.id, "state": each.state, "when": each.when, "article": each.article, "note": each.note}
        for each in rules
    ]


def _refuse_unknown(view: str, field: str, fields: Any) -> None:
    if field not in fields:
        raise ConfigurationError("This view has no such field.", f"Fields of {view}: {', '.join(fields)}.")
