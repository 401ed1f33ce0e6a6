"""The relay's watermarks and leases: up to where Kafka has acknowledged each lane, and who may publish it."""

from events.connections import Connection
from events.decision import LaneKey

# Lanes whose lease is free, expired or ours; renews what we hold.
TAKE_LEASES = """
update record.relay r set owner = $1, leased_until = clock_timestamp() + make_interval(secs => $2)
where r.owner is null or r.owner = $1 or r.leased_until < clock_timestamp()
returning r.stream, r.lane, r.position, r.kafka_offset, r.cluster_id, r.stopped_reason
"""

RELEASE_LEASES = "update record.relay set owner = null, leased_until = null where owner = $1"

# Compare and set: a lane that another relay has moved meanwhile is not returned.
MOVE = """
update record.relay r set position = m.after, kafka_offset = m.kafka_offset, cluster_id = $6
from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
    as m (stream, lane, before, after, kafka_offset)
where r.stream = m.stream and r.lane = m.lane and r.position = m.before
returning r.stream, r.lane
"""

NOTE_STOP = "update record.relay set stopped_reason = $3 where stream = $1 and lane = $2"

OLDEST_UNPUBLISHED = """
select coalesce(max(extract(epoch from clock_timestamp() - j.recorded_at)), 0)::float8
from record.relay r join record.journal j
on j.stream = r.stream and j.lane = r.lane and j.position = r.position + 1
"""

REPUBLISH = """
update record.relay set position = 0, kafka_offset = null, cluster_id = null, stopped_reason = null
where stream = $1 and lane = $2
"""

RESUME = "update record.relay set stopped_reason = null where stream = $1 and lane = $2"


async def oldest_unpublished_seconds(connection: Connection) -> float:
    """Age of the oldest journal row that Kafka has not acknowledged; 0 when there is none."""
    return float(await connection.fetchval(OLDEST_UNPUBLISHED))


async def republish(connection: Connection, key: LaneKey) -> None:
    """Recovery for a lost topic: the relay sends the lane again from its first event. As the relay role."""
    await connection.execute(REPUBLISH, key.stream, key.lane)


async def resume(connection: Connection, key: LaneKey) -> None:
    """An operator's word that a stopped lane may be checked again. As the relay role."""
    await connection.execute(RESUME, key.stream, key.lane)
