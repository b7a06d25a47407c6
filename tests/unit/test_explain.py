"""Why a warning is there, for whom, and as of which evening."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import builders as b
import msgspec
import pytest
from judging import REF, Story, on, play, running, world

from woonketen.contracts.facts import Fact, Facts
from woonketen.contracts.indicators import Rules, Sentences, Texts
from woonketen.contracts.recipient import Recipient, recipient
from woonketen.streams.core.effective import effective, retracted
from woonketen.streams.core.episodes import episodes
from woonketen.streams.core.explain import explain
from woonketen.streams.core.judge import courses
from woonketen.streams.core.world import World

HERE = world()
RESIDENT = recipient("bewoner", b.PLATFORM)
COACH = recipient("coach", b.COACH, "W-17")
LANDLORD = recipient("corporatie", b.CORPORATIE)
TEAM = recipient("wijkteam", b.GEMEENTE)
TOLD = [b.fact("enrolment.opened", happened=on("2026-01-01")), b.fact("notice.given", happened=on("2026-01-01"))]


def balance(day: str, cents: int, known: str | None = None, **data: Any) -> Fact:
    told = {"oldest_unpaid_on": "2026-03-01" if cents else ..., "paid_late_days": [0, 25, 31, 31], **data}
    return b.fact(
        "rent.balance_reported", happened=on(day), known=on(known or day), outstanding_cents=cents, rent_cents=60000,
        **told,
    )  # fmt: skip


def grant(role: str, purpose: str, *categories: str) -> Fact:
    return b.fact(
        "consent.granted", happened=on("2026-01-01"), consent_id=f"{b.GEMEENTE}:T-1-{role}", recipient={"role": role},
        purpose=purpose, categories=list(categories), valid_from="2026-01-01", valid_until="2027-12-31", data_from=...,
        data_until=...,
    )  # fmt: skip


class Case:
    def __init__(self, facts: list[Fact], first: str, last: str, here: World = HERE) -> None:
        self.told = [*TOLD, *facts]
        self.here = here
        self.story: Story = play(self.told, first, last, here)

    def known_on(self, evening: str) -> tuple[Facts, date]:
        """As the caller passes it: what was known by that evening, and the day after it as the open day."""
        day = on(evening) + timedelta(days=1)
        known = [fact for fact in self.told if fact.known <= on(evening)]
        raised = [fact for fact in self.story.warnings if fact.known <= on(evening)]
        return effective([*known, *raised], day), day

    def warning(self, indicator: str) -> str:
        found = courses(Facts(self.story.warnings))
        return next(each.warning_id for each in found if each.indicator == indicator)

    def explain(self, indicator: str, to: Recipient, evening: str) -> dict[str, Any] | None:
        facts, day = self.known_on(evening)
        gone = retracted([fact for fact in self.told if fact.known <= on(evening)], day)
        return explain(facts, self.warning(indicator), to, day, self.here, REF, gone)


def test_it_names_events_dates_numbers_version_and_what_would_close_it() -> None:
    case = Case([balance("2026-05-01", 125000)], "2026-05-01", "2026-05-20")
    told = case.explain("arrears_escalating", LANDLORD, "2026-05-04")
    assert told is not None
    assert told["sentence"] == ("De huurachterstand loopt op: op 1 mei 2026 stond € 1.250,00 open (2,1 maanden huur).")
    assert told["evidence"] == [
        {"type": "stand van de huur gemeld", "on": "2026-05-01", "org": b.CORPORATIE, "corrected": False}
    ]
    assert (told["rule_version"], told["severity"], told["state"]) == ("1", 2, "active")
    assert (told["opened_on"], told["due_on"], told["as_of"]) == ("2026-05-01", "2026-05-08", "2026-05-04")
    assert told["thresholds"]["open_months"] == 2
    assert told["thresholds"]["hold_days"] == 7
    assert "onder 1 maand" in told["closes_when"]
    assert "2 maanden" in told["rule"]
    assert told["gaps"] == []


def test_asking_twice_gives_the_same_bytes_and_so_does_another_order() -> None:
    case = Case([balance("2026-04-01", 65000), balance("2026-05-01", 125000)], "2026-04-01", "2026-05-20")
    facts, day = case.known_on("2026-05-10")
    warning = case.warning("arrears_escalating")
    once = msgspec.json.encode(explain(facts, warning, LANDLORD, day, HERE, REF))
    again = effective(list(reversed([*case.told, *case.story.warnings, *case.told])), day)
    known = effective([fact for fact in again if fact.known < day], day)
    assert msgspec.json.encode(explain(known, warning, LANDLORD, day, world(), REF)) == once
    assert b"2026-05-01" in once


def test_as_of_an_evening_nothing_is_told_that_came_later() -> None:
    """On 4 May a balance of 1 May was known; that it was wrong, and the next one, came later."""
    wrong = balance("2026-05-01", 185000)
    mended = b.correction(wrong, known=on("2026-05-12"), outstanding_cents=125000)
    case = Case([wrong, mended, balance("2026-05-15", 130000)], "2026-05-01", "2026-05-25")
    then, now = (case.explain("arrears_escalating", LANDLORD, day) for day in ("2026-05-04", "2026-05-20"))
    assert then is not None
    assert now is not None
    assert "€ 1.850,00" in then["sentence"]
    assert [each["corrected"] for each in then["evidence"]] == [False]
    assert "€ 1.300,00" in now["sentence"]
    assert [(each["on"], each["corrected"]) for each in now["evidence"]] == [
        ("2026-05-01", True),
        ("2026-05-15", False),
    ]
    assert case.explain("arrears_escalating", LANDLORD, "2026-04-30") is None


def test_only_for_who_sees_every_input() -> None:
    case = Case(
        [balance("2026-05-01", 125000), grant("wijkteam", "coordination", "warnings")], "2026-05-01", "2026-05-04"
    )
    assert case.explain("arrears_escalating", COACH, "2026-05-04") is None
    assert case.explain("arrears_escalating", TEAM, "2026-05-04") is None  # sees that it is there, not why
    assert case.explain("arrears_escalating", recipient("steward", b.GEMEENTE), "2026-05-04") is None
    resident = case.explain("arrears_escalating", RESIDENT, "2026-05-04")
    assert resident is not None
    assert resident["sentence"].startswith("U loopt verder achter met de huur: op 1 mei 2026")


def test_a_coach_with_the_level_reads_no_amount_and_no_event() -> None:
    case = Case(
        [balance("2026-05-01", 125000), grant("coach", "guidance", "arrears_level")], "2026-05-01", "2026-05-04"
    )
    told = case.explain("arrears_escalating", COACH, "2026-05-04")
    assert told is not None
    assert told["evidence"] == []
    assert "1.250" not in msgspec.json.encode(told).decode()
    assert told["action"].startswith("Ga langs")


def test_a_warning_that_is_not_there() -> None:
    facts, day = Case([], "2026-05-01", "2026-05-02").known_on("2026-05-02")
    assert explain(facts, "WA-0", RESIDENT, day, HERE) is None


def test_gaps_a_feed_that_is_silent_and_data_that_is_old() -> None:
    beats = [
        b.fact("feed.heartbeat", b.CORPORATIE, day, as_of=datetime.combine(day, time(20), UTC).isoformat())
        for day in (on("2026-04-25") + timedelta(days=n) for n in range(12))
    ]
    here = world(b.registered(b.CORPORATIE, "corporatie", on("2025-02-01"), heartbeat_hours=24), *beats)
    silent = Case([balance("2026-05-01", 125000)], "2026-05-01", "2026-05-20", here)
    told = silent.explain("arrears_escalating", LANDLORD, "2026-05-10")
    assert told is not None
    assert (told["state"], told["gaps"]) == (
        "suspended", ["Van openbaar-wonen komen op dit moment geen gegevens binnen."],
    )  # fmt: skip
    old = Case([balance("2026-05-01", 125000)], "2026-05-01", "2026-06-20").explain(
        "arrears_escalating", LANDLORD, "2026-06-18"
    )
    assert old is not None
    assert (old["state"], old["gaps"]) == ("suspended", ["De gegevens zijn te oud om iets te zeggen."])


def test_a_voided_one_says_that_its_event_is_gone() -> None:
    wrong = balance("2026-05-01", 125000)
    case = Case([wrong, b.retraction(wrong, known=on("2026-05-06"))], "2026-05-01", "2026-05-10")
    for to, sentence in ((RESIDENT, "U loopt verder achter met de huur."), (LANDLORD, "De huurachterstand loopt op.")):
        told = case.explain("arrears_escalating", to, "2026-05-08")
        assert told is not None
        assert (told["state"], told["closed_on"]) == ("voided", "2026-05-06")
        assert told["closed_reason"] == "gebeurtenis ingetrokken"
        assert told["gaps"] == ["Een gebeurtenis waarop dit signaal rustte, is ingetrokken of gewist."]
        assert (told["sentence"], told["evidence"]) == (sentence, [])


def test_missing_payment_days_are_a_gap() -> None:
    case = Case([balance("2026-05-01", 40000, paid_late_days=[])], "2026-05-01", "2026-05-10")
    told = case.explain("arrears_first", LANDLORD, "2026-05-08")
    assert told is not None
    assert told["gaps"] == ["Niet geleverd is hoe laat de huur de laatste maanden kwam."]


def test_a_party_reads_the_events_of_its_own_actions_only() -> None:
    plan_id = f"{b.GEMEENTE}:PL-1"

    def added(number: str, owner: str) -> Fact:
        told = {"action_id": number, "owner": owner, "domain": "housing", "kind": "repair", "due_on": "2026-03-01"}
        return b.fact("action.added", owner, on("2026-02-01"), plan_id=plan_id, action=told)

    case = Case([added("A-1", b.CORPORATIE), added("A-2", b.ZORG)], "2026-03-01", "2026-03-20")
    told = case.explain("plan_stalled_by_party", LANDLORD, "2026-03-18")
    assert told is not None
    assert [each["org"] for each in told["evidence"]] == [b.CORPORATIE]
    assert b.ZORG not in msgspec.json.encode(told).decode()


def test_words_of_an_older_version_stay_as_they_were() -> None:
    """The rule got other words in version 2; what was raised under version 1 is told in those of version 1."""
    old = HERE.rules["arrears_escalating"]
    new = Sentences(full="Anders: {situation}.", bare="Anders.", bewoner="Anders: {situation}.", bewoner_bare="Anders.")
    texts = {**old.texts, "2": Texts(phrases=old.texts["1"].phrases, severity={2: new, 3: new})}
    second = Rules("2", HERE.rules.valid_from, {
        **HERE.rules.indicators, "arrears_escalating": msgspec.structs.replace(old, version="2", texts=texts)
    })  # fmt: skip
    case = Case([balance("2026-05-01", 125000)], "2026-05-01", "2026-05-04")
    facts, day = case.known_on("2026-05-04")
    (before,) = episodes(facts, day, HERE)
    told = explain(facts, before.id, RESIDENT, day, world(with_rules=second))
    assert told is not None
    assert told["sentence"].startswith("U loopt verder achter met de huur")
    later = Case([balance("2026-05-01", 125000)], "2026-05-01", "2026-05-04", world(with_rules=second))
    said = later.explain("arrears_escalating", RESIDENT, "2026-05-04")
    assert said is not None
    assert (said["sentence"][:6], said["rule_version"]) == ("Anders", "2")


@pytest.mark.parametrize(("day", "word"), [("2026-11-29", "loopt van"), ("2026-11-30", "is voorbij sinds")])
def test_the_notice_window_and_that_it_passed(day: str, word: str) -> None:
    lease = b.fact("lease.started", happened=on("2025-01-01"), ends_on="2026-12-31")
    case = Case([lease], "2026-06-01", "2026-12-05")
    told = case.explain("conditional_lease_deadline", RESIDENT, day)
    assert told is not None
    assert word in told["sentence"]
    assert "laatste werkdag: 30 november 2026" in told["sentence"]
    assert "omgezet" in told["sentence"]


def test_running_helper_and_explain_agree_on_the_open_day() -> None:
    case = Case([balance("2026-05-01", 125000)], "2026-05-01", "2026-05-04")
    facts, day = case.known_on("2026-05-04")
    open_day = running(case.story, case.told, "2026-05-05")
    warning = case.warning("arrears_escalating")
    assert explain(open_day, warning, RESIDENT, day, HERE) == explain(facts, warning, RESIDENT, day, HERE)
