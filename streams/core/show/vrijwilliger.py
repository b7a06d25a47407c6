"""The view `vrijwilliger`: one row per own open action; for an experienced peer, with consent, one per party."""

from __future__ import annotations

from collections.abc import Iterator

from woonketen.contracts.views import Late, Row, Vrijwilliger
from woonketen.streams.core import picture
from woonketen.streams.core.picture.plan import SHARED_OWNERS
from woonketen.streams.core.show.case import Case, Look, Pair
from woonketen.streams.core.show.coach import guides
from woonketen.streams.core.show.lines import open_due


def volunteers(case: Case) -> list[tuple[str, str]]:
    """(organisation, code) of those with an open action, and of experienced peers; who guides as a professional has a
    view of that."""
    found = {(each.owner, each.worker) for each in case.actions if each.worker is not None and each.done_on is None}
    found |= set(_peers(case))
    return sorted(found - set(guides(case)))


def rows(case: Case) -> Iterator[Pair]:
    peers = _peers(case)
    for org, worker in volunteers(case):
        look = case.look("vrijwilliger", org, worker)
        if look.ended:
            continue
        actions = look.read(picture.actions)
        still = [each for each in actions if each.done_on is None]
        yield from _own(look, org, worker, still)
        # Without consent a plan holds nothing but own actions, so the others' are the proof of it.
        if (org, worker) in peers and any((each.owner, each.worker) != (org, worker) for each in actions):
            yield from _overview(look, org, worker, still)


def _peers(case: Case) -> list[tuple[str, str]]:
    return [
        (each.org, each.worker)
        for each in case.assignments
        if each.ended_on is None and each.role == "ervaringsdeskundige"
    ]


def _own(look: Look, org: str, worker: str, actions: list[picture.Action]) -> Iterator[Pair]:
    for each in actions:
        if (each.owner, each.worker) == (org, worker):
            data = Vrijwilliger(
                action=each.kind, due_on=each.due_on, handle=look.resident, corrected=look.corrected
            )  # fmt: skip
            key = f"{org}|{worker}|{each.plan_id}|{each.action_id}"
            yield look, Row(view="vrijwilliger", key=key, org=org, worker=worker, data=data, sources=look.sources)


def _overview(look: Look, org: str, worker: str, actions: list[picture.Action]) -> Iterator[Pair]:
    for party in sorted({each.owner for each in actions} - SHARED_OWNERS):
        due = open_due(each for each in actions if each.owner == party)
        yield (
            look,
            Row(
                view="vrijwilliger",
                key=f"{org}|{worker}||{party}",
                org=org,
                worker=worker,
                data=Vrijwilliger(party=party, corrected=look.corrected),
                late=Late(open_due=due),
                sources=look.sources,
            ),
        )
