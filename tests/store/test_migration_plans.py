"""What `lodestone migrate --plan` tells is what PostgreSQL does: locks are compared with those it takes."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from events.migration_plans import LOCKS, Lock, Planned, Touched, about, plan, touched
from events.migrations import CREATE_LEDGER, MigrationError, migrate
from market.provision import MIGRATIONS
from tests.conftest import Database

MODES: dict[str, Lock] = {
    "RowExclusiveLock": "rows",
    "ShareUpdateExclusiveLock": "rows",
    "ShareLock": "no_writes",
    "ShareRowExclusiveLock": "no_writes",
    "ExclusiveLock": "no_writes",
    "AccessExclusiveLock": "none_else",
}
# By number, since a table that is dropped has no name any more.
TAKEN = (
    "select relation, mode from pg_locks where pid = pg_backend_pid() and granted and relation is not null"
)
TABLES = """
select c.oid, n.nspname || '.' || c.relname as name
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname not like 'pg\\_%'
"""
INDEXES = """
select schemaname || '.' || indexname as index, schemaname || '.' || tablename as name from pg_indexes
"""


@pytest.fixture
async def empty(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A database with roles and nothing else."""
    connection = await asyncpg.connect(database.admin_dsn)
    await connection.execute("drop schema if exists record, state, ops, view cascade")
    await connection.execute(CREATE_LEDGER)
    yield connection
    await connection.close()


async def test_every_migration_locks_what_is_told(empty: Any) -> None:
    seen: set[Lock] = set()
    for file in sorted(MIGRATIONS.glob("*.sql")):
        text = file.read_text("utf-8")
        before = {row["oid"]: row["name"] for row in await empty.fetch(TABLES)}
        indexes = {row["index"]: row["name"] for row in await empty.fetch(INDEXES)}
        taken: dict[str, Lock] = {}
        async with empty.transaction():
            await empty.execute(text)
            for row in await empty.fetch(TAKEN):
                lock = MODES.get(row["mode"])
                name = before.get(row["relation"])
                if lock is not None and name is not None:
                    taken[name] = max(taken.get(name, lock), lock, key=LOCKS.index)
        told = {each.table: each.lock for each in touched(text, indexes) if each.table in before.values()}
        assert (file.name, taken) == (file.name, told)
        assert about(text)
        seen |= set(taken.values())
    assert set(LOCKS) == seen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_one.sql").write_text(
        "-- One table. And more.\ncreate schema told; create table told.one (n bigint);\n"
        "create table told.two (n bigint);",
        "utf-8",
    )
    return tmp_path


async def test_a_plan_tells_what_is_there_how_large_and_writes_nothing(database: Any, folder: Path) -> None:
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        await connection.execute("drop table ops.migration")
        await migrate(connection, folder)
        await connection.execute("insert into told.one select generate_series(1, 5000)")
        await connection.execute("analyze told.one")
        (folder / "0002_two.sql").write_text(
            "-- An index; rows that change.\ncreate index one_by_n on told.one (n);\n"
            "-- update told.two set n = 1;\nupdate told.one set n = 'alter table told.two'::text::bigint;\n"
            "create table told.three (n bigint references told.two);",
            "utf-8",
        )
        async with connection.transaction(readonly=True):
            (planned,) = await plan(connection, folder)
        size = await connection.fetchval("select pg_total_relation_size('told.one')")
        assert (
            Planned(
                name="0002_two.sql",
                about="An index; rows that change.",
                creates=1,
                tables=(
                    Touched(table="told.one", lock="no_writes", takes="changes_rows", rows=5000, bytes=size),
                    Touched(table="told.two", lock="no_writes", takes="no_time", rows=None, bytes=0),
                ),
            )
            == planned
        )
    finally:
        await connection.close()


async def test_an_older_program_says_that_the_database_is_newer(database: Any, folder: Path) -> None:
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        await connection.execute("drop table ops.migration")
        (folder / "0002_two.sql").write_text("create table told.later (n bigint);", "utf-8")
        await migrate(connection, folder)
        (folder / "0002_two.sql").unlink()
        with pytest.raises(
            MigrationError, match=r"newer version: 0002_two\.sql .* newest here is 0001_one\.sql"
        ):
            await migrate(connection, folder)
    finally:
        await connection.close()
