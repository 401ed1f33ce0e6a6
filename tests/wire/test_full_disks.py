"""Files on a disk that is full: a witness's state, keys, whatever is written whole or not at all."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from events.durable_files import write_durably
from events.key_files import rotate_keys
from events.witness import KEY_FILE, LOCK_FILE, STATE_FILE
from tests.seal_support import Sealed
from tests.wire.test_witness import cosigned, grown, witness_on


@contextmanager
def files_of_bytes_max(size_bytes: int) -> Iterator[None]:
    """What this process writes to larger files is refused, as a full disk refuses it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_cannot_be_written_stays_as_it_was_and_is_named(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    write_durably(file, b"before")
    with files_of_bytes_max(100), pytest.raises(OSError, match=r"File too large.*state\.json"):
        write_durably(file, b"after" * 100)
    assert [file] == list(tmp_path.iterdir())
    assert b"before" == file.read_bytes()
    write_durably(file, b"after")
    assert b"after" == file.read_bytes()


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone.*state\.json"):
        write_durably(tmp_path / "gone" / "state.json", b"")


async def test_what_a_full_disk_kept_from_being_cosigned_is_cosigned_once_there_is_room(
    sealed: Sealed, tmp_path: Path
) -> None:
    """The witness goes on where its state says, whatever it had learnt before it could not write that."""
    folder = tmp_path / "witness"
    await grown(sealed, "a")
    witness = witness_on(sealed, folder)
    await witness.turn(sealed.consumer)
    await grown(sealed, "b")
    rotate_keys(sealed.key_file)
    await grown(sealed, "c")
    before = (folder / STATE_FILE).read_bytes()
    for _ in range(2):
        with (
            capture_logs(),
            files_of_bytes_max(100),
            pytest.raises(OSError, match=r"File too large.*state\.json"),
        ):
            await witness.turn(sealed.consumer)
    assert {KEY_FILE, LOCK_FILE, STATE_FILE} == {file.name for file in folder.iterdir()}
    assert before == (folder / STATE_FILE).read_bytes()
    assert [2] == await cosigned(sealed)
    await witness.turn(sealed.consumer)
    assert [2, 6] == await cosigned(sealed)
    assert () == witness.faults
