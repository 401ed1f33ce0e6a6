"""Idempotency keys end after so many days, pages at a time; a key that has ended is free again."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest
from structlog.testing import capture_logs

from events.connections import Pool
from market.request_retention import RequestRetention
from market.store import old_requests
from tests.conftest import Database
from tests.market_support import Scene, scene_on

DAYS = 30
COUNT = "select count(*) from record.request"
FILL = """
insert into record.request
select $1, 'POST /v1/supply-offers', n::text, sha256('x'), array[gen_random_uuid()],
    now() - make_interval(days => case when n % 3 = 0 then $2 - 1 else $2 + 1 end)
from generate_series(1, $3) n
"""
FILL_RESTORED = """
insert into record.restored_request
select $1, 'POST /v1/supply-offers', sha256(convert_to(n::text, 'UTF8')), sha256('x'), '{}',
    now() - make_interval(days => case when n % 3 = 0 then $2 - 1 else $2 + 1 end)
from generate_series(1, $3) n
"""


@pytest.fixture
async def scene(market_database: Database) -> AsyncIterator[Scene]:
    async with scene_on(market_database) as opened:
        yield opened


def retention(pool: Pool, *, ahead: timedelta = timedelta(), pages_at_once: int = 2) -> RequestRetention:
    return RequestRetention(
        pool,
        days=DAYS,
        clock=lambda: datetime.now(UTC) + ahead,
        pages_at_once=pages_at_once,
        breath_seconds=0.0,
    )


async def test_old_keys_of_requests_and_of_a_recovery_go_and_others_stay(
    scene: Scene, market_database: Database
) -> None:
    before = await scene.pool.fetchval(COUNT)
    await scene.pool.execute(FILL, uuid4(), DAYS, 900)
    owner = await asyncpg.connect(market_database.admin_dsn)
    await owner.execute(FILL_RESTORED, uuid4(), DAYS, 90)
    await owner.close()
    with capture_logs() as told:
        assert 660 == await retention(scene.pool).pass_over(asyncio.Event())
    assert [(660, DAYS)] == [(each["rows"], each["days"]) for each in told]
    assert before + 300 == await scene.pool.fetchval(COUNT)
    assert 30 == await scene.pool.fetchval("select count(*) from record.restored_request")
    assert 0 == await retention(scene.pool).pass_over(asyncio.Event())


@pytest.mark.parametrize("ahead", [timedelta(days=4_000), timedelta(), timedelta(days=-2)])
async def test_the_earlier_of_two_clocks_says_how_old_a_key_is(scene: Scene, ahead: timedelta) -> None:
    """A clock that was moved on to rehearse years ends no key, nor does a database whose clock runs ahead."""
    await scene.pool.execute(FILL, uuid4(), DAYS, 30)
    dropped = await retention(scene.pool, ahead=ahead).pass_over(asyncio.Event())
    assert (0 if ahead < timedelta() else 20) == dropped


async def test_a_pass_goes_some_pages_at_a_time_and_stops_when_it_is_told(scene: Scene) -> None:
    await scene.pool.execute(FILL, uuid4(), DAYS, 900)
    async with scene.pool.acquire() as connection:
        pages = await old_requests.pages(connection, "record.request")
        assert pages > 4
        first = await old_requests.drop_before(
            connection, "record.request", 0, 2, datetime.now(UTC), days=DAYS
        )
        assert 0 < first < 600
        assert 0 == await old_requests.drop_before(
            connection, "record.request", 0, 2, datetime.now(UTC), days=DAYS
        )
    stop = asyncio.Event()
    stop.set()
    assert 0 == await retention(scene.pool).pass_over(stop)
    assert 600 - first == await retention(scene.pool).pass_over(asyncio.Event())


@pytest.mark.parametrize("statement", old_requests.STATEMENTS.values(), ids=old_requests.STATEMENTS)
async def test_only_the_pages_that_are_asked_for_are_read(scene: Scene, statement: str) -> None:
    plan = await scene.pool.fetch("explain " + statement, (0, 0), (2, 0), datetime.now(UTC), DAYS)
    assert any("Tid Range Scan on" in row[0] for row in plan), plan


async def test_two_passes_at_once_drop_each_key_once(scene: Scene) -> None:
    await scene.pool.execute(FILL, uuid4(), DAYS, 900)
    dropped = await asyncio.gather(*(retention(scene.pool).pass_over(asyncio.Event()) for _ in range(2)))
    assert 600 == sum(dropped)
