"""What a broker answers to a fetch: whole batches, which may begin too early and be cut off at the end."""

from hashlib import sha256
from pathlib import Path

import pytest
from aiokafka.errors import CorruptRecordException, RecordTooLargeError

from events.fetching import Fetched, answered
from events.links import Link
from events.record_batches import BatchWriter

BODY = next((Path(__file__).parents[1] / "golden" / "events").glob("*.json")).read_bytes()
AT_MS = 1_772_357_415_123
PER_BATCH = 3


def batch(offset: int) -> bytes:
    """Three records from this offset on; the offset is no part of what the checksum covers."""
    writer = BatchWriter(100_000)
    assert not writer.take([(position, BODY, sha256(BODY).digest()) for position in range(1, PER_BATCH + 1)])
    return offset.to_bytes(8) + bytes(writer.end(AT_MS)._build())[8:]


ANSWER = b"".join(batch(offset) for offset in (0, 3, 6))


def found(content: bytes, first: int) -> Fetched:
    fetched = answered(5, first, content)
    assert fetched is not None
    return fetched


@pytest.mark.parametrize("first", [0, 1, 2, 3, 8])
def test_what_a_batch_holds_before_the_offset_that_was_asked_for_is_left_out(first: int) -> None:
    fetched = found(ANSWER, first)
    assert list(range(first, 9)) == [record.offset for record in fetched.records()]
    expected = [Link(offset, BODY, sha256(BODY).digest()) for offset in range(first, 9)]
    assert expected == list(found(ANSWER, first).links())
    (slice_,) = found(ANSWER, first).slices()
    assert expected == list(slice_.links())
    assert (5, 9) == (fetched.partition, fetched.next_offset)


def test_a_batch_that_is_cut_off_is_asked_for_again() -> None:
    fetched = found(ANSWER[:-1], 0)
    assert (6, 6) == (fetched.next_offset, len(list(fetched.records())))


def test_nothing_is_nothing() -> None:
    assert answered(5, 0, b"") is None


def test_a_batch_that_no_answer_can_hold_is_no_end_of_the_lane() -> None:
    with pytest.raises(RecordTooLargeError, match="what lies at 7 "):
        answered(5, 7, ANSWER[:100])


@pytest.mark.parametrize("length", [0, 13])
def test_what_is_too_short_for_a_batch_is_none(length: int) -> None:
    short = ANSWER + bytes(8) + length.to_bytes(4, signed=True) + bytes(20)
    with pytest.raises(CorruptRecordException, match="partition 5: no batch is as short"):
        answered(5, 4, short)


def test_a_bit_that_tipped_on_the_way_is_noticed() -> None:
    at = len(batch(0)) + 200
    tipped = ANSWER[:at] + bytes([ANSWER[at] ^ 1]) + ANSWER[at + 1 :]
    for records in (found(tipped, 0).records(), found(tipped, 0).links()):
        assert [0, 1, 2] == [next(records).offset for _ in range(PER_BATCH)]
        with pytest.raises(CorruptRecordException, match="partition 5: wrong checksum at 3"):
            next(records)
