"""The embedded PostgreSQL: real servers, real processes, real kills."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from woonketen.orchestration import binaries, cluster, keeper
from woonketen.orchestration.data_folder import DataFolder, is_held, mends_a_crash, of_the_system, rotate_log, told
from woonketen.orchestration.postgres import (
    Database,
    ServerNotUsable,
    ServerUnreachable,
    open_database,
    processes_in,
    remove_database,
    stop_database,
)

CANARY = "Kanarie Zangvogel 900000012"
CLIENT = """
import sys
from pathlib import Path
from woonketen.orchestration.postgres import open_database
with open_database(Path(sys.argv[1]), say=lambda _: None) as database:
    print(database.dsn, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def data() -> Iterator[Path]:
    """Not tmp_path: that lies in a folder which only we may enter, and root's PostgreSQL would go elsewhere."""
    above = Path(tempfile.mkdtemp(prefix="wk-pg-"))
    above.chmod(0o755)
    yield above / "data"
    for folder in (above / "data", above / "other"):
        remove_database(folder)
    shutil.rmtree(above)


@contextmanager
def client(data: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the database until it is killed or its stdin ends."""
    with subprocess.Popen(
        [sys.executable, "-c", CLIENT, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None and process.stdin:
                process.stdin.close()


def dsn_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def ask(dsn: str, query: str) -> Any:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
        assert row is not None
        return row[0]


def do(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


@contextmanager
def busy(dsn: str, statement: str) -> Iterator[int]:
    """Another connection executes a statement that does not end by itself; yields the id of its server process."""

    def execute() -> None:
        with suppress(psycopg.OperationalError), psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(statement)

    thread = threading.Thread(target=execute, daemon=True)
    thread.start()
    running = "SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
    yield until(lambda: ask(dsn, f"{running} AND backend_type = 'client backend'"))
    thread.join()


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 180
    while not (found := condition()):
        assert time.monotonic() < deadline, "never became true"
        time.sleep(0.02)
    return found


def gone(data: Path) -> bool:
    folder = DataFolder(data)
    return not is_held(folder.keeper) and not is_held(folder.server_lock)


def postmaster(data: Path) -> int:
    return int((DataFolder(data).cluster() / "postmaster.pid").read_text().split()[0])


def keeper_of(data: Path) -> int:
    listening = told(DataFolder(data))
    assert listening is not None
    return listening.keeper


def quiet(data: Path) -> Any:
    return open_database(data, say=lambda _: None)


def keep_a_row(data: Path) -> None:
    with quiet(data) as database:
        do(database.dsn, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (42)")


def kept_row(data: Path) -> Any:
    with quiet(data) as database:
        return ask(database.dsn, "SELECT n FROM kept")


# --- sharing --------------------------------------------------------------------------------------------------------


def test_clients_share_one_server_that_goes_with_the_last(data: Path) -> None:
    with client(data) as first, client(data) as second:
        assert dsn_of(first) == dsn_of(second)
        with quiet(data) as database:
            assert ask(database.dsn, "SELECT pg_postmaster_start_time() IS NOT NULL")
        first.kill()
        time.sleep(keeper.IDLE_SECONDS + 1)
        assert not gone(data), "the second client still uses it"
        second.kill()  # a killed client gives up its lock by itself
        until(lambda: gone(data))
    assert processes_in(DataFolder(data).cluster()) == set()
    assert "database system is shut down" in DataFolder(data).log.read_text()
    assert "not properly shut down" not in DataFolder(data).log.read_text()


def test_racing_clients_start_one_server(data: Path) -> None:
    with client(data) as a, client(data) as b, client(data) as c:
        dsns = {dsn_of(a), dsn_of(b), dsn_of(c)}
    assert len(dsns) == 1
    assert DataFolder(data).log.read_text().count("starting PostgreSQL") == 1


def test_who_comes_while_it_stops_gets_a_new_one(data: Path) -> None:
    keep_a_row(data)
    for _ in range(3):
        with quiet(data):
            os.kill(keeper_of(data), signal.SIGTERM)
        assert kept_row(data) == 42


def test_stop_database_stops_it_now_and_leaves_the_data(data: Path) -> None:
    keep_a_row(data)
    with client(data) as user:
        dsn_of(user)
        stop_database(data)
        assert gone(data)
    assert kept_row(data) == 42


def test_remove_database_leaves_nothing_of_it(data: Path) -> None:
    keep_a_row(data)
    remove_database(data)
    assert gone(data)
    assert not (data / "postgres").exists()
    with quiet(data) as database:
        assert ask(database.dsn, "SELECT to_regclass('kept') IS NULL")


# --- kills ----------------------------------------------------------------------------------------------------------


def test_killed_keeper_takes_the_server_along_and_the_next_client_recovers(data: Path) -> None:
    keep_a_row(data)
    with quiet(data):
        os.kill(keeper_of(data), signal.SIGKILL)
        if sys.platform == "linux":
            until(lambda: gone(data))
    assert kept_row(data) == 42


def test_killed_server_is_recovered_by_the_next_client(data: Path) -> None:
    keep_a_row(data)
    with quiet(data):
        os.kill(postmaster(data), signal.SIGKILL)
        assert kept_row(data) == 42
    assert "not properly shut down" in DataFolder(data).log.read_text()


def test_everything_killed_with_a_statement_still_busy(data: Path) -> None:
    keep_a_row(data)
    with quiet(data) as database, busy(database.dsn, "SELECT count(*) FROM generate_series(1, 100000000000)"):
        server, its_keeper = postmaster(data), keeper_of(data)
        os.kill(its_keeper, signal.SIGSTOP)  # so that it cannot mend anything
        os.kill(server, signal.SIGKILL)
        os.kill(its_keeper, signal.SIGKILL)
        assert kept_row(data) == 42


def test_stopped_while_it_mends_a_crash(data: Path) -> None:
    """PostgreSQL 18 would wait for ever after a fast shutdown in this state."""
    keep_a_row(data)
    with quiet(data) as database, busy(database.dsn, "SELECT pg_sleep(600)") as backend:
        os.kill(backend, signal.SIGKILL)
        until(lambda: mends_a_crash(DataFolder(data)))
        stop_database(data)
    assert "received fast shutdown" not in DataFolder(data).log.read_text().partition("reinitializing")[2]
    assert kept_row(data) == 42


def test_killed_backend_is_recovered_by_postgresql_itself(data: Path) -> None:
    keep_a_row(data)
    with quiet(data) as database:
        with psycopg.connect(database.dsn) as connection:
            os.kill(connection.info.backend_pid, signal.SIGKILL)
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        assert kept_row(data) == 42


def test_initdb_killed_in_the_middle_leaves_nothing_that_looks_finished(data: Path) -> None:
    with client(data) as user:
        until(lambda: data.exists() and list(data.glob("postgres.making-*/cluster/*")))
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command = (process / "cmdline").read_bytes().split(b"\0")
                if b"woonketen.orchestration.keeper" in command and os.fsencode(data) in command:
                    os.kill(int(process.name), signal.SIGKILL)
        assert dsn_of(user) == ""
        assert user.wait() != 0
    assert not (data / "postgres").exists()
    assert list(data.glob("postgres.making-*"))
    keep_a_row(data)
    assert kept_row(data) == 42
    assert not list(data.glob("postgres.making-*"))


def test_client_killed_while_it_starts_the_server(data: Path) -> None:
    with client(data) as user:
        until(lambda: data.exists() and list(data.glob("postgres.making-*/cluster/*")))
        user.kill()
    keep_a_row(data)
    assert kept_row(data) == 42
    assert DataFolder(data).log.read_text().count("starting PostgreSQL") == 1


# --- moved and copied folders ---------------------------------------------------------------------------------------


def test_moved_folder_works(data: Path) -> None:
    keep_a_row(data)
    stop_database(data)
    moved = data.with_name("other")
    data.rename(moved)
    assert kept_row(moved) == 42


def test_copy_made_while_it_runs_gets_a_server_of_its_own(data: Path) -> None:
    keep_a_row(data)
    copy = data.with_name("other")
    with quiet(data) as original:
        do(original.dsn, "CHECKPOINT")
        # -a keeps the owner; the copy has keeper.json and postmaster.pid of the running server
        subprocess.run(["cp", "-a", str(data), str(copy)], check=True)
        with quiet(copy) as other:
            assert other.dsn != original.dsn
            assert ask(other.dsn, "SHOW data_directory") == str(copy / "postgres")
            do(other.dsn, "UPDATE kept SET n = 7")
        assert ask(original.dsn, "SELECT n FROM kept") == 42


# --- who may come in, and what is told ------------------------------------------------------------------------------


def test_password_is_asked_and_files_are_private(data: Path) -> None:
    with quiet(data) as database:
        password = (data / "pg.secret").read_text()
        for wrong in (database.dsn.replace(password, "wrong"), database.dsn.replace(f":{password}", "")):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(wrong).close()
        assert ask(database.dsn, "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules") == (
            "scram-sha-256"
        )
        assert ask(database.dsn, "SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = 'wk_super'")
        assert password not in repr(database)
    assert {file.name: oct(file.stat().st_mode)[-3:] for file in data.iterdir() if file.is_file()} == dict.fromkeys(
        ("pg.secret", "postgres.log", "start.lock", "clients.lock", "server.lock", "keeper.json"), "600"
    )


def test_listens_on_loopback_only(data: Path) -> None:
    with quiet(data):
        listening = told(DataFolder(data))
        assert listening is not None
        suffix = f":{listening.port:04X}"
        lines = [
            line.split()
            for table in ("/proc/net/tcp", "/proc/net/tcp6")
            for line in Path(table).read_text().splitlines()[1:]
        ]
        assert [at for _, at, _, state, *_ in lines if state == "0A" and at.endswith(suffix)] == [f"0100007F{suffix}"]


def test_settings_that_protect_and_that_last(data: Path) -> None:
    with quiet(data) as database, psycopg.connect(database.dsn) as connection:
        rows = connection.execute("SELECT name, setting FROM pg_settings").fetchall()
        found: dict[str, str] = {str(name): str(setting) for name, setting in rows}
        encoding = connection.execute("SHOW server_encoding").fetchone()
        order = connection.execute("SELECT string_agg(v, ' ' ORDER BY v) FROM (VALUES ('Ö'), ('z'), ('A')) t(v)")
        assert order.fetchone() == ("A z Ö",)
    assert encoding == ("UTF8",)
    assert (found["fsync"], found["full_page_writes"], found["synchronous_commit"]) == ("on", "on", "on")
    assert (found["wal_level"], found["jit"], found["data_checksums"]) == ("minimal", "off", "on")


def test_no_statement_reaches_the_log(data: Path) -> None:
    with quiet(data) as database:
        do(database.dsn, "CREATE TABLE t (a text UNIQUE, n int CHECK (n > 0))")
        for statement in (
            f"SELECT '{CANARY}'::date",
            f"INSERT INTO t VALUES ('{CANARY}', -1)",
            f"SELECT '{CANARY}', 1/0",
            f"SELEKT '{CANARY}'",
            f"DO $$ BEGIN RAISE EXCEPTION '{CANARY}'; END $$",
            f"DO $$ BEGIN RAISE WARNING '{CANARY}'; END $$; SELECT '{CANARY}'::int",
        ):
            with pytest.raises(psycopg.Error):
                do(database.dsn, statement)
        with psycopg.connect(database.dsn) as connection, pytest.raises(psycopg.Error):
            connection.execute("SELECT %s::int", [CANARY])
        with busy(database.dsn, f"SELECT '{CANARY}', pg_sleep(600)") as backend:
            os.kill(backend, signal.SIGKILL)  # a crash would tell what the process was doing
    stop_database(data)
    log = DataFolder(data).log.read_text()
    assert "was terminated by signal 9" in log
    assert not [word for word in CANARY.split() if word in log]


def test_long_log_is_set_aside_at_the_next_start(data: Path) -> None:
    keep_a_row(data)
    stop_database(data)
    folder = DataFolder(data)
    with folder.log.open("ab") as log:
        log.truncate(11 * 1024 * 1024)
    assert kept_row(data) == 42
    assert folder.log.stat().st_size < 100_000
    rotate_log(folder)
    assert folder.log.exists()


# --- what can be wrong ----------------------------------------------------------------------------------------------


def test_given_server_is_checked_and_its_password_not_told(data: Path) -> None:
    with quiet(data) as database:
        with open_database(data / "untouched", database.dsn) as given:
            assert given == Database(database.dsn, "given")
        password = (data / "pg.secret").read_text()
        with pytest.raises(ServerUnreachable, match="refuses the user or the password") as refused:
            open_given(database.dsn.replace(password, CANARY.split()[0]))
    assert CANARY.split()[0] not in str(refused.value)
    assert not (data / "untouched").exists()
    stop_database(data)
    with pytest.raises(ServerUnreachable, match="does not listen") as silent:
        open_given(database.dsn)
    assert silent.value.exit_code == 3
    with pytest.raises(ServerNotUsable, match="not an address") as garbage:
        open_given("database at home")
    assert garbage.value.exit_code == 2


def open_given(dsn: str) -> None:
    with open_database(Path("/nowhere"), dsn):
        raise AssertionError("it was taken")


def test_cluster_of_another_version(data: Path) -> None:
    keep_a_row(data)
    stop_database(data)
    (data / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(ServerNotUsable, match="made by PostgreSQL 9; this machine has"), quiet(data):
        pass


def test_lost_or_foreign_password_file(data: Path) -> None:
    keep_a_row(data)
    (data / "pg.secret").rename(data / "away")
    with pytest.raises(ServerNotUsable, match="not in the data folder"), quiet(data):
        pass
    (data / "pg.secret").write_text("foreign")
    with pytest.raises(ServerNotUsable, match="does not belong to it"), quiet(data):
        pass
    (data / "away").replace(data / "pg.secret")
    assert kept_row(data) == 42


def test_folder_that_is_none_or_holds_something_else(data: Path) -> None:
    (data / "postgres").mkdir(parents=True)
    (data / "postgres" / "letter.txt").write_text("keep me")
    with pytest.raises(ServerNotUsable, match="holds no database"), quiet(data):
        pass
    assert (data / "postgres" / "letter.txt").read_text() == "keep me"
    with pytest.raises(ServerNotUsable, match="not a folder"), quiet(data / "postgres" / "letter.txt"):
        pass


def test_damaged_cluster_is_told_in_postgresqls_own_words(data: Path) -> None:
    keep_a_row(data)
    stop_database(data)
    (data / "postgres" / "global" / "pg_control").unlink()
    sentence = r"did not start: .*could not find the database system"
    with pytest.raises(ServerUnreachable, match=sentence) as told_us, quiet(data):
        pass
    assert "postgres.log" in told_us.value.mend


def test_taken_port_is_not_the_end(data: Path) -> None:
    keep_a_row(data)
    stop_database(data)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        script = (
            "import sys; from woonketen.orchestration import keeper\n"
            "free, ports = keeper.free_port, [int(sys.argv[2])]\n"
            "keeper.free_port = lambda: ports.pop() if ports else free()\n"
            "sys.exit(keeper.main(sys.argv[1:2]))"
        )
        command = [sys.executable, "-c", script, str(data), str(taken.getsockname()[1])]
        with DataFolder(data).log.open("ab") as log:
            subprocess.run(command, stdout=log, stderr=log, check=True)
        until(lambda: told(DataFolder(data)))
        assert kept_row(data) == 42
    log_text = DataFolder(data).log.read_text()
    assert "could not bind" in log_text
    assert '{"ready": true}' in log_text


@pytest.mark.parametrize(
    ("said", "kind", "sentence"),
    [
        ("x: No space left on device", ServerUnreachable, "disk is full"),
        ("x: Permission denied", ServerNotUsable, "may not read"),
        ("x: Cannot allocate memory", ServerUnreachable, "memory"),
        (
            "2026-01-02 03:04:05.678 UTC [12] FATAL:  bad luck\n" + f"STATEMENT:  {CANARY}\n",
            ServerUnreachable,
            "bad luck",
        ),
        ("", ServerUnreachable, "no reason"),
    ],
)
def test_reason_why_it_did_not_start(said: str, kind: type[Exception], sentence: str) -> None:
    error = keeper.why_it_ended(said, Path("postgres.log"))
    assert type(error) is kind
    assert sentence in error.message
    assert CANARY not in str(error)
    assert error.mend


def test_full_disk_and_missing_rights_have_their_exit_codes() -> None:
    assert of_the_system(OSError(28, "x")).exit_code == 3
    assert of_the_system(PermissionError(13, "x")).exit_code == 2


def test_a_program_that_cannot_be_run_is_what_the_sentence_is_about(tmp_path: Path) -> None:
    closed = tmp_path / "initdb"
    closed.write_text("#!/bin/sh\n")  # nobody may execute it, not even root
    with pytest.raises(PermissionError) as refused:
        subprocess.run([str(closed)], check=False)
    told = of_the_system(refused.value)
    assert told.exit_code == 2
    assert f"The program {closed} cannot be run" in told.message
    assert "data folder" not in str(told)
    assert "data folder" in str(of_the_system(PermissionError(13, "refused", str(tmp_path / "postgres.log"))))


def test_keeper_starts_light() -> None:
    code = (
        "import sys, woonketen.orchestration.keeper\n"
        "print(sorted({'psycopg', 'click', 'msgspec', 'asyncio', 'cryptography'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# --- binaries and root ----------------------------------------------------------------------------------------------


def test_system_binaries_will_do_and_wrappers_are_not_taken_for_them(tmp_path: Path) -> None:
    wrapper = tmp_path / "bin"
    wrapper.mkdir()
    for name in ("postgres", "initdb"):
        (wrapper / name).write_text("#!/bin/sh\necho wrapper 18\n")
        (wrapper / name).chmod(0o755)
    assert binaries.major_of(wrapper) is None
    old = binaries.Binaries(wrapper, 15)
    new = binaries.Binaries(wrapper, 18)
    assert binaries.choose([new, old], None) is new
    assert binaries.choose([new, old], 15) is old
    with pytest.raises(ServerNotUsable, match="no PostgreSQL 15 or newer") as none:
        binaries.choose([], None)
    assert 'database = "postgresql://' in none.value.mend


if os.geteuid() == 0:

    def test_root_is_told_once_who_runs_it(data: Path) -> None:
        said: list[str] = []
        with open_database(data, say=said.append) as database:
            assert "does not run as root" in said[0]
            assert Path(f"/proc/{postmaster(data)}").stat().st_uid != 0
        stop_database(data)
        with open_database(data, say=said.append) as database:
            assert ask(database.dsn, "SELECT 1") == 1
        assert len(said) == 1

    def test_folder_that_the_account_cannot_reach(data: Path) -> None:
        data.parent.chmod(0o700)
        said: list[str] = []
        with open_database(data, say=said.append) as database:
            do(database.dsn, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (42)")
        home = DataFolder(data).cluster().parent
        assert len(said) == 1
        assert str(home) in said[0]
        assert home.parent == cluster.HOMES
        assert oct(home.stat().st_mode)[-3:] == "700"
        assert home.stat().st_uid != 0
        assert data.parent.stat().st_mode & 0o777 == 0o700, "the operator's folders stay as they are"
        assert not (data / "postgres").exists()
        assert kept_row(data) == 42
        stop_database(data)

        copy = data.with_name("other")
        shutil.copytree(data, copy)
        with pytest.raises(ServerNotUsable, match="is a copy of"), quiet(copy):
            pass
        shutil.rmtree(copy)
        data.rename(copy)
        assert kept_row(copy) == 42
        remove_database(copy)
        assert not home.exists()

    def test_binaries_that_the_account_cannot_run_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        tmp_path.chmod(0o700)
        found = next(iter(binaries.found_binaries()))
        package = found.folder.parents[1]
        install = tmp_path / package.name / found.folder.parent.name
        shutil.copytree(found.folder.parent, install)
        if (libraries := package.with_name(package.name + ".libs")).is_dir():
            shutil.copytree(libraries, tmp_path / libraries.name)
        homes = Path(tempfile.mkdtemp(prefix="wk-pg-homes-"))
        monkeypatch.setattr(cluster, "HOMES", homes)
        account = cluster.who_runs(None)
        assert account is not None
        hidden = binaries.Binaries(install / "bin", found.major)
        assert not cluster.runs(hidden, account)
        copied = cluster.reachable(hidden, account)
        assert copied.folder.is_relative_to(homes)
        assert cluster.runs(copied, account)
        assert cluster.reachable(hidden, account) == copied, "copied once"
        shutil.rmtree(homes)
