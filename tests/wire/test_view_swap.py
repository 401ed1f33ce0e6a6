"""Views are swapped while they are read and written: no statement finds them missing, empty or behind."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from events.connections import Pool, open_pool
from events.journal import read_events
from events.replay import from_journal
from market.rebuild import VIEWS_LOCK, compare_with_record
from market.store import views
from market.store.lists import list_supplies
from market.store.reading import reading
from market.store.views import PROJECTOR
from market.view_swap import CannotSwap, swap_views
from tests.conftest import Database
from tests.market_days import trade_for_a_while
from tests.market_drafts import Firm
from tests.market_support import PLACE_OF_PROJECTOR, Scene, project
from tests.process_support import caught_up, eventually, finish, serving, start_cli, wired
from tests.record_support import standing_still
from tests.store.test_tables import POSTGRES, dumper

COUNT = "select count(*) from order_entry"
BROKEN = """
update view.order_entry set rank = rank + 1
where order_id = (select order_id from view.order_entry order by order_id limit 1)
"""


@pytest.fixture
def database(market_database: Database) -> Database:
    return market_database


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[Pool]:
    pool = await open_pool(database.dsn("owner"), size=3)
    yield pool
    await pool.close()


def ignored(_count: int) -> None:
    pass


async def execute(database: Database, statement: str) -> None:
    admin = await asyncpg.connect(database.admin_dsn)
    try:
        await admin.execute(statement)
    finally:
        await admin.close()


class Reads:
    """Lists as the door reads them, one after another, until they are stopped: how many offers each saw."""

    def __init__(self, pool: Pool, firm: Firm, seconds: float) -> None:
        """`seconds` that a transaction waits between its snapshot and its list."""
        self._pool = pool
        self._firm = firm
        self._seconds = seconds
        self._stop = False
        self.counts: list[int] = []

    async def run(self) -> None:
        organisation = self._firm.organisation
        while not self._stop:
            async with reading(self._pool, organisation=organisation, role="tenant") as connection:
                await asyncio.sleep(self._seconds)
                found = await list_supplies(connection, organisation, "offer", limit=100)
            self.counts.append(len(found.items))

    def stop(self) -> None:
        self._stop = True


async def test_reads_never_meet_a_gap_and_nothing_that_is_written_meanwhile_is_lost(
    database: Database, scene: Scene, owner: Pool, kafka_bootstrap: str, topic_prefix: str
) -> None:
    swaps = 4
    given = (database, kafka_bootstrap, topic_prefix)
    async with wired(*given, now=scene.clock) as wiring, serving(wiring, "relay", "projector"):
        await scene.offer(scene.sellers[0])
        await eventually("the projector", lambda: caught_up(scene, PROJECTOR))
        reads = [Reads(wiring.reader, scene.sellers[0], seconds) for seconds in (0, 0.02, 0.5)]
        tasks = [asyncio.create_task(each.run()) for each in reads]
        for _ in range(swaps):
            posted = asyncio.gather(*(scene.offer(scene.sellers[0]) for _ in range(10)))
            report = await swap_views(owner, ignored)
            assert report.equal
            await posted
        await eventually("the projector", lambda: caught_up(scene, PROJECTOR))
        for each in reads:
            each.stop()
        await asyncio.gather(*tasks)
    for each in reads:
        assert each.counts == sorted(each.counts)
        assert 0 < each.counts[0]
    assert 1 + 10 * swaps == await scene.pool.fetchval(COUNT)
    connection = await asyncpg.connect(database.dsn("owner"))
    rebuilt = await compare_with_record(
        connection, lambda key, upto: from_journal(scene.pool, key, upto=upto)
    )
    await connection.close()
    assert rebuilt.equal


async def test_the_swap_waits_for_what_the_projector_is_writing(
    database: Database, scene: Scene, owner: Pool
) -> None:
    await scene.offer(scene.sellers[0])
    await project(scene)
    await scene.offer(scene.sellers[0])
    async with scene.pool.acquire() as connection, standing_still(connection):
        events = await read_events(connection, scene.lane, 0, 10**6, 10**6)
        await views.apply(connection, events[-1:])
        swap = asyncio.create_task(swap_views(owner, ignored))
        await eventually("the swap waits", lambda: _waits(scene.pool))
        place = (PROJECTOR, *scene.lane, events[-1].position, events[-1].chain)
        await connection.execute(PLACE_OF_PROJECTOR, *place)
    assert (await swap).equal
    assert 2 == await scene.pool.fetchval(COUNT)


async def _waits(pool: Pool) -> bool:
    return bool(await pool.fetchval("select exists (select from pg_locks where not granted)"))


async def test_swapped_views_are_what_the_migrations_made(
    database: Database, scene: Scene, owner: Pool
) -> None:
    await trade_for_a_while(scene)
    await project(scene)
    await execute(database, BROKEN)
    report = await swap_views(owner, ignored)
    assert [("view.order_entry", 1)] == [
        (table.table, table.differences) for table in report.tables if table.differences
    ]
    assert (await swap_views(owner, ignored)).equal
    assert (POSTGRES / "schema.sql").read_text() == dumper().dump(database.admin_dsn)


async def test_what_a_killed_swap_has_left_is_thrown_away_and_two_do_not_meet(
    database: Any, scene: Scene, owner: Pool, kafka_bootstrap: str, topic_prefix: str
) -> None:
    await execute(
        database, "set role lodestone_owner; create schema view_next; create table view_next.order_entry ()"
    )
    await execute(database, "set role lodestone_owner; create schema view_before")
    await scene.offer(scene.sellers[0])
    await project(scene)
    admin = await asyncpg.connect(database.admin_dsn)
    await admin.fetchval("select pg_advisory_lock($1)", VIEWS_LOCK)
    with pytest.raises(CannotSwap):
        await swap_views(owner, ignored)
    await admin.close()
    code, out, err = await finish(
        await start_cli(database, kafka_bootstrap, topic_prefix, "replay", "--swap", "--json")
    )
    assert (0, True) == (code, '"differences": 0' in out), err
    left = await scene.pool.fetch("select nspname from pg_namespace where nspname like 'view%' order by 1")
    assert ["view"] == [row["nspname"] for row in left]
    assert 1 == await scene.pool.fetchval(COUNT)
