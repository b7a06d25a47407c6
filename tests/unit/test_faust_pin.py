"""A worker says which Faust it needs before it begins."""

from __future__ import annotations

import logging
import sys

import pytest

from woonketen.contracts.errors import ConfigurationError
from woonketen.streams.kafka import faust_driver, seeking


def test_the_installed_faust_is_the_one() -> None:
    faust_driver.check_faust()


def test_another_version_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faust_driver, "version", lambda _: "0.16.0")
    with pytest.raises(ConfigurationError, match=r"Faust 0\.16\.0 is installed.*0\.15\.3 only"):
        faust_driver.check_faust()


@pytest.mark.parametrize("name", ["_read_offset", "_committed_offset", "_acked", "_acked_index"])
def test_a_private_name_that_is_gone_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    there = faust_driver._annotations(faust_driver.driver.Consumer)
    assert name in there
    monkeypatch.setattr(faust_driver, "_annotations", lambda _: there - {name})
    with pytest.raises(ConfigurationError, match=name):
        faust_driver.check_faust()


def test_what_faust_logs_has_no_traceback() -> None:
    try:
        raise ConnectionError
    except ConnectionError:
        found = faust_driver.without_traceback("mode", 40, __file__, 1, "it ended", (), sys.exc_info())
    assert logging.Formatter().format(found) == "it ended"


def test_a_client_that_ends_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ConnectionError("a text of others")
    except ConnectionError as error:
        seeking.Placed.on_crash(None, "{0!r} crashed: {1!r}", "a thread", error)  # type: ignore[arg-type]
    assert capsys.readouterr().err == "Kafka's client has ended (ConnectionError).\n"
