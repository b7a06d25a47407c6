"""The view `schuldhulp`: one row per signal sent to the organisation. After an objection nothing is left of it but that
it was withdrawn, and when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from hashlib import blake2b

from woonketen.contracts import consent
from woonketen.contracts.facts import Fact
from woonketen.contracts.views import Row, Schuldhulp
from woonketen.streams.core import derive, picture
from woonketen.streams.core.show.case import Case, Look, Pair


def rows(case: Case) -> Iterator[Pair]:
    for signal in case.read(picture.signals):
        look = case.look("schuldhulp", signal.to_org)
        if look.ended or look.sight.only_own:
            continue
        data = _shown(case, look, signal)
        if data is not None:
            yield look, Row(view="schuldhulp", key=signal.signal_id, org=signal.to_org, data=data, sources=[signal.org])


def contact_handle(signal_id: str, key: bytes) -> str:
    """By which contact data that travel outside the log are fetched once; it says nothing of the signal."""
    return f"CH-{blake2b(signal_id.encode(), key=key[:64], person=b'contact', digest_size=10).hexdigest()}"


def _shown(case: Case, look: Look, signal: picture.Signal) -> Schuldhulp | None:
    if look.sight.allows(signal.fact):
        return Schuldhulp(
            signal_id=signal.signal_id,
            contact_handle=contact_handle(signal.signal_id, case.world.pseudonym_key),
            amount_cents=signal.amount_cents,
            signalled_on=signal.on,
            attempts=signal.attempts or 0,
            outcome=signal.outcome,
            corrected=signal.fact.corrected,
        )
    withdrawn_on = _withdrawn_on(case, signal)
    if withdrawn_on is None:
        return None
    return Schuldhulp(signal_id=signal.signal_id, signalled_on=signal.on, withdrawn_on=withdrawn_on)


def _withdrawn_on(case: Case, signal: picture.Signal) -> date | None:
    """The day of the objection that came after a signal which might be sent; None for one that was never shown."""
    if not consent.objected(case.facts, "early_signalling", case.day):
        return None
    _, lacks = derive.may_signal(case.facts, signal.lease_id, signal.on, case.world, signal.org)
    after = [each.happened for each in case.facts.of("objection.recorded") if _follows(each, signal.fact)]
    return None if set(lacks) - {"objection"} or not after else min(after)


def _follows(objection: Fact, signal: Fact) -> bool:
    against = objection.data.purpose == "early_signalling"
    return against and (objection.happened, objection.time) > (signal.happened, signal.time)
