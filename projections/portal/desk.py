"""What pages ask. Implemented over the platform by `orchestration/web/desk.py`, and found in `request.app.state.desks`.

Every method that reads personal data records the look in the transaction that reads, or raises `Unreachable`. A row's
`id` is opaque (the row's own id in its view, in hex) and leads to nobody; what this person does not see is `None`, in
the same time whether it is not there or another's. Lists: `projections.listing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from typing import Any, Protocol

import msgspec

from woonketen.projections.portal.session import Session


class Line(msgspec.Struct, frozen=True):
    """A row of a view: its opaque id, and its fields in the order of the view's struct, then `as_of` and
    `feeds_silent`. `link`: the page of the same resident in the organisation's own system, where it gave a template."""

    id: str
    data: Mapping[str, Any]
    link: str | None = None

    def __repr__(self) -> str:
        return "Line(…)"


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a list. `filters`: names and values of `projections.listing.FILTERS`, unknown ones are passed over;
    `sort`: a name of `projections.listing.SORTS`; `find`: a piece of the organisation's own pseudonym, never part of
    an address."""

    filters: Mapping[str, str] = {}
    sort: str | None = None
    find: str | None = None
    page: int = 1
    size: int = 25


class Part(msgspec.Struct, frozen=True):
    """`total` rows answer the question; `lines` are those of the page. `as_of`: the last closed day. `mark`: what the
    lines look like now, in a few letters, for `changed`."""

    lines: Sequence[Line]
    total: int
    as_of: date | None = None
    mark: str = ""


class Offer(msgspec.Struct, frozen=True):
    """A consent that a resident could give: what it would open to whom. `recipient` is a role."""

    recipient: str
    purpose: str
    categories: Sequence[str]


class Done(msgspec.Struct, frozen=True):
    """What became of something that was recorded: the receipt of the door. `status`: `accepted`, `duplicate`, `parked`
    or `refused`, then with the reason, the field and the mend."""

    id: str
    status: str
    reason: str | None = None
    detail: str | None = None
    mend: str | None = None


class Desks(Protocol):
    """`request.app.state.desks`. Beside it stands `request.app.state.demo`: whether the people are invented."""

    def open(self, session: Session) -> AbstractContextManager[Desk]:
        """The desk of who is signed in, for one request, in one thread."""
        ...


class Desk(Protocol):
    """Of one person. What a role may not do raises `ConfigurationError`."""

    def today(self) -> date:
        """The open day of the views: the only "today"."""
        ...

    def previous(self) -> date | None:
        """The day that was open when this person was here before this session; None the first time."""
        ...

    # --- views ---

    def rows(self, view: str, ask: Ask) -> Part:
        """Part of a list of one of the person's own views of people, and of who is on it a look."""
        ...

    def row(self, view: str, row_id: str) -> Line | None: ...

    def table(self, view: str) -> Sequence[Mapping[str, Any]]:
        """All rows of a view without residents' ids: `complex`, `looks`, the steward's."""
        ...

    def changed(self, view: str, ask: Ask, mark: str) -> int:
        """How many lines of that part are new or otherwise since `mark`. Not a look: it tells nothing of anybody."""
        ...

    # --- warnings ---

    def explain(self, warning_id: str) -> Mapping[str, Any] | None:
        """What, since when, by which rule, on which events, what closes it."""
        ...

    def acknowledge(self, warning_id: str, reason: str) -> None:
        """Raises `ConfigurationError` for a warning that this person does not see."""
        ...

    def contest(self, warning_id: str, reason: str) -> None: ...

    # --- a coach ---

    def record(self, view: str, row_id: str, kind: str, token: str, values: Mapping[str, Any]) -> Done | None:
        """An event of the person's organisation, through the door that its systems use. `kind`: `visit_planned`,
        `visit_held`, `visit_missed` or `contact_attempted`; `token` makes that a form sent twice is once; `values`: the
        payload without ids. `None` for a row that this person does not see."""
        ...

    # --- a resident ---

    def consents(self) -> Sequence[Mapping[str, Any]]:
        """`consent`, `recipient`, `purpose`, `categories`, `from`, `until`, `state`."""
        ...

    def offers(self) -> Sequence[Offer]:
        """What waits for a consent by the policy and has none today."""
        ...

    def grant(self, recipient: str, categories: Sequence[str]) -> None: ...

    def withdraw(self, consent_id: str) -> None: ...

    def objections(self) -> Mapping[str, bool]:
        """Purpose (`early_signalling`, `warnings`) → whether an objection stands."""
        ...

    def object(self, purpose: str, *, lift: bool = False) -> None: ...

    def corrections(self) -> Sequence[tuple[str, str]]:
        """What is held of the resident and can be asked to be corrected: (category, organisation)."""
        ...

    def correct(self, category: str, reason: str, org: str) -> None: ...

    def requests(self) -> Sequence[Mapping[str, Any]]:
        """The resident's own."""
        ...

    def looks(self) -> Sequence[str]:
        """Who looked, a sentence each, the last first."""
        ...

    def export(self) -> tuple[bytes, str]:
        """Everything that is held, as JSON and as a page in HTML."""
        ...

    # --- a steward, schuldhulp ---

    def answer_request(self, number: int, answer: str) -> None: ...

    def quarantine(self) -> Sequence[Mapping[str, Any]]:
        """What could not be processed: codes, never a payload."""
        ...

    def contact(self, handle: str) -> Mapping[str, Any] | None:
        """Contact data of a signal, which are gone by that; `None` when they were fetched before."""
        ...
