"""The closed lists of payloads. Each equals a list of `codes.csv`, where the Dutch labels live; a test says so."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Literal

Programme = Literal["wooncoach", "buddy", "doorstroom", "housing_first", "woonladder", "early_signalling"]
Route = Literal[
    "beschermd_wonen", "maatschappelijke_opvang", "bankhopper", "zittende_huurder", "intramuraal", "aanwijzing"
]
Purpose = Literal["coordination", "guidance", "tenancy", "care", "early_signalling", "own_task", "evaluation"]
ObjectionPurpose = Literal["early_signalling", "warnings"]
OrgKind = Literal["gemeente", "corporatie", "zorgaanbieder", "buddy_organisatie", "schuldhulp"]
Role = Literal[
    "bewoner",
    "coach",
    "casusregisseur",
    "wijkteam",
    "corporatie",
    "zorgaanbieder",
    "schuldhulp",
    "vrijwilliger",
    "beleid",
    "programma",
    "steward",
]
AgreementEnd = Literal["term", "terminated", "replaced", "partner_left"]
Outcome = Literal["completed", "stopped_by_resident", "stopped_by_partner", "moved", "deceased", "tenancy_lost"]
NoticeChannel = Literal["conversation", "letter", "phone", "portal"]
MergeReason = Literal["link_code", "same_person"]
SplitReason = Literal["wrong_link", "wrong_person"]

Category = Literal[
    "enrolment",
    "phase",
    "involvement",
    "overview",
    "coaching_runs",
    "referral",
    "intake",
    "plan",
    "visits",
    "lease",
    "arrears",
    "arrears_level",
    "signal",
    "nuisance",
    "care",
    "day_activity",
    "ladder",
    "support",
    "tenancy_care",
    "places",
    "attention",
    "warnings",
    "consent",
]
ConsentRecorded = Literal["on_paper", "in_portal", "in_conversation"]

Service = Literal[
    "wooncoach",
    "buddy",
    "ambulante_begeleiding",
    "beschermd_wonen",
    "maatschappelijke_opvang",
    "housing",
    "debt_help",
    "budget_coaching",
    "day_activity",
    "informal_support",
    "mediation",
    "wijkteam",
    "care",
]
Urgency = Literal["normal", "urgent", "crisis"]
DeclinedBy = Literal["client", "provider"]
DeclineReason = Literal[
    "no_capacity",
    "not_suitable",
    "no_indication",
    "out_of_area",
    "client_refused",
    "other_help",
    "waiting_too_long",
    "no_contact",
    "duplicate",
    "other",
]
ReferralResult = Literal[
    "goal_reached",
    "partly_reached",
    "not_reached",
    "stopped_by_resident",
    "stopped_by_provider",
    "referred_on",
    "no_contact",
    "moved",
    "deceased",
]

Domain = Literal["housing", "money", "administration", "day_activity", "household", "neighbours", "network", "care"]
Weight = Literal["light", "heavy"]
Situation = Literal[
    "debts",
    "arrears",
    "no_income",
    "no_own_home",
    "temporary_home",
    "moving_soon",
    "unsafe_home",
    "lonely",
    "no_day_activity",
    "conflict_neighbours",
    "nuisance",
    "relationship_ended",
    "mail_unopened",
    "paperwork",
    "household_difficult",
    "new_in_area",
    "care_wanted",
]
Wants = Literal[
    "own_home",
    "stay_here",
    "other_home",
    "safe_home",
    "tidy_home",
    "overview",
    "own_money",
    "no_debts",
    "day_activity",
    "work",
    "school",
    "people_around",
    "rest",
    "contact_neighbours",
    "contact_family",
    "help_nearby",
    "do_it_myself",
    "care_arranged",
]
CanSelf = Literal[
    "household",
    "cooking",
    "shopping",
    "money",
    "bills",
    "mail",
    "administration",
    "appointments",
    "asking_help",
    "getting_around",
    "neighbour_contact",
    "family_contact",
    "digital",
    "daily_rhythm",
    "work",
]
Needs = Literal[
    "neighbour_contact",
    "administration_help",
    "explaining_letters",
    "form_help",
    "digital_help",
    "budget_help",
    "debt_help",
    "household_help",
    "practical_help",
    "moving_help",
    "furniture",
    "dwelling",
    "day_activity",
    "work",
    "company",
    "contact_person",
    "reminder",
    "mediation",
    "care_arranged",
]
ActionKind = Literal[
    "offer_dwelling",
    "find_day_activity",
    "open_bank_account",
    "administration_help",
    "explain_letters",
    "open_mail",
    "register_address",
    "arrange_income",
    "apply_benefit",
    "apply_allowance",
    "arrange_insurance",
    "arrange_furniture",
    "arrange_utilities",
    "register_gp",
    "arrange_care",
    "arrange_guidance",
    "budget_plan",
    "payment_plan",
    "debt_help_referral",
    "introduce_neighbours",
    "contact_family",
    "find_buddy",
    "weekly_visit",
    "household_help",
    "moving_help",
    "key_handover",
    "repair",
    "explain_house_rules",
    "mediation",
    "evaluate_lease",
    "fire_safety_check",
    "review_plan",
]
CaseleadEnd = Literal["closed", "changed", "transferred"]
Provision = Literal[
    "income",
    "insurance",
    "furniture",
    "gp",
    "day_activity",
    "bank_account",
    "address_registration",
    "identity_document",
    "utilities",
    "budget",
    "guidance",
    "care",
    "buddy",
    "key",
]

Queue = Literal["ladder_step", "dwelling"]
WaitingReason = Literal[
    "no_dwelling", "no_place", "no_guidance", "not_ready", "provisions_open", "indication_pending", "resident_choice"
]
WaitingLeft = Literal["placed", "other_solution", "no_longer_needed", "withdrawn", "moved", "deceased"]
PlaceKind = Literal[
    "beschermd_wonen",
    "beschermd_wonen_licht",
    "maatschappelijke_opvang",
    "crisisopvang",
    "tussenvoorziening",
    "intramuraal",
]
PlaceReason = Literal["new", "return"]
DwellingRefusal = Literal[
    "location", "size", "rent", "condition", "accessibility", "moment", "neighbours", "provider", "none_given"
]
LeaseKind = Literal["indefinite", "conditional", "fixed_term", "three_party"]
# First the groups of art. 1 of Stb. 2024, 152, then the grounds that a corporation's own rules know.
LeaseGround = Literal[
    "studie",
    "renovatie",
    "maatschappelijke_opvang",
    "sociale_noodsituatie",
    "tweede_kans",
    "nabestaande",
    "gescheiden_ouder",
    "vergunninghouder",
    "werk_waddeneiland",
    "doorstroom_beschermd_wonen",
    "doorstroom_maatschappelijke_opvang",
    "uitstroom_intramuraal",
    "uitstroom_jeugdhulp",
    "woonladder",
    "housing_first",
    "laatste_kans",
    "begeleiding",
    "overlast",
    "huurachterstand",
]
Tenant = Literal["resident", "care_org"]
EvaluationResult = Literal["positive", "partly", "negative"]
LeaseDecision = Literal["convert", "continue", "end"]
Card = Literal["yellow", "red"]
LeaseEnd = Literal["by_tenant", "mutual", "eviction", "abandoned", "deceased", "moved"]

CollectionStep = Literal["summons", "judgement", "eviction_date", "withdrawn"]
ArrearsEffort = Literal["personal_contact", "pointed_to_debt_help", "written_reminder", "offer_to_pass_on"]
# `EnumEindresultaat` of DDAS-vroegsignalering 1.2, word for word.
DebtHelpOutcome = Literal[
    "(Budget)advies en/of quick fix",
    "Definitief geen contact kunnen krijgen",
    "Geen reactie na eerder contact",
    "Inwoner al bekend bij schuldhulpverlening",
    "Inwoner heeft al een ander lopend traject",
    "Inwoner heeft zelf al betaald/betalingsregeling getroffen",
    "Inwoner is overleden",
    "Inwoner regelt het zelf/hoeft geen hulp vanuit vroegsignalering",
    "Niet opgepakt: andere reden",
    "Niet opgepakt: herhaalde melding",
    "Niet opgepakt: onterecht signaal",
    "Persoon is geen inwoner (meer) in de gemeente",
    "Vervolghulp en/of verwijzing",
    "Vervolghulp en/of verwijzing financieel",
    "Vervolghulp en/of verwijzing niet financieel",
    "Verwijzing zonder tussenkomst inwoner",
]

CoachRole = Literal["wooncoach", "buddy_professional", "buddy_volunteer", "ervaringsdeskundige"]
CoachMode = Literal["active", "background"]
CoachEnd = Literal[
    "completed",
    "stopped_by_resident",
    "stopped_by_organisation",
    "no_contact",
    "transferred",
    "moved",
    "deceased",
]
Channel = Literal["door", "phone", "letter", "chat", "email", "office", "video", "outside"]
MissedBy = Literal["resident", "organisation"]
Present = Literal["resident", "relative", "neighbour", "party"]
NuisanceCategory = Literal[
    "noise",
    "waste",
    "smell",
    "animals",
    "garden",
    "visitors",
    "conflict",
    "threat",
    "damage",
    "neglect",
    "fire_danger",
    "other",
]
NuisanceStep = Literal["conversation", "warning_letter", "second_warning", "behaviour_agreement", "legal_notice"]
SupportKind = Literal[
    "neighbour_visit",
    "company",
    "shopping",
    "meal",
    "odd_jobs",
    "garden",
    "walk_along",
    "transport",
    "administration",
    "moving",
]
# WMO020 and WMO588 of iWmo 3.2.
CareCategory = Literal[
    "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14", "15", "16", "17", "18"
]
CareEnd = Literal["02", "19", "20", "21", "22", "23", "31", "36", "37", "38", "39"]
DayActivityKind = Literal["paid_work", "volunteer_work", "odd_jobs", "social_enterprise", "school", "care"]
LadderReview = Literal["stay", "up", "down"]

CorrectionReason = Literal[
    "wrong_value", "wrong_date", "wrong_person", "duplicate", "not_happened", "late_information", "system_error"
]
WarningReason = Literal[
    "threshold_reached",
    "other_domain",
    "evidence_added",
    "below_exit",
    "resolved",
    "taken_over",
    "expired",
    "not_applicable",
    "switched_off",
    "evidence_corrected",
    "evidence_retracted",
    "feed_silent",
    "feed_back",
    "data_old",
    "data_back",
    "objection",
    "objection_lifted",
    "consent_ended",
    "consent_back",
]
Acknowledgement = Literal["acting", "already_known", "no_concern", "wrong_data", "resident_objects", "other"]
ContestReason = Literal["wrong_data", "no_concern", "already_solved", "not_about_me", "other"]
ContestAnswer = Literal["upheld", "partly_upheld", "rejected"]
ErasureReason = Literal[
    "art_17_request", "objection_upheld", "consent_withdrawn", "wrong_person", "unlawful", "controller_decision"
]
Activity = Literal[
    "coordination", "guidance", "tenancy", "care", "early_signalling", "own_task", "evaluation", "warnings"
]

LISTS: MappingProxyType[str, Any] = MappingProxyType(
    {
        "programme": Programme,
        "route": Route,
        "purpose": Purpose,
        "objection_purpose": ObjectionPurpose,
        "org_kind": OrgKind,
        "role": Role,
        "agreement_end": AgreementEnd,
        "outcome": Outcome,
        "notice_channel": NoticeChannel,
        "merge_reason": MergeReason,
        "split_reason": SplitReason,
        "category": Category,
        "consent_recorded": ConsentRecorded,
        "service": Service,
        "urgency": Urgency,
        "declined_by": DeclinedBy,
        "decline_reason": DeclineReason,
        "referral_result": ReferralResult,
        "domain": Domain,
        "weight": Weight,
        "situation": Situation,
        "wants": Wants,
        "can_self": CanSelf,
        "needs": Needs,
        "action_kind": ActionKind,
        "caselead_end": CaseleadEnd,
        "provision": Provision,
        "queue": Queue,
        "waiting_reason": WaitingReason,
        "waiting_left": WaitingLeft,
        "place_kind": PlaceKind,
        "place_reason": PlaceReason,
        "dwelling_refusal": DwellingRefusal,
        "lease_kind": LeaseKind,
        "lease_ground": LeaseGround,
        "tenant": Tenant,
        "evaluation_result": EvaluationResult,
        "lease_decision": LeaseDecision,
        "card": Card,
        "lease_end": LeaseEnd,
        "collection_step": CollectionStep,
        "arrears_effort": ArrearsEffort,
        "debt_help_outcome": DebtHelpOutcome,
        "coach_role": CoachRole,
        "coach_mode": CoachMode,
        "coach_end": CoachEnd,
        "channel": Channel,
        "missed_by": MissedBy,
        "present": Present,
        "nuisance_category": NuisanceCategory,
        "nuisance_step": NuisanceStep,
        "support_kind": SupportKind,
        "care_category": CareCategory,
        "care_end": CareEnd,
        "day_activity_kind": DayActivityKind,
        "ladder_review": LadderReview,
        "correction_reason": CorrectionReason,
        "warning_reason": WarningReason,
        "acknowledgement": Acknowledgement,
        "contest_reason": ContestReason,
        "contest_answer": ContestAnswer,
        "erasure_reason": ErasureReason,
        "activity": Activity,
    }
)
"""List name in `codes.csv` → the literal type."""
