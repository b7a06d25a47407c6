"""The views: everything that a stakeholder may ever see, one frozen struct per view.

Tables, JSON and pages are derived from these. A field that is not here is not shown. A value that no basis covers is
`None` and its field stands in `not_shared`, without a reason; where even existence is secret (care, nuisance, safety)
it looks as if nothing had happened and is not listed. Dates are ISO, money is integer euro cents.

Fields that change by the mere passing of a day (`as_of`, `late_days`, `feeds_silent`, counts of what is late) are not
stored: `late` below is what the database computes them from, on the day that is open.
"""

from __future__ import annotations

from datetime import date
from types import MappingProxyType

import msgspec


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a row."""


class Warn(Part, frozen=True, kw_only=True):
    """A warning as its viewer may read it. `sentence` is Dutch and names only what this viewer may see."""

    id: str
    indicator: str
    severity: int
    state: str
    sentence: str
    opened_on: date
    due_on: date | None
    owner: str


class ActionLine(Part, frozen=True, kw_only=True):
    """`state` is `open`, `late` or `done`; `late` and `late_days` follow from `due_on` on the open day."""

    action: str
    domain: str
    owner: str
    due_on: date
    state: str
    late_days: int = 0


class CoachContact(Part, frozen=True, kw_only=True):
    org: str
    phone: str | None
    next_visit_on: date | None
    interval_days: int | None


class LeaseLine(Part, frozen=True, kw_only=True):
    """`bewoner`: every field; other views leave out what they do not name."""

    kind: str
    ends_on: date | None = None
    evaluation_on: date | None = None
    decide_from: date | None = None
    decide_until: date | None = None
    card: str | None = None


class LeaseDates(Part, frozen=True, kw_only=True):
    kind: str
    ends_on: date | None
    evaluation_on: date | None
    card: str | None


class LeaseKind(Part, frozen=True, kw_only=True):
    kind: str
    ends_on: date | None


class IntakeLine(Part, frozen=True, kw_only=True, omit_defaults=True):
    """Codes of the three questions: what is wanted per domain, what one can do oneself, what is needed. `situation` is
    the resident's own; elsewhere it is left out."""

    wants: dict[str, str]
    can_self: list[str]
    needs: list[str]
    situation: list[str] | None = None


class Sight(Part, frozen=True, kw_only=True):
    """Who sees which fields of me, and on which ground."""

    recipient: str
    fields: list[str]
    ground: str


class ConsentLine(Part, frozen=True, kw_only=True):
    """`from_on` and `until` are the validity; `state` is one of granted, refused, withdrawn, expired."""

    recipient: str
    purpose: str
    from_on: date | None = msgspec.field(name="from", default=None)
    until: date | None = None
    state: str = "granted"


class ContestLine(Part, frozen=True, kw_only=True):
    warning: str
    answer_by: date
    answer: str | None


class Nuisance(Part, frozen=True, kw_only=True):
    count: int
    category: str | None
    open: int
    mediation_on: date | None


class NuisanceNotice(Part, frozen=True, kw_only=True):
    count: int
    category: str | None
    open: int
    mediation_on: date | None
    notice: str | None


class PartyLine(Part, frozen=True, kw_only=True):
    """`actions_late` and `oldest_late_days` are computed from `open_due` on the open day; `open_due` is not shown."""

    org: str
    actions_open: int
    actions_late: int = 0
    oldest_late_days: int | None = None
    last_event_on: date | None = None
    open_due: list[date] = []


class Involved(Part, frozen=True, kw_only=True):
    """`org` is `zorgpartij` where the name of a care provider may not be shared."""

    org: str
    role: str


class Window(Part, frozen=True, kw_only=True):
    """Notice window of art. 7:271 BW: three months to one month before the end, by calendar months."""

    from_on: date = msgspec.field(name="from")
    until: date
    last_working_day: date


class Effort(Part, frozen=True, kw_only=True):
    effort: str
    on: date


class PlanPayment(Part, frozen=True, kw_only=True):
    term_cents: int
    terms: int
    first_due_on: date
    state: str


class Move(Part, frozen=True, kw_only=True):
    planned_on: date
    provisions_open: list[str]


class Place(Part, frozen=True, kw_only=True):
    kind: str
    expected_free_on: date | None


class Share(Part, frozen=True, kw_only=True):
    promised: int
    available: int
    offered: int
    let: int


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What every row of a person's view carries; `as_of` and `feeds_silent` are added by the database."""

    corrected: bool = False
    not_shared: list[str] = []


class Bewoner(View, frozen=True, kw_only=True):
    programme: str
    started_on: date
    coach: CoachContact | None = None
    my_actions: list[ActionLine] = []
    their_actions: list[ActionLine] = []
    lease: LeaseLine | None = None
    ladder_step: int | None = None
    intake: IntakeLine | None = None
    arrears_level: str | None = None
    who_sees_what: list[Sight] = []
    consents: list[ConsentLine] = []
    warnings: list[Warn] = []
    contests: list[ContestLine] = []


class Coach(View, frozen=True, kw_only=True):
    """`programme` and `started_on` are unknown to who has only what the own organisation published."""

    resident: str
    programme: str | None = None
    started_on: date | None = None
    role: str
    mode: str
    interval_days: int
    cover_for: str | None = None
    next_visit_on: date | None = None
    visits_unreported: int = 0
    last_contact_on: date | None = None
    held_90d: int = 0
    missed_90d: int = 0
    attempts_28d: int = 0
    pause_until: date | None = None
    intake: IntakeLine | None = None
    plan_actions: list[ActionLine] | None = None
    ladder_step: int | None = None
    day_activity: str | None = None
    informal_support: bool | None = None
    care_running: bool | None = None
    arrears_level: str | None = None
    arrears_trend: str | None = None
    nuisance_56d: Nuisance | None = None
    lease: LeaseDates | None = None
    attention_until: date | None = None
    warnings: list[Warn] = []


class Casusregisseur(View, frozen=True, kw_only=True):
    """As `coach` where a coach is there (`role` is the coach's), and the parties."""

    resident: str
    programme: str | None = None
    started_on: date | None = None
    role: str | None = None
    mode: str | None = None
    interval_days: int | None = None
    cover_for: str | None = None
    next_visit_on: date | None = None
    visits_unreported: int | None = None
    last_contact_on: date | None = None
    held_90d: int | None = None
    missed_90d: int | None = None
    attempts_28d: int | None = None
    pause_until: date | None = None
    intake: IntakeLine | None = None
    plan_actions: list[ActionLine] | None = None
    ladder_step: int | None = None
    day_activity: str | None = None
    informal_support: bool | None = None
    care_running: bool | None = None
    arrears_level: str | None = None
    arrears_trend: str | None = None
    nuisance_56d: Nuisance | None = None
    lease: LeaseDates | None = None
    attention_until: date | None = None
    warnings: list[Warn] = []
    parties: list[PartyLine] = []
    endorsed_by: list[str] = []
    referrals_open: int = 0
    provisions_open: list[str] = []


class Wijkteam(View, frozen=True, kw_only=True):
    """`arrived_or_left` (this week) follows from the dates in `late`."""

    resident: str
    programme: str
    enrolled_on: date
    phase: str
    case_lead: str | None = None
    involved: list[Involved] | None = None
    actions_open: int | None = None
    actions_late: int | None = None
    referrals_waiting: int | None = None
    warnings: list[Warn] = []
    taken_by: str | None = None
    arrived_or_left: str | None = None


class Corporatie(View, frozen=True, kw_only=True):
    resident: str
    lease_id: str
    kind: str
    started_on: date
    ends_on: date | None = None
    notice_window: Window | None = None
    evaluation_on: date | None = None
    decided: str | None = None
    card: str | None = None
    coaching_required: bool = False
    coaching_runs: str | None = None
    not_running_by: str | None = None
    outstanding_cents: int | None = None
    months_outstanding: float | None = None
    oldest_unpaid_on: date | None = None
    payment_plan: PlanPayment | None = None
    collection_step: str | None = None
    efforts: list[Effort] = []
    may_signal: bool = False
    may_signal_missing: list[str] = []
    nuisance_56d: NuisanceNotice | None = None
    own_actions: list[ActionLine] = []
    warnings: list[Warn] = []


class Complex(View, frozen=True, kw_only=True):
    """`programme_share_band` and `target_band` are bands of whole percents; only complexes of ten dwellings or more."""

    complex_id: str
    dwellings: int
    programme_dwellings: Share
    programme_share_band: str
    target_band: str
    nuisance_per_100: float | None = None
    leases_ending_180d: int = 0


class Zorgaanbieder(View, frozen=True, kw_only=True):
    resident: str
    programme: str | None = None
    referrals_in: list[str] = []
    ladder_step: int | None = None
    ladder_review_due: date | None = None
    own_actions: list[ActionLine] = []
    lease: LeaseKind | None = None
    move: Move | None = None
    place: Place | None = None
    waiting_since: date | None = None
    day_activity: str | None = None
    warnings: list[Warn] = []


class Vrijwilliger(View, frozen=True, kw_only=True):
    """One row per own open action; with `overview` one per party (`party`, `late_days`, the rest `None`)."""

    action: str | None = None
    due_on: date | None = None
    handle: str | None = None
    party: str | None = None
    late_days: int | None = None


class Schuldhulp(View, frozen=True, kw_only=True):
    """A withdrawn row says that it is withdrawn and no more: no amount, no contact, no outcome."""

    signal_id: str
    contact_handle: str | None = None
    amount_cents: int | None = None
    signalled_on: date
    withdrawn_on: date | None = None
    attempts: int = 0
    outcome: str | None = None


class Programma(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a pilot: no number, and no day finer than a month (`as_of`)."""

    cohort: str | None
    programme: str
    phase: str | None
    outcome: str | None
    months_housed: int | None
    goals_met: str | None
    tenancy_kept: bool | None
    as_of: str


class ProgrammaFigures(msgspec.Struct, frozen=True, kw_only=True):
    """`part` of `whole` on the evening of `as_of`; released when another member counted the same."""

    id: int
    figure: str
    programme: str
    cohort: str | None
    part: int
    whole: int
    as_of: date
    state: str
    proposed_by: str
    confirmed_by: str | None
    released_on: date | None


class StewardFeeds(msgspec.Struct, frozen=True, kw_only=True):
    org: str
    last_event_at: str | None
    heartbeat_at: str | None
    accepted_24h: int
    refused_24h: int
    parked: int
    quarantined: int
    lag: int
    agreement_until: date | None
    state: str


class StewardProofs(msgspec.Struct, frozen=True, kw_only=True):
    """What was destroyed or restored; `proof_hash` is that of its line in the erasure ledger."""

    at: str
    kind: str
    scope: str
    rows: int
    keys: int
    proof_hash: str


class StewardRefusals(msgspec.Struct, frozen=True, kw_only=True):
    org: str
    at: str
    type: str | None
    reason: str
    detail: str | None
    mend: str | None


class StewardConsents(msgspec.Struct, frozen=True, kw_only=True):
    """`ref_hash` is the same for one resident, and leads to nobody. `state` is that of the open day."""

    ref_hash: str
    recipient: str
    purpose: str
    state: str
    from_on: date | None = msgspec.field(name="from", default=None)
    until: date | None = None


class StewardRequests(msgspec.Struct, frozen=True, kw_only=True):
    """`kind`: rectification, objection, break_glass. `org` has to answer by `legal_day`; `resident` is its pseudonym,
    shown to its own stewards alone."""

    id: int
    kind: str
    org: str
    resident: str | None
    category: str | None
    reason: str | None
    received_on: date
    legal_day: date
    state: str
    answered_on: date | None


class Looks(msgspec.Struct, frozen=True, kw_only=True):
    at: str
    organisation: str
    role: str
    purpose: str
    fields: list[str]


class Beleid(msgspec.Struct, frozen=True, kw_only=True):
    """A cell of a frozen table. `value` may be drawn; else `shown` is `<10`, `–` or a band, and `note` says why."""

    quarter: str
    table: str
    dimension: str
    part: str
    value: int | None
    shown: str
    band: str | None
    note: str | None


class Late(msgspec.Struct, frozen=True, kw_only=True):
    """Dates from which the database computes, on the open day, what only the passing of days changes."""

    open_due: list[date] = []
    arrived_on: date | None = None
    left_on: date | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a view and who may see it: the viewer's organisation, worker or district. `key` is unique within the
    resident's rows of this view. `sources` are the organisations whose facts are in it (for `feeds_silent`)."""

    view: str
    key: str
    org: str
    worker: str | None = None
    district: str | None = None
    data: View
    late: Late = Late()
    sources: list[str] = []

    def __repr__(self) -> str:
        return f"Row({self.view})"


PERSON_VIEWS = MappingProxyType(
    {
        "bewoner": Bewoner,
        "coach": Coach,
        "casusregisseur": Casusregisseur,
        "wijkteam": Wijkteam,
        "corporatie": Corporatie,
        "zorgaanbieder": Zorgaanbieder,
        "vrijwilliger": Vrijwilliger,
        "schuldhulp": Schuldhulp,
    }
)
"""Views of one resident's facts, by name."""

OTHER_VIEWS = MappingProxyType(
    {
        "complex": Complex,
        "beleid": Beleid,
        "programma": Programma,
        "programma_figures": ProgrammaFigures,
        "steward_feeds": StewardFeeds,
        "steward_refusals": StewardRefusals,
        "steward_proofs": StewardProofs,
        "steward_consents": StewardConsents,
        "steward_requests": StewardRequests,
        "looks": Looks,
    }
)
