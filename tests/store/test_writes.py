"""What a transaction sends together: several tables in one statement, the same table one after the other."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from events.array_texts import ROWS_MIN, array_text, as_texts, fetch
from events.connections import Connection
from events.row_counts import RowCountWrong
from events.writes import Write, fit_together, send, send_if

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


async def rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await connection.fetch(query)]


async def test_a_table_that_comes_again_sees_what_came_before(writable: Connection) -> None:
    opened = Write("ledger", INSERT, [(1, 10), (2, 20)], ("opened",))
    await send(writable, [opened, Write("diary", NOTE, [(7,)]), Write("ledger", UPDATE, [(2, 21)])])
    assert [(1, 10, "opened"), (2, 21, "opened")] == await rows(writable, "select * from ledger order by 1")
    assert [(7,)] == await rows(writable, "select * from diary")


async def test_writes_without_rows_are_left_out(writable: Connection) -> None:
    await send(writable, [Write("ledger", INSERT, [], ("opened",)), Write("diary", NOTE, [])])
    await send(writable, [Write("ledger", UPDATE, []), Write("diary", NOTE, [(1,)])])
    assert [(0, 1)] == await rows(
        writable, "select (select count(*) from ledger), (select count(*) from diary)"
    )


async def test_a_row_too_few_is_told_by_its_table(writable: Connection) -> None:
    with pytest.raises(RowCountWrong, match="diary: 1 rows instead of 2") as told:
        await send(writable, [Write("ledger", INSERT, [(1, 1)], ("",)), Write("diary", NOTE, [(3,), (3,)])])
    assert "diary" == told.value.what


LEDGERS = "select count(*) from ledger where amount < $1"


@pytest.mark.parametrize("rows_", [1, ROWS_MIN])
async def test_what_depends_on_a_condition_happens_as_a_whole_or_not_at_all(
    writable: Connection, rows_: int
) -> None:
    opened = Write("ledger", INSERT, [(n, 10) for n in range(rows_)], ("opened",))
    noted = Write("diary", NOTE, [(n,) for n in range(rows_)])
    for condition in ("select count(*) from (select 1 where $1 > 0)", LEDGERS):
        with pytest.raises(asyncpg.SerializationError, match="instead of"):
            await send_if(writable, [opened, noted], condition, (1,), 2)
    with pytest.raises(asyncpg.SerializationError):
        await send_if(writable, [opened, noted, Write("ledger", UPDATE, [])], LEDGERS, (20,), rows_)
    assert [] == await rows(writable, "select 1 from ledger union all select 1 from diary")
    await send_if(writable, [opened, noted, Write("ledger", UPDATE, [])], LEDGERS, (20,), 0)
    with pytest.raises(asyncpg.SerializationError):
        await send_if(writable, [noted], LEDGERS, (20,), rows_)
    await send_if(writable, [], LEDGERS, (20,), rows_)
    assert [(rows_, rows_)] == await rows(
        writable, "select (select count(*) from ledger), (select count(*) from diary)"
    )


def test_writes_fit_together_when_no_table_comes_again() -> None:
    opened = Write("ledger", INSERT, [(1, 10)], ("opened",))
    assert fit_together([opened, Write("diary", NOTE, [(1,)]), Write("ledger", UPDATE, [])])
    assert not fit_together([opened, Write("ledger", UPDATE, [(1, 11)])])


@pytest.mark.parametrize(
    ("type_", "column"),
    [
        ("bigint", [0, -1, None, 2**63 - 1, -(2**63)]),
        ("boolean", [True, None, False]),
        ("timestamptz", [datetime(2026, 2, 28, 1, 2, 3, 4, UTC), None, datetime(9999, 12, 31, tzinfo=UTC)]),
        ("uuid", [UUID(int=1), None, UUID(int=2**128 - 1)]),
        (
            "text",
            ["", " ", None, "null", "NULL", "{1,2}", 'a"b', "c\\d", "\\n", "e,f", "é𝄞'", "\\u0041", "\x7f"],
        ),
        ("text", ["".join(map(chr, range(1, 32))), "\n", "\\\n", 'x"\t\\']),
        ("text", []),
    ],
)
async def test_columns_arrive_as_they_are(writable: Connection, type_: str, column: list[Any]) -> None:
    statement, arguments = as_texts(f"select $1::{type_}[]", [column], ROWS_MIN)
    assert [array_text(column)] == arguments
    assert column == await writable.fetchval(statement, *arguments)


@pytest.mark.parametrize("rows", [ROWS_MIN - 1, ROWS_MIN])
async def test_few_rows_and_many(writable: Connection, rows: int) -> None:
    await writable.execute("create temp table noted (number bigint, note text, body bytea, at timestamptz)")
    insert = "insert into noted select *, $4 from unnest($1::bigint[], $2::text[], $3::bytea[])"
    noted = [(number, f'"{number}\n', b"\0\xff") for number in range(rows)]
    at = datetime(2026, 2, 28, tzinfo=UTC)
    await send(writable, [Write("noted", insert, noted, (at,))])
    read = "select note, body, at from noted join unnest($1::bigint[]) as a (n) on n = number order by n"
    found = await fetch(writable, read, list(range(rows)))
    assert [(note, body, at) for _, note, body in noted] == found


async def test_columns_are_lists_or_tuples_and_nothing_else(writable: Connection) -> None:
    for column in ([1, None], (1, None)):
        assert [1, None] == await writable.fetchval("select $1::bigint[]", column)
    for other in ({1}, "1", {1: 1}.keys()):
        with pytest.raises(asyncpg.DataError, match="a sized iterable container expected"):
            await writable.fetchval("select $1::bigint[]", other)


class Registered(list[int]):
    """Says of itself that it is a mapping, if anybody asks."""


Mapping.register(Registered)


async def test_no_column_is_asked_whether_it_is_a_mapping(writable: Connection) -> None:
    assert [1] == await writable.fetchval("select $1::bigint[]", Registered([1]))


async def test_what_a_text_of_the_server_cannot_hold_is_refused(writable: Connection) -> None:
    await writable.execute("create temp table noted (note text)")
    insert = "insert into noted select n from unnest($1::text[]) as r (n)"
    for rows in (1, ROWS_MIN):
        with pytest.raises(asyncpg.CharacterNotInRepertoireError):
            await send(writable, [Write("noted", insert, [("a\0b",)] * rows)])
