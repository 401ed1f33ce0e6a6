"""What the relay publishes next: bounded chunks of journal rows past a position, as batches for Kafka."""

import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import groupby

from events.connections import Connection, Pool, acquire
from events.decision import LaneKey
from events.record_batches import BatchWriter, RecordBatch, Rows

# If nothing is due, this costs the server half as much as READ_NEXT.
READ_ENDS = "select stream, lane, next_position - 1 from record.lane"

# The next rows of several lanes in one round trip; lanes without new rows are not read. The index of a lane's
# position in $1 is computed, since joining arrays costs the server as much as reading a few rows; a lane
# number beyond the count would get the index of another stream. 450 bytes: the headers of a record.
READ_NEXT = """
select a.stream, a.lane, j.position, j.body, j.chain
from (
    select stream, lane, next_position,
           ($1::bigint[])[(array_position($2::text[], stream) - 1) * $3::int + lane::int + 1] as after
    from record.lane where lane < $3::int
) a
cross join lateral (
    select position, body, chain,
           sum(octet_length(body) + 450) over (order by position rows unbounded preceding) as bytes
    from (
        select position, body, chain from record.journal
        where stream = a.stream and lane = a.lane and position > a.after order by position limit $4
    ) n
) j
where a.next_position > a.after + 1 and j.bytes - octet_length(j.body) - 450 < $5
order by a.stream, a.lane, j.position
"""

# Limits the size of each row: a running sum would cost the server as much as reading the rows.
READ_SHORT = """
select position, body, chain from (
    select position, body, chain from record.journal
    where stream = $1 and lane = $2 and position > $3 order by position limit $4
) n
where octet_length(body) <= $5 order by position
"""
SHORT_BYTES_MAX = 4_096

# Up to and including the row that exceeds the limit, so that a single large row is not blocked.
READ_BOUNDED = """
select position, body, chain from (
    select position, body, chain,
           sum(octet_length(body) + 450) over (order by position rows unbounded preceding) as bytes
    from (
        select position, body, chain from record.journal
        where stream = $1 and lane = $2 and position > $3 order by position limit $4
    ) n
) j
where bytes - octet_length(body) - 450 < $5 order by position
"""


NOT_ASKED = 2**62
"""No lane ends after this position. A null would make the server search the array for each lane."""


async def read_due(
    connection: Connection,
    after: Mapping[LaneKey, int],
    *,
    rows_max: int,
    bytes_max: int,
    likely: bool = True,
) -> list[tuple[LaneKey, Rows]]:
    """The next rows of every lane that has some after its position; both limits are per lane.

    Unless rows are `likely`, it first asks whether there are any, which is cheaper if there are none.
    """
    if not likely and not await _is_due(connection, after):
        return []
    streams = sorted({stream for stream, _ in after})
    lanes = max((lane for _, lane in after), default=-1) + 1
    begins = {stream: place * lanes for place, stream in enumerate(streams)}
    places = [NOT_ASKED] * (lanes * len(streams))
    for (stream, lane), position in after.items():
        places[begins[stream] + lane] = position
    rows = await connection.fetch(READ_NEXT, places, streams, lanes, rows_max, bytes_max)
    return [
        (LaneKey(*place), [row[2:] for row in found])
        for place, found in groupby(rows, lambda row: (row[0], row[1]))
    ]


async def _is_due(connection: Connection, after: Mapping[LaneKey, int]) -> bool:
    ends = {(stream, lane): end for stream, lane, end in await connection.fetch(READ_ENDS)}
    return any(ends[key] > position for key, position in after.items())


async def read_chunk(pool: Pool, key: LaneKey, after: int, *, rows_max: int, bytes_max: int) -> Rows:
    """A lane's next rows; empty at its end. Short rows are limited by `rows_max`; if a long one is next, by
    `bytes_max`."""
    async with acquire(pool) as connection:
        rows: Rows = await connection.fetch(READ_SHORT, *key, after, rows_max, SHORT_BYTES_MAX)
        until = _first_hole(rows, after)
        if until:
            return rows[:until] if until < len(rows) else rows
        return await connection.fetch(READ_BOUNDED, *key, after, rows_max, bytes_max)


def _first_hole(rows: Rows, after: int) -> int:
    """How many rows have consecutive positions from `after` on: positions increase, so a binary search finds
    it."""
    return bisect_left(range(len(rows)), True, key=lambda place: rows[place][0] != after + 1 + place)


def batches(rows: Rows, bytes_max: int) -> Iterator[RecordBatch]:
    """All rows, in as few batches as possible."""
    while rows:
        writer = BatchWriter(bytes_max)
        rows = writer.take(rows)
        yield writer.end(_now_ms())


class Backlog:
    """The rows that a lane still has to publish, in batches as full as possible."""

    def __init__(self, pool: Pool, key: LaneKey, after: int, *, rows_max: int, bytes_max: int) -> None:
        self._pool = pool
        self._key = key
        self._read_to = after
        self._rows_max = rows_max
        self._bytes_max = bytes_max
        self._rows: Rows = ()

    async def next_batch(self) -> RecordBatch | None:
        """None when the lane has caught up."""
        writer = BatchWriter(self._bytes_max)
        while not (rows := writer.take(self._rows)):
            self._rows = await read_chunk(
                self._pool, self._key, self._read_to, rows_max=self._rows_max, bytes_max=self._bytes_max
            )
            if not self._rows:
                break
            self._read_to = self._rows[-1][0]
        self._rows = rows
        return writer.end(_now_ms()) if writer.rows else None


def _now_ms() -> int:
    return int(time.time() * 1000)
