"""The catalogue's table: every event type with its category, publishers, business key and legal basis.

Letters of publishers: G gemeente, C corporatie, Z care or coaching provider, B buddy or volunteer organisation, S debt
help, R the resident, P the platform. A business key names the payload's fields that, with type and publisher, are one
fact; an empty key leaves that to the event's own id.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

from woonketen.contracts.payloads import agreements as a
from woonketen.contracts.payloads import arrears as r
from woonketen.contracts.payloads import consent as c
from woonketen.contracts.payloads import enrolment as e
from woonketen.contracts.payloads import guidance as g
from woonketen.contracts.payloads import housing as h
from woonketen.contracts.payloads import plan as p
from woonketen.contracts.payloads import platform as w

Basis = Literal["agreement", "open", "platform"]
PayloadType: TypeAlias = type[Any]


class Line(NamedTuple):
    """One version of one type. `basis`: a running agreement that covers publisher and programme, none, or the
    platform alone."""

    type: str
    payload: PayloadType
    category: str
    publishers: str
    key: tuple[str, ...] = ()
    basis: Basis = "agreement"
    about: Literal["person", "everybody"] = "person"
    purpose: str | None = None
    restricting: bool = False
    version: int = 1


def _world(short: str, payload: PayloadType, category: str, publishers: str, *key: str) -> Line:
    return Line(short, payload, category, publishers, key, "platform" if publishers == "P" else "open", "everybody")


def _platform(short: str, payload: PayloadType, category: str, *key: str) -> Line:
    return Line(short, payload, category, "P", key, "platform")


# What a resident says against sharing needs no agreement, and outlives it: basis "open". So do links and corrections.
LINES: tuple[Line, ...] = (
    _world("agreement.signed", a.AgreementSigned, "agreement", "G", "agreement_id"),
    _world("agreement.ended", a.AgreementEnded, "agreement", "G", "agreement_id"),
    _world("programme.capacity_set", a.ProgrammeCapacitySet, "agreement", "G"),
    _world("complex.assessed", a.ComplexAssessed, "complex", "C"),
    _world("complex.nuisance_counted", a.ComplexNuisanceCounted, "complex", "C", "complex_id", "month"),
    _world("dwelling.made_available", a.DwellingMadeAvailable, "complex", "C", "dwelling_id", "available_on"),
    Line("enrolment.opened", e.EnrolmentOpened, "enrolment", "GCZB", ("enrolment_id",)),
    Line("enrolment.transferred", e.EnrolmentTransferred, "enrolment", "GCZB"),
    Line("enrolment.closed", e.EnrolmentClosed, "enrolment", "GCZB", ("enrolment_id",)),
    Line("follow_up.held", e.FollowUpHeld, "enrolment", "GCZB", ("enrolment_id", "months_after_start")),
    Line("notice.given", e.NoticeGiven, "enrolment", "GCZB"),
    Line("subject.linked", e.SubjectLinked, "link", "GCZBS", basis="open"),
    _platform("subject.merged", e.SubjectMerged, "link"),
    _platform("subject.split", e.SubjectSplit, "link"),
    Line("consent.granted", c.ConsentGranted, "consent", "RGCZB", ("consent_id",)),
    Line("consent.refused", c.ConsentRefused, "consent", "RGCZB", ("consent_id",), "open", restricting=True),
    Line("consent.withdrawn", c.ConsentWithdrawn, "consent", "RGCZB", ("consent_id",), "open", restricting=True),
    _platform("consent.expired", c.ConsentExpired, "consent", "consent_id"),
    Line("objection.recorded", c.ObjectionRecorded, "consent", "RCG", ("objection_id",), "open", restricting=True),
    Line("objection.lifted", c.ObjectionLifted, "consent", "RCG", ("objection_id",), "open"),
    Line("safety.flag_set", c.SafetyFlagSet, "safety", "GZ", (), "open", restricting=True),
    Line("safety.flag_cleared", c.SafetyFlagCleared, "safety", "GZ", (), "open"),
    Line("referral.made", p.ReferralMade, "referral", "GCZB", ("referral_id",)),
    Line("referral.accepted", p.ReferralAccepted, "referral", "GCZB", ("referral_id",)),
    Line("referral.declined", p.ReferralDeclined, "referral", "GCZB", ("referral_id",)),
    Line("referral.closed", p.ReferralClosed, "referral", "GCZB", ("referral_id",)),
    Line("intake.held", p.IntakeHeld, "intake", "ZBG"),
    Line("plan.agreed", p.PlanAgreed, "plan", "GZB", ("plan_id", "version")),
    Line("plan.endorsed", p.PlanEndorsed, "plan", "GCZBS", ("plan_id", "version")),
    Line("action.added", p.ActionAdded, "plan", "GCZBS"),
    Line("action.completed", p.ActionCompleted, "plan", "GCZBS", ("plan_id", "action_id")),
    Line("action.rescheduled", p.ActionRescheduled, "plan", "GCZBS", ("plan_id", "action_id", "due_on")),
    Line("caselead.assigned", p.CaseleadAssigned, "involvement", "G"),
    Line("caselead.ended", p.CaseleadEnded, "involvement", "G"),
    Line("provision.arranged", p.ProvisionArranged, "plan", "GCZB"),
    Line("move.planned", p.MovePlanned, "plan", "GCZB", ("move_id", "planned_on")),
    Line("waiting.entered", h.WaitingEntered, "places", "GCZ", ("queue_id",)),
    Line("waiting.left", h.WaitingLeft, "places", "GCZ", ("queue_id",)),
    Line("place.vacated", h.PlaceVacated, "places", "ZG"),
    _world("place.occupied", a.PlaceOccupied, "places", "ZG"),
    Line("dwelling.offered", h.DwellingOffered, "lease", "C", ("offer_id",)),
    Line("dwelling.refused", h.DwellingRefused, "lease", "C", ("offer_id",)),
    Line("lease.started", h.LeaseStarted, "lease", "C", ("lease_id",)),
    Line("lease.evaluation_planned", h.LeaseEvaluationPlanned, "lease", "C", ("lease_id", "planned_on")),
    Line("lease.evaluated", h.LeaseEvaluated, "lease", "C", ("lease_id", "occurred_on")),
    Line("lease.decided", h.LeaseDecided, "lease", "C", ("lease_id", "occurred_on")),
    Line("lease.converted", h.LeaseConverted, "lease", "C", ("lease_id",)),
    Line("lease.card_issued", h.LeaseCardIssued, "lease", "C", ("lease_id", "occurred_on")),
    Line("lease.ended", h.LeaseEnded, "lease", "C", ("lease_id",)),
    Line("rent.balance_reported", r.RentBalanceReported, "arrears", "C"),
    Line("payment_plan.agreed", r.PaymentPlanAgreed, "arrears", "C", ("payment_plan_id",)),
    Line("payment_plan.broken", r.PaymentPlanBroken, "arrears", "C", ("payment_plan_id",)),
    Line("payment_plan.completed", r.PaymentPlanCompleted, "arrears", "C", ("payment_plan_id",)),
    Line("collection.step_taken", r.CollectionStepTaken, "arrears", "C"),
    Line("arrears.effort_made", r.ArrearsEffortMade, "arrears", "C"),
    Line("arrears.signalled", r.ArrearsSignalled, "signal", "C", ("signal_id",), purpose="early_signalling"),
    Line("debt_help.outcome", r.DebtHelpOutcome, "signal", "GS", ("signal_id",), purpose="early_signalling"),
    Line("coach.assigned", g.CoachAssigned, "involvement", "ZB", ("assignment_id",)),
    Line("coach.changed", g.CoachChanged, "involvement", "ZB"),
    Line("coach.covered", g.CoachCovered, "involvement", "ZB"),
    Line("coach.ended", g.CoachEnded, "involvement", "ZB", ("assignment_id",)),
    Line("coach.visit_planned", g.CoachVisitPlanned, "visits", "ZB", ("visit_id",)),
    Line("coach.visit_held", g.CoachVisitHeld, "visits", "ZB", ("visit_id",)),
    Line("coach.visit_missed", g.CoachVisitMissed, "visits", "ZB", ("visit_id",)),
    Line("contact.attempted", g.ContactAttempted, "visits", "GCZB"),
    Line("pause.agreed", g.PauseAgreed, "visits", "GCZB"),
    Line("nuisance.reported", g.NuisanceReported, "nuisance", "CG", ("report_id",)),
    Line("nuisance.resolved", g.NuisanceResolved, "nuisance", "CG", ("report_id",)),
    Line("nuisance.notice_sent", g.NuisanceNoticeSent, "nuisance", "CG"),
    Line("mediation.agreed", g.MediationAgreed, "nuisance", "CG", ("report_id",)),
    Line("fire_safety.visit_held", g.FireSafetyVisitHeld, "tenancy_care", "GC"),
    Line("support.requested", g.SupportRequested, "support", "B", ("support_id",)),
    Line("support.matched", g.SupportMatched, "support", "B", ("support_id",)),
    Line("support.ended", g.SupportEnded, "support", "B", ("support_id",)),
    Line("care.started", g.CareStarted, "care", "Z", ("care_id",)),
    Line("care.ended", g.CareEnded, "care", "Z", ("care_id",)),
    Line("day_activity.started", g.DayActivityStarted, "day_activity", "GZB", ("activity_id",)),
    Line("day_activity.ended", g.DayActivityEnded, "day_activity", "GZB", ("activity_id",)),
    Line("ladder.step_changed", g.LadderStepChanged, "ladder", "ZGC"),
    Line("ladder.reviewed", g.LadderReviewed, "ladder", "ZGC"),
    Line("attention.flagged", g.AttentionFlagged, "attention", "ZBR"),
    Line("event.corrected", w.EventCorrected, "platform", "GCZBSR", basis="open"),
    Line("event.retracted", w.EventRetracted, "platform", "GCZBSR", basis="open"),
    _world("feed.heartbeat", a.FeedHeartbeat, "platform", "GCZBS"),
    _world("clock.day_closed", a.ClockDayClosed, "platform", "P", "date"),
    _platform("warning.opened", w.WarningOpened, "warnings"),
    _platform("warning.raised", w.WarningRaised, "warnings"),
    _platform("warning.lowered", w.WarningLowered, "warnings"),
    _platform("warning.closed", w.WarningClosed, "warnings"),
    _platform("warning.voided", w.WarningVoided, "warnings"),
    _platform("warning.suspended", w.WarningSuspended, "warnings"),
    _platform("warning.resumed", w.WarningResumed, "warnings"),
    _platform("warning.acknowledged", w.WarningAcknowledged, "warnings"),
    _platform("warning.contested", w.WarningContested, "warnings"),
    _platform("warning.contest_answered", w.WarningContestAnswered, "warnings"),
    _platform("data.expired", w.DataExpired, "platform"),
    _platform("subject.erased", e.SubjectErased, "platform"),
    _world("org.registered", a.OrgRegistered, "platform", "P"),
    _world("org.left", a.OrgLeft, "platform", "P", "org"),
)
