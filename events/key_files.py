"""Private keys in files of mode 0600: created, read, rotated. Never logged, never shown."""

import secrets
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from events.checkpoints import rotated_from, rotated_to, rotation
from events.durable_files import others_may_read, sync_folder, write_durably
from events.notes import (
    SEED_BYTES,
    Algorithm,
    NoteError,
    SigningKey,
    VerifierKey,
    check_name,
    signing_key,
)

FILE_BYTES_MAX: Final = 1024 * 1024


class KeyFileError(Exception):
    """A key file is missing, unreadable or open to others; one sentence says what to do."""


class _Content(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    private: str
    rotations: tuple[str, ...] = ()


class Keys(Struct, frozen=True, kw_only=True):
    """The current signing key, and the notes with which earlier keys were rotated, oldest first."""

    current: SigningKey
    rotations: tuple[str, ...] = ()

    @property
    def first(self) -> VerifierKey:
        """The first key, from which rotations lead to the current one."""
        return rotated_from(self.rotations[0]) if self.rotations else self.current.verifier


def new_key(name: str, algorithm: Algorithm) -> SigningKey:
    return SigningKey(name=check_name(name), algorithm=algorithm, seed=secrets.token_bytes(SEED_BYTES))


def read_keys(path: Path) -> Keys:
    """KeyFileError says what is wrong with the file, never its content."""
    try:
        if others_may_read(path):
            raise KeyFileError(f"{path} is readable by others than its owner: run chmod 600 on it")
        if path.stat().st_size > FILE_BYTES_MAX:
            raise KeyFileError(f"{path} is larger than any key file")
        content = msgspec.json.decode(path.read_bytes(), type=_Content)
        return _checked(Keys(current=signing_key(content.private), rotations=content.rotations))
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, NoteError, ValueError):
        raise KeyFileError(f"{path} does not contain a key written by `lodestone keys`") from None


def _checked(keys: Keys) -> Keys:
    """NoteError unless the rotations lead from the first key to the current one."""
    key = keys.first
    for note in keys.rotations:
        after = rotated_to(note, key)
        if after is None:
            raise NoteError("a rotation is missing")
        key = after
    if key != keys.current.verifier:
        raise NoteError("the last rotation leads to another key")
    return keys


def make_keys(path: Path, name: str, algorithm: Algorithm) -> Keys:
    """A new key in a new file. KeyFileError if the file exists: it is never overwritten."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f"{path.name}.made-{secrets.token_hex(4)}")
    keys = Keys(current=new_key(name, algorithm))
    _write(fresh, keys)
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        raise KeyFileError(f"{path} already exists: use `lodestone keys rotate` to replace a key") from None
    finally:
        fresh.unlink()
    sync_folder(path.parent)
    return keys


def rotate_keys(path: Path) -> Keys:
    """Replaces the key by a new one, with a note signed by the old key, in one step; the file no longer holds
    the old one."""
    old = read_keys(path)
    new = new_key(old.current.name, old.current.algorithm)
    keys = Keys(current=new, rotations=(*old.rotations, rotation(old.current, new)))
    _write(path, keys)
    return keys


def _write(path: Path, keys: Keys) -> None:
    content = _Content(private=keys.current.secret_text, rotations=keys.rotations)
    write_durably(path, msgspec.json.encode(content))
