"""Silent feeds: about an organisation, from the world alone."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from woonketen.streams.core.world import World

LONGEST = 400
"""Days that are looked back for the evening on which a silence began."""


class Silence(NamedTuple):
    """`since`: the first evening of the silence; `heard_on`: the day of the last heartbeat, None for never."""

    org: str
    since: date
    heard_on: date | None


def silences(world: World, day: date) -> list[Silence]:
    """Organisations that are silent at the close of `day`, by name."""
    return [_silence(world, org, day) for org in sorted(world.silent(day))]


def _silence(world: World, org: str, day: date) -> Silence:
    since = day
    for back in range(1, LONGEST):
        before = day - timedelta(days=back)
        if org not in world.silent(before):
            break
        since = before
    heard = [beat.date() for beat in world.heartbeats.get(org, []) if beat.date() <= day]
    return Silence(org, since, heard[-1] if heard else None)
