"""Workers that come and go at the same moment: that partitions are shared out anew is no fault, whenever it happens."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import wkkafka
from chaos.office import links, wait_for
from chaos.scaled import ScaledOffice, end, scaled_office
from chaos.town import FIRST_DAY, agreements, by_day, lives

PLANTED = str(Path(__file__).parent / "planted")
MANY = bool(os.environ.get("WOONKETEN_TEST_FAULTS"))
WORKERS, ROUNDS, SLOW = (6, 5, 0.0) if MANY else (3, 1, 1.5)
"""Seldom does a rebalance fall between asking and seeking, so the short test makes that moment long."""
PARTITIONS = 6
LAST = FIRST_DAY + timedelta(days=7 * ROUNDS - 1)


@pytest.fixture
def office(kafka: dict[str, str]) -> Iterator[ScaledOffice]:
    with scaled_office({**kafka, "kafka_prefix": wkkafka.new_prefix()}) as made, made.sql():
        yield made


def shared_out(office: ScaledOffice) -> bool:
    """Every partition has one worker that knows it."""
    with office.sql() as connection:
        rows = connection.execute("SELECT unnest(partitions) FROM log.worker ORDER BY 1").fetchall()
    return [number for (number,) in rows] == list(range(PARTITIONS))


def week(office: ScaledOffice, number: int) -> None:
    """Is admitted, and waits for the workers."""
    first = FIRST_DAY + timedelta(days=7 * number)
    sent = [*agreements(FIRST_DAY, LAST.replace(year=2028)), *lives(6, FIRST_DAY, LAST, 5)]
    with office.platform() as platform:
        linked = links(platform)
        for day, files in by_day(sorted(sent, key=lambda each: each.on)):
            if first <= max(day, FIRST_DAY) < first + timedelta(days=7):
                for org, lines in files.items():
                    list(platform.ingest(org, io.BytesIO(b"\n".join(map(linked, lines))), "cloudevents"))
        platform.close_days(first, first + timedelta(days=6))


@pytest.mark.timeout(900 if MANY else 180)
def test_many_workers_start_and_stop_at_once_and_none_dies_of_it(office: ScaledOffice) -> None:
    path = os.pathsep.join([PLANTED, os.environ.get("PYTHONPATH", "")])
    given = {"PYTHONPATH": path, "WK_SLOW_BEGIN": str(SLOW)}
    admission, said = office.worker("admission", **given), office.home / "step.log"
    for number in range(ROUNDS):
        workers = [office.worker("step", **given) for _ in range(WORKERS)]
        week(office, number)
        wait_for(lambda: shared_out(office))
        wait_for(lambda: office.lag() == 0)
        assert end(workers) == [0] * WORKERS, said.read_text()
        with office.sql() as connection:
            connection.execute("DELETE FROM log.worker")
    assert end([admission]) == [0]
    assert "ended with" not in said.read_text(), "one was begun again"
    assert office("log", "verify", "--json").object["gaps"] == 0
    assert office("rebuild", "--verify", "--json").object["differences"] == 0
