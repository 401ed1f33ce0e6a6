"""What is due happens once, however many timers look and whenever they are started again."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from structlog.testing import capture_logs

from events.decision import LaneKey
from events.market_events import (
    ClearingPlanned,
    MatchLapsed,
    MatchStruck,
    RecoveredLotExpired,
    RequirementExpired,
    SupplyOfferExpired,
)
from events.material_events import LotReleased
from market.store.due import MarketClock, clearing_clocks
from market.timers import Timers, is_due, jitter_seconds
from tests.conftest import Database
from tests.market_drafts import VALID_UNTIL
from tests.market_support import Scene, scene_on
from tests.process_support import eventually

WEEKS = 7 * 86_400.0


@pytest.fixture
def database(market_database: Database) -> Database:
    return market_database


def timers_on(scene: Scene, commands_max: int = 256) -> Timers:
    return Timers(scene.desk, scene.operator.organisation, clock=scene.clock, commands_max=commands_max)


async def kinds(scene: Scene, *facts: type[object]) -> Counter[str]:
    events = [*await scene.events("market"), *await scene.events("materials")]
    return Counter(type(event.data).__name__ for event in events if isinstance(event.data, facts))


async def test_orders_expire_when_their_validity_is_over_and_not_before(database: Any) -> None:
    async with scene_on(database) as scene:
        await scene.offer(scene.sellers[0])
        await scene.lot(scene.sellers[1], "LOT-1")
        await scene.require(scene.buyers[0])
        timers = timers_on(scene)
        assert 0 == await timers.tick()
        scene.clock.pass_seconds(20 * WEEKS)
        await asyncio.gather(timers.tick(), timers_on(scene).tick())
        await timers_on(scene).tick()
        expected = {
            "SupplyOfferExpired": 1,
            "RecoveredLotExpired": 1,
            "RequirementExpired": 1,
            "LotReleased": 1,
        }
        found = await kinds(scene, SupplyOfferExpired, RecoveredLotExpired, RequirementExpired, LotReleased)
        assert expected == found


async def test_a_match_nobody_answers_lapses_once_and_its_quantity_trades_again(database: Any) -> None:
    async with scene_on(database) as scene:
        await scene.offer(scene.sellers[0], commitment="subject_to_confirmation")
        await scene.require(scene.buyers[0], commitment="subject_to_confirmation")
        first = await scene.conclude(await scene.plan())
        timers = timers_on(scene)
        assert 0 == await timers.tick()
        scene.clock.pass_seconds(3_601)
        await asyncio.gather(timers.tick(), timers_on(scene).tick())
        assert {"MatchLapsed": 1} == await kinds(scene, MatchLapsed)
        second = await scene.conclude(await scene.plan())
        traded = [
            [e.data.quantity_basis_g for e in events if isinstance(e.data, MatchStruck)]
            for events in (first, second)
        ]
        assert traded[0] == traded[1] != []


async def test_expiry_waits_while_a_plan_is_open(database: Any) -> None:
    async with scene_on(database) as scene:
        await scene.offer(scene.sellers[0])
        await scene.require(scene.buyers[0])
        plan = await scene.plan()
        scene.clock.pass_seconds(20 * WEEKS)
        timers = timers_on(scene)
        assert 0 == await timers.tick()
        await scene.conclude(plan)
        await timers.tick()
        assert {"SupplyOfferExpired": 1} == await kinds(scene, SupplyOfferExpired, RequirementExpired)


async def another_lane(scene: Scene) -> UUID:
    """A market in another lane than the scene's."""
    while True:
        market = await scene.open_market()
        if scene.desk.lane("market", market) != scene.lane:
            return market


async def test_orders_of_a_stopped_lane_hold_up_no_other(database: Any) -> None:
    async with scene_on(database) as scene:
        stopped = scene.lane
        for _ in range(3):
            await scene.offer(scene.sellers[0])
        scene.market = await another_lane(scene)
        firm = await scene.register("seller-elsewhere")
        await scene.offer(firm)
        await stop_lane(database, stopped, "a fork")
        scene.clock.pass_seconds(20 * WEEKS)
        timers = timers_on(scene, commands_max=2)
        assert 1 == await timers.tick()
        assert {"SupplyOfferExpired": 1} == await kinds(scene, SupplyOfferExpired)
        await stop_lane(database, stopped, None)
        assert [2, 1] == [await timers.tick() for _ in range(2)]
        assert {"SupplyOfferExpired": 4} == await kinds(scene, SupplyOfferExpired)


async def test_lapses_of_a_stopped_lane_wait(database: Any) -> None:
    async with scene_on(database) as scene:
        await scene.offer(scene.sellers[0], commitment="subject_to_confirmation")
        await scene.require(scene.buyers[0], commitment="subject_to_confirmation")
        await scene.conclude(await scene.plan())
        scene.clock.pass_seconds(3_601)
        await stop_lane(database, scene.lane, "a fork")
        assert 0 == await timers_on(scene).tick()
        await stop_lane(database, scene.lane, None)
        assert 1 == await timers_on(scene).tick()
        assert {"MatchLapsed": 1} == await kinds(scene, MatchLapsed)


async def stop_lane(database: Any, lane: LaneKey, reason: str | None) -> None:
    owner = await asyncpg.connect(database.dsn("owner"))
    await owner.execute(
        "update record.lane set stopped_reason = $3 where stream = $1 and lane = $2", *lane, reason
    )
    await owner.close()


async def test_what_fails_or_is_refused_again_and_again_is_passed_over_and_told_once(database: Any) -> None:
    async with scene_on(database) as scene:
        broken = [await scene.offer(scene.sellers[0]) for _ in range(2)]
        refused = await scene.lot(scene.sellers[0], "LOT-1")
        well = await scene.require(scene.buyers[0], valid_until=VALID_UNTIL + timedelta(hours=1))
        await scene.pool.execute("update order_terms set body = '{}' where order_id = any($1)", broken)
        await stop_lane(database, await materials_lane(scene), "a fork")
        scene.clock.pass_seconds(20 * WEEKS)
        timers = timers_on(scene, commands_max=1)
        with capture_logs() as lines:
            for _ in range(5):
                await timers.tick()
            scene.clock.pass_seconds(61)
            for _ in range(5):
                await timers.tick()
        told = [(line["event"], UUID(line["subject"])) for line in lines if line["event"] != "timer_refused"]
        assert sorted([*(("timer_failed", order) for order in broken), ("timer_fired", well)]) == sorted(told)
        assert {str(refused)} == {line["subject"] for line in lines if line["event"] == "timer_refused"}
        assert {"RequirementExpired": 1} == await kinds(scene, RequirementExpired, RecoveredLotExpired)


async def test_no_failure_is_silent_however_many_were_told(database: Any) -> None:
    async with scene_on(database) as scene:
        broken = [await scene.offer(scene.sellers[0]) for _ in range(3)]
        await scene.pool.execute("update order_terms set body = '{}' where order_id = any($1)", broken)
        scene.clock.pass_seconds(20 * WEEKS)
        timers = Timers(scene.desk, scene.operator.organisation, clock=scene.clock, remembered_max=2)
        with capture_logs() as lines:
            await timers.tick()
        told = [UUID(line["subject"]) for line in lines if line["event"] == "timer_failed"]
        assert sorted(broken) == sorted(told)


async def materials_lane(scene: Scene) -> LaneKey:
    return LaneKey("materials", await scene.pool.fetchval("select lane from lot_reservation"))


async def test_a_database_that_is_away_is_waited_for(database: Any) -> None:
    async with scene_on(database) as scene:
        scene.pool.terminate()
        stop = asyncio.Event()
        with capture_logs() as lines:
            running = asyncio.create_task(timers_on(scene).run(stop))
            await eventually("the timers' line", lambda: _says(lines, "timers_wait"))
            stop.set()
            await running
        assert {"timers_wait", "record_unavailable"} >= {line["event"] for line in lines}


async def _says(lines: list[Any], event: str) -> bool:
    return event in [line["event"] for line in lines]


async def test_a_sold_lot_is_released_as_sold(database: Any) -> None:
    async with scene_on(database) as scene:
        await scene.lot(scene.sellers[0], "LOT-1")
        await scene.require(scene.buyers[0], basis_g=5_000_000)
        await scene.conclude(await scene.plan())
        timers = timers_on(scene)
        await asyncio.gather(timers.tick(), timers_on(scene).tick())
        released = [event.data for event in await scene.events("materials") if "released" in event.type]
        assert ["sold"] == [fact.reason for fact in released]  # type: ignore[attr-defined]


async def test_a_market_that_clears_by_the_clock_is_planned_once_per_interval(database: Any) -> None:
    async with scene_on(database) as scene:
        scene.market = await scene.open_market(clearing_interval_seconds=60, clearing_jitter_seconds=20)
        timers = [timers_on(scene) for _ in range(3)]
        await asyncio.gather(*(timer.tick() for timer in timers))
        assert {"ClearingPlanned": 1} == await kinds(scene, ClearingPlanned)
        (plan,) = [e for e in await scene.events("market") if isinstance(e.data, ClearingPlanned)]
        await scene.conclude(plan)
        scene.clock.pass_seconds(90)
        assert 0 == await timers_on(scene).tick(), "nothing happened since the last round"
        firm = await scene.register("seller-late")
        await scene.offer(firm)
        await asyncio.gather(*(timer.tick() for timer in [timers_on(scene) for _ in range(3)]))
        assert {"ClearingPlanned": 2} == await kinds(scene, ClearingPlanned)


async def test_the_jitter_is_the_same_for_every_timer_and_within_its_bound(database: Any) -> None:
    async with scene_on(database) as scene:
        market = await scene.open_market(clearing_interval_seconds=60, clearing_jitter_seconds=20)
        from_clock = await _clock_of(scene, market)
        assert 0 <= jitter_seconds(from_clock) <= 20
        assert is_due(from_clock, scene.clock.now)


async def _clock_of(scene: Scene, market: object) -> MarketClock:
    async with scene.pool.acquire() as connection:
        return next(clock for clock in await clearing_clocks(connection) if clock.market == market)
