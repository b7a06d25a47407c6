"""An organisation leaves: its feed and its logins end, its open actions are the case lead's, its data stay."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from chaos.office import Office, live, opened_office
from chaos.town import CO, FIRST_DAY, GI, ORGS, agreements, envelope, lives

LAST = FIRST_DAY + timedelta(days=45)


@pytest.fixture(scope="module")
def town() -> Iterator[Office]:
    """The coaches' organisation has an open action for residents 0 and 3."""
    with opened_office() as made:
        with made.platform() as platform:
            live(platform, [*agreements(FIRST_DAY, LAST.replace(year=2028)), *lives(4, FIRST_DAY, LAST, 3)], LAST)
            platform.add_user("bewoner-0", CO, "bewoner", None, f"{GI}:G-000000")
        yield made


def open_actions(office: Office) -> dict[str, int]:
    """Per organisation, over all residents of a case lead."""
    found: dict[str, int] = {}
    rows = office("view", "casusregisseur", "--as", "regie-2", "--json").rows
    for party in (party for row in rows for party in row["parties"]):
        found[party["org"]] = found.get(party["org"], 0) + party["actions_open"]
    return found


def mine(office: Office) -> list[dict[str, Any]]:
    (row,) = office("view", "bewoner", "--as", "bewoner-0", "--json").rows
    return [each for each in row["their_actions"] if each["state"] != "done"]


def test_leaving(town: Office) -> None:
    before = open_actions(town)
    assert before[CO] >= 1
    assert {each["owner"] for each in mine(town)} >= {CO}
    done = town("org", "leave", CO, "--json").object
    assert done == {"org": CO, "left_on": (LAST + timedelta(days=1)).isoformat()}
    assert town("org", "leave", CO, "--json").object == done, "again is nothing"

    for user in ("coach-1", "coach-2", "zorg-co"):
        assert "no such user" in town("view", "coach", "--as", user, code=2).err
    assert "has left" in town("user", "add", "coach-9", "--org", CO, "--role", "coach", "--worker", "W-9", code=2).err
    beat = envelope(CO, "feed.heartbeat", "beat-1", LAST, {"as_of": "2026-02-20T05:00:00+01:00"})
    out = town.files / "out"
    town("ingest", "-", "--as", CO, "--receipts", str(out), code=1, stdin=json.dumps(beat).encode())
    assert json.loads(out.read_text())["reason"] == "feed_stopped"

    town("run", "--until-idle")
    after = open_actions(town)
    assert after[CO] == 0, "who left has nothing to do"
    assert after[GI] == before.get(GI, 0) + before[CO], "and the case lead has it"
    assert CO not in {each["owner"] for each in mine(town)}
    assert GI in {each["owner"] for each in mine(town)}, "a resident who was let in by who left still looks"
    assert town("view", "steward_feeds", "--as", "steward-1", "--json").rows
    states = {row["org"]: row["state"] for row in town("view", "steward_feeds", "--as", "steward-1", "--json").rows}
    assert states[CO] == "left"
    assert town("log", "verify", "--json").object["erased"] == 0, "its keys stay to their term"
    assert town("rebuild", "--verify", "--json").object["differences"] == 0


def test_a_stranger_cannot_leave(town: Office) -> None:
    assert "no such organisation" in town("org", "leave", "niemand", code=2).err


def test_who_registers_again_is_back(town: Office) -> None:
    kind, source = ORGS[CO][1], ORGS[CO][2]
    town("org", "add", CO, "--kind", kind, "--source", source)
    beat = envelope(CO, "feed.heartbeat", "beat-2", LAST, {"as_of": "2026-02-20T05:00:00+01:00"})
    assert town("ingest", "-", "--as", CO, "--json", stdin=json.dumps(beat).encode()).object["accepted"] == 1
    town("user", "add", "coach-1", "--org", CO, "--role", "coach", "--worker", "W-1")
    town("run", "--until-idle")
    assert open_actions(town)[CO] >= 1
