"""The look for all who follow: a process that stops while somebody begins."""

import asyncio
from uuid import UUID

import pytest

from events.connections import Pool, open_pool
from market.http.wire.feed_tail import FeedTail, Follower
from market.http.wire.problems import DoorError
from market.store.reading import DESK_SESSIONS
from tests.conftest import Database

ORGANISATION = UUID(int=1)


async def test_who_begins_while_the_process_stops_is_let_go_and_leaves_nothing_open(
    database: Database,
) -> None:
    opening, opened = asyncio.Event(), asyncio.Event()
    pools: list[Pool] = []

    async def open_sessions() -> Pool:
        opening.set()
        await opened.wait()
        pools.append(await open_pool(database.dsn("reader"), size=1, session=DESK_SESSIONS))
        return pools[0]

    tail = FeedTail(open_sessions)

    async def follow() -> Follower:
        async with tail.following(ORGANISATION) as follower:
            return follower

    early, late = asyncio.create_task(follow()), asyncio.create_task(follow())
    await opening.wait()
    tail.close()
    stopping = asyncio.create_task(tail.stop())
    opened.set()
    assert (await early).ended
    with pytest.raises(DoorError):
        await late
    await stopping
    assert [True] == [pool.is_closing() for pool in pools]
