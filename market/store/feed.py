"""What each organisation may see of the record, line by line: table `feed`, written by the publisher.

A place in it is a position for each lane of the record; within a lane the order is the record's own.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg

from events.connections import Connection
from events.decision import LaneKey
from market.rules.partner_lines import ALL, PartnerLine

PUBLISHER: Final = "publisher"
"""The reader that writes the table: its position on a lane is where the lane's lines end."""

Vector: TypeAlias = Mapping[LaneKey, int]
"""Up to where each lane was read; a lane that is not named, not at all."""

INSERT = """
insert into feed (stream, lane, position, audience, event, type, subject, market, time, body)
select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::uuid[], $5::uuid[], $6::text[], $7::text[],
    $8::uuid[], $9::timestamptz[], $10::bytea[])
"""


async def write(connection: Connection, lines: Sequence[PartnerLine]) -> None:
    """In the transaction that moves the publisher past their events."""
    if lines:
        columns = zip(
            *(
                (
                    line.stream, line.lane, line.position, line.audience, line.event, line.type,
                    line.subject, line.market, line.time, line.body,
                )
                for line in lines
            ),
            strict=True,
        )  # fmt: skip
        await connection.execute(INSERT, *map(list, columns))


ENDS = "select stream, lane, position from record.consumer where name = $1 and position > 0"


async def read_ends(connection: Connection) -> dict[LaneKey, int]:
    """Where each lane's lines end."""
    rows = await connection.fetch(ENDS, PUBLISHER)
    return {LaneKey(row["stream"], row["lane"]): row["position"] for row in rows}


# One short range of the index for each audience and lane; the earliest of them all make the page.
READ = """
select f.stream, f.lane, f.position, f.audience, f.event, f.type, f.subject, f.market, f.time, f.body
from unnest($1::uuid[]) as a (audience)
cross join unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) as l (stream, lane, after, upto)
cross join lateral (
    select * from feed
    where feed.audience = a.audience and feed.stream = l.stream and feed.lane = l.lane
        and feed.position > l.after and feed.position <= l.upto
        and ($6::text[] is null or feed.type = any($6))
        and ($7::uuid[] is null or feed.market = any($7))
    order by feed.position
    limit $8
) f
order by f.time, f.stream, f.lane, f.position
limit $8
"""


async def read(
    connection: Connection,
    organisation: UUID,
    *,
    after: Vector,
    upto: Vector,
    limit: int,
    types: Sequence[str] | None = None,
    markets: Sequence[UUID] | None = None,
) -> list[PartnerLine]:
    """The next lines of an organisation behind one place and up to another: in order of time, and of their
    lane."""
    behind = [(key, after.get(key, 0), end) for key, end in upto.items() if end > after.get(key, 0)]
    if not behind:
        return []
    rows = await connection.fetch(
        READ,
        [organisation, ALL],
        [key.stream for key, _, _ in behind],
        [key.lane for key, _, _ in behind],
        [start for _, start, _ in behind],
        [end for _, _, end in behind],
        types,
        markets,
        limit,
    )
    return [_line(row) for row in rows]


# The newest entry of the index for each audience and lane.
LAST = """
select l.stream, l.lane, max(f.position) as position
from unnest($1::uuid[]) as a (audience)
cross join unnest($2::text[], $3::bigint[], $4::bigint[]) as l (stream, lane, upto)
cross join lateral (
    select position from feed
    where feed.audience = a.audience and feed.stream = l.stream and feed.lane = l.lane
        and feed.position <= l.upto
    order by feed.position desc
    limit 1
) f
group by l.stream, l.lane
"""


# Times never fall within a lane, so this looks at no more than what came since.
LAST_BEFORE = """
select l.stream, l.lane, max(f.position) as position
from unnest($1::uuid[]) as a (audience)
cross join unnest($2::text[], $3::bigint[], $4::bigint[]) as l (stream, lane, upto)
cross join lateral (
    select position from feed
    where feed.audience = a.audience and feed.stream = l.stream and feed.lane = l.lane
        and feed.position <= l.upto and feed.time < $5
    order by feed.position desc
    limit 1
) f
group by l.stream, l.lane
"""


async def read_last(connection: Connection, organisation: UUID, upto: Vector) -> dict[LaneKey, int]:
    """The last line of an organisation on each lane up to a place: lanes where it has none are not told."""
    keys = list(upto)
    rows = await connection.fetch(
        LAST,
        [organisation, ALL],
        [key.stream for key in keys],
        [key.lane for key in keys],
        [upto[key] for key in keys],
    )
    return {LaneKey(row["stream"], row["lane"]): row["position"] for row in rows}


async def read_before(
    connection: Connection, organisation: UUID, upto: Vector, instant: datetime
) -> dict[LaneKey, int]:
    """As `read_last`, of the lines of events before an instant."""
    keys = list(upto)
    rows = await connection.fetch(
        LAST_BEFORE,
        [organisation, ALL],
        [key.stream for key in keys],
        [key.lane for key in keys],
        [upto[key] for key in keys],
        instant,
    )
    return {LaneKey(row["stream"], row["lane"]): row["position"] for row in rows}


# What came since a look before, for whomever: the primary key's own order.
READ_NEW = """
select f.stream, f.lane, f.position, f.audience, f.event, f.type, f.subject, f.market, f.time, f.body
from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) as l (stream, lane, after, upto)
join feed f on f.stream = l.stream and f.lane = l.lane and f.position > l.after and f.position <= l.upto
order by f.lane, f.stream, f.position
"""


async def read_new(connection: Connection, ranges: Iterable[tuple[LaneKey, int, int]]) -> list[PartnerLine]:
    """The lines of all audiences behind one position of a lane up to another, lane by lane in order."""
    given = list(ranges)
    rows = await connection.fetch(
        READ_NEW,
        [key.stream for key, _, _ in given],
        [key.lane for key, _, _ in given],
        [after for _, after, _ in given],
        [upto for _, _, upto in given],
    )
    return [_line(row) for row in rows]


def _line(row: asyncpg.Record) -> PartnerLine:
    return PartnerLine(
        stream=row["stream"],
        lane=row["lane"],
        position=row["position"],
        audience=row["audience"],
        event=row["event"],
        type=row["type"],
        subject=row["subject"],
        market=row["market"],
        time=row["time"],
        body=row["body"],
    )


FLOORS = "select audience, stream, lane, position from ops.feed_floor where audience = any($1)"


async def read_floors(connection: Connection, organisation: UUID) -> dict[LaneKey, int]:
    """Where lines of an organisation were dropped: the last position of each lane that is no longer kept."""
    floors: dict[LaneKey, int] = {}
    for row in await connection.fetch(FLOORS, [organisation, ALL]):
        key = LaneKey(row["stream"], row["lane"])
        floors[key] = max(row["position"], floors.get(key, 0))
    return floors


LANE_FLOORS = "select audience, position from ops.feed_floor where stream = $1 and lane = $2"


async def read_lane_floors(connection: Connection, key: LaneKey) -> dict[UUID, int]:
    """By audience."""
    return {row["audience"]: row["position"] for row in await connection.fetch(LANE_FLOORS, *key)}


DROPPING_LOCK: Final = 0x10DE57CE
TAKE_TURN = "select pg_try_advisory_xact_lock($1)"

# A lane's lines go from its first on, and their times never fall: no more of a lane is read than may go.
DROP = """
with old as (
    select f.lane, f.stream, f.position, f.audience
    from record.consumer c
    cross join lateral (
        select * from feed
        where feed.lane = c.lane and feed.stream = c.stream
        order by feed.position, feed.audience
        limit $2
    ) f
    where c.name = $3 and f.time < $1
    limit $2
), gone as (
    delete from feed using old
    where feed.lane = old.lane and feed.stream = old.stream and feed.position = old.position
        and feed.audience = old.audience
    returning feed.audience, feed.stream, feed.lane, feed.position
), floors as (
    insert into ops.feed_floor as o (audience, stream, lane, position)
    select audience, stream, lane, max(position) from gone group by audience, stream, lane
    on conflict (audience, stream, lane) do update set position = excluded.position
)
select count(*) from gone
"""


async def drop_before(connection: Connection, instant: datetime, *, lines_max: int) -> int:
    """Drop the first lines of events before an instant; how many, none while another process drops some.

    In a transaction of its own.
    """
    if not await connection.fetchval(TAKE_TURN, DROPPING_LOCK):
        return 0
    return int(await connection.fetchval(DROP, instant, lines_max, PUBLISHER))


FORGET = "truncate view.feed, ops.feed_floor, ops.outlet"


async def forget(connection: Connection) -> None:
    """With the publisher's positions: it writes every line anew, on the topics of partners too. As the
    owner."""
    await connection.execute(FORGET)
