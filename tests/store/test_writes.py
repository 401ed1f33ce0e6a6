"""What a transaction sends together: several tables in one statement, the same table one after the other."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from events.connections import Connection
from events.row_counts import RowCountWrong
from events.writes import Write, send

TABLES = """
create temp table ledger (number bigint primary key, amount bigint not null, note text not null);
create temp table diary (number bigint primary key)
"""
INSERT = "insert into ledger select n, a, $3 from unnest($1::bigint[], $2::bigint[]) as r (n, a)"
UPDATE = """
update ledger l set amount = r.a from unnest($1::bigint[], $2::bigint[]) as r (n, a) where l.number = r.n
"""
NOTE = "insert into diary select n from unnest($1::bigint[]) as r (n) on conflict do nothing"


@pytest.fixture
async def writable(database: Any) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(database.admin_dsn)
    await connection.execute(TABLES)
    yield connection
    await connection.close()


async def test_a_table_that_comes_again_sees_what_came_before(writable: Connection) -> None:
    opened = Write("ledger", INSERT, [(1, 10), (2, 20)], ("opened",))
    await send(writable, [opened, Write("diary", NOTE, [(7,)]), Write("ledger", UPDATE, [(2, 21)])])
    assert [(1, 10, "opened"), (2, 21, "opened")] == await writable.fetch("select * from ledger order by 1")
    assert [(7,)] == await writable.fetch("select * from diary")


async def test_writes_without_rows_are_left_out(writable: Connection) -> None:
    await send(writable, [Write("ledger", INSERT, [], ("opened",)), Write("diary", NOTE, [])])
    await send(writable, [Write("ledger", UPDATE, []), Write("diary", NOTE, [(1,)])])
    assert [(0, 1)] == await writable.fetch(
        "select (select count(*) from ledger), (select count(*) from diary)"
    )


async def test_a_row_too_few_is_told_by_its_table(writable: Connection) -> None:
    with pytest.raises(RowCountWrong, match="diary: 1 rows instead of 2") as told:
        await send(writable, [Write("ledger", INSERT, [(1, 1)], ("",)), Write("diary", NOTE, [(3,), (3,)])])
    assert "diary" == told.value.what
