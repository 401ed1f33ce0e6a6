"""Values of indices: tables `price_index` and `index_value`, in the lane of the index code."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg
from msgspec import Struct

from contracts.rules.indices import IndexUnit
from events.connections import Connection
from events.contract_events import IndexPublished
from events.contract_terms import IndexValue
from events.envelope import Recorded
from events.row_counts import expect_rows
from events.vocabulary import Period


class IndexRow(Struct, frozen=True, kw_only=True):
    code: str
    unit: IndexUnit
    position: int


class Window(NamedTuple):
    """Values of an index that end after `start` and begin before `end`."""

    lane: int
    code: str
    start: datetime
    end: datetime


UPSERT_INDICES = """
insert into price_index (lane, code, currency, per, rate_of, position)
select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])
on conflict (lane, code) do update set position = excluded.position
"""

INSERT_VALUES = """
insert into index_value (
    lane, code, period_start, period_end, published_at, amount_micro, as_of, source, position
)
select * from unnest(
    $1::bigint[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::bigint[],
    $7::date[], $8::text[], $9::bigint[]
)
"""


async def apply(connection: Connection, steps: Sequence[tuple[Recorded, IndexPublished]]) -> None:
    indices = {
        fact.index: (event.lane, fact.index, fact.currency, fact.per, fact.rate_of, event.position)
        for event, fact in steps
    }
    status = await connection.execute(UPSERT_INDICES, *zip(*indices.values(), strict=True))
    expect_rows(status, len(indices), "price_index upsert")
    rows = [
        (
            event.lane,
            fact.index,
            value.period.start,
            value.period.end,
            value.published_at,
            value.amount_micro,
            value.as_of,
            value.source,
            event.position,
        )
        for event, fact in steps
        for value in fact.values
    ]
    status = await connection.execute(INSERT_VALUES, *zip(*rows, strict=True))
    expect_rows(status, len(rows), "index_value insert")


# Periods are equal or disjoint, so of those that begin before a window only the last can reach into it.
READ_VALUES = """
select v.code, v.period_start, v.period_end, v.published_at, v.amount_micro, v.as_of, v.source
from unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::timestamptz[]) as n (lane, code, start, "end")
cross join lateral (
    select coalesce(max(b.period_start), n.start) as start from index_value b
    where b.lane = n.lane and b.code = n.code and b.period_start <= n.start
) first
join index_value v
    on v.lane = n.lane and v.code = n.code and v.period_start >= first.start and v.period_start < n."end"
        and v.period_end > n.start
order by v.code, v.period_start, v.published_at
"""


async def load_values(connection: Connection, windows: Sequence[Window]) -> dict[str, list[IndexValue]]:
    """The values of every window; where windows of a code overlap, each value once."""
    found: dict[str, list[IndexValue]] = {window.code: [] for window in windows}
    if not windows:
        return found
    seen: set[tuple[str, datetime, datetime]] = set()
    for row in await connection.fetch(READ_VALUES, *(list(column) for column in zip(*windows, strict=True))):
        place = (row["code"], row["period_start"], row["published_at"])
        if place not in seen:
            seen.add(place)
            found[row["code"]].append(_value(row))
    return found


READ_INDEX = """
select code, currency, per, rate_of, position from price_index where lane = $1 and code = $2
"""


async def load_index(connection: Connection, lane: int, code: str) -> IndexRow | None:
    row = await connection.fetchrow(READ_INDEX, lane, code)
    return None if row is None else _row(row)


READ_UNITS = """
select i.code, i.currency, i.per, i.rate_of, i.position
from unnest($1::bigint[], $2::text[]) as n (lane, code)
join price_index i on i.lane = n.lane and i.code = n.code
"""


async def load_units(connection: Connection, places: Collection[tuple[int, str]]) -> dict[str, IndexUnit]:
    """The units of those (lane, code) that have values."""
    if not places:
        return {}
    rows = await connection.fetch(READ_UNITS, *(list(column) for column in zip(*places, strict=True)))
    return {row["code"]: _row(row).unit for row in rows}


READ_CODES = """
select code from price_index order by code limit $1
"""


async def load_codes(connection: Connection, *, limit: int) -> list[str]:
    """At most `limit` codes that have values."""
    return [row["code"] for row in await connection.fetch(READ_CODES, limit)]


class ListedIndex(Struct, frozen=True, kw_only=True):
    """`values` counts restatements too; `newest`: the last published value of the newest period."""

    index: IndexRow
    values: int
    newest: IndexValue


# There are few indices, with some thousand values at most: counting those of a page is cheap.
READ_INDEX_PAGE = """
select i.code, i.currency, i.per, i.rate_of, i.position, c.counted,
    v.period_start, v.period_end, v.published_at, v.amount_micro, v.as_of, v.source
from (select * from price_index where $1::text is null or code > $1 order by code limit $2) i
cross join lateral (
    select count(*) as counted from index_value n where n.lane = i.lane and n.code = i.code
) c
cross join lateral (
    select * from index_value n where n.lane = i.lane and n.code = i.code
    order by n.period_start desc, n.published_at desc limit 1
) v
order by i.code
"""


async def list_indices(connection: Connection, *, after: str | None, limit: int) -> list[ListedIndex]:
    """At most `limit`, in the order of their codes."""
    rows = await connection.fetch(READ_INDEX_PAGE, after, limit)
    return [ListedIndex(index=_row(row), values=row["counted"], newest=_value(row)) for row in rows]


READ_VALUE_PAGE = """
select code, period_start, period_end, published_at, amount_micro, as_of, source from index_value
where lane = $1 and code = $2 and ($3::timestamptz is null or (period_start, published_at) > ($3, $4))
order by period_start, published_at limit $5
"""


async def list_values(
    connection: Connection, lane: int, code: str, *, after: tuple[datetime, datetime] | None, limit: int
) -> list[IndexValue]:
    """At most `limit`, by start of period and time of publication."""
    start, published_at = (None, None) if after is None else after
    rows = await connection.fetch(READ_VALUE_PAGE, lane, code, start, published_at, limit)
    return [_value(row) for row in rows]


def _row(row: asyncpg.Record) -> IndexRow:
    unit = IndexUnit(currency=row["currency"], per=row["per"], rate_of=row["rate_of"])
    return IndexRow(code=row["code"], unit=unit, position=row["position"])


def _value(row: asyncpg.Record) -> IndexValue:
    return IndexValue(
        period=Period(start=row["period_start"], end=row["period_end"]),
        amount_micro=row["amount_micro"],
        as_of=row["as_of"],
        published_at=row["published_at"],
        source=row["source"],
    )
