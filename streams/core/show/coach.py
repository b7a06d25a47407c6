"""The view `coach`: one row per resident that a worker guides, or covers for a colleague."""

from __future__ import annotations

from collections.abc import Iterator

from woonketen.contracts.views import Coach, Row
from woonketen.streams.core import picture
from woonketen.streams.core.show.case import Case, Pair
from woonketen.streams.core.show.guidance import PROFESSIONAL, contact, guidance

OPENED_BY = {
    "intake": "intake",
    "day_activity": "day_activity",
    "informal_support": "support",
    "arrears_level": "arrears_level",
    "arrears_trend": "arrears_level",
    "lease": "lease",
}

Guide = tuple[str, str]
Task = tuple[picture.Assignment, str | None]


def guides(case: Case) -> dict[Guide, Task]:
    """(organisation, worker) → the assignment and, for a cover, the colleague. One's own assignment goes before a
    cover, a later one before an earlier."""
    found: dict[Guide, Task] = {}
    running = [each for each in case.assignments if each.ended_on is None and each.role in PROFESSIONAL]
    for each in running:
        for cover in each.covers:
            if cover.from_on <= case.day <= cover.until and cover.worker != each.worker:
                found[(each.org, cover.worker)] = (each, each.worker)
    for each in running:
        found[(each.org, each.worker)] = (each, None)
    return found


def rows(case: Case) -> Iterator[Pair]:
    found = sorted(guides(case).items())
    fields: dict[str, dict[str, object]] = {}
    for (org, worker), (assignment, cover_for) in found:
        # All who guide for one organisation see the same, so the first one's look serves them all.
        first = next(each for (of, each), _ in found if of == org)
        look = case.look("coach", org, first)
        if look.ended:
            continue
        if org not in fields:
            actions = case.in_hand(look.read(picture.actions))
            fields[org] = {
                **guidance(case, look, actions),
                **contact(look, case.day, org),
                "not_shared": look.not_shared(OPENED_BY),
            }
        data = Coach(
            role=assignment.role,
            mode=assignment.mode,
            interval_days=assignment.interval_days,
            cover_for=cover_for,
            **fields[org],  # type: ignore[arg-type]
        )
        yield look, Row(view="coach", key=f"{org}|{worker}", org=org, worker=worker, data=data, sources=look.sources)
