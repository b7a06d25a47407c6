"""Disk full, PostgreSQL gone, a wrong key, a newer schema, wrong settings: a clear sentence, the right exit code, no
traceback, and when it is mended everything goes on as if nothing had been."""

from __future__ import annotations

import base64
import ctypes
import json
import os
import resource
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from chaos.office import Done, Office, live, office, opened_office, wait_for
from chaos.town import CO, FIRST_DAY, GI, agreements, lives

from woonketen.orchestration.postgres import open_database, stop_database

LAST = FIRST_DAY + timedelta(days=20)


def sentence(done: Done) -> str:
    """What was told: a sentence or two, no traceback, no value of ours that should stay hidden."""
    told = done.err.strip()
    assert told, "it ended without a word"
    assert "Traceback" not in told
    assert 'File "' not in told
    assert len(told) < 600
    return told


@pytest.fixture(scope="module")
def town() -> Iterator[Office]:
    """Three weeks of a few residents, everything shown."""
    with opened_office() as made, open_database(made.data, say=lambda _: None):  # the server stays between commands
        with made.platform() as platform:
            live(platform, [*agreements(FIRST_DAY, LAST.replace(year=2028)), *lives(6, FIRST_DAY, LAST, 3)], LAST)
        yield made


def sound(made: Office) -> None:
    """Nothing is broken: the log is whole, views are made and can be read."""
    with made.platform() as platform:
        verified = platform.log_verify()
        assert verified["gaps"] == verified["changed"] == 0
        platform.run(until_idle=True)
        assert platform.view("casusregisseur", "regie-1", None)


# --- the disk is full -----------------------------------------------------------------------------------------------


def may_mount() -> bool:
    """Whether this process may have a disk of its own."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    probe = Path(tempfile.gettempdir()) / f"wk-mount-{secrets.token_hex(4)}"
    probe.mkdir()
    mounted = mount(probe, "1m")
    if mounted:
        unmount(probe)
    probe.rmdir()
    return mounted


def mount(place: Path, size: str) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"size={size},mode=0755".encode()
    return bool(libc.mount(b"tmpfs", bytes(place), b"tmpfs", 0, options) == 0)


def unmount(place: Path) -> None:
    ctypes.CDLL(None).umount2(bytes(place), 2)  # MNT_DETACH: whoever still has a file open keeps it


@contextmanager
def tiny_disk(made: Office) -> Iterator[dict[str, Any]]:
    """The data folder's disk has a few pages left; afterwards there is room again."""
    ballast = made.home / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
    with ballast.open("r+b") as file:
        file.truncate(max(ballast.stat().st_size - (256 << 10), 0))
    yield {}
    ballast.unlink()


@contextmanager
def tiny_files(made: Office) -> Iterator[dict[str, Any]]:
    """Without a disk of our own: PostgreSQL is started by a process that may write no file beyond 2 MiB. To it that is
    a full disk, and a bad one: its write-ahead log is among the files. It gets a fresh one first, or it might not even
    start."""
    with made.sql() as connection:
        connection.execute("SELECT pg_switch_wal()")
    stop_database(made.data)
    yield {"preexec_fn": limit_files}


def limit_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))


WAYS = {"files": tiny_files} | ({"disk": tiny_disk} if may_mount() else {})


@contextmanager
def small_office(way: str) -> Iterator[Office]:
    """An office on a small disk of its own, if it may have one."""
    if way == "files":
        with opened_office() as made:
            yield made
        return
    home = Path(tempfile.gettempdir()) / f"wk-disk-{secrets.token_hex(4)}"
    home.mkdir(mode=0o755)
    assert mount(home, "260m")
    try:
        with office(home) as made:
            made("init", "--open-day", FIRST_DAY.isoformat())
            made.register()
            yield made
    finally:
        unmount(home)
        with suppress(OSError):
            home.rmdir()


@pytest.mark.parametrize("way", WAYS)
def test_disk_full(way: str) -> None:
    """A big file comes; there is no room. The receipts that were given hold, the rest is sent again."""
    with small_office(way) as made:
        with made.platform() as platform:
            begun = FIRST_DAY + timedelta(days=4)
            sent = [*agreements(FIRST_DAY, LAST.replace(year=2028)), *lives(6, FIRST_DAY, begun, 3)]
            live(platform, sent, begun)
        visits = [visit(number) for number in range(6000)]
        file = made.file("visits.jsonl", visits)
        with WAYS[way](made) as how:
            failed = made("ingest", file, "--as", GI, "--receipts", str(made.home / "one"), code=None, **how)
            assert failed.code == 3, failed.err
            assert "disk" in sentence(failed).lower() or "database" in sentence(failed).lower()
        given = [json.loads(line) for line in (made.home / "one").read_bytes().splitlines()]
        again = made("ingest", file, "--as", GI, "--json").object
        assert again["refused"] == 0
        assert again["accepted"] + again["duplicate"] == len(visits)
        assert again["duplicate"] >= sum(receipt["status"] == "accepted" for receipt in given)
        made("day", "close", (FIRST_DAY + timedelta(days=5)).isoformat())
        sound(made)


def visit(number: int) -> bytes:
    from chaos.town import envelope
    from msgspec.json import encode

    data = {"occurred_on": FIRST_DAY.isoformat(), "channel": "phone", "reached": False}
    return encode(envelope(GI, "contact.attempted", f"big{number}", FIRST_DAY, data, "G-000000"))


def test_no_room_for_receipts(town: Office) -> None:
    """The events are in; whoever sends them again gets the receipts."""
    file = town.file("once.jsonl", [visit(9_000_001)])
    done = town("ingest", file, "--as", GI, "--receipts", "/dev/full", code=3)
    assert "space" in sentence(done).lower() or "full" in sentence(done).lower()
    assert town("ingest", file, "--as", GI, "--json").object["refused"] == 0
    sound(town)


# --- PostgreSQL is gone ---------------------------------------------------------------------------------------------


def test_postgres_goes_while_views_are_made(town: Office) -> None:
    with town.running("run") as running:
        with town.sql() as connection:
            wait_for(lambda: connection.execute(AT_WORK).fetchone())
        assert town.kill_postgres()
        out, err = running.communicate(timeout=180)
    done = Done(running.returncode, out.decode(), err.decode())
    assert done.code == 3, done.err
    assert "database" in sentence(done).lower()
    sound(town)


AT_WORK = (
    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    " AND query ~ 'gate.position|log.counter|LISTEN' LIMIT 1"
)


@pytest.mark.parametrize("command", ["ingest -", "run --until-idle", "rebuild", "view coach --as coach-1"])
def test_a_given_server_that_is_not_there(town: Office, command: str) -> None:
    extra = ("--as", CO) if command.startswith("ingest") else ()
    given = {"WOONKETEN_DATABASE": "postgresql://woonketen:geheim-woord@127.0.0.1:1/woonketen"}
    done = town(*command.split(), *extra, code=3, environment=given)
    assert "database" in sentence(done)
    assert "geheim-woord" not in done.err


def test_interrupt_is_quiet(town: Office) -> None:
    with town.running("run") as running:
        with town.sql() as connection:
            wait_for(lambda: connection.execute(AT_WORK).fetchone())
        running.terminate()
        _, err = running.communicate(timeout=180)
    assert running.returncode in (0, 130)
    assert b"Traceback" not in err
    sound(town)


# --- keys -----------------------------------------------------------------------------------------------------------


def other_key(kek: Path) -> None:
    kek.write_bytes(base64.b64encode(secrets.token_bytes(32)) + b"\n")


def no_key(kek: Path) -> None:
    kek.write_bytes(b"sleutel\n")


def key_for_all(kek: Path) -> None:
    kek.chmod(0o644)


def lost_key(kek: Path) -> None:
    kek.unlink()


def positions(town: Office) -> dict[int, int]:
    with town.sql() as connection:
        return dict(connection.execute("SELECT partition, next FROM log.counter").fetchall())


@pytest.mark.parametrize(
    ("spoil", "command"),
    [
        (other_key, "run --until-idle"),
        (other_key, "view coach --as coach-1"),
        (other_key, "day close 2026-03-01"),
        (other_key, "rebuild"),
        (no_key, "run --until-idle"),
        (key_for_all, "run --until-idle"),
        (lost_key, "run --until-idle"),
        (lost_key, "init"),
    ],
)
def test_wrong_key_file(town: Office, spoil: Callable[[Path], None], command: str) -> None:
    kek = town.settings.kek
    right = kek.read_bytes()
    ends = positions(town)
    try:
        spoil(kek)
        done = town(*command.split(), code=2)
        assert "key" in sentence(done).lower()
        assert right.decode().strip() not in done.err
    finally:
        kek.unlink(missing_ok=True)
        kek.write_bytes(right)
        kek.chmod(0o600)
    assert positions(town) == ends  # nothing was written with the wrong key
    sound(town)


def test_key_inside_the_data_folder(town: Office) -> None:
    done = town("run", "--until-idle", code=2, environment={"WOONKETEN_KEK_FILE": str(town.data / "kek")})
    assert "inside the data folder" in sentence(done)


# --- a newer schema -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["init", "run --until-idle", "view coach --as coach-1", "rebuild", "ingest -"])
def test_database_of_a_newer_program(town: Office, command: str) -> None:
    with town.sql() as connection:
        connection.execute("INSERT INTO gate.migration (name, sha) VALUES ('9999_later', 'x')")
        try:
            extra = ("--as", CO) if command.startswith("ingest") else ()
            assert "newer program" in sentence(town(*command.split(), *extra, code=2))
        finally:
            connection.execute("DELETE FROM gate.migration WHERE name = '9999_later'")
    sound(town)


def test_database_of_an_older_program(town: Office) -> None:
    """What `init` would bring up to date."""
    with town.sql() as connection:
        last = connection.execute("SELECT name, sha FROM gate.migration ORDER BY name DESC LIMIT 1").fetchone()
        assert last is not None
        connection.execute("DELETE FROM gate.migration WHERE name = %s", [last[0]])
        try:
            assert "woonketen init" in sentence(town("run", "--until-idle", code=2))
        finally:
            connection.execute("INSERT INTO gate.migration (name, sha) VALUES (%s, %s)", last)
    sound(town)


# --- settings and wrong use -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"data = ", "TOML"),
        (b"\xff\xfe", "TOML"),
        (b'geheim = "Kwakernaak"\n', "geheim"),
        (b"policy = 5\n", "policy"),
        (b'engine = "Kwakernaak"\n', "engine"),
    ],
)
def test_settings_that_cannot_be_read(town: Office, tmp_path: Path, content: bytes, told: str) -> None:
    config = tmp_path / "other.toml"
    config.write_bytes(content)
    done = town("--config", str(config), "log", "stats", code=2)
    assert told in sentence(done)
    assert "Kwakernaak" not in done.err  # keys are named, values are not


def test_settings_that_are_not_there(town: Office, tmp_path: Path) -> None:
    assert "no configuration file" in sentence(town("log", "stats", "--config", str(tmp_path / "none.toml"), code=2))
    assert sentence(town("log", "stats", "--config", str(tmp_path), code=2))


def test_data_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with office() as made:
        for data in (tmp_path / "file", tmp_path / "file" / "below"):
            done = made("init", code=2, environment={"WOONKETEN_DATA": str(data)})
            assert "folder" in sentence(done)


@pytest.mark.parametrize(
    "command",
    [
        "ingest - --as kwakernaak",
        "receipts --as kwakernaak",
        "view coach --as kwakernaak",
        "warnings --as kwakernaak",
        "looks --as kwakernaak",
        "explain 00000000-0000-4000-8000-000000000001 --as kwakernaak",
        "link issue --by kwakernaak --subject G-000001 --for coach-oost",
        "link issue --by gemeente-ijsselstad --subject G-000001 --for kwakernaak",
        "user add someone --org kwakernaak --role coach",
        "view corporatie --as coach-1",
        "view coach --as huur-ow",
        "view steward_refusals --as coach-1",
        "view kwakernaak --as coach-1",
        "day close 2025-01-01",
        "day close gisteren",
        "decide kwakernaak.gebeurd --recipient coach --purpose guidance",
        "decide lease.started --recipient kwakernaak --purpose guidance",
        "decide lease.started --recipient coach --purpose guidance --org gemeente-ijsselstad",
        "user add someone --org coach-oost --role kwakernaak",
        "user add someone --org coach-oost --role bewoner",
        "org add nieuw-wonen --kind kwakernaak --source urn:nld:kvknr:05099999",
        "org add nieuw-wonen --kind corporatie --source kwakernaak",
        "ingest /nergens/file.jsonl --as coach-oost",
        "ingest - --as coach-oost --receipts /nergens/out",
        "ingest - --as coach-oost --format kwakernaak",
        "quarantine show kwakernaak",
        "kwakernaak",
        "run --kwakernaak",
        "init --partitions 0",
        "init --open-day morgen",
    ],
)
def test_wrong_use_is_told(town: Office, command: str) -> None:
    sentence(town(*command.split(), code=2))


def test_a_stranger_sees_nothing_of_a_warning(town: Office) -> None:
    """The same answer for a warning that does not exist and one that this person may not see."""
    with town.platform() as platform:
        found = platform.warnings("regie-1", every=True, known_on=None) or platform.warnings(
            "coach-1", every=True, known_on=None
        )
    assert found
    real = town("explain", str(found[0]["id"]), "--as", "huur-dp", code=1)
    none = town("explain", "00000000-0000-4000-8000-000000000001", "--as", "huur-dp", code=1)
    assert (real.out, sentence(real)) == (none.out, sentence(none))


def test_reader_that_goes_away(town: Office) -> None:
    with town.command("view", "coach", "--as", "coach-1", "--json") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
    assert process.returncode in (0, 1, 120, 141)
    assert b"Traceback" not in err


def test_uninitialised_folder() -> None:
    with office() as made:
        for command in (["run", "--until-idle"], ["org", "list"], ["log", "verify"]):
            assert "init" in sentence(made(*command, code=2))


def test_two_programs_at_once(town: Office) -> None:
    """Whoever comes second waits, or says that another one is at work; nothing breaks."""
    sent = [visit(number) for number in range(8_000_000, 8_000_400)]
    files = [town.file(f"part{number}.jsonl", sent[number::3]) for number in range(3)]
    started: list[subprocess.Popen[bytes]] = [town.command("ingest", file, "--as", GI) for file in files]
    started += [town.command("run", "--until-idle"), town.command("run", "--until-idle")]
    for process in started:
        _, err = process.communicate(timeout=300)
        assert b"Traceback" not in err
        assert process.returncode in (0, 70), err.decode()
    sound(town)
