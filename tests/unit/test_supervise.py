"""The pauses of a supervisor."""

from __future__ import annotations

from woonketen.orchestration.supervise import FIRST_SECONDS, LONGEST_SECONDS, pause


def test_it_waits_longer_each_time_and_never_for_ever() -> None:
    pauses = [pause(failures) for failures in range(1, 12)]
    assert pauses[0] == FIRST_SECONDS
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_SECONDS == pause(5000)
