"""How much room is left on a disk of this machine."""

import shutil
from pathlib import Path
from typing import Final

FREE_BYTES_MIN: Final = 5 * 2**30
"""With less, the operator is warned: PostgreSQL's WAL alone may take 2 GiB between two checkpoints."""
CRAMMED_BYTES_MAX: Final = 64 * 2**20
"""A server that ended by itself with less than this may have ended because of it."""


def free_bytes(folder: Path) -> int:
    """Bytes that a user other than root can still write."""
    return shutil.disk_usage(folder).free


def crammed(*folders: Path) -> str:
    """A clause for the message about an ended server: names its first folder whose disk is full; empty if
    none is."""
    for folder in folders:
        left = free_bytes(folder)
        if left < CRAMMED_BYTES_MAX:
            return f"; the disk of {folder} has {left // 2**20:,} MiB left"
    return ""


def in_gib(size_bytes: int) -> str:
    """For people: one digit after the point, cut off."""
    tenths = size_bytes * 10 // 2**30
    return f"{tenths // 10:,}.{tenths % 10} GiB"
