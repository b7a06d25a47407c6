"""The outbox: what it confirmed is there, whatever happens to the process, the power or the disk."""

import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from wkpublish import SOURCE, checked, publish, write_visits

from woonketen.contracts.errors import (
    ConfigurationError,
    NewerSchema,
    OutboxBusy,
    OutboxFull,
    OutboxUnreadable,
)
from woonketen.producers.delivery import in_order
from woonketen.producers.outbox import Outbox, Outcome, look

DAY = 86400.0


def test_it_survives_a_kill_before_each_of_its_statements(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": f"{Path(__file__).parents[1]}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
    }
    done = subprocess.run(
        [sys.executable, "-m", "wkoutbox", str(tmp_path)], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 45


def test_a_loss_of_power_takes_nothing_that_was_confirmed(tmp_path: Path) -> None:
    """What was flushed stays; of what was not, any part may be there, or rubbish."""
    path, wal = tmp_path / "outbox.sqlite", tmp_path / "outbox.sqlite-wal"
    confirmed: list[int] = []
    with Outbox(path) as outbox:
        start = wal.stat().st_size
        for number in range(8):
            outbox.put([checked(3 * number + k) for k in range(3)])
            confirmed.append(wal.stat().st_size)
        whole, log = path.read_bytes(), wal.read_bytes()
    random = Random(5)
    for n in range(60):
        cut = random.randrange(start, len(log) + 1)
        torn = log[:cut]
        if n % 3 == 0:
            torn += random.randbytes(random.randrange(1, 9000))
        folder = tmp_path / f"after-{n}"
        folder.mkdir()
        (folder / "outbox.sqlite").write_bytes(whole)
        (folder / "outbox.sqlite-wal").write_bytes(torn)
        with Outbox(folder / "outbox.sqlite") as again:
            found = [each.id for each in again.waiting(100)]
        least = 3 * sum(size <= cut for size in confirmed)
        assert found == [f"v-{k}" for k in range(least)]


def test_a_full_outbox_says_so_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    taken = 0
    with Outbox(path, largest=200_000) as outbox:
        full = None
        while full is None and taken < 10_000:
            try:
                outbox.put([checked(taken)])
                taken += 1
            except OutboxFull as error:
                full = error
        assert "Nothing that was stored is lost" in str(full)
        assert taken > 20
        assert outbox.status().counts["waiting"] == taken
    with Outbox(path) as outbox:
        assert [each.id for each in outbox.waiting(10_000)] == [f"v-{k}" for k in range(taken)]
        assert outbox.put([checked(taken)]) == ["stored"]


def test_a_disk_that_takes_no_more_ends_in_a_sentence(tmp_path: Path) -> None:
    write_visits(tmp_path / "visits.jsonl", 3000)
    (tmp_path / "password").write_text("x")
    to = ["--to", "kafka://127.0.0.1:1", "--user", "coach-oost", "--password-file", "password", "--patience", "0"]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))

    done = publish("visits.jsonl", *to, cwd=tmp_path, preexec_fn=limit)
    assert done.returncode == 3
    assert "refused to write the outbox" in done.stderr
    assert "Traceback" not in done.stderr
    kept = look(tmp_path / "woonketen-outbox.sqlite").counts["waiting"]
    assert 0 < kept < 3000
    publish("visits.jsonl", *to, cwd=tmp_path)
    assert look(tmp_path / "woonketen-outbox.sqlite").counts["waiting"] == 3000


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    path.touch(mode=0o666)
    with Outbox(path) as outbox:
        outbox.put([checked(1)])
        for each in tmp_path.iterdir():
            assert stat.S_IMODE(each.stat().st_mode) == 0o600, each.name


def test_a_second_process_gets_a_sentence_and_may_look(tmp_path: Path) -> None:
    path = tmp_path / "woonketen-outbox.sqlite"
    with Outbox(path) as outbox:
        outbox.put([checked(1), checked(2)])
        with pytest.raises(OutboxBusy, match="Another process has the outbox"):
            Outbox(path)
        done = publish("--status", "--json", cwd=tmp_path)
        assert done.returncode == 0
        assert '"waiting":2' in done.stdout
    Outbox(path).close()


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to be taken for one" * 30])
def test_another_file_is_not_taken_for_an_outbox(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "outbox.sqlite"
    path.write_bytes(content)
    if not content:  # as a crash right after its making leaves it
        Outbox(path).close()
        return
    with pytest.raises(OutboxUnreadable):
        Outbox(path)
    assert path.read_bytes() == content


def test_another_database_is_not_taken_for_an_outbox(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE customer (name TEXT)")
    db.close()
    with pytest.raises(OutboxUnreadable, match="is no outbox"):
        Outbox(path)


def test_a_newer_outbox_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    Outbox(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(NewerSchema):
        Outbox(path)


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be made"):
        Outbox(tmp_path / "no" / "outbox.sqlite")


def test_a_damaged_outbox_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    with Outbox(path) as outbox:
        outbox.put([checked(k) for k in range(500)])
    whole = bytearray(path.read_bytes())
    whole[8192:] = b"\xff" * (len(whole) - 8192)
    path.write_bytes(bytes(whole))
    with pytest.raises(OutboxUnreadable, match="damaged"), Outbox(path) as outbox:
        outbox.waiting(1000)


def test_what_has_its_receipt_stays_as_long_as_it_is_kept_and_leaves_no_trace(tmp_path: Path) -> None:
    path, at = tmp_path / "outbox.sqlite", [1000 * DAY]
    with Outbox(path, keep=timedelta(days=14), now=lambda: at[0]) as outbox:
        outbox.put([checked(1), checked(2)])
        outbox.settle([Outcome(outbox.waiting()[0].seq, "accepted", b"{}")])
        at[0] += 13 * DAY
        assert outbox.prune() == 0
        at[0] += 2 * DAY
        assert outbox.prune() == 1
        assert [each.id for each in outbox.waiting()] == ["v-2"]  # what waits is never too old
        assert outbox.put([checked(1)]) == ["stored"]
        outbox.settle([Outcome(each.seq, "accepted", b"{}") for each in outbox.waiting()])
        at[0] += 15 * DAY
        assert outbox.prune() == 2
    assert b'"subject": "K-1"' not in path.read_bytes()


def test_after_a_restore_the_platform_gets_everything_since_again(tmp_path: Path) -> None:
    at = [datetime(2026, 3, 1, tzinfo=UTC).timestamp()]
    with Outbox(tmp_path / "outbox.sqlite", now=lambda: at[0]) as outbox:
        for number in range(4):
            outbox.put([checked(number)])
            (row,) = outbox.waiting()
            outbox.settle([Outcome(row.seq, "refused" if number == 3 else "accepted", b"{}")])
            at[0] += DAY
        assert outbox.again(datetime(2026, 3, 2, tzinfo=UTC)) == 2
        assert [each.id for each in outbox.waiting()] == ["v-1", "v-2"]


def test_a_batch_is_bounded_in_number_and_bytes(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        outbox.put([checked(k) for k in range(50)])
        size = len(outbox.waiting(1)[0].line)
        assert len(outbox.waiting(7)) == 7
        assert len(outbox.waiting(50, most_bytes=size * 5)) == 5
        assert len(outbox.waiting(50, most_bytes=1)) == 1


ids = st.integers(0, 9)


class Outboxes(RuleBasedStateMachine):
    """Against a model of lists: in order, once, and after every opening the same."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.at = 1000 * DAY
        self.outbox = self.opened()
        self.waits: list[str] = []
        self.content: dict[str, str] = {}
        self.state: dict[str, str] = {}
        self.done: dict[str, float] = {}

    def opened(self) -> Outbox:
        return Outbox(self.folder / "outbox.sqlite", keep=timedelta(days=14), now=lambda: self.at)

    def teardown(self) -> None:
        self.outbox.close()
        shutil.rmtree(self.folder)

    @rule(numbers=st.lists(ids, max_size=4), channel=st.sampled_from(["door", "phone"]))
    def put(self, numbers: list[int], channel: str) -> None:
        expected = []
        for number in numbers:
            event_id = f"v-{number}"
            if self.state.get(event_id) == "refused":
                self.forget(event_id)
            if event_id not in self.state:
                self.waits.append(event_id)
                self.content[event_id], self.state[event_id] = channel, "waiting"
                expected.append("stored")
            else:
                expected.append("known" if self.content[event_id] == channel else "conflict")
        assert self.outbox.put([checked(n, resident=n % 3, channel=channel) for n in numbers]) == expected

    @precondition(lambda self: self.waits)
    @rule(states=st.lists(st.sampled_from(["waiting", "accepted", "parked", "refused"]), min_size=4, max_size=4))
    def send(self, states: Any) -> None:
        rows = self.outbox.waiting(4)
        given = [Outcome(row.seq, state, b"{}") for row, state in zip(rows, states, strict=False)]
        failed = set()
        for row, outcome in zip(rows, in_order(rows, given), strict=True):
            resident = int(row.id.removeprefix("v-")) % 3
            if outcome.state == "waiting":
                failed.add(resident)
                continue
            assert resident not in failed
            self.waits.remove(row.id)
            self.state[row.id], self.done[row.id] = outcome.state, self.at
        self.outbox.settle(in_order(rows, given))

    @rule(number=ids)
    def refuse(self, number: int) -> None:
        event_id = f"v-{number}"
        known = self.state.get(event_id, "waiting") != "waiting"
        assert self.outbox.refuse([(SOURCE, event_id, b"{}")], ("read", number)) == known
        assert self.outbox.position("read") == number
        if known:
            self.state[event_id], self.done[event_id] = "refused", self.at

    @rule(days=st.integers(0, 10))
    def prune(self, days: int) -> None:
        self.at += days * DAY
        old = [event_id for event_id, at in self.done.items() if at < self.at - 14 * DAY]
        assert self.outbox.prune() == len(old)
        for event_id in old:
            self.forget(event_id)

    @rule()
    def reopen(self) -> None:
        self.outbox.close()
        self.outbox = self.opened()

    def forget(self, event_id: str) -> None:
        for each in (self.content, self.state, self.done):
            each.pop(event_id, None)

    @invariant()
    def it_holds_what_the_model_holds(self) -> None:
        assert [each.id for each in self.outbox.waiting(100)] == self.waits
        counts = {state: n for state, n in self.outbox.status().counts.items() if n}
        expected: dict[str, int] = {}
        for state in self.state.values():
            expected[state] = expected.get(state, 0) + 1
        assert counts == expected


Outboxes.TestCase.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
TestOutboxes = Outboxes.TestCase
