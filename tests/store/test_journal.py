"""What nobody may do to the record, and how it begins."""

from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from events.connections import UnsafeDatabase, acquire, open_pool
from events.decision import LaneKey
from events.journal import (
    READ_BY_IDS,
    NotInitialised,
    initialise,
    read_by_ids,
    read_deployment,
    read_events,
    read_head,
    read_one,
)
from tests.record_support import STREAM, note, prepare_record, running_writer

CHANGES = [
    "update record.journal set key = 'x'",
    "delete from record.journal",
    "truncate record.journal",
]


async def test_the_record_is_initialised_once(database: Any) -> None:
    owner = await asyncpg.connect(database.dsn("owner"))
    with pytest.raises(NotInitialised):
        await read_deployment(owner)
    first = await initialise(owner, uuid4(), 12)
    assert first == await initialise(owner, uuid4(), 12)
    with pytest.raises(NotInitialised, match="has 12 lanes for life; 6 were asked for"):
        await initialise(owner, uuid4(), 6)
    assert 48 == await owner.fetchval("select count(*) from record.lane")
    assert 48 == await owner.fetchval("select count(*) from record.relay")
    await owner.close()


@pytest.mark.parametrize("role", ["owner", "writer", "relay", "auditor", "reader"])
@pytest.mark.parametrize("statement", CHANGES)
async def test_nobody_changes_the_journal(database: Any, role: str, statement: str) -> None:
    await prepare_record(database.dsn("owner"), database.admin_dsn, 1)
    async with running_writer(database.dsn("writer")) as writer:
        await writer.execute(note("a"))
    connection = await asyncpg.connect(database.dsn(role))
    with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError)):
        await connection.execute(statement)
    await connection.close()


async def test_not_even_a_superuser_changes_the_journal(database: Any) -> None:
    await prepare_record(database.dsn("owner"), database.admin_dsn, 1)
    async with running_writer(database.dsn("writer")) as writer:
        await writer.execute(note("a"))
    admin = await asyncpg.connect(database.admin_dsn)
    for statement in CHANGES:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await admin.execute(statement)
    await admin.close()


async def test_services_refuse_to_run_as_a_superuser(database: Any) -> None:
    with pytest.raises(UnsafeDatabase, match="row-level security"):
        await open_pool(database.admin_dsn, size=1)


async def test_a_pool_that_is_used_up_is_waited_for_only_so_long(database: Any) -> None:
    pool = await open_pool(database.dsn("relay"), size=1)
    async with acquire(pool):
        with pytest.raises(TimeoutError):
            async with acquire(pool, seconds_max=0.01):
                raise AssertionError("there is a second connection")
    async with acquire(pool, seconds_max=5) as connection:
        assert 1 == await connection.fetchval("select 1")
    await pool.close()


async def test_events_are_read_by_range_and_by_id(database: Any) -> None:
    await prepare_record(database.dsn("owner"), database.admin_dsn, 2)
    connection = await asyncpg.connect(database.dsn("writer"))
    async with running_writer(database.dsn("writer")) as writer:
        events = (await writer.execute(note("a", count=5, also=1))).events
    ids = [event.id for event in events]
    first = LaneKey(STREAM, 0)
    assert list(events[1:3]) == await read_events(connection, first, 1, 3, 100)
    assert list(events[1:2]) == await read_events(connection, first, 1, 3, 1)
    assert tuple(reversed(events)) == await read_by_ids(connection, list(reversed(ids)))
    with pytest.raises(LookupError):
        await read_by_ids(connection, [uuid4()])
    assert events[2] == await read_one(connection, first, 2, 3, ids[2])
    for after, upto in ((3, 5), (0, 2)):
        with pytest.raises(LookupError, match=f"not between {after} and {upto} of parties/0"):
            await read_one(connection, first, after, upto, ids[2])
    await connection.execute("set enable_seqscan = off")
    plan = await connection.fetch("explain " + READ_BY_IDS, ids)
    assert any("journal_by_id" in row[0] for row in plan), plan
    with pytest.raises(ValueError, match="parties/9 is no lane"):
        await read_head(connection, LaneKey(STREAM, 9))
    await connection.close()
