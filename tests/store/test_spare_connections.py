"""Connections that a writer keeps from one batch to the next: while it has work, and none that is broken."""

import asyncio
from functools import partial
from typing import Any

import asyncpg

from events.connections import Pool, Pooled
from events.spare_connections import SpareConnections, _is_open
from tests.record_support import eventually, note, pool_on, prepare_record, writer_on


async def test_one_is_lent_again_until_it_is_given_back_or_broken(database: Any) -> None:
    async with pool_on(database.dsn("writer"), 3) as pool:
        spare = SpareConnections(pool, 2, 1.0)
        async with spare.lent() as first, spare.lent() as second:
            own = first.get_server_pid()
            assert own != second.get_server_pid()
        assert 0 == pool.get_idle_size()
        async with spare.lent() as again:
            assert again.get_server_pid() in {own, second.get_server_pid()}
        try:
            async with spare.lent() as failing:
                await failing.execute("select 1 / 0")
        except asyncpg.DivisionByZeroError:
            assert 1 == pool.get_idle_size()
        admin = await asyncpg.connect(database.admin_dsn)
        (kept,) = spare._spare
        await admin.execute("select pg_terminate_backend($1)", kept.get_server_pid())
        await admin.close()
        await eventually(partial(_is_lost, kept))
        async with spare.lent() as fresh:
            assert 1 == await fresh.fetchval("select 1")
        await spare.give_back()
        assert pool.get_size() == pool.get_idle_size() > 0


async def test_of_a_small_pool_none_is_kept(database: Any) -> None:
    async with pool_on(database.dsn("writer"), 2) as pool:
        spare = SpareConnections(pool, 2, 1.0)
        async with spare.lent(), spare.lent():
            assert 0 == pool.get_idle_size()
        assert 2 == pool.get_idle_size()


async def test_a_writer_without_work_keeps_none(database: Any) -> None:
    await prepare_record(database.dsn("owner"), database.admin_dsn, 4)
    async with pool_on(database.dsn("writer"), 4) as pool:
        writer = writer_on(pool)
        await writer.start()
        for turn in range(3):
            await asyncio.gather(
                *(writer.execute(note(f"{turn} {n}", lane=n % 4, optimistic=True)) for n in range(12))
            )
        assert not await _has_all(pool)
        await eventually(partial(_has_all, pool))
        await asyncio.gather(
            *(writer.execute(note(f"last {n}", lane=n % 4, optimistic=True)) for n in range(12)),
            writer.stop(),
        )
        assert await _has_all(pool)


async def _is_lost(connection: Pooled) -> bool:
    return not _is_open(connection)


async def _has_all(pool: Pool) -> bool:
    return pool.get_size() == pool.get_idle_size()
