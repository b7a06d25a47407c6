"""Every id of the pages: another's is as if it was not there; and what a coach records goes through the door once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import builders as b
import httpx2
import psycopg
import pytest
import wkserved as w
from wkserved import Served, Visitor

from woonketen.orchestration.web.desk import PlatformDesk
from woonketen.projections.portal.desk import Ask
from woonketen.projections.portal.session import Session


@pytest.fixture(scope="module")
def served(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with w.served(new_database(), Path(tmp_path_factory.mktemp("ids"))) as made:
        yield made


def desk(served: Served, name: str) -> PlatformDesk:
    user, now = served.platform.user(name), datetime.now(UTC)
    told = Session(user=user, purpose="guidance", csrf="", signed_in_at=now, until=now, key=b"")
    return PlatformDesk(served.platform, told)


def row_of(served: Served, name: str, view: str) -> str:
    (line,) = desk(served, name).rows(view, Ask()).lines
    return line.id


def page(answer: httpx2.Response) -> tuple[int, str, dict[str, str]]:
    """Without what is another's at each request: the trace and the day's time."""
    text = re.sub(r"[0-9a-f]{32}", "", answer.text)
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "x-trace-id")}
    return answer.status_code, text, headers


def test_anothers_page_is_as_if_it_was_not_there(served: Served) -> None:
    theirs, never = row_of(served, "coach-2", "coach"), "0" * 32
    with served.visitor("coach-1") as coach, served.visitor("coach-2") as other:
        warning = other.get("/warnings").json()[0]["id"]
        pairs: list[tuple[Callable[[Visitor, str], httpx2.Response], str, str]] = [
            (lambda who, each: who.get(f"/dossier/{each}"), theirs, never),
            (lambda who, each: who.post(f"/dossier/{each}", kind="contact_attempted", occurred_on=str(w.TODAY),
                                        channel="phone", reached="no", token="t1"), theirs, never),
            (lambda who, each: who.get(f"/signaal/{each}"), warning, "W-0000"),
            (lambda who, each: who.post(f"/signaal/{each}", reason="acting"), warning, "W-0000"),
        ]  # fmt: skip
        for ask, real, invented in pairs:
            one, two = ask(coach, real), ask(coach, invented)
            assert one.status_code == 404
            assert page(one)[0] == page(two)[0]
            assert page(one)[1].replace(real, "") == page(two)[1].replace(invented, "")
            assert w.subject(b.COACH, 2) not in one.text
        assert other.get(f"/dossier/{theirs}").status_code == 200
    for strange in ("..%2f..%2fetc%2fpasswd", "%00", "'--", "zz", "0" * 500):
        with served.visitor("coach-1") as coach:
            assert coach.get(f"/dossier/{strange}").status_code == 404


def test_a_page_of_another_role_is_none(served: Served) -> None:
    row = row_of(served, "coach-1", "coach")
    with served.visitor("verhuurder") as landlord, served.visitor("bewoner-1") as resident:
        assert landlord.get(f"/dossier/{row}").status_code == 404
        assert resident.get(f"/dossier/{row}").status_code == 404
        for path in ("/delen", "/rechten"):
            assert landlord.get(path).status_code == 404
        for path in ("/quarantaine", "/signalen"):
            assert resident.get(path).status_code == 404


def test_a_visit_is_recorded_once_and_belongs_to_what_was_planned(served: Served) -> None:
    own = desk(served, "coach-1")
    row = row_of(served, "coach-1", "coach")
    planned = {"occurred_on": str(w.TODAY), "planned_on": str(w.TODAY + timedelta(days=1)), "channel": "door"}
    first = own.record("coach", row, "visit_planned", "form-1", planned)
    again = own.record("coach", row, "visit_planned", "form-1", planned)
    assert first is not None
    assert again is not None
    assert (first.status, again.status, first.id) == ("accepted", "duplicate", again.id)
    served.platform.close_days(w.TODAY, w.TODAY)
    served.platform.run(until_idle=True)
    row = row_of(served, "coach-1", "coach")
    held = {"occurred_on": str(w.TODAY + timedelta(days=1)), "channel": "door", "present": ["resident"]}
    done = own.record("coach", row, "visit_held", "form-2", held)
    assert done is not None
    assert done.status == "accepted"
    served.platform.close_days(w.TODAY + timedelta(days=1), w.TODAY + timedelta(days=1))
    served.platform.run(until_idle=True)
    (shown,) = served.platform.view("coach", "coach-1")
    assert shown["visits_unreported"] == 0
    assert shown["last_contact_on"] == w.TODAY + timedelta(days=1)
    told = served.platform.residents.facts(served.platform.user("bewoner-1").ref or b"")
    ids = {fact.data.visit_id for fact in told if fact.type in ("coach.visit_planned", "coach.visit_held")}
    assert len([each for each in ids if each.startswith("P-")]) == 1


def test_what_is_wrong_with_a_record_is_told_by_its_receipt(served: Served) -> None:
    own, row = desk(served, "coach-1"), row_of(served, "coach-1", "coach")
    done = own.record("coach", row, "contact_attempted", "form-3", {"occurred_on": str(w.TODAY), "channel": "phone"})
    assert done is not None
    assert (done.status, done.reason, done.detail) == ("refused", "schema", "data.reached")
    assert own.record("coach", row_of(served, "coach-2", "coach"), "contact_attempted", "form-4", {}) is None


def test_what_a_resident_says_changes_what_the_resident_reads(served: Served) -> None:
    own = desk(served, "bewoner-1")
    offers = {each.recipient: each for each in own.offers()}
    assert "bewoner" not in offers
    wanted = offers["wijkteam"]
    own.grant("wijkteam", wanted.categories)
    granted = [each for each in own.consents() if each["state"] == "granted"]
    assert [each["recipient"] for each in granted] == ["wijkteam"]
    assert "wijkteam" not in {each.recipient for each in own.offers()}
    own.withdraw(granted[0]["consent"])
    assert [each["state"] for each in own.consents()] == ["withdrawn"]
    own.object("warnings")
    assert own.objections() == {"early_signalling": False, "warnings": True}
    own.object("warnings", lift=True)
    assert own.objections()["warnings"] is False
    (category, org), *_ = own.corrections()
    own.correct(category, "wrong", org)
    assert [each["kind"] for each in own.requests()][-1] == "rectification"
    data, html = own.export()
    assert data.startswith(b"{")
    assert html.startswith("<!doctype html>")


def test_every_reading_of_the_desk_leaves_a_look(served: Served) -> None:
    served.platform.run(until_idle=True)  # what a resident withdrew hides his rows until it is processed
    with psycopg.connect(served.settings.database or "", autocommit=True) as owner:

        def looks() -> int:
            row = owner.execute("SELECT count(*) FROM looks.decision").fetchone()
            return int(row[0]) if row else 0

        coach, resident, steward = (desk(served, name) for name in ("coach-1", "bewoner-1", "steward"))
        row = row_of(served, "coach-1", "coach")
        (warning, *_) = served.platform.warnings("bewoner-1", every=True)
        readings: list[Callable[[], Any]] = [
            lambda: coach.rows("coach", Ask()),
            lambda: coach.row("coach", row),
            lambda: coach.row("coach", "00"),
            lambda: resident.explain(warning["id"]),
            resident.consents, resident.offers, resident.objections, resident.corrections, resident.requests,
            resident.looks, resident.export, lambda: steward.table("steward_feeds"),
        ]  # fmt: skip
        for number, read in enumerate(readings):
            before = looks()
            read()
            assert looks() > before, number
