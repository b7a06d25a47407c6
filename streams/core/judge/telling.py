"""The sentence of a warning: its template, filled from facts that the reader may see."""

from __future__ import annotations

from datetime import date
from typing import Any

from woonketen.contracts import codes, dutch
from woonketen.contracts.indicators import Indicator
from woonketen.streams.core.judge.evening import Coded, Phrase


def sentence(rule: Indicator, version: str, severity: int, phrases: tuple[Phrase, ...], role: str) -> str:
    """In the words of that version of the rule. Without phrases (nothing may be told, or the facts are gone) the bare
    one."""
    said = rule.sentences(version, severity)
    resident = role == "bewoner"
    known = rule.phrases(version)
    # A version that did not know a phrase yet says what it did know.
    told = [known[each.name].format_map(_written(each)) for each in phrases if each.name in known]
    if not told:
        return said.bewoner_bare if resident else said.bare
    template = said.bewoner if resident else said.full
    return template.format(situation="; ".join(told))


def _written(phrase: Phrase) -> dict[str, str]:
    return {name: _write(name, value) for name, value in phrase.values.items()}


def _write(name: str, value: Any) -> str:
    match value:
        case date():
            return dutch.day(value)
        case Coded(list=list_name, code=code):
            return codes.label(list_name, code)
        case tuple():
            return dutch.listed([_write(name, each) for each in value])
        case int() if name.endswith("_cents"):
            return dutch.euros(value)
        case None:
            return "geen"
    return str(value)
