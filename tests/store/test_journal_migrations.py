"""Migrations run once, in order, and never change afterwards."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from events.migrations import MigrationError, migrate, pending


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_one.sql").write_text("create table public.one (n bigint);", "utf-8")
    (tmp_path / "0002_two.sql").write_text("insert into public.one values (2);", "utf-8")
    return tmp_path


@pytest.fixture
async def empty(database: Any) -> Any:
    """A database whose ledger is empty."""
    connection = await asyncpg.connect(database.admin_dsn)
    await connection.execute("drop table ops.migration")
    yield connection
    await connection.close()


async def test_new_files_run_once_in_order(empty: Any, folder: Path) -> None:
    assert ("0001_one.sql", "0002_two.sql") == await pending(empty, folder)
    assert ("0001_one.sql", "0002_two.sql") == await migrate(empty, folder)
    (folder / "0003_three.sql").write_text("insert into public.one values (3);", "utf-8")
    assert ("0003_three.sql",) == await migrate(empty, folder)
    assert () == await migrate(empty, folder)
    assert () == await pending(empty, folder)
    assert [2, 3] == [row["n"] for row in await empty.fetch("select n from public.one order by n")]


async def test_a_failing_file_leaves_nothing_and_the_ones_before_stay(empty: Any, folder: Path) -> None:
    (folder / "0002_two.sql").write_text("insert into public.one values (2); select 1 / 0;", "utf-8")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty, folder)
    assert ("0002_two.sql",) == await pending(empty, folder)
    assert 0 == await empty.fetchval("select count(*) from public.one")


@pytest.mark.parametrize("change", ["edit", "remove"])
async def test_an_applied_file_may_not_change(empty: Any, folder: Path, change: str) -> None:
    await migrate(empty, folder)
    first = folder / "0001_one.sql"
    if change == "edit":
        first.write_text("create table public.one (n bigint, m bigint);", "utf-8")
    else:
        first.unlink()
    with pytest.raises(MigrationError, match=r"0001_one\.sql"):
        await migrate(empty, folder)


async def test_what_a_database_lacks_is_told_before_it_is_applied(empty: Any, folder: Path) -> None:
    told: list[tuple[str, int, int]] = []
    await migrate(empty, folder, lambda *each: told.append(each))
    assert [] == told
    for name in ("0003_three.sql", "0004_four.sql"):
        (folder / name).write_text("insert into public.one values (3);", "utf-8")
    await migrate(empty, folder, lambda *each: told.append(each))
    assert [("0003_three.sql", 1, 2), ("0004_four.sql", 2, 2)] == told


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ("lock_timeout = '50ms'", "another connection holds a table that it changes: stop all services"),
        ("statement_timeout = '50ms'", "canceling statement due to statement timeout"),
    ],
)
async def test_what_postgresql_breaks_off_is_told_and_taken_back(
    empty: Any, folder: Path, database: Any, limit: str, reason: str
) -> None:
    await migrate(empty, folder)
    (folder / "0003_three.sql").write_text("insert into public.one values (3);", "utf-8")
    (folder / "0004_four.sql").write_text(f"set local {limit}; alter table public.one add k bigint;", "utf-8")
    other = await asyncpg.connect(database.admin_dsn)
    try:
        async with other.transaction():
            await other.execute("lock table public.one in access share mode")
            with pytest.raises(MigrationError, match=f"^0004_four.sql was rolled back.*{reason}"):
                await migrate(empty, folder)
        assert ("0004_four.sql",) == await pending(empty, folder)
        assert ("0004_four.sql",) == await migrate(empty, folder)
    finally:
        await other.close()


async def test_two_at_once_wait_for_each_other(empty: Any, folder: Path, database: Any) -> None:
    others = [await asyncpg.connect(database.admin_dsn) for _ in range(3)]
    results = await asyncio.gather(*(migrate(connection, folder) for connection in others))
    assert [(), (), ("0001_one.sql", "0002_two.sql")] == sorted(results)
    for connection in others:
        await connection.close()


async def test_an_empty_folder_is_refused(empty: Any, tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="no migrations"):
        await migrate(empty, tmp_path)
