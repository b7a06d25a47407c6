"""How the settings lead to Kafka, and what things are called there."""

from __future__ import annotations

from pathlib import Path

import pytest

from woonketen.contracts.errors import ConfigurationError, Unreachable
from woonketen.contracts.settings import settings
from woonketen.streams.kafka.link import Link, knock, link_of


def test_the_environment_gives_numbers_too() -> None:
    assert settings({}, {"WOONKETEN_BACKUP_HOURS": "12"}).backup_hours == 12
    with pytest.raises(ConfigurationError, match="backup_hours"):
        settings({}, {"WOONKETEN_BACKUP_HOURS": "often"})


def test_a_link_needs_an_address_a_user_and_a_password(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    given = {"engine": "kafka", "kafka": "a:1", "kafka_user": "platform", "kafka_password_file": str(secret)}
    for missing in ("kafka", "kafka_user", "kafka_password_file"):
        with pytest.raises(ConfigurationError, match=missing):
            link_of(settings({name: value for name, value in given.items() if name != missing}, {}))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        link_of(settings(given, {}))
    secret.write_text("a word\n")
    link = link_of(settings(given, {}))
    assert link == Link("a:1", "platform", "a word", "sasl_ssl")
    assert "a word" not in repr(link)
    assert link_of(settings({"kafka": "a:1", "kafka_security": "plaintext"}, {})) == Link("a:1", security="plaintext")


def test_names_of_one_organisation_are_no_beginning_of_anothers() -> None:
    link = Link("a:1", prefix="test.")
    assert link.events == "test.events"
    assert link.inbox("coach") == "test.in.coach"
    assert link.partner("admin") != "admin"
    assert not link.groups("coach-oost").startswith(link.groups("coach"))


@pytest.mark.parametrize("nobody", ["127.0.0.1:1", "127.0.0.1:1,127.0.0.1:2", "nonsense", "a:b", "[::1]:1"])
def test_nobody_there_is_told_at_once(nobody: str) -> None:
    with pytest.raises(Unreachable, match="does not answer"):
        knock(Link(nobody))
