"""Ids are `uuid.UUID`s to everybody: dictionaries, JSON, other processes."""

import pickle
from uuid import UUID

import msgspec
import pytest

from events.ids import id_of, new_id

DIGITS = "0199b3c2d4e57f60a1b2c3d4e5f60718"
PLAIN = UUID(DIGITS)


def test_an_id_stands_for_the_plain_uuid_everywhere() -> None:
    found = id_of(DIGITS)
    assert isinstance(found, UUID)
    assert (PLAIN, "plain", "found") == (found, {PLAIN: "plain"}[found], {found: "found"}[PLAIN])
    assert (str(PLAIN), PLAIN.hex, PLAIN.bytes) == (str(found), found.hex, found.bytes)
    assert msgspec.json.encode(PLAIN) == msgspec.json.encode(found)
    assert PLAIN == pickle.loads(pickle.dumps(found))


def test_hyphens_are_skipped() -> None:
    assert PLAIN == id_of(str(PLAIN))


@pytest.mark.parametrize("digits", ["", DIGITS[1:], DIGITS + "0", DIGITS[1:] + "g"])
def test_other_texts_are_no_id(digits: str) -> None:
    with pytest.raises(ValueError, match="invalid UUID"):
        id_of(digits)


def test_new_ids_are_of_version_7_and_ascend() -> None:
    first, second = new_id(), new_id()
    assert [7, 7] == [first.version, second.version]
    assert first < second
