"""The book out of the tables is the book folded from the journal, whatever happened to its orders."""

from collections.abc import AsyncIterator

import pytest

from events.catalog import FACT_TYPES
from market.rules.book import Books, fold
from tests.conftest import Database
from tests.market_days import trade_for_a_while
from tests.market_support import Scene, load_book, scene_on


@pytest.fixture
def database(market_database: Database) -> Database:
    return market_database


@pytest.fixture
async def scene(database: Database) -> AsyncIterator[Scene]:
    async with scene_on(database) as opened:
        yield opened


async def assert_tables_hold_the_fold(scene: Scene) -> None:
    folded: Books = {}
    for event in await scene.events("market"):
        fold(folded, event)
    async with scene.pool.acquire() as connection:
        for market, expected in folded.items():
            assert expected == await load_book(connection, market)


async def test_posted_orders_stand_in_the_book(scene: Scene) -> None:
    await scene.offer(scene.sellers[0])
    await scene.require(scene.buyers[0])
    await scene.lot(scene.sellers[1], "L-1")
    await assert_tables_hold_the_fold(scene)


async def test_a_cleared_round_moves_holds_of_both_sides(scene: Scene) -> None:
    await scene.offer(scene.sellers[0])
    await scene.require(scene.buyers[0])
    plan = await scene.plan()
    await assert_tables_hold_the_fold(scene)
    events = await scene.conclude(plan)
    assert "market.match.confirmed.v1" in [event.type for event in events]
    await assert_tables_hold_the_fold(scene)


async def test_the_book_is_the_fold_after_everything_that_can_happen(scene: Scene) -> None:
    await trade_for_a_while(scene)
    seen = {event.type for event in await scene.events("market")}
    assert {name for name in FACT_TYPES if name.startswith("market.")} == seen
    await assert_tables_hold_the_fold(scene)
