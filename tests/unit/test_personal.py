"""Personal data in context attributes: found in whole tokens, never in what only looks like it."""

from __future__ import annotations

import random
import uuid

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from woonketen.contracts import personal
from woonketen.contracts.errors import PersonalData

WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2)


@st.composite
def citizen_numbers(draw: st.DrawFn) -> str:
    """Numbers that pass the eleven-test, made from its definition; nobody's."""
    digits = draw(st.lists(st.integers(0, 9), min_size=8, max_size=8).filter(lambda some: some[0] > 0 or some[1] > 0))
    check = sum(weight * digit for weight, digit in zip(WEIGHTS, digits, strict=True)) % 11
    assume(check < 10)
    return "".join(map(str, digits)) + str(check)


@given(
    citizen_numbers(),
    st.sampled_from(["{}", "evt-{}", "urn:x:{}", "({})", "a/{}/b", "bsn{}", "BSN{}", "id={};", "{}-1"]),
)
@settings(deadline=None)
def test_citizen_number_is_found(number: str, frame: str) -> None:
    assert personal.find(frame.format(number)) == "bsn"


@given(citizen_numbers(), st.integers(1, 9), st.integers(0, 8))
@settings(deadline=None)
def test_one_other_digit_is_no_citizen_number(number: str, add: int, place: int) -> None:
    other = number[:place] + str((int(number[place]) + add) % 10) + number[place + 1 :]
    assert personal.find(f"order {other}") is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("123456782", "bsn"),
        ("１２３４５６７８２", "bsn"),
        ("123.456.782", "bsn"),
        ("1234 56 782", "bsn"),
        ("jan.jansen@huis.example", "email"),
        ("mailto:j@h.nl", "email"),
        ("<o'neil+x@sub.huis.example>", "email"),
        ("0612345678", "phone"),
        ("06-12345678", "phone"),
        ("06 12 34 56 78", "phone"),
        ("038-1234567", "phone"),
        ("(038) 123 45 67", "phone"),
        ("0183-123456", "phone"),
        ("+31612345678", "phone"),
        ("+31 (0)6 12345678", "phone"),
        ("0031 38 123 45 67", "phone"),
        ("tel:+31-6-12345678", "phone"),
        ("8011PK12", "postcode"),
        ("8011 PK 12", "postcode"),
        ("8011pk-12a", "postcode"),
        ("Kerkstraat, 8011 PK, nr. 12", "postcode"),
        ("adres/8011PK/12/bis", "postcode"),
        ("1234ab12", "postcode"),
    ],
)
def test_personal_data_is_found(text: str, kind: str) -> None:
    assert personal.find(text) == kind
    with pytest.raises(PersonalData) as told:
        personal.check_subject(text)
    assert text not in str(told.value)
    assert told.value.detail == "subject"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "K-88",
        "019ab000-0000-7000-8000-000000000001",
        "nl.woonketen.lease.started.v2",
        "https://woonketen.example/contracts/lease.started/1",
        "2026-02-16T09:00:00.12345678+01:00",
        "2026-02-16 09:00:00Z",
        "application/json; charset=utf-8",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "000000012",
        "123456789",
        "K123456782",
        "1234567820",
        "8011PK",
        "P-1234ab56",
        "evt-1234ab56",
        "@",
        "a@b",
        "2026-1",
        "snapshot 2026-05-01 12",
        "urn:nld:oin:00000001001234567000:systeem:sociaal-domein",
    ],
)
def test_what_only_looks_like_it_passes(text: str) -> None:
    assert personal.find(text) is None


def test_no_random_uuid_trips() -> None:
    rng = random.Random(20260101)
    for _ in range(20_000):
        made = uuid.UUID(int=rng.getrandbits(128), version=4)
        assert personal.find(str(made)) is None
        assert personal.find(made.hex) is None
        assert personal.find(f"evt_{made}") is None


@given(st.text(max_size=60))
@settings(deadline=None)
def test_any_text_gets_an_answer(text: str) -> None:
    assert personal.find(text) in (None, "bsn", "email", "phone", "postcode")


@pytest.mark.parametrize("text", ["@." * 5000, "0" * 20_000, "1-" * 10_000, "06 " * 8000, "8011PK" * 4000, "a@" * 9000])
def test_long_text_takes_no_long_time(text: str) -> None:
    personal.find(text)  # the timeout of the suite is the bar


@pytest.mark.parametrize("subject", ["12345678", "123456782", "123456789", "000000000"])
def test_bare_number_is_no_pseudonym(subject: str) -> None:
    with pytest.raises(PersonalData) as told:
        personal.check_subject(subject)
    assert "put your own prefix before it" in told.value.mend
    for prefix in ("C-", "K", "client-", "Z_", "org:"):
        personal.check_subject(prefix + subject)  # the mend is true


@pytest.mark.parametrize(
    "subject",
    ["G-5c1e", "C-7f3a91", "P-0f3b9a1c", "P-abcdefab", "Z-20814", "a" * 63 + "1", "z:client:7", str(uuid.UUID(int=5))],
)  # fmt: skip
def test_pseudonym_passes(subject: str) -> None:
    personal.check_subject(subject)


@pytest.mark.parametrize(
    "subject",
    ["", "Wilhelmientje", "Jan Jansen 3", "K-88\n", "K-88 ", "-88", "1" * 129, "K/88", "bsn-123456782", "BSN123456782"],
)  # fmt: skip
def test_what_is_no_pseudonym_is_refused(subject: str) -> None:
    with pytest.raises(PersonalData) as told:
        personal.check_subject(subject)
    assert not subject.strip("-1\n ") or subject not in str(told.value)
