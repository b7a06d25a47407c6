"""The indicators as data: numbers, texts, owners, legal basis. Conditions are code (`streams.core.judge`); there is no
language of rules.

A missing field stops the load, and so the build. Each indicator yields its record for the Algoritmeregister
(publication standard 1.0), with that standard's field lengths.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from hashlib import sha256
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args

import msgspec

from woonketen.contracts.dutch import number
from woonketen.contracts.errors import IndicatorError
from woonketen.contracts.payloads.lists import Category, Role

Text = Annotated[str, msgspec.Meta(min_length=1)]
Days = Annotated[int, msgspec.Meta(ge=0, le=3660)]
Version = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,6}\Z")]
SeverityKey = Annotated[int, msgspec.Meta(ge=1, le=3)]

FORBIDDEN_INPUTS = frozenset({"consent", "safety", "intake"})
"""Whether somebody refused, objected or is flagged, and what somebody said in the three questions, feeds no rule."""
PARTY = "party"
SENDER = "sender"

THRESHOLDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "arrears_first": frozenset(
            {
                "open_months", "open_cents", "oldest_days", "exit_months", "technical_days", "technical_months",
                "first_month_below", "too_old_days",
            }
        ),
        "arrears_escalating": frozenset(
            {
                "open_months", "growing_months", "growth_months", "growth_days", "growth_days_far", "broken_days",
                "severe_months", "exit_months", "kept_days", "too_old_days",
            }
        ),
        "contact_thinning": frozenset({"missed", "of_visits", "missed_in_window", "window_days", "held_in_row"}),
        "contact_lost": frozenset(
            {"days", "intervals", "attempts", "severe_days", "severe_intervals", "severe_attempts"}
        ),
        "plan_stalled_by_party": frozenset({"late_days", "later_days", "latest_days", "in_one_plan", "reagreed"}),
        "coach_missing": frozenset({"days", "later_days"}),
        "visit_unreported": frozenset({"workdays", "later_workdays"}),
        "referral_unanswered": frozenset({"workdays", "later_workdays"}),
        "provisions_late": frozenset({"days_before", "last_days_before"}),
        "conditional_lease_deadline": frozenset(
            {"plan_days", "evaluate_days", "decide_days", "notice_from_months", "notice_until_months"}
        ),
        "attention_period": frozenset({"lease_days", "change_days"}),
        "feed_silent": frozenset(),
    }
)  # fmt: skip
"""Indicator → the names of its numbers. The file holds exactly these."""


class Piece(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the file: nothing may be missing, nothing may be unknown."""


class Threshold(Piece, frozen=True, kw_only=True):
    """`judged`: a judgement of ours, not taken from law or published evidence. `label` is Dutch."""

    value: int | float
    label: Text
    judged: bool


class Viewer(Piece, frozen=True, kw_only=True):
    """`role`: a role, `party` (whoever works for an organisation that the episode is about) or `sender` (whoever
    published its evidence). `after_workdays`: only so many working days after the opening."""

    role: Text
    from_severity: SeverityKey = 1
    after_workdays: Days = 0


class Sentences(Piece, frozen=True, kw_only=True):
    """`full` and `bewoner` may name `{situation}`; the `bare` ones are said where the facts may not be, or are no
    longer, told."""

    full: Text
    bare: Text
    bewoner: Text
    bewoner_bare: Text


class Texts(Piece, frozen=True, kw_only=True):
    """Texts of one version of the rule. Never changed afterwards, only a version added: so old answers keep their
    bytes."""

    phrases: dict[str, Text]
    severity: dict[SeverityKey, Sentences]


class Switches(Piece, frozen=True, kw_only=True):
    """The switches: for everybody, where these organisations' facts are an input, in these municipalities."""

    always: bool
    orgs: list[str]
    municipalities: list[str]


class Basis(Piece, frozen=True, kw_only=True):
    """On which ground the indicator may be computed at all. A ground of consent is refused: nothing here would stop
    when it is withdrawn."""

    ground: Literal["task", "contract", "legitimate_interest"]
    article: Text


class Register(Piece, frozen=True, kw_only=True):
    """The record for the Algoritmeregister, publication standard 1.0, lengths of that standard."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    description_short: Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
    organization: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    category: Annotated[list[Text], msgspec.Meta(min_length=1)]
    status: Literal["In ontwikkeling", "In gebruik", "Buiten gebruik"]
    begin_date: Annotated[str, msgspec.Meta(pattern=r"\A20[0-9]{2}-(?:0[1-9]|1[0-2])\Z")]
    contact_email: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    publication_category: Literal["Hoog-risico AI-systeem", "Impactvolle algoritmes", "Overige algoritmes"]
    goal: Annotated[str, msgspec.Meta(min_length=1, max_length=2500)]
    proportionality: Annotated[str, msgspec.Meta(min_length=1, max_length=2500)]
    human_intervention: Annotated[str, msgspec.Meta(min_length=1, max_length=2500)]
    risks: Annotated[str, msgspec.Meta(min_length=1, max_length=2500)]
    lawful_basis: Annotated[str, msgspec.Meta(min_length=1, max_length=2500)]
    impacttoetsen: Annotated[str, msgspec.Meta(min_length=1, max_length=2500)]
    source_data: Annotated[str, msgspec.Meta(min_length=1, max_length=2500)]
    methods_and_models: Annotated[str, msgspec.Meta(min_length=1, max_length=5000)]
    provider: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    lang: Literal["nld"]
    standard_version: Literal["1.0"]


class Indicator(Piece, frozen=True, kw_only=True):
    """One rule. `kind`: `episode` (opens and closes), `context` (only makes other rules quicker), `feed` (about a
    feed, from the world alone). `inputs` are the policy categories of all its evidence; `due` working days by severity;
    `pending` and `hold` days that a condition must last before it opens, and be gone before it closes."""

    id: str
    version: Version
    kind: Literal["episode", "context", "feed"]
    about: Literal["resident", "organisation"]
    domain: Literal["money", "contact", "neighbours", "support"] | None
    label: Text
    threshold_owner: Text
    owner: Text
    deputy: Role
    purpose: Text
    basis: Basis
    controller: Text
    viewers: list[Viewer]
    retention: Text
    dpia: Text
    inputs: list[Category]
    corroboration: Literal["none", "two_reporters", "two_domains"]
    thresholds: dict[str, Threshold]
    pending: Days
    hold: Days
    quiet_days: Days
    severities: list[SeverityKey]
    due: dict[SeverityKey, Annotated[int, msgspec.Meta(ge=1, le=60)]]
    taken_over_by: str | None
    opens_when: Text
    closes_when: Text
    action: Text
    texts: dict[Version, Texts]
    switched_off: Switches
    register: Register
    numbers: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def lowest(self) -> int:
        """The severity below which it is closed."""
        return self.severities[0]

    def viewer(self, role: str) -> Viewer | None:
        return next((each for each in self.viewers if each.role == role), None)

    def sentences(self, version: str, severity: int) -> Sentences:
        """Of that version of the rule; of the present one where that version never had this severity."""
        found = self.texts.get(version) or self.texts[self.version]
        return found.severity.get(severity) or self.texts[self.version].severity[severity]

    def phrases(self, version: str) -> Mapping[str, str]:
        return (self.texts.get(version) or self.texts[self.version]).phrases

    def tell(self, template: str) -> str:
        """A sentence about the rule, with its numbers in Dutch."""
        told = {"pending": self.pending, "hold": self.hold, **self.numbers}
        return template.format_map({name: number(name, value) for name, value in told.items()})


class Rules:
    """The indicators by id, in the order in which they are judged. `version`: the first twelve hexadecimal digits of
    the file's SHA-256."""

    def __init__(self, version: str, valid_from: date, indicators: Mapping[str, Indicator]) -> None:
        self.version = version
        self.valid_from = valid_from
        self.indicators = indicators

    def __getitem__(self, indicator: str) -> Indicator:
        return self.indicators[indicator]

    def __iter__(self) -> Iterator[Indicator]:
        return iter(self.indicators.values())

    def register(self) -> list[dict[str, Any]]:
        """The records for the Algoritmeregister."""
        return [{"source_id": each.id, **msgspec.to_builtins(each.register)} for each in self]

    def __repr__(self) -> str:
        return f"Rules({self.version})"


class _File(Piece, frozen=True, kw_only=True):
    valid_from: date
    shared: dict[str, Any]
    shared_register: dict[str, Any]
    indicators: dict[str, dict[str, Any]]


def load(text: str) -> Rules:
    """The rules of an indicator file. What is the same for all stands once, under `shared` and `shared_register`.

    Raises `IndicatorError` that names the first field that is missing, unknown or contradictory.
    """
    import yaml  # here, because a command that judges nothing should not pay for it

    try:
        told = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (it is a safe one)
        read = msgspec.convert(told, _File)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise IndicatorError(f"the indicator file does not hold: {_one_line(error)}", _MEND) from None
    if set(read.indicators) != set(THRESHOLDS):
        different = ", ".join(sorted(set(read.indicators) ^ set(THRESHOLDS)))
        raise IndicatorError(f"the file and the program know other indicators: {different}", _MEND)
    found = {name: _indicator(name, fields, read) for name, fields in read.indicators.items()}
    for each in found.values():
        _check(each, found)
    order = sorted(found, key=lambda name: (found[name].taken_over_by is not None, list(THRESHOLDS).index(name)))
    version = sha256(text.encode()).hexdigest()[:12]
    return Rules(version, read.valid_from, MappingProxyType({name: found[name] for name in order}))


@cache
def shipped() -> Rules:
    """The rules in this package."""
    return load(files("woonketen.contracts").joinpath("indicators.yaml").read_text(encoding="utf-8"))


_MEND = "mend the indicator file; every field of every indicator must be there"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _indicator(name: str, fields: dict[str, Any], read: _File) -> Indicator:
    register = {**read.shared_register, **(fields.get("register") or {})}
    told = {"id": name, **read.shared, **fields, "register": register}
    if "numbers" in told:
        raise IndicatorError(f"{name}: numbers stand under thresholds", _MEND)
    try:
        made = msgspec.convert(told, Indicator, strict=True)
    except msgspec.ValidationError as error:
        raise IndicatorError(f"{name}: {_one_line(error)}", _MEND) from None
    return msgspec.structs.replace(made, numbers={key: each.value for key, each in made.thresholds.items()})


def _check(rule: Indicator, rules: Mapping[str, Indicator]) -> None:
    roles = {*get_args(Role), PARTY, SENDER}
    severities = set(rule.severities)
    texts = rule.texts.get(rule.version)
    wrong = {
        "thresholds": set(rule.thresholds) != THRESHOLDS[rule.id],
        "severities": sorted(severities) != rule.severities or (rule.kind == "episode" and not severities),
        "due": set(rule.due) != severities or rule.due.get(2, 5) != 5 or rule.due.get(3, 1) != 1,
        "owner": rule.owner not in roles - {SENDER},
        "viewers": any(each.role not in roles for each in rule.viewers),
        "inputs": not FORBIDDEN_INPUTS.isdisjoint(rule.inputs) or (rule.kind == "episode" and not rule.inputs),
        "taken_over_by": rule.taken_over_by is not None and rule.taken_over_by not in rules,
        "texts": texts is None or set(texts.severity) != severities,
    }
    for field, broken in wrong.items():
        if broken:
            raise IndicatorError(f"{rule.id}: {field} does not agree with the rest", _MEND)
    numbers, situation = {"pending", "hold", *rule.numbers}, {"situation"}
    allowed = [(rule.opens_when, numbers), (rule.closes_when, numbers), (rule.action, numbers)]
    for each in rule.texts.values():
        for said in each.severity.values():
            allowed += [(said.full, situation), (said.bewoner, situation)]
            allowed += [(said.bare, set()), (said.bewoner_bare, set())]
    for text, names in allowed:
        if not {name for _, name, _, _ in string.Formatter().parse(text) if name is not None} <= names:
            raise IndicatorError(f"{rule.id}: a text names what it is not given", _MEND)
