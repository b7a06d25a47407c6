"""Everything that is held about one resident (AVG art. 15 and 20): as JSON, and as a page that one can read.

A safety flag stands in neither, and nor does what corrects or withdraws one: it protects, also against who looks over
the shoulder.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any

import msgspec
import psycopg

from woonketen.contracts import codes, labels
from woonketen.contracts.catalogue import PREFIX, TYPES
from woonketen.contracts.facts import Fact
from woonketen.contracts.policy import SECRET
from woonketen.orchestration.page import Table, page
from woonketen.projections.database import told
from woonketen.streams.core.show import shown
from woonketen.streams.core.world import World
from woonketen.streams.door.parking import open_parked
from woonketen.streams.door.standing import Seals
from woonketen.streams.keys.kek import Keys

HIDDEN = SECRET & {"safety"}


def told_facts(facts: Iterable[Fact]) -> list[dict[str, Any]]:
    """Every fact as it was published, corrected and retracted ones too, by organisation and then by day."""
    every = list(facts)
    hidden = {fact.key for fact in every if TYPES[fact.type].category in HIDDEN}
    open_ones = [fact for fact in every if fact.key not in hidden and fact.original not in hidden]
    open_ones.sort(key=lambda fact: (fact.org, fact.order))
    return [
        {
            "organisation": fact.org,
            "type": PREFIX + fact.type,
            "label": labels.event(fact.type),
            "happened": fact.happened,
            "known": fact.known,
            "time": fact.time,
            "id": fact.id,
            "subject": fact.subject,
            "data": msgspec.json.decode(msgspec.json.encode(fact.data)),
        }
        for fact in open_ones
    ]


def told_rows(facts: Iterable[Fact], ref: bytes, day: date, world: World) -> list[dict[str, Any]]:
    """Every row that somebody has of this resident today, the own one first."""
    found = shown(facts, ref, day, world)
    rows = [
        {"view": row.view, "organisation": row.org or None, "data": msgspec.json.decode(msgspec.json.encode(row.data))}
        for row in found.rows
    ]
    return sorted(rows, key=lambda row: (row["view"] != "bewoner", row["view"], row["organisation"] or ""))


def numbers(connection: psycopg.Connection[Any], keys: Keys, ref: bytes) -> dict[bytes, tuple[str, str]]:
    """Under which number each organisation knows the resident, by admission's own key of it."""
    with told():
        rows = connection.execute("SELECT siv, org FROM admission.pseudonym WHERE ref = %b", [ref]).fetchall()
    return {
        bytes(siv): (org, keys.pseudonyms.decrypt(bytes(siv), [org.encode()]).decode())
        for siv, org in sorted(rows, key=lambda row: row[1])
    }


def waiting(connection: psycopg.Connection[Any], keys: Keys, sivs: Collection[bytes]) -> list[dict[str, Any]]:
    """What was sent about the resident and still waits for a link, an enrolment, an agreement or its original."""
    seals, found = Seals(keys), []
    with told():
        rows = connection.execute("SELECT key, org, since, sealed FROM admission.parked ORDER BY since, key").fetchall()
    for key, org, since, sealed in rows:
        event = open_parked(seals, bytes(key), bytes(sealed))
        short = event.type.removeprefix(PREFIX)
        if event.subject is None or keys.pseudonym(org, event.subject) not in sivs or _hidden(short):
            continue
        found.append(
            {
                "organisation": org,
                "type": event.type,
                "since": since,
                "id": event.id,
                "subject": event.subject,
                "data": msgspec.json.decode(event.data),
            }
        )
    return found


def as_page(export: Mapping[str, Any]) -> str:
    """The export as a page in Dutch: plain HTML, nothing fetched from anywhere."""
    tables = [
        Table("Onder welk nummer u bekend bent", ["organisatie", "nummer"],
              [[each["organisation"], each["number"]] for each in export["numbers"]]),
        Table("Wie er in uw gegevens keek", ["wat er gebeurde"], [[each["sentence"]] for each in export["looks"]]),
        Table("Uw toestemmingen", ["voor wie", "waarvoor", "welke gegevens", "vanaf", "tot en met", "stand"],
              [_consent(each) for each in export["consents"]]),
        Table("Signalen over u", ["wat", "stand", "sinds", "uiterlijk"],
              [[each["sentence"], _state(each["state"]), _text(each["opened_on"]), _text(each["due_on"])]
               for each in export["warnings"]]),
        Table("Uw verzoeken en meldingen daarover",
              ["soort", "organisatie", "ontvangen", "antwoord uiterlijk", "stand"],
              [[_REQUESTS.get(each["kind"], each["kind"]), each["org"], _text(each["received_on"]),
                _text(each["legal_day"]), _REQUESTS.get(each["state"], each["state"])] for each in export["requests"]]),
    ]  # fmt: skip
    for org in dict.fromkeys(each["organisation"] for each in export["facts"]):
        rows = [
            [_text(each["happened"]), each["label"], _payload(each["type"], each["data"])]
            for each in export["facts"]
            if each["organisation"] == org
        ]
        who = "dit platform" if org == "woonketen" else org
        tables.append(Table(f"Wat {who} over u vastlegde", ["dag", "wat", "gegevens"], rows))
    tables.append(
        Table(
            "Wat nog wacht en niemand ziet", ["sinds", "organisatie", "wat", "gegevens"],
            [[_text(each["since"]), each["organisation"], labels.event(each["type"].removeprefix(PREFIX)),
              _payload(each["type"], each["data"])] for each in export["waiting"]],
        )
    )  # fmt: skip
    tables.append(
        Table(
            "Wat anderen vandaag van u in beeld hebben", ["wie", "gegevens"],
            [[_who(each), _view(each["data"])] for each in export["rows"]],
        )
    )  # fmt: skip
    intro = (
        f"Alles wat dit platform over u bewaart, bijgewerkt tot en met {_text(export['as_of'])}. "
        "Klopt er iets niet? Vraag dan om verbetering. U kunt elke toestemming intrekken en bezwaar maken."
    )
    return page("Uw gegevens", intro, tables)


_REQUESTS = {
    "rectification": "verzoek om verbetering",
    "objection": "bezwaar",
    "break_glass": "toegang in een noodgeval",
    "open": "open",
    "granted": "toegewezen",
    "rejected": "afgewezen",
    "noted": "gezien",
}
_UNSAID = frozenset({"corrected", "not_shared"})


def _hidden(short: str) -> bool:
    return short in TYPES and TYPES[short].category in HIDDEN


def _consent(row: Mapping[str, Any]) -> list[str]:
    return [
        labels.value("recipient", row["recipient"]),
        labels.purpose(row["purpose"]),
        labels.value("categories", row["categories"]),
        _text(row["from"]),
        _text(row["until"]),
        codes.label("consent_state", row["state"]),
    ]


def _state(state: str) -> str:
    return codes.label("warning_state", state) if state in codes.members("warning_state") else state


def _who(row: Mapping[str, Any]) -> str:
    role = codes.label("role", row["view"])
    return f"{role} van {row['organisation']}" if row["organisation"] else "uzelf"


def _payload(event_type: str, data: Mapping[str, Any]) -> str:
    short = event_type.removeprefix(PREFIX)
    return "; ".join(f"{labels.field(name)}: {labels.value(name, each, short)}" for name, each in data.items())


def _view(data: Mapping[str, Any]) -> str:
    filled = {name: each for name, each in data.items() if name not in _UNSAID and each not in (None, [], {})}
    return "; ".join(f"{labels.field(name)}: {labels.value(name, each)}" for name, each in filled.items())


def _text(value: date | datetime | str | None) -> str:
    return labels.value("on", value.isoformat() if isinstance(value, date) else value)
