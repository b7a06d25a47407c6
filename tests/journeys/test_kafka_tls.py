"""Everything over TLS, on a real Kafka with a certificate of an authority of its own; and what goes wrong, in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import wkkafka
from wkauthority import Authority, listening
from wkinstallation import Installation
from wkpartners import CITY, COACH, SOURCES, agreement, enrolment, line
from wkpublish import publish
from wkscaled import wait_for

from woonketen.contracts.errors import ConfigurationError, Unreachable
from woonketen.contracts.settings import settings
from woonketen.orchestration.kafka import topics
from woonketen.orchestration.kafka.broker import Broker, running
from woonketen.producers.outbox import Outbox
from woonketen.producers.sdk import Publisher
from woonketen.producers.send_kafka import KafkaSender
from woonketen.streams.kafka import link as kafka_link
from woonketen.streams.kafka.link import Link, knock, link_of


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "ours")


@pytest.fixture(scope="module")
def broker(java_and_maven: None, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running(tmp_path_factory.mktemp("kafka") / "broker", certificate=authority.issue()) as made:
        yield made


@pytest.fixture(scope="module")
def given(broker: Broker, authority: Authority) -> dict[str, str]:
    secured = {"kafka": broker.secured, "kafka_security": "sasl_ssl", "kafka_ca": str(authority.ca)}
    return {**broker.settings(), **secured, "engine": "kafka", "kafka_prefix": wkkafka.new_prefix()}


@pytest.fixture(scope="module")
def link(given: dict[str, str]) -> Link:
    return link_of(settings(given, {}))


@pytest.fixture(scope="module")
def installation(
    given: dict[str, str], new_database: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    made = Installation(tmp_path_factory.mktemp("installation"), given | {"database": new_database()})
    made.run("init", "--open-day", "2026-03-02", "--partitions", "3")
    for org in (CITY, COACH):
        kind, source = SOURCES[org]
        made.run("org", "add", org, "--kind", kind, "--source", source)
    return made


def test_everything_works_over_tls(installation: Installation, authority: Authority) -> None:
    link = installation.link
    ways = {org: installation.told("org", "credentials", org, "--kafka")[0] for org in (CITY, COACH)}
    city = ["--to", f"kafka://{link.bootstrap}", "--user", ways[CITY]["user"], "--security", "sasl_ssl",
            "--password-file", ways[CITY]["password_file"], "--ca", authority.ca]  # fmt: skip
    (installation.folder / "city.jsonl").write_bytes(b"\n".join(map(line, [agreement(COACH), enrolment("G-1")])))
    coach = KafkaSender(
        f"kafka://{link.bootstrap}", ways[COACH]["user"], installation.folder / ways[COACH]["password_file"],
        security="sasl_ssl", ca=authority.ca,
    )  # fmt: skip
    with installation.worker("admission"), installation.worker("step"):
        done = publish("city.jsonl", *city, "--json", cwd=installation.folder)
        assert (done.returncode, json.loads(done.stdout)["delivered"]) == (0, 2), done.stderr
        with Publisher(Outbox(installation.folder / "coach.sqlite"), coach, source=SOURCES[COACH][1]) as sdk:
            sdk.publish("coach.visit_held", "K-88", visit(), occurred_on=date(2026, 3, 2), id="visit-1")
            sdk.flush()
            assert sdk.status().counts["delivered"] == 1
        wait_for(lambda: read(installation, "admitted") == 3)
        wait_for(lambda: read(installation, "window") == read(installation, "lag") == 0)
        assert sum(row.get("applied", 0) for row in installation.told("log", "stats")) > 3
    assert "Kafka" not in installation.said("admission") + installation.said("step"), "nobody had a fault to tell"
    assert installation.told("log", "verify")[0]["gaps"] == 0
    assert installation.told("rebuild")[0]["differences"] == 0
    (engine,) = [row for row in map(json.loads, installation.run("doctor", code=1).stdout.splitlines())
                 if row["check"] == "engine"]  # fmt: skip
    assert engine["state"] == "ok"


def visit() -> dict[str, Any]:
    return {"visit_id": "V-1", "channel": "door", "present": ["resident"], "worker": "W-17"}


def read(installation: Installation, field: str) -> int:
    return sum(row.get(field, 0) for row in installation.told("log", "stats"))


def test_workers_and_commands_say_what_is_wrong_with_tls(installation: Installation, tmp_path: Path) -> None:
    other = Authority(tmp_path, "another").ca
    installation.write(kafka_ca=str(other))
    for kind in ("admission", "step"):
        with installation.worker(kind):
            wait_for(lambda: installation.said(kind).count("begins again") >= 1)
        assert "signed by nobody whom this machine trusts. Give the file" in installation.said(kind)
        assert "Traceback" not in installation.said(kind)
    (tmp_path / "none.pem").write_text("no certificate\n")
    installation.write(kafka_ca=str(tmp_path / "none.pem"))
    assert "holds no certificates" in installation.run("init", code=2).stderr


AUTHORITY = "signed by nobody whom this machine trusts"


def told_of(link: Link, **changes: Any) -> str:
    """What the platform says."""
    with pytest.raises(Unreachable) as told:
        knock(msgspec.structs.replace(link, **changes))
    return str(told.value)


def told_partner(link: Link, ca: Path | None, folder: Path, **changes: Any) -> str:
    """What the publisher says, without trying again for two hours."""
    (folder / "password").write_text("not needed")
    kafka = msgspec.structs.replace(link, **changes)
    sender = KafkaSender(
        f"kafka://{kafka.bootstrap}", kafka.partner(COACH), folder / "password", security=kafka.security, ca=ca
    )
    with closing(sender), pytest.raises(ConfigurationError) as told:
        sender._opened()
    return str(told.value)


def test_each_fault_has_its_sentence(
    link: Link, broker: Broker, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = Authority(tmp_path, "stranger").ca
    day = timedelta(days=1)
    for certificate, sentence in (
        (authority.issue(until=-day / 2), "has expired"),
        (authority.issue(since=day, until=2 * day), "is not valid yet"),
        (authority.issue("kafka.example"), "is for another name"),
    ):
        with listening(certificate) as there:
            assert sentence in told_of(link, bootstrap=there)
            assert sentence in told_partner(link, authority.ca, tmp_path, bootstrap=there)
    for ca in (None, stranger):
        assert AUTHORITY in (said := told_of(link, ca=ca and str(ca)))
        assert "`kafka_ca`" in said
        assert AUTHORITY in (said := told_partner(link, ca, tmp_path))
        assert "`--ca`" in said
    assert "not over TLS" in told_of(link, bootstrap=broker.bootstrap)
    assert "not over TLS" in told_partner(link, authority.ca, tmp_path, bootstrap=broker.bootstrap)
    # Without TLS to a port that wants it, a client is told nothing at all, so it is looked at afterwards.
    monkeypatch.setattr(kafka_link, "BOOTSTRAP_SECONDS", 1)
    monkeypatch.setattr("woonketen.producers.send_kafka._BOOTSTRAP_MS", 1000)
    plain = msgspec.structs.replace(link, security="sasl_plaintext")
    with pytest.raises(Unreachable, match="wants TLS"), topics.admin(plain):
        pass
    assert "wants TLS" in told_partner(plain, None, tmp_path)


def test_one_sound_broker_among_others_is_enough(link: Link, authority: Authority) -> None:
    with listening(authority.issue(until=timedelta(days=-1) / 2)) as expired:
        knock(msgspec.structs.replace(link, bootstrap=f"{expired},127.0.0.1:1,{link.bootstrap}"))
