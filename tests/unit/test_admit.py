"""Admission's verdicts, as pure decisions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from woonketen.contracts import catalogue
from woonketen.contracts.errors import Refusal
from woonketen.contracts.facts import Event, event_key
from woonketen.streams.door.admit import (
    AFTER_CLOSING,
    CORRECTIONS,
    EXPIRED,
    ISSUES,
    MAKES_KNOWN,
    WAITING,
    Accepted,
    Agreement,
    Candidate,
    Duplicate,
    Enrolment,
    Original,
    Parked,
    Refused,
    Standing,
    Verdict,
    admit,
    content,
    examine,
    narrows,
)

OPEN = date(2026, 3, 10)
REF, OTHER = b"r" * 16, b"o" * 16
SAMPLES: dict[str, dict[str, Any]] = {}
for folder in files("woonketen.contracts").joinpath("schemas").iterdir():
    sample = json.loads(folder.joinpath("1.sample.json").read_text("utf-8"))
    SAMPLES[sample["type"].removeprefix(catalogue.PREFIX)] = sample
KINDS = {"G": "gemeente", "C": "corporatie", "Z": "zorgaanbieder", "B": "buddy_organisatie", "S": "schuldhulp"}
ORG = "gemeente-ijsselstad"


def event(short: str, data: Mapping[str, Any] | None = None, subject: str | None = "", event_id: str = "e-1") -> Event:
    """The catalogue's sample of a type, with some of its payload changed."""
    found = SAMPLES[short]
    payload = found["data"] | dict(data or {})
    return Event(
        id=event_id,
        source=found["source"],
        type=found["type"],
        dataschema=found["dataschema"],
        time=datetime(2026, 3, 1, tzinfo=UTC),
        subject=found.get("subject") if subject == "" else subject,
        data=json.dumps({name: value for name, value in payload.items() if value is not ...}).encode(),
    )


def kind_for(short: str) -> str:
    return next(KINDS[letter] for letter in "GZCBS" if letter in catalogue.contract_of(short).publishers)


def candidate(short: str, data: Mapping[str, Any] | None = None, subject: str | None = "", org: str = "") -> Candidate:
    field = ISSUES.get(short)
    issuer = SAMPLES[short]["data"][field].partition(":")[0] if field else ORG
    return examine(event(short, data, subject), org or issuer, kind_for(short))


def agreement(**changes: Any) -> Agreement:
    values: dict[str, Any] = {
        "programme": "wooncoach",
        "orgs": frozenset({ORG}),
        "purposes": frozenset({"coordination", "guidance", "early_signalling"}),
        "valid_from": date(2026, 1, 1),
        "valid_until": date(2026, 12, 31),
        "ended_on": None,
    }
    return Agreement(**(values | changes))


ENROLLED = Enrolment("wooncoach", date(2026, 1, 5), None)


def standing(**changes: Any) -> Standing:
    """A known resident, enrolled, under an agreement."""
    values: dict[str, Any] = {
        "open_day": OPEN, "digest": b"d" * 16, "ref": REF, "enrolments": (ENROLLED,), "agreements": (agreement(),)
    }  # fmt: skip
    return Standing(**(values | changes))


def waits_for(verdict: Verdict) -> str:
    assert isinstance(verdict, Parked), verdict
    return verdict.waits_for


def refused(verdict: Verdict) -> tuple[str, str]:
    assert isinstance(verdict, Refused), verdict
    assert verdict.mend
    return verdict.reason, verdict.detail


PARTNERS = sorted(short for short, each in catalogue.TYPES.items() if each.publishers & set(KINDS))
PLATFORMS = sorted(set(catalogue.TYPES) - set(PARTNERS))
UNDER_AGREEMENT = sorted(
    short for short in PARTNERS if catalogue.TYPES[short].basis == "agreement" and short not in CORRECTIONS
)


@pytest.mark.parametrize("short", sorted(set(PARTNERS) - CORRECTIONS - {"subject.linked"}))
def test_every_sample_is_accepted_where_everything_stands(short: str) -> None:
    """Samples of 2027 and later are covered by an agreement that runs on the open day."""
    late = standing(enrolments=(Enrolment("wooncoach", date(2026, 1, 5), None),))
    verdict = admit(candidate(short), late)
    assert isinstance(verdict, Accepted), verdict
    assert verdict.kept is catalogue.TYPES[short]


@pytest.mark.parametrize("short", PLATFORMS)
def test_the_platforms_own_types_are_not_a_partners(short: str) -> None:
    found = SAMPLES.get(short, {"type": catalogue.PREFIX + short, "data": {}})
    for kind in KINDS.values():
        with pytest.raises(Refusal) as told:
            examine(
                Event("e-1", "urn", found["type"], catalogue.TYPES[short].dataschema, datetime.now(UTC), "P-1", b"{}"),
                ORG, kind,
            )  # fmt: skip
        assert told.value.reason == "not_your_type"


@pytest.mark.parametrize("short", PARTNERS)
def test_each_type_only_from_its_publishers(short: str) -> None:
    for letter, kind in KINDS.items():
        if letter not in catalogue.TYPES[short].publishers:
            with pytest.raises(Refusal) as told:
                examine(event(short), ORG, kind)
            assert (told.value.reason, told.value.detail) == ("not_your_type", "type")


def test_refusals_of_an_event_by_itself() -> None:
    for made, reason, detail in [
        (event("coach.visit_held", {"visit_id": "Wilhelmientje"}), "schema", "data.visit_id"),
        (event("coach.visit_held", {"wilhelmientje": 1}), "schema", "data"),
        (event("coach.visit_held", {"visit_id": ...}), "schema", "data.visit_id"),
        (event("coach.visit_held", subject=None), "schema", "subject"),
    ]:
        with pytest.raises(Refusal) as told:
            examine(made, ORG, "zorgaanbieder")
        assert (told.value.reason, told.value.detail) == (reason, detail)
        assert "ilhelmientje" not in str(told.value)
    with pytest.raises(Refusal) as told:
        examine(event("feed.heartbeat", subject="K-88"), ORG, "gemeente")
    assert (told.value.reason, told.value.detail) == ("schema", "subject")
    for kind, schema, reason in [
        ("nl.woonketen.no.such", None, "unknown_type"),
        ("com.example.lease.started", None, "unknown_type"),
        ("nl.woonketen.lease.started", None, "unknown_version"),
        ("nl.woonketen.lease.started.v2", "https://woonketen.example/contracts/lease.started/2", "unknown_version"),
    ]:
        with pytest.raises(Refusal) as told:
            examine(Event("e-1", "urn", kind, schema, datetime.now(UTC), "K-1", b"{}"), ORG, "corporatie")
        assert told.value.reason == reason


@pytest.mark.parametrize(("short", "field"), ISSUES.items())
def test_an_issued_id_carries_its_issuers_name(short: str, field: str) -> None:
    issuer = SAMPLES[short]["data"][field].partition(":")[0]
    assert candidate(short, org=issuer).org == issuer
    for foreign in ("someone-else", issuer[:-1], issuer + "x"):
        with pytest.raises(Refusal) as told:
            candidate(short, org=foreign)
        assert (told.value.reason, told.value.detail) == ("schema", f"data.{field}")


# --- duplicates ---


def test_same_content_is_a_duplicate_and_other_content_a_conflict() -> None:
    assert isinstance(admit(candidate("coach.visit_held"), standing(seen=b"d" * 16)), Duplicate)
    verdict = admit(candidate("coach.visit_held"), standing(seen=b"x" * 16))
    assert refused(verdict) == ("conflicting_duplicate", "id")
    nothing_known = Standing(OPEN, b"d" * 16, seen=b"d" * 16)
    assert isinstance(admit(candidate("coach.visit_held"), nothing_known), Duplicate), "before anything else is asked"


def test_content_is_type_subject_and_data_whatever_the_order_of_fields() -> None:
    sent = event("coach.visit_held")
    one = examine(sent, ORG, "zorgaanbieder")

    def again(**changes: Any) -> bytes:
        values = {name: getattr(sent, name) for name in Event.__struct_fields__}
        return content(examine(Event(**(values | changes)), ORG, "zorgaanbieder"))

    turned = json.dumps(dict(reversed(json.loads(sent.data).items())), indent=2).encode()
    assert content(one) == again(data=turned, time=datetime(2026, 3, 2, tzinfo=UTC), id="e-2")
    assert content(one) != again(subject="K-89")
    assert content(one) != again(data=sent.data.replace(b"V-1", b"V-2"))


# --- residents, enrolments, agreements ---


@pytest.mark.parametrize("short", sorted(set(PARTNERS) - CORRECTIONS - {"subject.linked"}))
def test_unknown_pseudonym_waits_for_its_link_unless_the_type_makes_a_resident(short: str) -> None:
    unknown = standing(ref=None, enrolments=())
    verdict = admit(candidate(short), unknown)
    if short in MAKES_KNOWN or catalogue.TYPES[short].about == "everybody":
        assert isinstance(verdict, Accepted)
    else:
        assert waits_for(verdict) == "link"


@pytest.mark.parametrize("short", UNDER_AGREEMENT)
def test_known_but_not_enrolled_waits_for_the_enrolment(short: str) -> None:
    verdict = admit(candidate(short), standing(enrolments=()))
    if short in MAKES_KNOWN:
        assert isinstance(verdict, Accepted)
    else:
        assert waits_for(verdict) == "enrolment"


@pytest.mark.parametrize("short", ["consent.refused", "consent.withdrawn", "objection.recorded", "safety.flag_set"])
def test_what_a_resident_says_against_sharing_needs_no_agreement(short: str) -> None:
    assert isinstance(admit(candidate(short), standing(enrolments=(), agreements=())), Accepted)


@pytest.mark.parametrize("short", UNDER_AGREEMENT)
def test_without_an_agreement_it_waits(short: str) -> None:
    assert waits_for(admit(candidate(short), standing(agreements=()))) == "agreement"
    other = (agreement(programme="buddy"),)
    assert waits_for(admit(candidate(short), standing(agreements=other))) == "agreement"
    before = standing(agreements=other, enrolments=(), ref=None)
    if short in MAKES_KNOWN - {"enrolment.opened"}:
        assert isinstance(admit(candidate(short), before), Accepted), "any agreement will do before an enrolment"


def test_enrolment_is_asked_for_its_own_programme() -> None:
    opened = candidate("enrolment.opened", {"programme": "buddy"})
    assert waits_for(admit(opened, standing())) == "agreement"
    assert isinstance(admit(opened, standing(agreements=(agreement(programme="buddy"),))), Accepted)


@pytest.mark.parametrize(
    ("changes", "taken"),
    [
        ({}, True),
        ({"valid_from": date(2026, 3, 10), "valid_until": date(2026, 3, 10)}, True),
        ({"valid_from": date(2026, 3, 11)}, False),
        ({"valid_until": date(2026, 3, 9)}, True),
        ({"valid_until": date(2026, 2, 23)}, False),
        ({"valid_from": date(2026, 2, 24), "valid_until": date(2026, 2, 24)}, True),
        ({"ended_on": date(2026, 2, 23)}, False),
        ({"ended_on": date(2026, 2, 24)}, True),
    ],
)
def test_agreement_covers_the_open_day_or_the_day_it_happened(changes: dict[str, Any], taken: bool) -> None:
    held = candidate("coach.visit_held", {"occurred_on": "2026-02-24"})
    verdict = admit(held, standing(agreements=(agreement(**changes),)))
    assert isinstance(verdict, Accepted if taken else Parked)


def test_purpose_is_asked_for_where_the_type_has_one() -> None:
    without = (agreement(purposes=frozenset({"guidance"})),)
    assert waits_for(admit(candidate("arrears.signalled"), standing(agreements=without))) == "agreement"
    assert isinstance(admit(candidate("coach.visit_held"), standing(agreements=without)), Accepted)
    spread = (*without, agreement(programme="buddy", purposes=frozenset({"early_signalling"})))
    verdict = admit(candidate("arrears.signalled"), standing(agreements=spread))
    assert waits_for(verdict) == "agreement", "programme and purpose must stand in one agreement"


@pytest.mark.parametrize("short", UNDER_AGREEMENT)
def test_after_an_enrolment_closed_only_what_belongs_to_it(short: str) -> None:
    made = candidate(short)
    closed = Enrolment("wooncoach", date(2026, 1, 5), made.happened)
    assert isinstance(admit(made, standing(enrolments=(closed,))), Accepted), "on the last day"
    earlier = Enrolment("wooncoach", date(2025, 1, 5), date.fromordinal(made.happened.toordinal() - 1))
    verdict = admit(made, standing(enrolments=(earlier,)))
    if short in MAKES_KNOWN | AFTER_CLOSING:
        assert isinstance(verdict, Accepted)
    else:
        assert waits_for(verdict) == "enrolment"
        assert isinstance(admit(made, standing(enrolments=(earlier, ENROLLED))), Accepted)


# --- links ---


def test_link_code_that_does_not_work_is_refused_in_the_same_words() -> None:
    linked = candidate("subject.linked")
    verdicts = {admit(linked, standing(link=None)), admit(linked, standing(ref=None, link=None))}
    assert len(verdicts) == 1
    assert refused(verdicts.pop()) == ("link_code", "data.link_code")
    for ref in (None, REF, OTHER):
        assert isinstance(admit(linked, standing(ref=ref, link=REF, enrolments=(), agreements=())), Accepted)


# --- corrections ---

HELD = Original("coach.visit_held", REF)
NEW = {"occurred_on": "2026-02-23", "visit_id": "V-1", "channel": "door", "present": [], "worker": "W-17"}


def correction(short: str = "event.corrected", data: Any = NEW, subject: str | None = "") -> Candidate:
    changes = {"original_id": "e-0"} | ({"data": data} if short == "event.corrected" else {})
    return candidate(short, changes, subject)


def test_correction_names_its_original_by_its_own_source() -> None:
    made = correction()
    assert made.original == event_key(made.event.source, "e-0")
    assert candidate("coach.visit_held").original is None


@pytest.mark.parametrize("short", sorted(CORRECTIONS))
def test_correction_waits_for_its_original_and_then_keeps_its_class(short: str) -> None:
    assert waits_for(admit(correction(short), standing(original=None))) == "original"
    verdict = admit(correction(short), standing(original=HELD, enrolments=(), agreements=()))
    assert isinstance(verdict, Accepted)
    assert verdict.kept.type == "coach.visit_held"
    assert (verdict.replaces is None) == (short == "event.retracted")


@pytest.mark.parametrize("short", sorted(CORRECTIONS))
def test_correction_of_another_resident_is_refused(short: str) -> None:
    for changes in ({"ref": OTHER}, {"ref": None}):
        verdict = admit(correction(short), standing(original=HELD, **changes))
        assert refused(verdict) == ("schema", "subject")
    world = Original("complex.assessed", None)
    assert refused(admit(correction(short), standing(original=world))) == ("schema", "subject")
    nobody = correction(short, SAMPLES["complex.assessed"]["data"], subject=None)
    assert isinstance(admit(nobody, standing(ref=None, original=world)), Accepted)
    assert refused(admit(nobody, standing(ref=None, original=HELD))) == ("schema", "subject")


@pytest.mark.parametrize("original", ["event.corrected", "event.retracted", "subject.linked"])
def test_correction_is_not_corrected_nor_a_link(original: str) -> None:
    verdict = admit(correction(), standing(original=Original(original, REF)))
    assert refused(verdict) == ("schema", "data.original_id")


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "data.data.occurred_on"),
        (NEW | {"visit_id": "Wilhelmientje"}, "data.data.visit_id"),
        (NEW | {"wilhelmientje": 1}, "data.data"),
    ],
)
def test_corrected_payload_must_hold_the_originals_contract(data: dict[str, Any], field: str) -> None:
    verdict = admit(correction(data=data), standing(original=HELD))
    assert refused(verdict) == ("schema", field)
    assert "ilhelmientje" not in str(verdict)


def test_corrected_id_carries_its_issuers_name_too() -> None:
    data = SAMPLES["enrolment.opened"]["data"] | {"enrolment_id": "someone-else:E-1"}
    verdict = admit(correction(data=data), standing(original=Original("enrolment.opened", REF)))
    assert refused(verdict) == ("schema", "data.data.enrolment_id")


# --- what narrows ---


def test_what_narrows_holds_back_rows_until_it_was_applied() -> None:
    def kept(short: str) -> bool:
        made = candidate(short)
        return narrows(made, made.contract)

    assert [short for short in PARTNERS if short not in CORRECTIONS and kept(short)] == [
        "consent.refused",
        "consent.withdrawn",
        "objection.recorded",
        "safety.flag_set",
    ]
    retracted, corrected = correction("event.retracted"), correction()
    assert all(narrows(retracted, catalogue.TYPES[short]) for short in PARTNERS)
    assert narrows(corrected, catalogue.TYPES["consent.granted"])
    assert narrows(corrected, catalogue.TYPES["notice.given"])
    assert not narrows(corrected, catalogue.TYPES["coach.visit_held"])


# --- the whole ---

AGREEMENTS = st.builds(
    agreement,
    programme=st.sampled_from(["wooncoach", "buddy"]),
    valid_from=st.dates(date(2026, 1, 1), date(2026, 4, 1)),
    valid_until=st.dates(date(2026, 1, 1), date(2026, 4, 1)),
    ended_on=st.none() | st.dates(date(2026, 1, 1), date(2026, 4, 1)),
)
ENROLMENTS = st.builds(
    Enrolment,
    programme=st.sampled_from(["wooncoach", "buddy"]),
    opened_on=st.just(date(2026, 1, 1)),
    closed_on=st.none() | st.dates(date(2026, 1, 1), date(2026, 4, 1)),
)
ANY = {short: candidate(short) for short in PARTNERS if short not in CORRECTIONS}


@given(
    st.sampled_from(sorted(ANY)),
    st.sampled_from([None, REF]),
    st.lists(ENROLMENTS, max_size=3),
    st.lists(AGREEMENTS, max_size=3),
    st.lists(AGREEMENTS, max_size=2),
)
def test_more_agreements_never_take_back_a_verdict(
    short: str, ref: bytes | None, enrolments: list[Enrolment], agreed: list[Agreement], more: list[Agreement]
) -> None:
    """Nothing accepted becomes parked by what arrives: the order of arrival gives the same in the end."""
    who = {"ref": ref, "enrolments": tuple(enrolments) if ref else (), "link": REF}
    verdict = admit(ANY[short], standing(agreements=tuple(agreed), **who))
    later = admit(ANY[short], standing(agreements=tuple(agreed + more), **who))
    assert isinstance(verdict, Accepted | Parked)
    if isinstance(verdict, Accepted):
        assert later == verdict
    if isinstance(verdict, Parked):
        assert verdict.waits_for in WAITING
        assert verdict.waits_for in EXPIRED
