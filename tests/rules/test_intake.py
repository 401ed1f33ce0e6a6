"""What waits to be taken of a partition: bounded, in order, and only what was asked for."""

import pytest
from aiokafka.errors import OffsetOutOfRangeError

from events.fetching import Fetched, Refused
from events.intake import PENDING_BYTES_MAX, Inbox
from tests.rules.test_fetching import ANSWER, batch, found


def none_yet() -> None:
    return None


def offsets(inbox: Inbox, records_max: int) -> list[int]:
    found = inbox.take(records_max)
    return [] if found is None else list(found.offsets)


async def test_records_are_taken_a_few_at_a_time_across_answers() -> None:
    inbox = Inbox(0, none_yet)
    assert None is inbox.take(2)
    inbox.put(found(batch(0), 0))
    inbox.put(found(batch(3), 3))
    await inbox.filled()
    assert [[0, 1], [2], [3, 4], [5], []] == [offsets(inbox, 2) for _ in range(5)]
    assert 6 == inbox.offset


async def test_an_answer_to_a_question_of_before_is_left() -> None:
    inbox = Inbox(3, none_yet)
    inbox.put(found(ANSWER, 0))
    inbox.put(Refused(5, 0, OffsetOutOfRangeError()))
    assert None is inbox.take(9)
    inbox.put(found(ANSWER, 3))
    inbox.put(found(ANSWER, 3))
    assert [3, 4, 5, 6, 7, 8] == offsets(inbox, 99)
    assert None is inbox.take(9)


async def test_what_is_full_has_no_room_until_it_is_taken_from() -> None:
    told: list[int] = []
    inbox = Inbox(0, lambda: told.append(1))
    padded = batch(0).ljust(PENDING_BYTES_MAX - 1, b"\0")
    inbox.put(Fetched(5, 0, 3, padded, found(batch(0), 0).places))
    assert inbox.has_room
    inbox.put(found(batch(3), 3))
    full = not inbox.has_room
    assert full
    assert [0] == offsets(inbox, 1)
    assert inbox.has_room
    assert [1] == told


async def test_a_refusal_comes_after_what_came_before_it() -> None:
    inbox = Inbox(0, none_yet)
    inbox.put(found(batch(0), 0))
    inbox.put(Refused(5, 3, OffsetOutOfRangeError("gone")))
    assert not inbox.has_room
    assert [0, 1, 2] == offsets(inbox, 9)
    with pytest.raises(OffsetOutOfRangeError, match="gone"):
        inbox.take(9)
