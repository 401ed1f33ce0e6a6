"""Small files that survive a power cut: written whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path

SECRET_MODE = 0o600


def write_durably(path: Path, data: bytes, *, mode: int = SECRET_MODE) -> None:
    """Replaces the file: when this returns, it is on the disk under its name. OSError, with the file's name,
    when the disk is full or the folder cannot be written; the old file is then unchanged, and no temporary
    file remains."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        _write(fresh, data, mode)
        fresh.rename(path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from error
    sync_folder(path.parent)


def _write(fresh: Path, data: bytes, mode: int) -> None:
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        os.fchmod(handle, mode)
        with os.fdopen(handle, "wb", closefd=False) as file:
            file.write(data)
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Makes renamed and created files of a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def others_may_read(path: Path) -> bool:
    """Whether anybody but the owner may open the file."""
    return bool(path.stat().st_mode & 0o077)
