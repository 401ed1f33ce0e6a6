"""The relay's watermarks and leases: how far Kafka has acknowledged each lane, and which relay may publish
it."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from events.connections import Connection, Pool, acquire
from events.decision import LaneKey
from events.topics import TopicMismatch, Watermark


class Lease(NamedTuple):
    """A leased lane, its watermark, that record's offset and cluster, and why the lane is stopped, if it
    is."""

    key: LaneKey
    position: int
    kafka_offset: int | None
    cluster_id: str | None
    stopped_reason: str | None


class Move(NamedTuple):
    """What Kafka has acknowledged of a lane: the positions after `before` up to and including `after`, and
    their offsets."""

    key: LaneKey
    before: int
    after: int
    first_offset: int
    last_offset: int

    def followed_by(self, later: "Move") -> "Move":
        """Both moves as one."""
        return Move(self.key, self.before, later.after, self.first_offset, later.last_offset)


# Lanes whose lease is free, expired, from a wrong clock, or ours, which is renewed.
TAKE_LEASES = """
update record.relay r set owner = $1, leased_until = clock_timestamp() + make_interval(secs => $2)
where r.owner is null or r.owner = $1
or r.leased_until not between clock_timestamp() and clock_timestamp() + interval '2 minutes'
returning r.stream, r.lane, r.position, r.kafka_offset, r.cluster_id, r.stopped_reason
"""


async def take_leases(pool: Pool, owner: str, seconds: float) -> list[Lease]:
    async with acquire(pool) as connection:
        rows = await connection.fetch(TAKE_LEASES, owner, seconds)
    return [
        Lease(
            LaneKey(row["stream"], row["lane"]),
            row["position"],
            row["kafka_offset"],
            row["cluster_id"],
            row["stopped_reason"],
        )
        for row in rows
    ]


RELEASE_LEASES = "update record.relay set owner = null, leased_until = null where owner = $1"


async def release_leases(pool: Pool, owner: str) -> None:
    async with acquire(pool) as connection:
        await connection.execute(RELEASE_LEASES, owner)


# Compare and set. An offset that is not after the last one belongs to a recreated topic.
MOVE = """
update record.relay r set position = m.after, kafka_offset = m.last_offset, cluster_id = $7
from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
    as m (stream, lane, before, after, first_offset, last_offset)
where r.stream = m.stream and r.lane = m.lane and r.position = m.before
and (r.kafka_offset is null or r.kafka_offset < m.first_offset)
returning r.stream, r.lane
"""


async def move_watermarks(pool: Pool, moves: Sequence[Move], cluster_id: str) -> set[LaneKey]:
    """Returns the lanes that were moved; for the others, another relay was faster or the topic was
    recreated."""
    async with acquire(pool) as connection:
        rows = await connection.fetch(
            MOVE,
            [move.key.stream for move in moves],
            [move.key.lane for move in moves],
            [move.before for move in moves],
            [move.after for move in moves],
            [move.first_offset for move in moves],
            [move.last_offset for move in moves],
            cluster_id,
        )
    return {LaneKey(row["stream"], row["lane"]) for row in rows}


READ_WATERMARKS = "select stream, lane, position, kafka_offset, cluster_id from record.relay"


async def read_watermarks(pool: Pool) -> dict[LaneKey, Watermark]:
    """The watermark of every lane, whoever has leased it."""
    async with acquire(pool) as connection:
        rows = await connection.fetch(READ_WATERMARKS)
    return {
        LaneKey(row["stream"], row["lane"]): Watermark(
            row["position"], row["kafka_offset"], row["cluster_id"]
        )
        for row in rows
    }


JOURNAL_LACKS: Final = "its topic holds events that the journal lacks, and an operator has to take them back"

NOTE_STOP = """
with closed as (
    update record.lane set stopped_reason = $4 where stream = $1 and lane = $2 and stopped_reason is null
    and $4::text is not null
)
update record.relay set stopped_reason = $3 where stream = $1 and lane = $2
"""


async def note_stop(pool: Pool, mismatch: TopicMismatch) -> None:
    """Stops a lane for the relay; if the journal lacks events, also for all writers."""
    closing = JOURNAL_LACKS if mismatch.journal_lacks else None
    async with acquire(pool) as connection:
        await connection.execute(NOTE_STOP, *mismatch.key, str(mismatch), closing)


CLEAR_STOPS = """
with opened as (
    update record.lane l set stopped_reason = null from unnest($1::text[], $2::bigint[]) as c (stream, lane)
    where l.stream = c.stream and l.lane = c.lane and l.stopped_reason = $3
)
update record.relay r set stopped_reason = null from unnest($1::text[], $2::bigint[]) as c (stream, lane)
where r.stream = c.stream and r.lane = c.lane and r.stopped_reason is not null
"""


async def clear_stops(pool: Pool, keys: Iterable[LaneKey]) -> None:
    """Resumes lanes that were checked and agree."""
    cleared = list(keys)
    streams, lanes = [key.stream for key in cleared], [key.lane for key in cleared]
    async with acquire(pool) as connection:
        await connection.execute(CLEAR_STOPS, streams, lanes, JOURNAL_LACKS)


OLDEST_UNPUBLISHED = """
select coalesce(max(extract(epoch from clock_timestamp() - j.recorded_at)), 0)::float8
from record.relay r join record.journal j
on j.stream = r.stream and j.lane = r.lane and j.position = r.position + 1
"""


async def oldest_unpublished_seconds(connection: Connection) -> float:
    """Age of the oldest journal row that Kafka has not acknowledged; 0 when there is none."""
    return float(await connection.fetchval(OLDEST_UNPUBLISHED))


REPUBLISH = """
update record.relay r set position = 0, kafka_offset = null, cluster_id = null, stopped_reason = null
from unnest($1::text[], $2::bigint[]) as a (stream, lane) where r.stream = a.stream and r.lane = a.lane
"""


async def republish(connection: Connection, *keys: LaneKey) -> None:
    """For lost topics: makes the relay send the lanes again from their first events. Needs the relay's
    role."""
    await connection.execute(REPUBLISH, [key.stream for key in keys], [key.lane for key in keys])


class Published(NamedTuple):
    """A lane is published up to the record at an offset; None: its topic is empty."""

    key: LaneKey
    position: int
    offset: int | None


RESTORE = """
update record.relay r set position = p.position, kafka_offset = p.kafka_offset,
    cluster_id = case when p.kafka_offset is null then null else $5 end, stopped_reason = null
from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) as p (stream, lane, position, kafka_offset)
where r.stream = p.stream and r.lane = p.lane
"""


async def restore(connection: Connection, lanes: Sequence[Published], cluster_id: str) -> None:
    """Sets the watermarks of a journal that was recovered from the topics. Needs the owner's role."""
    await connection.execute(
        RESTORE,
        [lane.key.stream for lane in lanes],
        [lane.key.lane for lane in lanes],
        [lane.position for lane in lanes],
        [lane.offset for lane in lanes],
        cluster_id,
    )


# The clusters of lanes that were published before.
READ_CLUSTERS = """
select distinct r.cluster_id from record.relay r
join unnest($1::text[], $2::bigint[]) as a (stream, lane) using (stream, lane)
where r.cluster_id is not null order by r.cluster_id
"""


async def clusters_of(connection: Connection, keys: Sequence[LaneKey]) -> tuple[str, ...]:
    """Ids of the clusters to which the lanes' watermarks refer."""
    rows = await connection.fetch(READ_CLUSTERS, [key.stream for key in keys], [key.lane for key in keys])
    return tuple(row["cluster_id"] for row in rows)


RESUME = """
with held as (select stopped_reason from record.relay where stream = $1 and lane = $2 for update)
update record.relay r set stopped_reason = null from held
where r.stream = $1 and r.lane = $2 returning held.stopped_reason is not null
"""


async def resume(connection: Connection, key: LaneKey) -> bool | None:
    """Lets the relay check a stopped lane again, on an operator's command; False when it was not stopped,
    None if there is no such lane. Needs the relay's role."""
    stopped: bool | None = await connection.fetchval(RESUME, key.stream, key.lane)
    return stopped
