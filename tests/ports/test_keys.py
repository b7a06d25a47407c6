"""A change of the key-encryption key: everything reads on, the old key opens nothing, and no kill loses anything."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from chaos.office import Office, live, opened_office
from chaos.town import BM, FIRST_DAY, GI, OW, agreements, envelope, lives

from woonketen.orchestration import rotating
from woonketen.streams.keys.kek import Keys, load_kek, replace_kek

LAST = FIRST_DAY + timedelta(days=20)


@pytest.fixture(scope="module")
def town() -> Iterator[Office]:
    """Three weeks of lives, with an event that waits for a link."""
    with opened_office() as made:
        with made.platform() as platform:
            live(platform, [*agreements(FIRST_DAY, LAST.replace(year=2028)), *lives(3, FIRST_DAY, LAST, 3)], LAST)
        assert made("ingest", "-", "--as", OW, "--json", stdin=waiting()).object["parked"] == 1
        yield made


def waiting() -> bytes:
    data = {"occurred_on": "2026-01-20", "channel": "phone", "reached": False}
    return json.dumps(envelope(OW, "contact.attempted", "wacht-1", FIRST_DAY, data, "C-777777")).encode()


def state(office: Office) -> dict[str, Any]:
    """What an office shows and knows, which no change of keys may alter."""
    with office.platform() as platform:
        return {
            "views": [platform.view(name, user) for name, user in (("corporatie", "huur-ow"), ("coach", "buddy-1"))],
            "ref": platform.admission.resident_of(GI, "G-000001"),
            "parked": platform.receipts(OW),
            "log": platform.log_verify(),
        }


def epoch(office: Office) -> int:
    with office.sql() as connection:
        (found,) = connection.execute("SELECT epoch FROM vault.known_kek").fetchone() or (0,)
    return int(found)


def test_everything_reads_on_and_the_old_key_is_gone(town: Office) -> None:
    before, old_file = state(town), town.settings.kek.read_bytes()
    number = epoch(town)
    old = Keys.unpacked(old_file)
    with town.sql() as connection:
        wraps = [bytes(each) for (each,) in connection.execute("SELECT wrapped FROM vault.key LIMIT 20")]
        sivs = [bytes(each) for (each,) in connection.execute("SELECT siv FROM admission.pseudonym")]
    done = town("keys", "rotate", "--json").object
    assert done["epoch"] == number + 1
    assert done["destroyed"] == [number]
    assert done["keys"] > 20
    assert done["rows"] > 50
    assert state(town) == before
    assert town.settings.kek.stat().st_mode & 0o777 == 0o600
    assert base64.b64encode(old.of(number)) not in town.settings.kek.read_bytes()
    with town.sql() as connection:
        (folder,) = connection.execute("SHOW data_directory").fetchone() or ("",)
        assert connection.execute("SELECT count(*) FROM vault.key WHERE epoch <> %s", [number + 1]).fetchone() == (0,)
    stored = [file.read_bytes() for file in Path(folder).rglob("*") if file.is_file()]
    assert not any(each in content for content in stored for each in [*wraps, *sivs]), "no old wrap is on the disk"
    new_file = town.settings.kek.read_bytes()
    town.settings.kek.write_bytes(old_file)
    assert f"holds no key of epoch {number + 1}" in town("org", "list", code=2).err
    town.settings.kek.write_bytes(new_file)
    assert Keys.unpacked(new_file).trace == old.trace


def test_a_file_that_was_never_rotated_is_one_line(tmp_path: Path) -> None:
    key = bytes(range(32))
    path = tmp_path / "kek"
    path.write_bytes(base64.b64encode(key) + b"\n")
    path.chmod(0o600)
    keys = load_kek(path, tmp_path / "data")
    assert keys.kek == key
    assert (keys.epoch, keys.epochs) == (1, [1])
    both = keys.with_next()
    assert (both.epoch, both.epochs) == (2, [1, 2])
    replace_kek(path, both)
    again = load_kek(path, tmp_path / "data")
    assert (again.epoch, again.of(1), again.of(2)) == (2, key, both.kek)
    # What must stay equal for years does; what is sealed does not.
    assert (again.trace, again.minted, again.digest(b"x")) == (keys.trace, keys.minted, keys.digest(b"x"))
    assert again.pseudonym("org-1", "S-1") != keys.pseudonym("org-1", "S-1")
    assert again.subject("org-1", again.pseudonym("org-1", "S-1")) == "S-1"
    assert base64.b64encode(key) not in both.without_others().packed
    assert [name.name for name in tmp_path.iterdir()] == ["kek"]


class Killed(BaseException):
    pass


def before(function: Callable[..., Any]) -> Callable[..., Any]:
    def die(*arguments: Any, **named: Any) -> Any:
        raise Killed

    return die


def after(function: Callable[..., Any]) -> Callable[..., Any]:
    def die(*arguments: Any, **named: Any) -> Any:
        function(*arguments, **named)
        raise Killed

    return die


def second(wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Callable[..., Any]:
    def of(function: Callable[..., Any]) -> Callable[..., Any]:
        calls = []

        def die(*arguments: Any, **named: Any) -> Any:
            calls.append(1)
            return (wrap(function) if len(calls) == 2 else function)(*arguments, **named)

        return die

    return of


PLACES = [
    ("replace_kek", before),
    ("replace_kek", after),
    ("rewrap", before),
    ("rewrap", after),
    ("replace_kek", second(before)),
    ("replace_kek", second(after)),
]


@pytest.mark.parametrize(("name", "how"), PLACES, ids=range(len(PLACES)))
def test_killed_anywhere_it_reads_on_and_the_next_call_finishes(town: Office, name: str, how: Any) -> None:
    expected, number = state(town), epoch(town)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rotating, name, how(getattr(rotating, name)))
        with town_alone(town) as platform, pytest.raises(Killed):
            platform.rotate_keys()
    assert state(town) == expected
    town("run", "--until-idle")
    done = town("keys", "rotate", "--json").object
    assert done["epoch"] > number
    assert state(town) == expected
    assert Keys.unpacked(town.settings.kek.read_bytes()).epochs == [epoch(town)] == [done["epoch"]]


def test_killed_while_it_wraps(town: Office) -> None:
    """In the middle of the database's transaction."""
    from woonketen.streams.leaving import rotation

    expected, number = state(town), epoch(town)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rotation, "_pseudonyms", before(rotation._pseudonyms))
        with town_alone(town) as platform, pytest.raises(Killed):
            platform.rotate_keys()
    assert epoch(town) == number
    assert state(town) == expected
    assert town("keys", "rotate", "--json").object["epoch"] == number + 1
    assert state(town) == expected


def test_not_while_somebody_else_is_at_work(town: Office) -> None:
    with town.platform():
        assert "has this installation open" in town("keys", "rotate", code=3).err
    number = epoch(town)
    with town_alone(town):
        assert "keys are being changed" in town("org", "list", code=3).err
    assert epoch(town) == number


def test_what_waited_is_found_again(town: Office) -> None:
    town("keys", "rotate")
    code = town("link", "issue", "--by", GI, "--subject", "G-000001", "--for", BM, "--json").object["code"]
    assert code
    code = town("link", "issue", "--by", GI, "--subject", "G-000000", "--for", OW, "--json").object["code"]
    data = {"occurred_on": "2026-01-21", "link_code": code}
    linked = envelope(OW, "subject.linked", "link-1", FIRST_DAY, data, "C-777777")
    assert town("ingest", "-", "--as", OW, "--json", stdin=json.dumps(linked).encode()).object["accepted"] == 1
    (told,) = town("receipts", "--as", OW, "--json").rows
    assert (told["id"], told["status"]) == ("wacht-1", "accepted")
    assert town("ingest", "-", "--as", OW, "--json", stdin=waiting()).object["duplicate"] == 1


def town_alone(office: Office) -> Any:
    from woonketen.orchestration.platform import open_platform

    return open_platform(office.settings, alone=True)


def test_packed_keys_that_make_no_sense(tmp_path: Path) -> None:
    good = Keys(os.urandom(32)).with_next().packed
    for text in (b"", b"sleutel", good.replace(b"root", b"wortel"), good[:40], good + b"3 kort\n", good + b"x y z\n"):
        with pytest.raises(ValueError):
            Keys.unpacked(text)
    assert Keys.unpacked(good).packed == good
