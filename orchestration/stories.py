"""Plays stories: folders with partners' files, day by day, as `tests/stories/` holds them.

    story.toml                      title, organisations, users, first and last day, looks worth showing
    days/2026-01-06/coach-oost.jsonl   what Coach Oost sends that day; `.csv` and `.xlsx` as its system exports it
    days/2026-06-04/answers.csv        what viewers answer to a warning that morning

Several stories are played as one: their days are merged, so that each day is closed once. Playing again goes on where
it ended: files of closed days are passed over, and what was sent already is a duplicate.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

from woonketen.contracts.errors import ConfigurationError

FORMATS = {".jsonl": "cloudevents", ".csv": "csv", ".xlsx": "xlsx"}
ANSWERS = "answers.csv"
_LINK = re.compile(rb"\{\{link:([^:{}]+):([^{}]+):([^:{}]+)\}\}")
_JSON_ID = re.compile(rb'"id": ?"([^"]+)"')


class Receipt(Protocol):
    @property
    def id(self) -> str | None: ...
    @property
    def status(self) -> str: ...
    @property
    def reason(self) -> str | None: ...


class Stage(Protocol):
    """What the player needs of the platform. All of it may be repeated without harm, but for `issue_link`."""

    def open_day(self) -> date:
        """The day that is open now."""
        ...

    def register_org(
        self,
        name: str,
        *,
        kind: str,
        source: str,
        districts: Sequence[str],
        subject_url: str | None,
        phone: str | None,
        heartbeat_hours: int | None,
        heartbeat_weekends: bool,
    ) -> Mapping[str, Any]: ...

    def add_user(
        self, name: str, org: str, role: str, worker: str | None, resident: str | None
    ) -> Mapping[str, Any]: ...

    def issue_link(self, by: str, subject: str, for_org: str) -> Mapping[str, Any]:
        """`code` is the one-time code."""
        ...

    def known(self, org: str, event_id: str) -> bool:
        """Whether an event of this organisation under this id was accepted or is parked."""
        ...

    def ingest(self, org: str, file: BinaryIO, form: str) -> Iterable[Receipt]: ...

    def receipts(self, org: str) -> Sequence[Mapping[str, Any]]:
        """What became of the organisation's parked events: `id`, `status`, `reason`."""
        ...

    def run(self, *, until_idle: bool) -> Mapping[str, Any]: ...

    def close_days(self, first: date, last: date) -> date: ...

    def view(self, name: str, user: str, resident: str | None = None) -> Sequence[Mapping[str, Any]]: ...

    def warnings(
        self, user: str, *, every: bool = False, known_on: date | None = None
    ) -> Sequence[Mapping[str, Any]]: ...

    def answer(self, warning_id: str, user: str, kind: str, reason: str) -> Mapping[str, Any]:
        """`kind` is `acknowledged` or `contested`."""
        ...


class User(NamedTuple):
    """`resident` (`ORG:SUBJECT`) and `since`, the day from which the resident is known: of a bewoner only."""

    name: str
    org: str
    role: str
    who: str
    worker: str | None = None
    resident: str | None = None
    since: date | None = None


class Look(NamedTuple):
    user: str
    view: str
    question: str


class Story(NamedTuple):
    """`tells` in English, `vertelt` in Dutch. `files`: what was sent, by day; `answers`: rows of user, resident,
    indicator, answer and reason, by day."""

    slug: str
    title: str
    tells: str
    vertelt: str
    open_day: date
    last_day: date
    organisations: list[dict[str, Any]]
    users: list[User]
    looks: list[Look]
    files: dict[date, list[Path]]
    answers: dict[date, list[dict[str, str]]]


class Played(NamedTuple):
    """`receipts`: how often (story, organisation, status, reason) was given at the door; `parked`: (story,
    organisation, id) of what had to wait. Only of this playing, not of an earlier one."""

    receipts: Counter[tuple[str, str, str, str | None]]
    parked: list[tuple[str, str, str]]


def load(folder: Path) -> Story:
    """Raises `ConfigurationError` for a folder that is no story."""
    try:
        told = tomllib.loads((folder / "story.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"{folder} holds no story.toml.", "Name the folder of a story.") from None
    files: dict[date, list[Path]] = {}
    answers: dict[date, list[dict[str, str]]] = {}
    for path in sorted(folder.glob("days/*/*")):
        on = date.fromisoformat(path.parent.name)
        if path.name == ANSWERS:
            with path.open(encoding="utf-8", newline="") as lines:
                answers[on] = list(csv.DictReader(lines))
        elif path.suffix in FORMATS:
            files.setdefault(on, []).append(path)
    return Story(
        slug=folder.name,
        title=told["title"],
        tells=told["tells"].strip(),
        vertelt=told["vertelt"].strip(),
        open_day=told["open_day"],
        last_day=told["last_day"],
        organisations=told.get("organisation", []),
        users=[User(**each) for each in told.get("user", [])],
        looks=[Look(**each) for each in told.get("look", [])],
        files=files,
        answers=answers,
    )


def days_to_play(stories: Iterable[Story], stage: Stage, until: date | None = None) -> int:
    """How many days `play` would close: the total of its progress."""
    return max(0, (_last(stories, until) - stage.open_day()).days + 1)


def play(stories: Sequence[Story], stage: Stage, progress: Callable[[int], None], until: date | None = None) -> Played:
    """Plays the stories' days that are still open, up to and with `until` (the end, without it), and processes them.

    `progress` is told the number of days closed since it was told last.
    """
    return _Player(stories, stage, progress).play(_last(stories, until))


class _Player:
    def __init__(self, stories: Sequence[Story], stage: Stage, progress: Callable[[int], None]) -> None:
        self.stories, self.stage, self.progress = stories, stage, progress
        self.played = Played(Counter(), [])
        self._codes: dict[bytes, bytes] = {}

    def play(self, last: date) -> Played:
        self._register()
        today = self.stage.open_day()
        self._add_residents(lambda since: since < today)
        eventful = {day for story in self.stories for day in (*story.files, *story.answers)}
        for day in sorted(each for each in eventful if today <= each <= last):
            self._close(day - timedelta(days=1))
            self._live(day)
            self._close(day)
        self._close(last)
        self.stage.run(until_idle=True)
        return self.played

    def _close(self, last: date) -> None:
        first = self.stage.open_day()
        if first <= last:
            self.stage.close_days(first, last)
            self.progress((last - first).days + 1)

    def _live(self, day: date) -> None:
        """One day: answers in the morning, files during the day, new residents' own logins in the evening."""
        self._answer(day)
        for story in self.stories:
            for path in story.files.get(day, ()):
                for receipt in self.stage.ingest(path.stem, self._content(path), FORMATS[path.suffix]):
                    self.played.receipts[story.slug, path.stem, receipt.status, receipt.reason] += 1
                    if receipt.status == "parked" and receipt.id is not None:
                        self.played.parked.append((story.slug, path.stem, receipt.id))
        self._add_residents(lambda since: since == day)

    def _answer(self, day: date) -> None:
        wanted = [each for story in self.stories for each in story.answers.get(day, ())]
        if not wanted:
            return
        self.stage.run(until_idle=True)
        for each in wanted:
            for warning in self.stage.warnings(each["user"]):
                same = (warning["resident"], warning["indicator"]) == (each["resident"], each["indicator"])
                if same and warning["state"] == "active":
                    self.stage.answer(warning["id"], each["user"], each["answer"], each["reason"])

    def _register(self) -> None:
        known: dict[str, dict[str, Any]] = {}
        for told in (each for story in self.stories for each in story.organisations):
            if known.setdefault(told["org"], told) != told:
                raise ConfigurationError(
                    f"Two stories register {told['org']} differently.", "Give it the same registration in each."
                )
        for name, told in known.items():
            self.stage.register_org(
                name,
                kind=told["kind"],
                source=told["source"],
                districts=told.get("districts", []),
                subject_url=told.get("subject_url"),
                phone=told.get("phone"),
                heartbeat_hours=told.get("heartbeat_hours"),
                heartbeat_weekends=told.get("heartbeat_weekends", True),
            )
        for user in self._users():
            if user.since is None:
                self.stage.add_user(user.name, user.org, user.role, user.worker, user.resident)

    def _add_residents(self, due: Callable[[date], bool]) -> None:
        """Residents can look from the day on which somebody has told of them."""
        for user in self._users():
            if user.since is not None and due(user.since):
                self.stage.add_user(user.name, user.org, user.role, user.worker, user.resident)

    def _users(self) -> list[User]:
        return list({user.name: user for story in self.stories for user in story.users}.values())

    def _content(self, path: Path) -> BinaryIO:
        """The file with codes in the place of `{{link:BY:SUBJECT:FOR}}`: a code is known only when it is issued."""
        content = path.read_bytes()
        if _LINK.search(content):
            content = b"".join(self._with_code(path, line) for line in content.splitlines(keepends=True))
        return BytesIO(content)

    def _with_code(self, path: Path, line: bytes) -> bytes:
        found = _LINK.search(line)
        if found is None:
            return line
        if found[0] not in self._codes:
            if self.stage.known(path.stem, _id_of(line, path.suffix)):
                return b""  # played before it was interrupted; another code would make another event of it
            by, subject, for_org = (each.decode() for each in found.groups())
            self._codes[found[0]] = str(self.stage.issue_link(by, subject, for_org)["code"]).encode()
        return line.replace(found[0], self._codes[found[0]])


def _id_of(line: bytes, suffix: str) -> str:
    """The event's id in a line of JSON, or in the second column of a table."""
    if suffix == ".csv":
        return line.split(b";")[1].decode()
    found = _JSON_ID.search(line)
    return found[1].decode() if found else ""


def _last(stories: Iterable[Story], until: date | None) -> date:
    end = max(story.last_day for story in stories)
    return end if until is None else min(until, end)
