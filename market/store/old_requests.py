"""Idempotency keys whose time is over, of requests and of a recovery: dropped some pages at a time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from events.connections import Connection

# By pages, so that no command has an index more to write.
DROP_REQUESTS = """
delete from record.request
where ctid >= $1::tid and ctid < $2::tid and at < least(now(), $3) - make_interval(days => $4)
"""
DROP_RESTORED = DROP_REQUESTS.replace("record.request", "record.restored_request")

STATEMENTS: Final[Mapping[str, str]] = {
    "record.request": DROP_REQUESTS,
    "record.restored_request": DROP_RESTORED,
}

PAGES = "select pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint"


async def pages(connection: Connection, table: str) -> int:
    return int(await connection.fetchval(PAGES, table))


async def drop_before(
    connection: Connection, table: str, first: int, end: int, now: datetime, *, days: int
) -> int:
    """How many rows older than `days` the pages from `first` up to `end` had, which are gone. As old as the
    earlier of two clocks says, the database's and `now`."""
    told = await connection.execute(STATEMENTS[table], (first, 0), (end, 0), now, days)
    return int(told.rpartition(" ")[2])
