"""What the relay publishes next: bounded chunks of journal rows past a position, as batches for Kafka."""

import time
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias

from aiokafka.errors import MessageSizeTooLargeError

from events.codec import headers
from events.connections import Connection, Pool, Producer, acquire
from events.decision import LaneKey

Rows: TypeAlias = Sequence[Any]
"""Of each: position, key, body, chain."""

# All lanes that are behind and their next rows, in one round trip. 450 bytes: what a record's headers take.
READ_DUE = """
select a.stream, a.lane, j.position, j.key, j.body, j.chain
from unnest($1::text[], $2::bigint[], $3::bigint[]) as a (stream, lane, after)
join record.lane l on l.stream = a.stream and l.lane = a.lane and l.next_position > a.after + 1
cross join lateral (
    select position, key, body, chain,
           sum(octet_length(body) + 450) over (order by position rows unbounded preceding) as bytes
    from (
        select position, key, body, chain from record.journal
        where stream = a.stream and lane = a.lane and position > a.after order by position limit $4
    ) n
) j
where j.bytes - octet_length(j.body) - 450 < $5
order by a.stream, a.lane, j.position
"""

# Up to the row that crosses the limit, so that a single large one gets through.
READ_CHUNK = """
select position, key, body, chain from (
    select position, key, body, chain,
           sum(octet_length(body) + 450) over (order by position rows unbounded preceding) as bytes
    from (
        select position, key, body, chain from record.journal
        where stream = $1 and lane = $2 and position > $3 order by position limit $4
    ) n
) j
where bytes - octet_length(body) - 450 < $5 order by position
"""


async def read_due(
    connection: Connection, after: Mapping[LaneKey, int], *, rows_max: int, bytes_max: int
) -> list[tuple[LaneKey, Rows]]:
    """The next rows of every lane that has some past its position; both limits are each lane's."""
    rows = await connection.fetch(
        READ_DUE,
        [key.stream for key in after],
        [key.lane for key in after],
        list(after.values()),
        rows_max,
        bytes_max,
    )
    return [
        (LaneKey(*place), [row[2:] for row in found])
        for place, found in groupby(rows, lambda row: (row[0], row[1]))
    ]


async def read_chunk(pool: Pool, key: LaneKey, after: int, *, rows_max: int, bytes_max: int) -> Rows:
    async with acquire(pool) as connection:
        return await connection.fetch(READ_CHUNK, key.stream, key.lane, after, rows_max, bytes_max)


class Chunk(NamedTuple):
    """Consecutive rows as batches for Kafka, and the positions of the first and the last."""

    batches: list[Any]
    first: int
    last: int


def build(producer: Producer, rows: Rows) -> Chunk:
    """MessageSizeTooLargeError for a row that no batch can hold. Without rows there are no batches."""
    timestamp = int(time.time() * 1000)
    batches: list[Any] = []
    append: Any = None
    first = position = 0
    for position, key, body, chain in rows:
        text, found = key.encode(), headers(body, position, chain)
        if append is None:
            first = position
        elif append(timestamp=timestamp, key=text, value=body, headers=found) is not None:
            continue
        batches.append(producer.create_batch())
        append = batches[-1].append
        if append(timestamp=timestamp, key=text, value=body, headers=found) is None:
            raise MessageSizeTooLargeError(f"position {position}")
    return Chunk(batches, first, position)
