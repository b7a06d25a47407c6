"""The key-encryption key: a file beside the data folder, and what is derived from it."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from hashlib import blake2b
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from woonketen.contracts.errors import ConfigurationError, WrongKey

SIZE = 32


class Keys:
    """The key-encryption key and its subkeys, one per purpose, so that none can be used for another.

    `parked`: admission's own sealing; `pseudonyms`: equal pseudonyms give equal bytes, per organisation; `minted`: the
    key of the platform's own pseudonyms (`P-…`).
    """

    def __init__(self, kek: bytes) -> None:
        self.kek = kek
        self.minted = _derive(kek, "minted pseudonyms")
        self.trace = _derive(kek, "trace")
        self.pseudonyms = AESSIV(_derive(kek, "pseudonyms", 64))
        self.parked = AESGCM(_derive(kek, "parked"))
        self._digests = blake2b(key=_derive(kek, "digests"), digest_size=16)
        self._tokens = blake2b(key=_derive(kek, "tokens"), digest_size=16)
        self._links = blake2b(key=_derive(kek, "link codes"), digest_size=16)

    def __repr__(self) -> str:
        return "Keys(…)"

    def subkey(self, purpose: str) -> bytes:
        """Of 32 bytes, for one purpose that has no field of its own here."""
        return _derive(self.kek, purpose)

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
            text = file.read(1024)
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
        kek = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        kek = b""
    if len(kek) != SIZE:
        raise WrongKey(f"The key file {path} holds no key.", "It is one line: 32 bytes in base64.")
    return Keys(kek)


def refuse_inside(path: Path, data: Path) -> None:
    """A copy of the data folder must not open itself."""
    if path.resolve().is_relative_to(data.resolve()):
        raise ConfigurationError(
            "The key file lies inside the data folder, so a copy of that folder could be read by whoever has it.",
            "Move it beside the data folder and name it with `kek_file`.",
        )
