"""What waits for lanes and what is under way on them, without a database."""

import asyncio

from events.waiting import Waiting, WaitingRoom
from tests.record_support import note


def waiting(name: str, lane: int) -> Waiting:
    return Waiting(note(name, lane=lane), asyncio.get_running_loop().create_future())


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
