"""Exported books that a verb reads."""

from pathlib import Path

from market.cli.files import failed, read
from market.rules.clearing.exports import BookFile, book_faults


def read_book(path: Path) -> BookFile:
    """An exported book whose quantities and ids can be. CommandFailed as of `files.read`."""
    found = read(path, BookFile)
    faults = [fault.sentence for fault in book_faults(found.book)]
    if faults:
        raise failed(str(path), faults)
    return found
