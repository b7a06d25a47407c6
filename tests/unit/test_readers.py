"""Files of partners become lines; wrong rows become lines that admission refuses, and never stop good ones."""

from __future__ import annotations

import builtins
import json
from datetime import date, datetime
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from woonketen.contracts import catalogue
from woonketen.contracts.errors import ConfigurationError
from woonketen.producers.readers import read

SOURCE = "urn:nld:kvknr:05054321:systeem:huur"
HEADER = "type;id;time;subject;data.occurred_on;data.lease_id;data.outstanding_cents;data.rent_cents"


def rows(text: str | bytes, form: str = "csv") -> list[bytes]:
    return list(read(form, BytesIO(text if isinstance(text, bytes) else text.encode()), SOURCE))


def one(text: str) -> dict[str, Any]:
    (line,) = rows(text)
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_row_is_a_valid_event_of_its_contract() -> None:
    event = one(f"{HEADER}\nrent.balance_reported;b-1;05-03-2026 09:30;D-1;04-03-2026;L-1;61250;61250\n")
    assert event == {
        "specversion": "1.0",
        "id": "b-1",
        "source": SOURCE,
        "type": "nl.woonketen.rent.balance_reported",
        "time": "2026-03-05T09:30:00+01:00",
        "subject": "D-1",
        "datacontenttype": "application/json",
        "dataschema": "https://woonketen.example/contracts/rent.balance_reported/1",
        "data": {"occurred_on": "2026-03-04", "lease_id": "L-1", "outstanding_cents": 61250, "rent_cents": 61250},
    }
    contract = catalogue.contract(event["type"], event["dataschema"])
    assert catalogue.decode(contract, json.dumps(event["data"]).encode()).occurred_on == date(2026, 3, 4)


@pytest.mark.parametrize("mark", [";", ",", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff", "sep={mark}\r\n"])
def test_spreadsheets_habits_make_no_difference(mark: str, start: str) -> None:
    plain = f"{HEADER}\nrent.balance_reported;b-1;05-03-2026 09:30;D-1;04-03-2026;L-1;61250;61250\n"
    as_saved = start.format(mark=mark) + plain.replace("data.lease_id", " Data.Lease_ID ").replace(";", mark)
    assert rows(as_saved.replace("\n", "\r\n")) == rows(plain)


@pytest.mark.parametrize(
    ("told", "read_as"),
    [
        ("05-07-2026 09:30", "2026-07-05T09:30:00+02:00"),
        ("5-7-2026 9:30", "5-7-2026 9:30"),  # no such clock: admission refuses it with the field's name
        ("29-03-2026 01:59", "2026-03-29T01:59:00+01:00"),
        ("29-03-2026 03:00", "2026-03-29T03:00:00+02:00"),
        ("25-10-2026 02:59", "2026-10-25T02:59:00+02:00"),
        ("25-10-2026 03:00", "2026-10-25T03:00:00+01:00"),
        ("2026-01-05", "2026-01-05T00:00:00+01:00"),
        ("2026-01-05T09:30:00+01:00", "2026-01-05T09:30:00+01:00"),
    ],
)
def test_a_moment_without_a_zone_is_dutch_time(told: str, read_as: str) -> None:
    assert one(f"type;id;time\nlease.started;x-1;{told}\n")["time"] == read_as


def test_lists_objects_and_truths() -> None:
    event = one(
        "type;id;data.occurred_on;data.visit_id;data.channel;data.present\n"
        'coach.visit_held;v-1;2026-02-24;V-1;door;"resident;relative"\n'
    )
    assert event["data"]["present"] == ["resident", "relative"]
    numbers = one("type,id,data.paid_late_days\nrent.balance_reported,b-1,0 25;31 31\n")
    assert numbers["data"]["paid_late_days"] == [0, 25, 31, 31]
    consent = one("type;id;data.recipient.role;data.categories\nconsent.granted;c-1;wijkteam;plan warnings\n")
    assert consent["data"] == {"recipient": {"role": "wijkteam"}, "categories": ["plan", "warnings"]}
    assert one("type;id;data.coaching_clause\nlease.started;l-1;Ja\n")["data"] == {"coaching_clause": True}
    plan = one('type;id;data.actions\nplan.agreed;p-1;"[{""action_id"": ""A-1""}]"\n')
    assert plan["data"] == {"actions": [{"action_id": "A-1"}]}


def test_what_is_no_number_stays_text_so_that_the_contract_refuses_it() -> None:
    event = one(f"{HEADER}\nrent.balance_reported;b-1;;D-1;31-02-2026;L-1;61.250,00;{'9' * 4000}\n")
    assert event["data"]["outstanding_cents"] == "61.250,00"
    assert event["data"]["occurred_on"] == "2026-02-31"
    assert event["data"]["rent_cents"] == "9" * 4000


def test_a_source_of_its_own_is_passed_on_and_not_mended() -> None:
    assert one("type;id;source\nlease.started;l-1;urn:nld:kvknr:1\n")["source"] == "urn:nld:kvknr:1"


BAD = [
    b"rent.balance_reported;b-1;;D-1;04-03-2026;L-1;61250;61250;Jansen",
    b'rent.balance_reported;"b-1;;D-1;04-03-2026;L-1;61250;61250',
    b"rent.balance_reported;b-1;;D-\xff;04-03-2026;L-1;61250;61250",
    b"rent.balance_reported;b-1;;D-\x00;04-03-2026;L-1;61250;61250",
]
GOOD = b"rent.balance_reported;good;;D-1;04-03-2026;L-1;61250;61250"


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_row_gets_a_line_that_says_nothing_of_it_and_the_good_ones_pass(bad: bytes) -> None:
    lines = rows(b"\n".join([HEADER.encode(), GOOD, bad, b";;;;", GOOD]))
    assert len(lines) == 3
    assert json.loads(lines[0])["id"] == json.loads(lines[2])["id"] == "good"
    with pytest.raises(ValueError):
        json.loads(lines[1])
    assert lines[1].startswith(b"row 3: ")
    assert b"Jansen" not in lines[1]


@pytest.mark.parametrize(
    "header",
    [
        "type;id;id",
        "type;subject",
        "type;id;naam",
        "type;id;data.recipient;data.recipient.role",
        '"type;id',
    ],
)
def test_under_a_wrong_header_every_row_gets_a_receipt(header: str) -> None:
    lines = rows(f"{header}\nlease.started;Jansen;1\nlease.started;Jansen;2\n")
    assert [line.split(b":")[0] for line in lines] == [b"row 1", b"row 2", b"row 3"]
    assert not any(b"Jansen" in line for line in lines)


@given(st.binary(max_size=300))
def test_no_file_breaks_the_reader(content: bytes) -> None:
    for line in rows(HEADER.encode() + b"\n" + content + b"\n" + GOOD):
        assert b"\n" not in line
    assert json.loads(rows(HEADER.encode() + b"\n" + content + b"\n" + GOOD)[-1])["id"] == "good"


def test_cloudevents_pass_as_they_are() -> None:
    lines = rows(b'\xef\xbb\xbf{"id": "a"}\r\n\n  \n{broken\n{"id": "b"}', "cloudevents")
    assert lines == [b'{"id": "a"}', b"{broken", b'{"id": "b"}']


def test_a_line_without_an_end_is_never_held_as_a_whole() -> None:
    lines = rows(b'{"id": "' + b"x" * 10_000_000 + b'"}\n{"id": "b"}\n', "cloudevents")
    assert [len(line) for line in lines] == [128 * 1024, 11]


def workbook(*table: list[Any]) -> BytesIO:
    from openpyxl import Workbook

    book = Workbook()
    for row in table:
        book.active.append(row)
    stream = BytesIO()
    book.save(stream)
    stream.seek(0)
    return stream


def test_a_workbook_reads_as_the_same_table() -> None:
    stream = workbook(
        HEADER.split(";"),
        ["rent.balance_reported", "b-1", datetime(2026, 3, 5, 9, 30), "D-1", date(2026, 3, 4), "L-1", 61250, 61250.0],
        [None] * 8,
        ["rent.balance_reported", "b-2", None, "D-1", None, "L-1", 0.5, None, "Jansen"],
    )
    first, second = read("xlsx", stream, SOURCE)
    text = f"{HEADER}\nrent.balance_reported;b-1;05-03-2026 09:30;D-1;04-03-2026;L-1;61250;61250\n"
    assert [first] == rows(text)
    assert second == b"row 4: more cells than the header has columns"


def test_what_is_no_workbook_gets_one_receipt() -> None:
    (line,) = rows(b"type;id\n", "xlsx")
    assert line.startswith(b"row 1: not a workbook")


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "openpyxl":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigurationError, match=r"woonketen\[xlsx\]"):
        read("xlsx", BytesIO(), SOURCE)


def test_an_unknown_format_is_named_with_those_that_are() -> None:
    with pytest.raises(ConfigurationError, match="cloudevents, csv, xlsx"):
        read("vera", BytesIO(), SOURCE)
