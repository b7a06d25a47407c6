"""PostgreSQL is lost on the scaled engine: backup, more events, restore, `log recover`, what came by file comes again.

Kafka was not lost, so it is ahead of the backup. In the end everybody sees what an undisturbed embedded installation
shows, and the log holds every event once.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import wkkafka
from chaos.office import Office, links, office, opened_office
from chaos.reading import events, views
from chaos.scaled import ScaledOffice, scaled_office
from chaos.town import CO, FIRST_DAY, Links, agreements, by_day, lives
from wkkafka import partner
from wkscaled import sender

from woonketen.streams.kafka.link import link_of

LAST = FIRST_DAY + timedelta(days=15)
Files = dict[str, list[bytes]]


def feed() -> list[tuple[date, Files]]:
    sent = [*agreements(FIRST_DAY, LAST.replace(year=2028)), *lives(3, FIRST_DAY, LAST, 3)]
    return list(by_day(sorted(sent, key=lambda each: each.on)))


def take_in(platform: Any, files: Files, linked: Links) -> None:
    """In a fixed order, the coaching organisation last."""
    for org in sorted(files, key=lambda each: (each == CO, each)):
        receipts = platform.ingest(org, io.BytesIO(b"\n".join(map(linked, files[org]))), "cloudevents")
        assert not [each for each in receipts if each.status == "refused"]


def days(of: Office, part: list[tuple[date, Files]], deliver: Callable[[Any, date, Files, Links], None]) -> None:
    with of.platform() as platform:
        linked = links(platform)
        for day, files in part:
            if platform.open_day() < day:
                platform.close_days(platform.open_day(), day - timedelta(days=1))
            deliver(platform, day, files, linked)
        platform.run(until_idle=True)


def by_file(platform: Any, day: date, files: Files, linked: Links) -> None:
    take_in(platform, files, linked)


def ended(of: Office) -> tuple[Any, Any]:
    of("day", "close", LAST.isoformat())
    of("run", "--until-idle")
    return events(of), views(of)


@pytest.fixture
def town(kafka: dict[str, str]) -> Iterator[ScaledOffice]:
    with scaled_office({**kafka, "kafka_prefix": wkkafka.new_prefix()}) as made:
        yield made
        wkkafka.remove(link_of(made.settings))


def in_its_place(home: Path, lost: ScaledOffice) -> ScaledOffice:
    """An empty data folder beside the key file and the ledger, as the page for operators says."""
    made = ScaledOffice(home, {name: value for name, value in lost.told.items() if name not in ("engine", "data")})
    for mine, its in (
        (made.settings.kek, lost.settings.kek),
        (made.settings.ledger_file, lost.settings.ledger_file),
    ):
        shutil.copy(its, mine)
    return made


def test_postgres_is_lost_and_put_back_behind_kafka(town: ScaledOffice, tmp_path: Path) -> None:
    whole = feed()
    later = next(n for n, (day, files) in enumerate(whole) if day > FIRST_DAY + timedelta(days=7) and CO in files)
    with opened_office() as undisturbed:
        days(undisturbed, whole, by_file)
        want = ended(undisturbed)
    link = link_of(town.settings)
    coach = partner(link, CO, tmp_path)

    def by_kafka(platform: Any, day: date, files: Files, linked: Links) -> None:
        """On the first of these days the coaching organisation writes to its topic."""
        if day == whole[later][0]:
            take_in(platform, {org: lines for org, lines in files.items() if org != CO}, linked)
            with sender(coach) as own:
                own.send(link.inbox(CO), *map(linked, files[CO]))
            platform.run(until_idle=True)  # before the day is closed
        else:
            take_in(platform, files, linked)

    days(town, whole[:later], by_file)
    town("day", "close", (whole[later][0] - timedelta(days=1)).isoformat())
    backup = town.home / "before.backup"
    written = town("backup", str(backup), "--json").object
    assert written["records"] > 100
    days(town, whole[later:], by_kafka)
    town.kill_postgres()

    with office() as place:
        made = in_its_place(place.home, town)
        done = made("restore", str(backup), "--json", code=1)
        assert done.object["recover"] is True
        assert "woonketen log recover" in done.err
        for command in (["run", "--until-idle"], ["worker", "admission"]):
            assert "Kafka is ahead of the database" in made(*command, code=2).err
        recovered = made("log", "recover", "--json").object
        assert recovered["again"] == [link.inbox(CO)]
        assert "gemeente-ijsselstad" in recovered["send_again"]
        assert CO not in recovered["send_again"]
        made("run", "--until-idle")  # what the partner had written to Kafka is admitted by itself
        days(made, whole[later:], by_file)  # and what comes twice counts once
        verified = made("log", "verify", "--json").object
        assert verified["gaps"] == verified["changed"] == 0
        assert ended(made) == want
        assert made("rebuild", "--verify", "--json").object["differences"] == 0


def test_what_kafka_is_not_ahead_of_needs_no_recovery(town: ScaledOffice) -> None:
    days(town, feed()[:1], by_file)
    backup = town.home / "level.backup"
    town("backup", str(backup))
    before = views(town)
    town.kill_postgres()
    with office() as place:
        made = in_its_place(place.home, town)
        done = made("restore", str(backup), "--json").object
        assert done["recover"] is False
        assert views(made) == before
