"""Old lines of the feed go, some at a time, and what is left is what the record makes of the rest."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from events.clock_bounds import ClockBound
from events.refusal import ClockAhead
from market.feed_retention import FeedRetention
from tests.feed_support import publish
from tests.market_support import Scene, scene_on
from tests.process_support import eventually
from tests.record_support import standing_still

KEPT_DAYS = 30
COUNT = "select count(*) from view.feed"
PLACES = "select stream, lane, position, audience from view.feed"
TIMES = "select time from view.feed"
FLOORS = "select stream, lane, position, audience from ops.feed_floor"
FIRST_OF_LANES_BEHIND = """
select count(*) from view.feed f join ops.feed_floor o using (stream, lane, audience)
where f.position <= o.position
"""


@pytest.fixture
async def scene(market_database: Any) -> AsyncIterator[Scene]:
    async with scene_on(market_database) as opened:
        yield opened


def retention(scene: Scene, *, rows_at_once: int = 7) -> FeedRetention:
    return FeedRetention(scene.pool, days=KEPT_DAYS, clock=scene.clock, rows_at_once=rows_at_once)


async def old_and_new(scene: Scene) -> tuple[int, int]:
    """How many lines are a day too old, and how many come after them."""
    await scene.offer(scene.sellers[0])
    await publish(scene)
    old = await scene.pool.fetchval(COUNT)
    scene.clock.now += timedelta(days=KEPT_DAYS + 1)
    await scene.open_market()
    await publish(scene)
    return old, await scene.pool.fetchval(COUNT) - old


async def test_old_lines_go_from_each_lanes_first_and_new_ones_stay(scene: Scene) -> None:
    old, new = await old_and_new(scene)
    places = set(await scene.pool.fetch(PLACES))
    sweeping, parts = retention(scene), []
    with capture_logs() as told:
        while dropped := await sweeping.drop_some():
            parts.append(dropped)
            assert 0 == await scene.pool.fetchval(FIRST_OF_LANES_BEHIND)
    assert old > 7
    assert [*[7] * (old // 7), *([old % 7] if old % 7 else [])] == parts
    assert parts == [line["rows"] for line in told if line["event"] == "feed_dropped"]
    left = set(await scene.pool.fetch(PLACES))
    assert new == len(left)
    newest: dict[tuple[Any, ...], int] = {}
    for stream, lane, position, audience in places - left:
        newest[stream, lane, audience] = max(position, newest.get((stream, lane, audience), 0))
    assert newest == {(row[0], row[1], row[3]): row[2] for row in await scene.pool.fetch(FLOORS)}


async def test_a_clock_that_runs_ahead_drops_nothing(scene: Scene) -> None:
    lines = sum(await old_and_new(scene))
    bound = ClockBound(ahead_max=timedelta(seconds=60))
    ahead = FeedRetention(
        scene.pool, days=KEPT_DAYS, clock=lambda: datetime.now(UTC) + timedelta(days=400), bound=bound
    )
    with pytest.raises(ClockAhead):
        await ahead.drop_some()
    assert lines == await scene.pool.fetchval(COUNT)


async def test_what_is_older_than_a_line_before_it_stays_until_that_goes(scene: Scene) -> None:
    """The events of a round bear the time of its cut, though orders came meanwhile."""
    seller, buyer = scene.sellers[0], scene.buyers[0]
    await scene.offer(seller)
    await scene.require(buyer)
    plan = await scene.plan()
    scene.clock.now += timedelta(days=2)
    await scene.offer(seller)
    await scene.conclude(plan)
    await publish(scene)
    of_lane = f"{TIMES} where stream = $1 and lane = $2 order by position"
    times = [row["time"] for row in await scene.pool.fetch(of_lane, *scene.lane)]
    assert times != sorted(times)
    left = times
    for days in (KEPT_DAYS - 1, 1, 1):
        scene.clock.now += timedelta(days=days)
        while await retention(scene).drop_some():
            assert 0 == await scene.pool.fetchval(FIRST_OF_LANES_BEHIND)
        left = [row["time"] for row in await scene.pool.fetch(of_lane, *scene.lane)]
        kept_since = scene.clock.now - timedelta(days=KEPT_DAYS)
        assert times[len(times) - len(left) :] == left
        assert not left or left[0] >= kept_since
    assert [] == left


async def test_two_that_sweep_at_once_take_turns(scene: Scene) -> None:
    old, new = await old_and_new(scene)
    parts: list[int] = []
    async with scene.pool.acquire() as connection, standing_still(connection):
        await connection.execute("lock table ops.feed_floor in share mode")
        first = asyncio.create_task(retention(scene).drop_some())
        await eventually("the first waits", lambda: waiting(scene))
        assert 0 == await retention(scene).drop_some()
    parts.append(await first)
    while dropped := sum(await asyncio.gather(*(retention(scene).drop_some() for _ in range(2)))):
        parts.append(dropped)
    assert old == sum(parts)
    assert new == await scene.pool.fetchval(COUNT)


async def waiting(scene: Scene) -> bool:
    return bool(await scene.pool.fetchval("select count(*) from pg_locks where not granted"))


async def test_it_runs_until_it_is_stopped_and_waits_for_the_database(scene: Scene) -> None:
    _, new = await old_and_new(scene)
    stop = asyncio.Event()

    async def dropped() -> bool:
        return bool(new == await scene.pool.fetchval(COUNT))

    running = asyncio.create_task(retention(scene, rows_at_once=1_000).run(stop))
    await eventually("old lines to go", dropped)
    stop.set()
    await running
    scene.pool.terminate()
    stop.clear()
    with capture_logs() as told:
        running = asyncio.create_task(retention(scene).run(stop))

        async def warned() -> bool:
            return bool(told)

        await eventually("a line", warned)
        stop.set()
        await running
    assert ["feed_not_dropped"] == [line["event"] for line in told]
