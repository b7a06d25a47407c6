"""What a court asks for: what a corporation did about the arrears of one lease, in order, with hashes, and signed.

The hashes form a chain: each is over the one before it and the entry, so nothing can be left out, added or moved. The
key is derived from the installation's own (Ed25519); its public half stands in the bundle, and `woonketen evidence
--public-key` prints it, so that a reader need not take the bundle's word for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from hashlib import sha256
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from woonketen.contracts import labels
from woonketen.contracts.catalogue import PREFIX
from woonketen.contracts.facts import Fact
from woonketen.orchestration.page import Table, page
from woonketen.streams.keys.kek import Keys

TYPES = frozenset(
    {
        "rent.balance_reported",
        "arrears.effort_made",
        "arrears.signalled",
        "payment_plan.agreed",
        "payment_plan.broken",
        "payment_plan.completed",
        "collection.step_taken",
        "event.corrected",
        "event.retracted",
    }
)


def bundle(facts: Iterable[Fact], org: str, lease_id: str, made_on: date, key: Ed25519PrivateKey) -> dict[str, Any]:
    """Everything that `org` published about the arrears of this lease, corrections and retractions too.

    `{lease, organisation, made_on, entries: [{n, type, label, happened, recorded, known, id, receipt, data, hash}],
    hashes, public_key, signature}`; the signature is over all but itself, as canonical JSON.
    """
    every = [fact for fact in facts if fact.org == org and fact.type in TYPES]
    of_lease = {fact.key for fact in every if getattr(fact.data, "lease_id", None) == lease_id}
    mine = [fact for fact in every if fact.key in of_lease or fact.original in of_lease]
    mine.sort(key=lambda fact: fact.order)
    entries: list[dict[str, Any]] = []
    last = ""
    for n, fact in enumerate(mine, 1):
        entry = {
            "n": n,
            "type": PREFIX + fact.type,
            "label": labels.event(fact.type),
            "happened": str(fact.happened),
            "recorded": fact.time.isoformat(),
            "known": str(fact.known),
            "id": fact.id,
            "receipt": "accepted",
            "data": msgspec.json.decode(msgspec.json.encode(fact.data)),
        }
        last = _hash(last, entry)
        entries.append(entry | {"hash": last})
    made: dict[str, Any] = {
        "lease": lease_id,
        "organisation": org,
        "made_on": str(made_on),
        "entries": entries,
        "hashes": [each["hash"] for each in entries],
        "public_key": key.public_key().public_bytes_raw().hex(),
    }
    return made | {"signature": key.sign(_canonical(made)).hex()}


def verify(found: Mapping[str, Any], public_key: str | None = None) -> bool:
    """Whether a bundle is as it was made. `public_key` (hexadecimal): of the installation that should have made it."""
    try:
        unsigned = {name: value for name, value in found.items() if name != "signature"}
        if public_key is not None and unsigned["public_key"] != public_key:
            return False
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(unsigned["public_key"]))
        key.verify(bytes.fromhex(found["signature"]), _canonical(unsigned))
        last = ""
        for entry in unsigned["entries"]:
            last = _hash(last, {name: value for name, value in entry.items() if name != "hash"})
            if entry["hash"] != last:
                return False
    except (InvalidSignature, ValueError, KeyError, TypeError, AttributeError):
        return False
    return bool([entry["hash"] for entry in unsigned["entries"]] == unsigned["hashes"])


def signing_key(keys: Keys) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(keys.subkey("evidence"))


def as_page(found: Mapping[str, Any]) -> str:
    """The bundle as a page to print, in Dutch."""
    rows = [
        [str(each["n"]), labels.value("on", each["happened"]), each["label"], _data(each), each["recorded"], each["id"]]
        for each in found["entries"]
    ]
    tables = [
        Table("Wat er gedaan is, op volgorde", ["nr", "dag", "wat", "gegevens", "vastgelegd", "bericht"], rows),
        Table("Controlegetallen (SHA-256)", ["nr", "hash"],
              [[str(n), each] for n, each in enumerate(found["hashes"], 1)]),
        Table("Handtekening (Ed25519)", ["wat", "waarde"],
              [["publieke sleutel", found["public_key"]], ["handtekening", found["signature"]]]),
    ]  # fmt: skip
    intro = (
        f"Huurcontract {found['lease']} van {found['organisation']}, opgemaakt op "
        f"{labels.value('on', found['made_on'])}. Elk controlegetal gaat over het vorige en over de regel zelf."
    )
    return page("Wat er aan de huurachterstand gedaan is", intro, tables)


def _data(entry: Mapping[str, Any]) -> str:
    short = entry["type"].removeprefix(PREFIX)
    kept = {name: each for name, each in entry["data"].items() if name not in ("occurred_on", "lease_id")}
    return "; ".join(f"{labels.field(name)}: {labels.value(name, each, short)}" for name, each in kept.items())


def _hash(last: str, entry: Mapping[str, Any]) -> str:
    return sha256(last.encode() + _canonical(entry)).hexdigest()


def _canonical(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")
