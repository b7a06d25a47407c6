"""The view `zorgaanbieder`: one row per own client, or resident referred to the organisation."""

from __future__ import annotations

from collections.abc import Iterator

from woonketen.contracts.views import LeaseKind, Place, Row, Zorgaanbieder
from woonketen.streams.core import picture
from woonketen.streams.core.show.case import Case, Look, Pair
from woonketen.streams.core.show.lines import action_lines, coming_move, move_line, warnings

OPENED_BY = {"lease": "lease", "day_activity": "day_activity"}
OWN_WORK = frozenset(
    {
        "care.started",
        "day_activity.started",
        "ladder.reviewed",
        "ladder.step_changed",
        "move.planned",
        "place.vacated",
        "waiting.entered",
    }
)
# The protected place on a step of the ladder, and that of somebody who is not on it by the route.
_PLACE_OF_STEP = {1: "intramuraal", 2: "beschermd_wonen", 3: "beschermd_wonen_licht"}
_PLACE_OF_ROUTE = {
    "beschermd_wonen": "beschermd_wonen",
    "maatschappelijke_opvang": "maatschappelijke_opvang",
    "intramuraal": "intramuraal",
}


def providers(case: Case) -> list[str]:
    """Care providers that published something, were referred to, or own an action."""
    named = {*case.orgs}
    named |= {fact.data.to_org for fact in case.facts.upto(case.day, "referral.made")}
    named |= {each.owner for each in case.actions}
    return sorted(org for org in named if case.world.kind(org) == "zorgaanbieder")


def rows(case: Case) -> Iterator[Pair]:
    for org in providers(case):
        look = case.look("zorgaanbieder", org)
        referrals = _referrals_in(look, org)
        actions = [] if look.ended else [each for each in look.read(picture.actions) if each.owner == org]
        if _runs(look, org) if look.ended else referrals or actions or _is_client(look, org):
            data = _data(case, look, referrals, actions)
            yield look, Row(view="zorgaanbieder", key=org, org=org, data=data, sources=look.sources)


def _data(case: Case, look: Look, referrals: list[str], actions: list[picture.Action]) -> Zorgaanbieder:
    day = case.day
    enrolment = look.read(picture.current_enrolment)
    ladder, activity = look.read(picture.ladder), look.read(picture.day_activity)
    lease = look.read(picture.current_lease)
    move = coming_move(look.read(picture.moves), day)
    return Zorgaanbieder(
        resident=look.resident,
        programme=enrolment.programme if enrolment else None,
        referrals_in=referrals,
        ladder_step=ladder.step if ladder else None,
        ladder_review_due=ladder.review_due if ladder else None,
        own_actions=action_lines(actions),
        lease=LeaseKind(kind=lease.kind, ends_on=lease.ends_on) if lease else None,
        move=move_line(move),
        place=_place(look, enrolment, ladder),
        waiting_since=look.read(picture.waiting_since),
        day_activity=activity.kind if activity else None,
        warnings=warnings(case, look),
        corrected=look.corrected,
        not_shared=look.not_shared(OPENED_BY),
    )


def _referrals_in(look: Look, org: str) -> list[str]:
    """Ids of those that wait for the organisation's answer."""
    return [
        each.id
        for each in look.read(picture.referrals)
        if each.to_org == org and each.answered_on is None and each.closed_on is None
    ]


def _is_client(look: Look, org: str) -> bool:
    if not look.sight.only_own:
        return look.open("enrolment")
    return any(fact.org == org for short in OWN_WORK for fact in look.seen.of(short))


def _runs(look: Look, org: str) -> bool:
    """Whether the organisation's own care, or its place in a queue, goes on after the enrolment."""
    return any(each.org == org and each.ended_on is None for each in look.read(picture.care)) or any(
        each.org == org and each.left_on is None for each in look.read(picture.waiting)
    )


def _place(look: Look, enrolment: picture.Enrolment | None, ladder: picture.Ladder | None) -> Place | None:
    """The own protected place: which, and when the next move leaves it free; the day itself, once it did. Who came back
    since has a place again."""
    vacated = look.read(picture.place)
    left_on = vacated.vacated_on if vacated else None
    protected = ladder is not None and ladder.step in _PLACE_OF_STEP
    if vacated is not None and not (protected and ladder is not None and ladder.since > vacated.vacated_on):
        return Place(kind=vacated.kind, expected_free_on=left_on)
    kind = _PLACE_OF_STEP.get(ladder.step) if ladder else _PLACE_OF_ROUTE.get(enrolment.route) if enrolment else None
    moves = [each.planned_on for each in look.read(picture.moves) if each.org == look.to.org]
    coming = [on for on in moves if left_on is None or on > left_on]
    return Place(kind=kind, expected_free_on=coming[-1]) if kind and coming else None
