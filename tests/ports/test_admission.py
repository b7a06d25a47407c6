"""Admission through its one door, `submit`, on a real PostgreSQL."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import psycopg
import pytest
from wkdatabase import KEYS, as_processor
from wkpartners import (
    BUDDY,
    CITY,
    COACH,
    FIRST_DAY,
    LANDLORD,
    PARTITIONS,
    SOURCES,
    Town,
    agreement,
    enrolment,
    event,
    line,
    new_id,
    open_town,
    prepare_town,
    sample,
    visit,
)

from woonketen.contracts.errors import ConfigurationError, Unreachable
from woonketen.contracts.payloads.consent import ObjectionRecorded
from woonketen.contracts.records import open_records, partition_of, unpack
from woonketen.streams.door import links
from woonketen.streams.door.admission import Admission
from woonketen.streams.door.organisations import Organisation
from woonketen.streams.door.reseal import merged_into, reseal
from woonketen.streams.log.postgres import verify


@pytest.fixture
def town(dsn: str) -> Iterator[Town]:
    prepare_town(dsn)
    with open_town(dsn) as town:
        yield town


@pytest.fixture
def ann(town: Town) -> Town:
    """A town in which Ann is enrolled, known to the city as G-1 and to the coach as K-1."""
    assert town.say(CITY, agreement(COACH, LANDLORD), enrolment("G-1")) == ["accepted", "accepted"]
    assert town.say(COACH, town.link(CITY, "G-1", COACH, "K-1")) == ["accepted"]
    return town


# --- receipts ---


def test_every_line_gets_one_receipt_in_order_and_bad_ones_stop_no_good_one(ann: Town) -> None:
    good = [visit("K-1", visit_id=f"V-{n}") for n in range(5)]
    lines = [
        good[0],
        b"nonsense",
        good[1],
        b"",
        good[2],
        b"x" * 70_000,
        good[0],
        good[3],
        event(COACH, "lease.started", "K-1"),
    ]
    receipts = ann.send(COACH, *lines)
    assert [receipt.line for receipt in receipts] == list(range(1, 10))
    assert [receipt.reason or receipt.status for receipt in receipts] == [
        "accepted", "malformed", "accepted", "malformed", "accepted", "too_large", "duplicate", "accepted",
        "not_your_type",
    ]  # fmt: skip
    assert [receipt.id for receipt in receipts[:3]] == [good[0]["id"], None, good[1]["id"]]
    assert {receipt.source for receipt in receipts} == {SOURCES[COACH][1], None}
    assert all(receipt.mend and receipt.detail for receipt in receipts if receipt.status == "refused")
    assert all(receipt.at == ann.wall for receipt in receipts)


def test_receipts_come_batch_by_batch_and_batches_do_not_show(ann: Town) -> None:
    taken: list[int] = []

    def lines() -> Iterator[bytes]:
        for number in range(7):
            taken.append(number)
            yield line(visit("K-1", visit_id=f"V-{number}"))

    receipts = ann.another_door(batch=3).submit(COACH, lines())
    assert next(receipts).line == 1
    assert taken == [0, 1, 2], "what is not asked for is not taken"
    assert [receipt.line for receipt in receipts] == [2, 3, 4, 5, 6, 7]
    assert ann.facts(COACH, "K-1").count("coach.visit_held") == 7


REFUSED_AT_ONCE: dict[str, tuple[str, Any]] = {
    "malformed": (COACH, b'{"id": "a-1", "id": "a-1"}'),
    "too_large": (COACH, b" " * 70_000),
    "unknown_type": (COACH, visit("K-1") | {"type": "nl.woonketen.coach.visit_dreamt"}),
    "unknown_version": (COACH, visit("K-1") | {"dataschema": "https://woonketen.example/contracts/coach.visit_held/9"}),
    "schema": (COACH, visit("K-1", visit_id="Wilhelmientje")),
    "not_your_type": (COACH, event(COACH, "lease.card_issued", "K-1")),
    "not_your_source": (COACH, visit("K-1") | {"source": SOURCES[BUDDY][1]}),
    "personal_data_in_context": (COACH, visit("K-1") | {"note": "w.kanarie@voorbeeld.example"}),
    "link_code": (COACH, event(COACH, "subject.linked", "K-2", link_code="AAAA-BBBB-CCC2")),
}


@pytest.mark.parametrize("reason", REFUSED_AT_ONCE)
def test_refusal_at_once(ann: Town, reason: str) -> None:
    org, sent = REFUSED_AT_ONCE[reason]
    before = sum(ann.log.ends().values())
    (receipt,) = ann.send(org, sent)
    assert (receipt.status, receipt.reason) == ("refused", reason)
    assert receipt.detail
    assert receipt.mend
    assert sum(ann.log.ends().values()) == before
    assert ann.ask("SELECT count(*) FROM admission.refusal WHERE reason = %s", reason) == 1
    assert ann.parked() == 0


def test_event_of_the_platform_is_nobodys(ann: Town) -> None:
    opened = event(COACH, "warning.opened", "K-1")
    assert ann.say(COACH, opened) == ["not_your_type"]
    assert ann.ask("SELECT type FROM admission.refusal") == "warning.opened"


def test_unknown_organisation_is_wrong_use(town: Town) -> None:
    with pytest.raises(ConfigurationError):
        town.send("nobody-1", visit("K-1"))
    with pytest.raises(ConfigurationError):
        town.admission.receipts("nobody-1")


def test_refused_may_be_sent_again(ann: Town) -> None:
    wrong = visit("K-1", visit_id="nothing")
    right = visit("K-1", event_id=wrong["id"])
    assert ann.say(COACH, wrong, right, right) == ["schema", "accepted", "duplicate"]


# --- duplicates ---


def test_same_event_counts_once_over_batches_and_doors(ann: Town) -> None:
    sent = visit("K-1")
    turned = json.dumps(dict(reversed(sent.items())), indent=1).encode()
    assert ann.say(COACH, sent, sent) == ["accepted", "duplicate"]
    assert ann.say(COACH, turned) == ["duplicate"]
    assert [r.status for r in ann.another_door().submit(COACH, [line(sent)])] == ["duplicate"]
    assert ann.facts(COACH, "K-1") == ["enrolment.opened", "subject.linked", "coach.visit_held"]


def test_same_id_with_other_content_is_a_conflict_and_changes_nothing(ann: Town) -> None:
    sent = visit("K-1")
    others = [
        visit("K-1", event_id=sent["id"], visit_id="V-2"),
        visit("K-7", event_id=sent["id"]),
        event(COACH, "coach.visit_missed", "K-1", event_id=sent["id"], visit_id="V-1"),
    ]
    assert ann.say(COACH, sent, others[0]) == ["accepted", "conflicting_duplicate"]
    assert ann.say(COACH, *others, sent | {"time": "2026-02-25T17:00:00+01:00"}) == ["conflicting_duplicate"] * 3 + [
        "duplicate"
    ]
    assert ann.facts(COACH, "K-1").count("coach.visit_held") == 1


def test_conflict_with_a_parked_event_leaves_it_parked(town: Town) -> None:
    sent = visit("K-1")
    other = visit("K-1", event_id=sent["id"], visit_id="V-2")
    assert town.say(COACH, sent, other, sent) == ["parked", "conflicting_duplicate", "duplicate"]
    assert town.say(COACH, other, sent) == ["conflicting_duplicate", "duplicate"]
    assert town.parked() == 1


def test_two_organisations_may_use_the_same_id(ann: Town) -> None:
    shared = new_id()
    assert ann.say(COACH, visit("K-1", event_id=shared)) == ["accepted"]
    assert ann.say(CITY, event(CITY, "notice.given", "G-1", event_id=shared)) == ["accepted"]


# --- the log ---


def test_what_was_accepted_stands_sealed_on_the_log_of_the_resident(ann: Town) -> None:
    sent = visit("K-1")
    ann.send(COACH, sent)
    ref = ann.ref(COACH, "K-1")
    assert ref == ann.ref(CITY, "G-1")
    partition = partition_of(ref, PARTITIONS)
    record, clear = list(open_records(ann.log.read(partition, 0, 100), ann.vault))[-1]
    assert (record.kind, record.ref, record.day) == ("fact", ref, FIRST_DAY)
    sealed = unpack(clear or b"")
    assert (sealed.type, sealed.version, sealed.org, sealed.source, sealed.id, sealed.subject) == (
        "coach.visit_held", 1, COACH, SOURCES[COACH][1], sent["id"], "K-1",
    )  # fmt: skip
    assert sealed.time == datetime.fromisoformat(sent["time"])
    assert json.loads(sealed.data) == sent["data"]


def test_events_about_nobody_stand_in_every_partition(town: Town) -> None:
    town.send(CITY, agreement(COACH))
    town.send(COACH, event(COACH, "feed.heartbeat"))
    town.close(2)
    for partition in range(PARTITIONS):
        assert town.everybody(partition) == [
            *["org.registered"] * len(SOURCES), "agreement.signed", "feed.heartbeat",
            "closed 2026-03-02", "closed 2026-03-03",
        ]  # fmt: skip


def test_keys_are_per_resident_organisation_and_class(ann: Town) -> None:
    ann.say(CITY, enrolment("G-2"), event(CITY, "safety.flag_set", "G-2"))
    ann.say(COACH, visit("K-1"), event(COACH, "care.started", "K-1"), visit("K-1", visit_id="V-2"))
    kids = ann.connection.execute(
        "SELECT ref, count(*), count(DISTINCT kid) FROM log.record WHERE kind = 'f' GROUP BY ref"
    )
    found = {bytes(ref): (n, keys) for ref, n, keys in kids}
    # Ann: the city's case; the coach's link and visits (case), and care.
    assert found == {ann.ref(CITY, "G-1"): (5, 3), ann.ref(CITY, "G-2"): (2, 2)}


# --- parking and release ---


def order_town(town: Town, number: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, dict[str, Any]]]:
    """A city and a coach of their own, a resident whom both know, and five events that hang together."""
    city, coach = f"stad-{number}", f"coach-{number}"
    monkeypatch.setitem(SOURCES, city, ("gemeente", f"urn:nld:oin:{9000000 + number}"))
    monkeypatch.setitem(SOURCES, coach, ("zorgaanbieder", f"urn:nld:kvknr:{60000000 + number}"))
    town.register(city, coach)
    # What a resident refuses needs no agreement, so the resident is there and can be linked.
    town.send(city, event(city, "consent.refused", "G-1", consent_id=f"{city}:T-1"))
    held = visit("K-1") | {"source": SOURCES[coach][1]}
    corrected = event(coach, "event.corrected", "K-1", original_id=held["id"], data=held["data"])
    return {
        "agreement": (city, event(city, "agreement.signed", agreement_id=f"{city}:OV-1", orgs=[city, coach])),
        "enrolment": (city, enrolment("G-1", city)),
        "link": (coach, town.link(city, "G-1", coach, "K-1")),
        "visit": (coach, held),
        "correction": (coach, corrected),
    }


def test_whatever_the_order_in_the_end_everything_is_on_the_log(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, order in enumerate(permutations(["agreement", "enrolment", "link", "visit", "correction"])):
        events = order_town(town, number, monkeypatch)
        said = {name: town.say(*events[name]) for name in order}
        city, coach = events["agreement"][0], events["visit"][0]
        assert sorted(town.facts(city, "G-1")) == [
            "coach.visit_held", "consent.refused", "enrolment.opened", "event.corrected", "subject.linked",
        ], order  # fmt: skip
        waited = {name for name in order if said[name] == ["parked"]}
        assert all(said[name] == ["accepted"] for name in set(order) - waited)
        assert ("visit" in waited) == (order.index("visit") < max(map(order.index, ("agreement", "enrolment", "link"))))
        assert "link" not in waited
        told = {each["id"]: each["status"] for org in (city, coach) for each in town.admission.receipts(org)}
        assert told == {events[name][1]["id"]: "accepted" for name in waited}
    assert town.parked() == 0
    assert verify(town.connection, town.vault).gaps == 0
    assert town.ask("SELECT count(*) FROM admission.seen WHERE status <> 'a'") == 0


def test_what_waits_and_arrives_in_one_file_is_accepted_at_once(town: Town) -> None:
    second = event(CITY, "event.retracted", "G-1", original_id="E-second-1")
    closing = event(CITY, "notice.given", "G-1", event_id="E-second-1")
    assert town.say(CITY, second, closing, enrolment("G-1"), agreement()) == ["accepted"] * 4
    assert town.parked() == 0
    assert town.admission.receipts(CITY) == [], "no receipt ever said parked"
    assert town.say(CITY, closing) == ["duplicate"]


def test_parked_receipt_says_what_it_waits_for(ann: Town) -> None:
    ann.send(CITY, event(CITY, "consent.refused", "G-2", consent_id=f"{CITY}:T-2"))
    receipts = [
        *ann.send(LANDLORD, event(LANDLORD, "lease.started", "C-1")),
        *ann.send(CITY, event(CITY, "pause.agreed", "G-2")),
        *ann.send(BUDDY, enrolment("B-1", BUDDY)),
        *ann.send(COACH, event(COACH, "event.retracted", "K-1", original_id="never-1")),
    ]
    assert [receipt.detail for receipt in receipts] == [
        "waits for link", "waits for enrolment", "waits for agreement", "waits for original",
    ]  # fmt: skip
    assert {receipt.status for receipt in receipts} == {"parked"}
    assert all(receipt.reason is None and receipt.mend for receipt in receipts)
    (waiting,) = ann.admission.receipts(LANDLORD)
    assert waiting["status"] == "parked"
    assert waiting["detail"] == "waits for link, until 2026-04-01"
    assert list(waiting) == ["source", "id", "status", "reason", "detail", "mend", "at"]


def test_another_enrolment_can_bring_the_programme_that_is_agreed_on(ann: Town) -> None:
    assert ann.say(BUDDY, ann_link := ann.link(CITY, "G-1", BUDDY, "B-1")) == ["accepted"]
    assert ann_link["subject"] == "B-1"
    assert ann.say(BUDDY, event(BUDDY, "support.requested", "B-1")) == ["parked"]
    assert ann.say(CITY, agreement(BUDDY, programme="buddy")) == ["accepted"]
    assert ann.parked() == 1, "the agreement is about another programme"
    assert ann.say(CITY, enrolment("G-1", programme="buddy", enrolment_id=f"{CITY}:E-9")) == ["accepted"]
    assert ann.parked() == 0
    assert ann.facts(BUDDY, "B-1")[-1] == "support.requested"


def test_agreement_that_begins_later_releases_on_its_day(town: Town) -> None:
    later = FIRST_DAY + timedelta(days=3)
    town.send(CITY, agreement(valid_from=later.isoformat()))
    assert town.say(CITY, enrolment("G-1", occurred_on="2026-03-01")) == ["parked"]
    town.close(2)
    assert town.parked() == 1
    town.close(5)
    assert town.parked() == 0
    ref = town.ref(CITY, "G-1")
    (record,) = town.log.of_residents(partition_of(ref, PARTITIONS), [ref], 1000)
    assert record.day == later, "known on the day it was released, though several days were closed at once"


def test_ended_agreement_takes_no_new_events(ann: Town) -> None:
    assert ann.say(
        CITY, event(CITY, "agreement.ended", agreement_id=f"{CITY}:OV-wooncoach-1", occurred_on="2026-02-27")
    ) == ["accepted"]
    assert ann.say(COACH, visit("K-1", occurred_on="2026-02-28")) == ["parked"]
    assert ann.say(COACH, visit("K-1", visit_id="V-2", occurred_on="2026-02-27")) == ["accepted"]
    assert ann.say(CITY, agreement(COACH, agreement_id=f"{CITY}:OV-3")) == ["accepted"]
    assert ann.parked() == 0


def test_after_the_enrolment_closed_events_wait_for_the_next(ann: Town) -> None:
    closed = event(CITY, "enrolment.closed", "G-1", enrolment_id=f"{CITY}:E-G-1-1", occurred_on="2026-03-01")
    assert ann.say(CITY, closed) == ["accepted"]
    late = visit("K-1", visit_id="V-2", occurred_on="2026-03-02")
    assert ann.say(COACH, visit("K-1", occurred_on="2026-03-01"), late) == ["accepted", "parked"]
    assert ann.say(CITY, event(CITY, "follow_up.held", "G-1", enrolment_id=f"{CITY}:E-G-1-1")) == ["accepted"]
    assert ann.say(CITY, enrolment("G-1", enrolment_id=f"{CITY}:E-2")) == ["accepted"]
    assert ann.parked() == 0


# --- corrections of what admission itself rests on ---


def test_corrected_and_retracted_closing_counts_for_admission_too(ann: Town) -> None:
    closed = event(CITY, "enrolment.closed", "G-1", enrolment_id=f"{CITY}:E-G-1-1", occurred_on="2026-02-01")
    ann.send(CITY, closed)
    assert ann.say(COACH, visit("K-1", occurred_on="2026-02-20")) == ["parked"]

    def corrected(day: str, time: str) -> dict[str, Any]:
        data = closed["data"] | {"occurred_on": day}
        made = event(CITY, "event.corrected", "G-1", original_id=closed["id"], data=data)
        return made | {"time": time}

    ann.send(CITY, corrected("2026-02-25", "2026-03-02T12:00:00Z"))
    assert ann.parked() == 0
    ann.send(CITY, corrected("2026-01-25", "2026-03-02T11:00:00Z"))
    assert ann.say(COACH, visit("K-1", visit_id="V-2", occurred_on="2026-02-20")) == ["accepted"], "an older correction"
    assert ann.say(COACH, visit("K-1", visit_id="V-3", occurred_on="2026-03-01")) == ["parked"]
    ann.send(CITY, event(CITY, "event.retracted", "G-1", original_id=closed["id"]))
    assert ann.parked() == 0
    ann.send(CITY, corrected("2026-01-25", "2026-03-02T13:00:00Z"))
    assert ann.say(COACH, visit("K-1", visit_id="V-4", occurred_on="2026-03-01")) == ["accepted"], "a retraction stays"


def test_retracted_enrolment_is_none(ann: Town) -> None:
    opened = enrolment("G-2")
    assert ann.say(CITY, opened, event(CITY, "event.retracted", "G-2", original_id=opened["id"])) == ["accepted"] * 2
    assert ann.say(CITY, event(CITY, "pause.agreed", "G-2")) == ["parked"]
    assert ann.say(CITY, enrolment("G-2")) == ["accepted"]
    assert ann.parked() == 0


def test_corrected_agreement_counts(ann: Town) -> None:
    assert ann.say(BUDDY, ann.link(CITY, "G-1", BUDDY, "B-1"), event(BUDDY, "support.requested", "B-1")) == [
        "accepted", "parked",
    ]  # fmt: skip
    signed = agreement(agreement_id=f"{CITY}:OV-7")
    data = signed["data"] | {"orgs": [CITY, BUDDY]}
    correction = event(CITY, "event.corrected", original_id=signed["id"], data=data)
    assert ann.say(CITY, correction) == ["parked"], "also before its original"
    assert ann.say(CITY, signed) == ["accepted"]
    assert ann.parked() == 0
    assert ann.ask("SELECT orgs FROM admission.agreement WHERE id = %s", f"{CITY}:OV-7") == [CITY, BUDDY]
    assert ann.say(CITY, event(CITY, "event.retracted", original_id=signed["id"])) == ["accepted"]
    assert ann.say(BUDDY, event(BUDDY, "support.requested", "B-1")) == ["parked"]
    assert ann.ask("SELECT count(*) FROM admission.agreement") == 1


def test_correction_is_about_the_same_resident_and_holds_the_contract(ann: Town) -> None:
    held = visit("K-1")
    ann.send(CITY, enrolment("G-2"))
    ann.send(COACH, held, ann.link(CITY, "G-2", COACH, "K-2"))
    for subject in ("K-2", "K-9"):
        (receipt,) = ann.send(
            COACH, event(COACH, "event.corrected", subject, original_id=held["id"], data=held["data"])
        )
        assert (receipt.reason, receipt.detail) == ("schema", "subject")
    bad = event(COACH, "event.corrected", "K-1", original_id=held["id"], data={"occurred_on": "2026-03-01"})
    (receipt,) = ann.send(COACH, bad)
    assert (receipt.reason, receipt.detail) == ("schema", "data.data.visit_id")
    good = event(COACH, "event.corrected", "K-1", original_id=held["id"], data=held["data"])
    assert ann.say(COACH, good) == ["accepted"]
    again = event(COACH, "event.retracted", "K-1", original_id=good["id"])
    (receipt,) = ann.send(COACH, again)
    assert (receipt.reason, receipt.detail) == ("schema", "data.original_id")
    other = event(CITY, "event.retracted", "G-1", original_id=held["id"])
    assert ann.say(CITY, other) == ["parked"], "another source has no such original"


def test_waiting_correction_that_turns_out_wrong_is_refused_when_its_original_comes(ann: Town) -> None:
    held = visit("K-1")
    bad = event(COACH, "event.corrected", "K-1", original_id=held["id"], data={"occurred_on": "2026-03-01"})
    assert ann.say(COACH, bad) == ["parked"]
    assert ann.say(COACH, held) == ["accepted"]
    (told,) = ann.admission.receipts(COACH)
    assert (told["id"], told["status"], told["reason"]) == (bad["id"], "refused", "schema")
    assert ann.say(COACH, bad) == ["schema"], "it may be sent again, and is not taken for a duplicate"


# --- thirty days ---


def test_what_waits_longer_than_thirty_days_is_refused(ann: Town) -> None:
    ann.send(CITY, event(CITY, "consent.refused", "G-2", consent_id=f"{CITY}:T-2"))
    sent = {
        "unknown_subject": (LANDLORD, event(LANDLORD, "lease.started", "C-1")),
        "no_legal_basis": (CITY, event(CITY, "pause.agreed", "G-2")),
        "original_unknown": (COACH, event(COACH, "event.retracted", "K-1", original_id="never-1")),
    }
    basis = (BUDDY, enrolment("B-1", BUDDY))
    for org, each in [*sent.values(), basis]:
        assert ann.say(org, each) == ["parked"]
    ann.close(30)
    assert ann.parked() == 4
    assert ann.say(*sent["unknown_subject"]) == ["duplicate"]
    ann.close(1)
    assert ann.parked() == 0
    for reason, (org, each) in [*sent.items(), ("no_legal_basis", basis)]:
        told = {receipt["id"]: receipt for receipt in ann.admission.receipts(org)}[each["id"]]
        assert (told["status"], told["reason"]) == ("refused", reason)
        assert told["mend"]
    assert ann.ask("SELECT count(*) FROM admission.refusal") == 4
    org, lease = sent["unknown_subject"]
    assert ann.say(org, lease) == ["parked"], "a refused event may be sent again"
    assert ann.say(LANDLORD, ann.link(CITY, "G-1", LANDLORD, "C-1")) == ["accepted"]
    (told,) = ann.admission.receipts(LANDLORD)
    assert told["status"] == "accepted"


# --- the clock ---


def test_days_close_once_and_in_order(town: Town) -> None:
    assert town.admission.settings().open_day == FIRST_DAY
    assert town.admission.close_through(FIRST_DAY) == FIRST_DAY
    assert town.admission.close_through(FIRST_DAY) == FIRST_DAY, "the same day again changes nothing"
    assert town.admission.close_through(date(2026, 3, 4)) == date(2026, 3, 4)
    with pytest.raises(ConfigurationError, match="closed already"):
        town.admission.close_through(date(2026, 3, 3))
    assert town.admission.close_through(date(2026, 3, 4), date(2026, 3, 6)) == date(2026, 3, 6)
    assert town.admission.settings().open_day == date(2026, 3, 7)
    for wrong in (date(2126, 1, 1), date(2020, 1, 1)):
        with pytest.raises(ConfigurationError):
            town.admission.close_through(wrong)
    closed = [f"closed 2026-03-{day:02d}" for day in range(2, 7)]
    assert [town.everybody(partition)[len(SOURCES) :] for partition in range(PARTITIONS)] == [closed] * PARTITIONS


def test_known_is_the_open_day_and_stands_before_its_close(ann: Town) -> None:
    ann.close(2)
    ann.send(COACH, visit("K-1"))
    ann.close(1)
    records = ann.log.read(partition_of(ann.ref(CITY, "G-1"), PARTITIONS), 0, 100)
    tail = [f"{record.kind} {record.day}" for record in records[-4:]]
    assert tail == ["day_closed 2026-03-02", "day_closed 2026-03-03", "fact 2026-03-04", "day_closed 2026-03-04"]


# --- links and merges ---


def test_link_code_works_once_for_one_organisation_for_seven_days(ann: Town) -> None:
    ann.send(CITY, enrolment("G-2"))
    code, expires_at = ann.admission.issue_link(CITY, "G-2", COACH)
    assert expires_at == ann.wall + timedelta(days=7)
    assert ann.ask("SELECT count(*) FROM admission.link WHERE code = %b", code.encode()) == 0

    def linked(org: str, subject: str, code: str) -> dict[str, Any]:
        return event(org, "subject.linked", subject, link_code=code)

    first = linked(COACH, "K-2", code)
    receipts = [
        *ann.send(BUDDY, linked(BUDDY, "B-2", code)),
        *ann.send(COACH, first, linked(COACH, "K-3", code)),
        *ann.send(COACH, linked(COACH, "K-4", "2222-3333-4444")),
    ]
    late, _ = ann.admission.issue_link(CITY, "G-2", COACH)
    ann.wall += timedelta(days=7)
    receipts += ann.send(COACH, linked(COACH, "K-5", late))
    assert [receipt.reason or receipt.status for receipt in receipts] == [
        "link_code", "accepted", "link_code", "link_code", "link_code",
    ]  # fmt: skip
    assert len({(r.detail, r.mend) for r in receipts if r.status == "refused"}) == 1, "the same words in all cases"
    assert ann.say(COACH, first) == ["duplicate"]
    assert ann.ref(COACH, "K-2") == ann.ref(CITY, "G-2")
    assert ann.admission.resident_of(COACH, "K-3") is None


def test_codes_cannot_be_tried_out(ann: Town) -> None:
    """A right code that comes too late is refused in the same words, for whom there is and for whom there is not."""
    ann.send(CITY, enrolment("G-2"))

    def wrong(n: int, subject: str) -> dict[str, Any]:
        return event(COACH, "subject.linked", subject, link_code=f"2222-3333-{4000 + n}")

    receipts = [ann.send(COACH, wrong(n, f"K-{n % 3}"))[0] for n in range(2222, 2222 + links.TRIES)]
    assert {(each.reason, each.mend) for each in receipts} == {(receipts[0].reason, receipts[0].mend)}
    code, _ = ann.admission.issue_link(CITY, "G-2", COACH)
    right = event(COACH, "subject.linked", "K-2", link_code=code)
    spent = [*ann.send(COACH, right), *ann.send(COACH, wrong(5999, "K-2")), *ann.send(COACH, wrong(5999, "K-888"))]
    assert [each.reason for each in spent] == ["link_code"] * 3
    assert len({each.mend for each in spent}) == 1, "and it says no more about a right one than about a wrong one"
    assert f"{links.TRIES} codes" in str(spent[0].mend)
    other, _ = ann.admission.issue_link(CITY, "G-2", BUDDY)
    assert ann.say(BUDDY, event(BUDDY, "subject.linked", "B-2", link_code=other)) == ["accepted"], "others go on"
    ann.wall += links.TRIES_IN - timedelta(minutes=1)
    assert ann.say(COACH, right) == ["link_code"]
    ann.wall += timedelta(minutes=1)
    assert ann.say(COACH, right) == ["accepted"], "a day later, and the code is still good"


def test_many_tries_in_one_delivery_count_as_many(ann: Town) -> None:
    ann.send(CITY, enrolment("G-2"))
    code, _ = ann.admission.issue_link(CITY, "G-2", COACH)
    tries = [event(COACH, "subject.linked", f"K-{n}", link_code=f"2222-3333-{4000 + n}") for n in range(2222, 2262)]
    last = event(COACH, "subject.linked", "K-2", link_code=code)
    assert ann.say(COACH, *tries, last) == ["link_code"] * 41
    assert ann.ask("SELECT count(*) FROM admission.link_try") == links.TRIES


def test_link_is_issued_for_known_residents_and_organisations_only(ann: Town) -> None:
    for by, subject, other in [(CITY, "G-77", COACH), (CITY, "G-1", "nobody-1"), ("nobody-1", "G-1", COACH)]:
        with pytest.raises(ConfigurationError) as told:
            ann.admission.issue_link(by, subject, other)
        assert "G-77" not in str(told.value)


@pytest.fixture
def twice(ann: Town) -> Town:
    """The buddy organisation has enrolled Ann too, as B-1, and nobody knows yet that she is one."""
    assert ann.say(CITY, agreement(BUDDY, programme="buddy")) == ["accepted"]
    assert ann.say(BUDDY, enrolment("B-1", BUDDY, programme="buddy")) == ["accepted"]
    assert ann.say(BUDDY, event(BUDDY, "support.requested", "B-1")) == ["accepted"]
    assert ann.ref(BUDDY, "B-1") != ann.ref(CITY, "G-1")
    return ann


def test_linking_a_known_pseudonym_merges_two_residents(twice: Town) -> None:
    into, gone = twice.ref(CITY, "G-1"), twice.ref(BUDDY, "B-1")
    twice.send(LANDLORD, twice.link(BUDDY, "B-1", LANDLORD, "C-1"))
    waiting = event(BUDDY, "event.retracted", "B-1", original_id="later-1")
    assert twice.say(BUDDY, waiting) == ["parked"]
    code = twice.admission.issue_link(BUDDY, "B-1", COACH)
    assert twice.say(BUDDY, twice.link(CITY, "G-1", BUDDY, "B-1")) == ["accepted"]
    assert {twice.ref(BUDDY, "B-1"), twice.ref(LANDLORD, "C-1"), twice.ref(CITY, "G-1")} == {into}
    assert twice.types(gone)[-1] == "subject.merged"
    assert twice.types(into)[-1] == "subject.linked"
    assert merged_into(twice.connection, gone) == into
    partition, seq = twice.connection.execute(
        "SELECT partition, seq FROM admission.restricting WHERE ref = %b", [gone]
    ).fetchone() or (None, None)
    (*_, merged) = twice.log.of_residents(partition_of(gone, PARTITIONS), [gone], 10_000)
    assert (partition, seq) == (merged.partition, merged.seq)
    # What comes now is about the one resident, in either programme; so is a code that was issued about the other.
    assert twice.say(BUDDY, event(BUDDY, "support.matched", "B-1")) == ["accepted"]
    assert twice.say(COACH, event(COACH, "subject.linked", "K-8", link_code=code[0])) == ["accepted"]
    assert twice.ref(COACH, "K-8") == into
    assert twice.say(BUDDY, event(BUDDY, "notice.given", "B-1", event_id="later-1")) == ["accepted"]
    assert twice.parked() == 0
    assert twice.types(into)[-2:] == ["notice.given", "event.retracted"]


def test_after_a_merge_old_facts_can_be_corrected(twice: Town) -> None:
    requested = event(BUDDY, "support.requested", "B-1", support_id="SU-2")
    twice.send(BUDDY, requested)
    retract = event(BUDDY, "event.retracted", "B-1", original_id=requested["id"])
    assert twice.say(BUDDY, twice.link(CITY, "G-1", BUDDY, "B-1"), retract) == ["accepted", "accepted"], "in one batch"
    twice.send(BUDDY, enrolment("B-2", BUDDY, programme="buddy"))
    twice.send(CITY, twice.link(BUDDY, "B-2", CITY, "G-1"))
    again = event(BUDDY, "event.corrected", "B-1", original_id=requested["id"], data=requested["data"])
    assert twice.say(BUDDY, again) == ["accepted"], "after two merges"
    assert twice.ref(BUDDY, "B-2") == twice.ref(BUDDY, "B-1") == twice.ref(COACH, "K-1")


def test_absorbed_facts_are_appended_once_more_under_the_other_resident(twice: Town) -> None:
    into, gone = twice.ref(CITY, "G-1"), twice.ref(BUDDY, "B-1")
    twice.send(BUDDY, twice.link(CITY, "G-1", BUDDY, "B-1"))
    partition = partition_of(gone, PARTITIONS)
    records = twice.log.of_residents(partition, [gone], twice.log.ends()[partition])
    facts = [unpack(clear) for _, clear in open_records(records, twice.vault) if clear]
    with twice.connection.transaction():
        appended = reseal(twice.connection, twice.vault, twice.log, facts, into, FIRST_DAY, PARTITIONS)
    assert twice.types(into)[-2:] == ["enrolment.opened", "support.requested"]
    assert "subject.merged" not in twice.types(into)
    again = [unpack(clear) for _, clear in open_records(appended, twice.vault) if clear]
    assert again == [fact for fact in facts if fact.type != "subject.merged"], "same source and id, word for word"
    assert {record.kid for record in appended}.isdisjoint(record.kid for record in records)
    assert twice.ask("SELECT seq FROM admission.restricting WHERE ref = %b", into) == appended[-1].seq


def test_same_resident_linked_again_changes_nobody(ann: Town) -> None:
    assert ann.say(COACH, ann.link(CITY, "G-1", COACH, "K-1")) == ["accepted"]
    assert ann.ask("SELECT count(*) FROM admission.merged") == 0
    assert ann.facts(CITY, "G-1").count("subject.linked") == 2


# --- what narrows ---


def test_what_narrows_is_marked_with_its_record(ann: Town) -> None:
    ref = ann.ref(CITY, "G-1")
    mark = "SELECT coalesce(max(seq), 0) FROM admission.restricting WHERE ref = %b"
    ann.send(COACH, visit("K-1"))
    assert ann.ask(mark, ref) == 0
    for sent in (
        event(CITY, "consent.refused", "G-1", consent_id=f"{CITY}:T-3"),
        event(CITY, "consent.withdrawn", "G-1", consent_id=f"{CITY}:T-3"),
        event(CITY, "objection.recorded", "G-1", objection_id=f"{CITY}:O-1"),
        event(CITY, "safety.flag_set", "G-1"),
    ):
        assert ann.say(CITY, sent) == ["accepted"]
        assert ann.ask(mark, ref) == ann.log.ends()[partition_of(ref, PARTITIONS)]
    # The resident's own, through the platform.
    ann.admission.say(
        "objection.recorded",
        ObjectionRecorded(occurred_on=FIRST_DAY, objection_id="woonketen:O-1", purpose="warnings"),
        ref,
    )
    assert ann.facts(CITY, "G-1")[-1] == "objection.recorded"
    assert ann.ask(mark, ref) == ann.log.ends()[partition_of(ref, PARTITIONS)]


# --- several at once ---


def in_threads(*work: Callable[[], None]) -> None:
    failures: list[BaseException] = []

    def run(each: Callable[[], None]) -> None:
        try:
            each()
        except BaseException as error:  # noqa: BLE001 - told below, in the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(each,)) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_event_parked_beside_its_link_is_always_released(ann: Town, dsn: str) -> None:
    rounds = range(25)
    links = {}
    for n in rounds:
        ann.send(CITY, enrolment(f"G-1{n}"))
        links[n] = line(ann.link(CITY, f"G-1{n}", COACH, f"K-1{n}"))

    def visits() -> None:
        with open_town(dsn) as other:
            for n in rounds:
                (receipt,) = other.send(COACH, visit(f"K-1{n}"))
                assert receipt.status in ("accepted", "parked")

    def link() -> None:
        with open_town(dsn) as other:
            for n in rounds:
                assert other.say(COACH, links[n]) == ["accepted"]

    in_threads(visits, link)
    assert ann.parked() == 0
    for n in rounds:
        assert sorted(ann.facts(CITY, f"G-1{n}")) == ["coach.visit_held", "enrolment.opened", "subject.linked"]
    assert verify(ann.connection, ann.vault).gaps == 0


def test_same_file_through_two_doors_at_once_counts_once(ann: Town, dsn: str) -> None:
    lines = [line(visit("K-1", visit_id=f"V-{n}")) for n in range(120)]
    statuses: list[str] = []

    def door() -> None:
        with as_processor(dsn) as connection:
            door = Town(connection).another_door(batch=7)
            statuses.extend(receipt.status for receipt in door.submit(COACH, lines))

    in_threads(door, door, door)
    assert statuses.count("accepted") == 120
    assert statuses.count("duplicate") == 240
    assert ann.facts(COACH, "K-1").count("coach.visit_held") == 120


# --- faults ---


class Failing:
    """A log that stores, and then the machine fails."""

    def __init__(self, log: Any, error: BaseException) -> None:
        self._log, self._error = log, error

    def append(self, drafts: Any) -> Any:
        self._log.append(drafts)
        raise self._error


def test_failure_in_the_middle_leaves_nothing_and_no_gap(ann: Town) -> None:
    sent = [line(visit("K-1", visit_id=f"V-{n}")) for n in range(3)] + [line(visit("K-9"))]
    ends, tables = dict(ann.log.ends()), contents(ann.connection)
    broken = Admission(ann.connection, KEYS, ann.vault, Failing(ann.log, ZeroDivisionError()), now=lambda: ann.wall)
    with pytest.raises(ZeroDivisionError):
        list(broken.submit(COACH, sent))
    assert dict(ann.log.ends()) == ends
    assert contents(ann.connection) == tables
    assert [receipt.status for receipt in ann.admission.submit(COACH, sent)] == ["accepted"] * 3 + ["parked"]
    assert verify(ann.connection, ann.vault).gaps == 0


def test_killed_connection_is_told_and_the_batch_can_be_sent_again(ann: Town, dsn: str) -> None:
    sent = [line(visit("K-1"))]
    with as_processor(dsn) as doomed, psycopg.connect(dsn, autocommit=True) as killer:
        door = Town(doomed).admission
        killer.execute("SELECT pg_terminate_backend(%s)", [doomed.info.backend_pid])
        with pytest.raises(Unreachable) as told:
            list(door.submit(COACH, sent))
        assert told.value.exit_code == 3
    assert ann.say(COACH, *sent) == ["accepted"]


def contents(connection: psycopg.Connection[Any]) -> dict[str, list[str]]:
    """Every row of every table of ours, as text; bytes both as hexadecimal digits and as they are."""
    tables = connection.execute(
        "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables"
        " WHERE table_schema IN ('log', 'vault', 'admission') AND table_type = 'BASE TABLE'"
    ).fetchall()
    found = {}
    for (name,) in tables:
        rows = connection.execute(f"SELECT t::text FROM {name} t ORDER BY 1").fetchall()
        found[name] = [row for (row,) in rows]
    return found


CANARY = "Wilhelmientje Kanarie"
BSN = "123456782"


def test_nothing_of_a_refused_payload_is_kept_and_nothing_of_any_payload_in_clear(ann: Town) -> None:
    marked = {"worker": "W-7654321", "visit_id": "V-7654321"}
    bad = [
        visit("K-1") | {"data": {"name": CANARY, "bsn": BSN}},
        visit("K-1", visit_id=CANARY),
        visit("K-1", **{CANARY: 1}),
        visit(CANARY),
        visit("K-1") | {CANARY: BSN},
        visit("K-1") | {"id": CANARY},
        visit("K-1") | {"source": f"urn:{CANARY}"},
        visit("K-1") | {"type": f"nl.woonketen.{CANARY}"},
        visit("K-1") | {"dataschema": CANARY},
        visit("K-1") | {"time": CANARY},
        event(COACH, "event.corrected", "K-1", original_id="e-1", data={"name": CANARY}) | {"subject": BSN},
        json.dumps(visit("K-1") | {"data": CANARY}).encode()[:-1],
        visit("K-1") | {"padding": CANARY * 4000},
    ]
    receipts = ann.send(COACH, *bad)
    assert {receipt.status for receipt in receipts} == {"refused"}
    assert ann.say(COACH, visit("K-1", **marked), visit("K-1", event_id="E-7654321")) == ["accepted"] * 2
    assert ann.say(COACH, visit("K-7654321", **marked)) == ["parked"]
    assert ann.say(CITY, event(CITY, "pause.agreed", "G-7654321")) == ["parked"]
    # A parked correction turns out wrong: its payload goes too.
    wrong = event(COACH, "event.corrected", "K-1", original_id="E-7654322", data={"name": CANARY})
    assert ann.say(COACH, wrong, visit("K-1", event_id="E-7654322")) == ["schema", "accepted"]
    found = contents(ann.connection)
    assert "coach.visit_held" in str(found.pop("admission.refusal")), "a steward may know the type of what was refused"
    everything = "\n".join(row for rows in found.values() for row in rows)
    for secret in (*CANARY.split(), BSN, "7654321", "coach.visit_held", "pause.agreed", "G-1", "K-1"):
        assert secret not in everything, secret
        assert secret.encode().hex() not in everything, secret
    said = "\n".join(f"{receipt}" for receipt in receipts)
    said += "\n".join(contents(ann.connection)["admission.refusal"])
    assert not any(secret in said for secret in (*CANARY.split(), BSN))


# --- organisations and feeds ---


def test_registering_again_is_fine_and_a_changed_source_is_not(town: Town) -> None:
    kind, source = SOURCES[COACH]
    same = Organisation(org=COACH, kind=kind, sources=(source,))
    before = dict(town.log.ends())
    town.admission.register_org(same)
    assert dict(town.log.ends()) == before, "nothing changed, so nothing is told"
    town.admission.register_org(
        Organisation(
            org=COACH, kind=kind, sources=(source,), districts=("WK019304",), phone="038-1234567", heartbeat_hours=24
        )
    )
    assert town.everybody(0)[-1] == "org.registered"
    found = {each.org: each for each in town.admission.organisations()}[COACH]
    assert (found.districts, found.phone, found.heartbeat_hours) == (("WK019304",), "038-1234567", 24)
    for wrong in (
        Organisation(org=COACH, kind=kind, sources=("urn:nld:kvknr:41012399",)),
        Organisation(org=COACH, kind="corporatie", sources=(source,)),
        Organisation(org="coach-west", kind=kind, sources=(source,)),
        Organisation(org="coach-west", kind=kind, sources=("urn:nld:kvknr:41012345",)),
        Organisation(org="coach-west", kind=kind, sources=("urn:nld:kvknr:90000001:systeem:woonketen",)),
        Organisation(org="coach-west", kind=kind, sources=("https://coach.example",)),
        Organisation(org="Coach West", kind=kind, sources=("urn:nld:kvknr:41012377",)),
        Organisation(org="woonketen", kind=kind, sources=("urn:nld:kvknr:41012377",)),
        Organisation(org="resident", kind=kind, sources=("urn:nld:kvknr:41012377",)),
        Organisation(org="coach-west", kind="politie", sources=("urn:nld:kvknr:41012377",)),
        Organisation(org="coach-west", kind=kind, sources=("urn:nld:kvknr:41012377",), districts=("Centrum",)),
    ):
        with pytest.raises(ConfigurationError):
            town.admission.register_org(wrong)
    assert [each.org for each in town.admission.organisations()] == sorted(SOURCES)


def test_partner_that_left_is_refused_and_told(ann: Town) -> None:
    assert ann.admission.leave(COACH) == FIRST_DAY
    assert ann.admission.leave(COACH) == FIRST_DAY
    assert ann.everybody(1).count("org.left") == 1
    assert ann.say(COACH, visit("K-1"), b"nonsense") == ["feed_stopped", "feed_stopped"]


def test_stewards_can_see_how_a_feed_does(ann: Town) -> None:
    ann.send(
        COACH, visit("K-1"), visit("K-9"), b"nonsense", event(COACH, "feed.heartbeat", as_of="2026-03-02T05:00:00Z")
    )
    ann.wall += timedelta(minutes=40)
    ann.send(COACH, b"nonsense", event(COACH, "feed.heartbeat", as_of="2026-03-02T04:00:00Z"))
    ann.send(COACH, ann.link(CITY, "G-1", COACH, "K-9"))
    rows = ann.connection.execute(
        "SELECT hour, status, n FROM admission.tally WHERE org = %s ORDER BY 1, 2", [COACH]
    ).fetchall()
    nine, ten = (datetime(2026, 3, 2, hour, tzinfo=UTC) for hour in (9, 10))
    assert rows == [
        (nine, "accepted", 3), (nine, "parked", 1), (nine, "refused", 1),
        (ten, "accepted", 3), (ten, "refused", 1),
    ]  # fmt: skip
    feed = ann.connection.execute("SELECT last_event_at, heartbeat_at FROM admission.feed WHERE org = %s", [COACH])
    assert feed.fetchone() == (ann.wall, datetime(2026, 3, 2, 5, tzinfo=UTC))
    refusal = ann.connection.execute("SELECT org, type, reason, detail FROM admission.refusal").fetchall()
    assert refusal == [(COACH, None, "malformed", "event")] * 2


def test_processor_needs_no_more_rights_than_it_has(ann: Town) -> None:
    assert ann.ask("SELECT current_user") == "woonketen_processor"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ann.connection.execute("CREATE TABLE admission.extra (n int)")


def test_samples_are_what_a_partner_may_send() -> None:
    assert sample("coach.visit_held")["data"]["visit_id"] == "V-1"
