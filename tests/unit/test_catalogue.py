"""The catalogue: every type has its contract, schema and frozen sample; a bad payload is named, its values never."""

from __future__ import annotations

import copy
import json
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
import write_schemas
from hypothesis import given, settings
from hypothesis import strategies as st

from woonketen.contracts import catalogue, codes, personal, retention, upcasters
from woonketen.contracts.catalogue import PREFIX, TYPES
from woonketen.contracts.errors import Malformed, SchemaError, UnknownType, UnknownVersion
from woonketen.contracts.payloads.guidance import CoachVisitHeld, CoachVisitMissed, PauseAgreed
from woonketen.contracts.payloads.platform import EventCorrected

SAMPLES: dict[str, dict[str, Any]] = {
    short: json.loads(write_schemas.sample_path(contract).read_text(encoding="utf-8"))
    for short, contract in TYPES.items()
}
DATA: dict[str, dict[str, Any]] = {short: event["data"] for short, event in SAMPLES.items()}
ACTION: dict[str, Any] = DATA["plan.agreed"]["actions"][0]
SECRET = "Wilhelmientje"


def decode(short: str, data: Any) -> Any:
    return catalogue.decode(TYPES[short], json.dumps(data).encode())


def plain(value: Any) -> Any:
    """A payload as JSON would hold it, with the fields that hold their default."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return msgspec.json.decode(msgspec.json.encode(value))


def filled(sample: Any, whole: Any) -> Any:
    """The sample, with what `whole` knows of fields that the sample leaves out further in."""
    if isinstance(sample, list):
        return [filled(each, other) for each, other in zip(sample, whole, strict=True)]
    if isinstance(sample, dict):
        absent = {name: each for name, each in whole.items() if name not in sample}
        assert all(each in (None, [], False) for each in absent.values())
        return {**absent, **{name: filled(each, whole[name]) for name, each in sample.items()}}
    return sample


def broken(short: str, **changes: Any) -> SchemaError:
    with pytest.raises(SchemaError) as told:
        decode(short, {**DATA[short], **changes})
    return told.value


def test_schemas_are_those_that_the_payloads_make() -> None:
    wanted = write_schemas.wanted()
    assert {path: path.read_text(encoding="utf-8") for path in wanted} == wanted
    kept = {path for path in write_schemas.SCHEMAS.rglob("*") if path.is_file()}
    assert kept == set(wanted) | {write_schemas.sample_path(contract) for contract in TYPES.values()}


@pytest.mark.parametrize("short", TYPES)
def test_sample_decodes_and_comes_back(short: str) -> None:
    event, contract = SAMPLES[short], TYPES[short]
    assert catalogue.contract(event["type"], event["dataschema"]) is contract
    catalogue.check_json(json.dumps(event).encode())
    payload = decode(short, event["data"])
    assert type(payload).__name__ == "".join(word.capitalize() for word in short.replace(".", "_").split("_"))
    again = catalogue.decode(contract, catalogue.encode(payload))
    assert plain(again) == plain(payload)
    assert plain(payload) == filled(event["data"], plain(payload))
    assert repr(payload) == f"{type(payload).__name__}(…)"


@pytest.mark.parametrize("short", TYPES)
def test_sample_is_valid_by_its_schema(short: str) -> None:
    schema = json.loads((write_schemas.SCHEMAS / short / "1.schema.json").read_text(encoding="utf-8"))
    jsonschema_rs.meta.validate(schema)
    assert schema["$id"] == TYPES[short].dataschema == SAMPLES[short]["dataschema"]
    assert validator(short).is_valid(DATA[short])


@pytest.mark.parametrize("short", TYPES)
def test_sample_names_nobody(short: str) -> None:
    event, contract = SAMPLES[short], TYPES[short]
    assert (contract.about == "person") is ("subject" in event)
    assert not [name for name in ("id", "type", "time", "dataschema") if personal.find(event[name])]
    if "subject" in event:
        personal.check_subject(event["subject"])


def test_every_contract_holds_together() -> None:
    assert len(TYPES) == 99
    for short, contract in TYPES.items():
        assert contract.publishers <= set("GCZBSRP"), short
        assert (contract.basis == "platform") is (contract.publishers == {"P"}), short
        assert set(contract.business_key) <= set(contract.payload.__struct_fields__), short
        assert contract.retention_class in retention.CLASSES, short
        assert (contract.retention_class == "world") is (contract.about == "everybody"), short
        assert contract.category in codes.members("category") | {"agreement", "complex", "safety", "platform", "link"}
    restricting = {short for short, contract in TYPES.items() if contract.restricting}
    assert restricting == {"consent.refused", "consent.withdrawn", "objection.recorded", "safety.flag_set"}
    assert codes.members("event_type") == set(TYPES)
    assert {letter for contract in TYPES.values() for letter in contract.publishers} == {
        *catalogue.KIND_LETTER.values(),
        "R",
        "P",
    }
    assert set(catalogue.KIND_LETTER) == codes.members("org_kind")


def test_happened_on() -> None:
    def happened(short: str, *recorded: date) -> date:
        return catalogue.happened_on(TYPES[short], decode(short, DATA[short]), *recorded)

    assert happened("lease.ended") == date(2027, 12, 31)
    assert happened("warning.opened") == date(2026, 5, 7)
    assert happened("feed.heartbeat") == date(2026, 3, 16)
    assert happened("clock.day_closed") == date(2026, 3, 15)
    assert happened("warning.acknowledged", date(2026, 5, 9)) == date(2026, 5, 9)
    with pytest.raises(ValueError, match="give the day"):
        happened("subject.erased")


@pytest.mark.parametrize(
    ("name", "schema", "error"),
    [
        ("nl.woonketen.lease.begun", "https://woonketen.example/contracts/lease.begun/1", UnknownType),
        ("lease.started", "https://woonketen.example/contracts/lease.started/1", UnknownType),
        ("nl.woonketen.lease.started.v1", "https://woonketen.example/contracts/lease.started/1", UnknownType),
        ("nl.woonketen.lease.started.v2", "https://woonketen.example/contracts/lease.started/2", UnknownVersion),
        ("nl.woonketen.lease.started", "https://woonketen.example/contracts/lease.started/2", UnknownVersion),
        ("nl.woonketen.lease.started", "https://woonketen.example/contracts/lease.ended/1", UnknownVersion),
        ("nl.woonketen.lease.started", "https://woonketen.example/contracts/lease.started/1/", UnknownVersion),
        ("nl.woonketen.lease.started", None, UnknownVersion),
        (f"nl.woonketen.{SECRET}", None, UnknownType),
    ],
)
def test_unknown_type_or_version(name: str, schema: str | None, error: type[UnknownType | UnknownVersion]) -> None:
    with pytest.raises(error) as told:
        catalogue.contract(name, schema)
    assert SECRET not in str(told.value)
    assert error is UnknownType or "https://woonketen.example/contracts/lease.started/1" in told.value.mend


def test_contract_of_unknown_name() -> None:
    with pytest.raises(UnknownType):
        catalogue.contract_of("lease.begun")
    assert catalogue.contract_of("lease.started") is TYPES["lease.started"]


@pytest.mark.parametrize(
    ("short", "changes", "field", "mend"),
    [
        ("plan.agreed", {"actions": [{**ACTION, "due_on": SECRET}]}, "actions[0].due_on", "give a date as YYYY-MM-DD"),
        ("coach.visit_missed", {"missed_by": SECRET}, "missed_by", "use one of: resident, organisation"),
        ("coach.visit_missed", {"visit_id": SECRET}, "visit_id", "give your own id"),
        ("coach.visit_missed", {"visit_id": "V-1\n"}, "visit_id", "give your own id"),
        ("coach.visit_missed", {"visit_id": "123456782"}, "visit_id", "give your own id"),
        ("coach.visit_missed", {"visit_id": "8011PK-12"}, "visit_id", "give your own id"),
        ("coach.visit_missed", {"visit_id": "0612345678"}, "visit_id", "give your own id"),
        ("coach.visit_missed", {"visit_id": "V-١"}, "visit_id", "give your own id"),
        ("coach.visit_missed", {"worker": "Jan Jansen 3"}, "worker", "give your own id"),
        ("referral.made", {"referral_id": "R-1"}, "referral_id", "give an id with its issuer"),
        ("referral.made", {"to_org": SECRET}, "to_org", "give the registered name"),
        ("lease.started", {"rent_cents": 612.5}, "rent_cents", "give a whole number from 1 to 10000000"),
        ("lease.started", {"rent_cents": 0}, "rent_cents", "give a whole number from 1 to 10000000"),
        ("lease.started", {"coaching_clause": "ja"}, "coaching_clause", "give true or false"),
        ("lease.started", {"occurred_on": "1899-12-31"}, "occurred_on", "give a date from 1900-01-01"),
        ("lease.started", {"ends_on": "2026-02-14"}, "ends_on", "give a date on or after occurred_on"),
        ("lease.started", {"ends_on": None}, "ends_on", "give the day on which this lease ends"),
        ("lease.started", {"kind": "fixed_term", "ground": None}, "ground", "give the ground"),
        ("lease.started", {"kind": "fixed_term", "ends_on": "2028-02-16"}, "ends_on", "give a day within two years"),
        ("lease.started", {SECRET: 1}, "", "remove fields that the contract does not name"),
        ("lease.started", {f"x` - at `$.{SECRET}": 1}, "", "remove fields that the contract does not name"),
        ("rent.balance_reported", {"paid_late_days": [0] * 5}, "paid_late_days", "give a list of 0 to 4 items"),
        ("rent.balance_reported", {"paid_late_days": [0, -1]}, "paid_late_days[1]", "give a whole number from 0"),
        ("consent.granted", {"recipient": {"role": "coach", "org": "zorg-ijssel"}}, "recipient", "name either a role"),
        ("consent.granted", {"recipient": {}}, "recipient", "name either a role"),
        ("consent.granted", {"recipient": {"name": SECRET}}, "recipient", "remove fields"),
        ("consent.granted", {"valid_until": "2026-01-05"}, "valid_until", "give a date on or after valid_from"),
        ("consent.granted", {"data_until": "2025-12-31"}, "data_until", "give a date on or after data_from"),
        ("waiting.entered", {"step": None}, "step", "give the step of the ladder"),
        ("ladder.step_changed", {"to_step": 3}, "to_step", "give another step"),
        ("intake.held", {"domains": [DATA["intake.held"]["domains"][0]] * 2}, "domains", "name each domain once"),
        ("plan.agreed", {"actions": [ACTION] * 2}, "actions", "give each action its own"),
        ("complex.assessed", {"dwellings": 5}, "dwellings_for_programme", "give at most"),
        ("complex.nuisance_counted", {"month": "2026-13"}, "month", "give a month as YYYY-MM"),
        ("feed.heartbeat", {"as_of": "2026-03-16T05:00:00"}, "as_of", "give a timestamp with a zone"),
        ("feed.heartbeat", {"as_of": "1066-03-16T05:00:00Z"}, "as_of", "give a timestamp from 1900"),
        ("event.retracted", {"original_id": "order-123456782"}, "original_id", "give the id of an event"),
        ("event.corrected", {"data": [SECRET]}, "data", "give the whole payload"),
        ("org.registered", {"org": "resident"}, "org", "choose another name"),
    ],
)  # fmt: skip
def test_bad_payload_names_field_and_mend(short: str, changes: dict[str, Any], field: str, mend: str) -> None:
    told = broken(short, **changes)
    assert told.detail == ("data." + field if field else "data")
    assert told.mend.startswith(mend)
    assert SECRET not in f"{told!r}{told}{told.__cause__}"


def test_missing_field_is_named() -> None:
    data = {name: each for name, each in DATA["lease.ended"].items() if name != "reason"}
    with pytest.raises(SchemaError) as told:
        decode("lease.ended", data)
    assert told.value.detail == "data.reason"
    assert told.value.mend.startswith("this field is required: use one of: by_tenant, mutual")


def test_fixed_term_of_two_years_from_a_leap_day() -> None:
    data = {**DATA["lease.started"], "kind": "fixed_term", "occurred_on": "2028-02-29"}
    assert decode("lease.started", {**data, "ends_on": "2030-02-28"}).ends_on == date(2030, 2, 28)
    assert broken("lease.started", **{**data, "ends_on": "2030-03-01"}).detail == "data.ends_on"


def test_fields_may_be_left_out() -> None:
    held = decode(
        "coach.visit_held", {"occurred_on": "2026-02-24", "visit_id": "V-1", "channel": "door", "present": []}
    )
    assert isinstance(held, CoachVisitHeld)
    assert held.worker is None
    assert decode("warning.opened", DATA["warning.opened"]).parties == []
    assert decode("enrolment.closed", {**DATA["enrolment.closed"], "goals_met": {}}).goals_met.coach is None


def test_correction_is_decoded_by_its_original() -> None:
    corrected = decode("event.corrected", DATA["event.corrected"])
    assert isinstance(corrected, EventCorrected)
    missed = catalogue.decode_correction(TYPES["coach.visit_missed"], corrected)
    assert missed == CoachVisitMissed(
        occurred_on=date(2026, 3, 11), visit_id="V-2", missed_by="organisation", worker="W-17"
    )
    with pytest.raises(SchemaError) as told:
        catalogue.decode_correction(TYPES["coach.visit_held"], corrected)
    assert told.value.detail in ("data.data", "data.data.channel")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{} {}",
        b'{"a": 1, "a": 1}',
        b'[{"b": {"a": 1, "a": 2}}]',
        b'{"a": 1, "\\u0061": 2}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": 9007199254740993}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "\\ud800"}',
        b'{"a": "\\udc00\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"a": "\\u0000"}',
        b'{"a": "\x00"}',
        b'{"a": 01}',
        b"[" * 33 + b"]" * 33,
        b"[" * 100_000,
        b'{"a":' * 33 + b"1" + b"}" * 33,
    ],
)
def test_malformed_json(data: bytes) -> None:
    with pytest.raises(Malformed) as told:
        catalogue.check_json(data)
    assert told.value.mend


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 9007199254740992, "b": -1.5e10, "c": "\\u00e9\\ud83d\\ude00\\\\u0000", "A": null}',
        b"[" * 32 + b"]" * 32,
        b'{"a": "' + b"[{" * 50 + b'\\"[[["}',
    ],
)
def test_json_that_all_read_alike(data: bytes) -> None:
    catalogue.check_json(data)


def test_payload_that_is_no_json() -> None:
    for data in (b"{", b"", b"\xff", b'{"occurred_on": "2026-01-01"} {}'):
        with pytest.raises(Malformed):
            catalogue.decode(TYPES["safety.flag_set"], data)


def test_canonical_is_rfc_8785() -> None:
    data = b'{ "b" : [1, true ,null], "a":{"z":"\\u00e9\\n","y":"\\u007f\\u0001\\/"} }'
    assert catalogue.canonical(data) == '{"a":{"y":"\x7f\\u0001/","z":"é\\n"},"b":[1,true,null]}'.encode()


@given(st.sampled_from(sorted(TYPES)), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_canonical_does_not_heed_order_or_blanks(short: str, random: Any) -> None:
    names = list(DATA[short])
    random.shuffle(names)
    shuffled = json.dumps({name: DATA[short][name] for name in names}, indent=random.choice([None, 1, 4]))
    assert catalogue.canonical(shuffled.encode()) == catalogue.canonical(json.dumps(DATA[short]).encode())


def test_upcasters_go_step_by_step() -> None:
    def lengthen(payload: PauseAgreed) -> PauseAgreed:
        return msgspec.structs.replace(payload, until=date(payload.until.year + 1, 1, 1))

    steps = {("pause.agreed", 1): lengthen, ("pause.agreed", 2): lengthen}
    first = PauseAgreed(occurred_on=date(2026, 1, 1), until=date(2026, 7, 1))
    assert upcasters.newest("pause.agreed", 1, first, steps).until == date(2028, 1, 1)
    assert upcasters.newest("pause.agreed", 2, first, steps).until == date(2027, 1, 1)
    assert upcasters.newest("pause.agreed", 3, first, steps) is first


def test_every_category_has_a_class_and_a_term_in_the_example() -> None:
    assert {contract.category for contract in TYPES.values()} == set(retention.CLASS_OF)
    terms = retention.shipped()
    for category in (*retention.CLASS_OF, retention.LOOKS):
        term = terms.of("woonketen", "platform", category)
        assert term is not None
        assert term.is_example


# The program reads with msgspec, partners may check with the published schema: both must say the same.

_VALIDATORS: dict[str, jsonschema_rs.Draft202012Validator] = {}
# What a schema cannot say: orders of dates, terms, distinctness, sums.
_BEYOND_SCHEMA = (
    "give a date on or after",
    "give a day within two years",
    "give another step",
    "give at most the number",
    "name each domain once",
    "give each action its own action_id",
    "give the id of an event; it never holds personal data",
)


def validator(short: str) -> jsonschema_rs.Draft202012Validator:
    if short not in _VALIDATORS:
        _VALIDATORS[short] = jsonschema_rs.Draft202012Validator(
            write_schemas.schema(TYPES[short]), validate_formats=True
        )
    return _VALIDATORS[short]


_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10_000_005),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer()),
    st.text(max_size=12),
    st.sampled_from(
        [
            *("L-1", "org-a:L-1", "WK019304", "GM0193", "2026-02-30", "2026-12-31", "1899-12-31", "2101-01-01"),
            *("coach", "resident", "door", "123456782", "12345678", "8011PK12", "P-abcdef", "fixed_term", "2026-06"),
            *("1", "02", "K7QP-2M4X-9TRD", "2026-03-16T05:00:00+01:00", "Jansen", "L-1\n", "ladder_step", "indefinite"),
        ]
    ),
    st.just([]),
    st.just({}),
    st.lists(st.sampled_from(["coordination", "resident", "L-1", 3]), max_size=5),
)  # fmt: skip


@st.composite
def mutations(draw: st.DrawFn) -> tuple[str, Any]:
    """A type and its sample's data with one to three things in it changed, left out or added."""
    short = draw(st.sampled_from(sorted(TYPES)))
    data = copy.deepcopy(DATA[short])
    for _ in range(draw(st.integers(1, 3))):
        node: Any = data
        while (inner := [each for each in _members(node) if isinstance(each, dict | list) and each]) and draw(
            st.booleans()
        ):
            node = draw(st.sampled_from(inner))
        if isinstance(node, dict):
            names = [*node, draw(st.sampled_from(["naam", "occurred_on", "worker", "role", "org"]))]
            name = draw(st.sampled_from(names))
            if draw(st.integers(0, 3)) == 0:
                node.pop(name, None)
            else:
                node[name] = draw(_ODD)
        else:
            node[draw(st.integers(0, len(node) - 1))] = draw(_ODD)
    return short, data


def _members(node: Any) -> list[Any]:
    return list(node.values()) if isinstance(node, dict) else list(node)


@given(mutations())
@settings(max_examples=600, deadline=None)
def test_schema_and_program_agree(case: tuple[str, Any]) -> None:
    short, data = case
    valid = validator(short).is_valid(data)
    refusal = refused(short, data)
    if refusal is None:
        assert valid
    elif valid:
        assert refusal.mend.startswith(_BEYOND_SCHEMA)


def refused(short: str, data: Any) -> SchemaError | None:
    try:
        decode(short, data)
    except SchemaError as error:
        return error
    return None


@given(
    st.sampled_from(sorted(TYPES)),
    st.sampled_from([SECRET, "123456782", "Jan@huis.example", "8011 PK 12", "` - at `$.", "Invalid enum value 'q'"]),
    st.data(),
)
@settings(max_examples=300, deadline=None)
def test_no_refusal_holds_what_was_given(short: str, given_text: str, draws: st.DataObject) -> None:
    secret = f"{given_text} {SECRET}"
    data = copy.deepcopy(DATA[short])
    name = draws.draw(st.sampled_from([*data, secret]))
    data[name] = draws.draw(st.sampled_from([secret, [secret], {secret: secret}, [{secret: 1}], {"role": secret}]))
    refusal = refused(short, data)
    if refusal is None:  # what a correction holds is read with its original
        assert (short, name) == ("event.corrected", "data")
        return
    assert SECRET not in f"{refusal!r} {refusal} {refusal.detail} {refusal.mend} {refusal.__cause__}"
    assert refusal.__suppress_context__
    assert refusal.detail.startswith("data")
    assert refusal.mend


def test_tools_write_where_the_package_reads() -> None:
    assert Path(catalogue.__file__).resolve().parent / "schemas" == write_schemas.SCHEMAS.resolve()
    assert all(event["type"] == PREFIX + short for short, event in SAMPLES.items())
