"""Where each reader stands on each lane: moved with the reader's effect, guarded by position."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from events.chain import genesis
from events.connections import Connection, Pool, acquire
from events.decision import LaneKey


class NotOwner(Exception):
    """Another reader of the same name has taken the lane over."""


class Place(NamedTuple):
    """Last applied position and the head there; the offset after the last record seen and its event id."""

    position: int
    head: bytes
    next_offset: int
    last_event_id: UUID | None
    cluster_id: str | None


class Step(NamedTuple):
    """From where a lane stands to where it will stand when an effect is stored."""

    key: LaneKey
    before: Place
    after: Place


CREATE = """
insert into record.consumer (name, stream, lane, position, head, next_offset)
select $1, s, l, 0, h, 0 from unnest($2::text[], $3::bigint[], $4::bytea[]) as t (s, l, h)
on conflict do nothing
"""

# Free, expired or ours, by the database's clock; a stopped lane waits for an operator. Whoever locks several
# lanes of one reader does it ascending, so that no two wait for each other.
TAKE = """
with free as (
    select c.stream, c.lane from record.consumer c
    join unnest($3::text[], $4::bigint[]) as a (stream, lane) using (stream, lane)
    where c.name = $1 and c.stopped_reason is null
    and (c.owner is null or c.owner = $2 or c.leased_until < clock_timestamp())
    order by c.stream, c.lane for update of c
)
update record.consumer c set owner = $2, leased_until = clock_timestamp() + make_interval(secs => $5)
from free f where c.name = $1 and c.stream = f.stream and c.lane = f.lane
returning c.stream, c.lane
"""

RELEASE = """
with held as (
    select stream, lane from record.consumer where name = $1 and owner = $2 order by stream, lane for update
)
update record.consumer c set owner = null, leased_until = null
from held h where c.name = $1 and c.stream = h.stream and c.lane = h.lane
"""

READ = """
select position, head, next_offset, last_event_id, cluster_id
from record.consumer where name = $1 and stream = $2 and lane = $3
"""

MOVE = """
update record.consumer
set position = $6, head = $7, next_offset = $8, last_event_id = $9, cluster_id = $10
where name = $1 and owner = $2 and stream = $3 and lane = $4 and position = $5
"""

NOTE_STOP = """
update record.consumer set stopped_reason = $5 where name = $1 and owner = $2 and stream = $3 and lane = $4
"""

RESUME = """
with held as (
    select stopped_reason from record.consumer where name = $1 and stream = $2 and lane = $3 for update
)
update record.consumer c set stopped_reason = null from held
where c.name = $1 and c.stream = $2 and c.lane = $3 returning held.stopped_reason is not null
"""


REREAD = """
update record.consumer set stopped_reason = null, next_offset = 0, last_event_id = null, cluster_id = null
where name = $1 and stream = $2 and lane = $3
"""


async def take_leases(
    pool: Pool, name: str, owner: str, keys: Sequence[LaneKey], deployment_id: UUID, seconds: float
) -> set[LaneKey]:
    """Lease what is free and renew what is ours; the lanes held now."""
    streams, lanes = [key.stream for key in keys], [key.lane for key in keys]
    async with acquire(pool) as connection:
        rows = await connection.fetch(TAKE, name, owner, streams, lanes, seconds)
        if len(rows) < len(keys):
            heads = [genesis(deployment_id, key.stream, key.lane) for key in keys]
            await connection.execute(CREATE, name, streams, lanes, heads)
            rows = await connection.fetch(TAKE, name, owner, streams, lanes, seconds)
    return {LaneKey(row["stream"], row["lane"]) for row in rows}


async def release(pool: Pool, name: str, owner: str) -> None:
    async with acquire(pool) as connection:
        await connection.execute(RELEASE, name, owner)


async def read_place(pool: Pool, name: str, key: LaneKey) -> Place:
    async with acquire(pool) as connection:
        row = await connection.fetchrow(READ, name, key.stream, key.lane)
    if row is None:
        raise LookupError(f"reader {name} has no place on {key.stream}/{key.lane}")
    return Place(*row)


async def move(
    connection: Connection, name: str, owner: str, key: LaneKey, before: Place, after: Place
) -> None:
    """In the transaction of the effect. NotOwner when the position is not `before` any more."""
    status = await connection.execute(
        MOVE,
        name,
        owner,
        key.stream,
        key.lane,
        before.position,
        after.position,
        after.head,
        after.next_offset,
        after.last_event_id,
        after.cluster_id,
    )
    if status != "UPDATE 1":
        raise NotOwner(
            f"{name} on {key.stream}/{key.lane}: position {before.position} was moved by another reader"
        )


async def skip_repeats(pool: Pool, name: str, owner: str, key: LaneKey, before: Place, after: Place) -> None:
    """Repeats have no effect; only the offset moves."""
    async with acquire(pool) as connection:
        await move(connection, name, owner, key, before, after)


async def note_stop(pool: Pool, name: str, owner: str, key: LaneKey, reason: str) -> None:
    async with acquire(pool) as connection:
        await connection.execute(NOTE_STOP, name, owner, key.stream, key.lane, reason)


async def resume(connection: Connection, name: str, key: LaneKey) -> bool | None:
    """An operator's word that a stopped lane may go on; its reader takes it within a third of a lease.

    False when the lane was not stopped, None when no reader of that name has ever had it.
    """
    stopped: bool | None = await connection.fetchval(RESUME, name, key.stream, key.lane)
    return stopped


async def reread(connection: Connection, name: str, key: LaneKey) -> bool:
    """As `resume`, after the topic was made anew: from its first record, skipping what has been applied.

    False when no reader of that name has ever had the lane.
    """
    return await connection.execute(REREAD, name, key.stream, key.lane) == "UPDATE 1"


REREAD_LANES = """
update record.consumer c set stopped_reason = null, next_offset = 0, last_event_id = null, cluster_id = null
from unnest($1::text[], $2::bigint[]) as a (stream, lane) where c.stream = a.stream and c.lane = a.lane
"""


async def reread_lanes(connection: Connection, keys: Sequence[LaneKey]) -> int:
    """As `reread`, for every reader of the lanes; how many places were moved."""
    status = await connection.execute(REREAD_LANES, [key.stream for key in keys], [key.lane for key in keys])
    return int(status.rpartition(" ")[2])


RESTORE = """
insert into record.consumer (
    name, stream, lane, position, head, next_offset, last_event_id, cluster_id
) values ($1, $2, $3, $4, $5, $6, $7, $8)
"""


async def restore(connection: Connection, name: str, places: Mapping[LaneKey, Place]) -> None:
    """Where a reader stands whose effects were taken back with the journal. As the owner."""
    await connection.executemany(RESTORE, [(name, *key, *place) for key, place in places.items()])


FORGET = "delete from record.consumer where name = $1"


async def forget(connection: Connection, name: str) -> int:
    """A reader begins anew with each lane's first event; how many places it had. As the owner."""
    return int((await connection.execute(FORGET, name)).rpartition(" ")[2])


# A service that was killed stays in it for as long as the rest of its leases lasts.
AT_WORK = """
select distinct name from record.consumer where leased_until > clock_timestamp()
union select 'relay' from record.relay where leased_until > clock_timestamp()
order by name
"""


async def at_work(connection: Connection) -> list[str]:
    """Relay and readers that hold leases."""
    return [row["name"] for row in await connection.fetch(AT_WORK)]
