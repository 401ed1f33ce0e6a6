"""The book out of the tables is the book folded from the journal, whatever happened to its orders."""

from typing import Any

import asyncpg
import pytest

from events.catalog import FACT_TYPES
from market.commands import members
from market.folders import DEPLOY
from market.rules.book import Books, fold
from tests.conftest import Database
from tests.market_days import trade_for_a_while
from tests.market_support import Scene, load_book

MIGRATION = DEPLOY / "postgres" / "migrations" / "0044_halts_and_suspensions.sql"
SUSPENSIONS = "select organisation, suspended_time, suspended_reason from member order by organisation"


@pytest.fixture
def database(market_database: Database) -> Database:
    return market_database


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


async def test_suspensions_of_before_are_dated_from_the_journal(scene: Scene, database: Database) -> None:
    """The newest one, of who is suspended still; who was admitted again has none."""
    again, back = scene.sellers
    named = {"market": scene.market}
    for firm, reasons in ((again, ("papers", "screening")), (back, ("late",))):
        for reason in reasons:
            of: dict[str, Any] = {**named, "organisation": firm.organisation}
            await members.suspend(scene.desk, scene.operator, **of, reason=reason)
            scene.clock.pass_seconds(60)
            if (firm, reason) != (again, "screening"):
                await members.admit(scene.desk, scene.operator, **of)
    owner = await asyncpg.connect(database.dsn("owner"), server_settings={"search_path": "state"})
    try:
        before = await owner.fetch(SUSPENSIONS)
        for table, column in (("member", "suspended"), ("market", "halted")):
            for part in ("time", "reason"):
                await owner.execute(f"alter table {table} drop column {column}_{part}")
        async with owner.transaction():
            await owner.execute(MIGRATION.read_text("utf-8"))
        assert before == await owner.fetch(SUSPENSIONS)
    finally:
        await owner.close()
    told = [(row["organisation"], row["suspended_reason"]) for row in before if row["suspended_time"]]
    assert [(again.organisation, "screening")] == told
