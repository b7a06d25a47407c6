"""What a vault must do, against memory and PostgreSQL; and the key file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from wkdatabase import KEYS, apply_schema, as_processor

from woonketen.contracts.errors import ConfigurationError, KeyMissing, Unreachable, WrongKey
from woonketen.contracts.memory import Memory
from woonketen.streams.keys.kek import Keys, load_kek, make_kek
from woonketen.streams.keys.vault import PostgresVault
from woonketen.streams.log.postgres import make_partitions

DAY = date(2026, 3, 1)


@pytest.fixture(scope="module")
def prepared(dsn: str) -> str:
    with psycopg.connect(dsn, autocommit=True) as owner:
        apply_schema(owner)
        make_partitions(owner, 1)
    return dsn


class RolledBack(Exception):
    pass


class Port:
    """A vault; `again` is another process's look at the same keys."""

    def __init__(
        self,
        vault: Any,
        begin: Callable[[], AbstractContextManager[Any]],
        again: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self.vault, self.begin, self.again = vault, begin, again


@pytest.fixture(params=["memory", "postgres"])
def port(request: pytest.FixtureRequest) -> Iterator[Port]:
    if request.param == "memory":
        memory = Memory()
        yield Port(memory, memory.begin, lambda: nullcontext(memory))
        return
    prepared = request.getfixturevalue("prepared")
    with as_processor(prepared) as connection, as_processor(prepared) as other:
        yield Port(
            PostgresVault(connection, KEYS), connection.transaction, lambda: nullcontext(PostgresVault(other, KEYS))
        )


def ref(number: int, name: str = "") -> bytes:
    return number.to_bytes(8, "big") + name.encode().ljust(8)[:8]


def test_one_key_per_resident_organisation_and_class(port: Port) -> None:
    one, two = ref(1), ref(2)
    wanted = [
        (one, "coach-oost", "case"),
        (one, "coach-oost", "care"),
        (one, "zorg-ijssel", "case"),
        (two, "coach-oost", "case"),
        (None, "coach-oost", "world"),
        (None, "coach-oost", "case"),
    ]
    with port.begin():
        made = port.vault.mint(wanted + wanted)
    assert set(made) == set(wanted)
    assert len(set(made.values())) == len(wanted)
    assert all(len(kid) == 16 for kid in made.values())
    with port.begin():
        assert port.vault.mint(wanted) == made, "the same keys again"
        assert port.vault.mint([]) == {}


def test_sealed_here_opens_in_another_process_and_with_no_other_key(port: Port) -> None:
    first, second = (ref(3), "coach-oost", "case"), (ref(4), "coach-oost", "case")
    with port.begin():
        made = port.vault.mint([first, second])
        sealed = port.vault.ciphers([made[first]])[made[first]].seal(b"clear", b"header")
    with port.again() as other:
        ciphers = other.ciphers(list(made.values()))
        assert ciphers[made[first]].open(sealed, b"header") == b"clear"
        with pytest.raises(WrongKey):
            ciphers[made[first]].open(sealed, b"other")
        with pytest.raises(WrongKey):
            ciphers[made[second]].open(sealed, b"header")


def test_destroyed_key_reads_as_none_and_a_new_one_can_be_made(port: Port) -> None:
    who = ref(5)
    scopes = [(who, "coach-oost", "case"), (who, "coach-oost", "care"), (who, "zorg-ijssel", "case")]
    with port.begin():
        made = port.vault.mint([*scopes, (ref(6), "coach-oost", "case")])
    with port.begin():
        assert port.vault.destroy(who, "coach-oost", "care", DAY) == 1
        assert port.vault.destroy(who, "coach-oost", None, DAY) == 1, "what is gone is not counted again"
    with port.again() as other:
        found = other.ciphers(list(made.values()))
        assert [found[made[scope]] is None for scope in scopes] == [True, True, False]
        assert found[made[ref(6), "coach-oost", "case"]] is not None
    assert port.vault.ciphers([made[scopes[0]]]) == {made[scopes[0]]: None}, "also where it had been opened"
    with port.begin():
        fresh = port.vault.mint(scopes)
        assert fresh[scopes[0]] != made[scopes[0]]
        assert fresh[scopes[2]] == made[scopes[2]]
        assert port.vault.destroy(who, None, None, DAY) == 3


def test_unknown_key_is_never_taken_for_erased(port: Port) -> None:
    with port.begin():
        (kid,) = port.vault.mint([(ref(7), "coach-oost", "case")]).values()
    with pytest.raises(KeyMissing) as missing:
        port.vault.ciphers([kid, bytes(15) + b"?"])
    assert missing.value.exit_code == 3


def test_keys_of_a_rolled_back_transaction_are_gone(port: Port) -> None:
    with suppress(RolledBack), port.begin():
        (kid,) = port.vault.mint([(ref(8), "coach-oost", "case")]).values()
        raise RolledBack
    with port.again() as other, pytest.raises(KeyMissing):
        other.ciphers([kid])
    with port.begin():
        assert port.vault.mint([(ref(8), "coach-oost", "case")])[ref(8), "coach-oost", "case"] != kid


# --- PostgreSQL only ---


def test_cache_is_bounded_and_the_keys_stay_right(prepared: str) -> None:
    with as_processor(prepared) as connection:
        vault = PostgresVault(connection, KEYS, cached=5)
        with connection.transaction():
            kids = list(vault.mint([(ref(n, "cache"), "coach-oost", "case") for n in range(40)]).values())
        sealed = {kid: vault.ciphers([kid])[kid].seal(kid, b"") for kid in kids}  # type: ignore[union-attr]
        assert len(vault._opened) == 5
        assert [vault.ciphers([kid])[kid].open(sealed[kid], b"") for kid in kids] == kids  # type: ignore[union-attr]
        assert all(cipher is not None for cipher in vault.ciphers(kids).values())


def test_two_processes_make_the_same_key_once(prepared: str) -> None:
    scopes = [(ref(n, "race"), "coach-oost", "case") for n in range(30)]
    made: list[Any] = []

    def mint() -> None:
        with as_processor(prepared) as connection, connection.transaction():
            made.append(dict(PostgresVault(connection, KEYS).mint(scopes)))

    threads = [threading.Thread(target=mint) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 3
    assert made[0] == made[1] == made[2]


def test_nothing_in_the_table_tells_which_class_a_key_has(prepared: str) -> None:
    with as_processor(prepared) as connection:
        with connection.transaction():
            PostgresVault(connection, KEYS).mint([(ref(9), "coach-oost", "safety")])
        rows = connection.execute("SELECT k::text FROM vault.key k").fetchall()
    assert rows
    assert not [row for row in rows if "safety" in row[0] or b"safety".hex() in row[0]]


def test_wrong_key_file_is_known_at_once(new_database: Callable[..., str]) -> None:
    dsn = new_database()
    with psycopg.connect(dsn, autocommit=True) as owner:
        apply_schema(owner)
    with as_processor(dsn) as connection:
        PostgresVault(connection, KEYS).check()
        PostgresVault(connection, Keys(bytes(range(32)))).check()
        with pytest.raises(WrongKey, match="does not belong") as wrong:
            PostgresVault(connection, Keys(bytes(32))).check()
        assert wrong.value.exit_code == 2
        PostgresVault(connection, KEYS).check()
        (kid,) = PostgresVault(connection, KEYS).mint([(ref(1), "coach-oost", "case")]).values()
        with pytest.raises(WrongKey, match="does not open"):
            PostgresVault(connection, Keys(bytes(32))).ciphers([kid])


def test_gone_server_stops_the_line(prepared: str) -> None:
    with as_processor(prepared) as connection, psycopg.connect(prepared, autocommit=True) as killer:
        vault = PostgresVault(connection, KEYS)
        killer.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
        with pytest.raises(Unreachable):
            vault.ciphers([bytes(16)])


def test_unprepared_database_says_so(new_database: Callable[..., str]) -> None:
    with psycopg.connect(new_database()) as connection, pytest.raises(ConfigurationError, match="woonketen init"):
        PostgresVault(connection, KEYS).check()


# --- the key file ---


def test_key_file_is_made_once_with_private_rights(tmp_path: Path) -> None:
    path = tmp_path / "woonketen-data.kek"
    assert make_kek(path, tmp_path / "woonketen-data")
    text = path.read_bytes()
    assert oct(path.stat().st_mode)[-3:] == "600"
    assert not make_kek(path, tmp_path / "woonketen-data")
    assert path.read_bytes() == text
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    keys = load_kek(path, tmp_path / "woonketen-data")
    assert keys.kek == load_kek(path, tmp_path / "woonketen-data").kek
    assert text.strip() not in repr(keys).encode()


def test_key_file_inside_the_data_folder_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (tmp_path / "alias").symlink_to(data)
    data.mkdir()
    for place in (data / "kek", data / "deep" / "kek", tmp_path / "alias" / "kek", data / ".." / "data" / "kek"):
        with pytest.raises(ConfigurationError, match="inside the data folder"):
            make_kek(place, data)
        with pytest.raises(ConfigurationError, match="inside the data folder"):
            load_kek(place, data)


@pytest.mark.parametrize(
    ("text", "mode", "kind"),
    [
        (b"", 0o600, WrongKey),
        (b"not base64!\n", 0o600, WrongKey),
        (b"c2hvcnQ=\n", 0o600, WrongKey),
        (b"\xff\xfe" * 30, 0o600, WrongKey),
        (b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 0o640, ConfigurationError),
    ],
)
def test_bad_key_file_is_told_without_its_text(tmp_path: Path, text: bytes, mode: int, kind: type[Exception]) -> None:
    path = tmp_path / "kek"
    path.write_bytes(text)
    path.chmod(mode)
    with pytest.raises(kind) as told:
        load_kek(path, tmp_path / "data")
    assert type(told.value) is kind
    assert "AAAA" not in str(told.value)
    assert getattr(told.value, "exit_code", None) == 2


def test_missing_key_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no key file"):
        load_kek(tmp_path / "kek", tmp_path / "data")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="no folder"):
        make_kek(tmp_path / "file" / "kek", tmp_path / "data")


def test_subkeys_differ_by_purpose_and_key() -> None:
    keys, other = Keys(bytes(32)), Keys(bytes(31) + b"\x01")
    results = [keys.digest(b"x"), keys.token(b"x"), keys.link_code("x"), keys.minted, keys.trace, other.digest(b"x")]
    assert len(set(results)) == len(results)
    assert keys.pseudonym("a", "K-1") == keys.pseudonym("a", "K-1")
    assert keys.pseudonym("a", "K-1") != keys.pseudonym("b", "K-1")
    assert keys.pseudonym("a", "K-1") != other.pseudonym("a", "K-1")
    assert keys.digest(b"x") == Keys(bytes(32)).digest(b"x")
