"""The key-encryption key: a file beside the data folder, and what is derived from it."""

from __future__ import annotations

import base64
import os
import secrets
from hashlib import blake2b
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from woonketen.contracts.errors import ConfigurationError, WrongKey

SIZE = 32


class Keys:
    """The key-encryption keys, one per epoch, and the subkeys, one per purpose, so that none can be used for another.

    Of the epoch, so that an old backup is unreadable once the epoch's key is gone: the wrapping of data keys; `parked`,
    admission's own sealing; `pseudonyms`, where equal pseudonyms give equal bytes, per organisation. All three are made
    anew by `keys rotate`.

    Of the root, which stays: keyed hashes (`digest`, `token`, `link_code`, `trace`) and `minted`, the key of the
    platform's own pseudonyms (`P-…`). A hash cannot be opened and made again under another key: what it was made of is
    not there (a partner sends its event again years later, and is told *duplicate*), and with another key every
    organisation would get new numbers for its residents. They are not what keeps an erased person erased: an erasure
    deletes their rows, and whoever has an old backup *and* the root can test a guess, but read nothing.
    """

    def __init__(self, kek: bytes, root: bytes | None = None, epoch: int = 1) -> None:
        self._keks = {epoch: kek}
        self._root = root or _derive(kek, "root")
        self.minted = self.subkey("minted pseudonyms")
        self.trace = self.subkey("trace")
        self._digests = blake2b(key=self.subkey("digests"), digest_size=16)
        self._tokens = blake2b(key=self.subkey("tokens"), digest_size=16)
        self._links = blake2b(key=self.subkey("link codes"), digest_size=16)
        self.use(epoch)

    def __repr__(self) -> str:
        return "Keys(…)"

    # --- epochs ---

    @property
    def epochs(self) -> list[int]:
        return sorted(self._keks)

    def of(self, epoch: int) -> bytes:
        """The key-encryption key of an epoch. Raises `WrongKey` when it was destroyed, or never was in this file."""
        found = self._keks.get(epoch)
        if found is None:
            raise WrongKey(
                f"The key file holds no key of epoch {epoch}.",
                "It was destroyed by `woonketen keys rotate`, or this is an older copy of the key file.",
            )
        return found

    def use(self, epoch: int) -> None:
        """Wraps and seals under this epoch from now on."""
        self.kek, self.epoch = self.of(epoch), epoch
        self.pseudonyms = AESSIV(_derive(self.kek, "pseudonyms", 64))
        self.parked = AESGCM(_derive(self.kek, "parked"))

    def at(self, epoch: int) -> Keys:
        """The same keys, using another epoch."""
        other = Keys.unpacked(self.packed)
        other.use(epoch)
        return other

    def with_next(self) -> Keys:
        """With a fresh key of the next epoch, in use."""
        other = Keys.unpacked(self.packed)
        epoch = self.epochs[-1] + 1
        other._keks[epoch] = secrets.token_bytes(SIZE)
        other.use(epoch)
        return other

    def without_others(self) -> Keys:
        """With the epoch in use alone."""
        return Keys(self.kek, self._root, self.epoch)

    @property
    def packed(self) -> bytes:
        """As it stands in the file; the epoch in use comes first."""
        lines = [(f"{epoch}", self._keks[epoch]) for epoch in sorted(self._keks, key=lambda each: each != self.epoch)]
        return b"".join(
            name.encode() + b" " + base64.b64encode(key) + b"\n" for name, key in [("root", self._root), *lines]
        )

    @classmethod
    def unpacked(cls, text: bytes) -> Keys:
        """From the bare key, from one line of it in base64 (a file that was never rotated), or from `packed`. Raises
        `ValueError` for anything else."""
        if len(text) == SIZE:
            return cls(text)
        lines = text.strip().splitlines()
        if len(lines) == 1:
            return cls(_key(lines[0]))
        named = [line.split(b" ") for line in lines] or [[]]
        if any(len(each) != 2 for each in named) or named[0][0] != b"root" or len(named) < 2:
            raise ValueError
        (_, root), *rest = named
        keks = {int(number): _key(each) for number, each in rest}
        first = int(rest[0][0])
        keys = cls(keks[first], _key(root), first)
        keys._keks = keks
        return keys

    # --- what is derived ---

    def subkey(self, purpose: str) -> bytes:
        """Of 32 bytes, for one purpose; it stays through all epochs."""
        return _derive(self._root, purpose)

    def digest(self, text: bytes) -> bytes:
        """Of an event's content, 16 bytes: a small payload cannot be guessed from it without the key."""
        state = self._digests.copy()
        state.update(text)
        return state.digest()

    def token(self, text: bytes) -> bytes:
        """A name for something that must not be readable where it is stored, 16 bytes."""
        state = self._tokens.copy()
        state.update(text)
        return state.digest()

    def link_code(self, code: str) -> bytes:
        state = self._links.copy()
        state.update(code.encode())
        return state.digest()

    def pseudonym(self, org: str, subject: str) -> bytes:
        """AES-SIV: can be looked up, and re-encrypted when the key changes."""
        return self.pseudonyms.encrypt(subject.encode(), [org.encode()])

    def subject(self, org: str, siv: bytes) -> str:
        """The pseudonym again. Raises `WrongKey`."""
        try:
            return self.pseudonyms.decrypt(siv, [org.encode()]).decode()
        except InvalidTag:
            raise WrongKey(
                "A pseudonym does not open with the key.", "It was changed, or is another epoch's."
            ) from None


def _key(text: bytes) -> bytes:
    key = base64.b64decode(text, validate=True)
    if len(key) != SIZE:
        raise ValueError
    return key


def _derive(kek: bytes, purpose: str, length: int = SIZE) -> bytes:
    return HKDF(SHA256(), length, None, b"woonketen " + purpose.encode()).derive(kek)


def make_kek(path: Path, data: Path) -> bool:
    """Writes a new key with mode 0600, unless there is one. Returns whether it was made now.

    Raises `ConfigurationError` for a place inside the data folder, or that cannot be written.
    """
    refuse_inside(path, data)
    text = base64.b64encode(secrets.token_bytes(SIZE)) + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise ConfigurationError(f"There is no folder for the key file {path}.", "Mend `kek_file`.") from None
    try:
        _write_whole(path, text)
    except FileExistsError:
        return False
    except OSError as error:
        raise ConfigurationError(
            f"The key file {path} cannot be written: {error.strerror}.", "Mend `kek_file`, or the folder's rights."
        ) from None
    return True


def _write_whole(path: Path, text: bytes) -> None:
    """Whole or not at all, and never over another."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def load_kek(path: Path, data: Path) -> Keys:
    """Raises `ConfigurationError` for a missing, readable-by-others or misplaced file, `WrongKey` for one without a
    key in it."""
    refuse_inside(path, data)
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(65536)
    except FileNotFoundError:
        raise ConfigurationError(
            f"There is no key file {path}.",
            "Put it back from its backup, or run `woonketen init` for a new installation.",
        ) from None
    except OSError as error:
        raise ConfigurationError(f"The key file {path} cannot be read: {error.strerror}.", "Mend its rights.") from None
    if os.name == "posix" and mode & 0o077:
        raise ConfigurationError(f"The key file {path} can be read by others.", f"Run: chmod 600 {path}")
    try:
        return Keys.unpacked(text)
    except ValueError:
        raise WrongKey(f"The key file {path} holds no key.", "It is one line: 32 bytes in base64.") from None


def replace_kek(path: Path, keys: Keys) -> None:
    """Puts these keys in the place of the file, whole or not at all; what stood there is overwritten as far as the
    file system allows (a copy-on-write disk or an SSD may keep it: encrypt that disk)."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with path.open("r+b") as before:
            with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                owner = os.fstat(before.fileno())
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
                file.write(keys.packed)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, path)
            sync_folder(path.parent)
            before.write(secrets.token_bytes(owner.st_size))
            before.flush()
            os.fsync(before.fileno())
    except OSError as error:
        raise ConfigurationError(
            f"The key file {path} cannot be written: {error.strerror}.", "Mend the folder's rights, and try again."
        ) from None
    finally:
        unfinished.unlink(missing_ok=True)


def sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refuse_inside(path: Path, data: Path) -> None:
    """A copy of the data folder must not open itself."""
    if path.resolve().is_relative_to(data.resolve()):
        raise ConfigurationError(
            "The key file lies inside the data folder, so a copy of that folder could be read by whoever has it.",
            "Move it beside the data folder and name it with `kek_file`.",
        )
