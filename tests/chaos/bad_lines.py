"""Lines that must be refused, by the thousand: a table of ways to be wrong, and a stream that mixes good ones in.

Every bad line carries a marker of its own somewhere in it, so that a test can tell whether anything of it leaked.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

from chaos.town import CO, GI, OW, envelope, source

MARK = "Kwakernaak"
"""In every marker; a name, so that it passes for what a sloppy system would send."""
ON = date(2026, 1, 6)
SUBJECT = "K-000001"

BSNS = ("123456782", "111222333", "123.456.782", "bsn123456782", "1112.22.333")
PERSONAL = (*BSNS, "w.kwakernaak@voorbeeld.example", "06-12345678", "+31 6 12345678", "1234 AB 12", "1234AB-5b")
NAMES = ("Wilhelmientje Kwakernaak", "Kwakernaak", "mevrouw Kwakernaak", "Kerkstraat 12 Kwakernaak", "<b>Kwakernaak")
NO_DATES = (
    "2026-02-30", "31-12-2026", "2026-13-01", "0000-00-00", "0001-01-01", "2026-1-5", "20260105", "vandaag", "",
    "2026-01-05T00:00:00", "9999-12-31",
)  # fmt: skip
NO_TIMES = ("2026-01-06", "2026-01-06T09:00:00", "gisteren", "2026-02-30T09:00:00Z", "0001-01-01T00:00:00Z", "")


@dataclass(frozen=True)
class Line:
    """`reasons`: one of these is the answer; empty for a good line, which is accepted."""

    text: bytes
    reasons: frozenset[str]
    how: str


Make = Callable[[Random, str, int], bytes]


def mark(number: int) -> str:
    return f"{MARK}{number:05d}"


def attempt(number: int, **data: Any) -> dict[str, Any]:
    """A good event; `number` makes its id."""
    payload = {"occurred_on": ON.isoformat(), "channel": "phone", "reached": number % 2 == 0, **data}
    return envelope(CO, "contact.attempted", f"c{number}", ON, payload, SUBJECT)


def visit(number: int, **data: Any) -> dict[str, Any]:
    payload = {"occurred_on": ON.isoformat(), "visit_id": f"V-{number}", "channel": "door", "present": ["resident"]}
    return envelope(CO, "coach.visit_held", f"v{number}", ON, {**payload, **data}, SUBJECT)


def assigned(number: int, **data: Any) -> dict[str, Any]:
    payload = {"occurred_on": ON.isoformat(), "assignment_id": f"AS-{number}", "role": "wooncoach", "worker": "W-1"}
    return envelope(CO, "coach.assigned", f"a{number}", ON, {**payload, "interval_days": 14, **data}, SUBJECT)


def _json(event: Any) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()


def _spliced(event: dict[str, Any], place: str, raw: str) -> bytes:
    """The event with raw text where a placeholder stands: what no JSON writer would write."""
    return _json(event).replace(_json(place), raw.encode())


# --- the ways to be wrong -------------------------------------------------------------------------------------------


def truncated(rng: Random, marker: str, number: int) -> bytes:
    whole = _json(attempt(number, worker=marker))
    return whole[: rng.randrange(1, len(whole))]


def mutilated(rng: Random, marker: str, number: int) -> bytes:
    whole = _json(attempt(number, worker=marker)).decode()
    old, new = rng.choice([("}", ",}"), (":", ""), ('"id"', "'id'"), ('"', ""), ("{", "["), (",", ";"), ("}", "}}")])
    return whole.replace(old, new, 1).encode()


def two_in_one(rng: Random, marker: str, number: int) -> bytes:
    return _json(attempt(number)) + rng.choice([b" ", b",", b"\t", b"\x00"]) + _json({"naam": marker})


def nested(rng: Random, marker: str, number: int) -> bytes:
    depth = rng.choice([33, 40, 100, 1000, 5000])
    opening, closing = rng.choice([("[", "]"), ('{"a":', "}")])
    inner = opening * depth + json.dumps(marker) + closing * (depth if rng.random() < 0.8 else 0)
    return _spliced(attempt(number, present="@"), "@", inner)


def huge_number(rng: Random, marker: str, number: int) -> bytes:
    digits = rng.choice(
        ["1e999", "-1e400", "9" * 400, str(2**63), str(-(2**64)), "1" + "0" * 5000, "123456789012345678"]
    )
    return _spliced(assigned(number, naam=marker, interval_days="@"), "@", digits)


def out_of_range(rng: Random, marker: str, number: int) -> bytes:
    value = rng.choice([0, -1, 367, 2**52, 14.5, 1e15])
    return _json(assigned(number, interval_days=value)).replace(b'"W-1"', _json(f"W-{number}-{marker}"))


def not_a_number(rng: Random, marker: str, number: int) -> bytes:
    raw = rng.choice(["NaN", "Infinity", "-Infinity", "+1", "0x10", "01", "1.", ".5", "True", "None", "undefined"])
    return _spliced(assigned(number, naam=marker, interval_days="@"), "@", raw)


def wrong_type(rng: Random, marker: str, number: int) -> bytes:
    event = rng.choice([attempt, visit, assigned])(number)
    field = rng.choice(list(event["data"]))
    wrong = [marker, [marker], {marker: marker}, {"naam": marker}, [[marker]], 3.5]
    event["data"][field] = rng.choice([each for each in wrong if type(each) is not type(event["data"][field])])
    if isinstance(event["data"][field], str | float):
        event["data"]["naam"] = marker
    return _json(event)


def wrong_code(rng: Random, marker: str, number: int) -> bytes:
    make, field = rng.choice([(attempt, "channel"), (visit, "channel"), (assigned, "role"), (assigned, "mode")])
    return _json(make(number, **{field: rng.choice([marker, f"{marker} {number}", marker.upper(), f"phone {marker}"])}))


def personal_payload(rng: Random, marker: str, number: int) -> bytes:
    make, field = rng.choice(
        [(assigned, "worker"), (visit, "visit_id"), (visit, "worker"), (assigned, "assignment_id")]
    )
    return _json(make(number, **{field: rng.choice(PERSONAL + NAMES)})).replace(b"9.9", marker.encode())


def unknown_field(rng: Random, marker: str, number: int) -> bytes:
    event = rng.choice([attempt, visit, assigned])(number)
    name = rng.choice([marker, "naam", "bsn", "opmerking", "Occurred_on", "", "occurred_on ", "__class__", "$ref"])
    event["data"][name] = rng.choice([marker, [marker], {"a": marker}])
    return _json(event)


def missing_field(rng: Random, marker: str, number: int) -> bytes:
    event = rng.choice([visit, assigned])(number, worker=f"W-{number}-{marker}")
    del event["data"][rng.choice([name for name in event["data"] if name != "worker"])]
    return _json(event)


def no_date(rng: Random, marker: str, number: int) -> bytes:
    return _json(visit(number, worker=f"W-{number}-{marker}", occurred_on=rng.choice(NO_DATES)))


def no_time(rng: Random, marker: str, number: int) -> bytes:
    return _json(visit(number, worker=f"W-{number}-{marker}") | {"time": rng.choice(NO_TIMES)})


def nul(rng: Random, marker: str, number: int) -> bytes:
    raw = rng.choice([f'"W-1\\u0000{marker}"', f'"\\u0000{marker}"', f'"W-1\x00{marker}"', f'"{marker}\x01"'])
    return _spliced(visit(number, worker="@"), "@", raw)


def lone_surrogate(rng: Random, marker: str, number: int) -> bytes:
    raw = rng.choice([f'"\\ud800{marker}"', f'"{marker}\\udfff"', f'"\\ude00\\ud83d{marker}"'])
    place = rng.choice(["worker", "visit_id"])
    return _spliced(visit(number, **{place: "@"}), "@", raw)


def double_key(rng: Random, marker: str, number: int) -> bytes:
    whole = _json(visit(number, worker=f"W-{number}-{marker}")).decode()
    twice = rng.choice(
        [f'"id": "v{number}"', f'"source": "{source(CO)}"', '"channel": "door"', f'"subject": "{SUBJECT}"']
    )
    assert twice in whole
    return whole.replace(twice, f"{twice}, {twice.replace('door', marker)}").encode()


def personal_context(rng: Random, marker: str, number: int) -> bytes:
    event = attempt(number)
    found = rng.choice(PERSONAL)
    name = rng.choice(["id", "source", "type", "subject", "dataschema", "datacontenttype", "partitionkey", "naam"])
    event[name] = found if rng.random() < 0.5 else f"{event.get(name, '')} {found}"
    if name not in ("id", "source", "subject"):
        event["data"]["naam"] = marker
    return _json(event)


def named_subject(rng: Random, marker: str, number: int) -> bytes:
    subject = rng.choice(
        [marker[:10], "Wilhelmientje", f"{marker} jr", "12345678", "123456789", "k" * 130 + "1", "", " "]
    )
    return _json(attempt(number) | {"subject": subject})


def bad_attribute(rng: Random, marker: str, number: int) -> bytes:
    event = attempt(number)
    name = rng.choice(["id", "source", "type", "time", "specversion", "subject", "dataschema", "datacontenttype"])
    event[name] = rng.choice([{"naam": marker}, [marker], 7, True, f"{marker} {marker}"])
    return _json(event)


def missing_attribute(rng: Random, marker: str, number: int) -> bytes:
    event = visit(number, worker=f"W-{number}-{marker}")
    name = rng.choice(["specversion", "id", "source", "type", "time", "data", "subject"])
    if rng.random() < 0.5:
        event[name] = None
    else:
        del event[name]
    return _json(event)


def bad_extension(rng: Random, marker: str, number: int) -> bytes:
    name = rng.choice(["naam", marker, "data_base64", "Naam van", "x" * 100])
    return _json(attempt(number) | {name: [{"naam": marker}]})


def no_object(rng: Random, marker: str, number: int) -> bytes:
    return _json(rng.choice([[attempt(number)], [], [marker], marker, number, None, True, {}, {"naam": marker}]))


def no_payload(rng: Random, marker: str, number: int) -> bytes:
    return _json(attempt(number) | {"data": rng.choice([marker, [marker], 5, None, [], "", False])})


def not_utf8(rng: Random, marker: str, number: int) -> bytes:
    wrong = rng.choice([b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\xe9", b"\x80"])
    return _json(visit(number, worker="@")).replace(b"@", marker.encode() + wrong)


def other_source(rng: Random, marker: str, number: int) -> bytes:
    others = [source(GI), source(OW), "urn:nld:kvknr:99999999:systeem:x", "https://example.org", "", f"urn:{marker}"]
    return _json(visit(number, worker=f"W-{number}-{marker}") | {"source": rng.choice(others)})


def other_type(rng: Random, marker: str, number: int) -> bytes:
    short, data = rng.choice([
        ("lease.card_issued", {"lease_id": f"L-{number}-{marker}", "card": "red"}),
        ("caselead.assigned", {"worker": f"CL-{number}-{marker}"}),
        ("consent.expired", {"consent_id": f"{CO}:T-{number}-{marker}"}),
        ("warning.closed", {"warning_id": f"WA-{number}-{marker}", "reason": "resolved", "as_of": "2026-01-05"}),
        ("org.left", {"org": "coach-oost"}),
        ("clock.day_closed", {"date": "2026-01-05"}),
        ("subject.erased", {"request_id": f"ER-{number}-{marker}", "reason": "art_17_request"}),
    ])  # fmt: skip
    if short not in ("clock.day_closed", "warning.closed", "subject.erased"):
        data = {"occurred_on": ON.isoformat(), **data}
    subject = None if short in ("org.left", "clock.day_closed") else SUBJECT
    return _json(envelope(CO, short, f"o{number}", ON, data, subject))


def unknown_type(rng: Random, marker: str, number: int) -> bytes:
    wrong = rng.choice(
        [marker, f"nl.woonketen.{marker}", "nl.woonketen.lease", "contact.attempted", "nl.woonketen.a.b"]
    )
    return _json(attempt(number) | {"type": wrong})


def unknown_version(rng: Random, marker: str, number: int) -> bytes:
    event = attempt(number)
    if rng.random() < 0.3:
        event["type"] += rng.choice([".v2", ".v3", ".v999"])
    else:
        event["dataschema"] = rng.choice([event["dataschema"][:-1] + "2", f"https://{marker}/1", "1", ""])
    return _json(event)


def too_large(rng: Random, marker: str, number: int) -> bytes:
    size = 10_000_000 if number % 4000 == 0 else rng.choice([65_600, 70_000, 140_000, 300_000])
    return _json(attempt(number, naam=(marker * (size // len(marker) + 1))[:size]))


def conflicting(rng: Random, marker: str, number: int) -> bytes:
    """Good number 1 once more, with something else in it."""
    data = {"occurred_on": "2026-01-05", "channel": "letter", "reached": False}
    return _json(envelope(CO, "contact.attempted", "good1", ON, data, SUBJECT) | {"comment": f"x{number}"})


def wrong_link(rng: Random, marker: str, number: int) -> bytes:
    code = "".join(rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(12))
    data = {"occurred_on": ON.isoformat(), "link_code": f"{code[:4]}-{code[4:8]}-{code[8:]}"}
    return _json(envelope(CO, "subject.linked", f"l{number}", ON, data, f"K-9{number % 10000:04d}"))


def wrong_correction(rng: Random, marker: str, number: int) -> bytes:
    wrong = rng.choice([{"channel": marker}, {"naam": marker}, {"occurred_on": marker}, {"reached": marker}])
    corrected = {"occurred_on": ON.isoformat(), "channel": "door", "reached": True, **wrong}
    data = {"occurred_on": ON.isoformat(), "original_id": "good1", "reason": "wrong_value", "data": corrected}
    return _json(envelope(CO, "event.corrected", f"e{number}", ON, data, SUBJECT))


def noise(rng: Random, marker: str, number: int) -> bytes:
    some = bytes(rng.choice([byte for byte in range(256) if byte not in (10, 13)]) for _ in range(rng.randrange(1, 60)))
    return rng.choice([some, b"\xef\xbb\xbf" + some, b"\x00", b"<xml>", b"id;source", b'"', b"{}"]) + marker.encode()


WAYS: tuple[tuple[Make, int, str], ...] = (
    # how, how often, the reasons that are right
    (truncated, 4, "malformed"),
    (mutilated, 4, "malformed"),
    (two_in_one, 2, "malformed"),
    (nested, 3, "malformed"),
    (huge_number, 3, "malformed"),
    (out_of_range, 3, "schema"),
    (not_a_number, 3, "malformed"),
    (wrong_type, 6, "schema"),
    (wrong_code, 4, "schema"),
    (personal_payload, 8, "schema"),
    (unknown_field, 4, "schema malformed"),
    (missing_field, 3, "schema"),
    (no_date, 4, "schema"),
    (no_time, 3, "malformed"),
    (nul, 3, "malformed"),
    (lone_surrogate, 3, "malformed"),
    (double_key, 3, "malformed"),
    (personal_context, 10, "personal_data_in_context malformed"),
    (named_subject, 3, "personal_data_in_context malformed"),
    (bad_attribute, 4, "malformed personal_data_in_context not_your_source unknown_type unknown_version schema"),
    (missing_attribute, 3, "malformed schema"),
    (bad_extension, 2, "malformed"),
    (no_object, 3, "malformed"),
    (no_payload, 2, "malformed"),
    (not_utf8, 3, "malformed"),
    (other_source, 3, "not_your_source malformed"),
    (other_type, 3, "not_your_type"),
    (unknown_type, 2, "unknown_type"),
    (unknown_version, 2, "unknown_version unknown_type"),
    (too_large, 1, "too_large"),
    (conflicting, 1, "conflicting_duplicate"),
    (wrong_link, 1, "link_code"),
    (wrong_correction, 2, "schema"),
    (noise, 3, "malformed"),
)


def stream(seed: int, bad: int, good_every: int = 10) -> Iterator[Line]:
    """`bad` bad lines with a good one before each tenth; the first good one is `good1`."""
    rng = Random(seed)
    makes = [way[0] for way in WAYS]
    often = [way[1] for way in WAYS]
    reasons = {way[0]: frozenset(way[2].split()) for way in WAYS}
    for number in range(1, bad + 1):
        if number % good_every == 1:
            yield Line(_json(_good(number)), frozenset(), "good")
        make = too_large if number % 4000 == 0 else rng.choices(makes, often)[0]
        text = make(rng, mark(number), number)
        if text.strip() and b"\n" not in text:
            yield Line(text, reasons[make], make.__name__)


def _good(number: int) -> dict[str, Any]:
    event = copy.deepcopy(attempt(number))
    event["id"] = f"good{number}"
    return event
