"""What each organisation may see of the record, line by line: table `feed`, written by the publisher.

A place in it is one position per lane; within a lane the order is the record's. Several lines may be stored
as one row (`feed_blocks`), which never extends beyond the publisher's position.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Final, TypeAlias
from uuid import UUID

from events.array_texts import as_texts
from events.connections import Connection
from events.decision import LaneKey
from events.positions import Step
from market.rules.streams.partner_lines import ALL, PartnerLine
from market.store.feed_blocks import BLOCK_POSITIONS_MAX, Row, lines_of, rows

PUBLISHER: Final = "publisher"
"""The reader that writes the table: its position on a lane is the end of the lane's lines."""

Vector: TypeAlias = Mapping[LaneKey, int]
"""The position up to which each lane was read; a missing lane was not read at all."""

PLACE: Final = attrgetter("position")

INSERT = """
insert into feed (
    stream, lane, position, audience, event, type, subject, market, time, body, first, first_time
)
select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::uuid[], $5::uuid[], $6::text[], $7::text[],
    $8::uuid[], $9::timestamptz[], $10::bytea[], $11::bigint[], $12::timestamptz[])
"""


async def write(connection: Connection, lines: Sequence[PartnerLine]) -> None:
    """Writes lines, with the publisher's role, after its position has passed their events."""
    if lines:
        await connection.execute(INSERT, *_row_columns(rows(lines)))


# One round trip for the lanes of all waiting batches. It does not wait for the disk: after a server crash,
# lines and positions are lost together and made again from Kafka.
STEP = """
with held as (
    select stream, lane from record.consumer
    where name = $1 and owner = $2 and (stream, lane) in (select * from unnest($3::text[], $4::bigint[]))
    order by stream, lane for update
), moved as (
    update record.consumer c set position = m.after, head = m.head, next_offset = m.next_offset,
        last_event_id = m.last_event_id, cluster_id = m.cluster_id, waits_reason = null
    from held h join unnest(
        $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bytea[], $8::bigint[], $9::uuid[],
        $10::text[]
    ) as m (stream, lane, before, after, head, next_offset, last_event_id, cluster_id) using (stream, lane)
    where c.name = $1 and c.stream = m.stream and c.lane = m.lane and c.position = m.before
    returning c.stream, c.lane
), written as (
    insert into feed (
        stream, lane, position, audience, event, type, subject, market, time, body, first, first_time
    )
    select f.* from unnest(
        $11::text[], $12::bigint[], $13::bigint[], $14::uuid[], $15::uuid[], $16::text[], $17::text[],
        $18::uuid[], $19::timestamptz[], $20::bytea[], $21::bigint[], $22::timestamptz[]
    ) as f (stream, lane, position, audience, event, type, subject, market, time, body, first, first_time)
    join moved using (stream, lane)
)
select stream, lane, set_config('synchronous_commit', 'off', true) from moved
"""


async def step(
    connection: Connection, owner: str, steps: Sequence[Step], lines: Sequence[PartnerLine]
) -> set[LaneKey]:
    """Stores `lines` and moves the publisher's positions; returns the lanes that were moved.

    A lane with another owner or position is left unchanged. At most one step per lane.
    """
    stored = rows(lines)
    columns = (*_step_columns(steps), *_row_columns(stored))
    statement, arguments = as_texts(STEP, (PUBLISHER, owner, *columns), len(stored))
    moved = await connection.fetch(statement, *arguments)
    return {LaneKey(row["stream"], row["lane"]) for row in moved}


def _step_columns(steps: Sequence[Step]) -> tuple[list[object], ...]:
    return (
        [step.key.stream for step in steps],
        [step.key.lane for step in steps],
        [step.before.position for step in steps],
        [step.after.position for step in steps],
        [step.after.head for step in steps],
        [step.after.next_offset for step in steps],
        [step.after.last_event_id for step in steps],
        [step.after.cluster_id for step in steps],
    )


def _row_columns(stored: Sequence[Row]) -> tuple[list[object], ...]:
    lines = [row.line for row in stored]
    return (
        [line.stream for line in lines],
        [line.lane for line in lines],
        [line.position for line in lines],
        [line.audience for line in lines],
        [line.event for line in lines],
        [line.type for line in lines],
        [line.subject for line in lines],
        [line.market for line in lines],
        [line.time for line in lines],
        [row.body for row in stored],
        [row.first for row in stored],
        [row.first_time for row in stored],
    )


ENDS = "select stream, lane, position from record.consumer where name = $1 and position > 0"


async def read_ends(connection: Connection) -> dict[LaneKey, int]:
    """Where each lane's lines end."""
    found = await connection.fetch(ENDS, PUBLISHER)
    return {LaneKey(row["stream"], row["lane"]): row["position"] for row in found}


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


async def read_last(connection: Connection, organisation: UUID, ends: Vector) -> dict[LaneKey, int]:
    """The last line of an organisation on each lane up to the ends from `read_ends`; lanes without one are
    left out."""
    found = await connection.fetch(
        LAST,
        [organisation, ALL],
        [key.stream for key in ends],
        [key.lane for key in ends],
        list(ends.values()),
    )
    return {LaneKey(row["stream"], row["lane"]): row["position"] for row in found}


# Times rarely decrease within a lane, so this reads little more than what came since.
LAST_BEFORE = """
select f.*
from unnest($1::uuid[]) as a (audience)
cross join unnest($2::text[], $3::bigint[], $4::bigint[]) as l (stream, lane, upto)
cross join lateral (
    select * from feed
    where feed.audience = a.audience and feed.stream = l.stream and feed.lane = l.lane
        and feed.position <= l.upto and (feed.time < $5 or feed.first_time < $5)
        and feed.type <> all($6::text[])
    order by feed.position desc
    limit 1
) f
"""


async def read_before(
    connection: Connection,
    organisation: UUID,
    ends: Vector,
    instant: datetime,
    *,
    passing: Sequence[str] = (),
) -> dict[LaneKey, int]:
    """As `read_last`, for lines of events before an instant, without types in `passing`.

    All older lines are at or before the result; with ROUND_TYPES in `passing`, only older ones.
    """
    found: dict[LaneKey, int] = {}
    for row in await connection.fetch(
        LAST_BEFORE,
        [organisation, ALL],
        [key.stream for key in ends],
        [key.lane for key in ends],
        list(ends.values()),
        instant,
        passing,
    ):
        key = LaneKey(row["stream"], row["lane"])
        last = max(line.position for line in lines_of(row) if line.time < instant)
        found[key] = max(last, found.get(key, 0))
    return found


# New lines of all audiences since an earlier look: for each lane that has grown, a short range of the primary
# key. Computed separately, since with row-level security a `coalesce` or a sum in the condition prevents the
# use of the index.
NEWS = """
with grown as materialized (
    select stream, lane, after, upto, upto + $6 as beyond
    from (
        select stream, lane, coalesce(k.after, 0) as after,
            least(c.position, coalesce(k.after, 0) + $5) as upto
        from record.consumer c
        left join unnest($2::text[], $3::bigint[], $4::bigint[]) as k (stream, lane, after)
            using (stream, lane)
        where c.name = $1 and c.position > coalesce(k.after, 0)
    ) ranges
)
select g.stream, g.lane, g.upto, f.position, f.audience, f.event, f.type, f.subject, f.market, f.time, f.body,
    f.first
from grown g left join lateral (
    select * from feed
    where feed.lane = g.lane and feed.stream = g.stream
        and feed.position > g.after and feed.position < g.beyond
        and (feed.position <= g.upto or feed.first <= g.upto)
    order by feed.position
    offset 0
) f on true
order by g.stream, g.lane, f.position
"""


async def read_news(
    connection: Connection, seen: Vector, *, positions_max: int
) -> tuple[list[PartnerLine], dict[LaneKey, int]]:
    """The lines of all audiences after `seen`, lane by lane in order, and the new ends of lanes that have
    grown, at most `positions_max` further."""
    found = await connection.fetch(
        NEWS,
        PUBLISHER,
        [key.stream for key in seen],
        [key.lane for key in seen],
        list(seen.values()),
        positions_max,
        BLOCK_POSITIONS_MAX,
    )
    ends: dict[LaneKey, int] = {}
    lines: dict[LaneKey, list[PartnerLine]] = {}
    for row in found:
        key = LaneKey(row["stream"], row["lane"])
        after, upto = seen.get(key, 0), row["upto"]
        ends[key] = upto
        if row["position"] is not None:
            lines.setdefault(key, []).extend(
                [line for line in lines_of(row) if after < line.position <= upto]
            )
    return [line for of_lane in lines.values() for line in sorted(of_lane, key=PLACE)], ends


# As `replay` asks for them, beside tables that it rebuilds elsewhere under the same names.
LANE_LINES = """
select * from view.feed
where lane = $1 and stream = $2 and position > $3 and position < $4::bigint + $5
    and (position <= $4 or first <= $4)
order by position
"""


async def read_lane(connection: Connection, key: LaneKey, *, after: int, upto: int) -> list[PartnerLine]:
    """The lines of all audiences in a range of a lane: by position, and by audience."""
    found = await connection.fetch(LANE_LINES, key.lane, key.stream, after, upto, BLOCK_POSITIONS_MAX)
    lines = [line for row in found for line in lines_of(row) if after < line.position <= upto]
    return sorted(lines, key=lambda line: (line.position, line.audience))


BEYOND = """
select f.* from view.feed f
left join unnest($1::text[], $2::bigint[], $3::bigint[]) as l (stream, lane, upto) using (stream, lane)
where f.position > coalesce(l.upto, 0)
"""


async def read_beyond(connection: Connection, ends: Vector) -> AsyncIterator[list[PartnerLine]]:
    """Row by row, in a transaction, the lines behind some ends of lanes; of lanes that have none, all."""
    given = ([key.stream for key in ends], [key.lane for key in ends], list(ends.values()))
    async for row in connection.cursor(BEYOND, *given):
        end = ends.get(LaneKey(row["stream"], row["lane"]), 0)
        yield [line for line in lines_of(row) if line.position > end]


FLOORS = "select audience, stream, lane, position from ops.feed_floor where audience = any($1)"


async def read_floors(connection: Connection, organisation: UUID) -> dict[LaneKey, int]:
    """Where lines of an organisation were deleted: the last deleted position of each lane."""
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

# A lane's rows go from its first on, up to one that stays. Behind that there may be older ones, since events
# of a round bear the time of its cut: they stay with it, so that a floor tells of all that is kept.
DROP = """
with old as (
    select c.lane, c.stream, f.position, f.audience
    from record.consumer c
    cross join lateral (
        select position, audience, bool_and(time < $1) over (order by position) as goes
        from (
            select position, audience, time from feed
            where feed.lane = c.lane and feed.stream = c.stream
            order by position, audience
            limit $2
        ) first
    ) f
    where c.name = $3 and f.goes
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


async def drop_before(connection: Connection, instant: datetime, *, rows_max: int) -> int:
    """Deletes the first rows whose events are all before an instant; returns how many, 0 while another
    process deletes. Call it in a separate transaction."""
    if not await connection.fetchval(TAKE_TURN, DROPPING_LOCK):
        return 0
    return int(await connection.fetchval(DROP, instant, rows_max, PUBLISHER))


FORGET = "truncate view.feed, ops.feed_floor, ops.outlet"


async def forget(connection: Connection) -> None:
    """Deletes the feed and the progress of partner topics. Call it together with a reset of the publisher's
    positions, so that it writes every line again. Needs the owner's role."""
    await connection.execute(FORGET)
