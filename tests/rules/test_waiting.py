"""What waits for lanes and what is under way on them, without a database."""

import asyncio

from events.waiting import Waiting, WaitingRoom
from tests.record_support import note


def waiting(name: str, lane: int) -> Waiting:
    return Waiting(note(name, lane=lane), asyncio.get_running_loop().create_future())


def worth(room: WaitingRoom) -> bool:
    """Asked anew each time, whatever it was before."""
    return room.is_worth_a_batch


async def test_only_what_wants_free_lanes_is_worth_another_look() -> None:
    room = WaitingRoom(batch_max=8, look_max=8)
    assert room.add(waiting("first", 0))
    batch = room.take()
    assert not room.add(waiting("behind it", 0))
    assert [] == room.take()
    assert room.add(waiting("elsewhere", 1))
    other = room.take()
    assert ["elsewhere"] == [each.command.argument.subject for each in other]
    room.board(batch, {key for each in batch for key in each.lanes})
    room.ended(batch)
    assert room.add(waiting("free again", 0))
    assert not room.add(waiting("still held", 1))


async def test_another_batch_is_worth_it_once_as_many_may_go_as_are_under_way() -> None:
    room = WaitingRoom(batch_max=8, look_max=8)
    for lane in (0, 1, 2):
        room.add(waiting(f"first on {lane}", lane))
    batch = room.take()
    assert [False, False] == [room.add(waiting(f"second on {lane}", lane)) for lane in (3, 4)]
    assert not room.add(waiting("on a lane under way", 0))
    assert not worth(room)
    assert room.add(waiting("third that may go", 5))
    other = room.take()
    assert [3, 4, 5] == [key.lane for each in other for key in each.lanes]
    room.ended(other)
    assert not worth(room)
    room.ended(batch)
    assert worth(room)
    assert ["on a lane under way"] == [each.command.argument.subject for each in room.take()]


async def test_a_batch_that_takes_long_keeps_no_other_from_beginning() -> None:
    room = WaitingRoom(batch_max=8, look_max=8)
    for lane in (0, 1):
        room.add(waiting(f"held on {lane}", lane))
    batch = room.take()
    assert not room.add(waiting("alone", 2))
    room.late(batch)
    assert worth(room)
    other = room.take()
    room.ended(other)
    assert room.add(waiting("alone again", 2))


async def test_what_is_left_of_a_full_batch_counts_for_the_next() -> None:
    room = WaitingRoom(batch_max=2, look_max=8)
    for lane in range(5):
        room.add(waiting(f"on {lane}", lane))
    room.take()
    assert worth(room)
    assert 2 == len(room.take())
    assert not worth(room)
