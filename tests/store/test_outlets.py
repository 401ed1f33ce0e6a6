"""Where partners' topics stand on a lane that publishers pass to one another."""

from collections.abc import AsyncIterator

import pytest

from events.connections import Producer
from events.leases import take_leases
from events.publishing import TopicWriter
from market.commands import parties
from market.partner_topics import PartnerTopics
from market.rules.streams.streams import OpenStream
from market.store import feed, outlets
from tests.conftest import Database
from tests.market_support import Scene, done, scene_on

OWNER, OTHER = "publisher of the test", "another publisher"
PASSED = "update record.consumer set owner = $1, position = $2 where stream = $3 and lane = $4"


@pytest.fixture
async def scene(market_database: Database) -> AsyncIterator[Scene]:
    async with scene_on(market_database) as opened:
        yield opened


async def no_producer() -> Producer:
    raise AssertionError("a line is sent again")


async def no_topic(name: str) -> None:
    raise AssertionError(f"{name} is made again")


async def test_what_another_publisher_did_to_topics_stands_when_the_lane_comes_back(scene: Scene) -> None:
    """Before its books are folded again: one topic was closed and misses what came since, one has joined."""
    key, (closed, joined) = scene.lane, (scene.sellers[0], scene.buyers[0])
    done(
        await parties.open_stream(
            scene.desk, OpenStream(caller=joined.trader, organisation=joined.organisation)
        )
    )
    given = (scene.pool, feed.PUBLISHER, OWNER, key.stream, [key.lane])
    await take_leases(*given, scene.operator.organisation, 60)
    topics = PartnerTopics(scene.pool, TopicWriter(no_producer), no_topic, owner=OWNER)
    async with scene.pool.acquire() as connection:
        assert await outlets.move(connection, [closed.organisation], key, 0, OWNER, live=True)
        await topics.opened(key)
        topics.closed(key)
        await connection.execute(PASSED, OTHER, 5, *key)
        assert await outlets.move(connection, [closed.organisation], key, 5, OTHER, live=False)
        assert await outlets.move(connection, [joined.organisation], key, 5, OTHER, live=True)
        await connection.execute(PASSED, OWNER, 9, *key)
        await topics._look()
        both = [closed.organisation, joined.organisation]
        assert dict.fromkeys(both, 5) == await outlets.positions_on(connection, both, key)
        await topics.opened(key)
        await topics._look()
        assert {joined.organisation} == await outlets.live_on(connection, key)
        assert dict.fromkeys(both, 5) == await outlets.positions_on(connection, both, key)
