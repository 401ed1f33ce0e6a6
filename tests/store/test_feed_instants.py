"""Which lines of the feed lie before an instant, although the events of a round bear the time of its cut."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from market.rules.streams.partner_lines import ALL, ROUND_TYPES
from market.store import feed
from tests.conftest import Database
from tests.feed_support import publish
from tests.market_support import Scene, scene_on


@pytest.fixture
async def scene(market_database: Database) -> AsyncIterator[Scene]:
    async with scene_on(market_database) as opened:
        yield opened


async def test_from_an_instant_on_nothing_is_missed_and_up_to_one_neither(scene: Scene) -> None:
    seller, buyer = scene.sellers[0], scene.buyers[0]
    await scene.offer(seller)
    await scene.require(buyer)
    plan = await scene.plan()
    scene.clock.now += timedelta(minutes=2)
    await scene.offer(seller)
    await scene.conclude(plan)
    lines = [
        line
        for line in await publish(scene)
        if (line.stream, line.lane) == scene.lane and line.audience in (ALL, seller.organisation)
    ]
    instant = scene.clock.now - timedelta(minutes=1)
    older = [line.position for line in lines if line.time < instant]
    newer = [line.position for line in lines if line.time >= instant]
    assert max(older) > min(newer)
    places = []
    async with scene.pool.acquire() as connection:
        ends = await feed.read_ends(connection)
        for passing in (ROUND_TYPES, ()):
            found = await feed.read_before(connection, seller.organisation, ends, instant, passing=passing)
            places.append(found[scene.lane])
    assert [max(position for position in older if position < min(newer)), max(older)] == places


async def test_what_a_round_appends_with_the_time_of_its_cut_is_known(scene: Scene) -> None:
    await scene.offer(scene.sellers[0])
    await scene.require(scene.buyers[0])
    plan = await scene.plan()
    scene.clock.now += timedelta(minutes=2)
    appended = {event.id for event in await scene.conclude(plan)}
    lines = [line for line in await publish(scene) if line.time == plan.time]
    told = {line.type for line in lines if line.position > plan.position}
    assert appended
    assert told
    assert told <= set(ROUND_TYPES)
